import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Agent } from 'undici';
import { Secret } from '../../src/core/secret.ts';
import { parseKeySetId, type KeySet } from '../../src/core/keyset.ts';
import { openAudit, type Audit } from '../../src/edge/audit.ts';
import { memoryStore, systemWorld, type EmulatorStore } from '../../src/edge/emulator-store.ts';
import { serveEmulator, type EmulatorServer } from '../../src/edge/emulator-server.ts';
import { openGraph, type Clock, type ExchangeLine, type Token } from '../../src/edge/graph.ts';
import { openTransport } from '../../src/edge/http.ts';
import { defaultTenant, keySetsOf, tenantId } from '../../src/emulator/state.ts';
import type { Graph } from '../../src/context.ts';
import { Failure } from '../../src/failure.ts';
import * as operations from '../../src/graph/operations.ts';
import type {
  HttpRequest,
  HttpResponse,
  Page,
  ReadRequest,
  Transport,
  WriteRequest,
} from '../../src/graph/request.ts';
import { caughtLater, everythingOf } from '../support/caught.ts';
import { temporaryFolder } from '../support/servers.ts';

const secrets = {
  token: 'planted-token-3f9c',
  fresh: 'planted-fresh-token-77aa',
  upload: 'planted-upload-secret-b1d2',
};
const leaks = (text: string): string[] =>
  Object.values(secrets).filter((one) => text.includes(one));

const startedAt = Date.UTC(2030, 0, 1);

interface FakeClock extends Clock {
  readonly slept: number[];
  /** Rejects the next sleep. */
  interruptWith: Failure | undefined;
}

function fakeClock(start = startedAt): FakeClock {
  let now = start;
  return {
    slept: [],
    interruptWith: undefined,
    now: () => now,
    random: () => 0,
    sleep(ms) {
      this.slept.push(ms);
      now += ms;
      return this.interruptWith === undefined
        ? Promise.resolve()
        : Promise.reject(this.interruptWith);
    },
  };
}

type Reply = HttpResponse | Failure | Error;
/** What a transport answers to the n-th request (from 0). */
type Script = readonly Reply[] | ((request: HttpRequest, n: number) => Reply | Promise<Reply>);

function scripted(script: Script): Transport & { readonly sent: HttpRequest[] } {
  const sent: HttpRequest[] = [];
  return {
    sent,
    async send(request) {
      sent.push(request);
      const reply =
        typeof script === 'function'
          ? await script(request, sent.length - 1)
          : (script[sent.length - 1] ??
            new Error(`request ${String(sent.length)} is not scripted`));
      if (reply instanceof Error) throw reply;
      return reply;
    },
    close: () => Promise.resolve(),
  };
}

const answer = (
  status: number,
  body?: unknown,
  headers: Record<string, string> = {},
): HttpResponse => ({
  status,
  headers,
  body: Buffer.from(
    body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body),
  ),
});

const refusal = (
  status: number,
  code = 'SomeCode',
  headers: Record<string, string> = {},
): HttpResponse => answer(status, { error: { code, message: 'the service says so' } }, headers);

const lost = (delivery: 'none' | 'unknown' = 'unknown'): Failure =>
  new Failure('network', 'graph.example: the connection broke off', { delivery, transient: true });

const id = parseKeySetId('Example');
const keyset = (...kids: string[]): KeySet => ({
  id,
  keys: kids.map((kid) => ({ kid, kty: 'oct' as const, use: 'sig' as const })),
});

interface Harness {
  readonly graph: Graph;
  readonly transport: ReturnType<typeof scripted>;
  readonly clock: FakeClock;
  readonly lines: ExchangeLine[];
  readonly waits: string[];
  readonly asked: boolean[];
  readonly announced: unknown[];
  readonly audited: unknown[];
}

interface HarnessOptions {
  readonly maxRetries?: number;
  readonly remainingMs?: number;
  readonly renewable?: boolean;
  readonly token?: (fresh: boolean) => Promise<Token>;
  readonly audit?: Audit;
  readonly noToken?: boolean;
}

function harness(script: Script, options: HarnessOptions = {}): Harness {
  const transport = scripted(script);
  const clock = fakeClock();
  const lines: ExchangeLine[] = [];
  const waits: string[] = [];
  const asked: boolean[] = [];
  const announced: unknown[] = [];
  const audited: unknown[] = [];
  const give = (fresh: boolean): Promise<Token> =>
    Promise.resolve({
      value: new Secret(fresh ? secrets.fresh : secrets.token),
      actor: { tenant: 'contoso', who: 'me' },
      renewable: options.renewable ?? true,
    });
  const graph = openGraph({
    origin: 'https://graph.example',
    transport: () => Promise.resolve(transport),
    token: options.noToken
      ? undefined
      : (fresh) => {
          asked.push(fresh);
          return (options.token ?? give)(fresh);
        },
    userAgent: 'policykeys/test',
    maxRetries: options.maxRetries ?? 5,
    endsAt: startedAt + (options.remainingMs ?? Number.POSITIVE_INFINITY),
    audit: options.audit ?? {
      begin: (request, actor) => {
        audited.push(['begin', request.intent, actor.who, transport.sent.length]);
        return Promise.resolve({
          done: (outcome) => {
            audited.push(['done', outcome.kid]);
            return Promise.resolve();
          },
          failed: (error) => {
            audited.push(['failed', error instanceof Failure ? error.details.delivery : error]);
            return Promise.resolve();
          },
        });
      },
    },
    clock,
    log: {
      sent: (line) => lines.push(line),
      waiting: (why, ms) => waits.push(`${why} ${String(ms)}`),
    },
    beforeWriting: (actor) => announced.push(actor),
  });
  return { graph, transport, clock, lines, waits, asked, announced, audited };
}

