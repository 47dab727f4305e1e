import { Button } from "@chakra-ui/react";

import { count } from "../overview/text";

interface NotPassingButtonProps {
  /** Number of rows that do not pass; without any, there is no button. */
  total: number;
  /** Number of values that do not pass, including those without a row. */
  outOf?: number;
  pressed: boolean;
  setPressed: (pressed: boolean) => void;
}

/** A button above a table that shows only the rows that do not pass. */
export function NotPassingButton({ total, outOf = total, pressed, setPressed }: NotPassingButtonProps) {
  if (total === 0) return null;
  return (
    <Button
      size="xs"
      variant={pressed ? "solid" : "outline"}
      colorPalette="brand"
      aria-pressed={pressed}
      onClick={() => setPressed(!pressed)}
    >
      Not passing ({count(total)}
      {outOf > total ? ` of ${count(outOf)}` : ""})
    </Button>
  );
}
