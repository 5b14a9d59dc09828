import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseCertificate } from '../../src/core/x509.ts';
import { keepSecret, lines, now, openTenant, type Ran, type RunOptions, type Tenant } from '../support/world.ts'; // prettier-ignore

const password = keepSecret('correct-horse-battery');
let tenant: Tenant;
const at = (name: string): string => join(tenant.folder, name);
beforeEach(() => {
  tenant = openTenant({ keysets: { B2C_1A_A: [] } });
});

async function generate(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const ran = await tenant.run(['generate-certificate', '-o', 'json', ...words], {
    ...options,
    environment: { PASSWORD: password, ...options.environment },
  });
  expect(readdirSync(tenant.folder).filter((name) => name.includes('.tmp'))).toEqual([]);
  return ran;
}
const subject = ['--subject', 'CN=app.contoso.onmicrosoft.com'];
const openssl = (args: readonly string[], input?: Buffer): string =>
  execFileSync('openssl', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, P: password } }); // prettier-ignore

test('into a keyset: a self-signed certificate whose key is nowhere else', async () => {
  const ran = await generate(['A', ...subject]);
  expect([ran.code, lines(ran.asked)]).toEqual([
    0,
    ['GET /B2C_1A_A', 'POST /B2C_1A_A/uploadPkcs12'],
  ]);
  const body = ran.wrote[0]?.body as Record<'key' | 'password', string>;
  expect(body.password).toMatch(/^[A-Za-z0-9_-]{43}$/);
  const [stored] = (await tenant.keysOf('B2C_1A_A')) ?? [];
  expect(ran.json).toMatchObject({
    keyset: 'B2C_1A_A',
    kid: stored?.kid,
    replaces: null,
    type: 'pkcs12',
    verdict: 'accepted',
    files: [],
    keys: [{ kty: 'RSA', bits: 2048 }],
    certificates: [
      {
        subject: 'CN=app.contoso.onmicrosoft.com',
        selfIssued: true,
        nbf: now,
        exp: Date.UTC(2031, 0, 1) / 1000,
        keyUsage: ['digitalSignature'],
        x5t: stored?.x5t,
      },
    ],
  });
  const x509 = new X509Certificate(Buffer.from(stored!.x5c![0]!, 'base64'));
  const text = openssl(['x509', '-noout', '-text'], Buffer.from(x509.toString()));
  expect(text).toContain('Signature Algorithm: sha256WithRSAEncryption');
  expect(text).toContain('X509v3 Subject Key Identifier');
  expect(text).toMatch(/X509v3 Key Usage: critical\s+Digital Signature\n/);
  expect(x509.serialNumber.length).toBeGreaterThan(24);
  expect(x509.verify(x509.publicKey)).toBe(true);
  expect(readdirSync(tenant.folder).filter((name) => name !== 'cache')).toEqual([]);
});

test('--use, --key-size, --nbf and --exp', async () => {
  const ran = await generate([
    'A', '--subject', 'CN=Ä\\, B, O=Contoso', '--use', 'enc', '--key-size', '3072', '--nbf', '2030-06-01', '--exp', '2032-01-31',
  ]); // prettier-ignore
  expect(ran.code).toBe(0);
  expect(ran.json).toMatchObject({
    keys: [{ bits: 3072 }],
    certificates: [
      {
        subject: 'CN=Ä\\, B, O=Contoso',
        nbf: Date.UTC(2030, 5, 1) / 1000,
        exp: Date.UTC(2032, 0, 31) / 1000,
        keyUsage: ['keyEncipherment', 'dataEncipherment'],
      },
    ],
  });
  expect((await tenant.keysOf('B2C_1A_A'))?.[0]).toMatchObject({ use: 'enc', nbf: Date.UTC(2030, 5, 1) / 1000 }); // prettier-ignore
});

test.each(['partner.pem', 'partner.crt', 'partner.cer', 'partner.DER'])(
  '--certificate-out %s',
  async (name) => {
    const ran = await generate(['A', ...subject, '--certificate-out', at(name)]);
    expect([ran.code, ran.json]).toMatchObject([0, { files: [at(name)] }]);
    const bytes = readFileSync(at(name));
    expect(bytes.toString('latin1').startsWith('-----BEGIN CERTIFICATE-----\n')).toBe(
      !/cer|der/i.test(name),
    );
    const [stored] = (await tenant.keysOf('B2C_1A_A')) ?? [];
    expect(new X509Certificate(bytes).raw.toString('base64')).toBe(stored?.x5c?.[0]);
    expect(bytes.toString('latin1')).not.toContain('PRIVATE');
    expect(statSync(at(name)).mode & 0o444).toBe(0o444);
  },
);

