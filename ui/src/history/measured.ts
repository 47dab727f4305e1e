/** A history as tables of cells: what a chart draws. */

import type { Entry } from "../api/airflow";
import type { Analysis, Cell, Outcome } from "../overview/model";
import type { Values } from "./useValues";
import { keyOf } from "./useValues";

/** One run of a series, from the earliest to the latest. */
export interface Run {
  entry: Entry;
  /** Whether its value is still on its way. */
  loading: boolean;
  error: unknown;
  analysis: Analysis | undefined;
  outcome: Outcome | null;
}

/** What somebody has chosen to look at. */
export interface Choice {
  /** Which analysis: by its label and positive label, as one gate may judge several. */
  analysis: string;
  column: string;
  metric: string;
}

export function nameOfAnalysis(analysis: Analysis): string {
  return `${analysis.label} = ${analysis.positive}`;
}

export function runsOf(entries: Entry[], values: Values, analysis: string | undefined): Run[] {
  return entries.toReversed().map((entry) => {
    const found = values.get(keyOf(entry));
    const overview = found && "overview" in found ? found.overview : undefined;
    const one = overview?.analyses.find((candidate) => nameOfAnalysis(candidate) === analysis) ?? undefined;
    return {
      entry,
      loading: !found,
      error: found && "error" in found ? found.error : undefined,
      analysis: one,
      outcome: overview?.outcome ?? null,
    };
  });
}

/** One facet value over the runs. */
export interface Line {
  value: string;
  /** By run; undefined where the run has no such value, or has not come yet. */
  cells: (Cell | undefined)[];
  notPassing: number;
  latest: Cell | undefined;
}

/** Every facet value that any run has, in the order of the latest run: the most violating first. */
export function linesOf(runs: Run[], choice: Choice): Line[] {
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
