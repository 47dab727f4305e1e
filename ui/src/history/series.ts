/** Builds the series that a history chart draws. */

import type { Entry } from "../api/airflow";
import { latestFirst } from "../api/airflow";
import { firstMetric } from "../components/rows";
import type { Analysis, Cell, Outcome, Overview } from "../overview/model";
import { isNotPassing, buildNames, findWorst } from "../overview/model";
import type { NightSeries } from "../overview/nights";
import { NOT_JUDGED, buildNightCell } from "../overview/nights";
import { stripOutcome, summarizeVerdict } from "../overview/text";
import type { Fetched, Values } from "./useValues";
import { entryKey } from "./useValues";

/** Maximum number of runs in a history. */
export const MAX_RUNS = 200;

/** One run of a series; runs are ordered from the earliest to the latest. */
export interface Run {
  entry: Entry;
  /** Whether Airflow has the run. A night of the history may have none, as if past data were measured. */
  listed: boolean;
  /** Whether its value is still loading. */
  loading: boolean;
  error: unknown;
  /** The chosen analysis. */
  analysis: Analysis | undefined;
  /** Its position in the copy of the history, if it is drawn from there. */
  night: number | undefined;
  /** The verdict about all analyses of the task, and its reason. */
  outcome: Outcome | null;
  why: string;
}

/** The compact copy of a history, pushed by the latest run. */
export interface Copy {
  nights: NightSeries;
  /** The run that has pushed it. */
  head: Entry;
}

/** The user's selection. */
export interface Choice {
  /** Name of the analysis, since one gate may judge several. */
  analysis: string;
  column: string;
  metric: string;
}

/** Finds the position of a run in the copy of the history; undefined if it has to be read itself. */
export function findNight(copy: Copy | undefined, entry: Entry): number | undefined {
  if (!copy || entry.unjudged !== undefined || entry === copy.head) return undefined;
  // A run that was judged again later than the copy was written differs from it.
  return Date.parse(entry.timestamp) <= Date.parse(copy.head.timestamp) ? copy.nights.find(entry.runId) : undefined;
}

export function buildRuns(entries: Entry[], values: Values, analysis: string | undefined, copy?: Copy): Run[] {
  const known = new Set(entries.map((entry) => entry.runId));
  const listed = entries.map((entry): Run => {
    const night = findNight(copy, entry);
    if (copy && night !== undefined) return buildNightRun(copy, night, entry);
    const found = values.get(entryKey(entry));
    const overview = found && "overview" in found ? found.overview : undefined;
    const reason = entry.unjudged === undefined ? undefined : copy?.nights.getReason(entry.runId);
    const place = overview && analysis !== undefined ? buildNames(overview.analyses).indexOf(analysis) : -1;
    return {
      entry,
      listed: true,
      loading: !found,
      error: found && "error" in found ? found.error : undefined,
      analysis: overview?.analyses[place],
      night: undefined,
      outcome: overview?.outcome ?? null,
      why: reason ?? (overview ? summarizeVerdict(overview) : ""),
    };
  });
  if (!copy) return listed.toReversed();
  const delay = findDelay(copy, entries);
  const others = copy.nights.nights.flatMap(({ period, runId }, night) => {
    const start = parsePeriod(period);
    if (known.has(runId) || Number.isNaN(start)) return [];
    const runAfter = new Date(start + delay).toISOString();
    const entry = { ...copy.head, runId: runId || period, runAfter, timestamp: "" };
    return [buildNightRun(copy, night, entry, false)];
  });
  return [...listed, ...others].sort((one, other) => latestFirst(one.entry, other.entry)).slice(0, MAX_RUNS).reverse();
}

function buildNightRun(copy: Copy, night: number, entry: Entry, listed = true): Run {
  const { outcome = null, sentence = "" } = copy.nights.nights[night] ?? {};
  const why = stripOutcome(sentence, outcome ?? NOT_JUDGED);
  return { entry, listed, loading: false, error: undefined, analysis: undefined, night, outcome, why };
}

/** Parses the start of a period, which is in UTC: a date, or a time without a zone. */
function parsePeriod(period: string): number {
  return Date.parse(period.includes("T") ? `${period}Z` : period);
}

/** Finds how long after the start of its period a run is due, in milliseconds: the median of the known runs. */
function findDelay({ nights }: Copy, entries: Entry[]): number {
  const delays = entries.flatMap((entry) => {
    const start = parsePeriod(nights.nights[nights.find(entry.runId) ?? -1]?.period ?? "");
    return Number.isNaN(start) ? [] : [Date.parse(entry.runAfter) - start];
  });
  return delays.sort((one, other) => one - other)[Math.floor(delays.length / 2)] ?? 0;
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

/**
 * Builds a line for each facet value of any run, in the order of the latest run: the worst first.
 *
 * @param copy where the values of runs with a `night` are
 */
export function buildLines(runs: Run[], choice: Choice, copy?: Copy): Line[] {
  const lines = new Map<string, Line>();
  const add = (value: string, place: number, cell: Cell | undefined) => {
    let line = lines.get(value);
    if (!line) {
      line = { value, cells: new Array<Cell | undefined>(runs.length).fill(undefined), notPassing: 0, latest: undefined };
      lines.set(value, line);
    }
    line.cells[place] = cell;
    line.latest ??= cell;
    if (isNotPassing(cell?.outcome)) line.notPassing += 1;
  };
  const carried = copy?.nights.getLines(choice.metric, choice.column);
  for (let place = runs.length - 1; place >= 0; place -= 1) {
    const run = runs[place];
    const night = run?.night;
    if (night !== undefined) {
      // The copy has no bounds of its own: it was judged by those of the latest run.
      carried?.forEach((line, value) => add(value, place, buildNightCell(line, night, lines.get(value)?.latest)));
      continue;
    }
    const facet = run?.analysis?.facets.find((one) => one.column === choice.column);
    facet?.values.forEach((value, rank) => add(value, place, facet.cell(choice.metric, rank)));
  }
  return [...lines.values()];
}

/** Selects what is shown of the latest overview. */
export function selectShown(latest: Overview | undefined, choice: Partial<Choice>) {
  const names = buildNames(latest?.analyses ?? []);
  const analysis = latest && (latest.analyses[names.indexOf(choice.analysis ?? "")] ?? findWorst(latest));
  const facet = analysis?.facets.find((one) => one.column === choice.column) ?? analysis?.facets[0];
  // DPL is the most common metric.
  const opened = facet?.metrics.find((one) => one === "DPL") ?? (facet ? firstMetric(facet) : "");
  return { analysis, facet, metric: facet?.metrics.find((one) => one === choice.metric) ?? opened };
}

/** Returns the copy of the history if it has what is shown. */
export function pickCopy(copy: Copy | undefined, value: Fetched | undefined, choice: Partial<Choice>): Copy | undefined {
  if (!copy || !value || !("overview" in value) || value.overview.analyses.length !== 1) return undefined;
  const { facet, metric } = selectShown(value.overview, choice);
  return facet && copy.nights.getLines(metric, facet.column) ? copy : undefined;
}
