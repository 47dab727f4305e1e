/** Links to Airflow's own pages, which open in the window around ours. */

import { buildAirflowUrl } from "./urls";

export function buildUrl(page: string): string {
  return new URL(page, buildAirflowUrl(new URL(location.href))).href;
}

/**
 * Open a page of Airflow's.
 *
 * The frame that Airflow puts us into may not move the window around it. Airflow's own page may: so the step is taken
 * there, in the way in which its router takes it, without loading everything again.
 */
export function openPage(page: string): void {
  const address = buildUrl(page);
  let around: Window;
  try {
    around = window.parent;
    if (around === window || around.location.origin !== location.origin) throw new Error("not in Airflow's page");
  } catch {
    location.assign(address);
    return;
  }
  around.history.pushState(null, "", address);
  around.dispatchEvent(new (around as Window & typeof globalThis).PopStateEvent("popstate", { state: null }));
}

/**
 * Open a page that is none of Airflow's in a tab of its own.
 *
 * The frame that Airflow puts us into may open no tabs. So the link is followed in Airflow's page around it.
 */
export function openOutside(address: string): void {
  let around: Document;
  try {
    around = window.parent.document;
  } catch {
    around = document;
  }
  const link = around.createElement("a");
  link.href = address;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  around.body.append(link);
  link.click();
  link.remove();
}
