import type { ReactNode } from "react";

/** A column: a title, or a title with the class of its cells: "number", "stuck" or "wrap". */
export type Head = string | { title: ReactNode; className?: string };

/** The head of a table. */
export function TableHead({ columns }: { columns: Head[] }) {
  return (
    <thead>
      <tr>
        {columns.map((column, place) => {
          const { title, className } = typeof column === "string" ? { title: column, className: undefined } : column;
          return (
            <th key={place} scope="col" className={className}>
              {title}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

/** Columns of numbers. */
export const numbers = (...titles: ReactNode[]): Head[] => titles.map((title) => ({ title, className: "number" }));
