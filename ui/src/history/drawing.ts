/**
 * Returns the order in which the values of a history are fetched: the latest first, then a few over its whole length, then
 * those between them. So a chart has its shape early, and is then refined.
 */
export function drawingOrder(total: number, latest = 6, coarsest = 16): number[] {
  const order: number[] = [];
  const taken = new Set<number>();
  const take = (place: number) => {
    if (taken.has(place)) return;
    taken.add(place);
    order.push(place);
  };
  for (let place = 0; place < Math.min(latest, total); place += 1) take(place);
  for (let step = coarsest; step >= 1; step = Math.floor(step / 2)) {
    for (let place = 0; place < total; place += step) take(place);
  }
  return order;
}
