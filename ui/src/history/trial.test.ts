import { describe, expect, it } from "vitest";

import type { Cell } from "../overview/model";
import type { Extremes } from "../overview/nights";
import { chooseRange, describeRule, findExtremes, judgeExtremes, tally, toBounds, toSize, tryBound } from "./trial";

const cell = (value: number | null, own: Partial<Cell> = {}): Cell => ({
  value,
  low: -0.1,
  high: 0.1,
  outcome: "pass",
  interval: null,
  pValue: null,
  ...own,
});
const rule = { confidence: 0.95, stopsInconclusive: false, minRows: 0, correction: "", overRuns: "" };

describe("a trial of another bound", () => {
  const points: Extremes = { low: [-0.12, 0.05], high: [-0.12, 0.05], decided: null };
  const intervals: Extremes = { low: [-0.2, 0.08], high: [-0.02, 0.15], decided: null };

  it.each([
    [points, 0.12, "pass"],
    [points, 0.1, "violation"],
    [intervals, 0.2, "pass"],
    [intervals, 0.1, "inconclusive"],
    [intervals, 0.07, "violation"],
    [{ ...intervals, decided: "violation" as const }, 1, "violation"],
    [{ low: null, high: null, decided: "ignored" as const }, 0, null],
  ])("judges %j with %d as %s", (extremes, size, outcome) => {
    expect(judgeExtremes(extremes, toBounds("DPL", size))).toBe(outcome);
  });

  it("means the same by a number as the gate does", () => {
    expect(toBounds("DPL", 0.1)).toEqual({ low: -0.1, high: 0.1 });
    expect(toBounds("DI", 0.8)).toEqual({ low: 0.8, high: 1.25 });
    expect(toSize("DI", { low: 0.8, high: 1.25 })).toBe(0.8);
    expect(toSize("DPL", { low: -0.2, high: 0.1 })).toBe(0.2);
    expect(toSize("DPL", { low: null, high: null })).toBeUndefined();
  });

  it("takes the ends of intervals, and what was decided without bounds", () => {
    expect(findExtremes([cell(0.05, { interval: [0.01, 0.09] }), cell(-0.3, { interval: [-0.4, -0.2] }), undefined], true)).toEqual({
      low: [-0.4, 0.01],
      high: [-0.2, 0.09],
      decided: null,
    });
    // A violation although it lies inside: the group has too few rows.
    expect(findExtremes([cell(0.05, { outcome: "violation" })], true)).toEqual({ low: null, high: null, decided: "violation" });
    expect(findExtremes([cell(null, { outcome: "violation" }), cell(0.2, { outcome: "ignored" })], false).decided).toBe("violation");
    expect(findExtremes([cell(0.05), cell(0.2)], false)).toMatchObject({ low: [0.05, 0.2], high: [0.05, 0.2] });
  });

  it("counts undecided nights as the gate treats them", () => {
    const trial = tryBound([points, intervals, null, undefined], toBounds("DPL", 0.1));
    expect(trial.outcomes).toEqual(["violation", "inconclusive", null, undefined]);
    expect(tally(trial, rule)).toEqual({ stopped: 1, undecided: 1, passed: 0, notJudged: 1 });
    expect(tally(trial, { ...rule, stopsInconclusive: true })).toMatchObject({ stopped: 2, undecided: 0 });
  });

  it("can let every night pass", () => {
    for (const extremes of [points, intervals, { low: [-3.14, 2] as [number, number], high: [0, 12.7] as [number, number], decided: null }]) {
      const { max, step } = chooseRange("DPL", [extremes], 0.1);
      expect(judgeExtremes(extremes, toBounds("DPL", max))).toBe("pass");
      expect(max / step).toBeLessThanOrEqual(1000);
    }
    const ratio: Extremes = { low: [0.42, 0.9], high: [0.6, 1.1], decided: null };
    expect(judgeExtremes(ratio, toBounds("DI", chooseRange("DI", [ratio], 0.8).min))).toBe("pass");
  });

  it("says where it differs from the gate", () => {
    expect(describeRule(rule, true, "DPL")).toContain("95 % interval of a group lies outside the bound; one that reaches across");
    expect(describeRule(rule, false, "KL")).toContain("if the KL of a group lies outside");
    expect(describeRule({ ...rule, correction: "holm", overRuns: "change" }, true, "DPL")).toMatch(/stops fewer nights.*many nights together/);
  });
});
