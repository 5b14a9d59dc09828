/** The door to chalk and ora: colours, the spinner, notes and questions. */
import type { Readable } from 'node:stream';
import type { Ora } from 'ora';
import type { Talk } from '../context.ts';
import { Secret } from '../core/secret.ts';
import { Failure } from '../failure.ts';
import type { Screen } from '../output.ts';
import type { ColorMode, Verbosity } from '../settings.ts';
import type { ExchangeLine, RequestLog } from './graph.ts';

/** What is written to: a stream, as far as we use it, that may be a terminal. */
export interface Output {
  write(text: string, done?: (error?: Error | null) => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface TerminalOptions {
  /** Touched only to ask: opening it has side effects on some systems. */
  readonly stdin: () => Readable;
  readonly stdinIsTerminal: boolean;
  readonly stderr: Output;
  readonly verbosity: Verbosity;
  readonly yes: boolean;
  readonly mayAsk: boolean;
  readonly color: ColorMode;
  readonly cancelled: AbortSignal;
}

export interface Terminal extends Talk, RequestLog {
  /** A hidden question; `undefined` where nobody can be asked. */
  askHidden: ((prompt: string) => Promise<Secret>) | undefined;
  /** Shows that something is going on, until `stop`. */
  start(): void;
  stop(): void;
}

export type Paint = Screen['paint'];

export const plain: Paint = (_, text) => text;

export async function openPaint(mode: ColorMode, stream: Output): Promise<Paint> {
  if (mode === 'never' || (mode === 'auto' && stream.isTTY !== true)) return plain;
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level: 1 });
  const styles = {
    good: chalk.green,
    warn: chalk.yellow,
    bad: chalk.red,
    dim: chalk.dim,
    strong: chalk.bold,
  };
  return (tone, text) => styles[tone](text);
}

/** Most requests are over before a spinner would be noticed, and its package is slow to load. */
const spinnerDelayMs = 300;

export async function openTerminal(options: TerminalOptions): Promise<Terminal> {
  const { stderr, verbosity, cancelled } = options;
  const paint = await openPaint(options.color, stderr);
  const interactive = options.mayAsk && options.stdinIsTerminal && stderr.isTTY === true;
  // Ora goes on for ever in a terminal of no width, which is what some say that do not know theirs.
  const spinning = stderr.isTTY === true && stderr.columns !== 0 && verbosity === 'normal';
  let timer: NodeJS.Timeout | undefined;
  let spinner: Pick<Ora, 'stop' | 'clear' | 'render'> | undefined;

  const stop = (): void => {
    clearTimeout(timer);
    timer = undefined;
    spinner?.stop();
    spinner = undefined;
  };
  const say = (text: string): void => {
    spinner?.clear();
    stderr.write(`${text}\n`);
    spinner?.render();
  };
  const spin = async (due: NodeJS.Timeout): Promise<void> => {
    const { default: ora } = await import('ora');
    // It may have been stopped, and another one started, while the package was loading.
    if (timer === due)
      spinner = ora({
        stream: asStream(stderr),
        text: 'waiting for Graph',
        color: paint === plain ? false : 'cyan',
        discardStdin: false,
      }).start();
  };

  return {
    note: (text) => {
      if (verbosity !== 'quiet') say(`${paint('dim', 'note:')} ${text}`);
    },
    warn: (text) => {
      if (verbosity !== 'quiet') say(`${paint('warn', 'warning:')} ${text}`);
    },
    async confirm(deed, question) {
      if (options.yes) return;
      if (!interactive)
        throw new Failure('usage', `this ${deed}, and nobody can be asked`, {
          hint: 'pass --yes if that is meant',
        });
      const text = await question();
      stop();
      const answer = await ask(options, `${text} [y/N] `, false);
      if (!/^y(?:es)?$/i.test(answer.trim()))
        throw new Failure('cancelled', 'not confirmed: nothing was changed');
    },
    askHidden: interactive
      ? async (prompt) => {
          stop();
          return new Secret(await ask(options, `${prompt}: `, true));
        }
      : undefined,
    start: () => {
      if (!spinning || timer !== undefined || cancelled.aborted) return;
      const due = setTimeout(() => void spin(due), spinnerDelayMs);
      timer = due.unref();
    },
    stop,
    sent: (line) => {
      if (verbosity === 'verbose' || verbosity === 'debug') say(paint('dim', exchangeText(line)));
      if (verbosity === 'debug') say(paint('dim', headersText(line)));
    },
    waiting: (why, ms) => {
      if (verbosity !== 'quiet')
        say(`${paint('dim', 'note:')} ${why}; waiting ${(ms / 1000).toFixed(1)} s`);
    },
  };
}

/** Where a spinner shows or a question is asked, stderr is a terminal, and so a real stream. */
const asStream = (output: Output): NodeJS.WriteStream =>
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- as the comment says
  output as NodeJS.WriteStream;

/** Reads a line from the terminal; hidden: what is typed is not echoed. */
async function ask(options: TerminalOptions, prompt: string, hidden: boolean): Promise<string> {
  const { createInterface } = await import('node:readline');
  const { stderr, cancelled } = options;
  return new Promise((resolve, reject) => {
    const lines = createInterface({
      input: options.stdin(),
      // Readline echoes what is typed to its output: a hidden answer has none.
      ...(hidden ? {} : { output: asStream(stderr) }),
      prompt,
      terminal: true,
      historySize: 0,
    });
    if (hidden) stderr.write(prompt);
    // It writes the question again whenever the answer is corrected.
    else lines.prompt();
    const cancel = (): void => {
      lines.close();
      reject(
        cancelled.reason instanceof Failure
          ? cancelled.reason
          : new Failure('cancelled', 'interrupted', { signal: 'SIGINT' }),
      );
    };
    let answer: string | undefined;
    cancelled.addEventListener('abort', cancel, { once: true });
    // In raw mode the terminal gives us Ctrl-C as a key.
    lines.once('SIGINT', cancel);
    lines.once('line', (line) => {
      answer = line;
      lines.close();
    });
    lines.once('close', () => {
      cancelled.removeEventListener('abort', cancel);
      if (hidden || answer === undefined) stderr.write('\n');
      if (answer === undefined) cancel();
      else resolve(answer);
    });
    if (cancelled.aborted) cancel();
  });
}

const exchangeText = ({ method, url, status, ms, responseHeaders }: ExchangeLine): string => {
  const id = responseHeaders['request-id'];
  return `${method} ${url} ${String(status)} ${String(Math.round(ms))} ms${id === undefined ? '' : ` request-id ${printable(id)}`}`;
};

/** Only these: whatever else passes by may be a credential. */
const shownHeaders = new Set([
  'accept',
  'client-request-id',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'request-id',
  'retry-after',
  'user-agent',
  'x-ms-ags-diagnostic',
  'location',
]);

const headersText = ({ requestHeaders, responseHeaders }: ExchangeLine): string =>
  [
    ...Object.entries(requestHeaders).map(([name, value]) => `  > ${headerText(name, value)}`),
    ...Object.entries(responseHeaders).map(([name, value]) => `  < ${headerText(name, value)}`),
  ].join('\n');

const headerText = (name: string, value: string): string =>
  `${printable(name)}: ${shownHeaders.has(name) ? printable(value) : '[redacted]'}`;

const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, '?');
