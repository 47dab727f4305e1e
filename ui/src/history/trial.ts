/** Judges past nights against another bound of one metric, by the rule of the gate. */

import type { Cell, CheckOutcome, Outcome, Rule } from "../overview/model";
import { worst } from "../overview/model";
import type { Bounds, Extremes } from "../overview/nights";
import { findExplanation } from "../overview/interpretations";
import type { Choice, Copy, Line, Run } from "./series";

/** A trial of another bound. */
export interface Trial {
  bounds: Bounds;
  /** By run; null: not judged, undefined: still loading. */
  outcomes: (Outcome | null | undefined)[];
}

/** The number of nights by outcome. */
export interface Tally {
  stopped: number;
  undecided: number;
  passed: number;
  notJudged: number;
}

/** The range of the slider. */
export interface Range {
  min: number;
  max: number;
  step: number;
}

export function isRatio(metric: string): boolean {
  return findExplanation(metric)?.parity === 1;
}

/** Returns the bounds that a single number means in the gate: t is from −t to t, and of a ratio from t to 1/t. */
export function toBounds(metric: string, size: number): Bounds {
  return isRatio(metric) ? { low: size, high: size > 0 ? 1 / size : null } : { low: -size, high: size };
}

/** Returns the single number that bounds mean; of uneven bounds, the wider side. */
export function toSize(metric: string, { low, high }: Bounds): number | undefined {
  if (low === null && high === null) return undefined;
  if (isRatio(metric)) return Math.min(low ?? 1, high ? 1 / high : 1);
  return Math.max(Math.abs(low ?? 0), Math.abs(high ?? 0));
}

/** Judges a night: the worst outcome of its groups, each judged alone. */
export function judgeExtremes({ low, high, decided }: Extremes, bounds: Bounds): Outcome | null {
  const outcomes: (CheckOutcome | null)[] = [decided];
  if (low && high) {
    const [least, most] = [bounds.low ?? -Infinity, bounds.high ?? Infinity];
    if (high[0] < least || low[1] > most) outcomes.push("violation");
    else if (low[0] >= least && high[1] <= most) outcomes.push("pass");
    else outcomes.push("inconclusive");
  }
  const found = worst(outcomes);
  return found === "ignored" ? null : found;
}

/**
 * Computes the extremes of the groups of one night.
 *
 * @param byInterval whether the gate judges intervals: a checked group without one was decided without bounds
 */
export function findExtremes(cells: (Cell | undefined)[], byInterval: boolean): Extremes {
  const ends: [number, number][] = [];
  const decided: (CheckOutcome | null)[] = [];
  for (const cell of cells) {
    if (!cell) continue;
    const { value, interval, outcome } = cell;
    if (interval) ends.push(interval);
    else if (outcome === "ignored" || value === null || (byInterval && isDecided(cell))) decided.push(outcome);
    else ends.push([value, value]);
  }
  const low = ends.map(([end]) => end);
  const high = ends.map(([, end]) => end);
  const span = (numbers: number[]): [number, number] => [Math.min(...numbers), Math.max(...numbers)];
  return { low: ends.length > 0 ? span(low) : null, high: ends.length > 0 ? span(high) : null, decided: worst(decided) };
}

/** Returns whether the outcome contradicts the bounds, since it was decided by the number of rows. */
function isDecided({ value, low, high, outcome }: Cell): boolean {
  const inside = value !== null && value >= (low ?? -Infinity) && value <= (high ?? Infinity);
  return outcome !== null && inside !== (outcome === "pass");
}

/** Finds the extremes of each run; undefined while it is loading, null if it has no values. */
export function collectExtremes(
  runs: Run[],
  lines: Line[],
  choice: Choice,
  copy: Copy | undefined,
  rule: Rule | null,
): (Extremes | null | undefined)[] {
  return runs.map((run, place) => {
    if (run.loading) return undefined;
    const carried = run.night === undefined ? undefined : copy?.nights.getExtremes(choice.metric, choice.column, run.night);
    if (carried) return carried;
    const cells = lines.map((line) => line.cells[place]);
    if (run.night !== undefined) {
      // Without extremes there was no rule for this metric: its values are compared.
      return findExtremes(cells.map((cell) => cell && { ...cell, outcome: null }), false);
    }
    return run.analysis ? findExtremes(cells, rule?.confidence != null) : null;
  });
}

export function tryBound(extremes: (Extremes | null | undefined)[], bounds: Bounds): Trial {
  return { bounds, outcomes: extremes.map((one) => (one ? judgeExtremes(one, bounds) : one)) };
}

export function tally({ outcomes }: Trial, rule: Rule | null): Tally {
  const total = (outcome: Outcome | null) => outcomes.filter((one) => one === outcome).length;
  const undecided = total("inconclusive");
  const stops = rule?.stopsInconclusive === true;
  return {
    stopped: total("violation") + (stops ? undecided : 0),
    undecided: stops ? 0 : undecided,
    passed: total("pass"),
    notJudged: total(null),
  };
}

/** Chooses the range of the slider, so that every night can be let pass. */
export function chooseRange(metric: string, extremes: (Extremes | null | undefined)[], size: number | undefined): Range {
  const ends = extremes.flatMap((one) => [...(one?.low ?? []), ...(one?.high ?? [])]).filter(Number.isFinite);
  if (isRatio(metric)) {
    const farthest = Math.min(size ?? 0.8, ...ends.map((end) => (end > 1 ? 1 / end : end)));
    return { min: Math.max(0.01, Math.floor(farthest * 20) / 20), max: 1, step: 0.01 };
  }
  const farthest = Math.max(0.01, size ?? 0, ...ends.map(Math.abs));
  const unit = 10 ** Math.floor(Math.log10(farthest));
  const max = Math.ceil((farthest * 1.02) / (unit / 2)) * (unit / 2);
  return { min: 0, max: Number(max.toPrecision(6)), step: unit / 100 };
}

/** Describes by which rule a trial judges. */
export function describeRule(rule: Rule | null, hasIntervals: boolean, metric: string): string {
  const compared =
    rule?.confidence != null && hasIntervals
      ? `A night is stopped if the ${Number((100 * rule.confidence).toFixed(4))} % interval of a group lies outside the bound` +
        (rule.stopsInconclusive ? ", or reaches across it" : "; one that reaches across it is inconclusive, and the night passes")
      : `A night is stopped if the ${metric} of a group lies outside the bound`;
  const parts = [`${compared}. Every group is judged by the same bound, and no other metric counts.`];
  if (rule?.minRows) parts.push(`Groups of fewer than ${rule.minRows.toLocaleString("en-US")} rows are handled as in the gate.`);
  if (rule?.correction === "bonferroni") parts.push("The intervals are corrected for the number of questions, as in the gate.");
  else if (rule?.correction) {
    parts.push("The gate also corrects for the number of questions, which this trial does not: the gate stops fewer nights.");
  }
  if (rule?.overRuns) parts.push("The gate judges the evidence of many nights together; this trial judges each night alone.");
  return parts.join(" ");
}
