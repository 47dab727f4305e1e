import type { KeyboardEvent, PointerEvent } from "react";
import { useEffect, useMemo, useRef, useState } from "react";

import { day, decimal, displayName, shorten, time } from "../overview/text";
import { Mark } from "../components/DotPlot";
import { buildScale, formatTick } from "../components/scale";
import { outcomeStyle } from "../components/Verdicts";
import type { Outcome } from "../overview/model";
import { isNotPassing } from "../overview/model";
import type { Line, Run } from "./series";
import { buildSpans } from "./series";
import type { Trial } from "./trial";

const HEIGHT = 260;
const STRIP = 26;
const TOP = 12;
const LEFT = 52;

/** Maximum number of lines behind the chosen ones. */
const MAX_BEHIND = 80;

/** Maximum number of chosen lines, limited by the distinguishable colours and dashes. */
export const MAX_LINES = 6;

interface ChartProps {
  runs: Run[];
  lines: Line[];
  /** The values that are drawn in colour, in the order of their colours. */
  chosen: string[];
  metric: string;
  gate: boolean;
  /** A trial of another bound, which is drawn too. */
  trial?: Trial;
  /** The run whose values are shown. */
  at: number;
  setAt: (place: number) => void;
  openRun: (place: number) => void;
}

/** A metric over the runs: the chosen values in colour, all others in grey, the bounds, and the gate's decisions. */
export function HistoryChart({ runs, lines, chosen, metric, gate, trial, at, setAt, openRun }: ChartProps) {
  const [frame, width] = useWidth();
  const labels = width > 640;
  const right = labels ? 128 : 14;
  const inner = Math.max(1, width - LEFT - right);
  const step = inner / Math.max(1, runs.length);
  const size = Math.min(0.85, Math.max(0.5, step / 9));
  const x = (place: number) => LEFT + (place + 0.5) * step;

  const picked = useMemo(
    () => chosen.flatMap((value) => lines.find((line) => line.value === value) ?? []),
    [chosen, lines],
  );
  const behind = useMemo(
    () => lines.filter((line) => !chosen.includes(line.value)).slice(0, MAX_BEHIND),
    [chosen, lines],
  );
  const scale = useMemo(() => {
    const cells = [...picked, ...behind].flatMap((line) => line.cells);
    const tried = trial ? [trial.bounds.low, trial.bounds.high] : [];
    return buildScale([...cells.flatMap((cell) => (cell ? [cell.value, cell.low, cell.high] : [])), ...tried], 5);
  }, [picked, behind, trial]);
  const y = (value: number) => TOP + (1 - scale.at(value)) * (HEIGHT - TOP);
  const paths = useMemo(
    () => behind.map((line) => buildPath(line.cells, (place) => LEFT + (place + 0.5) * step, scale.at)),
    [behind, step, scale],
  );

  const decisions = useMemo(() => runs.map((run) => (run.loading ? undefined : run.outcome)), [runs]);

  function follow(event: PointerEvent<SVGSVGElement>) {
    const within = event.clientX - event.currentTarget.getBoundingClientRect().left - LEFT;
    setAt(Math.min(runs.length - 1, Math.max(0, Math.floor(within / step))));
  }

  function steer(event: KeyboardEvent) {
    const to = STEPS.get(event.key)?.(at, runs.length - 1);
    if (to !== undefined) setAt(Math.min(runs.length - 1, Math.max(0, to)));
    else if (event.key === "Enter") openRun(at);
    else return;
    event.preventDefault();
  }

  const strips = (gate ? STRIP : 0) + (trial ? STRIP : 0);
  const total = HEIGHT + strips + 22;
  return (
    <div
      ref={frame}
      className="chart"
      tabIndex={0}
      role="slider"
      aria-label={`${metric} over ${runs.length} runs. Arrow keys move from run to run, Enter opens the run.`}
      aria-valuemin={1}
      aria-valuemax={runs.length}
      aria-valuenow={at + 1}
      aria-valuetext={describeRun(runs[at], picked, at)}
      onKeyDown={steer}
    >
      <svg
        width={width}
        height={total}
        aria-hidden="true"
        focusable="false"
        onPointerMove={follow}
        onPointerDown={follow}
        onDoubleClick={() => openRun(at)}
      >
        <Band line={picked[0]} runs={runs} x={x} y={y} step={step} />
        {scale.ticks.map((tick) => (
          <g key={tick} className={tick === 0 ? "grid origin" : "grid"}>
            <line x1={LEFT} x2={LEFT + inner} y1={y(tick)} y2={y(tick)} />
            <text x={LEFT - 8} y={y(tick)} textAnchor="end" dominantBaseline="middle">
              {formatTick(tick)}
            </text>
          </g>
        ))}
        <g className="behind">
          {paths.map((path, place) => (
            <path key={place} d={path} />
          ))}
        </g>
        <rect className="reader" x={x(at) - Math.max(step, 3) / 2} width={Math.max(step, 3)} y={TOP} height={total - TOP - 22} />
        {picked.map((line, place) => (
          <g key={line.value} className={`line line-${place}`}>
            <path d={buildPath(line.cells, x, scale.at)} />
            {runs.length <= 60 ? line.cells.map((cell, run) => <Dot key={run} cell={cell} x={x(run)} y={y} />) : null}
            {line.cells.map((cell, run) =>
              cell?.value != null && isNotPassing(cell.outcome) ? (
                <g key={run} transform={`translate(${x(run)} ${y(cell.value)}) scale(${size})`}>
                  <Mark outcome={cell.outcome} />
                </g>
              ) : null,
            )}
          </g>
        ))}
        {labels ? <Labels picked={picked} x={LEFT + inner + 8} y={y} /> : null}
        {trial ? <TrialLines trial={trial} left={LEFT} right={LEFT + inner} y={y} /> : null}
        {gate ? <Decisions title="Gate" outcomes={decisions} top={HEIGHT} x={x} step={step} /> : null}
        {trial ? (
          <Decisions title="Trial" outcomes={trial.outcomes} top={HEIGHT + strips - STRIP} x={x} step={step} />
        ) : null}
        <Dates runs={runs} x={x} y={total - 6} room={inner} />
      </svg>
    </div>
  );
}

