/** Requests XComs with overviews, task instances and runs from Airflow's API. */

import type { TaskPlace, View } from "../urls";
import { segment } from "../urls";
import type { Query } from "./client";
import { ApiError, get, prefetch, unexpectedAnswer } from "./client";
import { cache } from "./cache";

export const KEY = "bias_overview";

/** Key of the compact copy of its history that a gate leaves. */
const SERIES_KEY = "bias_series";

const VERDICT_KEY = "verdict";

/** Airflow's default maximum page size. */
const PAGE = 100;

/** An XCom as Airflow lists it, without its value. */
export interface Entry extends TaskPlace {
  dagName: string;
  taskName: string;
  /** Sort key of runs: when the run was due, or when the XCom was written if Airflow (3.1) does not return that. */
  runAfter: string;
  /** When the XCom was written; the value changes only together with it. */
  timestamp: string;
  /** State of a gate that has ended without a verdict; there is no XCom then. */
  unjudged?: string;
  /** Rendered name of a mapped instance. */
  instance?: string;
}

export interface Page {
  entries: Entry[];
  total: number;
  /** Whether the entries are in the requested order. */
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
  /** Only runs that were due at this time or later. */
  since?: string;
  limit?: number;
}

/**
 * Lists overviews, those of the latest runs first.
 *
 * Airflow 3.1 does not support this order, and sorts by DAG, task and run id.
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

/** Returns whether entries are sorted, the latest run first. */
export function isLatestFirst(entries: Entry[]): boolean {
  return entries.every((entry, place) => {
    const before = entries[place - 1];
    return !before || latestFirst(before, entry) <= 0;
  });
}

/** Compares entries, the latest first. Times are parsed, since Airflow omits zero fractions of a second. */
export function latestFirst(one: Entry, other: Entry): number {
  return Date.parse(other.runAfter) - Date.parse(one.runAfter);
}

/** Selects one entry per task: that of the first instance of a mapped task. */
export function selectFirstInstances(entries: Entry[]): Entry[] {
  const found = new Map<string, Entry>();
  for (const entry of entries) {
    const before = found.get(entry.taskId);
    if (!before || entry.mapIndex < before.mapIndex) found.set(entry.taskId, entry);
  }
  return [...found.values()];
}

/**
 * Lists overviews, page by page.
 *
 * @param max maximum number of entries, from the offset on
 * @param first the first page, if it is already loaded
 */
export async function listMany(place: Place, max: number, signal?: AbortSignal, first?: Page): Promise<Page> {
  const start = place.offset ?? 0;
  const begun = first ?? (await listOverviews({ ...place, limit: Math.min(PAGE, max) }, signal));
  // Airflow's maximum page size may be configured to be smaller than the requested one.
  const size = begun.entries.length;
  const end = Math.min(begun.total, start + max);
  const offsets: number[] = [];
  for (let offset = start + size; size > 0 && offset < end; offset += size) offsets.push(offset);
  const pages = await Promise.all(
    offsets.map((offset) => listOverviews({ ...place, offset, limit: Math.min(size, end - offset) }, signal)),
  );
  return { ...begun, entries: [begun, ...pages].flatMap((page) => page.entries) };
}

/** Loads the value of an XCom, from the cache of this browser tab if possible. */
export async function loadOverview(entry: Entry, signal?: AbortSignal, urgency?: number): Promise<unknown> {
  const before = cache.get(entry);
  if (before !== undefined) return before;
  const value = await requestOverview(entry, signal, urgency);
  cache.set(entry, value);
  return value;
}

/** Requests the overview that a task has pushed. */
export async function requestOverview(place: TaskPlace, signal?: AbortSignal, urgency?: number): Promise<unknown> {
  return requestValue(valueRequest(place), signal, urgency);
}

/** Requests the compact copy of its history that a gate has pushed. */
export async function requestSeries(place: TaskPlace, signal?: AbortSignal): Promise<unknown> {
  return requestValue(valueRequest(place, SERIES_KEY), signal);
}

