/** Files that a command was told to make: whole or not at all, and never in place of another unasked. */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, link, lstat, open, realpath, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Files, NewFile, StagedFile } from '../context.ts';
import { errorCode, Failure } from '../failure.ts';
import { fileTrouble } from './files.ts';

const shown = (path: string): string => JSON.stringify(path).slice(1, -1);

const exists = (path: string): Failure =>
  new Failure('conflict', `${shown(path)} exists already`, {
    hint: 'name another file, or pass --overwrite to replace it',
  });

const cannotWrite = (path: string, error: unknown): Failure =>
  error instanceof Failure
    ? error
    : new Failure('input', `cannot write ${shown(path)}: ${fileTrouble(error)}`, {
        hint: 'check the folder, and whether there is space left in it',
        cause: error,
      });

type Wanted = Pick<NewFile, 'path' | 'overwrite'>;

/** A link or a device in the place of the file is nothing to replace, whatever was said. */
async function look({ path, overwrite }: Wanted): Promise<void> {
  if (path === '') throw new Failure('input', 'cannot write a file without a name');
  const found = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isFile())
    throw new Failure('input', `cannot write ${shown(path)}: it is not a regular file`, {
      hint: found.isSymbolicLink() ? 'name the file that the link leads to' : 'name another file',
    });
  if (!overwrite) throw exists(path);
}

export const newFiles: Files = {
  async check(wanted) {
    try {
      await look(wanted);
      await access(dirname(wanted.path), constants.W_OK);
    } catch (error) {
      throw cannotWrite(wanted.path, error);
    }
  },

  async stage(file) {
    const { path, bytes, secret } = file;
    // Not longer than other names, whatever the file is called.
    const temporary = join(dirname(path), `.policykeys-${randomUUID()}.tmp`);
    const discard = (): Promise<void> => unlink(temporary).catch(() => undefined);
    try {
      await look(file);
      const handle = await open(temporary, 'wx', secret ? 0o600 : 0o644);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      await discard();
      throw cannotWrite(path, error);
    }
    return {
      path,
      place: join(await realpath(dirname(path)), basename(path)),
      discard,
      async commit() {
        try {
          await put(temporary, file);
        } catch (error) {
          await discard();
          throw cannotWrite(path, error);
        }
      },
    } satisfies StagedFile;
  },
};

/** A new name for the file fails where the name is taken meanwhile; a rename would replace what is there. */
async function put(temporary: string, file: NewFile): Promise<void> {
  if (!file.overwrite)
    try {
      await link(temporary, file.path);
      await unlink(temporary);
      return;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') throw exists(file.path);
      // A file system without hard links.
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errorCode(error) ?? ''))
        throw error;
    }
  await look(file);
  await rename(temporary, file.path);
}
