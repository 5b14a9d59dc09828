/**
 * The digest of the digest of a digest, a million times over: what PKCS #12's key derivation comes to.
 * Node has nothing that repeats one, and a call of node:crypto costs ten times what the digest of 20
 * bytes does. So the rounds of SHA-1 and SHA-2 (FIPS 180-4) are written here as WebAssembly, once for
 * all sizes of word. A digest fits into one block, whose padding never changes.
 */

export type DigestLoop = (value: Buffer, times: number) => Buffer;

const digests = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const;
type Digest = (typeof digests)[number];

/** One module a digest: to compile it takes as long as some thousand digests. */
const compiled = new Map<string, DigestLoop>();

/** `undefined` for a digest that is none of these. */
export function digestLoop(name: string): DigestLoop | undefined {
  const digest = digests.find((one) => one === name);
  if (digest === undefined) return undefined;
  const loop = compiled.get(digest) ?? compile(digest);
  compiled.set(digest, loop);
  return loop;
}

/** So many in one call: the engine puts its faster code into place between two calls. */
const slice = 5_000;

function compile(digest: Digest): DigestLoop {
  const { size, code } = digest === 'sha1' ? sha1() : sha2(digest);
  const module = new WebAssembly.Module(moduleOf(code));
  const { m, r } = new WebAssembly.Instance(module).exports as Exports;
  return (value, times) => {
    const memory = Buffer.from(m.buffer, 0, value.length);
    // The words of a digest are big-endian, those of WebAssembly are not.
    const swap = (): Buffer => (size === 4 ? memory.swap32() : memory.swap64());
    memory.set(value);
    swap();
    for (let left = times; left > 0; left -= slice) r(Math.min(left, slice));
    return Buffer.from(swap());
  };
}

interface Exports {
  /** The memory; it begins with the digest. */
  readonly m: { readonly buffer: ArrayBuffer };
  /** Runs it so many times, at least once. */
  readonly r: (times: number) => void;
}

// WebAssembly: a word is pushed by a piece of code, an operation takes the two that were pushed last.

type Code = readonly number[];

/** What a program does, and with which words: 4 bytes or 8. */
interface Program {
  readonly size: 4 | 8;
  readonly code: Code;
}

/** Opcodes (WebAssembly core specification, appendix "Index of Instructions"). */
const opcodes = {
  4: { type: 0x7f, load: 0x28, store: 0x36, constant: 0x41, add: 0x6a, and: 0x71, xor: 0x73, shr: 0x76, rotr: 0x78 },
  8: { type: 0x7e, load: 0x29, store: 0x37, constant: 0x42, add: 0x7c, and: 0x83, xor: 0x85, shr: 0x88, rotr: 0x8a },
} as const; // prettier-ignore

/** LEB128; signed ones end where the sign does. */
function leb(value: bigint, signed: boolean): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    const last = signed ? rest >> 6n === 0n || rest >> 6n === -1n : rest < 0x80n;
    bytes.push(last ? low : low | 0x80);
    if (last) return bytes;
  }
}

const unsigned = (value: number): number[] => leb(BigInt(value), false);
const section = (id: number, ...content: readonly number[]): number[] => [
  id,
  ...unsigned(content.length),
  ...content,
];

/** A module with a memory of one page and one function, which takes a number and returns nothing. */
function moduleOf(body: Code): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 1, 0x7f, 0),
    ...section(3, 1, 0),
    ...section(5, 1, 0, 1),
    ...section(7, 2, 1, 'm'.charCodeAt(0), 2, 0, 1, 'r'.charCodeAt(0), 0, 0),
    ...section(10, 1, ...unsigned(body.length), ...body),
  ]);
}

