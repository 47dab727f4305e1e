import type { ReactNode } from "react";

/** A frame around a table that scrolls sideways, also by the keyboard. Its label is a text or the id of an element. */
export function ScrollRegion({ children, ...label }: { children: ReactNode } & ({ label: string } | { labelledBy: string })) {
  const name = "label" in label ? { "aria-label": label.label } : { "aria-labelledby": label.labelledBy };
  return (
    <div className="scroll" tabIndex={0} role="region" {...name}>
      {children}
    </div>
  );
}
