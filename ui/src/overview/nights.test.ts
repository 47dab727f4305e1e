import { describe, expect, it } from "vitest";

import { buildNightCell, readNights } from "./nights";

const series = {
  format: "airflow_clarify.series/1",
  nights: [
    ["2026-01-01", "r1", "pass"],
    ["2026-01-02", "", "not judged"],
    ["2026-01-03", "r3", "violation"],
  ],
  sentences: [null, "not judged: no record of this night", "violation: DPL of g=F is 0.3"],
  values: { "DPL|g|F": [0.01, null, 0.3], "DPL|a\\|b|c|d": [0.1, 0.2, "Infinity"], broken: [1] },
  outcomes: { "DPL|g|F": "p-v" },
  extremes: {
    "DPL|g": { low: [[-0.01, null, -0.4], [0, null, 0.2]], high: [[0.02, null, -0.2], [0.05, null, 0.4]], decided: [null, "violation", null] },
  },
};

describe("the copy of a history", () => {
  const read = readNights(series);

  it("has nights, which need not be runs", () => {
    expect(read?.nights.map((night) => night.outcome)).toEqual(["pass", null, "violation"]);
    expect([read?.find("r3"), read?.find(""), read?.find("r9")]).toEqual([2, undefined, undefined]);
    expect(read?.getReason("r3")).toBeUndefined();
  });

  it("has the values of each group, whatever the names are", () => {
    expect([...(read?.getLines("DPL", "g") ?? [])].map(([value]) => value)).toEqual(["F"]);
    expect(read?.getLines("DPL", "a|b")?.get("c|d")?.values).toEqual([0.1, 0.2, "Infinity"]);
    expect(read?.getLines("KL", "g")).toBeUndefined();
    const line = read?.getLines("DPL", "g")?.get("F") ?? { values: [], outcomes: "" };
    expect(buildNightCell(line, 2, { low: -0.1, high: 0.1 })).toMatchObject({ value: 0.3, low: -0.1, outcome: "violation" });
    expect(buildNightCell(line, 1, undefined)).toMatchObject({ value: null, low: null, outcome: null });
  });

  it("has the extremes of each night", () => {
    expect(read?.getExtremes("DPL", "g", 0)).toEqual({ low: [-0.01, 0], high: [0.02, 0.05], decided: null });
    expect(read?.getExtremes("DPL", "g", 1)).toEqual({ low: null, high: null, decided: "violation" });
    expect(read?.getExtremes("DPL", "other", 0)).toBeUndefined();
  });

  it.each([[null], ["text"], [{}], [{ format: "airflow_clarify.series/2" }]])("is not read from %j", (found) => {
    expect(readNights(found)).toBeUndefined();
  });

  it("survives whatever else stands there", () => {
    const broken = readNights({ format: series.format, nights: [1, ["a"], null], values: [], extremes: 3 });
    expect(broken?.nights).toHaveLength(3);
    expect(broken?.getExtremes("DPL", "g", 0)).toBeUndefined();
  });
});
