import { Box, Button, Flex, Link, Text } from "@chakra-ui/react";
import type { ReactNode } from "react";
import { useState } from "react";

import { findWebPage } from "../urls";
import { openOutside } from "../navigation";
import type { Analysis, Facet } from "../overview/model";
import { worstFacet } from "../overview/model";
import { count, percent, plural, escapeInvisible } from "../overview/text";
import { Chooser } from "./Chooser";
import { Metrics } from "./Metrics";
import { DataText } from "./DataText";
import { OverviewTable } from "./OverviewTable";
import { Predictions } from "./Predictions";

/** One analysis: its warnings, overview, metrics and provenance. */
export function AnalysisSection({ analysis }: { analysis: Analysis }) {
  const [number, setNumber] = useState(() => worstFacet(analysis.facets));
  const facet = analysis.facets[number] ?? analysis.facets[0];
  return (
    <>
      <Points title="Warnings" points={analysis.warnings} />
      {analysis.facets.length > 1 ? (
        <Flex align="center" gap={2} mb={2}>
          <Text fontSize="sm">Facet</Text>
          <Chooser
            label="Facet"
            value={String(number)}
            options={analysis.facets.map((_, place) => String(place))}
            formatOption={(place) => nameFacet(analysis.facets[Number(place)])}
            choose={(place) => setNumber(Number(place))}
          />
        </Flex>
      ) : null}
      {facet ? (
        <>
          <Card>
            <OverviewTable key={number} facet={facet} weighted={analysis.weighted} />
          </Card>
          {facet.rows.some((row) => row.confusion) || facet.stages ? (
            <Card>
              <Predictions key={number} facet={facet} />
            </Card>
          ) : null}
          <Card>
            <Metrics key={number} facet={facet} weighted={analysis.weighted} />
          </Card>
        </>
      ) : null}
      <Card>
        <Traces analysis={analysis} />
      </Card>
    </>
  );
}

function nameFacet(facet: Facet | undefined): string {
  if (!facet) return "";
  return facet.notPassing > 0 ? `${facet.column} (${count(facet.notPassing)} not passing)` : facet.column;
}

export function Card({ children }: { children: ReactNode }) {
  return (
    <Box borderWidth="1px" borderColor="border" borderRadius="md" p={3} mb={3}>
      {children}
    </Box>
  );
}

export function Points({ title, points }: { title: string; points: string[] }) {
  if (points.length === 0) return null;
  return (
    <Box className="points" borderRadius="md" bg="bg.muted" p={3} mb={3}>
      <Text as="h3" fontWeight="semibold" fontSize="sm">
        {title}
      </Text>
      <ul>
        {points.map((point, place) => (
          <li key={place}>{escapeInvisible(point)}</li>
        ))}
      </ul>
    </Box>
  );
}

/** The locations of the report and data, and the provenance of the numbers. */
function Traces({ analysis }: { analysis: Analysis }) {
  const { rows, positiveRows, label, positive, engine, configSha256, data } = analysis;
  const outputs = analysis.outputs.toSorted(([one], [other]) => rankOutput(one) - rankOutput(other));
  return (
    <section>
      <Text as="h3" fontWeight="semibold" mb={1}>
        Where it comes from
      </Text>
      <dl className="traces">
        {data ? (
          <Trace term={data.kind === "path" ? "Data" : data.kind === "table" ? "Table" : "Query"}>
            <Location text={data.name} />
            {data.connId === null ? null : <span className="quiet">with the connection {escapeInvisible(data.connId)}</span>}
          </Trace>
        ) : null}
        <Trace term="Label">
          <DataText text={label} />, positive where <DataText text={positive} />
        </Trace>
        {analysis.predictedLabel === "" ? null : (
          <Trace term="Predictions">
            <DataText text={analysis.predictedLabel} />, positive where <DataText text={analysis.predicted || positive} />
          </Trace>
        )}
        {rows === null ? null : (
          <Trace term="Rows">
            {plural(rows, "row", "rows")}
            {positiveRows === null || !rows ? "" : `, ${count(positiveRows)} positive (${percent(positiveRows / rows)})`}
          </Trace>
        )}
        {outputs.map(([name, where]) => (
          <Trace key={name} term={nameOutput(name)}>
            <Location text={where} />
          </Trace>
        ))}
        {engine === null ? null : <Trace term="Counted by">{escapeInvisible(engine)}</Trace>}
        {configSha256 === null ? null : (
          <Trace term="Configuration, SHA-256">
            <Location text={configSha256} />
          </Trace>
        )}
      </dl>
    </section>
  );
}

/** Titles of the output files, in display order. */
const TITLES = new Map([
  ["report", "Report"],
  ["pdf", "Report (PDF)"],
  ["notebook", "Report (notebook)"],
  ["analysis", "Metrics (analysis.json)"],
  ["summary", "Counts (summary.json)"],
  ["config", "Configuration (analysis_config.json)"],
  ["subgroups", "Findings (subgroups.json)"],
]);

export function nameOutput(name: string): string {
  return TITLES.get(name) ?? escapeInvisible(name);
}

function rankOutput(name: string): number {
  const place = [...TITLES.keys()].indexOf(name);
  return place < 0 ? TITLES.size : place;
}

export function Trace({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A location, with buttons to copy it, and to open its web page if it has one. */
export function Location({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const address = findWebPage(text);
  // The clipboard is available only on a secure connection.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  return (
    <Flex gap={2} align="center" wrap="wrap">
      <span>
        <code className="location">
          <bdi>{escapeInvisible(text)}</bdi>
        </code>
      </span>
      {address === null ? null : (
        <Link
          href={address}
          target="_blank"
          rel="noopener noreferrer"
          color="fg.info"
          fontSize="xs"
          aria-label={`Open ${escapeInvisible(text)}`}
          onClick={(event) => {
            event.preventDefault();
            openOutside(address);
          }}
        >
          Open
        </Link>
      )}
      {clipboard ? (
        <Button
          size="2xs"
          variant="ghost"
          aria-label={`Copy ${escapeInvisible(text)}`}
          onClick={() => {
            void clipboard.writeText(text).then(
              () => setCopied(true),
              () => setCopied(false),
            );
          }}
        >
          {copied ? "Copied" : "Copy"}
        </Button>
      ) : null}
    </Flex>
  );
}
