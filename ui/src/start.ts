/** What is small goes first: Airflow is asked, and its colours are taken over, while the rest of the page still loads. */

import { viewOf } from "./address";
import { askAhead } from "./api/airflow";
import { followAirflow } from "./colour";

const view = viewOf(new URL(location.href));
try {
  if (view) askAhead(view);
} catch {
  // The view says what is wrong, when it asks.
}
followAirflow();
void import("./main");
