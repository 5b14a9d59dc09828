/** Files that are made to cost as much as they can, through the shipped program: an answer, in bounded memory. */
import { createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'; // prettier-ignore
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeCertificate } from '../../src/core/certificate-maker.ts';
import { der, derChildren, derInteger, derOid, readDer, tags } from '../../src/core/der.ts';
import {
  encryptAccepted,
  makeAcceptedMac,
  maxIterations,
  passwordForms,
} from '../../src/core/pbe.ts';
import { password as word } from '../support/certificates.ts';
import { newFolder, start } from '../support/binary.ts';
import {
  bag,
  certBag,
  data,
  dataOid,
  encryptedPart,
  explicit,
  keyBag,
  octets,
  pem,
  pfxOf,
  sequence,
} from './corpus.ts';
import { nested } from './tree.ts';

const [form] = passwordForms(word);
const folder = newFolder();
const preload = join(import.meta.dirname, '../support/peak.cjs');

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pkcs8 = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
const certificateOf = (
  subject: string,
  keys: Pick<typeof pair, 'privateKey' | 'publicKey'>,
): Buffer =>
  makeCertificate({
    subject,
    serial: randomBytes(16),
    notBefore: 0,
    notAfter: 4_000_000_000,
    ...keys,
  });
const certificate = certificateOf('CN=hostile', pair);

/** The same certificate with other parts of its body, signed again. */
function bent(change: (parts: Buffer[]) => void): Buffer {
  const [body, algorithm] = derChildren(readDer(certificate));
  const parts = derChildren(body!).map(({ whole }) => whole);
  change(parts);
  const made = sequence(...parts);
  const signature = sign('sha256', made, pair.privateKey);
  return sequence(made, algorithm!.whole, der(tags.bitString, Buffer.from([0]), signature));
}
const extensions = (count: number): Buffer =>
  bent((parts) => {
    const one = sequence(derOid('2.5.29.37'), octets(Buffer.alloc(0)));
    parts.push(der(0xa3, sequence(Buffer.alloc(one.length * count, one))));
  });
/** A public key of any numbers. */
const publicNumbers = (modulusBytes: number, exponentBytes: number): Buffer =>
  bent((parts) => {
    const number = (size: number): Buffer => derInteger(Buffer.alloc(size, 0x7f));
    const key = sequence(number(modulusBytes), number(exponentBytes));
    const rsa = sequence(derOid('1.2.840.113549.1.1.1'), der(tags.null));
    parts[6] = sequence(rsa, der(tags.bitString, Buffer.from([0]), key));
  });

const encrypted = (iterations: number, salt: Buffer): Buffer => {
  const { algorithm } = encryptAccepted(Buffer.alloc(8), { password: form, salt, iterations: 1 });
  const [oid, parameters] = derChildren(readDer(algorithm));
  const [salted] = derChildren(parameters!);
  const rounds = derInteger(Buffer.from(iterations.toString(16).padStart(8, '0'), 'hex'));
  return sequence(
    sequence(oid!.whole, sequence(salted!.whole, rounds)),
    octets(Buffer.alloc(2000)),
  );
};
/** PEM with the headers of RFC 1421, on which OpenSSL asks for a password if nobody else does. */
const said = (label: string, bytes: Buffer): string =>
  pem(`${label} KEY`, bytes).replace(
    '\n',
    '\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n',
  );

/** A certificate of any key, by any key, for whoever is called `hostile`. */
function linked(serial: number, subject: KeyObject, issuer: KeyObject): Buffer {
  const [body] = derChildren(readDer(certificate));
  const parts = derChildren(body!).map(({ whole }) => whole);
  const ecdsa = sequence(derOid('1.2.840.10045.4.3.4'));
  parts[1] = derInteger(Buffer.from(serial.toString(16).padStart(8, '0'), 'hex'));
  parts[2] = ecdsa;
  parts[6] = createPublicKey(subject.export({ type: 'pkcs8', format: 'pem' })).export({ type: 'spki', format: 'der' }); // prettier-ignore
  const made = sequence(...parts);
  const signature = sign('sha512', made, issuer);
  return sequence(made, ecdsa, der(tags.bitString, Buffer.from([0]), signature));
}

