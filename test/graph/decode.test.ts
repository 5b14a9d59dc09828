import fc from 'fast-check';
import {
  decodeKey,
  decodeKeySet,
  decodeKeySets,
  decodeKeysV2,
  decodeKeyV2,
  decodeNamedKey,
  decodeNothing,
} from '../../src/graph/decode.ts';
import { caught, unlessRefused } from '../support/caught.ts';

const kid = 'uQ0c3lTtq0mY8b1Vw2xkJ7s5dR4eZ9aHnP6gLfXoIyE';
const strange = (work: () => unknown): string => {
  const failure = caught(work);
  expect(failure.kind).toBe('service');
  expect(failure.message).toMatch(/^Graph sent an answer that cannot be understood: /);
  expect(failure.hint).toBeDefined();
  return failure.message;
};

describe('a key', () => {
  test('as the documentation shows it', () => {
    expect(
      decodeKey({
        '@odata.context': 'https://graph.microsoft.com/beta/$metadata#microsoft.graph.trustFrameworkKey',
        k: null, x5c: [], kty: 'RSA', use: 'sig', exp: 1_798_761_600, nbf: 1_767_225_600, kid, e: 'AQAB', n: 'y1x-_',
      }),
    ).toEqual({ kid, kty: 'RSA', use: 'sig', nbf: 1_767_225_600, exp: 1_798_761_600, x5c: [], e: 'AQAB', n: 'y1x-_' });
  }); // prettier-ignore

  test('private members are not looked at, whatever they are', () => {
    const secrets = { k: 'SECRET', d: 'SECRET', p: 5, q: [], dp: {}, dq: true, qi: '\u001b[2J' };
    const key = decodeKey({ kid, kty: 'oct', ...secrets });
    expect(key).toEqual({ kid, kty: 'oct' });
    expect(JSON.stringify(key)).not.toContain('SECRET');
  });

  test.each([
    ['RSA', 'RSA'], ['rsa', 'RSA'], ['Rsa', 'RSA'], ['oct', 'oct'], ['OCT', 'oct'], ['Oct', 'oct'],
  ])('kty %s', (kty, expected) => {
    expect(decodeKey({ kty }).kty).toBe(expected);
  }); // prettier-ignore

  test.each([
    ['sig', 'sig'],
    ['SIG', 'sig'],
    ['enc', 'enc'],
  ])('use %s', (use, expected) => {
    expect(decodeKey({ use }).use).toBe(expected);
  });

  test.each([
    ['enabled', 'enabled'],
    ['Enabled', 'enabled'],
    ['DISABLED', 'disabled'],
    ['unknownFutureValue', 'unknownFutureValue'],
    ['revoked', 'unknownFutureValue'],
    [null, undefined],
    ['', undefined],
  ])('status %j', (status, expected) => {
    expect(decodeKey({ status }).status).toBe(expected);
  });

  test.each([
    [1_798_761_600, 1_798_761_600],
    ['1798761600', 1_798_761_600],
    [0, 0],
    ['0', 0],
    [-5, -5],
    ['-5', -5],
    [1e3, 1000],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [null, undefined],
    ['', undefined],
  ])('exp and nbf %j', (value, expected) => {
    expect(decodeKey({ exp: value }).exp).toBe(expected);
    expect(decodeKey({ nbf: value }).nbf).toBe(expected);
  });

  test('absent, null and empty members leave nothing behind', () => {
    const nothing = {
      kid: null,
      kty: '',
      use: null,
      status: null,
      nbf: null,
      exp: '',
      x5t: '',
      x5c: null,
      e: null,
    };
    for (const answer of [{}, nothing]) expect(Object.keys(decodeKey(answer))).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    ['null', null, 'the key is not an object'],
    ['nothing', undefined, 'the key is not an object'],
    ['an array', [], 'the key is not an object'],
    ['text', 'x', 'the key is not an object'],
    ['a number', 5, 'the key is not an object'],
    ['kid as a number', { kid: 5 }, '"kid" of the key is not a string'],
    ['kid as an object', { kid: {} }, '"kid" of the key is not a string'],
    ['another kty', { kty: 'EC' }, '"kty" of the key is none that is known'],
    ['kty with a blank', { kty: 'RSA ' }, '"kty" of the key is none that is known'],
    ['another use', { use: 'verify' }, '"use" of the key is none that is known'],
    ['status as a number', { status: 1 }, '"status" of the key is not a string'],
    ['exp in part', { exp: 1.5 }, '"exp" of the key is not a whole number'],
    ['exp beyond exactness', { exp: 2 ** 53 }, '"exp" of the key is not a whole number'],
    [
      'exp as an ISO date',
      { exp: '2027-01-01T00:00:00Z' },
      '"exp" of the key is not a whole number',
    ],
    ['exp as hexadecimal', { exp: '0x10' }, '"exp" of the key is not a whole number'],
    ['exp with an exponent', { exp: '1e9' }, '"exp" of the key is not a whole number'],
    ['exp of blanks', { exp: ' ' }, '"exp" of the key is not a whole number'],
    ['exp of many digits', { exp: '9'.repeat(30) }, '"exp" of the key is not a whole number'],
    ['nbf as a boolean', { nbf: true }, '"nbf" of the key is not a whole number'],
    ['nbf as an array', { nbf: [5] }, '"nbf" of the key is not a whole number'],
    ['x5c as text', { x5c: 'QUJD' }, '"x5c" of the key is not an array'],
    ['x5c of numbers', { x5c: [5] }, '"x5c" of the key is not base64'],
    ['x5c of other text', { x5c: ['QUJD', 'a b'] }, '"x5c" of the key is not base64'],
    ['x5c of null', { x5c: [null] }, '"x5c" of the key is not base64'],
    ['n as a number', { n: 5 }, '"n" of the key is not a string'],
  ])('%s is strange', (_name, answer, message) => {
    expect(strange(() => decodeKey(answer))).toContain(message);
  });

  test('every place that could be told apart by a terminal is refused', () => {
    const unprintable = [
      '\u001b[31m', '\u0007', '\n', '\r', '\t', '\0', '\u007f', '\u0085', '\u009b', '\u200b', '\u200e', '\u202e',
      '\u2066', '\u2028', '\u2029', '\ufeff', '\ud800', '\udc00', '\u00ad', '\u{e0041}',
    ]; // prettier-ignore
    for (const bad of unprintable)
      for (const name of ['kid', 'status', 'x5t', 'e', 'n', 'kty', 'use'])
        expect(strange(() => decodeKey({ [name]: `a${bad}b` }))).toContain(
          `"${name}" of the key has control characters`,
        );
    for (const bad of unprintable)
      expect(strange(() => decodeKeySet({ id: `B2C_1A_${bad}` }))).toContain('control characters');
  });

  test('what is printable is kept, in any script', () => {
    expect(decodeKey({ kid: 'Schlüssel 鍵 🔑 a/b.c%20' }).kid).toBe('Schlüssel 鍵 🔑 a/b.c%20');
  });

  test('__proto__ and its like are no members', () => {
    const key = decodeKey(
      JSON.parse('{"__proto__":{"kid":"x","kty":"RSA"},"constructor":{"kid":"y"}}'),
    );
    expect(key).toEqual({});
    expect(key.kid).toBeUndefined();
    expect(Object.getPrototypeOf(key)).toBe(Object.prototype);
    expect(decodeKey(Object.create({ kid: 'inherited' })).kid).toBeUndefined();
  });

  test('one to act on has a kid', () => {
    expect(decodeNamedKey({ kid, kty: 'oct' })).toEqual({ kid, kty: 'oct' });
    for (const answer of [{}, { kid: null }, { kid: '' }])
      expect(strange(() => decodeNamedKey(answer))).toContain('the key has no "kid"');
  });

  test('of keys_v2: bare, or in the wrapper of the documentation', () => {
    const key = {
      '@odata.type': '#microsoft.graph.trustFrameworkKey_v2',
      kid,
      kty: 'RSA',
      exp: '1798761600',
    };
    const expected = { kid, kty: 'RSA', exp: 1_798_761_600 };
    expect(decodeKeyV2(key)).toEqual(expected);
    expect(decodeKeyV2({ value: key })).toEqual(expected);
    expect(decodeKeyV2({ ...key, value: null })).toEqual(expected);
    for (const answer of [{ value: [key] }, { value: 'x' }, { value: { value: key } }, [], null])
      strange(() => decodeKeyV2(answer));
  });
});

