/** Parses the overview that a task has pushed to XCom. It is untrusted: any user who may push an XCom can write one. */

import type { Search } from "./search";
import { readSearch } from "./search";

export type Outcome = "pass" | "violation" | "inconclusive";
export type CheckOutcome = Outcome | "ignored";

/** A part of a sentence; a name comes from the data and is isolated from the words around it. */
export type Part = string | { name: string };

/** The value of one metric for one facet value. */
export interface Cell {
  /** null: not defined. */
  value: number | null;
  /** null: no lower bound. */
  low: number | null;
  high: number | null;
  /** null: not judged. */
  outcome: CheckOutcome | null;
  /** The confidence interval that was judged; null if the value itself was judged. */
  interval: [number, number] | null;
  /** The p-value of the bounds, adjusted for the number of questions; null without a correction. */
  pValue: number | null;
}

/** A tested facet value. */
export interface Row {
  /** Position in the overview's order, the worst first. */
  rank: number;
  value: string;
  rows: number | null;
  positive: number | null;
  /** Number of all other rows, and of the positive ones among them. */
  rest: [number, number] | null;
  /** Numbers of rows by label and prediction; null if predictions were not counted. */
  confusion: { own: Confusion; others: Confusion } | null;
  cells: ReadonlyMap<string, Cell>;
  /** The worst outcome of its cells. */
  outcome: CheckOutcome | null;
  /** Whether its numbers are hidden, since a small count could be computed from them. */
  hidden: boolean;
}

/** Rows that are truly and falsely predicted to be positive and not positive. */
export interface Confusion {
  tp: number;
  fp: number;
  fn: number;
  tn: number;
}

/** The differences in the labels beside those in the predictions. */
export interface Stages {
  sentence: Part[];
  /** What the model did to the difference of each value, in one or two words. */
  changes: string[];
}

/** The tested values of one facet. */
export class Facet {
  readonly column: string;
  /** The tested values, the worst first. */
  readonly values: string[];
  readonly metrics: string[];
  /** By metric, why it is not defined for some value. */
  readonly errors: ReadonlyMap<string, string>;
  readonly leftOut: number;
  /** Number of values that do not pass, including those left out. */
  readonly notPassing: number;
  /** null: labels and predictions were not both measured. */
  readonly stages: Stages | null;
  private readonly columns: ReadonlyMap<string, Column>;
  private readonly hidden: ReadonlySet<unknown>;
  private read: Row[] | undefined;

