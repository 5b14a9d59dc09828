import { day, graphRoot, lines, now, openTenant, ordered, year } from '../support/world.ts';

const keysets = {
  B2C_1A_Many: [
    { kid: 'none' },
    { kid: 'ended', nbf: now - 2 * year, exp: now },
    { kid: 'older', nbf: now - 2 * day, exp: now + 2 * day },
    { kid: 'tie', nbf: now - day },
    { kid: 'won', nbf: now - day, exp: now + year },
    { kid: 'ahead', nbf: now + 1 },
    { kid: 'off', nbf: now - 1, status: 'disabled' as const },
  ],
};

describe('get', () => {
  test('every state', async () => {
    const { code, stdout, stderr } = await openTenant({ keysets }).run('get Many');
    const [title, head, ...rows] = stdout.trimEnd().split('\n');
    expect(title).toBe('B2C_1A_Many (7 keys)');
    expect(head?.split(/ {2,}/)).toEqual(['KID', 'KTY', 'USE', 'STATE', 'NOT BEFORE', 'EXPIRES', 'X5T']); // prettier-ignore
    expect(rows.map((row) => row.split(/ {2,}/))).toEqual([
      ['none', 'oct', 'sig', 'standby', '-', '-', '-'],
      ['ended', 'oct', 'sig', 'expired', '2028-01-02T00:00:00Z (2 years ago)', '2030-01-01T00:00:00Z (under a minute ago)', '-'], // prettier-ignore
      ['older', 'oct', 'sig', 'standby', '2029-12-30T00:00:00Z (2 days ago)', '2030-01-03T00:00:00Z (in 2 days)', '-'], // prettier-ignore
      ['tie', 'oct', 'sig', 'standby', '2029-12-31T00:00:00Z (24 hours ago)', '-', '-'],
      ['won', 'oct', 'sig', 'active', '2029-12-31T00:00:00Z (24 hours ago)', '2031-01-01T00:00:00Z (in 365 days)', '-'], // prettier-ignore
      ['ahead', 'oct', 'sig', 'future', '2030-01-01T00:00:01Z (in under a minute)', '-', '-'],
      ['off', 'oct', 'sig', 'disabled', '2029-12-31T23:59:59Z (under a minute ago)', '-', '-'],
    ]);
    expect([code, stderr]).toEqual([0, '']);
  });

  test('tsv has the same columns without a header, and nothing for people', async () => {
    const { stdout } = await openTenant({ keysets }).run('get Many -o tsv');
    expect(stdout.split('\n')[4]).toBe(
      'won\toct\tsig\tactive\t2029-12-31T00:00:00Z\t2031-01-01T00:00:00Z\t',
    );
    expect(stdout.split('\n')[0]).toBe('none\toct\tsig\tstandby\t\t\t');
  });

  test('JSON and YAML are the same value', async () => {
    const { parse } = await import('yaml');
    const tenant = openTenant({ keysets });
    const json = await tenant.run('show Many -o json');
    const yaml = await tenant.run('show Many -o yaml');
    expect(ordered(parse(yaml.stdout))).toBe(ordered(json.json));
    expect(json.json).toMatchObject({ id: 'B2C_1A_Many', activeKid: 'won' });
  });

  test('--query looks at the JSON form, in every format', async () => {
    const tenant = openTenant({ keysets });
    const query = "keys[?state=='standby'].{id: kid, ends: exp}";
    const run = async (format: string) =>
      (await tenant.run(['get', 'Many', '-o', format, '--query', query])).stdout;
    expect(await run('tsv')).toBe(`none\t\nolder\t${now + 2 * day}\ntie\t\n`);
    expect(await run('table')).toBe(`id     ends\nnone\nolder  ${now + 2 * day}\ntie\n`);
    expect(JSON.parse(await run('json'))).toEqual([
      { id: 'none', ends: null },
      { id: 'older', ends: now + 2 * day },
      { id: 'tie', ends: null },
    ]);
    expect(await run('yaml')).toBe(`- id: none\n  ends: null\n- id: older\n  ends: ${now + 2 * day}\n- id: tie\n  ends: null\n`); // prettier-ignore
    expect(await run('none')).toBe('');
  });

  test.each(['[', 'keys[?', 'nosuch(@)'])(
    '--query %s is usage, before anything is asked',
    async (query) => {
      const { code, error, stdout } = await openTenant({ keysets }).run(['get', 'Many', '-ojson', '--query', query]); // prettier-ignore
      expect([code, stdout]).toEqual([2, '']);
      expect(error).toMatchObject({ error: { kind: 'usage', message: expect.stringMatching(/^--query: /) } }); // prettier-ignore
    },
  );

  test.each([404, 400] as const)('one that is not there, told with %s', async (notFoundStatus) => {
    const { code, error, stdout } = await openTenant({ switches: { notFoundStatus } }).run('get Nowhere -o json'); // prettier-ignore
    expect([code, stdout]).toEqual([5, '']);
    expect(error).toMatchObject({
      error: { kind: 'not-found', status: notFoundStatus, code: 'AADB2C90073' },
    });
  });

  test('strings for numbers, other cases and unknown statuses are understood', async () => {
    const answer = {
      id: 'B2C_1A_X',
      keys: [
        { kid: 'a', kty: 'OCT', use: 'SIG', nbf: String(now - 1), exp: '', status: 'frozen' },
        { kid: 'b', kty: 'rsa', use: 'enc', x5t: '', x5c: null, d: 'private', k: 'secret' },
        {},
      ],
    };
    const { json } = await openTenant().run('get X -o json', {
      intercept: () => ({ body: answer }),
    });
    expect(ordered(json)).toBe(
      ordered({
        id: 'B2C_1A_X',
        keys: [
          { kid: 'a', kty: 'oct', use: 'sig', status: 'unknownFutureValue', state: 'disabled', nbf: now - 1 }, // prettier-ignore
          { kid: 'b', kty: 'RSA', use: 'enc', state: 'standby' },
          { state: 'active' },
        ],
        activeKid: null,
      }),
    );
  });

  test.each([
    ['no object', []],
    ['no id', { keys: [] }],
    ['keys that are no array', { id: 'X', keys: {} }],
    ['a date that is no number', { id: 'X', keys: [{ exp: 'tomorrow' }] }],
    ['a kid with an escape sequence', { id: 'X', keys: [{ kid: '\u001b[2J' }] }],
    ['a kid that turns the line around', { id: 'X', keys: [{ kid: 'a\u202eb' }] }],
    ['an unknown kty', { id: 'X', keys: [{ kty: 'EC' }] }],
    ['HTML', '<html>'],
    ['nothing', ''],
  ])('an answer with %s is a service failure', async (_, body) => {
    const { code, stdout, stderr } = await openTenant().run('get X', {
      intercept: () => ({ body }),
    });
    expect([code, stdout]).toEqual([7, '']);

    expect(stderr).not.toMatch(/[\u001b\u202e]/);
  });

  test('the id is percent-encoded as it stands', async () => {
    const { asked } = await openTenant({ keysets: { 'B2C_1A_a-b_c.bak': [] } }).run(
      'get a-b_c.bak',
    );
    expect(lines(asked)).toEqual(['GET /B2C_1A_a-b_c.bak']);
    expect(graphRoot).toMatch(/^https:/);
  });
});
