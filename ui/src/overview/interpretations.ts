/** Explains each metric and interprets its values, with the report's own texts: explanations.json is written by Python. */

import explanations from "./explanations.json";
import type { Row } from "./model";
import { count, decimal, displayName, percent, plural, shorten } from "./text";

export interface Explanation {
  title: string;
  /** The question that the metric answers, in one sentence. */
  question: string;
  formula: string;
  lowest: number;
  /** null: no upper limit. */
  highest: number | null;
  /** Templates by case; see `Explanation` in airflow_clarify/reports/interpretations.py. */
  sentences: Partial<Record<string, string>>;
  unit: string;
  largest: number;
  /** Whether the value is too small where an outcome occurs on one side only. */
  understated: boolean;
}

/** A part of a sentence; a name comes from the data and is isolated from the words around it. */
export type Part = string | { name: string };

export interface MeasuredGroup {
  column: string;
  row: Row;
  value: number;
  weighted: boolean;
}

const EXPLANATIONS = new Map<string, Explanation>(Object.entries(explanations.metrics));

export const NOTATION =
  "d is the facet value under test and a all other rows; n counts rows; q is the share of positive labels; P is the " +
  "distribution over the two outcomes, positive and not positive; g is a value of the group variable.";

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
  const { rows, positive, rest } = measured.row;
  if (metric === "CI") {
    // CI = (n_a - n_d) / n and n_a + n_d = n, so the group's share of the data follows without counts.
    const amounts = { amount: percent((1 - value) / 2), whole: weighted ? "the weight of the data" : "the data" };
    if (rows === null || rest === null) return { text: sentences.positive ?? "", amounts };
    return { text: sentences.counted ?? "", amounts: { ...amounts, rows: plural(rows, "row", "rows"), others: count(rest[0]) } };
  }
  // The counts are numbers of rows even if the metric is weighted: then their shares are not those that it compares.
  if (metric === "DPL" && !weighted && rows && positive !== null && rest?.[0]) {
    const amounts = { own_share: percent(positive / rows), others_share: percent(rest[1] / rest[0]) };
    return { text: sentences.counted ?? "", amounts };
  }
  const sign = Math.abs(value) < ZERO_TOLERANCE ? "zero" : value > 0 ? "positive" : "negative";
  return { text: sentences[sign] ?? sentences.positive ?? "", amounts: { amount: formatAmount(explanation, value) } };
}

/** Absolute values below this are rounding errors and count as zero. */
const ZERO_TOLERANCE = 1e-9;

function formatAmount({ unit, largest }: Explanation, value: number): string {
  if (unit === "share") return percent(value / largest);
  if (unit === "number") return decimal(value);
  const size = 100 * Math.abs(value);
  return size >= 0.05 ? `${decimal(size, 1)} points` : "less than 0.1 points";
}

/** Fills the placeholders of a template, and capitalises the sentence. The group is a part of its own. */
function fillTemplate({ text, amounts }: Template, { column, row }: MeasuredGroup): Part[] {
  const group = { name: `${shorten(displayName(column), 40)}=${shorten(displayName(row.value))}` };
  const capitalised = text.charAt(0).toUpperCase() + text.slice(1);
  const [before = "", after = ""] = capitalised
    .split("{group}")
    .map((part) => part.replace(/\{(\w+)\}/g, (placeholder, name: string) => amounts[name] ?? placeholder));
  return [before, group, after].filter((part) => part !== "");
}

function hasDroppedOutcome({ rows, positive, rest }: Row): boolean {
  if (!rows || positive === null || !rest?.[0]) return false;
  const [others, othersPositive] = rest;
  return positive > 0 !== othersPositive > 0 || rows > positive !== others > othersPositive;
}
