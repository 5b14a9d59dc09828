/**
 * Unknown JSON from Graph -> core types; the only place that trusts nothing. Tolerant where the
 * service is known to vary (keysets-api.md sections 2, 3 and 6), a `service` failure everywhere else.
 */
import { Failure } from '../failure.ts';
import { keyTypes, keyUses } from '../core/jwk.ts';
import { keyStatuses, type KeySet, type PolicyKey } from '../core/keyset.ts';
import type { Page } from './request.ts';

type Members = Readonly<Record<string, unknown>>;

const strange = (what: string): Failure =>
  new Failure('service', `Graph sent an answer that cannot be understood: ${what}`, {
    hint: 'run again; if it stays, report it with the request id',
  });

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Own members only: an answer may hold `__proto__`. `null` counts as absent. */
function member(object: Members, name: string): unknown {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  return value === null ? undefined : value;
}

/**
 * Control, format and bidirectional characters: a terminal would obey them. Nothing that the
 * service legitimately names holds one.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

function text(object: Members, name: string, where: string): string | undefined {
  const value = member(object, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw strange(`"${name}" of ${where} is not a string`);
  if (unprintable.test(value)) throw strange(`"${name}" of ${where} has control characters`);
  return value === '' ? undefined : value;
}

function objectOf(value: unknown, what: string): Members {
  if (!isObject(value)) throw strange(`${what} is not an object`);
  return value;
}

function arrayOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw strange(`${what} is not an array`);
  return value;
}

/** Int64 as OData may write it: a number or a numeric string. */
function seconds(object: Members, name: string, where: string): number | undefined {
  const value = member(object, name);
  if (value === undefined || value === '') return undefined;
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number))
    throw strange(`"${name}" of ${where} is not a whole number`);
  return number;
}

function oneOf<T extends string>(
  words: readonly T[],
  object: Members,
  name: string,
  where: string,
): T | undefined {
  const value = text(object, name, where);
  if (value === undefined) return undefined;
  const word =
    words.find((known) => known === value) ??
    words.find((known) => known.toLowerCase() === value.toLowerCase());
  if (word === undefined) throw strange(`"${name}" of ${where} is none that is known`);
  return word;
}

function status(object: Members, where: string): PolicyKey['status'] {
  const value = text(object, 'status', where);
  if (value === undefined) return undefined;
  return keyStatuses.find((known) => known === value.toLowerCase()) ?? 'unknownFutureValue';
}

function chain(object: Members, where: string): string[] | undefined {
  const value = member(object, 'x5c');
  if (value === undefined) return undefined;
  return arrayOf(value, `"x5c" of ${where}`).map((item) => {
    if (typeof item !== 'string' || !/^[A-Za-z0-9+/=]*$/.test(item))
      throw strange(`"x5c" of ${where} is not base64`);
    return item;
  });
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Absent members are exactly those left out. A loop: this runs for every key of a tenant. */
function defined<T extends object>(members: T): Defined<T> {
  const kept: Partial<T> = {};
  for (const name in members) if (members[name] !== undefined) kept[name] = members[name];
  return kept as Defined<T>;
}

/** trustFrameworkKey. Private members are not looked at, whatever the service sends. */
export function decodeKey(answer: unknown, where = 'the key'): PolicyKey {
  const key = objectOf(answer, where);
  return defined({
    kid: text(key, 'kid', where),
    kty: oneOf(keyTypes, key, 'kty', where),
    use: oneOf(keyUses, key, 'use', where),
    status: status(key, where),
    nbf: seconds(key, 'nbf', where),
    exp: seconds(key, 'exp', where),
    x5t: text(key, 'x5t', where),
    x5c: chain(key, where),
    e: text(key, 'e', where),
    n: text(key, 'n', where),
  });
}

/** A key that a command acts on must have a `kid`. */
export function decodeNamedKey(answer: unknown): PolicyKey & { readonly kid: string } {
  const key = decodeKey(answer);
  if (key.kid === undefined) throw strange('the key has no "kid"');
  return { ...key, kid: key.kid };
}

/** trustFrameworkKey_v2, bare or in the `value` wrapper of the documentation. */
export const decodeKeyV2 = (answer: unknown): PolicyKey & { readonly kid: string } =>
  decodeNamedKey(isObject(answer) && isObject(member(answer, 'value')) ? answer['value'] : answer);

const decodeKeys = (value: unknown, what: string): PolicyKey[] =>
  arrayOf(value, what).map((key, index) => decodeKey(key, `${what}[${String(index)}]`));

/** trustFrameworkKeySet. */
export function decodeKeySet(answer: unknown): KeySet {
  const keySet = objectOf(answer, 'the keyset');
  const id = text(keySet, 'id', 'the keyset');
  if (id === undefined) throw strange('the keyset has no "id"');
  return { id, keys: decodeKeys(member(keySet, 'keys') ?? [], 'keys') };
}

function decodePage<T>(answer: unknown, items: (value: unknown) => readonly T[]): Page<T> {
  const page = objectOf(answer, 'the page');
  const next = member(page, '@odata.nextLink');
  if (next !== undefined && typeof next !== 'string')
    throw strange('"@odata.nextLink" is not a string');
  return { items: items(member(page, 'value')), ...(next === undefined ? {} : { next }) };
}

export const decodeKeySets = (answer: unknown): Page<KeySet> =>
  decodePage(answer, (value) => arrayOf(value, '"value"').map(decodeKeySet));

export const decodeKeysV2 = (answer: unknown): Page<PolicyKey> =>
  decodePage(answer, (value) => decodeKeys(value, '"value"'));

/** 204, or whatever a service that feels talkative sends: the status alone counts. */
export const decodeNothing = (): null => null;
