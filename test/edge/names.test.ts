import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { namesFile, readNames, writeNames } from '../../src/edge/names.ts';
import { temporaryFolder } from '../support/servers.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

const facts = { graphOrigin: 'https://graph.microsoft.com', tenant: 'contoso.onmicrosoft.com' };
let count = 0;
const newFile = (): string => namesFile(`${folder.path}/${String((count += 1))}`, facts);

test('each cloud and tenant has a file of its own; domain names have no case', () => {
  const of = (more: Partial<{ graphOrigin: string; tenant: string | undefined }>): string =>
    namesFile('/cache', { ...facts, ...more });
  expect(of({})).toMatch(/^\/cache\/names\/[0-9a-f]{32}\.txt$/);
  expect(of({ tenant: 'Contoso.OnMicrosoft.com' })).toBe(of({}));
  expect(
    new Set([
      of({}),
      of({ tenant: undefined }),
      of({ tenant: 'null' }),
      of({ tenant: '../..' }),
      of({ graphOrigin: 'https://graph.microsoft.us' }),
    ]).size,
  ).toBe(5);
});

test('what was written is read again, in its order', async () => {
  const file = newFile();
  const ids = ['B2C_1A_B', 'B2C_1A_a-1', 'B2C_1A_B.bak'];
  await writeNames(file, ids);
  expect(await readNames(file)).toEqual(ids);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  await writeNames(file, []);
  expect(await readNames(file)).toEqual([]);
});

test('what has not changed is not written again', async () => {
  const file = newFile();
  await writeNames(file, ['a']);
  const before = await stat(file);
  await writeNames(file, ['a']);
  expect((await stat(file)).ino).toBe(before.ino);
  await writeNames(file, ['b']);
  expect((await stat(file)).ino).not.toBe(before.ino);
});

test('no file is no names', async () => {
  expect(await readNames(newFile())).toEqual([]);
  expect(await readNames(folder.path)).toEqual([]);
});

test('what no id can be is dropped: these words go into a shell', async () => {
  const file = newFile();
  await mkdir(dirname(file), { recursive: true });
  const evil = ['$(rm -rf ~)', '`id`', 'a b', 'a;b', "'", '"', '\\', 'a\u001b[2J', 'ü', 'a\r', ''];
  await writeFile(file, [...evil, 'B2C_1A_Fine'].join('\n'));
  expect(await readNames(file)).toEqual(['B2C_1A_Fine']);
});

test('no place to write is no failure', async () => {
  const blocked = `${folder.path}/blocked`;
  await writeFile(blocked, 'mine');
  await writeNames(`${blocked}/names/x.txt`, ['a']);
  await writeNames(blocked.replace(/\/[^/]+$/, ''), ['a']);
  expect(await readFile(blocked, 'utf8')).toBe('mine');
});
