/** Numbers and names as people read them: as the report writes them, so that the two agree. */

import type { Analysis, Overview } from "./model";
import { buildTitles, findWorst } from "./model";

const NO_BREAK_SPACE = "\u00a0";

// Control characters, and those that turn the direction of text around or take no room: with them a value can look like
// another, or swallow the sentence around it. U+200C and U+200D stay, as Persian and emoji are spelled with them.
const INVISIBLE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]/gu;

/** The text with each character that cannot be seen written as its code point. */
export function escapeInvisible(text: string): string {
  return text.replace(INVISIBLE, (found) => {
    const point = (found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    return `⟨U+${point}⟩`;
  });
}

/** A value of the data; an empty or blank one in quotes, so that there is something to see. */
export function displayName(value: string): string {
  return escapeInvisible(value.trim() === "" ? `"${value}"` : value);
}

/** The beginning and the end of a long text. It is cut between characters, never inside one. */
export function shorten(text: string, most = 60): string {
  const characters = Array.from(text);
  if (characters.length <= most) return text;
  const end = Math.floor(most / 4);
  return `${characters.slice(0, most - end - 1).join("")}…${characters.slice(-end).join("")}`;
}

/** The end of a path, which tells it from others: its last folder and its file. */
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

/** A share with one decimal; one that is neither nothing nor all is never written as if it were. */
export function percent(share: number): string {
  if (share > 0 && share < 0.0005) return `<${NO_BREAK_SPACE}0.1${NO_BREAK_SPACE}%`;
  if (share >= 0.9995 && share < 1) return `>${NO_BREAK_SPACE}99.9${NO_BREAK_SPACE}%`;
  return `${(100 * share).toFixed(1)}${NO_BREAK_SPACE}%`;
}

/** A metric's value. What rounds to zero has no sign, and infinity has its own. */
export function decimal(value: number, decimals = 4): string {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const text = value.toFixed(decimals);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** A bound, as its author wrote it. */
export function bound(value: number): string {
  return String(value).replace("-", "−");
}

/** A verdict's sentence without the outcome in front of it, where that is shown beside it. */
export function stripOutcome(sentence: string, outcome: string | null): string {
  const start = outcome === "pass" ? "passed: " : `${outcome ?? ""}: `;
  const rest = sentence.startsWith(start) ? sentence.slice(start.length) : sentence;
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** The same without the name of the data behind it, where that is shown beside it. */
export function stripData({ sentence, outcome, data }: Pick<Analysis, "sentence" | "outcome" | "data">): string {
  const end = data ? `; data: ${data.short}` : "";
  const rest = end && sentence.endsWith(end) ? sentence.slice(0, -end.length) : sentence;
  return stripOutcome(rest, outcome);
}

/** Why a task has come to its verdict: what its worst analysis says, which is named where there are several. */
export function summarizeVerdict(overview: Overview): string {
  if (overview.unjudged !== undefined) return overview.unjudged;
  const worst = findWorst(overview);
  if (!worst) return "";
  const reason = stripData(worst);
  if (overview.analyses.length === 1 || reason === "") return reason;
  return `${buildTitles(overview.analyses)[overview.analyses.indexOf(worst)] ?? ""}: ${reason}`;
}

/** What a metric may be, in words. */
export function bounds(low: number | null, high: number | null): string {
  if (low === null && high === null) return "no bound";
  if (low === null) return `at most ${bound(high ?? 0)}`;
  if (high === null) return `at least ${bound(low)}`;
  return low === -high ? `from −${bound(high)} to ${bound(high)}` : `from ${bound(low)} to ${bound(high)}`;
}

/** The time zone that somebody has chosen in Airflow, which keeps it under this name; the browser's own otherwise. */
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

/** How long ago something was, such as "3 days ago". */
export function ago(when: string, now = Date.now()): string {
  let past = (new Date(when).getTime() - now) / 1000;
  for (const [size, unit] of AGES) {
    if (Math.abs(past) < size) return AGO.format(Math.round(past), unit);
    past /= size;
  }
  return AGO.format(Math.round(past), "year");
}
