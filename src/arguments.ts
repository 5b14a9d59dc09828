/** Options and arguments that several commands share, with their parsers. */
import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import { Failure } from './failure.ts';
import { keyUses } from './core/jwk.ts';
import { parseKeySetId, parseKid } from './core/keyset.ts';
import { cloudNames } from './core/clouds.ts';
import type { Source } from './context.ts';
import { authMethods, colorModes, outputFormats } from './settings.ts';

export const keySetArgument = (): Argument =>
  new Argument('<keyset>', 'keyset id; the B2C_1A_ prefix may be left out').argParser(
    parseKeySetId,
  );

export const kidArgument = (): Argument =>
  new Argument('<kid>', 'id of a key of the keyset').argParser(parseKid);

/** `path`, `-`, `env:NAME`. */
export function parseSource(text: string): Source {
  if (text === '-') return { kind: 'stdin' };
  if (text.startsWith('env:')) return { kind: 'environment', name: text.slice('env:'.length) };
  if (text.startsWith('keyvault:'))
    throw new Failure('usage', 'keyvault: sources are not read by this version yet', {
      hint: 'fetch the value into a file or a variable first (az keyvault secret show, or download), and name that',
    });
  if (text === '')
    throw new Failure('usage', 'an empty source', {
      hint: 'pass a file, - for stdin, or env:NAME',
    });
  return { kind: 'file', path: text };
}

const sourceForms = 'a file, - for stdin, or env:NAME';

export const fromOption = (what: string): Option =>
  new Option('--from <source>', `${what}: ${sourceForms}`).argParser(parseSource);

export const passwordOption = (): Option =>
  new Option('--password-from <source>', `the password: ${sourceForms}`).argParser(parseSource);

/** A file to be written. */
export function parseNewFile(text: string): string {
  if (text === '-' || text === '')
    throw new Failure('usage', `${JSON.stringify(text)} is no file to write to`, {
      hint: 'name a file: stdout carries the result of the command',
    });
  return text;
}

export const overwriteOption = (): Option =>
  new Option('--overwrite', 'replace the files that exist already');

/** Two values cannot both come from stdin. */
export function refuseTwoStdins(...sources: readonly (Source | undefined)[]): void {
  if (sources.filter((source) => source?.kind === 'stdin').length > 1)
    throw new Failure('usage', 'stdin can be read only once', {
      hint: 'take one of the two from a file or from env:NAME',
    });
}

export const useOption = (): Option =>
  new Option('--use <use>', 'what the key is for: signing or encryption')
    .choices(keyUses)
    .makeOptionMandatory();

const timeForms = '2027-01-31, RFC 3339, now, 90d, 1y, or seconds since 1970';

export const lifetimeOptions = (): Option[] => [
  new Option('--nbf <time>', `not used before: ${timeForms}`),
  new Option('--exp <time>', 'not used from this time on; the same forms'),
];

/** What the commands that add a key share (cli.md section 1). */
export interface AddOptions {
  readonly create?: boolean;
  readonly ifEmpty?: boolean;
  readonly ifChanged?: boolean;
  readonly standby?: boolean;
  readonly stage?: boolean;
  readonly enable?: boolean;
}

export const addOptions = (): Option[] => [
  new Option('--create', 'create the keyset first when it is missing'),
  new Option('--if-empty', 'do nothing when the keyset holds a key that has not expired'),
  new Option('--standby', 'add it even if another key stays the active one'),
  new Option('--stage', 'disable it right after adding it, for keys enable on the day').conflicts(
    'enable',
  ),
  new Option('--enable', 'enable it if the service adds it disabled'),
];

export const ifChangedOption = (): Option =>
  new Option('--if-changed', 'do nothing when this certificate is there already');

const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d{1,9}$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(
        `It must be a whole number from ${String(least)} to ${String(most)}.`,
      );
    return value;
  };

export const numberOption = (
  flags: string,
  description: string,
  [least, most]: readonly [number, number],
): Option => new Option(flags, description).argParser(wholeNumber(least, most));

/** Flags that make a command's output or behaviour differ, on every command (cli.md section 2). */
export const globalOptions = (): Option[] => [
  new Option('-o, --output <format>', 'format of the result (POLICYKEYS_OUTPUT)').choices(
    outputFormats,
  ),
  new Option('--query <jmespath>', 'applied to the JSON form of the result'),
  new Option('--profile <name>', 'settings to use (POLICYKEYS_PROFILE)'),
  new Option('--tenant <tenant>', 'id or domain of the B2C tenant (AZURE_TENANT_ID)'),
  new Option('--client-id <id>', 'id of the app that signs in (AZURE_CLIENT_ID)'),
  new Option(
    '--auth <method>',
    'how to sign in; the first that is configured (POLICYKEYS_AUTH)',
  ).choices(authMethods),
  new Option('--cloud <cloud>', 'global unless set (POLICYKEYS_CLOUD)').choices(cloudNames),
  new Option('--graph-url <url>', 'origin that requests go to (POLICYKEYS_GRAPH_URL)'),
  new Option('--dry-run', 'print what would be sent, and send no write'),
  new Option('-y, --yes', 'answer yes to every question; lifts no guard'),
  new Option('--no-input', 'never ask: fail instead (set by CI)'),
  new Option('--timeout <duration>', 'for one request; 30s unless set (POLICYKEYS_TIMEOUT)'),
  new Option('--deadline <duration>', 'for the whole command'),
  numberOption(
    '--max-retries <n>',
    'after the first attempt; 5 unless set (POLICYKEYS_MAX_RETRIES)',
    [0, 999],
  ),
  numberOption('--concurrency <n>', 'requests in flight at once; 8 unless set', [1, 64]),
  new Option(
    '--audit-log <file>',
    'append what is written, and how it ended (POLICYKEYS_AUDIT_LOG)',
  ),
  new Option('--reason <text>', 'for the audit log (POLICYKEYS_REASON)'),
  new Option('-q, --quiet', 'nothing but failures on stderr'),
  new Option('-v, --verbose', 'a line a request on stderr'),
  new Option('--debug', 'headers too, redacted'),
  new Option('--color <when>', 'auto unless set (NO_COLOR, FORCE_COLOR)').choices(colorModes),
];

export function withOptions(command: Command, options: readonly Option[]): Command {
  for (const option of options) command.addOption(option);
  return command;
}

/** Every command shows at least one example that runs. */
export const examples = (command: Command, ...lines: readonly string[]): Command =>
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`);
