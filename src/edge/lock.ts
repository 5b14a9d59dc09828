/** Advisory locks between processes, on any file system that has exclusive creation. */
import { randomUUID } from 'node:crypto';
import { open, readFile, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { kill, pid } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, Failure } from '../failure.ts';

interface Owner {
  readonly pid: number;
  readonly host: string;
  readonly token: string;
}

/** A lock that nobody on this host can be asked about is taken to be dead after this time. */
const abandonedMs = 60_000;
const refreshMs = 15_000;

export interface Patience {
  /** Absent: 30 s. */
  readonly waitMs?: number;
  /** Ends the waiting; its reason is thrown. */
  readonly cancelled?: AbortSignal;
}

async function createExclusive(path: string, content: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(content);
    } catch (error) {
      // Else nobody could tell whose it is, and all would wait.
      await unlink(path).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

const processIsAlive = (id: number): boolean => {
  try {
    return kill(id, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
};

async function isAbandoned(path: string, olderThanMs: number): Promise<boolean> {
  try {
    const age = Date.now() - (await stat(path)).mtimeMs;
    const text = await readFile(path, 'utf8');
    if (age > olderThanMs) return true;
    const owner = JSON.parse(text) as Partial<Owner>; // our own file; checked member by member below
    return (
      owner.host === hostname() &&
      typeof owner.pid === 'number' &&
      Number.isInteger(owner.pid) &&
      owner.pid > 0 &&
      !processIsAlive(owner.pid)
    );
  } catch {
    // Gone, or created a moment ago and not written yet: not abandoned.
    return false;
  }
}

/**
 * Removes the lock of a process that died. Two processes that both saw it abandoned must not both
 * remove it, since the second would remove the first one's new lock; so the removal has a lock of
 * its own, and the look is repeated under it.
 */
async function clearAbandoned(path: string): Promise<void> {
  if (!(await isAbandoned(path, abandonedMs))) return;
  const breaking = `${path}.break`;
  if (!(await createExclusive(breaking, '{}'))) {
    if (await isAbandoned(breaking, 10_000)) await unlink(breaking).catch(() => undefined);
    return;
  }
  try {
    if (await isAbandoned(path, abandonedMs)) await unlink(path);
  } finally {
    await unlink(breaking).catch(() => undefined);
  }
}

/**
 * Does the work while no other process holds `path`. The lock of a killed process is cleared.
 * Throws what the file system says when the lock cannot be made at all, and `input` when it is
 * still held after `waitMs`.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  { waitMs = 30_000, cancelled }: Patience = {},
): Promise<T> {
  const owner = JSON.stringify({ pid, host: hostname(), token: randomUUID() } satisfies Owner);
  const giveUp = Date.now() + waitMs;
  for (let pauseMs = 2; !(await createExclusive(path, owner));) {
    await clearAbandoned(path);
    if (Date.now() > giveUp)
      throw new Failure('input', `${path} is held by another process`, {
        hint: 'wait for the other policykeys to end, or delete the file if none is running',
      });
    cancelled?.throwIfAborted();
    await sleep(pauseMs + Math.random() * pauseMs);
    pauseMs = Math.min(pauseMs * 2, 50);
  }
  const refresh = setInterval(() => void touch(path), refreshMs);
  refresh.unref();
  try {
    return await work();
  } finally {
    clearInterval(refresh);
    await release(path, owner);
  }
}

/** Others may have taken the lock for abandoned, while this machine was asleep; then it is theirs. */
async function release(path: string, owner: string): Promise<void> {
  try {
    if ((await readFile(path, 'utf8')) === owner) await unlink(path);
  } catch {
    // The lock is gone already.
  }
}

async function touch(path: string): Promise<void> {
  try {
    const file = await open(path, 'r+');
    try {
      const now = new Date();
      await file.utimes(now, now);
    } finally {
      await file.close();
    }
  } catch {
    // The lock is gone; the work goes on without it.
  }
}
