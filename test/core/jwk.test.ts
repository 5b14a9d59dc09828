import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import fc from 'fast-check';
import { rsaThumbprint } from '../../src/core/thumbprint.ts';
import { parseUploadKeySet, type UploadKeySet } from '../../src/core/upload-keys.ts';
import { Secret } from '../../src/core/secret.ts';
import { caught, everythingOf, unlessRefused } from '../support/caught.ts';

const now = 1_800_000_000;
const makeRsa = (modulusLength: number): JsonWebKey =>
  generateKeyPairSync('rsa', { modulusLength }).privateKey.export({ format: 'jwk' });
const rsa = makeRsa(2048);
const otherRsa = makeRsa(2048);
const smallRsa = makeRsa(1024);
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const;

const oct = { kty: 'oct', use: 'sig', k: 'c2FtcGxlLXZhbHVlLTAx' };
const rsaKey = { ...rsa, use: 'sig' };

const parse = (...keys: readonly unknown[]): UploadKeySet =>
  parseUploadKeySet(JSON.stringify({ keys }), 'keys.json', now);
const refused = (...keys: readonly unknown[]): string => {
  const failure = caught(() => parse(...keys));
  expect(failure.kind).toBe('input');
  expect(failure.message).toMatch(/^keys\.json: /);
  return failure.message.slice('keys.json: '.length);
};
const without = (key: object, name: string): object =>
  Object.fromEntries(Object.entries(key).filter(([member]) => member !== name));

test('RFC 7638 section 3.1', () => {
  expect(
    rsaThumbprint({
      e: 'AQAB',
      n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
    }),
  ).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
});

describe('a JWK Set to upload', () => {
  test('an RSA key, with its private members wrapped', () => {
    const { keys, dropped } = parse({
      ...rsaKey,
      nbf: now,
      exp: now + 1,
      x5t: 'abc_-',
      x5c: ['QUJD'],
    });
    const [key] = keys;
    expect(dropped).toEqual([]);
    expect(key).toMatchObject({
      kty: 'RSA',
      use: 'sig',
      n: rsa.n,
      e: rsa.e,
      nbf: now,
      exp: now + 1,
    });
    expect(key).toMatchObject({ x5t: 'abc_-', x5c: ['QUJD'] });
    for (const name of secretMembers) {
      expect(key?.[name]).toBeInstanceOf(Secret);
      expect(key?.[name]?.reveal()).toBe(rsa[name]);
    }
    for (const name of secretMembers) expect(JSON.stringify(keys)).not.toContain(rsa[name]);
  });

  test('an oct key, with its secret wrapped', () => {
    const { keys } = parse(oct);
    expect(keys).toEqual([{ kty: 'oct', use: 'sig', k: new Secret('') }]);
    expect(keys[0]?.k?.reveal()).toBe(oct.k);
    expect(JSON.stringify(keys)).toBe('[{"kty":"oct","use":"sig","k":"[secret]"}]');
  });

  test.each(['rsa', 'Rsa', 'RSA'])('kty %s', (kty) => {
    expect(parse({ ...rsaKey, kty }).keys[0]?.kty).toBe('RSA');
  });

  test.each(['OCT', 'Oct', 'oct'])('kty %s', (kty) => {
    expect(parse({ ...oct, kty }).keys[0]?.kty).toBe('oct');
  });

  test('several keys of one kind, in their order', () => {
    const { keys } = parse({ ...oct, k: 'AAAA' }, { ...oct, k: 'BBBB' }, { ...oct, k: 'CCCC' });
    expect(keys.map((key) => key.k?.reveal())).toEqual(['AAAA', 'BBBB', 'CCCC']);
  });

  test('null is absent, as Graph writes it', () => {
    const nulls = { kid: null, nbf: null, exp: null, x5c: null, x5t: null, k: null, status: null };
    const { keys, dropped } = parse({ ...rsaKey, ...nulls });
    expect(Object.keys(keys[0] ?? {}).sort()).toEqual(
      ['d', 'dp', 'dq', 'e', 'kty', 'n', 'p', 'q', 'qi', 'use'].sort(),
    );
    expect(dropped).toEqual([]);
  });

  test('members that are not sent are named: those of the other kty, too', () => {
    const extra = { kid: 'x', alg: 'RS256', key_ops: ['sign'], 'x5t#S256': 'y', status: 'enabled' };
    expect(parse({ ...rsaKey, ...extra, k: 'AAAA' }).dropped).toEqual([
      'alg',
      'k',
      'key_ops',
      'kid',
      'status',
      'x5t#S256',
    ]);
    expect(parse({ ...oct, n: 'AAAA', x5c: ['QUJD'] }, { ...oct, kid: 'z' }).dropped).toEqual([
      'kid',
      'n',
      'x5c',
    ]);
  });

  test('members beside "keys" are ignored', () => {
    const text = JSON.stringify({ id: 'B2C_1A_X', '@odata.context': 'https://x', keys: [oct] });
    expect(parseUploadKeySet(text, 'x', now).keys).toHaveLength(1);
  });

  test('__proto__ and constructor are members like any other', () => {
    const text = `{"__proto__":{"keys":[]},"keys":[{"kty":"oct","use":"sig","k":"AAAA","__proto__":{"exp":1},"constructor":1}]}`;
    const { keys, dropped } = parseUploadKeySet(text, 'x', now);
    expect(dropped).toEqual(['__proto__', 'constructor']);
    expect(keys[0]?.exp).toBeUndefined();
    expect(Object.getPrototypeOf(keys[0])).toBe(Object.prototype);
    for (const hidden of [
      '{"__proto__":{"keys":[{"kty":"oct","use":"sig","k":"AAAA"}]}}',
      '{"keys":[{"__proto__":{"kty":"oct","use":"sig","k":"AAAA"}}]}',
    ])
      expect(caught(() => parseUploadKeySet(hidden, 'x', now)).kind).toBe('input');
    expect(({} as Record<string, unknown>)['exp']).toBeUndefined();
  });
});

