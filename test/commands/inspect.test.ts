import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixture, keepSecret, openTenant, type Ran, type RunOptions } from '../support/world.ts';

const password = keepSecret('correct-horse-battery');
const tenant = openTenant();

const openssl = (...args: readonly string[]): Buffer =>
  execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
const made = (name: string, content: string | Buffer): string => {
  const path = join(tenant.folder, name);
  writeFileSync(path, content);
  return path;
};

async function inspect(
  source: string,
  flags: readonly string[] = ['--password-from', 'env:PASSWORD'],
  options: RunOptions = {},
): Promise<Ran> {
  const ran = await tenant.run(['inspect', source, '-o', 'json', ...flags], {
    ...options,
    environment: { PASSWORD: password, ...options.environment },
  });
  // Nothing goes anywhere, whatever it is, and no private member is shown.
  expect(ran.asked).toEqual([]);
  expect(ran.stdout).not.toMatch(/PRIVATE|"(?:d|p|q|dp|dq|qi|k)":/);
  return ran;
}

describe('a PFX', () => {
  test('that B2C takes as it is: every fact', async () => {
    const ran = await inspect(fixture('signing.pfx'));
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const triple = { scheme: 'TripleDES-SHA1', iterations: 2048 };
    const facts = (subject: string, issuer: string): object => ({
      subject: `CN=${subject}.contoso.example`,
      issuer: `CN=${issuer}.contoso.example`,
      serial: expect.stringMatching(/^[0-9A-F]+$/),
      key: { kty: 'RSA', bits: 2048 },
      x5t: expect.stringMatching(/^[\w-]{27}$/),
      'x5t#S256': expect.stringMatching(/^[\w-]{43}$/),
      nbf: expect.any(Number),
      exp: expect.any(Number),
    });
    const x5t = (ran.json as { certificates: { x5t: string }[] }).certificates.map((one) => one.x5t);
    expect(ran.json).toEqual({
      type: 'pkcs12',
      verdict: 'accepted',
      reasons: [],
      command: 'upload-pkcs12',
      mac: { scheme: 'SHA-1', iterations: 2048 },
      certificateEncryption: [triple],
      keys: [{ kty: 'RSA', bits: 2048, private: true, encryption: triple, certificate: x5t[0] }],
      certificates: [
        { ...facts('signing', 'issuing'), role: 'leaf', selfIssued: false, keyUsage: ['digitalSignature'] },
        { ...facts('issuing', 'root'), role: 'chain', selfIssued: false, keyUsage: ['keyCertSign', 'cRLSign'] },
        { ...facts('root', 'root'), role: 'chain', selfIssued: true, keyUsage: ['keyCertSign', 'cRLSign'] },
      ],
      chain: { complete: true, x5t },
    });
    const digest = (kind: string): string =>
      Buffer.from(openssl('x509', '-in', fixture('signing.pem'), '-noout', '-fingerprint', `-${kind}`).toString().split('=')[1]!.replaceAll(':', '').trim(), 'hex').toString('base64url');
    expect(ran.json).toMatchObject({
      certificates: [
        { x5t: digest('sha1'), 'x5t#S256': digest('sha256'), nbf: Date.UTC(2029, 11, 1) / 1000, exp: Date.UTC(2031, 0, 1) / 1000 },
        {},
        {},
      ],
    });
  }); // prettier-ignore

  test.each<[string, string, readonly string[]]>([
    ['aes.pfx', 'converted', ['its private key is encrypted with AES-256-CBC', 'its certificates are encrypted with AES-256-CBC', 'its MAC is SHA-256']],
    ['rc2.pfx', 'converted', ['its certificates are encrypted with RC2-40-SHA1']],
    ['nomac.pfx', 'converted', ['its certificates are not encrypted', 'it has no MAC']],
    ['curve.pfx', 'refused', ['the certificate has an EC key, and B2C takes RSA only']],
    ['small.pfx', 'refused', ["the certificate's RSA key has 1024 bits"]],
    ['expired.pfx', 'refused', ['the certificate ended 2029-12-31T00:00:00Z (24 hours ago)']],
  ])('%s', async (name, verdict, reasons) => {
    const ran = await inspect(fixture(name));
    expect([ran.code, ran.stderr]).toEqual([verdict === 'refused' ? 10 : 0, '']);
    expect(ran.json).toMatchObject({ type: 'pkcs12', verdict, reasons });
  }); // prettier-ignore

  test('schemes and their rounds', async () => {
    expect((await inspect(fixture('aes.pfx'))).json).toMatchObject({
      mac: { scheme: 'SHA-256', iterations: 2048 },
      keys: [{ encryption: { scheme: 'AES-256-CBC', prf: 'HMAC-SHA-256', iterations: 2048 } }],
    });
    expect((await inspect(fixture('nomac.pfx'))).json).toMatchObject({ mac: null });
  });

  test('--no-password', async () => {
    const ran = await inspect(fixture('nopassword.pfx'), ['--no-password']);
    expect(ran.code).toBe(0);
    expect(ran.json).toMatchObject({ verdict: 'converted', reasons: ['it has no password, and B2C insists on one'] }); // prettier-ignore
    expect((await inspect(fixture('signing.pfx'), ['--no-password'])).code).toBe(3);
  });

  test('without a private key', async () => {
    const ran = await inspect(fixture('nokey.pfx'));
    expect([ran.code, ran.json]).toMatchObject([10, { verdict: 'refused', keys: [], certificates: [{ subject: 'CN=signing.contoso.example' }] }]); // prettier-ignore
  });

  test('what cannot be read ends with 3', async () => {
    const whole = readFileSync(fixture('signing.pfx'));
    for (const [source, flags, code] of [
      [fixture('signing.pfx'), ['--password-from', 'env:OTHER'], 3],
      [made('cut.pfx', whole.subarray(0, 999)), undefined, 3],
      [made('more.pfx', Buffer.concat([whole, Buffer.from('x')])), undefined, 3],
      [fixture('nowhere.pfx'), undefined, 3],
      [fixture('signing.pfx'), [], 2],
    ] as const) {
      const ran = await inspect(source, flags, { environment: { OTHER: 'other' } });
      expect([source, ran.code, ran.stdout]).toEqual([source, code, '']);
    }
  });

  test('the table', async () => {
    const ran = await tenant.run(['inspect', fixture('aes.pfx'), '--password-from', 'env:PASSWORD'], { environment: { PASSWORD: password } }); // prettier-ignore
    const shown = ran.stdout.replace(/serial .*/, 'serial        (serial)').replace(/^.*aes\.pfx/, 'aes.pfx'); // prettier-ignore
    expect(shown).toMatchInlineSnapshot(`
     "aes.pfx: PKCS #12
     verdict        converted: policykeys upload-pkcs12 makes of it what B2C takes
       because      its private key is encrypted with AES-256-CBC
       because      its certificates are encrypted with AES-256-CBC
       because      its MAC is SHA-256
     MAC            SHA-256, 2048 rounds
     certificates   AES-256-CBC, HMAC-SHA-256, 2048 rounds
     private key    RSA 2048
       encryption   AES-256-CBC, HMAC-SHA-256, 2048 rounds
       matches      certificate 1
     certificate 1  CN=signing.contoso.example (leaf)
       issuer       CN=issuing.contoso.example
       serial        (serial)
       valid        2029-12-01T00:00:00Z to 2031-01-01T00:00:00Z (ends in 365 days)
       key          RSA 2048
       usage        digitalSignature
       x5t          5l1Dz1MzyJ_VrxNLcc0k86Kk40k
       x5t#S256     LGrI80JG9n_F1tCscdwBf73pi3X0ugTR_s22ToA7fwg
     chain          ends below CN=issuing.contoso.example, which is not in the file: CN=signing.contoso.example
     "
    `);
  });

  test('the table of one that is refused, whole on a narrow terminal', async () => {
    const ran = await tenant.run(['inspect', fixture('expired.pfx'), '--password-from', 'env:PASSWORD'], { environment: { PASSWORD: password }, columns: 40 }); // prettier-ignore
    expect(ran.stdout).toContain('refused: policykeys upload-pkcs12 does not send it');
    expect(ran.stdout).toContain('the certificate ended 2029-12-31T00:00:00Z (24 hours ago)');
    expect(ran.stdout).not.toContain('…');
  });
});

