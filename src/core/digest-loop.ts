/**
 * The digest of the digest of a digest, a million times over: what PKCS #12's key derivation comes to.
 * Node has nothing that repeats one, and a call of node:crypto costs ten times what the digest of 20
 * bytes does. So the rounds of SHA-1 and SHA-2 (FIPS 180-4) are written here as WebAssembly, once for
 * all sizes of word. A digest fits into one block, whose padding never changes.
 */

export type DigestLoop = (value: Buffer, times: number) => Buffer;

const digests = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const;
type Digest = (typeof digests)[number];

/** One module a digest: to make it takes as long as some thousand calls of node:crypto. */
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
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(code)));
  const { m, r } = exports as Exports;
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

// WebAssembly

/** Opcodes (WebAssembly core specification, "Index of Instructions"), for words of 4 bytes and of 8. */
const opcodes = {
  4: { type: 0x7f, load: 0x28, store: 0x36, constant: 0x41, add: 0x6a, and: 0x71, xor: 0x73, shr: 0x76, rotr: 0x78 },
  8: { type: 0x7e, load: 0x29, store: 0x37, constant: 0x42, add: 0x7c, and: 0x83, xor: 0x85, shr: 0x88, rotr: 0x8a },
} as const; // prettier-ignore
type Size = keyof typeof opcodes;

/** LEB128 of what is not negative. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80);
    if (rest < 0x80) return bytes;
  }
}

/** LEB128 that ends where the sign does. */
function signed(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    const last = rest >> 6n === 0n || rest >> 6n === -1n;
    bytes.push(last ? low : low | 0x80);
    if (last) return bytes;
  }
}

const section = (id: number, ...content: readonly number[]): number[] => [
  id,
  ...unsigned(content.length),
  ...content,
];

/** A module with a memory of one page and one function, which takes a number and returns nothing. */
function moduleOf(body: readonly number[]): Uint8Array {
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 1, 0x7f, 0),
    ...section(3, 1, 0),
    ...section(5, 1, 0, 1),
    ...section(7, 2, 1, 'm'.charCodeAt(0), 2, 0, 1, 'r'.charCodeAt(0), 0, 0),
    ...section(10, 1, ...unsigned(body.length), ...body),
  ]);
}

/** Stands for a word that the code written so far leaves on the stack. */
type Word = symbol;
const word: Word = Symbol('word');

/**
 * Writes code while it is called: `add(get(1), get(2))` writes its words and then what adds them. A
 * local is a number.
 */
function assembler(size: Size) {
  const op = opcodes[size];
  const code: number[] = [];
  const write = (...bytes: readonly number[]): Word => {
    code.push(...bytes);
    return word;
  };
  const fold =
    (opcode: number) =>
    (...words: readonly Word[]): Word =>
      write(...words.slice(1).map(() => opcode));
  const constant = (value: bigint): Word =>
    write(op.constant, ...signed(BigInt.asIntN(8 * size, value)));
  const by =
    (opcode: number) =>
    (local: number, bits: number): Word =>
      write(0x20, local, op.constant, ...signed(BigInt(bits)), opcode);
  const align = Math.log2(size);
  return {
    code,
    constant,
    add: fold(op.add),
    and: fold(op.and),
    xor: fold(op.xor),
    /** Of a local. */
    shr: by(op.shr),
    rotr: by(op.rotr),
    get: (local: number): Word => write(0x20, local),
    set: (local: number, value: Word): Word => {
      write(0x21, local);
      return value;
    },
    /** From and to a place in memory, in words. */
    load: (local: number, place: number): Word =>
      write(0x41, 0, op.load, align, ...unsigned(place * size), 0x21, local),
    store: (place: number, local: number): Word =>
      write(0x41, 0, 0x20, local, op.store, align, ...unsigned(place * size)),
    declare: (locals: number): Word => write(1, ...unsigned(locals), op.type),
    loop: (): Word => write(0x03, 0x40),
    /** The count in local 0 goes down, and unless it is nought, back to `loop`. */
    again: (): Word => write(0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b),
    end: (): Word => write(0x0b),
  };
}
type Assembler = ReturnType<typeof assembler>;

// FIPS 180-4. Constants are the first bits behind the point of roots of primes.

const primes = (count: number): number[] => {
  const found: number[] = [];
  for (let next = 2; found.length < count; next += 1)
    if (found.every((prime) => next % prime !== 0)) found.push(next);
  return found;
};

/** The first bits behind the point of the `degree`th root of a prime below 512. */
function rootBits(prime: number, degree: 2 | 3, bits: number): bigint {
  const target = BigInt(prime) << BigInt(bits * degree);
  let root = 0n;
  for (let bit = 1n << BigInt(bits + 5); bit > 0n; bit >>= 1n) {
    const next = root + bit;
    if ((degree === 2 ? next * next : next * next * next) <= target) root = next;
  }
  return BigInt.asUintN(bits, root);
}

const at = (list: readonly number[], index: number): number => list[index % list.length] ?? 0;

interface Kind {
  readonly size: Size;
  /** Words of the digest. */
  readonly words: number;
  /** The working variables at the start; those of SHA-2 are 8, whatever is left of them in the end. */
  readonly initial: readonly bigint[];
  /**
   * Writes the rounds: `w` and `work` are the locals of the message schedule, of which 16 words are
   * needed at a time, and of the working variables. They stand still, and change their names.
   */
  readonly rounds: (asm: Assembler, w: readonly number[], work: readonly number[]) => void;
}

interface Program {
  readonly size: Size;
  readonly code: readonly number[];
}

