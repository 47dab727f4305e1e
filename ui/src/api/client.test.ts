import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { listOverviews } from "./airflow";
import { ApiError, get } from "./client";

/** Let every request be answered so; what is asked for is counted. */
function answering(answer: () => Response) {
  const asked = vi.fn(() => Promise.resolve(answer()));
  vi.stubGlobal("fetch", asked);
  return asked;
}

async function getRefusal(answer: Promise<unknown>): Promise<unknown> {
  const error: unknown = await answer.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof ApiError ? error.refusal : error;
}

describe("an answer", () => {
  beforeEach(() => {
    vi.stubGlobal("location", { href: "https://airflow.example.org/clarify/gates" });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("that leads to a login page elsewhere is the end of the session", async () => {
    const redirect = { type: { value: "opaqueredirect" }, ok: { value: false }, status: { value: 0 } };
    const asked = answering(() => Object.defineProperties(new Response(), redirect));
    expect(await getRefusal(get("a"))).toBe("logged-out");
    expect(asked).toHaveBeenCalledWith(expect.anything(), expect.objectContaining({ redirect: "manual" }));
  });

  it.each([["<html>Log in</html>"], ["{}"], ["null"], ["[]"]])("that is not of the API is said: %s", async (text) => {
    answering(() => new Response(text));
    expect(await getRefusal(listOverviews({}))).toBe("broken");
  });

  it("that the session has ended is told to what still waits, too", async () => {
    const asked = answering(() => new Response(null, { status: 401 }));
    const refusals = await Promise.all(Array.from({ length: 50 }, (_, place) => getRefusal(get(`a/${place}`))));
    expect(new Set(refusals)).toEqual(new Set(["logged-out"]));
    expect(asked.mock.calls.length).toBeLessThanOrEqual(6);
    expect(await getRefusal(get("again"))).toBe("logged-out");
  });
});
