import type { QueryClient } from "@tanstack/react-query";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";

import type { Entry } from "../api/airflow";
import {
  FIRST_ENTRIES,
  findEarliestRunAfter,
  getInstanceNames,
  latestFirst,
  listEnded,
  listMany,
  listOverviews,
  selectFirstInstances,
  taskKey,
  withoutVerdict,
} from "../api/airflow";
import { FIRST_OF_ALL, hasLoggedOut } from "../api/client";
import type { Overview } from "../overview/model";
import { fetchOverview } from "./useValues";

/** How many runs a history goes back. */
export const MAX_RUNS = 200;

/** A DAG may check often and in many places. */
const MAX_ENTRIES = 2000;

/** As many of its gates that have ended without a verdict are looked at. */
const MAX_ENDED = 400;

const REFRESH_INTERVAL = 60_000;

/** What checks bias in a DAG: a task, or one of the instances that it was mapped to. */
export interface Series {
  id: string;
  taskId: string;
  mapIndex: number;
  name: string;
  /** What its task is; undefined where that could not be read. */
  kind: Overview["kind"] | undefined;
  /** The latest first. */
  entries: Entry[];
  /** Its runs that have ended without a verdict. */
  unjudged: Entry[];
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
    refetchInterval: REFRESH_INTERVAL,
    queryFn: async ({ signal }) => {
      const [{ entries, complete }, ended] = await Promise.all([listLatest(dagId, signal), listEnded({ dagId }, MAX_ENDED, signal)]);
      const without = withoutVerdict(ended, entries);
      const stale = new Set(without.map(taskKey));
      const groups = groupBySeries(entries.filter((entry) => !stale.has(taskKey(entry))));
      // A gate that has never judged has a history too.
      const known = new Set([...groups.values()].map((own) => own[0]?.taskId));
      for (const [id, own] of groupBySeries(without)) if (!known.has(own[0]?.taskId)) groups.set(id, []);
      const silent = groupBySeries(without);
      const found = [...groups].map(([id, own]) => {
        const real = own.slice(0, MAX_RUNS);
        const [taskId, mapIndex] = JSON.parse(id) as [string, number];
        // Where a task before it failed, a mapped gate has one instance that stands for all.
        const unjudged = without.filter((one) => one.taskId === taskId && (one.mapIndex === mapIndex || one.mapIndex < 0));
        return { id, own: real, unjudged: real.length > 0 ? unjudged : (silent.get(id) ?? []) };
      });
      // The instances of a mapped task are all of one kind: only the first has to be asked.
      const firsts = selectFirstInstances(found.flatMap(({ own }) => own.slice(0, 1)));
      const asked = firsts.map(async (entry) => [entry.taskId, await fetchKind(queries, entry)] as const);
      const kinds = new Map(await Promise.all(asked));
      const named = await fetchInstanceNames(firsts.length > 0 ? found.flatMap(({ own }) => own.slice(0, 1)) : [], signal);
      const series = found.map(({ id, own, unjudged }): Series => {
        const latest = own[0] ?? unjudged[0];
        const taskId = latest?.taskId ?? "";
        return {
          id,
          taskId,
          mapIndex: latest?.mapIndex ?? -1,
          name: seriesName(latest, named.get(id)),
          kind: own.length > 0 ? kinds.get(taskId) : "gate",
          entries: own,
          unjudged,
          more: !complete && own.length < MAX_RUNS,
        };
      });
      series.sort(gatesFirst);
      const [shown] = series;
      // Asked for before it is drawn. Whether that fails is for the one to see who looks at it.
      if (shown?.more) queries.query(olderRunsQuery(dagId, shown.id, shown.entries)).catch(() => undefined);
      return series;
    },
  });
}

async function fetchKind(queries: QueryClient, entry: Entry): Promise<Series["kind"]> {
  try {
    return (await fetchOverview(queries, entry, FIRST_OF_ALL)).kind;
  } catch (error) {
    if (hasLoggedOut(error)) throw error;
    return undefined;
  }
}

