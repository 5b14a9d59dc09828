/** JWK Sets with private members (RFC 7517 section 5), to replace the keys of a keyset. */
import { Failure } from '../failure.ts';
import { keyTypes, keyUses, minimumRsaBits, type KeyType, type KeyUse } from './jwk.ts';
import { isoTime, type NumericDate } from './lifetime.ts';
import { bitLength } from './public-key.ts';
import { maximumRsaBits, rsaNumbersFit, rsaPrivateMembers } from './rsa-key.ts';
import { Secret } from './secret.ts';

/** A key of a JWK Set that is ready to be sent: private members wrapped, no `kid`. */
export interface UploadKey {
  readonly kty: KeyType;
  readonly use: KeyUse;
  readonly nbf?: NumericDate;
  readonly exp?: NumericDate;
  readonly k?: Secret;
  readonly n?: string;
  readonly e?: string;
  readonly d?: Secret;
  readonly p?: Secret;
  readonly q?: Secret;
  readonly dp?: Secret;
  readonly dq?: Secret;
  readonly qi?: Secret;
  readonly x5c?: readonly string[];
  readonly x5t?: string;
}

export interface UploadKeySet {
  readonly keys: readonly UploadKey[];
  /** Members that were left out because the service refuses or does not know them, sorted. */
  readonly dropped: readonly string[];
}

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * A JWK Set (RFC 7517 section 5) with private members, checked so that the service can take every
 * key. `name` names the file in failures, which never repeat a value. Failures: `input`.
 */
export function parseUploadKeySet(text: string, name: string, now: NumericDate): UploadKeySet {
  const refuse = (reason: string, hint?: string): Failure =>
    new Failure('input', `${name}: ${reason}`, { hint });
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    // JSON.parse quotes the text around the fault, and that text may be a private key.
    throw refuse('not JSON', 'pass a JWK Set: {"keys":[{"kty":"RSA","use":"sig",…}]}');
  }
  if (!isObject(set) || !Array.isArray(set['keys']))
    throw refuse('not a JWK Set: it has no "keys" array', 'wrap a single key as {"keys":[…]}');
  const members: readonly unknown[] = set['keys'];
  if (members.length === 0)
    throw refuse('the JWK Set has no keys', 'to remove a keyset use policykeys delete');
  const dropped = new Set<string>();
  const keys = members.map((member, index) => {
    const where = `keys[${String(index)}]`;
    if (!isObject(member)) throw refuse(`${where} is not an object`);
    const key = readKey(member, (reason, hint) => refuse(`${where}: ${reason}`, hint), now);
    for (const [given, value] of Object.entries(member))
      if (value !== null && !Object.hasOwn(key, given)) dropped.add(given);
    return key;
  });
  for (const member of ['kty', 'use'] as const)
    if (new Set(keys.map((key) => key[member])).size > 1)
      throw refuse(
        `the keys do not share one "${member}"`,
        'B2C keeps one kty and one use a keyset',
      );
  return { keys, dropped: [...dropped].sort() };
}

type Refuse = (reason: string, hint?: string) => Failure;

function readKey(member: Members, refuse: Refuse, now: NumericDate): UploadKey {
  const kty = keyTypes.find((type) => type.toLowerCase() === lower(member['kty']));
  const use = keyUses.find((value) => value === member['use']);
  if (kty === undefined) throw refuse('"kty" must be RSA or oct', 'B2C knows no other key types');
  if (use === undefined) throw refuse('"use" must be sig or enc');
  const nbf = readDate(member, 'nbf', refuse);
  const exp = readDate(member, 'exp', refuse);
  if (exp !== undefined && exp <= now)
    throw refuse(
      `"exp" ${isoTime(exp)} is not in the future`,
      'B2C refuses a key that has expired',
    );
  if (exp !== undefined && nbf !== undefined && exp <= nbf)
    throw refuse('"exp" is not after "nbf"');
  return {
    kty,
    use,
    ...(nbf === undefined ? {} : { nbf }),
    ...(exp === undefined ? {} : { exp }),
    ...(kty === 'oct' ? readOct(member, refuse) : readRsa(member, refuse)),
  };
}

const lower = (value: unknown): string => (typeof value === 'string' ? value.toLowerCase() : '');

function readDate(member: Members, name: 'nbf' | 'exp', refuse: Refuse): NumericDate | undefined {
  const value = member[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw refuse(`"${name}" must be a whole number of seconds`);
  if (value >= 100_000_000_000)
    throw refuse(`"${name}" is not in seconds`, 'divide milliseconds by 1000');
  return value;
}

function base64url(member: Members, name: string, refuse: Refuse): string {
  const value = member[name];
  if (typeof value !== 'string' || !/^[A-Za-z0-9_-]+$/.test(value) || value.length % 4 === 1)
    throw refuse(`"${name}" must be base64url`, `pass the private key: its "${name}" is needed`);
  return value;
}

const readOct = (member: Members, refuse: Refuse): Pick<UploadKey, 'k'> => ({
  k: new Secret(base64url(member, 'k', refuse)),
});

const isBase64 = (value: unknown): value is string =>
  typeof value === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(value) && value.length % 4 === 0;

function readRsa(member: Members, refuse: Refuse): Omit<UploadKey, 'kty' | 'use'> {
  const text = (name: string): string => base64url(member, name, refuse);
  const open = { n: text('n'), e: text('e') };
  const [d, p, q, dp, dq, qi] = rsaPrivateMembers.map(text) as Six;
  const number = (member: string): Buffer => Buffer.from(member, 'base64url');
  const n = number(open.n);
  const bits = bitLength(n);
  const fits = rsaNumbersFit({
    ...{ n, e: number(open.e), d: number(d), p: number(p), q: number(q) },
    ...{ dp: number(dp), dq: number(dq), qi: number(qi) },
  });
  if (!fits || bits > maximumRsaBits) throw refuse('the members do not make an RSA private key');
  if (bits < minimumRsaBits)
    throw refuse(
      `the RSA key has ${String(bits)} bits`,
      `B2C wants ${String(minimumRsaBits)} or more`,
    );
  return {
    n: open.n,
    e: open.e,
    d: new Secret(d),
    p: new Secret(p),
    q: new Secret(q),
    dp: new Secret(dp),
    dq: new Secret(dq),
    qi: new Secret(qi),
    ...readChain(member, refuse),
  };
}

type Six = [string, string, string, string, string, string];

function readChain(member: Members, refuse: Refuse): Pick<UploadKey, 'x5c' | 'x5t'> {
  const x5c: unknown = member['x5c'] ?? undefined;
  const x5t = member['x5t'] ?? undefined;
  if (x5t !== undefined && (typeof x5t !== 'string' || !/^[A-Za-z0-9_-]+$/.test(x5t)))
    throw refuse('"x5t" must be base64url');
  if (x5c === undefined) return x5t === undefined ? {} : { x5t };
  if (!Array.isArray(x5c) || !x5c.every(isBase64))
    throw refuse('"x5c" must be an array of base64 strings');
  return { x5c, ...(x5t === undefined ? {} : { x5t }) };
}
