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
import { MAX_RUNS } from "./series";
import { fetchOverview } from "./useValues";

/** Maximum number of XComs listed per DAG, which may have many tasks that check bias. */
const MAX_ENTRIES = 2000;

/** Maximum number of gate instances without a verdict that are listed. */
const MAX_ENDED = 400;

const REFRESH_INTERVAL = 60_000;

/** A task that checks bias, or one of its mapped instances. */
export interface Series {
  id: string;
  taskId: string;
  mapIndex: number;
  name: string;
  /** Kind of the task; undefined if it could not be read. */
  kind: Overview["kind"] | undefined;
  /** The latest first. */
  entries: Entry[];
  /** Runs that have ended without a verdict. */
  unjudged: Entry[];
  /** Whether Airflow has more entries than were listed. */
  more: boolean;
}

interface Listing {
  entries: Entry[];
  complete: boolean;
}

/** Loads the tasks of a DAG that check bias, gates before analyses. */
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
      // A gate without any verdict has a history too.
      const known = new Set([...groups.values()].map((own) => own[0]?.taskId));
      for (const [id, own] of groupBySeries(without)) if (!known.has(own[0]?.taskId)) groups.set(id, []);
      const silent = groupBySeries(without);
      const found = [...groups].map(([id, own]) => {
        const real = own.slice(0, MAX_RUNS);
        const [taskId, mapIndex] = JSON.parse(id) as [string, number];
        // If an upstream task failed, a mapped gate has a single instance, without a map index.
        const unjudged = without.filter((one) => one.taskId === taskId && (one.mapIndex === mapIndex || one.mapIndex < 0));
        return { id, own: real, unjudged: real.length > 0 ? unjudged : (silent.get(id) ?? []) };
      });
      // All instances of a mapped task are of the same kind, so only the first is fetched.
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
      // Prefetched before it is drawn. An error is reported by the query that shows it.
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

/** Fetches the rendered names of mapped instances, by series. */
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

/** Sort order of kinds; an unreadable entry may be a gate. */
const KINDS = ["gate", undefined, "analysis", "search"];

function gatesFirst(one: Series, other: Series): number {
  return KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) || one.name.localeCompare(other.name, undefined, { numeric: true });
}

async function listLatest(dagId: string, signal: AbortSignal): Promise<Listing> {
  const first = await listOverviews({ dagId, limit: FIRST_ENTRIES }, signal);
  const { entries, total } = first;
  if (total <= entries.length) return { entries: sortLatestFirst(entries), complete: true };
  if (first.latestFirst) {
    // If few runs fill the list, it may not contain all tasks of a run.
    const few = new Set(entries.map((entry) => entry.runId)).size < 3;
    const more = few ? (await listOverviews({ dagId, offset: entries.length }, signal)).entries : [];
    return { entries: [...entries, ...more], complete: entries.length + more.length >= total };
  }
  // Airflow 3.1 sorts by run id, so the list is limited to the latest runs and read completely.
  const since = await findEarliestRunAfter(dagId, MAX_RUNS, signal);
  return { entries: sortLatestFirst((await listMany({ dagId, since }, MAX_ENTRIES, signal)).entries), complete: true };
}

export interface Runs {
  /** The latest first. */
  entries: Entry[];
  complete: boolean;
  /** Error when listing the older runs. */
  error: unknown;
}

/** Loads all runs of a series, including those beyond the first page. */
export function useRuns(dagId: string, series: Series): Runs {
  const rest = useQuery({
    ...olderRunsQuery(dagId, series.id, series.entries),
    enabled: series.more,
    refetchInterval: (query) => (query.state.status === "error" ? REFRESH_INTERVAL : false),
    // When a run is added, the earlier ones stay visible.
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
      // The list starts with the entries that are already known.
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
