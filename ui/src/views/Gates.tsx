import { Box, Button, Flex, Heading, Skeleton, Text } from "@chakra-ui/react";
import { useDeferredValue, useState } from "react";

import { pages } from "../urls";
import { isAccessDenied } from "../api/client";
import type { Gate } from "../gates/useGates";
import { useGates } from "../gates/useGates";
import { seriesName } from "../history/useRuns";
import type { CHECK_OUTCOMES } from "../overview/model";
import { findWorst } from "../overview/model";
import { ago, count, date, shortenPath, plural, time, escapeInvisible } from "../overview/text";
import { DataText } from "../components/DataText";
import { Failure, NotRenewed, Notice } from "../components/Notice";
import { PageLink } from "../components/PageLink";
import { ScrollRegion } from "../components/ScrollRegion";
import { SearchField } from "../components/SearchField";
import { TableHead } from "../components/TableHead";
import { OutcomeBadge, Sign, outcomeStyle } from "../components/Verdicts";

type Filter = (typeof CHECK_OUTCOMES)[number] | "none";

/** The worst first. */
const FILTERS: readonly Filter[] = ["violation", "inconclusive", "none", "pass", "ignored"];

/** The page in the navigation: the latest verdict of every gate, the worst first. */
export function Gates() {
  const { gates, waiting, since, error, loaded } = useGates();
  const [filter, setFilter] = useState<Filter>();
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search).trim().toLocaleLowerCase();
  if (error && (!loaded || isAccessDenied(error))) return <Failure error={error} what="XComs" />;
  if (!loaded) return <Skeleton height="6rem" aria-label="Loading" />;
  if (gates.length === 0 && waiting === 0) {
    return (
      <>
        <Title />
        <Notice title="No verdicts yet">
          No DAG that you may read has checked bias. Put a BiasGateOperator with thresholds before the training: its latest
          verdict is shown here after its first run.
        </Notice>
      </>
    );
  }
  const shown = gates.filter(
    (gate) =>
      (filter === undefined || (gate.outcome ?? "none") === filter) &&
      (wanted === "" || buildSearchText(gate).includes(wanted)),
  );
  return (
    <>
      <Title />
      {error ? <NotRenewed error={error} /> : null}
      <Flex gap={2} mb={3} wrap="wrap" align="center">
        <Tallies gates={gates} filter={filter} setFilter={setFilter} />
        <Box ms="auto">
          <SearchField label="Search DAGs, tasks and data" width="14rem" text={search} setText={setSearch} />
        </Box>
      </Flex>
      <>
        <ScrollRegion label="Latest verdicts">
          <table className="data roomy">
            <caption className="unseen">The latest verdict of every gate, the worst first</caption>
            <TableHead columns={["Latest verdict", "DAG", "Task", "Why", "Run due"]} />
            <tbody>
              {shown.map((gate) => (
                <GateRow key={JSON.stringify([gate.entry.dagId, gate.entry.taskId, gate.entry.mapIndex])} gate={gate} />
              ))}
            </tbody>
          </table>
          {shown.length === 0 ? (
            <Text p={3} color="fg.muted">
              {waiting > 0 ? "Reading the verdicts …" : "No verdict matches."}
            </Text>
          ) : null}
        </ScrollRegion>
        <Text fontSize="xs" color="fg.muted" mt={1} role="status" data-testid="waiting" data-waiting={waiting}>
          {waiting > 0 ? `${plural(waiting, "verdict is", "verdicts are")} still being read. ` : null}
          {since ? `Gates that have not run since ${date(since)} are not listed; their history is in the tab “Bias” of their DAGs.` : null}
        </Text>
      </>
    </>
  );
}

/** The text that the search matches: DAG, task, mapped instance and data. */
function buildSearchText({ entry, overview }: Gate): string {
  const data = overview?.analyses.map((one) => one.data?.name ?? "") ?? [];
  return [entry.dagName, seriesName(entry, overview?.instance), ...data].join(" ").toLocaleLowerCase();
}

function Title() {
  return (
    <Box mb={3}>
      <Heading as="h1" size="xl">
        Bias
      </Heading>
      <Text color="fg.muted">The latest verdict of every gate about the data that its DAG trains on.</Text>
    </Box>
  );
}

interface TalliesProps {
  gates: Gate[];
  filter: Filter | undefined;
  setFilter: (filter: Filter | undefined) => void;
}

/** The number of gates by outcome; each number is a filter. */
function Tallies({ gates, filter, setFilter }: TalliesProps) {
  return (
    <Flex gap={2} wrap="wrap" role="group" aria-label="Show only">
      {FILTERS.map((outcome) => {
        const total = gates.filter((gate) => gate.error === undefined && (gate.outcome ?? "none") === outcome).length;
        if (total === 0) return null;
        const look = outcomeStyle(outcome === "none" ? null : outcome);
        const mine = filter === outcome;
        return (
          <Button
            key={outcome}
            size="xs"
            variant={mine ? "solid" : "outline"}
            colorPalette={look.palette}
            aria-pressed={mine}
            onClick={() => setFilter(mine ? undefined : outcome)}
          >
            <Sign outcome={outcome === "none" ? null : outcome} /> {TALLIES[outcome](total)}
          </Button>
        );
      })}
    </Flex>
  );
}

const TALLIES: Record<Filter, (total: number) => string> = {
  violation: (total) => plural(total, "violation", "violations"),
  inconclusive: (total) => `${count(total)} inconclusive`,
  pass: (total) => `${count(total)} passed`,
  ignored: (total) => `${count(total)} ignored`,
  none: (total) => `${count(total)} not judged`,
};

function GateRow({ gate }: { gate: Gate }) {
  const { entry, overview, before } = gate;
  const data = overview && findWorst(overview)?.data;
  const more = overview ? overview.analyses.length - 1 : 0;
  return (
    <tr>
      <td>{gate.error === undefined ? <OutcomeBadge outcome={gate.outcome} /> : <span className="quiet">not readable</span>}</td>
      <th scope="row">
        <PageLink page={pages.history(entry.dagId)}>
          <DataText text={entry.dagName} max={50} />
        </PageLink>
      </th>
      <td>
        <PageLink page={pages.verdict(entry)}>
          <DataText text={seriesName(entry, overview?.instance)} max={40} />
        </PageLink>
        {overview?.kind === "analysis" ? <span className="quiet"> (measures)</span> : null}
        {data ? (
          <div className="quiet data-name" title={escapeInvisible(data.name)}>
            <DataText text={shortenPath(data.short)} max={60} />
            {more > 0 ? ` and ${count(more)} more` : null}
          </div>
        ) : null}
      </td>
      <td className="wrap">
        {escapeInvisible(gate.why)}
        {before ? (
          <div className="quiet">
            Previous verdict: {outcomeStyle(before.outcome).word}, of <PageLink page={pages.verdict(before.entry)}>the run due {date(before.entry.runAfter)}</PageLink>
          </div>
        ) : null}
      </td>
      <td>
        <PageLink page={pages.run(entry.dagId, entry.runId)}>
          <span title={ago(entry.runAfter)}>{time(entry.runAfter)}</span>
        </PageLink>
      </td>
    </tr>
  );
}
