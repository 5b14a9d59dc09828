import { parseUploadKeySet } from '../../src/core/upload-keys.ts';
import { parseKeySetId, parseKid, type KeySet, type PolicyKey } from '../../src/core/keyset.ts';
import { Secret } from '../../src/core/secret.ts';
import { Failure } from '../../src/failure.ts';
import {
  createKeySet,
  deleteKeySet,
  generateKey,
  getActiveKey,
  getKeySet,
  getKeyV2,
  keySetPath,
  listKeySets,
  listKeysV2,
  setKeyStatus,
  updateKeySet,
  uploadCertificate,
  uploadPkcs12,
  uploadSecret,
  type AddTo,
  type IncomingKey,
} from '../../src/graph/operations.ts';
import type { Reader, Verdict, WriteRequest } from '../../src/graph/request.ts';
import { caughtLater } from '../support/caught.ts';

const id = parseKeySetId('Example');
const kid = parseKid('uQ0c3lTtq0mY8b1Vw2xkJ7s5dR4eZ9aHnP6gLfXoIyE');
const base = '/trustFramework/keySets';
const readAll = 'TrustFrameworkKeySet.Read.All';
const writeAll = 'TrustFrameworkKeySet.ReadWrite.All';
const holding = (...keys: readonly PolicyKey[]): KeySet => ({ id, keys });
const addTo = (before: KeySet, awaitKeySet = false): AddTo => ({ id, before, awaitKeySet });
const empty = addTo(holding());

/** What settling says when the service shows this; the reads it makes are those of the keyset. */
async function settled<T>(
  request: WriteRequest<T>,
  shown: KeySet | undefined,
): Promise<Verdict<T>> {
  const read: Reader = (wanted) => {
    expect([wanted.method, wanted.path]).toEqual(['GET', `${base}/B2C_1A_Example`]);
    return Promise.resolve(
      shown === undefined ? undefined : wanted.decode(JSON.parse(JSON.stringify(shown))),
    );
  };
  return request.settle(read);
}

describe('reading', () => {
  test.each([
    [listKeySets(), base, 'keysets', readAll],
    [getKeySet(id), `${base}/B2C_1A_Example`, 'B2C_1A_Example', readAll],
    [getActiveKey(id), `${base}/B2C_1A_Example/getActiveKey`, 'B2C_1A_Example', readAll],
    [listKeysV2(id), `${base}/B2C_1A_Example/keys_v2`, 'B2C_1A_Example', writeAll],
    [
      getKeyV2(id, kid),
      `${base}/B2C_1A_Example/keys_v2/${kid}`,
      `${kid} of B2C_1A_Example`,
      writeAll,
    ],
  ])('%#', (request, path, subject, permission) => {
    expect(request).toMatchObject({ method: 'GET', path, subject, permission });
    expect(request).not.toHaveProperty('body');
  });

  test('ids and kids are one segment of the path', () => {
    expect(keySetPath(parseKeySetId('a-b_c.bak'))).toBe(`${base}/B2C_1A_a-b_c.bak`);
    // What the service itself calls a key may be any text.
    for (const odd of ['a/b', '../x', 'a?b#c', 'a%2fb', 'a b', 'ü', '=']) {
      const { path } = setKeyStatus(id, odd, 'enabled');
      const segments = new URL(`https://h${path}`).pathname.split('/');
      expect(segments).toHaveLength(6);
      expect(decodeURIComponent(segments[5] ?? '')).toBe(odd);
    }
  });
});

