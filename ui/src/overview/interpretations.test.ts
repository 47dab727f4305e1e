import { describe, expect, it } from "vitest";

import type { Part, Row } from "./model";
import { interpret } from "./interpretations";

const row: Row = { rank: 0, value: "Trend", rows: 118, positive: 78, rest: [22508, 17355], confusion: null, hidden: false, cells: new Map(), outcome: null };
const written = (parts: Part[]) =>
  parts.map((part) => (typeof part === "string" ? part : `[${part.name}]`)).join("").replaceAll("\u00a0", " ");
const read = (metric: string, value: number, own: Partial<Row> = {}, weighted = false) =>
  written(interpret(metric, { column: "product_category", row: { ...row, ...own }, value, weighted }));

describe("the interpretation of a value", () => {
  it("speaks of the people", () => {
    expect(read("DPL", 0.11)).toBe("Of rows with [product_category=Trend], 66.1 % are positive; of all others, 77.1 %");
    expect(read("CI", 0.9896)).toBe("118 rows with [product_category=Trend] against 22,508 of all others: 0.5 % of the data");
  });

  it("does without counts", () => {
    const none = { rows: null, positive: null, rest: null };
    expect(read("DPL", -0.05, none)).toBe("All others are positive less often than rows with [product_category=Trend], by 5.0 points");
    expect(read("CI", 0.5, none)).toBe("Rows with [product_category=Trend] are 25.0 % of the data");
  });

  it("does not give shares of rows for a metric of weights", () => {
    expect(read("DPL", 0.2, {}, true)).toMatch(/by 20.0 points$/);
  });

  it("warns where an outcome was left out", () => {
    expect(read("TVD", 0.2, { positive: 118 })).toMatch(/read DPL instead$/);
    expect(read("KS", 0.2, { positive: 118 })).not.toMatch(/read DPL instead$/);
  });

  it("has the report's words for a value of zero and for a small one", () => {
    const none = { rows: null, positive: null, rest: null };
    const start = "Over the groups, the share of rows with [product_category=Trend] among the not positive is ";
    expect(read("CDDL", 0)).toBe(`${start}as large as among the positive`);
    expect(read("CDDL", -0.3)).toBe(`${start}30.0 points smaller than among the positive`);
    expect(read("CDDL", 0.0001)).toBe(`${start}less than 0.1 points larger than among the positive`);
    expect(read("DPL", 0, none)).toBe("All others are positive as often as rows with [product_category=Trend]");
    expect(read("JS", Math.LN2 / 4)).toMatch(/ by 25\.0 % of the largest divergence/);
  });

  it("is empty for a metric that is unknown", () => {
    expect(read("NEW", 0.2)).toBe("");
  });
});

describe("the interpretation of a metric of predictions", () => {
  const confusion = { own: { tp: 20, fp: 5, fn: 7, tn: 18 }, others: { tp: 65, fp: 10, fn: 5, tn: 20 } };

  it("names the two shares or ratios that it compares, as the report does", () => {
    const group = "[product_category=Trend]";
    expect(read("RD", 0.1878, { confusion })).toBe(
      `Of positive rows with ${group}, 74.1 % are predicted positive; of all others, 92.9 %`,
    );
    expect(read("DCA", -0.15, { confusion })).toBe(
      `Rows with ${group} have 1.08 positive labels for each positive prediction; all others have 0.93`,
    );
    expect(read("DI", 0.5)).toBe(`Rows with ${group} are predicted positive 0.50 times as often as all others`);
  });

  it("says where a share is one of no rows", () => {
    const none = { ...confusion, own: { tp: 4, fp: 0, fn: 1, tn: 4 } };
    expect(read("TE", Infinity, { confusion: none })).toMatch(/^No row with .* is a false alarm, so its ratio is infinite$/);
  });

  it("needs no group for a metric of all rows", () => {
    expect(read("GE", 0.1, { confusion })).toMatch(/^Over all rows of every group, .* by 0\.1000; 0 would mean/);
  });
});
