import { Box, Button, Flex, Heading, Skeleton, Text } from "@chakra-ui/react";
import { useEffect, useMemo, useState } from "react";

import { pages } from "../urls";
import type { Entry } from "../api/airflow";
import { isAccessDenied } from "../api/client";
import { BoundTrial } from "../history/BoundTrial";
import { HistoryChart } from "../history/HistoryChart";
import { RunTable } from "../history/RunTable";
import type { Choice, Line, Run } from "../history/series";
import { MAX_RUNS, buildLines, buildRuns, findNewestReadable, findNight, pickCopy, selectShown } from "../history/series";
import { useCopy } from "../history/useCopy";
import type { Series } from "../history/useRuns";
import { useRuns, useSeries } from "../history/useRuns";
import { useTrial } from "../history/useTrial";
import type { Fetched } from "../history/useValues";
import { entryKey, useValues } from "../history/useValues";
import { ValueTable } from "../history/ValueTable";
import { openPage } from "../navigation";
import type { Overview } from "../overview/model";
import { NotAnOverview, buildNames, buildTitles, unjudgedReason, findWorst } from "../overview/model";
import { ago, bounds, count, decimal, plural, time } from "../overview/text";
import { Card } from "../components/AnalysisSection";
import { Banner } from "../components/Banner";
import { Chooser } from "../components/Chooser";
import { DataText } from "../components/DataText";
import { Failure, NotRenewed, Notice, errorMessage } from "../components/Notice";
import { PageLink } from "../components/PageLink";
import { OutcomeBadge } from "../components/Verdicts";
import { SearchHistory } from "./Subgroups";

/** Number of values that are drawn initially. */
const DRAWN_AT_FIRST = 3;

/** Above this number, tasks are chosen from a list. */
const MAX_BUTTONS = 8;

/** The tab of a DAG: the results of its gates over its runs. */
export function History({ dagId }: { dagId: string }) {
  const found = useSeries(dagId);
  const [id, setId] = useState<string>();
  if (found.error && (!found.data || isAccessDenied(found.error))) {
    return <Failure error={found.error} what="the XComs of this DAG" />;
  }
  if (!found.data) return <Skeleton height="6rem" aria-label="Loading" />;
  const chosen = found.data.find((series) => series.id === id) ?? found.data[0];
  if (!chosen) {
    return (
      <Notice title="No history yet">
        No run of this DAG has checked bias. Put a BiasGateOperator with thresholds before the training: its verdicts and its
        metrics are shown here from its first run on.
      </Notice>
    );
  }
  return (
    <>
      {found.error ? <NotRenewed error={found.error} /> : null}
      {found.data.length > 1 ? <Tasks all={found.data} chosen={chosen} choose={setId} /> : null}
      {chosen.kind === "search" ? (
        <SearchHistory key={chosen.id} dagId={dagId} series={chosen} listed={found.dataUpdatedAt} />
      ) : (
        <SeriesHistory key={chosen.id} dagId={dagId} series={chosen} listed={found.dataUpdatedAt} />
      )}
    </>
  );
}

interface TasksProps {
  all: Series[];
  chosen: Series;
  choose: (id: string) => void;
}

/** The choice of a series: buttons, or a list if a task was mapped to many instances. */
function Tasks({ all, chosen, choose }: TasksProps) {
  if (all.length > MAX_BUTTONS) {
    const texts = new Map(all.map((series) => [series.id, `${series.name}${describeRole(series)}`]));
    return (
      <Box mb={3}>
        <Chooser
          label="Task"
          value={chosen.id}
          options={[...texts.keys()]}
          formatOption={(id) => texts.get(id) ?? ""}
          choose={choose}
        />
      </Box>
    );
  }
  return (
    <Flex gap={2} mb={3} wrap="wrap" role="group" aria-label="Task">
      {all.map((series) => (
        <Button
          key={series.id}
          size="xs"
          colorPalette="brand"
          variant={series === chosen ? "solid" : "outline"}
          aria-pressed={series === chosen}
          onClick={() => choose(series.id)}
        >
          <DataText text={series.name} max={40} />
          {describeRole(series)}
        </Button>
      ))}
    </Flex>
  );
}

