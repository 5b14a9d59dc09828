/** The embedded Graph: one request and the state before it -> the answer and the state after it. */
import { activeKey, keyStatuses, type KeyStatus, type PolicyKey } from '../core/keyset.ts';
import { isFailure, type Failure } from '../failure.ts';
import {
  commonHeaders,
  errorAnswer,
  exchangeIds,
  invalidKeySet,
  jsonType,
  missingPermission,
  notFound,
  refuse,
  refuseAs,
  type ExchangeIds,
} from './errors.ts';
import {
  isMembers,
  splitPath,
  type EmulatorRequest,
  type EmulatorResponse,
  type Members,
  type World,
} from './exchange.ts';
import { findRoute, type Action, type Misroute, type Route } from './routes.ts';
import {
  findKeySet,
  keySetsOf,
  putKeySet,
  tenantId,
  type EmulatorState,
  type StoredKey,
  type StoredKeySet,
} from './state.ts';
import type { Switches } from './switches.ts';
import { keyOfAction, readJson, readJwks, seconds, type IncomingKey } from './uploads.ts';

export interface Answered {
  readonly response: EmulatorResponse;
  /** The very same object as before when nothing changed. */
  readonly state: EmulatorState;
}

/** What every operation needs to know. */
interface Scene {
  readonly state: EmulatorState;
  readonly tenant: { readonly id: string; readonly name: string };
  readonly request: EmulatorRequest;
  readonly query: URLSearchParams;
  readonly switches: Switches;
  readonly world: World;
  /** `https://graph.microsoft.com/beta` */
  readonly base: string;
}

interface Outcome {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON; a number is a bare count. */
  readonly body?: Members | number;
  readonly state?: EmulatorState;
}

/** Answers one request for a tenant (a domain name or a GUID). Refusals are answers, too. */
export async function answer(
  state: EmulatorState,
  request: EmulatorRequest,
  tenant: string,
  switches: Switches,
  world: World,
): Promise<Answered> {
  const ids = exchangeIds(request, world);
  const { pathname, query } = splitPath(request.path);
  const scene: Scene = {
    state,
    tenant: { id: tenantId(tenant), name: tenant },
    request,
    query,
    switches,
    world,
    base: `${request.origin ?? 'https://graph.microsoft.com'}/beta`,
  };
  try {
    const route = findRoute(request.method, pathname);
    if ('problem' in route) throw misrouted(route);
    checkPermission(route, request.permissions);
    const outcome = await carryOut(scene, route);
    return { response: respond(outcome, ids, world), state: outcome.state ?? state };
  } catch (error) {
    if (!isFailure(error)) throw error;
    const { code, status } = error.details;
    if (code === undefined || status === undefined) throw error;
    return { response: errorAnswer({ status, code, message: error.message }, ids, world), state };
  }
}

function respond(outcome: Outcome, ids: ExchangeIds, world: World): EmulatorResponse {
  const { status, body } = outcome;
  const headers = { ...commonHeaders(ids, world), ...outcome.headers };
  if (body === undefined) return { status, headers };
  return typeof body === 'number'
    ? { status, headers: { ...headers, 'content-type': 'text/plain' }, body: String(body) }
    : { status, headers: { ...headers, 'content-type': jsonType }, body: JSON.stringify(body) };
}

function misrouted(misroute: Misroute): Failure {
  switch (misroute.problem) {
    case 'version':
      // keySets exist in beta only (keysets-api.md section 1).
      return refuseAs(
        404,
        'ResourceNotFound',
        "Resource not found for the segment 'trustFramework'.",
      );
    case 'segment':
      return refuseAs(
        400,
        'BadRequest',
        "Resource not found for the segment '{0}'.",
        misroute.segment,
      );
    case 'method':
      return refuseAs(405, 'MethodNotAllowed', 'The method is not allowed on this resource.');
    case 'encoding':
      return refuseAs(400, 'BadRequest', 'The path is not percent-encoded UTF-8.');
  }
}

const readAll = 'TrustFrameworkKeySet.Read.All';
const writeAll = 'TrustFrameworkKeySet.ReadWrite.All';

/** Any one of these will do (keysets-api.md section 2, permissions). */
function permissionsFor(route: Route): readonly string[] {
  switch (route.operation) {
    case 'list':
    case 'get':
    case 'getActiveKey':
      return [readAll, writeAll];
    case 'policies':
      return ['Policy.Read.All', 'Policy.ReadWrite.TrustFramework'];
    case 'create':
    case 'update':
    case 'delete':
    case 'generateKey':
    case 'uploadSecret':
    case 'uploadCertificate':
    case 'uploadPkcs12':
    case 'keysV2List':
    case 'keysV2Get':
    case 'keysV2Update':
      return [writeAll];
  }
}

