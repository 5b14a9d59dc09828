/** Pipes, files and devices in the place of stdin, stdout and stderr. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { guard, openSite, type Site } from '../support/binary.ts';

let site: Site;
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
  expect(sent.map(({ body }) => JSON.parse(body))).toEqual([
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
    // 64 KiB fill a pipe: the writer waits, and then learns that nobody reads.
    const done = await site.shell(
      `policykeys list -o json --query 'map(&[].{a: id, b: id}, range(\`6000\`))' 2>/dev/null | head -c 1; policykeys completion bash | head -c 1; echo "\${PIPESTATUS[0]}"`,
    );
    expect(done.stdout.endsWith('0\n')).toBe(true);
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
    expect([done.code, done.stderr]).toMatchObject([3, expect.stringContaining('nothing was sent')]);
    expect(site.server.requests.slice(before).filter((one) => one.operation === 'create')).toEqual([]);
  });
});

test.each(['<&-', '0<&- 2>&-', '2>&-'])('%s', async (redirection) => {
  const done = await site.shell(`policykeys list -o tsv --query 'length(@) > \`2\`' ${redirection}`);
  expect([done.code, done.stdout]).toEqual([0, 'true\n']);
});

test('into a file, whole', async () => {
  const done = await site.shell('policykeys list -o json > out.json 2> err.txt');
  expect([done.code, done.stdout, done.stderr]).toEqual([0, '', '']);
  expect(JSON.parse(readFileSync(join(site.home, 'out.json'), 'utf8')).length).toBeGreaterThan(2);
  expect(readFileSync(join(site.home, 'err.txt'), 'utf8')).toBe('');
});

test('a megabyte through a pipe that is read slowly', async () => {
  const script = `policykeys completion bash | { read -r first; cat; } | wc -c; policykeys completion bash | wc -c`;
  const [rest, all] = (await site.shell(script)).stdout.trim().split('\n').map(Number);
  expect(rest).toBeGreaterThan(0);
  expect(all).toBeGreaterThan(rest ?? 0);
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
  const { stdout } = await site.shell('find .cache -type f -printf "%m %P\\n"; find .cache -type d -printf "%m\\n"');
  for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^(?:600 |700$)/);
  expect(stdout).toMatch(/600 policykeys\/tokens\/[0-9a-f]{32}\.json/);
  expect(existsSync(join(site.home, '.cache/policykeys/names'))).toBe(true);
});

test('a home that cannot be written to: everything works, without a cache', async () => {
  writeFileSync(join(site.home, 'file'), '');
  const environment = { XDG_CACHE_HOME: join(site.home, 'file') };
  expect((await site.run('list -o none', { environment })).code).toBe(0);
});
