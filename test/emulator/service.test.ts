import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { rsaThumbprint } from '../../src/core/thumbprint.ts';
import type { EmulatorResponse, World } from '../../src/emulator/exchange.ts';
import { answer } from '../../src/emulator/service.ts';
import {
  emptyState,
  parseState,
  serializeState,
  type EmulatorState,
} from '../../src/emulator/state.ts';
import { defaultSwitches, type Switches } from '../../src/emulator/switches.ts';
import { checkRequest, checkResponse } from '../support/openapi.ts';

const start = Date.UTC(2026, 0, 5, 10, 20, 30);
const now = start / 1000;
const tenant = 'contoso.onmicrosoft.com';

/** What the tests look at in answers; which members are there depends on the answer. */
interface Shown {
  readonly id: string;
  readonly kid: string;
  readonly kty: string;
  readonly status: string;
  readonly nbf: number;
  readonly e: string;
  readonly n: string;
  readonly keys: readonly Shown[];
  readonly value: readonly Shown[] & Shown;
  readonly error: { readonly code: string; readonly message: string; readonly innerError: Shown };
  readonly 'client-request-id': string;
  readonly '@odata.nextLink'?: string;
}

interface Reply {
  readonly status: number;
  readonly headers: EmulatorResponse['headers'];
  readonly body: Shown;
}

