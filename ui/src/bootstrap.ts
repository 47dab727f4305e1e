/** Entry point: sends the first requests and applies Airflow's colours while the rest of the page still loads. */

import { parseView } from "./urls";
import { prefetchView } from "./api/airflow";
import { followAirflow } from "./colour";

const view = parseView(new URL(location.href));
try {
  if (view) prefetchView(view);
} catch {
  // The view reports the error when it sends the same request.
}
followAirflow();
void import("./main");
