/** Ways to spoil a file: blind ones on its bytes, and ones that know what DER, PEM and JSON are made of. */
import { derOid } from '../../src/core/der.ts';
import type { Corpus, Entry } from './corpus.ts';
import type { Random } from './random.ts';
import { headerOf, leaf, nested, placesIn, readTree, writeTree, type Tree } from './tree.ts';

/** What the program reads of a file at most. */
export const mostBytes = 1 << 20;
/** Longer numbers are left to hostile.test.ts, where what takes for ever is a process that can be ended. */
const longestInteger = 1 << 10;
/** A few files may become large: each of them costs as much as a hundred others. */
const seldom = 60;

/** A file of the corpus, spoilt up to four times, and sealed again where it was opened for that. */
export function spoil(
  { entries, open }: Corpus,
  random: Random,
): { readonly name: string; readonly bytes: Buffer } {
  // What is sealed again gets further than what fails its MAC.
  const entry = random.pick(
    random.once(3) ? entries.filter(({ seal }) => seal !== undefined) : entries,
  );
  let bytes = entry.bytes;
  for (let times = random.between(1, 4); times > 0; times -= 1)
    bytes = spoilOnce({ ...entry, bytes }, open, random).subarray(0, mostBytes);
  return { name: entry.name, bytes: (entry.seal?.(bytes) ?? bytes).subarray(0, mostBytes) };
}

function spoilOnce(entry: Entry, donors: readonly Entry[], random: Random): Buffer {
  if (random.once(3)) return spoilBytes(entry.bytes, donors, random);
  switch (entry.form) {
    case 'der':
      return spoilDer(entry.bytes, donors, random);
    case 'pem':
      return Buffer.from(spoilPem(entry.bytes.toString('latin1'), donors, random), 'latin1');
    case 'json':
      return Buffer.from(spoilJson(entry.bytes.toString('utf8'), random));
  }
}

// Bytes

const interesting = [0x00, 0x01, 0x02, 0x03, 0x04, 0x06, 0x0a, 0x2d, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0xa0, 0xff]; // prettier-ignore

type OnBytes = (bytes: Buffer, random: Random, donors: readonly Entry[]) => Buffer;

const range = (bytes: Buffer, random: Random, longest: number): readonly [number, number] => {
  const start = random.below(bytes.length + 1);
  return [start, Math.min(bytes.length, start + random.between(1, longest))];
};
const changed = (bytes: Buffer, at: number, value: number): Buffer => {
  const copy = Buffer.from(bytes);
  if (at < copy.length) copy.writeUInt8(value & 0xff, at);
  return copy;
};
const inserted = (bytes: Buffer, at: number, more: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);

