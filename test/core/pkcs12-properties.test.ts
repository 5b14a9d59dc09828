/** What holds for every key, chain, name and password: what is written comes back, and is what B2C takes. */
import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { makeCertificate } from '../../src/core/certificate-maker.ts';
import {
  certifiedKey,
  chainFrom,
  whyConverted,
  type CertifiedKey,
} from '../../src/core/certified-key.ts';
import { der, derOid, tags } from '../../src/core/der.ts';
import type { StoredKey } from '../../src/core/pkcs12-frame.ts';
import { openPkcs12, outlinePkcs12, type StoredCertificate } from '../../src/core/pkcs12.ts';
import { writePkcs12, writtenIterations } from '../../src/core/pkcs12-writer.ts';
import { Secret } from '../../src/core/secret.ts';
import { parseCertificate, type Certificate } from '../../src/core/x509.ts';
import { bag, data, explicit, octets, pfxOf, sequence } from '../fuzz/corpus.ts';
import { caught } from '../support/caught.ts';

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}
const newPair = (): Pair => generateKeyPairSync('rsa', { modulusLength: 2048 });
const pairs = [newPair(), newPair(), newPair(), newPair(), newPair()];
const pkcs8 = ({ privateKey }: Pair): Buffer => privateKey.export({ type: 'pkcs8', format: 'der' });

function issue(
  name: string,
  of: Pair,
  by?: { readonly name: string; readonly pair: Pair },
): Certificate {
  const der = makeCertificate({
    subject: `CN=${name}`,
    serial: randomBytes(16),
    notBefore: 1_700_000_000,
    notAfter: 2_000_000_000,
    publicKey: of.publicKey,
    ...(by === undefined
      ? { privateKey: of.privateKey }
      : { issuer: { subject: `CN=${by.name}`, ...by.pair } }),
  });
  return parseCertificate(der, name);
}

/** Leaf first: pair 0 certified by pair 1, by pair 2, …; the last one by itself. */
const chains = [1, 2, 3, 4].map((length) =>
  Array.from(
    { length },
    (_, index) =>
    index === length - 1
      ? issue(`c${length}-${index}`, pairs[index]!)
      : issue(`c${length}-${index}`, pairs[index]!, { name: `c${length}-${index + 1}`, pair: pairs[index + 1]! }), // prettier-ignore
  ),
);
const strangers = ['x', 'y'].map((name) => issue(name, pairs[4]!));

const name = fc.string({ unit: 'grapheme', maxLength: 40 });
const anyText = fc.oneof(name, fc.string({ unit: 'binary', maxLength: 40 }), fc.constant('a'.repeat(300))); // prettier-ignore
const password = anyText.filter((text) => text !== '' && Buffer.from(text).toString() === text);
const alias = fc.option(anyText, { nil: undefined });
const chain = fc.constantFrom(...chains);

const store = (certificate: Certificate, called?: string): StoredCertificate => ({
  certificate,
  ...(called === undefined ? {} : { alias: called }),
});

function keyOf(certificates: readonly StoredCertificate[], called?: string): CertifiedKey {
  const key: StoredKey = { pkcs8: pkcs8(pairs[0]!), ...(called === undefined ? {} : { alias: called }) }; // prettier-ignore
  return certifiedKey({ keys: [key], certificates }, 'x');
}
const ders = (stored: readonly StoredCertificate[]): string[] =>
  stored.map(({ certificate }) => certificate.x5tS256);
const x5ts = (certificates: readonly Certificate[]): string[] =>
  certificates.map(({ x5tS256 }) => x5tS256);

test('what is written comes back: key, chain, names, and the tie between key and certificate', async () => {
  await fc.assert(
    fc.asyncProperty(chain, password, alias, alias, async (certificates, word, called, above) => {
      const key = keyOf(certificates.map((one, index) => store(one, index === 0 ? undefined : above)), called); // prettier-ignore
      const { bytes } = await writePkcs12(key, new Secret(word), randomBytes);
      const opened = await openPkcs12(bytes, new Secret(word), 'x');
      const again = certifiedKey(opened, 'x');
      expect(opened.keys.map((one) => one.pkcs8)).toEqual([pkcs8(pairs[0]!)]);
      expect(ders(opened.certificates)).toEqual(x5ts(certificates));
      expect(ders(again.chain)).toEqual(x5ts(certificates));
      expect([again.alias, opened.keys[0]?.alias, opened.certificates[0]?.alias]).toEqual([called, called, called]); // prettier-ignore
      for (const { alias: one } of opened.certificates.slice(1)) expect(one).toBe(above);
      expect(again.localKeyId).toBeDefined();
      expect(opened.certificates[0]?.localKeyId).toEqual(again.localKeyId);
      for (const one of opened.certificates.slice(1)) expect(one.localKeyId).toBeUndefined();
      // So a second conversion has nothing to do.
      expect(whyConverted(opened, again, true)).toEqual([]);
      const triple = { scheme: 'TripleDES-SHA1', iterations: writtenIterations };
      expect(outlinePkcs12(bytes, 'x')).toEqual({
        mac: { scheme: 'SHA-1', iterations: writtenIterations },
        keys: [triple],
        certificates: [triple],
      });
    }),
    { numRuns: 60 },
  );
});

