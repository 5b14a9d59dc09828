import { parseKeySetId, type KeySet, type PolicyKey } from '../src/core/keyset.ts';
import { Secret } from '../src/core/secret.ts';
import type { Context } from '../src/context.ts';
import { createKeySet, deleteKeySet, uploadSecret } from '../src/graph/operations.ts';
import { render, type Json, type View } from '../src/output.ts';
import {
  idView,
  keySetsView,
  keySetView,
  keysView,
  keyView,
  requestsView,
  statusView,
} from '../src/views.ts';

const now = Date.parse('2026-11-23T17:00:00Z') / 1000;
const day = 86_400;
const kid = 'uQ0c3lTtq0mY8b1Vw2xkJ7s5dR4eZ9aHnP6gLfXoIyE';

const screen = (width: number | undefined) => ({
  width,
  paint: (_tone: string, text: string) => text,
});
const drawn = (view: View, width?: number): Promise<string> =>
  render(view, 'table', undefined, screen(width));
const tsv = (view: View): Promise<string> => render(view, 'tsv', undefined, screen(undefined));
/** The JSON form as it is printed: without absent members, and in its order. */
const json = (view: View): Json => JSON.parse(JSON.stringify(view.json)) as Json;
const order = (view: View): string[] => Object.keys(json(view) as object);

const full: PolicyKey = {
  n: 'n', e: 'AQAB', x5c: ['QQ=='], x5t: 'abcdefghijklmnopqrstuvwxyz0', exp: now + 100 * day, nbf: now - day, status: 'enabled',
  use: 'sig', kty: 'RSA', kid,
}; // prettier-ignore
const bare: PolicyKey = {};
const future: PolicyKey = { kid: 'future', nbf: now + day };
const keySet = (id: string, ...keys: readonly PolicyKey[]): KeySet => ({ id, keys });

describe('the JSON forms of cli.md section 4', () => {
  test('a key: its members in a fixed order, absent where the service sent none', () => {
    const view = keyView({ keyset: 'B2C_1A_X', key: full, keys: [full], now });
    expect(order(view)).toEqual(
      ['keyset', 'kid', 'kty', 'use', 'status', 'state', 'nbf', 'exp', 'x5t', 'x5c', 'e', 'n'],
    ); // prettier-ignore
    expect(json(view)).toEqual({ keyset: 'B2C_1A_X', state: 'active', ...full });
    expect(json(keyView({ keyset: 'B2C_1A_X', key: bare, keys: [bare], now }))).toEqual({
      keyset: 'B2C_1A_X',
      state: 'active',
    });
  });

  test('private members never appear, wherever they came from', () => {
    const leaky = { ...full, k: 'SECRET', d: 'SECRET', p: 'SECRET', qi: 'SECRET' } as PolicyKey;
    for (const view of [
      keyView({ keyset: 'X', key: leaky, keys: [leaky], now }),
      keysView([leaky], now),
      keySetView(keySet('X', leaky), now),
      keySetsView([keySet('X', leaky)], now),
    ])
      expect(JSON.stringify(view)).not.toContain('SECRET');
  });

  test('what only some commands say comes last', () => {
    const view = keyView({
      keyset: 'X',
      key: full,
      keys: [full],
      now,
      more: { replaces: null, unchanged: true },
    });
    expect(order(view).slice(-2)).toEqual(['replaces', 'unchanged']);
    expect(json(view)).toMatchObject({ replaces: null, unchanged: true });
  });

  test('a keyset names its active key by the dates', () => {
    const view = keySetView(keySet('B2C_1A_X', future, full), now, 'done');
    expect(order(view)).toEqual(['id', 'keys', 'activeKid']);
    expect(json(view)).toMatchObject({
      id: 'B2C_1A_X',
      keys: [{ kid: 'future', state: 'future' }, { state: 'active' }],
      activeKid: kid,
    });
    expect(view.done).toBe('done');
    expect(json(keySetView(keySet('X'), now))).toEqual({ id: 'X', keys: [], activeKid: null });
    expect(json(keySetView(keySet('X', bare), now))).toMatchObject({ activeKid: null });
    expect('done' in keySetView(keySet('X'), now)).toBe(false);
  });

  test('keysets are sorted by id in code point order, keys never', () => {
    const sets = ['b', 'B', 'a-', 'a', 'a_', 'Z', '1'].map((id) =>
      keySet(id, { kid: '2' }, { kid: '1' }),
    );
    const ids = (json(keySetsView(sets, now)) as { id: string }[]).map(({ id }) => id);
    expect(ids).toEqual(['1', 'B', 'Z', 'a', 'a-', 'a_', 'b']);
    expect(sets[0]?.id).toBe('b');
    expect(json(keysView([{ kid: '2' }, { kid: '1' }], now))).toMatchObject([
      { kid: '2' },
      { kid: '1' },
    ]);
  });

  test('the small ones', () => {
    expect(json(idView('B2C_1A_X', 'deleted'))).toEqual({ id: 'B2C_1A_X' });
    expect(json(statusView('B2C_1A_X', kid, 'disabled', 'done'))).toEqual({
      keyset: 'B2C_1A_X',
      kid,
      status: 'disabled',
    });
    expect(order(statusView('X', kid, 'enabled', 'done'))).toEqual(['keyset', 'kid', 'status']);
    expect(idView('X', 'deleted').done).toBe('deleted');
  });
});

