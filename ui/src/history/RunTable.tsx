import { Flex, Text } from "@chakra-ui/react";
import { memo, useMemo, useState } from "react";

import { errorMessage } from "../components/Notice";
import { NotPassingButton } from "../components/NotPassingButton";
import { OutcomeBadge } from "../components/Verdicts";
import { PageLink } from "../components/PageLink";
import { ScrollRegion } from "../components/ScrollRegion";
import { ShowAllButton } from "../components/ShowAllButton";
import { TableHead } from "../components/TableHead";
import { isNotPassing } from "../overview/model";
import { date, escapeInvisible, time } from "../overview/text";
import { pages } from "../urls";
import type { Run } from "./series";
import type { Trial } from "./trial";

const INITIAL_ROWS = 10;

interface RunTableProps {
  runs: Run[];
  gate: boolean;
  /** A trial of another bound, and its title. */
  trial?: { title: string; trial: Trial };
}

/** The gate's decisions as a table, the latest first. */
export const RunTable = memo(function RunTable({ runs, gate, trial }: RunTableProps) {
  const [all, setAll] = useState(false);
  const [failing, setFailing] = useState(false);
  const latestFirst = useMemo(
    () => runs.map((run, place) => ({ run, tried: trial?.trial.outcomes[place] })).reverse(),
    [runs, trial],
  );
  const bad = latestFirst.filter(
    ({ run, tried }) => !run.loading && (isFailing(run, gate) || isNotPassing(tried)),
  );
  const found = failing ? bad : latestFirst;
  const shown = all ? found : found.slice(0, INITIAL_ROWS);
  return (
    <section aria-label="Runs">
      <Flex gap={2} align="center" wrap="wrap" mb={2}>
        <Text as="h3" fontWeight="semibold" me="auto">
          {gate ? "The gate’s decisions" : "Runs"}
        </Text>
        <NotPassingButton total={bad.length} pressed={failing} setPressed={setFailing} />
      </Flex>
      <ScrollRegion label="Runs and decisions">
        <table className="data runs">
          <TableHead columns={["Run due", "Verdict", ...(trial ? [trial.title] : []), "Why"]} />
          <tbody>
            {shown.map(({ run, tried }) => (
              <tr key={run.entry.runId}>
                <th scope="row">
                  {run.listed ? (
                    <PageLink page={pages.verdict(run.entry)}>{time(run.entry.runAfter)}</PageLink>
                  ) : (
                    date(run.entry.runAfter)
                  )}
                </th>
                <td>{run.loading ? "…" : <OutcomeBadge outcome={run.outcome} />}</td>
                {trial ? <td>{tried === undefined ? "…" : <OutcomeBadge outcome={tried} />}</td> : null}
                <td className="wrap">{explain(run)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
      <ShowAllButton total={found.length} initial={INITIAL_ROWS} all={all} setAll={setAll} order="latest" />
    </section>
  );
});

/** Returns whether a run has not passed. A gate without a verdict has not let the data pass. */
function isFailing(run: Run, gate: boolean): boolean {
  return isNotPassing(run.outcome) || (gate && run.outcome === null && (run.listed || run.why !== ""));
}

function explain(run: Run): string {
  if (run.error !== undefined) return `Could not be read: ${escapeInvisible(errorMessage(run.error))}`;
  if (!run.listed && run.why === "" && run.outcome === null) return "This night is in the history, but not a run of Airflow: past data were measured, or the run was deleted.";
  return escapeInvisible(run.why);
}