const STEPS = new Map<string, (at: number, last: number) => number>([
  ["ArrowLeft", (at) => at - 1],
  ["ArrowRight", (at) => at + 1],
  ["ArrowDown", (at) => at - 1],
  ["ArrowUp", (at) => at + 1],
  ["PageDown", (at) => at - 10],
  ["PageUp", (at) => at + 10],
  ["Home", () => 0],
  ["End", (_, last) => last],
]);

function describeRun(run: Run | undefined, picked: Line[], at: number): string {
  if (!run) return "";
  const values = picked.map((line) => {
    const value = line.cells[at]?.value;
    return `${shorten(displayName(line.value), 30)} ${value == null ? "no value" : decimal(value)}`;
  });
  return [time(run.entry.runAfter), outcomeStyle(run.outcome).word, ...values].join(", ");
}

/** A line through all loaded values, with a gap for runs without a value, and none for runs that are still loading. */
function buildPath(cells: Line["cells"], x: (place: number) => number, at: (value: number) => number): string {
  let path = "";
  let drawing = false;
  cells.forEach((cell, place) => {
    if (cell === undefined) return;
    if (cell.value === null) {
      drawing = false;
      return;
    }
    const y = TOP + (1 - at(cell.value)) * (HEIGHT - TOP);
    path += `${drawing ? "L" : "M"}${x(place).toFixed(1)} ${y.toFixed(1)}`;
    drawing = true;
  });
  return path;
}

function Dot({ cell, x, y }: { cell: Line["cells"][number]; x: number; y: (value: number) => number }) {
  if (cell?.value == null || isNotPassing(cell.outcome)) return null;
  return <circle className="dot" cx={x} cy={y(cell.value)} r="2.5" />;
}

interface Places {
  x: (place: number) => number;
  step: number;
}

interface BandProps extends Places {
  line: Line | undefined;
  runs: Run[];
  y: (value: number) => number;
}

