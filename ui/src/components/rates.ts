/** Computes the rates of a confusion matrix with their confidence intervals. */

import type { Confusion } from "../overview/model";
import { RATES } from "../overview/interpretations";

export interface Rate {
  name: string;
  /** null: there are no rows to have a share of. */
  share: number | null;
  low: number;
  high: number;
}

/** Computes the rates that are shown for a group. */
export function computeRates(confusion: Confusion): Rate[] {
  return RATES.map(([name, { part, whole }]) => {
    const [counted, total] = [sum(confusion, part), sum(confusion, whole)];
    const share = total > 0 ? counted / total : null;
    const [low, high] = computeWilson(share ?? 0, total);
    return { name, share, low, high };
  });
}

/** Computes Wilson's interval of a share of rows at 95 %, as airflow_clarify/bias/confidence.py does. */
export function computeWilson(share: number, rows: number): [number, number] {
  if (rows === 0) return [0, 1];
  const z = 1.959963984540054;
  const centre = share + (z * z) / (2 * rows);
  const spread = z * Math.sqrt((share * (1 - share)) / rows + (z * z) / (4 * rows * rows));
  const scale = 1 + (z * z) / rows;
  return [Math.max(0, (centre - spread) / scale), Math.min(1, (centre + spread) / scale)];
}

export function addUp(one: Confusion, other: Confusion): Confusion {
  return { tp: one.tp + other.tp, fp: one.fp + other.fp, fn: one.fn + other.fn, tn: one.tn + other.tn };
}

function sum(confusion: Confusion, names: string[]): number {
  return names.reduce((total, name) => total + (name in confusion ? confusion[name as keyof Confusion] : 0), 0);
}
