import { describe, expect, it } from "vitest";

import { Facet, NotAnOverview, buildNames, reach, readOverview, severity, findWorst, worstFacet } from "./model";
import { summarizeVerdict } from "./text";

const overview = (facet: object, more: object = {}) => ({
  format: "airflow_clarify.overview/1",
  kind: "gate",
  reaction: "fail",
  outcome: "violation",
  analyses: [{ label: "sentiment", positive: "1", outcome: "violation", facets: [facet], ...more }],
});

const facet = {
  column: "c",
  values: ["x", "__proto__"],
  rows: [10, 20],
  positive: [5, null],
  rest: [[90, 45], null],
  metrics: { DPL: [0.11, null], KL: ["Infinity", "-Infinity"] },
  errors: { DPL: "why" },
  judged: { DPL: { low: [-0.1, null], high: [0.1, null], outcomes: ["violation", null], intervals: [[0.08, 0.14], null] } },
  left_out: 3,
};

describe("reading an overview", () => {
  it("finds every cell", () => {
    const read = readOverview(overview(facet)).analyses[0]?.facets[0];
    expect(read?.values).toEqual(["x", "__proto__"]);
    expect(read?.rows[0]).toMatchObject({ rows: 10, positive: 5, rest: [90, 45], outcome: "violation" });
    expect(read?.cell("DPL", 0)).toEqual({ value: 0.11, low: -0.1, high: 0.1, outcome: "violation", interval: [0.08, 0.14], pValue: null });
    expect(read?.cell("KL", 0)).toEqual({ value: Infinity, low: null, high: null, outcome: null, interval: null, pValue: null });
    expect(read?.cell("KL", 1)?.value).toBe(-Infinity);
    expect(read?.rows[1]).toMatchObject({ rest: null, outcome: null });
    expect(read?.leftOut).toBe(3);
  });

  it("takes the text of its JSON too", () => {
    expect(readOverview(JSON.stringify(overview(facet))).kind).toBe("gate");
  });

  it("survives whatever else stands there", () => {
    const broken = { column: 3, values: [1, null, {}], rows: "no", metrics: { DPL: "no", KL: null }, judged: [] };
    const [analysis] = readOverview(overview(broken, { reasons: [1, "a"], outputs: { a: 1, b: "s3" } })).analyses;
    expect(analysis?.facets[0]?.rows).toHaveLength(3);
    expect(analysis?.facets[0]?.rows[0]?.cells.get("DPL")?.value).toBeNull();
    expect(analysis?.reasons).toEqual(["a"]);
    expect(analysis?.outputs).toEqual([["b", "s3"]]);
  });

  it.each([[null], ["text"], [{}], [{ format: "airflow_clarify.overview/2" }], [overview(facet).analyses]])(
    "refuses %j with a sentence",
    (found) => {
      expect(() => readOverview(found)).toThrow(NotAnOverview);
    },
  );

  it.each(["s3://xcoms/d/r/gate/abc.json", '"file:///xcoms/abc"', "/xcoms/abc"])("says that %s lies elsewhere", (found) => {
    expect(() => readOverview(found)).toThrow("is stored in an XCom backend that Airflow’s API does not read");
  });
});

describe("several analyses", () => {
  const several = (...found: [string, string][]) =>
    readOverview({
      ...overview(facet),
      analyses: found.map(([label, outcome]) => ({ label, positive: "1", outcome, sentence: `${outcome}: of ${label}` })),
    });

  it("are told apart, and the worst is the reason", () => {
    const read = several(["a", "pass"], ["a", "violation"], ["a = 1 (2)", "inconclusive"], ["a", "violation"]);
    expect(buildNames(read.analyses)).toEqual(["a = 1", "a = 1 (2)", "a = 1 (2) = 1", "a = 1 (3)"]);
    expect(findWorst(read)).toBe(read.analyses[1]);
    expect(summarizeVerdict(read)).toBe("a = 1 (2): Of a");
  });

  it("need no name where there is one", () => {
    expect(summarizeVerdict(several(["a", "violation"]))).toBe("Of a");
  });
});

describe("how bad a cell is", () => {
  it("is measured by the bound on its side", () => {
    const cell = { value: -0.3, low: -0.1, high: 0.2, outcome: null, interval: null, pValue: null };
    expect(reach(cell)).toBeCloseTo(3);
    expect(reach({ ...cell, value: 0.1 })).toBeCloseTo(0.5);
    expect(reach({ ...cell, value: null, outcome: "violation" })).toBe(Infinity);
  });

  it.each([
    // Far on the side where there is no bound.
    { value: -5, low: null, high: 0.1, is: 0 },
    { value: 5, low: -0.1, high: null, is: 0 },
    { value: 0.05, low: null, high: 0.1, is: 0.5 },
    { value: 0.3, low: -0.1, high: null, is: 0 },
    // A lower bound above zero, such as that of a ratio: half of it is twice as bad.
    { value: 0.4, low: 0.8, high: null, is: 2 },
    { value: 1.6, low: 0.8, high: 1.25, is: 1.28 },
    { value: -0.4, low: null, high: -0.8, is: 2 },
    { value: 0, low: 0.8, high: null, is: Infinity },
    { value: 0, low: 0, high: 0, is: 1 },
    { value: 0.1, low: null, high: 0, is: Infinity },
    { value: -Infinity, low: -0.1, high: 0.1, is: Infinity },
    { value: -0.3, low: null, high: null, is: 0.3 },
  ])("is measured where a side has no bound: $value in [$low, $high]", ({ is, ...cell }) => {
    expect(reach({ ...cell, outcome: "pass", interval: null, pValue: null })).toBeCloseTo(is);
  });

  it("puts what nobody judged last", () => {
    expect([null, "pass", "violation", "inconclusive"].toSorted((a, b) => severity(a as never) - severity(b as never))).toEqual(
      ["violation", "inconclusive", "pass", null],
    );
  });
});

describe("the facet that is shown first", () => {
  const judged = (column: string, value: number, outcome: string) =>
    new Facet({ column, values: ["x"], metrics: { DPL: [value] }, judged: { DPL: { low: [-0.1], high: [0.1], outcomes: [outcome] } } });

  it("is the one with the worst value", () => {
    const facets = [judged("a", 0.05, "pass"), judged("b", -0.12, "violation"), judged("c", 0.2, "violation")];
    expect(worstFacet(facets)).toBe(2);
    expect(worstFacet(facets.slice(0, 2))).toBe(1);
    expect(worstFacet([judged("a", 0.05, "pass"), judged("b", 0.05, "pass")])).toBe(0);
    expect(worstFacet([])).toBe(0);
  });
});
