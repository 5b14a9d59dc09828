import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { obstacles, outlinePkcs12 } from '../../src/core/pkcs12.ts';
import { fixture, keepSecret, openTenant, type Ran, type RunOptions, type Tenant } from '../support/world.ts'; // prettier-ignore

const password = keepSecret('correct-horse-battery');
const other = keepSecret('another-horse-battery');

/** What OpenSSL finds in a PFX. */
const parts = (bytes: Buffer, word: string): string =>
  execFileSync('openssl', ['pkcs12', '-nodes', '-passin', 'env:P'], {
    input: bytes,
    encoding: 'utf8',
    env: { ...process.env, P: word },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
const subjects = (bytes: Buffer, word = password): string[] =>
  parts(bytes, word).match(/^subject=.*$/gm) ?? [];

let tenant: Tenant;
let out: string;
beforeEach(() => {
  tenant = openTenant();
  out = join(tenant.folder, 'out.pfx');
});
const right = ['--password-from', 'env:PASSWORD'];

async function convert(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const ran = await tenant.run(['convert', '--out', out, '-o', 'json', ...words], {
    ...options,
    environment: { PASSWORD: password, OTHER: other, ...options.environment },
  });
  expect(ran.asked).toEqual([]);
  // Whole or not at all, and nothing beside it.
  expect(readdirSync(tenant.folder).filter((name) => name.includes('.tmp'))).toEqual([]);
  return ran;
}
const isThere = (): boolean => readdirSync(tenant.folder).includes('out.pfx');

test.each(['aes.pfx', 'rc2.pfx', 'nomac.pfx'])('%s', async (name) => {
  const ran = await convert([fixture(name), ...right]);
  expect(ran.code).toBe(0);
  expect(ran.stderr).toContain(`${name} was converted to TripleDES-SHA1 with a SHA-1 MAC, since`);
  expect(ran.stderr).toMatch(/^note: wrote .*out\.pfx: /);
  expect(ran.json).toMatchObject({
    type: 'pkcs12',
    verdict: 'accepted',
    reasons: [],
    files: [out],
  });
  const bytes = readFileSync(out);
  expect(obstacles(outlinePkcs12(bytes, 'out'))).toEqual([]);
  const certificate = new X509Certificate(readFileSync(fixture('signing.pem')));
  expect(certificate.checkPrivateKey(createPrivateKey(parts(bytes, password)))).toBe(true);
  expect(statSync(out).mode & 0o777).toBe(0o600);
});

test('what is so already is written byte for byte', async () => {
  expect((await convert([fixture('signing.pfx'), ...right])).code).toBe(0);
  expect(readFileSync(out).equals(readFileSync(fixture('signing.pfx')))).toBe(true);
});

test('twice is once', async () => {
  await convert([fixture('aes.pfx'), ...right]);
  const first = readFileSync(out);
  const again = join(tenant.folder, 'again.pfx');
  await tenant.run(['convert', out, '--out', again, ...right], { environment: { PASSWORD: password } }); // prettier-ignore
  expect(readFileSync(again).equals(first)).toBe(true);
});

test('--out-password-from', async () => {
  for (const name of ['aes.pfx', 'signing.pfx']) {
    const words = [fixture(name), ...right, '--out-password-from', 'env:OTHER', '--overwrite'];
    expect((await convert(words)).code).toBe(0);
    expect(subjects(readFileSync(out), other)[0]).toBe('subject=CN = signing.contoso.example');
    expect(() => subjects(readFileSync(out))).toThrow('invalid password');
  }
});

test('a PFX without a password needs one for what is written', async () => {
  const source = [fixture('nopassword.pfx'), '--no-password'];
  const ran = await convert(source);
  expect([ran.code, isThere()]).toEqual([2, false]);
  expect(ran.stderr).toContain('--out-password-from is missing');
  expect((await convert([...source, '--out-password-from', 'env:OTHER'])).code).toBe(0);
  expect(subjects(readFileSync(out), other)).toHaveLength(1);
});

test('from PEM files', async () => {
  const files = ['--certificate', fixture('reversed.pem'), '--key', fixture('with-key.pem')];
  expect((await convert(files)).code).toBe(2);
  for (const flag of ['--password-from', '--out-password-from']) {
    const ran = await convert([...files, flag, 'env:OTHER', '--overwrite']);
    expect(ran.code).toBe(0);
    expect(subjects(readFileSync(out), other)).toEqual([
      'subject=CN = signing.contoso.example',
      'subject=CN = issuing.contoso.example',
      'subject=CN = root.contoso.example',
    ]);
  }
});

test('a folder as certbot lays it: links, and no question', async () => {
  const [live, archive] = [join(tenant.folder, 'live/x'), join(tenant.folder, 'archive/x')];
  for (const folder of [live, archive]) mkdirSync(folder, { recursive: true });
  const key = execFileSync('openssl', ['pkey', '-in', fixture('with-key.pem')]);
  for (const [name, content] of [
    ['cert', readFileSync(fixture('signing.pem'))],
    ['chain', readFileSync(fixture('reversed.pem'))],
    ['fullchain', readFileSync(fixture('bundle.pem'))],
    ['privkey', key],
  ] as const) {
    writeFileSync(join(archive, `${name}1.pem`), content);
    symlinkSync(`../../archive/x/${name}1.pem`, join(live, `${name}.pem`));
  }
  for (const certificate of [['fullchain'], ['cert', 'chain']]) {
    const [first, chain] = certificate.map((name) => join(live, `${name}.pem`));
    const ran = await convert([
      '--certificate', first!, ...(chain === undefined ? [] : ['--chain', chain]),
      '--key', join(live, 'privkey.pem'), '--out-password-from', 'env:PASSWORD', '--overwrite',
    ]); // prettier-ignore
    expect(ran.code).toBe(0);
    expect(subjects(readFileSync(out))).toHaveLength(3);
  }
});

describe('a file that is there already', () => {
  test('stays as it is', async () => {
    writeFileSync(out, 'mine');
    const ran = await convert([fixture('aes.pfx'), ...right]);
    expect([ran.code, readFileSync(out, 'utf8')]).toEqual([6, 'mine']);
    expect(ran.error).toMatchObject({ error: { kind: 'conflict', hint: expect.stringContaining('--overwrite') } }); // prettier-ignore
  });

  test('is replaced with --overwrite', async () => {
    writeFileSync(out, 'mine', { mode: 0o644 });
    expect((await convert([fixture('aes.pfx'), ...right, '--overwrite'])).code).toBe(0);
    expect(subjects(readFileSync(out))).toHaveLength(1);
    expect(statSync(out).mode & 0o777).toBe(0o600);
  });

  test('is not replaced where it is a link or no file', async () => {
    const target = join(tenant.folder, 'target');
    writeFileSync(target, 'mine');
    symlinkSync(target, out);
    const ran = await convert([fixture('aes.pfx'), ...right, '--overwrite']);
    expect([ran.code, readFileSync(target, 'utf8')]).toEqual([3, 'mine']);
    out = tenant.folder;
    expect((await convert([fixture('aes.pfx'), ...right, '--overwrite'])).code).toBe(3);
  });
});

test('a folder that is not there', async () => {
  out = join(tenant.folder, 'no/where.pfx');
  const ran = await convert([fixture('aes.pfx'), ...right]);
  expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining('cannot write')]);
});