/** One emulated tenant; every exchange that the service accepts is checked against the contract. */
function emulate(switches: Partial<Switches> = {}) {
  let state: EmulatorState = emptyState;
  const clock = { ms: start };
  let ids = 0;
  const world: World = {
    now: () => clock.ms,
    randomBytes: (size) => Buffer.alloc(size, (ids += 1)),
    uuid: () => `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`,
  };
  async function raw(
    method: string,
    path: string,
    body = '',
    more: {
      headers?: Record<string, string>;
      permissions?: readonly string[];
      tenant?: string;
    } = {},
  ): Promise<Reply> {
    const answered = await answer(
      state,
      { method, path, body, headers: {}, origin: 'https://graph.example', ...more },
      more.tenant ?? tenant,
      { ...defaultSwitches, ...switches },
      world,
    );
    if (answered.response.status >= 400) expect(answered.state).toBe(state);
    state = answered.state;
    // What is kept can be read back: nothing else is in it.
    expect(parseState(serializeState(state))).toEqual(state);
    const { response } = answered;
    const reply = {
      status: response.status,
      headers: response.headers,
      body: (response.body === undefined ? undefined : JSON.parse(response.body)) as Shown,
    };
    expect(reply.headers['request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(reply.headers['date']).toBe(new Date(clock.ms).toUTCString());
    return reply;
  }
  async function call(method: string, path: string, body?: unknown): Promise<Reply> {
    const reply = await raw(
      method,
      `/beta/trustFramework/keySets${path}`,
      body === undefined ? '' : JSON.stringify(body),
    );
    const plain = `/trustFramework/keySets${path}`.split('?')[0] ?? '';
    if (reply.status < 300) checkRequest(method, plain, body);
    checkResponse(method, plain, {
      status: reply.status,
      contentType: reply.headers['content-type'],
      body: reply.body,
    });
    return reply;
  }
  return { call, raw, clock, state: () => state };
}

const codeOf = ({ status, body }: Reply): [number, string] => [status, body.error.code];

const rsaPair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsaJwk = { ...rsaPair.privateKey.export({ format: 'jwk' }), use: 'sig' };
const octJwk = { kty: 'oct', use: 'sig', k: 'c2FtcGxlLXZhbHVlLTAx' };

describe('create', () => {
  test('adds the prefix, says where, and keeps nothing but the id', async () => {
    const { call } = emulate();
    const created = await call('POST', '', { id: 'PartnerApiSecret' });
    expect(created.status).toBe(201);
    expect(created.headers['location']).toBe("/trustFramework/keySets('B2C_1A_PartnerApiSecret')");
    expect(created.headers['content-type']).toBe('application/json; odata.metadata=minimal');
    expect(created.body).toEqual({
      '@odata.context': 'https://graph.example/beta/$metadata#trustFramework/keySets/$entity',
      id: 'B2C_1A_PartnerApiSecret',
      keys: [],
    });
    expect((await call('GET', '/B2C_1A_PartnerApiSecret')).body.id).toBe('B2C_1A_PartnerApiSecret');
  });

  test.each([
    ['B2C_1A_Name', 'B2C_1A_Name'],
    ['b2c_1a_Name', 'B2C_1A_Name'],
    ['acc-basic_key-1', 'B2C_1A_acc-basic_key-1'],
  ])('stores %s as %s', async (id, stored) => {
    expect((await emulate().call('POST', '', { id })).body.id).toBe(stored);
  });

  test.each(['a.b', 'ä', 'a b', 'B2C_1A_', 'x/y', 'X.bak'])('refuses the name %s', async (id) => {
    expect(codeOf(await emulate().call('POST', '', { id }))).toEqual([400, 'AADB2C90136']);
  });

  test.each([
    { id: 'A', '@odata.type': 'microsoft.graph.trustFrameworkKeySet' },
    { id: 'A', usage: 'sig' },
    { keys: [] },
    { id: '' },
    { id: 7 },
    { id: 'A', keys: {} },
    { id: 'A', keys: [{ ...octJwk, key_ops: ['sign'] }] },
    { id: 'A', keys: [{ ...octJwk, status: 'unknownFutureValue' }] },
    { id: 'A', keys: ['key'] },
    ['A'],
    null,
  ])('refuses the body %j', async (body) => {
    const refused = await emulate().raw(
      'POST',
      '/beta/trustFramework/keySets',
      JSON.stringify(body),
    );
    expect(codeOf(refused)).toEqual([400, 'AADB2C']);
    expect(refused.body.error.message).toBe(
      "The 'keySet' field is invalid in request. Please check the request body and parameters.",
    );
  });

  test('refuses a taken name and a body that is not JSON', async () => {
    const { call, raw } = emulate();
    await call('POST', '', { id: 'A' });
    const taken = await call('POST', '', { id: 'B2C_1A_A' });
    expect(codeOf(taken)).toEqual([400, 'AADB2C95028']);
    expect(taken.body.error.message).toBe(
      "Can't create trustframework key set with name 'B2C_1A_A' because it already exists.",
    );
    expect(codeOf(await raw('POST', '/beta/trustFramework/keySets', '{'))).toEqual([
      400,
      'AADB2C95026',
    ]);
  });

  test('takes a key along, without ever showing its private members', async () => {
    const { call, state } = emulate();
    const keys = [{ ...octJwk, nbf: now, exp: now + 60, kid: '' }];
    const created = await call('POST', '', { id: 'A', keys });
    expect(created.body.keys).toEqual([
      {
        d: null, dp: null, dq: null, k: null, p: null, q: null, qi: null,
        e: null, n: null, x5c: [], x5t: null,
        kty: 'oct', use: 'sig', nbf: now, exp: now + 60, status: 'enabled',
        kid: expect.stringMatching(/^[\w-]{43}$/),
      },
    ]); // prettier-ignore
    expect(serializeState(state())).not.toContain(octJwk.k);
  });
});

describe('list', () => {
  test('pages', async () => {
    const { call, raw } = emulate({ pageSize: 2 });
    for (const id of ['A', 'B', 'C', 'D', 'E']) await call('POST', '', { id });
    const seen: string[] = [];
    let next: string | undefined = 'https://graph.example/beta/trustFramework/keySets?$count=true';
    let pages = 0;
    while (next !== undefined) {
      const url: URL = new URL(next);
      expect(url.origin).toBe('https://graph.example');
      const { body } = await raw('GET', url.pathname + url.search);
      expect(body).toMatchObject({ '@odata.count': 5 });
      seen.push(...body.value.map((keyset) => keyset.id));
      next = body['@odata.nextLink'];
      pages += 1;
    }
    expect(pages).toBe(3);
    expect(seen).toEqual(['A', 'B', 'C', 'D', 'E'].map((id) => `B2C_1A_${id}`));
    const { body } = await call('GET', '?$top=1&$skip=3');
    expect(body.value).toHaveLength(1);
    expect(body.value[0]!.id).toBe('B2C_1A_D');
    expect(body['@odata.nextLink']).toMatch(/keySets\?\$top=1&\$skiptoken=/);
    expect((await call('GET', '?$top=0')).body).not.toHaveProperty('@odata.nextLink');
    expect((await call('GET', '/$count')).body).toBe(5);
  });

  test.each(['?$top=-1', '?$skip=x', '?$skiptoken=AAAA'])('refuses %s', async (query) => {
    expect(codeOf(await emulate().call('GET', query))).toEqual([400, 'BadRequest']);
  });

  test('is empty, and a tenant sees its own only', async () => {
    const { call, raw } = emulate();
    expect((await call('GET', '')).body).toEqual({
      '@odata.context': 'https://graph.example/beta/$metadata#trustFramework/keySets',
      value: [],
    });
    await call('POST', '', { id: 'A' });
    const other = await raw('GET', '/beta/trustFramework/keySets', '', { tenant: 'fabrikam.com' });
    expect(other.body.value).toEqual([]);
  });
});

describe('get', () => {
  test('knows the full id, however it is written', async () => {
    const { call, raw } = emulate();
    await call('POST', '', { id: 'a-b' });
    const base = '/beta/trustFramework/keySets';
    for (const path of [
      '/B2C_1A_a-b',
      '/B2C%5F1A%5Fa%2Db',
      '/B2C_1A_a-b/',
      "('B2C_1A_a-b')",
      '(%27B2C_1A_a-b%27)',
    ])
      expect((await raw('GET', base + path)).body.id).toBe('B2C_1A_a-b');
    expect(codeOf(await raw('GET', `${base}/a-b`))).toEqual([404, 'AADB2C90073']);
    expect(codeOf(await raw('GET', `${base}/constructor`))).toEqual([404, 'AADB2C90073']);
  });

  test.each([404, 400] as const)(
    'a missing one answers %d if so switched',
    async (notFoundStatus) => {
      const missing = await emulate({ notFoundStatus }).call('GET', '/B2C_1A_None');
      expect(missing.status).toBe(notFoundStatus);
      const requestId = missing.headers['request-id'];
      expect(missing.body).toEqual({
        error: {
          code: 'AADB2C90073',
          message: `KeyContainer with 'id': 'B2C_1A_None' cannot be found in the directory '${tenant}'`,
          innerError: {
            correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
            date: '2026-01-05T10:20:30',
            'request-id': requestId,
            'client-request-id': requestId,
          },
        },
      });
    },
  );

  test('shows no status where it is switched off', async () => {
    const { call } = emulate({ keyStatus: 'omitted' });
    const created = await call('POST', '', { id: 'A', keys: [octJwk] });
    expect(created.body.keys[0]).not.toHaveProperty('status');
    const kid: string = created.body.keys[0]!.kid;
    expect((await call('GET', `/B2C_1A_A/keys_v2/${kid}`)).body.value.status).toBe('enabled');
  });
});

test('client-request-id is echoed, unless it cannot stand in a header', async () => {
  const { raw } = emulate();
  const path = '/beta/trustFramework/keySets/B2C_1A_None';
  const echoed = await raw('GET', path, '', { headers: { 'client-request-id': 'mine-1' } });
  expect(echoed.headers['client-request-id']).toBe('mine-1');
  expect(echoed.body.error.innerError['client-request-id']).toBe('mine-1');
  const strange = await raw('GET', path, '', { headers: { 'client-request-id': 'a\r\nb' } });
  expect(strange.headers['client-request-id']).toBe(strange.headers['request-id']);
});

describe('a keyset that has not settled', () => {
  test('is not there for reads and not created yet for all else', async () => {
    const { call, clock } = emulate({ settleMs: 10_000 });
    await call('POST', '', { id: 'A' });
    clock.ms += 9_999;
    expect(codeOf(await call('GET', '/B2C_1A_A'))).toEqual([404, 'AADB2C90073']);
    expect((await call('GET', '')).body.value).toEqual([]);
    const key = { use: 'sig', k: 'secret' };
    expect(codeOf(await call('POST', '/B2C_1A_A/uploadSecret', key))).toEqual([400, 'AADB2C95052']);
    expect(codeOf(await call('DELETE', '/B2C_1A_A'))).toEqual([400, 'AADB2C95052']);
    expect(codeOf(await call('GET', '/B2C_1A_A/keys_v2'))).toEqual([400, 'AADB2C95052']);
    expect(codeOf(await call('POST', '', { id: 'A' }))).toEqual([400, 'AADB2C95028']);
    clock.ms += 1;
    expect((await call('GET', '/B2C_1A_A')).status).toBe(200);
    expect((await call('POST', '/B2C_1A_A/uploadSecret', key)).status).toBe(200);
  });
});

describe.each(['PUT', 'PATCH'])('update with %s', (method) => {
  test('replaces every key', async () => {
    const { call, state } = emulate();
    await call('POST', '', { id: 'A', keys: [octJwk] });
    const keys = [{ ...rsaJwk, kty: 'rsa', nbf: now, exp: null, kid: null }];
    const updated = await call(method, '/B2C_1A_A', { keys });
    const { e = '', n = '' } = rsaJwk;
    expect(updated.body.keys).toHaveLength(1);
    expect(updated.body.keys[0]).toMatchObject({
      kty: 'RSA', use: 'sig', e, n, d: null, nbf: now, exp: null, kid: rsaThumbprint({ e, n }),
    }); // prettier-ignore
    expect(serializeState(state())).not.toContain(rsaJwk.d);
    const same = await call(method, '/B2C_1A_A', { id: 'A', keys: [] });
    expect(same.body.keys).toEqual([]);
  });

  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    format: 'jwk',
  });
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const cases: [string, unknown, string][] = [
    ['a kid', { keys: [{ ...octJwk, kid: 'abc' }] }, 'AADB2C95059'],
    ['no kty', { keys: [{ use: 'sig' }] }, 'AADB2C95030'],
    ['kty EC', { keys: [{ kty: 'EC', use: 'sig' }] }, 'AADB2C95031'],
    ['no use', { keys: [{ kty: 'oct', k: 'YQ' }] }, 'AADB2C95033'],
    ['a bad use', { keys: [{ ...octJwk, use: 'signing' }] }, 'AADB2C95033'],
    ['k that is base64', { keys: [{ ...octJwk, k: 'a+/=' }] }, 'AADB2C95029'],
    ['no k', { keys: [{ kty: 'oct', use: 'sig' }] }, 'AADB2C95029'],
    ['no n', { keys: [{ ...rsaJwk, n: undefined }] }, 'AADB2C95039'],
    [
      'no private members',
      { keys: [{ kty: 'RSA', use: 'sig', n: rsaJwk.n, e: rsaJwk.e }] },
      'AADB2C95034',
    ],
    ['members of two keys', { keys: [{ ...rsaJwk, d: other.d }] }, 'AADB2C95034'],
    ['members that make no key', { keys: [{ ...rsaJwk, p: 'AA' }] }, 'AADB2C95034'],
    [
      'a short RSA key',
      { keys: [{ ...small.export({ format: 'jwk' }), use: 'sig' }] },
      'AADB2C90137',
    ],
    ['exp in the past', { keys: [{ ...octJwk, exp: now }] }, 'AADB2C90214'],
    ['exp as text', { keys: [{ ...octJwk, exp: '2027' }] }, 'AADB2C90136'],
    ['the same key twice', { keys: [rsaJwk, rsaJwk] }, 'AADB2C90180'],
    ['mixed kty', { keys: [rsaJwk, octJwk] }, 'AADB2C95032'],
    ['mixed use', { keys: [octJwk, { ...octJwk, use: 'enc' }] }, 'AADB2C95042'],
    ['another id', { id: 'B', keys: [] }, 'AADB2C'],
    ['no keys', { id: 'A' }, 'AADB2C'],
    ['a bad x5c', { keys: [{ ...rsaJwk, x5c: ['AAAA'] }] }, 'AADB2C90179'],
  ];
  test.each(cases)('refuses %s', async (_name, body, code) => {
    const { call } = emulate();
    await call('POST', '', { id: 'A' });
    expect(codeOf(await call(method, '/B2C_1A_A', body))).toEqual([400, code]);
  });

  test('refuses a missing keyset', async () => {
    expect(codeOf(await emulate().call(method, '/B2C_1A_A', { keys: [] }))).toEqual([
      404,
      'AADB2C90073',
    ]);
  });
});

