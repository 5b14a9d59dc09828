import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Agent, MockAgent } from 'undici';
import { openTransport, type TransportOptions } from '../../src/edge/http.ts';
import { Failure } from '../../src/failure.ts';
import type { HttpRequest, HttpResponse, Transport } from '../../src/graph/request.ts';
import { serveProxy, type TestProxy } from '../support/proxy.ts';
import {
  bundle,
  closedPort,
  makeCa,
  runScript,
  serveHttp,
  serveTcp,
  temporaryFolder,
  type Ended,
  type Handler,
  type Identity,
  type TestServer,
} from '../support/servers.ts';

const noProxies = { http: undefined, https: undefined, no: '' };
const cleanUp: (() => Promise<void>)[] = [];
const later = <T extends { close(): Promise<void> }>(resource: T): T => {
  cleanUp.push(() => resource.close());
  return resource;
};

afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end();
});

const ca = makeCa();
const localhost = ca.issue({ dnsNames: ['localhost'] });

const open = async (options: Partial<TransportOptions> = {}): Promise<Transport> =>
  later(
    await openTransport({
      timeoutMs: 10_000,
      proxies: noProxies,
      http1: false,
      cancelled: new AbortController().signal,
      ...options,
    }),
  );

const trusting = (allowH2: boolean): Agent => new Agent({ allowH2, connect: { ca: ca.root } });

const request = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  url: new URL(url),
  headers: {},
  maxBytes: 1 << 20,
  ...more,
});

const post = (url: string, more: Partial<HttpRequest> = {}): HttpRequest =>
  request(url, { method: 'POST', body: '{"k":"v"}', ...more });

