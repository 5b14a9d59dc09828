import { graphRoot, lines, now, openTenant, ordered, said, year } from '../support/world.ts';

const keysets = {
  B2C_1A_b: [{ kid: 'b1', nbf: now - 10, exp: now + year }],
  B2C_1A_Z: [],
  'B2C_1A_b.bak': [{ kid: 'old' }],
  B2C_1A_A: [
    { kid: 'a1', exp: now - 10 },
    { kid: 'a2', status: 'disabled' as const },
  ],
};

describe('list', () => {
  test('sorts by id in code point order and hides the copies', async () => {
    const { code, stdout, stderr, asked } = await openTenant({ keysets }).run('list');
    expect(stdout).toBe(
      [
        'KEYSET    KEYS  KTY  USE  ACTIVE KEY  EXPIRES',
        'B2C_1A_A  2     oct  sig  none        -',
        'B2C_1A_Z  0     -    -    empty       -',
        'B2C_1A_b  1     oct  sig  b1          2031-01-01T00:00:00Z (in 365 days)',
        '',
      ].join('\n'),
    );
    expect([code, stderr, lines(asked)]).toEqual([0, '', ['GET ']]);
  });

  test('has the documented JSON form, members in this order', async () => {
    const { stdout } = await openTenant({ keysets }).run('list -o json');
    expect(ordered(JSON.parse(stdout))).toBe(
      ordered([
        {
          id: 'B2C_1A_A',
          keys: [
            { kid: 'a1', kty: 'oct', use: 'sig', status: 'enabled', state: 'expired', exp: now - 10, x5c: [] }, // prettier-ignore
            { kid: 'a2', kty: 'oct', use: 'sig', status: 'disabled', state: 'disabled', x5c: [] },
          ],
          activeKid: null,
        },
        { id: 'B2C_1A_Z', keys: [], activeKid: null },
        {
          id: 'B2C_1A_b',
          keys: [
            { kid: 'b1', kty: 'oct', use: 'sig', status: 'enabled', state: 'active', nbf: now - 10, exp: now + year, x5c: [] }, // prettier-ignore
          ],
          activeKid: 'b1',
        },
      ]),
    );
  });

  test('--include-backups shows them; so does the alias', async () => {
    const { stdout } = await openTenant({ keysets }).run([
      ...'ls --include-backups -o tsv --query'.split(' '),
      '[].id',
    ]);
    expect(stdout).toBe('B2C_1A_A\nB2C_1A_Z\nB2C_1A_b\nB2C_1A_b.bak\n');
  });

  test('reads all pages', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 7 }, (_, index) => [`B2C_1A_K${String(index)}`, []]),
    );
    const tenant = openTenant({ keysets: many, switches: { pageSize: 3 } });
    const { stdout, asked } = await tenant.run(['list', '-o', 'json', '--query', 'length(@)']);
    expect(stdout).toBe('7\n');
    expect(asked).toHaveLength(3);
  });

  test.each([
    ['another host', 'https://elsewhere.example/beta/x'],
    ['another scheme', 'http://graph.microsoft.com/beta/trustFramework/keySets'],
    ['a user name', 'https://a@graph.microsoft.com/beta/trustFramework/keySets'],
    ['a circle', graphRoot],
    ['no address', 'http://['],
  ])('does not follow a next link to %s', async (_, link) => {
    const { code, stdout, error, asked } = await openTenant().run('list -o json', {
      intercept: () => ({ body: { value: [], '@odata.nextLink': link } }),
    });
    expect([code, stdout, asked.length]).toEqual([7, '', 1]);
    expect(error).toMatchObject({ error: { kind: 'service' } });
  });

  test('of an empty tenant', async () => {
    expect((await openTenant().run('list')).stdout).toBe('(no keysets)\n');
    expect((await openTenant().run('list -o json')).stdout).toBe('[]\n');
    expect((await openTenant().run('list -o tsv')).stdout).toBe('');
    expect((await openTenant().run('list -o yaml')).stdout).toBe('[]\n');
  });

  test('remembers the names, without the copies, for completion', async () => {
    const tenant = openTenant({ keysets });
    expect((await tenant.run('__keysets')).stdout).toBe('');
    await tenant.run('list');
    const { stdout, asked } = await tenant.run('__keysets');
    expect(stdout).toBe('B2C_1A_b\nB2C_1A_Z\nB2C_1A_A\n');
    expect(asked).toEqual([]);
    // Of another tenant nothing is known.
    expect((await tenant.run('__keysets --tenant other.onmicrosoft.com')).stdout).toBe('');
  });

  test('a terminal that is narrow gets short forms; a pipe never does', async () => {
    const kid = 'kOYy0-5BatQv6VgCFBpxvsp15ZeROBQc-DvebIdQApo';
    const tenant = openTenant({ keysets: { B2C_1A_A: [{ kid, exp: now + year }] } });
    const { stdout } = await tenant.run('list --color never', { columns: 60 });
    expect(stdout).toContain('kOYy0-5BatQv…');
    for (const line of stdout.trimEnd().split('\n')) expect(line.length).toBeLessThanOrEqual(60);
    expect(said(await tenant.run('list'))).toBe('');
    expect((await tenant.run('list')).stdout).toContain(kid);
  });
});
