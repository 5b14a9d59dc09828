/** What a file is, what is in it, and what B2C would do with it. Never a private member. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Failure, isFailure } from '../failure.ts';
import {
  aliasOf,
  certifiedKey,
  chainFrom,
  parsePrivateKey,
  whyConverted,
  type CertifiedKey,
} from './certified-key.ts';
import { fileKind, utf16Hint, type FileKind } from './file-kind.ts';
import { minimumRsaBits } from './jwk.ts';
import type { NumericDate } from './lifetime.ts';
import type { Protection } from './pbe.ts';
import { pemEncryption, readPemKey, readPemParts, type ReadPassword } from './pem-parts.ts';
import { needsPassword, openPkcs12, outlinePkcs12, type Pkcs12, type StoredCertificate } from './pkcs12.ts'; // prettier-ignore
import { printable } from './printable.ts';
import { bitLength, keyTypeOf, type KeyType } from './public-key.ts';
import { Secret } from './secret.ts';
import { parseUploadKeySet } from './upload-keys.ts';
import { extendedUsages, isSelfIssued, leafOf, objections, parseCertificate, type Certificate } from './x509.ts'; // prettier-ignore

export const verdicts = ['accepted', 'converted', 'refused'] as const;
export type Verdict = (typeof verdicts)[number];

export interface KeyFacts extends KeyType {
  readonly private: boolean;
  readonly alias?: string;
  /** Absent where the file does not say; `none` where it is not encrypted. */
  readonly encryption?: Protection;
  /** The x5t of its certificate. */
  readonly certificate?: string;
}

export const roles = ['leaf', 'chain', 'other'] as const;

export interface CertificateFacts {
  readonly role: (typeof roles)[number];
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly nbf: NumericDate;
  readonly exp: NumericDate;
  readonly key: KeyType;
  readonly keyUsage?: readonly string[];
  readonly extendedKeyUsage?: readonly string[];
  readonly x5t: string;
  readonly x5tS256: string;
  readonly selfIssued: boolean;
  readonly alias?: string;
}

export interface JwkFacts extends KeyType {
  readonly use?: string;
  readonly kid?: string;
  readonly alg?: string;
  readonly private: boolean;
}

export interface Inspection {
  readonly type: 'certificate' | 'pkcs12' | 'key' | 'jwks';
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
  /** The command that the verdict is about. */
  readonly command: string;
  /** Of a PFX; `null` where it has none. */
  readonly mac?: Protection | null;
  /** Of a PFX, how its certificates are protected: once for each part of it. */
  readonly certificateEncryption?: readonly Protection[];
  readonly keys?: readonly KeyFacts[];
  readonly certificates?: readonly CertificateFacts[];
  /** Of the leaf: whether it goes up to one that issued itself, and the x5t of each. */
  readonly chain?: { readonly complete: boolean; readonly x5t: readonly string[] };
  readonly jwks?: readonly JwkFacts[];
}

export interface InspectOptions {
  /** Called at most once, and only where something is encrypted. */
  readonly readPassword: ReadPassword;
  readonly alias?: string | undefined;
  readonly now: NumericDate;
}

/** `name` names the file in failures. Failures: `input` for what cannot be read. */
export async function inspectFile(
  bytes: Buffer,
  name: string,
  options: InspectOptions,
): Promise<Inspection> {
  const kind = fileKind(bytes);
  switch (kind) {
    case 'pkcs12':
      return inspectPkcs12(bytes, name, options);
    case 'pem':
      return inspectPem(bytes, name, options);
    case 'certificate':
      return inspectCertificates([parseCertificate(bytes, name)], name, options.now);
    case 'public-key':
      return inspectPublicKey(parsePublicKey(bytes, 'spki', name));
    case 'json':
      return inspectJson(bytes, name, options.now);
    case 'private-key':
    case 'encrypted-key':
    case 'pkcs7':
    case 'jks':
    case 'jceks':
    case 'base64':
    case 'utf16':
    case 'empty':
    case 'unknown': {
      const [reason, hint] = unreadable[kind];
      throw new Failure('input', `${name} cannot be inspected: ${reason}`, { hint });
    }
  }
}