test('--dry-run refuses what the real run would', async () => {
  writeFileSync(out, 'mine');
  expect((await convert([fixture('aes.pfx'), ...right, '--dry-run'])).code).toBe(6);
});

test('a signal while it is opened: nothing is written', async () => {
  const ran = await convert([fixture('aes.pfx'), ...right], { onListen: (send) => setImmediate(() => { send('SIGTERM'); }) }); // prettier-ignore
  expect([ran.code, isThere(), ran.stdout]).toEqual([143, false, '']);
});

test('a file that already has the name is said before a password is asked for', async () => {
  writeFileSync(out, 'mine');
  expect((await convert([fixture('aes.pfx')])).code).toBe(6);
});

test('a private key that is damaged in a number that no certificate shows', async () => {
  const jwk = createPrivateKey(readFileSync(fixture('with-key.pem'))).export({ format: 'jwk' });
  for (const member of ['d', 'dp', 'dq', 'qi'] as const) {
    const bytes = Buffer.from(jwk[member]!, 'base64url');
    bytes[bytes.length >> 1]! ^= 1;
    const bent = createPrivateKey({ key: { ...jwk, [member]: bytes.toString('base64url') }, format: 'jwk' }); // prettier-ignore
    const file = join(tenant.folder, 'bent.pem');
    writeFileSync(file, bent.export({ type: 'pkcs8', format: 'pem' }));
    const ran = await convert(['--certificate', fixture('signing.pem'), '--key', file, '--out-password-from', 'env:OTHER']); // prettier-ignore
    expect([member, ran.code, isThere()]).toEqual([member, 3, false]);
    expect(ran.stderr).toContain('the numbers of its private key do not belong together');
  }
});

test('--dry-run writes nothing', async () => {
  const ran = await convert([fixture('aes.pfx'), ...right, '--dry-run']);
  expect([ran.code, isThere(), ran.json]).toMatchObject([0, false, { verdict: 'accepted', files: [] }]); // prettier-ignore
});

test.each<[string, readonly string[], number, string]>([
  ['a wrong password', [fixture('aes.pfx'), '--password-from', 'env:OTHER'], 3, 'the password is wrong'],
  ['EC', [fixture('curve.pfx'), ...right], 3, 'EC key'],
  ['1024 bits', [fixture('small.pfx'), ...right], 3, '1024 bits'],
  ['expired', [fixture('expired.pfx'), ...right], 3, '--allow-expired'],
  ['no key', [fixture('nokey.pfx'), ...right], 3, 'no private key'],
  ['nothing', [], 2, 'a PFX is missing'],
  ['two from stdin', ['-', '--password-from', '-'], 2, 'stdin can be read only once'],
])('%s: nothing is written', async (_name, words, code, reason) => {
  const ran = await convert(words);
  expect([ran.code, isThere(), ran.stdout]).toEqual([code, false, '']);
  expect(ran.stderr).toContain(reason);
}); // prettier-ignore

test('--allow-expired', async () => {
  const ran = await convert([fixture('expired.pfx'), ...right, '--allow-expired']);
  expect([ran.code, isThere()]).toEqual([0, true]);
});

test('--out is needed', async () => {
  const ran = await tenant.run(['convert', fixture('aes.pfx')]);
  expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('--out')]);
});