function checkPermission(route: Route, held: readonly string[] | undefined): void {
  const wanted = permissionsFor(route);
  if (held !== undefined && !wanted.some((permission) => held.includes(permission)))
    throw missingPermission(wanted);
}

async function carryOut(scene: Scene, route: Route): Promise<Outcome> {
  switch (route.operation) {
    case 'list':
      return list(scene, route.only);
    case 'create':
      return create(scene);
    case 'get':
      return get(scene, route.id);
    case 'update':
      return update(scene, route.id);
    case 'delete':
      return remove(scene, route.id);
    case 'generateKey':
    case 'uploadSecret':
    case 'uploadCertificate':
    case 'uploadPkcs12':
      return addKey(scene, route.id, route.operation);
    case 'getActiveKey':
      return getActiveKey(scene, route.id);
    case 'keysV2List':
      return listKeysV2(scene, route.id, route.only);
    case 'keysV2Get':
      return getKeyV2(scene, route.id, route.kid);
    case 'keysV2Update':
      return updateKeyV2(scene, route.id, route.kid);
    case 'policies':
      return {
        status: 200,
        body: { '@odata.context': `${scene.base}/$metadata#trustFramework/policies`, value: [] },
      };
  }
}

// Keysets

const settles = ({ switches, world }: Scene, keyset: StoredKeySet): boolean =>
  world.now() < keyset.createdAt + switches.settleMs;

/** The keyset that an operation other than a plain read needs. */
function keySetFor(scene: Scene, id: string, absent: 'AADB2C90073' | 'AADB2C90130'): StoredKeySet {
  const keyset = findKeySet(scene.state, scene.tenant.id, id);
  if (keyset === undefined)
    throw notFound(scene.switches.notFoundStatus, absent, id, scene.tenant.name);
  if (settles(scene, keyset)) throw refuse('AADB2C95052', id);
  return keyset;
}

const replaced = (scene: Scene, id: string, keyset: StoredKeySet | undefined): EmulatorState =>
  putKeySet(scene.state, scene.tenant, id, keyset);

function list(scene: Scene, only: 'items' | 'count'): Outcome {
  const ready = Object.entries(keySetsOf(scene.state, scene.tenant.id)).filter(
    ([, keyset]) => !settles(scene, keyset),
  );
  if (only === 'count') return { status: 200, body: ready.length };
  const body = page(
    scene,
    'trustFramework/keySets',
    ready.map(([id, keyset]) => shownKeySet(scene, id, keyset)),
  );
  return { status: 200, body };
}

function get(scene: Scene, id: string): Outcome {
  const keyset = findKeySet(scene.state, scene.tenant.id, id);
  if (keyset === undefined || settles(scene, keyset))
    throw notFound(scene.switches.notFoundStatus, 'AADB2C90073', id, scene.tenant.name);
  return entity(scene, 200, id, keyset);
}

function entity(scene: Scene, status: number, id: string, keyset: StoredKeySet): Outcome {
  return {
    status,
    body: {
      '@odata.context': `${scene.base}/$metadata#trustFramework/keySets/$entity`,
      ...shownKeySet(scene, id, keyset),
    },
  };
}

const prefix = 'B2C_1A_';

function fullId(id: unknown): string {
  if (typeof id !== 'string' || id === '') throw invalidKeySet();
  const name = id.toUpperCase().startsWith(prefix) ? id.slice(prefix.length) : id;
  if (!/^[A-Za-z0-9_-]+$/.test(name))
    throw refuse('AADB2C90136', 'id', id, "letters, digits, '_' and '-'");
  return prefix + name;
}

function readKeySetBody(body: string): Members {
  const members = readJson(body);
  // Any other member, `@odata.type` among them, spoils the body (Q3).
  if (!isMembers(members) || Object.keys(members).some((name) => name !== 'id' && name !== 'keys'))
    throw invalidKeySet();
  return members;
}

