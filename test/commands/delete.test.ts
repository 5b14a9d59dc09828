import { graphRoot, lines, openTenant, ordered, said } from '../support/world.ts';

const keysets = { B2C_1A_A: [{ kid: 'a1' }] };

describe('delete', () => {
  test('leaves the copy', async () => {
    const tenant = openTenant({ keysets });
    const ran = await tenant.run('delete A --yes -o json');
    expect([ran.code, ordered(ran.json), lines(ran.asked)]).toEqual([
      0,
      '{"id":"B2C_1A_A"}',
      ['DELETE /B2C_1A_A'],
    ]);
    expect(said(ran)).toBe('note: deleted B2C_1A_A\n');
    expect(await tenant.keysOf('B2C_1A_A')).toBeUndefined();
    expect(await tenant.keysOf('B2C_1A_A.bak')).toHaveLength(1);
  });

  test('--purge deletes the copy as well', async () => {
    const tenant = openTenant({ keysets });
    const ran = await tenant.run('rm A --purge -y');
    expect([ran.code, lines(ran.wrote)]).toEqual([0, ['DELETE /B2C_1A_A', 'DELETE /B2C_1A_A.bak']]);
    expect(ran.stdout).toBe('KEYSET\nB2C_1A_A\n');
    expect(said(ran)).toBe('note: deleted B2C_1A_A and B2C_1A_A.bak\n');
    expect(Object.values((await tenant.store.read()).tenants)[0]?.keysets).toEqual({});
  });

  test('--purge where no copy was made', async () => {
    const ran = await openTenant({ keysets }).run('delete A --purge --yes', {
      intercept: ({ path }) =>
        path.endsWith('.bak')
          ? { status: 404, body: { error: { code: 'AADB2C90073', message: 'no' } } }
          : undefined,
    });
    expect(ran.code).toBe(0);
  });

  test('a copy by its name; --purge adds nothing then', async () => {
    const tenant = openTenant({ keysets: { 'B2C_1A_A.bak': [] } });
    const ran = await tenant.run('delete A.bak --purge --yes');
    expect([ran.code, lines(ran.wrote)]).toEqual([0, ['DELETE /B2C_1A_A.bak']]);
  });

  test('one that does not exist', async () => {
    const ran = await openTenant().run('delete A --yes -o json');
    expect(ran.code).toBe(5);
    expect(ran.error).toMatchObject({ error: { kind: 'not-found', code: 'AADB2C90073' } });
  });

  test('--if-exists', async () => {
    const ran = await openTenant().run('delete A --if-exists --yes -o json');
    expect([ran.code, ran.json]).toEqual([0, { id: 'B2C_1A_A' }]);
    expect(said(ran)).toBe('note: B2C_1A_A does not exist: nothing to do\n');
  });

  test('--if-exists --purge still looks for the copy of an earlier run', async () => {
    const tenant = openTenant({ keysets: { 'B2C_1A_A.bak': [] } });
    const ran = await tenant.run('delete A --if-exists --purge --yes');
    expect(ran.code).toBe(0);
    expect(await tenant.keysOf('B2C_1A_A.bak')).toBeUndefined();
  });

  test('nobody can be asked: usage, and nothing is even read', async () => {
    const { code, asked, error } = await openTenant({ keysets }).run('delete A -o json');
    expect([code, asked]).toEqual([2, []]);
    expect(error).toEqual({
      error: {
        kind: 'usage',
        message: 'this deletes B2C_1A_A with all its keys, and nobody can be asked',
        hint: 'pass --yes if that is meant',
      },
    });
  });

  test.each([
    ['--purge', ['B2C_1A_A', 'B2C_1A_A.bak']],
    ['', ['B2C_1A_A']],
  ])('--dry-run %s', async (more, ids) => {
    const { code, json, wrote } = await openTenant({ keysets }).run(`delete A --dry-run -o json ${more}`); // prettier-ignore
    expect([code, wrote]).toEqual([0, []]);
    expect(ordered(json)).toBe(
      ordered({
        dryRun: true,
        requests: ids.map((id) => ({ method: 'DELETE', url: `${graphRoot}/${id}`, body: null })),
      }),
    );
  });

  test('--dry-run of one that does not exist', async () => {
    const tenant = openTenant();
    expect((await tenant.run('delete A --dry-run')).code).toBe(5);
    const { code, json } = await tenant.run('delete A --dry-run --if-exists -o json');
    expect([code, json]).toEqual([0, { dryRun: true, requests: [] }]);
  });

  test('--dry-run --if-exists --purge shows the copy of an earlier run', async () => {
    const tenant = openTenant({ keysets: { 'B2C_1A_A.bak': [] } });
    const { code, json } = await tenant.run('delete A --dry-run --if-exists --purge -o json');
    expect([code, json]).toEqual([
      0,
      {
        dryRun: true,
        requests: [{ method: 'DELETE', url: `${graphRoot}/B2C_1A_A.bak`, body: null }],
      },
    ]);
  });
});
