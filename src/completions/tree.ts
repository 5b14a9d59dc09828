/** The command tree as completion sees it: places, flags, and what may stand after each. */
import type { Argument, Command, Option } from 'commander';

/** What may stand in a place: one of these words, or a value of a kind. */
export type Value = readonly string[] | 'keyset' | 'file' | 'text';

export interface Slot {
  /** As help names it. */
  readonly name: string;
  readonly value: Value;
  /** More of them may follow. */
  readonly many: boolean;
}

export interface Flag {
  readonly names: readonly string[];
  readonly description: string;
  readonly takes: Slot | undefined;
}

export interface Place {
  /** The words that lead here, each after a space; of the program itself: nothing. */
  readonly path: string;
  readonly names: readonly string[];
  readonly description: string;
  /** Without the global ones. */
  readonly flags: readonly Flag[];
  readonly slots: readonly Slot[];
  readonly places: readonly Place[];
}

export interface Tree {
  readonly name: string;
  /** The name as part of the names of functions and variables. */
  readonly id: string;
  readonly header: string;
  readonly globals: readonly Flag[];
  readonly root: Place;
  readonly all: readonly Place[];
}

/** Value names that stand for files. */
const fileNames: readonly string[] = ['source', 'file'];
/** The global options that choose whose keysets are meant. */
export const choosing: readonly string[] = ['--cloud', '--tenant', '--profile', '--graph-url'];
/** The hidden command that prints keysets, a line each, in a format that no variable changes. */
export const ask = '--output=tsv __keysets';

export function readTree(program: Command): Tree {
  const name = program.name();
  const own = program.options.filter((option) => !option.hidden);
  // Only the program itself has a version; its other options are everybody's, help included.
  const isOwn = (option: Option): boolean => option.attributeName() === 'version';
  const help = visibleOptions(program).filter((option) => !own.includes(option));
  const globals = [...own.filter((option) => !isOwn(option)), ...help].map(readFlag);
  const root = { ...readPlace(program, ''), flags: own.filter(isOwn).map(readFlag) };
  return {
    name,
    id: name.replace(/\W/g, '_'),
    header: `Generated from the commands of ${name} by "npm run generate": not to be edited.`,
    globals,
    root,
    all: placesFrom(root),
  };
}

const visibleOptions = (command: Command): Option[] => command.createHelp().visibleOptions(command);

function readPlace(command: Command, path: string): Place {
  const children = command.createHelp().visibleCommands(command);
  return {
    path,
    names: [command.name(), ...command.aliases()],
    description: oneLine(command.summary() || command.description()),
    flags: visibleOptions(command)
      .filter((option) => command.options.includes(option))
      .map(readFlag),
    slots: command.registeredArguments.map(readArgument),
    places: children.map((child) =>
      // The help command is nobody's child until it is asked for.
      child.parent === null
        ? helpPlace(child, path, children)
        : readPlace(child, `${path} ${child.name()}`),
    ),
  };
}

const helpPlace = (help: Command, path: string, commands: readonly Command[]): Place => ({
  ...readPlace(help, `${path} ${help.name()}`),
  slots: [
    {
      name: 'command',
      value: commands.filter((one) => one !== help).map((one) => one.name()),
      many: false,
    },
  ],
  places: [],
});

const readFlag = (option: Option): Flag => ({
  names: [option.short, option.long].filter((name) => name !== undefined),
  description: oneLine(option.description),
  takes: option.required || option.optional ? readValue(option) : undefined,
});

function readValue(option: Option): Slot {
  const name = /[<[]([^\]>.]+)/.exec(option.flags)?.[1] ?? 'value';
  return { name, value: kindOf(name, option.argChoices), many: option.variadic };
}

const readArgument = (argument: Argument): Slot => ({
  name: argument.name(),
  value: kindOf(argument.name(), argument.argChoices),
  many: argument.variadic,
});

function kindOf(name: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return choices;
  if (name === 'keyset') return 'keyset';
  return fileNames.includes(name) ? 'file' : 'text';
}

export const placesFrom = (place: Place): readonly Place[] => [place, ...place.places.flatMap(placesFrom)];

/** A script is lines of text, whatever a description holds. */
export const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ').trim();

export const lines = (...parts: readonly (string | readonly string[])[]): string =>
  parts.flat().join('\n');

export interface Word {
  readonly name: string;
  readonly description: string;
}

export const wordsOf = (things: readonly (Flag | Place)[]): readonly Word[] =>
  things.flatMap(({ names, description }) => names.map((name) => ({ name, description })));

export const namesOf = (things: readonly (Flag | Place)[]): readonly string[] =>
  things.flatMap(({ names }) => names);

/** Where a command's name leads: asked with the place and the word. */
export const entries = (tree: Tree): readonly { keys: readonly string[]; path: string }[] =>
  tree.all.flatMap(({ path, places }) =>
    places.map((place) => ({
      keys: place.names.map((name) => `${path} ${name}`),
      path: place.path,
    })),
  );

/** What an option takes: asked with the place and the word, or with the word alone for a global one. */
export function takers(tree: Tree): readonly { path: string | undefined; flag: Flag; slot: Slot }[] {
  const of = (path: string | undefined, flags: readonly Flag[]) =>
    flags.flatMap((flag) => (flag.takes === undefined ? [] : [{ path, flag, slot: flag.takes }]));
  return [
    ...tree.all.flatMap(({ path, flags }) => of(path, flags)),
    ...of(undefined, tree.globals),
  ];
}

export const slotsOf = (tree: Tree): readonly { path: string; index: number; slot: Slot }[] =>
  tree.all.flatMap(({ path, slots }) => slots.map((slot, index) => ({ path, index, slot })));

