/** Builds the series that a history chart draws. */

import type { Entry } from "../api/airflow";
import type { Analysis, Cell, Outcome, Overview } from "../overview/model";
import { buildNames } from "../overview/model";
import { summarizeVerdict } from "../overview/text";
import type { Values } from "./useValues";
import { entryKey } from "./useValues";

/** One run of a series; runs are ordered from the earliest to the latest. */
export interface Run {
  entry: Entry;
  /** Whether its value is still loading. */
  loading: boolean;
  error: unknown;
  /** The chosen analysis. */
  analysis: Analysis | undefined;
  /** The verdict about all analyses of the task, and its reason. */
  outcome: Outcome | null;
  why: string;
}

/** The user's selection. */
export interface Choice {
  /** Name of the analysis, since one gate may judge several. */
  analysis: string;
  column: string;
  metric: string;
}

export function buildRuns(entries: Entry[], values: Values, analysis: string | undefined): Run[] {
  return entries.toReversed().map((entry) => {
    const found = values.get(entryKey(entry));
    const overview = found && "overview" in found ? found.overview : undefined;
    const place = overview && analysis !== undefined ? buildNames(overview.analyses).indexOf(analysis) : -1;
    return {
      entry,
      loading: !found,
      error: found && "error" in found ? found.error : undefined,
      analysis: overview?.analyses[place],
      outcome: overview?.outcome ?? null,
      why: overview ? summarizeVerdict(overview) : "",
    };
  });
}

/** Finds the latest run whose overview can be read. */
export function findNewestReadable(entries: Entry[], values: Values): { entry: Entry; overview: Overview } | undefined {
  for (const entry of entries) {
    const found = values.get(entryKey(entry));
    if (entry.unjudged === undefined && found && "overview" in found) return { entry, overview: found.overview };
  }
  return undefined;
}

/** The values of one facet value over the runs. */
export interface Line {
  value: string;
  /** By run; undefined if the run does not have the facet value, or is still loading. */
  cells: (Cell | undefined)[];
  notPassing: number;
  latest: Cell | undefined;
}

/** Consecutive runs with the same bounds. */
export interface Span {
  from: number;
  to: number;
  low: number | null;
  high: number | null;
}

/** Builds the bounds of a value over the runs. A run that is still loading is assumed to have the previous bounds. */
export function buildSpans(cells: Line["cells"], runs: Run[]): Span[] {
  const spans: Span[] = [];
  let last: Span | undefined;
  for (const [place, cell] of cells.entries()) {
    if (!cell && runs[place]?.loading) {
      if (last) last.to = place;
    } else if (!cell || (cell.low === null && cell.high === null)) {
      last = undefined;
    } else if (last?.low === cell.low && last.high === cell.high) {
      last.to = place;
    } else {
      last = { from: place, to: place, low: cell.low, high: cell.high };
      spans.push(last);
    }
  }
  return spans;
}

/** Builds a line for each facet value of any run, in the order of the latest run: the worst first. */
export function buildLines(runs: Run[], choice: Choice): Line[] {
  const lines = new Map<string, Line>();
  for (let place = runs.length - 1; place >= 0; place -= 1) {
    const facet = runs[place]?.analysis?.facets.find((one) => one.column === choice.column);
    facet?.values.forEach((value, rank) => {
      let line = lines.get(value);
      if (!line) {
        line = { value, cells: new Array<Cell | undefined>(runs.length).fill(undefined), notPassing: 0, latest: undefined };
        lines.set(value, line);
      }
      const cell = facet.cell(choice.metric, rank);
      line.cells[place] = cell;
      line.latest ??= cell;
      if (cell?.outcome === "violation" || cell?.outcome === "inconclusive") line.notPassing += 1;
    });
  }
  return [...lines.values()];
}