describe('delete', () => {
  test('leaves a copy, which takes the place of an older one, and a copy leaves nothing', async () => {
    const { call } = emulate();
    const ids = async (): Promise<string[]> =>
      (await call('GET', '')).body.value.map(({ id }) => id);
    await call('POST', '', { id: 'A', keys: [octJwk] });
    const gone = await call('DELETE', '/B2C_1A_A');
    expect(gone).toMatchObject({ status: 204, body: undefined });
    expect(gone.headers).not.toHaveProperty('content-type');
    expect(await ids()).toEqual(['B2C_1A_A.bak']);
    expect((await call('GET', '/B2C_1A_A.bak')).body.keys).toHaveLength(1);
    await call('POST', '', { id: 'A' });
    expect(await ids()).toEqual(['B2C_1A_A.bak', 'B2C_1A_A']);
    await call('DELETE', '/B2C_1A_A');
    expect((await call('GET', '/B2C_1A_A.bak')).body.keys).toEqual([]);
    await call('DELETE', '/B2C_1A_A.bak');
    expect(await ids()).toEqual([]);
    expect(codeOf(await call('DELETE', '/B2C_1A_A.bak'))).toEqual([404, 'AADB2C90073']);
  });
});

describe('generateKey', () => {
  test('makes a real RSA key, answered as documented', async () => {
    const { call } = emulate();
    await call('POST', '', { id: 'A' });
    const made = await call('POST', '/B2C_1A_A/generateKey', {
      use: 'sig', kty: 'rsa', nbf: now, exp: now + 60,
    }); // prettier-ignore
    const { e, n, kid } = made.body;
    expect(made.body).toMatchObject({
      '@odata.context': 'https://graph.example/beta/$metadata#microsoft.graph.trustFrameworkKey',
      k: null, x5c: [], kty: 'RSA', use: 'sig', nbf: now, exp: now + 60, e: 'AQAB', status: 'enabled',
      kid: rsaThumbprint({ e, n }),
    }); // prettier-ignore
    const key = createPublicKey({ key: { kty: 'RSA', e, n }, format: 'jwk' });
    expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048);
    expect((await call('GET', '/B2C_1A_A')).body.keys.map((one) => one.kid)).toEqual([kid]);
  });

  test('makes a secret, which stays a secret', async () => {
    const { call } = emulate();
    await call('POST', '', { id: 'A' });
    const { body } = await call('POST', '/B2C_1A_A/generateKey', { use: 'enc', kty: 'OCT' });
    expect(body).toMatchObject({ kty: 'oct', use: 'enc', k: null, nbf: null, exp: null });
    await call('POST', '/B2C_1A_A/generateKey', { use: 'enc', kty: 'oct' });
    const { keys } = (await call('GET', '/B2C_1A_A')).body;
    expect(new Set(keys.map((key) => key.kid)).size).toBe(2);
  });

  test.each([
    [{ kty: 'RSA' }, 'AADB2C90253'],
    [{ use: 'sig' }, 'AADB2C90253'],
    [{ use: null, kty: 'RSA' }, 'AADB2C90186'],
    [{ use: 'sig', kty: '' }, 'AADB2C90136'],
    [{ use: 'sig', kty: 'EC' }, 'AADB2C95031'],
    [{ use: 'both', kty: 'oct' }, 'AADB2C95033'],
    [{ use: 'sig', kty: 'oct', exp: now - 1 }, 'AADB2C90214'],
    [{ use: 'sig', kty: 'oct', nbf: 1.5 }, 'AADB2C90136'],
    [{ use: 'sig', kty: 'oct', alg: 'HS256' }, 'BadRequest'],
    [[], 'AADB2C95026'],
  ])('refuses %j', async (body, code) => {
    const { raw, call } = emulate();
    await call('POST', '', { id: 'A' });
    const refused = await raw(
      'POST',
      '/beta/trustFramework/keySets/B2C_1A_A/generateKey',
      JSON.stringify(body),
    );
    expect(codeOf(refused)).toEqual([400, code]);
  });
});

