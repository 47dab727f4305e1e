import { Box, Flex, Heading, Skeleton, Text } from "@chakra-ui/react";
import { Fragment, useMemo } from "react";

import { Card, Points, Trace, Location, nameOutput } from "../components/AnalysisSection";
import { DataText } from "../components/DataText";
import { errorMessage } from "../components/Notice";
import { PageLink } from "../components/PageLink";
import { ScrollRegion } from "../components/ScrollRegion";
import { TableHead, numbers } from "../components/TableHead";
import type { Series } from "../history/useRuns";
import { useRuns } from "../history/useRuns";
import { entryKey, useValues } from "../history/useValues";
import type { Finding, Item, Search } from "../overview/search";
import { escapeInvisible, plural, time } from "../overview/text";
import type { TaskPlace } from "../urls";
import { pages } from "../urls";

/** The result of a search for subgroups, in a task's tab. */
export function Subgroups({ search, place }: { search: Search; place: TaskPlace }) {
  return (
    <>
      <Box as="section" aria-label="Result" borderWidth="1px" borderColor="border" borderRadius="md" p={3} mb={3} data-testid="search">
        <Heading as="h2" size="md">
          Subgroups that differ from the rest
        </Heading>
        <Text overflowWrap="anywhere">{escapeInvisible(search.summary)}</Text>
        <Flex as="dl" gap={6} mt={2} wrap="wrap">
          {search.figures.map(({ title, text }) => (
            <Box key={title}>
              <Text as="dt" fontSize="xs" color="fg.muted">
                {title}
              </Text>
              <Text as="dd" fontSize="lg" fontWeight="semibold" lineHeight="1.2">
                {text}
              </Text>
            </Box>
          ))}
        </Flex>
        <Flex gap={4} mt={2} fontSize="sm" color="fg.muted" wrap="wrap">
          <Text>This task finds subgroups and does not judge them. A BiasGateOperator can judge its result.</Text>
          <Text ms="auto">
            <PageLink page={pages.history(place.dagId)}>History of this DAG</PageLink>
          </Text>
        </Flex>
      </Box>
      <Points title="Warnings" points={search.warnings} />
      {search.rows.length > 0 ? (
        <Card>
          <Findings search={search} />
        </Card>
      ) : null}
      <Card>
        <Columns search={search} />
      </Card>
      <Card>
        <Text as="h3" fontWeight="semibold" mb={1}>
          Where it comes from
        </Text>
        <dl className="traces">
          {search.source === "" ? null : (
            <Trace term="Data">
              <Location text={search.source} />
            </Trace>
          )}
          <Trace term="Label">
            <DataText text={search.label} />, positive where <DataText text={search.positive} />
          </Trace>
          {search.outputs.map(([name, where]) => (
            <Trace key={name} term={nameOutput(name)}>
              <Location text={where} />
            </Trace>
          ))}
          <Trace term="Method">{escapeInvisible(search.counted)}</Trace>
        </dl>
      </Card>
    </>
  );
}

/** The tree of findings: each below the one that contains it. */
function Findings({ search }: { search: Search }) {
  return (
    <section aria-label="Findings">
      <Text as="h3" fontWeight="semibold" mb={1}>
        {plural(search.rows.length, "finding", "findings")}
      </Text>
      <Text fontSize="sm" color="fg.muted" mb={2}>
        {escapeInvisible(search.explanation)}
      </Text>
      <ScrollRegion label="Subgroups">
        <table className="data findings">
          <TableHead
            columns={[
              "Subgroup",
              ...numbers("Rows", escapeInvisible(search.rate), "Of the rest", search.metric),
              ...numbers("Beyond its parents", "Interval", "Adjusted p"),
              "Explains",
            ]}
          />
          <tbody>
            {search.rows.map((row, place) => (
              <FindingRow key={place} row={row} />
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </section>
  );
}

function FindingRow({ row }: { row: Finding }) {
  return (
    <tr>
      <th scope="row" className={`level-${Math.min(row.level, 4)}`}>
        {row.level > 0 ? <span aria-hidden="true">↳ </span> : null}
        <Group items={row.group} />
        {row.beyond.length > 0 ? (
          <small className="quiet">
            beyond <Group items={row.beyond} />
          </small>
        ) : null}
      </th>
      <td className="number">{row.rows}</td>
      <td className="number">{row.ownRate}</td>
      <td className="number">{row.restRate}</td>
      <td className="number">{row.value}</td>
      <td className="number">
        {row.excess}
        <small>{row.direction}</small>
      </td>
      <td className="number">{row.interval}</td>
      <td className="number">{row.pAdjusted}</td>
      <td>
        {row.folded === "" ? null : (
          <details>
            <summary>{row.folded}</summary>
            <ul>
              {row.examples.map(({ group, text }, place) => (
                <li key={place}>
                  <Group items={group} />: {escapeInvisible(text)}
                </li>
              ))}
            </ul>
          </details>
        )}
      </td>
    </tr>
  );
}

/** The columns and values of a group; no column stands for all rows. */
function Group({ items }: { items: Item[] }) {
  if (items.length === 0) return "all rows";
  return items.map(({ column, value }, place) => (
    <Fragment key={place}>
      {place > 0 ? " and " : null}
      <bdi>
        <DataText text={column} max={40} />=<DataText text={value} max={60} />
      </bdi>
    </Fragment>
  ));
}

function Columns({ search }: { search: Search }) {
  return (
    <section aria-label="Columns">
      <Text as="h3" fontWeight="semibold" mb={1}>
        Columns whose values were combined
      </Text>
      <ScrollRegion label="Combined columns">
        <table className="data">
          <TableHead columns={["Column", "Values", ...numbers("Rows without a value")]} />
          <tbody>
            {search.columns.map(({ name, values, missing }) => (
              <tr key={name}>
                <th scope="row">
                  <DataText text={name} max={60} />
                </th>
                <td className="wrap">{escapeInvisible(values)}</td>
                <td className="number">{missing}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollRegion>
    </section>
  );
}

/** Maximum number of runs of a search that are listed. */
const MAX_SEARCHES = 20;

/** The results of a search over the latest runs. */
export function SearchHistory({ dagId, series, listed }: { dagId: string; series: Series; listed: number }) {
  const { entries } = useRuns(dagId, series);
  const shown = useMemo(() => entries.slice(0, MAX_SEARCHES), [entries]);
  const values = useValues(shown, listed);
  if (values.size === 0) return <Skeleton height="6rem" aria-label="Loading" />;
  return (
    <Card>
      <section aria-label="Searches">
        <Text as="h3" fontWeight="semibold" mb={2}>
          Subgroups found by <DataText text={series.name} max={40} />
        </Text>
        <ScrollRegion label="Runs and findings">
          <table className="data">
            <TableHead columns={["Run due", ...numbers("Listed findings"), "Result"]} />
            <tbody>
              {shown.map((entry) => {
                const found = values.get(entryKey(entry));
                const search = found && "overview" in found ? found.overview.search : undefined;
                const problem = found && "error" in found ? errorMessage(found.error) : "";
                return (
                  <tr key={entry.runId}>
                    <th scope="row">
                      <PageLink page={pages.verdict(entry)}>{time(entry.runAfter)}</PageLink>
                    </th>
                    <td className="number">{search ? search.rows.length : "…"}</td>
                    <td className="wrap">{escapeInvisible(search?.summary ?? problem)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </ScrollRegion>
      </section>
    </Card>
  );
}
