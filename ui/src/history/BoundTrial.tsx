import { Button, Flex, Text } from "@chakra-ui/react";
import { useId } from "react";

import type { Rule } from "../overview/model";
import { bounds, count, plural } from "../overview/text";
import type { Range, Tally, Trial } from "./trial";
import { describeRule, isRatio, tally, toBounds } from "./trial";

interface BoundTrialProps {
  metric: string;
  range: Range;
  /** The bound that is tried. */
  size: number;
  setSize: (size: number | undefined) => void;
  /** The bound of the latest run, and the nights by it; undefined if there is none. */
  today: { size: number; trial: Trial } | undefined;
  trial: Trial;
  rule: Rule | null;
  /** Whether the gate judges this metric by intervals. */
  hasIntervals: boolean;
  /** Counts under this number are hidden. */
  suppressBelow: number;
}

/** A slider and a field for another bound, with the nights that it would have stopped. */
export function BoundTrial(props: BoundTrialProps) {
  const { metric, range, size, setSize, today, trial, rule, hasIntervals, suppressBelow } = props;
  const id = useId();
  const set = (text: string) => {
    const wanted = Number(text);
    if (text.trim() !== "" && Number.isFinite(wanted) && wanted >= 0) setSize(wanted);
  };
  const moved = size !== today?.size;
  const { low, high } = toBounds(metric, size);
  return (
    <section className="trial" aria-labelledby={id}>
      <Flex gap={3} align="center" wrap="wrap">
        <Text as="h3" id={id} fontWeight="semibold">
          Try another bound of {metric}
        </Text>
        <input
          type="range"
          aria-label={`Bound of ${metric}`}
          aria-valuetext={bounds(low, round(high))}
          min={range.min}
          max={Math.max(range.max, size)}
          step={range.step}
          value={size}
          onChange={(event) => set(event.currentTarget.value)}
        />
        <input
          type="number"
          aria-label={`Bound of ${metric} as a number`}
          min={isRatio(metric) ? range.step : 0}
          max={isRatio(metric) ? 1 : undefined}
          step={range.step}
          value={size}
          onChange={(event) => set(event.currentTarget.value)}
        />
        {today && moved ? (
          <Button size="xs" variant="outline" onClick={() => setSize(undefined)}>
            Back to {today.size}
          </Button>
        ) : null}
      </Flex>
      <Text role="status" data-testid="trial">
        Allowed {bounds(low, round(high))}: <strong>{describeTally(tally(trial, rule))}</strong>
        {today && moved ? `. With the bound of the latest run, ${today.size}: ${describeTally(tally(today.trial, rule))}` : null}.
      </Text>
      <Text fontSize="xs" color="fg.muted">
        {describeRule(rule, hasIntervals, metric)}
        {suppressBelow > 0 ? ` Groups with hidden counts (under ${count(suppressBelow)}) are left out.` : null}
      </Text>
    </section>
  );
}

function round(high: number | null): number | null {
  return high === null ? null : Number(high.toPrecision(4));
}

function describeTally({ stopped, undecided, passed, notJudged }: Tally): string {
  const total = stopped + undecided + passed + notJudged;
  const parts = [`${count(stopped)} of ${plural(total, "night", "nights")} stopped`];
  if (undecided > 0) parts.push(`${count(undecided)} inconclusive`);
  if (notJudged > 0) parts.push(`${count(notJudged)} not judged`);
  return parts.join(", ");
}
