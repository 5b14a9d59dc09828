/** Real process in, exit code out; the only file that mentions `process`. */
import { fstatSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import type { Command } from 'commander';
import { asFailure, errorCode, exitCodes, Failure } from './failure.ts';
import { compileQuery, render, renderFailure, type View } from './output.ts';
import { buildProgram, HelpWanted, parse } from './program.ts';
import {
  outputFormats,
  readAppearance,
  readSettings,
  variable,
  type Appearance,
  type GlobalFlags,
} from './settings.ts';
import type { Context } from './context.ts';
import { openPaint, type Output } from './edge/terminal.ts';
import type { World } from './world.ts';

/** Runs one command line in a world, and gives the exit code. Never throws. */
export async function main(world: World): Promise<number> {
  const cancel = new AbortController();
  const stopListening = world.onSignal((signal) => {
    cancel.abort(new Failure('cancelled', 'interrupted', { signal }));
  });
  let appearance: Appearance | undefined;
  let code = 0;
  const program = buildProgram(async (command, work) => {
    const flags: GlobalFlags = command.optsWithGlobals();
    appearance = readAppearance(flags, world.environment);
    code = await runCommand(world, command, work, { appearance, flags, cancel });
  });
  let help = '';
  try {
    await parse(program, world.argv, (text) => {
      help += text;
    });
    await write(world.stdout, help, 'is there space left where it goes?');
    return code;
  } catch (error) {
    if (isClosedPipe(error)) return 0;
    return await report(world, asFailure(error), appearance ?? guessAppearance(world));
  } finally {
    stopListening();
  }
}

interface Invocation {
  readonly appearance: Appearance;
  readonly flags: GlobalFlags;
  readonly cancel: AbortController;
}

/** Gives the exit code of a result. */
async function runCommand(
  world: World,
  command: Command,
  work: (context: Context) => Promise<View>,
  { appearance, flags, cancel }: Invocation,
): Promise<number> {
  const query = await compileQuery(appearance.query);
  const settings = readSettings(flags, world.environment, {
    platform: world.platform,
    directory: world.homeDirectory,
  });
  const deadline =
    settings.deadlineMs === undefined
      ? undefined
      : setTimeout(() => {
          cancel.abort(
            new Failure('network', `--deadline ${flags.deadline ?? ''} has passed`, {
              hint: 'run again, or allow more with --deadline',
            }),
          );
        }, settings.deadlineMs);
  const { openContext } = await import('./edge/open.ts');
  const opened = await openContext(world, settings, appearance, {
    command: commandPath(command),
    cancelled: cancel.signal,
  });
  const { context, terminal } = opened;
  try {
    if (settings.cloud === 'emulator')
      world.stderr.write('note: this is the embedded emulator, not a tenant\n');
    const view = await work(context);
    if (view.done !== undefined) terminal.note(view.done);
    terminal.stop();
    const text = await render(view, appearance.output, query, {
      // Some terminals do not know, and say 0.
      width: world.stdout.isTTY === true ? world.stdout.columns || undefined : undefined,
      paint: await openPaint(appearance.color, world.stdout),
    });
    await write(
      world.stdout,
      text,
      'the command itself was carried out; look at it before you run it again',
    );
    await view.until;
    return view.finding ? exitCodes.finding : 0;
  } finally {
    clearTimeout(deadline);
    await opened.close();
  }
}

const commandPath = (command: Command): string =>
  command.parent?.parent ? `${command.parent.name()} ${command.name()}` : command.name();

const isClosedPipe = (error: unknown): boolean => errorCode(error) === 'EPIPE';

function write(stream: Output, text: string, hint: string): Promise<void> {
  if (text === '') return Promise.resolve();
  return new Promise((resolve, reject) => {
    stream.write(text, (error) => {
      if (!error) resolve();
      else if (isClosedPipe(error)) reject(error);
      else
        reject(
          new Failure('bug', `cannot write the result: ${error.message}`, {
            hint,
            cause: error,
          }),
        );
    });
  });
}

/** The command line could not be parsed: how its failure should look is picked out by hand. */
function guessAppearance(world: World): Appearance {
  const { argv, environment } = world;
  const at = argv.findLastIndex((word) => /^(?:-o|--output)$/.test(word));
  const attached = argv
    .map((word) => /^(?:-o|--output=)(.+)$/.exec(word)?.[1])
    .find((value) => value !== undefined);
  const wanted =
    (at === -1 ? attached : argv[at + 1]) ?? variable(environment, 'POLICYKEYS_OUTPUT');
  const output = outputFormats.find((format) => format === wanted) ?? 'table';
  const verbosity = argv.includes('--debug') ? 'debug' : 'normal';
  return { ...readAppearance({ output }, environment), verbosity };
}

async function report(world: World, failure: Failure, appearance: Appearance): Promise<number> {
  const paint = await openPaint(appearance.color, world.stderr);
  const help =
    failure instanceof HelpWanted && appearance.output !== 'json' ? failure.help : undefined;
  const text = help ?? renderFailure(failure, appearance.output, paint);
  const trace = appearance.verbosity === 'debug' ? `${traceOf(failure)}\n` : '';
  await write(world.stderr, trace + text, '').catch(() => undefined);
  return failure.exitCode;
}

/** The chain of causes: names and places only, since a foreign message may quote what it was given. */
function traceOf(failure: Failure): string {
  const lines: string[] = [];
  for (let error: unknown = failure; error instanceof Error; error = error.cause) {
    const places = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
    lines.push(
      error instanceof Failure ? `${error.kind}: ${error.message}` : error.name,
      ...places,
    );
  }
  return lines.join('\n');
}

/** Node's own streams cost a start some milliseconds: a pipe or a file is written without them. */
function openOutput(descriptor: 1 | 2, stream: () => NodeJS.WriteStream): Output {
  const kind = fstatSync(descriptor);
  if (kind.isFile() || kind.isFIFO())
    return {
      write(text, done) {
        let rest = Buffer.from(text);
        try {
          while (rest.length > 0) rest = rest.subarray(writeSync(descriptor, rest));
        } catch (error) {
          // A pipe that does not block, and is full: Node knows how to wait for it.
          if (errorCode(error) === 'EAGAIN') return guarded(stream()).write(rest, done);
          return done?.(error instanceof Error ? error : new Error(String(error)));
        }
        done?.();
      },
    };
  return guarded(stream());
}

/** What goes wrong is given to the callback of `write`; as an event it would be a crash. */
function guarded(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  stream.on('error', () => undefined);
  return stream;
}

async function realWorld(): Promise<World> {
  return {
    argv: process.argv.slice(2),
    environment: process.env,
    platform: process.platform,
    homeDirectory: homedir(),
    nodeVersion: process.version,
    stdin: () => process.stdin,
    stdinIsTerminal: fstatSync(0).isCharacterDevice() && (await import('node:tty')).isatty(0),
    stdout: openOutput(1, () => process.stdout),
    stderr: openOutput(2, () => process.stderr),
    now: () => Date.now(),
    random: () => Math.random(),
    onSignal(listener) {
      const signals = ['SIGINT', 'SIGTERM'] as const;
      const stop = (): void => {
        for (const signal of signals) process.removeListener(signal, hear);
      };
      let heard = false;
      const hear = (signal: NodeJS.Signals): void => {
        if (heard) {
          // The second one ends the process at once, as if nobody had listened.
          stop();
          process.kill(process.pid, signal);
        }
        heard = true;
        listener(signal === 'SIGTERM' ? 'SIGTERM' : 'SIGINT');
      };
      for (const signal of signals) process.on(signal, hear);
      return stop;
    },
  };
}

export async function start(): Promise<void> {
  process.exitCode = await main(await realWorld());
}
