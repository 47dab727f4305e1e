/** Explains each metric and interprets its values, with the report's own texts: explanations.json is written by Python. */

import explanations from "./explanations.json";
import type { Part, Row } from "./model";
import { count, decimal, displayName, percent, plural, shorten } from "./text";

export interface Explanation {
  title: string;
  /** The question that the metric answers, in one sentence. */
  question: string;
  formula: string;
  stage: string;
  /** null: no lower limit. */
  lowest: number | null;
  /** null: no upper limit. */
  highest: number | null;
  /** The value that means equal treatment: 1 for a ratio, otherwise 0. */
  parity: number;
  /** Templates by case; see `Explanation` in airflow_clarify/reports/explanations.py. */
  sentences: Partial<Record<string, string>>;
  unit: string;
  largest: number;
  /** The shares or ratios that the metric compares. */
  compared: Comparison | null;
  /** Whether the value is too small where an outcome occurs on one side only. */
  understated: boolean;
}

interface Comparison {
  part: string[];
  whole: string[];
  base: string;
  is_ratio: boolean;
}

export interface MeasuredGroup {
  column: string;
  row: Row;
  value: number;
  weighted: boolean;
}

const EXPLANATIONS = new Map<string, Explanation>(Object.entries(explanations.metrics));

/** The rates that are shown for each group, as shares of counts of its confusion matrix. */
export const RATES = Object.entries(explanations.rates);
export const RATES_CAPTION = explanations.rates_caption;
export const STAGES_CAPTION = explanations.stages_caption;

/** Returns the meaning of the letters in the formulas of some metrics. */
export function notation(metrics: string[]): string {
  const stages = new Set(metrics.map((metric) => EXPLANATIONS.get(metric)?.stage));
  const { all, pre_training, post_training } = explanations.notation;
  return all + (stages.has("pre_training") ? pre_training : "") + (stages.has("post_training") ? post_training : "");
}

/** Returns whether a metric is one of the predictions. */
export function isPredicted(metric: string): boolean {
  return EXPLANATIONS.get(metric)?.stage === "post_training";
}

/** Computes how far a value is from parity: for a ratio, a half is as far as twice. */
export function distance(metric: string, value: number): number {
  const parity = EXPLANATIONS.get(metric)?.parity ?? 0;
  if (parity === 0) return Math.abs(value);
  return value <= 0 ? Infinity : Math.max(value / parity, parity / value) - 1;
}

/** Returns the explanation of a metric; undefined for an unknown metric, whose numbers are shown without one. */
export function findExplanation(metric: string): Explanation | undefined {
  return EXPLANATIONS.get(metric);
}

/** Interprets a value of a metric in one sentence, without a full stop; empty for an unknown metric. */
export function interpret(metric: string, measured: MeasuredGroup): Part[] {
  const explanation = EXPLANATIONS.get(metric);
  if (!explanation) return [];
  const sentence = fillTemplate(chooseTemplate(metric, explanation, measured), measured);
  const dropped = explanation.understated && hasDroppedOutcome(measured.row);
  return dropped ? [...sentence, explanations.dropped_outcome] : sentence;
}

interface Template {
  text: string;
  amounts: Record<string, string>;
}

function chooseTemplate(metric: string, explanation: Explanation, measured: MeasuredGroup): Template {
  const { sentences } = explanation;
  const { value, weighted } = measured;
  const { rows, rest } = measured.row;
  if (metric === "CI") {
    // CI = (n_a - n_d) / n and n_a + n_d = n, so the group's share of the data follows without counts.
    const amounts = { amount: percent((1 - value) / 2), whole: weighted ? "the weight of the data" : "the data" };
    if (rows === null || rest === null) return { text: sentences.positive ?? "", amounts };
    return { text: sentences.counted ?? "", amounts: { ...amounts, rows: plural(rows, "row", "rows"), others: count(rest[0]) } };
  }
  // The counts are numbers of rows even if the metric is weighted: then their shares are not those that it compares.
  const compared = weighted ? undefined : compare(explanation, measured.row);
  if (compared) return compared;
  if (!Number.isFinite(value)) return { text: sentences.infinite ?? explanations.infinite, amounts: {} };
  const sign = Math.abs(value) < ZERO_TOLERANCE ? "zero" : value > 0 ? "positive" : "negative";
  return { text: sentences[sign] ?? sentences.positive ?? "", amounts: { amount: formatAmount(explanation, value) } };
}