describe('tables', () => {
  test('keys', async () => {
    const keys: PolicyKey[] = [
      full,
      bare,
      future,
      { kid: 'ended', exp: now - 3 * day },
      { kid: 'off', status: 'disabled' },
    ];
    const [title, ...lines] = (await drawn(keySetView(keySet('B2C_1A_X', ...keys), now))).split(
      '\n',
    );
    expect(title).toBe('B2C_1A_X (5 keys)');
    const none = '-';
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
      ['KID', 'KTY', 'USE', 'STATE', 'NOT BEFORE', 'EXPIRES', 'X5T'],
      [
        kid, 'RSA', 'sig', 'active', '2026-11-22T17:00:00Z (24 hours ago)', '2027-03-03T17:00:00Z (in 100 days)',
        'abcdefghijklmnopqrstuvwxyz0',
      ],
      [none, none, none, 'standby', none, none, none],
      ['future', none, none, 'future', '2026-11-24T17:00:00Z (in 24 hours)', none, none],
      ['ended', none, none, 'expired', none, '2026-11-20T17:00:00Z (3 days ago)', none],
      ['off', none, none, 'disabled', none, none, none],
      [''],
    ]); // prettier-ignore
  });

  test('fit into eighty columns, with dates in place of times', async () => {
    const text = await drawn(keySetView(keySet('B2C_1A_X', full, future), now), 80);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(text).toContain('2027-03-03');
    expect(text).toContain(kid.slice(0, 12));
  });

  test('one key is one key', async () => {
    expect(await drawn(keySetView(keySet('X', bare), now))).toMatch(/^X \(1 key\)\n/);
    expect(await drawn(keySetView(keySet('X'), now))).toBe('X (0 keys)\n(no keys)\n');
    expect(await drawn(keysView([], now))).toBe('(no keys)\n');
  });

  test('keysets', async () => {
    const sets = [
      keySet('B2C_1A_Full', full),
      keySet('B2C_1A_Empty'),
      keySet('B2C_1A_Ended', { kid: 'a', kty: 'oct', use: 'enc', exp: now }),
      keySet('B2C_1A_Forever', { kid: 'b', kty: 'oct', use: 'sig' }),
      keySet('B2C_1A_Full.bak', full),
    ];
    const rows = (await tsv(keySetsView(sets, now))).split('\n').map((line) => line.split('\t'));
    expect(rows).toEqual([
      ['B2C_1A_Empty', '0', '', '', '', ''],
      ['B2C_1A_Ended', '1', 'oct', 'enc', '', ''],
      ['B2C_1A_Forever', '1', 'oct', 'sig', 'b', ''],
      ['B2C_1A_Full', '1', 'RSA', 'sig', kid, '2027-03-03T17:00:00Z'],
      ['B2C_1A_Full.bak', '1', 'RSA', 'sig', kid, '2027-03-03T17:00:00Z'],
      [''],
    ]);
    const text = await drawn(keySetsView(sets, now));
    expect(text).toMatch(/^KEYSET +KEYS +KTY +USE +ACTIVE KEY +EXPIRES\n/);
    expect(text).toMatch(/B2C_1A_Empty +0 +- +- +empty +-\n/);
    expect(text).toMatch(/B2C_1A_Ended +1 +oct +enc +none +-\n/);
    expect(text).toMatch(/B2C_1A_Forever +1 +oct +sig +b +never\n/);
    expect(await drawn(keySetsView([], now))).toBe('(no keysets)\n');
  });

  test('for programs, times are exact and what is absent is empty', async () => {
    expect(await tsv(keysView([full, bare], now))).toBe(
      `${kid}\tRSA\tsig\tactive\t2026-11-22T17:00:00Z\t2027-03-03T17:00:00Z\tabcdefghijklmnopqrstuvwxyz0\n\t\t\tstandby\t\t\t\n`,
    );
  });

  test('colours say what to look at', () => {
    const tones = (view: View): unknown[] =>
      view.table.rows.map((row) => row.map((cell) => cell.tone));
    const at = (exp: number): unknown => (tones(keysView([{ exp }], now))[0] as unknown[])[5];
    expect(at(now + 31 * day)).toBeUndefined();
    expect(at(now + 30 * day)).toBe('warn');
    expect(at(now + 1)).toBe('warn');
    expect(at(now)).toBe('bad');
    const states = (key: PolicyKey): unknown => (tones(keysView([key], now))[0] as unknown[])[3];
    expect(states(bare)).toBe('good');
    expect(states({ exp: now })).toBe('bad');
    expect(states({ status: 'disabled' })).toBe('dim');
    expect(states(future)).toBeUndefined();
    expect((tones(keySetsView([keySet('a.bak')], now))[0] as unknown[])[0]).toBe('dim');
    expect(
      (tones(keysView([{ status: 'disabled', exp: 1 }], now))[0] as unknown[])[5],
    ).toBeUndefined();
  });
});

