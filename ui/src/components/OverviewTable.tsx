import { Button, Flex, NativeSelect, Text } from "@chakra-ui/react";
import type { CSSProperties } from "react";
import { Fragment, useDeferredValue, useId, useMemo, useState } from "react";

import type { Cell, Facet, Row } from "../overview/model";
import { findExplanation, isPredicted } from "../overview/interpretations";
import { count, decimal, escapeInvisible, percent, plural } from "../overview/text";
import { Axis, DotPlot } from "./DotPlot";
import { DataText } from "./DataText";
import type { Order } from "./rows";
import { selectRows, firstMetric, strength } from "./rows";
import { RowDetails } from "./RowDetails";
import { buildScale } from "./scale";
import { SearchField } from "./SearchField";
import { Sign, outcomeStyle } from "./Verdicts";

/** Number of rows that are shown initially. */
const AT_FIRST = 40;

const NO_CELL: Cell = { value: null, low: null, high: null, outcome: null, interval: null, pValue: null };

/** The table of facet values and metrics, with search, sorting, and a plot of one metric. */
export function OverviewTable({ facet, weighted }: { facet: Facet; weighted: boolean }) {
  const [metric, setMetric] = useState(() => firstMetric(facet));
  const [order, setOrder] = useState<Order>({ by: "rank", down: false });
  const [search, setSearch] = useState("");
  const [failing, setFailing] = useState(false);
  const [all, setAll] = useState(false);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const wanted = useDeferredValue(search);
  const id = useId();

  const rows = useMemo(() => selectRows(facet.rows, { search: wanted, failing, order }), [facet, wanted, failing, order]);
  const scale = useMemo(() => buildAxisScale(facet, metric), [facet, metric]);
  const shown = all ? rows : rows.slice(0, AT_FIRST);
  // Of many values, only the worst are shown; the report has all.
  const notPassing = facet.rows.filter((row) => row.outcome === "violation" || row.outcome === "inconclusive").length;
  const withCounts = facet.rows.some((row) => row.rows !== null);
  const title = findExplanation(metric)?.title;
  const both = facet.metrics.some(isPredicted) && !facet.metrics.every(isPredicted);
  const metrics = both ? facet.metrics.filter((name) => isPredicted(name) === isPredicted(metric)) : facet.metrics;
  const judged = facet.rows.some((row) => row.outcome !== null);
  const unjudged = judged
    ? metrics.filter((name) => facet.rows.every((row) => (row.cells.get(name)?.outcome ?? null) === null))
    : [];

  function sortBy(by: string) {
    setOrder((before) => ({ by, down: before.by === by ? !before.down : by !== "value" && by !== "rank" }));
  }

  function toggle(rank: number) {
    setOpen((before) => {
      const after = new Set(before);
      if (!after.delete(rank)) after.add(rank);
      return after;
    });
  }

  const columns = 2 + (withCounts ? 2 : 0) + metrics.length;
  const sorting = { order, sortBy };
  return (
    <section aria-labelledby={id}>
      <Flex gap={2} wrap="wrap" align="center" mb={2}>
        <Text id={id} fontWeight="semibold" as="h3" me="auto">
          {plural(facet.rows.length + facet.leftOut, "value", "values")} of <DataText text={facet.column} max={40} />
        </Text>
        {notPassing > 0 ? (
          <Button
            size="xs"
            variant={failing ? "solid" : "outline"}
            colorPalette="brand"
            aria-pressed={failing}
            onClick={() => setFailing(!failing)}
          >
            Not passing ({count(notPassing)}
            {facet.notPassing > notPassing ? ` of ${count(facet.notPassing)}` : ""})
          </Button>
        ) : null}
        {both ? <StageButtons metric={metric} metrics={facet.metrics} setMetric={setMetric} /> : null}
        <NativeSelect.Root size="xs" width="auto" className="drawn-metric">
          <NativeSelect.Field
            aria-label="Metric to draw"
            value={metric}
            onChange={(event) => setMetric(event.currentTarget.value)}
          >
            {metrics.map((name) => (
              <option key={name} value={name}>{`Draw ${name}`}</option>
            ))}
          </NativeSelect.Field>
          <NativeSelect.Indicator />
        </NativeSelect.Root>
        <SearchField label="Search values" width="11rem" text={search} setText={setSearch} />
      </Flex>
      <div className="scroll" tabIndex={0} role="region" aria-labelledby={id}>
        <table className="data">
          <caption className="unseen">
            Each tested value of the facet with its rows, the share of them with a positive label, and its metrics. {title}
          </caption>
          <thead>
            <tr>
              <Header by="value" className="stuck" {...sorting}>
                Value
              </Header>
              {withCounts ? (
                <>
                  <Header by="rows" className="number" {...sorting}>
                    Rows
                  </Header>
                  <Header by="positive" className="number" title="Share of rows with a positive label" {...sorting}>
                    Positive
                  </Header>
                </>
              ) : null}
              <th scope="col" className="plot" title={title}>
                <span className="unseen">{metric}, drawn</span>
                <Axis scale={scale} metric={metric} />
              </th>
              {metrics.map((name) => (
                <Header key={name} by={name} className="number" title={findExplanation(name)?.title} {...sorting}>
                  {name}
                </Header>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <Fragment key={row.rank}>
                <tr data-outcome={row.outcome ?? "none"}>
                  <th scope="row" className="stuck">
                    <button
                      type="button"
                      className="opener"
                      aria-expanded={open.has(row.rank)}
                      onClick={() => toggle(row.rank)}
                    >
                      <span className="arrow" aria-hidden="true" />
                      <RowSign row={row} />
                      <DataText text={row.value} max={36} />
                    </button>
                  </th>
                  {withCounts ? (
                    <>
                      <td className="number">{row.hidden ? <Hidden /> : row.rows === null ? "" : count(row.rows)}</td>
                      <td className="number">
                        {row.hidden ? <Hidden /> : row.rows && row.positive !== null ? percent(row.positive / row.rows) : ""}
                      </td>
                    </>
                  ) : null}
                  <td className="plot">
                    <DotPlot cell={row.cells.get(metric) ?? NO_CELL} scale={scale} parity={findExplanation(metric)?.parity} />
                  </td>
                  {metrics.map((name) => (
                    <MetricCell
                      key={name}
                      metric={name}
                      cell={row.cells.get(name) ?? NO_CELL}
                      drawn={name === metric}
                      hidden={row.hidden}
                    />
                  ))}
                </tr>
                {open.has(row.rank) ? (
                  <tr className="details">
                    <td colSpan={columns}>
                      <RowDetails facet={facet} row={row} weighted={weighted} />
                    </td>
                  </tr>
                ) : null}
              </Fragment>
            ))}
          </tbody>
        </table>
        {rows.length === 0 ? (
          <Text p={3} color="fg.muted">
            No value fits this search.
          </Text>
        ) : null}
      </div>
      <Flex gap={3} mt={1} align="center" wrap="wrap" color="fg.muted" fontSize="xs">
        {rows.length > AT_FIRST ? (
          <Button size="xs" variant="outline" onClick={() => setAll(!all)}>
            {all ? `Show the first ${AT_FIRST}` : `Show all ${count(rows.length)}`}
          </Button>
        ) : null}
        <Text aria-live="polite">
          {shown.length < facet.rows.length ? `${count(shown.length)} of ${count(facet.rows.length)} shown. ` : null}
          {facet.leftOut ? `${count(facet.leftOut)} further values stand in the report only. ` : null}
          {unjudged.length > 0 ? `Without a threshold, so not judged: ${unjudged.map(escapeInvisible).join(", ")}. ` : null}
          {weighted ? "Rows are weighted: the metrics weigh them, “Rows” and “Positive” count them." : null}
        </Text>
      </Flex>
    </section>
  );
}