/** Chooses the template of the two shares or ratios that a metric compares; undefined without their counts. */
function compare({ sentences, compared }: Explanation, row: Row): Template | undefined {
  const sides = [countSide(row, "own"), countSide(row, "others")];
  if (!compared || sentences.counted === undefined) return undefined;
  const texts: string[] = [];
  for (const [place, counts] of sides.entries()) {
    const [part, whole] = [sum(counts, compared.part), sum(counts, compared.whole)];
    if (part === undefined || whole === undefined || (whole === 0 && compared.base === "")) return undefined;
    if (whole === 0) {
      const kind = compared.is_ratio ? "ratio" : "share";
      const result = part > 0 ? explanations.empty.infinite : explanations.empty.zero;
      const text = place === 0 ? explanations.no_base.own : explanations.no_base.others;
      return { text, amounts: { base: compared.base, kind, result } };
    }
    texts.push(compared.is_ratio ? decimal(part / whole, 2) : percent(part / whole));
  }
  const [own = "", others = ""] = texts;
  return { text: sentences.counted, amounts: { own, others } };
}

/** Returns the counts of one side by name, as in `Comparison`. */
function countSide({ rows, positive, rest, confusion }: Row, side: "own" | "others"): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const [all, positives] = side === "own" ? [rows, positive] : [rest?.[0] ?? null, rest?.[1] ?? null];
  if (all !== null && positives !== null) counts.set("all", all).set("positive", positives);
  if (confusion) {
    const { tp, fp, fn, tn } = confusion[side];
    counts.set("tp", tp).set("fp", fp).set("fn", fn).set("tn", tn);
  }
  return counts;
}

function sum(counts: ReadonlyMap<string, number>, names: string[]): number | undefined {
  const found = names.map((name) => counts.get(name));
  return found.every((count) => count !== undefined) ? found.reduce((one, other) => one + other, 0) : undefined;
}

/** Absolute values below this are rounding errors and count as zero. */
const ZERO_TOLERANCE = 1e-9;

function formatAmount({ unit, largest }: Explanation, value: number): string {
  if (unit === "share") return percent(value / largest);
  if (unit === "number") return decimal(Math.abs(value));
  if (unit === "ratio") return `${decimal(value, 2)} times`;
  const size = 100 * Math.abs(value);
  return size >= 0.05 ? `${decimal(size, 1)} points` : "less than 0.1 points";
}

/** Fills the placeholders of a template, and capitalises the sentence. The group is a part of its own. */
function fillTemplate({ text, amounts }: Template, { column, row }: MeasuredGroup): Part[] {
  const group = { name: `${shorten(displayName(column), 40)}=${shorten(displayName(row.value))}` };
  const capitalised = text.charAt(0).toUpperCase() + text.slice(1);
  const [before = "", after] = capitalised
    .split("{group}")
    .map((part) => part.replace(/\{(\w+)\}/g, (placeholder, name: string) => amounts[name] ?? placeholder));
  return (after === undefined ? [before] : [before, group, after]).filter((part) => part !== "");
}

function hasDroppedOutcome({ rows, positive, rest }: Row): boolean {
  if (!rows || positive === null || !rest?.[0]) return false;
  const [others, othersPositive] = rest;
  return positive > 0 !== othersPositive > 0 || rows > positive !== others > othersPositive;
}
