import type { ReactNode } from "react";
import { Component } from "react";

import { Notice } from "./Notice";

/** Shows a notice instead of an empty page if rendering fails. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: string | null }> {
  override state: { broken: string | null } = { broken: null };

  static getDerivedStateFromError(error: unknown) {
    return { broken: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    if (this.state.broken === null) return this.props.children;
    return (
      <Notice title="This page has failed" tone="error">
        The result of the task could not be displayed: {this.state.broken}. The verdict is in the task’s log and XComs.
      </Notice>
    );
  }
}