describe('a dry run', () => {
  const id = parseKeySetId('X');
  const graph = { url: (path: string) => `https://graph.test/beta${path}` } as Context['graph'];
  const add = uploadSecret(
    { id, before: { id, keys: [] }, awaitKeySet: true },
    { use: 'sig', k: new Secret('swordfish'), exp: 5 },
  );

  test('shows method, address and body, and no secret', async () => {
    const view = requestsView(graph, [createKeySet(id), add, deleteKeySet(id)]);
    expect(json(view)).toEqual({
      dryRun: true,
      requests: [
        {
          method: 'POST',
          url: 'https://graph.test/beta/trustFramework/keySets',
          body: { id: 'B2C_1A_X' },
        },
        {
          method: 'POST',
          url: 'https://graph.test/beta/trustFramework/keySets/B2C_1A_X/uploadSecret',
          body: { use: 'sig', k: '[secret]', exp: 5 },
        },
        {
          method: 'DELETE',
          url: 'https://graph.test/beta/trustFramework/keySets/B2C_1A_X',
          body: null,
        },
      ],
    });
    for (const format of ['json', 'yaml', 'tsv', 'table'] as const) {
      const text = await render(view, format, undefined, screen(undefined));
      expect(text).not.toContain('swordfish');
      expect(text).toContain('[secret]');
    }
    expect(await drawn(view)).toMatch(/^dry run: nothing was sent\nMETHOD +URL +BODY\n/);
    expect(view.done).toBeUndefined();
  });

  test('of nothing', async () => {
    expect(json(requestsView(graph, []))).toEqual({ dryRun: true, requests: [] });
    expect(await drawn(requestsView(graph, []))).toContain('there is nothing to do');
  });
});
