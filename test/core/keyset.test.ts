import fc from 'fast-check';
import {
  activeKey,
  backupOf,
  isBackup,
  isUsable,
  keyState,
  keyStates,
  overruledBy,
  parseKeySetId,
  parseKid,
  unexpiredKey,
  whyActive,
  type PolicyKey,
} from '../../src/core/keyset.ts';
import { caught, unlessRefused } from '../support/caught.ts';

const now = 1_800_000_000;

// Few different dates, so that ties and boundaries are the rule.
const date = fc.option(fc.integer({ min: now - 2, max: now + 2 }), { nil: undefined });
const policyKey = fc
  .record({
    nbf: date,
    exp: date,
    status: fc.constantFrom(undefined, 'enabled', 'enabled', 'disabled', 'unknownFutureValue'),
  })
  .map((members) =>
    Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)),
  );
const keySet = fc
  .array(policyKey, { maxLength: 6 })
  .map((keys): PolicyKey[] => keys.map((key, index) => ({ ...key, kid: `k${index}` })));
const instant = fc.integer({ min: now - 3, max: now + 3 });

/** cli.md section 7, word for word and on purpose in another shape than the source. */
function activeByTheBook(keys: readonly PolicyKey[], at: number): PolicyKey | undefined {
  const candidates = keys.filter((key) => {
    if (key.status !== undefined && key.status !== 'enabled') return false;
    if (key.exp !== undefined && !(key.exp > at)) return false;
    return key.nbf === undefined || !(key.nbf > at);
  });
  const dated = candidates.filter((key) => key.nbf !== undefined);
  if (dated.length === 0) return candidates.at(-1);
  const greatest = dated.map((key) => Number(key.nbf)).sort((a, b) => b - a)[0];
  return dated.filter((key) => key.nbf === greatest).at(-1);
}

describe('the active key', () => {
  test.each<[string, PolicyKey[], string | undefined]>([
    ['an empty keyset has none', [], undefined],
    ['the only one', [{ kid: 'a' }], 'a'],
    ['the greatest nbf', [{ kid: 'a', nbf: now - 1 }, { kid: 'b', nbf: now - 2 }], 'a'],
    ['any nbf before none', [{ kid: 'a', nbf: 0 }, { kid: 'b' }], 'a'],
    ['none with nbf: the last one listed', [{ kid: 'a' }, { kid: 'b' }], 'b'],
    ['a tie: the last one listed', [{ kid: 'a', nbf: 7 }, { kid: 'b', nbf: 7 }, { kid: 'c', nbf: 6 }], 'b'],
    ['nbf now has come', [{ kid: 'a', nbf: now }], 'a'],
    ['nbf in a second has not', [{ kid: 'a', nbf: now + 1 }], undefined],
    ['exp now is over', [{ kid: 'a', exp: now }], undefined],
    ['exp in a second is not', [{ kid: 'a', exp: now + 1 }], 'a'],
    ['an ended one falls back to an older', [{ kid: 'a', nbf: 5 }, { kid: 'b', nbf: 9, exp: now }], 'a'],
    ['a coming one does not count yet', [{ kid: 'a', nbf: 5 }, { kid: 'b', nbf: now + 9 }], 'a'],
    ['disabled does not count', [{ kid: 'a' }, { kid: 'b', status: 'disabled' }], 'a'],
    ['nor does a status nobody knows', [{ kid: 'a', status: 'unknownFutureValue' }], undefined],
    ['no status counts', [{ kid: 'a', status: 'enabled', nbf: 1 }, { kid: 'b', nbf: 2 }], 'b'],
    ['a negative nbf is one', [{ kid: 'a', nbf: -5 }, { kid: 'b' }], 'a'],
    ['a kid is not needed', [{ kid: 'a', nbf: 1 }, { nbf: 2 }], undefined],
  ])('%s', (_name, keys, kid) => {
    expect(activeKey(keys, now)?.kid).toBe(kid);
  }); // prettier-ignore

  test('is the one of the book', () => {
    fc.assert(
      fc.property(keySet, instant, (keys, at) => {
        expect(activeKey(keys, at)).toBe(activeByTheBook(keys, at));
      }),
      { numRuns: 2000 },
    );
  });

  test('is one of the keys, and usable; there is one when any is usable', () => {
    fc.assert(
      fc.property(keySet, instant, (keys, at) => {
        const active = activeKey(keys, at);
        const usable = keys.filter((key) => isUsable(key, at));
        expect(active === undefined).toBe(usable.length === 0);
        if (active !== undefined) expect(usable).toContain(active);
      }),
    );
  });

  test('does not depend on keys that are not usable, nor on their place', () => {
    fc.assert(
      fc.property(keySet, instant, (keys, at) => {
        expect(
          activeKey(
            keys.filter((key) => isUsable(key, at)),
            at,
          ),
        ).toBe(activeKey(keys, at));
      }),
    );
  });

  test('leaves its input alone', () => {
    const keys = Object.freeze([
      Object.freeze({ kid: 'a', nbf: 9 }),
      Object.freeze({ kid: 'b', nbf: 1 }),
    ]);
    expect(activeKey(keys, now)).toBe(keys[0]);
  });
});