const read = operations.getKeySet(id);
const add = (before: KeySet = keyset('old'), awaitKeySet = false): WriteRequest<unknown> =>
  operations.uploadSecret(
    { id, before, awaitKeySet },
    { use: 'sig', k: new Secret(secrets.upload) },
  );
const added = { kid: 'new', kty: 'oct', use: 'sig' };
const isWrite = ({ method }: HttpRequest): boolean => method !== 'GET';

describe('one request', () => {
  test('goes below /beta, with a token, an own id for each attempt, and the user agent', async () => {
    const { graph, transport } = harness([refusal(503), answer(200, keyset('a'))]);
    expect(await graph.read(read)).toEqual(keyset('a'));
    const [first, second] = transport.sent;
    expect(first?.url.href).toBe(
      'https://graph.example/beta/trustFramework/keySets/B2C_1A_Example',
    );
    expect(first?.body).toBeUndefined();
    expect(first?.headers).toEqual({
      accept: 'application/json',
      authorization: `Bearer ${secrets.token}`,
      'client-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'user-agent': 'policykeys/test',
    });
    expect(second?.headers['client-request-id']).not.toBe(first?.headers['client-request-id']);
    expect(graph.url('/x')).toBe('https://graph.example/beta/x');
  });

  test('unwraps secrets on the wire only, and no log line has the token or the secret', async () => {
    const { graph, transport, lines, waits } = harness([
      refusal(429, 'TooManyRequests', { 'retry-after': '1' }),
      answer(200, added),
    ]);
    await graph.write(add());
    expect(JSON.parse(transport.sent[1]?.body ?? '')).toEqual({ use: 'sig', k: secrets.upload });
    expect(transport.sent[1]?.headers['content-type']).toBe('application/json');
    expect(lines).toHaveLength(2);
    expect(leaks(JSON.stringify([lines, waits]))).toEqual([]);
  });

  test('without a sign-in no token is sent', async () => {
    const { graph, transport } = harness([answer(200, keyset())], { noToken: true });
    await graph.read(read);
    expect(transport.sent[0]?.headers).not.toHaveProperty('authorization');
  });

  test('one sign-in is enough for all that are sent at once', async () => {
    const { graph, asked } = harness(() => answer(200, { id, keys: [], value: [] }));
    await Promise.all([graph.read(read), graph.read(read), graph.pages(list), graph.read(read)]);
    expect(asked).toEqual([false]);
  });

  test('a bug of ours is thrown as it is, and not tried again', async () => {
    const { graph, transport } = harness(() => new TypeError('ours'));
    await expect(graph.read(read)).rejects.toThrow(TypeError);
    expect(transport.sent).toHaveLength(1);
  });

  test.each([
    ['no JSON', '<html>', /not JSON/],
    ['nothing', undefined, /cannot be understood/],
    ['something else', { id: 7 }, /cannot be understood/],
  ])('an answer that is %s: service, with the request id', async (_, body, message) => {
    const { graph, transport } = harness([answer(200, body, { 'request-id': 'r-1' })]);
    const failure = await caughtLater(() => graph.read(read));
    expect(failure.kind).toBe('service');
    expect(failure.message).toMatch(message);
    expect(failure.details).toMatchObject({ requestId: 'r-1', status: 200 });
    expect(transport.sent).toHaveLength(1);
  });
});

