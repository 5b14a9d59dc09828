/** Keysets, keys and requests -> View: which columns, in which order, and the JSON form of each. */
import {
  activeKey,
  isBackup,
  keyState,
  type KeySet,
  type KeyState,
  type PolicyKey,
} from './core/keyset.ts';
import { isoTime, relativeTime, type NumericDate } from './core/lifetime.ts';
import type { Context } from './context.ts';
import type { WriteRequest } from './graph/request.ts';
import type { Cell, Json, Table, Tone, View } from './output.ts';

const stateTones: Readonly<Record<KeyState, Tone | undefined>> = {
  active: 'good',
  standby: undefined,
  future: undefined,
  expired: 'bad',
  disabled: 'dim',
};

const toned = (text: string, tone: Tone | undefined): Cell =>
  tone === undefined ? { text } : { text, tone };

const soon = 30 * 86_400;

function timeCell(time: NumericDate | undefined, now: NumericDate, expiry: boolean): Cell {
  if (time === undefined) return { text: '-', plain: '' };
  const exact = isoTime(time);
  const tone = !expiry || time > now + soon ? undefined : time > now ? 'warn' : 'bad';
  return {
    ...toned(`${exact} (${relativeTime(time, now)})`, tone),
    short: exact.slice(0, 10),
    plain: exact,
  };
}

const optional = (text: string | undefined): Cell =>
  text === undefined ? { text: '-', plain: '' } : { text };

const idCell = (text: string | undefined): Cell =>
  text === undefined
    ? { text: '-', plain: '' }
    : text.length > 14
      ? { text, short: `${text.slice(0, 12)}…` }
      : { text };

const keyColumns = ['KID', 'KTY', 'USE', 'STATE', 'NOT BEFORE', 'EXPIRES', 'X5T'] as const;

function keyCells(key: PolicyKey, state: KeyState, now: NumericDate): Cell[] {
  return [
    idCell(key.kid),
    optional(key.kty),
    optional(key.use),
    toned(state, stateTones[state]),
    timeCell(key.nbf, now, false),
    timeCell(key.exp, now, state !== 'disabled'),
    idCell(key.x5t),
  ];
}

/** cli.md section 4, "key": members the service did not send are absent. */
const keyJson = (
  key: PolicyKey,
  state: KeyState,
): { readonly [member: string]: Json | undefined } => ({
  kid: key.kid,
  kty: key.kty,
  use: key.use,
  status: key.status,
  state,
  nbf: key.nbf,
  exp: key.exp,
  x5t: key.x5t,
  x5c: key.x5c,
  e: key.e,
  n: key.n,
});

const keySetJson = ({ id, keys }: KeySet, now: NumericDate): Json => ({
  id,
  keys: keys.map((key) => keyJson(key, keyState(key, keys, now))),
  activeKid: activeKey(keys, now)?.kid ?? null,
});

const plural = (count: number, noun: string): string =>
  `${String(count)} ${noun}${count === 1 ? '' : 's'}`;

export const keysView = (keys: readonly PolicyKey[], now: NumericDate): View => ({
  json: keys.map((key) => keyJson(key, keyState(key, keys, now))),
  table: {
    columns: keyColumns,
    rows: keys.map((key) => keyCells(key, keyState(key, keys, now), now)),
    empty: '(no keys)',
  },
});

export function keySetView(keySet: KeySet, now: NumericDate, done?: string): View {
  return {
    json: keySetJson(keySet, now),
    table: {
      ...keysView(keySet.keys, now).table,
      title: `${keySet.id} (${plural(keySet.keys.length, 'key')})`,
    },
    ...(done === undefined ? {} : { done }),
  };
}

/** Sorted by id: in code point order, which is the same everywhere. */
export function keySetsView(keySets: readonly KeySet[], now: NumericDate): View {
  const sorted = [...keySets].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return {
    // Whichever is asked for: thousands of rows take as long as thousands of objects.
    get json() {
      return sorted.map((keySet) => keySetJson(keySet, now));
    },
    get table() {
      return keySetsTable(sorted, now);
    },
  };
}

const keySetsTable = (keySets: readonly KeySet[], now: NumericDate): Table => ({
  columns: ['KEYSET', 'KEYS', 'KTY', 'USE', 'ACTIVE KEY', 'EXPIRES'],
  rows: keySets.map(({ id, keys }) => {
    const active = activeKey(keys, now);
    const shown = active ?? keys.at(-1);
    return [
      isBackup(id) ? { text: id, tone: 'dim' as const } : { text: id },
      { text: String(keys.length) },
      optional(shown?.kty),
      optional(shown?.use),
      active === undefined
        ? { ...toned(keys.length === 0 ? 'empty' : 'none', 'bad'), plain: '' }
        : idCell(active.kid),
      active !== undefined && active.exp === undefined
        ? { text: 'never', plain: '' }
        : timeCell(active?.exp, now, true),
    ];
  }),
  empty: '(no keysets)',
});

export interface KeyFacts {
  readonly keyset: string;
  readonly key: PolicyKey;
  /** All keys of the keyset, `key` among them. */
  readonly keys: readonly PolicyKey[];
  readonly now: NumericDate;
  /** Members of the JSON form that only some commands have. */
  readonly more?: { readonly [member: string]: Json };
  readonly done?: string;
}

export function keyView({ keyset, key, keys, now, more, done }: KeyFacts): View {
  const state = keyState(key, keys, now);
  return {
    json: { keyset, ...keyJson(key, state), ...more },
    table: {
      columns: ['KEYSET', ...keyColumns],
      rows: [[{ text: keyset }, ...keyCells(key, state, now)]],
      empty: '',
    },
    ...(done === undefined ? {} : { done }),
  };
}

export const statusView = (keyset: string, kid: string, status: string, done: string): View => ({
  json: { keyset, kid, status },
  table: {
    columns: ['KEYSET', 'KID', 'STATUS'],
    rows: [[{ text: keyset }, idCell(kid), { text: status }]],
    empty: '',
  },
  done,
});

export const idView = (id: string, done: string): View => ({
  json: { id },
  table: { columns: ['KEYSET'], rows: [[{ text: id }]], empty: '' },
  done,
});

/** `--dry-run`: what would be sent. Secrets show as `[secret]` because they still are `Secret`s. */
export function requestsView(
  graph: Context['graph'],
  requests: readonly WriteRequest<unknown>[],
): View {
  const shown = requests.map(({ method, path, body }) => ({
    method,
    url: graph.url(path),
    body: body === undefined ? null : (JSON.parse(JSON.stringify(body)) as Json), // plain JSON now
  }));
  return {
    json: { dryRun: true, requests: shown },
    table: {
      title: 'dry run: nothing was sent',
      columns: ['METHOD', 'URL', 'BODY'],
      rows: shown.map(({ method, url, body }) => [
        { text: method },
        { text: url },
        body === null ? { text: '-', plain: '' } : { text: JSON.stringify(body) },
      ]),
      empty: '(no request: there is nothing to do)',
    },
  };
}