/**
 * A key with a chain of the longest kind, all of one name, and so many certificates of the same name in
 * it that every link is looked for among all of them.
 */
function crowd(size: number): readonly Buffer[] {
  const keys = Array.from({ length: 22 }, () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey); // prettier-ignore
  const [first, ...above] = keys.slice(1).map((issuer, index) => linked(index, keys[index]!, issuer)); // prettier-ignore
  const stranger = linked(0x01000000, keys[21]!, keys[21]!);
  const serial = stranger.indexOf(Buffer.from('020401000000', 'hex')) + 2;
  const strangers = Array.from({ length: size }, (_, index) => {
    const copy = Buffer.from(stranger);
    copy.writeUInt32BE(0x01000000 + index, serial);
    return copy;
  });
  return [
    keyBag(keys[0]!.export({ type: 'pkcs8', format: 'der' })),
    ...[first!, ...strangers, ...above].map((one) => certBag(one)),
  ];
}

/** A private key with one of its numbers (0: its version, 1: the modulus, …) in place of another. */
function privateNumbers(index: number, number: Buffer): Buffer {
  const [version, algorithm, holder] = derChildren(readDer(pkcs8));
  const numbers = derChildren(readDer(holder!.content)).map(({ whole }) => whole);
  numbers[index] = derInteger(number);
  return sequence(version!.whole, algorithm!.whole, octets(sequence(...numbers)));
}

const odd = (bytes: number): Buffer => {
  const number = randomBytes(bytes);
  number.writeUInt8(number.readUInt8(0) | 0x80, 0);
  number.writeUInt8(number.readUInt8(bytes - 1) | 1, bytes - 1);
  return number;
};

/** PrivateKeyInfo of DSA (RFC 3279 section 2.3.2): OpenSSL makes its public key when it is read. */
const dsaKey = (bytes: number): Buffer => {
  const [p, q, g, x] = [odd(bytes), odd(32), odd(bytes), odd(bytes)].map(derInteger);
  const algorithm = sequence(derOid('1.2.840.10040.4.1'), sequence(p!, q!, g!));
  return sequence(derInteger(Buffer.from([0])), algorithm, octets(x!));
};

const jwk = (exponent: Buffer): string => {
  const members = Object.fromEntries(['n', 'd', 'p', 'q', 'dp', 'dq', 'qi'].map((name) => [name, odd(128).toString('base64url')])); // prettier-ignore
  const key = { kty: 'RSA', use: 'sig', ...members, e: exponent.toString('base64url') };
  return JSON.stringify({ keys: [key] });
};

/** An encrypted part under RC2, of which nothing can be opened. */
const rc2 = (size: number): Buffer => {
  const salted = sequence(octets(Buffer.alloc(8)), derInteger(Buffer.from([1])));
  const algorithm = sequence(derOid('1.2.840.113549.1.12.1.6'), salted);
  const part = sequence(derInteger(Buffer.from([0])), sequence(dataOid, algorithm, der(0x80, randomBytes(size)))); // prettier-ignore
  return sequence(derOid('1.2.840.113549.1.7.6'), explicit(part));
};

const many = (count: number, bytes: Buffer): Buffer => Buffer.alloc(count * bytes.length, bytes);
const bags = (...list: readonly Buffer[]): Buffer => sequence(data(sequence(...list)));
const large = (1 << 20) - 200;

/** What it is called, its content, what it may end with, and how it is looked at. */
type Hostile = readonly [string, () => Buffer | string, readonly number[], ...(readonly string[])];

