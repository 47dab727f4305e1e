import { describe, expect, it } from "vitest";

import type { Entry } from "../api/airflow";
import { isLatestFirst, selectFirstInstances } from "../api/airflow";
import type { Gate } from "../gates/useGates";
import { dropMeasuringTasks, selectLatest } from "../gates/useGates";
import { readOverview } from "../overview/model";
import { drawingOrder } from "./drawing";
import { readNights } from "../overview/nights";
import { buildLines, findNewestReadable, buildRuns, buildSpans, pickCopy } from "./series";
import { entryKey } from "./useValues";

const entry = (runId: string, runAfter: string, taskId = "gate", mapIndex = -1): Entry => ({
  dagId: "d",
  runId,
  taskId,
  mapIndex,
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
    // As text, the later one would come first.
    expect(isLatestFirst([entry("b", "2026-01-01T03:00:00.500000Z"), entry("a", "2026-01-01T03:00:00Z")])).toBe(true);
  });

  it("gives the latest of each task in any order", () => {
    const measuring = entry("a", "2026-01-01T00:00:00Z", "bias");
    expect(selectLatest([older, measuring, newer])).toEqual([newer, measuring]);
  });

  it("shows no measuring task while another task of its DAG is still loading, which may be a gate", () => {
    const gate = (kind: "gate" | "analysis" | undefined, error?: unknown): Gate => ({
      entry: newer,
      overview: kind && readOverview({ format: "airflow_clarify.overview/1", kind, analyses: [{}] }),
      error,
      outcome: null,
      why: "",
      before: undefined,
    });
    const kinds = (all: Gate[]) => dropMeasuringTasks(all).map((one) => one.overview?.kind);
    expect(kinds([gate("analysis"), gate(undefined)])).toEqual([]);
    expect(kinds([gate("analysis"), gate("gate")])).toEqual(["gate"]);
    expect(kinds([gate("analysis"), gate(undefined, new Error("gone"))])).toEqual(["analysis", undefined]);
  });

  it("gives no instance that the latest run of a mapped task does not have", () => {
    const instance = (run: string, day: string, index: number) => entry(run, `2026-01-0${day}T03:00:00Z`, "gate", index);
    const now = [instance("b", "2", 0), instance("b", "2", 1)];
    const before = [instance("a", "1", 0), instance("a", "1", 1), instance("a", "1", 2)];
    expect(selectLatest([...before, ...now, ...now])).toEqual(now);
    expect(selectFirstInstances([...now.toReversed(), measuring(-1)]).map((one) => [one.taskId, one.mapIndex])).toEqual([
      ["gate", 0],
      ["bias", -1],
    ]);
  });

  const measuring = (index: number) => entry("b", "2026-01-02T03:00:00Z", "bias", index);
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
      [entryKey(latest), { overview: overview(["x", "y"], [0.2, 0.05]) }],
      [entryKey(first), { overview: overview(["y", "z"], [0.3, 0.01]) }],
    ]);
    const runs = buildRuns(entries, found, "l = 1");
    expect(runs.map((run) => [run.entry.runId, run.loading, run.outcome])).toEqual([
      ["1", false, "violation"],
      ["2", true, null],
      ["3", false, "violation"],
    ]);
    const lines = buildLines(runs, { analysis: "l = 1", column: "c", metric: "DPL" });
    expect(lines.map((line) => [line.value, line.notPassing, line.cells.map((cell) => cell?.value)])).toEqual([
      ["x", 1, [undefined, undefined, 0.2]],
      ["y", 1, [0.3, undefined, 0.05]],
      ["z", 0, [0.01, undefined, undefined]],
    ]);
    expect(lines[2]?.latest?.value).toBe(0.01);
  });

  it("begins with the newest run that can be read", () => {
    const entries = [entry("3", "3"), entry("2", "2"), entry("1", "1")];
    const [latest, middle, first] = entries as [Entry, Entry, Entry];
    const one = overview(["x"], [0.2]);
    const found = new Map([
      [entryKey(latest), { error: new Error("newer format") }],
      [entryKey(middle), { overview: one }],
      [entryKey(first), { overview: overview(["y"], [0.2]) }],
    ]);
    expect(findNewestReadable(entries, found)).toEqual({ entry: middle, overview: one });
    expect(findNewestReadable([latest], found)).toBeUndefined();
  });

  it("shows bounds only where there were any", () => {
    const bounded = { value: 0, low: null, high: 0.1, outcome: null, interval: null, pValue: null };
    const [free, tighter] = [{ ...bounded, high: null }, { ...bounded, high: 0.05 }];
    const cells = [undefined, bounded, undefined, tighter, undefined, free, undefined, tighter, undefined];
    const runs = buildRuns(cells.map((_, place) => entry(String(place), `2026-01-0${9 - place}T03:00:00Z`)), new Map(), "");
    const loading = new Set([2, 4, 8]);
    const seen = buildSpans(cells, runs.map((run, place) => ({ ...run, loading: loading.has(place) })));
    expect(seen.map(({ from, to, high }) => [from, to, high])).toEqual([
      [1, 2, 0.1],
      [3, 4, 0.05],
      [7, 8, 0.05],
    ]);
  });
});

