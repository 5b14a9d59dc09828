/** What clients send -> the key as the service keeps it, or the refusal it answers with. */
import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { DerError, readDer } from '../core/der.ts';
import { keyTypes, keyUses, minimumRsaBits, type KeyType, type KeyUse } from '../core/jwk.ts';
import { rsaThumbprint } from '../core/thumbprint.ts';
import { keyStatuses } from '../core/keyset.ts';
import type { NumericDate } from '../core/lifetime.ts';
import { parseCertificate, type Certificate } from '../core/x509.ts';
import { isFailure } from '../failure.ts';
import { invalidKeySet, refuse, refuseAs } from './errors.ts';
import { isMembers, type Members, type World } from './exchange.ts';
import { openPkcs12 } from './pkcs12.ts';
import type { Action } from './routes.ts';
import type { StoredKey } from './state.ts';

/** A key that has no status yet: the service decides on it (Q1). */
export type IncomingKey = Omit<StoredKey, 'status'> & Partial<Pick<StoredKey, 'status'>>;

/** Any JSON; a body that is none has a code of its own. */
export function readJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw refuse('AADB2C95026');
  }
}

const parameters = {
  generateKey: ['use', 'kty', 'nbf', 'exp'],
  uploadSecret: ['use', 'k', 'nbf', 'exp'],
  uploadCertificate: ['key'],
  uploadPkcs12: ['key', 'password'],
} as const satisfies Record<Action, readonly string[]>;

function readParameters(action: Action, body: string): Members {
  const members = readJson(body);
  if (!isMembers(members)) throw refuse('AADB2C95026');
  const known: readonly string[] = parameters[action];
  const stray = Object.keys(members).find((name) => !known.includes(name));
  if (stray !== undefined)
    throw refuseAs(
      400,
      'BadRequest',
      "The parameter '{0}' in the request payload is not a valid parameter for the operation '{1}'.",
      stray,
      action,
    );
  return members;
}

/** The key that an action adds. Only what can be read back is kept of it. */
export async function keyOfAction(
  action: Action,
  body: string,
  world: World,
): Promise<IncomingKey> {
  const members = readParameters(action, body);
  switch (action) {
    case 'generateKey': {
      const kty = readKeyType(parameter(members, 'kty'));
      const common = { use: readUse(parameter(members, 'use')), ...readDates(members, world) };
      return kty === 'RSA'
        ? { ...rsaKey(await generateRsa()), ...common }
        : { kid: randomKid(world), kty, ...common };
    }
    case 'uploadSecret': {
      const use = readUse(parameter(members, 'use'));
      parameter(members, 'k');
      return { kid: randomKid(world), kty: 'oct', use, ...readDates(members, world) };
    }
    case 'uploadCertificate': {
      const bytes = fromBase64(parameter(members, 'key'));
      return certificateKey([readCertificate(bytes)], world);
    }
    case 'uploadPkcs12':
      return pkcs12Key(parameter(members, 'key'), parameter(members, 'password'), world);
  }
}

const generateRsa = async (): Promise<KeyObject> =>
  (await promisify(generateKeyPair)('rsa', { modulusLength: minimumRsaBits })).publicKey;

const randomKid = (world: World): string => world.randomBytes(32).toString('base64url');

function rsaKey(publicKey: KeyObject): Pick<StoredKey, 'kid' | 'e' | 'n'> & { kty: 'RSA' } {
  const { e = '', n = '' } = publicKey.export({ format: 'jwk' });
  return { kid: rsaThumbprint({ e, n }), kty: 'RSA', e, n };
}

function checkRsa(key: KeyObject): void {
  // RSA-PSS keys are of another type, which JWK cannot tell from RSA.
  if (key.asymmetricKeyType !== 'rsa') throw refuse('AADB2C95031');
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < minimumRsaBits) throw refuse('AADB2C90137', String(bits), String(minimumRsaBits));
}

