/** Pipes, files and devices in the place of stdin, stdout and stderr. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryStore } from '../../src/edge/emulator-store.ts';
import { defaultTenant, emptyState, putKeySet, tenantId } from '../../src/emulator/state.ts';
import { binary, guard, openSite, type Site } from '../support/binary.ts';
import { parseJson } from '../support/world.ts';

let site: Site;

/** A server with more keysets than a pipe holds, reached from the home of the other one. */
async function openCrowdedSite(): Promise<Site> {
  const tenant = { id: tenantId(defaultTenant), name: defaultTenant };
  const keys = [{ kid: 'k'.repeat(43), kty: 'oct', use: 'sig', status: 'enabled' }] as const;
  let state = emptyState;
  for (let index = 0; index < 2000; index += 1)
    state = putKeySet(state, tenant, `B2C_1A_K${String(index)}`, { createdAt: 0, keys });
  const crowded = await openSite({ store: memoryStore(state), switches: { pageSize: 700 } });
  return { ...crowded, environment: { ...crowded.environment, HOME: site.home } };
}

beforeAll(async () => {
  site = await openSite();
  for (let index = 0; index < 3; index += 1) await site.run(`create K${String(index)} -q -o none`);
});

test('process substitution, and a secret from a pipe', async () => {
  const value = guard('the secret of a pipe');
  const script = `
    policykeys upload-secret P --use sig --create --from <(printf '%s\\n' "$VALUE") -o none &&
    printf '%s' "$VALUE" | policykeys upload-secret P --use sig --from - -o none`;
  const done = await site.shell(script, { environment: { VALUE: value } });
  expect([done.code, done.stdout]).toEqual([0, '']);
  const sent = site.received.filter((one) => one.operation === 'uploadSecret');
  expect(sent.map(({ body }) => parseJson(body))).toEqual([
    { use: 'sig', k: value },
    { use: 'sig', k: value },
  ]);
});

test('a certificate from process substitution', async () => {
  const file = join(import.meta.dirname, '../fixtures/demo/partner.cer');
  const script = 'policykeys upload-certificate C <(openssl x509 -inform DER -in "$FILE") --create -o tsv --query use'; // prettier-ignore
  const done = await site.shell(script, { environment: { FILE: file } });
  expect([done.code, done.stdout]).toEqual([0, 'enc\n']);
});

describe('a reader that goes away', () => {
  test.each(['list -o json', '--help', 'completion bash', '--version', 'get Nowhere'])(
    'policykeys %s | true',
    async (line) => {
      const done = await site.shell(`policykeys ${line} | true; echo "\${PIPESTATUS[0]}"`);
      expect(done.stdout).toBe(line === 'get Nowhere' ? '5\n' : '0\n');
      if (line !== 'get Nowhere') expect(done.stderr).toBe('');
    },
  );

  test('| head -c 1, with more than a pipe holds', async () => {
    const { environment } = await openCrowdedSite();
    const done = await site.shell('policykeys list -o json | head -c 1; echo " ${PIPESTATUS[0]}"', {
      environment,
    });
    expect([done.stdout, done.stderr]).toEqual(['[ 0\n', '']);
  });

  test('stderr went away: the command is carried out all the same', async () => {
    const done = await site.shell(
      'policykeys create Gone -v 2> >(true); echo "$?"; policykeys list -o tsv --query "[].id" 2>&-',
    );
    expect(done.stdout).toContain('0\n');
    expect(done.stdout).toContain('B2C_1A_Gone\n');
  });
});

