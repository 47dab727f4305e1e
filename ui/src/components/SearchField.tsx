import { Input } from "@chakra-ui/react";

interface SearchFieldProps {
  /** What is searched, as in "Search values". */
  label: string;
  text: string;
  setText: (text: string) => void;
  width: string;
}

/** A search field that filters the content below it. */
export function SearchField({ label, text, setText, width }: SearchFieldProps) {
  return (
    <Input
      size="xs"
      width={width}
      type="search"
      placeholder={label}
      aria-label={label}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
    />
  );
}
