import { day, graphRoot, lines, now, openTenant, ordered, said } from '../support/world.ts';

const keysets = {
  B2C_1A_A: [
    { kid: 'older', nbf: now - day, exp: now + day },
    { kid: 'newer', nbf: now - 1 },
    { kid: 'off', status: 'disabled' as const },
  ],
  B2C_1A_One: [{ kid: 'only' }, { kid: 'ended', exp: now }, { kid: 'ahead', nbf: now + 1 }],
};
const open = () => openTenant({ keysets });

describe('keys list', () => {
  test('the service’s order, and the JSON form', async () => {
    const { code, json, asked } = await open().run('keys list A -o json');
    expect([code, lines(asked)]).toEqual([0, ['GET /B2C_1A_A/keys_v2']]);
    const common = { kty: 'oct', use: 'sig' };
    expect(ordered(json)).toBe(
      ordered([
        { kid: 'older', ...common, status: 'enabled', state: 'standby', nbf: now - day, exp: now + day, x5c: [] }, // prettier-ignore
        { kid: 'newer', ...common, status: 'enabled', state: 'active', nbf: now - 1, x5c: [] },
        { kid: 'off', ...common, status: 'disabled', state: 'disabled', x5c: [] },
      ]),
    );
  });

  test('the status is known even where the keyset does not show it', async () => {
    const tenant = openTenant({ keysets, switches: { keyStatus: 'omitted' } });
    const { stdout } = await tenant.run([
      'keys',
      'list',
      'A',
      '-o',
      'tsv',
      '--query',
      '[].[kid, state]',
    ]);
    expect(stdout).toBe('older\tstandby\nnewer\tactive\noff\tdisabled\n');
  });

  test('reads all pages; an empty one is empty', async () => {
    const tenant = openTenant({ keysets: { ...keysets, B2C_1A_E: [] }, switches: { pageSize: 1 } });
    const { asked, json } = await tenant.run([
      'keys',
      'list',
      'A',
      '-o',
      'json',
      '--query',
      '[].kid',
    ]);
    expect([asked.length, json]).toEqual([3, ['older', 'newer', 'off']]);
    expect((await tenant.run('keys list E')).stdout).toBe('(no keys)\n');
  });

  test('of a keyset that does not exist', async () => {
    const { code, error } = await open().run('keys list B -o json');
    expect([code, error]).toMatchObject([5, { error: { code: 'AADB2C90130' } }]);
  });
});

describe('keys get', () => {
  test('one key', async () => {
    const { code, json, stderr } = await open().run('keys get A older -o json');
    expect([code, stderr]).toEqual([0, '']);
    expect(ordered(json)).toBe(
      ordered({ keyset: 'B2C_1A_A', kid: 'older', kty: 'oct', use: 'sig', status: 'enabled', state: 'standby', nbf: now - day, exp: now + day, x5c: [] }), // prettier-ignore
    );
    expect((await open().run('keys get A newer -o json')).json).toMatchObject({ state: 'active' });
  });

  test('without the wrapper of the documentation', async () => {
    const { json } = await open().run('keys get A older -o json', {
      intercept: ({ path }) =>
        path.endsWith('/older')
          ? { body: { kid: 'older', kty: 'oct', nbf: now - day } }
          : undefined,
    });
    expect(json).toMatchObject({ kid: 'older', state: 'standby' });
  });

  test('one that does not exist', async () => {
    const { code, error } = await open().run('keys get A nowhere -o json');
    expect([code, error]).toMatchObject([5, { error: { code: 'AADB2C90131' } }]);
  });
});

