/** argv as users type it -> argv as the parser reads it: a `<kid>` may begin with `-`. */
import type { Command, Option } from 'commander';

/**
 * Moves a kid that begins with `-` behind `--`, where the parser takes it for what it is. A kid is
 * base64url, so one in 64 begins with `-`, and one in 4096 with `--`.
 */
export function liftKid(argv: readonly string[], program: Command): string[] {
  const rest = [...argv];
  if (rest.includes('--')) return rest;
  const command = namedCommand(rest, program);
  if (!command.registeredArguments.some((argument) => argument.name() === 'kid')) return rest;
  const options = [...program.options, ...command.options];
  for (let index = 0; index < rest.length; index += 1) {
    const word = rest[index] ?? '';
    const option = readOption(word, options);
    if (option === 'takes the next word') index += 1;
    if (option !== undefined || !looksLikeKid(word)) continue;
    rest.splice(index, 1);
    return [...rest, '--', word];
  }
  return rest;
}

/** Options have small letters and single hyphens; 43 random characters have more than that. */
const looksLikeKid = (word: string): boolean =>
  /^-[A-Za-z0-9_-]{2,}$/.test(word) && (!word.startsWith('--') || /[A-Z0-9_]|---/.test(word));

type OptionWord = 'whole' | 'takes the next word' | undefined;

/** What a word is to the parser, if it is an option: `--yes`, `--output=json`, `-qv`, `-ojson`, `-qo`. */
function readOption(word: string, options: readonly Option[]): OptionWord {
  if (word.startsWith('--')) {
    const [name, value] = word.split('=', 2);
    const option = options.find((one) => one.long === name);
    if (option === undefined) return undefined;
    return takesValue(option) && value === undefined ? 'takes the next word' : 'whole';
  }
  return word.startsWith('-') ? readCluster(word.slice(1), options) : undefined;
}

/** Short options in one word, the last of which may have its value attached. */
function readCluster(letters: string, options: readonly Option[]): OptionWord {
  const [letter, rest] = [letters.charAt(0), letters.slice(1)];
  const option = options.find((one) => one.short === `-${letter}`);
  if (option === undefined && letter !== 'h') return undefined;
  if (option === undefined || !takesValue(option))
    return rest === '' ? 'whole' : readCluster(rest, options);
  if (rest === '') return 'takes the next word';
  // A value that is none of the choices is more likely part of a kid.
  return option.argChoices === undefined || option.argChoices.includes(rest) ? 'whole' : undefined;
}

const takesValue = (option: Option): boolean => option.required;

/** The command that the words name, as far as they name one. */
export function namedCommand(argv: readonly string[], program: Command): Command {
  let command = program;
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    if (readOption(word, program.options) === 'takes the next word') index += 1;
    if (word.startsWith('-')) continue;
    const next = command.commands.find(
      (one) => one.name() === word || one.aliases().includes(word),
    );
    if (next === undefined) return command;
    command = next;
  }
  return command;
}