describe('/dev/full', () => {
  test('the result cannot be written: said, and no success', async () => {
    const done = await site.shell('policykeys list > /dev/full');
    expect(done.code).toBe(1);
    expect(done.stderr).toContain('error: cannot write the result: ENOSPC');
    expect(done.stderr).not.toMatch(/\n\s+at /);
  });

  test('of a write: says that it was carried out', async () => {
    const done = await site.shell('policykeys create Full -o json > /dev/full');
    expect(done.code).toBe(1);
    expect(done.stderr).toContain('hint: the command itself was carried out');
    expect((await site.run('get Full')).code).toBe(0);
  });

  test('stderr is full: the result comes all the same', async () => {
    const done = await site.shell('policykeys create Err -o json 2> /dev/full');
    expect([done.code, JSON.parse(done.stdout)]).toMatchObject([0, { id: 'B2C_1A_Err' }]);
  });

  test('the audit log is full: nothing is sent', async () => {
    const before = site.server.requests.length;
    const done = await site.run('create NotSent --audit-log /dev/full');
    expect([done.code, done.stderr]).toMatchObject([
      3,
      expect.stringContaining('nothing was sent'),
    ]);
    expect(site.server.requests.slice(before).filter((one) => one.operation === 'create')).toEqual(
      [],
    );
  });
});

test.each(['<&-', '0<&- 2>&-', '2>&-'])('%s', async (redirection) => {
  const done = await site.shell(
    `policykeys list -o tsv --query 'length(@) > \`2\`' ${redirection}`,
  );
  expect([done.code, done.stdout]).toEqual([0, 'true\n']);
});

test('into a file, whole', async () => {
  const done = await site.shell('policykeys list -o json > out.json 2> err.txt');
  expect([done.code, done.stdout, done.stderr]).toEqual([0, '', '']);
  expect(JSON.parse(readFileSync(join(site.home, 'out.json'), 'utf8')).length).toBeGreaterThan(2);
  expect(readFileSync(join(site.home, 'err.txt'), 'utf8')).toBe('');
});

test('much, through a file, a pipe and a pipe that does not wait', async () => {
  const { environment } = await openCrowdedSite();
  const script = `
    policykeys list -o json > all.json && policykeys list -o json | cat | cmp - all.json &&
    python3 -c '
import os, subprocess, sys
reader, writer = os.pipe()
os.set_blocking(writer, False)
child = subprocess.Popen(sys.argv[1:], stdout=writer)
os.close(writer)
shown = b"".join(iter(lambda: os.read(reader, 4096), b""))
sys.exit(child.wait() or shown != open("all.json", "rb").read())
' "$@"`;
  const words = [process.execPath, binary, 'list', '-o', 'json'];
  const done = await site.shell(script, { environment, words });
  expect([done.code, done.stdout, done.stderr]).toEqual([0, '', '']);
  expect(statSync(join(site.home, 'all.json')).size).toBeGreaterThan(1 << 19);
});

test('no spinner, no colour and no question without a terminal', async () => {
  const slow = await openSite({ faults: ['delay=700ms@list'] });
  const done = await slow.run('list');
  expect([done.code, done.stderr]).toEqual([0, '']);
  const coloured = await site.run('list --color always');
  expect(coloured.stdout).toContain('\u001b[');
  for (const environment of [{ FORCE_COLOR: '1' }, { FORCE_COLOR: '1', NO_COLOR: '1' }])
    expect((await site.run('list', { environment })).stdout.includes('\u001b[')).toBe(!('NO_COLOR' in environment)); // prettier-ignore
  expect((await site.run('delete K0')).code).toBe(2);
  expect((await site.run('upload-secret K0 --use sig')).code).toBe(2);
});

test('the cache is the user’s own', async () => {
  const { stdout } = await site.shell(
    'find .cache -type f -printf "%m %P\\n"; find .cache -type d -printf "%m\\n"',
  );
  for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^(?:600 |700$)/);
  expect(stdout).toMatch(/600 policykeys\/tokens\/[0-9a-f]{32}\.json/);
  expect(existsSync(join(site.home, '.cache/policykeys/names'))).toBe(true);
});

test('a home that cannot be written to: everything works, without a cache', async () => {
  writeFileSync(join(site.home, 'file'), '');
  const environment = { XDG_CACHE_HOME: join(site.home, 'file') };
  expect((await site.run('list -o none', { environment })).code).toBe(0);
});
