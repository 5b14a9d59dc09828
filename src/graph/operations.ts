/** One function per Graph operation, each returning a request (keysets-api.md section 2). */
import { isDeepStrictEqual } from 'node:util';
import { Failure } from '../failure.ts';
import type { KeyType, KeyUse } from '../core/jwk.ts';
import type { UploadKey } from '../core/upload-keys.ts';
import type { KeySet, KeySetId, Kid, KeyStatus, PolicyKey } from '../core/keyset.ts';
import type { Lifetime } from '../core/lifetime.ts';
import type { Secret } from '../core/secret.ts';
import {
  decodeKeySet,
  decodeKeySets,
  decodeKeysV2,
  decodeKeyV2,
  decodeNamedKey,
  decodeNothing,
} from './decode.ts';
import type { Body, Page, ReadRequest, Verdict, WriteRequest } from './request.ts';

export type NamedKey = PolicyKey & { readonly kid: string };

const root = '/trustFramework/keySets';
const readAll = 'TrustFrameworkKeySet.Read.All';
const writeAll = 'TrustFrameworkKeySet.ReadWrite.All';

export const keySetPath = (id: KeySetId): string => `${root}/${encodeURIComponent(id)}`;

/** A kid may be one that the service sent; dots alone would lead out of the keyset. */
function keyPath(id: KeySetId, kid: string): string {
  if (/^\.{1,2}$/.test(kid)) throw new Failure('service', `${id} has a key with the kid "${kid}"`);
  return `${keySetPath(id)}/keys_v2/${encodeURIComponent(kid)}`;
}

export const listKeySets = (): ReadRequest<Page<KeySet>> => ({
  method: 'GET',
  path: root,
  decode: decodeKeySets,
  subject: 'keysets',
  permission: readAll,
});

export const getKeySet = (id: KeySetId): ReadRequest<KeySet> => ({
  method: 'GET',
  path: keySetPath(id),
  decode: decodeKeySet,
  subject: id,
  permission: readAll,
});

export const getActiveKey = (id: KeySetId): ReadRequest<NamedKey> => ({
  method: 'GET',
  path: `${keySetPath(id)}/getActiveKey`,
  decode: decodeNamedKey,
  subject: id,
  permission: readAll,
});

export const listKeysV2 = (id: KeySetId): ReadRequest<Page<PolicyKey>> => ({
  method: 'GET',
  path: `${keySetPath(id)}/keys_v2`,
  decode: decodeKeysV2,
  subject: id,
  permission: writeAll,
});

export const getKeyV2 = (id: KeySetId, kid: Kid): ReadRequest<NamedKey> => ({
  method: 'GET',
  path: keyPath(id, kid),
  decode: decodeKeyV2,
  subject: `${kid} of ${id}`,
  permission: writeAll,
});

/** The body is the id alone: other members have made the service refuse it (Q3). */
export const createKeySet = (id: KeySetId): WriteRequest<KeySet> => ({
  method: 'POST',
  path: root,
  body: { id },
  decode: decodeKeySet,
  subject: id,
  permission: writeAll,
  keyset: id,
  intent: `create ${id}`,
  // The second one would be refused.
  repeatable: true,
  settle: async (read) => {
    const found = await read(getKeySet(id));
    if (found === undefined) return { happened: false };
    // With keys in it, it is not the one we made a moment ago.
    return found.keys.length === 0 ? { happened: true, value: found } : { happened: 'unclear' };
  },
});

const kids = (keySet: KeySet): string =>
  keySet.keys.map((key) => key.kid ?? '(no kid)').join(', ') || 'none';

/** Replaces every key. No `kid`: AADB2C95059 (Q2). */
export const updateKeySet = (
  id: KeySetId,
  keys: readonly UploadKey[],
  before: KeySet,
): WriteRequest<KeySet> => ({
  method: 'PUT',
  path: keySetPath(id),
  body: { keys: keys.map((key): Body => ({ ...key })) },
  decode: decodeKeySet,
  subject: id,
  permission: writeAll,
  keyset: id,
  intent: `replace the keys of ${id}`,
  before: kids(before),
  settle: async (read) => {
    const found = await read(getKeySet(id));
    if (found === undefined) return { happened: 'unclear' };
    const old = new Set(before.keys.map((key) => key.kid));
    if (
      isDeepStrictEqual(
        found.keys.map((key) => key.kid),
        [...old],
      )
    )
      return { happened: false };
    const replaced = found.keys.every((key) => !old.has(key.kid));
    return replaced && found.keys.length === keys.length
      ? { happened: true, value: found }
      : { happened: 'unclear' };
  },
});

