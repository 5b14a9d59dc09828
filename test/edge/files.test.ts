import { execFile } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { chmod, link, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { inspect, promisify } from 'node:util';
import {
  appendLine,
  errorCode,
  fileTrouble,
  readBounded,
  readOwn,
  readStream,
  writeOwn,
} from '../../src/edge/files.ts';
import { Failure } from '../../src/failure.ts';
import { caughtLater } from '../support/caught.ts';
import { bundle, run, runScript, temporaryFolder } from '../support/servers.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

let count = 0;
/** A name nobody has used. */
const at = (name = 'file'): string => `${folder.path}/${String((count += 1))}-${name}`;

async function file(content: string | Buffer): Promise<string> {
  const path = at();
  await writeFile(path, content);
  return path;
}

const root = process.getuid?.() === 0;
const windows = process.platform === 'win32';
const linux = process.platform === 'linux';
const bounds = { maxBytes: 1000 };

describe('what a user names', () => {
  test('is read byte for byte', async () => {
    const bytes = Buffer.from([0, 0xff, 0xfe, 0x0a, 0x80]);
    expect(await readBounded(await file(bytes), 'x', bounds)).toEqual(bytes);
    expect(await readBounded(await file(''), 'x', bounds)).toHaveLength(0);
  });

  test('may be a link to a file', async () => {
    const path = at('link');
    await symlink(await file('linked'), path);
    expect((await readBounded(path, 'x', bounds)).toString()).toBe('linked');
  });

  test('may have exactly the size that is allowed, and not a byte more', async () => {
    const path = await file('x'.repeat(1000));
    expect(await readBounded(path, 'x', bounds)).toHaveLength(1000);
    appendFileSync(path, 'x');
    const failure = await caughtLater(() => readBounded(path, 'the file', bounds));
    expect(failure.kind).toBe('input');
    expect(failure.message).toMatch(/^the file is larger than /);
  });

  test('that says it is small and is not is not read to its end', async () => {
    if (!linux) return;
    // Files of /proc have the size 0.
    const failure = await caughtLater(() => readBounded('/proc/kallsyms', 'x', bounds));
    expect(failure.message).toMatch(/^x is larger than /);
  });

  const refused: [string, () => Promise<string>, RegExp][] = [
    ['nothing', () => Promise.resolve(at()), /^cannot read the file: no such file$/],
    ['a folder', () => Promise.resolve(folder.path), /^cannot read the file: it is a folder$/],
    ['below a file', async () => `${await file('')}/below`, /^cannot read the file: no such file$/],
    [
      'a link to nothing',
      async () => {
        const path = at();
        await symlink(at(), path);
        return path;
      },
      /no such file$/,
    ],
    [
      'a link to itself',
      async () => {
        const path = at();
        await symlink(path, path);
        return path;
      },
      /too many links$/,
    ],
    ['a name that is too long', () => Promise.resolve(`/${'x'.repeat(5000)}`), /name is too long$/],
    ['/dev/zero', () => Promise.resolve('/dev/zero'), /it is not a regular file$/],
    ['/dev/tty', () => Promise.resolve('/dev/tty'), /it is not a regular file$/],
    ['/dev/random', () => Promise.resolve('/dev/random'), /it is not a regular file$/],
    [
      'a named pipe',
      async () => {
        const path = at('fifo');
        await run('mkfifo', [path]);
        return path;
      },
      /it is not a regular file$/,
    ],
    ['a name with a zero byte', () => Promise.resolve('a\0b'), /^cannot read the file: /],
  ];

  test.each(refused)(
    '%s is input, without waiting, and the path is not named',
    async (_, make, message) => {
      const path = await make();
      const failure = await caughtLater(() => readBounded(path, 'the file', bounds));
      expect([failure.kind, failure.exitCode]).toEqual(['input', 3]);
      expect(failure.message).toMatch(message);
      expect(`${failure.message} ${String(failure.hint)}`).not.toContain(path);
    },
  );

  test('a named pipe: the hint knows what to do', async () => {
    const path = at('fifo');
    await run('mkfifo', [path]);
    const failure = await caughtLater(() => readBounded(path, 'x', bounds));
    expect(failure.hint).toContain('pass -');
  });

  test('what may not be read is input', async () => {
    if (root || windows) return; // root may read everything
    const path = await file('x');
    await chmod(path, 0);
    const failure = await caughtLater(() => readBounded(path, 'x', bounds));
    expect(failure.message).toBe('cannot read x: permission denied');
  });

  test('that grows while it is read stays within its bound', async () => {
    const path = await file('x'.repeat(1000));
    const reading = readBounded(path, 'x', { maxBytes: 1 << 20 });
    appendFileSync(path, 'y'.repeat(1 << 21));
    const outcome = await reading.catch((error: unknown) => error);
    if (outcome instanceof Failure) expect(outcome.message).toContain('larger than');
    else expect((outcome as Buffer).length).toBeLessThanOrEqual(1 << 20);
  });
});

describe('a process of its own', () => {
  let built: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    built = await temporaryFolder();
    await bundle(built.path, { files: 'src/edge/files.ts' });
    await writeFile(
      `${built.path}/read.cjs`,
      `
      const { readBounded } = require('./files.cjs');
      readBounded(process.argv[2], 'it', { maxBytes: Number(process.argv[3] ?? 1000) }).then(
        (bytes) => console.log(bytes.length, bytes.toString().slice(0, 20)),
        (error) => console.log(error.kind, error.message),
      );`,
    );
  });
  afterAll(() => built.remove());

  const bash = (script: string) =>
    run('bash', ['--norc', '-c', script, 'bash', process.execPath, `${built.path}/read.cjs`]);

  test.each([
    ['"$1" "$2" <(printf secret)', '6 secret\n'],
    ['"$1" "$2" <(printf one; sleep 0.05; printf two)', '6 onetwo\n'],
    ['"$1" "$2" <(:)', '0 \n'],
    ['"$1" "$2" <(head -c 300000 /dev/zero | tr "\\0" x) 400000', `300000 ${'x'.repeat(20)}\n`],
    ['"$1" "$2" <(cat /dev/zero)', 'input it is larger than 0 KiB\n'],
    ['printf x | "$1" "$2" /dev/stdin', 'input cannot read it: it is not a regular file\n'],
    ['"$1" "$2" /dev/stdin < "$2"', expect.stringMatching(/^\d+ /)],
    ['"$1" "$2" /dev/fd/77', 'input cannot read it: no such file\n'],
  ])('process substitution and the like: %s', async (script, stdout) => {
    expect(await bash(script)).toEqual({ code: 0, stdout, stderr: '' });
  });

  test('a pipe is closed once, and not again when garbage is collected', async () => {
    const script = `
      const { readBounded } = require('./files.cjs');
      const { openSync, fstatSync, writeFileSync } = require('node:fs');
      (async () => {
        await readBounded(process.argv[2], 'it', { maxBytes: 1000 });
        await new Promise(setImmediate);
        // Others get the number of the descriptor.
        const others = Array.from({ length: 8 }, () => openSync(__filename, 'r'));
        for (let n = 0; n < 20; n += 1) {
          gc();
          await new Promise(setImmediate);
        }
        for (const fd of others) fstatSync(fd);
        console.log('fine');
      })();`;
    await writeFile(`${built.path}/collect.cjs`, script);
    const ended = await run('bash', [
      '--norc',
      '-c',
      '"$1" --expose-gc "$2" <(printf secret)',
      'bash',
      process.execPath,
      `${built.path}/collect.cjs`,
    ]);
    expect(ended).toEqual({ code: 0, stdout: 'fine\n', stderr: '' });
  });

  test('many processes append whole lines to one file', async () => {
    const log = `${built.path}/log`;
    const script = `
      const { appendLine } = require('./files.cjs');
      (async () => {
        for (let n = 0; n < 20; n += 1) await appendLine(process.argv[2], process.argv[3].repeat(2000));
      })();`;
    const letters = ['a', 'b', 'c', 'd', 'e'];
    await Promise.all(
      letters.map((letter) => runScript(built.path, script, { args: [log, letter] })),
    );
    const lines = (await readFile(log, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(100);
    for (const line of lines) expect(line).toBe((line[0] ?? '').repeat(2000));
    for (const letter of letters)
      expect(lines.filter((line) => line.startsWith(letter))).toHaveLength(20);
  });
});

describe('a stream', () => {
  test('is read to its end, whatever its chunks are', async () => {
    const stream = Readable.from(['ä', Buffer.from('b'), '']);
    expect((await readStream(stream, 'x', bounds)).toString()).toBe('äb');
  });

  test('that is too long is not read to its end', async () => {
    let pulled = 0;
    const endless = new Readable({
      read() {
        pulled += 1;
        this.push(Buffer.alloc(100));
      },
    });
    const failure = await caughtLater(() => readStream(endless, 'stdin', bounds));
    expect([failure.kind, failure.message]).toEqual(['input', 'stdin is larger than 0 KiB']);
    expect(endless.destroyed).toBe(true);
    expect(pulled).toBeLessThan(1000);
  });

  test('that never ends is left when the command is ended', async () => {
    const silent = new Readable({ read: () => undefined });
    const cancel = new AbortController();
    const why = new Failure('cancelled', 'interrupted', { signal: 'SIGINT' });
    const reading = caughtLater(() =>
      readStream(silent, 'stdin', { maxBytes: 10, cancelled: cancel.signal }),
    );
    cancel.abort(why);
    expect(await reading).toBe(why);
    expect(silent.destroyed).toBe(true);
  });
});

describe('files of our own', () => {
  test('none is undefined, and so is one that cannot be read', async () => {
    expect(await readOwn(at())).toBeUndefined();
    expect(await readOwn(folder.path)).toBeUndefined();
  });

  test('are written with their folders, for the user only', async () => {
    const home = at('home');
    const path = `${home}/a/b/file.json`;
    await writeOwn(path, 'content');
    expect(await readOwn(path)).toBe('content');
    if (windows) return;
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    for (const each of [home, `${home}/a`, `${home}/a/b`])
      expect((await stat(each)).mode & 0o777).toBe(0o700);
  });

  test('are for the user only although the umask allows less care', async () => {
    const umask = process.umask(0);
    try {
      const path = at();
      await writeOwn(path, 'content');
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      const log = at('log');
      await appendLine(log, 'line');
      expect((await stat(log)).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(umask);
    }
  });

  test('replace what was there, a planted link and a hard link included', async () => {
    const victim = await file('victim');
    const [soft, hard] = [at('soft'), at('hard')];
    await symlink(victim, soft);
    await link(victim, hard);
    for (const path of [soft, hard]) {
      await writeOwn(path, 'ours');
      expect(await readOwn(path)).toBe('ours');
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
    expect(await readFile(victim, 'utf8')).toBe('victim');
  });

  test('leave nothing behind when they cannot be written', async () => {
    const place = at('place');
    await mkdir(`${place}/target/in-the-way`, { recursive: true });
    await expect(writeOwn(`${place}/target`, 'x')).rejects.toMatchObject({
      code: expect.stringMatching(/EISDIR|ENOTEMPTY|EEXIST|EPERM/),
    });
    expect(await readdir(place)).toEqual(['target']);
    await expect(writeOwn(`${await file('')}/x`, 'x')).rejects.toMatchObject({
      code: expect.stringMatching(/ENOTDIR|EEXIST/),
    });
  });

  test('are seen whole by readers, whatever writers do', async () => {
    const path = at();
    const contents = ['a', 'b', 'c'].map((letter) => letter.repeat(100_000));
    await writeOwn(path, contents[0] ?? '');
    const seen: (string | undefined)[] = [];
    await Promise.all([
      ...contents.flatMap((content) => Array.from({ length: 10 }, () => writeOwn(path, content))),
      ...Array.from({ length: 50 }, async () => seen.push(await readOwn(path))),
    ]);
    for (const text of seen) expect(contents).toContain(text);
  });
});

describe('a line at the end of a file', () => {
  test('makes the file, and leaves what is there', async () => {
    const path = at();
    await appendLine(path, 'one');
    await appendLine(path, 'two');
    expect(await readFile(path, 'utf8')).toBe('one\ntwo\n');
  });

  test('may go to a pipe, where there is nothing to flush', async () => {
    const built = await temporaryFolder();
    try {
      await bundle(built.path, { files: 'src/edge/files.ts' });
      await writeFile(
        `${built.path}/append.cjs`,
        `require('./files.cjs').appendLine('/dev/stdout', 'audited').catch(console.error)`,
      );
      const args = [process.execPath, `${built.path}/append.cjs`];
      const ended = await run('bash', ['--norc', '-c', '"$1" "$2" | cat', 'bash', ...args]);
      expect(ended).toEqual({ code: 0, stdout: 'audited\n', stderr: '' });
    } finally {
      await built.remove();
    }
  });

  test.each([
    ['a folder', () => folder.path, 'EISDIR'] as const,
    ['in no folder', () => `${at()}/x`, 'ENOENT'] as const,
    ...(linux ? [['a full disk', () => '/dev/full', 'ENOSPC'] as const] : []),
  ])('%s: what the file system says', async (_, path, code) => {
    await expect(appendLine(path(), 'x')).rejects.toMatchObject({ code });
  });
});

test('what the file system says in words never holds the path', async () => {
  const { stdout } = await promisify(execFile)('true');
  expect(stdout).toBe('');
  const path = at('secret-path');
  const error: unknown = await readFile(path).catch((thrown: unknown) => thrown);
  expect(inspect(error)).toContain('secret-path');
  expect(errorCode(error)).toBe('ENOENT');
  expect(fileTrouble(error)).toBe('no such file');
  expect(fileTrouble({ code: 'EWEIRD' })).toBe('EWEIRD');
  expect(fileTrouble('secret-path')).toBe('it cannot be read');
});
