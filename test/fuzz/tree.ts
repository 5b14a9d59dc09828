/** DER and BER as a tree that can be bent and written again, with right lengths or with wrong ones. */

export interface Tree {
  tag: number;
  /** Other nodes, or bytes as they are. */
  body: Tree[] | Buffer;
  /** Before the nodes in it: the first octet of a BIT STRING. */
  readonly before: Buffer;
  length: 'definite' | 'indefinite';
  /** Written in place of its header: a tag and whatever length. */
  header?: Buffer;
}

const constructed = 0x20;
const bitString = 0x03;
const octetString = 0x04;
const nothing = Buffer.alloc(0);

export const leaf = (tag: number, body: Buffer): Tree => ({
  tag,
  body,
  before: nothing,
  length: 'definite',
});

/** What `bytes` hold, also inside of strings; `undefined` where they are no BER throughout. */
export function readTree(bytes: Buffer): Tree | undefined {
  const budget = { nodes: 20_000 };
  const [tree, end] = readNode(bytes, 0, 0, budget) ?? [];
  return end === bytes.length ? tree : undefined;
}

type Read = readonly [Tree, number] | undefined;

function readNode(bytes: Buffer, start: number, depth: number, budget: { nodes: number }): Read {
  const tag = bytes[start];
  const first = bytes[start + 1];
  budget.nodes -= 1;
  if (tag === undefined || first === undefined || depth > 60 || budget.nodes < 0) return undefined;
  if ((tag & 0x1f) === 0x1f || tag === 0) return undefined;
  if (first === 0x80) {
    if ((tag & constructed) === 0) return undefined;
    const children: Tree[] = [];
    let at = start + 2;
    while (bytes[at] !== 0 || bytes[at + 1] !== 0) {
      const [child, next] = readNode(bytes, at, depth + 1, budget) ?? [];
      if (child === undefined || next === undefined) return undefined;
      children.push(child);
      at = next;
    }
    return [{ tag, body: children, before: nothing, length: 'indefinite' }, at + 2];
  }
  const size = first > 0x80 ? first & 0x7f : 0;
  if (size > 4 || start + 2 + size > bytes.length) return undefined;
  const length = size === 0 ? first : bytes.readUIntBE(start + 2, size);
  const begin = start + 2 + size;
  const end = begin + length;
  if (end > bytes.length) return undefined;
  const content = bytes.subarray(begin, end);
  if ((tag & constructed) !== 0) {
    const children = readAll(content, depth, budget);
    return children && [{ tag, body: children, before: nothing, length: 'definite' }, end];
  }
  // Strings that hold further parts: a PFX is made of them, and so are keys and extensions.
  const before = tag === bitString && content[0] === 0 ? content.subarray(0, 1) : nothing;
  const inside = content.subarray(before.length);
  const holds = (tag === octetString || before.length > 0) && [0x30, 0x02, 0x04, 0x03].includes(inside[0] ?? 0); // prettier-ignore
  const children = holds ? readAll(inside, depth, budget) : undefined;
  return [{ tag, body: children ?? content, before: children === undefined ? nothing : before, length: 'definite' }, end]; // prettier-ignore
}

function readAll(content: Buffer, depth: number, budget: { nodes: number }): Tree[] | undefined {
  const children: Tree[] = [];
  for (let at = 0; at < content.length;) {
    const [child, next] = readNode(content, at, depth + 1, budget) ?? [];
    if (child === undefined || next === undefined) return undefined;
    children.push(child);
    at = next;
  }
  return children;
}

export function writeTree({ tag, body, before, length, header }: Tree): Buffer {
  const content = Buffer.isBuffer(body) ? body : Buffer.concat([before, ...body.map(writeTree)]);
  if (header !== undefined) return Buffer.concat([header, content]);
  if (length === 'indefinite')
    return Buffer.concat([Buffer.from([tag, 0x80]), content, Buffer.from([0, 0])]);
  return Buffer.concat([headerOf(tag, content.length), content]);
}

export function headerOf(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([tag, length]);
  const size = length < 1 << 8 ? 1 : length < 1 << 16 ? 2 : length < 1 << 24 ? 3 : 4;
  const header = Buffer.from([tag, 0x80 | size, 0, 0, 0, 0].slice(0, 2 + size));
  header.writeUIntBE(length, 2, size);
  return header;
}

/** Every node but the outermost, with the list it stands in. */
export function placesIn(tree: Tree): { readonly list: Tree[]; readonly index: number }[] {
  const places: { list: Tree[]; index: number }[] = [];
  const visit = ({ body }: Tree): void => {
    if (Buffer.isBuffer(body)) return;
    body.forEach((child, index) => {
      places.push({ list: body, index });
      visit(child);
    });
  };
  visit(tree);
  return places;
}

/** One node in another, so many times, without recursion. */
export function nested(depth: number, kind: 'definite' | 'indefinite' | 'endless'): Buffer {
  const open = Buffer.alloc(2 * depth, Buffer.from([0x30, 0x80]));
  if (kind === 'endless') return open;
  if (kind === 'indefinite') return Buffer.concat([open, Buffer.alloc(2 * depth)]);
  const headers: Buffer[] = [];
  let length = 0;
  for (let level = 0; level < depth; level += 1) {
    const header = headerOf(0x30, length);
    headers.push(header);
    length += header.length;
  }
  return Buffer.concat(headers.reverse());
}
