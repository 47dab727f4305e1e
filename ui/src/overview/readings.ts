/** What each metric means, in words, as the report says it. */

import type { Row } from "./model";
import { count, decimal, nameOf, percent, shortened } from "./text";

export interface Explanation {
  title: string;
  /** What it asks, in one plain sentence. */
  question: string;
  formula: string;
  lowest: number;
  highest: number;
}

/** A part of a sentence; a name comes from the data and is set apart from the words around it. */
export type Part = string | { name: string };

export interface Measured {
  column: string;
  row: Row;
  value: number;
  weighted: boolean;
}

const EXPLANATIONS = new Map<string, Explanation>([
  [
    "CDDL",
    {
      title: "Conditional demographic disparity in labels",
      question: "Within comparable groups, does this value take a larger share of the rejected than of the accepted?",
      formula: "(1/n) Σ_g n_g · (n_d,g(0) / n_g(0) − n_d,g(1) / n_g(1))",
      lowest: -1,
      highest: 1,
    },
  ],
  [
    "CI",
    {
      title: "Class imbalance",
      question: "Does this value have far fewer rows than all others together?",
      formula: "(n_a − n_d) / (n_a + n_d)",
      lowest: -1,
      highest: 1,
    },
  ],
  [
    "DPL",
    {
      title: "Difference in positive proportions in labels",
      question: "Do all others get positive labels more often than this value?",
      formula: "q_a − q_d",
      lowest: -1,
      highest: 1,
    },
  ],
  [
    "JS",
    {
      title: "Jensen-Shannon divergence",
      question: "How far are both label distributions from their mean?",
      formula: "½ KL(P_a, M) + ½ KL(P_d, M) with M = ½ (P_a + P_d)",
      lowest: 0,
      highest: Math.LN2,
    },
  ],
  [
    "KL",
    {
      title: "Kullback-Leibler divergence",
      question: "How far does the label distribution of this value diverge from that of all others?",
      formula: "Σ P_a · ln(P_a / P_d)",
      lowest: 0,
      highest: Infinity,
    },
  ],
  [
    "KS",
    {
      title: "Kolmogorov-Smirnov distance",
      question: "What is the largest gap between the two label distributions?",
      formula: "max |P_a − P_d|",
      lowest: 0,
      highest: 1,
    },
  ],
  [
    "LP",
    {
      title: "L-p norm, with p = 2",
      question: "What is the straight-line distance between the two label distributions?",
      formula: "√ Σ (P_a − P_d)²",
      lowest: 0,
      highest: Math.SQRT2,
    },
  ],
  [
    "TVD",
    {
      title: "Total variation distance",
      question: "What share of labels would have to change for the two distributions to agree?",
      formula: "½ Σ |P_a − P_d|",
      lowest: 0,
      highest: 1,
    },
  ],
]);

export const NOTATION =
  "d is the facet value under test and a all other rows; n counts rows; q is the share of positive labels; P is the " +
  "distribution over the two outcomes, positive and not positive; g is a value of the group variable.";

/** A metric that this page does not know has no explanation; its numbers are shown all the same. */
export function explanation(metric: string): Explanation | undefined {
  return EXPLANATIONS.get(metric);
}

// What Clarify understates where it leaves out an outcome that one side lacks.
const UNDERSTATED = new Set(["JS", "KL", "LP", "TVD"]);

/** One sentence, without a full stop, that says what a value of a metric means in this data; empty where none is known. */
export function reading(metric: string, measured: Measured): Part[] {
  const sentence = READ.get(metric)?.(measured) ?? [];
  if (sentence.length && UNDERSTATED.has(metric) && droppedOutcome(measured.row)) {
    return [...sentence, "; but an outcome that occurs on one side only was left out, so read DPL instead"];
  }
  return sentence;
}

function droppedOutcome({ rows, positive, rest }: Row): boolean {
  if (!rows || positive === null || !rest?.[0]) return false;
  const [others, othersPositive] = rest;
  return positive > 0 !== othersPositive > 0 || rows > positive !== others > othersPositive;
}

const points = (value: number) => decimal(100 * Math.abs(value), 1);

function group({ column, row }: Measured): Part {
  return { name: `${shortened(nameOf(column), 40)}=${shortened(nameOf(row.value))}` };
}

const READ = new Map<string, (measured: Measured) => Part[]>([
  ["CI", imbalance],
  ["DPL", difference],
  [
    "KL",
    (measured) => [
      "Expecting the labels of all others to be as those of rows with ",
      group(measured),
      ` costs ${decimal(measured.value)} nats a row; 0 would mean that they are alike`,
    ],
  ],
  [
    "JS",
    (measured) => [
      "The labels of rows with ",
      group(measured),
      ` are ${percent(measured.value / Math.LN2)} of the way to having nothing in common with others`,
    ],
  ],
  [
    "LP",
    (measured) => [
      "The labels of rows with ",
      group(measured),
      ` are ${percent(measured.value / Math.SQRT2)} of the largest possible distance from all others`,
    ],
  ],
  [
    "TVD",
    (measured) => [
      `${percent(measured.value)} of the labels of rows with `,
      group(measured),
      " would have to change to be spread as all others'",
    ],
  ],
  [
    "KS",
    (measured) => [
      `The share of one outcome differs by ${points(measured.value)} points between rows with `,
      group(measured),
      " and all others",
    ],
  ],
  [
    "CDDL",
    (measured) => [
      "Over the groups, the share of rows with ",
      group(measured),
      ` among the not positive is ${points(measured.value)} points ${measured.value >= 0 ? "larger" : "smaller"} ` +
        "than among the positive",
    ],
  ],
]);

function imbalance(measured: Measured): Part[] {
  // CI = (n_a - n_d) / n and n_a + n_d = n, so the group's share of the data can be had without counts.
  const share = percent((1 - measured.value) / 2);
  const { rows, rest } = measured.row;
  const of = measured.weighted ? "of the weight of the data" : "of the data";
  if (rows === null || rest === null) return ["Rows with ", group(measured), ` are ${share} ${of}`];
  return [`${count(rows)} rows with `, group(measured), ` against ${count(rest[0])} of all others: ${share} ${of}`];
}

function difference(measured: Measured): Part[] {
  const { rows, positive, rest } = measured.row;
  // The counts are rows also where the metric is of weights: then the shares would be others than those it compares.
  if (measured.weighted || !rows || positive === null || !rest?.[0]) {
    const more = measured.value >= 0 ? "more" : "less";
    return [`All others are positive ${more} often than rows with `, group(measured), `, by ${points(measured.value)} points`];
  }
  const own = percent(positive / rows);
  return ["Of rows with ", group(measured), `, ${own} are positive; of all others, ${percent(rest[1] / rest[0])}`];
}
