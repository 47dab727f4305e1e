import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import type { Entry, Page } from "../api/airflow";
import { latestFirst, listEnded, listMany, listOverviews, placeOf, withoutVerdict } from "../api/airflow";
import { keyOf, useValues } from "../history/useValues";
import type { Outcome, Overview } from "../overview/model";
import { gateSeverity } from "../overview/model";
import { whyOf } from "../overview/text";

const LOOK_AGAIN = 60_000;
const DAY = 86_400_000;

/** How many verdicts are looked through for the latest of each gate, and how far back where there are more. */
export const LOOKED_THROUGH = 1000;
const WINDOWS = [365, 90, 30, 7, 1];

interface Found {
  /** What each task has left in its latest run, or that it has left nothing. */
  latest: Entry[];
  /** The last verdict before, of the tasks whose latest run has none. */
  before: Entry[];
  /** Where older verdicts were left out: since when all were looked at. */
  since: string | undefined;
}

/** The latest verdict of a gate, or of a task that only measures in a DAG without a gate. */
export interface Gate {
  entry: Entry;
  /** undefined: on its way, or not to be read. */
  overview: Overview | undefined;
  error: unknown;
  outcome: Outcome | null;
  why: string;
  /** The last verdict of a gate whose latest run has none. */
  before: { entry: Entry; outcome: Outcome | null } | undefined;
}

/** Every gated DAG's latest verdicts, the worst first. */
export function useGates(): { gates: Gate[]; waiting: number; since: string | undefined; error: unknown; loaded: boolean } {
  const found = useQuery({
    queryKey: ["gates"],
    refetchInterval: LOOK_AGAIN,
    queryFn: ({ signal }) => latestOfAll(signal),
  });
  const entries = found.data?.latest;
  const earlier = found.data?.before;
  const asked = useMemo(() => (entries ? [...entries, ...(earlier ?? [])] : undefined), [entries, earlier]);
  const values = useValues(asked, found.dataUpdatedAt);
  const gates = useMemo(() => {
    const all = (entries ?? []).map((entry): Gate => {
      const value = values.get(keyOf(entry));
      const overview = value && "overview" in value ? value.overview : undefined;
      const error = value && "error" in value ? value.error : undefined;
      const last = entry.unjudged === undefined ? undefined : earlier?.find((one) => isOfTask(one, entry));
      const judged = last && values.get(keyOf(last));
      const before = judged && "overview" in judged ? { entry: last, outcome: judged.overview.outcome } : undefined;
      return { entry, overview, error, outcome: overview?.outcome ?? null, why: overview ? whyOf(overview) : "", before };
    });
    return worstFirst(withoutMeasuring(all));
  }, [entries, earlier, values]);
  return {
    gates,
    waiting: (asked?.length ?? 0) - values.size,
    since: found.data?.since,
    error: found.error,
    loaded: entries !== undefined,
  };
}

/** Where a DAG has a gate, what only measures in it says nothing that the gate does not say. */
function withoutMeasuring(all: Gate[]): Gate[] {
  const gated = new Set(all.filter((gate) => gate.overview?.kind === "gate").map((gate) => gate.entry.dagId));
  return all.filter(
    (gate) => gate.error !== undefined || gate.overview?.kind === "gate" || (gate.overview && !gated.has(gate.entry.dagId)),
  );
}

export function worstFirst(gates: Gate[]): Gate[] {
  // What cannot be read may be anything.
  const rank = (gate: Gate) => gateSeverity(gate.error === undefined ? gate.outcome : null);
  return gates.toSorted((one, other) => rank(one) - rank(other) || latestFirst(one.entry, other.entry));
}

async function latestOfAll(signal: AbortSignal): Promise<Found> {
  const { entries, since } = await listedEntries(signal);
  const ended = await listEnded({ since }, LOOKED_THROUGH, signal);
  return { ...latestWith(entries, withoutVerdict(ended, entries)), since };
}

async function listedEntries(signal: AbortSignal): Promise<{ entries: Entry[]; since: string | undefined }> {
  const first = await listOverviews({}, signal);
  if (first.total <= LOOKED_THROUGH) return { entries: await whole({}, first, signal), since: undefined };
  if (first.latestFirst) {
    const entries = await whole({}, first, signal);
    return { entries, since: entries.at(-1)?.runAfter };
  }
  // Airflow 3.1 does not list the latest first: so a time is looked for since when there are no more than enough.
  for (const days of WINDOWS) {
    const since = new Date(Date.now() - days * DAY).toISOString();
    const page = await listOverviews({ since }, signal);
    if (page.total <= LOOKED_THROUGH || days === WINDOWS.at(-1)) {
      return { entries: await whole({ since }, page, signal), since };
    }
  }
  return { entries: [], since: undefined };
}

/** What each task has left in its latest run, and the last verdicts of those whose latest run has none. */
export function latestWith(entries: Entry[], without: Entry[]): { latest: Entry[]; before: Entry[] } {
  const stale = new Set(without.map(placeOf));
  const judged = entries.filter((entry) => !stale.has(placeOf(entry)));
  const latest = latestOf([...judged, ...without]);
  const silent = latest.filter((entry) => entry.unjudged !== undefined);
  const before = latestOf(judged).filter((one) => silent.some((entry) => isOfTask(one, entry)));
  return { latest, before: before.filter((one) => !latest.includes(one)) };
}

/** Whether both are of one task, and of one of its instances where both are of one. */
function isOfTask(one: Entry, other: Entry): boolean {
  const same = one.dagId === other.dagId && one.taskId === other.taskId;
  return same && (one.mapIndex === other.mapIndex || one.mapIndex < 0 || other.mapIndex < 0);
}

async function whole(place: { since?: string }, first: Page, signal: AbortSignal): Promise<Entry[]> {
  return (await listMany(place, LOOKED_THROUGH, signal, first)).entries;
}

/** What each task has left in its latest run: one entry, or those of its mapped instances, of which each run has its own. */
export function latestOf(entries: Entry[]): Entry[] {
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