describe('certificates', () => {
  test.each([
    ['signing.cer', ['leaf'], false],
    ['later.pem', ['leaf'], true],
    ['bundle.pem', ['leaf', 'chain', 'chain'], true],
    ['reversed.pem', ['chain', 'chain', 'leaf'], true],
  ])('%s', async (name, roles, complete) => {
    const ran = await inspect(fixture(name), []);
    expect(ran.code).toBe(0);
    expect(ran.json).toMatchObject({
      type: 'certificate',
      verdict: 'accepted',
      reasons: [],
      command: 'upload-certificate',
      certificates: roles.map((role) => ({ role })),
      chain: { complete },
    });
  });

  test.each([
    ['expired.pem', 'the certificate ended'],
    ['small.pem', '1024 bits'],
    ['curve.pem', 'an EC key'],
    ['unrelated.pem', 'not one chain'],
  ])('%s is refused', async (name, reason) => {
    const ran = await inspect(fixture(name), []);
    expect([ran.code, ran.json]).toMatchObject([10, { verdict: 'refused', reasons: [expect.stringContaining(reason)] }]); // prettier-ignore
  });

  test('a curve by its name, and no bits', async () => {
    const { json } = await inspect(fixture('curve.pem'), []);
    expect(json).toMatchObject({ certificates: [{ key: { kty: 'EC', crv: 'P-256' } }] });
  });
});

