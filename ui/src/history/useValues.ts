import type { QueryClient } from "@tanstack/react-query";
import { useQueryClient } from "@tanstack/react-query";
import { startTransition, useEffect, useState } from "react";

import type { Entry } from "../api/airflow";
import { loadOverview } from "../api/airflow";
import { hasLoggedOut } from "../api/client";
import type { Overview } from "../overview/model";
import { NotAnOverview, readOverview, unjudgedOverview } from "../overview/model";
import { drawingOrder } from "./drawing";

/** What became of a value that was asked for. */
export type Fetched = { overview: Overview } | { error: unknown };

export type Values = ReadonlyMap<string, Fetched>;

/** Drawing again takes longer than an answer: so what comes in is drawn together, so many times a second at most. */
const DRAW_EVERY = 350;

export function entryKey(entry: Entry): string {
  return JSON.stringify([entry.dagId, entry.runId, entry.taskId, entry.mapIndex, entry.timestamp]);
}

/** Each list that somebody turns to goes before those that were looked at before. */
let turned = 0;

/**
 * The overviews of these XComs, those that have come so far.
 *
 * @param entries the latest first
 * @param listed when Airflow has listed them: each time, those that it could not give before are asked for again
 */
export function useValues(entries: Entry[] | undefined, listed: number): Values {
  const queries = useQueryClient();
  const [values, setValues] = useState<Values>(() => allSettled(queries, entries ?? []));
  useEffect(() => {
    if (!entries) return;
    turned += 1;
    const urgency = -turned;
    const found = new Map<string, Fetched>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let left = false;
    const draw = () => {
      timer = undefined;
      // Somebody who points at something meanwhile does not wait for it.
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
      const there = settled(queries, entry);
      if (there) {
        took(entry, there);
        continue;
      }
      // What was asked for is not taken back when somebody turns to another list: it is kept for when they turn again.
      fetchOverview(queries, entry, urgency).then(
        (overview) => took(entry, { overview }),
        (error: unknown) => {
          took(entry, { error });
          if (left || ended || !hasLoggedOut(error)) return;
          ended = true;
          // The list, asked for again, says that the session has ended.
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

/** What asking again would not change. */
function settled(queries: QueryClient, entry: Entry): Fetched | undefined {
  if (entry.unjudged !== undefined) return { overview: unjudgedOverview(entry.unjudged) };
  const { data, error } = queries.getQueryState<Overview>(valueKey(entry)) ?? {};
  if (data) return { overview: data };
  return error instanceof NotAnOverview ? { error } : undefined;
}

function allSettled(queries: QueryClient, entries: Entry[]): Values {
  return new Map(
    entries.flatMap((entry) => {
      const there = settled(queries, entry);
      return there ? [[entryKey(entry), there]] : [];
    }),
  );
}

/** Fetch an overview, unless it is there already. */
export function fetchOverview(queries: QueryClient, entry: Entry, urgency: number): Promise<Overview> {
  return queries.query({
    queryKey: valueKey(entry),
    queryFn: async () => readOverview(await loadOverview(entry, undefined, urgency)),
    // It is the value that was written at that time: it never changes.
    staleTime: Infinity,
    gcTime: Infinity,
  });
}
