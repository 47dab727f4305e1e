/** Sends requests to Airflow's public REST API, with the session of the current user. */

import { buildAirflowUrl } from "../urls";
import { cache } from "./cache";

/** Kinds of failed requests, for each of which the page shows another message. */
export type Refusal = "logged-out" | "forbidden" | "missing" | "unreachable" | "broken";

export class ApiError extends Error {
  constructor(
    readonly refusal: Refusal,
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Returns whether the user may not see the data any more, not even data that were read before. */
export function isAccessDenied(error: unknown): boolean {
  return hasLoggedOut(error) || (error instanceof ApiError && error.refusal === "forbidden");
}

export function hasLoggedOut(error: unknown): boolean {
  return error instanceof ApiError && error.refusal === "logged-out";
}

export type Query = Record<string, string | number | string[] | undefined>;

/** A browser opens six connections per server and queues further requests, whose order could not be changed. */
const MAX_CONNECTIONS = 6;

/** Urgency of lists and of the top of a page: all other requests wait for them. */
export const FIRST_OF_ALL = -Infinity;

interface Waiting {
  urgency: number;
  start: () => void;
  refuse: (error: ApiError) => void;
}

let running = 0;
const line: Waiting[] = [];

/**
 * Sends a GET request to Airflow's API.
 *
 * @param path below `api/v2/`, already encoded
 * @param query parameters; undefined values are omitted
 * @param urgency the smaller, the sooner; requests of the same urgency keep their order
 */
export async function get(
  path: string,
  query: Query = {},
  signal?: AbortSignal,
  urgency = FIRST_OF_ALL,
): Promise<unknown> {
  const address = buildUrl(path, query);
  const begun = ahead.get(address.href);
  if (begun) {
    ahead.delete(address.href);
    return begun;
  }
  await waitForTurn(urgency);
  try {
    signal?.throwIfAborted();
    return await sendRequest(address, signal);
  } finally {
    running -= 1;
    line.shift()?.start();
  }
}

const ahead = new Map<string, Promise<unknown>>();

/** Sends a request in advance: the first `get` of the same URL receives its response. */
export function prefetch(path: string, query: Query): Promise<unknown> {
  const address = buildUrl(path, query).href;
  const begun = get(path, query);
  // An error is reported by the `get` that receives the response.
  begun.catch(() => undefined);
  ahead.set(address, begun);
  return begun;
}

function buildUrl(path: string, query: Query): URL {
  const address = new URL(`api/v2/${path}`, buildAirflowUrl(new URL(location.href)));
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) value.forEach((one) => address.searchParams.append(name, one));
    else if (value !== undefined) address.searchParams.set(name, String(value));
  }
  return address;
}

function waitForTurn(urgency: number): Promise<void> {
  return new Promise((resolve, refuse) => {
    const start = () => {
      running += 1;
      resolve();
    };
    if (running < MAX_CONNECTIONS) {
      start();
      return;
    }
    const place = line.findIndex((waiting) => waiting.urgency > urgency);
    line.splice(place < 0 ? line.length : place, 0, { urgency, start, refuse });
  });
}

async function sendRequest(address: URL, signal?: AbortSignal): Promise<unknown> {
  let answer: Response;
  try {
    answer = await fetch(address, {
      credentials: "same-origin",
      headers: { Accept: "application/json" },
      // The API never redirects; a redirect leads to a login page.
      redirect: "manual",
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("unreachable", 0, "Airflow does not respond. Check that its api-server is running and that your network works.");
  }
  if (answer.ok) return readJson(answer, signal);
  throw toApiError(answer);
}

async function readJson(answer: Response, signal?: AbortSignal): Promise<unknown> {
  try {
    return await answer.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unexpectedAnswer();
  }
}

/** Creates the error for a response that does not come from Airflow's API. */
export function unexpectedAnswer(): ApiError {
  const message = "The response does not come from Airflow’s API. A proxy or its login page may have sent it: reload Airflow and log in.";
  return new ApiError("broken", 200, message);
}

function toApiError(answer: Response): ApiError {
  const { status } = answer;
  if (status === 401 || answer.type === "opaqueredirect") {
    cache.clear();
    const error = new ApiError(
      "logged-out",
      status,
      "Your session has ended. Log in to Airflow again to see this page.",
    );
    // All waiting requests would fail with the same error.
    for (const waiting of line.splice(0)) waiting.refuse(error);
    return error;
  }
  if (status === 403) return new ApiError("forbidden", status, "You have no permission to read this in Airflow.");
  if (status === 404) return new ApiError("missing", status, "Airflow has nothing of this name. It may have been deleted.");
  return new ApiError("broken", status, `Airflow responded with an error (${status}). Details are in the log of its api-server.`);
}
