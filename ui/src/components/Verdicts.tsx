import { Badge } from "@chakra-ui/react";

import type { CheckOutcome } from "../overview/model";

interface OutcomeStyle {
  word: string;
  sign: string;
  palette: string;
}

/** Every outcome has a word, a sign and a colour, so that none is distinguished by its colour alone. */
export const OUTCOME_STYLES: Record<CheckOutcome | "none", OutcomeStyle> = {
  violation: { word: "Violation", sign: "✕", palette: "failed" },
  inconclusive: { word: "Inconclusive", sign: "?", palette: "orange" },
  pass: { word: "Pass", sign: "✓", palette: "success" },
  ignored: { word: "Ignored", sign: "–", palette: "gray" },
  none: { word: "Not judged", sign: "○", palette: "blue" },
};

export function outcomeStyle(outcome: CheckOutcome | null): OutcomeStyle {
  return OUTCOME_STYLES[outcome ?? "none"];
}

export function OutcomeBadge({ outcome, size = "sm" }: { outcome: CheckOutcome | null; size?: "sm" | "lg" }) {
  const look = outcomeStyle(outcome);
  return (
    <Badge colorPalette={look.palette} variant={outcome === null ? "subtle" : "solid"} size={size} flexShrink={0}>
      <Sign outcome={outcome} />
      {look.word}
    </Badge>
  );
}

/** The sign of an outcome, drawn as a path to look the same in every font. */
export function Sign({ outcome, size = 10 }: { outcome: CheckOutcome | null; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 10 10" aria-hidden="true" focusable="false" className="sign">
      <path d={PATHS[outcome ?? "none"]} />
    </svg>
  );
}

export const PATHS: Record<CheckOutcome | "none", string> = {
  violation: "M2 2L8 8M8 2L2 8",
  inconclusive: "M3 3.3A2 2 0 1 1 5 5.6V6.4M5 8.6V8.7",
  pass: "M1.5 5.5L4 8L8.5 2.5",
  ignored: "M2 5H8",
  none: "M5 1.8A3.2 3.2 0 1 1 5 8.2A3.2 3.2 0 1 1 5 1.8Z",
};