/** Requests the verdict that a gate has pushed, also if it could not judge. */
export async function requestVerdict(place: TaskPlace, signal?: AbortSignal): Promise<unknown> {
  return requestValue(valueRequest(place, VERDICT_KEY), signal);
}

async function requestValue(request: [string, Query], signal?: AbortSignal, urgency?: number): Promise<unknown> {
  const found = (await get(...request, signal, urgency)) as { value?: unknown } | null;
  if (found?.value === undefined) throw unexpectedAnswer();
  return found.value;
}

function valueRequest(place: TaskPlace, key = KEY): [string, Query] {
  const run = `dags/${segment(place.dagId)}/dagRuns/${segment(place.runId)}`;
  return [`${run}/taskInstances/${segment(place.taskId)}/xcomEntries/${key}`, { map_index: place.mapIndex }];
}

/** Prefetches the overview of a task, and the copy of its history if there is one. */
function prefetchValues(entry: Entry): void {
  const follow = (overview: unknown) => {
    if ((overview as { series?: unknown } | null | undefined)?.series === true) {
      void prefetch(...valueRequest(entry, SERIES_KEY));
    }
  };
  const before = cache.get(entry);
  if (before !== undefined) {
    follow(before);
    return;
  }
  prefetch(...valueRequest(entry)).then(
    (found) => follow((found as { value?: unknown } | null)?.value),
    () => undefined,
  );
}

/** The names of the operators that check bias: gates, then operators that only measure. */
export const JUDGING = ["BiasGateOperator"];
export const MEASURING = [
  "ClarifyPreTrainingBiasOperator",
  "ClarifyPostTrainingBiasOperator",
  "ClarifyBiasOperator",
  "ClarifyJobSensor",
  "FindBiasedSubgroupsOperator",
];

/** States of a task without a verdict. A skipped task may have judged in an earlier try. */
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
 * Lists the gates that have ended in a state without a verdict, those of the latest runs first.
 *
 * The list is empty if the user may not read task instances; all verdicts are still shown.
 */
export async function listEnded(place: { dagId?: string; since?: string }, max: number, signal?: AbortSignal): Promise<Entry[]> {
  const found: Entry[] = [];
  for (let offset = 0; offset < max; ) {
    const listed = await listInstances(...endedRequest(place, offset), signal);
    const fitting = listed.filter((one) => JUDGING.includes(one.operator ?? "") && ENDED_WITHOUT.includes(one.state ?? ""));
    found.push(...fitting.map(parseEnded));
    if (listed.length < PAGE) break;
    offset += listed.length;
  }
  return found;
}

function endedRequest(place: { dagId?: string; since?: string }, offset = 0): [string, Query] {
  return [
    `dags/${formatSegment(place.dagId)}/dagRuns/~/taskInstances`,
    {
      operator: JUDGING,
      state: ENDED_WITHOUT,
      order_by: "-run_after",
      run_after_gte: place.since,
      limit: PAGE,
      offset,
    },
  ];
}

/** Gets the rendered names of a mapped task's instances, by map index. */
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
 * Selects the ended gates without a verdict.
 *
 * A gate that did not start may still have the XCom of an earlier try, from before it was cleared.
 */
export function withoutVerdict(ended: Entry[], entries: Entry[]): Entry[] {
  const judged = new Set(entries.map(taskKey));
  return ended.filter((one) => one.unjudged === "upstream_failed" || !judged.has(taskKey(one)));
}

/** Returns a key that identifies a task instance. */
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

/** Size of the first page of a history, which is small so that the latest verdict is shown soon. */
export const FIRST_ENTRIES = 30;

/** Prefetches the first requests of a view, before its code is loaded. */
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
          selectFirstInstances(latest).forEach(prefetchValues);
        },
        () => undefined,
      );
      void prefetch(...endedRequest(view));
      break;
    case "gates":
      void prefetch(...listRequest({}));
  }
}

/** Finds when the earliest of a DAG's latest runs was due: Airflow 3.1 sorts runs by time, but not XComs. */
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
