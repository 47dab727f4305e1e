/** What the page asks Airflow for: the XComs that hold overviews, and the task instance it is shown beside. */

import type { TaskPlace, View } from "../urls";
import { segment } from "../urls";
import type { Query } from "./client";
import { ApiError, get, prefetch, unexpectedAnswer } from "./client";
import { cache } from "./cache";

export const KEY = "bias_overview";

/** As many as Airflow gives at a time, unless it is configured otherwise. */
const PAGE = 100;

/** One XCom, as Airflow lists it: without its value. */
export interface Entry extends TaskPlace {
  dagName: string;
  taskName: string;
  /** What runs are sorted by: when the run was due, or when this was written where Airflow 3.1 does not say that. */
  runAfter: string;
  /** When the XCom was written: another one means another value. */
  timestamp: string;
  /** Of a gate that has ended without a verdict: the state in which it did. There is no XCom then. */
  unjudged?: string;
  /** What the author calls this instance of a mapped task. */
  instance?: string;
}

export interface Page {
  entries: Entry[];
  total: number;
  /** Whether it came in the order that was asked for. */
  latestFirst: boolean;
}

interface ListedXCom {
  dag_id: string;
  run_id: string;
  task_id: string;
  map_index: number;
  dag_display_name?: string;
  task_display_name?: string;
  run_after?: string;
  timestamp: string;
}

interface Place {
  dagId?: string;
  taskId?: string;
  mapIndex?: number;
  offset?: number;
  /** Only runs that were due then or later. */
  since?: string;
  limit?: number;
}

/**
 * List overviews, those of the latest runs first.
 *
 * Airflow 3.1 does not know the order asked for, and gives them by DAG, task and run id.
 */
export async function listOverviews(place: Place, signal?: AbortSignal): Promise<Page> {
  return parsePage(await get(...listRequest(place), signal));
}

function listRequest(place: Place): [string, Query] {
  return [
    `dags/${formatSegment(place.dagId)}/dagRuns/~/taskInstances/${formatSegment(place.taskId)}/xcomEntries`,
    {
      xcom_key: KEY,
      order_by: "-run_after",
      limit: place.limit ?? PAGE,
      offset: place.offset,
      run_after_gte: place.since,
      map_index: place.mapIndex,
    },
  ];
}

function parsePage(found: unknown): Page {
  const { xcom_entries, total_entries } = (found ?? {}) as { xcom_entries?: ListedXCom[]; total_entries: number };
  if (!Array.isArray(xcom_entries)) throw unexpectedAnswer();
  const entries = xcom_entries.map(parseEntry);
  const latestFirst = xcom_entries.every((listed) => listed.run_after !== undefined) && isLatestFirst(entries);
  return { entries, total: total_entries, latestFirst };
}

function formatSegment(id?: string): string {
  return id === undefined ? "~" : segment(id);
}

function parseEntry(listed: ListedXCom): Entry {
  return {
    dagId: listed.dag_id,
    runId: listed.run_id,
    taskId: listed.task_id,
    mapIndex: listed.map_index,
    dagName: listed.dag_display_name ?? listed.dag_id,
    taskName: listed.task_display_name ?? listed.task_id,
    runAfter: listed.run_after ?? listed.timestamp,
    timestamp: listed.timestamp,
  };
}

/** Whether the latest run stands first. */
export function isLatestFirst(entries: Entry[]): boolean {
  return entries.every((entry, place) => {
    const before = entries[place - 1];
    return !before || latestFirst(before, entry) <= 0;
  });
}

/** Sorts the latest first. Airflow leaves fractions of a second out where there are none: as text, times do not sort. */
export function latestFirst(one: Entry, other: Entry): number {
  return Date.parse(other.runAfter) - Date.parse(one.runAfter);
}

/** One entry of each task: that of its first instance, where a task was mapped. */
export function selectFirstInstances(entries: Entry[]): Entry[] {
  const found = new Map<string, Entry>();
  for (const entry of entries) {
    const before = found.get(entry.taskId);
    if (!before || entry.mapIndex < before.mapIndex) found.set(entry.taskId, entry);
  }
  return [...found.values()];
}

