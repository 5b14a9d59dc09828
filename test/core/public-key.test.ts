import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { bitLength, keyTypeOf, type KeyType } from '../../src/core/public-key.ts';

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

test.each<[string, () => Pair, KeyType]>([
  ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2047 }), { kty: 'RSA', bits: 2047 }],
  ['RSA-PSS', () => generateKeyPairSync('rsa-pss', { modulusLength: 2048, hashAlgorithm: 'sha256' }), { kty: 'RSA-PSS', bits: 2048 }],
  ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }), { kty: 'EC', crv: 'P-256' }],
  ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }), { kty: 'EC', crv: 'P-384' }],
  ['P-521', () => generateKeyPairSync('ec', { namedCurve: 'P-521' }), { kty: 'EC', crv: 'P-521' }],
  ['a curve without a name here', () => generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }), { kty: 'EC', crv: '1.3.36.3.3.2.8.1.1.7' }],
  ['a curve in numbers', () => generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }), { kty: 'EC' }],
  ['Ed25519', () => generateKeyPairSync('ed25519'), { kty: 'OKP', crv: 'Ed25519' }],
  ['X448', () => generateKeyPairSync('x448'), { kty: 'OKP', crv: 'X448' }],
  ['DSA', () => generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }), { kty: 'DSA' }],
])('%s, public and private', (_name, make, type) => {
  const { publicKey, privateKey } = make();
  expect([keyTypeOf(publicKey), keyTypeOf(privateKey)]).toEqual([type, type]);
}); // prettier-ignore

test('a key on which Node 20 ends the process when it is asked for details', () => {
  // A private number longer than the curve: found by the fuzzer.
  const long = Buffer.alloc(264, Buffer.from([6, 1, 0x2a]));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const good = privateKey.export({ type: 'sec1', format: 'der' });
  const rest = good.subarray(7 + 32);
  const inside = Buffer.concat([Buffer.from([2, 1, 1, 4, 0x82, 1, 8]), long, rest]);
  const key = Buffer.concat([Buffer.from([0x30, 0x82, inside.length >> 8, inside.length & 0xff]), inside]); // prettier-ignore
  expect(keyTypeOf(createPrivateKey({ key, format: 'der', type: 'sec1' }))).toEqual({ kty: 'EC', crv: 'P-256' }); // prettier-ignore
});

test.each([
  ['', 0],
  ['00', 0],
  ['01', 1],
  ['ff', 8],
  ['0080', 8],
  ['010000', 17],
])('the bits of %s', (hex, bits) => {
  expect(bitLength(Buffer.from(hex, 'hex'))).toBe(bits);
});