describe('keys', () => {
  const key = fixture('with-key.pem');

  test('with its certificate', async () => {
    const ran = await inspect(key, []);
    expect(ran.code).toBe(0);
    expect(ran.json).toMatchObject({
      type: 'key',
      verdict: 'converted',
      command: 'upload-pkcs12',
      keys: [{ kty: 'RSA', bits: 2048, private: true, certificate: expect.any(String) }],
      certificates: [{ role: 'leaf' }],
      chain: { complete: false },
    });
  });

  const private1 = openssl('rsa', '-in', key, '-traditional');
  const forms: [string, Buffer, string | undefined][] = [
    ['PKCS #1', private1, undefined],
    ['PKCS #8', openssl('pkcs8', '-topk8', '-nocrypt', '-in', key), undefined],
    ['encrypted PKCS #8', openssl('pkcs8', '-topk8', '-in', key, '-passout', `pass:${password}`), 'PKCS #8'],
    ['traditional', openssl('rsa', '-in', key, '-traditional', '-aes256', '-passout', `pass:${password}`), 'AES-256-CBC'],
  ]; // prettier-ignore
  test.each(forms)('%s alone', async (_name, pem, scheme) => {
    const ran = await inspect(made('key.pem', pem));
    expect([ran.code, ran.json]).toMatchObject([0, { type: 'key', verdict: 'converted', keys: [{ kty: 'RSA', bits: 2048, private: true }] }]); // prettier-ignore
    expect(ran.json).toMatchObject({ keys: [{ encryption: { scheme: scheme ?? 'none' } }] });
    expect(ran.stdout).not.toContain('certificates');
  });

  test.each<[string, readonly string[], object]>([
    ['EC', ['ecparam', '-genkey', '-name', 'secp384r1'], { kty: 'EC', crv: 'P-384' }],
    ['Ed25519', ['genpkey', '-algorithm', 'ED25519'], { kty: 'OKP', crv: 'Ed25519' }],
    ['short', ['genrsa', '1024'], { kty: 'RSA', bits: 1024 }],
  ])('%s is refused', async (_name, command, facts) => {
    const ran = await inspect(made('other.pem', openssl(...command)), []);
    expect([ran.code, ran.json]).toMatchObject([10, { verdict: 'refused', keys: [facts] }]);
  });

  test('a public key, in PEM and in DER', async () => {
    for (const form of ['PEM', 'DER']) {
      const bytes = openssl('pkey', '-in', key, '-pubout', '-outform', form);
      const ran = await inspect(made('public', bytes), []);
      expect([ran.code, ran.json]).toMatchObject([10, { type: 'key', verdict: 'refused', keys: [{ kty: 'RSA', bits: 2048, private: false }] }]); // prettier-ignore
    }
    const pkcs1 = openssl('rsa', '-in', key, '-RSAPublicKey_out');
    expect((await inspect(made('public', pkcs1), [])).json).toMatchObject({
      keys: [{ bits: 2048 }],
    });
  });

  test.each<[string, Buffer, string]>([
    ['a private key in DER', openssl('pkey', '-in', key, '-outform', 'DER'), 'openssl pkey -inform DER'],
    ['base64 text', Buffer.from(readFileSync(fixture('signing.pfx')).toString('base64')), 'base64 -d'],
    ['a Java key store', Buffer.from('feedfeed00000002', 'hex'), 'keytool -importkeystore'],
    ['of no kind', Buffer.from('hello'), 'JWK Sets'],
    ['a request', openssl('req', '-new', '-key', key, '-subj', '/CN=x'), 'certificates and the private key'],
  ])('%s is not read, with a way out', async (_name, bytes, hint) => {
    const ran = await inspect(made('file', bytes), []);
    expect([ran.code, ran.stdout]).toEqual([3, '']);
    expect(ran.error).toMatchObject({ error: { kind: 'input', hint: expect.stringContaining(hint) } });
  }); // prettier-ignore
});

