import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { inspect } from 'node:util';
import { Agent } from 'undici';
import { Secret } from '../../src/core/secret.ts';
import { actorOf, openSignIn, type SignInOptions } from '../../src/edge/auth.ts';
import {
  serveEmulator,
  type EmulatorServer,
  type ReceivedRequest,
} from '../../src/edge/emulator-server.ts';
import type { Token } from '../../src/edge/graph.ts';
import { openTransport } from '../../src/edge/http.ts';
import { tenantId } from '../../src/emulator/state.ts';
import { Failure } from '../../src/failure.ts';
import type { HttpResponse, Transport } from '../../src/graph/request.ts';
import type { Credential } from '../../src/settings.ts';
import { caughtLater, everythingOf } from '../support/caught.ts';
import { bundle, closedPort, run, runScript, temporaryFolder } from '../support/servers.ts';

const secrets = {
  client: 'planted~client~secret-90fe',
  wrong: 'planted~wrong~secret-17ab',
  password: 'planted password ü 55',
};
const tenant = 'contoso.onmicrosoft.com';
const resource = 'https://graph.microsoft.com';

let server: EmulatorServer;
let transport: Transport;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const received: ReceivedRequest[] = [];

beforeAll(async () => {
  folder = await temporaryFolder();
  server = await serveEmulator({
    tenant,
    clientSecret: secrets.client,
    onRequest: (request) => received.push(request),
  });
  transport = await openTransport({
    timeoutMs: 20_000,
    proxies: { http: undefined, https: undefined, no: '' },
    http1: false,
    cancelled: new AbortController().signal,
    dispatcher: new Agent({ allowH2: true, connect: { ca: server.caFile ?? '' } }),
  });
  await makeCertificates();
});

afterAll(async () => {
  await transport.close();
  await server.close();
  await folder.remove();
});

beforeEach(() => {
  received.length = 0;
  server.faults.clear();
});

const openssl = async (...args: string[]): Promise<void> => {
  const { code, stderr } = await run('openssl', args);
  if (code !== 0) throw new Error(stderr);
};

const at = (name: string): string => `${folder.path}/${name}`;

