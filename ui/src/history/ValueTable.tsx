import { Flex, Text } from "@chakra-ui/react";
import { memo, useDeferredValue, useMemo, useState } from "react";

import { isNotPassing } from "../overview/model";
import { count, decimal, displayName, plural } from "../overview/text";
import { DataText } from "../components/DataText";
import { ScrollRegion } from "../components/ScrollRegion";
import { SearchField } from "../components/SearchField";
import { ShowAllButton } from "../components/ShowAllButton";
import { TableHead, numbers } from "../components/TableHead";
import { outcomeStyle } from "../components/Verdicts";
import { MAX_LINES } from "./HistoryChart";
import type { Line } from "./series";

const INITIAL_ROWS = 20;
const WIDE = 180;
const TALL = 22;

interface ValueTableProps {
  lines: Line[];
  chosen: string[];
  setChosen: (chosen: string[]) => void;
  metric: string;
  column: string;
}

/** All facet values with a sparkline each; the values to draw are chosen here. */
export const ValueTable = memo(function ValueTable(props: ValueTableProps) {
  const { lines, chosen, setChosen, metric, column } = props;
  const [search, setSearch] = useState("");
  const [all, setAll] = useState(false);
  const wanted = useDeferredValue(search).trim().toLocaleLowerCase();
  const found = useMemo(
    () => lines.filter((line) => wanted === "" || displayName(line.value).toLocaleLowerCase().includes(wanted)),
    [lines, wanted],
  );
  const shown = all ? found : found.slice(0, INITIAL_ROWS);

  function toggle(value: string) {
    if (chosen.includes(value)) setChosen(chosen.filter((one) => one !== value));
    // The value that was chosen first is replaced.
    else setChosen([...chosen.slice(-(MAX_LINES - 1)), value]);
  }

  return (
    <section aria-label="Values">
      <Flex gap={2} align="center" wrap="wrap" mb={2}>
        <Text as="h3" fontWeight="semibold" me="auto">
          {metric} of {plural(lines.length, "value", "values")} of <DataText text={column} max={40} />
        </Text>
        <SearchField label="Search values" width="11rem" text={search} setText={setSearch} />
      </Flex>
      <ScrollRegion label="Values over the runs">
        <table className="data lines">
          <TableHead
            columns={[
              { title: "Draw", className: "stuck" },
              "Over the runs",
              ...numbers("Latest", "Lowest", "Highest", "Runs not passed"),
            ]}
          />
          <tbody>
            {shown.map((line) => (
              <ValueRow
                key={line.value}
                line={line}
                colour={chosen.indexOf(line.value)}
                toggle={() => toggle(line.value)}
              />
            ))}
          </tbody>
        </table>
      </ScrollRegion>
      <ShowAllButton total={found.length} initial={INITIAL_ROWS} all={all} setAll={setAll} />
    </section>
  );
});

function ValueRow({ line, colour, toggle }: { line: Line; colour: number; toggle: () => void }) {
  const values = line.cells.flatMap((cell) => (cell?.value == null ? [] : [cell.value]));
  const outcome = line.latest?.outcome ?? null;
  const text = (value: number | null | undefined) => (value == null || values.length === 0 ? "" : decimal(value));
  return (
    <tr>
      <th scope="row" className="stuck">
        <label className="chooser">
          <input type="checkbox" checked={colour >= 0} onChange={toggle} />
          <svg width="22" height="10" aria-hidden="true" className={`line line-${colour}`}>
            {colour < 0 ? null : <path d="M1 5H21" />}
          </svg>
          <DataText text={line.value} max={36} />
        </label>
      </th>
      <td>
        <Spark line={line} values={values} />
      </td>
      <td className={`number tone-${outcome ?? "none"} ${outcome === "pass" || outcome === null ? "" : "strong"}`}>
        {text(line.latest?.value)}
        {isNotPassing(outcome) ? (
          <span className="unseen"> {outcomeStyle(outcome).word}</span>
        ) : null}
      </td>
      <td className="number">{text(findMin(values))}</td>
      <td className="number">{text(findMax(values))}</td>
      <td className="number">{line.notPassing ? count(line.notPassing) : "–"}</td>
    </tr>
  );
}

const findMin = (values: number[]) => values.reduce((one, other) => Math.min(one, other), Infinity);
const findMax = (values: number[]) => values.reduce((one, other) => Math.max(one, other), -Infinity);

/** A sparkline, scaled to its own lowest and highest value. */
function Spark({ line, values }: { line: Line; values: number[] }) {
  const finite = values.filter(Number.isFinite);
  const [low, high] = [findMin(finite), findMax(finite)];
  const x = (place: number) => 2 + ((WIDE - 4) * place) / Math.max(1, line.cells.length - 1);
  const y = (value: number) => (high > low ? 3 + (TALL - 6) * (1 - (value - low) / (high - low)) : TALL / 2);
  let path = "";
  let bad = "";
  line.cells.forEach((cell, place) => {
    if (cell?.value == null || !Number.isFinite(cell.value)) return;
    path += `${path ? "L" : "M"}${x(place).toFixed(1)} ${y(cell.value).toFixed(1)}`;
    if (isNotPassing(cell.outcome)) {
      bad += `M${x(place).toFixed(1)} ${TALL - 4}v4`;
    }
  });
  return (
    <svg width={WIDE} height={TALL} aria-hidden="true" focusable="false" className="spark">
      <path d={path} />
      <path className="bad" d={bad} />
    </svg>
  );
}
