/** The completion scripts in real shells, with the built program (npm run build) on the PATH. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { completionScript } from '../src/completions.ts';
import type { Shell } from '../src/shells.ts';
import { outputFormats } from '../src/settings.ts';
import { buildProgram } from '../src/program.ts';

/** What a shell offers for the end of a line, and what it says on stderr meanwhile. */
interface Answers {
  readonly offers: ReadonlyMap<string, readonly string[]>;
  /** The line after the key was pressed, as words; only of shells that edit it. */
  readonly words: ReadonlyMap<string, readonly string[]>;
  readonly errors: string;
}

interface Setup {
  readonly command: string;
  readonly script: string;
  /** Run in the shell before the script is sourced. */
  readonly options?: string;
}

type Ask = (setup: Setup, lines: readonly string[]) => Answers;

let folder = '';
let environment: NodeJS.ProcessEnv = {};
const names = ['TokenEncryptionKeyContainer', 'TokenSigningKeyContainer'];
const fullNames = names.map((name) => `B2C_1A_${name}`);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'policykeys-shells-'));
  for (const name of ['bin', 'my dir', 'home']) mkdirSync(join(folder, name));
  for (const name of ['bin', 'my dir'])
    symlinkSync(resolve('bin/policykeys.js'), join(folder, name, 'policykeys'));
  writeFileSync(join(folder, 'a secret.txt'), '');
  const keep = ['LANG', 'LC_ALL', 'TMPDIR'].map((name) => [name, process.env[name]] as const);
  environment = {
    ...Object.fromEntries(keep.filter(([, value]) => value !== undefined)),
    PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    HOME: join(folder, 'home'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    XDG_STATE_HOME: join(folder, 'state'),
    TERM: 'xterm',
    // What a user sets for the results must not change what is completed.
    POLICYKEYS_OUTPUT: 'json',
  };
  const run = (...args: readonly string[]) =>
    execFileSync('policykeys', ['--cloud', 'emulator', ...args], {
      env: environment,
      stdio: 'pipe',
    });
  for (const name of names) run('generate-key', name, '--kty', 'RSA', '--use', 'sig', '--create');
  run('list');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const start = (command: string, args: readonly string[], input: string, more = {}) => {
  const ended = spawnSync(command, args, {
    cwd: folder,
    env: { ...environment, ...more },
    input,
    encoding: 'utf8',
    timeout: 25_000,
    killSignal: 'SIGKILL',
  });
  if (ended.error !== undefined) throw ended.error;
  return ended;
};

/** Lines of `line …`, each with its `offer …` and `word …`, as the shells below write them. */
function read(text: string, errors: string): Answers {
  const offers = new Map<string, string[]>();
  const words = new Map<string, string[]>();
  let line = '';
  for (const record of text.split('\n')) {
    const [, kind, value = ''] = /^(line|offer|word) (.*)$/.exec(record) ?? [];
    if (kind === 'line') {
      line = value;
      offers.set(line, []);
      words.set(line, []);
    } else if (kind !== undefined) (kind === 'offer' ? offers : words).get(line)?.push(value);
  }
  for (const list of offers.values()) list.sort();
  return { offers, words, errors };
}

function place(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Keys are typed at a real prompt. A completed line is then run by a function that shows its words. */
const askBash: Ask = ({ command, script, options = '' }, lines) => {
  const [out, errors] = [place('out', ''), place('errors', '')];
  const rc = place(
    'bashrc',
    `PS1= PS2=
HISTFILE=
${options}
source '${place('script', script)}' 2>>'${errors}'
${command}() {
  if [[ " $* " == *' __keysets '* ]]; then command ${command} "$@"
  else printf 'word %s\\n' "$@" >>'${out}'; fi
}
spy() {
  printf 'line %s\\n' "$COMP_LINE" >>'${out}'
  _${command} "$@" 2>>'${errors}'
  if ((\${#COMPREPLY[@]} > 0)); then printf 'offer %s\\n' "\${COMPREPLY[@]}" >>'${out}'; fi
}
eval "$(complete -p ${command} | sed s/_${command}/spy/)"
`,
  );
  // Control-U throws a line away: only words of our own function are run.
  const typed = lines.map((line) =>
    line.startsWith(command) ? `${line}\t\n` : `${line}\t\u0015\n`,
  );
  start('bash', ['--noprofile', '--rcfile', rc, '-i'], `${typed.join('')}exit\n`);
  return read(readFileSync(out, 'utf8'), readFileSync(errors, 'utf8'));
};

/** zsh edits lines on terminals only, so one zsh gives another a terminal; what is offered passes compadd. */
const askZsh: Ask = ({ command, script, options }, lines) => {
  const [out, errors] = [place('out', ''), place('errors', '')];
  rmSync(join(folder, 'functions'), { recursive: true, force: true });
  mkdirSync(join(folder, 'functions'));
  const file = place(`functions/_${command}`, script);
  const asked = place('lines', lines.join('\n'));
  place(
    '.zshrc',
    `exec 2>>'${errors}'
PS1=
${options === undefined ? `fpath=('${join(folder, 'functions')}' $fpath)` : ''}
autoload -Uz compinit && compinit -u -D
${options === undefined ? '' : `${options}\nsource '${file}'`}
typeset -ga offers
compadd() {
  emulate -L zsh
  setopt extendedglob
  # With -O, -A or -D it only asks.
  if [[ " \${(j: :)@[1,(i)(-|--)]}" != *' -'[a-zA-Z]#[OAD]* ]]; then
    local -a found
    builtin compadd -O found "$@"
    offers+=("\${found[@]}")
  fi
  builtin compadd "$@"
}
record() {
  offers=()
  _main_complete "$@"
}
zle -C record complete-word record
zle-line-init() {
  emulate -L zsh
  local line
  for line in "\${(@f)$(<'${asked}')}"; do
    BUFFER=$line CURSOR=$#BUFFER
    zle record
    print -r -- "line $line"
    (( $#offers )) && print -rl -- "offer "\${^offers}
    print -rl -- "word "\${^\${(@Q)\${(z)BUFFER}}}
  done >>'${out}'
  exit
}
zle -N zle-line-init
`,
  );
  const outer = 'zmodload zsh/zpty && zpty inner zsh -d -i && while zpty -r inner; do :; done';
  start('zsh', ['-f', '-c', outer], '', { ZDOTDIR: folder });
  const answers = read(readFileSync(out, 'utf8'), readFileSync(errors, 'utf8'));
  return {
    ...answers,
    words: new Map([...answers.words].map(([line, [, ...rest]]) => [line, rest])),
  };
};

const askFish: Ask = ({ script }, lines) => {
  const ask = `source $argv[1]
for line in $argv[2..-1]
    printf 'line %s\\n' $line
    complete -C "$line" | string replace -r '\\t.*' '' | string replace -r '^' 'offer '
end`;
  const ended = start('fish', ['-c', ask, place('script', script), ...lines], '');
  return read(ended.stdout.replace(/^offer --\w+=/gm, 'offer '), ended.stderr);
};

const askPwsh: Ask = ({ script }, lines) => {
  const ask = `. $args[0]
foreach ($line in $args[1..($args.Count - 1)]) {
    "line $line"
    (TabExpansion2 -inputScript $line -cursorColumn $line.Length).CompletionMatches |
        ForEach-Object { 'offer ' + ($_.CompletionText -replace '^--\\w+=', '') }
}`;
  const ended = start(
    'pwsh',
    [
      '-NoProfile',
      '-NonInteractive',
      '-File',
      place('ask.ps1', ask),
      place('script.ps1', script),
      ...lines,
    ],
    '',
  );
  return read(ended.stdout.replaceAll('\r', ''), ended.stderr);
};

const policykeys = (shell: Shell): Setup => ({
  command: 'policykeys',
  script: completionScript(
    shell,
    buildProgram(() => Promise.resolve()),
  ),
});

const formats = [...outputFormats].sort();

/** The end of each line is completed; the same in every shell. */
const cases: readonly (readonly [string, readonly string[]])[] = [
  ['policykeys ge', ['generate-certificate', 'generate-key', 'get', 'get-active-key']],
  ['policykeys --cloud emulator sh', ['show']],
  ['policykeys keys d', ['disable']],
  ['policykeys -q keys --output json d', ['disable']],
  ['policykeys emulator ', ['help', 'reset', 'serve']],
  ['policykeys help em', ['emulator']],
  ['policykeys completion b', ['bash']],
  ['policykeys list --inc', ['--include-backups']],
  ['policykeys upload-pkcs12 X --no-p', ['--no-password']],
  ['policykeys get --gra', ['--graph-url']],
  ['policykeys --vers', ['--version']],
  ['policykeys -o ', formats],
  ['policykeys list -o ', formats],
  ['policykeys --output=', formats],
  ['policykeys list --output=js', ['json']],
  ['policykeys generate-key X --use ', ['enc', 'sig']],
  ['policykeys generate-key --kty RSA X --cloud=us', ['usgov', 'usgov-dod']],
  ['policykeys --query ', []],
  ['policykeys upload-secret X --nbf ', []],
  ['policykeys nonsense ', []],
  ['policykeys --cloud emulator get ', names],
  ['policykeys --cloud=emulator rm TokenS', ['TokenSigningKeyContainer']],
  ['policykeys get --cloud emulator ', names],
  ['policykeys keys --cloud "emulator" disable Token', names],
  ['policykeys generate-key --cloud emulator --use sig ', names],
  ['policykeys --cloud emulator get B2', fullNames],
  ['policykeys --cloud emulator get B2C_1A_TokenE', ['B2C_1A_TokenEncryptionKeyContainer']],
  ['policykeys --cloud emulator --tenant other get ', []],
  ['policykeys get --tenant=other --cloud emulator ', []],
  ['policykeys --cloud emulator keys get X ', []],
];
const lines = cases.map(([line]) => line);

// The scripts of Windows are PowerShell's; its bash has other paths than its Node.
const isMeant = (name: string): boolean => process.platform !== 'win32' || name === 'pwsh';
const isHere = (name: string): boolean =>
  isMeant(name) && spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0;

function inShell(name: string, ask: Ask, shell: Shell, more: () => void): void {
  const here = isHere(name);
  if (isMeant(name) && process.env['CI'])
    test(`${name} is installed where CI is set`, () => {
      expect(here).toBe(true);
    });
  (here ? describe : describe.skip)(name, () => {
    let answers: Answers;
    beforeAll(() => {
      answers = ask(policykeys(shell), lines);
    });
    test('nothing is said on stderr', () => {
      expect(answers.errors).toBe('');
    });
    test.each(cases)('%s', (line, expected) => {
      expect(answers.offers.get(line)).toEqual(expected);
    });
    more();
  });
}

/** The program that is asked for names is the one that is typed, where it is a path. */
function takesPath(ask: Ask, shell: Shell): void {
  test('a path with a space, and one from the home folder', () => {
    symlinkSync(join(folder, 'my dir'), join(folder, 'home', `of-${shell}`));
    const paths = [
      `${folder.replaceAll(' ', '\\ ')}/my\\ dir/policykeys`,
      `~/of-${shell}/policykeys`,
    ];
    const asked = paths.map((path) => `${path} --cloud emulator get TokenE`);
    // Not found by its name, so that nothing but the path can have been run.
    rmSync(join(folder, 'bin', 'policykeys'));
    try {
      const { offers, errors } = ask(policykeys(shell), [
        ...asked,
        'policykeys --cloud emulator get ',
      ]);
      expect(errors).toBe('');
      for (const line of asked) expect(offers.get(line)).toEqual(['TokenEncryptionKeyContainer']);
      expect(offers.get('policykeys --cloud emulator get ')).toEqual([]);
    } finally {
      symlinkSync(resolve('bin/policykeys.js'), join(folder, 'bin', 'policykeys'));
    }
  });
}

function completesFiles(ask: Ask, shell: Shell): void {
  test('a file whose name has a space', () => {
    const asked = [
      'policykeys upload-secret X --from a',
      'policykeys upload-secret X --from=a',
      'policykeys upload-pkcs12 X a',
      'policykeys --audit-log a',
    ];
    const { words, offers, errors } = ask(policykeys(shell), asked);
    expect(errors).toBe('');
    if (shell === 'fish')
      for (const line of asked) expect(offers.get(line)).toEqual(['a secret.txt']);
    else
      expect(asked.map((line) => words.get(line))).toEqual([
        ['upload-secret', 'X', '--from', 'a secret.txt'],
        ['upload-secret', 'X', '--from=a secret.txt'],
        ['upload-pkcs12', 'X', 'a secret.txt'],
        ['--audit-log', 'a secret.txt'],
      ]);
  });
}

/** Words that would do harm, or break the script, wherever a shell forgot a quote. */
function quotesDescriptions(ask: Ask, shell: Shell): void {
  test('descriptions are text', () => {
    const evil = `it's $(touch pwned) \`touch pwned\` [a] "b": c\\d %F{red} * ~ {x,y} <e>;|& #h !1 \u2019`;
    const tool = new Command('evil').description(evil).option('-x, --ex', evil);
    tool.addOption(new Option('--kind <what:ever]>', evil).choices(['one', 'two']));
    tool.command('three').description(evil).argument('<a:b>', evil);
    tool
      .command('four')
      .description(evil)
      .addArgument(new Argument('<n>', evil).choices(['five']));
    const script = completionScript(shell, tool);
    const asked = ['evil t', 'evil --k', 'evil --kind ', 'evil three ', 'evil four '];
    const { offers, errors } = ask({ command: 'evil', script }, asked);
    expect(errors).toBe('');
    expect([...offers]).toEqual([
      ['evil t', ['three']],
      ['evil --k', ['--kind']],
      ['evil --kind ', ['one', 'two']],
      ['evil three ', []],
      ['evil four ', ['five']],
    ]);
    expect(existsSync(join(folder, 'pwned'))).toBe(false);
  });
}

/** Whatever a user has set, the answers are the same. */
function bearsOptions(ask: Ask, shell: Shell, options: string): void {
  test(`under ${options}`, () => {
    const { offers, errors } = ask({ ...policykeys(shell), options }, lines);
    expect(errors).toBe('');
    expect([...offers]).toEqual(cases);
  });
}

inShell('bash', askBash, 'bash', () => {
  takesPath(askBash, 'bash');
  completesFiles(askBash, 'bash');
  quotesDescriptions(askBash, 'bash');
  bearsOptions(askBash, 'bash', 'set -eu; IFS=e; shopt -s nullglob failglob');
  bearsOptions(askBash, 'bash', 'COMP_WORDBREAKS=${COMP_WORDBREAKS/:/}');

  test('the line is completed where the cursor is', () => {
    // Five times to the left; what follows the cursor is no part of the word.
    const line = 'policykeys --cloud emulator get-aXX -q';
    const { words } = askBash(policykeys('bash'), [`${line}${'\u001b[D'.repeat(5)}`]);
    expect(words.get(line)).toEqual(['--cloud', 'emulator', 'get-active-keyXX', '-q']);
  });
});

inShell('zsh', askZsh, 'zsh', () => {
  takesPath(askZsh, 'zsh');
  completesFiles(askZsh, 'zsh');
  quotesDescriptions(askZsh, 'zsh');
  bearsOptions(askZsh, 'zsh', 'setopt ksh_arrays nounset sh_word_split glob_subst; IFS=e');
  bearsOptions(
    askZsh,
    'zsh',
    'setopt rc_quotes csh_junkie_quotes ignore_braces ksh_glob err_return',
  );
});

inShell('fish', askFish, 'fish', () => {
  takesPath(askFish, 'fish');
  completesFiles(askFish, 'fish');
  quotesDescriptions(askFish, 'fish');

  test('what an option with many values takes goes on after the first', () => {
    const asked = 'policykeys emulator serve --role TrustFrameworkKeySet.Read.All ';
    const { offers } = askFish(policykeys('fish'), [asked, `${asked}--new-keys `]);
    expect(offers.get(asked)).toEqual([
      'TrustFrameworkKeySet.Read.All',
      'TrustFrameworkKeySet.ReadWrite.All',
    ]);
    expect(offers.get(`${asked}--new-keys `)).toEqual(['disabled', 'enabled']);
  });
});

(isHere('pwsh') ? describe : describe.skip)('pwsh', () => {
  // Where nothing is offered, PowerShell goes on to files: only what is offered can be told.
  const offered = cases.filter(([line, expected]) => expected.length > 0 && !line.includes('='));
  test('the script is read, and offers the same', () => {
    const asked = offered.map(([line]) => line);
    const { offers, errors } = askPwsh(policykeys('powershell'), asked);
    expect(errors).toBe('');
    expect([...offers]).toEqual(offered);
  });
});
