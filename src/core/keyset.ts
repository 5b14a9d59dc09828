/** Keysets, the keys in them, and the one model of which key is active. */
import { Failure } from '../failure.ts';
import type { KeyType, KeyUse } from './jwk.ts';
import type { NumericDate } from './lifetime.ts';

declare const keySetIdBrand: unique symbol;
/** A full keyset id: `B2C_1A_TokenSigningKeyContainer`. */
export type KeySetId = string & { readonly [keySetIdBrand]: true };

declare const kidBrand: unique symbol;
/** A key's identifier as a user named it. What the service sends is any printable string. */
export type Kid = string & { readonly [kidBrand]: true };

const prefix = 'B2C_1A_';
const backupEnding = '.bak';

/** As JSON, with everything that does not show written out. */
const visible = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (hidden) => `\\u{${(hidden.codePointAt(0) ?? 0).toString(16)}}`,
  );

/** `TokenSigningKeyContainer` or `B2C_1A_TokenSigningKeyContainer`, as the full id. */
export function parseKeySetId(text: string): KeySetId {
  const name = text.toUpperCase().startsWith(prefix) ? text.slice(prefix.length) : text;
  if (!/^[A-Za-z0-9_-]+(?:\.bak)?$/.test(name))
    throw new Failure('usage', `${visible(text)} is not a keyset id`, {
      hint: 'a keyset id has letters, digits, "_" and "-" only, such as TokenSigningKeyContainer',
    });
  return (prefix + name) as KeySetId;
}

/** Deleting a keyset leaves a copy under this id (keysets-api.md Q5). */
export const isBackup = (id: string): boolean => id.endsWith(backupEnding);
export const backupOf = (id: KeySetId): KeySetId => (id + backupEnding) as KeySetId;

export function parseKid(text: string): Kid {
  if (!/^[A-Za-z0-9_-]+$/.test(text))
    throw new Failure('usage', `${visible(text)} is not a kid`, {
      hint: 'copy it from policykeys keys list',
    });
  return text as Kid;
}

export const keyStatuses = ['enabled', 'disabled'] as const;
export type KeyStatus = (typeof keyStatuses)[number];

/** A key of a keyset as Graph shows it: a JWK (RFC 7517 section 4) without private members. */
export interface PolicyKey {
  readonly kid?: string;
  readonly kty?: KeyType;
  readonly use?: KeyUse;
  /** `unknownFutureValue` stands for any status that this program does not know. */
  readonly status?: KeyStatus | 'unknownFutureValue';
  readonly nbf?: NumericDate;
  readonly exp?: NumericDate;
  /** base64url of the SHA-1 of the certificate's DER. */
  readonly x5t?: string;
  /** base64 (not url) of each certificate's DER, leaf first. */
  readonly x5c?: readonly string[];
  readonly e?: string;
  readonly n?: string;
}

export interface KeySet {
  readonly id: string;
  readonly keys: readonly PolicyKey[];
}

export const keyStates = ['active', 'standby', 'future', 'expired', 'disabled'] as const;
export type KeyState = (typeof keyStates)[number];

type Dated = Pick<PolicyKey, 'nbf' | 'exp'>;

const ended = (key: Dated, at: NumericDate): boolean => key.exp !== undefined && key.exp <= at;
const begun = (key: Dated, at: NumericDate): boolean => key.nbf === undefined || key.nbf <= at;
const enabled = (key: PolicyKey): boolean => key.status === undefined || key.status === 'enabled';

/** Enabled, begun and not ended: a key that could be the active one at this time. */
export const isUsable = (key: PolicyKey, at: NumericDate): boolean =>
  enabled(key) && begun(key, at) && !ended(key, at);

/** The order in which keys win: no `nbf` is older than any `nbf`. */
const rank = (key: Dated): number => key.nbf ?? Number.NEGATIVE_INFINITY;

/**
 * The key that is active at this time (cli.md section 7; the service's own rule is documented only
 * in outline): of the usable keys the one with the greatest `nbf`, of those without `nbf` only when
 * no other is usable, and of equals the one listed last.
 */
export function activeKey<K extends PolicyKey>(keys: readonly K[], at: NumericDate): K | undefined {
  let best: K | undefined;
  for (const key of keys)
    if (isUsable(key, at) && (best === undefined || rank(key) >= rank(best))) best = key;
  return best;
}

/** The state of one of `keys`. */
export function keyState(key: PolicyKey, keys: readonly PolicyKey[], at: NumericDate): KeyState {
  if (!enabled(key)) return 'disabled';
  if (ended(key, at)) return 'expired';
  if (!begun(key, at)) return 'future';
  return activeKey(keys, at) === key ? 'active' : 'standby';
}

/** Why `activeKey` chose this key, in words. */
export function whyActive(keys: readonly PolicyKey[], at: NumericDate): string {
  const usable = keys.filter((key) => isUsable(key, at));
  const best = activeKey(keys, at);
  if (best === undefined)
    return keys.length === 0 ? 'the keyset is empty' : 'no key is enabled and within its dates';
  if (usable.length === 1) return 'the only usable key';
  const equals = usable.filter((key) => key.nbf === best.nbf).length;
  const dates = best.nbf === undefined ? 'no usable key has nbf' : 'the latest nbf';
  return `${dates} of ${String(usable.length)} usable keys${equals > 1 ? ', listed last' : ''}`;
}

/** The key that still wins when `incoming`, added last, begins; `undefined` when `incoming` wins then. */
export function overruledBy(
  incoming: Dated,
  keys: readonly PolicyKey[],
  now: NumericDate,
): PolicyKey | undefined {
  const begins = Math.max(now, incoming.nbf ?? now);
  const added: PolicyKey = { ...incoming };
  const winner = activeKey([...keys, added], begins);
  return winner === added ? undefined : winner;
}

/** The key that makes another one needless (`--if-empty`): any that has not ended, an active one first. */
export function unexpiredKey(keys: readonly PolicyKey[], now: NumericDate): PolicyKey | undefined {
  const alive = keys.filter((key) => !ended(key, now));
  return activeKey(alive, now) ?? alive.findLast(enabled) ?? alive.at(-1);
}
