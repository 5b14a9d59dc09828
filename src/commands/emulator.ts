import { Option, type Command } from 'commander';
import { examples, numberOption, withOptions } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { durationMs, parseDuration } from '../core/lifetime.ts';
import type { View } from '../output.ts';

interface Options {
  readonly port: number;
  readonly tls: boolean;
  readonly latency: string;
  readonly notFoundStatus: '400' | '404';
  readonly newKeys: 'enabled' | 'disabled';
  readonly keyStatus: 'sent' | 'omitted';
  readonly settle: string;
  readonly pageSize: number;
  readonly role: readonly string[];
  readonly fault: readonly string[];
}

const permissions = ['TrustFrameworkKeySet.Read.All', 'TrustFrameworkKeySet.ReadWrite.All'];

export function addEmulator(parent: Command, run: Run): void {
  const emulator = parent
    .command('emulator')
    .summary('the Graph that --cloud emulator talks to: serve, reset')
    .description('The embedded Graph, for trying and testing without a tenant.');

  const serve = withOptions(
    emulator
      .command('serve')
      .summary('serve it over HTTPS for any client')
      .description(
        'Serve the emulator on this machine, with a token endpoint, and print the variables that point a client at it. Ends at Ctrl-C.',
      ),
    [
      numberOption('--port <port>', 'any free one unless set', [0, 65_535]).default(0),
      new Option('--no-tls', 'plain HTTP'),
      new Option('--latency <duration>', 'before every answer').default('0s'),
      new Option('--not-found-status <status>', 'of a keyset that is not there')
        .choices(['400', '404'])
        .default('404'),
      new Option('--new-keys <status>', 'status of a key that is added')
        .choices(['enabled', 'disabled'])
        .default('enabled'),
      new Option('--key-status <how>', 'whether keys of a keyset show their status')
        .choices(['sent', 'omitted'])
        .default('sent'),
      new Option('--settle <duration>', 'until a new keyset is known everywhere').default('0s'),
      numberOption('--page-size <n>', 'keysets on a page', [1, 1000]).default(100),
      new Option('--role <permission...>', 'permissions that tokens carry')
        .choices(permissions)
        .default(permissions),
      new Option(
        '--fault <spec...>',
        'WHAT[@OPERATION][:COUNT], such as 429=2, 503@generateKey:2, reset-after@uploadSecret',
      ).default([]),
    ],
  ).action((options: Options, self: Command) =>
    run(self, (context) => emulatorServe(context, options)),
  );
  examples(
    serve,
    'policykeys emulator serve',
    'policykeys emulator serve --port 8443 --fault 429=2@list:3 --latency 200ms',
  );

  const reset = emulator
    .command('reset')
    .summary('forget its keysets')
    .description('Delete the state of the emulator: all its tenants and keysets.')
    .action((_options: unknown, self: Command) => run(self, emulatorReset));
  examples(reset, 'policykeys emulator reset');
}

export async function emulatorServe(context: Context, options: Options): Promise<View> {
  const { environment, ended } = await context.emulator.serve({
    port: options.port,
    tls: options.tls,
    latencyMs: durationMs(parseDuration(options.latency)),
    notFoundStatus: options.notFoundStatus === '400' ? 400 : 404,
    newKeys: options.newKeys,
    keyStatus: options.keyStatus,
    settleMs: durationMs(parseDuration(options.settle)),
    pageSize: options.pageSize,
    roles: options.role,
    faults: options.fault,
  });
  const lines = Object.entries(environment).map(([name, value]) => ({ name, value }));
  return {
    json: environment,
    table: {
      columns: ['VARIABLE', 'VALUE'],
      rows: lines.map(({ name, value }) => [{ text: name }, { text: value }]),
      empty: '',
    },
    document: lines
      .map(({ name, value }) => `export ${name}='${value.replaceAll("'", "'\\''")}'\n`)
      .join(''),
    done: 'the emulator is running: set these variables where the client runs; Ctrl-C ends it',
    until: ended,
  };
}

export async function emulatorReset(context: Context): Promise<View> {
  const state = await context.emulator.reset(context.dryRun);
  return {
    json: { state },
    table: { columns: ['STATE'], rows: [[{ text: state }]], empty: '' },
    done: context.dryRun ? 'dry run: nothing was deleted' : 'the emulator is empty',
  };
}