const files: readonly Hostile[] = [
  ['1 MiB of nodes of two bytes', () => pfxOf(sequence(many(large / 2, Buffer.from([5, 0])))), [3]],
  ['the same where bags belong', () => pfxOf(bags(many(large / 2 - 20, Buffer.from([5, 0])))), [3]],
  ['10,000 bags', () => pfxOf(bags(many(10_000, bag(5, sequence())))), [3]],
  ['480 keys and certificates', () => pfxOf(bags(many(240, Buffer.concat([keyBag(pkcs8), certBag(certificate)])))), [10]],
  ['sequences without end', () => Buffer.concat([Buffer.from('3080020103', 'hex'), nested(400_000, 'endless')]), [3]],
  ['deep nesting', () => pfxOf(nested(100_000, 'definite')), [3]],
  ['a certificate with 50,000 extensions', () => extensions(50_000), [0, 3, 10]],
  ['a subject of 1 MiB', () => bent((parts) => void (parts[5] = sequence(der(tags.set, sequence(derOid('2.5.4.3'), der(tags.utf8String, Buffer.alloc(large - 2000, 'x'))))))), [0, 3, 10]],
  ['a modulus of 400,000 bits', () => publicNumbers(50_000, 3), [0, 3, 10]],
  ['a modulus of 16,384 bits with an exponent as long', () => publicNumbers(2048, 2048), [0, 3, 10]],
  ['an exponent of 400,000 bits', () => publicNumbers(256, 50_000), [0, 3, 10]],
  ['a salt of 1 MiB', () => pfxOf(bags(bag(2, encrypted(maxIterations, Buffer.alloc(large - 4000))), certBag(certificate))), [3]],
  ['as many rounds as are allowed', () => pfxOf(bags(...Array.from({ length: 4 }, () => bag(2, encrypted(maxIterations, Buffer.alloc(8)))), bag(2, encrypted(400_000, Buffer.alloc(8))))), [3]],
  ['more rounds than are allowed', () => pfxOf(bags(...Array.from({ length: 5 }, () => bag(2, encrypted(maxIterations, Buffer.alloc(8)))))), [3]],
  ['2^31 rounds', () => pfxOf(bags(bag(2, encrypted(0x7fffffff, Buffer.alloc(8))))), [3]],
  ['499 certificates in PEM', () => pem('CERTIFICATE', certificate).repeat(499), [10]],
  ['a PEM block of 1 MiB', () => pem('CERTIFICATE', Buffer.alloc(700_000, 0x30)), [3]],
  ['a million lines', () => `-----BEGIN CERTIFICATE-----\n${'A\n'.repeat(500_000)}`, [3]],
  ['keys that say they are encrypted', () => ['PUBLIC', 'RSA PUBLIC'].map((label) => said(label, pair.publicKey.export({ type: label === 'PUBLIC' ? 'spki' : 'pkcs1', format: 'der' }))).join(''), [10]],
  ['a private key that says it is encrypted, in other words', () => said('PRIVATE', pkcs8).replace('DEK-Info', 'DEK-info'), [0, 3, 10]],
  ['JSON that is nested 500,000 deep', () => `{"kty":"oct","x":${'['.repeat(500_000)}${']'.repeat(500_000)}}`, [3, 10]],
  ['an exponent of 4,000,000 bits', () => publicNumbers(256, 500_000), [0, 3, 10]],
  ['a public key with such an exponent', () => sequence(sequence(derOid('1.2.840.113549.1.1.1'), der(tags.null)), der(tags.bitString, Buffer.from([0]), sequence(derInteger(odd(256)), derInteger(odd(500_000))))), [3, 10]],
  ['a JWK with such an exponent', () => jwk(odd(500_000)), [3, 10]],
  ['a modulus of 65,536 bits with its private key', () => pfxOf(bags(keyBag(privateNumbers(1, Buffer.alloc(8192, 0x7f))), certBag(publicNumbers(8192, 3)))), [3, 10]],
  ...[3, 4, 5, 6, 8].map((index): Hostile => [`a private key with a number of 4,000,000 bits (${index})`, () => pfxOf(bags(keyBag(privateNumbers(index, odd(500_000))), certBag(certificate))), [3, 10]]),
  ['a prime of 4,000,000 bits in PEM', () => pem('PRIVATE KEY', privateNumbers(4, odd(500_000))) + pem('CERTIFICATE', certificate), [3, 10]],
  ['a DSA key of 1,000,000 bits', () => pfxOf(bags(keyBag(dsaKey(125_000)), certBag(certificate))), [3, 10]],
  ['a DSA key of 1,000,000 bits in PEM', () => pem('PRIVATE KEY', dsaKey(125_000)), [3, 10]],
  ['RC2 over 1 MiB', () => pfxOf(sequence(rc2(large - 200))), [3]],
  ['470 certificates of one name above a chain', () => pfxOf(bags(...crowd(470))), [10]],
  ['1,700 of them in parts', () => { const all = crowd(1700); return pfxOf(sequence(...Array.from({ length: 5 }, (_, part) => encryptedPart(sequence(...all.slice(400 * part, 400 * part + 400)))))); }, [3]],
  ['an object identifier of 1 MiB', () => pfxOf(sequence(sequence(der(tags.oid, Buffer.alloc(large - 100, 1)), explicit(octets(sequence()))))), [3]],
  ['a PEM label of 1 MiB', () => pem('A '.repeat(200_000), certificate), [3]],
  ['90,000 keys as JSON', () => `{"keys":[${'{"kty":""},'.repeat(90_000)}{"kty":"oct"}]}`, [3, 10], '-o', 'json'],
  ['100,000 keys', () => `{"keys":[${'{"kty":""},'.repeat(90_000)}{"kty":"oct"}]}`, [10]],
]; // prettier-ignore