async function pkcs12Key(key: string, password: string, world: World): Promise<IncomingKey> {
  const pfx = await openPkcs12(fromBase64(key), password);
  if (pfx === undefined) throw refuse('AADB2C90213');
  if (pfx.key === undefined) throw refuse('AADB2C90178');
  const certificates = pfx.certificates.map(readCertificate);
  if (certificates[0]?.x509.checkPrivateKey(pfx.key) !== true) throw refuse('AADB2C90178');
  return certificateKey(certificates, world);
}

/** A certificate's dates and its usage are the key's (Q9). */
function certificateKey(chain: readonly Certificate[], world: World): IncomingKey {
  const [leaf] = chain;
  if (leaf === undefined) throw refuse('AADB2C90179');
  checkRsa(leaf.x509.publicKey);
  if (leaf.notAfter <= seconds(world)) throw refuse('AADB2C90214');
  return {
    ...rsaKey(leaf.x509.publicKey),
    kid: certificateKid(leaf),
    use: useOf(leaf),
    nbf: leaf.notBefore,
    exp: leaf.notAfter,
    x5c: chain.map((certificate) => certificate.der.toString('base64')),
    x5t: leaf.x5t,
  };
}

/** Not the key's thumbprint: a renewed certificate may have the same key. */
const certificateKid = (certificate: Certificate): string =>
  Buffer.from(certificate.x509.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');

const encryptionOnly = new Set(['keyEncipherment', 'dataEncipherment']);

const useOf = ({ keyUsage = [] }: Certificate): KeyUse =>
  keyUsage.length > 0 && keyUsage.every((usage) => encryptionOnly.has(usage)) ? 'enc' : 'sig';

function readCertificate(bytes: Buffer): Certificate {
  try {
    return parseCertificate(readDer(bytes).whole, 'the certificate');
  } catch (error) {
    if (error instanceof DerError || isFailure(error, 'input')) throw refuse('AADB2C90179');
    throw error;
  }
}

function fromBase64(text: string): Buffer {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) throw refuse('AADB2C90179');
  return Buffer.from(text, 'base64');
}

function parameter(members: Members, name: string): string {
  const value = members[name];
  if (value === undefined) throw refuse('AADB2C90253', name);
  if (value === null) throw refuse('AADB2C90186', name);
  if (typeof value !== 'string' || value.trim() === '')
    throw refuse('AADB2C90136', name, '', 'a value that is not null or white space');
  return value;
}

function readKeyType(value: unknown): KeyType {
  const kty = keyTypes.find(
    (type) => typeof value === 'string' && type.toLowerCase() === value.toLowerCase(),
  );
  if (kty === undefined) throw refuse('AADB2C95031');
  return kty;
}

function readUse(value: unknown): KeyUse {
  const use = keyUses.find((one) => one === value);
  if (use === undefined) throw refuse('AADB2C95033');
  return use;
}

function readDates(members: Members, world: World): Pick<StoredKey, 'nbf' | 'exp'> {
  const nbf = readDate(members, 'nbf');
  const exp = readDate(members, 'exp');
  if (exp !== undefined && exp <= seconds(world)) throw refuse('AADB2C90214');
  return { ...(nbf === undefined ? {} : { nbf }), ...(exp === undefined ? {} : { exp }) };
}

