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
    if (!word.startsWith('-')) continue;
    const option = options.find((one) => one.long === word || one.short === word);
    if (option !== undefined) {
      if (takesValue(option)) index += 1;
      continue;
    }
    if (!looksLikeKid(word, options)) continue;
    rest.splice(index, 1);
    return [...rest, '--', word];
  }
  return rest;
}

const takesValue = (option: Option): boolean => option.required;

function looksLikeKid(word: string, options: readonly Option[]): boolean {
  if (!/^-[A-Za-z0-9_-]{2,}$/.test(word)) return false;
  // Options have small letters and single hyphens; 43 random characters have more than that.
  if (word.startsWith('--')) return /[A-Z0-9_]|---/.test(word);
  return !isCluster(word.slice(1), options);
}

/** `-qv`, `-ojson`: short options, the last of which may have its value attached. */
function isCluster(letters: string, options: readonly Option[]): boolean {
  const option = options.find((one) => one.short === `-${letters.charAt(0)}`);
  if (letters === 'h' || letters === 'V') return true;
  if (option === undefined) return false;
  const rest = letters.slice(1);
  if (rest === '') return true;
  return takesValue(option)
    ? option.argChoices === undefined || option.argChoices.includes(rest)
    : isCluster(rest, options);
}

/** The command that the words name, as far as they name one. */
function namedCommand(argv: readonly string[], program: Command): Command {
  let command = program;
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    if (word.startsWith('-')) {
      const option = program.options.find((one) => one.long === word || one.short === word);
      if (option !== undefined && takesValue(option)) index += 1;
      continue;
    }
    const next = command.commands.find(
      (one) => one.name() === word || one.aliases().includes(word),
    );
    if (next === undefined) return command;
    command = next;
  }
  return command;
}
