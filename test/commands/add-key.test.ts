/** What the commands that add a key share: --create, --if-empty, --standby, --stage, --enable, the guards. */
import type { StoredKey } from '../../src/emulator/state.ts';
import type { Switches } from '../../src/emulator/switches.ts';
import { day, graphRoot, keepSecret, lines, now, openTenant, ordered, said, year, type Ran, type RunOptions, type Tenant } from '../support/world.ts'; // prettier-ignore

const PARTNER = keepSecret('the-value-of-the-partner');
const generate = 'generate-key A --kty oct --use sig -o json';

const tenantWith = (
  keys: readonly Partial<StoredKey>[] | undefined,
  switches: Partial<Switches> = {},
): Tenant => openTenant({ keysets: keys === undefined ? {} : { B2C_1A_A: keys }, switches });

const add = (tenant: Tenant, flags: string, options: RunOptions = {}): Promise<Ran> =>
  tenant.run(`${generate} ${flags}`, options);

describe('--create', () => {
  test('creates the keyset, then adds the key', async () => {
    const ran = await add(tenantWith(undefined), '--create');
    expect([ran.code, lines(ran.asked)]).toEqual([
      0,
      ['GET /B2C_1A_A', 'POST ', 'POST /B2C_1A_A/generateKey'],
    ]);
    expect(ran.wrote[0]?.body).toEqual({ id: 'B2C_1A_A' });
    expect(said(ran)).toMatch(/^note: created B2C_1A_A\nnote: added \S+ to B2C_1A_A \(active\)\n$/);
    expect(ran.json).toMatchObject({ replaces: null });
  });

  test('leaves one that exists alone', async () => {
    const ran = await add(tenantWith([]), '--create');
    expect(lines(ran.wrote)).toEqual(['POST /B2C_1A_A/generateKey']);
  });

  test('waits until the new keyset is known everywhere', async () => {
    let early = 2;
    const ran = await add(tenantWith(undefined), '--create', {
      intercept: ({ path }) =>
        path.endsWith('/generateKey') && (early -= 1) >= 0
          ? { status: early === 1 ? 404 : 400, body: { error: { code: early === 1 ? 'AADB2C90073' : 'AADB2C95052', message: 'not yet' } } } // prettier-ignore
          : undefined,
    });
    expect([ran.code, ran.json]).toMatchObject([0, { state: 'active' }]);
    expect(lines(ran.wrote)).toEqual([
      'POST ',
      ...Array<string>(3).fill('POST /B2C_1A_A/generateKey'),
    ]);
    expect(ran.stderr).toMatch(/note: .*not known everywhere yet; waiting 0\.\d s\n/);
  });

  test('one that something else made in between is waited for, and looked at', async () => {
    let looks = 0;
    const intercept: NonNullable<RunOptions['intercept']> = ({ method, path }) =>
      method === 'GET' && path === '/B2C_1A_A' && (looks += 1) <= 2 ? { status: 404 } : undefined;
    const ran = await add(tenantWith([]), '--create', { intercept });
    expect([ran.code, lines(ran.wrote)]).toEqual([0, ['POST ', 'POST /B2C_1A_A/generateKey']]);
    expect(ran.stderr).toContain('B2C_1A_A is new, and not known everywhere yet');
    // What is in it counts.
    looks = 0;
    const again = await add(tenantWith([{ kid: 'a1' }]), '--create --if-empty', { intercept });
    expect([again.code, lines(again.wrote)]).toEqual([0, ['POST ']]);
    expect(again.json).toMatchObject({ kid: 'a1', unchanged: true });
  });

  test('--dry-run shows both requests', async () => {
    const ran = await add(tenantWith(undefined), '--create --stage --standby --dry-run');
    // A key that is staged alone is refused, in a dry run as well.
    expect([ran.code, ran.wrote]).toEqual([6, []]);
    const { code, json, wrote } = await add(tenantWith(undefined), '--create --dry-run');
    expect([code, wrote]).toEqual([0, []]);
    expect(ordered(json)).toBe(
      ordered({
        dryRun: true,
        requests: [
          { method: 'POST', url: graphRoot, body: { id: 'B2C_1A_A' } },
          {
            method: 'POST',
            url: `${graphRoot}/B2C_1A_A/generateKey`,
            body: { use: 'sig', kty: 'oct' },
          },
        ],
      }),
    );
  });
});

