/** What is small goes first: Airflow is asked, and its colours are taken over, while the rest of the page still loads. */

import { parseView } from "./urls";
import { prefetchView } from "./api/airflow";
import { followAirflow } from "./colour";

const view = parseView(new URL(location.href));
try {
  if (view) prefetchView(view);
} catch {
  // The view says what is wrong, when it asks.
}
followAirflow();
void import("./main");
