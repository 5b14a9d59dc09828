import { mkdtempSync, rmSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NewFile } from '../../src/context.ts';
import { newFiles } from '../../src/edge/new-files.ts';
import { caughtLater } from '../support/caught.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'policykeys-new-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const at = (name = 'file'): string => join(folder, name);
const file = (change: Partial<NewFile> = {}): NewFile => ({
  path: at(),
  bytes: Buffer.from('new'),
  secret: true,
  overwrite: false,
  ...change,
});
const content = (): Promise<string> => readFile(at(), 'utf8');

test('stands there as a whole once it is put there, and nothing beside it', async () => {
  const staged = await newFiles.stage(file());
  expect((await readdir(folder)).includes('file')).toBe(false);
  await staged.commit();
  expect([staged.path, await content(), await readdir(folder)]).toEqual([at(), 'new', ['file']]);
  await staged.discard();
  expect(await content()).toBe('new');
});

test('leaves nothing behind when it is not wanted any more', async () => {
  const staged = await newFiles.stage(file());
  await staged.discard();
  expect(await readdir(folder)).toEqual([]);
});

test.each([
  [true, 0o600],
  [false, 0o644],
])('secret: %s', async (secret, mode) => {
  const before = process.umask(0o022);
  try {
    await (await newFiles.stage(file({ secret }))).commit();
    expect((await stat(at())).mode & 0o777).toBe(mode);
  } finally {
    process.umask(before);
  }
});

describe('what is there already', () => {
  test('stays, and says how to replace it', async () => {
    await writeFile(at(), 'old');
    const failure = await caughtLater(() => newFiles.stage(file()));
    expect([failure.kind, failure.exitCode]).toEqual(['conflict', 6]);
    expect(failure.hint).toContain('--overwrite');
    expect([await content(), await readdir(folder)]).toEqual(['old', ['file']]);
  });

  test('stays also when it came meanwhile', async () => {
    const staged = await newFiles.stage(file());
    await writeFile(at(), 'old');
    const failure = await caughtLater(() => staged.commit());
    expect(failure.kind).toBe('conflict');
    expect([await content(), await readdir(folder)]).toEqual(['old', ['file']]);
  });

  test('is replaced when that is allowed, with the mode of the new one', async () => {
    await writeFile(at(), 'old');
    await chmod(at(), 0o666);
    await (await newFiles.stage(file({ overwrite: true }))).commit();
    expect([await content(), await readdir(folder)]).toEqual(['new', ['file']]);
    expect((await stat(at())).mode & 0o777).toBe(0o600);
  });

  test('two at once: one of them is there, whole', async () => {
    const [first, second] = await Promise.all([
      newFiles.stage(file({ bytes: Buffer.from('first') })),
      newFiles.stage(file({ bytes: Buffer.from('second') })),
    ]);
    const ends = await Promise.allSettled([first.commit(), second.commit()]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await content()).toBe(ends[0].status === 'fulfilled' ? 'first' : 'second');
    expect(await readdir(folder)).toEqual(['file']);
  });

  test.each([true, false])('is a link: not followed and not replaced (overwrite: %s)', async (overwrite) => {
    await writeFile(at('target'), 'theirs');
    for (const target of ['target', 'nowhere']) {
      rmSync(at(), { force: true });
      await symlink(at(target), at());
      const failure = await caughtLater(() => newFiles.stage(file({ overwrite })));
      expect([failure.kind, failure.hint]).toEqual(['input', 'name the file that the link leads to']);
    }
    const staged = newFiles.stage(file({ path: at('late'), overwrite }));
    const late = await staged;
    await symlink(at('target'), at('late'));
    await caughtLater(() => late.commit());
    expect(await readFile(at('target'), 'utf8')).toBe('theirs');
    expect((await lstat(at('late'))).isSymbolicLink()).toBe(true);
  }); // prettier-ignore

  test('is a folder or a device', async () => {
    await mkdir(at());
    for (const path of [at(), '/dev/null']) {
      const failure = await caughtLater(() => newFiles.stage(file({ path, overwrite: true })));
      expect([failure.kind, failure.message]).toEqual(['input', expect.stringContaining('not a regular file')]); // prettier-ignore
    }
  });
});

test('where nothing can be written', async () => {
  await writeFile(at('x'), '');
  for (const path of [at('no/where'), at('x/below'), `${at()}${'y'.repeat(300)}`, '']) {
    const failure = await caughtLater(() => newFiles.stage(file({ path })));
    expect([failure.kind, failure.message]).toEqual(['input', expect.stringMatching(/^cannot write/)]); // prettier-ignore
  }
  expect(await readdir(folder)).toEqual(['x']);
});
