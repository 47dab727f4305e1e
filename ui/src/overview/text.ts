/** Formats numbers and names for readers, in the same way as the report. */

import type { Analysis, Overview } from "./model";
import { buildTitles, findWorst } from "./model";

const NO_BREAK_SPACE = "\u00a0";

// Control characters, bidirectional controls and characters of zero width: with them a value can look like another one,
// or reorder the sentence around it. U+200C and U+200D are kept, since Persian and emoji are spelled with them.
const INVISIBLE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]/gu;

/** Replaces each invisible character with its code point. */
export function escapeInvisible(text: string): string {
  return text.replace(INVISIBLE, (found) => {
    const point = (found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    return `⟨U+${point}⟩`;
  });
}

/** Returns a value of the data for display; an empty or blank one is put in quotes, so that it is visible. */
export function displayName(value: string): string {
  return escapeInvisible(value.trim() === "" ? `"${value}"` : value);
}

/** Shortens a long text to its beginning and end, without splitting a code point. */
export function shorten(text: string, max = 60): string {
  const characters = Array.from(text);
  if (characters.length <= max) return text;
  const end = Math.floor(max / 4);
  return `${characters.slice(0, max - end - 1).join("")}…${characters.slice(-end).join("")}`;
}

/** Shortens a path to its last folder and file, which distinguish it from others. */
export function shortenPath(path: string): string {
  const parts = path.split("/");
  return parts.length > 3 ? `…/${parts.slice(-2).join("/")}` : path;
}

export function count(rows: number): string {
  return rows.toLocaleString("en-US");
}

export function plural(total: number, one: string, many: string): string {
  return `${count(total)} ${total === 1 ? one : many}`;
}

/** Formats a share as a percentage; a share between 0 and 1 is never rounded to 0 % or 100 %. */
export function percent(share: number): string {
  if (share > 0 && share < 0.0005) return `<${NO_BREAK_SPACE}0.1${NO_BREAK_SPACE}%`;
  if (share >= 0.9995 && share < 1) return `>${NO_BREAK_SPACE}99.9${NO_BREAK_SPACE}%`;
  return `${(100 * share).toFixed(1)}${NO_BREAK_SPACE}%`;
}

/** Formats the value of a metric; a value that rounds to zero has no sign. */
export function decimal(value: number, decimals = 4): string {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const text = value.toFixed(decimals);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** Formats a bound with the digits in which its author wrote it. */
export function bound(value: number): string {
  return String(value).replace("-", "−");
}

/** Removes the outcome from the start of a verdict's sentence, since it is shown beside it. */
export function stripOutcome(sentence: string, outcome: string | null): string {
  const start = outcome === "pass" ? "passed: " : `${outcome ?? ""}: `;
  const rest = sentence.startsWith(start) ? sentence.slice(start.length) : sentence;
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** Removes the outcome and the name of the data from a verdict's sentence. */
export function stripData({ sentence, outcome, data }: Pick<Analysis, "sentence" | "outcome" | "data">): string {
  const end = data ? `; data: ${data.short}` : "";
  const rest = end && sentence.endsWith(end) ? sentence.slice(0, -end.length) : sentence;
  return stripOutcome(rest, outcome);
}

/** Summarizes a task's verdict: the reason of its worst analysis, with its name if there are several. */
export function summarizeVerdict(overview: Overview): string {
  if (overview.unjudged !== undefined) return overview.unjudged;
  if (overview.search) return overview.search.summary;
  const worst = findWorst(overview);
  if (!worst) return "";
  const reason = stripData(worst);
  if (overview.analyses.length === 1 || reason === "") return reason;
  return `${buildTitles(overview.analyses)[overview.analyses.indexOf(worst)] ?? ""}: ${reason}`;
}

/** Describes the bounds of a metric. */
export function bounds(low: number | null, high: number | null): string {
  if (low === null && high === null) return "no bound";
  if (low === null) return `at most ${bound(high ?? 0)}`;
  if (high === null) return `at least ${bound(low)}`;
  return low === -high ? `from −${bound(high)} to ${bound(high)}` : `from ${bound(low)} to ${bound(high)}`;
}

/** Returns the time zone that the user has chosen in Airflow; undefined for the browser's own. */
function timeZone(): string | undefined {
  try {
    const stored = JSON.parse(localStorage.getItem("timezone") ?? "null") as unknown;
    return typeof stored === "string" && stored !== "local" ? stored : undefined;
  } catch {
    return undefined;
  }
}

function formatDate(when: string, parts: Intl.DateTimeFormatOptions): string {
  const date = new Date(when);
  try {
    return new Intl.DateTimeFormat("en-GB", { ...parts, timeZone: timeZone() }).format(date);
  } catch {
    return new Intl.DateTimeFormat("en-GB", parts).format(date);
  }
}

const DAY: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };
const DATE: Intl.DateTimeFormatOptions = { ...DAY, year: "numeric" };

export const day = (when: string) => formatDate(when, DAY);
export const date = (when: string) => formatDate(when, DATE);
export const time = (when: string) => formatDate(when, { ...DATE, hour: "2-digit", minute: "2-digit" });

const AGES: [number, Intl.RelativeTimeFormatUnit][] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [7, "day"],
  [4.35, "week"],
  [12, "month"],
];
const AGO = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** Formats the age of a time, such as "3 days ago". */
export function ago(when: string, now = Date.now()): string {
  let past = (new Date(when).getTime() - now) / 1000;
  for (const [size, unit] of AGES) {
    if (Math.abs(past) < size) return AGO.format(Math.round(past), unit);
    past /= size;
  }
  return AGO.format(Math.round(past), "year");
}