describe('reads are tried again', () => {
  const fine = answer(200, keyset('a'));

  test.each<[string, Reply, number]>([
    ['Retry-After in seconds', refusal(429, 'x', { 'retry-after': '7' }), 7000],
    [
      'Retry-After as a date',
      refusal(503, 'x', { 'retry-after': 'Tue, 01 Jan 2030 00:00:09 GMT' }),
      9000,
    ],
    ['no Retry-After', refusal(504), 250],
    ['a code that means throttled', refusal(400, 'AADB2C90229'), 250],
    ['AADB2C90063', refusal(500, 'AADB2C90063'), 250],
    ['network trouble', lost(), 250],
  ])('after %s', async (_, trouble, waitMs) => {
    const { graph, clock, waits } = harness([trouble, fine]);
    expect(await graph.read(read)).toEqual(keyset('a'));
    expect(clock.slept).toEqual([waitMs]);
    expect(waits).toHaveLength(1);
  });

  test.each<[string, Reply, string]>([
    ['a refusal', refusal(400), 'service'],
    ['a missing permission', refusal(403), 'permission'],
    ['a keyset that is not there', refusal(404), 'not-found'],
    ['a 500 that says nothing', refusal(500), 'service'],
    ['a redirect', answer(302, undefined, { location: 'https://evil.example' }), 'service'],
    [
      'a certificate that is not trusted',
      new Failure('network', 'x', { delivery: 'none' }),
      'network',
    ],
    ['cancelling', new Failure('cancelled', 'interrupted', { signal: 'SIGINT' }), 'cancelled'],
  ])('but not after %s', async (_, trouble, kind) => {
    const { graph, transport } = harness([trouble]);
    expect((await caughtLater(() => graph.read(read))).kind).toBe(kind);
    expect(transport.sent).toHaveLength(1);
  });

  test('as often as --max-retries says, ever more slowly', async () => {
    const { graph, transport, clock } = harness(() => lost(), { maxRetries: 3 });
    const failure = await caughtLater(() => graph.read(read));
    expect([failure.kind, failure.exitCode]).toEqual(['network', 8]);
    expect(failure.details.clientRequestId).toBe(transport.sent[3]?.headers['client-request-id']);
    expect(transport.sent).toHaveLength(4);
    expect(clock.slept).toEqual([250, 500, 1000]);
  });

  test('never with --max-retries 0', async () => {
    const { graph, transport } = harness(() => refusal(503), { maxRetries: 0 });
    expect((await caughtLater(() => graph.read(read))).exitCode).toBe(7);
    expect(transport.sent).toHaveLength(1);
  });

  test('a wait that is too long is not begun: the hint says until when', async () => {
    const { graph, clock } = harness([refusal(429, 'x', { 'retry-after': '3600' })]);
    const failure = await caughtLater(() => graph.read(read));
    expect([failure.kind, failure.details.status]).toEqual(['service', 429]);
    expect(failure.hint).toContain('2030-01-01T01:00:00Z');
    expect(clock.slept).toEqual([]);
  });

  test('a wait beyond --deadline is not begun', async () => {
    const { graph, clock } = harness(() => refusal(429, 'x', { 'retry-after': '4' }), {
      remainingMs: 10_000,
    });
    await caughtLater(() => graph.read(read));
    expect(clock.slept).toEqual([4000, 4000]);
  });

  test('cancelled while waiting', async () => {
    const { graph, clock } = harness([refusal(503)]);
    clock.interruptWith = new Failure('cancelled', 'interrupted', { signal: 'SIGTERM' });
    expect((await caughtLater(() => graph.read(read))).exitCode).toBe(143);
  });
});

describe('signing in', () => {
  test('401 with a renewable token asks once for a fresh one', async () => {
    const { graph, transport, asked } = harness([refusal(401), answer(200, keyset())]);
    await graph.read(read);
    expect(asked).toEqual([false, true]);
    expect(transport.sent.map(({ headers }) => headers['authorization'])).toEqual([
      `Bearer ${secrets.token}`,
      `Bearer ${secrets.fresh}`,
    ]);
  });

  test('401 with the fresh one too is a failure', async () => {
    const { graph, transport, asked } = harness(() => refusal(401));
    const failure = await caughtLater(() => graph.read(read));
    expect([failure.kind, failure.exitCode]).toEqual(['auth', 4]);
    expect(asked).toEqual([false, true]);
    expect(transport.sent).toHaveLength(2);
    expect(leaks(everythingOf(failure))).toEqual([]);
  });

  test('401 with a token that was given is a failure at once', async () => {
    const { graph, transport, asked } = harness(() => refusal(401), { renewable: false });
    expect((await caughtLater(() => graph.read(read))).kind).toBe('auth');
    expect([asked, transport.sent.length]).toEqual([[false], 1]);
  });

  test('many that are refused at once ask for one fresh token together', async () => {
    const { graph, asked } = harness((request) =>
      request.headers['authorization']?.endsWith(secrets.fresh)
        ? answer(200, keyset())
        : refusal(401),
    );
    await Promise.all(Array.from({ length: 8 }, () => graph.read(read)));
    expect(asked).toEqual([false, true]);
  });

  test('a failing sign-in is not repeated here: it has retries of its own', async () => {
    const trouble = new Failure('network', 'login.example did not answer', {
      transient: true,
      delivery: 'unknown',
    });
    const { graph, transport, asked } = harness([], { token: () => Promise.reject(trouble) });
    const failure = await caughtLater(() => graph.read(read));
    expect([failure.kind, failure.message]).toEqual(['network', trouble.message]);
    expect([asked.length, transport.sent.length]).toEqual([1, 0]);
  });

  test('a write that was refused with 401 is not in doubt when the fresh token cannot be had', async () => {
    const trouble = new Failure('network', 'login.example did not answer', {
      transient: true,
      delivery: 'unknown',
    });
    const { graph, transport, audited } = harness(() => refusal(401), {
      token: (fresh) =>
        fresh
          ? Promise.reject(trouble)
          : Promise.resolve({
              value: new Secret(secrets.token),
              actor: { tenant: undefined, who: 'me' },
              renewable: true,
            }),
    });
    const failure = await caughtLater(() => graph.write(add()));
    expect(failure.message).toBe(trouble.message);
    expect(failure.details.delivery).toBe('none');
    expect(transport.sent).toHaveLength(1);
    expect(audited.at(-1)).toEqual(['failed', 'none']);
  });

  test('a write is sent again with the fresh token, once', async () => {
    const { graph, transport, audited } = harness([refusal(401), answer(200, added)]);
    await graph.write(add());
    expect(transport.sent.filter(isWrite)).toHaveLength(2);
    expect(audited).toEqual([
      ['begin', 'add a key to B2C_1A_Example', 'me', 0],
      ['done', 'new'],
    ]);
  });
});

