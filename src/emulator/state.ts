/** All that the emulator remembers: public members only, since nothing else can ever be read back. */
import { createHash } from 'node:crypto';
import { keyTypes, keyUses, type KeyType, type KeyUse } from '../core/jwk.ts';
import { keyStatuses, type KeyStatus } from '../core/keyset.ts';
import type { NumericDate } from '../core/lifetime.ts';
import { Failure } from '../failure.ts';
import { isMembers, type Members } from './exchange.ts';

export interface StoredKey {
  readonly kid: string;
  readonly kty: KeyType;
  readonly use: KeyUse;
  readonly status: KeyStatus;
  readonly nbf?: NumericDate;
  readonly exp?: NumericDate;
  readonly e?: string;
  readonly n?: string;
  /** base64 of each certificate's DER, leaf first. */
  readonly x5c?: readonly string[];
  readonly x5t?: string;
}

export interface StoredKeySet {
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly keys: readonly StoredKey[];
}

export interface StoredTenant {
  readonly name: string;
  readonly keysets: Readonly<Record<string, StoredKeySet>>;
}

export interface EmulatorState {
  readonly version: 1;
  /** By tenant id: a GUID in lower case. */
  readonly tenants: Readonly<Record<string, StoredTenant>>;
}

export const defaultTenant = 'emulator.onmicrosoft.com';

export const emptyState: EmulatorState = { version: 1, tenants: {} };

const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A GUID is itself; a domain name has one of its own, the same everywhere (RFC 9562 section 5.8). */
export function tenantId(nameOrGuid: string): string {
  const name = nameOrGuid.toLowerCase();
  if (guid.test(name)) return name;
  const digest = createHash('sha256').update(name).digest().subarray(0, 16);
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x80, 6);
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
  return digest.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export const keySetsOf = (
  state: EmulatorState,
  tenant: string,
): Readonly<Record<string, StoredKeySet>> =>
  Object.hasOwn(state.tenants, tenant) ? (state.tenants[tenant]?.keysets ?? {}) : {};

export function findKeySet(
  state: EmulatorState,
  tenant: string,
  id: string,
): StoredKeySet | undefined {
  const keysets = keySetsOf(state, tenant);
  return Object.hasOwn(keysets, id) ? keysets[id] : undefined;
}

/** The state with this keyset in place of what was there; `undefined` removes it. */
export function putKeySet(
  state: EmulatorState,
  tenant: { readonly id: string; readonly name: string },
  id: string,
  keyset: StoredKeySet | undefined,
): EmulatorState {
  const before = keySetsOf(state, tenant.id);
  const keysets =
    keyset === undefined
      ? Object.fromEntries(Object.entries(before).filter(([name]) => name !== id))
      : { ...before, [id]: keyset };
  return {
    version: 1,
    tenants: { ...state.tenants, [tenant.id]: { name: tenant.name, keysets } },
  };
}

/** How every state begins that `serializeState` wrote. */
export const stateBeginning = '{\n "version": 1';

export const serializeState = (state: EmulatorState): string =>
  `${JSON.stringify(state, undefined, 1)}\n`;

const damaged = (what: string, cause?: unknown): Failure =>
  new Failure('input', `the emulator's state is damaged: ${what}`, {
    hint: 'policykeys emulator reset',
    cause,
  });

/** Reads what `serializeState` wrote, and nothing else. Failures: `input`. */
export function parseState(text: string): EmulatorState {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged('it is not JSON', error);
  }
  const root = object(value, 'the file', ['version', 'tenants']);
  if (root['version'] !== 1) throw damaged('an unknown version');
  return {
    version: 1,
    tenants: table(root['tenants'], 'tenants', (tenant, id) => {
      if (!guid.test(id)) throw damaged(`tenant ${JSON.stringify(id)} is no lower-case GUID`);
      const { name, keysets } = object(tenant, id, ['name', 'keysets']);
      return { name: asText(name, `the name of ${id}`), keysets: table(keysets, id, readKeySet) };
    }),
  };
}

function readKeySet(value: unknown, id: string): StoredKeySet {
  const { createdAt, keys } = object(value, id, ['createdAt', 'keys']);
  if (!Array.isArray(keys)) throw damaged(`${id} has no keys`);
  return {
    createdAt: count(createdAt, `createdAt of ${id}`),
    keys: keys.map((key: unknown, index) => readKey(key, `key ${String(index)} of ${id}`)),
  };
}

const keyMembers = ['kid', 'kty', 'use', 'status', 'nbf', 'exp', 'e', 'n', 'x5c', 'x5t'];

function readKey(value: unknown, where: string): StoredKey {
  const key = object(value, where, keyMembers);
  return {
    kid: asText(key['kid'], where),
    kty: oneOf(keyTypes, key['kty'], where),
    use: oneOf(keyUses, key['use'], where),
    status: oneOf(keyStatuses, key['status'], where),
    ...(key['nbf'] === undefined ? {} : { nbf: count(key['nbf'], where) }),
    ...(key['exp'] === undefined ? {} : { exp: count(key['exp'], where) }),
    ...(key['e'] === undefined ? {} : { e: asText(key['e'], where) }),
    ...(key['n'] === undefined ? {} : { n: asText(key['n'], where) }),
    ...(key['x5c'] === undefined ? {} : { x5c: texts(key['x5c'], where) }),
    ...(key['x5t'] === undefined ? {} : { x5t: asText(key['x5t'], where) }),
  };
}

function object(value: unknown, where: string, members: readonly string[]): Members {
  if (!isMembers(value)) throw damaged(`${where} is no object`);
  const stray = Object.keys(value).find((name) => !members.includes(name));
  if (stray !== undefined) throw damaged(`${where} has ${JSON.stringify(stray)}`);
  return value;
}

function table<T>(
  value: unknown,
  where: string,
  read: (item: unknown, name: string) => T,
): Readonly<Record<string, T>> {
  if (!isMembers(value)) throw damaged(`${where} is no object`);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, read(item, name)]));
}

function asText(value: unknown, where: string): string {
  if (typeof value !== 'string') throw damaged(`${where} is no text`);
  return value;
}

function texts(value: unknown, where: string): string[] {
  if (!Array.isArray(value)) throw damaged(`${where} is no list`);
  return value.map((item: unknown) => asText(item, where));
}

function count(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw damaged(`${where} is no whole number`);
  return value;
}

function oneOf<T extends string>(choices: readonly T[], value: unknown, where: string): T {
  const choice = choices.find((one) => one === value);
  if (choice === undefined) throw damaged(`${where} has an unknown value`);
  return choice;
}
