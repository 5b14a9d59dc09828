/** Every row of the exit-code table, by the program as it is shipped. 10 is no command's yet. */
import { createServer, type AddressInfo } from 'node:net';
import {
  closeLater,
  failure,
  guard,
  openSite,
  sabotage,
  start,
  type Site,
} from '../support/binary.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});

/** A port of this machine that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo; // of a server that listens on TCP
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('0: done, or nothing to do', async () => {
  const made = await site.run('create A -o json');
  expect([made.code, JSON.parse(made.stdout)]).toEqual([0, { id: 'B2C_1A_A', keys: [], activeKid: null }]); // prettier-ignore
  const again = await site.run('create A --if-missing -o none');
  expect([again.code, again.stdout]).toEqual([0, '']);
});

describe('1: bug', () => {
  test.each(['URL', 'randomUUID', 'null'])('%s is broken', async (SABOTAGE) => {
    const environment = {
      SABOTAGE,
      NODE_OPTIONS: `--require ${sabotage}`,
      POLICYKEYS_ACCESS_TOKEN: guard('some-opaque-token'),
      // Nothing gets as far as the network.
      POLICYKEYS_GRAPH_URL: '',
      AZURE_AUTHORITY_HOST: '',
    };
    const done = await site.run('list -o json', { environment });
    expect([done.code, done.stdout]).toEqual([1, '']);
    expect(failure(done)).toMatchObject({ error: { kind: 'bug', message: expect.stringMatching(/^unforeseen: /) } }); // prettier-ignore
    expect(done.stderr).not.toMatch(/\n\s+at /);
    const traced = await site.run('list --debug', { environment });
    expect(traced.code).toBe(1);
    if (SABOTAGE !== 'null') expect(traced.stderr).toMatch(/\n\s+at .*sabotage\.cjs/);
  });
});

test('2: usage', async () => {
  const done = await site.run('lst -o json');
  expect([done.code, failure(done)]).toMatchObject([2, { error: { kind: 'usage' } }]);
  expect((await site.run('delete A')).code).toBe(2);
  expect((await start([]).done).code).toBe(2);
});

test('3: input', async () => {
  const done = await site.run('upload-secret A --use sig --from nowhere -o json');
  expect([done.code, failure(done)]).toMatchObject([3, { error: { kind: 'input' } }]);
});

describe('4: auth', () => {
  test('nothing is configured', async () => {
    const done = await start(['list', '-o', 'json']).done;
    expect([done.code, failure(done)]).toMatchObject([4, { error: { kind: 'auth' } }]);
  });

  test('the sign-in is refused', async () => {
    const environment = { AZURE_CLIENT_SECRET: guard('wrong~client~secret') };
    const done = await (await openSite()).run('list -o json', { environment });
    expect([done.code, failure(done)]).toMatchObject([
      4,
      { error: { kind: 'auth', code: 'AADSTS7000215', hint: expect.stringContaining('client secret is wrong') } }, // prettier-ignore
    ]);
  });

  test('the app is unknown', async () => {
    const environment = { AZURE_CLIENT_ID: '11111111-2222-4333-8444-555555555555' };
    const done = await (await openSite()).run('list -o json', { environment });
    expect([done.code, failure(done)]).toMatchObject([4, { error: { code: 'AADSTS700016' } }]);
  });

  test('Graph refuses a token that was handed in', async () => {
    const environment = { POLICYKEYS_ACCESS_TOKEN: guard('not.a.token') };
    const done = await site.run('list -o json', { environment });
    expect([done.code, failure(done)]).toMatchObject([4, { error: { kind: 'auth', status: 401 } }]);
  });
});

test('5: not-found', async () => {
  const done = await site.run('get Nowhere -o json');
  expect([done.code, failure(done)]).toMatchObject([
    5,
    { error: { kind: 'not-found', status: 404 } },
  ]);
});

test('6: conflict', async () => {
  await site.run('create A --if-missing');
  const done = await site.run('create A -o json');
  expect([done.code, failure(done)]).toMatchObject([6, { error: { kind: 'conflict', code: 'AADB2C95028' } }]); // prettier-ignore
});

describe('7: service', () => {
  test('it fails', async () => {
    site.server.faults.add('500@list');
    const done = await site.run('list -o json');
    expect([done.code, failure(done)]).toMatchObject([7, { error: { kind: 'service', status: 500, requestId: expect.any(String) } }]); // prettier-ignore
  });

  test('it throttles until the retries run out', async () => {
    site.server.faults.add('429=0@list:*');
    const done = await site.run('list -o json --max-retries 2');
    site.server.faults.clear();
    expect([done.code, failure(done)]).toMatchObject([7, { error: { status: 429 } }]);
    expect(done.stderr.match(/waiting/g)).toHaveLength(2);
  });

  test.each(['garbage', 'truncated'])('%s', async (fault) => {
    site.server.faults.add(`${fault}@list`);
    const done = await site.run('list -o json --max-retries 0');
    site.server.faults.clear();
    expect([done.code, done.stdout]).toEqual([fault === 'garbage' ? 7 : 8, '']);
  });
});

describe('8: network', () => {
  test('nobody listens', async () => {
    const environment = {
      POLICYKEYS_GRAPH_URL: `http://127.0.0.1:${String(await closedPort())}`,
      POLICYKEYS_ACCESS_TOKEN: guard('some-opaque-token'),
    };
    const done = await site.run('list -o json --max-retries 0', { environment });
    expect([done.code, failure(done)]).toMatchObject([8, { error: { kind: 'network', code: 'ECONNREFUSED' } }]); // prettier-ignore
  });

  test('the sign-in service cannot be reached', async () => {
    const environment = { AZURE_AUTHORITY_HOST: `https://127.0.0.1:${String(await closedPort())}` };
    const done = await (await openSite()).run('list -o json --max-retries 0', { environment });
    expect([done.code, failure(done)]).toMatchObject([8, { error: { kind: 'network' } }]);
  });

  test('no such host', async () => {
    const environment = {
      POLICYKEYS_GRAPH_URL: 'https://policykeys.invalid',
      POLICYKEYS_ACCESS_TOKEN: guard('some-opaque-token'),
    };
    const done = await site.run('list -o json --max-retries 0', { environment });
    expect([done.code, failure(done)]).toMatchObject([8, { error: { kind: 'network' } }]);
  });

  test('a certificate that is not trusted', async () => {
    const done = await site.run('list -o json', { environment: { NODE_EXTRA_CA_CERTS: '' } });
    expect([done.code, failure(done)]).toMatchObject([8, { error: { kind: 'network', hint: expect.stringContaining('NODE_EXTRA_CA_CERTS') } }]); // prettier-ignore
  });

  test('no answer in time', async () => {
    const silent = closeLater(await silentServer());
    const environment = {
      POLICYKEYS_GRAPH_URL: silent.url,
      POLICYKEYS_ACCESS_TOKEN: guard('some-opaque-token'),
    };
    const done = await site.run('list -o json --timeout 1s --max-retries 0', { environment });
    expect([done.code, failure(done)]).toMatchObject([8, { error: { kind: 'network', message: expect.stringContaining('did not answer within 1 s') } }]); // prettier-ignore
    const late = await site.run('list -o json --deadline 1s', { environment });
    expect([late.code, failure(late)]).toMatchObject([8, { error: { kind: 'network', message: '--deadline 1s has passed' } }]); // prettier-ignore
  });
});

/** Takes connections and never says anything. */
async function silentServer(): Promise<{ url: string; close(): Promise<unknown> }> {
  const sockets = new Set<{ destroy(): unknown }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo; // of a server that listens on TCP
  return {
    url: `http://127.0.0.1:${String(port)}`,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(resolve);
      }),
  };
}

test('9: permission', async () => {
  const poor = await openSite({ roles: ['TrustFrameworkKeySet.Read.All'] });
  expect((await poor.run('list')).code).toBe(0);
  const done = await poor.run('create A -o json');
  expect([done.code, failure(done)]).toMatchObject([9, { error: { kind: 'permission', status: 403, message: expect.stringContaining('TrustFrameworkKeySet.ReadWrite.All') } }]); // prettier-ignore
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s: %i', async (signal, code) => {
  const waiting = await openSite({ faults: ['429=100@list:*'] });
  const running = waiting.start('list -o json');
  await running.says('waiting 100');
  running.child.kill(signal);
  const done = await running.done;
  expect([done.code, done.stdout, failure(done)]).toEqual([
    code,
    '',
    { error: { kind: 'cancelled', message: 'interrupted' } },
  ]);
});