const list = operations.listKeySets();

describe('pages', () => {
  const page = (name: string, next?: string): HttpResponse =>
    answer(200, {
      value: [{ id: name, keys: [] }],
      ...(next === undefined ? {} : { '@odata.nextLink': next }),
    });
  const link = (query: string): string =>
    `https://graph.example/beta/trustFramework/keySets?$skiptoken=${query}`;

  test('all of them, in order, each tried again by itself', async () => {
    const { graph, transport } = harness([
      page('a', link('1')),
      refusal(503),
      page('b', '/beta/relative?x=2'),
      page('c'),
    ]);
    expect((await graph.pages(list)).map((one) => one.id)).toEqual(['a', 'b', 'c']);
    expect(transport.sent.map(({ url }) => url.pathname + url.search)).toEqual([
      '/beta/trustFramework/keySets',
      '/beta/trustFramework/keySets?$skiptoken=1',
      '/beta/trustFramework/keySets?$skiptoken=1',
      '/beta/relative?x=2',
    ]);
  });

  test.each([
    'https://evil.example/beta/x',
    'https://graph.example.evil.example/beta/x',
    'https://graph.example:444/beta/x',
    'http://graph.example/beta/x',
    'https://user:pw@graph.example/beta/x',
    'https://graph.example@evil.example/beta/x',
    '//evil.example/x',
    '\\\\evil.example\\x',
    'javascript:alert(1)',
    'https://',
  ])('a next page at %s is not asked for', async (next) => {
    const { graph, transport } = harness([page('a', next)]);
    const failure = await caughtLater(() => graph.pages(list));
    expect(failure.kind).toBe('service');
    expect(failure.message).toContain('another host');
    expect(transport.sent).toHaveLength(1);
  });

  test.each([
    ['to itself', () => 'https://graph.example/beta/trustFramework/keySets'],
    ['in a circle', (n: number) => link(String((n + 1) % 2))],
  ])('links %s do not go on for ever', async (_, next) => {
    const { graph, transport } = harness((__, n) => page('a', next(n)));
    const failure = await caughtLater(() => graph.pages(list));
    expect([failure.kind, failure.message]).toEqual([
      'service',
      'keysets: the pages of the answer do not end',
    ]);
    expect(transport.sent.length).toBeLessThanOrEqual(3);
  });

  test('no more than 10,000', async () => {
    let count = 0;
    const request: ReadRequest<Page<number>> = {
      ...list,
      decode: () => ({ items: [(count += 1)], next: link(String(count)) }),
    };
    const { graph, transport } = harness(() => answer(200, {}));
    const failure = await caughtLater(() => graph.pages(request));
    expect(failure.message).toContain('do not end');
    expect(transport.sent).toHaveLength(10_000);
  });

  test('exactly 10,000 are fine', async () => {
    let count = 0;
    const request: ReadRequest<Page<number>> = {
      ...list,
      decode: () => {
        count += 1;
        return { items: [count], ...(count < 10_000 ? { next: link(String(count)) } : {}) };
      },
    };
    const { graph } = harness(() => answer(200, {}));
    expect(await graph.pages(request)).toHaveLength(10_000);
  });
});

