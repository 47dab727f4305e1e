import { useMemo } from "react";

import type { Facet, Overview } from "../overview/model";
import type { Choice, Copy, Line, Run } from "./series";
import { chooseRange, collectExtremes, isRatio, toBounds, toSize, tryBound } from "./trial";

interface TrialOptions {
  runs: Run[];
  lines: Line[];
  choice: Choice;
  copy: Copy | undefined;
  latest: Overview | undefined;
  facet: Facet | undefined;
  /** The bound that the user has chosen. */
  tried: number | undefined;
}

/** Judges the nights against the bound that the user has chosen, and against that of the latest run. */
export function useTrial({ runs, lines, choice, copy, latest, facet, tried }: TrialOptions) {
  const rule = latest?.rule ?? null;
  const extremes = useMemo(() => collectExtremes(runs, lines, choice, copy, rule), [runs, lines, choice, copy, rule]);
  return useMemo(() => {
    const cells = facet?.values.flatMap((_, rank) => facet.cell(choice.metric, rank) ?? []) ?? [];
    const bounded = cells.find((cell) => cell.low !== null || cell.high !== null);
    const now = bounded && toSize(choice.metric, bounded);
    const range = chooseRange(choice.metric, extremes, now);
    const size = tried ?? now ?? (isRatio(choice.metric) ? 0.8 : range.max);
    if (!extremes.some((one) => one?.low)) return undefined;
    return {
      range,
      size,
      trial: tryBound(extremes, toBounds(choice.metric, size)),
      today: bounded && now !== undefined ? { size: now, trial: tryBound(extremes, bounded) } : undefined,
      hasIntervals: cells.some((cell) => cell.interval !== null),
    };
  }, [extremes, facet, choice.metric, tried]);
}
