import { Button } from "@chakra-ui/react";

import { count } from "../overview/text";

interface ShowAllButtonProps {
  /** Number of all rows. */
  total: number;
  /** Number of rows that are shown initially; without more rows, there is no button. */
  initial: number;
  /** Whether all rows are shown. */
  all: boolean;
  setAll: (all: boolean) => void;
  /** Which rows are shown initially. */
  order?: "first" | "latest";
}

/** A button below a table that shows all its rows, or only as many as initially. */
export function ShowAllButton({ total, initial, all, setAll, order = "first" }: ShowAllButtonProps) {
  if (total <= initial) return null;
  return (
    <Button size="xs" variant="outline" mt={1} onClick={() => setAll(!all)}>
      {all ? `Show the ${order} ${initial}` : `Show all ${count(total)}`}
    </Button>
  );
}
