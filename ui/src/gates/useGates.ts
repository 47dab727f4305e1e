import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import type { Entry, Page } from "../api/airflow";
import { latestFirst, listMany, listOverviews } from "../api/airflow";
import { keyOf, useValues } from "../history/useValues";
import type { Outcome, Overview } from "../overview/model";
import { severity } from "../overview/model";
import { whyOf } from "../overview/text";

const LOOK_AGAIN = 60_000;
const DAY = 86_400_000;

/** How many verdicts are looked through for the latest of each gate, and how far back where there are more. */
export const LOOKED_THROUGH = 1000;
const WINDOWS = [365, 90, 30, 7, 1];

interface Found {
  /** The latest entry of each task. */
  latest: Entry[];
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
}

/** Every gated DAG's latest verdicts, the worst first. */
export function useGates(): { gates: Gate[]; waiting: number; since: string | undefined; error: unknown; loaded: boolean } {
  const found = useQuery({
    queryKey: ["gates"],
    refetchInterval: LOOK_AGAIN,
    queryFn: ({ signal }) => latestOfAll(signal),
  });
  const entries = found.data?.latest;
  const values = useValues(entries, found.dataUpdatedAt);
  const gates = useMemo(() => {
    const all = (entries ?? []).map((entry): Gate => {
      const value = values.get(keyOf(entry));
      const overview = value && "overview" in value ? value.overview : undefined;
      const error = value && "error" in value ? value.error : undefined;
      return { entry, overview, error, outcome: overview?.outcome ?? null, why: overview ? whyOf(overview) : "" };
    });
    return worstFirst(withoutMeasuring(all));
  }, [entries, values]);
  return {
    gates,
    waiting: (entries?.length ?? 0) - values.size,
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
  const rank = (gate: Gate) => (gate.error === undefined ? severity(gate.outcome) : severity("pass") - 0.5);
  return gates.toSorted((one, other) => rank(one) - rank(other) || latestFirst(one.entry, other.entry));
}

async function latestOfAll(signal: AbortSignal): Promise<Found> {
  const first = await listOverviews({}, signal);
  if (first.total <= LOOKED_THROUGH) return { latest: latestOf(await whole({}, first, signal)), since: undefined };
  if (first.latestFirst) {
    const entries = await whole({}, first, signal);
    return { latest: latestOf(entries), since: entries.at(-1)?.runAfter };
  }
  // Airflow 3.1 does not list the latest first: so a time is looked for since when there are no more than enough.
  for (const days of WINDOWS) {
    const since = new Date(Date.now() - days * DAY).toISOString();
    const page = await listOverviews({ since }, signal);
    if (page.total <= LOOKED_THROUGH || days === WINDOWS.at(-1)) {
      return { latest: latestOf(await whole({ since }, page, signal)), since };
    }
  }
  return { latest: [], since: undefined };
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
