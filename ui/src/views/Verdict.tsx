import { Flex, Skeleton, Text } from "@chakra-ui/react";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useEffect, useMemo, useRef } from "react";

import type { TaskPlace } from "../urls";
import { pages } from "../urls";
import type { TaskInstance } from "../api/airflow";
import { JUDGING, MEASURING, requestOverview, requestVerdict, getTaskInstance } from "../api/airflow";
import { ApiError, isAccessDenied } from "../api/client";
import type { Analysis, Overview } from "../overview/model";
import { readOverview, readReason, buildTitles, unjudgedReason, worstFirst } from "../overview/model";
import { ago, count, escapeInvisible, plural, time } from "../overview/text";
import { AnalysisSection, Points } from "../components/AnalysisSection";
import { Banner } from "../components/Banner";
import { DataText } from "../components/DataText";
import { Failure, NotRenewed, Notice } from "../components/Notice";
import { PageLink } from "../components/PageLink";
import { Subgroups } from "./Subgroups";

const ENDED = new Set(["success", "failed", "skipped", "upstream_failed", "removed"]);
const REFRESH_INTERVAL = 5_000;

/** The operators that push an overview. */
const CHECKING = [...JUDGING, ...MEASURING];

/** The tab of a task instance: the result of its last try. */
export function Verdict({ place }: { place: TaskPlace }) {
  const task = useQuery({
    queryKey: ["task", place],
    queryFn: ({ signal }) => getTaskInstance(place, signal),
    refetchInterval: (query) => (query.state.data && !ENDED.has(query.state.data.state ?? "") ? REFRESH_INTERVAL : false),
  });
  const running = task.data !== undefined && !ENDED.has(task.data.state ?? "");
  const found = useQuery({
    queryKey: ["overview", place],
    queryFn: async ({ signal }) => readOverview(await requestOverview(place, signal)),
    refetchInterval: running ? REFRESH_INTERVAL : false,
  });
  const again = found.refetch;
  const ran = useRef(false);
  useEffect(() => {
    // The overview may have been pushed after the last request.
    if (ran.current && !running) void again();
    ran.current = running;
  }, [running, again]);
  const { data, error } = found;
  const state = task.data?.state ?? "";
  // A gate that did not start may still have the XCom of an earlier try, from before it was cleared.
  if (data?.kind === "gate" && state === "upstream_failed") return <NotJudged state={state} place={place} />;
  if (error instanceof ApiError && error.refusal === "missing") return <NothingYet task={task} place={place} />;
  if (error && (!data || !(error instanceof ApiError) || isAccessDenied(error))) {
    return <Failure error={error} what="the XComs of this task" />;
  }
  if (!data) return <Skeleton height="6rem" aria-label="Loading" />;
  return (
    <>
      {error ? <NotRenewed error={error} /> : null}
      <Found overview={data} task={task.data} place={place} />
    </>
  );
}

/** The page of a gate that has ended without a verdict. */
function NotJudged({ state, place }: { state: string; place: TaskPlace }) {
  // A gate that could not judge leaves the reason in the XCom of its verdict.
  const { data } = useQuery({
    queryKey: ["reason", place],
    queryFn: async ({ signal }) => readReason(await requestVerdict(place, signal)),
    enabled: state === "failed",
    retry: false,
  });
  return (
    <Banner outcome={null} title={null} sentence={data ?? unjudgedReason(state)} checks={{}}>
      <Flex gap={4} mt={2} fontSize="sm" color="fg.muted" wrap="wrap">
        <Text>No data were judged in this run. Whether they are fit to train on is not known.</Text>
        <Text ms="auto">
          <PageLink page={pages.history(place.dagId)}>History of this DAG</PageLink>
        </Text>
      </Flex>
    </Banner>
  );
}