describe('refused', () => {
  test.each<[string, string, RegExp]>([
    ['no text', '', /not JSON/],
    ['no JSON', '{"keys":[', /not JSON/],
    ['a byte order mark', '\ufeff{"keys":[]}', /not JSON/],
    ['something after it', '{"keys":[]}{}', /not JSON/],
    ['a comment', '{"keys":[]} // x', /not JSON/],
    ['a PEM key', '-----BEGIN PRIVATE KEY-----', /not JSON/],
    ['null', 'null', /no "keys" array/],
    ['a number', '1', /no "keys" array/],
    ['a string', '"keys"', /no "keys" array/],
    ['an array', '[]', /no "keys" array/],
    ['a single key', JSON.stringify(oct), /no "keys" array/],
    ['keys as an object', '{"keys":{}}', /no "keys" array/],
    ['no keys', '{"keys":[]}', /has no keys/],
  ])('%s', (_name, text, reason) => {
    const failure = caught(() => parseUploadKeySet(text, 'keys.json', now));
    expect(failure.kind).toBe('input');
    expect(failure.message).toMatch(reason);
    expect(failure.hint).toBeDefined();
  });

  test.each<[string, unknown, RegExp]>([
    ['null', null, /^keys\[0\] is not an object$/],
    ['a string', 'x', /is not an object/],
    ['an array', [], /is not an object/],
    ['no kty', without(oct, 'kty'), /"kty" must be RSA or oct/],
    ['an EC key', { ...oct, kty: 'EC' }, /"kty" must be RSA or oct/],
    ['kty as a number', { ...oct, kty: 1 }, /"kty" must be RSA or oct/],
    ['kty with a blank', { ...oct, kty: 'oct ' }, /"kty" must be RSA or oct/],
    ['no use', without(oct, 'use'), /"use" must be sig or enc/],
    ['another use', { ...oct, use: 'verify' }, /"use" must be sig or enc/],
    ['use in capitals', { ...oct, use: 'SIG' }, /"use" must be sig or enc/],
    ['no k', without(oct, 'k'), /"k" must be base64url/],
    ['k null', { ...oct, k: null }, /"k" must be base64url/],
    ['k empty', { ...oct, k: '' }, /"k" must be base64url/],
    ['k as plain text', { ...oct, k: 'pass word' }, /"k" must be base64url/],
    ['k as base64', { ...oct, k: 'ab+/' }, /"k" must be base64url/],
    ['k padded', { ...oct, k: 'QQ==' }, /"k" must be base64url/],
    ['k of no length base64 has', { ...oct, k: 'QUJDR' }, /"k" must be base64url/],
    ['k with a line break', { ...oct, k: 'QUJD\n' }, /"k" must be base64url/],
    ['nbf as a string', { ...oct, nbf: '1800000000' }, /"nbf" must be a whole number/],
    ['nbf in part', { ...oct, nbf: 1.5 }, /"nbf" must be a whole number/],
    ['nbf negative', { ...oct, nbf: -1 }, /"nbf" must be a whole number/],
    ['nbf as a boolean', { ...oct, nbf: true }, /"nbf" must be a whole number/],
    ['exp beyond exactness', { ...oct, exp: 1e300 }, /"exp" must be a whole number/],
    ['exp in milliseconds', { ...oct, exp: 1_900_000_000_000 }, /"exp" is not in seconds/],
    ['exp now', { ...oct, exp: now }, /"exp" .* is not in the future/],
    ['exp 0', { ...oct, exp: 0 }, /"exp" .* is not in the future/],
    ['exp at nbf', { ...oct, nbf: now + 5, exp: now + 5 }, /"exp" is not after "nbf"/],
    ['exp before nbf', { ...oct, nbf: now + 6, exp: now + 5 }, /"exp" is not after "nbf"/],
    ['x5c as a string', { ...rsaKey, x5c: 'QUJD' }, /"x5c" must be an array of base64/],
    ['x5c of numbers', { ...rsaKey, x5c: [1] }, /"x5c" must be an array of base64/],
    ['x5c as base64url', { ...rsaKey, x5c: ['ab-_'] }, /"x5c" must be an array of base64/],
    ['x5c as PEM', { ...rsaKey, x5c: ['-----BEGIN CERTIFICATE-----'] }, /"x5c" must be an array/],
    ['x5c empty inside', { ...rsaKey, x5c: [''] }, /"x5c" must be an array of base64/],
    ['x5t as a number', { ...rsaKey, x5t: 5 }, /"x5t" must be base64url/],
    ['x5t in hexadecimal pairs', { ...rsaKey, x5t: 'AB:CD' }, /"x5t" must be base64url/],
    ['1024 bits', { ...smallRsa, use: 'sig' }, /has 1024 bits/],
    [
      'a modulus of a million bits',
      { ...rsaKey, n: '_'.repeat(170_000) },
      /do not make an RSA private key/,
    ],
    ['a modulus that is no number', { ...rsaKey, n: 5 }, /"n" must be base64url/],
    ['e 0', { ...rsaKey, e: 'AA' }, /do not make an RSA private key|has/],
    ['p 1', { ...rsaKey, p: 'AQ' }, /do not make an RSA private key/],
    ['q 0', { ...rsaKey, q: 'AA' }, /do not make an RSA private key/],
  ])('%s', (_name, key, reason) => {
    expect(refused(key)).toMatch(reason);
  });

  test.each(['n', 'e', ...secretMembers])('an RSA key without %s', (name) => {
    expect(refused(without(rsaKey, name))).toContain(`"${name}" must be base64url`);
  });

  test.each(['n', ...secretMembers])('an RSA key with the %s of another one', (name) => {
    const mixed = { ...rsaKey, [name]: otherRsa[name as keyof JsonWebKey] };
    expect(refused(mixed)).toContain('the members do not make an RSA private key');
  });

  test('keys of two kinds', () => {
    expect(refused(oct, rsaKey)).toContain('do not share one "kty"');
    expect(refused(oct, { ...oct, use: 'enc' })).toContain('do not share one "use"');
  });

  test('the key at fault is named by its place', () => {
    expect(refused(oct, oct, { ...oct, k: '' })).toContain('keys[2]: "k"');
  });
});

