import { graphRoot, lines, openTenant, ordered, said } from '../support/world.ts';

describe('create', () => {
  test('sends the id and nothing else', async () => {
    const tenant = openTenant();
    const { code, stdout, wrote, stderr } = await tenant.run('create PartnerApiSecret -o json');
    expect(code).toBe(0);
    expect(ordered(JSON.parse(stdout))).toBe(
      ordered({ id: 'B2C_1A_PartnerApiSecret', keys: [], activeKid: null }),
    );
    expect(wrote.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['POST', '', { id: 'B2C_1A_PartnerApiSecret' }],
    ]);
    expect(stderr).toBe(
      'note: writing to tenant contoso.onmicrosoft.com\nnote: created B2C_1A_PartnerApiSecret\n',
    );
    expect(await tenant.keysOf('B2C_1A_PartnerApiSecret')).toEqual([]);
  });

  test.each(['Abc', 'B2C_1A_Abc', 'b2c_1a_Abc'])('%s is B2C_1A_Abc', async (name) => {
    const { stdout } = await openTenant().run(`create ${name}`);
    expect(stdout).toBe('B2C_1A_Abc (0 keys)\n(no keys)\n');
  });

  test('one that exists is a conflict, with the ids of the service', async () => {
    const tenant = openTenant({ keysets: { B2C_1A_A: [] } });
    const { code, stdout, error, stderr } = await tenant.run('create A -o json');
    expect([code, stdout]).toEqual([6, '']);
    expect(ordered(error)).toMatch(
      /^\{"error":\{"kind":"conflict","message":"B2C_1A_A: AADB2C95028: Can't create .*","hint":"pass --if-missing if that is fine","status":400,"code":"AADB2C95028","requestId":"[-0-9a-f]{36}","clientRequestId":"[-0-9a-f]{36}","correlationId":"[-0-9a-f]{36}"\}\}$/,
    );
    expect(stderr).toMatch(
      /^error: .*\nhint: .*\nrequest-id .*, client-request-id .*, correlation-id .*$/m,
    );
  });

  test('--if-missing shows the one that exists', async () => {
    const tenant = openTenant({ keysets: { B2C_1A_A: [{ kid: 'a1' }] } });
    const ran = await tenant.run('create A --if-missing -o json');
    expect([ran.code, ran.json, lines(ran.asked)]).toMatchObject([
      0,
      { id: 'B2C_1A_A', activeKid: 'a1' },
      ['POST ', 'GET /B2C_1A_A'],
    ]);
    expect(said(ran)).toBe('note: B2C_1A_A exists already: nothing to do\n');
    expect((await openTenant().run('create A --if-missing')).code).toBe(0);
  });

  test('--if-missing does not hide another refusal', async () => {
    const { code } = await openTenant().run('create A --if-missing', {
      intercept: () => ({ status: 403, body: { error: { code: 'AADB2C', message: 'no' } } }),
    });
    expect(code).toBe(9);
  });

  test('--dry-run sends nothing', async () => {
    const { code, stdout, asked, stderr } = await openTenant().run('create A --dry-run -o json');
    expect([code, asked, stderr]).toEqual([0, [], '']);
    expect(ordered(JSON.parse(stdout))).toBe(
      ordered({
        dryRun: true,
        requests: [{ method: 'POST', url: graphRoot, body: { id: 'B2C_1A_A' } }],
      }),
    );
  });

  test('--dry-run as a table', async () => {
    const { stdout } = await openTenant().run('create A --dry-run');
    expect(stdout).toBe(
      [
        'dry run: nothing was sent',
        'METHOD  URL                                                      BODY',
        `POST    ${graphRoot}  {"id":"B2C_1A_A"}`,
        '',
      ].join('\n'),
    );
  });
});
