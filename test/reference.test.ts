import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { examples } from '../src/arguments.ts';
import { exitCodes } from '../src/failure.ts';
import { allCommands, buildProgram } from '../src/program.ts';
import { referenceMarkdown } from '../src/reference.ts';

const program = (): Command => buildProgram(() => Promise.resolve());
const page = referenceMarkdown(program());

test('docs/commands.md is current (npm run generate)', () => {
  expect(readFileSync('docs/commands.md', 'utf8')).toBe(page);
});

test('every visible command, option, choice and exit code stands on the page', () => {
  for (const command of allCommands(program())) {
    if (command.name() === '__keysets') continue;
    expect(page).toMatch(new RegExp(`^#+ .*${command.name()}$`, 'm'));
    for (const option of command.options) {
      expect(page).toContain(`| \`${option.flags}\` |`);
      for (const choice of option.argChoices ?? []) expect(page).toContain(`\`${choice}\``);
    }
    for (const argument of command.registeredArguments)
      for (const choice of argument.argChoices ?? []) expect(page).toContain(`\`${choice}\``);
  }
  expect(page).not.toContain('__keysets');
  for (const [kind, code] of Object.entries(exitCodes))
    expect(page).toContain(`| ${String(code)} | \`${kind}\` |`);
});

test('every link of the table leads to a heading', () => {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, text]) => text);
  const links = [...page.matchAll(/^\| \[`([^`]*)`\]\(#([^)]*)\)/gm)];
  expect(links.length).toBeGreaterThan(10);
  for (const [, name, anchor] of links) {
    expect(headings).toContain(name);
    expect(anchor).toBe(name?.replaceAll(' ', '-'));
  }
});

test('a description is shown as it stands, and help goes on as before', () => {
  const written: string[] = [];
  const tool = new Command('tool').configureOutput({ writeOut: (text) => written.push(text) });
  const one = tool.command('one').description('a <b> | *c*').argument('[file...]', 'x|y');
  one.addOption(new Option('--size <n>', 'how big').default(['1', 2]));
  examples(one, "tool one 'a | b'", 'tool one').addHelpText('after', '\nThe end.');
  expect(referenceMarkdown(tool)).toContain(
    [
      '### one',
      'a \\<b> \\| \\*c\\*',
      '```text\ntool one [options] [file...]\n```',
      '| Argument | Meaning |\n| --- | --- |\n| `[file...]` | x\\|y |',
      '| Option | Meaning | Default |\n| --- | --- | --- |\n| `--size <n>` | how big | `1`, `2` |',
      'Examples:',
      "```sh\ntool one 'a | b'\ntool one\n```",
      '## Options of every command',
    ].join('\n\n'),
  );
  expect(written).toEqual([]);
  one.outputHelp();
  expect(written.join('')).toContain('The end.');
});
