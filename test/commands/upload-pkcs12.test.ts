import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { obstacles, outlinePkcs12 } from '../../src/core/pkcs12.ts';
import { fixture, graphRoot, keepSecret, lines, now, openTenant, ordered, said, type Ran, type RunOptions } from '../support/world.ts'; // prettier-ignore

const keysets = { B2C_1A_A: [] };
const password = keepSecret('correct-horse-battery');
const base64 = (name: string): string => readFileSync(fixture(name)).toString('base64');
for (const name of ['signing.pfx', 'later.pfx', 'aes.pfx', 'nopassword.pfx'])
  keepSecret(base64(name));

/** Runs it on a PFX, with the right password unless the flags say something else. */
function upload(
  name: string,
  flags: readonly string[] = ['--password-from', 'env:PASSWORD'],
  tenant = openTenant({ keysets }),
  options: RunOptions = {},
): Promise<Ran> {
  return tenant.run(['upload-pkcs12', 'A', fixture(name), '-o', 'json', ...flags], {
    ...options,
    environment: { PASSWORD: password, ...options.environment },
  });
}
const right = ['--password-from', 'env:PASSWORD'];
const openssl = (args: readonly string[], input?: Buffer): Buffer =>
  execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'pipe'] });

describe('upload-pkcs12', () => {
  test.each(['signing.pfx', 'later.pfx'])('%s is sent byte for byte', async (name) => {
    const ran = await upload(name);
    expect([ran.code, lines(ran.asked)]).toEqual([
      0,
      ['GET /B2C_1A_A', 'POST /B2C_1A_A/uploadPkcs12'],
    ]);
    expect(ordered(ran.wrote[0]?.body)).toBe(ordered({ key: base64(name), password }));
  });

  test('PEM is no PFX, and what to do with it is said', async () => {
    const ran = await upload('bundle.pem');
    expect([ran.code, ran.asked]).toEqual([3, []]);
    expect(ran.stderr).toContain('bundle.pem is not a PFX: it is PEM');
    expect(ran.stderr).toContain('upload-certificate');
    expect(ran.stderr).toContain('--certificate FILE --key FILE');
  });

  test('its JSON form, with the chain leaf to root', async () => {
    const tenant = openTenant({ keysets });
    const ran = await upload('signing.pfx', right, tenant);
    const [stored] = (await tenant.keysOf('B2C_1A_A')) ?? [];
    const chain = readFileSync(fixture('bundle.pem'), 'utf8')
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .map((pem) => new X509Certificate(pem));
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
        x5t: Buffer.from((chain[0]?.fingerprint ?? '').replaceAll(':', ''), 'hex').toString('base64url'), // prettier-ignore
        x5c: chain.map(({ raw }) => raw.toString('base64')),
        e: 'AQAB',
        n: stored?.n,
        replaces: null,
      }),
    );
    expect(said(ran)).toBe(`note: added ${stored?.kid} to B2C_1A_A (active)\n`);
  });

  test.each([
    ['aes.pfx', ['private key is encrypted with AES-256-CBC', 'certificates are encrypted with AES-256-CBC', 'MAC is SHA-256']],
    ['rc2.pfx', ['certificates are encrypted with RC2-40-SHA1']],
    ['nomac.pfx', ['has no MAC']],
  ])('%s is written anew, under the password that was given, and stderr says why', async (name, reasons) => {
    const tenant = openTenant({ keysets });
    const ran = await upload(name, right, tenant);
    expect([ran.code, lines(ran.wrote)]).toEqual([0, ['POST /B2C_1A_A/uploadPkcs12']]);
    expect(ran.stderr).toContain(`${name} was converted to TripleDES-SHA1 with a SHA-1 MAC, since`);
    for (const reason of reasons) expect(ran.stderr).toContain(reason);
    const body = ran.wrote[0]?.body as Record<'key' | 'password', string>;
    expect(body.password).toBe(password);
    const sent = Buffer.from(body.key, 'base64');
    expect(obstacles(outlinePkcs12(sent, 'sent'))).toEqual([]);
    const parts = openssl(['pkcs12', '-nodes', '-passin', `pass:${password}`], sent);
    const key = createPrivateKey(parts);
    expect(new X509Certificate(readFileSync(fixture('signing.pem'))).checkPrivateKey(key)).toBe(true);
    expect(ran.json).toMatchObject({ kid: (await tenant.keysOf('B2C_1A_A'))?.[0]?.kid, state: 'active' });
  }); // prettier-ignore

  test('--no-convert sends it as it lies, with a warning', async () => {
    const ran = await upload('aes.pfx', [...right, '--no-convert']);
    // B2C's answer to AES, which says something else.
    expect([ran.code, ran.wrote[0]?.body]).toEqual([3, { key: base64('aes.pfx'), password }]);
    expect(ran.stderr).toContain('is sent as it lies, although its private key is encrypted with AES-256-CBC'); // prettier-ignore
    expect(ran.error).toMatchObject({ error: { kind: 'input', code: 'AADB2C90213', hint: expect.stringContaining('TripleDES-SHA1') } }); // prettier-ignore
  });

  test('--no-convert still opens it first', async () => {
    const ran = await upload('aes.pfx', [...right, '--no-convert'], openTenant({ keysets }), {
      environment: { PASSWORD: 'other' },
    });
    expect([ran.code, ran.asked]).toEqual([3, []]);
  });

  test.each(['other', 'correct-horse-batter', 'correct-horse-battery ', 'CORRECT-HORSE-BATTERY'])(
    'the wrong password %j',
    async (wrong) => {
      const ran = await upload('signing.pfx', right, openTenant({ keysets }), {
        environment: { PASSWORD: wrong },
      });
      expect([ran.code, ran.asked]).toEqual([3, []]);
      expect(ran.error).toMatchObject({ error: { message: expect.stringMatching(/^cannot open .*: the password is wrong/) } }); // prettier-ignore
    },
  );

  test('a password file loses its line break; an empty one is refused', async () => {
    const tenant = openTenant({ keysets });
    const file = join(tenant.folder, 'password');
    writeFileSync(file, `${password}\r\n`);
    expect((await upload('signing.pfx', ['--password-from', file], tenant)).code).toBe(0);
    writeFileSync(file, '\n');
    expect((await upload('later.pfx', ['--password-from', file], tenant)).code).toBe(3);
  });

  test('nobody can be asked for the password', async () => {
    const ran = await upload('signing.pfx', []);
    expect([ran.code, ran.asked]).toEqual([2, []]);
    expect(ran.error).toMatchObject({ error: { message: '--password-from is missing, and nobody can be asked' } }); // prettier-ignore
  });

  test('--no-password: it goes under a random one, since B2C insists on one', async () => {
    const first = await upload('nopassword.pfx', ['--no-password']);
    const second = await upload('nopassword.pfx', ['--no-password']);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(first.stderr).toContain('it has no password, and B2C insists on one');
    const passwords = [first, second].map(({ wrote }) => (wrote[0]?.body as { password: string }).password); // prettier-ignore
    for (const word of passwords) expect(word).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(new Set(passwords).size).toBe(2);
    const sent = await upload('nopassword.pfx', ['--no-password', '--no-convert']);
    expect(sent.wrote.map(({ body }) => body)).toEqual([{ key: base64('nopassword.pfx'), password: '' }]); // prettier-ignore
  });

  test('an empty password that was not announced', async () => {
    for (const environment of [{ PASSWORD: '' }, { PASSWORD: '\n' }]) {
      const ran = await upload('nopassword.pfx', right, openTenant({ keysets }), { environment });
      expect([ran.code, ran.asked]).toEqual([3, []]);
      expect(ran.error).toMatchObject({ error: { message: 'env:PASSWORD is empty', hint: expect.stringContaining('--no-password') } }); // prettier-ignore
    }
  });

  test.each([[['--no-password', ...right]], [[...right, '--no-password']]])(
    '%j contradict one another',
    async (flags) => {
      expect((await upload('signing.pfx', flags)).code).toBe(2);
    },
  );

  test('PFX and password cannot both come from stdin; each alone can', async () => {
    const { run } = openTenant({ keysets });
    const both = await run('upload-pkcs12 A - --password-from -');
    expect([both.code, both.asked]).toEqual([2, []]);
    const environment = { PASSWORD: password, PFX: base64('later.pfx') };
    const piped = await run('upload-pkcs12 A - --password-from env:PASSWORD', { environment, stdin: readFileSync(fixture('signing.pfx')) }); // prettier-ignore
    expect([piped.code, piped.wrote[0]?.body]).toEqual([
      0,
      { key: base64('signing.pfx'), password },
    ]);
    const taken = await run('upload-pkcs12 A env:PFX --password-from -', { environment, stdin: password }); // prettier-ignore
    expect([taken.code, taken.wrote[0]?.body]).toEqual([0, { key: base64('later.pfx'), password }]);
  });

  test.each([
    ['curve.pfx', 'EC key'],
    ['small.pfx', '1024 bits'],
    ['expired.pfx', '--allow-expired'],
    ['nokey.pfx', 'no private key'],
    ['signing.pem', 'not a PFX'],
    ['make.sh', 'not a PFX'],
    ['nowhere.pfx', 'no such file'],
  ])('%s is input, and nothing is asked', async (name, reason) => {
    const ran = await upload(name);
    expect([ran.code, ran.asked]).toEqual([3, []]);
    expect(ran.stderr).toContain(reason);
    expect(ran.stderr).toContain(name);
  });

  test('cut off or followed by something', async () => {
    const tenant = openTenant({ keysets });
    const whole = readFileSync(fixture('signing.pfx'));
    const file = join(tenant.folder, 'x.pfx');
    for (const bytes of [
      whole.subarray(0, 10),
      whole.subarray(0, -1),
      Buffer.concat([whole, Buffer.from([0])]),
      Buffer.alloc(0),
      Buffer.alloc((1 << 20) + 1, 0x30),
    ]) {
      writeFileSync(file, bytes);
      const { code, asked } = await tenant.run(['upload-pkcs12', 'A', file, ...right], { environment: { PASSWORD: password } }); // prettier-ignore
      expect([bytes.length, code, asked]).toEqual([bytes.length, 3, []]);
    }
  });

  test('--if-changed', async () => {
    const tenant = openTenant({ keysets });
    expect((await upload('signing.pfx', [...right, '--if-changed'], tenant)).wrote).toHaveLength(1);
    const again = await upload('signing.pfx', [...right, '--if-changed'], tenant);
    expect([again.code, again.wrote, again.json]).toMatchObject([0, [], { unchanged: true }]);
    expect(again.json).not.toHaveProperty('replaces');
    const other = await upload('later.pfx', [...right, '--if-changed'], tenant);
    expect([other.code, other.wrote.length, other.json]).toMatchObject([0, 1, { state: 'active' }]);
  });

  test('the same again without --if-changed is the service’s conflict', async () => {
    const tenant = openTenant({ keysets });
    await upload('signing.pfx', right, tenant);
    const again = await upload('signing.pfx', right, tenant);
    expect(again.code).toBe(6);
    expect(again.error).toMatchObject({ error: { code: 'AADB2C90180', hint: expect.stringContaining('--if-changed') } }); // prettier-ignore
  });

  test('key usage that does not fit the keyset is a warning', async () => {
    const tenant = openTenant({ keysets: { B2C_1A_A: [{ kid: 'a', kty: 'RSA' }] } });
    const ran = await upload('encryption.pfx', [...right, '--dry-run'], tenant);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(/^warning: .*encryption\.pfx: its key usage \(keyEncipherment\) does not allow "sig"/); // prettier-ignore
  });

  test('--allow-expired', async () => {
    const ran = await upload('expired.pfx', [...right, '--allow-expired', '--standby']);
    expect([ran.code, ran.wrote.length]).toEqual([3, 1]);
    expect(ran.error).toMatchObject({ error: { code: 'AADB2C90214' } });
  });

  test('--dry-run shows neither the PFX nor its password', async () => {
    const { code, json, wrote } = await upload('signing.pfx', [...right, '--dry-run']);
    expect([code, wrote]).toEqual([0, []]);
    expect(ordered(json)).toBe(
      ordered({
        dryRun: true,
        requests: [{ method: 'POST', url: `${graphRoot}/B2C_1A_A/uploadPkcs12`, body: { key: '[secret]', password: '[secret]' } }], // prettier-ignore
      }),
    );
  });

  test('one that ends before the clock of the run', async () => {
    const { run } = openTenant({ keysets });
    const words = ['upload-pkcs12', 'A', fixture('signing.pfx'), ...right];
    const at = Date.UTC(2031, 0, 1) / 1000;
    const environment = { PASSWORD: password };
    expect((await run(words, { environment, at })).code).toBe(3);
    expect((await run(words, { environment, at: at - 1 })).code).toBe(0);
    expect(now).toBeLessThan(at);
  });
});

