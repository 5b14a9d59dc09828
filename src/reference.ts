/** Command tree -> docs/commands.md: what help says, on one page. Not part of the program. */
import type { Argument, Command, Option } from 'commander';
import { exitCodes } from './failure.ts';

export function referenceMarkdown(program: Command): string {
  const own = visibleOptions(program);
  return `${[
    `# Commands of ${program.name()}`,
    '<!-- Generated from the commands by "npm run generate": not to be edited. -->',
    prose(program.description()),
    usage(program),
    contents(program),
    ...groups(program).flatMap(({ heading, commands }) => [
      `## ${heading}`,
      ...commands.flatMap((command) => describe(command, 3)),
    ]),
    '## Options of every command',
    'They may stand before or after the command.',
    ...optionTable(own),
    '## Exit codes',
    exitTable(),
  ].join('\n\n')}\n`;
}

interface Group {
  readonly heading: string;
  readonly commands: readonly Command[];
}

const visibleOptions = (command: Command): readonly Option[] =>
  command.createHelp().visibleOptions(command);

/** Without the help command, which is in no need of a page. */
const visibleCommands = (command: Command): readonly Command[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.parent !== null);

/** In the order of help. */
function groups(program: Command): readonly Group[] {
  const commands = visibleCommands(program);
  const headings = new Set(commands.map((command) => command.helpGroup()));
  return [...headings].map((heading) => ({
    heading: heading.replace(/:$/, '') || 'Commands',
    commands: commands.filter((command) => command.helpGroup() === heading),
  }));
}

/** From below the program down: `keys get`. */
const pathOf = (command: Command): string =>
  command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

/** What stands on its own may be called; a group only holds others. */
const callable = (command: Command): readonly Command[] => {
  const children = visibleCommands(command);
  return children.length === 0 ? [command] : children.flatMap(callable);
};

/** As sites make it of a heading. */
const anchor = (heading: string): string => heading.toLowerCase().replaceAll(' ', '-');

const contents = (program: Command): string =>
  table(
    ['Command', ''],
    groups(program)
      .flatMap(({ commands }) => commands.flatMap(callable))
      .map((command) => [
        `[\`${pathOf(command)}\`](#${anchor(pathOf(command))})`,
        prose(command.summary() || command.description()),
      ]),
  );

function describe(command: Command, level: number): readonly string[] {
  const children = visibleCommands(command);
  const options = command
    .createHelp()
    .visibleOptions(command)
    .filter((option) => command.options.includes(option));
  return [
    `${'#'.repeat(level)} ${pathOf(command)}`,
    prose(command.description()),
    usage(command),
    ...aliases(command),
    ...argumentTable(command),
    ...optionTable(options),
    ...examplesOf(command),
    ...children.flatMap((child) => describe(child, level + 1)),
  ];
}

const usage = (command: Command): string =>
  fence('text', [`${fullName(command)} ${command.usage()}`]);

const fullName = (command: Command): string =>
  command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();

const aliases = (command: Command): readonly string[] =>
  command.aliases().length === 0 ? [] : [`Alias: ${command.aliases().map(code).join(', ')}`];

function argumentTable(command: Command): readonly string[] {
  const rows = command.registeredArguments.map((argument) => [
    code(termOf(argument)),
    prose(argument.description),
    (argument.argChoices ?? []).map(code).join(', '),
  ]);
  return rows.length === 0 ? [] : [table(['Argument', 'Meaning', 'One of'], rows)];
}

function termOf(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? '...' : '');
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionTable(options: readonly Option[]): readonly string[] {
  const rows = options.map((option) => [
    code(option.flags),
    prose(option.description) + (option.mandatory ? ' (required)' : ''),
    (option.argChoices ?? []).map(code).join(', '),
    defaultOf(option),
  ]);
  return rows.length === 0 ? [] : [table(['Option', 'Meaning', 'One of', 'Default'], rows)];
}

function defaultOf(option: Option): string {
  const value: unknown = option.defaultValue;
  if (value === undefined) return '';
  if (option.defaultValueDescription !== undefined) return prose(option.defaultValueDescription);
  return [value]
    .flat()
    .map((one) => code(typeof one === 'string' ? one : JSON.stringify(one)))
    .join(', ');
}

/** They are text that is added to help (`examples` in arguments.ts), and help is where they are read. */
function examplesOf(command: Command): readonly string[] {
  const block = fullHelp(command).split('\nExamples:\n')[1];
  if (block === undefined) return [];
  const [text = ''] = block.split('\n\n');
  const lines = text.split('\n').map((line) => line.trim());
  return [
    'Examples:',
    fence(
      'sh',
      lines.filter((line) => line !== ''),
    ),
  ];
}

function fullHelp(command: Command): string {
  const before = command.configureOutput();
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  try {
    command.outputHelp();
  } finally {
    command.configureOutput(before);
  }
  return text;
}

type Outcome = 'done' | keyof typeof exitCodes;

const meanings = {
  done: 'done, or nothing to do',
  bug: 'anything unforeseen',
  usage: 'the command line or the settings are wrong; a question could not be asked',
  input: 'a file, password, certificate or secret is wrong; nothing was sent',
  auth: 'no way to sign in is configured, or the sign-in was refused',
  'not-found': 'the keyset or the key does not exist',
  conflict: 'it exists already, kinds are mixed, somebody else changed it, or a guard refused',
  service: 'Graph failed, or throttled until the retries ran out',
  network: 'DNS, TLS, proxy, connection or timeout',
  permission: 'signed in, but the permission or the role is missing',
  finding: 'a check found something: a result, not a failure',
  cancelled: 'interrupted (143 after SIGTERM)',
} as const satisfies Record<Outcome, string>;

function exitTable(): string {
  const codes: Readonly<Record<Outcome, number>> = { done: 0, ...exitCodes };
  const rows = (Object.keys(meanings) as Outcome[]).map((outcome) => [
    String(codes[outcome]),
    outcome === 'done' ? '' : code(outcome),
    meanings[outcome],
  ]);
  return table(['Code', 'Kind', 'When'], rows);
}

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;
/** Text as it stands, where Markdown would see more in it. */
const prose = (text: string): string => text.replace(/[\\|<*`]/g, '\\$&').replace(/\s+/g, ' ');
const fence = (language: string, lines: readonly string[]): string =>
  ['```' + language, ...lines, '```'].join('\n');

/** Columns in which nothing stands are left away. */
function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const used = columns.map((_, index) => rows.some((row) => (row[index] ?? '') !== ''));
  const line = (cells: readonly string[]): string =>
    `| ${cells.filter((_, index) => used[index] === true).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}