test('--pkcs12-out without a keyset', async () => {
  const ran = await generate([...subject, '--pkcs12-out', at('x.pfx'), '--password-from', 'env:PASSWORD', '--certificate-out', at('x.cer')]); // prettier-ignore
  expect([ran.code, ran.asked]).toEqual([0, []]);
  expect(ran.json).toMatchObject({ verdict: 'accepted', files: [at('x.pfx'), at('x.cer')] });
  expect(ran.json).not.toHaveProperty('keyset');
  expect(statSync(at('x.pfx')).mode & 0o777).toBe(0o600);
  const parts = openssl(['pkcs12', '-nodes', '-passin', 'env:P'], readFileSync(at('x.pfx')));
  const certificate = parseCertificate(readFileSync(at('x.cer')), 'x');
  expect(certificate.x509.checkPrivateKey(createPrivateKey(parts))).toBe(true);
});

test('--pkcs12-out with a keyset: the same key in both, under two passwords', async () => {
  const ran = await generate(['A', ...subject, '--pkcs12-out', at('x.pfx'), '--password-from', 'env:PASSWORD']); // prettier-ignore
  expect(ran.code).toBe(0);
  const body = ran.wrote[0]?.body as Record<'key' | 'password', string>;
  expect(body.password).not.toBe(password);
  const parts = openssl(['pkcs12', '-nodes', '-passin', 'env:P'], readFileSync(at('x.pfx')));
  const [stored] = (await tenant.keysOf('B2C_1A_A')) ?? [];
  expect(new X509Certificate(parts.slice(parts.indexOf('-----BEGIN CERT'))).raw.toString('base64')).toBe(stored?.x5c?.[0]); // prettier-ignore
});

describe('when the upload fails', () => {
  const refuse: RunOptions = {
    intercept: ({ method }) =>
      method === 'POST' ? { status: 400, body: { error: { code: 'AADB2C90186', message: 'x' } } } : undefined, // prettier-ignore
  };

  test('no certificate is left for a key that is nowhere', async () => {
    const ran = await generate(['A', ...subject, '--certificate-out', at('x.cer')], refuse);
    expect(ran.code).not.toBe(0);
    expect(existsSync(at('x.cer'))).toBe(false);
  });

  test('the PFX stays, and the hint says how to go on with it', async () => {
    const ran = await generate(['A', ...subject, '--certificate-out', at('x.cer'), '--pkcs12-out', at('x.pfx'), '--password-from', 'env:PASSWORD'], refuse); // prettier-ignore
    expect([ran.code, existsSync(at('x.cer')), existsSync(at('x.pfx'))]).toEqual([ran.code, true, true]); // prettier-ignore
    expect(ran.error).toMatchObject({ error: { hint: expect.stringContaining(`upload-pkcs12 B2C_1A_A ${at('x.pfx')} --if-changed`) } }); // prettier-ignore
    const again = await tenant.run(['upload-pkcs12', 'A', at('x.pfx'), '--if-changed', '--password-from', 'env:PASSWORD'], { environment: { PASSWORD: password } }); // prettier-ignore
    expect(again.code).toBe(0);
  });
});

test('the options of the commands that add a key', async () => {
  const created = await generate(['New', ...subject, '--create']);
  expect([created.code, lines(created.wrote)]).toEqual([0, ['POST ', 'POST /B2C_1A_New/uploadPkcs12']]); // prettier-ignore
  const again = await generate(['New', ...subject, '--if-empty', '--certificate-out', at('x.cer')]);
  expect([again.code, again.wrote, again.json]).toMatchObject([0, [], { unchanged: true }]);
  expect(existsSync(at('x.cer'))).toBe(false);
  const missing = await generate(['Missing', ...subject]);
  expect([missing.code, missing.wrote]).toEqual([5, []]);
  const staged = await generate(['New', ...subject, '--stage', '--standby']);
  expect(lines(staged.wrote).at(-1)).toMatch(/^PATCH /);
  expect((await tenant.keysOf('B2C_1A_New'))?.map(({ status }) => status)).toEqual(['enabled', 'disabled']); // prettier-ignore
});

test('a key that arrives disabled is enabled', async () => {
  tenant = openTenant({ keysets: { B2C_1A_A: [] }, switches: { newKeys: 'disabled' } });
  expect((await generate(['A', ...subject])).code).toBe(0);
  expect((await tenant.keysOf('B2C_1A_A'))?.[0]?.status).toBe('enabled');
});

test('another use than the keys of the keyset have is refused before anything is sent or written', async () => {
  tenant = openTenant({ keysets: { B2C_1A_A: [{ kid: 'a', kty: 'RSA', use: 'enc' }] } });
  const ran = await generate(['A', ...subject, '--certificate-out', at('x.cer')]);
  expect([ran.code, ran.wrote, existsSync(at('x.cer'))]).toEqual([6, [], false]);
});

test('--dry-run sends and writes nothing, and shows no secret', async () => {
  const ran = await generate(['A', ...subject, '--certificate-out', at('x.cer'), '--dry-run']);
  expect([ran.code, ran.wrote, existsSync(at('x.cer'))]).toEqual([0, [], false]);
  expect(ran.json).toMatchObject({ dryRun: true, requests: [{ body: { key: '[secret]', password: '[secret]' } }] }); // prettier-ignore
  const file = await generate([...subject, '--pkcs12-out', at('x.pfx'), '--password-from', 'env:PASSWORD', '--dry-run']); // prettier-ignore
  expect([file.code, file.json, existsSync(at('x.pfx'))]).toMatchObject([0, { files: [] }, false]);
});