function create(scene: Scene): Outcome {
  const members = readKeySetBody(scene.request.body);
  const id = fullId(members['id']);
  // The status of this one is unknown in public; 400 is what B2C's other refusals have.
  if (findKeySet(scene.state, scene.tenant.id, id) !== undefined) throw refuse('AADB2C95028', id);
  const keys = members['keys'] === undefined ? [] : readJwks(members['keys'], scene.world);
  const keyset = { createdAt: scene.world.now(), keys: withKeys(scene, id, [], keys) };
  return {
    ...entity(scene, 201, id, keyset),
    headers: { location: `/trustFramework/keySets('${id}')` },
    state: replaced(scene, id, keyset),
  };
}

/** PUT and PATCH alike: every key is replaced (keysets-api.md section 2). */
function update(scene: Scene, id: string): Outcome {
  const before = keySetFor(scene, id, 'AADB2C90073');
  const members = readKeySetBody(scene.request.body);
  if (members['id'] !== undefined && fullId(members['id']) !== id) throw invalidKeySet();
  const keys = withKeys(scene, id, [], readJwks(members['keys'], scene.world));
  const keyset = { ...before, keys };
  return { ...entity(scene, 200, id, keyset), state: replaced(scene, id, keyset) };
}

const backupEnding = '.bak';

/** Leaves a copy under `<id>.bak`, in place of an older one (Q5). */
function remove(scene: Scene, id: string): Outcome {
  const keyset = keySetFor(scene, id, 'AADB2C90073');
  const without = replaced(scene, id, undefined);
  const state = id.endsWith(backupEnding)
    ? without
    : putKeySet(without, scene.tenant, id + backupEnding, keyset);
  return { status: 204, state };
}

// Keys

/** `keys` with `added` after them, if the service lets them stand together. */
function withKeys(
  { switches }: Scene,
  id: string,
  keys: readonly StoredKey[],
  added: readonly IncomingKey[],
): StoredKey[] {
  return added.reduce<StoredKey[]>(
    (all, key) => {
      const [first] = all;
      if (first !== undefined && first.kty !== key.kty) throw refuse('AADB2C95032');
      if (first !== undefined && first.use !== key.use) throw refuse('AADB2C95042');
      if (all.some((other) => other.kid === key.kid)) throw refuse('AADB2C90180', id);
      return [...all, { status: switches.newKeys, ...key }];
    },
    [...keys],
  );
}

async function addKey(scene: Scene, id: string, action: Action): Promise<Outcome> {
  const keyset = keySetFor(scene, id, 'AADB2C90073');
  const incoming = await keyOfAction(action, scene.request.body, scene.world);
  const keys = withKeys(scene, id, keyset.keys, [incoming]);
  const key = keys.at(-1);
  return {
    status: 200,
    state: replaced(scene, id, { ...keyset, keys }),
    body: {
      '@odata.context': `${scene.base}/$metadata#microsoft.graph.trustFrameworkKey`,
      ...(key === undefined
        ? {}
        : action === 'uploadSecret'
          ? shownSecret(scene, key)
          : shownKey(scene, key)),
    },
  };
}

function getActiveKey(scene: Scene, id: string): Outcome {
  const { keys } = keySetFor(scene, id, 'AADB2C90073');
  const key = activeKey(keys, seconds(scene.world));
  if (key === undefined) {
    const reason = keys.length === 0 ? 'it has no keys' : 'no key is enabled and within its dates';
    throw refuse('AADB2C90019', id, scene.tenant.name, reason);
  }
  return {
    status: 200,
    body: {
      '@odata.context': `${scene.base}/$metadata#microsoft.graph.trustFrameworkKey`,
      ...shownKey(scene, key),
    },
  };
}

function listKeysV2(scene: Scene, id: string, only: 'items' | 'count'): Outcome {
  const { keys } = keySetFor(scene, id, 'AADB2C90130');
  if (only === 'count') return { status: 200, body: keys.length };
  const path = `trustFramework/keySets/${encodeURIComponent(id)}/keys_v2`;
  const body = page(
    scene,
    path,
    keys.map((key) => ({ ...plainKey(key), status: key.status })),
  );
  return { status: 200, body };
}

function keyFor(scene: Scene, id: string, kid: string): StoredKey {
  const key = keySetFor(scene, id, 'AADB2C90130').keys.find((one) => one.kid === kid);
  if (key === undefined) throw notFound(scene.switches.notFoundStatus, 'AADB2C90131', kid, id);
  return key;
}

