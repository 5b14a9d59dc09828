/** The real program in a real terminal. */
import { join } from 'node:path';
import { binary, shell, type StartOptions } from './binary.ts';

export interface Shown {
  readonly code: number;
  /** Everything the terminal showed, with its line ends made plain. */
  readonly text: string;
}

/** Each step waits for a text and then types an answer. */
export async function inTerminal(
  args: readonly string[],
  steps: readonly (readonly [string, string])[],
  options: StartOptions & { readonly columns?: number },
): Promise<Shown> {
  const words = [
    'python3',
    join(import.meta.dirname, 'pty.driver.py'),
    String(options.columns ?? 200),
    JSON.stringify(steps),
    process.execPath,
    binary,
    ...args,
  ];
  const { stdout, stderr } = await shell('exec "$@"', { ...options, words });
  if (stderr !== '') throw new Error(`${stderr}\n${stdout}`);
  const [, text = '', code = ''] =
    /^([^]*)\n(-?\d+)\n$/.exec(stdout.replaceAll('\r\n', '\n')) ?? [];
  return { code: Number(code), text };
}
