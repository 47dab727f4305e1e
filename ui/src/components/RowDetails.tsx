import type { Facet, Row } from "../overview/model";
import { interpret } from "../overview/interpretations";
import { bounds, count, decimal, percent, escapeInvisible } from "../overview/text";
import { DataText, Sentence } from "./DataText";
import { ConfusionMatrix } from "./Predictions";
import { OutcomeBadge } from "./Verdicts";

/** All results of one facet value, in sentences. */
export function RowDetails({ facet, row, weighted }: { facet: Facet; row: Row; weighted: boolean }) {
  const missing = row.hidden ? "hidden" : "not defined";
  return (
    <div className="row-details">
      <p className="whole-name">
        <DataText text={facet.column} max={200} /> = <DataText text={row.value} max={2000} />
      </p>
      {row.hidden ? <p>Its numbers are hidden, since a small count could be read or computed from them.</p> : null}
      {row.rows !== null && row.positive !== null && row.rest ? (
        <p>
          {count(row.rows)} rows, {count(row.positive)} of them with a positive label ({share(row.positive, row.rows)}). All
          others: {count(row.rest[0])} rows, {count(row.rest[1])} positive ({share(row.rest[1], row.rest[0])}).
        </p>
      ) : null}
      {row.confusion ? <ConfusionMatrix confusion={row.confusion.own} /> : null}
      <dl>
        {facet.metrics.map((metric) => {
          const cell = row.cells.get(metric);
          if (!cell) return null;
          const error = cell.value === null ? facet.errors.get(metric) : undefined;
          return (
            <div key={metric}>
              <dt>
                {metric} <strong>{cell.value === null ? missing : decimal(cell.value)}</strong>
                {cell.outcome === null ? null : <OutcomeBadge outcome={cell.outcome} />}
              </dt>
              <dd>
                {cell.value === null ? (
                  row.hidden ? null : escapeInvisible(error ?? "This metric has no value here.")
                ) : (
                  <Sentence parts={interpret(metric, { column: facet.column, row, value: cell.value, weighted })} />
                )}
                {cell.value === null ? null : ". "}
                {cell.outcome === null || cell.outcome === "ignored" ? null : <>Allowed: {bounds(cell.low, cell.high)}. </>}
                {cell.interval ? (
                  <>
                    Confidence interval: {decimal(cell.interval[0])} to {decimal(cell.interval[1])}.{" "}
                  </>
                ) : null}
                {cell.pValue === null ? null : `Adjusted p-value: ${formatP(cell.pValue)}.`}
              </dd>
            </div>
          );
        })}
      </dl>
    </div>
  );
}

/** Formats a p-value as the report does. */
const formatP = (value: number) => (value < 0.0001 ? "below 0.0001" : String(Number(value.toPrecision(2))));

const share = (part: number, whole: number) => (whole ? percent(part / whole) : "none");
