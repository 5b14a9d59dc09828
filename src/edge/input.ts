/** Values that must not stand in the argument list: from files, stdin, the environment, or a question. */
import type { Readable } from 'node:stream';
import type { Input, Source, TextWanted } from '../context.ts';
import { Secret } from '../core/secret.ts';
import { Failure } from '../failure.ts';
import { fileTrouble, readBounded, readStream, type Bounds } from './files.ts';

export interface InputOptions {
  readonly stdin: () => Readable;
  readonly stdinIsTerminal: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly askHidden: ((prompt: string) => Promise<Secret>) | undefined;
  /** Aborted with the Failure that ends the command. */
  readonly cancelled: AbortSignal;
}

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function openInput(options: InputOptions): Input {
  const fromEnvironment = (name: string): string => {
    // Own ones only: every object has "toString".
    const value = Object.hasOwn(options.environment, name) ? options.environment[name] : undefined;
    if (value !== undefined) return value;
    // A name that is none may be the secret itself.
    const shown = variableName.test(name) ? `env:${name}` : 'the variable after env:';
    throw new Failure('input', `${shown} is not set`, { hint: 'export it, and check its name' });
  };

  const fromStdin = async (name: string, bounds: Bounds): Promise<Buffer> => {
    try {
      return await readStream(options.stdin(), name, bounds);
    } catch (error) {
      if (error instanceof Failure) throw error;
      throw new Failure('input', `cannot read ${name}: ${fileTrouble(error)}`, { cause: error });
    }
  };

  const read = async (source: Source, name: string, maxBytes: number): Promise<Buffer> => {
    const bounds = { maxBytes, cancelled: options.cancelled };
    switch (source.kind) {
      case 'file':
        return readBounded(source.path, name, bounds);
      case 'stdin':
        return fromStdin(name, bounds);
      case 'environment':
        return Buffer.from(fromEnvironment(source.name));
    }
  };

  const refuseEmpty = (bytes: Buffer, name: string): Buffer => {
    if (bytes.length > 0) return bytes;
    throw new Failure('input', `${name} is empty`, { hint: 'is it the right one?' });
  };

  return {
    async bytes(source, maxBytes) {
      const name =
        source.kind === 'file'
          ? JSON.stringify(source.path).slice(1, -1)
          : source.kind === 'stdin'
            ? 'stdin'
            : `env:${source.name}`;
      const bytes = refuseEmpty(await read(source, name, maxBytes), name);
      return { bytes: source.kind === 'environment' ? decodeVariable(bytes, name) : bytes, name };
    },

    async text(source, wanted) {
      if (source === undefined) return refuseEmptyText(await question(wanted), wanted.what, wanted);
      // Typed on a terminal it would be echoed.
      if (source.kind === 'stdin' && options.stdinIsTerminal && options.askHidden)
        return refuseEmptyText(await options.askHidden(wanted.what), wanted.what, wanted);
      const name = nameOf(source, wanted.flag);
      const bytes = await readForText(source, name, wanted);
      return refuseEmptyText(toText(bytes, name, wanted), name, wanted);
    },
  };

  async function question({ flag, what, chosen, emptyHint }: TextWanted): Promise<Secret> {
    if (options.askHidden) {
      const answer = await options.askHidden(what);
      // It does not show while it is typed.
      if (chosen && (await options.askHidden(`${what}, once more`)).reveal() !== answer.reveal())
        throw new Failure('input', 'the two answers are not the same', { hint: 'run it again' });
      return answer;
    }
    throw new Failure('usage', `${flag} is missing, and nobody can be asked`, {
      hint: `pass ${flag} with a file, - for stdin, or env:NAME${emptyHint === undefined ? '' : `; ${emptyHint}`}`,
    });
  }

  async function readForText(source: Source, name: string, wanted: TextWanted): Promise<Buffer> {
    try {
      return await read(source, name, wanted.maxBytes);
    } catch (error) {
      if (error instanceof Failure && source.kind === 'file')
        throw error.with({
          hint: `a value is never passed itself: ${wanted.flag} takes a file, - for stdin, or env:NAME`,
          // The path is part of the cause's message, and may be the secret itself.
          cause: undefined,
        });
      throw error;
    }
  }
}

/** A path after `--from` may be the secret itself, so it is never shown. */
const nameOf = (source: Source, flag: string): string =>
  source.kind === 'file'
    ? `the file that ${flag} names`
    : source.kind === 'stdin'
      ? 'stdin'
      : variableName.test(source.name)
        ? `env:${source.name}`
        : 'the variable after env:';

/** Binary files reach a variable as base64. PEM is text already. */
function decodeVariable(bytes: Buffer, name: string): Buffer {
  const text = bytes.toString('utf8');
  if (text.includes('-----BEGIN ')) return bytes;
  const base64 = text.replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64))
    throw new Failure('input', `${name} is neither PEM nor base64`, {
      hint: 'encode a binary file first: base64 -w0 FILE',
    });
  return Buffer.from(base64, 'base64');
}

const byteOrderMark = '\ufeff';

function toText(bytes: Buffer, name: string, wanted: TextWanted): Secret {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Failure('input', `${name} is not UTF-8 text`, {
      hint: 'save it as UTF-8, or encode it as its receiver expects',
    });
  }
  if (!wanted.exact) {
    if (text.startsWith(byteOrderMark)) text = text.slice(1);
    text = text.replace(/\r?\n$/, '');
  }
  return new Secret(text);
}

function refuseEmptyText(secret: Secret, name: string, { emptyHint }: TextWanted): Secret {
  if (secret.reveal() === '') throw new Failure('input', `${name} is empty`, { hint: emptyHint });
  return secret;
}
