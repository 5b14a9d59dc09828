/** PEM (RFC 7468), strictly: whole blocks of clean base64. Text between blocks is allowed, as OpenSSL writes it. */
import { Failure } from '../failure.ts';

export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, `RSA PRIVATE KEY`, … */
  readonly label: string;
  readonly bytes: Buffer;
  /** Encapsulated headers (RFC 1421), as traditional encrypted keys have them. */
  readonly headers: readonly string[];
  /** The block as it stood in the file. */
  readonly text: string;
}

const beginning = '-----BEGIN ';
/** As Windows puts before UTF-8. */
const byteOrderMark = /^\xef\xbb\xbf/;

/** A SEQUENCE of more than 127 bytes is DER, whatever text is in it. */
export const looksLikePem = (bytes: Buffer): boolean =>
  bytes.includes(beginning) && !(bytes[0] === 0x30 && (bytes[1] ?? 0) >= 0x80);

/** Every block of a PEM file, in order. `name` names the file in failures, which never repeat its content. */
export function parsePem(bytes: Buffer, name: string): PemBlock[] {
  const refuse = (reason: string): Failure =>
    new Failure('input', `${name}: ${reason}`, {
      hint: 'PEM is text between -----BEGIN and -----END lines: fetch or export it again as that',
    });
  const text = bytes.toString('latin1').replace(byteOrderMark, '');
  const lines = text.split(/\r\n|\r|\n/);
  const blocks: PemBlock[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const begin = /^-----BEGIN ([A-Z0-9 ]{1,64})-----\s*$/.exec(lines[index] ?? '');
    if (!begin) {
      if ((lines[index] ?? '').startsWith('-----'))
        throw refuse('damaged PEM: a stray boundary line');
      continue;
    }
    const label = begin[1] ?? '';
    let end = index + 1;
    while (end < lines.length && !lines[end]?.startsWith('-----')) end += 1;
    if (lines[end]?.trimEnd() !== `-----END ${label}-----`)
      throw refuse(`damaged PEM: "${label}" is not closed`);
    const inside = lines.slice(index + 1, end);
    const blank = inside.findIndex((line) => line.trim() === '');
    const headers = inside.some((line) => line.includes(':'))
      ? inside.slice(0, Math.max(blank, 0))
      : [];
    const base64 = inside.slice(headers.length).join('').replace(/\s/g, '');
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64) || base64.length % 4 !== 0)
      throw refuse(`damaged PEM: "${label}" is not base64`);
    blocks.push({
      label,
      headers,
      bytes: Buffer.from(base64, 'base64'),
      text: `${lines.slice(index, end + 1).join('\n')}\n`,
    });
    index = end;
  }
  if (blocks.length === 0) throw refuse('no PEM block in it');
  return blocks;
}

export const isPrivateKeyLabel = (label: string): boolean => label.endsWith('PRIVATE KEY');
