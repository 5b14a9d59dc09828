import { ConfidentialClientApplication, type INetworkModule } from '@azure/msal-node';
import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { Agent, fetch, request } from 'undici';
import { memoryStore, systemWorld } from '../../src/edge/emulator-store.ts';
import {
  serveEmulator,
  type EmulatorServer,
  type ReceivedRequest,
  type ServerOptions,
} from '../../src/edge/emulator-server.ts';
import { makeCertificate } from '../../src/core/certificate-maker.ts';
import { tenantId } from '../../src/emulator/state.ts';
import { isFailure } from '../../src/failure.ts';
import { checkResponse } from '../support/openapi.ts';

const running: { server: EmulatorServer; agents: Agent[] }[] = [];

async function serve(options: ServerOptions = {}): Promise<EmulatorServer> {
  const server = await serveEmulator({ clientSecret: 'right~secret', ...options });
  running.push({ server, agents: [] });
  return server;
}

afterEach(async () => {
  for (const { server, agents } of running.splice(0)) {
    await Promise.all(agents.map((agent) => agent.destroy()));
    await server.close();
  }
});

/** HTTP/1.1 and HTTP/2 alike; `fresh` connections, so that a destroyed one is not used again. */
function agent(server: EmulatorServer, protocol: 'h1' | 'h2'): Agent {
  const made = new Agent({
    allowH2: protocol === 'h2',
    connect: server.caFile === undefined ? {} : { ca: server.caFile },
  });
  running.find((one) => one.server === server)?.agents.push(made);
  return made;
}

const tokenForm = (server: EmulatorServer, more: Record<string, string> = {}): string =>
  new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: server.clientId,
    client_secret: server.clientSecret,
    scope: 'https://graph.microsoft.com/.default',
    ...more,
  }).toString();

const form = { 'content-type': 'application/x-www-form-urlencoded' };

async function tokenOf(
  server: EmulatorServer,
  dispatcher: Agent,
  tenant = server.tenant,
): Promise<string> {
  const { body } = await request(`${server.authorityUrl}/${tenant}/oauth2/v2.0/token`, {
    method: 'POST',
    headers: form,
    body: tokenForm(server),
    dispatcher,
  });
  const answer = (await body.json()) as { access_token: string };
  return answer.access_token;
}

/** What the tests look at in answers; which members are there depends on the answer. */
interface Shown {
  readonly value: readonly unknown[];
  readonly keys: readonly unknown[];
  readonly error: { readonly code: string; readonly message: string };
  readonly '@odata.nextLink': string;
}

interface Caller {
  (
    method: string,
    below: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: Shown }>;
}