describe('writes', () => {
  test.each<[string, Reply]>([
    ['429', refusal(429, 'TooManyRequests', { 'retry-after': '2' })],
    ['AADB2C95053', refusal(409, 'AADB2C95053')],
    ['AADB2C90244', refusal(400, 'AADB2C90244')],
    ['a connection that was never made', lost('none')],
  ])('are sent again after %s, which is a refusal, without a look', async (_, trouble) => {
    const { graph, transport } = harness([trouble, trouble, answer(201, added)]);
    expect(await graph.write(add())).toEqual(added);
    expect(transport.sent.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST']);
  });

  const doubtful: [string, Reply, string, number][] = [
    ['a lost connection', lost(), 'network', 8],
    ['500', refusal(500, 'x', { 'request-id': 'r-9' }), 'service', 7],
    ['502', answer(502, '<html>'), 'service', 7],
    ['503', refusal(503, 'x', { 'retry-after': '1' }), 'service', 7],
    ['504', refusal(504), 'service', 7],
    ['AADB2C90063 with 400', refusal(400, 'AADB2C90063'), 'service', 7],
    ['2xx that is not JSON', answer(200, '<html>'), 'service', 7],
    ['2xx without a kid', answer(200, {}), 'service', 7],
    ['2xx without a body', answer(200), 'service', 7],
  ];

  test.each(doubtful)('%s: carried out after all', async (_, trouble) => {
    const { graph, transport, audited } = harness((request) =>
      isWrite(request) ? trouble : answer(200, keyset('old', 'new')),
    );
    expect(await graph.write(add())).toMatchObject({ kid: 'new' });
    expect(transport.sent.map(({ method }) => method)).toEqual(['POST', 'GET']);
    expect(audited.at(-1)).toEqual(['done', 'new']);
  });

  test.each(doubtful)('%s: carried out late', async (_, trouble) => {
    const { graph, transport, clock } = harness((request, n) =>
      isWrite(request) ? trouble : answer(200, n < 3 ? keyset('old') : keyset('old', 'new')),
    );
    expect(await graph.write(add())).toMatchObject({ kid: 'new' });
    expect(transport.sent.filter(isWrite)).toHaveLength(1);
    expect(clock.slept).toEqual([500, 1500, 4000]);
  });

  test.each(doubtful)(
    '%s: not carried out, and sent again only if that may help',
    async (_, trouble) => {
      const { graph, transport } = harness((request, n) =>
        isWrite(request) ? (n === 0 ? trouble : answer(200, added)) : answer(200, keyset('old')),
      );
      const outcome = await graph.write(add()).catch((error: unknown) => error);
      const writes = transport.sent.filter(isWrite).length;
      if (outcome instanceof Failure) {
        expect(writes).toBe(1);
        // Behind a gateway that gave up waiting the service may still be at work.
        expect(outcome.details.delivery).toBe(outcome.details.status === 504 ? 'unknown' : 'none');
        expect(outcome.kind).toBe('service');
      } else {
        expect(outcome).toEqual(added);
        expect(writes).toBe(2);
      }
      // Nothing was there after all looks: no second write before the last of them.
      expect(transport.sent.slice(0, 4).map(({ method }) => method)).toEqual([
        'POST',
        'GET',
        'GET',
        'GET',
      ]);
    },
  );

  test.each<[string, Reply]>([
    ['a time-out', lost().with({ atWork: true })],
    ['504', refusal(504)],
  ])('%s: the service may still be at work, so nothing is sent twice', async (_, trouble) => {
    const { graph, transport, audited } = harness((request) =>
      isWrite(request) ? trouble : answer(200, keyset('old')),
    );
    const failure = await caughtLater(() => graph.write(add()));
    expect(transport.sent.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET', 'GET']);
    expect([7, 8]).toContain(failure.exitCode);
    expect(failure.message).toContain('it is not known whether the attempt to add a key');
    expect(failure.hint).toContain('kids before: old');
    expect(audited.at(-1)).toEqual(['failed', 'unknown']);
  });

  test('what can be repeated is sent again after a time-out', async () => {
    const { graph, transport } = harness((request, n) =>
      isWrite(request)
        ? n === 0
          ? lost().with({ atWork: true })
          : refusal(400, 'AADB2C95028')
        : n < 2
          ? refusal(404)
          : answer(200, keyset()),
    );
    // The first one came late: the second is told that it exists, and what exists is ours.
    expect(await graph.write(operations.createKeySet(id))).toEqual(keyset());
    expect(transport.sent.map(({ method }) => method)).toEqual(['POST', 'GET', 'POST', 'GET']);
  });

  test.each(doubtful)('%s: cannot be told', async (_, trouble, kind, exitCode) => {
    const { graph, transport, audited } = harness((request) =>
      isWrite(request) ? trouble : answer(200, keyset('old', 'one', 'two')),
    );
    const failure = await caughtLater(() => graph.write(add(keyset('old', 'older'))));
    expect([failure.kind, failure.exitCode]).toEqual([kind, exitCode]);
    expect(failure.message).toContain(
      'it is not known whether the attempt to add a key to B2C_1A_Example succeeded',
    );
    expect(failure.hint).toContain('policykeys get B2C_1A_Example; kids before: old, older');
    expect(transport.sent.filter(isWrite)).toHaveLength(1);
    expect(audited.at(-1)).toEqual(['failed', 'unknown']);
    expect(leaks(everythingOf(failure))).toEqual([]);
  });

  test.each(doubtful)('%s, and then nothing can be read', async (_, trouble, kind) => {
    const { graph, transport } = harness((request) => (isWrite(request) ? trouble : refusal(403)));
    const failure = await caughtLater(() => graph.write(add()));
    expect(failure.kind).toBe(kind);
    expect(failure.message).toContain('reading it again failed');
    expect(failure.hint).toContain('kids before: old');
    expect(failure.details.delivery).toBe('unknown');
    expect(transport.sent.filter(isWrite)).toHaveLength(1);
  });

  test('ids of the lost answer are kept', async () => {
    const { graph } = harness((request) =>
      isWrite(request) ? refusal(500, 'x', { 'request-id': 'r-9' }) : answer(200, keyset('a', 'b')),
    );
    const failure = await caughtLater(() => graph.write(add()));
    expect(failure.details).toMatchObject({ status: 500, code: 'x', requestId: 'r-9' });
  });

  test.each<[string, Reply, string]>([
    ['400', refusal(400), 'service'],
    ['409', refusal(409), 'conflict'],
    ['a conflict by its code', refusal(400, 'AADB2C95028'), 'conflict'],
    ['403', refusal(403), 'permission'],
  ])('a refusal with %s is final', async (_, trouble, kind) => {
    const { graph, transport } = harness([trouble]);
    expect((await caughtLater(() => graph.write(add()))).kind).toBe(kind);
    expect(transport.sent).toHaveLength(1);
  });

  test('a keyset that was just made is waited for, one that was not is not', async () => {
    const missing = refusal(404, 'AADB2C90073');
    const waiting = harness([missing, missing, missing, answer(200, added)]);
    expect(await waiting.graph.write(add(keyset(), true))).toEqual(added);
    const other = harness([missing]);
    expect((await caughtLater(() => other.graph.write(add(keyset())))).kind).toBe('not-found');
  });

  test('a keyset that does not come is waited for no longer than a minute', async () => {
    const { graph, clock } = harness(() => refusal(404), { maxRetries: 999 });
    const failure = await caughtLater(() => graph.write(add(keyset(), true)));
    expect(failure.kind).toBe('not-found');
    const waited = clock.slept.reduce((sum, ms) => sum + ms, 0);
    expect(waited).toBeGreaterThanOrEqual(60_000);
    expect(waited).toBeLessThan(100_000);
  });

  test('deleting and enabling may be done twice, and are looked at once', async () => {
    for (const request of [
      operations.deleteKeySet(id),
      operations.setKeyStatus(id, 'old', 'disabled'),
    ] as WriteRequest<unknown>[]) {
      const there = { ...keyset('old'), keys: [{ kid: 'old', status: 'enabled' }] };
      const { graph, transport } = harness([lost(), answer(200, there), answer(204)]);
      expect(await graph.write(request)).toBeNull();
      expect(transport.sent.map(({ method }) => method)).toEqual([
        request.method,
        'GET',
        request.method,
      ]);
    }
  });

  test('a deletion whose answer is lost is done when the keyset is gone', async () => {
    const { graph } = harness([lost(), refusal(404)]);
    expect(await graph.write(operations.deleteKeySet(id))).toBeNull();
  });

  test.each([
    [
      'cancelled',
      new Failure('cancelled', 'interrupted', { signal: 'SIGINT', delivery: 'unknown' }),
    ],
    ['--deadline', new Failure('network', '--deadline 1s has passed', { delivery: 'unknown' })],
  ])(
    'ended by %s while the write is under way: the hint says where to look',
    async (why, ending) => {
      const { graph, transport, clock, audited } = harness(() => ending);
      clock.interruptWith = ending;
      const failure = await caughtLater(() => graph.write(add()));
      expect(failure.kind).toBe(ending.kind);
      expect(failure.message).toContain(why === 'cancelled' ? 'interrupted' : 'it is not known');
      expect(failure.hint).toContain('policykeys get B2C_1A_Example; kids before: old');
      expect(transport.sent).toHaveLength(1);
      expect(audited.at(-1)).toEqual(['failed', 'unknown']);
    },
  );

  test('cancelled while it is looked whether it was carried out: that stays unknown', async () => {
    const { graph, clock, audited } = harness([lost()]);
    clock.interruptWith = new Failure('cancelled', 'interrupted', { signal: 'SIGINT' });
    const failure = await caughtLater(() => graph.write(add()));
    expect([failure.kind, failure.exitCode, failure.details.delivery]).toEqual([
      'cancelled',
      130,
      'unknown',
    ]);
    expect(failure.hint).toContain('policykeys get B2C_1A_Example');
    expect(audited.at(-1)).toEqual(['failed', 'unknown']);
  });

  test('cancelled before it was sent: nothing is in doubt', async () => {
    const { graph, audited } = harness([
      new Failure('cancelled', 'interrupted', { signal: 'SIGINT', delivery: 'none' }),
    ]);
    const failure = await caughtLater(() => graph.write(add()));
    expect(failure.hint).toBeUndefined();
    expect(audited.at(-1)).toEqual(['failed', 'none']);
  });

  test('the tenant is named once, before the first of them', async () => {
    const { graph, announced, transport } = harness(() => answer(200, added));
    await graph.read(operations.getActiveKey(id));
    expect(announced).toEqual([]);
    await Promise.all([graph.write(add()), graph.write(add())]);
    await graph.write(add());
    expect(announced).toEqual([{ tenant: 'contoso', who: 'me' }]);
    expect(transport.sent.filter(isWrite)).toHaveLength(3);
  });

  test('nothing is sent when the audit log cannot be written', async () => {
    const { graph, transport } = harness(() => answer(200, added), {
      audit: { begin: () => Promise.reject(new Failure('input', 'cannot write the audit log')) },
    });
    expect((await caughtLater(() => graph.write(add()))).kind).toBe('input');
    expect(transport.sent).toHaveLength(0);
  });

  test('a bug after the write was sent leaves it unknown in the audit log', async () => {
    const folder = await temporaryFolder();
    try {
      const log = `${folder.path}/audit.jsonl`;
      const facts = { command: 'x', reason: undefined, pipelineRun: undefined, cloud: 'global' };
      const audit = openAudit(
        log,
        facts,
        () => startedAt,
        () => undefined,
      );
      const { graph } = harness(() => new TypeError('ours'), { audit });
      await expect(graph.write(add())).rejects.toThrow(TypeError);
      const lines = (await readFile(log, 'utf8'))
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line));
      expect(lines).toMatchObject([{ event: 'sending' }, { result: 'unknown', kind: 'bug' }]);
    } finally {
      await folder.remove();
    }
  });
});

