/** `emulator serve`: what it prints is all that a client needs. */
import { join } from 'node:path';
import { failure, newFolder, openSite, start, type Done, type Running } from '../support/binary.ts'; // prettier-ignore

interface Served {
  readonly environment: Readonly<Record<string, string>>;
  readonly running: Running;
  readonly run: (line: string) => Promise<Done>;
}

async function serve(flags: string): Promise<Served> {
  const HOME = newFolder();
  const running = start(`emulator serve ${flags}`.trim().split(' '), { environment: { HOME } });
  const printed = await running.says('NODE_EXTRA_CA_CERTS');
  const environment: Record<string, string> = { HOME };
  for (const [, name = '', value = ''] of printed.matchAll(/^export (\w+)='(.*)'$/gm)) environment[name] = value; // prettier-ignore
  expect(Object.keys(environment).filter((name) => name !== 'AZURE_CLIENT_SECRET')).toEqual(['HOME', 'POLICYKEYS_GRAPH_URL', 'AZURE_AUTHORITY_HOST', 'AZURE_TENANT_ID', 'AZURE_CLIENT_ID', 'NODE_EXTRA_CA_CERTS']); // prettier-ignore
  return {
    environment,
    running,
    run: (line) => start(line.split(' '), { environment }).done,
  };
}

test('the program itself works against it, and --cloud emulator shows the same keysets', async () => {
  const { run, running } = await serve('');
  expect((await run('create A -o none')).code).toBe(0);
  expect((await run('get A -o json')).code).toBe(0);
  expect((await run('list --cloud emulator -o tsv --query [].id')).stdout).toBe('B2C_1A_A\n');
  running.child.kill('SIGINT');
  expect((await running.done).code).toBe(130);
});

test('switches and faults', async () => {
  const { run } = await serve('--not-found-status 400 --new-keys disabled --key-status omitted --page-size 1 --latency 0s --fault 429=0@list:2 AADB2C95053@create'); // prettier-ignore
  const missing = await run('get Nowhere -o json');
  expect([missing.code, failure(missing)]).toMatchObject([5, { error: { status: 400 } }]);
  expect((await run('list')).stderr.match(/waiting/g)).toHaveLength(2);
  expect((await run('create A')).code).toBe(0);
  const added = await run('generate-key A --kty oct --use sig -o json');
  expect([added.code, added.stderr]).toMatchObject([
    0,
    expect.stringContaining('warning: the service added '),
  ]);
});

test.each([
  '--port 65536',
  '--port x',
  '--fault nonsense',
  '--latency soon',
  '--new-keys maybe',
  '--page-size 0',
  '--not-found-status 500',
  '--role Everything',
])('%s is usage', async (flags) => {
  const done = await start(['emulator', 'serve', ...flags.split(' '), '-o', 'json'], { environment: { HOME: newFolder() } }).done; // prettier-ignore
  expect([done.code, done.stdout, failure(done)]).toMatchObject([
    2,
    '',
    { error: { kind: 'usage' } },
  ]);
});

test('a port that is taken', async () => {
  const site = await openSite();
  const port = new URL(site.server.graphUrl).port;
  const done = await start(['emulator', 'serve', '--port', port], {
    environment: { HOME: site.home },
  }).done;
  expect([done.code, done.stderr]).toMatchObject([2, expect.stringContaining(`cannot listen on port ${port}`)]); // prettier-ignore
});

test('its file can be named, and reset says which', async () => {
  const HOME = newFolder();
  const POLICYKEYS_EMULATOR_STATE = join(HOME, 'deep/er/state.json');
  const environment = { HOME, POLICYKEYS_EMULATOR_STATE };
  expect((await start(['create', 'A', '--cloud', 'emulator'], { environment }).done).code).toBe(0);
  const done = await start(['emulator', 'reset'], { environment }).done;
  expect([done.code, done.stdout]).toEqual([0, `STATE\n${POLICYKEYS_EMULATOR_STATE}\n`]);
  expect((await start(['get', 'A', '--cloud', 'emulator'], { environment }).done).code).toBe(5);
});
