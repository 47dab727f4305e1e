/** A history as tables of cells: what a chart draws. */

import type { Entry } from "../api/airflow";
import type { Analysis, Cell, Outcome, Overview } from "../overview/model";
import { buildNames } from "../overview/model";
import { summarizeVerdict } from "../overview/text";
import type { Values } from "./useValues";
import { entryKey } from "./useValues";

/** One run of a series, from the earliest to the latest. */
export interface Run {
  entry: Entry;
  /** Whether its value is still on its way. */
  loading: boolean;
  error: unknown;
  /** What was measured of the label that somebody looks at. */
  analysis: Analysis | undefined;
  /** What the task has said of all its analyses, and why. */
  outcome: Outcome | null;
  why: string;
}

/** What somebody has chosen to look at. */
export interface Choice {
  /** Which analysis, by its name, as one gate may judge several. */
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

/** What the task said in the newest run of which that can be read. */
export function findNewestReadable(entries: Entry[], values: Values): { entry: Entry; overview: Overview } | undefined {
  for (const entry of entries) {
    const found = values.get(entryKey(entry));
    if (entry.unjudged === undefined && found && "overview" in found) return { entry, overview: found.overview };
  }
  return undefined;
}

/** One facet value over the runs. */
export interface Line {
  value: string;
  /** By run; undefined where the run has no such value, or has not come yet. */
  cells: (Cell | undefined)[];
  notPassing: number;
  latest: Cell | undefined;
}

/** Neighbouring runs in which a value was allowed the same. */
export interface Span {
  from: number;
  to: number;
  low: number | null;
  high: number | null;
}

/** What a value was allowed over the runs. A run that has not come yet is taken to have been judged as the one before. */
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

/** Every facet value that any run has, in the order of the latest run: the most violating first. */
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
