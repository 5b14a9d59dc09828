import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { Command } from 'commander';
import { liftKid } from '../src/argv.ts';
import { buildProgram, parse } from '../src/program.ts';

const kid = 'uQ0c3lTtq0mY8b1Vw2xkJ7s5dR4eZ9aHnP6gLfXoIyE';
const dashed = `-${kid.slice(1)}`;
const twice = `--${kid.slice(2)}`;

const program = (): Command => buildProgram(() => Promise.resolve());
const lift = (line: string): string => liftKid(line.split(' '), program()).join(' ');

/** What the parser makes of a command line: its arguments and options. */
async function parsed(
  argv: readonly string[],
): Promise<{ args: readonly string[]; options: Record<string, unknown> }> {
  let seen: Command | undefined;
  const tree = buildProgram((command) => {
    seen = command;
    return Promise.resolve();
  });
  await parse(tree, argv, () => undefined);
  if (seen === undefined) throw new Error('no command was run');
  return { args: seen.args, options: seen.optsWithGlobals() };
}

describe.each([
  ['-', dashed],
  ['--', twice],
])('a kid that begins with %s', (_name, one) => {
  test.each([
    `keys get X ${one}`,
    `keys get X -- ${one}`,
    `keys get X ${one} -o json`,
    `keys get X -o json ${one}`,
    `keys get X -ojson ${one}`,
    `keys get X --output=json ${one}`,
    `keys get -o json X ${one}`,
    `-o json keys get X ${one}`,
    `--output json keys get X ${one}`,
    `-ojson keys get X ${one}`,
    `keys -o json get X ${one}`,
    `keys get X ${one} --output json`,
    `keys get X -qv ${one} -o json`,
    `-qv keys get X -yo json ${one}`,
    `keys get X --query id ${one} --debug`,
    `keys get X --reason -x ${one}`,
    `keys get X --no-input --yes ${one}`,
    `keys get ${one} X`,
    `--cloud emulator keys get X ${one}`,
    `--tenant -x keys get X ${one}`,
  ])('%s', async (line) => {
    const { args } = await parsed(line.split(' '));
    expect(args).toEqual(['X', one]);
  });

  test.each(['enable', 'disable'])('keys %s', async (command) => {
    expect((await parsed(['keys', command, 'X', one])).args).toEqual(['X', one]);
  });

  test('with options of the command itself', async () => {
    for (const line of [
      `keys disable X --force ${one}`,
      `keys disable X ${one} --force`,
      `keys disable --force X ${one} -q`,
    ]) {
      const { args, options } = await parsed(line.split(' '));
      expect(args).toEqual(['X', one]);
      expect(options['force']).toBe(true);
    }
  });

  // Reported: before the command, the value behind a cluster is taken for the command.
  test('behind a cluster whose value stands apart', async () => {
    expect((await parsed(['-qo', 'json', 'keys', 'get', 'X', one])).args).toEqual(['X', one]);
  });

  test('options around it keep their values', async () => {
    const line = `-q keys get X --reason because ${one} --timeout 5s -ojson --no-input`;
    expect((await parsed(line.split(' '))).options).toMatchObject({
      quiet: true,
      reason: 'because',
      timeout: '5s',
      output: 'json',
      input: false,
    });
  });
});

test.each([
  'list',
  'list -o json',
  'list -ojson -qv',
  `keys get X ${kid}`,
  `keys get X ${kid} -qv`,
  'keys get X --help',
  'keys get X -h',
  'keys get X -V',
  'keys get X --version',
  'keys get X -qh',
  'keys get X --dry-run',
  'keys get X --no-such-option',
  'keys get X -q',
  'keys get X -',
  `keys get X -- ${dashed}`,
  'generate-key X --kty RSA --use sig',
  `get ${dashed}`,
  `keys list ${dashed}`,
  `nonsense ${dashed}`,
  `keys nonsense ${dashed}`,
  '',
])('left alone: %s', (line) => {
  expect(lift(line)).toBe(line);
});

test.each([
  [`keys get X ${dashed} -o json`, `keys get X -o json -- ${dashed}`],
  [`keys get ${twice} X`, `keys get X -- ${twice}`],
  [`keys get X -ojsonXYZ0`, `keys get X -- -ojsonXYZ0`],
  [`keys get X -qvX`, `keys get X -- -qvX`],
])('%s becomes %s', (line, expected) => {
  expect(lift(line)).toBe(expected);
});

test('the words that were given stay as they were', () => {
  const words = Object.freeze(['keys', 'get', 'X', dashed]);
  expect(liftKid(words, program())).toEqual(['keys', 'get', 'X', '--', dashed]);
  expect(words).toEqual(['keys', 'get', 'X', dashed]);
});

describe('every kid that the service could give', () => {
  // 43 characters of base64url, as SHA-256 has them; one in 64 begins with a hyphen, so here more do.
  const anyKid = fc
    .tuple(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.constantFrom('', '-', '--', '---', '-o', '-q', '-h', '-V', '--o'),
    )
    .map(
      ([bytes, start]) =>
        start + createHash('sha256').update(bytes).digest('base64url').slice(start.length),
    );
  const before = fc.constantFrom(
    [],
    ['-q'],
    ['-o', 'json'],
    ['-ojson'],
    ['--reason', 'x'],
    ['-qy', '--no-input'],
  );

  test('is found, wherever options stand', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyKid,
        before,
        before,
        before,
        fc.constantFrom('get', 'enable', 'disable'),
        async (one, a, b, c, command) => {
          expect(one).toMatch(/^[\w-]{43}$/);
          const { args } = await parsed([...a, 'keys', command, ...b, 'X', one, ...c]);
          expect(args).toEqual(['X', one]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

test('no command line that has no kid is changed', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'list',
      'get',
      'create',
      'delete',
      'X',
      '-o',
      'json',
      '-q',
      '--reason',
      '-ABC',
      '--XYZ',
      '--',
    ),
    fc.stringMatching(/^-{0,3}[A-Za-z0-9_]{0,8}$/),
  );
  fc.assert(
    fc.property(
      fc.constantFrom('list', 'get', 'create', 'delete', 'generate-key'),
      fc.array(word),
      (command, words) => {
        expect(liftKid([command, ...words], program())).toEqual([command, ...words]);
      },
    ),
  );
});