function describeRole(series: Series): string {
  return series.kind === "analysis" ? " (measures)" : series.kind === "search" ? " (searches)" : "";
}

interface SeriesHistoryProps {
  dagId: string;
  series: Series;
  /** When Airflow was last asked for its runs. */
  listed: number;
}

function SeriesHistory({ dagId, series, listed }: SeriesHistoryProps) {
  const { entries, complete, error } = useRuns(dagId, series);
  const [choice, setChoice] = useState<Partial<Choice>>({});
  const [wanted, setWanted] = useState<string[]>();
  const [reading, setReading] = useState<string>();
  const [tried, setTried] = useState<number>();
  const [each, setEach] = useState(false);

  // The latest verdict is read first, since it says whether there is a copy of the history.
  const first = entries.findIndex((entry) => entry.unjudged === undefined);
  const head = entries[first];
  const heads = useMemo(() => entries.slice(0, first + 1), [entries, first]);
  const firstValues = useValues(heads, listed);
  const firstValue = head && firstValues.get(entryKey(head));
  const { copy: carried, pending } = useCopy(head, firstValue && "overview" in firstValue ? firstValue.overview : undefined);
  const settled = head === undefined || (firstValue !== undefined && !pending);
  const copy = each || !settled ? undefined : pickCopy(carried, firstValue, choice);
  const needed = useMemo(
    () => (settled ? entries.filter((entry) => findNight(copy, entry) === undefined) : heads),
    [settled, entries, heads, copy],
  );
  const values = useValues(needed, listed);
  const newest = useMemo(() => findNewestReadable(entries, values), [entries, values]);
  const latest = newest?.overview;

  const names = buildNames(latest?.analyses ?? []);
  const titles = buildTitles(latest?.analyses ?? []);
  const { analysis, facet, metric } = useMemo(() => selectShown(latest, choice), [latest, choice]);
  const column = facet?.column ?? "";
  const name = analysis && latest ? names[latest.analyses.indexOf(analysis)] : undefined;
  const runs = useMemo(() => buildRuns(entries, values, name, copy), [entries, values, name, copy]);
  const asked = useMemo(() => ({ analysis: name ?? "", column, metric }), [name, column, metric]);
  const lines = useMemo(() => buildLines(runs, asked, copy), [runs, asked, copy]);
  const chosen = useMemo(() => wanted ?? facet?.values.slice(0, DRAWN_AT_FIRST) ?? [], [wanted, facet]);
  const found = runs.findIndex((run) => run.entry.runId === reading);
  const at = found < 0 ? runs.length - 1 : found;
  const trial = useTrial({ runs, lines, choice: asked, copy, latest, facet, tried });
  const missing = copy && facet ? facet.values.length - (copy.nights.getLines(metric, column)?.size ?? 0) : 0;

  if (isAccessDenied(error)) return <Failure error={error} what="the XComs of this DAG" />;
  const latestRun = entries[0];
  const unread = latestRun && newest?.entry !== latestRun ? values.get(entryKey(latestRun)) : undefined;
  if (latestRun?.unjudged !== undefined && (!newest || !analysis)) {
    return (
      <>
        <LatestUnjudged name={series.name} entries={entries} />
        <Card>
          <RunTable runs={runs} gate />
        </Card>
      </>
    );
  }
  if (!newest || !latest || !analysis) {
    const waiting = runs.some((one) => one.loading);
    return waiting || !latestRun ? <Skeleton height="6rem" aria-label="Loading" /> : <Unread entry={latestRun} found={unread} />;
  }
  const run = runs[at];
  return (
    <>
      {latestRun ? <Unread entry={latestRun} found={unread} /> : null}
      {latestRun?.unjudged === undefined ? null : <LatestUnjudged name={series.name} entries={entries} />}
      <Latest name={series.name} entry={newest.entry} overview={latest} />
      <Card>
        <Flex gap={2} align="center" wrap="wrap" mb={1}>
          <Heading as="h3" size="sm" me="auto">
            {metric} over {plural(runs.length, "run", "runs")}
          </Heading>
          {latest.analyses.length > 1 ? (
            <Chooser
              label="Analysis"
              value={name ?? ""}
              options={names}
              formatOption={(one) => titles[names.indexOf(one)] ?? one}
              choose={(one) => {
                setChoice({ analysis: one });
                setWanted(undefined);
                setTried(undefined);
              }}
            />
          ) : null}
          {analysis.facets.length > 1 ? (
            <Chooser
              label="Facet"
              value={column}
              options={analysis.facets.map((one) => one.column)}
              choose={(one) => {
                setChoice({ ...choice, analysis: name, column: one });
                setWanted(undefined);
                setTried(undefined);
              }}
            />
          ) : null}
          <Chooser
            label="Metric"
            value={metric}
            options={facet?.metrics ?? []}
            choose={(one) => {
              setChoice({ ...choice, analysis: name, metric: one });
              setTried(undefined);
            }}
          />
        </Flex>
        <Progress runs={runs} listed={complete} carried={copy !== undefined} error={error} />
        {missing > 0 ? (
          <Flex gap={2} align="center" wrap="wrap" mb={1} fontSize="xs" color="fg.muted">
            <Text>
              The compact copy of the history contains only the {count((facet?.values.length ?? 0) - missing)} worst values of
              the latest run.
            </Text>
            <Button size="2xs" variant="outline" onClick={() => setEach(true)}>
              Load all values, run by run
            </Button>
          </Flex>
        ) : null}
        <HistoryChart
          runs={runs}
          lines={lines}
          chosen={chosen}
          metric={metric}
          gate={latest.kind === "gate"}
          trial={tried === undefined ? undefined : trial?.trial}
          at={at}
          setAt={(place) => setReading(runs[place]?.entry.runId)}
          openRun={(place) => {
            const one = runs[place];
            if (one?.listed) openPage(pages.verdict(one.entry));
          }}
        />
        {run ? <Readout run={run} at={at} lines={lines} chosen={chosen} /> : null}
        {trial ? (
          <BoundTrial
            metric={metric}
            {...trial}
            setSize={setTried}
            rule={latest.rule}
            suppressBelow={analysis.suppressBelow}
          />
        ) : null}
      </Card>
      <Card>
        <ValueTable lines={lines} chosen={chosen} setChosen={setWanted} metric={metric} column={column} />
      </Card>
      <Card>
        <RunTable
          runs={runs}
          gate={latest.kind === "gate"}
          trial={tried === undefined || !trial ? undefined : { title: `With ${trial.size}`, trial: trial.trial }}
        />
      </Card>
    </>
  );
}

