/** Distinguished Encoding Rules (ITU-T X.690): a strict reader, and a writer for what we make ourselves. */

export interface DerNode {
  /** The identifier octet: class, constructed bit and tag number (low form only). */
  readonly tag: number;
  readonly content: Buffer;
  /** Header and content, as it stood in the input. */
  readonly whole: Buffer;
}

export class DerError extends Error {
  override readonly name = 'DerError';
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** The node at `offset`; bytes after it are left alone. */
export function readDerAt(bytes: Buffer, offset: number): DerNode {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw new DerError('it ends too early');
  if ((tag & 0x1f) === 0x1f) throw new DerError('a tag number above 30');
  let start = offset + 2;
  let length = first;
  if (first === 0x80) throw new DerError('an indefinite length (BER)');
  if (first > 0x80) {
    const size = first & 0x7f;
    if (size > 4) throw new DerError('a length of more than four bytes');
    if (start + size > bytes.length) throw new DerError('it ends too early');
    length = bytes.readUIntBE(start, size);
    start += size;
  }
  if (start + length > bytes.length) throw new DerError('it ends too early');
  return {
    tag,
    content: bytes.subarray(start, start + length),
    whole: bytes.subarray(offset, start + length),
  };
}

/** The one node that `bytes` hold, with nothing after it. */
export function readDer(bytes: Buffer, tag: number = tags.sequence): DerNode {
  const node = readDerAt(bytes, 0);
  if (node.tag !== tag) throw new DerError(`tag ${String(node.tag)} in place of ${String(tag)}`);
  if (node.whole.length !== bytes.length) throw new DerError('bytes after the end');
  return node;
}

export function derChildren(node: DerNode): DerNode[] {
  const children: DerNode[] = [];
  for (let offset = 0; offset < node.content.length;) {
    const child = readDerAt(node.content, offset);
    children.push(child);
    offset += child.whole.length;
  }
  return children;
}

/** The child at `index`, which must be there, with this tag. */
export function derChild(node: DerNode, index: number, tag?: number): DerNode {
  const child = derChildren(node)[index];
  if (child === undefined) throw new DerError('a part is missing');
  if (tag !== undefined && child.tag !== tag)
    throw new DerError(`tag ${String(child.tag)} in place of ${String(tag)}`);
  return child;
}

/** In bytes; those that exist have a dozen. */
const longestOid = 64;

/** `1.2.840.113549.1.12.1.3` (X.690 section 8.19). */
export function readOid(node: DerNode): string {
  if (node.tag !== tags.oid || node.content.length === 0)
    throw new DerError('no object identifier');
  if (node.content.length > longestOid) throw new DerError('an object identifier of absurd size');
  if (((node.content.at(-1) ?? 0) & 0x80) !== 0) throw new DerError('it ends too early');
  const arcs: number[] = [];
  let value = 0;
  for (const byte of node.content) {
    value = value * 128 + (byte & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER / 128) throw new DerError('an arc of absurd size');
    if ((byte & 0x80) === 0) {
      arcs.push(value);
      value = 0;
    }
  }
  const first = arcs[0] ?? 0;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...arcs.slice(1)].join('.');
}

/** A non-negative INTEGER, as a number: `Infinity` when it is larger than any count we would accept. */
export function readSmallInteger(node: DerNode): number {
  if (node.tag !== tags.integer || node.content.length === 0) throw new DerError('no integer');
  if (((node.content[0] ?? 0) & 0x80) !== 0) throw new DerError('a negative number');
  const digits = node.content.toString('hex').replace(/^0+/, '');
  return digits.length > 12 ? Number.POSITIVE_INFINITY : Number.parseInt(digits || '0', 16);
}

/** Bounds on what a file may make us keep: a PFX has some hundred parts, ten deep. */
export const maxDepth = 30;
export const maxNodes = 50_000;

/**
 * BER as DER (X.690 sections 8.1.3.6 and 8.7.3): Windows, macOS and NSS write a PFX with indefinite
 * lengths, and octet strings in pieces.
 */
export function derFromBer(bytes: Buffer): Buffer {
  let nodes = 0;
  const [node, end] = readBer(bytes, 0, (depth) => {
    if (depth > maxDepth) throw new DerError(`nested too deeply (more than ${String(maxDepth)})`);
    if (++nodes > maxNodes) throw new DerError(`more than ${String(maxNodes)} parts`);
  });
  if (end !== bytes.length) throw new DerError('bytes after the end');
  return node;
}

const constructed = 0x20;

/** The node at `offset` as DER, and where it ended in `bytes`. */
function readBer(
  bytes: Buffer,
  offset: number,
  count: (depth: number) => void,
  depth = 0,
): readonly [Buffer, number] {
  count(depth);
  const tag = bytes[offset] ?? 0;
  if ((tag & 0x1f) === 0x1f) throw new DerError('a tag number above 30');
  const frame = bytes[offset + 1] === 0x80 ? undefined : readDerAt(bytes, offset);
  if ((tag & constructed) === 0) {
    if (frame === undefined) throw new DerError('an indefinite length without parts');
    return [frame.whole, offset + frame.whole.length];
  }
  const end = frame === undefined ? bytes.length : offset + frame.whole.length;
  let at = frame === undefined ? offset + 2 : end - frame.content.length;
  const parts: Buffer[] = [];
  while (frame === undefined ? !isEndOfContents(bytes, at) : at < end) {
    const [part, next] = readBer(bytes.subarray(0, end), at, count, depth + 1);
    parts.push(part);
    at = next;
  }
  const whole =
    tag === (tags.octetString | constructed)
      ? der(tags.octetString, ...parts.map((part) => readDer(part, tags.octetString).content))
      : der(tag, ...parts);
  return [whole, frame === undefined ? at + 2 : end];
}

function isEndOfContents(bytes: Buffer, offset: number): boolean {
  if (offset + 2 > bytes.length) throw new DerError('it ends too early');
  return bytes.readUInt16BE(offset) === 0;
}

export function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content]);
  const size = Math.ceil(content.length.toString(16).length / 2);
  const header = Buffer.alloc(2 + size);
  header[0] = tag;
  header[1] = 0x80 | size;
  header.writeUIntBE(content.length, 2, size);
  return Buffer.concat([header, content]);
}

export function derOid(oid: string): Buffer {
  const [root = 0, second = 0, ...rest] = oid.split('.').map(Number);
  const bytes = [root * 40 + second, ...rest].flatMap((arc) => {
    const septets = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      septets.unshift((left & 0x7f) | 0x80);
    return septets;
  });
  return der(tags.oid, Buffer.from(bytes));
}

/** A non-negative INTEGER from its big-endian bytes. */
export function derInteger(bytes: Buffer): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const trimmed = bytes.subarray(start);
  const sign = ((trimmed[0] ?? 0) & 0x80) === 0 ? Buffer.alloc(0) : Buffer.from([0]);
  return der(tags.integer, sign, trimmed);
}