describe('keys disable and enable', () => {
  test('the active key: says who takes over', async () => {
    const tenant = open();
    const ran = await tenant.run('keys disable A newer -o json');
    expect([ran.code, ordered(ran.json)]).toEqual([
      0,
      ordered({ keyset: 'B2C_1A_A', kid: 'newer', status: 'disabled' }),
    ]);
    expect(ran.wrote.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['PATCH', '/B2C_1A_A/keys_v2/newer', { status: 'disabled' }],
    ]);
    expect(said(ran)).toBe('note: disabled newer of B2C_1A_A; older is active now\n');
    const back = await tenant.run('keys enable A newer');
    expect(said(back)).toBe('note: enabled newer of B2C_1A_A; newer is active now\n');
    expect(back.stdout).toBe('KEYSET    KID    STATUS\nB2C_1A_A  newer  enabled\n');
    expect((await tenant.keysOf('B2C_1A_A'))?.map((key) => key.status)).toEqual(['enabled', 'enabled', 'disabled']); // prettier-ignore
  });

  test('one that is not active changes nothing else', async () => {
    expect(said(await open().run('keys disable A older'))).toBe(
      'note: disabled older of B2C_1A_A\n',
    );
    expect(said(await open().run('keys enable A off'))).toBe('note: enabled off of B2C_1A_A\n');
  });

  test.each(['enable A older', 'disable A off'])(
    'keys %s: in that state already',
    async (words) => {
      const ran = await open().run(`keys ${words}`);
      expect([ran.code, ran.wrote]).toEqual([0, []]);
      expect(ran.stderr).toMatch(/^note: .* already: nothing to do\n$/);
      const { json } = await open().run(`keys ${words} --dry-run -o json`);
      expect(json).toEqual({ dryRun: true, requests: [] });
    },
  );

  test('the last usable key is kept: future and expired ones do not count', async () => {
    const tenant = open();
    const ran = await tenant.run('keys disable One only -o json');
    expect([ran.code, ran.wrote]).toEqual([6, []]);
    expect(ran.error).toEqual({
      error: {
        kind: 'conflict',
        message: 'only is the last usable key of B2C_1A_One: without it sign-ins fail',
        hint: 'add its successor first, or pass --force',
      },
    });
    // --yes lifts no guard, and a dry run has the same one.
    expect((await tenant.run('keys disable One only --yes')).code).toBe(6);
    expect((await tenant.run('keys disable One only --dry-run')).code).toBe(6);
    const forced = await tenant.run('keys disable One only --force');
    expect([forced.code, said(forced)]).toEqual([
      0,
      'note: disabled only of B2C_1A_One; no key is active now\n',
    ]);
  });

  test('a key that is not usable anyway may be disabled', async () => {
    expect((await open().run('keys disable One ended')).code).toBe(0);
    expect((await open().run('keys disable One ahead')).code).toBe(0);
  });

  test('a kid that does not exist', async () => {
    const ran = await open().run('keys disable A nowhere -o json');
    expect([ran.code, ran.wrote]).toEqual([5, []]);
    expect(ran.error).toMatchObject({ error: { message: 'B2C_1A_A has no key nowhere', hint: 'see policykeys keys list B2C_1A_A' } }); // prettier-ignore
  });

  test('--dry-run', async () => {
    const { code, json, wrote } = await open().run('keys disable A newer --dry-run -o json');
    expect([code, wrote]).toEqual([0, []]);
    expect(ordered(json)).toBe(
      ordered({
        dryRun: true,
        requests: [{ method: 'PATCH', url: `${graphRoot}/B2C_1A_A/keys_v2/newer`, body: { status: 'disabled' } }], // prettier-ignore
      }),
    );
  });

  test('enable has no --force', async () => {
    expect((await open().run('keys enable A off --force')).code).toBe(2);
  });

  // As long as a real one, with what base64url may begin with.
  const long = 'Q0c3lTtq0mY8b1Vw2xkJ7s5dR4eZ9aHnP6gLfXoIyE';
  test.each([
    `-${long}`,
    `--${long.slice(1)}`,
    `-o${long.slice(1)}`,
    `-v${long.slice(1)}`,
    `_${long}`,
    '-yq',
    '-'.repeat(43),
  ])('the kid %s works as it stands, and after --', async (kid) => {
    const tenant = openTenant({ keysets: { B2C_1A_A: [{ kid }, { kid: 'b' }] } });
    for (const words of [
      ['keys', 'get', 'A', '-o', 'json', '--', kid],
      ['keys', 'get', '-o', 'json', '--', 'A', kid],
      ...(kid === '-yq'
        ? []
        : [
            ['keys', 'get', 'A', kid, '-o', 'json'],
            ['-o', 'json', 'keys', 'get', 'A', kid],
          ]),
    ]) {
      const { code, json } = await tenant.run(words);
      expect([code, json]).toMatchObject([0, { kid }]);
    }
  });

  test('a kid that is none never reaches the service', async () => {
    for (const kid of ['a/b', '..', 'a%2f', 'a b', 'ä', 'a\u0000', ''])
      expect([kid, await open().run(['keys', 'get', 'A', kid])]).toMatchObject([kid, { code: 2, asked: [] }]); // prettier-ignore
  });
});
