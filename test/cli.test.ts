/** What every command has in common: formats, failures, help, options, the audit log. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { allCommands, buildProgram } from '../src/program.ts';
import { keepSecret, lines, now, openTenant, ordered, parseJson, tenantName, year, type Ran } from './support/world.ts'; // prettier-ignore

const program = buildProgram(() => Promise.resolve());
const path = (command: (typeof program.commands)[number]): string[] =>
  command.parent === null ? [] : [...path(command.parent), command.name()];
const commands = allCommands(program).map((command) => path(command).join(' '));
const groups = ['', 'keys', 'emulator'];
const leaves = commands.filter((name) => !groups.includes(name));

const keysets = { B2C_1A_A: [{ kid: 'a1', nbf: now - 1, exp: now + year }] };

describe('--help', () => {
  test.each(commands.filter((name) => name !== '__keysets'))('of "%s"', async (name) => {
    const ran = await openTenant().run([...name.split(' ').filter(Boolean), '--help']);
    expect([ran.code, ran.stderr, ran.asked]).toEqual([0, '', []]);
    expect(ran.stdout).toMatch(/^Usage: policykeys/);
    expect(ran.stdout).toMatch(/[^\n]\n$/);
    expect((await openTenant().run([...name.split(' ').filter(Boolean), '-h'])).stdout).toBe(
      ran.stdout,
    );
    for (const line of ran.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
    expect(ran.stdout).toMatchSnapshot();
  });

  test.each(leaves.filter((name) => name !== '__keysets'))(
    '"%s" has examples that parse',
    async (name) => {
      const { stdout } = await openTenant().run([...name.split(' '), '--help']);
      const examples = stdout.split('\nExamples:\n')[1]?.split('\n\n')[0]?.split('\n') ?? [];
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) await expectToParse(example.trim());
    },
  );

  test('the examples of the program itself run', async () => {
    const { stdout } = await openTenant().run('--help');
    const examples = stdout.split('\n').filter((line) => line.startsWith('  policykeys '));
    expect(examples).toHaveLength(2);
    const tenant = openTenant();
    for (const example of examples)
      expect((await tenant.run(example.trim().split(' ').slice(1))).code).toBe(0);
  });

  test.each(['help', 'help keys', 'help list', 'keys help get'])('policykeys %s', async (line) => {
    const { code, stdout, stderr } = await openTenant().run(line);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: policykeys/);
  });

  test('names every visible command under the headings of the contract', async () => {
    const { stdout } = await openTenant().run('--help');
    const under = (heading: string): string[] =>
      (stdout.split(`\n${heading}\n`)[1]?.split('\n\n')[0]?.split('\n') ?? []).flatMap(
        (line) => /^ {2}(\S+)/.exec(line)?.[1] ?? [],
      );
    expect(under('Keysets:')).toEqual(['list', 'create', 'get', 'update', 'delete']);
    expect(under('Keys:')).toEqual(['generate-key', 'upload-secret', 'upload-certificate', 'upload-pkcs12', 'get-active-key', 'keys']); // prettier-ignore
    expect(under('Account and tooling:')).toEqual(['emulator', 'completion', 'help']);
    expect(stdout).not.toContain('__keysets');
  });
});

/** Parses a line of a shell and does nothing. */
async function expectToParse(line: string): Promise<void> {
  const { parse } = await import('../src/program.ts');
  const simple = line.split(' | ').find((part) => part.startsWith('policykeys ')) ?? line;
  const words = (simple.replace(/ (?:>>?|2>) .*$/, '').match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^(['"])(.*)\1$/, '$2')); // prettier-ignore
  let ran = 0;
  const nothing = buildProgram(() => {
    ran += 1;
    return Promise.resolve();
  });
  await parse(nothing, words.slice(1), () => undefined);
  expect([line, ran]).toEqual([line, 1]);
}

describe('without a command', () => {
  test.each(['', 'keys', 'emulator'])('"%s": help on stderr, exit 2', async (line) => {
    const { code, stdout, stderr } = await openTenant().run(line);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toBe((await openTenant().run(`${line} --help`)).stdout.split('\nTry it')[0]?.replace(/\n\nEvery command[^]*$/, '\n')); // prettier-ignore
  });

  test('only options', async () => {
    const { code, stdout, stderr } = await openTenant().run('--tenant x.example -q');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^Usage: policykeys/);
  });

  test('with -o json the failure is JSON', async () => {
    for (const line of ['keys -o json', '-o json keys', '-ojson']) {
      const { code, error } = await openTenant().run(line);
      expect([line, code, error]).toEqual([
        line,
        2,
        { error: { kind: 'usage', message: 'a command is missing', hint: 'policykeys --help lists them' } }, // prettier-ignore
      ]);
    }
  });

  test.each(['-V', '--version'])('%s', async (flag) => {
    const { version } = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    );
    const { code, stdout, stderr } = await openTenant().run(flag);
    expect([code, stdout, stderr]).toEqual([0, `${String(version)}\n`, '']);
  });
});

describe('a command line that is wrong', () => {
  test.each([
    ['lst', "unknown command 'lst'", 'did you mean one of list, ls? See policykeys --help'],
    ['generate_key A', "unknown command 'generate_key'", 'did you mean generate-key? See policykeys --help'], // prettier-ignore
    [
      'keys enabel A k',
      "unknown command 'enabel'",
      'did you mean enable? See policykeys keys --help',
    ],
    ['frobnicate', "unknown command 'frobnicate'", 'see policykeys --help'],
    ['list --include-backup', "unknown option '--include-backup'", 'did you mean --include-backups? See policykeys list --help'], // prettier-ignore
    ['list --tenat x', "unknown option '--tenat'", 'did you mean --tenant? See policykeys list --help'], // prettier-ignore
    ['get', "missing required argument 'keyset'", 'see policykeys get --help'],
    ['get A B', "too many arguments for 'get'", 'see policykeys get --help'],
    ['list -o', "option '-o, --output <format>' argument missing", 'see policykeys list --help'],
    ['list --max-retries x', "option '--max-retries <n>' argument 'x' is invalid", 'see policykeys list --help'], // prettier-ignore
    ['list --concurrency 0', "option '--concurrency <n>' argument '0' is invalid", 'see policykeys list --help'], // prettier-ignore
  ])('%s', async (line, message, hint) => {
    const ran = await openTenant().run(line);
    expect([ran.code, ran.stdout, ran.asked]).toEqual([2, '', []]);
    expect(ran.stderr.startsWith(`error: ${message}`)).toBe(true);
    expect(ran.stderr).toContain(`\nhint: ${hint}\n`);
  });

  test.each([
    '-o json lst',
    'lst -o json',
    'lst -ojson',
    'lst --output=json',
    'lst --output json',
    'get -o json',
    'get A --nope -o json',
    'get a/b -o json',
    'update A --from keyvault:a/b -o json',
  ])('%s: the last line of stderr is JSON', async (line) => {
    const { code, stdout, error } = await openTenant().run(line);
    expect([code, stdout]).toEqual([2, '']);
    expect(error).toMatchObject({ error: { kind: 'usage', message: expect.any(String) } });
  });

  test('POLICYKEYS_OUTPUT=json counts for them, too', async () => {
    const { error } = await openTenant().run('lst', { environment: { POLICYKEYS_OUTPUT: 'json' } });
    expect(error).toMatchObject({ error: { kind: 'usage' } });
    const { stderr } = await openTenant().run('lst -o table', { environment: { POLICYKEYS_OUTPUT: 'json' } }); // prettier-ignore
    expect(stderr).not.toContain('{');
  });

  test.each([
    ['--timeout 0s', '--timeout'],
    ['--timeout soon', '--timeout'],
    ['--deadline 1y', '--deadline'],
    ['--profile prod', 'profile'],
    ['--tenant a/b', '--tenant'],
    ['--tenant ../..', '--tenant'],
    ['--graph-url http://graph.example', '--graph-url'],
    ['--graph-url https://a:b@graph.example', '--graph-url'],
    ['--graph-url https://graph.example/beta', '--graph-url'],
    ['--graph-url file:///etc', '--graph-url'],
    ['--cloud moon', '--cloud'],
    ['--auth magic', '--auth'],
    ['--color sometimes', '--color'],
    ['-o markdown', '--output'],
    ['--cloud emulator --graph-url https://localhost:1', '--graph-url'],
  ])('list %s is usage', async (flags, named) => {
    const ran = await openTenant().run(`list ${flags}`);
    expect([ran.code, ran.stdout, ran.asked]).toEqual([2, '', []]);
    expect(ran.stderr.split('\n')[0]).toContain(named);
  });

  test.each([
    ['POLICYKEYS_OUTPUT', 'xml'],
    ['POLICYKEYS_CLOUD', 'moon'],
    ['POLICYKEYS_AUTH', 'magic'],
    ['POLICYKEYS_TIMEOUT', 'x'],
    ['POLICYKEYS_MAX_RETRIES', '-1'],
    ['POLICYKEYS_GRAPH_URL', 'http://graph.example'],
    ['AZURE_TENANT_ID', 'a b'],
    ['AZURE_AUTHORITY_HOST', 'http://login.example'],
    ['POLICYKEYS_PROFILE', 'prod'],
  ])('%s=%s is usage and named', async (name, value) => {
    const ran = await openTenant().run('list', { environment: { [name]: value } });
    expect([ran.code, ran.asked]).toEqual([2, []]);
    expect(ran.stderr.split('\n')[0]).toContain(name === 'POLICYKEYS_PROFILE' ? 'profile' : name);
    // An empty one counts as unset.
    expect((await openTenant().run('list', { environment: { [name]: '' } })).code).toBe(0);
  });

  test('a keyset id that is none never reaches the service', async () => {
    for (const id of [
      'a/b',
      '..',
      '.',
      'a%2fb',
      'a b',
      'ä',
      'a\u0000b',
      'a\n',
      '',
      "a'b",
      'a.bak.bak',
      'B2C_1A_',
      '.bak',
      'a?x',
      'a#x',
      'K'.repeat(3) + '\u200b',
    ])
      // prettier-ignore
      for (const command of ['get', 'create', 'delete', 'get-active-key']) {
        const ran = await openTenant().run([command, id]);
        expect([id, command, ran.code, ran.asked]).toEqual([id, command, 2, []]);
        expect(ran.stderr).not.toContain('\u0000');
      }
  });
});

describe('formats', () => {
  test.each(['table', 'json', 'yaml', 'tsv', 'none'])(
    '-o %s before and after the command',
    async (format) => {
      const tenant = openTenant({ keysets });
      const after = await tenant.run(`get A -o ${format}`);
      expect(after.code).toBe(0);
      for (const line of [`-o ${format} get A`, `--output=${format} get A`, `get -o${format} A`])
        expect((await tenant.run(line)).stdout).toBe(after.stdout);
      const set = await tenant.run('get A', { environment: { POLICYKEYS_OUTPUT: format } });
      expect(set.stdout).toBe(after.stdout);
      expect(after.stdout === '').toBe(format === 'none');
      if (format !== 'none') expect(after.stdout.endsWith('\n')).toBe(true);
    },
  );

  test('-o none still writes', async () => {
    const tenant = openTenant();
    expect((await tenant.run('create A -o none')).stdout).toBe('');
    expect(await tenant.keysOf('B2C_1A_A')).toEqual([]);
  });

  test.each(['table', 'tsv', 'yaml', 'none'])(
    'a failure with -o %s has no JSON',
    async (format) => {
      const { stderr, stdout } = await openTenant().run(`get A -o ${format}`);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^error: .*\nhint: .*\nrequest-id .*\n$/);
    },
  );

  test.each([
    ['auto', {}, false],
    ['always', {}, true],
    ['never', { FORCE_COLOR: '1' }, false],
    ['auto', { FORCE_COLOR: '1' }, true],
    ['auto', { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    ['always', { NO_COLOR: '1' }, true],
    ['auto', { FORCE_COLOR: '0' }, false],
    ['auto', { NO_COLOR: '' }, false],
  ])('--color %s with %j to a pipe', async (mode, environment, coloured) => {
    const flags = mode === 'auto' ? '' : `--color ${mode}`;
    const { stdout } = await openTenant({ keysets }).run(`get A ${flags}`, { environment });
    expect(stdout.includes('\u001b[')).toBe(coloured);
    const failed = await openTenant().run(`get A ${flags}`, { environment });
    expect(failed.stderr.includes('\u001b[')).toBe(coloured);
  });

  test('a terminal has colours, unless NO_COLOR says otherwise; JSON never', async () => {
    const tenant = openTenant({ keysets });
    expect((await tenant.run('get A', { columns: 200 })).stdout).toContain('\u001b[');
    expect((await tenant.run('get A', { columns: 200, environment: { NO_COLOR: '1' } })).stdout).not.toContain('\u001b['); // prettier-ignore
    for (const format of ['json', 'yaml', 'tsv'])
      expect((await tenant.run(`get A -o ${format} --color always`)).stdout).not.toContain(
        '\u001b[',
      );
  });

  test('tsv escapes what would end a field or a line', async () => {
    const tenant = openTenant({ keysets });
    const { stdout } = await tenant.run([
      'get',
      'A',
      '-o',
      'tsv',
      '--query',
      '[\'a\\tb\', `"c\\nd"`]',
    ]);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  test('--query that finds nothing', async () => {
    const tenant = openTenant({ keysets });
    const run = async (format: string) =>
      (await tenant.run(['get', 'A', '-o', format, '--query', 'nowhere'])).stdout;
    expect([await run('json'), await run('tsv'), await run('yaml'), await run('table')]).toEqual([
      'null\n',
      '',
      'null\n',
      '(nothing)\n',
    ]);
  });
});

describe('what is said on stderr', () => {
  test('every write names the tenant before it is sent, once', async () => {
    const ran = await openTenant().run('generate-key A --kty oct --use sig --create');
    expect(ran.stderr.split('\n')[0]).toBe(`note: writing to tenant ${tenantName}`);
    expect(ran.stderr.match(/writing to/g)).toHaveLength(1);
    const token = await openTenant().run('create A', { environment: { AZURE_TENANT_ID: '' } });
    expect(token.stderr).toMatch(/note: writing to tenant [0-9a-f-]{36}\n/);
  });

  test('reads and dry runs do not', async () => {
    const tenant = openTenant({ keysets });
    for (const line of ['list', 'get A', 'keys list A', 'active A', 'create B --dry-run'])
      expect([line, (await tenant.run(line)).stderr]).toEqual([line, '']);
  });

  test('-q: nothing but failures', async () => {
    const tenant = openTenant({ keysets: { B2C_1A_A: [{ kid: 'a', status: 'disabled' }] } });
    expect((await tenant.run('-q create B')).stderr).toBe('');
    expect((await tenant.run('generate-key A --kty oct --use sig --if-empty --quiet')).stderr).toBe(
      '',
    );
    expect((await tenant.run('get Nowhere -q')).stderr).toMatch(/^error: /);
  });

  test('-v: a line a request', async () => {
    const { stderr } = await openTenant({ keysets }).run('get-active-key A -v');
    expect(stderr.replace(/request-id \S+/g, 'request-id X')).toBe(
      [
        'GET https://graph.microsoft.com/beta/trustFramework/keySets/B2C_1A_A 200 0 ms request-id X',
        'GET https://graph.microsoft.com/beta/trustFramework/keySets/B2C_1A_A/getActiveKey 200 0 ms request-id X',
        '',
      ].join('\n'),
    );
  });

  test('--debug: headers too, credentials left out', async () => {
    const { stderr } = await openTenant({ keysets }).run('get A --debug');
    expect(stderr).toMatch(
      / {2}> user-agent: policykeys\/\d+\.\d+\.\d+ \(node v20\.19\.0; linux\)/,
    );
    expect(stderr).toMatch(/ {2}> client-request-id: [-0-9a-f]{36}/);
    expect(stderr).toMatch(/ {2}< request-id: /);
    const failed = await openTenant().run('get A --debug');
    expect(failed.stderr).toMatch(/^not-found: /m);
    expect(failed.stderr).toMatch(/\n {4}at /);
    expect(failed.stderr).toMatch(/\nerror: /);
  });

  test('without --debug there is no trace', async () => {
    expect((await openTenant().run('get A')).stderr).not.toMatch(/\n\s+at /);
  });

  test('--cloud emulator says so, also with -q', async () => {
    const tenant = openTenant();
    for (const flags of ['', '-q', '-o json']) {
      const ran = await tenant.run(`list --cloud emulator ${flags}`);
      expect([ran.code, ran.stderr]).toEqual([
        0,
        'note: this is the embedded emulator, not a tenant\n',
      ]);
    }
    const made = await tenant.run('create A --cloud emulator');
    expect(made.stderr).toContain(`note: writing to the emulator's tenant ${tenantName}\n`);
    expect((await tenant.run('get A --cloud emulator')).code).toBe(0);
    expect((await tenant.run('emulator reset -o json')).json).toEqual({ state: join(tenant.folder, 'state/policykeys/emulator.json') }); // prettier-ignore
    expect((await tenant.run('get A --cloud emulator')).code).toBe(5);
  });

  test('in CI the emulator must come from the flag', async () => {
    const environment = { CI: 'true', POLICYKEYS_CLOUD: 'emulator' };
    const tenant = openTenant();
    expect((await tenant.run('list', { environment })).code).toBe(2);
    expect((await tenant.run('list --cloud emulator', { environment })).code).toBe(0);
    expect((await tenant.run('list', { environment: { POLICYKEYS_CLOUD: 'emulator' } })).code).toBe(
      0,
    );
  });

  test('several ways to sign in: a note', async () => {
    const environment = { AZURE_CLIENT_SECRET: keepSecret('the~client~secret') };
    const { stderr, code } = await openTenant().run('list', { environment });
    expect([code, stderr]).toEqual([0, 'note: signing in with token; secret configured too\n']);
  });
});

describe('failures of the service', () => {
  const answer = (status: number, code = '', message = ''): Promise<Ran> =>
    openTenant().run('get A -o json --max-retries 0', {
      intercept: () => ({ status, headers: { 'request-id': 'r-1' }, body: { error: { code, message } } }), // prettier-ignore
    });

  test.each([
    [401, 'InvalidAuthenticationToken', 4, 'auth'],
    [403, 'AADB2C', 9, 'permission'],
    [404, 'ResourceNotFound', 5, 'not-found'],
    [404, '', 5, 'not-found'],
    [400, 'AADB2C90073', 5, 'not-found'],
    [400, 'AADB2C95028', 6, 'conflict'],
    [409, '', 6, 'conflict'],
    [412, '', 6, 'conflict'],
    [400, 'AADB2C', 7, 'service'],
    [429, 'TooManyRequests', 7, 'service'],
    [500, 'AADB2C90063', 7, 'service'],
    [503, '', 7, 'service'],
    [302, '', 7, 'service'],
    [418, '', 7, 'service'],
  ])('%s %s is %s %s, and carries the ids', async (status, code, exit, kind) => {
    const ran = await answer(status, code, 'a message');
    expect([ran.code, ran.stdout]).toEqual([exit, '']);
    expect(ran.error).toMatchObject({ error: { kind, status, requestId: 'r-1' } });
    expect(ran.stderr).toContain('request-id r-1');
  });

  test('a 403 names the permission that is missing', async () => {
    const ran = await answer(403, 'AADB2C', 'The application does not have any …');
    expect(ran.stderr).toContain('error: TrustFrameworkKeySet.Read.All is missing');
    const write = await openTenant().run('create A', { intercept: () => ({ status: 403 }) });
    expect([write.code, write.stderr]).toEqual([9, expect.stringContaining('TrustFrameworkKeySet.ReadWrite.All is missing')]); // prettier-ignore
  });

  test('a message with an escape sequence is tamed', async () => {
    const ran = await answer(400, 'Bad', 'red \u001b[31m and\nnew line \u202e \u2028');

    expect(ran.stderr).not.toMatch(/[\u001b\u202e\u2028]/);
    expect(ran.stderr.trimEnd().split('\n')).toHaveLength(4);
  });

  test('retries are told, and counted', async () => {
    let left = 2;
    const ran = await openTenant({ keysets }).run('get A', {
      intercept: () =>
        (left -= 1) >= 0 ? { status: 429, headers: { 'retry-after': '0' }, body: {} } : undefined,
    });
    expect([ran.code, ran.asked.length]).toEqual([0, 3]);
    expect(ran.stderr).toMatch(/^(note: .*429.*; waiting 0\.0 s\n){2}$/);
    const never = await openTenant({ keysets }).run('get A --max-retries 1', {
      intercept: () => ({ status: 429, headers: { 'retry-after': '0' }, body: {} }),
    });
    expect([never.code, never.asked.length]).toEqual([7, 2]);
  });

  test('what the service wants us to wait is not waited when it is too long', async () => {
    const ran = await openTenant({ keysets }).run('get A -o json', {
      intercept: () => ({ status: 429, headers: { 'retry-after': '3600' }, body: {} }),
    });
    expect([ran.code, ran.asked.length]).toEqual([7, 1]);
    expect(ran.error).toMatchObject({ error: { hint: 'run again after 2030-01-01T01:00:00Z (60 minutes from now)' } }); // prettier-ignore
  });
});

describe('signals', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends a wait at once with %s', async (signal, code) => {
    let send: (signal: 'SIGINT' | 'SIGTERM') => void = () => undefined;
    const ran = await openTenant({ keysets }).run('get A -o json', {
      onListen: (sender) => {
        send = sender;
      },
      intercept: () => {
        setImmediate(() => {
          send(signal);
        });
        return { status: 429, headers: { 'retry-after': '100' }, body: {} };
      },
    });
    expect([ran.code, ran.stdout]).toEqual([code, '']);
    expect(ran.error).toMatchObject({ error: { kind: 'cancelled', message: 'interrupted' } });
  });
});

describe('signing in', () => {
  test.each([
    ['--cloud emulator get', 'policykeys get --help'],
    ['-o json get --no-such', 'policykeys get --help'],
    ['--tenant keys keys get A', 'policykeys keys get --help'],
  ])('%s points to the help of its command', async (line, help) => {
    const ran = await openTenant().run(line);
    expect([ran.code, ran.stderr]).toMatchObject([2, expect.stringContaining(`hint: see ${help}`)]);
  });

  test('nothing is configured: auth, whatever else is missing', async () => {
    const ran = await openTenant().run('list', {
      environment: { POLICYKEYS_ACCESS_TOKEN: '', AZURE_TENANT_ID: '' },
    });
    expect([ran.code, ran.asked]).toEqual([4, []]);
    expect(ran.stderr).toMatch(/^error: no way to sign in is configured\nhint: /);
  });

  test('the method that is named is not there', async () => {
    const ran = await openTenant().run('list --auth federated');
    expect([ran.code, ran.asked]).toEqual([4, []]);
    expect(ran.stderr).toContain('AZURE_FEDERATED_TOKEN_FILE');
  });

  test('a token with a line break in it', async () => {
    const token = `Bearer ${keepSecret('abcdefghijkl')}`;
    const ran = await openTenant().run('list --debug', {
      environment: { POLICYKEYS_ACCESS_TOKEN: token },
    });
    expect([ran.code, ran.asked]).toEqual([4, []]);
  });

  test('a refused token is not sent twice', async () => {
    const ran = await openTenant().run('list', { intercept: () => ({ status: 401 }) });
    expect([ran.code, ran.asked.length]).toEqual([4, 1]);
  });

  const jwt = (claims: object): string =>
    `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;
  const [ours, theirs] = ['1', '2'].map(
    (digit) => '00000000-0000-4000-8000-0000000000000'.slice(0, 35) + digit,
  );

  test.each([
    ['https://vault.azure.net', 4],
    ['https://graph.microsoft.us', 4],
    ['https://graph.microsoft.com', 0],
    ['https://graph.microsoft.com/', 0],
    ['00000003-0000-0000-c000-000000000000', 0],
  ])('a token for %s: %i', async (aud, code) => {
    const ran = await openTenant({ keysets }).run('list', {
      environment: { POLICYKEYS_ACCESS_TOKEN: jwt({ aud }) },
    });
    expect([ran.code, ran.asked.length]).toEqual([code, code === 0 ? 1 : 0]);
    if (code !== 0) expect(ran.stderr).toContain(`POLICYKEYS_ACCESS_TOKEN is for ${aud}`);
  });

  test.each([
    ['another tenant', theirs, 2],
    ['the same tenant', ours, 0],
    ['a domain, which cannot be compared', 'contoso.onmicrosoft.com', 0],
  ])('a write with a token for %s', async (_, named, code) => {
    const environment = {
      POLICYKEYS_ACCESS_TOKEN: jwt({ tid: ours }),
      AZURE_TENANT_ID: named ?? '',
    };
    const tenant = openTenant({ keysets });
    const ran = await tenant.run('create New', { environment });
    expect(ran.code).toBe(code);
    if (code === 0) return;
    expect(ran.asked).toEqual([]);
    expect(ran.stderr).toContain(
      `the token is for tenant ${String(ours)}, and ${String(named)} was named`,
    );
    // Reading does no harm.
    expect((await tenant.run('list', { environment })).code).toBe(0);
  });

  test('what needs no service needs no sign-in', async () => {
    const environment = { POLICYKEYS_ACCESS_TOKEN: '', AZURE_TENANT_ID: '' };
    for (const line of ['completion bash', 'emulator reset', 'create A --dry-run', '__keysets'])
      expect([line, (await openTenant().run(line, { environment })).code]).toEqual([line, 0]);
  });
});

describe('--audit-log', () => {
  async function audit(line: string, tenant = openTenant(), environment = {}) {
    const file = join(tenant.folder, 'audit.log');
    const ran = await tenant.run(`${line} --audit-log ${file}`, { environment });
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const entries = text
      .split('\n')
      .filter(Boolean)
      .map((one) => parseJson(one) as Record<string, unknown>); // lines of our own log
    return { ran, file, entries };
  }

  test('a line before the write is sent and one when it is settled', async () => {
    const tenant = openTenant({ keysets });
    const { ran, entries, file } = await audit(
      'keys disable A a1 --force --reason rotation',
      tenant,
      {
        GITHUB_RUN_ID: '42',
        GITHUB_SERVER_URL: 'https://github.example',
        GITHUB_REPOSITORY: 'contoso/keys',
      },
    );
    expect(ran.code).toBe(0);
    const common = {
      time: '2030-01-01T00:00:00.000Z',
      operation: expect.stringMatching(/^[-0-9a-f]{36}$/),
      tenant: expect.stringMatching(/^[-0-9a-f]{36}$/),
      cloud: 'global',
      who: '11111111-2222-4333-8444-555555555555',
      command: 'keys disable',
      reason: 'rotation',
      pipelineRun: 'https://github.example/contoso/keys/actions/runs/42',
      method: 'PATCH',
      keyset: 'B2C_1A_A',
      kid: 'a1',
    };
    expect(entries).toEqual([
      { ...common, event: 'sending' },
      { ...common, event: 'settled', result: 'done' },
    ]);
    expect(entries[0]?.['operation']).toBe(entries[1]?.['operation']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('an addition names the new kid, and no secret', async () => {
    const tenant = openTenant();
    const SECRET = keepSecret('audited-secret-value');
    const { entries, file } = await audit('upload-secret A --use sig --from env:SECRET --create', tenant, { SECRET }); // prettier-ignore
    expect(entries.map((one) => [one['event'], one['method'], one['kid']])).toEqual([
      ['sending', 'POST', undefined],
      ['settled', 'POST', undefined],
      ['sending', 'POST', undefined],
      ['settled', 'POST', (await tenant.keysOf('B2C_1A_A'))?.[0]?.kid],
    ]);
    expect(readFileSync(file, 'utf8')).not.toContain(SECRET);
  });

  test('a refusal, with the ids of the service', async () => {
    const { ran, entries } = await audit('create A', openTenant({ keysets }));
    expect(ran.code).toBe(6);
    expect(entries[1]).toMatchObject({ result: 'failed', kind: 'conflict', status: 400, code: 'AADB2C95028', requestId: expect.any(String), correlationId: expect.any(String) }); // prettier-ignore
  });

  test('it cannot be written: nothing is sent', async () => {
    const tenant = openTenant();
    mkdirSync(join(tenant.folder, 'audit.log'));
    const ran = await tenant.run(
      `create A -o json --audit-log ${join(tenant.folder, 'audit.log')}`,
    );
    expect([ran.code, ran.asked]).toEqual([3, []]);
    expect(ran.error).toMatchObject({
      error: { hint: 'nothing was sent; pass another --audit-log' },
    });
  });

  test('reads and dry runs leave no line', async () => {
    const tenant = openTenant({ keysets });
    expect((await audit('get A', tenant)).entries).toEqual([]);
    expect((await audit('delete A --dry-run', tenant)).entries).toEqual([]);
  });

  test('appends; POLICYKEYS_AUDIT_LOG and POLICYKEYS_REASON are the same', async () => {
    const tenant = openTenant();
    const POLICYKEYS_AUDIT_LOG = join(tenant.folder, 'audit.log');
    await tenant.run('create A', {
      environment: { POLICYKEYS_AUDIT_LOG, POLICYKEYS_REASON: 'why' },
    });
    const { entries } = await audit('create B', tenant);
    expect(entries.map((one) => [one['keyset'], one['reason']])).toEqual([
      ['B2C_1A_A', 'why'],
      ['B2C_1A_A', 'why'],
      ['B2C_1A_B', undefined],
      ['B2C_1A_B', undefined],
    ]);
  });
});

describe('--dry-run sends no write, whatever the command', () => {
  test.each([
    'create B',
    'delete A',
    'generate-key A --kty oct --use sig --nbf now',
    'generate-key A --kty oct --use sig --nbf now --enable',
    'generate-key A --kty oct --use sig --stage',
    'upload-secret A --use sig --from env:VALUE --nbf now',
    'update A --from env:JWKS',
    'keys disable A a1 --force',
    'keys enable A a1',
  ])('%s', async (line) => {
    const VALUE = keepSecret('dGhlLXZhbHVl');
    const JWKS = JSON.stringify({ keys: [{ kty: 'oct', use: 'sig', k: VALUE }] });
    const tenant = openTenant({ keysets });
    const before = await tenant.store.read();
    const ran = await tenant.run(`${line} --dry-run -o json --no-input`, {
      environment: { VALUE, JWKS },
    });
    expect([ran.code, lines(ran.wrote), ran.stderr]).toEqual([0, [], '']);
    expect(await tenant.store.read()).toBe(before);
    expect(ordered(ran.json)).toMatch(/^\{"dryRun":true,"requests":\[.*\]\}$/);
    for (const format of ['table', 'tsv', 'yaml'])
      expect((await tenant.run(`${line} --dry-run -o ${format}`, { environment: { VALUE, JWKS } })).code).toBe(0); // prettier-ignore
  });

  test('no command was forgotten', () => {
    const writing = leaves.filter((name) => !/^(?:list|get|get-active-key|keys (?:list|get)|inspect|emulator .*|completion|__keysets)$/.test(name)); // prettier-ignore
    // Those that write files are tested in their own: convert.test.ts, generate-certificate.test.ts.
    expect(writing).toEqual(['create', 'update', 'delete', 'generate-key', 'upload-secret', 'upload-certificate', 'upload-pkcs12', 'keys enable', 'keys disable', 'convert', 'generate-certificate']); // prettier-ignore
  });
});

describe('aliases', () => {
  test.each([
    ['ls', 'list'],
    ['show A', 'get A'],
    ['active A', 'get-active-key A'],
  ])('%s is %s', async (alias, name) => {
    const tenant = openTenant({ keysets });
    const [short, long] = [await tenant.run(alias), await tenant.run(name)];
    expect([short.code, short.stdout]).toEqual([0, long.stdout]);
  });
});
