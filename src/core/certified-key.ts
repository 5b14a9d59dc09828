/** A private key with its certificate and the chain of that: what becomes one key of a keyset. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { Failure } from '../failure.ts';
import { derChild, readDer, readOid } from './der.ts';
import type { BagAttributes, StoredKey } from './pkcs12-frame.ts';
import { obstacles, type Pkcs12, type StoredCertificate } from './pkcs12.ts';
import { printable } from './printable.ts';
import { rsaNumbersFit, rsaNumbersOf } from './rsa-key.ts';
import { isIssuedBy, type Certificate } from './x509.ts';

export interface CertifiedKey extends BagAttributes {
  readonly privateKey: KeyObject;
  /** PrivateKeyInfo (RFC 5958), DER, as it came. */
  readonly pkcs8: Buffer;
  readonly leaf: Certificate;
  /** Leaf first, each followed by its issuer, as far as the file goes. */
  readonly chain: readonly StoredCertificate[];
  /** Certificates of the file that are not in the chain. */
  readonly others: readonly StoredCertificate[];
}

export interface KeyParts {
  readonly keys: readonly StoredKey[];
  readonly certificates: readonly StoredCertificate[];
}

/**
 * The one key of these parts, or the one called `alias`, with its chain. `name` names the file in
 * failures. Failures: `input`.
 */
export function certifiedKey(parts: KeyParts, name: string, alias?: string): CertifiedKey {
  const { pkcs8, ...attributes } = chooseKey(parts, name, alias);
  const privateKey = parsePrivateKey(pkcs8, name);
  const leaf = leafFor(privateKey, parts.certificates, attributes.localKeyId);
  if (leaf === undefined)
    throw new Failure('input', `${name} holds no certificate for its private key`, {
      hint: 'export the key together with its own certificate',
    });
  if (!fitsTogether(privateKey, pkcs8))
    throw new Failure(
      'input',
      `${name} is damaged: the numbers of its private key do not belong together`,
      { hint: 'fetch or export it again' },
    );
  const chain = chainFrom(leaf, parts.certificates);
  const kept = attributes.alias ?? leaf.alias;
  return {
    ...attributes,
    ...(kept === undefined ? {} : { alias: kept }),
    privateKey,
    pkcs8,
    leaf: leaf.certificate,
    chain,
    others: parts.certificates.filter((one) => !chain.includes(one)),
  };
}

/** What a person calls a key: its own alias, or that of the certificate it is tied to. */
export const aliasOf = (
  { alias, localKeyId }: StoredKey,
  { certificates }: KeyParts,
): string | undefined =>
  alias ??
  certificates.find(
    (one) => localKeyId !== undefined && one.localKeyId?.equals(localKeyId) === true,
  )?.alias;

function chooseKey(parts: KeyParts, name: string, alias: string | undefined): StoredKey {
  const { keys } = parts;
  const aliases = keys.map((key) => aliasOf(key, parts));
  const shown = aliases.map((one) => (one === undefined ? '(without a name)' : JSON.stringify(printable(one)))); // prettier-ignore
  const [first] = keys;
  if (first === undefined)
    throw new Failure('input', `${name} holds no private key`, {
      hint: 'export it with its private key, or upload the certificate alone with upload-certificate',
    });
  if (alias === undefined) {
    if (keys.length === 1) return first;
    throw new Failure(
      'input',
      `${name} holds ${String(keys.length)} private keys: ${shown.join(', ')}`,
      {
        hint:
          new Set(aliases).size === keys.length
            ? 'choose one with --alias, or export it into a file of its own'
            : 'export the one that is meant into a file of its own: their names do not tell them apart (--alias)',
      },
    );
  }
  const named = keys.filter((_, index) => aliases[index] === alias);
  const [one] = named;
  if (one !== undefined && named.length === 1) return one;
  throw new Failure(
    'input',
    named.length === 0
      ? `${name} holds no private key called ${JSON.stringify(printable(alias))}`
      : `${name} holds ${String(named.length)} private keys called ${JSON.stringify(printable(alias))}`,
    { hint: `its private keys are called ${shown.join(', ')}` },
  );
}

/** More than an RSA key of 16,384 bits takes, in bytes. */
export const maxKeyBytes = 16_384;