type Unreadable = Exclude<FileKind, 'pkcs12' | 'pem' | 'certificate' | 'public-key' | 'json'>;

const known = 'it reads certificates (PEM, DER), PFX, keys in PEM, and JWK Sets';
const unreadable: Readonly<Record<Unreadable, readonly [string, string]>> = {
  'private-key': ['it is a private key in DER', 'write it as PEM: openssl pkey -inform DER -in FILE -out NEW.pem'], // prettier-ignore
  'encrypted-key': ['it is an encrypted private key in DER', 'write it as PEM: openssl pkcs8 -inform DER -in FILE -topk8 -out NEW.pem'], // prettier-ignore
  pkcs7: ['it is PKCS #7', 'write its certificates as PEM: openssl pkcs7 -inform DER -in FILE -print_certs -out NEW.pem'], // prettier-ignore
  jks: ['it is a Java key store (JKS)', 'make it a PFX: keytool -importkeystore -srckeystore FILE -destkeystore NEW.pfx -deststoretype PKCS12'], // prettier-ignore
  jceks: ['it is a Java key store (JCEKS)', 'make it a PFX: keytool -importkeystore -srckeystore FILE -srcstoretype JCEKS -destkeystore NEW.pfx -deststoretype PKCS12'], // prettier-ignore
  base64: ['it is base64 text', 'decode it first: base64 -d FILE > NEW'],
  utf16: ['it is text in UTF-16', utf16Hint],
  empty: ['it is empty', known],
  unknown: ['it is of no kind that is known here', known],
};

async function inspectPkcs12(
  bytes: Buffer,
  name: string,
  { readPassword, alias, now }: InspectOptions,
): Promise<Inspection> {
  const protectedFile = needsPassword(outlinePkcs12(bytes, name));
  const password = protectedFile ? await readPassword() : new Secret('');
  const pfx = await openPkcs12(bytes, password, name);
  return inspectOpened(pfx, { name, now, alias, hasPassword: password.reveal() !== '' });
}

/** Of a PFX that is open already. */
export function inspectOpened(
  pfx: Pkcs12,
  options: Pick<InspectOptions, 'alias' | 'now'> & {
    readonly name: string;
    readonly hasPassword: boolean;
  },
): Inspection {
  const { name, alias, now, hasPassword } = options;
  const { outline, keys, certificates } = pfx;
  const key = attempt(() => certifiedKey(pfx, name, alias));
  const chosen = key instanceof Failure ? undefined : key;
  const chain = chosen?.chain ?? certificates.slice(0, 1);
  const refusals =
    key instanceof Failure ? [key.message] : objections(key.leaf, now).map(({ reason }) => reason);
  const changes = chosen === undefined ? [] : whyConverted(pfx, chosen, hasPassword);
  return {
    type: 'pkcs12',
    ...verdictOf(refusals, changes),
    command: 'upload-pkcs12',
    mac: outline.mac ?? null,
    certificateEncryption: outline.certificates,
    keys: keys.map((stored) => {
      const privateKey = attempt(() => parsePrivateKey(stored.pkcs8, name));
      return {
        ...(privateKey instanceof Failure ? { kty: 'unknown' } : typeOf(privateKey)),
        private: true,
        ...shownAlias(aliasOf(stored, pfx)),
        encryption: stored.protection,
        ...(privateKey instanceof Failure ? {} : certificateOf(privateKey, certificates)),
      };
    }),
    certificates: certificates.map((one) => ({
      ...certificateFacts(one.certificate, roleOf(one, chain)),
      ...shownAlias(one.alias),
    })),
    ...(chosen === undefined ? {} : { chain: chainFacts(chosen.chain) }),
  };
}

function verdictOf(
  refusals: readonly string[],
  changes: readonly string[],
): Pick<Inspection, 'verdict' | 'reasons'> {
  if (refusals.length > 0) return { verdict: 'refused', reasons: refusals };
  return { verdict: changes.length > 0 ? 'converted' : 'accepted', reasons: changes };
}

/** What a command would refuse is a fact here. */
function attempt<T>(work: () => T): T | Failure {
  try {
    return work();
  } catch (error) {
    if (isFailure(error, 'input')) return error;
    throw error;
  }
}

