import { NativeSelect } from "@chakra-ui/react";

import { escapeInvisible } from "../overview/text";

interface ChooserProps {
  label: string;
  value: string;
  options: string[];
  /** Formats an option; by default it is its own text. */
  formatOption?: (option: string) => string;
  choose: (option: string) => void;
  width?: string;
  className?: string;
}

/** A list of options, of which one is chosen. */
export function Chooser({ label, value, options, formatOption = (option) => option, choose, width = "auto", className }: ChooserProps) {
  return (
    <NativeSelect.Root size="xs" width={width} maxW="16rem" className={className}>
      <NativeSelect.Field aria-label={label} value={value} onChange={(event) => choose(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option} value={option}>
            {escapeInvisible(formatOption(option))}
          </option>
        ))}
      </NativeSelect.Field>
      <NativeSelect.Indicator />
    </NativeSelect.Root>
  );
}
