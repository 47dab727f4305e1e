import { Button, Flex, Text } from "@chakra-ui/react";
import type { CSSProperties } from "react";
import { Fragment, useDeferredValue, useId, useMemo, useState } from "react";

import type { Cell, Facet, Row } from "../overview/model";
import { isNotPassing } from "../overview/model";
import { findExplanation, isPredicted } from "../overview/interpretations";
import { count, decimal, escapeInvisible, percent, plural } from "../overview/text";
import { Chooser } from "./Chooser";
import { Axis, DotPlot } from "./DotPlot";
import { DataText } from "./DataText";
import { NotPassingButton } from "./NotPassingButton";
import type { Order } from "./rows";
import { selectRows, firstMetric, strength } from "./rows";
import { RowDetails } from "./RowDetails";
import { buildScale } from "./scale";
import { ScrollRegion } from "./ScrollRegion";
import { SearchField } from "./SearchField";
import { ShowAllButton } from "./ShowAllButton";
import { Sign, outcomeStyle } from "./Verdicts";

/** Number of rows that are shown initially. */
const INITIAL_ROWS = 40;

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
  const shown = all ? rows : rows.slice(0, INITIAL_ROWS);
  // Of many values, only the worst are shown; the report has all.
  const notPassing = facet.rows.filter((row) => isNotPassing(row.outcome)).length;
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
        <NotPassingButton total={notPassing} outOf={facet.notPassing} pressed={failing} setPressed={setFailing} />
        {both ? <StageButtons metric={metric} metrics={facet.metrics} setMetric={setMetric} /> : null}
        <Chooser
          label="Metric to draw"
          value={metric}
          options={metrics}
          formatOption={(name) => `Draw ${name}`}
          choose={setMetric}
          className="drawn-metric"
        />
        <SearchField label="Search values" width="11rem" text={search} setText={setSearch} />
      </Flex>
      <ScrollRegion labelledBy={id}>
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
            No value matches this search.
          </Text>
        ) : null}
      </ScrollRegion>
      <Flex gap={3} mt={1} align="center" wrap="wrap" color="fg.muted" fontSize="xs">
        <ShowAllButton total={rows.length} initial={INITIAL_ROWS} all={all} setAll={setAll} />
        <Text aria-live="polite">
          {shown.length < facet.rows.length ? `${count(shown.length)} of ${count(facet.rows.length)} shown. ` : null}
          {facet.leftOut ? `${count(facet.leftOut)} further values are only in the report. ` : null}
          {unjudged.length > 0 ? `Without a threshold, so not judged: ${unjudged.map(escapeInvisible).join(", ")}. ` : null}
          {weighted ? "The metrics use the weights of the rows; “Rows” and “Positive” do not." : null}
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
  if (!isNotPassing(row.outcome)) return <span className="no-sign" />;
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
      {isNotPassing(cell.outcome) ? (
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