describe('--if-empty', () => {
  test.each([
    ['an active key', [{ kid: 'a', exp: now + 1 }], 'a', 'active'],
    ['a key that begins later', [{ kid: 'a', nbf: now + 1 }], 'a', 'future'],
    ['the active one of several', [{ kid: 'x', exp: now }, { kid: 'a', nbf: 1 }, { kid: 'b' }], 'a', 'active'], // prettier-ignore
  ])('%s', async (_, keys, kid, state) => {
    const ran = await add(tenantWith(keys), '--if-empty --create');
    expect([ran.code, ran.wrote, ran.json]).toMatchObject([0, [], { kid, state, unchanged: true }]);
    expect(ordered(ran.json)).toMatch(/"unchanged":true\}$/);
    expect(ran.stderr).toBe(`note: B2C_1A_A is unchanged: it holds a key that has not expired (${kid})\n`); // prettier-ignore
  });

  test('a disabled one is reported', async () => {
    const ran = await add(tenantWith([{ kid: 'a', status: 'disabled' }]), '--if-empty');
    expect([ran.code, ran.wrote, ran.json]).toMatchObject([0, [], { kid: 'a', unchanged: true }]);
    expect(ran.stderr).toBe(
      'warning: a of B2C_1A_A is disabled: it will not be used until it is enabled\nnote: B2C_1A_A is unchanged: it holds a key that has not expired (a)\n',
    );
  });

  test('a disabled one is reported where the keyset does not show the status', async () => {
    const tenant = tenantWith([{ kid: 'a', status: 'disabled' }], { keyStatus: 'omitted' });
    // Only keys_v2 would tell; without it nothing can be said, and nothing is made up.
    const ran = await add(tenant, '--if-empty');
    expect([ran.code, ran.wrote]).toEqual([0, []]);
    expect(ran.json).not.toHaveProperty('status');
  });

  test.each([
    ['nothing', []],
    ['an expired key', [{ kid: 'a', exp: now }]],
    ['no keyset', undefined],
  ])('%s: a key is added', async (_, keys) => {
    const ran = await add(tenantWith(keys), '--if-empty --create');
    expect([ran.code, ran.json]).toMatchObject([0, { state: 'active', replaces: null }]);
    expect(ran.json).not.toHaveProperty('unchanged');
  });

  test('--dry-run has no requests then', async () => {
    const { code, json } = await add(tenantWith([{ kid: 'a' }]), '--if-empty --dry-run');
    expect([code, json]).toEqual([0, { dryRun: true, requests: [] }]);
  });

  test('the kind of the other keys does not matter then', async () => {
    expect((await add(tenantWith([{ kid: 'a', kty: 'RSA' }]), '--if-empty')).code).toBe(0);
  });
});