interface StageButtonsProps {
  metric: string;
  metrics: string[];
  setMetric: (metric: string) => void;
}

/** Chooses between the metrics of the labels and those of the predictions. */
function StageButtons({ metric, metrics, setMetric }: StageButtonsProps) {
  return (
    <Flex gap={0} role="group" aria-label="Stage">
      {[false, true].map((predicted) => {
        const active = isPredicted(metric) === predicted;
        const own = metrics.filter((name) => isPredicted(name) === predicted);
        const first = own.find((name) => name === (predicted ? "DPPL" : "DPL")) ?? own[0] ?? metric;
        return (
          <Button
            key={String(predicted)}
            size="xs"
            variant={active ? "solid" : "outline"}
            colorPalette="brand"
            aria-pressed={active}
            onClick={() => setMetric(first)}
          >
            {predicted ? "Predictions" : "Labels"}
          </Button>
        );
      })}
    </Flex>
  );
}

function RowSign({ row }: { row: Row }) {
  if (row.outcome !== "violation" && row.outcome !== "inconclusive") return <span className="no-sign" />;
  return (
    <span className={`row-sign tone-${row.outcome}`}>
      <Sign outcome={row.outcome} />
      <span className="unseen">{outcomeStyle(row.outcome).word}: </span>
    </span>
  );
}

interface HeaderProps {
  by: string;
  order: Order;
  sortBy: (by: string) => void;
  className?: string;
  title?: string;
  children: string;
}

function Header({ by, order, sortBy, className, title, children }: HeaderProps) {
  const mine = order.by === by;
  return (
    <th scope="col" className={className} aria-sort={mine ? (order.down ? "descending" : "ascending") : undefined}>
      <button type="button" className="sorter" title={title} onClick={() => sortBy(by)}>
        {children}
        <span aria-hidden="true" className={`sorted ${mine ? (order.down ? "down" : "up") : ""}`} />
      </button>
    </th>
  );
}

/** In place of a number from which a small count could be computed. */
function Hidden() {
  return (
    <span className="quiet" title="hidden, since a small count could be computed from it">
      hidden
    </span>
  );
}

interface MetricCellProps {
  metric: string;
  cell: Cell;
  drawn: boolean;
  hidden: boolean;
}

function MetricCell({ metric, cell, drawn, hidden }: MetricCellProps) {
  const heat = { "--heat": strength(metric, cell) } as CSSProperties;
  return (
    <td className={`number heat tone-${cell.outcome ?? "none"} ${drawn ? "drawn" : ""}`} style={heat}>
      {cell.outcome === "violation" || cell.outcome === "inconclusive" ? (
        <>
          <Sign outcome={cell.outcome} size={8} />
          <span className="unseen">{outcomeStyle(cell.outcome).word} </span>
        </>
      ) : null}
      {cell.value === null ? hidden ? <Hidden /> : <span title="not defined here">n/a</span> : decimal(cell.value)}
    </td>
  );
}

function buildAxisScale(facet: Facet, metric: string) {
  const cells = facet.rows.map((row) => row.cells.get(metric) ?? NO_CELL);
  const parity = findExplanation(metric)?.parity;
  return buildScale([
    ...(parity ? [parity] : []),
    ...cells.flatMap((cell) => [cell.value, cell.low, cell.high, ...(cell.interval ?? [])]),
  ]);
}

