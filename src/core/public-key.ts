/**
 * What a key is, read from its SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7). Not from what Node says
 * of it (`asymmetricKeyDetails`): Node 20 ends the process on some keys that are damaged.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { derChild, readDer, readOid, tags, type DerNode } from './der.ts';

export interface KeyType {
  /** `RSA`, `RSA-PSS`, `EC`, `OKP`, …, as far as possible as a JWK has it. */
  readonly kty: string;
  /** Of the modulus. */
  readonly bits?: number;
  readonly crv?: string;
}

/** RFC 7518 section 6.2.1.1 and RFC 8812; others keep their object identifier. */
const curves: Readonly<Record<string, string>> = {
  '1.2.840.10045.3.1.7': 'P-256',
  '1.3.132.0.34': 'P-384',
  '1.3.132.0.35': 'P-521',
  '1.3.132.0.10': 'secp256k1',
};

/** RFC 8037, by the name that Node has for them. */
const okp: Readonly<Record<string, string>> = {
  ed25519: 'Ed25519',
  ed448: 'Ed448',
  x25519: 'X25519',
  x448: 'X448',
};

/** Of a public or a private key. May throw where the key is damaged. */
export function keyTypeOf(key: KeyObject): KeyType {
  const { asymmetricKeyType: type = 'unknown' } = key;
  const crv = Object.hasOwn(okp, type) ? okp[type] : undefined;
  if (crv !== undefined) return { kty: 'OKP', crv };
  if (type !== 'rsa' && type !== 'rsa-pss' && type !== 'ec') return { kty: type.toUpperCase() };
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const spki = readDer(publicKey.export({ type: 'spki', format: 'der' }));
  if (type === 'ec') return { kty: 'EC', ...curveOf(derChild(derChild(spki, 0), 1)) };
  // The first octet of a BIT STRING counts its unused bits.
  const numbers = readDer(derChild(spki, 1, tags.bitString).content.subarray(1));
  return { kty: type.toUpperCase(), bits: bitLength(derChild(numbers, 0, tags.integer).content) };
}

/** A curve may also be written out in numbers, and has no name then. */
function curveOf(parameters: DerNode): Pick<KeyType, 'crv'> {
  if (parameters.tag !== tags.oid) return {};
  const oid = readOid(parameters);
  return { crv: curves[oid] ?? oid };
}

/** Of a non-negative number, big-endian. */
export function bitLength(bytes: Uint8Array): number {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first === -1 ? 0 : 8 * (bytes.length - first) - (Math.clz32(bytes[first] ?? 0) - 24);
}
