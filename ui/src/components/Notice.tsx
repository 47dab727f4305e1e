import { Alert } from "@chakra-ui/react";
import type { ReactNode } from "react";

import { ApiError } from "../api/client";
import { NotAnOverview } from "../overview/model";

type Tone = "info" | "warning" | "error";

/** A notice in place of content that cannot be shown. */
export function Notice({ title, tone = "info", children }: { title: string; tone?: Tone; children?: ReactNode }) {
  return (
    <Alert.Root status={tone} size="md" role={tone === "error" ? "alert" : "status"} my={2} alignItems="flex-start">
      <Alert.Indicator />
      <Alert.Content>
        <Alert.Title>{title}</Alert.Title>
        {children ? <Alert.Description overflowWrap="anywhere">{children}</Alert.Description> : null}
      </Alert.Content>
    </Alert.Root>
  );
}

/** A notice above older content that could not be refreshed. */
export function NotRenewed({ error }: { error: unknown }) {
  return (
    <Notice title="This may no longer be the latest" tone="warning">
      {errorMessage(error)} The page shows the data that it has loaded before, and repeats the request.
    </Notice>
  );
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error, with what to do about it. */
export function Failure({ error, what }: { error: unknown; what: string }) {
  if (error instanceof ApiError) {
    const tone = error.refusal === "forbidden" || error.refusal === "missing" ? "info" : "warning";
    return (
      <Notice title={TITLES[error.refusal]} tone={tone}>
        {error.refusal === "forbidden" ? `Your role may not read ${what}. An administrator of this Airflow can grant the permission.` : error.message}
      </Notice>
    );
  }
  const title = error instanceof NotAnOverview ? "This overview cannot be read" : "This page has failed";
  return (
    <Notice title={title} tone="warning">
      {errorMessage(error)}
    </Notice>
  );
}

const TITLES: Record<ApiError["refusal"], string> = {
  "logged-out": "You are logged out",
  forbidden: "You may not see this",
  missing: "Not found",
  unreachable: "Airflow cannot be reached",
  broken: "Airflow could not answer",
};