describe('a keyset', () => {
  test('with its keys in the order of the service', () => {
    expect(decodeKeySet({ id: 'B2C_1A_X', keys: [{ kid: 'b' }, { kid: 'a' }] })).toEqual({
      id: 'B2C_1A_X',
      keys: [{ kid: 'b' }, { kid: 'a' }],
    });
  });

  test.each([
    [{ id: 'B2C_1A_X.bak' }],
    [{ id: 'B2C_1A_X.bak', keys: null }],
    [{ id: 'B2C_1A_X.bak', keys: [] }],
  ])('%j is empty', (answer) => {
    expect(decodeKeySet(answer)).toEqual({ id: 'B2C_1A_X.bak', keys: [] });
  });

  test.each<[unknown, string]>([
    [null, 'the keyset is not an object'],
    [[], 'the keyset is not an object'],
    [{}, 'the keyset has no "id"'],
    [{ id: null }, 'the keyset has no "id"'],
    [{ id: '' }, 'the keyset has no "id"'],
    [{ id: 5 }, '"id" of the keyset is not a string'],
    [{ id: 'x', keys: {} }, 'keys is not an array'],
    [{ id: 'x', keys: 'y' }, 'keys is not an array'],
    [{ id: 'x', keys: [{}, null] }, 'keys[1] is not an object'],
    [{ id: 'x', keys: [{}, {}, { exp: 'y' }] }, '"exp" of keys[2] is not a whole number'],
    [{ value: { id: 'x' } }, 'the keyset has no "id"'],
  ])('%j is strange', (answer, message) => {
    expect(strange(() => decodeKeySet(answer))).toContain(message);
  });
});

