import { describe, expect, it } from "vitest";

import type { Entry } from "../api/airflow";
import { isLatestFirst } from "../api/airflow";
import { latestOf } from "../gates/useGates";
import { readOverview } from "../overview/model";
import { drawingOrder } from "./drawing";
import { linesOf, runsOf } from "./measured";
import { keyOf } from "./useValues";

const entry = (runId: string, runAfter: string, taskId = "gate"): Entry => ({
  dagId: "d",
  runId,
  taskId,
  mapIndex: -1,
  dagName: "d",
  taskName: taskId,
  runAfter,
  timestamp: runAfter,
});

describe("the order in which a history is fetched", () => {
  it("takes everything once, the latest first, and covers the whole early", () => {
    const order = drawingOrder(200);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, place) => place));
    expect(order.slice(0, 6)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(Math.max(...order.slice(0, 20))).toBeGreaterThan(180);
    expect(drawingOrder(1)).toEqual([0]);
    expect(drawingOrder(0)).toEqual([]);
  });
});

describe("a list of Airflow's", () => {
  const older = entry("a", "2026-01-01T00:00:00Z");
  const newer = entry("b", "2026-02-01T00:00:00Z");

  it("shows whether it came in the order asked for", () => {
    expect(isLatestFirst([newer, older])).toBe(true);
    expect(isLatestFirst([older, newer])).toBe(false);
  });

  it("gives the latest of each task in any order", () => {
    const measuring = entry("a", "2026-01-01T00:00:00Z", "bias");
    expect(latestOf([older, measuring, newer])).toEqual([newer, measuring]);
  });
});

describe("a history", () => {
  const overview = (values: string[], dpl: number[]) =>
    readOverview({
      format: "airflow_clarify.overview/1",
      kind: "gate",
      outcome: "violation",
      analyses: [
        {
          label: "l",
          positive: "1",
          outcome: "violation",
          facets: [
            {
              column: "c",
              values,
              metrics: { DPL: dpl },
              judged: { DPL: { low: [], high: dpl.map(() => 0.1), outcomes: dpl.map((one) => (one > 0.1 ? "violation" : "pass")) } },
            },
          ],
        },
      ],
    });

  it("has one line for each value that any run has, with gaps where a run has none", () => {
    const entries = [entry("3", "3"), entry("2", "2"), entry("1", "1")];
    const [latest, , first] = entries as [Entry, Entry, Entry];
    const found = new Map([
      [keyOf(latest), { overview: overview(["x", "y"], [0.2, 0.05]) }],
      [keyOf(first), { overview: overview(["y", "z"], [0.3, 0.01]) }],
    ]);
    const runs = runsOf(entries, found, "l = 1");
    expect(runs.map((run) => [run.entry.runId, run.loading, run.outcome])).toEqual([
      ["1", false, "violation"],
      ["2", true, null],
      ["3", false, "violation"],
    ]);
    const lines = linesOf(runs, { analysis: "l = 1", column: "c", metric: "DPL" });
    expect(lines.map((line) => [line.value, line.notPassing, line.cells.map((cell) => cell?.value)])).toEqual([
      ["x", 1, [undefined, undefined, 0.2]],
      ["y", 1, [0.3, undefined, 0.05]],
      ["z", 0, [0.01, undefined, undefined]],
    ]);
    expect(lines[2]?.latest?.value).toBe(0.01);
  });
});
