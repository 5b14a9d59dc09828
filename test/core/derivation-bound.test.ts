/**
 * How many rounds of key derivation a file can make this machine do, whatever it asks for: counted, not
 * timed. Here every derivation gives zeros, so that a file can be made to open, and costs nothing.
 */
import { jest } from '@jest/globals';
import * as crypto from 'node:crypto';
import fc from 'fast-check';
import { der, derInteger, derOid, tags } from '../../src/core/der.ts';
import { Failure } from '../../src/failure.ts';

interface Done {
  readonly rounds: number;
}
const done: Done[] = [];
jest.unstable_mockModule('../../src/core/kdf.ts', () => ({
  deriveKey({ iterations, size }: { readonly iterations: number; readonly size: number }): Buffer {
    done.push({ rounds: iterations });
    return Buffer.alloc(size);
  },
}));
jest.unstable_mockModule('node:crypto', () => ({
  ...crypto,
  pbkdf2Sync(_password: string, _salt: Buffer, iterations: number, size: number): Buffer {
    done.push({ rounds: iterations });
    return Buffer.alloc(size);
  },
}));
const { inspectFile } = await import('../../src/core/inspection.ts');
const { maxIterations, maxIterationsInAll } = await import('../../src/core/pbe.ts');
const { Secret } = await import('../../src/core/secret.ts');

const sequence = (...parts: readonly Buffer[]): Buffer => der(tags.sequence, ...parts);
const explicit = (content: Buffer): Buffer => der(0xa0, content);
const octets = (content: Buffer): Buffer => der(tags.octetString, content);
const number = (value: number | bigint): Buffer =>
  derInteger(Buffer.from(value.toString(16).padStart(32, '0'), 'hex'));
const dataOid = derOid('1.2.840.113549.1.7.1');
const data = (content: Buffer): Buffer => sequence(dataOid, explicit(octets(content)));

type Scheme = 'TripleDES-SHA1' | 'RC2-40-SHA1' | 'AES-256-CBC';
type Rounds = number | bigint;

/** Encrypted with the zeros that every derivation gives here: an algorithm and a ciphertext. */
function sealed(content: Buffer, scheme: Scheme, rounds: Rounds): readonly [Buffer, Buffer] {
  const salted = sequence(octets(Buffer.alloc(8)), number(rounds));
  const encrypt = (name: string, keyBytes: number, ivBytes: number): Buffer => {
    const cipher = crypto.createCipheriv(name, Buffer.alloc(keyBytes), Buffer.alloc(ivBytes));
    return Buffer.concat([cipher.update(content), cipher.final()]);
  };
  switch (scheme) {
    case 'TripleDES-SHA1':
      return [sequence(derOid('1.2.840.113549.1.12.1.3'), salted), encrypt('des-ede3-cbc', 24, 8)];
    case 'RC2-40-SHA1':
      // Node has no RC2: this one never opens.
      return [sequence(derOid('1.2.840.113549.1.12.1.6'), salted), Buffer.alloc(16)];
    case 'AES-256-CBC':
      return [
        sequence(
          derOid('1.2.840.113549.1.5.13'),
          sequence(
            sequence(derOid('1.2.840.113549.1.5.12'), salted),
            sequence(derOid('2.16.840.1.101.3.4.1.42'), octets(Buffer.alloc(16))),
          ),
        ),
        encrypt('aes-256-cbc', 32, 16),
      ];
  }
}

const shrouded = (scheme: Scheme, rounds: Rounds): Buffer => {
  const [algorithm, ciphertext] = sealed(sequence(), scheme, rounds);
  return sequence(algorithm, octets(ciphertext));
};
const keyBag = (scheme: Scheme, rounds: Rounds): Buffer =>
  sequence(derOid('1.2.840.113549.1.12.10.1.2'), explicit(shrouded(scheme, rounds)));

function encryptedPart(contents: Buffer, scheme: Scheme, rounds: Rounds): Buffer {
  const [algorithm, ciphertext] = sealed(contents, scheme, rounds);
  return sequence(
    derOid('1.2.840.113549.1.7.6'),
    explicit(sequence(number(0), sequence(dataOid, algorithm, der(0x80, ciphertext)))),
  );
}

function pfx(contents: readonly Buffer[], macRounds?: Rounds): Buffer {
  const safe = sequence(...contents);
  const value = crypto.createHmac('sha1', Buffer.alloc(20)).update(safe).digest();
  const mac =
    macRounds === undefined
      ? []
      : [
          sequence(
            sequence(sequence(derOid('1.3.14.3.2.26'), der(tags.null)), octets(value)),
            octets(Buffer.alloc(8)),
            number(macRounds),
          ),
        ];
  return sequence(number(3), data(safe), ...mac);
}