const failureOf = async (sent: Promise<HttpResponse>): Promise<Failure> => {
  const error: unknown = await sent.then(
    (answer) => `HTTP ${String(answer.status)}`,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw new Error(`no Failure but ${inspect(error)}`);
};

const serve = async (handler: Handler, identity?: Identity): Promise<TestServer> =>
  later(await serveHttp(handler, identity));
const tcp = async (onConnection: (socket: Socket) => void): Promise<TestServer> =>
  later(await serveTcp(onConnection));
const proxy = async (options: Parameters<typeof serveProxy>[0]): Promise<TestProxy> =>
  later(await serveProxy(options));

/** The same server over each protocol that Graph may speak. */
const protocols = [
  { name: 'http', scheme: 'http', identity: undefined, h2: false },
  { name: 'https, HTTP/1.1', scheme: 'https', identity: localhost, h2: false },
  { name: 'https, HTTP/2', scheme: 'https', identity: localhost, h2: true },
] as const;

describe.each(protocols)('over $name', ({ scheme, identity, h2 }) => {
  const start = async (
    handler: Handler,
    options: Partial<TransportOptions> = {},
  ): Promise<{ transport: Transport; url: string; server: TestServer }> => {
    const server = await serve(handler, identity);
    return {
      server,
      url: `${scheme}://localhost:${String(server.port)}`,
      transport: await open({
        ...(identity === undefined ? {} : { dispatcher: trusting(h2) }),
        ...options,
      }),
    };
  };

  test('sends method, path, query, headers and body, and gives status, headers and body', async () => {
    const seen: unknown[] = [];
    const { transport, url } = await start((incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const { method, headers } = incoming;
        seen.push([method, incoming.url, headers['x-mine'], Buffer.concat(chunks).toString()]);
        response.writeHead(418, { 'X-Answer': 'yes', 'content-type': 'text/plain' });
        response.end('teapot €');
      });
    });
    const answer = await transport.send(
      post(`${url}/a%20b/c?d=%2F&e`, { headers: { 'x-mine': '1' }, body: '{"x":"ü"}' }),
    );
    expect(answer.status).toBe(418);
    expect(answer.headers).toMatchObject({ 'x-answer': 'yes', 'content-type': 'text/plain' });
    expect(answer.body.toString()).toBe('teapot €');
    expect(seen).toEqual([['POST', '/a%20b/c?d=%2F&e', '1', '{"x":"ü"}']]);
  });

  test('keeps the connection for the next request', async () => {
    const { transport, url, server } = await start((_, response) => response.end('ok'));
    for (let n = 0; n < 20; n += 1) await transport.send(n % 2 ? request(url) : post(url));
    expect(server.connections).toHaveLength(1);
  });

  test('decompresses gzip', async () => {
    const { transport, url } = await start((incoming, response) => {
      expect(incoming.headers['accept-encoding']).toBe('gzip');
      response.writeHead(200, { 'content-encoding': 'GZip' });
      response.end(gzipSync('x'.repeat(100_000)));
    });
    expect((await transport.send(request(url))).body.toString()).toBe('x'.repeat(100_000));
  });

  test('does not follow a redirect', async () => {
    let asked = 0;
    const { transport, url } = await start((_, response) => {
      asked += 1;
      response.writeHead(302, { location: '/elsewhere' });
      response.end();
    });
    const answer = await transport.send(request(url));
    expect([answer.status, answer.headers['location'], asked]).toEqual([302, '/elsewhere', 1]);
  });

  test('an answer of exactly maxBytes is fine, one byte more is not', async () => {
    const { transport, url } = await start((_, response) => response.end('x'.repeat(1000)));
    const { body } = await transport.send(request(url, { maxBytes: 1000 }));
    expect(body).toHaveLength(1000);
    const failure = await failureOf(transport.send(request(url, { maxBytes: 999 })));
    expect([failure.kind, failure.details.delivery]).toEqual(['service', 'unknown']);
    expect(failure.message).toContain('sent an answer of more than');
  });

  test('a gzip bomb is not unpacked beyond maxBytes', async () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20));
    const { transport, url } = await start((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(bomb);
    });
    const failure = await failureOf(transport.send(request(url)));
    expect([failure.kind, failure.details.delivery]).toEqual(['service', 'unknown']);
    expect(failure.message).toBe(`${new URL(url).host} sent an answer of more than 1 MiB`);
  });

  test.each([
    ['an encoding that was not asked for', { 'content-encoding': 'br' }, Buffer.from('abc')],
    ['an encoding twice', { 'content-encoding': 'gzip, gzip' }, gzipSync(gzipSync('a'))],
    ['gzip that is none', { 'content-encoding': 'gzip' }, Buffer.from('plain text')],
    ['half of the gzip', { 'content-encoding': 'gzip' }, gzipSync('x'.repeat(999)).subarray(0, 20)],
  ])('%s is a service failure, and of a write nothing is known', async (_, headers, body) => {
    const { transport, url } = await start((__, response) => {
      response.writeHead(200, headers);
      response.end(body);
    });
    const failure = await failureOf(transport.send(post(url)));
    expect([failure.kind, failure.details.delivery]).toEqual(['service', 'unknown']);
  });

  test('an empty body is fine whatever its encoding is called', async () => {
    const { transport, url } = await start((_, response) => {
      response.writeHead(204, { 'content-encoding': 'gzip' });
      response.end();
    });
    const { status, body } = await transport.send(request(url));
    expect([status, body.length]).toEqual([204, 0]);
  });

  test.each(['before the answer', 'in the body', 'in a body of no given length'])(
    'a connection lost %s is a transient network failure, and nothing is known of the write',
    async (when) => {
      let asked = 0;
      const { transport, url, server } = await start((_, response) => {
        asked += 1;
        const cut = (): void => {
          for (const socket of server.connections) socket.resetAndDestroy();
        };
        if (when === 'before the answer') cut();
        else {
          response.writeHead(200, when === 'in the body' ? { 'content-length': '100' } : {});
          response.write('half', cut);
        }
      });
      const failure = await failureOf(transport.send(post(url)));
      expect(failure.kind).toBe('network');
      expect(failure.details).toMatchObject({ delivery: 'unknown', transient: true });
      expect(asked).toBe(1);
    },
  );

  test('never sends a write again by itself, when the connection ends beneath several', async () => {
    const seen: string[] = [];
    const { transport, url, server } = await start((incoming) => {
      seen.push(incoming.method ?? '');
      if (seen.length === 4) for (const socket of server.connections) socket.destroy();
    });
    const failures = await Promise.all(
      [post, request, post, request].map((make) => failureOf(transport.send(make(url)))),
    );
    expect(failures.map(({ kind }) => kind)).toEqual(Array(4).fill('network'));
    expect(seen.filter((method) => method === 'POST')).toHaveLength(2);
  });

  test('a server that never answers: timeout, and nothing is known of the write', async () => {
    const { transport, url } = await start(() => undefined, { timeoutMs: 150 });
    const failure = await failureOf(transport.send(post(url)));
    expect([failure.kind, failure.message]).toEqual([
      'network',
      `${new URL(url).host} did not answer within 0.15 s`,
    ]);
    expect(failure.details).toMatchObject({ delivery: 'unknown', transient: true });
    expect(failure.hint).toContain('--timeout');
  });

  test('a body that stops in the middle: timeout', async () => {
    const { transport, url } = await start(
      (_, response) => {
        response.writeHead(200);
        response.write('half');
      },
      { timeoutMs: 150 },
    );
    const failure = await failureOf(transport.send(request(url)));
    expect(failure.message).toContain('did not answer within');
  });

  test.each([
    ['SIGTERM', new Failure('cancelled', 'interrupted', { signal: 'SIGTERM' })],
    ['--deadline', new Failure('network', '--deadline 5s has passed', { hint: 'allow more' })],
  ])(
    'ended by %s while under way: that failure, and nothing is known of the write',
    async (_, why) => {
      const cancel = new AbortController();
      const { transport, url } = await start(
        (__, response) => {
          response.writeHead(200);
          response.write('half', () => {
            cancel.abort(why);
          });
        },
        { cancelled: cancel.signal },
      );
      const failure = await failureOf(transport.send(post(url)));
      expect([failure.kind, failure.message, failure.exitCode]).toEqual([
        why.kind,
        why.message,
        why.exitCode,
      ]);
      expect(failure.details).toMatchObject({ ...why.details, delivery: 'unknown' });
    },
  );
});

