/** Parses the compact copy of a history that a gate has pushed to XCom. It is untrusted, as an overview is. */

import type { Cell, CheckOutcome, Outcome } from "./model";
import { stripOutcome } from "./text";
import { asList, isObject, parseJson, parseNumber, parseOutcome } from "./model";

/** How Python calls the outcome of a night without a verdict. */
export const NOT_JUDGED = "not judged";

const FORMAT = "airflow_clarify.series/1";

/** One night of a history, judged when it was run. */
export interface Night {
  /** The start of its data interval. */
  period: string;
  /** Empty if the night has no record. */
  runId: string;
  /** null: not judged. */
  outcome: Outcome | null;
  /** Why it did not pass, or was not judged. */
  sentence: string;
}

/** The extreme ends of the intervals of all groups of a facet on one night, which decide it for any bound. */
export interface Extremes {
  /** The smallest and the largest lower end; null if no group is compared with bounds. */
  low: [number, number] | null;
  /** The smallest and the largest upper end. */
  high: [number, number] | null;
  /** The worst outcome of the groups that no bound decides, such as those with an undefined metric. */
  decided: CheckOutcome | null;
}

export type Bounds = Pick<Cell, "low" | "high">;

/** The values of one metric of the groups of a facet, by group and night. */
export type NightLines = ReadonlyMap<string, { values: unknown[]; outcomes: string }>;

export class NightSeries {
  readonly nights: Night[];
  private readonly byRun: ReadonlyMap<string, number>;
  private readonly lines = new Map<string, Map<string, { values: unknown[]; outcomes: string }>>();
  private readonly extremes: Record<string, unknown>;

  constructor(found: Record<string, unknown>) {
    const sentences = asList(found.sentences);
    this.nights = asList(found.nights).map((night, place) => {
      const [period, runId, outcome] = asList(night);
      const sentence = sentences[place];
      return {
        period: typeof period === "string" ? period : "",
        runId: typeof runId === "string" ? runId : "",
        outcome: parseOutcome(outcome),
        sentence: typeof sentence === "string" ? sentence : "",
      };
    });
    this.byRun = new Map(this.nights.flatMap(({ runId }, place) => (runId === "" ? [] : [[runId, place]])));
    this.extremes = isObject(found.extremes) ? found.extremes : {};
    const outcomes = isObject(found.outcomes) ? found.outcomes : {};
    for (const [key, values] of Object.entries(isObject(found.values) ? found.values : {})) {
      const parts = /^([^|]*\|(?:[^\\|]|\\[\\|])*)\|([^]*)$/.exec(key);
      const [, place, value] = parts ?? [];
      if (place === undefined || value === undefined) continue;
      const own = this.lines.get(place) ?? new Map<string, { values: unknown[]; outcomes: string }>();
      this.lines.set(place, own);
      const letters = Object.hasOwn(outcomes, key) ? outcomes[key] : undefined;
      own.set(value, { values: asList(values), outcomes: typeof letters === "string" ? letters : "" });
    }
  }

  /** Finds the position of a run; undefined if it is not one of the nights. */
  find(runId: string): number | undefined {
    return this.byRun.get(runId);
  }

  /** Returns why a run was not judged; undefined if that is not known. */
  getReason(runId: string): string | undefined {
    const { outcome, sentence = "" } = this.nights[this.find(runId) ?? -1] ?? {};
    return outcome === null && sentence !== "" ? stripOutcome(sentence, NOT_JUDGED) : undefined;
  }

  /** Returns the values of a metric by group; undefined if the copy does not have the metric. */
  getLines(metric: string, column: string): NightLines | undefined {
    return this.lines.get(formatKey(metric, column));
  }

  getExtremes(metric: string, column: string, night: number): Extremes | undefined {
    const key = formatKey(metric, column);
    const found = Object.hasOwn(this.extremes, key) ? this.extremes[key] : undefined;
    if (!isObject(found)) return undefined;
    const low = parseEnds(found.low, night);
    return { low, high: parseEnds(found.high, night) ?? low, decided: parseCheckOutcome(asList(found.decided)[night]) };
  }
}

/**
 * Parses the copy of a history.
 *
 * @returns undefined if it is something else: the page then reads each run instead
 */
export function readNights(found: unknown): NightSeries | undefined {
  const top = isObject(found) ? found : parseJson(found);
  return top?.format === FORMAT ? new NightSeries(top) : undefined;
}

function formatKey(metric: string, column: string): string {
  return `${metric}|${column.replaceAll("\\", "\\\\").replaceAll("|", "\\|")}`;
}

function parseEnds(found: unknown, night: number): [number, number] | null {
  const [least, most] = asList(found).map((ends) => parseNumber(asList(ends)[night]));
  return least == null || most == null ? null : [least, most];
}

const LETTERS = new Map<string, CheckOutcome>([
  ["p", "pass"],
  ["v", "violation"],
  ["i", "inconclusive"],
  ["g", "ignored"],
]);

/** Builds the cell of a group on one night; the bounds are those of the latest run. */
export function buildNightCell(line: { values: unknown[]; outcomes: string }, night: number, bounds: Bounds | undefined): Cell {
  const outcome = LETTERS.get(line.outcomes.charAt(night)) ?? null;
  const { low, high } = bounds ?? { low: null, high: null };
  return { value: parseNumber(line.values[night]), low, high, outcome, interval: null, pValue: null };
}

function parseCheckOutcome(found: unknown): CheckOutcome | null {
  return found === "ignored" ? found : parseOutcome(found);
}