/** Words of one size, and what is done with them. */
function assembler(size: 4 | 8) {
  const op = opcodes[size];
  const fold =
    (opcode: number) =>
    (first: Code, ...rest: readonly Code[]): Code => [
      ...first,
      ...rest.flatMap((one) => [...one, opcode]),
    ];
  const constant = (value: bigint): Code => [
    op.constant,
    ...leb(BigInt.asIntN(8 * size, value), true),
  ];
  const by = (opcode: number) => (value: Code, bits: number) =>
    fold(opcode)(value, constant(BigInt(bits)));
  const shr = by(op.shr);
  const rotr = by(op.rotr);
  const align = Math.log2(size);
  return {
    constant,
    add: fold(op.add),
    and: fold(op.and),
    xor: fold(op.xor),
    shr,
    rotr,
    get: (local: number): Code => [0x20, ...unsigned(local)],
    set: (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)],
    load: (word: number): Code => [0x41, 0, op.load, align, ...unsigned(word * size)],
    store: (word: number, value: Code): Code => [0x41, 0, ...value, op.store, align, ...unsigned(word * size)], // prettier-ignore
    /** The body of the function: words as locals from 1 on, and `code` as often as local 0 says. */
    repeat: (locals: number, before: Code, code: Code, after: Code): Code => [
      ...[1, ...unsigned(locals), op.type],
      ...before,
      ...[0x03, 0x40],
      ...code,
      // The count goes down, and unless it is nought, back to the start.
      ...[0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0],
      ...[0x0b, ...after, 0x0b],
    ],
  };
}

// FIPS 180-4. Constants are the first bits behind the point of roots of primes.

const primes = (count: number): number[] => {
  const found: number[] = [];
  for (let next = 2; found.length < count; next += 1)
    if (found.every((prime) => next % prime !== 0)) found.push(next);
  return found;
};

/** The first 64 bits behind the point of the `degree`th root of a prime. */
function rootBits(prime: number, degree: 2 | 3): bigint {
  const target = BigInt(prime) << BigInt(64 * degree);
  let root = 0n;
  for (let bit = 1n << 68n; bit > 0n; bit >>= 1n)
    if ((root + bit) ** BigInt(degree) <= target) root += bit;
  return BigInt.asUintN(64, root);
}

interface Block {
  /** The digest of the round before, as locals. */
  readonly sum: readonly number[];
  /** The 16 words of the message schedule that are needed at a time, as locals. */
  readonly w: readonly number[];
  /** The working variables, as locals. */
  readonly work: readonly number[];
  readonly locals: number;
}

const at = (list: readonly number[], index: number): number => list[index % list.length] ?? 0;

/** Locals: the count, the digest, the schedule, the working variables. */
function blockOf(words: number, working: number): Block {
  const from = (start: number, count: number): number[] =>
    Array.from({ length: count }, (_, index) => start + index);
  return {
    sum: from(1, words),
    w: from(1 + words, 16),
    work: from(17 + words, working),
    locals: words + 16 + working,
  };
}

/** A loop over one block: the digest of the last round with its padding, `rounds`, and the sum. */
function digestProgram(
  size: 4 | 8,
  words: number,
  initial: readonly bigint[],
  rounds: (block: Block) => Code,
): Program {
  const { constant, add, get, set, load, store, repeat } = assembler(size);
  const block = blockOf(words, initial.length);
  const { sum, w, work, locals } = block;
  const padding = (index: number): bigint =>
    index === words ? 1n << BigInt(8 * size - 1) : index === 15 ? BigInt(8 * size * words) : 0n;
  const code = [
    ...w.flatMap((local, index) =>
      set(local, index < words ? get(at(sum, index)) : constant(padding(index))),
    ),
    ...work.flatMap((local, index) => set(local, constant(initial[index] ?? 0n))),
    ...rounds(block),
    ...sum.flatMap((local, index) =>
      set(local, add(get(at(work, index)), constant(initial[index] ?? 0n))),
    ),
  ];
  const before = sum.flatMap((local, index) => set(local, load(index)));
  const after = sum.flatMap((local, index) => store(index, get(local)));
  return { size, code: repeat(locals, before, code, after) };
}

/** Sections 4.1.1, 4.2.1, 5.3.1 and 6.1.2. */
function sha1(): Program {
  const { constant, add, and, xor, rotr, get, set } = assembler(4);
  const initial = [0x67452301n, 0xefcdab89n, 0x98badcfen, 0x10325476n, 0xc3d2e1f0n];
  const k = [0x5a827999n, 0x6ed9eba1n, 0x8f1bbcdcn, 0xca62c1d6n];
  return digestProgram(4, 5, initial, ({ w, work }) =>
    Array.from({ length: 80 }, (_, t) => {
      // The variables stand still, and change their names.
      const [a, b, c, d, e] = [0, 1, 2, 3, 4].map((name) => get(at(work, name + 80 - t))) as [
        Code, Code, Code, Code, Code,
      ]; // prettier-ignore
      const f = [
        xor(d, and(b, xor(c, d))),
        xor(b, c, d),
        xor(and(b, c), and(d, xor(b, c))),
        xor(b, c, d),
      ][Math.floor(t / 20)];
      const word = get(at(w, t));
      const next = xor(get(at(w, t + 13)), get(at(w, t + 8)), get(at(w, t + 2)), word);
      return [
        ...(t < 16 ? [] : set(at(w, t), rotr(next, 31))),
        ...set(
          at(work, 84 - t),
          add(e, rotr(a, 27), f ?? [], constant(k[Math.floor(t / 20)] ?? 0n), word),
        ),
        ...set(at(work, 81 - t), rotr(b, 2)),
      ];
    }).flat(),
  );
}