async function caller(
  server: EmulatorServer,
  protocol: 'h1' | 'h2',
  tenant?: string,
): Promise<Caller> {
  const dispatcher = agent(server, protocol);
  const token = await tokenOf(server, dispatcher, tenant);
  return async (method, below, body, headers = {}) => {
    const response = await request(`${server.graphUrl}/beta/trustFramework/keySets${below}`, {
      method: method as 'GET',
      dispatcher,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    const contentType = response.headers['content-type'];
    if (method === 'GET' || method === 'POST')
      checkResponse(method, `/trustFramework/keySets${below}`.split('?')[0] ?? '', {
        status: response.statusCode,
        contentType: Array.isArray(contentType) ? contentType[0] : contentType,
        body: text === '' ? undefined : JSON.parse(text),
      });
    const answered = (text === '' ? undefined : JSON.parse(text)) as Shown;
    return { status: response.statusCode, body: answered };
  };
}

describe.each(['h1', 'h2'] as const)('over %s', (protocol) => {
  test('a keyset is made, listed and removed', async () => {
    const server = await serve();
    const call = await caller(server, protocol);
    expect((await call('POST', '', { id: 'A' })).status).toBe(201);
    expect((await call('POST', '/B2C_1A_A/uploadSecret', { use: 'sig', k: 'x' })).status).toBe(200);
    expect((await call('GET', '')).body.value).toMatchObject([{ id: 'B2C_1A_A' }]);
    expect(await call('DELETE', '/B2C_1A_A')).toEqual({ status: 204, body: undefined });
    expect(
      server.requests.map(({ method, operation, status }) => [method, operation, status]),
    ).toEqual([
      ['POST', 'token', 200],
      ['POST', 'create', 201],
      ['POST', 'uploadSecret', 200],
      ['GET', 'list', 200],
      ['DELETE', 'delete', 204],
    ]);
    expect(JSON.stringify(server.requests)).not.toMatch(/Bearer|right~secret/);
    expect(server.requests[1]?.headers['authorization']).toBe('[redacted]');
  });

  test('fetch gets a list', async () => {
    const server = await serve();
    const dispatcher = agent(server, protocol);
    const token = await tokenOf(server, dispatcher);
    const response = await fetch(`${server.graphUrl}/beta/trustFramework/keySets`, {
      headers: { authorization: `Bearer ${token}` },
      dispatcher,
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ value: [] });
  });

  test.each(['reset-before', 'reset-after'])('%s destroys the connection', async (fault) => {
    const server = await serve();
    const call = await caller(server, protocol);
    server.faults.add(`${fault}@create`);
    await expect(call('POST', '', { id: 'A' })).rejects.toThrow();
    expect(server.requests.at(-1)).toMatchObject({ operation: 'create', status: 0 });
    expect((await call('GET', '/B2C_1A_A')).status).toBe(fault === 'reset-after' ? 200 : 404);
  });

  test.each(['list', 'delete'])('truncated: half of the answer to %s', async (operation) => {
    const server = await serve();
    const call = await caller(server, protocol);
    await call('POST', '', { id: 'A' });
    server.faults.add(`truncated@${operation}`);
    await expect(
      operation === 'list' ? call('GET', '') : call('DELETE', '/B2C_1A_A'),
    ).rejects.toThrow();
    expect((await call('GET', '')).body.value).toMatchObject([
      { id: operation === 'list' ? 'B2C_1A_A' : 'B2C_1A_A.bak' },
    ]);
  });

  test('a long answer is zipped for who asks', async () => {
    const server = await serve();
    const call = await caller(server, protocol);
    const keys = Array.from({ length: 9 }, () => ({ kty: 'oct', use: 'sig', k: 'YQ' }));
    await call('POST', '', { id: 'A', keys });
    const dispatcher = agent(server, protocol);
    const token = await tokenOf(server, dispatcher);
    const get = async (below: string): Promise<[string | string[] | undefined, Buffer]> => {
      const response = await request(`${server.graphUrl}/beta/trustFramework/keySets${below}`, {
        dispatcher,
        headers: { authorization: `Bearer ${token}`, 'accept-encoding': 'gzip, br' },
      });
      const bytes = Buffer.from(await response.body.arrayBuffer());
      return [response.headers['content-encoding'], bytes];
    };
    const [encoding, bytes] = await get('/B2C_1A_A');
    expect(encoding).toBe('gzip');
    expect(JSON.parse(gunzipSync(bytes).toString())).toMatchObject({ id: 'B2C_1A_A' });
    const [none] = await get('/$count');
    expect(none).toBeUndefined();
    expect((await call('GET', '/B2C_1A_A')).body.keys).toHaveLength(9);
  });

  test('a body over 4 MiB is refused, and the server goes on', async () => {
    const server = await serve();
    const call = await caller(server, protocol);
    const k = 'x'.repeat((4 << 20) + 1);
    expect((await call('POST', '/B2C_1A_A/uploadSecret', { use: 'sig', k })).status).toBe(413);
    expect((await call('GET', '')).status).toBe(200);
  });
});

describe('faults', () => {
  test('errors come in the order they were ordered in, and end', async () => {
    const server = await serve({ faults: ['429=7@list', 'AADB2C90063@uploadSecret'] });
    const call = await caller(server, 'h2');
    server.faults.add('503@list');
    expect((await call('GET', '')).status).toBe(429);
    expect((await call('GET', '')).status).toBe(503);
    expect((await call('GET', '')).status).toBe(200);
    const failed = await call('POST', '/B2C_1A_A/uploadSecret', { use: 'sig', k: 'x' });
    expect([failed.status, failed.body.error.code]).toEqual([500, 'AADB2C90063']);
    server.faults.add('500:*');
    expect((await call('GET', '')).status).toBe(500);
    server.faults.clear();
    expect((await call('GET', '')).status).toBe(200);
    expect(() => {
      server.faults.add('nonsense');
    }).toThrow('"nonsense" is not a fault');
  });

  test('a fault of the sign-in service', async () => {
    const server = await serve({ faults: ['503@token'] });
    const response = await request(`${server.authorityUrl}/contoso.com/oauth2/v2.0/token`, {
      method: 'POST',
      headers: form,
      body: tokenForm(server),
      dispatcher: agent(server, 'h1'),
    });
    expect(response.statusCode).toBe(503);
    expect(await response.body.json()).toMatchObject({ error: 'temporarily_unavailable' });
  });

  test('garbage is no JSON, but the request was carried out', async () => {
    const server = await serve({ faults: ['garbage@create'] });
    const call = await caller(server, 'h2');
    await expect(call('POST', '', { id: 'A' })).rejects.toThrow(SyntaxError);
    expect((await call('GET', '/B2C_1A_A')).status).toBe(200);
  });

  test('a delay and the latency wait as they are told', async () => {
    const waited: number[] = [];
    const server = await serve({
      latencyMs: 5,
      faults: ['delay=2s@list'],
      wait: (ms) => {
        waited.push(ms);
        return Promise.resolve();
      },
    });
    const call = await caller(server, 'h2');
    expect((await call('GET', '')).status).toBe(200);
    expect(waited).toEqual([5, 2000, 5]);
  });

  test('closing does not wait for a delay', async () => {
    let listAsked = (): void => undefined;
    const asked = new Promise<void>((resolve) => {
      listAsked = resolve;
    });
    const server = await serve({
      faults: ['delay=1h@list'],
      onRequest: ({ operation }) => {
        if (operation === 'list') listAsked();
      },
    });
    const call = await caller(server, 'h1');
    const list = call('GET', '').catch((error: unknown) => error);
    await asked;
    await server.close();
    expect(await list).toBeInstanceOf(Error);
    await server.close();
  });
});

describe('Graph', () => {
  const path = '/beta/trustFramework/keySets';
  const errorOf = async (server: EmulatorServer, authorization?: string): Promise<unknown[]> => {
    const { statusCode, body, headers } = await request(server.graphUrl + path, {
      dispatcher: agent(server, 'h1'),
      headers: authorization === undefined ? {} : { authorization },
    });
    expect(headers['request-id']).toMatch(/^[0-9a-f-]{36}$/);
    const { error } = (await body.json()) as { error: { code: string } };
    return [statusCode, error.code];
  };

  test('wants a token of this server that has not ended', async () => {
    const clock = { ms: systemWorld.now() };
    const world = { ...systemWorld, now: () => clock.ms };
    const [server, other] = [await serve({ world }), await serve()];
    const token = await tokenOf(server, agent(server, 'h1'));
    const foreign = await tokenOf(other, agent(other, 'h1'));
    const refused = [401, 'InvalidAuthenticationToken'];
    expect(await errorOf(server)).toEqual(refused);
    expect(await errorOf(server, 'Bearer x')).toEqual(refused);
    expect(await errorOf(server, `Bearer ${foreign}`)).toEqual(refused);
    clock.ms += 3_600_000;
    expect(await errorOf(server, `Bearer ${token}`)).toEqual(refused);
  });

  test('looks at the permissions', async () => {
    const server = await serve({ roles: ['TrustFrameworkKeySet.Read.All'] });
    const call = await caller(server, 'h2');
    expect((await call('GET', '')).status).toBe(200);
    const refused = await call('POST', '', { id: 'A' });
    expect([refused.status, refused.body.error.code]).toEqual([403, 'AADB2C']);
  });

  test('keeps tenants apart, by the id in the token', async () => {
    const server = await serve({ tenant: 'contoso.com', store: memoryStore() });
    const contoso = await caller(server, 'h2');
    const fabrikam = await caller(server, 'h2', 'fabrikam.com');
    const sameContoso = await caller(server, 'h2', tenantId('contoso.com'));
    await contoso('POST', '', { id: 'A' });
    expect((await fabrikam('GET', '')).body.value).toEqual([]);
    expect((await sameContoso('GET', '')).body.value).toHaveLength(1);
    const missing = await contoso('GET', '/B2C_1A_None');
    expect(missing.body.error.message).toMatch(/in the directory 'contoso\.com'$/);
  });

  test('names itself in the links it gives', async () => {
    const server = await serve({ switches: { pageSize: 1 } });
    const call = await caller(server, 'h2');
    await call('POST', '', { id: 'A' });
    await call('POST', '', { id: 'B' });
    const { body } = await call('GET', '');
    const next: string = body['@odata.nextLink'];
    expect(next.startsWith(`${server.graphUrl}${path}?`)).toBe(true);
    const second = await call('GET', next.slice((server.graphUrl + path).length));
    expect(second.body.value).toMatchObject([{ id: 'B2C_1A_B' }]);
  });

  test('answers 500 when its state is lost', async () => {
    const lost = { ...memoryStore(), read: () => Promise.reject(new Error('no disk')) };
    const call = await caller(await serve({ store: lost }), 'h2');
    expect((await call('GET', '')).status).toBe(500);
  });
});

describe('MSAL', () => {
  /** On node:https, with the server's CA. */
  function network(server: EmulatorServer): INetworkModule {
    const send = async (
      method: string,
      url: string,
      options?: { headers?: Record<string, string>; body?: string },
    ) => {
      const outgoing = httpsRequest(url, {
        method,
        headers: options?.headers ?? {},
        ...(server.caFile === undefined ? {} : { ca: server.caFile }),
        agent: false,
      });
      const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
      outgoing.end(options?.body);
      const [response] = await answered;
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      return {
        status: response.statusCode ?? 0,
        headers: {},
        body: JSON.parse(Buffer.concat(chunks).toString()),
      };
    };
    return {
      sendGetRequestAsync: (url, options) => send('GET', url, options),
      sendPostRequestAsync: (url, options) => send('POST', url, options),
    };
  }

  const app = (server: EmulatorServer, auth: object): ConfidentialClientApplication =>
    new ConfidentialClientApplication({
      auth: {
        clientId: server.clientId,
        authority: `${server.authorityUrl}/${server.tenant}`,
        knownAuthorities: [new URL(server.authorityUrl).host],
        ...auth,
      },
      system: { networkClient: network(server) },
    });
  const scopes = ['https://graph.microsoft.com/.default'];

  async function statusWith(server: EmulatorServer, token: string | undefined): Promise<number> {
    const { statusCode, body } = await request(`${server.graphUrl}/beta/trustFramework/keySets`, {
      dispatcher: agent(server, 'h2'),
      headers: { authorization: `Bearer ${token ?? ''}` },
    });
    await body.dump();
    return statusCode;
  }

  test('gets a token with a secret, and Graph takes it', async () => {
    const server = await serve();
    const client = app(server, { clientSecret: server.clientSecret });
    const result = await client.acquireTokenByClientCredential({ scopes });
    expect(await statusWith(server, result?.accessToken)).toBe(200);
  });

  test('gets a token with a certificate', async () => {
    const server = await serve();
    const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const now = Math.floor(Date.now() / 1000);
    const der = makeCertificate({
      subject: 'CN=app', serial: Buffer.from([1]), notBefore: now, notAfter: now + 3600, ...keys,
    }); // prettier-ignore
    const clientCertificate = {
      thumbprintSha256: createHash('sha256').update(der).digest('hex'),
      privateKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    };
    const client = app(server, { clientId: 'any-app', clientCertificate });
    const result = await client.acquireTokenByClientCredential({ scopes });
    expect(await statusWith(server, result?.accessToken)).toBe(200);
  });

  test('gets a token with an assertion of a provider', async () => {
    const server = await serve();
    const claims = {
      iss: 'https://token.actions.githubusercontent.com',
      sub: 'repo:contoso/keys:environment:prod',
      aud: 'api://AzureADTokenExchange',
      exp: Math.floor(Date.now() / 1000) + 60,
    };
    const part = (value: unknown): string =>
      Buffer.from(JSON.stringify(value)).toString('base64url');
    const clientAssertion = `${part({ alg: 'RS256' })}.${part(claims)}.c2ln`;
    const client = app(server, { clientId: 'any-app', clientAssertion });
    const result = await client.acquireTokenByClientCredential({ scopes });
    expect(await statusWith(server, result?.accessToken)).toBe(200);
  });

  test('hears that a secret is wrong', async () => {
    const server = await serve();
    const client = app(server, { clientSecret: 'wrong' });
    const thrown: unknown = await client
      .acquireTokenByClientCredential({ scopes })
      .catch((error: unknown) => error);
    expect(thrown).toMatchObject({
      errorCode: 'invalid_client',
      errorMessage: expect.stringContaining('AADSTS7000215: Invalid client secret provided.'),
    });
  });
});

describe('the server', () => {
  test('has a certificate that OpenSSL verifies with the CA', async () => {
    const server = await serve();
    const { port } = new URL(server.graphUrl);
    const folder = mkdtempSync(join(tmpdir(), 'policykeys-server-'));
    writeFileSync(join(folder, 'ca.pem'), server.caFile ?? '');
    const client = promisify(execFile)('openssl', [
      's_client', '-connect', `127.0.0.1:${port}`, '-CAfile', join(folder, 'ca.pem'), '-x509_strict',
      '-verify_hostname', 'localhost', '-verify_return_error', '-alpn', 'h2', '-brief',
    ]); // prettier-ignore
    client.child.stdin?.end();
    expect((await client).stderr).toContain('Verification: OK');
    rmSync(folder, { recursive: true });
    for (const host of ['localhost', '127.0.0.1']) {
      const outgoing = httpsRequest(`https://${host}:${port}/`, {
        ca: server.caFile ?? '',
        agent: false,
      });
      outgoing.end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      expect(response.statusCode).toBe(404);
      response.resume();
    }
    const strange = httpsRequest(server.graphUrl, { agent: false });
    strange.end();
    const [error] = (await once(strange, 'error')) as [Error & { code: string }];
    expect(error.code).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET/);
  });

  test('serves plain HTTP without TLS', async () => {
    const server = await serve({ tls: false, tenant: 'contoso.com', clientId: 'app' });
    expect(server.graphUrl).toMatch(/^http:\/\/localhost:\d+$/);
    expect(server).toMatchObject({ tenant: 'contoso.com', clientId: 'app' });
    expect(server).not.toHaveProperty('caFile');
    const call = await caller(server, 'h1');
    expect((await call('GET', '')).status).toBe(200);
  });

  test('shows tests what it received, and keeps the last thousand', async () => {
    const received: ReceivedRequest[] = [];
    const server = await serve({ tls: false, onRequest: (one) => received.push(one) });
    const call = await caller(server, 'h1');
    await call('POST', '/B2C_1A_A/uploadSecret', { use: 'sig', k: 'seen' });
    expect(received[0]).toMatchObject({ operation: 'token', body: tokenForm(server) });
    expect(received[1]).toMatchObject({
      method: 'POST',
      path: '/beta/trustFramework/keySets/B2C_1A_A/uploadSecret',
      operation: 'uploadSecret',
      body: '{"use":"sig","k":"seen"}',
    });
    expect(received[1]?.headers['authorization']).toMatch(/^Bearer ey/);
    for (let count = 0; count < 1000; count += 1) await call('GET', '/$count');
    expect(server.requests).toHaveLength(1000);
    expect(server.requests[0]?.operation).toBe('list');
  });

  test.each([
    'nonsense\r\n\r\n',
    'GET /beta/%zz HTTP/1.1\r\nhost: x\r\n\r\n',
    'GET http://elsewhere/beta HTTP/1.1\r\nhost: x\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n',
    'POST /x/oauth2/v2.0/token HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\nhalf',
    'HEAD /beta/trustFramework/keySets HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    '\u0016\u0003\u0001\u0000\u0005hello',
  ])('survives %j', async (bytes) => {
    const server = await serve({ tls: false });
    const socket = connect(Number(new URL(server.graphUrl).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    socket.end(bytes);
    await once(socket, 'close');
    expect((await (await caller(server, 'h1'))('GET', '')).status).toBe(200);
  });

  test('survives a client that speaks no TLS', async () => {
    const server = await serve();
    const outgoing = httpRequest(server.graphUrl.replace('https', 'http'), { agent: false });
    outgoing.end();
    await once(outgoing, 'error');
    expect((await (await caller(server, 'h2'))('GET', '')).status).toBe(200);
  });

  test('refuses a fault that is none before it starts', async () => {
    const thrown: unknown = await serve({ faults: ['x'] }).catch((error: unknown) => error);
    expect(isFailure(thrown, 'usage')).toBe(true);
  });

  test('says when its port is taken', async () => {
    const { port } = new URL((await serve({ tls: false })).graphUrl);
    const thrown: unknown = await serve({ tls: false, port: Number(port) }).catch(
      (error: unknown) => error,
    );
    expect(isFailure(thrown, 'usage') && thrown.message).toMatch(
      /cannot listen on port \d+: .*EADDRINUSE/,
    );
  });
});