/** Every write under every fault, over real connections: each intended key is there once, or it is said. */
describe('against the emulator', () => {
  const fixtures = new URL('../fixtures/demo/', import.meta.url);
  const pfx = readFileSync(new URL('saml.pfx', fixtures)).toString('base64');
  const certificate = readFileSync(new URL('partner.cer', fixtures));
  const begun = Date.now();
  const clock = { now: begun };

  let server: EmulatorServer;
  let store: EmulatorStore;
  let bearer: string;
  const transports: Record<'h1' | 'h2', Transport | undefined> = { h1: undefined, h2: undefined };

  beforeAll(async () => {
    store = memoryStore();
    server = await serveEmulator({
      store,
      switches: { settleMs: 0 },
      world: { ...systemWorld, now: () => clock.now },
      wait: () => Promise.resolve(),
    });
    const { caFile = '' } = server;
    for (const protocol of ['h1', 'h2'] as const)
      transports[protocol] = await openTransport({
        timeoutMs: 20_000,
        proxies: { http: undefined, https: undefined, no: '' },
        http1: false,
        cancelled: new AbortController().signal,
        dispatcher: new Agent({ allowH2: protocol === 'h2', connect: { ca: caFile } }),
      });
    bearer = await tokenOf(server, transports.h1!);
  });

  const tokenOf = async (from: EmulatorServer, transport: Transport): Promise<string> => {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: from.clientId,
      client_secret: from.clientSecret,
      scope: 'https://graph.microsoft.com/.default',
    });
    const { body } = await transport.send({
      method: 'POST',
      url: new URL(`${from.authorityUrl}/${from.tenant}/oauth2/v2.0/token`),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      maxBytes: 1 << 20,
    });
    const { access_token } = JSON.parse(body.toString()) as { access_token: string };
    return access_token;
  };

  afterAll(async () => {
    await transports.h1?.close();
    await transports.h2?.close();
    await server.close();
  });

  const real = (
    origin: string,
    transport: Transport,
    token: string,
  ): { graph: Graph; said: string[] } => {
    const said: string[] = [];
    const graph = openGraph({
      origin,
      transport: () => Promise.resolve(transport),
      token: () =>
        Promise.resolve({
          value: new Secret(token),
          actor: { tenant: undefined, who: undefined },
          renewable: false,
        }),
      userAgent: 'policykeys/test',
      maxRetries: 5,
      endsAt: Number.POSITIVE_INFINITY,
      audit: openAudit(
        undefined,
        { command: '', reason: undefined, pipelineRun: undefined, cloud: '' },
        () => clock.now,
        () => undefined,
      ),
      clock: {
        now: () => clock.now,
        random: () => 0.5,
        sleep: (ms) => {
          clock.now += ms;
          return Promise.resolve();
        },
      },
      log: {
        sent: (line) => said.push(JSON.stringify(line)),
        waiting: (why, ms) => said.push(`${why} ${String(ms)}`),
      },
      beforeWriting: () => undefined,
    });
    return { graph, said };
  };

  const stored = async (
    name: string,
  ): Promise<readonly { kid: string; status: string }[] | undefined> =>
    keySetsOf(await store.read(), tenantId(defaultTenant))[name]?.keys;

  const use = 'sig';
  /** The operations: the request, and how many keys the keyset has when it was carried out; -1: none. */
  const writes: Record<
    string,
    (before: KeySet) => { request: WriteRequest<unknown>; wanted: number; fault: string }
  > = {
    create: () => ({ request: operations.createKeySet(id), wanted: 0, fault: 'create' }),
    generateKey: (before) => ({
      request: operations.generateKey({ id, before, awaitKeySet: false }, { kty: 'oct', use }),
      wanted: before.keys.length + 1,
      fault: 'generateKey',
    }),
    uploadSecret: (before) => ({
      request: operations.uploadSecret(
        { id, before, awaitKeySet: false },
        { use, k: new Secret(secrets.upload) },
      ),
      wanted: before.keys.length + 1,
      fault: 'uploadSecret',
    }),
    uploadCertificate: (before) => ({
      request: operations.uploadCertificate(
        { id, before, awaitKeySet: false },
        { kty: 'RSA' },
        certificate,
      ),
      wanted: before.keys.length + 1,
      fault: 'uploadCertificate',
    }),
    uploadPkcs12: (before) => ({
      request: operations.uploadPkcs12(
        { id, before, awaitKeySet: false },
        { kty: 'RSA' },
        { key: new Secret(pfx), password: new Secret('demo-password') },
      ),
      wanted: before.keys.length + 1,
      fault: 'uploadPkcs12',
    }),
    update: (before) => ({
      request: operations.updateKeySet(
        id,
        [{ kty: 'oct', use, k: new Secret(Buffer.from(secrets.upload).toString('base64url')) }],
        before,
      ),
      wanted: 1,
      fault: 'update',
    }),
    delete: () => ({ request: operations.deleteKeySet(id), wanted: -1, fault: 'delete' }),
    disable: (before) => ({
      request: operations.setKeyStatus(id, before.keys[0]?.kid ?? '', 'disabled'),
      wanted: before.keys.length,
      fault: 'keysV2Update',
    }),
  };

  const faults = [
    '429=2',
    '500',
    '502',
    '503',
    '504',
    'AADB2C90063',
    'AADB2C95053',
    'reset-before',
    'reset-after',
    'truncated',
    'garbage',
  ];
  const refusals = new Set(['429=2', 'AADB2C95053']);

  const matrix = (['h1', 'h2'] as const).flatMap((protocol) =>
    Object.keys(writes).flatMap((operation) =>
      faults.flatMap((fault) =>
        [1, 2].map((times) => [protocol, operation, fault, times] as const),
      ),
    ),
  );

  test.each(matrix)('%s: %s under %s, %i times', async (protocol, operation, fault, times) => {
    await store.reset();
    server.faults.clear();
    clock.now = begun;
    const { graph, said } = real(server.graphUrl, transports[protocol]!, bearer);
    if (operation !== 'create') await graph.write(operations.createKeySet(id));
    // RSA keys do not mix with it, and are slow to make.
    if (!/create|Certificate|Pkcs12/.test(operation)) {
      const target = { id, before: keyset(), awaitKeySet: false };
      await graph.write(operations.generateKey(target, { kty: 'oct', use }));
    }
    const before = operation === 'create' ? keyset() : await graph.read(operations.getKeySet(id));
    const { request, wanted, fault: where } = writes[operation]!(before);
    server.faults.add(`${fault}@${where}:${String(times)}`);

    const outcome = await graph.write(request).then(
      () => 'done',
      (error: unknown) => error,
    );

    const keys = await stored(id);
    const count = keys?.length ?? -1;
    const kids = new Set(keys?.map((key) => key.kid));
    expect(kids.size).toBe(Math.max(count, 0));
    if (outcome === 'done') {
      expect(count).toBe(wanted);
      if (operation === 'disable') expect(keys?.[0]?.status).toBe('disabled');
    } else {
      expect(outcome).toBeInstanceOf(Failure);
      const failure = outcome as Failure;
      expect([7, 8]).toContain(failure.exitCode);
      // Not known, or not done.
      if (failure.details.delivery !== 'unknown')
        expect(count).toBe(operation === 'create' ? -1 : before.keys.length);
      // Whoever is refused politely, or loses a connection, is served in the end.
      expect(refusals.has(fault) || /reset|truncated|garbage|503|90063/.test(fault)).toBe(false);
    }
    expect(leaks(`${said.join('\n')}${everythingOf(outcome)}`)).toEqual([]);
    expect(said.join('\n')).not.toContain(bearer);
    server.faults.clear();
  });

  test('a keyset that settles slowly is waited for after it was made', async () => {
    clock.now = begun;
    const slow = await serveEmulator({
      switches: { settleMs: 8000 },
      world: { ...systemWorld, now: () => clock.now },
      tls: false,
    });
    const transport = await openTransport({
      timeoutMs: 20_000,
      proxies: { http: undefined, https: undefined, no: '' },
      http1: false,
      cancelled: new AbortController().signal,
    });
    try {
      const { graph } = real(slow.graphUrl, transport, await tokenOf(slow, transport));
      await graph.write(operations.createKeySet(id));
      const target = { id, before: keyset(), awaitKeySet: true };
      const key = await graph.write(operations.generateKey(target, { kty: 'RSA', use }));
      expect((await graph.read(operations.getKeySet(id))).keys).toMatchObject([{ kid: key.kid }]);
      expect(clock.now - begun).toBeGreaterThanOrEqual(8000);
    } finally {
      await transport.close();
      await slow.close();
    }
  });
});