interface Sha2 {
  readonly size: 4 | 8;
  /** Words of the digest, of the 8 that there are. */
  readonly words: number;
  readonly rounds: number;
  readonly initial: readonly bigint[];
  /** Rotations, the last of a small sigma a shift (sections 4.1.2 and 4.1.3). */
  readonly bigSigma0: readonly number[];
  readonly bigSigma1: readonly number[];
  readonly sigma0: readonly number[];
  readonly sigma1: readonly number[];
}

/** Sections 4.1.2, 4.1.3, 4.2.2, 4.2.3 and 5.3. */
function sha2Of(digest: Exclude<Digest, 'sha1'>): Sha2 {
  const roots = primes(16).map((prime) => rootBits(prime, 2));
  const [first, second] = [roots.slice(0, 8), roots.slice(8)];
  const small = { size: 4, rounds: 64, bigSigma0: [2, 13, 22], bigSigma1: [6, 11, 25], sigma0: [7, 18, 3], sigma1: [17, 19, 10] } as const; // prettier-ignore
  const large = { size: 8, rounds: 80, bigSigma0: [28, 34, 39], bigSigma1: [14, 18, 41], sigma0: [1, 8, 7], sigma1: [19, 61, 6] } as const; // prettier-ignore
  switch (digest) {
    case 'sha224':
      return { ...small, words: 7, initial: second.map((root) => root & 0xffffffffn) };
    case 'sha256':
      return { ...small, words: 8, initial: first.map((root) => root >> 32n) };
    case 'sha384':
      return { ...large, words: 6, initial: second };
    case 'sha512':
      return { ...large, words: 8, initial: first };
  }
}

/** Sections 6.2.2 and 6.4.2, which differ in the size of a word only. */
function sha2(digest: Exclude<Digest, 'sha1'>): Program {
  const { size, words, rounds, initial, ...sigma } = sha2Of(digest);
  const { constant, add, and, xor, shr, rotr, get, set } = assembler(size);
  const k = primes(rounds).map((prime) => rootBits(prime, 3) >> BigInt(64 - 8 * size));
  const big = (x: Code, bits: readonly number[]): Code =>
    xor(...(bits.map((one) => rotr(x, one)) as [Code, ...Code[]]));
  const small = (x: Code, bits: readonly number[]): Code =>
    xor(...(bits.map((one, index) => (index < 2 ? rotr : shr)(x, one)) as [Code, ...Code[]]));
  return digestProgram(size, words, initial, ({ w, work }) =>
    Array.from({ length: rounds }, (_, t) => {
      const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map((name) =>
        get(at(work, name + rounds - t)),
      ) as [Code, Code, Code, Code, Code, Code, Code, Code];
      const word = get(at(w, t));
      const next = add(
        word,
        small(get(at(w, t + 1)), sigma.sigma0),
        get(at(w, t + 9)),
        small(get(at(w, t + 14)), sigma.sigma1),
      );
      const choice = xor(g, and(e, xor(f, g)));
      const majority = xor(and(a, b), and(c, xor(a, b)));
      return [
        ...(t < 16 ? [] : set(at(w, t), next)),
        // What becomes a at the end is made in h's place, with d on the way.
        ...set(
          at(work, rounds - t + 7),
          add(h, big(e, sigma.bigSigma1), choice, constant(k[t] ?? 0n), word),
        ),
        ...set(at(work, rounds - t + 3), add(d, h)),
        ...set(at(work, rounds - t + 7), add(h, big(a, sigma.bigSigma0), majority)),
      ];
    }).flat(),
  );
}
