/**
 * Caches overviews in this tab of the browser, since Airflow reloads the page each time the tab "Bias" is opened.
 *
 * A value is looked up only for an XCom that Airflow has just listed for the current user, by the time it was written.
 * So values that the user may no longer see are not shown, and values that were written again are fetched again.
 */

import type { Entry } from "./airflow";

const PREFIX = "airflow-clarify:";

/**
 * Maximum length of a cached value, about a facet of 80 values. The session storage holds a few million characters and is
 * shared with Airflow's own pages, so larger values are fetched each time.
 */
const MAX_CACHED_LENGTH = 20_000;

function get(entry: Entry): unknown {
  try {
    const text = sessionStorage.getItem(cacheKey(entry));
    return text === null ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

function set(entry: Entry, value: unknown): void {
  const text = JSON.stringify(value);
  if (text.length > MAX_CACHED_LENGTH) return;
  try {
    sessionStorage.setItem(cacheKey(entry), text);
  } catch {
    // The storage is full or unavailable: values are fetched again.
    clear();
  }
}

/** Removes all cached values, when the session has ended. */
function clear(): void {
  try {
    for (const name of Object.keys(sessionStorage)) {
      if (name.startsWith(PREFIX)) sessionStorage.removeItem(name);
    }
  } catch {
    // The storage is unavailable, so nothing was cached.
  }
}

function cacheKey(entry: Entry): string {
  return PREFIX + JSON.stringify([entry.dagId, entry.runId, entry.taskId, entry.mapIndex, entry.timestamp]);
}

export const cache = { get, set, clear };