describe('uploadSecret', () => {
  test('answers with kty OCT and without k', async () => {
    const { call, state } = emulate({ keyStatus: 'omitted' });
    await call('POST', '', { id: 'A' });
    const k = 'a very plain text';
    const added = await call('POST', '/B2C_1A_A/uploadSecret', { use: 'sig', k, nbf: now });
    expect(added.body).toEqual({
      '@odata.context': expect.any(String),
      kid: expect.any(String),
      use: 'sig',
      kty: 'OCT',
      nbf: now,
      exp: null,
    });
    expect((await call('GET', '/B2C_1A_A')).body.keys[0]!.kty).toBe('oct');
    expect(serializeState(state())).not.toContain(k);
  });

  test('does not mix', async () => {
    const { call } = emulate();
    await call('POST', '', { id: 'A', keys: [octJwk] });
    await call('POST', '', { id: 'R', keys: [rsaJwk] });
    const k = 'secret';
    const into = async (id: string, use: string): Promise<[number, string]> =>
      codeOf(await call('POST', `/B2C_1A_${id}/uploadSecret`, { use, k }));
    expect(await into('R', 'sig')).toEqual([400, 'AADB2C95032']);
    expect(await into('A', 'enc')).toEqual([400, 'AADB2C95042']);
    expect(await into('None', 'sig')).toEqual([404, 'AADB2C90073']);
    expect(codeOf(await call('POST', '/B2C_1A_A/uploadSecret', { use: 'sig', k: ' ' }))).toEqual([
      400,
      'AADB2C90136',
    ]);
  });
});

