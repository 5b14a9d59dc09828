import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { withLock } from '../../src/edge/lock.ts';
import { Failure } from '../../src/failure.ts';
import { caughtLater } from '../support/caught.ts';
import { bundle, run, runScript, temporaryFolder } from '../support/servers.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

let count = 0;
const newLock = async (): Promise<string> => {
  const place = `${folder.path}/${String((count += 1))}`;
  await mkdir(place);
  return `${place}/lock`;
};
const leftBeside = (lock: string): Promise<string[]> => readdir(lock.replace(/\/lock$/, ''));

/** A pid that was in use a moment ago, and is not any more. */
const deadPid = async (): Promise<number> =>
  Number((await run(process.execPath, ['-p', 'process.pid'])).stdout);

const owner = (more: object = {}): string =>
  JSON.stringify({ pid: process.pid, host: hostname(), token: 'other', ...more });

const age = async (path: string, ms: number): Promise<void> => {
  const then = new Date(Date.now() - ms);
  await utimes(path, then, then);
};

test('one at a time among many, and nothing is left', async () => {
  const lock = await newLock();
  let inside = 0;
  let done = 0;
  await Promise.all(
    Array.from({ length: 25 }, () =>
      withLock(lock, async () => {
        inside += 1;
        expect(inside).toBe(1);
        await new Promise(setImmediate);
        inside -= 1;
        done += 1;
      }),
    ),
  );
  expect(done).toBe(25);
  expect(await leftBeside(lock)).toEqual([]);
});

test('gives what the work gives, and throws what it throws, without the lock', async () => {
  const lock = await newLock();
  expect(await withLock(lock, () => Promise.resolve(7))).toBe(7);
  await expect(withLock(lock, () => Promise.reject(new TypeError('x')))).rejects.toThrow(TypeError);
  expect(await leftBeside(lock)).toEqual([]);
});

test('says whose it is, and is for the user only', async () => {
  const lock = await newLock();
  await withLock(lock, async () => {
    expect(JSON.parse(await readFile(lock, 'utf8'))).toMatchObject({
      pid: process.pid,
      host: hostname(),
    });
  });
});

test('gives up after a while: input', async () => {
  const lock = await newLock();
  await writeFile(lock, owner());
  let worked = false;
  const failure = await caughtLater(() =>
    withLock(
      lock,
      () => {
        worked = true;
        return Promise.resolve();
      },
      { waitMs: 30 },
    ),
  );
  expect([failure.kind, failure.message]).toEqual(['input', `${lock} is held by another process`]);
  expect(failure.hint).toContain('delete the file if none is running');
  expect(worked).toBe(false);
  expect(await readFile(lock, 'utf8')).toBe(owner());
});

test('does not wait any more once the command has been ended', async () => {
  const lock = await newLock();
  await writeFile(lock, owner());
  const cancel = new AbortController();
  const why = new Failure('cancelled', 'interrupted', { signal: 'SIGINT' });
  const waiting = caughtLater(() =>
    withLock(lock, () => Promise.resolve(), { cancelled: cancel.signal }),
  );
  cancel.abort(why);
  expect(await waiting).toBe(why);
  expect(await readFile(lock, 'utf8')).toBe(owner());
});