describe('over HTTP/2', () => {
  const codes = { NO_ERROR: 0, INTERNAL_ERROR: 2, REFUSED_STREAM: 7, CANCEL: 8 };

  /** Ends the stream of each request with this code, after so much of the answer. */
  const resetting = async (
    code: number,
    when: 'before the answer' | 'in the body' | 'goaway',
  ): Promise<Failure> => {
    let asked = 0;
    const server = await serve((incoming, response) => {
      asked += 1;
      if (!('stream' in incoming)) throw new Error('not HTTP/2');
      const { stream } = incoming;
      if (when === 'before the answer') stream.close(code);
      else if (when === 'goaway') stream.session?.goaway(code);
      else {
        response.writeHead(200, { 'content-length': '100' });
        response.write('half', () => {
          stream.close(code);
        });
      }
    }, localhost);
    const transport = await open({ dispatcher: trusting(true) });
    const failure = await failureOf(
      transport.send(post(`https://localhost:${String(server.port)}/`)),
    );
    expect(asked).toBe(1);
    return failure;
  };

  test.each(
    Object.entries(codes).flatMap(([name, code]) =>
      (['before the answer', 'in the body', 'goaway'] as const).map(
        (when) => [name, when, code] as const,
      ),
    ),
  )('%s %s is a lost connection', async (_, when, code) => {
    const failure = await resetting(code, when);
    expect(failure.kind).toBe('network');
    expect(failure.details).toMatchObject({ delivery: 'unknown', transient: true });
  });
});

