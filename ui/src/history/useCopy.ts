import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import type { Entry } from "../api/airflow";
import { requestSeries } from "../api/airflow";
import { readNights } from "../overview/nights";
import type { Overview } from "../overview/model";
import type { Copy } from "./series";
import { entryKey } from "./useValues";

/**
 * Loads the compact copy of a history that its latest run has pushed.
 *
 * @param head the latest run with a verdict
 * @param overview its overview, if it is loaded
 * @returns the copy, if there is one, and whether it is still loading
 */
export function useCopy(head: Entry | undefined, overview: Overview | undefined): { copy: Copy | undefined; pending: boolean } {
  const enabled = head !== undefined && overview?.series === true;
  const { data, isPending } = useQuery({
    queryKey: ["copy", head ? entryKey(head) : ""],
    // undefined is no value of a query.
    queryFn: async ({ signal }) => (head ? (readNights(await requestSeries(head, signal)) ?? null) : null),
    enabled,
    // The key contains the time of writing, so the value never changes.
    staleTime: Infinity,
    // Without the copy, each run is read.
    retry: false,
  });
  const copy = useMemo(() => {
    // Runs cannot be recognized if the data were measured in runs of another DAG.
    if (!enabled || data?.find(head.runId) === undefined) return undefined;
    return { nights: data, head };
  }, [enabled, data, head]);
  return { copy, pending: enabled && isPending };
}
