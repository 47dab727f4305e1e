import type { QueryClient } from "@tanstack/react-query";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import type { Entry } from "../api/airflow";
import { overviewOf } from "../api/airflow";
import type { Overview } from "../overview/model";
import { readOverview } from "../overview/model";
import { drawingOrder } from "./drawing";

/** What became of a value that was asked for. */
export type Fetched = { overview: Overview } | { error: unknown };

export type Values = ReadonlyMap<string, Fetched>;

/** Drawing again takes longer than an answer: so what comes in is drawn together, so many times a second at most. */
const DRAW_EVERY = 120;

export function keyOf(entry: Entry): string {
  return JSON.stringify([entry.dagId, entry.runId, entry.taskId, entry.mapIndex, entry.timestamp]);
}

/** Each list that somebody turns to goes before those that were looked at before. */
let turned = 0;

/**
 * The overviews of these XComs, those that have come so far.
 *
 * @param entries the latest first
 */
export function useValues(entries: Entry[] | undefined): Values {
  const queries = useQueryClient();
  const [values, setValues] = useState<Values>(new Map());
  useEffect(() => {
    if (!entries) return;
    turned += 1;
    const urgency = -turned;
    const found = new Map<string, Fetched>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let left = false;
    const draw = () => {
      timer = undefined;
      setValues(new Map(found));
    };
    let waiting = entries.length;
    const took = (entry: Entry, fetched: Fetched) => {
      if (left) return;
      found.set(keyOf(entry), fetched);
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
      const there = queries.getQueryData<Overview>(valueKey(entry));
      if (there) {
        took(entry, { overview: there });
        continue;
      }
      // What was asked for is not taken back when somebody turns to another list: it is kept for when they turn again.
      fetchOverview(queries, entry, urgency).then(
        (overview) => took(entry, { overview }),
        (error: unknown) => took(entry, { error }),
      );
    }
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [queries, entries]);
  return values;
}

const valueKey = (entry: Entry) => ["value", keyOf(entry)];

/** Fetch an overview, unless it is there already. */
export function fetchOverview(queries: QueryClient, entry: Entry, urgency: number): Promise<Overview> {
  return queries.query({
    queryKey: valueKey(entry),
    queryFn: async () => readOverview(await overviewOf(entry, undefined, urgency)),
    // It is the value that was written at that time: it never changes.
    staleTime: Infinity,
    gcTime: Infinity,
  });
}