describe('no connection', () => {
  const cases: [string, () => Promise<string>, RegExp, boolean][] = [
    [
      'refused',
      async () => `https://localhost:${String(await closedPort())}`,
      /^cannot reach localhost:\d+: it refused the connection$/,
      false,
    ],
    [
      'unknown name',
      () => Promise.resolve('https://no-such-host.invalid'),
      /^cannot reach no-such-host.invalid: (?:there is no such host|its name could not be looked up)$/,
      false,
    ],
    [
      'untrusted certificate',
      async () => `https://localhost:${String((await serve(() => undefined, localhost)).port)}`,
      /: its TLS certificate is not trusted$/,
      false,
    ],
    [
      'not TLS but HTTP',
      async () =>
        `https://localhost:${String((await serve((_, response) => response.end('ok'))).port)}`,
      /: it does not speak TLS$/,
      false,
    ],
    [
      'closed in the TLS handshake',
      async () =>
        `https://localhost:${String((await tcp((socket) => socket.once('data', () => socket.end()))).port)}`,
      /: the connection broke off$/,
      true,
    ],
    [
      'reset in the TLS handshake',
      async () =>
        `https://localhost:${String((await tcp((socket) => socket.once('data', () => socket.resetAndDestroy()))).port)}`,
      /: the connection broke off$/,
      true,
    ],
  ];

  test.each(cases)('%s: nothing was sent', async (_, address, message, transient) => {
    const transport = await open();
    const failure = await failureOf(transport.send(post(await address())));
    expect(failure.kind).toBe('network');
    expect(failure.message).toMatch(message);
    expect(failure.details.delivery).toBe('none');
    if (!/looked up/.test(failure.message))
      expect(failure.details.transient ?? false).toBe(transient);
    expect(failure.hint).toBeDefined();
  });

  const now = Math.floor(Date.now() / 1000);
  test.each([
    ['for another host', { dnsNames: ['example.test'] }, 'is for another host'],
    [
      'expired',
      { dnsNames: ['localhost'], notBefore: now - 9999, notAfter: now - 1000 },
      'has expired',
    ],
    [
      'of the future',
      { dnsNames: ['localhost'], notBefore: now + 9999, notAfter: now + 99_999 },
      'is not valid yet',
    ],
  ])('a certificate %s: nothing was sent', async (_, facts, says) => {
    const server = await serve((__, response) => response.end('ok'), ca.issue(facts));
    const transport = await open({ dispatcher: trusting(true) });
    const failure = await failureOf(
      transport.send(post(`https://localhost:${String(server.port)}`)),
    );
    expect(failure.message).toBe(
      `cannot reach localhost:${String(server.port)}: its TLS certificate ${says}`,
    );
    expect(failure.details.delivery).toBe('none');
    expect(failure.details.transient).toBeUndefined();
    expect(failure.hint).toContain('NODE_EXTRA_CA_CERTS');
  });

  test('a TLS handshake that never ends: timeout, nothing was sent, may be tried again', async () => {
    const server = await tcp(() => undefined);
    const transport = await open({ timeoutMs: 150 });
    const failure = await failureOf(
      transport.send(post(`https://localhost:${String(server.port)}`)),
    );
    expect(failure.message).toMatch(/^localhost:\d+ did not answer within 0.15 s$/);
    expect(failure.details).toMatchObject({ delivery: 'none', transient: true });
  });

  test('ended while connecting: at once, and nothing was sent', async () => {
    const cancel = new AbortController();
    const why = new Failure('cancelled', 'interrupted', { signal: 'SIGINT' });
    const server = await tcp(() => {
      cancel.abort(why);
    });
    const transport = await open({ cancelled: cancel.signal });
    const failure = await failureOf(
      transport.send(post(`https://localhost:${String(server.port)}`)),
    );
    expect([failure.kind, failure.exitCode, failure.details.delivery]).toEqual([
      'cancelled',
      130,
      'none',
    ]);
  });

  test('ended before: that very failure, and no connection is made', async () => {
    const cancel = new AbortController();
    const why = new Failure('cancelled', 'interrupted', { signal: 'SIGINT' });
    cancel.abort(why);
    const server = await tcp(() => undefined);
    const transport = await open({ cancelled: cancel.signal });
    expect(await failureOf(transport.send(post(`http://localhost:${String(server.port)}`)))).toBe(
      why,
    );
    expect(server.connections).toHaveLength(0);
  });
});