describe('getActiveKey', () => {
  test('is the key that the dates and the statuses say', async () => {
    const { call, raw, clock } = emulate();
    await call('POST', '', { id: 'A' });
    const add = async (nbf: number): Promise<string> =>
      (await call('POST', '/B2C_1A_A/uploadSecret', { use: 'sig', k: 'x', nbf })).body.kid;
    const active = async (): Promise<string> =>
      (await call('GET', '/B2C_1A_A/getActiveKey')).body.kid;
    const first = await add(now);
    const second = await add(now + 60);
    expect(await active()).toBe(first);
    clock.ms += 60_000;
    expect(await active()).toBe(second);
    const functionForm = '/beta/trustFramework/keySets/B2C_1A_A/getActiveKey()';
    expect((await raw('GET', functionForm)).body.kid).toBe(second);
    await call('PATCH', `/B2C_1A_A/keys_v2/${second}`, { status: 'disabled' });
    expect(await active()).toBe(first);
  });

  test('fails on an empty keyset and on one without a usable key', async () => {
    const { call } = emulate({ newKeys: 'disabled' });
    await call('POST', '', { id: 'A' });
    const empty = await call('GET', '/B2C_1A_A/getActiveKey()');
    expect(codeOf(empty)).toEqual([400, 'AADB2C90019']);
    expect(empty.body.error.message).toBe(
      `The key container with ID 'B2C_1A_A' in tenant '${tenant}' does not have a valid key. Reason: it has no keys.`,
    );
    const key = await call('POST', '/B2C_1A_A/uploadSecret', { use: 'sig', k: 'x' });
    expect(key.body.status).toBe('disabled');
    expect(codeOf(await call('GET', '/B2C_1A_A/getActiveKey'))).toEqual([400, 'AADB2C90019']);
    expect(codeOf(await call('GET', '/B2C_1A_None/getActiveKey'))).toEqual([404, 'AADB2C90073']);
  });
});