/** A notice that the latest run cannot be read. */
function Unread({ entry, found }: { entry: Entry; found: Fetched | undefined }) {
  if (!found || !("error" in found)) return null;
  return (
    <Notice title="The verdict of the latest run cannot be read" tone="warning">
      {errorMessage(found.error)} <PageLink page={pages.task(entry)}>Its task instance</PageLink>
    </Notice>
  );
}

interface LatestProps {
  name: string;
  entry: Entry;
  overview: Overview;
}

/** A notice that later runs have no verdict. */
function LatestUnjudged({ name, entries }: { name: string; entries: Entry[] }) {
  const [latest] = entries;
  const judged = entries.findIndex((entry) => entry.unjudged === undefined);
  const without = judged < 0 ? entries.length : judged;
  if (!latest) return null;
  return (
    <Banner
      outcome={null}
      title={
        <>
          {" in "}
          <DataText text={name} max={40} />
        </>
      }
      sentence={unjudgedReason(latest.unjudged ?? "")}
      checks={{}}
    >
      <Flex gap={4} mt={2} fontSize="sm" color="fg.muted" wrap="wrap">
        <Text>
          The latest run, due {time(latest.runAfter)}
          {without > 1 ? `, and ${plural(without - 1, "run", "runs")} before it` : ""}
        </Text>
        <PageLink page={pages.task(latest)}>Its task instance</PageLink>
        <PageLink page={pages.run(latest.dagId, latest.runId)}>The run</PageLink>
      </Flex>
    </Banner>
  );
}

