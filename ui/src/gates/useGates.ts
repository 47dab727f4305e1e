import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import type { Entry, Page } from "../api/airflow";
import { latestFirst, listEnded, listMany, listOverviews, taskKey, withoutVerdict } from "../api/airflow";
import { entryKey, useValues } from "../history/useValues";
import type { Outcome, Overview } from "../overview/model";
import { gateSeverity } from "../overview/model";
import { summarizeVerdict } from "../overview/text";

const REFRESH_INTERVAL = 60_000;
const DAY = 86_400_000;

/** Maximum number of verdicts searched for the latest of each gate, and the time windows in days if there are more. */
export const MAX_VERDICTS = 1000;
const WINDOWS = [365, 90, 30, 7, 1];

interface Found {
  /** The entry of each task in its latest run, which may be without a verdict. */
  latest: Entry[];
  /** The previous verdict of each task whose latest run has none. */
  before: Entry[];
  /** The start of the time window, if older verdicts were left out. */
  since: string | undefined;
}

/** The latest verdict of a gate, or the latest analysis of a task in a DAG without a gate. */
export interface Gate {
  entry: Entry;
  /** undefined: still loading, or not readable. */
  overview: Overview | undefined;
  error: unknown;
  outcome: Outcome | null;
  why: string;
  /** The previous verdict of a gate whose latest run has none. */
  before: { entry: Entry; outcome: Outcome | null } | undefined;
}

/** Loads the latest verdicts of every DAG with gates, the worst first. */
export function useGates(): { gates: Gate[]; waiting: number; since: string | undefined; error: unknown; loaded: boolean } {
  const found = useQuery({
    queryKey: ["gates"],
    refetchInterval: REFRESH_INTERVAL,
    queryFn: ({ signal }) => fetchLatest(signal),
  });
  const entries = found.data?.latest;
  const earlier = found.data?.before;
  const asked = useMemo(() => (entries ? [...entries, ...(earlier ?? [])] : undefined), [entries, earlier]);
  const values = useValues(asked, found.dataUpdatedAt);
  const gates = useMemo(() => {
    const all = (entries ?? []).map((entry): Gate => {
      const value = values.get(entryKey(entry));
      const overview = value && "overview" in value ? value.overview : undefined;
      const error = value && "error" in value ? value.error : undefined;
      const last = entry.unjudged === undefined ? undefined : earlier?.find((one) => isSameTask(one, entry));
      const judged = last && values.get(entryKey(last));
      const before = judged && "overview" in judged ? { entry: last, outcome: judged.overview.outcome } : undefined;
      return { entry, overview, error, outcome: overview?.outcome ?? null, why: overview ? summarizeVerdict(overview) : "", before };
    });
    return worstFirst(dropMeasuringTasks(all));
  }, [entries, earlier, values]);
  return {
    gates,
    waiting: (asked?.length ?? 0) - values.size,
    since: found.data?.since,
    error: found.error,
    loaded: entries !== undefined,
  };
}

/**
 * Drops searches, and tasks that only measure from DAGs with a gate, since the gate's overview has the same numbers. What
 * is still loading may be a gate.
 */
export function dropMeasuringTasks(all: Gate[]): Gate[] {
  const mayBeGate = ({ overview, error }: Gate) => (overview === undefined ? error === undefined : overview.kind === "gate");
  const gated = new Set(all.filter(mayBeGate).map((gate) => gate.entry.dagId));
  return all.filter(
    ({ entry, overview, error }) =>
      error !== undefined || overview?.kind === "gate" || (overview?.kind === "analysis" && !gated.has(entry.dagId)),
  );
}

export function worstFirst(gates: Gate[]): Gate[] {
  // The outcome of an unreadable overview is unknown.
  const rank = (gate: Gate) => gateSeverity(gate.error === undefined ? gate.outcome : null);
  return gates.toSorted((one, other) => rank(one) - rank(other) || latestFirst(one.entry, other.entry));
}

async function fetchLatest(signal: AbortSignal): Promise<Found> {
  const { entries, since } = await listEntries(signal);
  const ended = await listEnded({ since }, MAX_VERDICTS, signal);
  return { ...selectLatestWith(entries, withoutVerdict(ended, entries)), since };
}

async function listEntries(signal: AbortSignal): Promise<{ entries: Entry[]; since: string | undefined }> {
  const first = await listOverviews({}, signal);
  if (first.total <= MAX_VERDICTS) return { entries: await listAll({}, first, signal), since: undefined };
  if (first.latestFirst) {
    const entries = await listAll({}, first, signal);
    return { entries, since: entries.at(-1)?.runAfter };
  }
  // Airflow 3.1 does not list the latest first, so a time window with few enough verdicts is searched for.
  for (const days of WINDOWS) {
    const since = new Date(Date.now() - days * DAY).toISOString();
    const page = await listOverviews({ since }, signal);
    if (page.total <= MAX_VERDICTS || days === WINDOWS.at(-1)) {
      return { entries: await listAll({ since }, page, signal), since };
    }
  }
  return { entries: [], since: undefined };
}

/** Selects the entry of each task's latest run, and the previous verdict of those without one. */
export function selectLatestWith(entries: Entry[], without: Entry[]): { latest: Entry[]; before: Entry[] } {
  const stale = new Set(without.map(taskKey));
  const judged = entries.filter((entry) => !stale.has(taskKey(entry)));
  const latest = selectLatest([...judged, ...without]);
  const silent = latest.filter((entry) => entry.unjudged !== undefined);
  const before = selectLatest(judged).filter((one) => silent.some((entry) => isSameTask(one, entry)));
  return { latest, before: before.filter((one) => !latest.includes(one)) };
}

/** Returns whether both entries belong to the same task, and to the same mapped instance if both are mapped. */
function isSameTask(one: Entry, other: Entry): boolean {
  const same = one.dagId === other.dagId && one.taskId === other.taskId;
  return same && (one.mapIndex === other.mapIndex || one.mapIndex < 0 || other.mapIndex < 0);
}

async function listAll(place: { since?: string }, first: Page, signal: AbortSignal): Promise<Entry[]> {
  return (await listMany(place, MAX_VERDICTS, signal, first)).entries;
}

/** Selects the entries of each task's latest run: one, or those of all its mapped instances. */
export function selectLatest(entries: Entry[]): Entry[] {
  const sorted = entries.toSorted(latestFirst);
  const runs = new Map<string, string>();
  const latest = new Map<string, Entry>();
  for (const entry of sorted) {
    const task = JSON.stringify([entry.dagId, entry.taskId]);
    const run = runs.get(task) ?? entry.runId;
    runs.set(task, run);
    if (entry.runId === run) latest.set(JSON.stringify([task, entry.mapIndex]), entry);
  }
  return [...latest.values()];
}