describe('nothing of the input is ever repeated', () => {
  // Every value is one that occurs nowhere else, so that finding any part of it is a leak.
  const planted = [
    'SECRETalpha', 'SECRETbeta', 'SECRETgamma', 'SECRETdelta', '4242424242424', '"SECRETepsilon',
  ]; // prettier-ignore
  const leaks = (failure: unknown): string[] => {
    const all = everythingOf(failure);
    return planted.filter((value) => all.includes(value));
  };

  test.each([
    ...planted,
    `{"keys":[{"kty":"oct","use":"sig","k":"SECRETalpha"`,
    `{"keys":[{"kty":"oct","use":"sig","k":"SECRETalpha",}]}`,
    `{'k':'SECRETalpha'}`,
    `"SECRETalpha"`,
    `{"keys":"SECRETalpha"}`,
    `{"keys":["SECRETalpha"]}`,
    `{"keys":[{"kty":"SECRETalpha","use":"sig","k":"SECRETbeta"}]}`,
    `{"keys":[{"kty":"oct","use":"SECRETalpha","k":"SECRETbeta"}]}`,
    `{"keys":[{"kty":"oct","use":"sig","k":"SECRETalpha SECRETbeta"}]}`,
    `{"keys":[{"kty":"oct","use":"sig","k":{"x":"SECRETalpha"}}]}`,
    `{"keys":[{"kty":"oct","use":"sig","k":"AAAA","nbf":"SECRETalpha"}]}`,
    `{"keys":[{"kty":"oct","use":"sig","k":"SECRETalpha","exp":4242424242424}]}`,
    `{"keys":[{"kty":"oct","use":"sig","k":"SECRETalpha","exp":-4242424242424}]}`,
    `{"keys":[{"kty":"oct","use":"sig","k":"SECRETalphaa","exp":1}]}`,
    `{"keys":[{"kty":"RSA","use":"sig","n":"SECRETalphaa","e":"AQAB","d":"SECRETbetaaa","p":"SECRETgammaa","q":"SECRETdeltaa","dp":"AAAA","dq":"AAAA","qi":"AAAA"}]}`,
    `{"keys":[{"kty":"RSA","use":"sig","n":"SECRETalpha!","e":"AQAB","d":"SECRETbeta"}]}`,
    JSON.stringify({ keys: [{ ...rsaKey, d: 'SECRETalphaa' }] }),
    JSON.stringify({ keys: [{ ...rsaKey, x5t: 'SECRETalpha!' }] }),
    JSON.stringify({ keys: [{ ...rsaKey, x5c: ['SECRETalpha!'] }] }),
    JSON.stringify({ keys: [oct, { ...oct, use: 'enc', k: 'SECRETalphaa' }] }),
  ])('%j', (text) => {
    const failure = caught(() => parseUploadKeySet(text, 'keys.json', now));
    expect(failure.kind).toBe('input');
    expect(leaks(failure)).toEqual([]);
  });

  test('whatever is damaged in a good set', () => {
    const good = JSON.stringify({ keys: [rsaKey] });
    const values = [...secretMembers.map((name) => String(rsa[name])), String(rsa.n)];
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.constantFrom('', '!', '"', '\\', '}', 'A', '\0'),
        (at, instead) => {
          const text = good.slice(0, at) + instead + good.slice(at + 1);
          let failure: unknown;
          try {
            parseUploadKeySet(text, 'keys.json', now);
          } catch (error) {
            failure = error;
          }
          if (failure === undefined) return;
          const all = everythingOf(failure);
          for (const value of values) {
            expect(all).not.toContain(value.slice(0, 12));
            expect(all).not.toContain(value.slice(-12));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

test('any JSON is a set whose every member is of its type, or input', () => {
  const nearly = fc.record(
    {
      kty: fc.constantFrom('RSA', 'oct', 'OCT', 'EC', 5, null),
      use: fc.constantFrom('sig', 'enc', 'x', null),
      k: fc.oneof(fc.string(), fc.constant('AAAA'), fc.jsonValue()),
      nbf: fc.oneof(fc.integer(), fc.jsonValue()),
      exp: fc.oneof(fc.integer({ min: now }), fc.jsonValue()),
    },
    { requiredKeys: ['kty', 'use', 'k'] },
  );
  const sets = fc.oneof(
    fc.jsonValue(),
    fc.record({ keys: fc.array(fc.oneof(nearly, fc.jsonValue())) }),
  );
  fc.assert(
    fc.property(sets, (json) => {
      const set = unlessRefused('input', () => parseUploadKeySet(JSON.stringify(json), 'x', now));
      for (const key of set?.keys ?? []) {
        expect(['RSA', 'oct']).toContain(key.kty);
        expect(['sig', 'enc']).toContain(key.use);
        expect(key.k === undefined || key.k instanceof Secret).toBe(true);
        if (key.exp !== undefined) expect(key.exp).toBeGreaterThan(Math.max(now, key.nbf ?? now));
      }
    }),
    { numRuns: 500 },
  );
});