describe('pages', () => {
  test('with and without a next one', () => {
    const value = [{ id: 'B2C_1A_X', keys: [] }];
    expect(decodeKeySets({ value })).toEqual({ items: value });
    expect(decodeKeySets({ value: [] })).toEqual({ items: [] });
    expect(decodeKeySets({ value, '@odata.nextLink': null })).toEqual({ items: value });
    expect(decodeKeySets({ value, '@odata.nextLink': 'https://x/y' })).toEqual({
      items: value,
      next: 'https://x/y',
    });
    expect(decodeKeysV2({ value: [{ kid: 'a' }] })).toEqual({ items: [{ kid: 'a' }] });
    expect(decodeKeysV2({ value: [] })).toEqual({ items: [] });
  });

  test.each([
    undefined, null, [], 'x', 5, {}, { value: null }, { value: {} }, { value: 'x' }, { keys: [] },
    { value: [], '@odata.nextLink': 5 }, { value: [], '@odata.nextLink': {} }, { value: [null] }, { value: ['x'] },
    { value: [[]] },
  ])('%j is strange, and never an empty list', (answer) => {
    strange(() => decodeKeySets(answer));
    strange(() => decodeKeysV2(answer));
  }); // prettier-ignore
});

test('the answer of a write without content is not read', () => {
  const decode: (answer: unknown) => null = decodeNothing;
  for (const answer of [undefined, null, {}, [], 'x', { error: 5 }])
    expect(decode(answer)).toBeNull();
});

describe('any JSON', () => {
  const text = fc.oneof(fc.string(), fc.constantFrom('RSA', 'oct', 'sig', 'enabled', '5', 'QUJD'));
  const nearlyKey = fc.dictionary(
    fc.constantFrom(
      'kid',
      'kty',
      'use',
      'status',
      'nbf',
      'exp',
      'x5t',
      'x5c',
      'e',
      'n',
      'k',
      'value',
      '__proto__',
    ),
    fc.oneof(text, fc.integer(), fc.constant(null), fc.array(text, { maxLength: 2 })),
  );
  const nearly = fc.oneof(
    fc.jsonValue(),
    nearlyKey,
    fc.record({ value: fc.oneof(nearlyKey, fc.array(nearlyKey), fc.jsonValue()) }),
    fc.record({ id: text, keys: fc.array(fc.oneof(nearlyKey, fc.jsonValue())) }),
    fc.record({
      value: fc.array(fc.record({ id: text, keys: fc.array(nearlyKey) })),
      '@odata.nextLink': text,
    }),
  );

  test.each<[string, (answer: unknown) => unknown]>([
    ['decodeKey', decodeKey],
    ['decodeNamedKey', decodeNamedKey],
    ['decodeKeyV2', decodeKeyV2],
    ['decodeKeySet', decodeKeySet],
    ['decodeKeySets', decodeKeySets],
    ['decodeKeysV2', decodeKeysV2],
  ])('%s gives what can be printed, or a service failure', (_name, decode) => {
    fc.assert(
      fc.property(nearly, (json) => {
        const answer = JSON.parse(JSON.stringify(json)) as unknown;
        const value = unlessRefused('service', () => decode(answer));
        if (value === undefined) return;
        // The link is looked at where it is followed.
        const shown = JSON.stringify(value, (name, part: unknown) => (name === 'next' ? '' : part));
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        // Idempotent: what was decoded is an answer that decodes to itself.
        if (decode === decodeKey || decode === decodeKeySet) expect(decode(value)).toEqual(value);
      }),
      { numRuns: 400 },
    );
  });
});
