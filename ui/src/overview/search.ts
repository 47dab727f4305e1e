/** Parses the result of a search for subgroups: texts that Python has formatted for the report too. */

import type { Json } from "./model";
import { asList, isObject, parseNumber, parseOutputs, parseTexts, textOr } from "./model";

/** A column and its value. */
export interface Item {
  column: string;
  value: string;
}

/** A finding, with its numbers as texts. */
export interface Finding {
  group: Item[];
  /** The number of findings that contain it. */
  level: number;
  rows: string;
  ownRate: string;
  restRate: string;
  value: string;
  excess: string;
  direction: string;
  interval: string;
  pAdjusted: string;
  /** The parent that explains most; empty for all rows. */
  beyond: Item[];
  /** The number of combinations that it explains; empty if there is none. */
  folded: string;
  examples: { group: Item[]; text: string }[];
}

export interface Search {
  source: string;
  label: string;
  positive: string;
  metric: string;
  /** The rate that the metric compares. */
  rate: string;
  summary: string;
  explanation: string;
  figures: { title: string; text: string }[];
  /** Each below the finding that contains it. */
  rows: Finding[];
  columns: { name: string; values: string; missing: string }[];
  warnings: string[];
  counted: string;
  outputs: [string, string][];
}

export function readSearch(found: Json): Search {
  const text = (name: string) => textOr(found[name], "");
  return {
    source: text("source"),
    label: text("label"),
    positive: text("positive"),
    metric: text("metric"),
    rate: text("rate"),
    summary: text("summary"),
    explanation: text("explanation"),
    figures: listObjects(found.figures).map((one) => ({ title: textOr(one.title, ""), text: textOr(one.text, "") })),
    rows: listObjects(found.rows).map(readFinding),
    columns: listObjects(found.columns).map((one) => ({
      name: textOr(one.name, ""),
      values: textOr(one.values, ""),
      missing: textOr(one.missing, ""),
    })),
    warnings: parseTexts(found.warnings),
    counted: text("counted"),
    outputs: parseOutputs(found.outputs),
  };
}

function readFinding(found: Json): Finding {
  const text = (name: string) => textOr(found[name], "");
  return {
    group: readItems(found.group),
    level: Math.min(10, Math.max(0, parseNumber(found.level) ?? 0)),
    rows: text("rows"),
    ownRate: text("own_rate"),
    restRate: text("rest_rate"),
    value: text("value"),
    excess: text("excess"),
    direction: text("direction"),
    interval: text("interval"),
    pAdjusted: text("p_adjusted"),
    beyond: readItems(found.beyond),
    folded: text("folded"),
    examples: listObjects(found.examples).map((one) => ({ group: readItems(one.group), text: textOr(one.text, "") })),
  };
}

function readItems(found: unknown): Item[] {
  return listObjects(found).map((one) => ({ column: textOr(one.column, ""), value: textOr(one.value, "") }));
}

function listObjects(found: unknown): Json[] {
  return asList(found).filter(isObject);
}
