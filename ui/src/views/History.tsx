import { Box, Button, Flex, Heading, NativeSelect, Skeleton, Text } from "@chakra-ui/react";
import { useDeferredValue, useEffect, useMemo, useState } from "react";

import { pages } from "../address";
import { HistoryChart } from "../history/HistoryChart";
import type { Choice, Line, Run } from "../history/measured";
import { linesOf, nameOfAnalysis, runsOf } from "../history/measured";
import type { Series } from "../history/useRuns";
import { MOST_RUNS, useRuns, useSeries } from "../history/useRuns";
import { useValues } from "../history/useValues";
import { ValueTable } from "../history/ValueTable";
import { open } from "../navigation";
import type { Analysis } from "../overview/model";
import { ago, bounds, count, decimal, plural, reasonOf, time, visible } from "../overview/text";
import { Card } from "../parts/AnalysisSection";
import { Banner } from "../parts/Banner";
import { Name } from "../parts/Name";
import { Failure, Notice } from "../parts/Notice";
import { PageLink } from "../parts/PageLink";
import { firstMetric } from "../parts/rows";
import { OutcomeBadge } from "../parts/Verdicts";

/** How many values are drawn before somebody chooses. */
const DRAWN_AT_FIRST = 3;

/** The tab of a DAG: what its gates have found, over its runs. */
export function History({ dagId }: { dagId: string }) {
  const found = useSeries(dagId);
  const [id, setId] = useState<string>();
  if (found.error) return <Failure error={found.error} what="the XComs of this DAG" />;
  if (!found.data) return <Skeleton height="6rem" aria-label="Loading" />;
  const chosen = found.data.find((series) => series.id === id) ?? found.data[0];
  if (!chosen) {
    return (
      <Notice title="No history yet">
        No run of this DAG has checked bias. Put a BiasGateOperator with thresholds before the training: its verdicts, and
        the metrics behind them, show here from the first run on.
      </Notice>
    );
  }
  return (
    <>
      {found.data.length > 1 ? (
        <Flex gap={2} mb={3} wrap="wrap" role="group" aria-label="Task">
          {found.data.map((series) => (
            <Button
              key={series.id}
              size="xs"
              colorPalette="brand"
              variant={series === chosen ? "solid" : "outline"}
              aria-pressed={series === chosen}
              onClick={() => setId(series.id)}
            >
              <Name text={series.name} most={40} />
              {series.latest?.kind === "analysis" ? " (measures)" : ""}
            </Button>
          ))}
        </Flex>
      ) : null}
      <SeriesHistory key={chosen.id} dagId={dagId} series={chosen} />
    </>
  );
}

function SeriesHistory({ dagId, series }: { dagId: string; series: Series }) {
  const { entries, complete } = useRuns(dagId, series);
  const values = useDeferredValue(useValues(entries));
  const latest = series.latest;
  const [choice, setChoice] = useState<Partial<Choice>>({});
  const [wanted, setWanted] = useState<string[]>();
  const [reading, setReading] = useState<string>();

  const analysis = latest?.analyses.find((one) => nameOfAnalysis(one) === choice.analysis) ?? latest?.analyses[0];
  const facet = analysis?.facets.find((one) => one.column === choice.column) ?? analysis?.facets[0];
  const metric = facet?.metrics.find((one) => one === choice.metric) ?? (facet ? firstMetric(facet) : "");
  const column = facet?.column ?? "";
  const name = analysis ? nameOfAnalysis(analysis) : undefined;
  const runs = useMemo(() => runsOf(entries, values, name), [entries, values, name]);
  const lines = useMemo(() => linesOf(runs, { analysis: name ?? "", column, metric }), [runs, name, column, metric]);
  const chosen = wanted ?? facet?.values.slice(0, DRAWN_AT_FIRST) ?? [];
  const found = runs.findIndex((run) => run.entry.runId === reading);
  const at = found < 0 ? runs.length - 1 : found;

  if (!latest || !analysis) {
    return <Notice title="The latest verdict cannot be read">Open the task instance to see what it has pushed.</Notice>;
  }
  const run = runs[at];
  return (
    <>
      <Latest series={series} analysis={analysis} />
      <Card>
        <Flex gap={2} align="center" wrap="wrap" mb={1}>
          <Heading as="h3" size="sm" me="auto">
            {metric} over {plural(runs.length, "run", "runs")}
          </Heading>
          {latest.analyses.length > 1 ? (
            <Chooser
              label="Analysis"
              value={name ?? ""}
              options={latest.analyses.map(nameOfAnalysis)}
              choose={(one) => {
                setChoice({ analysis: one });
                setWanted(undefined);
              }}
            />
          ) : null}
          {analysis.facets.length > 1 ? (
            <Chooser
              label="Facet"
              value={column}
              options={analysis.facets.map((one) => one.column)}
              choose={(one) => {
                setChoice({ ...choice, column: one });
                setWanted(undefined);
              }}
            />
          ) : null}
          <Chooser
            label="Metric"
            value={metric}
            options={facet?.metrics ?? []}
            choose={(one) => setChoice({ ...choice, metric: one })}
          />
        </Flex>
        <Progress runs={runs} listed={complete} />
        <HistoryChart
          runs={runs}
          lines={lines}
          chosen={chosen}
          metric={metric}
          gate={latest.kind === "gate"}
          at={at}
          setAt={(place) => setReading(runs[place]?.entry.runId)}
          openRun={(place) => {
            const one = runs[place];
            if (one) open(pages.verdict(one.entry));
          }}
        />
        {run ? <Readout run={run} at={at} lines={lines} chosen={chosen} /> : null}
      </Card>
      <Card>
        <ValueTable lines={lines} chosen={chosen} setChosen={setWanted} metric={metric} column={column} />
      </Card>
      <Card>
        <Runs runs={runs} gate={latest.kind === "gate"} />
      </Card>
    </>
  );
}

