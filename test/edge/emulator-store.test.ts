import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  embeddedTransport,
  memoryStore,
  openStore,
  systemWorld,
  type EmulatorStore,
} from '../../src/edge/emulator-store.ts';
import {
  defaultTenant,
  emptyState,
  keySetsOf,
  parseState,
  putKeySet,
  tenantId,
  type EmulatorState,
} from '../../src/emulator/state.ts';
import { defaultSwitches } from '../../src/emulator/switches.ts';
import { isFailure } from '../../src/failure.ts';
import type { HttpRequest, HttpResponse } from '../../src/graph/request.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'policykeys-store-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});
const path = (...names: readonly string[]): string => join(folder, ...names);

const tenant = { id: tenantId('contoso.com'), name: 'contoso.com' };
const withKeySet = (state: EmulatorState, id: string): EmulatorState =>
  putKeySet(state, tenant, id, { createdAt: 1, keys: [] });
const add = (store: EmulatorStore, id: string): Promise<string> =>
  store.update((state) => Promise.resolve({ state: withKeySet(state, id), value: id }));
const ids = async (store: EmulatorStore): Promise<string[]> =>
  Object.keys(keySetsOf(await store.read(), tenant.id)).sort();

describe('a file', () => {
  test('that is missing is the empty state; it and its folder are made by the first change', async () => {
    const store = openStore(path('a', 'b', 'state.json'));
    expect(await store.read()).toEqual(emptyState);
    expect(existsSync(path('a'))).toBe(false);
    expect(await add(store, 'A')).toBe('A');
    expect(await ids(openStore(path('a', 'b', 'state.json')))).toEqual(['A']);
    if (process.platform !== 'win32')
      expect(statSync(path('a', 'b', 'state.json')).mode & 0o777).toBe(0o600);
    expect(existsSync(path('a', 'b', 'state.json.lock'))).toBe(false);
  });

  test('is not written when nothing changed, nor when the work failed', async () => {
    const store = openStore(path('state.json'));
    expect(await store.update((state) => Promise.resolve({ state, value: 7 }))).toBe(7);
    await expect(store.update(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(existsSync(path('state.json'))).toBe(false);
    expect(await add(store, 'A')).toBe('A');
  });

  test('loses no change of many at once, of two that share it', async () => {
    const [one, two] = [openStore(path('state.json')), openStore(path('state.json'))];
    const names = Array.from({ length: 30 }, (_, index) => `K${String(index).padStart(2, '0')}`);
    await Promise.all(names.map((name, index) => add(index % 2 === 0 ? one : two, name)));
    for (const store of [one, two]) expect(await ids(store)).toEqual(names);
  });

  test('is read while another process holds the lock', async () => {
    const store = openStore(path('state.json'));
    await add(store, 'A');
    writeFileSync(path('state.json.lock'), '{"pid":1,"host":"elsewhere","token":"x"}');
    expect(await ids(store)).toEqual(['A']);
  });

  test('that is damaged is refused until it is reset', async () => {
    writeFileSync(path('state.json'), '{"version":1,');
    const store = openStore(path('state.json'));
    for (const work of [() => store.read(), () => add(store, 'A')]) {
      const thrown: unknown = await work().catch((error: unknown) => error);
      expect(isFailure(thrown, 'input') && thrown.hint).toBe('policykeys emulator reset');
    }
    expect(readFileSync(path('state.json'), 'utf8')).toBe('{"version":1,');
    await store.reset();
    expect(parseState(readFileSync(path('state.json'), 'utf8'))).toEqual(emptyState);
    expect(await add(store, 'A')).toBe('A');
  });

  test('that cannot be one is an input failure', async () => {
    mkdirSync(path('state.json'));
    writeFileSync(path('file'), '');
    for (const work of [
      () => openStore(path('state.json')).read(),
      () => openStore(path('state.json')).reset(),
      () => add(openStore(path('file', 'state.json')), 'A'),
    ])
      expect(isFailure(await work().catch((error: unknown) => error), 'input')).toBe(true);
  });
});

test('a store in memory does the same', async () => {
  const store = memoryStore();
  await Promise.all(['A', 'B', 'C'].map((id) => add(store, id)));
  await expect(store.update(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await ids(store)).toEqual(['A', 'B', 'C']);
  await store.reset();
  expect(await store.read()).toEqual(emptyState);
});

test('the world is this one', () => {
  expect(systemWorld.randomBytes(16)).toHaveLength(16);
  expect(systemWorld.uuid()).toMatch(/^[0-9a-f-]{36}$/);
  expect(systemWorld.now()).toBeGreaterThan(Date.UTC(2025, 0));
});

describe('the embedded transport', () => {
  const root = 'http://emulator.localhost/beta/trustFramework/keySets';
  const options = { tenant: defaultTenant, switches: defaultSwitches, world: systemWorld };
  const request = (method: HttpRequest['method'], below: string, body?: unknown): HttpRequest => ({
    method,
    url: new URL(root + below),
    headers: { Accept: 'application/json', 'Client-Request-Id': 'mine' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    maxBytes: 1 << 20,
  });
  const json = (response: HttpResponse): unknown => JSON.parse(response.body.toString());

  test('answers as Graph does, without a token, and keeps what it is told', async () => {
    const store = openStore(path('state.json'));
    const transport = embeddedTransport(store, {
      ...options,
      switches: { ...defaultSwitches, pageSize: 1 },
    });
    const created = await transport.send(request('POST', '', { id: 'A' }));
    expect(created.status).toBe(201);
    expect(created.headers['client-request-id']).toBe('mine');
    await transport.send(request('POST', '', { id: 'B' }));
    expect(json(await transport.send(request('GET', '')))).toMatchObject({
      '@odata.nextLink': expect.stringMatching(
        /^http:\/\/emulator\.localhost\/beta\/.*\$skiptoken=/,
      ),
      value: [{ id: 'B2C_1A_A', keys: [] }],
    });
    const again = embeddedTransport(openStore(path('state.json')), options);
    const secret = await again.send(
      request('POST', '/B2C_1A_A/uploadSecret', { use: 'sig', k: 'top secret' }),
    );
    expect(secret.status).toBe(200);
    expect(json(await again.send(request('GET', '/B2C_1A_A/keys_v2/$count')))).toBe(1);
    expect(readFileSync(path('state.json'), 'utf8')).not.toContain('top secret');
    const gone = await again.send(request('DELETE', '/B2C_1A_B'));
    expect(gone).toMatchObject({ status: 204, body: Buffer.alloc(0) });
    expect((await again.send(request('GET', '/B2C_1A_B'))).status).toBe(404);
    await transport.close();
  });

  test('two writers at once both succeed', async () => {
    const transport = embeddedTransport(memoryStore(), options);
    await transport.send(request('POST', '', { id: 'A' }));
    const added = await Promise.all(
      ['one', 'two', 'three'].map((k) =>
        transport.send(request('POST', '/B2C_1A_A/uploadSecret', { use: 'sig', k })),
      ),
    );
    expect(added.map((response) => response.status)).toEqual([200, 200, 200]);
    expect(json(await transport.send(request('GET', '/B2C_1A_A/keys_v2/$count')))).toBe(3);
  });

  test('keeps to the bound of an answer', async () => {
    const transport = embeddedTransport(memoryStore(), options);
    const small = { ...request('GET', ''), maxBytes: 10 };
    const thrown: unknown = await transport.send(small).catch((error: unknown) => error);
    expect(isFailure(thrown, 'service')).toBe(true);
  });
});
