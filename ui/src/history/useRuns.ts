import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";

import type { Entry } from "../api/airflow";
import { FIRST_ENTRIES, dueOfEarliest, listMany, listOverviews } from "../api/airflow";
import { FIRST_OF_ALL } from "../api/client";
import type { Overview } from "../overview/model";
import { fetchOverview } from "./useValues";

/** How many runs a history goes back. */
export const MOST_RUNS = 200;

/** A DAG may check often and in many places. */
const MOST_ENTRIES = 2000;

const LOOK_AGAIN = 60_000;

/** What checks bias in a DAG: a task, or one of the instances that it was mapped to. */
export interface Series {
  id: string;
  taskId: string;
  mapIndex: number;
  name: string;
  /** What it said last; undefined where that could not be read. */
  latest: Overview | undefined;
  /** The latest first. */
  entries: Entry[];
  /** Whether Airflow has more of them than were listed. */
  more: boolean;
}

interface Listing {
  entries: Entry[];
  complete: boolean;
}

/** The tasks of a DAG that check bias, gates before analyses. */
export function useSeries(dagId: string) {
  const queries = useQueryClient();
  return useQuery({
    queryKey: ["series", dagId],
    refetchInterval: LOOK_AGAIN,
    queryFn: async ({ signal }) => {
      const { entries, complete } = await listLatest(dagId, signal);
      const found = [...grouped(entries)].map(([id, own]) => ({ id, own }));
      const series = await Promise.all(
        found.map(async ({ id, own }): Promise<Series> => {
          const latest = own[0];
          const overview = latest && (await fetchOverview(queries, latest, FIRST_OF_ALL).catch(() => undefined));
          return {
            id,
            taskId: latest?.taskId ?? "",
            mapIndex: latest?.mapIndex ?? -1,
            name: nameOfSeries(latest),
            latest: overview,
            entries: own.slice(0, MOST_RUNS),
            more: !complete && own.length < MOST_RUNS,
          };
        }),
      );
      return series.sort((one, other) => kindOf(one) - kindOf(other) || one.name.localeCompare(other.name));
    },
  });
}

export function nameOfSeries(entry: Entry | undefined): string {
  if (!entry) return "";
  return entry.mapIndex < 0 ? entry.taskName : `${entry.taskName} [${entry.mapIndex}]`;
}

function kindOf(series: Series): number {
  return series.latest?.kind === "gate" ? 0 : 1;
}

async function listLatest(dagId: string, signal: AbortSignal): Promise<Listing> {
  const first = await listOverviews({ dagId, limit: FIRST_ENTRIES }, signal);
  const { entries, total } = first;
  if (total <= entries.length) return { entries: sorted(entries), complete: true };
  if (first.latestFirst) {
    // Where few runs fill the list, one of them may have more tasks than it holds.
    const few = new Set(entries.map((entry) => entry.runId)).size < 3;
    const more = few ? (await listOverviews({ dagId, offset: entries.length }, signal)).entries : [];
    return { entries: [...entries, ...more], complete: entries.length + more.length >= total };
  }
  // Airflow 3.1 lists them by run id: so the list has to be of no more than the latest runs, and be read to its end.
  const since = await dueOfEarliest(dagId, MOST_RUNS, signal);
  return { entries: sorted((await listMany({ dagId, since }, MOST_ENTRIES, signal)).entries), complete: true };
}

/** The runs of a series, those that the first list had not room for too; the latest first. */
export function useRuns(dagId: string, series: Series): { entries: Entry[]; complete: boolean } {
  const rest = useQuery({
    queryKey: ["runs", dagId, series.id, series.entries[0]?.timestamp],
    enabled: series.more,
    staleTime: Infinity,
    queryFn: async ({ signal }) => {
      // What is known already stands at the beginning of the list.
      const offset = series.entries.length;
      const place = { dagId, taskId: series.taskId, mapIndex: series.mapIndex, offset };
      return (await listMany(place, MOST_RUNS - offset, signal)).entries;
    },
  });
  const listed = rest.data;
  const entries = useMemo(() => {
    const known = new Set(series.entries.map((entry) => entry.runId));
    const more = (listed ?? []).filter((entry) => !known.has(entry.runId));
    return sorted([...series.entries, ...more]).slice(0, MOST_RUNS);
  }, [series, listed]);
  return { entries, complete: !series.more || !rest.isPending };
}

function grouped(entries: Entry[]): Map<string, Entry[]> {
  const found = new Map<string, Entry[]>();
  for (const entry of entries) {
    const id = JSON.stringify([entry.taskId, entry.mapIndex]);
    const own = found.get(id);
    if (own) own.push(entry);
    else found.set(id, [entry]);
  }
  return found;
}

function sorted(entries: Entry[]): Entry[] {
  return [...entries].sort((one, other) =>
    one.runAfter === other.runAfter ? one.runId.localeCompare(other.runId) : one.runAfter < other.runAfter ? 1 : -1,
  );
}
