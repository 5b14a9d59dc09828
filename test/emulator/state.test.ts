import {
  emptyState,
  findKeySet,
  keySetsOf,
  parseState,
  putKeySet,
  serializeState,
  tenantId,
  type EmulatorState,
} from '../../src/emulator/state.ts';
import { isFailure } from '../../src/failure.ts';

const id = '11111111-2222-3333-4444-555555555555';

const full: EmulatorState = {
  version: 1,
  tenants: {
    [id]: {
      name: 'contoso.onmicrosoft.com',
      keysets: {
        B2C_1A_A: {
          createdAt: 1,
          keys: [
            { kid: 'a', kty: 'oct', use: 'sig', status: 'enabled' },
            {
              kid: 'b', kty: 'RSA', use: 'enc', status: 'disabled', nbf: 1, exp: 2,
              e: 'AQAB', n: 'x', x5c: ['AA=='], x5t: 't',
            },
          ],
        },
        'B2C_1A_A.bak': { createdAt: 0, keys: [] },
      },
    },
  },
}; // prettier-ignore

describe('tenantId', () => {
  test('a GUID is itself, in lower case', () => {
    expect(tenantId('ABCDEF01-2222-3333-4444-555555555555')).toBe(
      'abcdef01-2222-3333-4444-555555555555',
    );
  });

  test('a domain name always has the same GUID, of version 8', () => {
    const derived = tenantId('Contoso.OnMicrosoft.com');
    expect(derived).toBe(tenantId('contoso.onmicrosoft.com'));
    expect(derived).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(derived).not.toBe(tenantId('fabrikam.onmicrosoft.com'));
  });
});

describe('the file', () => {
  test.each([emptyState, full])('comes back as it was', (state) => {
    expect(parseState(serializeState(state))).toEqual(state);
  });

  const withKey = (key: object): unknown => ({
    version: 1,
    tenants: { [id]: { name: 'n', keysets: { B2C_1A_A: { createdAt: 1, keys: [key] } } } },
  });
  const key = { kid: 'a', kty: 'oct', use: 'sig', status: 'enabled' };

  test.each([
    ['nothing', ''],
    ['half of it', serializeState(full).slice(0, 100)],
    ['another kind of JSON', '[]'],
    ['another version', '{"version":2,"tenants":{}}'],
    ['a stray member', '{"version":1,"tenants":{},"x":1}'],
    ['no tenants', '{"version":1}'],
    ['a tenant that is no GUID', '{"version":1,"tenants":{"contoso":{"name":"n","keysets":{}}}}'],
    ['a private member', JSON.stringify(withKey({ ...key, k: 'secret' }))],
    ['no kid', JSON.stringify(withKey({ ...key, kid: undefined }))],
    ['a bad kty', JSON.stringify(withKey({ ...key, kty: 'rsa' }))],
    ['a bad use', JSON.stringify(withKey({ ...key, use: 'x' }))],
    ['a bad status', JSON.stringify(withKey({ ...key, status: 'x' }))],
    ['a date as text', JSON.stringify(withKey({ ...key, exp: '1' }))],
    ['x5c as text', JSON.stringify(withKey({ ...key, x5c: 'AA==' }))],
    ['a key that is none', JSON.stringify(withKey([]))],
  ])('is refused with %s', (_what, text) => {
    let thrown: unknown;
    try {
      parseState(text);
    } catch (error) {
      thrown = error;
    }
    expect(isFailure(thrown, 'input') && thrown.hint).toBe('policykeys emulator reset');
    expect(String(thrown)).not.toContain('secret');
  });
});

describe('changes', () => {
  test('leave the old state and other keysets alone', () => {
    const tenant = { id, name: 'contoso.onmicrosoft.com' };
    const added = putKeySet(full, tenant, 'B2C_1A_B', { createdAt: 3, keys: [] });
    expect(Object.keys(keySetsOf(added, id))).toEqual(['B2C_1A_A', 'B2C_1A_A.bak', 'B2C_1A_B']);
    expect(Object.keys(keySetsOf(full, id))).toHaveLength(2);
    const removed = putKeySet(added, tenant, 'B2C_1A_A', undefined);
    expect(findKeySet(removed, id, 'B2C_1A_A')).toBeUndefined();
    expect(findKeySet(removed, id, 'B2C_1A_B')).toEqual({ createdAt: 3, keys: [] });
  });

  test('what every object has is no keyset', () => {
    expect(findKeySet(full, id, 'toString')).toBeUndefined();
    expect(findKeySet(full, 'constructor', 'name')).toBeUndefined();
  });
});
