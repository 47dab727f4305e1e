import { describe, expect, it } from "vitest";

import { computeRates, computeWilson } from "./rates";

describe("the rates of a group", () => {
  it("are shares of their own rows, with Wilson's intervals", () => {
    const rates = new Map(computeRates({ tp: 400, fp: 50, fn: 100, tn: 450 }).map((rate) => [rate.name, rate]));
    expect([...rates.keys()]).toEqual(["Acceptance", "Recall", "Specificity", "Precision", "Accuracy"]);
    expect(rates.get("Recall")?.share).toBe(0.8);
    expect(rates.get("Specificity")?.share).toBe(0.9);
    // compute_wilson_interval(0.8, 500, 0.95) of the package
    expect(rates.get("Recall")?.low).toBeCloseTo(0.7627108946948261, 9);
    expect(rates.get("Recall")?.high).toBeCloseTo(0.8327145010282426, 9);
  });

  it("are none where there are no rows", () => {
    const recall = computeRates({ tp: 0, fp: 1, fn: 0, tn: 1 }).find(({ name }) => name === "Recall");
    expect(recall?.share).toBeNull();
    expect(computeWilson(0, 0)).toEqual([0, 1]);
  });
});
