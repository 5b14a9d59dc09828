/** The README tells the truth: its commands parse, none is missing, and its exit codes are ours. */
import { readFileSync } from 'node:fs';
import { exitCodes } from '../src/failure.ts';
import { allCommands, buildProgram, parse } from '../src/program.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** The lines of fenced blocks, continued ones joined. */
const blockLines = [...readme.matchAll(/^```\w*\n([^]*?)^```/gm)].flatMap(([, block = '']) =>
  block.replaceAll('\\\n', ' ').split('\n'),
);

const inlineCode = [...readme.replace(/^```[^]*?^```/gm, '').matchAll(/`(policykeys [^`]+)`/g)].map(
  ([, code = '']) => code,
);

/** Every `policykeys …` of a line of a shell, without what belongs to the shell. */
function commandsIn(line: string): string[] {
  const plain = line.replace(/^\$ /, '').replace(/ +# .*$/, '');
  return [
    ...plain.matchAll(/(?:^|[|&;(] ?|\$\()(policykeys (?:'[^']*'|"[^"]*"|[^|&;()'"])*)/g),
  ].map(([, command = '']) => command.replace(/ +(?:\d?>>?|2>&1).*$/, '').trim());
}

const wordsOf = (command: string): string[] =>
  (command.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [])
    .map((word) => word.replace(/['"]/g, ''))
    .slice(1);

/** Parses it, and gives the name of the command that would have run. */
async function parsed(command: string): Promise<string> {
  let name = '';
  const program = buildProgram((self) => {
    name = self.name();
    return Promise.resolve();
  });
  // `<kid>` stands for one, `…` for more of the same.
  const words = wordsOf(command)
    .map((word) => (/^<\w+>$/.test(word) ? word.slice(1, -1) : word))
    .filter((word) => word !== '…');
  let help = '';
  await parse(program, words, (text) => {
    help += text;
  });
  return name === '' && help !== '' ? 'help' : name;
}

const shown = [...new Set(blockLines.flatMap(commandsIn))];

test('there are enough of them to mean something', () => {
  expect(shown.length).toBeGreaterThan(10);
  expect(inlineCode.length).toBeGreaterThan(12);
});

test.each(shown)('in a block: %s', async (command) => {
  expect(await parsed(command)).not.toBe('');
});

test.each([...new Set(inlineCode)])('in the text: %s', async (command) => {
  // Named, not typed: `policykeys <command> --help`, `policykeys keys enable`.
  if (/^policykeys (?:<command> --help|[a-z0-9 -]+)$/.test(command)) {
    const words = wordsOf(command).filter((word) => !word.startsWith('-') && !word.startsWith('<'));
    const known = allCommands(buildProgram(() => Promise.resolve())).flatMap((one) => [one.name(), ...one.aliases()]); // prettier-ignore
    for (const word of words.slice(0, 1)) expect(known).toContain(word);
    return;
  }
  expect(await parsed(command)).not.toBe('');
});

test('every visible command stands in the table of commands', () => {
  const table = readme.split('\n## Commands\n')[1]?.split('\n## ')[0] ?? '';
  const program = buildProgram(() => Promise.resolve());
  const names = allCommands(program)
    .filter((one) => one.commands.length === 0 && !one.name().startsWith('__'))
    .map((one) =>
      one.parent === program ? one.name() : `${one.parent?.name() ?? ''} ${one.name()}`,
    );
  expect(names.length).toBeGreaterThan(15);
  for (const name of names) expect(table).toContain(`\`${name}\``);
});

test('the table of exit codes is that of the program', () => {
  const section = readme.split('\n## Exit codes\n')[1]?.split('\n## ')[0] ?? '';
  const rows = section
    .split('\n')
    .filter((line) => /^\| \d/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, 3)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
  const ours = Object.entries(exitCodes)
    .sort(([, a], [, b]) => a - b)
    .map(([kind, code]) => [kind === 'cancelled' ? '130, 143' : String(code), kind]);
  expect(rows).toEqual([['0', ''], ...ours]);
});

test('every option it names exists', () => {
  const program = buildProgram(() => Promise.resolve());
  const known = new Set(
    allCommands(program).flatMap((one) => one.options.flatMap(({ long }) => (long ? [long] : []))),
  );
  // Those of npm stand in the blocks of the installation.
  const text = readme.replace(/^npm .*$/gm, '');
  const named = [...text.matchAll(/[ `(](--[a-z][a-z0-9-]*)/g)].map(([, flag = '']) => flag);
  expect(named.length).toBeGreaterThan(20);
  for (const flag of named) expect([flag, known.has(flag) || ['--help', '--version'].includes(flag)]).toEqual([flag, true]); // prettier-ignore
});