describe('states', () => {
  test.each<[PolicyKey, string]>([
    [{}, 'active'],
    [{ nbf: now }, 'active'],
    [{ nbf: now + 1 }, 'future'],
    [{ exp: now }, 'expired'],
    [{ exp: now + 1 }, 'active'],
    [{ nbf: now - 9, exp: now - 5 }, 'expired'],
    [{ status: 'disabled' }, 'disabled'],
    [{ status: 'disabled', exp: 0 }, 'disabled'],
    [{ status: 'disabled', nbf: now + 1 }, 'disabled'],
    [{ status: 'unknownFutureValue' }, 'disabled'],
    [{ nbf: now + 5, exp: now - 5 }, 'expired'],
  ])('%j alone is %s', (key, state) => {
    expect(keyState(key, [key], now)).toBe(state);
  });

  test('every key has one, and exactly one is active when any is usable', () => {
    fc.assert(
      fc.property(keySet, instant, (keys, at) => {
        const states = keys.map((key) => keyState(key, keys, at));
        for (const state of states) expect(keyStates).toContain(state);
        const active = states.filter((state) => state === 'active').length;
        const standby = states.filter((state) => state === 'standby').length;
        const usable = keys.filter((key) => isUsable(key, at)).length;
        expect(active).toBe(usable > 0 ? 1 : 0);
        expect(active + standby).toBe(usable);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('why it is active', () => {
  test.each<[PolicyKey[], string]>([
    [[], 'the keyset is empty'],
    [[{ status: 'disabled' }], 'no key is enabled and within its dates'],
    [[{ exp: now }], 'no key is enabled and within its dates'],
    [[{}, { exp: now }], 'the only usable key'],
    [[{ nbf: 5 }, { nbf: 3 }], 'the latest nbf of 2 usable keys'],
    [[{ nbf: 5 }, {}], 'the latest nbf of 2 usable keys'],
    [[{ nbf: 5 }, { nbf: 5 }, { nbf: 1 }], 'the latest nbf of 3 usable keys, listed last'],
    [[{}, {}], 'no usable key has nbf of 2 usable keys, listed last'],
  ])('%j: %s', (keys, why) => {
    expect(whyActive(keys, now)).toBe(why);
  });
});

describe('a key to come', () => {
  test.each<[string, PolicyKey, PolicyKey[], string | undefined]>([
    ['the first key wins', {}, [], undefined],
    ['without nbf it wins over others without', {}, [{ kid: 'a' }], undefined],
    ['without nbf it never overtakes one with', {}, [{ kid: 'a', nbf: 1 }], 'a'],
    ['an equal nbf wins: it is listed last', { nbf: 5 }, [{ kid: 'a', nbf: 5 }], undefined],
    ['an older nbf loses', { nbf: 4 }, [{ kid: 'a', nbf: 5 }], 'a'],
    ['it is judged when it begins', { nbf: now + 9 }, [{ kid: 'a', nbf: now + 8 }], undefined],
    [
      'an end before it begins is out of its way',
      { nbf: 4 },
      [{ kid: 'a', nbf: 5, exp: now }],
      undefined,
    ],
    [
      'so is one that has ended by then',
      { nbf: now + 9 },
      [{ kid: 'a', nbf: now + 10, exp: now + 9 }],
      undefined,
    ],
    [
      'a later one takes over only afterwards',
      { nbf: now + 1 },
      [{ kid: 'a', nbf: now + 2 }],
      undefined,
    ],
    ['disabled ones are out of its way', {}, [{ kid: 'a', nbf: 1, status: 'disabled' }], undefined],
    ['a past nbf begins now', { nbf: 1 }, [{ kid: 'a', nbf: 2 }], 'a'],
  ])('%s', (_name, incoming, keys, winner) => {
    expect(overruledBy(incoming, keys, now)?.kid).toBe(winner);
  });

  test('agrees with adding it and waiting until it begins', () => {
    const incoming = fc.record({
      nbf: date,
      exp: fc.option(fc.integer({ min: now + 3, max: now + 9 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(keySet, incoming, (before, { nbf, exp }) => {
        const added: PolicyKey = {
          kid: 'new',
          ...(nbf === undefined ? {} : { nbf }),
          ...(exp === undefined ? {} : { exp }),
        };
        let clock = now;
        while (!isUsable(added, clock)) clock += 1;
        const winner = activeByTheBook([...before, added], clock);
        expect(overruledBy(added, before, now)).toBe(winner === added ? undefined : winner);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a key that makes another one needless', () => {
  test.each<[string, PolicyKey[], string | undefined]>([
    ['none in an empty keyset', [], undefined],
    ['none when all have ended', [{ kid: 'a', exp: now }, { kid: 'b', exp: 1 }], undefined],
    ['the active one first', [{ kid: 'a', nbf: 5 }, { kid: 'b', nbf: 3 }, { kid: 'c', nbf: now + 1 }], 'a'],
    ['then one to come', [{ kid: 'a', nbf: now + 1 }, { kid: 'b', status: 'disabled' }], 'a'],
    ['then a disabled one', [{ kid: 'a', exp: 1 }, { kid: 'b', status: 'disabled' }], 'b'],
    ['a disabled one that has ended is none', [{ kid: 'a', exp: 1, status: 'disabled' }], undefined],
  ])('%s', (_name, keys, kid) => {
    expect(unexpiredKey(keys, now)?.kid).toBe(kid);
  }); // prettier-ignore
});

describe('keyset ids', () => {
  test.each([
    ['TokenSigningKeyContainer', 'B2C_1A_TokenSigningKeyContainer'],
    ['B2C_1A_TokenSigningKeyContainer', 'B2C_1A_TokenSigningKeyContainer'],
    ['b2c_1a_TokenSigningKeyContainer', 'B2C_1A_TokenSigningKeyContainer'],
    ['B2c_1A_x', 'B2C_1A_x'],
    ['acc-basic-key-1700000000', 'B2C_1A_acc-basic-key-1700000000'],
    ['_', 'B2C_1A__'],
    ['-', 'B2C_1A_-'],
    ['-x', 'B2C_1A_-x'],
    ['0', 'B2C_1A_0'],
    ['B2C_1A', 'B2C_1A_B2C_1A'],
    ['B2C', 'B2C_1A_B2C'],
    ['Example.bak', 'B2C_1A_Example.bak'],
    ['B2C_1A_Example.bak', 'B2C_1A_Example.bak'],
  ])('%s is %s', (text, id) => {
    expect(parseKeySetId(text)).toBe(id);
  });

  test.each([
    '', 'B2C_1A_', 'b2c_1a_', '.bak', 'B2C_1A_.bak', 'a.bak.bak', 'a.BAK', 'a.b', 'a.', '.', '..', '../x', 'x/..', 'a/b',
    'a\\b', 'a%2fb', '%2e%2e', 'a b', ' a', 'a ', 'a\n', '\na', 'a\t', 'a\0', 'ä', 'a\u0301', '‮a', 'a​', 'ａ', '😀',
    "a'", 'a"', 'a?b', 'a#b', 'a&b', 'a;b', 'a:b', 'a@b', 'a+b', 'a,b', 'a(b)', "keySets('a')", '$count', 'a|b', '<a>',
  ])('%j is refused', (text) => {
    const failure = caught(() => parseKeySetId(text));
    expect(failure.kind).toBe('usage');
    expect(failure.message).not.toMatch(/[\x00-\x1f]/);
  }); // prettier-ignore

  test('any text is one that a path can hold as it stands, or usage', () => {
    const nearly = fc.stringMatching(/^(B2C_1A_|b2c_1a_)?[A-Za-z0-9_.%/ -]{0,9}(\.bak)?$/);
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), nearly), (text) => {
        const id = unlessRefused('usage', () => parseKeySetId(text));
        if (id === undefined) return;
        expect(id).toMatch(/^B2C_1A_[A-Za-z0-9_-]+(?:\.bak)?$/);
        expect(encodeURIComponent(id)).toBe(id);
        expect(new URL(`https://h/keySets/${id}/x`).pathname).toBe(`/keySets/${id}/x`);
        expect(parseKeySetId(id)).toBe(id);
      }),
      { numRuns: 1000 },
    );
  });

  test('copies left by a deletion', () => {
    const id = parseKeySetId('Example');
    expect(backupOf(id)).toBe('B2C_1A_Example.bak');
    expect(isBackup(backupOf(id))).toBe(true);
    expect(parseKeySetId(backupOf(id))).toBe(backupOf(id));
    expect(isBackup(id)).toBe(false);
    expect(isBackup('B2C_1A_bak')).toBe(false);
  });
});

describe('kids', () => {
  test.each([
    'uQ0c3lTtq0mY8b1Vw2xkJ7s5dR4eZ9aHnP6gLfXoIyE',
    '-Q0c3lTtq0mY8b1Vw2xkJ7s5dR4eZ9aHnP6gLfXoIyE',
    '--0c3lTtq0mY8b1Vw2xkJ7s5dR4eZ9aHnP6gLfXoIyE',
    '_',
    '0',
  ])('%s is one', (text) => {
    expect(parseKid(text)).toBe(text);
  });

  test.each(['', ' ', 'a b', 'a=', 'a+b', 'a/b', '.', '..', 'a\n', '%', 'ä', '\u202ea', 'a\0'])(
    '%j is none',
    (text) => {
      expect(caught(() => parseKid(text)).kind).toBe('usage');
    },
  );
});