async function inspectPem(
  bytes: Buffer,
  name: string,
  { readPassword, now }: InspectOptions,
): Promise<Inspection> {
  const { certificates, keys, publicKeys } = readPemParts(bytes, name);
  const [block, ...moreKeys] = keys;
  if (block === undefined) {
    const [publicKey] = publicKeys;
    if (certificates.length > 0) return inspectCertificates(certificates, name, now);
    if (publicKey === undefined) throw new Failure('input', `${name} holds nothing to inspect`, { hint: known }); // prettier-ignore
    const type = publicKey.label === 'RSA PUBLIC KEY' ? 'pkcs1' : 'spki';
    return inspectPublicKey(parsePublicKey(publicKey.bytes, type, name));
  }
  const { pkcs8, privateKey } = await readPemKey(block, name, readPassword);
  const stored = certificates.map((certificate) => ({ certificate }));
  const scheme = pemEncryption(block);
  const facts: KeyFacts = {
    ...typeOf(privateKey),
    private: true,
    ...(scheme === undefined ? { encryption: { scheme: 'none', iterations: 0 } } : { encryption: { scheme, iterations: 0 } }), // prettier-ignore
    ...certificateOf(privateKey, stored),
  };
  const entry = attempt(() => certifiedKey({ keys: [{ pkcs8 }], certificates: stored }, name));
  const more = moreKeys.length > 0 ? [`${name} holds ${String(keys.length)} private keys`] : [];
  const weak = weakness(facts);
  if (certificates.length === 0)
    return {
      type: 'key',
      ...verdictOf([...more, ...weak], ['with its certificate it becomes a PFX: --certificate FILE --key FILE']), // prettier-ignore
      command: 'upload-pkcs12',
      keys: [facts],
    };
  const refusals =
    entry instanceof Failure
      ? [entry.message]
      : objections(entry.leaf, now).map(({ reason }) => reason);
  const chain = entry instanceof Failure ? stored.slice(0, 1) : entry.chain;
  return {
    type: 'key',
    ...verdictOf([...more, ...refusals], ['a PFX is made of it: --certificate FILE --key FILE']),
    command: 'upload-pkcs12',
    keys: [facts],
    certificates: stored.map((one) => certificateFacts(one.certificate, roleOf(one, chain))),
    ...(entry instanceof Failure ? {} : { chain: chainFacts(entry.chain) }),
  };
}

function weakness({ kty, bits = 0 }: KeyType): string[] {
  if (kty !== 'RSA') return [`it is an ${kty} key, and B2C takes RSA only`];
  return bits < minimumRsaBits
    ? [`it has ${String(bits)} bits, and B2C wants ${String(minimumRsaBits)} or more`]
    : [];
}

function inspectCertificates(
  certificates: readonly Certificate[],
  name: string,
  now: NumericDate,
): Inspection {
  const leaf = attempt(() => leafOf(certificates, name));
  const stored = certificates.map((certificate) => ({ certificate }));
  const first = stored.find(({ certificate }) => certificate === leaf);
  const chain = first === undefined ? [] : chainFrom(first, stored);
  const refusals =
    leaf instanceof Failure ? [leaf.message] : objections(leaf, now).map(({ reason }) => reason);
  return {
    type: 'certificate',
    ...verdictOf(refusals, []),
    command: 'upload-certificate',
    certificates: stored.map((one) => certificateFacts(one.certificate, roleOf(one, chain))),
    ...(chain.length === 0 ? {} : { chain: chainFacts(chain) }),
  };
}

/** As DER: where PEM says that it is encrypted, OpenSSL would ask for its password on the terminal. */
function parsePublicKey(key: Buffer, type: 'spki' | 'pkcs1', name: string): KeyObject {
  try {
    return createPublicKey({ key, format: 'der', type });
  } catch {
    throw new Failure('input', `${name}: its public key cannot be read`, {
      hint: 'is it damaged? Look at it with: openssl pkey -pubin -in FILE -noout -text',
    });
  }
}