describe('writing: exactly what goes on the wire', () => {
  const secret = new Secret('swordfish');
  const pfx = { key: new Secret('TUlJ'), password: new Secret('pfx password') };
  const certificate: IncomingKey = { kty: 'RSA', nbf: 1, exp: 2, x5t: 'x5t' };
  const at = `${base}/B2C_1A_Example`;

  test.each<[string, WriteRequest<unknown>, string, string, unknown]>([
    ['create', createKeySet(id), 'POST', base, { id: 'B2C_1A_Example' }],
    ['delete', deleteKeySet(id), 'DELETE', at, undefined],
    [
      'generateKey',
      generateKey(empty, { kty: 'RSA', use: 'sig', nbf: 1_800_000_000, exp: 1_900_000_000 }),
      'POST',
      `${at}/generateKey`,
      { use: 'sig', kty: 'RSA', nbf: 1_800_000_000, exp: 1_900_000_000 },
    ],
    [
      'generateKey without dates',
      generateKey(empty, { kty: 'oct', use: 'enc' }),
      'POST',
      `${at}/generateKey`,
      { use: 'enc', kty: 'oct' },
    ],
    [
      'uploadSecret',
      uploadSecret(empty, { use: 'sig', k: secret, exp: 1_900_000_000 }),
      'POST',
      `${at}/uploadSecret`,
      { use: 'sig', k: secret, exp: 1_900_000_000 },
    ],
    ['uploadSecret without dates', uploadSecret(empty, { use: 'enc', k: secret }), 'POST', `${at}/uploadSecret`, { use: 'enc', k: secret }],
    ['uploadCertificate', uploadCertificate(empty, certificate, Buffer.from('DER')), 'POST', `${at}/uploadCertificate`, { key: 'REVS' }],
    ['uploadPkcs12', uploadPkcs12(empty, certificate, pfx), 'POST', `${at}/uploadPkcs12`, { key: pfx.key, password: pfx.password }],
    ['enable', setKeyStatus(id, kid, 'enabled'), 'PATCH', `${at}/keys_v2/${kid}`, { status: 'enabled' }],
    ['disable', setKeyStatus(id, kid, 'disabled'), 'PATCH', `${at}/keys_v2/${kid}`, { status: 'disabled' }],
  ])('%s', (_name, request, method, path, body) => {
    expect(request.method).toBe(method);
    expect(request.path).toBe(path);
    expect(request.body).toEqual(body);
    expect(Object.keys(request.body ?? {})).toEqual(Object.keys(body ?? {}));
    expect(request.keyset).toBe(id);
    expect(request.permission).toBe(writeAll);
  }); // prettier-ignore

  test('secrets are wrapped until the edge', () => {
    for (const request of [
      uploadSecret(empty, { use: 'sig', k: secret }),
      uploadPkcs12(empty, certificate, pfx),
    ]) {
      const shown = JSON.stringify(request);
      for (const value of ['swordfish', 'TUlJ', 'pfx password']) expect(shown).not.toContain(value);
      expect(shown).toContain('[secret]');
    }
  });

  test('update replaces every key, without kid, with its private members wrapped', () => {
    const text =
      '{"keys":[{"kty":"oct","use":"sig","k":"c3dvcmRmaXNo","kid":"x","alg":"HS256","nbf":5}]}';
    const { keys } = parseUploadKeySet(text, 'x', 0);
    const request = updateKeySet(id, keys, holding({ kid: 'old' }, {}));
    expect(request).toMatchObject({ method: 'PUT', path: at, before: 'old, (no kid)' });
    expect(JSON.stringify(request.body)).toBe(
      '{"keys":[{"kty":"oct","use":"sig","nbf":5,"k":"[secret]"}]}',
    );
  });

  test('only what may be carried out twice is called repeatable', () => {
    expect(deleteKeySet(id).repeatable).toBe(true);
    expect(setKeyStatus(id, kid, 'enabled').repeatable).toBe(true);
    expect(createKeySet(id).repeatable).toBe(true);
    for (const request of [generateKey(empty, { kty: 'RSA', use: 'sig' })])
      expect(request.repeatable).toBeUndefined();
  });

  test('what is shown when the outcome cannot be told', () => {
    const request = generateKey(addTo(holding({ kid: 'a' }, { kid: 'b' }), true), {
      kty: 'RSA',
      use: 'sig',
    });
    expect(request).toMatchObject({
      intent: 'add a key to B2C_1A_Example',
      before: 'a, b',
      awaitKeySet: true,
    });
    expect(generateKey(empty, { kty: 'RSA', use: 'sig' })).toMatchObject({
      before: 'none',
      awaitKeySet: false,
    });
    expect(setKeyStatus(id, kid, 'disabled').intent).toBe(`disable ${kid} of B2C_1A_Example`);
    expect(setKeyStatus(id, kid, 'enabled').intent).toBe(`enable ${kid} of B2C_1A_Example`);
    expect(createKeySet(id).intent).toBe('create B2C_1A_Example');
    expect(deleteKeySet(id).intent).toBe('delete B2C_1A_Example');
  });
});