describe('upload-pkcs12 from PEM files', () => {
  const pem = (...flags: readonly string[]): readonly string[] => [
    'upload-pkcs12', 'A', '-o', 'json', '--certificate', fixture('bundle.pem'), ...flags,
  ]; // prettier-ignore
  const key = ['--key', fixture('with-key.pem')];
  const environment = { PASSWORD: password };
  const bodyOf = (ran: Ran): Record<'key' | 'password', string> =>
    ran.wrote[0]?.body as Record<'key' | 'password', string>;
  const subjectsIn = ({
    key: sent,
    password: word,
  }: Record<'key' | 'password', string>): string[] =>
    openssl(['pkcs12', '-nokeys', '-passin', `pass:${word}`], Buffer.from(sent, 'base64'))
      .toString()
      .match(/^subject=.*$/gm) ?? [];

  test('the chain in order, under a random password', async () => {
    for (const flags of [key, ['--certificate', fixture('reversed.pem'), ...key], ['--certificate', fixture('signing.pem'), '--chain', fixture('reversed.pem'), ...key]]) {
      const ran = await openTenant({ keysets }).run(pem(...flags), { environment });
      expect([ran.code, lines(ran.wrote)]).toEqual([0, ['POST /B2C_1A_A/uploadPkcs12']]);
      expect(obstacles(outlinePkcs12(Buffer.from(bodyOf(ran).key, 'base64'), 'sent'))).toEqual([]);
      expect(bodyOf(ran).password).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(subjectsIn(bodyOf(ran))).toEqual([
        'subject=CN = signing.contoso.example',
        'subject=CN = issuing.contoso.example',
        'subject=CN = root.contoso.example',
      ]);
      expect(ran.json).toMatchObject({ x5c: { length: 3 } });
    }
  }); // prettier-ignore

  test('--password-from is the password it goes under', async () => {
    const ran = await openTenant({ keysets }).run(pem(...key, ...right), { environment });
    expect([ran.code, bodyOf(ran).password]).toEqual([0, password]);
  });

  test('run again with --if-changed', async () => {
    const { run } = openTenant({ keysets });
    const words = pem(...key, '--if-changed');
    expect((await run(words)).wrote).toHaveLength(1);
    const again = await run(words);
    expect([again.code, again.wrote, again.json]).toMatchObject([0, [], { unchanged: true }]);
  });

  test('a private key that is encrypted', async () => {
    const tenant = openTenant({ keysets });
    const file = join(tenant.folder, 'key.pem');
    const word = keepSecret('battery-horse');
    for (const options of [
      ['pkcs8', '-topk8', '-passout', `pass:${word}`],
      ['pkcs8', '-topk8', '-v1', 'PBE-SHA1-3DES', '-passout', `pass:${word}`],
      ['rsa', '-aes128', '-traditional', '-passout', `pass:${word}`],
    ]) {
      writeFileSync(file, openssl([...options, '-in', fixture('with-key.pem')]));
      const words = pem('--key', file, '--dry-run');
      const ran = await tenant.run([...words, '--key-password-from', 'env:KEY'], { environment: { KEY: word } }); // prettier-ignore
      expect(ran.code).toBe(0);
      const wrong = await tenant.run([...words, '--key-password-from', 'env:KEY'], { environment: { KEY: 'other' } }); // prettier-ignore
      expect([wrong.code, wrong.asked]).toEqual([3, []]);
      expect(wrong.error).toMatchObject({ error: { message: expect.stringMatching(/^cannot open the private key of .*key\.pem: the password is wrong, or/) } }); // prettier-ignore
      const unasked = await tenant.run(words);
      expect([unasked.code, unasked.asked]).toEqual([2, []]);
      expect(unasked.stderr).toContain('--key-password-from is missing');
    }
  });

  test.each<[string, readonly string[], number, string]>([
    ['no key', [], 2, '--certificate and --key belong together'],
    ['a PFX as well', [fixture('signing.pfx'), ...key], 2, 'two sources for one key'],
    ['--no-convert', [...key, '--no-convert'], 2, 'no-convert'],
    ['all from stdin', ['--certificate', '-', '--key', '-'], 2, 'stdin can be read only once'],
    ['a key of another certificate', ['--certificate', fixture('later.pem'), ...key], 3, 'with-key.pem is not the private key of'],
    ['a key without a key', ['--key', fixture('signing.pem')], 3, 'holds no private key'],
    ['an expired certificate', ['--certificate', fixture('expired.pem'), ...key], 3, 'certificate'],
    ['no such file', ['--key', fixture('nowhere.pem')], 3, 'no such file'],
    ['something else', ['--key', fixture('make.sh')], 3, 'no PEM block'],
  ])('%s', async (_name, flags, code, reason) => {
    const ran = await openTenant({ keysets }).run(pem(...flags), { environment });
    expect([ran.code, ran.asked]).toEqual([code, []]);
    expect(ran.stderr).toContain(reason);
  }); // prettier-ignore

  test('neither a PFX nor PEM files', async () => {
    const ran = await openTenant({ keysets }).run('upload-pkcs12 A -o json');
    expect([ran.code, ran.asked]).toEqual([2, []]);
    expect(ran.error).toMatchObject({ error: { message: 'a PFX is missing' } });
  });
});