/**
 * List overviews, page by page.
 *
 * @param most how many at most, from the offset on
 * @param first its first page, where that is there already
 */
export async function listMany(place: Place, most: number, signal?: AbortSignal, first?: Page): Promise<Page> {
  const start = place.offset ?? 0;
  const begun = first ?? (await listOverviews({ ...place, limit: Math.min(PAGE, most) }, signal));
  // Airflow may be configured to give fewer at a time than were asked for.
  const size = begun.entries.length;
  const end = Math.min(begun.total, start + most);
  const offsets: number[] = [];
  for (let offset = start + size; size > 0 && offset < end; offset += size) offsets.push(offset);
  const pages = await Promise.all(
    offsets.map((offset) => listOverviews({ ...place, offset, limit: Math.min(size, end - offset) }, signal)),
  );
  return { ...begun, entries: [begun, ...pages].flatMap((page) => page.entries) };
}

/** The value of an XCom. One that was fetched before, in this tab of the browser, is not fetched again. */
export async function loadOverview(entry: Entry, signal?: AbortSignal, urgency?: number): Promise<unknown> {
  const before = cache.get(entry);
  if (before !== undefined) return before;
  const value = await requestOverview(entry, signal, urgency);
  cache.set(entry, value);
  return value;
}

/** The value that a task has pushed. */
export async function requestOverview(place: TaskPlace, signal?: AbortSignal, urgency?: number): Promise<unknown> {
  const found = (await get(...valueRequest(place), signal, urgency)) as { value?: unknown } | null;
  if (found?.value === undefined) throw unexpectedAnswer();
  return found.value;
}

function valueRequest(place: TaskPlace): [string, Query] {
  const run = `dags/${segment(place.dagId)}/dagRuns/${segment(place.runId)}`;
  return [`${run}/taskInstances/${segment(place.taskId)}/xcomEntries/${KEY}`, { map_index: place.mapIndex }];
}

/** The operators that check bias, as Airflow names a task's operator; those that judge come first. */
export const JUDGING = ["BiasGateOperator"];
export const MEASURING = ["ClarifyPreTrainingBiasOperator", "ClarifyJobSensor"];

/** How a task ends that has left no verdict. One that was skipped may have judged before. */
const ENDED_WITHOUT = ["failed", "upstream_failed", "skipped"];

interface ListedInstance {
  dag_id: string;
  dag_run_id: string;
  task_id: string;
  map_index: number;
  dag_display_name?: string;
  task_display_name?: string;
  run_after: string;
  state: string | null;
  operator: string | null;
  rendered_map_index?: string | null;
}

/**
 * List the gates that have ended in a way in which there may be no verdict, those of the latest runs first.
 *
 * Who may not read task instances gets none, and still sees every verdict.
 */
export async function listEnded(place: { dagId?: string; since?: string }, most: number, signal?: AbortSignal): Promise<Entry[]> {
  const found: Entry[] = [];
  for (let offset = 0; offset < most; ) {
    const query: Query = {
      operator: JUDGING,
      state: ENDED_WITHOUT,
      order_by: "-run_after",
      run_after_gte: place.since,
      limit: PAGE,
      offset,
    };
    const listed = await listInstances(`dags/${formatSegment(place.dagId)}/dagRuns/~/taskInstances`, query, signal);
    const fitting = listed.filter((one) => JUDGING.includes(one.operator ?? "") && ENDED_WITHOUT.includes(one.state ?? ""));
    found.push(...fitting.map(parseEnded));
    if (listed.length < PAGE) break;
    offset += listed.length;
  }
  return found;
}

/** What the author calls each instance of a mapped task, by its number. */
export async function getInstanceNames(run: TaskPlace, signal?: AbortSignal): Promise<Map<number, string>> {
  const path = `dags/${segment(run.dagId)}/dagRuns/${segment(run.runId)}/taskInstances`;
  const listed = await listInstances(path, { task_id: run.taskId, limit: PAGE }, signal);
  return new Map(
    listed.flatMap((one) => (one.task_id === run.taskId && one.rendered_map_index ? [[one.map_index, one.rendered_map_index]] : [])),
  );
}

