import { describe, expect, it } from "vitest";

import { isLight } from "./colour";

describe("a light colour", () => {
  it.each([
    ["rgb(255, 255, 255)", true],
    ["rgb(219, 226, 236)", true],
    ["rgba(63, 74, 90, 1)", false],
    ["oklch(0.97 0.01 250)", true],
    ["oklch(0.3 0.1 250)", false],
    ["", false],
  ])("%s", (colour, light) => {
    expect(isLight(colour)).toBe(light);
  });
});