describe('a key that would never be used', () => {
  const dated = [{ kid: 'winner', nbf: now - day }];
  const latest = [{ kid: 'winner', nbf: now + 2 * day }];

  test.each([
    ['no nbf beside one with nbf', dated, '', 'no nbf'],
    ['an earlier nbf', dated, `--nbf ${now - 2 * day}`, '2029-12-30T00:00:00Z'],
  ])('%s is a conflict before it is sent', async (_, keys, flags, ours) => {
    const ran = await add(tenantWith(keys), flags);
    expect([ran.code, ran.wrote]).toEqual([6, []]);
    expect(ran.error).toMatchObject({
      error: {
        kind: 'conflict',
        message: expect.stringMatching(new RegExp(`^the new key would not become active: winner of B2C_1A_A has nbf 2029-12-31T00:00:00Z, the new one .*${ours}`)), // prettier-ignore
        hint: expect.stringMatching(/--nbf now or later \(after .*--standby/),
      },
    });
    expect((await add(tenantWith(keys), `${flags} --dry-run`)).code).toBe(6);
    expect((await add(tenantWith(keys), `${flags} --yes`)).code).toBe(6);
  });

  test('--standby accepts that', async () => {
    const ran = await add(tenantWith(dated), '--standby');
    expect([ran.code, ran.json]).toMatchObject([0, { state: 'standby', replaces: 'winner' }]);
    expect(ran.stderr).toContain('(standby)');
  });

  test.each([
    ['an equal nbf, since the last one listed wins', dated, `--nbf ${now - day}`, 'active'],
    ['--nbf now', dated, '--nbf now', 'active'],
    ['no nbf beside others without', [{ kid: 'a' }], '', 'active'],
    ['the winner is disabled', [{ ...dated[0], status: 'disabled' as const }], '', 'active'],
    ['the winner has ended', [{ ...dated[0], exp: now }], '', 'active'],
    ['it wins from its nbf', dated, '--nbf 1d', 'future'],
    ['it wins until the other begins', latest, '--nbf 1d', 'future'],
    ['the other will have ended by then', [{ kid: 'a', nbf: now - 1, exp: now + day }], `--nbf ${now + day}`, 'future'], // prettier-ignore
  ])('%s is not refused', async (_, keys, flags, state) => {
    const ran = await add(tenantWith(keys), flags);
    expect([ran.code, ran.json]).toMatchObject([0, { state }]);
  });
});

describe('--stage', () => {
  test('disables it right after adding it', async () => {
    const tenant = tenantWith([{ kid: 'a', nbf: now - 1 }]);
    const ran = await add(tenant, '--stage');
    const kid = (await tenant.keysOf('B2C_1A_A'))?.[1]?.kid ?? '';
    expect([ran.code, lines(ran.wrote)]).toEqual([
      0,
      ['POST /B2C_1A_A/generateKey', `PATCH /B2C_1A_A/keys_v2/${kid}`],
    ]);
    expect(ran.json).toMatchObject({ kid, status: 'disabled', state: 'disabled', replaces: 'a' });
    expect(said(ran)).toBe(
      `note: ${kid} is disabled; it may have been live for seconds. Enable it with: policykeys keys enable B2C_1A_A ${kid}\nnote: added ${kid} to B2C_1A_A (disabled)\n`,
    );
    expect((await tenant.keysOf('B2C_1A_A'))?.[1]?.status).toBe('disabled');
  });

  test('one that arrives disabled is left so', async () => {
    const ran = await add(tenantWith([{ kid: 'a' }], { newKeys: 'disabled' }), '--stage');
    expect([ran.code, lines(ran.wrote)]).toEqual([0, ['POST /B2C_1A_A/generateKey']]);
    expect(ran.stderr).not.toContain('warning');
  });

  test('where the answer does not show the status it is set all the same', async () => {
    const ran = await add(tenantWith([{ kid: 'a' }], { keyStatus: 'omitted' }), '--stage');
    expect([ran.code, ran.wrote.length, ran.json]).toMatchObject([0, 2, { status: 'disabled' }]);
  });

  test.each([
    ['an empty keyset', []],
    ['no other usable key', [{ kid: 'a', exp: now }, { kid: 'b', nbf: now + 1 }, { kid: 'c', status: 'disabled' as const }]], // prettier-ignore
  ])('%s: refused', async (_, keys) => {
    const ran = await add(tenantWith(keys), '--stage');
    expect([ran.code, ran.wrote]).toEqual([6, []]);
    expect(ran.error).toMatchObject({ error: { hint: 'leave --stage away for the first key of a keyset' } }); // prettier-ignore
  });

  test('--dry-run shows the second request', async () => {
    const { json } = await add(tenantWith([{ kid: 'a' }]), '--stage --dry-run');
    expect(json).toMatchObject({
      requests: [{ method: 'POST' }, { method: 'PATCH', body: { status: 'disabled' } }],
    });
  });

  test('the key is there, and disabling it fails: the failure names it', async () => {
    const ran = await add(tenantWith([{ kid: 'a' }]), '--stage', {
      intercept: ({ method }) =>
        method === 'PATCH' ? { status: 403, body: { error: { code: 'AADB2C', message: 'no' } } } : undefined, // prettier-ignore
    });
    const kid = /PATCH \/B2C_1A_A\/keys_v2\/(\S+)/.exec(lines(ran.wrote).join('\n'))?.[1] ?? '?';
    expect(ran.code).toBe(9);
    // A script must not add a second key: the user has to learn that this one is there, and live.
    expect(ran.stderr).toContain(kid);
  });
});

describe('a key that arrives disabled', () => {
  test('is reported, exit 0', async () => {
    const ran = await add(tenantWith([], { newKeys: 'disabled' }), '');
    expect([ran.code, ran.json]).toMatchObject([0, { status: 'disabled', state: 'disabled' }]);
    expect(said(ran)).toMatch(/^warning: the service added (\S+) as disabled, so it is not used: policykeys keys enable B2C_1A_A \1, or pass --enable\nnote: added/); // prettier-ignore
  });

  test('is found where neither the answer nor the keyset shows the status', async () => {
    const hidden = { newKeys: 'disabled', keyStatus: 'omitted' } as const;
    const ran = await add(tenantWith([], hidden), '');
    expect([ran.code, lines(ran.asked)]).toEqual([
      0,
      ['GET /B2C_1A_A', 'POST /B2C_1A_A/generateKey', 'GET /B2C_1A_A/keys_v2'],
    ]);
    expect(ran.json).toMatchObject({ status: 'disabled', state: 'disabled' });
    expect(ran.stderr).toContain('warning: the service added ');
    const tenant = tenantWith([], hidden);
    const enabled = await add(tenant, '--enable');
    expect([enabled.code, enabled.json]).toMatchObject([0, { status: 'enabled', state: 'active' }]);
    expect((await tenant.keysOf('B2C_1A_A'))?.[0]?.status).toBe('enabled');
  });

  test('--enable does so where the status cannot be read at all', async () => {
    const tenant = tenantWith([], { newKeys: 'disabled', keyStatus: 'omitted' });
    const ran = await add(tenant, '--enable', {
      intercept: ({ method, path }) =>
        method === 'GET' && path.endsWith('/keys_v2') ? { status: 403 } : undefined,
    });
    expect([ran.code, ran.json]).toMatchObject([0, { status: 'enabled' }]);
    expect((await tenant.keysOf('B2C_1A_A'))?.[0]?.status).toBe('enabled');
  });

  test('--enable enables it', async () => {
    const tenant = tenantWith([], { newKeys: 'disabled' });
    const ran = await add(tenant, '--enable');
    expect([ran.code, ran.wrote.map(({ body }) => body)]).toEqual([
      0,
      [{ use: 'sig', kty: 'oct' }, { status: 'enabled' }],
    ]);
    expect(ran.json).toMatchObject({ status: 'enabled', state: 'active' });
    expect((await tenant.keysOf('B2C_1A_A'))?.[0]?.status).toBe('enabled');
    expect(ran.stderr).not.toContain('warning');
  });

  test('--enable sends nothing more for one that is enabled', async () => {
    expect((await add(tenantWith([]), '--enable')).wrote).toHaveLength(1);
  });

  test('whether it is enabled cannot be read: the key was added all the same', async () => {
    let posted = false;
    const ran = await add(tenantWith([], { keyStatus: 'omitted' }), '', {
      intercept: ({ method }) => {
        if (method === 'POST') posted = true;
        return posted && method === 'GET' ? { status: 403, body: {} } : undefined;
      },
    });
    expect([ran.code, ran.json]).toMatchObject([0, { keyset: 'B2C_1A_A' }]);
    expect(ran.stderr).toMatch(/warning: \S+ was added to B2C_1A_A, but whether it is enabled could not be read/); // prettier-ignore
  });
});

describe('an answer that is lost', () => {
  const lose = (
    method: string,
    action: string,
    times = 1,
  ): NonNullable<RunOptions['intercept']> => {
    let left = times;
    return (request) =>
      request.method === method && request.path.endsWith(action) && (left -= 1) >= 0
        ? { status: 500, body: { error: { code: 'AADB2C90063', message: 'There is a problem' } } }
        : undefined;
  };

  test('and was not carried out: sent again', async () => {
    const tenant = tenantWith([{ kid: 'a' }]);
    const ran = await tenant.run('delete A --yes', { intercept: lose('DELETE', '/B2C_1A_A') });
    expect([ran.code, ran.wrote.length]).toEqual([0, 2]);
    expect(await tenant.keysOf('B2C_1A_A')).toBeUndefined();
  });

  test('and something else was added: nothing is sent again, and the kids before are named', async () => {
    const tenant = tenantWith([{ kid: 'a' }]);
    let lost = false;
    const ran = await add(tenant, '--max-retries 3', {
      intercept: ({ method }) => {
        if (method === 'POST') {
          lost = true;
          return { status: 502, body: '' };
        }
        return lost ? { body: { id: 'B2C_1A_A', keys: [{ kid: 'a', kty: 'oct', use: 'sig' }, { kid: 'x', kty: 'RSA', use: 'enc' }] } } : undefined; // prettier-ignore
      },
    });
    expect([ran.code, ran.wrote.length]).toEqual([7, 1]);
    expect(ran.error).toMatchObject({
      error: {
        message: expect.stringMatching(/^it is not known whether the attempt to add a key to B2C_1A_A succeeded/),
        hint: 'look at it before you run it again: policykeys get B2C_1A_A; kids before: a',
      },
    }); // prettier-ignore
  });

  test('create: it is there, so it happened', async () => {
    const tenant = tenantWith(undefined);
    let asked = 0;
    const ran = await tenant.run('create A -o json', {
      intercept: ({ method }) => {
        if (method !== 'POST') return { body: { id: 'B2C_1A_A', keys: [] } };
        asked += 1;
        return { status: 504, body: '' };
      },
    });
    expect([ran.code, asked, ran.json]).toMatchObject([0, 1, { id: 'B2C_1A_A', keys: [] }]);
  });
});

test.each([
  ['upload-secret A --use sig --from env:PARTNER', '--create --if-empty --standby --enable'],
  ['upload-secret A --use sig --from env:PARTNER', '--stage'],
])('%s has the flags %s', async (line, flags) => {
  const tenant = tenantWith([{ kid: 'a', exp: now + year }]);
  const { code } = await tenant.run(`${line} ${flags} --dry-run`, { environment: { PARTNER } });
  expect(code).toBe(0);
});

test('--if-changed is for certificates', async () => {
  expect((await add(tenantWith([]), '--if-changed')).code).toBe(2);
});
