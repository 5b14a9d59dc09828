import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { completionScript } from '../src/completions.ts';
import { shells, type Shell } from '../src/shells.ts';
import { allCommands, buildProgram } from '../src/program.ts';

const program = (): Command => buildProgram(() => Promise.resolve());

const files: Readonly<Record<Shell, string>> = {
  bash: 'policykeys.bash',
  zsh: '_policykeys',
  fish: 'policykeys.fish',
  powershell: 'policykeys.ps1',
};

/** fish writes `-l output` for `--output`. */
const written = (shell: Shell, flag: string): string =>
  shell === 'fish' ? flag.replace(/^--/, '-l ').replace(/^-(?=\w$)/, '-s ') : flag;

const word = (text: string): RegExp =>
  new RegExp(`(?<![\\w-])${text.replace(/[.?]/g, '\\$&')}(?![\\w-])`);

describe.each(shells)('%s', (shell) => {
  const script = completionScript(shell, program());

  test(`completions/${files[shell]} is current (npm run generate)`, () => {
    expect(readFileSync(`completions/${files[shell]}`, 'utf8')).toBe(script);
  });

  test('every visible command, option and choice occurs', () => {
    for (const command of allCommands(program())) {
      if (command.name() === '__keysets') continue;
      for (const name of [command.name(), ...command.aliases()]) expect(script).toMatch(word(name));
      for (const option of command.options) {
        for (const name of [option.short, option.long])
          if (name !== undefined) expect(script).toMatch(word(written(shell, name)));
        for (const choice of option.argChoices ?? []) expect(script).toMatch(word(choice));
      }
      for (const argument of command.registeredArguments)
        for (const choice of argument.argChoices ?? []) expect(script).toMatch(word(choice));
    }
  });

  test('what is hidden is asked for names, and offered to nobody', () => {
    expect(script.match(/(?<!\w)__keysets/g)).toHaveLength(1);
    const tool = new Command('tool');
    tool.command('secret-command', { hidden: true });
    tool.addOption(new Option('--secret-option').hideHelp());
    expect(completionScript(shell, tool)).not.toContain('secret');
  });

  test('it holds plain lines and ends with one', () => {
    expect(script).toMatch(/^[\x20-\x7e\n]+[^\n]\n$/);
    const tool = new Command('tool');
    tool.command('one').description('two\nlines\r\n\u001b[31m and a\ttab');
    expect(completionScript(shell, tool)).toMatch(/^[^\x00-\x09\x0b-\x1f\x7f]+$/);
  });
});

test('options take what their value names and choices say', () => {
  const tool = new Command('tool')
    .option('--level <n>', 'a number')
    .option('--log <file>', 'a file')
    .addOption(new Option('--kind <kind...>', 'some').choices(['a', 'b']))
    .option('--flag', 'nothing');
  tool.command('run').argument('<source>').argument('[keyset...]').option('--only <keyset>', 'one');
  const script = completionScript('bash', tool);
  expect(script.split('\n').filter((line) => /^ {4}\*?'.*\) takes=/.test(line))).toEqual([
    "    ' run --only') takes=keyset ;;",
    "    *' --level') takes=text ;;",
    "    *' --log') takes=file ;;",
    "    *' --kind') takes=words choices=(a b) many=yes ;;",
    "    ' run 0') takes=file ;;",
    "    ' run '*) takes=keyset many=yes ;;",
    "    ' help 0') takes=words choices=(run) ;;",
  ]);
});

test('PowerShell: quotes and brackets are closed, and nothing is expanded', () => {
  const tool = new Command('tool');
  const curly = '\u2018curly\u2019';
  tool.command('one').description(`it's ${curly} $(exit) \`exit\` "x" { [ (`);
  for (const script of [
    completionScript('powershell', tool),
    completionScript('powershell', program()),
  ]) {
    const bare = script
      .replace(/'(?:[^'\u2018\u2019\n]|['\u2018\u2019]{2})*'/g, "''")
      .replace(/"[^"\n]*"/g, '""')
      .replace(/#.*$/gm, '');
    expect(bare.replace(/''|""/g, '')).not.toMatch(/['"`\u2018\u2019]/);
    const open: string[] = [];
    const pairs: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };
    for (const bracket of bare.match(/[()[\]{}]/g) ?? [])
      if (bracket in pairs) expect(open.pop()).toBe(pairs[bracket]);
      else open.push(bracket);
    expect(open).toEqual([]);
  }
});
