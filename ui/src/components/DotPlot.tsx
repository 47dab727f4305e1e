import type { Cell } from "../overview/model";
import { isNotPassing } from "../overview/model";
import { PATHS } from "./Verdicts";
import type { Scale } from "./scale";
import { formatTick } from "./scale";

const share = (part: number) => `${(100 * part).toFixed(2)}%`;

/** A value of a metric on its axis, with its allowed range and confidence interval. The table has the numbers. */
export function DotPlot({ cell, scale, parity = 0 }: { cell: Cell; scale: Scale; parity?: number }) {
  const { value, interval, low, high, outcome } = cell;
  const from = low === null ? 0 : scale.at(low);
  const to = high === null ? 1 : scale.at(high);
  const x = value === null ? null : share(scale.at(value));
  return (
    <svg className="dots" aria-hidden="true" focusable="false">
      {low !== null || high !== null ? (
        <>
          <rect className="band" x={share(from)} width={share(Math.max(0, to - from))} y="0" height="100%" />
          {low === null ? null : <line className="edge" x1={share(from)} x2={share(from)} y1="0" y2="100%" />}
          {high === null ? null : <line className="edge" x1={share(to)} x2={share(to)} y1="0" y2="100%" />}
        </>
      ) : null}
      {scale.low < parity && scale.high > parity ? (
        <line className="zero" x1={share(scale.at(parity))} x2={share(scale.at(parity))} y1="0" y2="100%" />
      ) : null}
      {x === null ? null : (
        <>
          {interval ? (
            <line
              className="whisker"
              x1={share(scale.at(interval[0]))}
              x2={share(scale.at(interval[1]))}
              y1="50%"
              y2="50%"
            />
          ) : null}
          <svg x={x} y="50%" overflow="visible">
            <Mark outcome={outcome} />
          </svg>
        </>
      )}
    </svg>
  );
}

/** A mark whose shape, not only its colour, shows the outcome. */
export function Mark({ outcome }: { outcome: Cell["outcome"] }) {
  const tone = `tone-${outcome ?? "none"}`;
  if (isNotPassing(outcome)) {
    return (
      <g className={tone}>
        <circle className="mark" r="6.5" />
        <path className="cut" d={PATHS[outcome]} transform="translate(-5 -5)" />
      </g>
    );
  }
  return <circle className={`mark ${tone}`} r="4.5" />;
}

/** The axis above the marks. */
export function Axis({ scale, metric }: { scale: Scale; metric: string }) {
  return (
    <svg className="axis" role="img" aria-label={`Axis of ${metric}`}>
      {scale.ticks.map((tick) => (
        <g key={tick}>
          <line x1={share(scale.at(tick))} x2={share(scale.at(tick))} y1="70%" y2="100%" />
          <text x={share(scale.at(tick))} y="55%" textAnchor="middle">
            {formatTick(tick)}
          </text>
        </g>
      ))}
    </svg>
  );
}