export const deleteKeySet = (id: KeySetId): WriteRequest<null> => ({
  method: 'DELETE',
  path: keySetPath(id),
  decode: decodeNothing,
  subject: id,
  permission: writeAll,
  keyset: id,
  intent: `delete ${id}`,
  repeatable: true,
  settle: async (read) =>
    (await read(getKeySet(id))) === undefined
      ? { happened: true, value: null }
      : { happened: false },
});

/** What is known of a key before the service has it: what it must look like when it is there. */
export interface IncomingKey extends Lifetime {
  readonly kty: KeyType;
  /** Absent for certificates: the service takes it from the certificate (Q9). */
  readonly use?: KeyUse;
  readonly x5t?: string;
}

/** The keyset as it was before, so that a key that arrived can be told from those that were there. */
export interface AddTo {
  readonly id: KeySetId;
  readonly before: KeySet;
  /** The keyset was made a moment ago (Q10). */
  readonly awaitKeySet: boolean;
}

const matches = (key: PolicyKey, incoming: IncomingKey): boolean =>
  (['kty', 'use', 'nbf', 'exp', 'x5t'] as const).every(
    (name) =>
      key[name] === undefined || incoming[name] === undefined || key[name] === incoming[name],
  );

function addition(
  target: AddTo,
  action: string,
  incoming: IncomingKey,
  body: Body,
): WriteRequest<NamedKey> {
  const { id, before } = target;
  return {
    method: 'POST',
    path: `${keySetPath(id)}/${action}`,
    body,
    decode: decodeNamedKey,
    subject: id,
    permission: writeAll,
    keyset: id,
    intent: `add a key to ${id}`,
    before: kids(before),
    awaitKeySet: target.awaitKeySet,
    settle: async (read): Promise<Verdict<NamedKey>> => {
      const keys = (await read(getKeySet(id)))?.keys ?? [];
      const old = new Set(before.keys.map((key) => key.kid));
      const [key, ...more] = keys.filter((one) => !old.has(one.kid));
      // A key that is gone, or there twice, is somebody else's doing.
      const grown = keys.length - before.keys.length;
      if (key === undefined) return { happened: grown === 0 ? false : 'unclear' };
      return more.length === 0 && grown === 1 && key.kid !== undefined && matches(key, incoming)
        ? { happened: true, value: { ...key, kid: key.kid } }
        : { happened: 'unclear' };
    },
  };
}

export const generateKey = (
  target: AddTo,
  key: Lifetime & { readonly kty: KeyType; readonly use: KeyUse },
): WriteRequest<NamedKey> =>
  addition(target, 'generateKey', key, { use: key.use, kty: key.kty, ...lifetime(key) });

export const uploadSecret = (
  target: AddTo,
  key: Lifetime & { readonly use: KeyUse; readonly k: Secret },
): WriteRequest<NamedKey> =>
  addition(
    target,
    'uploadSecret',
    { kty: 'oct', use: key.use, ...lifetime(key) },
    { use: key.use, k: key.k, ...lifetime(key) },
  );

/** Neither `use` nor dates: the service takes them from the certificate (Q9). */
export const uploadCertificate = (
  target: AddTo,
  incoming: IncomingKey,
  der: Buffer,
): WriteRequest<NamedKey> =>
  addition(target, 'uploadCertificate', incoming, { key: der.toString('base64') });

export const uploadPkcs12 = (
  target: AddTo,
  incoming: IncomingKey,
  pfx: { readonly key: Secret; readonly password: Secret },
): WriteRequest<NamedKey> =>
  addition(target, 'uploadPkcs12', incoming, { key: pfx.key, password: pfx.password });

const lifetime = ({ nbf, exp }: Lifetime): Lifetime => ({
  ...(nbf === undefined ? {} : { nbf }),
  ...(exp === undefined ? {} : { exp }),
});

export const setKeyStatus = (id: KeySetId, kid: string, status: KeyStatus): WriteRequest<null> => ({
  method: 'PATCH',
  path: keyPath(id, kid),
  body: { status },
  decode: decodeNothing,
  subject: `${kid} of ${id}`,
  permission: writeAll,
  keyset: id,
  kid,
  intent: `${status === 'enabled' ? 'enable' : 'disable'} ${kid} of ${id}`,
  repeatable: true,
  settle: async (read) => {
    const found = await read(getKeySet(id));
    const key = found?.keys.find((one) => one.kid === kid);
    if (key === undefined) return { happened: 'unclear' };
    return key.status === status ? { happened: true, value: null } : { happened: false };
  },
});
