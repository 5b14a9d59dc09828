import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { parseKeySetId } from '../../src/core/keyset.ts';
import { Secret } from '../../src/core/secret.ts';
import { openAudit, type Audit, type AuditFacts } from '../../src/edge/audit.ts';
import { Failure } from '../../src/failure.ts';
import { setKeyStatus, uploadSecret } from '../../src/graph/operations.ts';
import { caughtLater } from '../support/caught.ts';
import { temporaryFolder } from '../support/servers.ts';

const id = parseKeySetId('Example');
const secret = 'planted-audit-secret-6620';
const request = uploadSecret(
  { id, before: { id, keys: [] }, awaitKeySet: false },
  { use: 'sig', k: new Secret(secret) },
);
const actor = { tenant: 'contoso', who: 'me' };
const facts: AuditFacts = {
  command: 'upload-secret',
  reason: 'rotation "Q1"\nsecond line',
  pipelineRun: 'https://ci.example/1',
  cloud: 'global',
};

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let path: string;
const warnings: string[] = [];
let count = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());
beforeEach(() => {
  path = `${folder.path}/${String((count += 1))}.jsonl`;
  warnings.length = 0;
});

const open = (to: string | undefined = path, more: Partial<AuditFacts> = {}): Audit => {
  let now = Date.UTC(2030, 0, 1);
  return openAudit(
    to,
    { ...facts, ...more },
    () => (now += 1000),
    (text) => warnings.push(text),
  );
};

const lines = async (): Promise<Record<string, unknown>[]> =>
  (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('a line before and a line after, with one operation id, and never a secret', async () => {
  const entry = await open().begin(request, actor);
  const sending = {
    time: '2030-01-01T00:00:01.000Z',
    event: 'sending',
    operation: expect.stringMatching(/^[0-9a-f-]{36}$/),
    tenant: 'contoso',
    cloud: 'global',
    who: 'me',
    command: 'upload-secret',
    reason: facts.reason,
    pipelineRun: facts.pipelineRun,
    method: 'POST',
    keyset: 'B2C_1A_Example',
  };
  expect(await lines()).toEqual([sending]);
  await entry.done({ kid: 'new' });
  const [first, second] = await lines();
  expect(second).toEqual({
    ...sending,
    operation: first?.['operation'],
    time: '2030-01-01T00:00:02.000Z',
    event: 'settled',
    result: 'done',
    kid: 'new',
  });
  expect(await readFile(path, 'utf8')).not.toContain(secret);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('each write has an operation id of its own', async () => {
  const audit = open();
  await Promise.all([audit.begin(request, actor), audit.begin(request, actor)]);
  const [first, second] = await lines();
  expect(first?.['operation']).not.toBe(second?.['operation']);
});

test('the kid of the request is kept where the answer has none', async () => {
  const entry = await open().begin(setKeyStatus(id, 'the-kid', 'disabled'), actor);
  await entry.done({ kid: undefined });
  expect(await lines()).toMatchObject([
    { kid: 'the-kid', method: 'PATCH' },
    { kid: 'the-kid', result: 'done' },
  ]);
});

test.each<[string, unknown, object]>([
  [
    'a refusal',
    new Failure('conflict', 'message', {
      hint: 'hint',
      status: 409,
      code: 'AADB2C95028',
      requestId: 'r',
      clientRequestId: 'c',
      correlationId: 'x',
      delivery: 'none',
    }),
    {
      result: 'failed',
      kind: 'conflict',
      status: 409,
      code: 'AADB2C95028',
      requestId: 'r',
      clientRequestId: 'c',
      correlationId: 'x',
    },
  ],
  [
    'an unknown outcome',
    new Failure('network', 'message', { delivery: 'unknown' }),
    { result: 'unknown', kind: 'network' },
  ],
  [
    'cancelling in time',
    new Failure('cancelled', 'message', { signal: 'SIGINT', delivery: 'none' }),
    { result: 'failed', kind: 'cancelled' },
  ],
  ['a bug', new TypeError(secret), { result: 'unknown', kind: 'bug' }],
])('%s', async (_, error, outcome) => {
  await (await open().begin(request, actor)).failed(error);
  const [first, second] = await lines();
  const { time, event, ...rest } = second ?? {};
  expect([typeof time, event]).toEqual(['string', 'settled']);
  const { time: began, event: sending, ...same } = first ?? {};
  expect([typeof began, sending]).toEqual(['string', 'sending']);
  expect(rest).toEqual({ ...same, ...outcome });
  expect(await readFile(path, 'utf8')).not.toContain(secret);
});

test('adds to what is there', async () => {
  await open().begin(request, actor);
  await open().begin(request, actor);
  expect(await lines()).toHaveLength(2);
});

test.each([
  ['a folder', () => folder.path, 'it is a folder'] as const,
  ['a file in no folder', () => `${folder.path}/none/log`, 'no such file'] as const,
  ...(process.platform === 'linux'
    ? [['a full disk', () => '/dev/full', 'no space left on the device'] as const]
    : []),
])('%s cannot be written: input, and the hint says that nothing was sent', async (_, to, why) => {
  const failure = await caughtLater(() => open(to()).begin(request, actor));
  expect([failure.kind, failure.exitCode]).toEqual(['input', 3]);
  expect(failure.message).toBe(`cannot write the audit log ${to()}: ${why}`);
  expect(failure.hint).toContain('nothing was sent');
});

test('when the end cannot be written, the write has happened all the same: a warning', async () => {
  const entry = await open().begin(request, actor);
  const [{ operation } = {}] = await lines();
  await rm(path);
  await mkdir(path);
  await entry.done({ kid: 'new' });
  expect(warnings).toEqual([
    `cannot write the end of ${String(operation)} to the audit log: it is a folder`,
  ]);
});

test('without a file nothing is written', async () => {
  const entry = await openAudit(
    undefined,
    facts,
    () => 0,
    (text) => warnings.push(text),
  ).begin(request, actor);
  await entry.done({});
  await entry.failed(new Error());
  expect(warnings).toEqual([]);
});