test('a wrong password opens nothing', async () => {
  await fc.assert(
    fc.asyncProperty(password, password, async (word, other) => {
      fc.pre(word !== other);
      const { bytes } = await writePkcs12(keyOf(chains[0]!.map((one) => store(one))), new Secret(word), randomBytes); // prettier-ignore
      await expect(openPkcs12(bytes, new Secret(other), 'x')).rejects.toThrow('the password is wrong'); // prettier-ignore
    }),
    { numRuns: 30 },
  );
});

test('two files of the same have nothing in common that was encrypted', async () => {
  const key = keyOf(chains[1]!.map((one) => store(one)));
  const [one, two] = await Promise.all(
    [1, 2].map(() => writePkcs12(key, new Secret('a'), randomBytes)),
  );
  const ends = ({ bytes }: { readonly bytes: Buffer }): string[] =>
    Array.from({ length: Math.floor(bytes.length / 16) }, (_, index) =>
      bytes.subarray(16 * index, 16 * index + 16).toString('hex'),
    );
  const common = ends(one!).filter((block) => ends(two!).includes(block));
  // Headers and object identifiers are the same.
  expect(common.length).toBeLessThan(ends(one!).length / 8);
});

test('the chain is the same in whatever order the certificates stand, strangers among them', () => {
  fc.assert(
    fc.property(
      chain.chain((certificates) =>
        fc.tuple(
          fc.constant(certificates),
          fc.shuffledSubarray([...certificates, ...strangers], { minLength: certificates.length + 2 }), // prettier-ignore
        ),
      ),
      ([certificates, mixed]) => {
        const key = keyOf(mixed.map((one) => store(one)));
        expect(ders(key.chain)).toEqual(x5ts(certificates));
        expect(ders(key.others).sort()).toEqual(x5ts(strangers).sort());
      },
    ),
    { numRuns: 200 },
  );
});

test('with a gap it ends there, and with nothing above it is the leaf alone', () => {
  fc.assert(
    fc.property(fc.subarray(chains[3]!.slice(1)), (above) => {
      const stored = [chains[3]![0]!, ...above].map((one) => store(one));
      const found = x5ts(chainFrom(stored[0]!, stored).map(({ certificate }) => certificate));
      const whole = x5ts(chains[3]!);
      const gap = whole.findIndex((x5t) => !ders(stored).includes(x5t));
      expect(found).toEqual(gap === -1 ? whole : whole.slice(0, gap));
    }),
  );
});

test('an alias chooses a key exactly when it is the alias of one', () => {
  fc.assert(
    fc.property(
      fc.array(alias, { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat(3), { nil: undefined }),
      anyText,
      (aliases, wanted, other) => {
        const keys = aliases.map((one, index): StoredKey => ({ pkcs8: pkcs8(pairs[index]!), ...(one === undefined ? {} : { alias: one }) })); // prettier-ignore
        const certificates = keys.map((_, index) => store(issueOnce(index)));
        const asked = wanted === undefined ? other : (aliases[wanted % aliases.length] ?? other);
        const matching = aliases.flatMap((one, index) => (one === asked ? [index] : []));
        const choose = (): CertifiedKey => certifiedKey({ keys, certificates }, 'x', asked);
        if (matching.length === 1) expect(choose().leaf.x5t).toBe(issueOnce(matching[0]!).x5t);
        else expect(caught(choose).message).toContain(matching.length === 0 ? 'no private key called' : `${matching.length} private keys called`); // prettier-ignore
        if (aliases.length > 1)
          expect(caught(() => certifiedKey({ keys, certificates }, 'x')).message).toContain(`${aliases.length} private keys`); // prettier-ignore
        else expect(certifiedKey({ keys, certificates }, 'x').leaf.x5t).toBe(issueOnce(0).x5t);
      },
    ),
    { numRuns: 100 },
  );
});

const issued = pairs.map((pair, index) => issue(`own-${index}`, pair));
const issueOnce = (index: number): Certificate => issued[index]!;

/** Of the names of the longest chain, but of another key: none of them signed anything in it. */
const impostors = [1, 2, 3].map((index) => issue(`c4-${index}`, pairs[4]!));

test('nor does it matter who else has the names of its issuers', () => {
  const all = [...chains[3]!, ...impostors, ...strangers];
  fc.assert(
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (mixed) => {
      expect(ders(keyOf(mixed.map((one) => store(one))).chain)).toEqual(x5ts(chains[3]!));
    }),
  );
});