const inspectPublicKey = (key: KeyObject): Inspection => ({
  type: 'key',
  verdict: 'refused',
  reasons: ['it is a public key, and B2C takes certificates: ask for the certificate of this key'],
  command: 'upload-certificate',
  keys: [{ ...typeOf(key), private: false }],
});

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function inspectJson(bytes: Buffer, name: string, now: NumericDate): Inspection {
  const text = bytes.toString('utf8').replace(/^\ufeff/, '');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What JSON.parse says quotes the text, which may be a private key.
    throw new Failure('input', `${name} is not JSON, although it begins like it`, { hint: known });
  }
  const list = isObject(value) && Array.isArray(value['keys']) ? value['keys'] : [value];
  const keys = list.filter(
    (key): key is Members => isObject(key) && typeof key['kty'] === 'string',
  );
  if (keys.length === 0)
    throw new Failure('input', `${name} is JSON, but no JWK Set`, {
      hint: 'a JWK Set looks like {"keys":[{"kty":"RSA",…}]}',
    });
  const set = attempt(() => parseUploadKeySet(text, name, now));
  const dropped = set instanceof Failure ? [] : set.dropped;
  return {
    type: 'jwks',
    ...verdictOf(
      set instanceof Failure ? [set.message] : [],
      dropped.length === 0 ? [] : [`B2C does not take these members, which are left out: ${dropped.map(printable).join(', ')}`], // prettier-ignore
    ),
    command: 'update',
    jwks: keys.map(jwkFacts),
  };
}

const privateMembers = ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi', 'oth'];

function jwkFacts(jwk: Members): JwkFacts {
  const text = (name: string): string | undefined => {
    const value = jwk[name];
    return typeof value === 'string' ? printable(value) : undefined;
  };
  const members = { use: text('use'), kid: text('kid'), alg: text('alg'), crv: text('crv') };
  const n = jwk['n'];
  return {
    kty: text('kty') ?? '',
    ...(typeof n === 'string' ? { bits: bitLength(Buffer.from(n, 'base64url')) } : {}),
    ...(Object.fromEntries(
      Object.entries(members).filter(([, value]) => value !== undefined),
    ) as Partial<Record<keyof typeof members, string>>),
    private: privateMembers.some((name) => jwk[name] !== undefined),
  };
}

/** A damaged key may be read, and say nothing more about itself. */
function typeOf(key: KeyObject): KeyType {
  try {
    return keyTypeOf(key);
  } catch {
    return { kty: 'unknown' };
  }
}

const shownAlias = (alias: string | undefined): { alias?: string } =>
  alias === undefined ? {} : { alias: printable(alias) };

const roleOf = (
  one: StoredCertificate,
  chain: readonly StoredCertificate[],
): CertificateFacts['role'] =>
  one === chain[0] ? 'leaf' : chain.includes(one) ? 'chain' : 'other';

function certificateOf(
  key: KeyObject,
  certificates: readonly StoredCertificate[],
): Pick<KeyFacts, 'certificate'> {
  const found = certificates.find(({ certificate }) => certificate.x509.checkPrivateKey(key));
  return found === undefined ? {} : { certificate: found.certificate.x5t };
}

function certificateFacts(
  certificate: Certificate,
  role: CertificateFacts['role'],
): CertificateFacts {
  const { subject, issuer, notBefore, notAfter, keyUsage, x5t, x5tS256, x509 } = certificate;
  const extended = extendedUsages(certificate);
  return {
    role,
    subject: printable(subject),
    issuer: printable(issuer),
    serial: x509.serialNumber,
    nbf: notBefore,
    exp: notAfter,
    key: keyTypeOf(x509.publicKey),
    ...(keyUsage === undefined ? {} : { keyUsage }),
    ...(extended.length === 0 ? {} : { extendedKeyUsage: extended }),
    x5t,
    x5tS256,
    selfIssued: isSelfIssued(certificate),
  };
}

const chainFacts = (chain: CertifiedKey['chain']): NonNullable<Inspection['chain']> => ({
  complete: chain.slice(-1).some(({ certificate }) => isSelfIssued(certificate)),
  x5t: chain.map(({ certificate }) => certificate.x5t),
});
