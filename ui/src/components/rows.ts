/** Selects, sorts and shades the rows of a table. */

import type { Cell, Facet, Row } from "../overview/model";
import { isNotPassing, reach } from "../overview/model";
import { distance, findExplanation } from "../overview/interpretations";
import { displayName } from "../overview/text";

export interface Order {
  /** "rank", "value", "rows", "positive" or a metric. */
  by: string;
  down: boolean;
}

interface Wanted {
  search: string;
  failing: boolean;
  order: Order;
}

export function selectRows(rows: Row[], { search, failing, order }: Wanted): Row[] {
  const text = search.trim().toLocaleLowerCase();
  const found = rows.filter(
    (row) =>
      (!failing || isNotPassing(row.outcome)) &&
      (text === "" || displayName(row.value).toLocaleLowerCase().includes(text)),
  );
  if (order.by === "rank") return found;
  const turn = order.down ? -1 : 1;
  return found.sort((one, other) => {
    if (order.by === "value") return turn * one.value.localeCompare(other.value, undefined, { numeric: true });
    const [a, b] = [sortKey(one, order.by), sortKey(other, order.by)];
    // Rows without a number sort last, in both directions.
    if (a === null || b === null) return Number(a === null) - Number(b === null) || one.rank - other.rank;
    return a === b ? one.rank - other.rank : turn * (a < b ? -1 : 1);
  });
}

function sortKey(row: Row, by: string): number | null {
  if (by === "rows") return row.rows;
  if (by === "positive") return row.rows && row.positive !== null ? row.positive / row.rows : null;
  return row.cells.get(by)?.value ?? null;
}

/** Returns the metric to draw first: the one that fails most often or is closest to failing; DPL without checks. */
export function firstMetric(facet: Facet): string {
  let found: { metric: string; failing: number; reach: number } | undefined;
  for (const metric of facet.metrics) {
    const cells = facet.values.flatMap((_, rank) => facet.cell(metric, rank) ?? []);
    const judged = cells.filter((cell) => cell.outcome !== null && cell.outcome !== "ignored");
    if (judged.length === 0) continue;
    const failing = judged.filter((cell) => cell.outcome !== "pass").length;
    const farthest = Math.max(...judged.map(reach));
    if (!found || failing > found.failing || (failing === found.failing && farthest > found.reach)) {
      found = { metric, failing, reach: farthest };
    }
  }
  return found?.metric ?? (facet.metrics.includes("DPL") ? "DPL" : (facet.metrics[0] ?? ""));
}

/** Computes the intensity of a cell's colour, from 0 to 1, relative to its bound or to its metric's range. */
export function strength(metric: string, cell: Cell): number {
  if (cell.value === null) return cell.outcome === "violation" ? 1 : 0;
  if (cell.outcome !== null) return Math.min(1, reach(cell));
  const highest = findExplanation(metric)?.highest ?? 1;
  return Math.min(1, distance(metric, cell.value) / highest);
}