/** RSA, RSASSA-PSS, EC, X25519, X448, Ed25519, Ed448. */
const keyAlgorithms = [
  ...['1.2.840.113549.1.1.1', '1.2.840.113549.1.1.10', '1.2.840.10045.2.1'],
  ...['1.3.101.110', '1.3.101.111', '1.3.101.112', '1.3.101.113'],
];

/** Failures: `input`, also for kinds of which OpenSSL would first compute a public key of any size. */
export function parsePrivateKey(pkcs8: Buffer, name: string): KeyObject {
  try {
    const algorithm = readOid(derChild(derChild(readDer(pkcs8), 1), 0));
    if (keyAlgorithms.includes(algorithm) && pkcs8.length <= maxKeyBytes)
      return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  } catch {
    // The cause stays behind: nobody knows what it quotes.
  }
  throw new Failure('input', `${name}: its private key cannot be read`, {
    hint: 'export it again; a key that is no RSA key is of no use to B2C',
  });
}

/** The public numbers are all that was compared with the certificate. */
function fitsTogether(privateKey: KeyObject, pkcs8: Buffer): boolean {
  if (privateKey.asymmetricKeyType !== 'rsa') return true;
  const numbers = rsaNumbersOf(pkcs8);
  return numbers !== undefined && rsaNumbersFit(numbers);
}

/** A renewed certificate may have the same key: the one that the file ties to it, else the last to end. */
function leafFor(
  privateKey: KeyObject,
  certificates: readonly StoredCertificate[],
  localKeyId: Buffer | undefined,
): StoredCertificate | undefined {
  const fitting = certificates.filter(({ certificate }) =>
    certificate.x509.checkPrivateKey(privateKey),
  );
  const tied = fitting.find(
    (one) => localKeyId !== undefined && one.localKeyId?.equals(localKeyId) === true,
  );
  const last = (best: StoredCertificate, one: StoredCertificate): StoredCertificate =>
    one.certificate.notAfter > best.certificate.notAfter ? one : best;
  return tied ?? (fitting[0] && fitting.reduce(last, fitting[0]));
}

/** Longer ones are not found outside of attacks, nor more issuers of one name: each costs a signature. */
const longestChain = 20;
const mostTries = 200;

/** From a certificate up: each followed by the one that signed it, as far as they are there. */
export function chainFrom(
  leaf: StoredCertificate,
  certificates: readonly StoredCertificate[],
): StoredCertificate[] {
  const chain = [leaf];
  // Of an issuer that was renewed, the certificate that ends last.
  const rest = new Set(
    [...certificates].sort((a, b) => b.certificate.notAfter - a.certificate.notAfter),
  );
  let tries = 0;
  const signed = (by: Certificate, one: Certificate): boolean =>
    one.x509.issuer === by.x509.subject && ++tries <= mostTries && isIssuedBy(one, by);
  for (let last = leaf; chain.length < longestChain;) {
    rest.delete(last);
    if (signed(last.certificate, last.certificate)) break;
    const issuer = [...rest].find((one) => signed(one.certificate, last.certificate));
    if (issuer === undefined) break;
    chain.push(issuer);
    last = issuer;
  }
  return chain;
}

/** Why a PFX does not go to B2C as it is; empty where it does. */
export const whyConverted = (pfx: Pkcs12, key: CertifiedKey, hasPassword: boolean): string[] => [
  ...obstacles(pfx.outline),
  ...disorder(pfx, key),
  ...(hasPassword ? [] : ['it has no password, and B2C insists on one']),
];

/** Why a PFX has to be written anew although it is protected as B2C wants it. */
export function disorder({ certificates, keys }: Pkcs12, key: CertifiedKey): string[] {
  const inOrder = key.chain.every((one, index) => certificates[index] === one);
  const tied =
    key.localKeyId !== undefined && key.chain[0]?.localKeyId?.equals(key.localKeyId) === true;
  return [
    ...(keys.length > 1 ? ['it holds further private keys'] : []),
    ...(key.others.length > 0 ? ['it holds certificates that are not of its chain'] : []),
    ...(inOrder || key.others.length > 0
      ? []
      : ['its certificates are not one chain in order, leaf first']),
    ...(tied ? [] : ['nothing in it ties its certificate to its key (localKeyId)']),
  ];
}