describe('a lock that was left behind', () => {
  test('by a process that is dead is cleared', async () => {
    const lock = await newLock();
    await writeFile(lock, owner({ pid: await deadPid() }));
    expect(await withLock(lock, () => Promise.resolve('in'), { waitMs: 5000 })).toBe('in');
    expect(await leftBeside(lock)).toEqual([]);
  });

  test.each([
    ['on another host', owner({ host: 'elsewhere' })],
    ['by nobody who says so', ''],
    ['damaged', '{"pid":'],
  ])('%s is cleared after a minute, and not before', async (_, content) => {
    const lock = await newLock();
    await writeFile(lock, content);
    await age(lock, 50_000);
    await caughtLater(() => withLock(lock, () => Promise.resolve(), { waitMs: 20 }));
    await age(lock, 61_000);
    expect(await withLock(lock, () => Promise.resolve('in'), { waitMs: 5000 })).toBe('in');
  });

  test.each([
    ['no number', owner({ pid: 'x' })],
    ['no process but a group', owner({ pid: -1 })],
    ['every process of the group', owner({ pid: 0 })],
    ['half a process', owner({ pid: 1.5 })],
    ['a process of somebody else', owner({ pid: 1 })],
    ['null', 'null'],
  ])('whose pid is %s is not cleared at once', async (_, content) => {
    const lock = await newLock();
    await writeFile(lock, content);
    await caughtLater(() => withLock(lock, () => Promise.resolve(), { waitMs: 20 }));
    expect(await readFile(lock, 'utf8')).toBe(content);
  });

  test('is cleared although the one who was clearing it died', async () => {
    const lock = await newLock();
    await writeFile(lock, owner({ pid: await deadPid() }));
    await writeFile(`${lock}.break`, '{}');
    await age(`${lock}.break`, 11_000);
    expect(await withLock(lock, () => Promise.resolve('in'), { waitMs: 5000 })).toBe('in');
    expect(await leftBeside(lock)).toEqual([]);
  });

  test('is left to the one who is clearing it now', async () => {
    const lock = await newLock();
    const dead = owner({ pid: await deadPid() });
    await writeFile(lock, dead);
    await writeFile(`${lock}.break`, '{}');
    await caughtLater(() => withLock(lock, () => Promise.resolve(), { waitMs: 20 }));
    expect(await readFile(lock, 'utf8')).toBe(dead);
    expect(existsSync(`${lock}.break`)).toBe(true);
  });

  test('is taken by one of many only', async () => {
    const dead = await deadPid();
    for (let round = 0; round < 10; round += 1) {
      const lock = await newLock();
      await writeFile(lock, owner({ pid: dead }));
      let inside = 0;
      await Promise.all(
        Array.from({ length: 10 }, () =>
          withLock(lock, async () => {
            inside += 1;
            expect(inside).toBe(1);
            await new Promise(setImmediate);
            inside -= 1;
          }),
        ),
      );
    }
  });
});

test('a lock that others took meanwhile stays theirs', async () => {
  const lock = await newLock();
  await withLock(lock, () => writeFile(lock, owner()));
  expect(await readFile(lock, 'utf8')).toBe(owner());
});

test.each([
  ['no folder', async () => `${await newLock()}/x/lock`, 'ENOENT'],
  [
    'a file in place of the folder',
    async () => {
      const path = await newLock();
      await writeFile(path, '');
      return `${path}/lock`;
    },
    'ENOTDIR',
  ],
])('%s: what the file system says, and the work is not done', async (_, path, code) => {
  let worked = false;
  const work = (): Promise<void> => {
    worked = true;
    return Promise.resolve();
  };
  await expect(withLock(await path(), work)).rejects.toMatchObject({ code });
  expect(worked).toBe(false);
});

describe('among processes', () => {
  let built: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    built = await temporaryFolder();
    await bundle(built.path, { lock: 'src/edge/lock.ts' });
  });
  afterAll(() => built.remove());

  /** Adds one to a number in a file, so many times: lost updates show. */
  const counting = `
    const { withLock } = require('./lock.cjs');
    const { readFileSync, writeFileSync } = require('node:fs');
    const [lock, file, times] = process.argv.slice(2);
    (async () => {
      for (let n = 0; n < Number(times); n += 1)
        await withLock(lock, async () => {
          const before = Number(readFileSync(file, 'utf8'));
          await new Promise(setImmediate);
          writeFileSync(file, String(before + 1));
        });
    })();`;

  test('no update is lost', async () => {
    const lock = await newLock();
    const file = `${lock}.count`;
    await writeFile(file, '0');
    const ended = await Promise.all(
      Array.from({ length: 6 }, () =>
        runScript(built.path, counting, { args: [lock, file, '15'] }),
      ),
    );
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(Array(6).fill([0, '']));
    expect(await readFile(file, 'utf8')).toBe('90');
    expect(await leftBeside(lock)).toEqual(['lock.count']);
  });

  test('no update is lost although some are killed while they hold it', async () => {
    const lock = await newLock();
    const file = `${lock}.count`;
    await writeFile(file, '0');
    const dying = `
      const { withLock } = require('./lock.cjs');
      withLock(process.argv[2], async () => process.kill(process.pid, 'SIGKILL'));`;
    await Promise.all([
      ...Array.from({ length: 3 }, () => runScript(built.path, dying, { args: [lock] })),
      ...Array.from({ length: 4 }, () =>
        runScript(built.path, counting, { args: [lock, file, '10'] }),
      ),
    ]);
    // The last who held it may have been killed.
    await withLock(lock, () => Promise.resolve());
    expect(await readFile(file, 'utf8')).toBe('40');
    expect(await leftBeside(lock)).toEqual(['lock.count']);
  });

  test('the lock keeps no process alive', async () => {
    const lock = await newLock();
    const script = `
      const { withLock } = require('./lock.cjs');
      withLock(process.argv[2], () => new Promise(() => undefined));
      process.on('exit', () => console.log('ends'));`;
    const ended = await runScript(built.path, script, { args: [lock] });
    expect(ended.stdout).toBe('ends\n');
  });
});
