import { day, graphRoot, lines, now, openTenant, ordered, said, year } from '../support/world.ts';

const keysets = { B2C_1A_A: [] };

describe('generate-key', () => {
  test('an RSA key, with its JSON form', async () => {
    const tenant = openTenant({ keysets });
    const ran = await tenant.run('generate-key A --kty RSA --use sig --nbf now --exp 1y -o json');
    expect([ran.code, lines(ran.asked)]).toEqual([
      0,
      ['GET /B2C_1A_A', 'POST /B2C_1A_A/generateKey'],
    ]);
    expect(ordered(ran.wrote[0]?.body)).toBe(
      ordered({ use: 'sig', kty: 'RSA', nbf: now, exp: now + year }),
    );
    const [stored] = (await tenant.keysOf('B2C_1A_A')) ?? [];
    expect(ordered(ran.json)).toBe(
      ordered({
        keyset: 'B2C_1A_A',
        kid: stored?.kid,
        kty: 'RSA',
        use: 'sig',
        status: 'enabled',
        state: 'active',
        nbf: now,
        exp: now + year,
        x5c: [],
        e: 'AQAB',
        n: stored?.n,
        replaces: null,
      }),
    );
    expect(said(ran)).toBe(`note: added ${stored?.kid} to B2C_1A_A (active)\n`);
  });

  test('replaces names the key that was active before', async () => {
    const tenant = openTenant({ keysets: { B2C_1A_A: [{ kid: 'before' }, { kid: 'x', status: 'disabled' }] } }); // prettier-ignore
    const { json } = await tenant.run('generate-key A --kty oct --use sig -o json');
    expect(json).toMatchObject({ replaces: 'before', state: 'active' });
  });

  test('one that begins later says when', async () => {
    const tenant = openTenant({ keysets: { B2C_1A_A: [{ kid: 'before' }] } });
    const ran = await tenant.run('generate-key A --kty oct --use sig --nbf 30d -o json');
    expect(ran.json).toMatchObject({ state: 'future', nbf: now + 30 * day, replaces: 'before' });
    expect(said(ran)).toMatch(
      /^note: added \S+ to B2C_1A_A \(future, from 2030-01-31T00:00:00Z\)\n$/,
    );
  });

  test.each([
    ['--use sig', '--kty'],
    ['--kty RSA', '--use'],
    ['--kty EC --use sig', '--kty'],
    ['--kty rsa --use sig', '--kty'],
    ['--kty RSA --use both', '--use'],
    ['--kty RSA --use sig --exp 2029-12-31', '--exp'],
    ['--kty RSA --use sig --exp now', '--exp'],
    ['--kty RSA --use sig --nbf 2d --exp 1d', '--exp'],
    ['--kty RSA --use sig --nbf 1893456000000', 'not in seconds'],
    ['--kty RSA --use sig --nbf soon', 'not a time'],
    ['--kty RSA --use sig --nbf 2030', '2030'],
    ['--kty RSA --use sig --stage --enable', '--enable'],
  ])('%s is usage', async (flags, named) => {
    const { code, asked, error } = await openTenant({ keysets }).run(`generate-key A ${flags} -o json`); // prettier-ignore
    expect([code, asked]).toEqual([2, []]);
    expect(error).toMatchObject({ error: { kind: 'usage', message: expect.stringContaining(named) } }); // prettier-ignore
  });

  test('milliseconds: the hint has the value that was probably meant', async () => {
    const { error } = await openTenant({ keysets }).run('generate-key A --kty oct --use sig --exp 1924992000000 -o json'); // prettier-ignore
    expect(error).toEqual({
      error: {
        kind: 'usage',
        message: '1924992000000 is not in seconds',
        hint: 'milliseconds? write 1924992000 (2031-01-01T00:00:00Z)',
      },
    });
  });

  test.each([
    ['--kty RSA --use sig', 'kty oct'],
    ['--kty oct --use enc', 'use sig'],
  ])('%s beside other keys is refused before it is sent', async (flags, have) => {
    const tenant = openTenant({ keysets: { B2C_1A_A: [{ kid: 'a' }] } });
    const { code, wrote, error } = await tenant.run(`generate-key A ${flags} -o json`);
    expect([code, wrote]).toEqual([6, []]);
    expect(error).toMatchObject({ error: { kind: 'conflict', message: expect.stringContaining(have) } }); // prettier-ignore
  });

  test('--dry-run', async () => {
    const { code, json, asked } = await openTenant({ keysets }).run(
      'generate-key A --kty oct --use enc --exp 2031-01-01 --dry-run -o json',
    );
    expect([code, lines(asked)]).toEqual([0, ['GET /B2C_1A_A']]);
    expect(ordered(json)).toBe(
      ordered({
        dryRun: true,
        requests: [
          { method: 'POST', url: `${graphRoot}/B2C_1A_A/generateKey`, body: { use: 'enc', kty: 'oct', exp: now + year } }, // prettier-ignore
        ],
      }),
    );
  });

  test('a keyset that does not exist', async () => {
    const { code, wrote, error } = await openTenant().run('generate-key A --kty oct --use sig -o json'); // prettier-ignore
    expect([code, wrote]).toEqual([5, []]);
    expect(error).toMatchObject({
      error: { hint: 'create it first: policykeys create B2C_1A_A, or pass --create' },
    });
  });
});