const onBytes: readonly OnBytes[] = [
  (bytes, random) => {
    const at = random.below(bytes.length);
    return changed(bytes, at, (bytes[at] ?? 0) ^ (1 << random.below(8)));
  },
  // The frame is at the beginning.
  (bytes, random) =>
    changed(bytes, random.below(Math.min(bytes.length, 120)), random.pick(interesting)),
  (bytes, random) => changed(bytes, random.below(bytes.length), random.below(256)),
  (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  (bytes, random) => bytes.subarray(random.between(0, bytes.length)),
  (bytes, random) =>
    inserted(bytes, random.below(bytes.length + 1), random.bytes(random.between(1, 40))),
  (bytes, random) => {
    const [start, end] = range(bytes, random, 200);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  (bytes, random) => {
    const [start, end] = range(bytes, random, 200);
    return inserted(bytes, end, bytes.subarray(start, end));
  },
  (bytes, random) => {
    const [start, end] = range(bytes, random, 100);
    const times = random.once(seldom) ? 10_000 : random.between(2, 40);
    return inserted(bytes, end, repeated(bytes.subarray(start, end), times));
  },
  (bytes, random, donors) => {
    const other = donors.length === 0 ? bytes : random.pick(donors).bytes;
    return Buffer.concat([bytes.subarray(0, random.below(bytes.length)), other.subarray(random.below(other.length))]); // prettier-ignore
  },
  (bytes, random, donors) =>
    Buffer.concat([bytes, donors.length === 0 ? bytes : random.pick(donors).bytes]),
];

/** So often, but never much longer than a file may be. */
function repeated(bytes: Buffer, times: number): Buffer {
  if (bytes.length === 0) return bytes;
  const most = Math.min(times, Math.floor((mostBytes - 20_000) / bytes.length));
  return Buffer.alloc(bytes.length * Math.max(1, most), bytes);
}

const spoilBytes = (bytes: Buffer, donors: readonly Entry[], random: Random): Buffer =>
  bytes.length === 0 ? random.bytes(20) : random.pick(onBytes)(bytes, random, donors);

// DER and BER

const oids = [
  '1.2.840.113549.1.7.1', '1.2.840.113549.1.7.2', '1.2.840.113549.1.7.6', '1.2.840.113549.1.12.1.1', '1.2.840.113549.1.12.1.3',
  '1.2.840.113549.1.12.1.4', '1.2.840.113549.1.12.1.5', '1.2.840.113549.1.12.1.6', '1.2.840.113549.1.5.12', '1.2.840.113549.1.5.13',
  '1.2.840.113549.1.5.14', '1.3.6.1.4.1.11591.4.11', '1.2.840.113549.3.7', '2.16.840.1.101.3.4.1.2', '2.16.840.1.101.3.4.1.42',
  '1.2.840.113549.2.5', '1.3.14.3.2.26', '2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.3', '1.2.840.113549.2.7', '1.2.840.113549.2.11',
  '1.2.840.113549.1.12.10.1.1', '1.2.840.113549.1.12.10.1.2', '1.2.840.113549.1.12.10.1.3', '1.2.840.113549.1.12.10.1.4',
  '1.2.840.113549.1.12.10.1.5', '1.2.840.113549.1.12.10.1.6', '1.2.840.113549.1.9.20', '1.2.840.113549.1.9.21', '1.2.840.113549.1.9.22.1',
  '1.2.840.113549.1.9.22.2', '1.2.840.113549.1.1.1', '1.2.840.113549.1.1.10', '1.2.840.113549.1.1.11', '1.2.840.10045.2.1', '1.2.840.10045.3.1.7',
  '1.2.840.10040.4.1', '1.2.840.10046.2.1', '1.2.840.113549.1.3.1', '1.3.101.110', '1.3.101.112', '1.3.132.0.10', '2.5.29.15', '2.5.29.17',
  '2.5.29.19', '2.5.29.37', '2.5.4.3', '0.0', '2.999.1',
].map(derOid); // prettier-ignore

const tagsToTry = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0a, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1e, 0x1f, 0x24, 0x30, 0x31, 0x80, 0x82, 0xa0, 0xa1, 0xa3]; // prettier-ignore

/** As the content of an INTEGER: also iterations, versions, moduli. */
const integers = [
  '', '00', '01', '02', '03', '7f', '80', 'ff', '0080', '0100', '2710', '0186a0', '0f4241', '3d0901', '7fffffff', '80000000', '00ffffffff',
  '0100000000', '1fffffffffffff', '7fffffffffffffff', '00ffffffffffffffff', '000000000001', 'ffffffffffff',
].map((hex) => Buffer.from(hex, 'hex')); // prettier-ignore

const texts = [
  '', '\0', '\u001b[31m', '\u202e', 'a'.repeat(3000), '\ud800', '19700101000000Z', '99991231235959Z', '20300101000000+0100', '300101000000Z', '29991301999999Z',
]; // prettier-ignore

type OnNode = (node: Tree, random: Random, donors: readonly Entry[]) => void;

const onNode: readonly OnNode[] = [
  (node, random) => {
    node.tag = random.once(2) ? random.pick(tagsToTry) : random.below(256);
  },
  (node, random) => {
    node.tag ^= random.pick([0x20, 0x40, 0x80]);
  },
  // Lengths that are not its own.
  (node, random) => {
    const { length } = writeTree({ ...node, header: Buffer.alloc(0), length: 'definite' });
    const claims = [
      0,
      1,
      length - 1,
      length + 1,
      length * 2,
      0x7f,
      0x80,
      0xffff,
      0x7fffffff,
      0xffffffff,
    ];
    node.header = random.pick([
      headerOf(node.tag, Math.max(0, random.pick(claims))),
      Buffer.from([node.tag, 0x80]),
      Buffer.from([node.tag, 0x84, 0, 0, (length >> 8) & 0xff, length & 0xff]),
      Buffer.from([node.tag, 0x85, 0, 0, 0, (length >> 8) & 0xff, length & 0xff]),
      Buffer.from([node.tag, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
      Buffer.from([node.tag, 0xff]),
      Buffer.from([node.tag | 0x1f, 0x81, 0x01, length & 0x7f]),
    ]);
  },
  (node) => {
    node.length = node.length === 'definite' ? 'indefinite' : 'definite';
  },
  (node) => {
    node.body = Buffer.alloc(0);
  },
  (node, random) => {
    if (!Buffer.isBuffer(node.body)) node.body.sort(() => random.below(3) - 1);
  },
  (node, random) => {
    node.body = random.bytes(random.between(0, 100));
  },
  (node, random) => {
    if (Buffer.isBuffer(node.body)) node.body = spoilBytes(node.body, [], random);
  },
  (node, random) => {
    node.body = Buffer.from(random.pick(texts), random.pick(['utf8', 'utf16le', 'latin1']));
  },
  (node, random) => {
    node.body = random.once(seldom) ? random.bytes(500_000) : random.bytes(random.between(0, 5000));
  },
  (node, random) => {
    const depth = random.once(seldom) ? 100_000 : random.between(1, 60);
    node.body = nested(depth, random.pick(['definite', 'indefinite', 'endless']));
  },
  (node, random) => {
    const tiny = random.pick([Buffer.from([5, 0]), Buffer.from([0, 0]), Buffer.from([0x30, 0]), Buffer.from([6, 1, 42]), derOid('1.2.3')]); // prettier-ignore
    node.body = repeated(tiny, random.once(seldom) ? 500_000 : random.between(1, 2000));
  },
  (node, random, donors) => {
    const donor = donors.length === 0 ? undefined : readTree(random.pick(donors).bytes);
    if (donor === undefined) return;
    const { list, index } = random.pick(placesIn(donor));
    const given = list[index];
    if (given !== undefined) Object.assign(node, structuredCopy(given));
  },
];

const structuredCopy = (tree: Tree): Tree => ({
  ...tree,
  body: Buffer.isBuffer(tree.body) ? tree.body : tree.body.map(structuredCopy),
});

const onList: readonly ((list: Tree[], index: number, random: Random) => void)[] = [
  (list, index) => {
    list.splice(index, 1);
  },
  (list, index, random) => {
    const node = list[index];
    if (node === undefined) return;
    const bytes = writeTree(node);
    const times = random.once(seldom) ? 10_000 : random.between(1, 12);
    // As bytes: ten thousand copies are one node here.
    list.splice(index, 0, { ...leaf(0, repeated(bytes, times)), header: Buffer.alloc(0) });
  },
  (list, index, random) => {
    const other = random.below(list.length);
    const [a, b] = [list[index], list[other]];
    if (a !== undefined && b !== undefined) [list[index], list[other]] = [b, a];
  },
  (list, index, random) => {
    const node = list[index];
    for (
      let depth = random.between(1, 40), inner = node;
      depth > 0 && inner !== undefined;
      depth -= 1
    ) {
      inner = { ...leaf(random.pick([0x30, 0x31, 0xa0, 0x24]), Buffer.alloc(0)), body: [inner] };
      list[index] = inner;
    }
  },
];

function spoilDer(bytes: Buffer, donors: readonly Entry[], random: Random): Buffer {
  const tree = readTree(bytes);
  const places = tree === undefined ? [] : placesIn(tree);
  if (tree === undefined || places.length === 0) return spoilBytes(bytes, donors, random);
  if (random.once(20)) {
    random.pick(onNode)(tree, random, donors);
    return writeTree(tree);
  }
  const { list, index } = random.pick(places);
  const node = list[index];
  if (node === undefined) return bytes;
  const kind = random.below(3);
  if (kind === 0) random.pick(onList)(list, index, random);
  else if (kind === 1 || !byTag(node, random)) random.pick(onNode)(node, random, donors);
  return writeTree(tree);
}

/** What is worst for a node of this kind; false where there is nothing special. */
function byTag(node: Tree, random: Random): boolean {
  if (node.tag === 0x06) {
    node.header = Buffer.alloc(0);
    node.body = random.once(4)
      ? writeTree(leaf(0x06, random.bytes(random.between(0, 300))))
      : random.pick(oids);
    return true;
  }
  if (node.tag === 0x02) {
    node.body = random.once(8)
      ? random.bytes(random.between(1, longestInteger))
      : random.pick(integers);
    return true;
  }
  return false;
}

// PEM

const labels = [
  'CERTIFICATE', 'PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY', 'DSA PRIVATE KEY', 'ENCRYPTED PRIVATE KEY', 'OPENSSH PRIVATE KEY', 'PUBLIC KEY',
  'RSA PUBLIC KEY', 'EC PARAMETERS', 'X509 CRL', 'CERTIFICATE REQUEST', 'TRUSTED CERTIFICATE', 'X509 CERTIFICATE', 'ANY PRIVATE KEY', 'A', ' ', '',
]; // prettier-ignore
const strangeLines = [
  '', ' ', '\r', '-----', '-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '-----BEGIN -----', 'Proc-Type: 4,ENCRYPTED',
  'DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF', 'DEK-Info: RC4,', 'DEK-Info: ', 'DEK-Info:DES-EDE3-CBC,zz', ':', '\0', 'AAAA', '====', '\u00ef\u00bb\u00bf', 'x'.repeat(5000),
]; // prettier-ignore

function spoilPem(text: string, donors: readonly Entry[], random: Random): string {
  const lines = text.split('\n');
  const at = random.below(lines.length);
  switch (random.below(8)) {
    case 0:
      lines.splice(at, 1);
      break;
    case 1:
      lines.splice(at, 0, random.pick(strangeLines));
      break;
    case 2:
      lines.splice(at, random.between(1, 4), ...lines.slice(at, at + 3).reverse());
      break;
    case 3:
      return lines.join(random.pick(['\r\n', '\r', '\n\n', ' \n', '']));
    case 4: {
      const label = random.pick(labels);
      const which = random.pick([/(?<=-----BEGIN )[A-Z0-9 ]*(?=-----)/g, /(?<=-----(?:BEGIN|END) )[A-Z0-9 ]*(?=-----)/g]); // prettier-ignore
      return text.replace(which, label);
    }
    case 5:
      return text.repeat(random.once(seldom) ? 600 : random.between(2, 10));
    default:
      // The DER in a block, with its lines made anew.
      return text.replace(
        /(-----BEGIN [A-Z0-9 ]+-----\n(?:[A-Za-z-]+:.*\n)*\n?)([A-Za-z0-9+/=\n]+)(?=-----END)/g,
        (whole, begin: string, base64: string) =>
          random.once(2)
            ? begin +
              spoilDer(Buffer.from(base64, 'base64'), donors, random)
                .toString('base64')
                .replace(/.{64}/g, '$&\n')
                .trimEnd() +
              '\n'
            : whole,
      );
  }
  return lines.join('\n');
}

// JSON

const values = [
  'null', 'true', '0', '-1', '1e400', '1e21', '1.5', '""', '"\\u0000"', '"\\ud800"', '[]', '{}', '[[]]', '"AQAB"', '"="', '"A"', '"RSA"', '"oct"', '"EC"', '"OKP"',
  '"sig"', '"\\u001b[31m"', '"toString"', '{"__proto__":1}', '4000000000', '99999999999999', '[null]', '["MIIB"]',
]; // prettier-ignore
const names = ['keys', 'kty', 'use', 'kid', 'alg', 'n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'crv', 'x5c', 'x5t', 'nbf', 'exp', 'oth', '__proto__', 'constructor']; // prettier-ignore

function spoilJson(text: string, random: Random): string {
  const members = [...text.matchAll(/"([^"\\]*)":("[^"]*"|\d+)/g)];
  if (members.length === 0) return spoilBytes(Buffer.from(text), [], random).toString('latin1');
  const member = random.pick(members);
  const [whole, name = '', value = ''] = member;
  const put = (made: string): string =>
    text.slice(0, member.index) + made + text.slice(member.index + whole.length);
  switch (random.below(7)) {
    case 0:
      return put(`"${name}":${random.pick(values)}`);
    case 1:
      return put(`${whole},"${random.pick(names)}":${random.pick(values)}`);
    case 2:
      // Only what nobody is shown takes the place of a name.
      return put(`"${random.pick(names.filter((one) => !shown.includes(one)))}":${value}`);
    case 3:
      return text.replace(`${whole},`, '');
    case 4:
      return put(
        `"${name}":"${random.bytes(random.between(1, longestInteger)).toString('base64url')}"`,
      );
    case 5: {
      const depth = random.once(seldom) ? 200_000 : random.between(1, 500);
      return put(`${whole},"x":${'['.repeat(depth)}${random.once(4) ? '' : ']'.repeat(depth)}`);
    }
    default: {
      const begin = text.indexOf('[') + 1;
      const end = text.lastIndexOf(']');
      if (begin === 0 || end < begin) return `{"keys":[${text},${text}]}`;
      const list = text.slice(begin, end);
      const times = random.once(seldom) ? 300 : random.between(1, 5);
      return text.slice(0, begin) + `${list},`.repeat(times) + text.slice(begin);
    }
  }
}

const shown = ['kty', 'use', 'kid', 'alg', 'crv'];
