/** The door to the file system: bounded reads of what users name, atomic writes of what is ours. */
import { randomUUID } from 'node:crypto';
import { constants, open as openDescriptor } from 'node:fs';
import { mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { promisify } from 'node:util';
import { errorCode, Failure } from '../failure.ts';

export { errorCode };

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a folder',
  ELOOP: 'too many links',
  ENAMETOOLONG: 'the name is too long',
  ENOSPC: 'no space left on the device',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many open files',
};

/** What the file system said, in words; never the path, which may be a secret by mistake. */
export const fileTrouble = (error: unknown): string => {
  const code = errorCode(error);
  return reasons[code ?? ''] ?? code ?? 'it cannot be read';
};

const size = (bytes: number): string =>
  bytes >= 1 << 20 ? `${String(bytes >> 20)} MiB` : `${String(bytes >> 10)} KiB`;

export interface Bounds {
  readonly maxBytes: number;
  /** Ends the reading of what may never end by itself; its reason is thrown. */
  readonly cancelled?: AbortSignal | undefined;
}

/** All of a stream, or `input` once it is longer than `maxBytes`. */
export async function readStream(
  stream: Readable,
  name: string,
  { maxBytes, cancelled }: Bounds,
): Promise<Buffer> {
  if (cancelled !== undefined) addAbortSignal(cancelled, stream);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer | string>) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      length += bytes.length;
      if (length > maxBytes) throw tooLarge(name, maxBytes);
      chunks.push(bytes);
    }
  } catch (error) {
    throw cancelled?.aborted === true ? cancelled.reason : error;
  }
  return Buffer.concat(chunks);
}

const tooLarge = (name: string, maxBytes: number): Failure =>
  new Failure('input', `${name} is larger than ${size(maxBytes)}`, {
    hint: 'is it the right file?',
  });

/**
 * The content of a file a user named; `name` is how messages call it. Regular files, and the
 * pipes of process substitution (`<(…)`, which are `/dev/fd/N`). Anything else could block for ever
 * or never end. Failures: `input`.
 */
export async function readBounded(path: string, name: string, bounds: Bounds): Promise<Buffer> {
  const { maxBytes } = bounds;
  const cannot = (reason: string, hint?: string): Failure =>
    new Failure('input', `cannot read ${name}: ${reason}`, { hint });
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) throw cannot('it is a folder', 'name the file in it');
    if (facts.isFIFO() && /^\/(?:dev|proc\/self)\/fd\/\d+$/.test(path))
      return await readPipe(path, name, bounds);
    if (!facts.isFile())
      throw cannot(
        'it is not a regular file',
        facts.isFIFO() ? 'pass - and redirect stdin from the pipe' : undefined,
      );
    if (facts.size > maxBytes) throw tooLarge(name, maxBytes);
    const file = await open(path, constants.O_RDONLY);
    try {
      // One byte more than allowed: the file may have grown since it was looked at.
      return await readStream(file.createReadStream({ end: maxBytes }), name, bounds);
    } finally {
      await file.close().catch(() => undefined);
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('input', `cannot read ${name}: ${fileTrouble(error)}`, {
      hint: 'check its name, its folder, and whether you may read it',
      cause: error,
    });
  }
}

async function readPipe(path: string, name: string, bounds: Bounds): Promise<Buffer> {
  // Not blocking, and polled by a socket: a blocked read would keep the process from ending. A bare
  // descriptor, since the socket closes it, and a FileHandle would close it once more.
  const fd = await promisify(openDescriptor)(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const socket = new Socket({ fd, readable: true, writable: false });
  try {
    return await readStream(socket, name, bounds);
  } finally {
    socket.destroy();
  }
}

/** A file of our own, or `undefined` when there is none or it cannot be read. */
export async function readOwn(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * A folder of our own, and those above it, readable by the user only. Not by Node's own recursion,
 * which never ends below /proc.
 */
export async function makeFolder(path: string): Promise<void> {
  const make = (): Promise<void> =>
    mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
  try {
    await make();
  } catch (error) {
    const above = dirname(path);
    if (errorCode(error) !== 'ENOENT' || above === path) throw error;
    await makeFolder(above);
    await make();
  }
}

/**
 * Replaces a file of our own as a whole, readable by the user only: a reader sees the old or the new
 * content, and a link planted in its place is replaced, not followed. Throws what the file system
 * says.
 */
export async function writeOwn(path: string, content: string): Promise<void> {
  await makeFolder(dirname(path));
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
}

/** One line at the end of a file, in one write, so that two processes do not mix theirs. */
export async function appendLine(path: string, line: string): Promise<void> {
  const file = await open(path, 'a', 0o600);
  try {
    await file.writeFile(`${line}\n`);
    await file.sync().catch((error: unknown) => {
      // A pipe or a terminal, such as /dev/stderr, has nothing to flush.
      if (errorCode(error) !== 'EINVAL') throw error;
    });
  } finally {
    await file.close();
  }
}