/** The rounds of every derivation, and why it ended. */
async function open(
  bytes: Buffer,
  word: string,
): Promise<{ readonly rounds: readonly number[]; readonly failure?: Failure }> {
  done.length = 0;
  const readPassword = (): Promise<InstanceType<typeof Secret>> =>
    Promise.resolve(new Secret(word));
  try {
    await inspectFile(bytes, 'x', { readPassword, now: 0 });
    return { rounds: done.map(({ rounds }) => rounds) };
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'input') throw error;
    return { rounds: done.map(({ rounds }) => rounds), failure: error };
  }
}

/** PKCS #12's own encryption derives a key and an IV, with as many rounds each. */
const derivationsEach = 2;

function expectBounded(rounds: readonly number[]): void {
  for (const one of rounds) expect(one).toBeLessThanOrEqual(maxIterations);
  const sum = rounds.reduce((all, one) => all + one, 0);
  expect(sum).toBeLessThanOrEqual(derivationsEach * maxIterationsInAll);
}

const scheme = fc.constantFrom<Scheme>('TripleDES-SHA1', 'RC2-40-SHA1', 'AES-256-CBC');
const opens = fc.constantFrom<Scheme>('TripleDES-SHA1', 'AES-256-CBC');
const rounds = fc.oneof(
  fc.integer({ min: 0, max: 3000 }),
  fc.integer({ min: 0, max: maxIterations }),
  fc.constantFrom<Rounds>(maxIterations, maxIterations + 1, 2 ** 31 - 1, 2 ** 32, 2n ** 64n, 2n ** 100n),
); // prettier-ignore
/** Some passwords have one form, some have two, and each of them is tried. */
const word = fc.constantFrom('x', 'ä', '🔑');

test('whatever a PFX asks for', async () => {
  const keys = (of: fc.Arbitrary<Scheme>): fc.Arbitrary<Buffer[]> =>
    fc.array(fc.tuple(of, rounds).map(([kind, count]) => keyBag(kind, count)), { maxLength: 12 }); // prettier-ignore
  const part = fc.oneof(
    keys(scheme).map((bags) => data(sequence(...bags))),
    // What stands in here is seen only once it is open.
    fc.tuple(keys(opens), opens, rounds).map(([bags, kind, count]) => encryptedPart(sequence(...bags), kind, count)), // prettier-ignore
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { maxLength: 6 }),
      fc.option(rounds, { nil: undefined }),
      word,
      async (parts, mac, text) => {
        // prettier-ignore
        expectBounded((await open(pfx(parts, mac), text)).rounds);
      },
    ),
    { numRuns: 300 },
  );
});

test('whatever an encrypted key in PEM asks for', async () => {
  await fc.assert(
    fc.asyncProperty(scheme, rounds, word, async (kind, count, text) => {
      const base64 = shrouded(kind, count).toString('base64');
      const pem = `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${base64}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
      expectBounded((await open(Buffer.from(pem), text)).rounds);
    }),
  );
});

test('too many in sight: nothing is derived at all', async () => {
  for (const bytes of [
    pfx([data(sequence(keyBag('AES-256-CBC', 1)))], maxIterations + 1),
    pfx([data(sequence(keyBag('AES-256-CBC', maxIterations + 1)))], 1),
    pfx([encryptedPart(sequence(), 'TripleDES-SHA1', 2n ** 64n)]),
    pfx(Array.from({ length: 6 }, () => data(sequence(keyBag('TripleDES-SHA1', maxIterations))))),
  ]) {
    const { rounds: derived, failure } = await open(bytes, 'x');
    expect(derived).toEqual([]);
    expect(failure?.message).toContain('rounds of key derivation');
  }
});

test('too many out of sight: it ends where they are found', async () => {
  const hidden = sequence(
    ...Array.from({ length: 400 }, () => keyBag('TripleDES-SHA1', maxIterations)),
  );
  const { rounds: derived, failure } = await open(pfx([encryptedPart(hidden, 'AES-256-CBC', 1)], 1), 'x'); // prettier-ignore
  expectBounded(derived);
  expect(derived.length).toBeGreaterThan(2);
  expect(failure?.message).toContain('rounds of key derivation');
});

test('as many as are allowed are derived, once each', async () => {
  const bytes = pfx(
    [
      encryptedPart(sequence(), 'AES-256-CBC', maxIterations),
      data(sequence(keyBag('TripleDES-SHA1', maxIterations))),
    ],
    maxIterations,
  );
  const { rounds: derived } = await open(bytes, 'x');
  // The MAC, the part, and for the key its key and its IV.
  expect(derived).toEqual(Array.from({ length: 4 }, () => maxIterations));
});