function Latest({ series, analysis }: { series: Series; analysis: Analysis }) {
  useEffect(() => {
    performance.mark("bias:verdict");
  }, []);
  const entry = series.entries[0];
  return (
    <Banner
      outcome={analysis.outcome}
      title={
        <>
          {" in "}
          <Name text={series.name} most={40} />
        </>
      }
      sentence={analysis.sentence}
      checks={analysis.checks}
    >
      {entry ? (
        <Flex gap={4} mt={2} fontSize="sm" color="fg.muted" wrap="wrap">
          <Text title={time(entry.runAfter)}>The latest run, due {ago(entry.runAfter)}</Text>
          <PageLink page={pages.verdict(entry)}>Its verdict in full</PageLink>
          <PageLink page={pages.run(entry.dagId, entry.runId)}>The run</PageLink>
        </Flex>
      ) : null}
    </Banner>
  );
}

interface ChooserProps {
  label: string;
  value: string;
  options: string[];
  choose: (option: string) => void;
}

function Chooser({ label, value, options, choose }: ChooserProps) {
  return (
    <NativeSelect.Root size="xs" width="auto" maxW="16rem">
      <NativeSelect.Field aria-label={label} value={value} onChange={(event) => choose(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option} value={option}>
            {visible(option)}
          </option>
        ))}
      </NativeSelect.Field>
      <NativeSelect.Indicator />
    </NativeSelect.Root>
  );
}

function Progress({ runs, listed }: { runs: Run[]; listed: boolean }) {
  const loading = runs.filter((run) => run.loading).length;
  const failed = runs.filter((run) => run.error !== undefined).length;
  useEffect(() => {
    if (listed && loading === 0) performance.mark("bias:complete");
  }, [listed, loading]);
  const done = runs.length - loading;
  return (
    <Text fontSize="xs" color="fg.muted" minH="1.25rem" role="status" data-testid="progress" data-done={done}>
      {loading > 0 || !listed ? (
        <>
          <progress max={runs.length} value={done} aria-label="Runs read" /> {count(done)} of {count(runs.length)} runs read
        </>
      ) : null}
      {failed > 0 ? ` ${plural(failed, "run", "runs")} could not be read.` : null}
      {loading === 0 && runs.length >= MOST_RUNS ? ` The latest ${count(MOST_RUNS)} runs.` : null}
    </Text>
  );
}

/** What the chart shows at one run, in words and numbers. */
function Readout({ run, at, lines, chosen }: { run: Run; at: number; lines: Line[]; chosen: string[] }) {
  return (
    <div className="readout" data-testid="readout">
      <div className="readout-run">
        <strong>{time(run.entry.runAfter)}</strong>
        {run.loading ? <span>not read yet</span> : <OutcomeBadge outcome={run.outcome} />}
        <PageLink page={pages.verdict(run.entry)}>Verdict</PageLink>
        <PageLink page={pages.run(run.entry.dagId, run.entry.runId)}>Run</PageLink>
      </div>
      <ul>
        {chosen.map((value, place) => {
          const cell = lines.find((line) => line.value === value)?.cells[at];
          return (
            <li key={value}>
              <svg width="22" height="10" aria-hidden="true" className={`line line-${place}`}>
                <path d="M1 5H21" />
              </svg>
              <Name text={value} most={30} />{" "}
              <strong>{cell ? (cell.value === null ? "not defined" : decimal(cell.value)) : "no value"}</strong>
              {cell && (cell.low !== null || cell.high !== null) ? (
                <span className="quiet"> allowed {bounds(cell.low, cell.high)}</span>
              ) : null}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

const RUNS_AT_FIRST = 10;

/** The gate's decisions as a table, the latest first. */
function Runs({ runs, gate }: { runs: Run[]; gate: boolean }) {
  const [all, setAll] = useState(false);
  const [failing, setFailing] = useState(false);
  const latestFirst = useMemo(() => runs.toReversed(), [runs]);
  const bad = latestFirst.filter((run) => run.outcome === "violation" || run.outcome === "inconclusive");
  const found = failing ? bad : latestFirst;
  const shown = all ? found : found.slice(0, RUNS_AT_FIRST);
  return (
    <section aria-label="Runs">
      <Flex gap={2} align="center" wrap="wrap" mb={2}>
        <Text as="h3" fontWeight="semibold" me="auto">
          {gate ? "The gate’s decisions" : "Runs"}
        </Text>
        {bad.length > 0 ? (
          <Button
            size="xs"
            variant={failing ? "solid" : "outline"}
            colorPalette="brand"
            aria-pressed={failing}
            onClick={() => setFailing(!failing)}
          >
            Not passing ({count(bad.length)})
          </Button>
        ) : null}
      </Flex>
      <div className="scroll" tabIndex={0} role="region" aria-label="Runs and decisions">
        <table className="data">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Verdict</th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((run) => (
              <tr key={run.entry.runId}>
                <th scope="row">
                  <PageLink page={pages.verdict(run.entry)}>{time(run.entry.runAfter)}</PageLink>
                </th>
                <td>{run.loading ? "…" : <OutcomeBadge outcome={run.outcome} />}</td>
                <td className="wrap">{run.error === undefined ? visible(reasonOf(run.analysis?.sentence ?? "", run.analysis?.outcome ?? null)) : "could not be read"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {found.length > RUNS_AT_FIRST ? (
        <Box mt={2}>
          <Button size="xs" variant="outline" onClick={() => setAll(!all)}>
            {all ? `Show the latest ${RUNS_AT_FIRST}` : `Show all ${count(found.length)}`}
          </Button>
        </Box>
      ) : null}
    </section>
  );
}
