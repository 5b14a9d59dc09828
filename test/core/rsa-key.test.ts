import { generateKeyPairSync } from 'node:crypto';
import {
  maximumRsaBits,
  rsaNumbersFit,
  rsaNumbersOf,
  type RsaNumber,
  type RsaNumbers,
} from '../../src/core/rsa-key.ts';

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
const numbers = rsaNumbersOf(pkcs8)!;
const names = Object.keys(numbers) as RsaNumber[];

test('the numbers of a key are those that Node exports, and fit', () => {
  const jwk = privateKey.export({ format: 'jwk' });
  expect(names.sort()).toEqual(['d', 'dp', 'dq', 'e', 'n', 'p', 'q', 'qi']);
  for (const name of names)
    expect(BigInt(`0x${numbers[name].toString('hex')}`)).toBe(BigInt(`0x${Buffer.from(jwk[name]!, 'base64url').toString('hex')}`)); // prettier-ignore
  expect(rsaNumbersFit(numbers)).toBe(true);
});

test.each(names)('one bit of %s', (name) => {
  const bytes = Buffer.from(numbers[name]);
  bytes[bytes.length - 2]! ^= 4;
  expect(rsaNumbersFit({ ...numbers, [name]: bytes })).toBe(false);
});

test.each<[string, Partial<RsaNumbers>]>([
  ['a prime of 1', { p: Buffer.from([1]) }],
  ['a prime of 0', { q: Buffer.alloc(1) }],
  ['nothing', { d: Buffer.alloc(0) }],
  ['a prime of 2', { p: Buffer.from([2]) }],
  ['longer than anybody uses', { d: Buffer.alloc(maximumRsaBits / 8 + 2, 1) }],
])('%s', (_name, change) => {
  expect(rsaNumbersFit({ ...numbers, ...change })).toBe(false);
});

test('what is no RSA key has none', () => {
  const { privateKey: curve } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  for (const bytes of [
    curve.export({ type: 'pkcs8', format: 'der' }),
    Buffer.alloc(0),
    pkcs8.subarray(0, 50),
  ])
    // prettier-ignore
    expect(rsaNumbersOf(bytes)).toBeUndefined();
});
