/** Navigation to Airflow's own pages, which open in the parent window. */

import { buildAirflowUrl } from "./urls";

export function buildUrl(page: string): string {
  return new URL(page, buildAirflowUrl(new URL(location.href))).href;
}

/**
 * Opens one of Airflow's pages.
 *
 * Airflow's sandboxed frame may not navigate its parent window. So the parent's own history is changed, as its router
 * does, which also avoids a reload.
 */
export function openPage(page: string): void {
  const address = buildUrl(page);
  let parentWindow: Window;
  try {
    parentWindow = window.parent;
    if (parentWindow === window || parentWindow.location.origin !== location.origin) throw new Error("not in Airflow's page");
  } catch {
    location.assign(address);
    return;
  }
  parentWindow.history.pushState(null, "", address);
  parentWindow.dispatchEvent(new (parentWindow as Window & typeof globalThis).PopStateEvent("popstate", { state: null }));
}

/**
 * Opens an external page in a new tab.
 *
 * Airflow's sandboxed frame may not open tabs. So the link is clicked in the parent document.
 */
export function openOutside(address: string): void {
  let parentDocument: Document;
  try {
    parentDocument = window.parent.document;
  } catch {
    parentDocument = document;
  }
  const link = parentDocument.createElement("a");
  link.href = address;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  parentDocument.body.append(link);
  link.click();
  link.remove();
}
