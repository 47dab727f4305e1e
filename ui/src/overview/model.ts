/** What a task has said of bias, read from its XCom with care: anybody who may push an XCom may have written it. */

export type Outcome = "pass" | "violation" | "inconclusive";
export type CheckOutcome = Outcome | "ignored";

/** One metric of one facet value. */
export interface Cell {
  /** null: not defined. */
  value: number | null;
  /** null: no bound on that side. */
  low: number | null;
  high: number | null;
  /** null: not judged. */
  outcome: CheckOutcome | null;
  /** The confidence interval that was judged; null: the value itself was. */
  interval: [number, number] | null;
}

/** One tested facet value. */
export interface Row {
  /** Where it stands in the task's own order, the most violating first. */
  rank: number;
  value: string;
  rows: number | null;
  positive: number | null;
  /** All other rows: how many, and how many of them positive. */
  rest: [number, number] | null;
  cells: ReadonlyMap<string, Cell>;
  /** The worst of its cells. */
  outcome: CheckOutcome | null;
}

/** The tested values of one facet. */
export class Facet {
  readonly column: string;
  /** The tested values, the most violating first. */
  readonly values: string[];
  readonly metrics: string[];
  /** Why a metric is not defined somewhere. */
  readonly errors: ReadonlyMap<string, string>;
  readonly leftOut: number;
  /** How many values do not pass, those that were left out included. */
  readonly notPassing: number;
  private readonly columns: ReadonlyMap<string, Column>;
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
    this.columns = new Map(measured.map(([name, values]) => [name, parseColumn(asList(values), getOwn(judged, name))]));
  }

  /** One row for each value. A history of many values never asks for them: it looks at single cells. */
  get rows(): Row[] {
    return (this.read ??= this.values.map((value, rank) => this.row(value, rank)));
  }

  cell(metric: string, rank: number): Cell | undefined {
    const column = this.columns.get(metric);
    return column && parseCell(column, rank);
  }

  private row(value: string, rank: number): Row {
    const { rows, positive, rest } = this.found;
    const cells = new Map([...this.columns].map(([name, column]) => [name, parseCell(column, rank)]));
    return {
      rank,
      value,
      rows: parseNumber(asList(rows)[rank]),
      positive: parseNumber(asList(positive)[rank]),
      rest: parsePair(asList(rest)[rank]),
      cells,
      outcome: worst([...cells.values()].map((cell) => cell.outcome)),
    };
  }
}

/** What there is of one metric, by value. */
interface Column {
  values: unknown[];
  low: unknown[];
  high: unknown[];
  outcomes: unknown[];
  intervals: unknown[];
}

export interface Analysis {
  label: string;
  positive: string;
  rows: number | null;
  positiveRows: number | null;
  weighted: boolean;
  outcome: Outcome | null;
  sentence: string;
  reasons: string[];
  checks: Partial<Record<CheckOutcome, number>>;
  facets: Facet[];
  warnings: string[];
  /** Locations by what lies there. */
  outputs: [string, string][];
  engine: string | null;
  configSha256: string | null;
  data: Data | null;
}

/** Where the data are that were measured. */
export interface Data {
  /** "path", "table" or "query". */
  kind: string;
  name: string;
  /** In one short line, as it stands in the verdict's sentence. */
  short: string;
  connId: string | null;
}

export interface Overview {
  /** Why there is no verdict, of a gate that has ended without one. */
  unjudged?: string;
  /** What the author calls this instance of a mapped task. */
  instance: string | null;
  kind: "analysis" | "gate";
  reaction: string | null;
  outcome: Outcome | null;
  analyses: Analysis[];
}

const FORMAT = "airflow_clarify.overview/";
const VERSION = "1";

export class NotAnOverview extends Error {}

type Json = Record<string, unknown>;

/**
 * Read an overview.
 *
 * @throws NotAnOverview with a sentence for the person who looks at the page
 */
export function readOverview(found: unknown): Overview {
  const top = isObject(found) ? found : parseJson(found);
  const format = top && typeof top.format === "string" ? top.format : "";
  if (!top || !format.startsWith(FORMAT)) {
    throw new NotAnOverview(isLocation(found) ? ELSEWHERE : "This task has pushed something else under the key that bias overviews have.");
  }
  if (format.slice(FORMAT.length) !== VERSION) {
    throw new NotAnOverview(
      "This task runs a newer airflow-clarify than the api-server, which cannot read what it says: upgrade the one there.",
    );
  }
  const analyses = asList(top.analyses).filter(isObject).map(readAnalysis);
  if (analyses.length === 0) throw new NotAnOverview("This task has pushed an overview without an analysis.");
  return {
    kind: top.kind === "gate" ? "gate" : "analysis",
    instance: textOr(top.instance, null),
    reaction: textOr(top.reaction, null),
    outcome: parseOutcome(top.outcome),
    analyses,
  };
}

const ELSEWHERE =
  "What this task has said lies in an XCom backend that Airflow’s API does not read: its log and its report say the same.";

/** Whether this is what an XCom backend that keeps values elsewhere, such as in an object store, leaves in their place. */
function isLocation(found: unknown): boolean {
  return typeof found === "string" && /^"?([a-z][a-z0-9+.-]*:\/\/|\/)/i.test(found);
}

