import { Box, Flex, Heading, Text } from "@chakra-ui/react";
import type { ReactNode } from "react";

import type { CheckOutcome, Data, Outcome } from "../overview/model";
import { CHECK_OUTCOMES } from "../overview/model";
import { count, stripData, escapeInvisible } from "../overview/text";
import { DataText } from "./DataText";
import { Sign, outcomeStyle } from "./Verdicts";

interface BannerProps {
  outcome: Outcome | null;
  title: ReactNode;
  sentence: string;
  data?: Data | null;
  checks: Partial<Record<CheckOutcome, number>>;
  children?: ReactNode;
}

/** The verdict, at the top of the page. */
export function Banner({ outcome, title, sentence, data = null, checks, children }: BannerProps) {
  const look = outcomeStyle(outcome);
  return (
    <Box
      as="section"
      aria-label="Verdict"
      borderWidth="1px"
      borderInlineStartWidth="6px"
      borderColor="border"
      borderInlineStartColor={`${look.palette}.solid`}
      borderRadius="md"
      p={3}
      mb={3}
      data-testid="verdict"
    >
      <Flex gap={3} align="center" wrap="wrap">
        <Flex
          className={`seal tone-${outcome ?? "none"}`}
          align="center"
          justify="center"
          boxSize={9}
          borderRadius="full"
          flexShrink={0}
          bg={`${look.palette}.solid`}
          color={`${look.palette}.contrast`}
        >
          <Sign outcome={outcome} size={20} />
        </Flex>
        <Box flex="1" minW="14rem">
          <Heading as="h2" size="md" lineHeight="short">
            {look.word}
            {title}
          </Heading>
          <Text overflowWrap="anywhere">
            {sentence === ""
              ? "No thresholds were given, so these values were measured, but not judged."
              : escapeInvisible(stripData({ sentence, outcome, data }))}
          </Text>
          {data ? (
            <Text fontSize="sm" color="fg.muted" overflowWrap="anywhere" data-testid="data">
              Data: <DataText text={data.short} max={120} />
            </Text>
          ) : null}
        </Box>
        <Checks checks={checks} />
      </Flex>
      {children}
    </Box>
  );
}

function Checks({ checks }: { checks: Partial<Record<CheckOutcome, number>> }) {
  const found = CHECK_OUTCOMES.filter((name) => checks[name]);
  if (found.length === 0) return null;
  return (
    <Flex as="ul" gap={4} aria-label="Checks" listStyleType="none">
      {found.map((name) => (
        <Box as="li" key={name} textAlign="end">
          <Text fontSize="lg" fontWeight="semibold" lineHeight="1.2" fontVariantNumeric="tabular-nums">
            {count(checks[name] ?? 0)}
          </Text>
          <Text fontSize="xs" color="fg.muted">
            {WORDS[name]}
          </Text>
        </Box>
      ))}
    </Flex>
  );
}

const WORDS: Record<CheckOutcome, string> = {
  violation: "violated",
  inconclusive: "inconclusive",
  pass: "passed",
  ignored: "ignored",
};