describe('JWK Sets', () => {
  const set = (...keys: readonly object[]): string => JSON.stringify({ keys });
  const oct = { kty: 'oct', use: 'sig', k: 'c2VjcmV0LXZhbHVl' };

  test('what update takes', async () => {
    const ran = await inspect(made('set.json', set(oct)), []);
    expect([ran.code, ran.json]).toEqual([0, { type: 'jwks', verdict: 'accepted', reasons: [], command: 'update', keys: [{ kty: 'oct', use: 'sig', private: true }] }]); // prettier-ignore
  });

  test('what it leaves out', async () => {
    const ran = await inspect(made('set.json', set({ ...oct, kid: 'a', alg: 'HS256' })), []);
    expect([ran.code, ran.json]).toMatchObject([0, { verdict: 'converted', reasons: [expect.stringContaining('alg, kid')], keys: [{ kid: 'a', alg: 'HS256' }] }]); // prettier-ignore
  });

  test.each<[string, string, string]>([
    ['public', set({ kty: 'RSA', use: 'sig', n: 'AQAB', e: 'AQAB' }), '"d" must be base64url'],
    ['EC', set({ kty: 'EC', use: 'sig', crv: 'P-256' }), '"kty" must be RSA or oct'],
    ['one key', JSON.stringify(oct), 'wrap'],
    ['mixed', set(oct, { ...oct, use: 'enc' }), 'do not share'],
  ])('%s: refused', async (_name, text, reason) => {
    const ran = await inspect(made('set.json', text), []);
    expect([ran.code, ran.json]).toMatchObject([10, { type: 'jwks', verdict: 'refused' }]);
    expect(JSON.stringify(ran.json)).toContain(reason === 'wrap' ? 'no \\"keys\\" array' : reason.replaceAll('"', '\\"')); // prettier-ignore
  });

  test('other JSON is no JWK Set', async () => {
    for (const text of ['{"a":1}', '[]', '{"keys":[]}', '{"keys":[1]}', '{', '{"kty":1}'])
      expect((await inspect(made('set.json', text), [])).code).toBe(3);
  });

  test('names that would move a cursor or turn the text are written out', async () => {
    const ran = await inspect(made('set.json', set({ ...oct, kid: '\u001b[2J\u202e' })), []);
    expect(ran.json).toMatchObject({ keys: [{ kid: '\\u{1b}[2J\\u{202e}' }] });
  });
});