async function listInstances(path: string, query: Query, signal?: AbortSignal): Promise<ListedInstance[]> {
  try {
    const found = (await get(path, query, signal)) as { task_instances?: ListedInstance[] } | null;
    return Array.isArray(found?.task_instances) ? found.task_instances : [];
  } catch (error) {
    if (error instanceof ApiError && (error.refusal === "forbidden" || error.refusal === "missing")) return [];
    throw error;
  }
}

function parseEnded(listed: ListedInstance): Entry {
  return {
    dagId: listed.dag_id,
    runId: listed.dag_run_id,
    taskId: listed.task_id,
    mapIndex: listed.map_index,
    dagName: listed.dag_display_name ?? listed.dag_id,
    taskName: listed.task_display_name ?? listed.task_id,
    runAfter: listed.run_after,
    timestamp: "",
    unjudged: listed.state ?? "",
    instance: listed.rendered_map_index ?? undefined,
  };
}

/**
 * Those of the ended gates that have left no verdict.
 *
 * A gate that did not even start may still have the XCom of an earlier try, before it was cleared.
 */
export function withoutVerdict(ended: Entry[], entries: Entry[]): Entry[] {
  const judged = new Set(entries.map(taskKey));
  return ended.filter((one) => one.unjudged === "upstream_failed" || !judged.has(taskKey(one)));
}

/** Which task instance it is. */
export function taskKey(entry: TaskPlace): string {
  return JSON.stringify([entry.dagId, entry.runId, entry.taskId, entry.mapIndex]);
}

export interface TaskInstance {
  state: string | null;
  tryNumber: number;
  endDate: string | null;
  operator: string;
}

export async function getTaskInstance(place: TaskPlace, signal?: AbortSignal): Promise<TaskInstance> {
  const found = (await get(taskPath(place), {}, signal)) as Record<string, unknown> | null;
  if (!found) throw unexpectedAnswer();
  return {
    state: typeof found.state === "string" ? found.state : null,
    tryNumber: typeof found.try_number === "number" ? found.try_number : 0,
    endDate: typeof found.end_date === "string" ? found.end_date : null,
    operator: typeof found.operator === "string" ? found.operator : "",
  };
}

function taskPath(place: TaskPlace): string {
  const one = `dags/${segment(place.dagId)}/dagRuns/${segment(place.runId)}/taskInstances/${segment(place.taskId)}`;
  return place.mapIndex < 0 ? one : `${one}/${place.mapIndex}`;
}

/** The first list of a history is short, so that its latest verdict shows soon. */
export const FIRST_ENTRIES = 30;

/** Ask for what a view asks for first, before the view itself is there. */
export function prefetchView(view: View): void {
  switch (view.name) {
    case "verdict":
      void prefetch(taskPath(view), {});
      void prefetch(...valueRequest(view));
      break;
    case "history":
      void prefetch(...listRequest({ dagId: view.dagId, limit: FIRST_ENTRIES })).then(
        (found) => {
          const { entries } = parsePage(found);
          const latest = entries.filter((entry) => entry.runId === entries[0]?.runId);
          for (const entry of selectFirstInstances(latest)) {
            if (cache.get(entry) === undefined) void prefetch(...valueRequest(entry));
          }
        },
        () => undefined,
      );
      break;
    case "gates":
      void prefetch(...listRequest({}));
  }
}

/** When the earliest of the latest runs of a DAG was due: Airflow 3.1 lists runs in order, though not XComs. */
export async function findEarliestRunAfter(dagId: string, total: number, signal?: AbortSignal): Promise<string | undefined> {
  let earliest: string | undefined;
  for (let offset = 0; offset < total; offset += PAGE) {
    const query = { order_by: "-run_after", limit: PAGE, offset };
    const found = (await get(`dags/${segment(dagId)}/dagRuns`, query, signal)) as { dag_runs: { run_after: string }[] };
    earliest = found.dag_runs.at(-1)?.run_after ?? earliest;
    if (found.dag_runs.length < PAGE) break;
  }
  return earliest;
}