describe('keys_v2', () => {
  test('lists plainly, shows one as documented, and changes its status', async () => {
    const { call } = emulate({ pageSize: 1 });
    await call('POST', '', { id: 'A', keys: [{ ...octJwk, nbf: now }, octJwk] });
    const list = await call('GET', '/B2C_1A_A/keys_v2');
    expect(list.body.value).toHaveLength(1);
    expect(list.body['@odata.nextLink']).toMatch(
      /^https:\/\/graph\.example\/beta\/trustFramework\/keySets\/B2C_1A_A\/keys_v2\?\$skiptoken=/,
    );
    expect(list.body.value[0]).toMatchObject({ status: 'enabled', nbf: now, kty: 'oct' });
    expect((await call('GET', '/B2C_1A_A/keys_v2/$count')).body).toBe(2);
    const kid: string = list.body.value[0]!.kid;
    const one = (): Promise<Reply> => call('GET', `/B2C_1A_A/keys_v2/${kid}`);
    expect((await one()).body.value).toMatchObject({
      '@odata.type': '#microsoft.graph.trustFrameworkKey_v2',
      kid,
      status: 'enabled',
      nbf: String(now),
      exp: null,
    });
    for (const status of ['disabled', 'disabled', 'enabled']) {
      const changed = await call('PATCH', `/B2C_1A_A/keys_v2/${kid}`, { status });
      expect(changed).toMatchObject({ status: 204, body: undefined });
      expect((await one()).body.value.status).toBe(status);
      expect((await call('GET', '/B2C_1A_A')).body.keys[0]!.status).toBe(status);
    }
  });

  test('refuses what is missing and what cannot be changed', async () => {
    const { call } = emulate();
    await call('POST', '', { id: 'A', keys: [octJwk] });
    const kid: string = (await call('GET', '/B2C_1A_A')).body.keys[0]!.kid;
    expect(codeOf(await call('GET', '/B2C_1A_None/keys_v2'))).toEqual([404, 'AADB2C90130']);
    expect(codeOf(await call('GET', '/B2C_1A_A/keys_v2/none'))).toEqual([404, 'AADB2C90131']);
    expect(codeOf(await call('PATCH', '/B2C_1A_A/keys_v2/none', { status: 'enabled' }))).toEqual([
      404,
      'AADB2C90131',
    ]);
    for (const body of [{}, { status: 'off' }, { status: 'enabled', exp: 1 }, { exp: 1 }, []])
      expect(codeOf(await call('PATCH', `/B2C_1A_A/keys_v2/${kid}`, body))).toEqual([
        400,
        'AADB2C90136',
      ]);
  });
});

