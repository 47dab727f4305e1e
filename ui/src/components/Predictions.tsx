import { Text } from "@chakra-ui/react";
import { useState } from "react";

import type { Confusion, Facet, Row } from "../overview/model";
import { RATES, RATES_CAPTION, STAGES_CAPTION } from "../overview/interpretations";
import { count, decimal, percent } from "../overview/text";
import { DataText, Sentence } from "./DataText";
import { addUp, computeRates } from "./rates";
import { ScrollRegion } from "./ScrollRegion";
import { ShowAllButton } from "./ShowAllButton";
import { TableHead, numbers } from "./TableHead";

/** Number of values that are shown initially. */
const INITIAL_ROWS = 20;

/** How the model treats each value: its confusion matrix and rates, and the labels beside the predictions. */
export function Predictions({ facet }: { facet: Facet }) {
  const [all, setAll] = useState(false);
  const rows = facet.rows.filter((row) => row.confusion !== null);
  const shown = all ? rows : rows.slice(0, INITIAL_ROWS);
  const first = rows[0]?.confusion;
  if (!first) return facet.stages ? <Stages facet={facet} /> : null;
  return (
    <section aria-label="Predictions">
      <Text as="h3" fontWeight="semibold" mb={1}>
        How the model treats each value
      </Text>
      <ScrollRegion label="Confusion matrix and rates">
        <table className="data">
          <TableHead
            columns={[
              { title: "Value", className: "stuck" },
              ...numbers("TP", "FP", "FN", "TN"),
              { title: <span className="unseen">Confusion matrix, drawn</span> },
              ...numbers(...RATES.map(([name]) => name)),
            ]}
          />
          <tbody>
            {shown.map((row) => (row.confusion ? <Rates key={row.rank} row={row} confusion={row.confusion.own} /> : null))}
            {rows.length === 1 ? <Rates title="all others" confusion={first.others} /> : null}
            <Rates title="all rows" confusion={addUp(first.own, first.others)} />
          </tbody>
        </table>
      </ScrollRegion>
      <ShowAllButton total={rows.length} initial={INITIAL_ROWS} all={all} setAll={setAll} />
      <ul className="keys">
        {SEGMENTS.map(([kind, text]) => (
          <li key={kind}>
            <span className={`key segment-${kind}`} /> {text}
          </li>
        ))}
      </ul>
      <Text fontSize="xs" color="fg.muted" mt={1} mb={3}>
        {RATES_CAPTION}
      </Text>
      {facet.stages ? <Stages facet={facet} /> : null}
    </section>
  );
}

const SEGMENTS = [
  ["tp", "positive, predicted positive (TP)"],
  ["fn", "positive, predicted not positive (FN)"],
  ["fp", "not positive, predicted positive (FP)"],
  ["tn", "not positive, predicted not positive (TN)"],
] as const;

function Rates({ row, title, confusion }: { row?: Row; title?: string; confusion: Confusion }) {
  return (
    <tr>
      <th scope="row" className="stuck">
        {row ? <DataText text={row.value} max={36} /> : <em>{title}</em>}
      </th>
      {[confusion.tp, confusion.fp, confusion.fn, confusion.tn].map((rows, place) => (
        <td key={place} className="number">
          {count(rows)}
        </td>
      ))}
      <td className="bar">
        <ConfusionBar confusion={confusion} />
      </td>
      {computeRates(confusion).map(({ name, share, low, high }) => (
        <td key={name} className="number">
          {share === null ? "–" : percent(share)}
          {share === null ? null : <small>{`${(100 * low).toFixed(1)} – ${(100 * high).toFixed(1)}\u00a0%`}</small>}
        </td>
      ))}
    </tr>
  );
}

/** The rows of a group, from the rightly accepted to the rightly rejected. The table has the numbers. */
function ConfusionBar({ confusion }: { confusion: Confusion }) {
  const total = confusion.tp + confusion.fp + confusion.fn + confusion.tn || 1;
  const starts = SEGMENTS.map((_, place) =>
    SEGMENTS.slice(0, place).reduce((sum, [kind]) => sum + confusion[kind] / total, 0),
  );
  return (
    <svg className="confusion" aria-hidden="true" focusable="false">
      {SEGMENTS.map(([kind], place) => (
        <rect
          key={kind}
          className={`segment-${kind}`}
          x={`${(100 * (starts[place] ?? 0)).toFixed(2)}%`}
          width={`${((100 * confusion[kind]) / total).toFixed(2)}%`}
          height="100%"
        />
      ))}
    </svg>
  );
}

/** The confusion matrix of one group: labels in rows, predictions in columns. */
export function ConfusionMatrix({ confusion }: { confusion: Confusion }) {
  return (
    <table className="matrix">
      <caption className="unseen">Rows by label and prediction</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">predicted positive</th>
          <th scope="col">predicted not positive</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">positive</th>
          <td>{count(confusion.tp)}</td>
          <td>{count(confusion.fn)}</td>
        </tr>
        <tr>
          <th scope="row">not positive</th>
          <td>{count(confusion.fp)}</td>
          <td>{count(confusion.tn)}</td>
        </tr>
      </tbody>
    </table>
  );
}

/** The difference of each value in the labels, beside that in the predictions. */
function Stages({ facet }: { facet: Facet }) {
  const [all, setAll] = useState(false);
  const shown = all ? facet.rows : facet.rows.slice(0, INITIAL_ROWS);
  const value = (row: Row, metric: string) => {
    const found = row.cells.get(metric)?.value ?? null;
    return found === null ? "n/a" : decimal(found);
  };
  return (
    <section aria-label="Before and after training">
      <Text as="h3" fontWeight="semibold" mb={1}>
        Before and after training
      </Text>
      {facet.stages ? (
        <Text mb={1}>
          <Sentence parts={facet.stages.sentence} />
        </Text>
      ) : null}
      <ScrollRegion label="Labels beside predictions">
        <table className="data">
          <TableHead
            columns={[
              { title: "Value", className: "stuck" },
              ...numbers("DPL (labels)", "DPPL (predictions)"),
              { title: "Difference in predictions", className: "wrap" },
            ]}
          />
          <tbody>
            {shown.map((row) => (
              <tr key={row.rank}>
                <th scope="row" className="stuck">
                  <DataText text={row.value} max={36} />
                </th>
                <td className="number">{value(row, "DPL")}</td>
                <td className="number">{value(row, "DPPL")}</td>
                <td>{facet.stages?.changes[row.rank] ?? ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
      <ShowAllButton total={facet.rows.length} initial={INITIAL_ROWS} all={all} setAll={setAll} />
      <Text fontSize="xs" color="fg.muted" mt={1}>
        {STAGES_CAPTION}
      </Text>
    </section>
  );
}