function readDate(members: Members, name: 'nbf' | 'exp'): NumericDate | undefined {
  const value = members[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw refuse('AADB2C90136', name, JSON.stringify(value), 'a NumericDate');
  return value;
}

export const seconds = (world: World): NumericDate => Math.floor(world.now() / 1000);

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const;
const jwkMembers = new Set<string>([
  'kid', 'kty', 'use', 'nbf', 'exp', 'status', 'e', 'n', 'x5c', 'x5t', 'k', ...privateMembers,
]); // prettier-ignore

/** The keys of a body of create or update: whole JWKs, private members included. */
export function readJwks(value: unknown, world: World): IncomingKey[] {
  if (!Array.isArray(value)) throw invalidKeySet();
  return value.map((jwk: unknown) => readJwk(jwk, world));
}

function readJwk(jwk: unknown, world: World): IncomingKey {
  // A member that is not modelled (`key_ops`, `alg`) spoils the whole body.
  if (!isMembers(jwk) || Object.keys(jwk).some((name) => !jwkMembers.has(name)))
    throw invalidKeySet();
  if (given(jwk['kid']) && jwk['kid'] !== '') throw refuse('AADB2C95059');
  if (!given(jwk['kty'])) throw refuse('AADB2C95030');
  const kty = readKeyType(jwk['kty']);
  const use = readUse(jwk['use']);
  const status = keyStatuses.find((one) => one === jwk['status']);
  if (given(jwk['status']) && status === undefined) throw invalidKeySet();
  return {
    ...(kty === 'oct' ? readOct(jwk, world) : readRsa(jwk)),
    use,
    ...readDates(jwk, world),
    ...(status === undefined ? {} : { status }),
  };
}

const given = (value: unknown): boolean => value !== undefined && value !== null;

const isBase64url = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9_-]+$/.test(value);

function readOct(jwk: Members, world: World): Pick<StoredKey, 'kid' | 'kty'> {
  if (!isBase64url(jwk['k'])) throw refuse('AADB2C95029');
  return { kid: randomKid(world), kty: 'oct' };
}

function readRsa(jwk: Members): Omit<IncomingKey, 'use'> {
  const { n, e } = jwk;
  if (!isBase64url(n) || !isBase64url(e)) throw refuse('AADB2C95039');
  const texts = privateMembers.map((name) => jwk[name]);
  if (!texts.every(isBase64url)) throw refuse('AADB2C95034');
  const [d = '', p = '', q = '', dp = '', dq = '', qi = ''] = texts;
  const members = { n, e, d, p, q, dp, dq, qi };
  const key = importKey({ kty: 'RSA', ...members });
  checkRsa(key);
  if (!belongTogether(members)) throw refuse('AADB2C95034');
  const open = { ...rsaKey(key), n, e };
  if (!given(jwk['x5c']) || (Array.isArray(jwk['x5c']) && jwk['x5c'].length === 0)) return open;
  const chain = readChain(jwk['x5c']);
  const [leaf] = chain;
  if (leaf?.x509.checkPrivateKey(key) !== true) throw refuse('AADB2C90179');
  return {
    ...open,
    kid: certificateKid(leaf),
    x5c: chain.map((certificate) => certificate.der.toString('base64')),
    x5t: leaf.x5t,
  };
}

type RsaMembers = Readonly<Record<'n' | 'e' | (typeof privateMembers)[number], string>>;

/** RFC 8017 section 3.2; node:crypto takes any numbers. */
function belongTogether(members: RsaMembers): boolean {
  const number = (name: keyof RsaMembers): bigint =>
    BigInt(`0x${Buffer.from(members[name], 'base64url').toString('hex') || '0'}`);
  const [n, e, d, p, q] = [number('n'), number('e'), number('d'), number('p'), number('q')];
  return (
    p > 1n &&
    q > 1n &&
    p * q === n &&
    (e * d) % (p - 1n) === 1n &&
    (e * d) % (q - 1n) === 1n &&
    number('dp') === d % (p - 1n) &&
    number('dq') === d % (q - 1n) &&
    (number('qi') * q) % p === 1n
  );
}

function readChain(x5c: unknown): Certificate[] {
  if (!Array.isArray(x5c)) throw invalidKeySet();
  return x5c.map((text: unknown) => {
    if (typeof text !== 'string') throw invalidKeySet();
    return readCertificate(fromBase64(text));
  });
}

function importKey(jwk: Readonly<Record<string, unknown>>): KeyObject {
  try {
    return createPrivateKey({ key: jwk, format: 'jwk' });
  } catch {
    throw refuse('AADB2C95034');
  }
}