/** As the reference page shows it: in a `value`, the dates as strings. */
function getKeyV2(scene: Scene, id: string, kid: string): Outcome {
  const key = keyFor(scene, id, kid);
  const text = (date: number | undefined): string | null =>
    date === undefined ? null : String(date);
  return {
    status: 200,
    body: {
      '@odata.context': `${scene.base}/$metadata#trustFramework/keySets('${id}')/keys_v2/$entity`,
      value: {
        '@odata.type': '#microsoft.graph.trustFrameworkKey_v2',
        ...plainKey(key),
        status: key.status,
        nbf: text(key.nbf),
        exp: text(key.exp),
      },
    },
  };
}

function updateKeyV2(scene: Scene, id: string, kid: string): Outcome {
  const key = keyFor(scene, id, kid);
  const keyset = keySetFor(scene, id, 'AADB2C90130');
  const status = readStatus(scene.request.body);
  if (status === key.status) return { status: 204 };
  const keys = keyset.keys.map((one) => (one.kid === kid ? { ...one, status } : one));
  return { status: 204, state: replaced(scene, id, { ...keyset, keys }) };
}

/** Nothing but the status can be changed. */
function readStatus(body: string): KeyStatus {
  const members = readJson(body);
  const value = isMembers(members) ? members['status'] : undefined;
  const status = keyStatuses.find((one) => one === value);
  if (status === undefined || !isMembers(members) || Object.keys(members).length !== 1)
    throw refuse('AADB2C90136', 'status', JSON.stringify(value ?? null), keyStatuses.join(' or '));
  return status;
}

// What is shown

/** All members of the model; what can never be read back is null. */
const plainKey = ({ kid, kty, use, ...key }: StoredKey): Members => ({
  d: null,
  dp: null,
  dq: null,
  k: null,
  p: null,
  q: null,
  qi: null,
  kid,
  kty,
  use,
  nbf: key.nbf ?? null,
  exp: key.exp ?? null,
  e: key.e ?? null,
  n: key.n ?? null,
  x5c: key.x5c ?? [],
  x5t: key.x5t ?? null,
});

const shownStatus = ({ switches }: Scene, key: PolicyKey): Members =>
  switches.keyStatus === 'sent' ? { status: key.status } : {};

const shownKey = (scene: Scene, key: StoredKey): Members => ({
  ...plainKey(key),
  ...shownStatus(scene, key),
});

/** The documented answer of uploadSecret has few members, and `kty` in capitals. */
const shownSecret = (scene: Scene, key: StoredKey): Members => ({
  kid: key.kid,
  use: key.use,
  kty: 'OCT',
  nbf: key.nbf ?? null,
  exp: key.exp ?? null,
  ...shownStatus(scene, key),
});

const shownKeySet = (scene: Scene, id: string, keyset: StoredKeySet): Members => ({
  id,
  keys: keyset.keys.map((key) => shownKey(scene, key)),
});

function countOf(query: URLSearchParams, name: '$top' | '$skip'): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw refuseAs(
      400,
      'BadRequest',
      "Invalid value '{0}' for the query option '{1}'.",
      text,
      name,
    );
  return Number(text);
}

/** One page of a collection; `path` is below /beta. Graph takes `$top` as the size of a page. */
function page(scene: Scene, path: string, items: readonly Members[]): Members {
  const { query, switches } = scene;
  const top = countOf(query, '$top') ?? switches.pageSize;
  const start = skipped(query) ?? countOf(query, '$skip') ?? 0;
  const end = start + Math.min(top, switches.pageSize);
  const more = end < items.length && end > start;
  return {
    '@odata.context': `${scene.base}/$metadata#${decodeURIComponent(path)}`,
    ...(query.get('$count') === 'true' ? { '@odata.count': items.length } : {}),
    ...(more ? { '@odata.nextLink': `${scene.base}/${path}?${nextQuery(query, end)}` } : {}),
    value: items.slice(start, end),
  };
}

function skipped(query: URLSearchParams): number | undefined {
  const token = query.get('$skiptoken');
  if (token === null) return undefined;
  const start = /^skip-(\d{1,9})$/.exec(Buffer.from(token, 'base64url').toString('latin1'))?.[1];
  if (start === undefined) throw refuseAs(400, 'BadRequest', 'The skip token is not valid.');
  return Number(start);
}

function nextQuery(query: URLSearchParams, end: number): string {
  const next = new URLSearchParams(query);
  next.delete('$skip');
  next.set('$skiptoken', Buffer.from(`skip-${String(end)}`).toString('base64url'));
  // URLSearchParams encodes `$`, which Graph writes as it is.
  return next.toString().replaceAll('%24', '$');
}
