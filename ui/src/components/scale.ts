/** Maps numbers to positions on an axis. */

export interface Scale {
  low: number;
  high: number;
  ticks: number[];
  /** Position of a value, from 0 to 1; values beyond the ends are clipped. */
  at: (value: number) => number;
}

/** Builds an axis that contains all numbers, with round numbers as ticks. */
export function buildScale(values: Iterable<number | null>, marks = 4): Scale {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) [low, high] = [0, 1];
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2];
  const room = (high - low) * 0.06;
  const step = roundStep((high - low) / marks);
  const from = low - room;
  const to = high + room;
  const ticks: number[] = [];
  for (let tick = Math.ceil(from / step); tick * step <= to; tick += 1) ticks.push(Number((tick * step).toPrecision(12)));
  return { low: from, high: to, ticks, at: (value) => Math.min(1, Math.max(0, (value - from) / (to - from))) };
}

function roundStep(rough: number): number {
  const size = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * size >= rough) ?? 10;
  return factor * size;
}

/** Formats a tick. */
export function formatTick(tick: number): string {
  return String(tick).replace("-", "−");
}