let count = 0;
async function inspect(
  content: Buffer | string,
  ...more: readonly string[]
): Promise<{ readonly code: number | null; readonly peak: number; readonly text: string }> {
  // prettier-ignore
  count += 1;
  const file = join(folder, `file-${count}`);
  const peak = `${file}.peak`;
  writeFileSync(file, content);
  const done = await start(['inspect', file, '--password-from', 'env:P', '--debug', ...more], {
    environment: { P: word, HOME: folder, PEAK: peak, NODE_OPTIONS: `--require ${preload}` },
  }).done;
  return {
    code: done.code,
    // There is none where it had to be ended.
    peak: done.code === null ? 0 : Number(readFileSync(peak, 'utf8')) / 1024,
    text: done.stdout + done.stderr,
  };
}

/** MiB that a file of any kind may cost beyond a harmless one. */
const bound = 200;
let base = 0;
beforeAll(async () => {
  const harmless = await inspect(certificate);
  expect([harmless.code, harmless.peak > 20]).toEqual([0, true]);
  base = harmless.peak;
});

for (const [name, make, codes, ...more] of files)
  test(name, async () => {
    const content = make();
    expect(content.length).toBeLessThanOrEqual(1 << 20);
    const { code, peak, text } = await inspect(content, ...more);
    expect([codes, text]).toEqual([expect.arrayContaining([code]), text]);
    expect(peak - base).toBeLessThan(bound);
    expect(text).not.toContain('unforeseen');
    expect(text).not.toContain(word);
    expect(text).not.toContain('pass phrase');
    // What is refused is refused in a few words.
    if (code === 3) expect(text.length).toBeLessThan(1 << 16);
  });

test('a MAC over all of it, twice for two forms of a password', async () => {
  const safe = sequence(data(sequence(many(20_000, Buffer.from([5, 0])))));
  const salted = { password: passwordForms('ä')[1]!, salt: Buffer.alloc(8), iterations: 1 };
  const mac = makeAcceptedMac(safe, salted);
  expect((await inspect(sequence(derInteger(Buffer.from([3])), data(safe), mac))).code).toBe(3);
  expect(explicit(safe).length).toBeGreaterThan(40_000);
});