describe('settling a write whose answer was lost', () => {
  const yes = <T>(value: T): Verdict<T> => ({ happened: true, value });
  const no = { happened: false } as const;
  const unclear = { happened: 'unclear' } as const;

  test('create: an empty keyset is ours; one with keys is not', async () => {
    expect(await settled(createKeySet(id), holding())).toEqual(yes(holding()));
    expect(await settled(createKeySet(id), undefined)).toEqual(no);
    expect(await settled(createKeySet(id), holding({ kid: 'a' }))).toEqual(unclear);
  });

  test('delete: it is gone or it is not', async () => {
    expect(await settled(deleteKeySet(id), undefined)).toEqual(yes(null));
    expect(await settled(deleteKeySet(id), holding())).toEqual(no);
  });

  test('enable and disable: the key says it', async () => {
    const disable = setKeyStatus(id, kid, 'disabled');
    expect(await settled(disable, holding({ kid, status: 'disabled' }))).toEqual(yes(null));
    expect(await settled(disable, holding({ kid, status: 'enabled' }))).toEqual(no);
    expect(await settled(disable, holding({ kid }))).toEqual(no);
    expect(await settled(disable, holding({ kid, status: 'unknownFutureValue' }))).toEqual(no);
    expect(await settled(disable, holding({ kid: 'other', status: 'disabled' }))).toEqual(unclear);
    expect(await settled(disable, undefined)).toEqual(unclear);
  });

  test.each<[string, KeySet | undefined, Verdict<unknown>]>([
    ['the new key is there', holding({ kid: 'a' }, { kid: 'new', kty: 'RSA', use: 'sig' }), yes({ kid: 'new', kty: 'RSA', use: 'sig' })],
    ['with fewer members than were sent', holding({ kid: 'a' }, { kid: 'new' }), yes({ kid: 'new' })],
    ['wherever it is listed', holding({ kid: 'new', nbf: 5 }, { kid: 'a' }), yes({ kid: 'new', nbf: 5 })],
    ['nothing new', holding({ kid: 'a' }), no],
    ['the keyset is gone', undefined, unclear],
    ['the old key is gone', holding(), unclear],
    ['the old key is gone, a new one there', holding({ kid: 'new' }), unclear],
    ['two new keys', holding({ kid: 'a' }, { kid: 'new' }, { kid: 'newer' }), unclear],
    ['a new key without a kid', holding({ kid: 'a' }, { kty: 'RSA' }), unclear],
    ['the old kid twice', holding({ kid: 'a' }, { kid: 'a' }), unclear],
    ['another kty', holding({ kid: 'a' }, { kid: 'new', kty: 'oct' }), unclear],
    ['another use', holding({ kid: 'a' }, { kid: 'new', use: 'enc' }), unclear],
    ['another nbf', holding({ kid: 'a' }, { kid: 'new', nbf: 6 }), unclear],
    ['another exp', holding({ kid: 'a' }, { kid: 'new', exp: 10 }), unclear],
  ])('adding: %s', async (_name, shown, verdict) => {
    const request = generateKey(addTo(holding({ kid: 'a' })), { kty: 'RSA', use: 'sig', nbf: 5, exp: 9 });
    expect(await settled(request, shown)).toEqual(verdict);
  }); // prettier-ignore

  test('adding: a certificate is known by its x5t', async () => {
    const incoming: IncomingKey = { kty: 'RSA', nbf: 5, exp: 9, x5t: 'ours' };
    const request = uploadCertificate(empty, incoming, Buffer.from('DER'));
    expect(await settled(request, holding({ kid: 'new', x5t: 'ours' }))).toEqual(
      yes({ kid: 'new', x5t: 'ours' }),
    );
    expect(await settled(request, holding({ kid: 'new', x5t: 'theirs' }))).toEqual(unclear);
    expect(await settled(request, undefined)).toEqual(no);
  });

  test('adding where a key without a kid was before: a second one is never taken for none', async () => {
    const request = uploadSecret(addTo(holding({})), { use: 'sig', k: new Secret('x') });
    expect(await settled(request, holding({}))).toEqual(no);
    expect(await settled(request, holding({}, {}))).toEqual(unclear);
  });

  test.each<[string, PolicyKey[], number, KeySet | undefined, Verdict<unknown>['happened']]>([
    ['all are new', [{ kid: 'a' }, { kid: 'b' }], 1, holding({ kid: 'c' }), true],
    ['into an empty one', [], 1, holding({ kid: 'c' }), true],
    ['all are old', [{ kid: 'a' }, { kid: 'b' }], 1, holding({ kid: 'a' }, { kid: 'b' }), false],
    ['an empty one is empty still', [], 1, holding(), false],
    ['an old one stayed', [{ kid: 'a' }], 2, holding({ kid: 'a' }, { kid: 'c' }), 'unclear'],
    ['other numbers', [{ kid: 'a' }], 2, holding({ kid: 'c' }), 'unclear'],
    [
      'another order',
      [{ kid: 'a' }, { kid: 'b' }],
      1,
      holding({ kid: 'b' }, { kid: 'a' }),
      'unclear',
    ],
    ['it was emptied', [{ kid: 'a' }], 1, holding(), 'unclear'],
    ['it is gone', [{ kid: 'a' }], 1, undefined, 'unclear'],
    ['kids are not shown', [{}], 1, holding({}), false],
  ])('update: %s', async (_name, before, count, shown, happened) => {
    const one = '{"kty":"oct","use":"sig","k":"AAAA"}';
    const { keys } = parseUploadKeySet(`{"keys":[${Array(count).fill(one).join()}]}`, 'x', 0);
    const verdict = await settled(updateKeySet(id, keys, holding(...before)), shown);
    expect(verdict.happened).toBe(happened);
    if (verdict.happened === true) expect(verdict.value).toEqual(shown);
  });

  test('a read that fails is no verdict', async () => {
    const trouble = new Failure('network', 'x');
    for (const request of [
      createKeySet(id),
      deleteKeySet(id),
      setKeyStatus(id, kid, 'enabled'),
      updateKeySet(id, [], holding()),
      generateKey(empty, { kty: 'RSA', use: 'sig' }),
    ])
      expect(await caughtLater(() => request.settle(() => Promise.reject(trouble)))).toBe(trouble);
  });
});