/** A loop over one block: the digest of the last round with its padding, the rounds, and the sum. */
function programOf({ size, words, initial, rounds }: Kind): Program {
  const asm = assembler(size);
  const { constant, add, get, set } = asm;
  const locals = (start: number, count: number): number[] =>
    Array.from({ length: count }, (_, index) => start + index);
  const sum = locals(1, words);
  const w = locals(1 + words, 16);
  const work = locals(17 + words, initial.length);
  asm.declare(words + 16 + initial.length);
  sum.forEach((local, index) => asm.load(local, index));
  asm.loop();
  w.forEach((local, index) => {
    const ends = index === words ? 1n << BigInt(8 * size - 1) : 0n;
    const length = index === 15 ? BigInt(8 * size * words) : 0n;
    set(local, index < words ? get(at(sum, index)) : constant(ends | length));
  });
  work.forEach((local, index) => set(local, constant(initial[index] ?? 0n)));
  rounds(asm, w, work);
  sum.forEach((local, index) =>
    set(local, add(get(at(work, index)), constant(initial[index] ?? 0n))),
  );
  asm.again();
  sum.forEach((local, index) => asm.store(index, local));
  asm.end();
  return { size, code: asm.code };
}

/** Sections 4.1.1, 4.2.1, 5.3.1 and 6.1.2. */
const sha1 = (): Program =>
  programOf({
    size: 4,
    words: 5,
    initial: [0x67452301n, 0xefcdab89n, 0x98badcfen, 0x10325476n, 0xc3d2e1f0n],
    rounds({ constant, add, and, xor, rotr, get, set }, w, work) {
      const k = [0x5a827999n, 0x6ed9eba1n, 0x8f1bbcdcn, 0xca62c1d6n];
      for (let t = 0; t < 80; t += 1) {
        const [a, b, c, d, e] = [0, 1, 2, 3, 4].map((name) => at(work, name + 80 - t)) as Five;
        const wt = at(w, t);
        if (t >= 16) {
          set(wt, xor(get(at(w, t + 13)), get(at(w, t + 8)), get(at(w, t + 2)), get(wt)));
          set(wt, rotr(wt, 31));
        }
        const phase = Math.floor(t / 20);
        const f = (): Word =>
          phase === 0
            ? xor(get(d), and(get(b), xor(get(c), get(d))))
            : phase === 2
              ? xor(and(get(b), get(c)), and(get(d), xor(get(b), get(c))))
              : xor(get(b), get(c), get(d));
        set(e, add(get(e), rotr(a, 27), f(), constant(k[phase] ?? 0n), get(wt)));
        set(b, rotr(b, 2));
      }
    },
  });
type Five = [number, number, number, number, number];

interface Sha2 extends Omit<Kind, 'rounds'> {
  readonly count: number;
  /** Rotations, the last of a small sigma a shift. */
  readonly bigSigma0: readonly number[];
  readonly bigSigma1: readonly number[];
  readonly sigma0: readonly number[];
  readonly sigma1: readonly number[];
}

/** Sections 4.1.2, 4.1.3 and 5.3. */
function sha2Of(digest: Exclude<Digest, 'sha1'>): Sha2 {
  const roots = primes(16).map((prime) => rootBits(prime, 2, 64));
  const [first, second] = [roots.slice(0, 8), roots.slice(8)];
  const small = { size: 4, count: 64, bigSigma0: [2, 13, 22], bigSigma1: [6, 11, 25], sigma0: [7, 18, 3], sigma1: [17, 19, 10] } as const; // prettier-ignore
  const large = { size: 8, count: 80, bigSigma0: [28, 34, 39], bigSigma1: [14, 18, 41], sigma0: [1, 8, 7], sigma1: [19, 61, 6] } as const; // prettier-ignore
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

/** Sections 4.2.2, 4.2.3, 6.2.2 and 6.4.2: SHA-256 and SHA-512 differ in the size of a word only. */
function sha2(digest: Exclude<Digest, 'sha1'>): Program {
  const { count, bigSigma0, bigSigma1, sigma0, sigma1, ...kind } = sha2Of(digest);
  const k = primes(count).map((prime) => rootBits(prime, 3, 8 * kind.size));
  return programOf({
    ...kind,
    rounds({ constant, add, and, xor, shr, rotr, get, set }, w, work) {
      const big = (x: number, bits: readonly number[]): Word =>
        xor(...bits.map((one) => rotr(x, one)));
      const small = (x: number, bits: readonly number[]): Word =>
        xor(...bits.map((one, index) => (index < 2 ? rotr : shr)(x, one)));
      for (let t = 0; t < count; t += 1) {
        const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map((name) =>
          at(work, name + count - t),
        ) as Eight;
        const wt = at(w, t);
        if (t >= 16)
          set(
            wt,
            add(
              get(wt),
              small(at(w, t + 1), sigma0),
              get(at(w, t + 9)),
              small(at(w, t + 14), sigma1),
            ),
          );
        const choice = (): Word => xor(get(g), and(get(e), xor(get(f), get(g))));
        const majority = (): Word => xor(and(get(a), get(b)), and(get(c), xor(get(a), get(b))));
        // T1 in h's place, d + T1 in d's, T1 + T2 in h's again: it is the next a.
        set(h, add(get(h), big(e, bigSigma1), choice(), constant(k[t] ?? 0n), get(wt)));
        set(d, add(get(d), get(h)));
        set(h, add(get(h), big(a, bigSigma0), majority()));
      }
    },
  });
}
type Eight = [number, number, number, number, number, number, number, number];