test('files that are there already', async () => {
  writeFileSync(at('x.cer'), 'mine');
  const words = ['A', ...subject, '--certificate-out', at('x.cer')];
  const ran = await generate(words);
  expect([ran.code, ran.wrote, readFileSync(at('x.cer'), 'utf8')]).toEqual([6, [], 'mine']);
  expect((await generate([...words, '--overwrite'])).code).toBe(0);
  expect(readFileSync(at('x.cer'))[0]).toBe(0x30);
});

test('one file for two, by another name', async () => {
  symlinkSync(tenant.folder, at('link'));
  const words = [...subject, '--pkcs12-out', at('x.pfx'), '--certificate-out', at('link/x.pfx')];
  for (const more of [[], ['--overwrite']]) {
    const ran = await generate([...words, '--password-from', 'env:PASSWORD', ...more]);
    expect([ran.code, existsSync(at('x.pfx'))]).toEqual([2, false]);
    const uploaded = await generate(['A', ...words, '--password-from', 'env:PASSWORD', ...more]);
    expect([uploaded.code, uploaded.wrote, existsSync(at('x.pfx'))]).toEqual([2, [], false]);
  }
});

test('a daily job: nothing to do, whatever file is there', async () => {
  const words = ['A', ...subject, '--if-empty', '--certificate-out', at('x.cer')];
  expect((await generate(words)).code).toBe(0);
  const first = readFileSync(at('x.cer'));
  const again = await generate(words);
  expect([again.code, again.json]).toMatchObject([0, { unchanged: true }]);
  expect(readFileSync(at('x.cer'))).toEqual(first);
});

test('--dry-run refuses what the real run would', async () => {
  writeFileSync(at('x.cer'), 'mine');
  for (const name of ['x.cer', 'no/x.cer'])
    for (const words of [['A'], ['--pkcs12-out', at('x.pfx'), '--password-from', 'env:PASSWORD']]) {
      const ran = await generate([
        ...words,
        ...subject,
        '--certificate-out',
        at(name),
        '--dry-run',
      ]);
      expect([name, ran.code]).toEqual([name, name === 'x.cer' ? 6 : 3]);
    }
});

test('without --exp it lives for a year from --nbf on', async () => {
  const ran = await generate(['A', ...subject, '--nbf', '2031-03-01']);
  expect(ran.json).toMatchObject({ certificates: [{ nbf: Date.UTC(2031, 2, 1) / 1000, exp: Date.UTC(2032, 2, 1) / 1000 }] }); // prettier-ignore
});

test('a signal while the key is made: nothing is sent or written', async () => {
  for (const words of [['A', '--certificate-out', at('x.cer')], ['--pkcs12-out', at('x.pfx'), '--password-from', 'env:PASSWORD']]) {
    const ran = await generate([...words, ...subject], { onListen: (send) => setImmediate(() => { send('SIGINT'); }) }); // prettier-ignore
    expect([ran.code, ran.wrote, ran.stdout]).toEqual([130, [], '']);
    expect([existsSync(at('x.cer')), existsSync(at('x.pfx'))]).toEqual([false, false]);
  }
}); // prettier-ignore

test.each<[string, readonly string[], string]>([
  ['nothing to keep the key', subject, 'the private key would go nowhere'],
  ['only the certificate', [...subject, '--certificate-out', 'x.cer'], 'go nowhere'],
  ['no subject', ['A'], '--subject'],
  ['no RFC 4514', ['A', '--subject', 'app'], 'has a part without "="'],
  ['OpenSSL’s form', ['A', '--subject', '/CN=app'], 'the subject has "/CN"'],
  ['a password for nothing', ['A', ...subject, '--password-from', 'env:PASSWORD'], '--pkcs12-out'],
  ['no password', [...subject, '--pkcs12-out', 'x.pfx'], '--password-from is missing'],
  ['one file for two', [...subject, '--pkcs12-out', 'x', '--certificate-out', 'x', '--password-from', 'env:PASSWORD'], 'the same file'],
  ['in the past', ['A', ...subject, '--exp', '2029-01-01'], 'not in the future'],
  ['backwards', ['A', ...subject, '--nbf', '2y', '--exp', '1y'], 'is not after --nbf'],
  ['options for a keyset that is none', [...subject, '--pkcs12-out', 'x.pfx', '--create', '--password-from', 'env:PASSWORD'], 'there is no keyset'],
  ['stdout for a file', [...subject, '--pkcs12-out', '-', '--password-from', 'env:PASSWORD'], 'is no file to write to'],
  ['1024 bits', ['A', ...subject, '--key-size', '1024'], '--key-size'],
])('%s is usage', async (_name, words, reason) => {
  const ran = await generate(words);
  expect([ran.code, ran.asked]).toEqual([2, []]);
  expect(ran.stderr).toContain(reason);
}); // prettier-ignore
