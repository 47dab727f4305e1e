import type { QueryClient } from "@tanstack/react-query";
import { useQueryClient } from "@tanstack/react-query";
import { startTransition, useEffect, useState } from "react";

import type { Entry } from "../api/airflow";
import { loadOverview } from "../api/airflow";
import { hasLoggedOut } from "../api/client";
import type { Overview } from "../overview/model";
import { NotAnOverview, readOverview, unjudgedOverview } from "../overview/model";
import { drawingOrder } from "./drawing";

/** The result of fetching a value. */
export type Fetched = { overview: Overview } | { error: unknown };

export type Values = ReadonlyMap<string, Fetched>;

/** Minimum interval between redraws, in milliseconds: a redraw takes longer than a response, so values are batched. */
const DRAW_EVERY = 350;

export function entryKey(entry: Entry): string {
  return JSON.stringify([entry.dagId, entry.runId, entry.taskId, entry.mapIndex, entry.timestamp]);
}

/** Number of lists shown so far: the most recent list has the highest priority. */
let turned = 0;

/**
 * Loads the overviews of XComs, and returns those that have arrived so far.
 *
 * @param entries the latest first
 * @param listed when Airflow listed them: each time, values that failed before are requested again
 */
export function useValues(entries: Entry[] | undefined, listed: number): Values {
  const queries = useQueryClient();
  const [values, setValues] = useState<Values>(() => findAllSettled(queries, entries ?? []));
  useEffect(() => {
    if (!entries) return;
    turned += 1;
    const urgency = -turned;
    const found = new Map<string, Fetched>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let left = false;
    const draw = () => {
      timer = undefined;
      // A transition, so that user input is handled first.
      startTransition(() => setValues(new Map(found)));
    };
    let waiting = entries.length;
    let ended = false;
    const took = (entry: Entry, fetched: Fetched) => {
      if (left) return;
      found.set(entryKey(entry), fetched);
      waiting -= 1;
      if (waiting === 0) {
        clearTimeout(timer);
        draw();
      } else {
        timer ??= setTimeout(draw, found.size === 1 ? 0 : DRAW_EVERY);
      }
    };
    for (const place of drawingOrder(entries.length)) {
      const entry = entries[place];
      if (!entry) continue;
      const there = findSettled(queries, entry);
      if (there) {
        took(entry, there);
        continue;
      }
      // Requests are not aborted when another list is shown: their values are cached for when the user returns.
      fetchOverview(queries, entry, urgency).then(
        (overview) => took(entry, { overview }),
        (error: unknown) => {
          took(entry, { error });
          if (left || ended || !hasLoggedOut(error)) return;
          ended = true;
          // Refetching the list reports that the session has ended.
          void queries.invalidateQueries({ type: "active" });
        },
      );
    }
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [queries, entries, listed]);
  return values;
}

const valueKey = (entry: Entry) => ["value", entryKey(entry)];

/** Returns a result that another request would not change. */
function findSettled(queries: QueryClient, entry: Entry): Fetched | undefined {
  if (entry.unjudged !== undefined) return { overview: unjudgedOverview(entry.unjudged) };
  const { data, error } = queries.getQueryState<Overview>(valueKey(entry)) ?? {};
  if (data) return { overview: data };
  return error instanceof NotAnOverview ? { error } : undefined;
}

function findAllSettled(queries: QueryClient, entries: Entry[]): Values {
  return new Map(
    entries.flatMap((entry) => {
      const there = findSettled(queries, entry);
      return there ? [[entryKey(entry), there]] : [];
    }),
  );
}

/** Fetches an overview, unless it is cached. */
export function fetchOverview(queries: QueryClient, entry: Entry, urgency: number): Promise<Overview> {
  return queries.query({
    queryKey: valueKey(entry),
    queryFn: async () => readOverview(await loadOverview(entry, undefined, urgency)),
    // The key contains the time of writing, so the value never changes.
    staleTime: Infinity,
    gcTime: Infinity,
  });
}
