/** What policykeys sends is what OpenSSL reads: certificates and PFX as they reached the service. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { guard, openSite, type Site } from '../support/binary.ts';
import { parseJson } from '../support/world.ts';

const openssl = (args: readonly string[], input: Buffer): string =>
  execFileSync('openssl', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });

const demo = (name: string): string => join(import.meta.dirname, '../fixtures/demo', name);
const password = guard('demo-password');

let site: Site;
beforeAll(async () => {
  site = await openSite();
});

const sent = (operation: string): Record<string, string>[] =>
  site.received
    .filter((one) => one.operation === operation)
    .map(({ body }) => parseJson(body) as Record<string, string>); // JSON of strings, by the contract

test('certificates', async () => {
  const pem = openssl(['x509', '-inform', 'DER'], readFileSync(demo('partner.cer')));
  const uploads = [
    site.run(['upload-certificate', 'Der', demo('partner.cer'), '--create']),
    site.run('upload-certificate Pem - --create', { stdin: pem }),
    site.run('upload-certificate Variable env:C --create', { environment: { C: pem } }),
  ];
  expect((await Promise.all(uploads)).map(({ code }) => code)).toEqual([0, 0, 0]);
  const bodies = sent('uploadCertificate');
  expect(bodies).toHaveLength(3);
  for (const body of bodies) {
    const der = Buffer.from(body['key'] ?? '', 'base64');
    expect(openssl(['x509', '-inform', 'DER', '-noout', '-subject'], der)).toBe(
      'subject=CN = partner.example\n',
    );
    expect(openssl(['x509', '-inform', 'DER'], der)).toBe(pem);
  }
});

test('a PFX', async () => {
  const done = await site.run(['upload-pkcs12', 'Saml', demo('saml.pfx'), '--password-from', 'env:P', '--create'], { environment: { P: password } }); // prettier-ignore
  expect(done.code).toBe(0);
  const [body] = sent('uploadPkcs12');
  const pfx = Buffer.from(body?.['key'] ?? '', 'base64');
  expect(pfx.equals(readFileSync(demo('saml.pfx')))).toBe(true);
  const told = execFileSync('sh', ['-c', 'openssl pkcs12 -info -noout -passin "pass:$P" 2>&1'], {
    input: pfx,
    encoding: 'utf8',
    env: { ...process.env, P: body?.['password'] },
  });
  expect(told).toMatch(/MAC: sha1, Iteration \d+/);
  expect(told.match(/pbeWithSHA1And3-KeyTripleDES-CBC/g)).toHaveLength(2);
  const parts = openssl(['pkcs12', '-nodes', '-passin', `pass:${body?.['password'] ?? ''}`], pfx);
  expect(parts).toContain('-----BEGIN PRIVATE KEY-----');
  expect(openssl(['x509', '-noout', '-subject'], Buffer.from(parts))).toContain(
    'CN = demo.contoso.onmicrosoft.com',
  );
});

test('the chain that the service keeps', async () => {
  const done = await site.run(['get', 'Saml', '-o', 'json', '--query', 'keys[0].x5c[0]']);
  const der = Buffer.from(String(JSON.parse(done.stdout)), 'base64');
  expect(openssl(['x509', '-inform', 'DER', '-noout', '-checkend', '0'], der)).toContain(
    'will not expire',
  );
});
