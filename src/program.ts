/** The command tree, and what happens around every command: settings, work, result, failure. */
import { Command, CommanderError, Help } from 'commander';
import { globalOptions, withOptions } from './arguments.ts';
import { liftKid, namedCommand } from './argv.ts';
import { addCompletion } from './commands/completion.ts';
import { addConvert } from './commands/convert.ts';
import { addCreate } from './commands/create.ts';
import { addDelete } from './commands/delete.ts';
import { addEmulator } from './commands/emulator.ts';
import { addGenerateCertificate } from './commands/generate-certificate.ts';
import { addGenerateKey } from './commands/generate-key.ts';
import { addGet } from './commands/get.ts';
import { addGetActiveKey } from './commands/get-active-key.ts';
import { addInspect } from './commands/inspect.ts';
import { addKeysGet } from './commands/keys-get.ts';
import { addKeysList } from './commands/keys-list.ts';
import { addKeysDisable, addKeysEnable } from './commands/keys-status.ts';
import { addList } from './commands/list.ts';
import { addUpdate } from './commands/update.ts';
import { addUploadCertificate } from './commands/upload-certificate.ts';
import { addUploadPkcs12 } from './commands/upload-pkcs12.ts';
import { addUploadSecret } from './commands/upload-secret.ts';
import type { Run } from './context.ts';
import { Failure } from './failure.ts';
import { version } from './version.ts';

const helpWidth = 100;

/** Whoever asks for help looks for a command first. */
function optionsLast(text: string): string {
  const sections = text.trimEnd().split('\n\n');
  const isOptions = (section: string): boolean => section.startsWith('Options:');
  const ordered = [...sections.filter((one) => !isOptions(one)), ...sections.filter(isOptions)];
  return `${ordered.join('\n\n')}\n`;
}

/** The whole tree. `run` is called by the one command that was named. */
export function buildProgram(run: Run): Command {
  const program = new Command('policykeys')
    .description('Manage the policy keys of Azure AD B2C (trustFrameworkKeySets).')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .usage('<command> [options]')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeErr: () => undefined,
      // The same everywhere; asking the terminal would open Node's streams.
      getOutHelpWidth: () => helpWidth,
      getErrHelpWidth: () => helpWidth,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({
      helpWidth,
      formatHelp: (command, help) =>
        optionsLast(Help.prototype.formatHelp.call(help, command, help)),
      subcommandTerm: (command) =>
        [
          command.name(),
          ...command.registeredArguments.map((argument) =>
            argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
          ),
        ].join(' '),
    });
  withOptions(program, globalOptions());
  program.addHelpText(
    'after',
    [
      '',
      'Try it without a tenant:',
      '  policykeys --cloud emulator generate-key TokenSigningKeyContainer --kty RSA --use sig --create',
      '  policykeys --cloud emulator list',
    ].join('\n'),
  );

  program.commandsGroup('Keysets:');
  addList(program, run);
  addCreate(program, run);
  addGet(program, run);
  addUpdate(program, run);
  addDelete(program, run);

  program.commandsGroup('Keys:');
  addGenerateKey(program, run);
  addUploadSecret(program, run);
  addUploadCertificate(program, run);
  addUploadPkcs12(program, run);
  addGetActiveKey(program, run);
  const keys = program
    .command('keys')
    .summary('single keys of a keyset: list, get, enable, disable')
    .description('Work with single keys of a keyset (keys_v2).');
  addKeysList(keys, run);
  addKeysGet(keys, run);
  addKeysEnable(keys, run);
  addKeysDisable(keys, run);

  program.commandsGroup('Files on this machine:');
  addInspect(program, run);
  addConvert(program, run);
  addGenerateCertificate(program, run);

  program.commandsGroup('Account and tooling:');
  addEmulator(program, run);
  addCompletion(program, run);
  program.addHelpCommand(
    new Command('help')
      .argument('[command]')
      .description('print help for a command')
      .helpGroup('Account and tooling:'),
  );
  for (const command of allCommands(program)) {
    if (command === program) continue;
    command
      .helpOption('-h, --help', 'print help')
      .addHelpText(
        'after',
        '\nEvery command also takes the options of policykeys --help: -o, --query, --tenant, --dry-run, …',
      );
    if (command.commands.length > 0)
      command.helpCommand('help [command]', 'print help for a command');
  }
  return program;
}

export const allCommands = (command: Command): Command[] => [
  command,
  ...command.commands.flatMap(allCommands),
];

/** Parses and runs. Help is printed to `out`; every failure is thrown as a Failure. */
export async function parse(
  program: Command,
  argv: readonly string[],
  out: (text: string) => void,
): Promise<void> {
  for (const command of allCommands(program)) command.configureOutput({ writeOut: out });
  if (argv.length === 0) throw new HelpWanted(program.helpInformation());
  try {
    await program.parseAsync(liftKid(argv, program), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    // A group without its subcommand: what is missing is help, not an error message.
    if (error.code === 'commander.help')
      throw new HelpWanted(namedCommand(argv, program).helpInformation());
    throw usageFailure(error, namedCommand(argv, program));
  }
}

/** The command line stops where a command should follow: help goes to stderr, exit 2. */
export class HelpWanted extends Failure {
  readonly help: string;

  constructor(help: string) {
    super('usage', 'a command is missing', { hint: 'policykeys --help lists them' });
    this.help = help;
  }
}

/** Commander's "error: …" with an optional "(Did you mean …?)" on a line of its own. */
function usageFailure(error: CommanderError, command: Command): Failure {
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const suggestion = /^\(Did you mean (.*)\?\)$/s.exec(rest.join('\n'))?.[1];
  const help = `${pathOf(command)} --help`;
  return new Failure('usage', first.replace(/[.!]$/, ''), {
    hint: suggestion === undefined ? `see ${help}` : `did you mean ${suggestion}? See ${help}`,
  });
}

/** `policykeys keys get`. */
const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