function NothingYet({ task, place }: { task: { data?: TaskInstance; error: unknown }; place: TaskPlace }) {
  if (task.error) return <Failure error={task.error} what="this task" />;
  const state = task.data?.state ?? null;
  const checks = CHECKING.includes(task.data?.operator ?? "");
  if (task.data && !ENDED.has(state ?? "")) {
    return (
      <Notice title="No verdict yet">
        This task has not ended{state ? ` (${state})` : ""}. Its result is shown here as soon as the data are measured.
      </Notice>
    );
  }
  if (JUDGING.includes(task.data?.operator ?? "") && ["failed", "upstream_failed", "skipped"].includes(state ?? "")) {
    return <NotJudged state={state ?? ""} place={place} />;
  }
  if (state === "failed" && checks) {
    return (
      <Notice title="No verdict" tone="warning">
        This task failed before it had a verdict. The reason is in its log.
      </Notice>
    );
  }
  if (state === "skipped" || state === "upstream_failed") {
    return <Notice title="No verdict">This task did not run, so it has measured nothing.</Notice>;
  }
  if (checks) {
    return (
      <Notice title="The verdict is no longer available">
        This task checks bias, but its result is not in XCom: the XCom was deleted, or the task ran with an older version
        of airflow-clarify, which pushes none. The result is also in the log of the task and in its report.
      </Notice>
    );
  }
  return (
    <Notice title="This task does not check bias">
      Only tasks of airflow-clarify have results here: operators that measure bias, ClarifyJobSensor,
      FindBiasedSubgroupsOperator and BiasGateOperator. Put a BiasGateOperator with thresholds before the training to see
      its verdict here.{state === "failed" ? " Why this task failed is in its log." : ""}
    </Notice>
  );
}

function Found({ overview, task, place }: { overview: Overview; task?: TaskInstance; place: TaskPlace }) {
  if (overview.search) return <Subgroups search={overview.search} place={place} />;
  const names = buildTitles(overview.analyses);
  return (
    <>
      {worstFirst(overview.analyses).map((analysis, rank) => {
        const number = overview.analyses.indexOf(analysis);
        return (
          <AnalysisWithVerdict key={number} analysis={analysis} name={names.length > 1 ? names[number] : undefined}>
            {rank === 0 ? <About overview={overview} task={task} place={place} /> : null}
          </AnalysisWithVerdict>
        );
      })}
    </>
  );
}

interface AnalysisWithVerdictProps {
  analysis: Analysis;
  /** Name of the analysis, if there are several. */
  name: string | undefined;
  children: ReactNode;
}

function AnalysisWithVerdict({ analysis, name, children }: AnalysisWithVerdictProps) {
  return (
    <>
      <Banner
        outcome={analysis.outcome}
        title={
          name === undefined ? null : (
            <>
              : <DataText text={name} max={80} />
            </>
          )
        }
        sentence={analysis.sentence}
        data={analysis.data}
        checks={analysis.checks}
      >
        <Correction analysis={analysis} />
        {children}
      </Banner>
      <Points title="What is wrong with the data as a whole" points={analysis.reasons} />
      <AnalysisSection analysis={analysis} />
    </>
  );
}

/** The number of questions that p-values are adjusted for, and the limit under which counts are hidden. */
function Correction({ analysis }: { analysis: Analysis }) {
  const { correction, questions, suppressBelow } = analysis;
  if (questions === null && suppressBelow === 0) return null;
  return (
    <Text fontSize="sm" color="fg.muted" mt={1}>
      {questions === null
        ? null
        : `p-values are adjusted for ${plural(questions, "question", "questions")} (${escapeInvisible(correction)}). `}
      {suppressBelow > 0
        ? `Values are hidden where a count under ${count(suppressBelow)} could be read or computed from them; they are judged nevertheless.`
        : null}
    </Text>
  );
}

const REACTIONS = new Map([
  ["fail", "fails when the data do not pass"],
  ["skip", "skips the tasks that follow when the data do not pass"],
  ["branch", "takes another branch when the data do not pass"],
  ["warn", "only warns when the data do not pass, and the run continues"],
]);

/** The gate's reaction to its verdict, the number of the try, and a link to the history. */
function About({ overview, task, place }: { overview: Overview; task?: TaskInstance; place: TaskPlace }) {
  const reaction = REACTIONS.get(overview.reaction ?? "");
  const what = overview.kind === "gate" ? `This gate ${reaction ?? "judges the data"}.` : "This task measures bias and does not judge it.";
  const parts = useMemo(() => describeTry(task), [task]);
  return (
    <Flex gap={4} mt={2} fontSize="sm" color="fg.muted" wrap="wrap">
      <Text>{what}</Text>
      {overview.instance === null ? null : (
        <Text>
          Instance <DataText text={overview.instance} max={60} />
        </Text>
      )}
      {parts ? <Text title={parts.title}>{parts.text}</Text> : null}
      <Text ms="auto">
        <PageLink page={pages.history(place.dagId)}>History of this DAG</PageLink>
      </Text>
    </Flex>
  );
}

function describeTry(task?: TaskInstance): { text: string; title: string } | null {
  if (!task?.endDate) return null;
  return { text: `Try ${task.tryNumber}, ended ${ago(task.endDate)}`, title: time(task.endDate) };
}