  constructor(private readonly found: Json) {
    const measured = isObject(found.metrics) ? Object.entries(found.metrics) : [];
    const judged = isObject(found.judged) ? found.judged : {};
    const errors = isObject(found.errors) ? Object.entries(found.errors) : [];
    this.column = textOr(found.column, "");
    this.values = asList(found.values).map((value) => (typeof value === "string" ? value : String(value)));
    this.metrics = measured.map(([name]) => name).sort();
    this.errors = new Map(errors.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
    this.leftOut = parseNumber(found.left_out) ?? 0;
    this.notPassing = parseNumber(found.not_passing) ?? 0;
    this.stages = parseStages(found.stages);
    this.hidden = new Set(asList(found.hidden));
    this.columns = new Map(measured.map(([name, values]) => [name, parseColumn(asList(values), getOwn(judged, name))]));
  }

  /** One row per value, built on first use: a history needs single cells only. */
  get rows(): Row[] {
    return (this.read ??= this.values.map((value, rank) => this.row(value, rank)));
  }

  cell(metric: string, rank: number): Cell | undefined {
    const column = this.columns.get(metric);
    return column && parseCell(column, rank);
  }

  private row(value: string, rank: number): Row {
    const { rows, positive, rest, confusion } = this.found;
    const cells = new Map([...this.columns].map(([name, column]) => [name, parseCell(column, rank)]));
    return {
      rank,
      value,
      rows: parseNumber(asList(rows)[rank]),
      positive: parseNumber(asList(positive)[rank]),
      rest: parsePair(asList(rest)[rank]),
      confusion: parseConfusions(asList(confusion)[rank]),
      cells,
      hidden: this.hidden.has(rank),
      outcome: worst([...cells.values()].map((cell) => cell.outcome)),
    };
  }
}

/** The unparsed columns of one metric, by value. */
interface Column {
  values: unknown[];
  low: unknown[];
  high: unknown[];
  outcomes: unknown[];
  intervals: unknown[];
  pValues: unknown[];
}

export interface Analysis {
  label: string;
  positive: string;
  /** The column of predictions; empty if there is none. */
  predictedLabel: string;
  predicted: string;
  /** Why predictions cannot be compared with labels; empty if they can. */
  predictionError: string;
  rows: number | null;
  positiveRows: number | null;
  weighted: boolean;
  outcome: Outcome | null;
  sentence: string;
  reasons: string[];
  checks: Partial<Record<CheckOutcome, number>>;
  /** The name of the correction for many comparisons; empty without one. */
  correction: string;
  /** The number of questions that the correction adjusts for. */
  questions: number | null;
  /** Counts under this number are hidden; 0: none. */
  suppressBelow: number;
  facets: Facet[];
  warnings: string[];
  /** Names and locations of the output files. */
  outputs: [string, string][];
  engine: string | null;
  configSha256: string | null;
  data: Data | null;
}

/** Location of the measured data. */
export interface Data {
  /** "path", "table" or "query". */
  kind: string;
  name: string;
  /** Short name, as in the verdict's sentence. */
  short: string;
  connId: string | null;
}

/** The rules of a gate other than its bounds. */
export interface Rule {
  /** The level of the confidence intervals; null if values are judged. */
  confidence: number | null;
  /** Whether a gate stops where an interval reaches across a bound. */
  stopsInconclusive: boolean;
  minRows: number;
  /** "holm", "bonferroni", "by", or empty. */
  correction: string;
  /** The method that judges many runs together; empty if each run is judged alone. */
  overRuns: string;
}

export interface Overview {
  /** Why a gate that has ended has no verdict. */
  unjudged?: string;
  /** Rendered name of a mapped instance. */
  instance: string | null;
  kind: "analysis" | "gate" | "search";
  reaction: string | null;
  outcome: Outcome | null;
  /** null: not a gate, or an older version. */
  rule: Rule | null;
  /** Whether the gate has also pushed the compact copy of its history. */
  series: boolean;
  /** Empty for a search. */
  analyses: Analysis[];
  /** The result of a search for subgroups. */
  search?: Search;
}

const FORMAT = "airflow_clarify.overview/";
const VERSION = "1";

export class NotAnOverview extends Error {}

export type Json = Record<string, unknown>;

/**
 * Parses an overview.
 *
 * @throws NotAnOverview with a sentence for the user
 */
export function readOverview(found: unknown): Overview {
  const top = isObject(found) ? found : parseJson(found);
  const format = top && typeof top.format === "string" ? top.format : "";
  if (!top || !format.startsWith(FORMAT)) {
    throw new NotAnOverview(isLocation(found) ? ELSEWHERE : "The XCom “bias_overview” of this task was not written by airflow-clarify, so it cannot be shown.");
  }
  if (format.slice(FORMAT.length) !== VERSION) {
    throw new NotAnOverview(
      "This task ran with a newer version of airflow-clarify than the api-server has. Upgrade airflow-clarify on the api-server to see its result.",
    );
  }
  const analyses = asList(top.analyses).filter(isObject).map(readAnalysis);
  const search = top.kind === "search" && isObject(top.search) ? readSearch(top.search) : undefined;
  if (analyses.length === 0 && !search) throw new NotAnOverview("The XCom “bias_overview” of this task contains no analysis, so there is nothing to show.");
  return {
    kind: search ? "search" : top.kind === "gate" ? "gate" : "analysis",
    instance: textOr(top.instance, null),
    reaction: textOr(top.reaction, null),
    outcome: parseOutcome(top.outcome),
    rule: parseRule(top.rule),
    series: top.series === true,
    analyses,
    ...(search ? { search } : {}),
  };
}

const ELSEWHERE =
  "The result of this task is stored in an XCom backend that Airflow’s API does not read. It is also in the task’s log and report.";

/** Returns whether a value is a reference left by an XCom backend that stores values elsewhere, as in an object store. */
export function isLocation(found: unknown): boolean {
  return typeof found === "string" && /^"?([a-z][a-z0-9+.-]*:\/\/|\/)/i.test(found);
}

/** Parses a value that is JSON text, as with custom XCom backends and older versions of Airflow. */
export function parseJson(found: unknown): Json | null {
  if (typeof found !== "string") return null;
  try {
    const value: unknown = JSON.parse(found);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function parseRule(found: unknown): Rule | null {
  if (!isObject(found)) return null;
  return {
    confidence: parseNumber(found.confidence),
    stopsInconclusive: found.on_inconclusive === "fail",
    minRows: parseNumber(found.min_rows) ?? 0,
    correction: textOr(found.correction, ""),
    overRuns: textOr(found.over_runs, ""),
  };
}

function readAnalysis(found: Json): Analysis {
  const checks = isObject(found.checks) ? found.checks : {};
  return {
    label: textOr(found.label, ""),
    positive: textOr(found.positive, ""),
    predictedLabel: textOr(found.predicted_label, ""),
    predicted: textOr(found.predicted, ""),
    predictionError: textOr(found.prediction_error, ""),
    rows: parseNumber(found.rows),
    positiveRows: parseNumber(found.positive_rows),
    weighted: found.weighted === true,
    outcome: parseOutcome(found.outcome),
    sentence: textOr(found.sentence, ""),
    reasons: parseTexts(found.reasons),
    checks: Object.fromEntries(CHECK_OUTCOMES.map((name) => [name, parseNumber(checks[name]) ?? 0])),
    correction: textOr(found.correction, ""),
    questions: parseNumber(found.questions),
    suppressBelow: parseNumber(found.suppress_below) ?? 0,
    facets: asList(found.facets).filter(isObject).map((facet) => new Facet(facet)),
    warnings: parseTexts(found.warnings),
    outputs: parseOutputs(found.outputs),
    engine: textOr(found.engine, null),
    configSha256: textOr(found.config_sha256, null),
    data: parseData(found.data),
  };
}

/** Parses the locations of output files. */
export function parseOutputs(found: unknown): [string, string][] {
  if (!isObject(found)) return [];
  return Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === "string");
}

function parseData(found: unknown): Data | null {
  if (!isObject(found) || typeof found.name !== "string" || found.name === "") return null;
  return {
    kind: textOr(found.kind, ""),
    name: found.name,
    short: textOr(found.short, found.name),
    connId: textOr(found.conn_id, null),
  };
}

/** Builds the overview of a gate that has ended without a verdict. */
export function unjudgedOverview(state: string): Overview {
  const empty = { instance: null, reaction: null, outcome: null, rule: null, series: false, analyses: [] };
  return { kind: "gate", unjudged: unjudgedReason(state), ...empty };
}

/** Reads from the verdict of a gate why it could not judge; null if it has judged. */
export function readReason(found: unknown): string | null {
  const top = isObject(found) ? found : parseJson(found);
  return top?.outcome === "not judged" ? (parseTexts(top.reasons)[0] ?? null) : null;
}

/** Explains why a gate in a final state has no verdict. */
export function unjudgedReason(state: string): string {
  if (state === "upstream_failed") return "A task before this gate failed, so the gate did not run.";
  if (state === "skipped") return "This gate was skipped.";
  return "This gate failed before it had a verdict; the reason is in its log.";
}

function parseColumn(values: unknown[], rules: Json): Column {
  const { low, high, outcomes, intervals, p_values } = rules;
  return {
    values,
    low: asList(low),
    high: asList(high),
    outcomes: asList(outcomes),
    intervals: asList(intervals),
    pValues: asList(p_values),
  };
}

function parseCell(column: Column, rank: number): Cell {
  const outcome = column.outcomes[rank];
  return {
    value: parseNumber(column.values[rank]),
    low: parseNumber(column.low[rank]),
    high: parseNumber(column.high[rank]),
    outcome: CHECK_OUTCOMES.find((name) => name === outcome) ?? null,
    interval: parsePair(column.intervals[rank]),
    pValue: parseNumber(column.pValues[rank]),
  };
}

/** The outcomes, the worst first. */
export const CHECK_OUTCOMES = ["violation", "inconclusive", "pass", "ignored"] as const;

/** Returns whether a check does not pass. */
export function isNotPassing(outcome: CheckOutcome | null | undefined): outcome is "violation" | "inconclusive" {
  return outcome === "violation" || outcome === "inconclusive";
}

export function worst(outcomes: (CheckOutcome | null)[]): CheckOutcome | null {
  return CHECK_OUTCOMES.find((name) => outcomes.includes(name)) ?? null;
}

/** Sort key: the worst first, values without a check last. */
export function severity(outcome: CheckOutcome | null): number {
  return outcome === null ? CHECK_OUTCOMES.length : CHECK_OUTCOMES.indexOf(outcome);
}

/** Finds the analysis with the worst outcome; the first of several. */
export function findWorst(overview: Overview): Analysis | undefined {
  return worstFirst(overview.analyses)[0];
}

export function worstFirst(analyses: Analysis[]): Analysis[] {
  return analyses.toSorted((one, other) => severity(one.outcome) - severity(other.outcome));
}

/** Outcomes of gates, the worst first: a gate without a verdict is worse than one that lets the data pass. */
const GATE_OUTCOMES: readonly (CheckOutcome | null)[] = ["violation", "inconclusive", null, "pass", "ignored"];

export function gateSeverity(outcome: CheckOutcome | null): number {
  return GATE_OUTCOMES.indexOf(outcome);
}

/** Builds a title per analysis: with the name of its data if these differ, and otherwise as {@link buildNames}. */
export function buildTitles(analyses: Analysis[]): string[] {
  const names = buildNames(analyses);
  const data = analyses.map((one) => one.data?.short ?? "");
  if (analyses.length < 2 || data.includes("") || new Set(data).size < data.length) return names;
  return analyses.map(({ label, positive }, place) => `${data[place] ?? ""}: ${label} = ${positive}`);
}

/** Builds a unique name per analysis, from its label and positive label, numbered if necessary. */
export function buildNames(analyses: Analysis[]): string[] {
  const names: string[] = [];
  for (const { label, positive } of analyses) {
    const plain = `${label} = ${positive}`;
    let name = plain;
    for (let number = 2; names.includes(name); number += 1) name = `${plain} (${number})`;
    names.push(name);
  }
  return names;
}

/** Finds the position of the facet whose worst value is the worst of all; the first of several. */
export function worstFacet(facets: Facet[]): number {
  const ranks = facets.map(({ rows }): [number, number] => {
    const cells = rows.flatMap((row) => [...row.cells.values()]).filter((cell) => cell.outcome !== null);
    const outcome = worst(cells.map((cell) => cell.outcome));
    return [severity(outcome), -Math.max(0, ...cells.filter((cell) => cell.outcome === outcome).map(reach))];
  });
  const best = ranks.toSorted((one, other) => one[0] - other[0] || one[1] - other[1])[0];
  return Math.max(0, best ? ranks.indexOf(best) : 0);
}

/** Computes how far a value is from zero as a multiple of its bound; 1 is on the bound, more is beyond it. */
export function reach({ value, low, high, outcome }: Cell): number {
  if (value === null) return outcome === "violation" ? Infinity : 0;
  if (low === null && high === null) return Math.abs(value);
  return Math.max(high === null ? 0 : reachUp(value, high), low === null ? 0 : reachUp(-value, -low));
}

/** Computes the ratio of a value to its upper bound. For a negative bound, the ratio is inverted. */
function reachUp(value: number, high: number): number {
  if (value === high) return 1;
  if (high > 0) return Math.max(0, value / high);
  if (value < 0) return high / value;
  return Infinity;
}

export function parseOutcome(found: unknown): Outcome | null {
  return found === "pass" || found === "violation" || found === "inconclusive" ? found : null;
}

export function parseNumber(found: unknown): number | null {
  if (found === "Infinity") return Infinity;
  if (found === "-Infinity") return -Infinity;
  return typeof found === "number" && !Number.isNaN(found) ? found : null;
}

function parsePair(found: unknown): [number, number] | null {
  const [one, other] = asList(found).map(parseNumber);
  return one == null || other == null ? null : [one, other];
}

function parseConfusions(found: unknown): Row["confusion"] {
  const counts = asList(found).map(parseNumber);
  if (counts.length !== 8 || counts.includes(null)) return null;
  const [tp = 0, fp = 0, fn = 0, tn = 0, ...others] = counts.map((count) => count ?? 0);
  const [restTp = 0, restFp = 0, restFn = 0, restTn = 0] = others;
  return { own: { tp, fp, fn, tn }, others: { tp: restTp, fp: restFp, fn: restFn, tn: restTn } };
}

function parseStages(found: unknown): Stages | null {
  if (!isObject(found)) return null;
  const parts = asList(found.sentence).flatMap((part): Part[] =>
    typeof part === "string" ? [part] : isObject(part) && typeof part.name === "string" ? [{ name: part.name }] : [],
  );
  return { sentence: parts, changes: parseTexts(found.changes) };
}

export function textOr<Otherwise>(found: unknown, otherwise: Otherwise): string | Otherwise {
  return typeof found === "string" ? found : otherwise;
}

export function parseTexts(found: unknown): string[] {
  return asList(found).filter((entry) => typeof entry === "string");
}

export function asList(found: unknown): unknown[] {
  return Array.isArray(found) ? found : [];
}

function getOwn(found: Json, name: string): Json {
  const value: unknown = Object.hasOwn(found, name) ? found[name] : undefined;
  return isObject(value) ? value : {};
}

export function isObject(found: unknown): found is Json {
  return typeof found === "object" && found !== null && !Array.isArray(found);
}
