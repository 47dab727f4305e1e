/**
 * Values that this tab of the browser has fetched before: Airflow loads our page anew each time that somebody opens the
 * tab "Bias".
 *
 * A value is only looked up for an XCom that Airflow has just listed to the person who looks at the page, with its time
 * of writing: so what somebody may no longer see is not shown, and what was written again is fetched again.
 */

import type { Entry } from "./airflow";

const PREFIX = "airflow-clarify:";

/**
 * The most characters of a value: those of a facet of some 80 values. The store holds a few million, and Airflow's own
 * pages keep things in it too: what is larger is fetched each time.
 */
const LARGEST = 20_000;

export function kept(entry: Entry): unknown {
  try {
    const text = sessionStorage.getItem(nameOf(entry));
    return text === null ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

export function keep(entry: Entry, value: unknown): void {
  const text = JSON.stringify(value);
  if (text.length > LARGEST) return;
  try {
    sessionStorage.setItem(nameOf(entry), text);
  } catch {
    // The store is full, or closed: then it is fetched again the next time.
    forget();
  }
}

/** Remove all that was kept: the session has ended. */
export function forget(): void {
  try {
    for (const name of Object.keys(sessionStorage)) {
      if (name.startsWith(PREFIX)) sessionStorage.removeItem(name);
    }
  } catch {
    // Nothing can have been kept.
  }
}

function nameOf(entry: Entry): string {
  return PREFIX + JSON.stringify([entry.dagId, entry.runId, entry.taskId, entry.mapIndex, entry.timestamp]);
}