async function makeCertificates(): Promise<void> {
  const make = (name: string): Promise<void> =>
    openssl(
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', `/CN=${name}`],
      ...['-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)],
    );
  await Promise.all([make('app'), make('other')]);
  const [key, crt, other] = await Promise.all(
    ['app.key', 'app.crt', 'other.crt'].map((name) => readFile(at(name), 'utf8')),
  );
  // The chain may stand around the app's own certificate.
  await writeFile(at('plain.pem'), `${other!}${crt!}${key!}`);
  await writeFile(at('stranger.pem'), `${key!}${other!}`);
  await writeFile(at('alone.pem'), crt!);
  const pass = `pass:${secrets.password}`;
  await openssl('pkcs8', '-topk8', '-in', at('app.key'), '-out', at('app.enc'), '-passout', pass);
  await writeFile(at('encrypted.pem'), (await readFile(at('app.enc'), 'utf8')) + crt!);
  await openssl(
    ...['rsa', '-aes256', '-in', at('app.key'), '-out', at('app.old'), '-passout', pass],
    '-traditional',
  );
  await writeFile(at('traditional.pem'), (await readFile(at('app.old'), 'utf8')) + crt!);
  await openssl(
    ...['pkcs12', '-export', '-inkey', at('app.key'), '-in', at('app.crt'), '-out', at('app.pfx')],
    ...['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'],
    ...['-passout', pass],
  );
}

interface Setup {
  readonly credential?: Credential;
  readonly options?: Partial<SignInOptions>;
}

let folders = 0;
const newCache = (): string => at(`cache-${String((folders += 1))}`);

const withSecret = (secret = secrets.client): Credential & { readonly tenant: string } => ({
  method: 'secret',
  tenant,
  clientId: server.clientId,
  secret: new Secret(secret),
});

const slept: number[] = [];
const clock = {
  now: () => Date.now(),
  random: () => 0,
  sleep: (ms: number) => {
    slept.push(ms);
    return Promise.resolve();
  },
};

function signIn({ credential = withSecret(), options = {} }: Setup = {}): (
  fresh: boolean,
) => Promise<Token> {
  slept.length = 0;
  return openSignIn(credential, {
    authority: server.authorityUrl,
    resource,
    transport: () => Promise.resolve(transport),
    userAgent: 'policykeys/test',
    cacheDirectory: newCache(),
    maxRetries: 3,
    endsAt: Number.POSITIVE_INFINITY,
    clock,
    cancelled: new AbortController().signal,
    ...options,
  });
}

const claimsOf = (token: Token): Record<string, unknown> =>
  JSON.parse(
    Buffer.from(token.value.reveal().split('.')[1] ?? '', 'base64url').toString(),
  ) as Record<string, unknown>;

/** Everything that could be shown of a failure, foreign causes included. */
const everything = (failure: Failure): string =>
  `${everythingOf(failure)}${inspect(failure, { depth: 12, showHidden: true })}`;

function expectNoSecretIn(text: string): void {
  for (const secret of Object.values(secrets))
    for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
      expect(text).not.toContain(form);
}

const files = async (cacheDirectory: string): Promise<string[]> =>
  (await readdir(`${cacheDirectory}/tokens`)).map((name) => `${cacheDirectory}/tokens/${name}`);

describe('a client secret', () => {
  test('gives a token in one request, without any discovery', async () => {
    const token = await signIn()(false);
    expect(claimsOf(token)).toMatchObject({ aud: resource, appid: server.clientId });
    expect(token).toMatchObject({
      renewable: true,
      actor: { tenant, who: server.clientId },
    });
    expect(received.map(({ method, path }) => [method, path.replace(/\?.*/, '')])).toEqual([
      ['POST', `/${tenant}/oauth2/v2.0/token`],
    ]);
    const form = new URLSearchParams(received[0]?.body);
    expect(form.get('scope')).toContain(`${resource}/.default`);
    expect(received[0]?.headers['user-agent']).toBe('policykeys/test');
  });

  test('that is wrong: auth, the code, a hint, and the secret nowhere', async () => {
    const failure = await caughtLater(() =>
      signIn({ credential: withSecret(secrets.wrong) })(false),
    );
    expect([failure.kind, failure.exitCode, failure.details.code]).toEqual([
      'auth',
      4,
      'AADSTS7000215',
    ]);
    expect(failure.message).toMatch(/^sign-in with secret failed: .*AADSTS7000215: Invalid client/);
    expect(failure.message).not.toMatch(/Trace ID|Timestamp/);
    expect(failure.hint).toContain('pass its value, not its id');
    expect(failure.details.correlationId).toMatch(/^[0-9a-f-]{36}$/);
    expectNoSecretIn(everything(failure));
    expect(received).toHaveLength(1);
  });

  test('goes over http where the authority is on this machine', async () => {
    const plain = await serveEmulator({ tls: false, tenant, clientSecret: secrets.client });
    const open = await openTransport({
      timeoutMs: 20_000,
      proxies: { http: undefined, https: undefined, no: '' },
      http1: false,
      cancelled: new AbortController().signal,
    });
    try {
      const credential = { ...withSecret(), clientId: plain.clientId };
      const options = { authority: plain.authorityUrl, transport: () => Promise.resolve(open) };
      const token = await signIn({ credential, options })(false);
      expect(claimsOf(token)).toMatchObject({ aud: resource, appid: plain.clientId });
      expect(plain.requests).toHaveLength(1);
    } finally {
      await open.close();
      await plain.close();
    }
  });

  test('of an app that is not there', async () => {
    const credential = { ...withSecret(), clientId: '00000000-0000-0000-0000-000000000001' };
    const failure = await caughtLater(() => signIn({ credential })(false));
    expect([failure.kind, failure.details.code]).toEqual(['auth', 'AADSTS700016']);
    expect(failure.hint).toContain('register it in the B2C tenant');
  });

  test('in a tenant that is not there', async () => {
    const credential = { ...withSecret(), tenant: 'common' };
    const failure = await caughtLater(() => signIn({ credential })(false));
    expect(failure.kind).toBe('auth');
    expectNoSecretIn(everything(failure));
  });
});

describe('the cache', () => {
  const setUp = (): { cacheDirectory: string; ask: (fresh?: boolean) => Promise<Token> } => {
    const cacheDirectory = newCache();
    return {
      cacheDirectory,
      ask: (fresh = false) => signIn({ options: { cacheDirectory } })(fresh),
    };
  };

  test('spares the next process the request', async () => {
    const { ask } = setUp();
    const first = await ask();
    const second = await ask();
    expect(second.value.reveal()).toBe(first.value.reveal());
    expect(second.actor).toEqual(first.actor);
    expect(received).toHaveLength(1);
  });

  test('is not asked for a fresh token, and keeps that one', async () => {
    const { ask } = setUp();
    await ask();
    await ask(true);
    expect(received).toHaveLength(2);
    await ask();
    expect(received).toHaveLength(2);
  });

  test('is for its user only, and leaves no other files', async () => {
    const { cacheDirectory, ask } = setUp();
    await ask();
    const names = await files(cacheDirectory);
    expect(names).toHaveLength(1);
    expect((await stat(names[0]!)).mode & 0o777).toBe(0o600);
    expect((await stat(`${cacheDirectory}/tokens`)).mode & 0o777).toBe(0o700);
    expectNoSecretIn(await readFile(names[0]!, 'utf8'));
  });

  test('is kept apart by authority, tenant, app and resource', async () => {
    const cacheDirectory = newCache();
    const credential = withSecret();
    const variants: Setup[] = [
      { credential },
      { credential: { ...withSecret(), tenant: 'other.onmicrosoft.com' } },
      { credential, options: { resource: 'https://graph.microsoft.us' } },
      { credential, options: { authority: server.authorityUrl.replace('localhost', '127.0.0.1') } },
    ];
    for (const one of variants)
      await signIn({ ...one, options: { ...one.options, cacheDirectory } })(false);
    expect(received).toHaveLength(4);
    expect(await files(cacheDirectory)).toHaveLength(4);
    // Domain names have no case.
    const loud = { ...withSecret(), tenant: tenant.toUpperCase() };
    await signIn({ credential: loud, options: { cacheDirectory } })(false);
    expect(received).toHaveLength(4);
  });

  test.each([
    ['no JSON', 'not { json'],
    ['nothing', ''],
    ['half of it', undefined],
    ['JSON of another kind', '[1,2]'],
    ['null', 'null'],
    ['tables that are none', '{"AccessToken":7,"Account":[]}'],
    ['a token that is none', '{"AccessToken":{"x":{"secret":7,"credentialType":"AccessToken"}}}'],
    ['binary', '\u0000\uFFFD\u0001'],
  ])('that is damaged is a cold one: %s', async (_, content) => {
    const { cacheDirectory, ask } = setUp();
    await ask();
    const [file = ''] = await files(cacheDirectory);
    const whole = await readFile(file, 'utf8');
    await writeFile(file, content ?? whole.slice(0, whole.length / 2));
    expect(claimsOf(await ask())).toMatchObject({ aud: resource });
    expect(received).toHaveLength(2);
    await ask();
    expect(received).toHaveLength(2);
  });

  test('that cannot be written is no failure', async () => {
    await writeFile(at('a-file'), '');
    for (let n = 1; n <= 2; n += 1) {
      const token = await signIn({ options: { cacheDirectory: at('a-file') } })(false);
      expect(claimsOf(token)).toMatchObject({ aud: resource });
      expect(received).toHaveLength(n);
    }
  });

  test('in whose place is a folder is no failure', async () => {
    const { cacheDirectory, ask } = setUp();
    await ask();
    const [file = ''] = await files(cacheDirectory);
    const elsewhere = setUp();
    await mkdir(file.replace(cacheDirectory, elsewhere.cacheDirectory), { recursive: true });
    await elsewhere.ask();
    expect(received).toHaveLength(2);
  });

  test('in whose place a link was planted replaces the link', async () => {
    const { cacheDirectory, ask } = setUp();
    await ask();
    const [file = ''] = await files(cacheDirectory);
    const elsewhere = setUp();
    const planted = file.replace(cacheDirectory, elsewhere.cacheDirectory);
    await mkdir(`${elsewhere.cacheDirectory}/tokens`, { recursive: true });
    await writeFile(at('victim'), 'mine');
    await symlink(at('victim'), planted);
    await elsewhere.ask();
    expect(await readFile(at('victim'), 'utf8')).toBe('mine');
    expect((await stat(planted)).mode & 0o777).toBe(0o600);
  });

  test('of other people is left alone when it cannot be read', async () => {
    if (process.getuid?.() === 0) return; // root may read everything
    const { cacheDirectory, ask } = setUp();
    await ask();
    const [file = ''] = await files(cacheDirectory);
    await chmod(file, 0);
    await ask();
    expect(received).toHaveLength(2);
  });

  const change = async (cacheDirectory: string, members: Record<string, string>): Promise<void> => {
    const [file = ''] = await files(cacheDirectory);
    const cache = JSON.parse(await readFile(file, 'utf8')) as {
      AccessToken: Record<string, Record<string, string>>;
    };
    for (const token of Object.values(cache.AccessToken)) Object.assign(token, members);
    await writeFile(file, JSON.stringify(cache));
  };
  const seconds = (fromNow: number): string => String(Math.floor(Date.now() / 1000) + fromNow);

  test('whose token has expired gets another', async () => {
    const { cacheDirectory, ask } = setUp();
    await ask();
    await change(cacheDirectory, { expires_on: seconds(-10), extended_expires_on: seconds(-10) });
    await ask();
    expect(received).toHaveLength(2);
    await ask();
    expect(received).toHaveLength(2);
  });

  test('whose token is to be renewed early is renewed, and the token serves meanwhile', async () => {
    const { cacheDirectory, ask } = setUp();
    const first = await ask();
    await change(cacheDirectory, { refresh_on: seconds(-10) });
    expect((await ask()).value.reveal()).toBe(first.value.reveal());
    expect(received).toHaveLength(2);
    await ask();
    expect(received).toHaveLength(2);
  });

  test.each(['503@token:*', '429=60@token:*', 'reset-before@token:*', 'garbage@token:*'])(
    'whose token is to be renewed early serves when it cannot be, without waiting (%s)',
    async (fault) => {
      const { cacheDirectory, ask } = setUp();
      const first = await ask();
      await change(cacheDirectory, { refresh_on: seconds(-10) });
      server.faults.add(fault);
      expect((await ask()).value.reveal()).toBe(first.value.reveal());
      expect(slept).toEqual([]);
      expect(received).toHaveLength(2);
    },
  );

  test('many at once make one request', async () => {
    const cacheDirectory = newCache();
    const tokens = await Promise.all(
      Array.from({ length: 10 }, () => signIn({ options: { cacheDirectory } })(false)),
    );
    expect(new Set(tokens.map((token) => token.value.reveal())).size).toBe(1);
    expect(received).toHaveLength(1);
    expect(await files(cacheDirectory)).toHaveLength(1);
  });

  test('that many use at once is no reason for the others when one of them fails', async () => {
    server.faults.add('reset-before@token');
    const cacheDirectory = newCache();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () =>
        signIn({ options: { cacheDirectory, maxRetries: 0 } })(false),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(received).toHaveLength(2);
  });
});

describe('a certificate', () => {
  const withCertificate = (path: string, password?: string): Credential => ({
    method: 'certificate',
    tenant,
    clientId: server.clientId,
    path,
    password: password === undefined ? undefined : new Secret(password),
  });

  test.each([
    ['plain.pem', undefined],
    ['encrypted.pem', secrets.password],
    ['traditional.pem', secrets.password],
    ['app.pfx', secrets.password],
  ])('%s signs the assertion', async (name, password) => {
    await signIn({ credential: withCertificate(at(name), password) })(false);
    const form = new URLSearchParams(received[0]?.body);
    const [header = '', payload = '', signature = ''] = (form.get('client_assertion') ?? '').split(
      '.',
    );
    const certificate = new X509Certificate(await readFile(at('app.crt')));
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toMatchObject({
      alg: 'PS256',
      'x5t#S256': Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString(
        'base64url',
      ),
    });
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      aud: `${server.authorityUrl}/${tenant}/oauth2/v2.0/token`,
      iss: server.clientId,
      sub: server.clientId,
    });
    const key = createPublicKey(certificate.publicKey.export({ type: 'spki', format: 'pem' }));
    const pss = { key, padding: 6, saltLength: 32 };
    const signed = Buffer.from(`${header}.${payload}`);
    expect(verify('sha256', signed, pss, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(received).toHaveLength(1);
  });

  test.each([
    ['encrypted.pem', undefined, /encrypted, and no password is set/],
    ['encrypted.pem', secrets.wrong, /password is wrong/],
    ['traditional.pem', undefined, /encrypted, and no password is set/],
    ['traditional.pem', secrets.wrong, /password is wrong/],
    ['app.pfx', undefined, /password is wrong/],
    ['app.pfx', secrets.wrong, /password is wrong/],
    ['stranger.pem', undefined, /holds no certificate for its private key/],
    ['alone.pem', undefined, /holds no private key/],
    ['app.key', undefined, /holds no certificate/],
    ['missing.pem', undefined, /no such file/],
    ['.', undefined, /it is a folder/],
  ])('%s with password %j: input, and nothing is sent', async (name, password, message) => {
    const credential = withCertificate(at(name), password);
    const failure = await caughtLater(() => signIn({ credential })(false));
    expect([failure.kind, failure.exitCode]).toEqual(['input', 3]);
    expect(failure.message).toMatch(message);
    expect(failure.message).toContain('AZURE_CLIENT_CERTIFICATE_PATH');
    expectNoSecretIn(everything(failure));
    expect(received).toHaveLength(0);
  });
});

describe('a federated token', () => {
  const assertion = (subject: string): string =>
    [
      { alg: 'RS256' },
      {
        iss: 'https://token.actions.example',
        sub: subject,
        aud: 'api://AzureADTokenExchange',
        exp: Math.floor(Date.now() / 1000) + 600,
      },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .concat('c2lnbmF0dXJl')
      .join('.');
  const federated = (tokenFile: string): Credential => ({
    method: 'federated',
    tenant,
    clientId: server.clientId,
    tokenFile,
  });

  test('is read anew for every request', async () => {
    const ask = signIn({ credential: federated(at('federated')) });
    const [first, second] = [assertion('one'), assertion('two')];
    await writeFile(at('federated'), `${first}\n`);
    await ask(true);
    await writeFile(at('federated'), second);
    await ask(true);
    expect(received.map(({ body }) => new URLSearchParams(body).get('client_assertion'))).toEqual([
      first,
      second,
    ]);
  });

  test('is not needed while a token is cached', async () => {
    const ask = signIn({ credential: federated(at('federated-once')) });
    await writeFile(at('federated-once'), assertion('one'));
    await ask(false);
    await writeFile(at('federated-once'), 'gone');
    await ask(false);
    expect(received).toHaveLength(1);
  });

  test.each([
    ['that is not there', undefined, /no such file/],
    ['that is empty', '', /holds no token/],
    ['that holds something else', secrets.client, /holds no token/],
    ['that holds two', 'a.b.c\nd.e.f', /holds no token/],
  ])('in a file %s: input, and nothing is sent', async (_, content, message) => {
    const path = at(`federated-${String((folders += 1))}`);
    if (content !== undefined) await writeFile(path, content);
    const failure = await caughtLater(() => signIn({ credential: federated(path) })(false));
    expect([failure.kind, failure.exitCode]).toEqual(['input', 3]);
    expect(failure.message).toMatch(message);
    expect(failure.message).toContain('AZURE_FEDERATED_TOKEN_FILE');
    expectNoSecretIn(everything(failure));
    expect(received).toHaveLength(0);
  });

  test('that is not accepted: auth', async () => {
    const path = at('federated-bad');
    await writeFile(path, 'e30.e30.c2ln');
    const failure = await caughtLater(() => signIn({ credential: federated(path) })(false));
    expect(failure.kind).toBe('auth');
    expect(failure.message).toMatch(/^sign-in with federated failed: /);
  });
});

describe('trouble on the way', () => {
  test.each([
    ['429=2@token:2', [2000, 2000]],
    ['503@token:2', [250, 500]],
    ['reset-before@token', [250]],
    ['reset-after@token', [250]],
    ['truncated@token', [250]],
  ])('%s is tried again', async (fault, waits) => {
    server.faults.add(fault);
    await signIn()(false);
    expect(slept).toEqual(waits);
    expect(received).toHaveLength(waits.length + 1);
  });

  test('that stays is a network failure after --max-retries', async () => {
    server.faults.add('503@token:*');
    const failure = await caughtLater(() => signIn({ options: { maxRetries: 2 } })(false));
    expect([failure.kind, failure.exitCode, failure.details.status]).toEqual(['network', 8, 503]);
    expect(received).toHaveLength(3);
    expectNoSecretIn(everything(failure));
  });

  test('throttled for longer than we wait', async () => {
    server.faults.add('429=3600@token:*');
    const failure = await caughtLater(() => signIn()(false));
    expect([failure.kind, failure.details.retryAfterMs]).toEqual(['network', 3_600_000]);
    expect([received.length, slept]).toEqual([1, []]);
  });

  test('an answer that is no JSON is not the sign-in service', async () => {
    server.faults.add('garbage@token');
    const failure = await caughtLater(() => signIn()(false));
    expect([failure.kind, failure.message]).toEqual([
      'auth',
      'the sign-in service sent an answer that is not JSON',
    ]);
    expect(failure.hint).toContain('AZURE_AUTHORITY_HOST');
  });

  test.each([
    ['no token', 200, {}],
    ['an empty token', 200, { access_token: '', token_type: 'Bearer', expires_in: 3599 }],
    ['an error without words', 400, {}],
    ['an error of a strange kind', 400, { error: { code: 1 }, error_description: ['x'] }],
    ['null', 200, null],
    ['a list', 200, []],
  ])('an answer with %s is an auth failure', async (_, status, body) => {
    const answering: Transport = {
      send: () => Promise.resolve({ status, headers: {}, body: Buffer.from(JSON.stringify(body)) }),
      close: () => Promise.resolve(),
    };
    const options = { transport: () => Promise.resolve(answering) };
    const failure = await caughtLater(() => signIn({ options })(false));
    expect(failure.kind).toBe('auth');
    expectNoSecretIn(everything(failure));
  });

  test('what the service says is shown on one line, without what a terminal would obey', async () => {
    const answer: HttpResponse = {
      status: 400,
      headers: {},
      body: Buffer.from(
        JSON.stringify({
          error: 'invalid_request',
          error_description: `AADSTS90002: Tenant \u001b[31mx\u202e not found. ${'y'.repeat(5000)}\r\nTrace ID: 1`,
        }),
      ),
    };
    const options = {
      transport: () =>
        Promise.resolve({ send: () => Promise.resolve(answer), close: () => Promise.resolve() }),
    };
    const failure = await caughtLater(() => signIn({ options })(false));
    expect(failure.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(failure.message.length).toBeLessThan(700);
    expect(failure.details.code).toBe('AADSTS90002');
  });

  test('nobody there: network', async () => {
    const authority = `https://localhost:${String(await closedPort())}`;
    const failure = await caughtLater(() => signIn({ options: { authority } })(false));
    expect([failure.kind, failure.details.code]).toEqual(['network', 'ECONNREFUSED']);
    expect(failure.message).toContain('it refused the connection');
  });

  test('cancelled while another process asks', async () => {
    const cacheDirectory = newCache();
    await signIn({ options: { cacheDirectory } })(false);
    const [file = ''] = await files(cacheDirectory);
    const elsewhere = newCache();
    await mkdir(`${elsewhere}/tokens`, { recursive: true });
    const lock = `${file.replace(cacheDirectory, elsewhere)}.lock`;
    await writeFile(lock, JSON.stringify({ pid: process.pid, host: hostname(), token: 'other' }));
    const cancel = new AbortController();
    const ending = new Failure('cancelled', 'interrupted', { signal: 'SIGINT' });
    const options = { cacheDirectory: elsewhere, cancelled: cancel.signal };
    const asking = caughtLater(() => signIn({ options })(false));
    cancel.abort(ending);
    expect(await asking).toBe(ending);
    expect(received).toHaveLength(1);
    expect(await readFile(lock, 'utf8')).toContain('other');
  });

  test('cancelled while it waits', async () => {
    server.faults.add('503@token');
    const ending = new Failure('cancelled', 'interrupted', { signal: 'SIGTERM' });
    const options = { clock: { ...clock, sleep: () => Promise.reject(ending) } };
    const failure = await caughtLater(() => signIn({ options })(false));
    expect([failure.kind, failure.exitCode]).toEqual(['cancelled', 143]);
  });
});

describe('a token that is given', () => {
  test('is used as it is', async () => {
    const credential: Credential = { method: 'token', token: new Secret('opaque') };
    const token = await signIn({ credential })(false);
    expect(token.value.reveal()).toBe('opaque');
    expect(token).toMatchObject({ renewable: false, actor: { tenant: undefined, who: undefined } });
    expect(received).toHaveLength(0);
  });

  test('does not load MSAL', async () => {
    const place = await temporaryFolder();
    try {
      await bundle(place.path, { auth: 'src/edge/auth.ts', secret: 'src/core/secret.ts' });
      const { stdout, stderr } = await runScript(
        place.path,
        `
        const { openSignIn } = require('./auth.cjs');
        const { Secret } = require('./secret.cjs');
        const options = {
          authority: 'https://localhost:1', resource: 'https://graph.example', userAgent: 'x',
          transport: () => Promise.reject(new Error('no network')), maxRetries: 0,
          cacheDirectory: __dirname, endsAt: Infinity, cancelled: new AbortController().signal,
          clock: { now: Date.now, random: () => 0, sleep: () => Promise.resolve() },
        };
        const { readFileSync } = require('node:fs');
        const loaded = () =>
          Object.keys(require.cache).some((name) =>
            readFileSync(name, 'utf8').includes('msal.js' + '.node'),
          );
        (async () => {
          await openSignIn({ method: 'token', token: new Secret('t') }, options)(false);
          const before = loaded();
          const credential = { method: 'secret', tenant: 't', clientId: 'c', secret: new Secret('s') };
          await openSignIn(credential, options)(false).catch(() => undefined);
          console.log(before, loaded());
        })();`,
      );
      expect([stdout, stderr]).toEqual(['false true\n', '']);
    } finally {
      await place.remove();
    }
  });

  test('or a reason why there is none is thrown', async () => {
    const why = new Failure('auth', 'no way to sign in is configured');
    const ask = openSignIn(why, {} as SignInOptions);
    expect(await caughtLater(() => ask(false))).toBe(why);
  });
});

describe('who a token speaks for', () => {
  const jwt = (payload: unknown): Secret =>
    new Secret(`e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.sig`);
  const nobody = { tenant: undefined, who: undefined };

  test.each<[string, Secret, object]>([
    [
      'an app',
      jwt({ tid: 't', appid: 'app', oid: 'o' }),
      { tenant: 't', tenantId: 't', who: 'app' },
    ],
    ['an app, v2', jwt({ tid: 't', azp: 'app' }), { tenant: 't', tenantId: 't', who: 'app' }],
    [
      'a person',
      jwt({ tid: 't', upn: 'me@x', appid: 'app' }),
      { tenant: 't', tenantId: 't', who: 'me@x' },
    ],
    ['a guest', jwt({ unique_name: 'live.com#me' }), { tenant: undefined, who: 'live.com#me' }],
    ['an object', jwt({ oid: 'o' }), { tenant: undefined, who: 'o' }],
    ['nothing', new Secret('opaque'), nobody],
    ['nothing, with dots', new Secret('a.b.c'), nobody],
    ['nothing, empty', new Secret('..'), nobody],
    ['null', jwt(null), nobody],
    ['a list', jwt(['tid']), nobody],
    ['numbers', jwt({ tid: 7, upn: { toString: 'x' } }), nobody],
    [
      'a prototype',
      new Secret(`x.${Buffer.from('{"__proto__":{"tid":"evil"}}').toString('base64url')}.x`),
      nobody,
    ],
  ])('%s', (_, token, actor) => {
    expect(actorOf(token, undefined)).toEqual(actor);
  });

  test('the tenant that was named goes before that of the token', () => {
    expect(actorOf(jwt({ tid: tenantId('a') }), 'b').tenant).toBe('b');
  });

  test('what it says is tamed', () => {
    const { who, tenant: named } = actorOf(
      jwt({ upn: `a\u001b[2J\nb\u202e${'x'.repeat(5000)}`, tid: '\u0007' }),
      undefined,
    );
    expect(`${String(who)}${String(named)}`).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(who?.length).toBeLessThan(600);
  });
});