/** What the author calls the instances of mapped tasks, by series. */
async function fetchInstanceNames(latest: Entry[], signal: AbortSignal): Promise<Map<string, string>> {
  const mapped = latest.filter((entry) => entry.mapIndex >= 0);
  const asked = selectFirstInstances(mapped).map(async (entry) => [entry.taskId, await getInstanceNames(entry, signal)] as const);
  const names = new Map(await Promise.all(asked));
  return new Map(
    mapped.flatMap((entry) => {
      const name = names.get(entry.taskId)?.get(entry.mapIndex);
      return name === undefined ? [] : [[seriesId(entry), name]];
    }),
  );
}

export function seriesName(entry: Entry | undefined, instance?: string | null): string {
  if (!entry) return "";
  return entry.mapIndex < 0 ? entry.taskName : `${entry.taskName} [${instance ?? entry.instance ?? entry.mapIndex}]`;
}

function seriesId(entry: Entry): string {
  return JSON.stringify([entry.taskId, entry.mapIndex]);
}

/** What could not be read may be a gate. */
const KINDS = ["gate", undefined, "analysis"];

function gatesFirst(one: Series, other: Series): number {
  return KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || one.name.localeCompare(other.name, undefined, { numeric: true });
}

async function listLatest(dagId: string, signal: AbortSignal): Promise<Listing> {
  const first = await listOverviews({ dagId, limit: FIRST_ENTRIES }, signal);
  const { entries, total } = first;
  if (total <= entries.length) return { entries: sortLatestFirst(entries), complete: true };
  if (first.latestFirst) {
    // Where few runs fill the list, one of them may have more tasks than it holds.
    const few = new Set(entries.map((entry) => entry.runId)).size < 3;
    const more = few ? (await listOverviews({ dagId, offset: entries.length }, signal)).entries : [];
    return { entries: [...entries, ...more], complete: entries.length + more.length >= total };
  }
  // Airflow 3.1 lists them by run id: so the list has to be of no more than the latest runs, and be read to its end.
  const since = await findEarliestRunAfter(dagId, MAX_RUNS, signal);
  return { entries: sortLatestFirst((await listMany({ dagId, since }, MAX_ENTRIES, signal)).entries), complete: true };
}

export interface Runs {
  /** The latest first. */
  entries: Entry[];
  complete: boolean;
  /** Why the older ones could not be listed. */
  error: unknown;
}

/** The runs of a series, those that the first list had not room for too. */
export function useRuns(dagId: string, series: Series): Runs {
  const rest = useQuery({
    ...olderRunsQuery(dagId, series.id, series.entries),
    enabled: series.more,
    refetchInterval: (query) => (query.state.status === "error" ? REFRESH_INTERVAL : false),
    // When a run is added, those before it stay in sight.
    placeholderData: keepPreviousData,
  });
  const listed = rest.data;
  const entries = useMemo(() => {
    const all = [...series.unjudged, ...series.entries];
    const known = new Set(all.map((entry) => entry.runId));
    const more = (listed ?? []).filter((entry) => !known.has(entry.runId));
    return sortLatestFirst([...all, ...more]).slice(0, MAX_RUNS);
  }, [series, listed]);
  return {
    entries,
    complete: !series.more || (rest.isSuccess && !rest.isPlaceholderData),
    error: series.more ? rest.error : null,
  };
}

function olderRunsQuery(dagId: string, id: string, known: Entry[]) {
  return {
    queryKey: ["runs", dagId, id, known[0]?.timestamp],
    staleTime: Infinity,
    queryFn: async ({ signal }: { signal: AbortSignal }) => {
      // What is known already stands at the beginning of the list.
      const offset = known.length;
      const place = { dagId, taskId: known[0]?.taskId, mapIndex: known[0]?.mapIndex, offset };
      return (await listMany(place, MAX_RUNS - offset, signal)).entries;
    },
  };
}

function groupBySeries(entries: Entry[]): Map<string, Entry[]> {
  const found = new Map<string, Entry[]>();
  for (const entry of entries) {
    const id = seriesId(entry);
    const own = found.get(id);
    if (own) own.push(entry);
    else found.set(id, [entry]);
  }
  return found;
}

function sortLatestFirst(entries: Entry[]): Entry[] {
  return entries.toSorted((one, other) => latestFirst(one, other) || one.runId.localeCompare(other.runId));
}
