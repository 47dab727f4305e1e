import type { Part } from "../overview/model";
import { displayName, shorten } from "../overview/text";

/**
 * A text from the data. Its writing direction is isolated from the text around it; a long text is shortened, with the
 * full text in its title.
 */
export function DataText({ text, max = 60 }: { text: string; max?: number }) {
  const whole = displayName(text);
  const short = shorten(whole, max);
  return (
    <bdi className="name" title={short === whole ? undefined : whole}>
      {short}
    </bdi>
  );
}

/** A sentence that contains names from the data. */
export function Sentence({ parts }: { parts: Part[] }) {
  return (
    <>
      {parts.map((part, place) =>
        typeof part === "string" ? (
          part
        ) : (
          <bdi key={place} className="name">
            {part.name}
          </bdi>
        ),
      )}
    </>
  );
}
