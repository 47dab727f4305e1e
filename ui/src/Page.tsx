import { Box } from "@chakra-ui/react";

import type { View } from "./urls";
import { Notice } from "./components/Notice";
import { ErrorBoundary } from "./components/ErrorBoundary";
import { Gates } from "./views/Gates";
import { History } from "./views/History";
import { Verdict } from "./views/Verdict";

export function Page({ view }: { view: View | null }) {
  return (
    <Box as="main" p={{ base: 2, md: 3 }} maxW="1600px">
      <ErrorBoundary>
        <Shown view={view} />
      </ErrorBoundary>
    </Box>
  );
}

function Shown({ view }: { view: View | null }) {
  switch (view?.name) {
    case "verdict":
      return <Verdict place={view} />;
    case "history":
      return <History dagId={view.dagId} />;
    case "gates":
      return <Gates />;
    default:
      return (
        <Notice title="Nothing to show here">
          This page is part of Airflow’s UI: open the tab “Bias” of a DAG or of a task instance there.
        </Notice>
      );
  }
}