test.each([
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['half a status line', 'HTTP/1.'],
  ['half of the headers', 'HTTP/1.1 200 OK\r\ncontent-'],
  ['headers without end', `HTTP/1.1 200 OK\r\n${'x'.repeat(1 << 17)}`],
  ['half a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n123'],
  ['no last chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n'],
  ['a change of protocol', 'HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
])('an answer that is %s: nothing is known of the write', async (_, bytes) => {
  const server = await tcp((socket) => socket.once('data', () => socket.end(bytes)));
  const transport = await open();
  const failure = await failureOf(transport.send(post(`http://localhost:${String(server.port)}`)));
  expect(failure.kind).toBe('network');
  expect(failure.details).toMatchObject({ delivery: 'unknown', transient: true });
});

test('bytes that are no TLS after the request was sent are no sign that it was not', async () => {
  let relayed: Socket | undefined;
  const server = await serve(() => relayed?.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'), localhost);
  const relay = await tcp((socket) => {
    relayed = socket;
    const far = connect(server.port, '127.0.0.1');
    far.on('error', () => undefined);
    far.on('data', (chunk) => socket.writable && socket.write(chunk));
    socket.on('data', (chunk) => far.write(chunk));
    socket.on('close', () => far.destroy());
  });
  const transport = await open({ dispatcher: trusting(false) });
  const failure = await failureOf(transport.send(post(`https://localhost:${String(relay.port)}`)));
  expect(failure.message).toMatch(/: the connection broke off$/);
  expect(failure.details).toMatchObject({ delivery: 'unknown', transient: true });
});

test('with the network off: what the mock was told to expect is all that happens', async () => {
  const mock = new MockAgent();
  mock.disableNetConnect();
  mock
    .get('https://graph.microsoft.com')
    .intercept({ path: '/beta/x?y=1', method: 'PATCH', body: '{}', headers: { a: 'b' } })
    .reply(200, '{"fine":true}', { headers: { 'Request-Id': 'abc', 'set-cookie': ['1', '2'] } });
  const transport = await openTransport({
    timeoutMs: 10_000,
    proxies: noProxies,
    http1: false,
    cancelled: new AbortController().signal,
    dispatcher: mock,
  });
  const answer = await transport.send(
    request('https://graph.microsoft.com/beta/x?y=1', {
      method: 'PATCH',
      body: '{}',
      headers: { a: 'b' },
    }),
  );
  expect(answer.headers).toMatchObject({ 'request-id': 'abc', 'set-cookie': '1' });
  expect(JSON.parse(answer.body.toString())).toEqual({ fine: true });
  mock.assertNoPendingInterceptors();
  const failure = await failureOf(transport.send(request('https://graph.microsoft.com/other')));
  expect(failure.kind).toBe('network');
  await mock.close();
});

describe('a proxy', () => {
  const through = (port: number, more: Partial<TransportOptions['proxies']> = {}) => ({
    proxies: { ...noProxies, http: `http://localhost:${String(port)}`, ...more },
  });

  test('carries the request in a tunnel, with its credentials, and keeps the tunnel', async () => {
    const server = await serve((_, response) => response.end('through'));
    const relay = await proxy({ target: server, credentials: 'us er:p@ss/word' });
    const address = `http://us%20er:p%40ss%2Fword@localhost:${String(relay.port)}`;
    const transport = await open({ proxies: { ...noProxies, http: address } });
    for (let n = 0; n < 3; n += 1) {
      const { body } = await transport.send(request('http://graph.example/x'));
      expect(body.toString()).toBe('through');
    }
    expect(relay.asked).toEqual(['graph.example:80']);
    expect(server.connections).toHaveLength(1);
  });

  test('is left alone for the hosts of NO_PROXY', async () => {
    const server = await serve((_, response) => response.end('direct'));
    const relay = await proxy({ target: server });
    const transport = await open(through(relay.port, { no: 'example.com,localhost' }));
    await transport.send(request(`http://localhost:${String(server.port)}`));
    expect(relay.asked).toEqual([]);
    await transport.send(request('http://other.example/'));
    expect(relay.asked).toEqual(['other.example:80']);
  });

  test('the environment of the process is not read', async () => {
    const server = await serve((_, response) => response.end('direct'));
    const relay = await proxy({ target: server });
    process.env['HTTP_PROXY'] = 'http://localhost:9';
    try {
      const direct = await open();
      await direct.send(request(`http://localhost:${String(server.port)}`));
      const other = await open({
        proxies: { ...noProxies, https: `http://localhost:${String(relay.port)}` },
      });
      await other.send(request(`http://localhost:${String(server.port)}`));
      expect(relay.asked).toEqual([]);
    } finally {
      delete process.env['HTTP_PROXY'];
    }
  });

  test.each([
    [407, 'write the user name and the password into HTTPS_PROXY'],
    [403, 'check HTTPS_PROXY, or name the host in NO_PROXY'],
    [502, 'check HTTPS_PROXY, or name the host in NO_PROXY'],
  ])('that answers %i: nothing was sent', async (status, hint) => {
    const server = await serve((_, response) => response.end('ok'));
    const relay = await proxy({ target: server, refuseWith: status });
    const transport = await open(through(relay.port));
    const failure = await failureOf(transport.send(post('http://graph.example/')));
    expect(failure.kind).toBe('network');
    expect(failure.message).toBe(
      `cannot reach graph.example: the proxy did not let it through (HTTP ${String(status)})`,
    );
    expect(failure.hint).toBe(hint);
    expect(failure.details.delivery).toBe('none');
    expect(server.connections).toHaveLength(0);
  });

  test.each([
    ['that is not there', async () => closedPort(), /the proxy of HTTPS_PROXY: it refused/],
    [
      'that hangs up',
      async () =>
        (await proxy({ target: { port: 9 }, onConnect: (client) => client.destroy() })).port,
      /^the proxy of HTTPS_PROXY: the connection broke off$/,
    ],
    [
      'that is no proxy',
      async () => (await serve((_, response) => response.end('ok'))).port,
      /^the proxy of HTTPS_PROXY: the connection broke off$/,
    ],
  ])('%s: nothing was sent', async (_, port, message) => {
    const transport = await open({ ...through(await port()), timeoutMs: 2000 });
    const failure = await failureOf(transport.send(post('http://graph.example/')));
    expect(failure.message).toMatch(message);
    expect(failure.details.delivery).toBe('none');
  });

  test('that hangs: timeout, nothing was sent', async () => {
    const relay = await proxy({ target: { port: 9 }, onConnect: () => undefined });
    const transport = await open({ ...through(relay.port), timeoutMs: 150 });
    const failure = await failureOf(transport.send(post('http://graph.example/')));
    expect(failure.message).toBe('graph.example did not answer within 0.15 s');
    expect(failure.details.delivery).toBe('none');
  });

  test('that breaks the tunnel under the request: nothing is known of the write', async () => {
    const server = await serve(() => {
      for (const socket of server.connections) socket.resetAndDestroy();
    });
    const relay = await proxy({ target: server });
    const transport = await open(through(relay.port));
    const failure = await failureOf(transport.send(post('http://graph.example/')));
    expect(failure.details).toMatchObject({ delivery: 'unknown', transient: true });
  });

  test.each([
    'user:hunter2-proxy@proxy.example:8080',
    'proxy.example:8080',
    'hunter2-proxy',
    'http://user:hunter2-proxy%zz@proxy.example:8080',
    'ftp://user:hunter2-proxy@proxy.example',
    'http://user:hunter2-proxy@proxy.example:999999',
    'http://',
  ])('whose address is none is usage, and the address is not repeated (%s)', async (address) => {
    for (const proxies of [
      { ...noProxies, https: address },
      { ...noProxies, http: address },
    ]) {
      const error: unknown = await openTransport({
        timeoutMs: 1000,
        proxies,
        http1: false,
        cancelled: new AbortController().signal,
      }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Failure);
      expect(error).toMatchObject({ kind: 'usage' });
      expect(inspect(error, { depth: 9 })).not.toMatch(/hunter2|999999/);
    }
  });
});

describe('a process of its own', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
    await bundle(folder.path, { http: 'src/edge/http.ts', failure: 'src/failure.ts' });
    await writeFile(`${folder.path}/ca.pem`, ca.root);
  });
  afterAll(() => folder.remove());

  const script = `
    const { openTransport } = require('./http.cjs');
    const { Failure } = require('./failure.cjs');
    const { url, proxies, cancels, timeoutMs = 20000, count = 1, garbage } = JSON.parse(process.argv[2]);
    (async () => {
      const cancel = new AbortController();
      const started = Date.now();
      const transport = await openTransport({
        timeoutMs, http1: false, cancelled: cancel.signal,
        proxies: { http: undefined, https: undefined, no: '', ...proxies },
      });
      if (cancels) {
        process.stdin.resume().once('end', () => cancel.abort(new Failure('cancelled', 'interrupted')));
      }
      if (garbage) setInterval(() => gc(), 10).unref();
      const send = async () => {
        try {
          const answer = await transport.send({
            method: 'POST', url: new URL(url), headers: {}, body: 'x', maxBytes: 1000,
          });
          return answer.status + ' ' + answer.body;
        } catch (error) {
          return error.kind + ' ' + error.message + ' ' + error.details.delivery;
        }
      };
      const lines = await Promise.all(Array.from({ length: count }, send));
      console.log([...new Set(lines)].join('\\n'));
      await transport.close();
    })();
  `;
  const ask = (
    facts: object,
    environment: Record<string, string> = {},
    until?: Promise<unknown>,
  ): Promise<Ended> =>
    runScript(folder.path, script, {
      args: [JSON.stringify(facts)],
      environment,
      options: ['--expose-gc'],
      until,
    });
  const trusted = () => ({ NODE_EXTRA_CA_CERTS: `${folder.path}/ca.pem` });

  test('trusts NODE_EXTRA_CA_CERTS, directly and through a proxy, and ends at once', async () => {
    const server = await serve((incoming, response) => {
      response.end(`${incoming.httpVersion} fine`);
    }, localhost);
    const relay = await proxy({ target: server, credentials: 'u:p' });
    const url = `https://localhost:${String(server.port)}/`;
    const proxies = { https: `http://u:p@localhost:${String(relay.port)}` };
    const [direct, tunnelled, untrusted] = await Promise.all([
      ask({ url, count: 5 }, trusted()),
      ask({ url, proxies, count: 5 }, trusted()),
      ask({ url }),
    ]);
    expect(direct).toMatchObject({ code: 0, stdout: '200 2.0 fine\n' });
    expect(tunnelled).toMatchObject({ code: 0, stdout: '200 1.1 fine\n' });
    expect(relay.asked[0]).toBe(`localhost:${String(server.port)}`);
    expect(untrusted.stdout).toMatch(/^network .*certificate is not trusted none\n$/);
  });

  /** A server or proxy, and when it has been reached. */
  const reached = async <T>(
    start: (mark: () => void) => Promise<T>,
  ): Promise<{ at: T; then: Promise<void> }> => {
    let mark: () => void = () => undefined;
    const then = new Promise<void>((resolve) => {
      mark = resolve;
    });
    return { at: await start(mark), then };
  };

  test('ends at once when it is ended while something hangs', async () => {
    const silent = () => reached((mark) => tcp(mark));
    const hanging = (answer: string) =>
      reached((mark) =>
        proxy({
          target: { port: 9 },
          onConnect: (client) => {
            client.write(answer, mark);
          },
        }),
      );
    const cases = await Promise.all([
      silent().then((one) => ({ ...one, scheme: 'https', proxied: false, outcome: 'none' })),
      reached((mark) => serve(mark)).then((one) => ({
        ...one,
        scheme: 'http',
        proxied: false,
        outcome: 'unknown',
      })),
      silent().then((one) => ({ ...one, scheme: 'https', proxied: true, outcome: 'none' })),
      hanging('HTTP/1.1').then((one) => ({
        ...one,
        scheme: 'https',
        proxied: true,
        outcome: 'none',
      })),
      hanging('HTTP/1.1 200 OK\r\n\r\n').then((one) => ({
        ...one,
        scheme: 'https',
        proxied: true,
        outcome: 'none',
      })),
    ]);
    const results = await Promise.all(
      cases.map(({ at, then, scheme, proxied }) => {
        const host = `localhost:${String(at.port)}`;
        const facts = proxied
          ? { url: `${scheme}://x.invalid`, proxies: { https: `http://${host}` } }
          : { url: `${scheme}://${host}` };
        // Longer than the process may live.
        return ask({ ...facts, cancels: true, timeoutMs: 60_000 }, {}, then);
      }),
    );
    expect(results).toEqual(
      cases.map(({ outcome }) => ({
        code: 0,
        stdout: `cancelled interrupted ${outcome}\n`,
        stderr: '',
      })),
    );
  });

  test('a timeout happens although garbage is collected meanwhile', async () => {
    const dumb = await serve(() => undefined);
    const url = `http://localhost:${String(dumb.port)}`;
    const { stdout } = await ask({ url, timeoutMs: 400, garbage: true });
    expect(stdout).toMatch(/^network localhost:\d+ did not answer within 0.4 s unknown\n$/);
  });
});
