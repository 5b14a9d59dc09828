import { day, lines, now, openTenant, ordered } from '../support/world.ts';

const two = {
  B2C_1A_A: [
    { kid: 'new', nbf: now - day },
    { kid: 'old', nbf: now - 2 * day },
  ],
};

describe('get-active-key', () => {
  test('agrees: the key, and why', async () => {
    const tenant = openTenant({ keysets: two });
    const ran = await tenant.run('get-active-key A');
    expect([ran.code, ran.stderr, lines(ran.asked)]).toEqual([
      0,
      '',
      ['GET /B2C_1A_A', 'GET /B2C_1A_A/getActiveKey'],
    ]);
    const [head, row] = ran.stdout.split('\n');
    expect(head).toMatch(/^KEYSET .* X5T +BY THE DATES$/);
    expect(row).toMatch(/^B2C_1A_A +new +oct +sig +active .* the same: the latest nbf of 2 usable keys$/); // prettier-ignore
    expect(ordered((await tenant.run('active A -o json')).json)).toBe(
      ordered({ keyset: 'B2C_1A_A', kid: 'new', kty: 'oct', use: 'sig', status: 'enabled', state: 'active', nbf: now - day, x5c: [] }), // prettier-ignore
    );
  });

  test.each([
    ['the only usable key', [{ kid: 'a' }, { kid: 'b', status: 'disabled' as const }]],
    ['no usable key has nbf of 2 usable keys, listed last', [{ kid: 'a' }, { kid: 'b' }]],
    ['the latest nbf of 3 usable keys, listed last', [{ kid: 'a', nbf: 1 }, { kid: 'b', nbf: 1 }, { kid: 'c' }]], // prettier-ignore
  ])('%s', async (why, keys) => {
    const { stdout } = await openTenant({ keysets: { B2C_1A_A: keys } }).run('active A -o tsv');
    expect(stdout.trimEnd().split('\t').at(-1)).toBe(`the same: ${why}`);
  });

  test('the service names another one: a warning, and its answer is the result', async () => {
    const ran = await openTenant({ keysets: two }).run('get-active-key A -o json', {
      intercept: ({ path }) =>
        path.endsWith('/getActiveKey')
          ? { body: { kid: 'old', kty: 'oct', use: 'sig' } }
          : undefined,
    });
    expect(ran.code).toBe(0);
    expect(ran.json).toMatchObject({ kid: 'old', state: 'standby', status: 'enabled' });
    expect(ran.stderr).toBe(
      'warning: the service says old is active, the dates say new (the latest nbf of 2 usable keys)\n',
    );
  });

  test('the service names one that the keyset does not show', async () => {
    const ran = await openTenant({ keysets: two }).run('get-active-key A', {
      intercept: ({ path }) =>
        path.endsWith('/getActiveKey')
          ? { body: { kid: 'ghost', kty: 'oct', use: 'sig' } }
          : undefined,
    });
    expect([ran.code, ran.stdout.includes('ghost')]).toEqual([0, true]);
    expect(ran.stderr).toMatch(/^warning: the service says ghost is active, the dates say new /);
  });

  test('an empty keyset is not-found, without a second request', async () => {
    const ran = await openTenant({ keysets: { B2C_1A_A: [] } }).run('get-active-key A -o json');
    expect([ran.code, ran.stdout, lines(ran.asked)]).toEqual([5, '', ['GET /B2C_1A_A']]);
    expect(ran.error).toEqual({
      error: {
        kind: 'not-found',
        message: 'B2C_1A_A has no keys, so none is active',
        hint: 'add one: policykeys generate-key B2C_1A_A --kty RSA --use sig',
      },
    });
  });

  test.each([400, 404] as const)('no usable key is not-found, too (%s)', async (notFoundStatus) => {
    const keysets = {
      B2C_1A_A: [
        { kid: 'a', exp: now - 1 },
        { kid: 'b', status: 'disabled' as const },
      ],
    };
    const tenant = openTenant({ keysets, switches: { notFoundStatus } });
    const ran = await tenant.run('get-active-key A -o json');
    expect(ran.stdout).toBe('');
    expect([ran.code, ran.error]).toMatchObject([5, { error: { kind: 'not-found' } }]);
  });

  test('a keyset that does not exist', async () => {
    expect((await openTenant().run('active A')).code).toBe(5);
  });
});
