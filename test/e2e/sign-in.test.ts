/** Tokens and their cache, the emulator's file, and what many processes do to both at once. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure, guard, openSite, start, type Site } from '../support/binary.ts';
import { parseJson } from '../support/world.ts';

const tokens = (site: Site): number =>
  site.server.requests.filter((one) => one.operation === 'token').length;

const cacheFile = (site: Site): string => {
  const folder = join(site.home, '.cache/policykeys/tokens');
  const [name = ''] = readdirSync(folder).filter((one) => one.endsWith('.json'));
  return join(folder, name);
};

test('twenty runs at once and five one after the other ask for one token', async () => {
  const site = await openSite();
  const together = await Promise.all(Array.from({ length: 20 }, () => site.run('list -o json')));
  expect(together.map(({ code, stderr }) => [code, stderr])).toEqual(Array(20).fill([0, '']));
  for (let index = 0; index < 5; index += 1) expect((await site.run('list')).code).toBe(0);
  expect(tokens(site)).toBe(1);
  expect(statSync(cacheFile(site)).mode & 0o777).toBe(0o600);
  const left = (await site.shell('find .cache -name "*.lock*" -o -name "*.tmp"')).stdout;
  expect(left).toBe('');
}, 60_000);

test('a token that is cached proves nothing of another secret', async () => {
  const site = await openSite();
  expect((await site.run('list')).code).toBe(0);
  const done = await site.run('list', { environment: { AZURE_CLIENT_SECRET: 'another-one' } });
  expect(done.code).toBe(4);
  expect(done.stderr).toContain('AADSTS7000215');
});

test.each(['{', '', '{}', '[]', '\u0000', '{"AccessToken":{"x":{}}}', 'null'])(
  'a damaged cache %j is a cold one',
  async (text) => {
    const site = await openSite();
    await site.run('list');
    writeFileSync(cacheFile(site), text);
    const done = await site.run('list');
    expect([done.code, done.stderr, tokens(site)]).toEqual([0, '', 2]);
    await site.run('list');
    expect(tokens(site)).toBe(2);
  },
);

test('a cached token that Graph does not take any more is replaced once', async () => {
  const site = await openSite();
  await site.run('list');
  const file = cacheFile(site);
  // Another signature: as if the service had revoked it.
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(/("secret":"[^".]+\.[^".]+\.)[^"]+/, '$1AAAA'),
  );
  const done = await site.run('list');
  expect([done.code, tokens(site)]).toEqual([0, 2]);
  expect((await site.run('list')).code).toBe(0);
  expect(tokens(site)).toBe(2);
});

test('each tenant and each app has its own', async () => {
  const site = await openSite();
  await site.run('list');
  await site.run('list --tenant fabrikam.onmicrosoft.com');
  await site.run('list --tenant FABRIKAM.onmicrosoft.com');
  expect(tokens(site)).toBe(2);
  await site.run('create A -o none --tenant fabrikam.onmicrosoft.com');
  expect((await site.run('get A')).code).toBe(5);
});

test('a federated token', async () => {
  const site = await openSite();
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: 'https://issuer.example', sub: 'workload', aud: 'api://AzureADTokenExchange', exp: 4e9 }; // prettier-ignore
  const assertion = guard(`${part({ alg: 'RS256' })}.${part(claims)}.c2ln`);
  const file = join(site.home, 'assertion');
  writeFileSync(file, `${assertion}\n`);
  const environment = { AZURE_CLIENT_SECRET: '', AZURE_FEDERATED_TOKEN_FILE: file };
  expect((await site.run('list --debug', { environment })).code).toBe(0);
  expect(site.received.find((one) => one.operation === 'token')?.body).toContain(
    'client_assertion=',
  );
  // Both are configured: the first in the documented order is used, and a note says so.
  const both = await site.run('list', { environment: { AZURE_FEDERATED_TOKEN_FILE: file } });
  expect([both.code, both.stderr]).toEqual([0, 'note: signing in with federated; secret configured too\n']); // prettier-ignore
  writeFileSync(file, guard('no token at all'));
  const wrong = await site.run('list -o json --tenant other.example --debug', { environment });
  expect([wrong.code, failure(wrong)]).toMatchObject([3, { error: { kind: 'input' } }]);
});

test.each(['pem', 'pfx'])('a certificate (%s)', async (kind) => {
  const site = await openSite();
  const path = join(site.home, `app.${kind}`);
  const openssl = (...args: string[]): unknown => execFileSync('openssl', args, { cwd: site.home, stdio: 'pipe' }); // prettier-ignore
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'key', '-out', 'cert', '-subj', '/CN=app'); // prettier-ignore
  const key = readFileSync(join(site.home, 'key'), 'utf8');
  guard(key.split('\n')[3] ?? '');
  const AZURE_CLIENT_CERTIFICATE_PASSWORD = kind === 'pfx' ? guard('pfx-of-the-app') : '';
  if (kind === 'pem') writeFileSync(path, readFileSync(join(site.home, 'cert'), 'utf8') + key);
  else openssl('pkcs12', '-export', '-inkey', 'key', '-in', 'cert', '-out', 'app.pfx', '-passout', `pass:${AZURE_CLIENT_CERTIFICATE_PASSWORD}`); // prettier-ignore
  const environment = { AZURE_CLIENT_SECRET: '', AZURE_CLIENT_CERTIFICATE_PATH: path, AZURE_CLIENT_CERTIFICATE_PASSWORD }; // prettier-ignore
  const done = await site.run('list --debug -o json', { environment });
  expect([done.code, done.stdout]).toEqual([0, '[]\n']);
});

test('a ready token: MSAL is not asked, and no tenant is needed', async () => {
  const site = await openSite();
  await site.run('list');
  const bearer =
    site.received.find((one) => one.operation === 'list')?.headers['authorization'] ?? '';
  const environment = {
    POLICYKEYS_ACCESS_TOKEN: bearer.replace('Bearer ', ''),
    AZURE_TENANT_ID: '',
    AZURE_CLIENT_ID: '',
    AZURE_CLIENT_SECRET: '',
    XDG_CACHE_HOME: join(site.home, 'other'),
  };
  const done = await site.run('create A -o none', { environment });
  expect([done.code, tokens(site)]).toEqual([0, 1]);
  expect(done.stderr).toMatch(/^note: writing to tenant [-0-9a-f]{36}\n/);
});

test('the sign-in service throttles: it is asked again', async () => {
  const site = await openSite({ faults: ['429=0@token:2'] });
  const done = await site.run('list');
  expect([done.code, tokens(site)]).toEqual([0, 3]);
});

test('HTTP/1.1 only', async () => {
  const site = await openSite();
  const done = await site.run('list', { environment: { POLICYKEYS_HTTP1: '1' } });
  expect(done.code).toBe(0);
  expect(site.received.every((one) => one.headers['host'] !== undefined)).toBe(true);
});

describe('many processes write at once', () => {
  test('to one file of the emulator: nothing is lost', async () => {
    const site = await openSite();
    const ids = Array.from({ length: 12 }, (_, index) => `K${String(index)}`);
    const run = (line: string) =>
      start([...line.split(' '), '--cloud', 'emulator'], { environment: { HOME: site.home } }).done;
    await run('create Shared -o none');
    const done = await Promise.all(
      ids.flatMap((id) => [run(`create ${id} -q -o none`), run('generate-key Shared --kty oct --use sig -q -o none')]), // prettier-ignore
    );
    expect(done.map(({ code }) => code)).toEqual(Array(24).fill(0));
    const listed = JSON.parse((await run('list -o json')).stdout) as {
      id: string;
      keys: unknown[];
    }[];
    expect(listed.map(({ id }) => id)).toEqual([...ids.map((id) => `B2C_1A_${id}`).sort(), 'B2C_1A_Shared']); // prettier-ignore
    expect(listed.at(-1)?.keys).toHaveLength(12);
    const { stdout } = await site.shell('find .local -type f -printf "%m %f\\n"');
    expect(stdout).toBe('600 emulator.json\n');
  }, 60_000);

  test('to one server: every key is there once, and the service’s conflicts are repeated', async () => {
    const site = await openSite({ faults: ['AADB2C95053@generateKey:2'] });
    await site.run('create A -o none');
    const done = await Promise.all(
      Array.from({ length: 4 }, () =>
        site.run('generate-key A --kty oct --use sig -o tsv --query kid'),
      ),
    );
    expect(done.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const kids = (await site.run(['get', 'A', '-o', 'tsv', '--query', 'keys[].kid'])).stdout;
    expect(kids.trim().split('\n').sort()).toEqual(done.map(({ stdout }) => stdout.trim()).sort());
  });

  test('to one audit log: no line is torn', async () => {
    const site = await openSite();
    await Promise.all(
      Array.from({ length: 8 }, (_, index) => site.run(`create K${String(index)} -q -o none --audit-log a.log`)),
    ); // prettier-ignore
    const lines = readFileSync(join(site.home, 'a.log'), 'utf8').trim().split('\n');
    const parsed = lines.map((line) => parseJson(line) as { operation: string });
    expect(parsed).toHaveLength(16);
    expect(new Set(parsed.map(({ operation }) => operation)).size).toBe(8);
  });
});

test('an answer that is lost after it was carried out: the key is there once', async () => {
  const site = await openSite({ faults: ['reset-after@uploadSecret'] });
  const VALUE = guard('the value whose answer was lost');
  const done = await site.run('upload-secret A --use sig --from env:VALUE --create -o json', { environment: { VALUE } }); // prettier-ignore
  expect(done.code).toBe(0);
  expect(site.received.filter((one) => one.operation === 'uploadSecret')).toHaveLength(1);
  const kids = JSON.parse(
    (await site.run(['get', 'A', '-o', 'json', '--query', 'keys[].kid'])).stdout,
  );
  expect(kids).toEqual([JSON.parse(done.stdout).kid]);
});

test('a slow new keyset is waited for', async () => {
  const site = await openSite({ switches: { settleMs: 1500 } });
  const done = await site.run('generate-key A --kty oct --use sig --create -o json');
  expect([done.code, JSON.parse(done.stdout)]).toMatchObject([0, { state: 'active' }]);
});