/** The bounds of the first chosen value in each run. */
function Band({ line, runs, x, y, step }: BandProps) {
  return buildSpans(line?.cells ?? [], runs).map(({ from, to, low, high }) => {
    const [left, right] = [x(from) - step / 2, x(to) + step / 2];
    const top = high === null ? TOP : y(high);
    const bottom = low === null ? HEIGHT : y(low);
    return (
      <g key={from}>
        <rect className="band" x={left} width={right - left} y={top} height={Math.max(0, bottom - top)} />
        {high === null ? null : <line className="edge" x1={left} x2={right} y1={top} y2={top} />}
        {low === null ? null : <line className="edge" x1={left} x2={right} y1={bottom} y2={bottom} />}
      </g>
    );
  });
}

/** The names of the lines at their ends, moved apart if they overlap. */
function Labels({ picked, x, y }: { picked: Line[]; x: number; y: (value: number) => number }) {
  const ends = picked.flatMap((line, place) => {
    const value = line.cells.findLast((cell) => cell?.value != null)?.value;
    return value == null ? [] : [{ text: shorten(displayName(line.value), 16), place, y: y(value) }];
  });
  ends.sort((one, other) => one.y - other.y);
  ends.forEach((end, number) => {
    const before = ends[number - 1];
    if (before) end.y = Math.max(end.y, before.y + 15);
  });
  const over = (ends.at(-1)?.y ?? 0) - HEIGHT;
  return ends.map((end) => (
    <text
      key={end.place}
      className={`label line-${end.place}`}
      x={x}
      y={end.y - Math.max(0, over)}
      dominantBaseline="middle"
      direction="ltr"
    >
      {end.text}
    </text>
  ));
}

/** The bounds of a trial. */
function TrialLines({ trial, left, right, y }: { trial: Trial; left: number; right: number; y: (value: number) => number }) {
  return [trial.bounds.low, trial.bounds.high].map((end, place) =>
    end === null ? null : <line key={place} className="tried" x1={left} x2={right} y1={y(end)} y2={y(end)} />,
  );
}

/** Heights of the bars. A night that was not judged is more than one that passed. */
const TALL = { violation: 16, inconclusive: 12, none: 8, pass: 4 };

interface DecisionsProps extends Places {
  title: string;
  /** By run; null: not judged, undefined: still loading. */
  outcomes: (Outcome | null | undefined)[];
  top: number;
}

/** The decision of each run; a worse one has a taller bar. */
function Decisions({ title, outcomes, top, x, step }: DecisionsProps) {
  const bottom = top + STRIP - 4;
  const wide = Math.max(1.5, Math.min(14, step - (step > 4 ? 1 : 0.5)));
  return (
    <g>
      <text className="side" x={LEFT - 8} y={bottom - 6} textAnchor="end">
        {title}
      </text>
      <line className="floor" x1={x(0) - step / 2} x2={x(outcomes.length - 1) + step / 2} y1={bottom} y2={bottom} />
      {outcomes.map((outcome, place) => {
        if (outcome === undefined) return null;
        const tall = TALL[outcome ?? "none"];
        const tone = `decision ${title.toLowerCase()} tone-${outcome ?? "none"}`;
        return <rect key={place} className={tone} x={x(place) - wide / 2} y={bottom - tall} width={wide} height={tall} />;
      })}
    </g>
  );
}

/** The dates of a few runs, as many as fit. */
function Dates({ runs, x, y, room }: { runs: Run[]; x: (place: number) => number; y: number; room: number }) {
  const every = Math.max(1, Math.ceil(runs.length / Math.max(1, Math.floor(room / 90))));
  return runs.map((run, place) =>
    (runs.length - 1 - place) % every === 0 ? (
      <text
        key={run.entry.runId}
        className="date"
        // The last date ends at the edge of a narrow chart.
        x={place === runs.length - 1 ? x(place) + 14 : x(place)}
        y={y}
        textAnchor={place === runs.length - 1 ? "end" : "middle"}
      >
        {day(run.entry.runAfter)}
      </text>
    ) : null,
  );
}

function useWidth(): [(element: HTMLDivElement | null) => void, number] {
  const [width, setWidth] = useState(900);
  const watch = useRef<ResizeObserver>(null);
  useEffect(() => () => watch.current?.disconnect(), []);
  const [frame] = useState(() => (element: HTMLDivElement | null) => {
    watch.current?.disconnect();
    if (!element) return;
    watch.current = new ResizeObserver(() => setWidth(Math.max(280, element.clientWidth)));
    watch.current.observe(element);
  });
  return [frame, width];
}
