/** What should never leave this machine does not; files and pipes of every kind end in an answer. */
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { failure, guard, openSite, type Site } from '../support/binary.ts';

const demo = (name: string): string => join(import.meta.dirname, '../fixtures/demo', name);
const password = guard('demo-password');
guard(readFileSync(demo('saml.pfx')).toString('base64'));

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterEach(() => {
  // What these tests are about never reaches the wire.
  expect(site.server.requests).toEqual([]);
});

describe('ids', () => {
  test.each([
    'a/b',
    '..',
    '../A',
    'a%2fb',
    '%2e%2e',
    'a b',
    'a\tb',
    'a\nb',
    'a\u001b[31mb',
    'ä',
    '\u202eA',
    'A?x=1',
    'A#x',
    "A'B",
    'A(1)',
    '\\',
    '*',
    ' ',
  ])('%j', async (id) => {
    const done = await site.run(['get', '-o', 'json', '--', id]);
    expect([done.code, done.stdout, failure(done)]).toMatchObject([
      2,
      '',
      { error: { kind: 'usage' } },
    ]);

    expect(done.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  test.each(['a/b', '..', 'a%2f', 'a b', 'ä', '\u001b[2J'])('the kid %j', async (kid) => {
    expect((await site.run(['keys', 'get', 'A', '--', kid])).code).toBe(2);
  });
});

describe('secrets', () => {
  const upload = 'upload-secret A --use sig --from - -o json';

  test.each([
    ['empty', ''],
    ['a line break', '\r\n'],
    ['not UTF-8', Buffer.from([0x61, 0x80, 0x62])],
    ['1 MiB', guard('x1'.repeat(1 << 19))],
  ])('%s', async (_, stdin) => {
    const done = await site.run(upload, { stdin });
    expect([done.code, failure(done)]).toMatchObject([3, { error: { kind: 'input' } }]);
  });

  test('stdin is /dev/null, or closed', async () => {
    expect((await site.run(upload)).code).toBe(3);
    const closed = await site.shell(`policykeys ${upload} <&-`);
    expect([closed.code, closed.stderr]).toMatchObject([
      3,
      expect.stringContaining('error: stdin'),
    ]);
  });

  test('a value where a source belongs is not repeated', async () => {
    const value = guard('pasted~by~mistake');
    for (const words of [
      ['upload-secret', 'A', '--use', 'sig', '--from', value, '--debug'],
      ['upload-secret', 'A', '--use', 'sig', '--from', `env:${value}`, '--debug'],
      ['upload-pkcs12', 'A', demo('saml.pfx'), '--password-from', value, '--debug', '-o', 'json'],
      ['upload-secret', 'A', value, '--use', 'sig', '--debug'],
    ])
      expect([2, 3]).toContain((await site.run(words)).code);
  });
});

describe('files', () => {
  let folder: string;
  beforeAll(() => {
    folder = join(site.home, 'files');
    mkdirSync(join(folder, 'folder'), { recursive: true });
    writeFileSync(join(folder, 'empty'), '');
    writeFileSync(join(folder, 'unreadable'), 'x');
    chmodSync(join(folder, 'unreadable'), 0);
    // 100 MB that take no space.
    const sparse = openSync(join(folder, 'sparse'), 'w');
    ftruncateSync(sparse, 100_000_000);
    closeSync(sparse);
  });

  const commands = [
    (file: string) => ['upload-secret', 'A', '--use', 'sig', '--from', file],
    (file: string) => ['upload-certificate', 'A', file],
    (file: string) => ['upload-pkcs12', 'A', file, '--password-from', 'env:PASSWORD'],
    (file: string) => ['upload-pkcs12', 'A', demo('saml.pfx'), '--password-from', file],
    (file: string) => ['update', 'A', '--yes', '--from', file],
  ];

  test.each([
    ['nowhere', 'no such file'],
    ['empty/inside', 'no such file'],
    ['folder', 'it is a folder'],
    ['empty', 'is empty'],
    ['sparse', 'is larger than'],
    ['/dev/zero', 'not a regular file'],
    ['/dev/tty', ''],
    ['/proc/self/mem', ''],
    ['x'.repeat(300), 'the name is too long'],
    ['a\u0000b', ''],
  ])('%j', async (name, reason) => {
    const file = name.startsWith('/') ? name : `files/${name}`;
    for (const command of name.includes('\u0000') ? [] : commands) {
      const done = await site.run([...command(file), '-o', 'json'], {
        environment: { PASSWORD: password },
      });
      expect([file, done.code, failure(done)]).toMatchObject([
        file,
        3,
        { error: { kind: 'input', message: expect.stringContaining(reason) } },
      ]);
    }
  });

  test('one that may not be read', async () => {
    const done = await site.run('upload-certificate A files/unreadable -o json');
    // For root every file can be read: then it is no certificate.
    const reason = process.getuid?.() === 0 ? 'not an X.509 certificate' : 'permission denied';
    expect([done.code, failure(done)]).toMatchObject([3, { error: { message: expect.stringContaining(reason) } }]); // prettier-ignore
  });

  test('a FIFO without a writer', async () => {
    const done = await site.shell('mkfifo fifo && policykeys upload-secret A --use sig --from fifo -o json'); // prettier-ignore
    expect([done.code, failure(done)]).toMatchObject([3, { error: { hint: expect.any(String) } }]);
  });

  test('process substitution without a byte', async () => {
    const done = await site.shell('policykeys upload-secret A --use sig --from <(true) -o json');
    expect([done.code, failure(done)]).toMatchObject([3, { error: { message: 'the file that --from names is empty' } }]); // prettier-ignore
  });

  test('an endless pipe', async () => {
    const done = await site.shell('yes | policykeys upload-secret A --use sig --from - -o json');
    expect([done.code, failure(done)]).toMatchObject([3, { error: { message: 'stdin is larger than 64 KiB' } }]); // prettier-ignore
    const substituted = await site.shell(
      'policykeys upload-secret A --use sig --from <(yes) -o json',
    );
    expect(substituted.code).toBe(3);
  });
});

describe('the token cache and the emulator’s file', () => {
  test('an audit log that cannot be written: nothing is sent', async () => {
    const done = await site.run('create A --dry-run --audit-log /nowhere/audit.log');
    expect(done.code).toBe(0);
  });

  test.each([
    ['{', 0],
    ['\u0000', 0],
    ['{\n "version": 1,\n "ten', 0],
    // These may be something else altogether: they stay as they are.
    ['{}', 3],
    ['[]', 3],
    ['{"version":2,"tenants":{}}', 3],
    ['-----BEGIN CERTIFICATE-----', 3],
  ])('a damaged state %j is input, and is reset only where it was ours: %i', async (text, code) => {
    const POLICYKEYS_EMULATOR_STATE = join(site.home, 'state.json');
    writeFileSync(POLICYKEYS_EMULATOR_STATE, text);
    const environment = { POLICYKEYS_EMULATOR_STATE };
    const done = await site.run('list --cloud emulator -o json', { environment });
    expect([done.code, failure(done)]).toMatchObject([3, { error: { kind: 'input' } }]);
    expect((await site.run('emulator reset --dry-run', { environment })).code).toBe(code);
    expect(readFileSync(POLICYKEYS_EMULATOR_STATE, 'utf8')).toBe(text);
    expect((await site.run('emulator reset', { environment })).code).toBe(code);
    if (code !== 0) expect(readFileSync(POLICYKEYS_EMULATOR_STATE, 'utf8')).toBe(text);
    expect((await site.run('list --cloud emulator', { environment })).code).toBe(code);
  });

  // Node's own recursive mkdir never ends there.
  test('folders that cannot be made do not hang it', async () => {
    const cache = await site.run('list --cloud emulator', {
      environment: { XDG_CACHE_HOME: '/proc/x' },
    });
    expect(cache.code).toBe(0);
    const state = await site.run('create A --cloud emulator', {
      environment: { POLICYKEYS_EMULATOR_STATE: '/proc/x/e.json' },
    });
    expect([state.code, state.stderr]).toMatchObject([
      3,
      expect.stringContaining('/proc/x/e.json'),
    ]);
  });
});
