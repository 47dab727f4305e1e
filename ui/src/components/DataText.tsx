import type { Part } from "../overview/interpretations";
import { displayName, shorten } from "../overview/text";

/**
 * A text from the data. It is isolated, so that its direction of writing does not reach into what stands around it; a
 * long one is shorten, and stands in full in its title.
 */
export function DataText({ text, most = 60 }: { text: string; most?: number }) {
  const whole = displayName(text);
  const short = shorten(whole, most);
  return (
    <bdi className="name" title={short === whole ? undefined : whole}>
      {short}
    </bdi>
  );
}

/** A sentence whose names come from the data. */
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