/** The verdict of the whole gate; of several analyses, the worst is the reason. */
function Latest({ name, entry, overview }: LatestProps) {
  useEffect(() => {
    performance.mark("bias:verdict");
  }, []);
  const worst = findWorst(overview);
  const several = overview.analyses.length > 1;
  return (
    <Banner
      outcome={overview.outcome}
      title={
        <>
          {" in "}
          <DataText text={name} max={40} />
          {several && worst ? (
            <>
              : <DataText text={buildTitles(overview.analyses)[overview.analyses.indexOf(worst)] ?? ""} max={80} />
            </>
          ) : null}
        </>
      }
      sentence={worst?.sentence ?? ""}
      data={worst?.data}
      checks={worst?.checks ?? {}}
    >
      <Flex gap={4} mt={2} fontSize="sm" color="fg.muted" wrap="wrap">
        <Text title={ago(entry.runAfter)}>Latest verdict, of the run due {time(entry.runAfter)}</Text>
        <PageLink page={pages.verdict(entry)}>Its verdict in full</PageLink>
        <PageLink page={pages.run(entry.dagId, entry.runId)}>The run</PageLink>
      </Flex>
    </Banner>
  );
}

interface ProgressProps {
  runs: Run[];
  /** Whether all runs are listed. */
  listed: boolean;
  /** Whether the copy of the history has been read, which has the older runs too. */
  carried: boolean;
  /** Error when listing the older runs. */
  error: unknown;
}

function Progress({ runs, listed, carried, error }: ProgressProps) {
  const loading = runs.filter((run) => run.loading).length;
  const failed = runs.filter((run) => run.error !== undefined).length;
  // A value that is not an overview stays one; other errors may pass.
  const again = runs.some((run) => run.error !== undefined && !(run.error instanceof NotAnOverview));
  useEffect(() => {
    if ((listed || carried) && loading === 0) performance.mark("bias:complete");
  }, [listed, carried, loading]);
  const done = runs.length - loading;
  return (
    <Text fontSize="xs" color="fg.muted" minH="1.25rem" role="status" data-testid="progress" data-done={done}>
      {loading > 0 || (!listed && !carried && !error) ? (
        <>
          <progress max={runs.length} value={done} aria-label="Runs read" /> {count(done)} of {count(runs.length)} runs read
        </>
      ) : null}
      {failed > 0 ? ` ${plural(failed, "run", "runs")} could not be read; the table of runs gives the reasons.` : null}
      {error ? " Older runs could not be listed." : null}
      {again || error ? " The page tries again every minute." : null}
      {loading === 0 && runs.length >= MAX_RUNS ? ` The latest ${count(MAX_RUNS)} runs.` : null}
    </Text>
  );
}

/** The values of one run, in words and numbers. */
function Readout({ run, at, lines, chosen }: { run: Run; at: number; lines: Line[]; chosen: string[] }) {
  return (
    <div className="readout" data-testid="readout">
      <div className="readout-run">
        <strong>{time(run.entry.runAfter)}</strong>
        {run.loading ? <span>not read yet</span> : <OutcomeBadge outcome={run.outcome} />}
        {run.listed ? (
          <>
            <PageLink page={pages.verdict(run.entry)}>Verdict</PageLink>
            <PageLink page={pages.run(run.entry.dagId, run.entry.runId)}>Run</PageLink>
          </>
        ) : null}
      </div>
      <ul>
        {chosen.map((value, place) => {
          const cell = lines.find((line) => line.value === value)?.cells[at];
          return (
            <li key={value}>
              <svg width="22" height="10" aria-hidden="true" className={`line line-${place}`}>
                <path d="M1 5H21" />
              </svg>
              <DataText text={value} max={30} />{" "}
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
