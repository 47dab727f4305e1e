import { describe, expect, it } from "vitest";

import { ago, bounds, decimal, displayName, percent, stripOutcome, shorten, escapeInvisible } from "./text";

const plain = (text: string) => text.replaceAll("\u00a0", " ");

describe("what cannot be seen", () => {
  it("is written as its code point", () => {
    expect(escapeInvisible("evil\u202eexe.txt")).toBe("evil⟨U+202E⟩exe.txt");
    expect(escapeInvisible("a\nb\u0000")).toBe("a⟨U+000A⟩b⟨U+0000⟩");
    expect(escapeInvisible("\ud800")).toBe("⟨U+D800⟩");
  });

  it("stays where a language or an emoji is spelled with it", () => {
    expect(escapeInvisible("می\u200cخواهم 👩\u200d🔬")).toBe("می\u200cخواهم 👩\u200d🔬");
  });

  it("is set in quotes where there is nothing else", () => {
    expect(displayName("")).toBe('""');
    expect(displayName("  ")).toBe('"  "');
  });
});

describe("numbers", () => {
  it("are the report's", () => {
    expect(decimal(-0.00001)).toBe("0.0000");
    expect(decimal(-0.5)).toBe("−0.5000");
    expect(decimal(-Infinity)).toBe("−∞");
    expect(plain(percent(0.661))).toBe("66.1 %");
    expect(plain(percent(0.0001))).toBe("< 0.1 %");
    expect(plain(percent(0.99999))).toBe("> 99.9 %");
  });

  it("have their bounds in words", () => {
    expect(bounds(-0.1, 0.1)).toBe("from −0.1 to 0.1");
    expect(bounds(null, 0.01)).toBe("at most 0.01");
    expect(bounds(-0.2, null)).toBe("at least −0.2");
  });
});

describe("texts", () => {
  it("are shortened between characters", () => {
    expect(shorten("👩🏽".repeat(3), 4)).toMatch(/^.{2,8}…/u);
    expect(Array.from(shorten("a".repeat(500), 36))).toHaveLength(36);
    expect(shorten("short")).toBe("short");
  });

  it("say the outcome once", () => {
    expect(stripOutcome("violation: DPL is high", "violation")).toBe("DPL is high");
    expect(stripOutcome("passed: 36 of 36 checks are within their bounds", "pass")).toBe(
      "36 of 36 checks are within their bounds",
    );
    expect(stripOutcome("something else", "violation")).toBe("Something else");
  });

  it("tell ages", () => {
    const now = Date.parse("2026-11-22T12:00:00Z");
    expect(ago("2026-11-22T09:00:00Z", now)).toBe("3 hours ago");
    expect(ago("2026-11-21T12:00:00Z", now)).toBe("yesterday");
    expect(ago("2024-11-21T12:00:00Z", now)).toBe("2 years ago");
  });
});
