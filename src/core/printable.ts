/** Text out of a file or an answer, as a terminal may show it: what has no form of its own is written out. */

const longest = 500;

/** At most 500 characters; a control, format or separator character becomes `\u{202e}`. */
export const printable = (text: string): string =>
  (text.length > longest ? `${text.slice(0, longest)}…` : text).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (hidden) => `\\u{${(hidden.codePointAt(0) ?? 0).toString(16)}}`,
  );
