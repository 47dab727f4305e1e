import { describe, expect, it } from "vitest";

import type { CheckOutcome, Row } from "../overview/model";
import { Facet } from "../overview/model";
import { selectRows, firstMetric, strength } from "./rows";
import { buildScale } from "./scale";

const row = (rank: number, value: string, dpl: number | null, outcome: CheckOutcome | null): Row => ({
  rank,
  value,
  rows: 10 * rank,
  positive: 5,
  rest: null,
  confusion: null, hidden: false,
  cells: new Map([["DPL", { value: dpl, low: -0.1, high: 0.1, outcome, interval: null, pValue: null }]]),
  outcome,
});
const rows = [row(0, "b10", 0.2, "violation"), row(1, "b9", -0.3, "inconclusive"), row(2, "a", null, "pass"), row(3, "c", 0, null)];
const values = (order: { by: string; down: boolean }, search = "", failing = false) =>
  selectRows(rows, { search, failing, order }).map((one) => one.value);

describe("the rows of a table", () => {
  it("are sorted as numbers and as text, with what has no number at the end", () => {
    expect(values({ by: "DPL", down: true })).toEqual(["b10", "c", "b9", "a"]);
    expect(values({ by: "DPL", down: false })).toEqual(["b9", "c", "b10", "a"]);
    expect(values({ by: "value", down: false })).toEqual(["a", "b9", "b10", "c"]);
    expect(values({ by: "rank", down: false })).toEqual(["b10", "b9", "a", "c"]);
  });

  it("are searched, and cut down to those that do not pass", () => {
    expect(values({ by: "rank", down: false }, " B1 ")).toEqual(["b10"]);
    expect(values({ by: "rank", down: false }, "", true)).toEqual(["b10", "b9"]);
  });
});

describe("what is drawn", () => {
  it("is first the metric that fails most often, then the one that fails by most", () => {
    const high = { low: [null, null], high: [0.1, 0.1] };
    const twice = new Facet({
      values: ["x", "y"],
      metrics: { JS: [0.9, 0], DPL: [0.2, 0.2] },
      judged: {
        JS: { ...high, outcomes: ["violation", "pass"] },
        DPL: { ...high, outcomes: ["violation", "violation"] },
      },
    });
    expect(firstMetric(twice)).toBe("DPL");
    const judged = (value: number) => ({ low: [null], high: [0.1], outcomes: [value > 0.1 ? "violation" : "pass"] });
    const facet = new Facet({
      column: "c",
      values: ["x"],
      metrics: { CI: [0.05], JS: [0.3], DPL: [0.2] },
      judged: { CI: judged(0.05), JS: judged(0.3), DPL: judged(0.2) },
    });
    expect(firstMetric(facet)).toBe("JS");
    expect(firstMetric(new Facet({ values: ["x"], metrics: { CI: [1], DPL: [0] } }))).toBe("DPL");
    expect(firstMetric(new Facet({}))).toBe("");
  });

  it("is as strong as it is near to its bound", () => {
    const cell = { value: 0.05, low: null, high: 0.1, outcome: "pass" as const, interval: null, pValue: null };
    expect(strength("DPL", cell)).toBeCloseTo(0.5);
    expect(strength("DPL", { ...cell, value: 5 })).toBe(1);
    expect(strength("JS", { ...cell, outcome: null, value: Math.LN2 / 2 })).toBeCloseTo(0.5);
  });
});

describe("an axis", () => {
  it("holds every number and has round marks", () => {
    const scale = buildScale([-0.1, 0.11, null, Infinity, 0.1]);
    expect(scale.ticks).toEqual([-0.1, 0, 0.1]);
    expect(scale.at(-0.1)).toBeGreaterThan(0);
    expect(scale.at(0.11)).toBeLessThan(1);
    expect(scale.at(Infinity)).toBe(1);
  });

  it("is there also for one number, and for none", () => {
    expect(buildScale([0.5]).at(0.5)).toBeCloseTo(0.5);
    expect(buildScale([0]).ticks.length).toBeGreaterThan(1);
    expect(buildScale([]).ticks.length).toBeGreaterThan(1);
  });
});
