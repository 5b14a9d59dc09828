/** The ids that the last `list` of a tenant showed, so that a shell can complete them. */
import { createHash } from 'node:crypto';
import { readOwn, writeOwn } from './files.ts';

/** One file for what a `list` would ask: cloud or address, and tenant. */
export function namesFile(
  cacheDirectory: string,
  facts: { readonly graphOrigin: string; readonly tenant: string | undefined },
): string {
  const key = JSON.stringify([facts.graphOrigin, facts.tenant?.toLowerCase() ?? null]);
  const name = createHash('sha256').update(key).digest('hex').slice(0, 32);
  return `${cacheDirectory}/names/${name}.txt`;
}

/** One id a line. No place to write is no failure: there is nothing to complete then. */
export async function writeNames(file: string, ids: readonly string[]): Promise<void> {
  const text = ids.map((id) => `${id}\n`).join('');
  if ((await readOwn(file)) === text) return;
  await writeOwn(file, text).catch(() => undefined);
}

/** What no id can be is dropped: these words go into a shell. */
export async function readNames(file: string): Promise<string[]> {
  const text = (await readOwn(file)) ?? '';
  return text.split('\n').filter((line) => /^[A-Za-z0-9_.-]+$/.test(line));
}
