import { Box, Button, Flex, Text } from "@chakra-ui/react";
import { memo, useMemo, useState } from "react";

import { OutcomeBadge } from "../components/Verdicts";
import { PageLink } from "../components/PageLink";
import { TableHead } from "../components/TableHead";
import { count, date, escapeInvisible, time } from "../overview/text";
import { pages } from "../urls";
import type { Run } from "./series";
import type { Trial } from "./trial";

const AT_FIRST = 10;

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
    ({ run, tried }) => !run.loading && (isFailing(run, gate) || tried === "violation" || tried === "inconclusive"),
  );
  const found = failing ? bad : latestFirst;
  const shown = all ? found : found.slice(0, AT_FIRST);
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
      </div>
      {found.length > AT_FIRST ? (
        <Box mt={2}>
          <Button size="xs" variant="outline" onClick={() => setAll(!all)}>
            {all ? `Show the latest ${AT_FIRST}` : `Show all ${count(found.length)}`}
          </Button>
        </Box>
      ) : null}
    </section>
  );
});

/** Returns whether a run has not passed. A gate without a verdict has not let the data pass. */
function isFailing(run: Run, gate: boolean): boolean {
  return run.outcome === "violation" || run.outcome === "inconclusive" || (gate && run.outcome === null && (run.listed || run.why !== ""));
}

function explain(run: Run): string {
  if (run.error !== undefined) return "could not be read";
  if (!run.listed && run.why === "" && run.outcome === null) return "In the history only: past data were measured, or the run was deleted.";
  return escapeInvisible(run.why);
}