describe('permissions', () => {
  const read = ['TrustFrameworkKeySet.Read.All'];
  const write = ['TrustFrameworkKeySet.ReadWrite.All'];
  const base = '/beta/trustFramework/keySets';

  test.each([
    ['GET', '', read, 200],
    ['GET', '/$count', read, 200],
    ['GET', '/B2C_1A_A', read, 200],
    ['GET', '/B2C_1A_A/getActiveKey', read, 200],
    ['GET', '/B2C_1A_A', write, 200],
    ['GET', '/B2C_1A_A', [], 403],
    ['POST', '', read, 403],
    ['PUT', '/B2C_1A_A', read, 403],
    ['DELETE', '/B2C_1A_A', read, 403],
    ['POST', '/B2C_1A_A/generateKey', read, 403],
    ['GET', '/B2C_1A_A/keys_v2', read, 403],
    ['GET', '/B2C_1A_A/keys_v2/x', read, 403],
    ['GET', '/B2C_1A_A/keys_v2', write, 200],
  ])('%s %s with %j answers %d', async (method, path, permissions, status) => {
    const { call, raw } = emulate();
    await call('POST', '', { id: 'A', keys: [octJwk] });
    const reply = await raw(method, base + path, '', { permissions });
    expect(reply.status).toBe(status);
    if (status === 403) expect(reply.body.error.code).toBe('AADB2C');
  });

  test('the refusal names what would have been enough', async () => {
    const refused = await emulate().raw('GET', base, '', { permissions: [] });
    expect(refused.body.error.message).toBe(
      'The application does not have any of the required application permissions (TrustFrameworkKeySet.Read.All, TrustFrameworkKeySet.ReadWrite.All) to access the resource. ',
    );
  });
});

describe('other paths', () => {
  test.each([
    ['GET', '/v1.0/trustFramework/keySets', 404, 'ResourceNotFound'],
    ['GET', '/', 404, 'ResourceNotFound'],
    ['GET', '/beta/users', 400, 'BadRequest'],
    ['GET', '/beta/trustFramework/keySets/%zz', 400, 'BadRequest'],
    ['GET', '/beta/trustFramework/keySets/B2C_1A_A/revoke', 400, 'BadRequest'],
    ['GET', '/beta/trustFramework/keySets/B2C_1A_A/generateKey', 405, 'MethodNotAllowed'],
    ['DELETE', '/beta/trustFramework/keySets', 405, 'MethodNotAllowed'],
    ['DELETE', '/beta/trustFramework/keySets/B2C_1A_A/keys_v2/x', 405, 'MethodNotAllowed'],
  ])('%s %s answers %d', async (method, path, status, code) => {
    const reply = await emulate().raw(method, path);
    expect(codeOf(reply)).toEqual([status, code]);
    // Only B2C has correlation ids.
    expect(reply.body.error.innerError).not.toHaveProperty('correlationId');
  });

  test('there are no policies', async () => {
    const policies = '/beta/trustFramework/policies';
    const { raw } = emulate();
    expect((await raw('GET', policies)).body.value).toEqual([]);
    expect((await raw('GET', policies, '', { permissions: [] })).status).toBe(403);
  });
});
