/** Parses the URL of this page, and builds the URLs of Airflow's own pages and API. */

export interface TaskPlace {
  dagId: string;
  runId: string;
  taskId: string;
  /** -1: the task is not mapped. */
  mapIndex: number;
}

export type View =
  | { name: "gates" }
  | { name: "history"; dagId: string }
  | ({ name: "verdict" } & TaskPlace);

/**
 * Parses the view from a URL; null if it names none.
 *
 * Airflow 3.1 does not encode run ids in the URL: a plus sign is a plus sign, not a space.
 */
export function parseView(address: URL): View | null {
  const page = address.pathname.split("/").at(-1);
  const asked = parseParameters(address.search);
  const dagId = asked.get("dag_id");
  if (page === "gates") return { name: "gates" };
  if (!dagId) return null;
  if (page === "history") return { name: "history", dagId };
  const runId = asked.get("run_id");
  const taskId = asked.get("task_id");
  if (page !== "verdict" || !runId || !taskId) return null;
  // If a task is not mapped, Airflow leaves the placeholder in the URL.
  const mapIndex = Number.parseInt(asked.get("map_index") ?? "", 10);
  return { name: "verdict", dagId, runId, taskId, mapIndex: Number.isNaN(mapIndex) ? -1 : mapIndex };
}

function parseParameters(search: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of search.replace(/^\?/, "").split("&")) {
    const sign = part.indexOf("=");
    if (sign > 0) found.set(part.slice(0, sign), decode(part.slice(sign + 1)));
  }
  return found;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Builds Airflow's base URL, with a trailing slash: this page is one folder below it. */
export function buildAirflowUrl(address: URL): URL {
  const found = new URL("../", address);
  found.search = "";
  found.hash = "";
  return found;
}

/** Paths of Airflow's pages, relative to its base URL. */
export const pages = {
  dag: (dagId: string) => `dags/${segment(dagId)}`,
  history: (dagId: string) => `dags/${segment(dagId)}/plugin/bias-history`,
  run: (dagId: string, runId: string) => `dags/${segment(dagId)}/runs/${segment(runId)}`,
  task: (place: TaskPlace) => `${pages.run(place.dagId, place.runId)}/tasks/${segment(place.taskId)}${formatMapIndex(place)}`,
  verdict: (place: TaskPlace) => `${pages.task(place)}/plugin/bias-verdict`,
};

function formatMapIndex(place: TaskPlace): string {
  return place.mapIndex < 0 ? "" : `/mapped/${place.mapIndex}`;
}

/** Encodes one segment of a path. Segments of dots are refused: they are resolved as parent folders, even as `%2e`. */
export function segment(text: string): string {
  if (text === "." || text === "..") throw new Error(`${JSON.stringify(text)} cannot be a part of an address.`);
  return encodeURIComponent(text);
}

/** Finds the web page of a location, such as the page of an object in its bucket's console; null if there is none. */
export function findWebPage(location: string): string | null {
  const found = /^([a-z0-9]+):\/\/([^/?#]+)(?:\/(.*))?$/is.exec(location);
  if (!found) return null;
  const [, scheme = "", host = "", key = ""] = found;
  // The part before the @ is an Airflow connection. A glob pattern does not name an object.
  const bucket = encodeURIComponent(host.slice(host.lastIndexOf("@") + 1));
  const folder = !key || key.endsWith("/") || /[*?[]/.test(key);
  const path = folder ? key.slice(0, key.search(/[*?[]|$/)).replace(/[^/]*$/, "") : key;
  const parts = path.split("/").map(encodeURIComponent).join("/");
  switch (scheme.toLowerCase()) {
    case "s3":
    case "s3a":
    case "s3n":
      return `https://console.aws.amazon.com/s3/${folder ? "buckets" : "object"}/${bucket}?prefix=${parts}`;
    case "gs":
    case "gcs":
      return `https://console.cloud.google.com/storage/browser/${folder ? "" : "_details/"}${bucket}/${parts}`;
    case "https":
      return URL.canParse(location) && !host.includes("@") ? new URL(location).href : null;
    default:
      return null;
  }
}