test('of two certificates of one issuer, the renewed one is taken in whatever order they stand', () => {
  const above = { name: 'c4-2', pair: pairs[2]! };
  const renewed = [2_050_000_000, 2_100_000_000].map((notAfter, index) =>
    parseCertificate(
      makeCertificate({
        subject: 'CN=c4-1',
        serial: randomBytes(16),
        notBefore: 1_700_000_001 + index,
        notAfter,
        publicKey: pairs[1]!.publicKey,
        issuer: { subject: `CN=${above.name}`, ...above.pair },
      }),
      'x',
    ),
  );
  const all = [...chains[3]!, ...renewed];
  const [first, , ...rest] = chains[3]!;
  const order = fc.shuffledSubarray([...all.keys()], { minLength: all.length });
  fc.assert(
    fc.property(order, (indexes) => {
      const found = keyOf(indexes.map((index) => store(all[index]!))).chain;
      expect(ders(found)).toEqual(x5ts([first!, renewed[1]!, ...rest]));
    }),
  );
});

test('out of a file in any order with strangers, the key and its chain are written alone', async () => {
  const tie = fc.option(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)), { nil: undefined }); // prettier-ignore
  const mixed = chain.chain((certificates) =>
    fc.tuple(
      fc.constant(certificates),
      fc.shuffledSubarray([...certificates, ...strangers], { minLength: certificates.length + 2 }),
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      mixed,
      password,
      alias,
      alias,
      tie,
      async ([certificates, all], word, own, theirs, localKeyId) => {
        // prettier-ignore
        const tied = localKeyId === undefined ? {} : { localKeyId };
        const stored = all.map((one) => ({
          ...store(one, one === certificates[0] ? theirs : undefined),
          ...(one === certificates[0] ? tied : {}),
        }));
        const given: StoredKey = { pkcs8: pkcs8(pairs[0]!), ...tied, ...(own === undefined ? {} : { alias: own }) }; // prettier-ignore
        const key = certifiedKey({ keys: [given], certificates: stored }, 'x');
        expect(key.alias).toBe(own ?? theirs);
        const { bytes } = await writePkcs12(key, new Secret(word), randomBytes);
        const opened = await openPkcs12(bytes, new Secret(word), 'x');
        const again = certifiedKey(opened, 'x', own ?? theirs);
        expect(ders(opened.certificates)).toEqual(x5ts(certificates));
        expect(again.pkcs8).toEqual(key.pkcs8);
        expect([again.alias, again.others]).toEqual([own ?? theirs, []]);
        if (localKeyId !== undefined) expect(again.localKeyId).toEqual(localKeyId);
        expect(opened.certificates[0]?.localKeyId).toEqual(again.localKeyId);
        expect(whyConverted(opened, again, true)).toEqual([]);
      },
    ),
    { numRuns: 40 },
  );
});

const attribute = (oid: string, value: Buffer): Buffer =>
  sequence(derOid(oid), der(tags.set, value));
/** friendlyName and localKeyId (RFC 2985 section 5.5), as far as they are there. */
const attributes = (called: string | undefined, localKeyId: number | undefined): Buffer[] => {
  const all = [
    ...(called === undefined ? [] : [attribute('1.2.840.113549.1.9.20', der(0x1e, Buffer.from(called, 'utf16le').swap16()))]), // prettier-ignore
    ...(localKeyId === undefined ? [] : [attribute('1.2.840.113549.1.9.21', octets(Buffer.from([localKeyId])))]), // prettier-ignore
  ];
  return all.length === 0 ? [] : [der(tags.set, ...all)];
};

test('of a PFX with several keys, an alias of the key or of its certificate chooses exactly one', async () => {
  const few = fc.constantFrom('a', 'A', '', 'ä', 'a\u0308', '鍵', '\u0000', undefined);
  // What it is called itself, what its certificate is, and whether the two are tied.
  const entry = fc.tuple(few, few, fc.boolean());
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { minLength: 2, maxLength: 4 }), async (entries) => {
      const bags = entries.flatMap(([own, theirs, tied], index) => [
        bag(3, sequence(derOid('1.2.840.113549.1.9.22.1'), explicit(octets(issueOnce(index).der))), ...attributes(theirs, tied ? index : undefined)), // prettier-ignore
        bag(1, pkcs8(pairs[index]!), ...attributes(own, tied ? index : undefined)),
      ]);
      const opened = await openPkcs12(pfxOf(sequence(data(sequence(...bags)))), new Secret(''), 'x'); // prettier-ignore
      const names = entries.map(([own, theirs, tied]) => own ?? (tied ? theirs : undefined));
      for (const wanted of ['a', 'A', '', 'ä', 'a\u0308', '鍵', '\u0000', 'b']) {
        const matching = names.flatMap((one, index) => (one === wanted ? [index] : []));
        const choose = (): CertifiedKey => certifiedKey(opened, 'x', wanted);
        if (matching.length === 1) expect(choose().leaf.x5t).toBe(issueOnce(matching[0]!).x5t);
        else expect(caught(choose).kind).toBe('input');
      }
      expect(caught(() => certifiedKey(opened, 'x')).kind).toBe('input');
    }),
  );
});
