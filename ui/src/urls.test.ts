import { describe, expect, it } from "vitest";

import { findWebPage, buildAirflowUrl, pages, segment, parseView } from "./urls";

const at = (path: string) => parseView(new URL(path, "https://airflow.example.org"));

describe("the view that an address asks for", () => {
  it("is told by its last part, below whatever path Airflow has", () => {
    expect(at("/clarify/gates")).toEqual({ name: "gates" });
    expect(at("/team/airflow/clarify/history?dag_id=a.b-c")).toEqual({ name: "history", dagId: "a.b-c" });
  });

  it("keeps the plus signs of a run id, encoded or not", () => {
    const run = "manual__2026-11-22T09:01:16.039991+00:00";
    for (const written of [run, encodeURIComponent(run)]) {
      expect(at(`/clarify/verdict?dag_id=d&run_id=${written}&task_id=t&map_index=3`)).toEqual({
        name: "verdict",
        dagId: "d",
        runId: run,
        taskId: "t",
        mapIndex: 3,
      });
    }
  });

  it("knows that a placeholder which Airflow has left is no map index", () => {
    const view = at("/clarify/verdict?dag_id=d&run_id=r&task_id=t&map_index=%7BMAP_INDEX%7D");
    expect(view).toMatchObject({ mapIndex: -1 });
  });

  it("is none where something is missing", () => {
    expect(at("/clarify/history")).toBeNull();
    expect(at("/clarify/verdict?dag_id=d&run_id=r")).toBeNull();
    expect(at("/clarify/other?dag_id=d")).toBeNull();
  });
});

describe("Airflow's addresses", () => {
  it("lie beside our folder", () => {
    expect(buildAirflowUrl(new URL("https://x.org/team/airflow/clarify/gates?a=b#c")).href).toBe("https://x.org/team/airflow/");
  });

  it("hold names as one part each", () => {
    expect(pages.run("a/../b", "c?d#e")).toBe("dags/a%2F..%2Fb/runs/c%3Fd%23e");
    expect(pages.verdict({ dagId: "d", runId: "r", taskId: "t", mapIndex: 2 })).toBe(
      "dags/d/runs/r/tasks/t/mapped/2/plugin/bias-verdict",
    );
    expect(() => segment("..")).toThrow();
  });
});

describe("the page on the web of a location", () => {
  it.each([
    ["s3://bucket/bias/report.html", "https://console.aws.amazon.com/s3/object/bucket?prefix=bias/report.html"],
    ["s3://my_conn@bucket/a b/*.csv", "https://console.aws.amazon.com/s3/buckets/bucket?prefix=a%20b/"],
    ["s3://bucket", "https://console.aws.amazon.com/s3/buckets/bucket?prefix="],
    ["gs://bucket/r.html", "https://console.cloud.google.com/storage/browser/_details/bucket/r.html"],
    ["https://host/reviews.csv", "https://host/reviews.csv"],
    ["https://ana:secret@host/reviews.csv", null],
    ["javascript://host/%0aalert(1)", null],
    ["/local/report.html", null],
    ["file:///local/report.html", null],
    ["lake.loans", null],
  ])("%s", (location, address) => {
    expect(findWebPage(location)).toBe(address);
  });
});
