import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { day, fixture, graphRoot, lines, now, openTenant, ordered, said, year } from '../support/world.ts'; // prettier-ignore

const keysets = { B2C_1A_A: [] };
const certificate = (name: string): X509Certificate =>
  new X509Certificate(readFileSync(fixture(name)));
const base64 = (name: string): string => certificate(name).raw.toString('base64');
const x5t = (name: string): string =>
  Buffer.from(certificate(name).fingerprint.replaceAll(':', ''), 'hex').toString('base64url');

const upload = (name: string, ...more: readonly string[]): string[] => [
  'upload-certificate', 'A', fixture(name), '-o', 'json', ...more,
]; // prettier-ignore

describe('upload-certificate', () => {
  test.each([
    ['PEM', 'signing.pem'],
    ['DER', 'signing.cer'],
    ['a chain, leaf first', 'bundle.pem'],
    ['a chain, root first', 'reversed.pem'],
  ])('%s: the base64 of the DER of the leaf', async (_, name) => {
    const ran = await openTenant({ keysets }).run(upload(name));
    expect([ran.code, lines(ran.asked)]).toEqual([
      0,
      ['GET /B2C_1A_A', 'POST /B2C_1A_A/uploadCertificate'],
    ]);
    expect(ordered(ran.wrote[0]?.body)).toBe(ordered({ key: base64('signing.pem') }));
  });

  test('its JSON form: the dates are the certificate’s', async () => {
    const tenant = openTenant({ keysets });
    const ran = await tenant.run(upload('signing.pem'));
    const [stored] = (await tenant.keysOf('B2C_1A_A')) ?? [];
    expect(ordered(ran.json)).toBe(
      ordered({
        keyset: 'B2C_1A_A',
        kid: stored?.kid,
        kty: 'RSA',
        use: 'sig',
        status: 'enabled',
        state: 'active',
        nbf: Date.UTC(2029, 11, 1) / 1000,
        exp: Date.UTC(2031, 0, 1) / 1000,
        x5t: x5t('signing.pem'),
        x5c: [base64('signing.pem')],
        e: 'AQAB',
        n: stored?.n,
        replaces: null,
      }),
    );
  });

  test('from stdin, and from a variable as PEM or as base64', async () => {
    const { run } = openTenant({ keysets });
    const sent = async (source: string, given: object): Promise<unknown> =>
      (await run(`upload-certificate A ${source} --standby`, given)).wrote.map(({ body }) => body);
    const wanted = [{ key: base64('encryption.pem') }];
    expect(await sent('-', { stdin: readFileSync(fixture('encryption.pem')) })).toEqual(wanted);
    expect(await sent('-', { stdin: certificate('encryption.pem').raw })).toEqual(wanted);
    for (const C of [readFileSync(fixture('encryption.pem'), 'utf8'), base64('encryption.pem')])
      expect(await sent('env:C', { environment: { C } })).toEqual(wanted);
  });

  test.each([
    ['a private key beside it', 'with-key.pem', 'upload-pkcs12'],
    ['an EC key', 'curve.pem', 'certbot --key-type rsa'],
    ['1024 bits', 'small.pem', '2048'],
    ['one that has ended', 'expired.pem', '--allow-expired'],
    ['two that are no chain', 'unrelated.pem', 'one certificate'],
    ['a PFX', 'signing.pfx', 'goes through upload-pkcs12'],
    ['a script', 'make.sh', 'PEM or DER'],
    ['a file that is not there', 'nowhere.pem', ''],
  ])('%s is input, and nothing is asked', async (_, name, hint) => {
    const { code, asked, error } = await openTenant({ keysets }).run(upload(name));
    expect([code, asked]).toEqual([3, []]);
    expect(error).toMatchObject({
      error: { kind: 'input', message: expect.stringContaining(name) },
    });
    if (hint !== '')
      expect(error).toMatchObject({ error: { hint: expect.stringContaining(hint) } });
  });

  test('damaged PEM', async () => {
    const tenant = openTenant({ keysets });
    const pem = readFileSync(fixture('signing.pem'), 'utf8');
    for (const [index, text] of [
      pem.replace('-----END CERTIFICATE-----', ''),
      pem.replace(/\n[A-Za-z0-9+/]{20}/, '\n!'),
      pem.replace('-----END', '----END'),
      `${pem}-----BEGIN X\n`,
      pem.replace(/\n.{64}\n/, '\n'),
      'words',
      '',
    ].entries()) {
      const file = join(tenant.folder, `${String(index)}.pem`);
      writeFileSync(file, text);
      expect([index, (await tenant.run(['upload-certificate', 'A', file])).code]).toEqual([
        index,
        3,
      ]);
    }
  });

  test('--allow-expired sends it; what the service says of it is input', async () => {
    const ran = await openTenant({ keysets }).run(upload('expired.pem', '--allow-expired', '--standby')); // prettier-ignore
    expect([ran.code, lines(ran.wrote)]).toEqual([3, ['POST /B2C_1A_A/uploadCertificate']]);
    expect(ran.error).toMatchObject({ error: { kind: 'input', code: 'AADB2C90214' } });
  });

  test('--if-changed does nothing when it is there, disabled or not', async () => {
    const there = { kid: 'there', kty: 'RSA' as const, x5t: x5t('signing.pem'), nbf: now - 1, exp: now + day }; // prettier-ignore
    const other = { kid: 'other', kty: 'RSA' as const, nbf: now - year };
    const ran = await openTenant({ keysets: { B2C_1A_A: [there, other] } }).run(upload('signing.pem', '--if-changed')); // prettier-ignore
    expect([ran.code, ran.wrote]).toEqual([0, []]);
    expect(ordered(ran.json)).toBe(
      ordered({
        keyset: 'B2C_1A_A', kid: 'there', kty: 'RSA', use: 'sig', status: 'enabled', state: 'active',
        nbf: now - 1, exp: now + day, x5t: there.x5t, x5c: [], unchanged: true,
      }),
    ); // prettier-ignore
    expect(said(ran)).toBe('note: B2C_1A_A is unchanged: it holds this certificate (there)\n');
    const off = await openTenant({ keysets: { B2C_1A_A: [{ ...there, status: 'disabled' }] } }).run(upload('signing.pem', '--if-changed')); // prettier-ignore
    expect([off.code, off.wrote, off.json]).toMatchObject([0, [], { unchanged: true, state: 'disabled' }]); // prettier-ignore
    expect(off.stderr).toContain('warning: there of B2C_1A_A is disabled');
  });

  test('--if-changed adds it when the one that is there has ended, or is another', async () => {
    const ended = { kid: 'ended', kty: 'RSA' as const, x5t: x5t('signing.pem'), nbf: now - year, exp: now }; // prettier-ignore
    const other = { kid: 'other', kty: 'RSA' as const, x5t: x5t('later.pem'), nbf: now - year };
    const ran = await openTenant({ keysets: { B2C_1A_A: [ended, other] } }).run(upload('signing.pem', '--if-changed')); // prettier-ignore
    expect([ran.code, ran.wrote.length, ran.json]).toMatchObject([0, 1, { replaces: 'other' }]);
  });

  test('key usage that does not fit is a warning', async () => {
    const enc = { B2C_1A_A: [{ kid: 'a', kty: 'RSA' as const, use: 'enc' as const }] };
    const ran = await openTenant({ keysets: enc }).run(upload('signing.pem', '--dry-run'));
    expect(ran.code).toBe(0);
    expect(ran.stderr).toBe(
      `warning: ${fixture('signing.pem')}: its key usage (digitalSignature) does not allow "enc", which the keys of B2C_1A_A are for\n`,
    );
    const fits = await openTenant({ keysets: enc }).run(upload('encryption.pem', '--dry-run'));
    expect(fits.stderr).toBe('');
  });

  test('one that begins later is future; one that another certificate outruns is refused', async () => {
    const tenant = openTenant({ keysets });
    expect((await tenant.run(upload('coming.pem'))).json).toMatchObject({ state: 'future' });
    expect((await tenant.run(upload('later.pem'))).json).toMatchObject({ state: 'active' });
    const { code, wrote, error } = await tenant.run(upload('signing.pem'));
    expect([code, wrote]).toEqual([6, []]);
    expect(error).toMatchObject({
      error: { kind: 'conflict', hint: expect.stringMatching(/dates are the key's.*--standby/) },
    });
    expect((await tenant.run(upload('signing.pem', '--standby'))).json).toMatchObject({ state: 'standby' }); // prettier-ignore
  });

  test('neither --nbf nor --exp', async () => {
    for (const flag of ['--nbf', '--exp'])
      expect((await openTenant({ keysets }).run(upload('signing.pem', flag, '1y'))).code).toBe(2);
  });

  test('--dry-run', async () => {
    const { code, json, wrote } = await openTenant({ keysets }).run(
      upload('signing.cer', '--dry-run'),
    );
    expect([code, wrote]).toEqual([0, []]);
    expect(ordered(json)).toBe(
      ordered({
        dryRun: true,
        requests: [{ method: 'POST', url: `${graphRoot}/B2C_1A_A/uploadCertificate`, body: { key: base64('signing.pem') } }], // prettier-ignore
      }),
    );
  });
});