describe("a history with a copy", () => {
  const nights = readNights({
    format: "airflow_clarify.series/1",
    nights: [
      ["2025-12-31", "backfill", null],
      ["2026-01-01", "a", "pass"],
      ["2026-01-02", "", "not judged"],
      ["2026-01-03", "b", "pass"],
      ["2026-01-04", "c", "violation"],
    ],
    sentences: [null, null, "not judged: no record", null, "violation: x"],
    values: { "DPL|g|F": [0.01, 0.02, null, 0.03, 0.3] },
    outcomes: { "DPL|g|F": "pp-pv" },
  });
  const head = entry("c", "2026-01-05T00:00:00Z");
  const copy = nights && { nights, head };
  const again = { ...entry("b", "2026-01-04T00:00:00Z"), timestamp: "2026-01-06T00:00:00Z" };
  const entries = [head, again, entry("a", "2026-01-02T00:00:00Z")];
  const facet = {
    column: "g",
    values: ["F"],
    metrics: { DPL: [0.3] },
    judged: { DPL: { low: [-0.1], high: [0.1], outcomes: ["violation"] } },
  };
  const overview = readOverview({
    format: "airflow_clarify.overview/1",
    kind: "gate",
    outcome: "violation",
    series: true,
    analyses: [{ label: "y", positive: "1", facets: [facet] }],
  });
  const values = new Map([[entryKey(head), { overview }]]);
  const runs = buildRuns(entries, values, "y = 1", copy);

  it("takes from it what was not judged again later, and nights without a run", () => {
    expect(runs.map((run) => [run.entry.runId, run.listed, run.night, run.loading])).toEqual([
      ["backfill", false, 0, false],
      ["a", true, 1, false],
      ["2026-01-02", false, 2, false],
      ["b", true, undefined, true],
      ["c", true, undefined, false],
    ]);
    expect(runs.map((run) => run.why)[2]).toBe("No record");
  });

  it("draws its values with the bounds of the latest run", () => {
    const [line] = buildLines(runs, { analysis: "y = 1", column: "g", metric: "DPL" }, copy);
    expect(line?.cells.map((cell) => cell?.value)).toEqual([0.01, 0.02, null, undefined, 0.3]);
    expect(line?.cells[0]).toMatchObject({ low: -0.1, high: 0.1, outcome: "pass" });
  });

  it("is used only for what it has", () => {
    const found = { overview };
    expect(pickCopy(copy, found, {})).toBe(copy);
    expect(pickCopy(copy, found, { metric: "CI" })).toBe(copy);
    expect(pickCopy(nights && { nights: readNights({ format: "airflow_clarify.series/1" }) ?? nights, head }, found, {})).toBeUndefined();
    expect(pickCopy(copy, { error: 1 }, {})).toBeUndefined();
  });
});