/** With a custom XCom backend, or from an older Airflow, a value may come as the text of its JSON. */
function parseJson(found: unknown): Json | null {
  if (typeof found !== "string") return null;
  try {
    const value: unknown = JSON.parse(found);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function readAnalysis(found: Json): Analysis {
  const checks = isObject(found.checks) ? found.checks : {};
  return {
    label: textOr(found.label, ""),
    positive: textOr(found.positive, ""),
    rows: parseNumber(found.rows),
    positiveRows: parseNumber(found.positive_rows),
    weighted: found.weighted === true,
    outcome: parseOutcome(found.outcome),
    sentence: textOr(found.sentence, ""),
    reasons: parseTexts(found.reasons),
    checks: Object.fromEntries(CHECK_OUTCOMES.map((name) => [name, parseNumber(checks[name]) ?? 0])),
    facets: asList(found.facets).filter(isObject).map((facet) => new Facet(facet)),
    warnings: parseTexts(found.warnings),
    outputs: isObject(found.outputs)
      ? Object.entries(found.outputs).filter((entry): entry is [string, string] => typeof entry[1] === "string")
      : [],
    engine: textOr(found.engine, null),
    configSha256: textOr(found.config_sha256, null),
    data: parseData(found.data),
  };
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

/** What stands in the place of a verdict where a gate has ended without one. */
export function unjudgedOverview(state: string): Overview {
  return { kind: "gate", unjudged: unjudgedReason(state), instance: null, reaction: null, outcome: null, analyses: [] };
}

/** Why a gate that has ended in a state has not judged. */
export function unjudgedReason(state: string): string {
  if (state === "upstream_failed") return "A task before this gate failed, so the gate did not run.";
  if (state === "skipped") return "This gate was skipped.";
  return "This gate failed before it had a verdict; its log says why.";
}

function parseColumn(values: unknown[], rules: Json): Column {
  const { low, high, outcomes, intervals } = rules;
  return { values, low: asList(low), high: asList(high), outcomes: asList(outcomes), intervals: asList(intervals) };
}

function parseCell(column: Column, rank: number): Cell {
  const outcome = column.outcomes[rank];
  return {
    value: parseNumber(column.values[rank]),
    low: parseNumber(column.low[rank]),
    high: parseNumber(column.high[rank]),
    outcome: CHECK_OUTCOMES.find((name) => name === outcome) ?? null,
    interval: parsePair(column.intervals[rank]),
  };
}

/** The outcomes, the worst first. */
export const CHECK_OUTCOMES = ["violation", "inconclusive", "pass", "ignored"] as const;

export function worst(outcomes: (CheckOutcome | null)[]): CheckOutcome | null {
  return CHECK_OUTCOMES.find((name) => outcomes.includes(name)) ?? null;
}

/** Sorts the worst first, and what nobody judged last. */
export function severity(outcome: CheckOutcome | null): number {
  return outcome === null ? CHECK_OUTCOMES.length : CHECK_OUTCOMES.indexOf(outcome);
}

/** The analysis that came out worst; the first where several did. */
export function findWorst(overview: Overview): Analysis | undefined {
  return worstFirst(overview.analyses)[0];
}

export function worstFirst(analyses: Analysis[]): Analysis[] {
  return analyses.toSorted((one, other) => severity(one.outcome) - severity(other.outcome));
}

/** How a gate has come out, the worst first: one that has not judged is worse than one that has let the data pass. */
const GATE_OUTCOMES: readonly (CheckOutcome | null)[] = ["violation", "inconclusive", null, "pass", "ignored"];

export function gateSeverity(outcome: CheckOutcome | null): number {
  return GATE_OUTCOMES.indexOf(outcome);
}

/** What each analysis is called: by its data where several have the same label, and otherwise as in {@link buildNames}. */
export function buildTitles(analyses: Analysis[]): string[] {
  const names = buildNames(analyses);
  const data = analyses.map((one) => one.data?.short ?? "");
  if (analyses.length < 2 || data.includes("") || new Set(data).size < data.length) return names;
  return analyses.map(({ label, positive }, place) => `${data[place] ?? ""}: ${label} = ${positive}`);
}

/** A name for each analysis, by its label and positive label; numbered where several would have the same. */
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

/** How far a cell lies outside of its bounds, as a multiple of them; 1 is on the bound. */
export function reach({ value, low, high, outcome }: Cell): number {
  if (value === null) return outcome === "violation" ? Infinity : 0;
  if (low === null && high === null) return Math.abs(value);
  return Math.max(high === null ? 0 : reachUp(value, high), low === null ? 0 : reachUp(-value, -low));
}

/** How much of the way up to a bound a value has gone. Below zero, it is the bound that is the larger part. */
function reachUp(value: number, high: number): number {
  if (value === high) return 1;
  if (high > 0) return Math.max(0, value / high);
  if (value < 0) return high / value;
  return Infinity;
}

function parseOutcome(found: unknown): Outcome | null {
  return found === "pass" || found === "violation" || found === "inconclusive" ? found : null;
}

function parseNumber(found: unknown): number | null {
  if (found === "Infinity") return Infinity;
  if (found === "-Infinity") return -Infinity;
  return typeof found === "number" && !Number.isNaN(found) ? found : null;
}

function parsePair(found: unknown): [number, number] | null {
  const [one, other] = asList(found).map(parseNumber);
  return one == null || other == null ? null : [one, other];
}

function textOr<Otherwise>(found: unknown, otherwise: Otherwise): string | Otherwise {
  return typeof found === "string" ? found : otherwise;
}

function parseTexts(found: unknown): string[] {
  return asList(found).filter((entry) => typeof entry === "string");
}

function asList(found: unknown): unknown[] {
  return Array.isArray(found) ? found : [];
}

function getOwn(found: Json, name: string): Json {
  const value: unknown = Object.hasOwn(found, name) ? found[name] : undefined;
  return isObject(value) ? value : {};
}

function isObject(found: unknown): found is Json {
  return typeof found === "object" && found !== null && !Array.isArray(found);
}
