import { findRoute, operationOf } from '../../src/emulator/routes.ts';
import { templateOf } from '../support/openapi.ts';

const base = '/beta/trustFramework/keySets';

test.each([
  ['GET', '', 'list', ''],
  ['GET', '/$count', 'list', '/$count'],
  ['POST', '', 'create', ''],
  ['GET', '/X', 'get', '/{trustFrameworkKeySet-id}'],
  ['PUT', '/X', 'update', '/{trustFrameworkKeySet-id}'],
  ['PATCH', '/X', 'update', '/{trustFrameworkKeySet-id}'],
  ['DELETE', '/X', 'delete', '/{trustFrameworkKeySet-id}'],
  ['POST', '/X/generateKey', 'generateKey', '/{trustFrameworkKeySet-id}/generateKey'],
  ['POST', '/X/uploadSecret', 'uploadSecret', '/{trustFrameworkKeySet-id}/uploadSecret'],
  [
    'POST',
    '/X/uploadCertificate',
    'uploadCertificate',
    '/{trustFrameworkKeySet-id}/uploadCertificate',
  ],
  ['POST', '/X/uploadPkcs12', 'uploadPkcs12', '/{trustFrameworkKeySet-id}/uploadPkcs12'],
  ['GET', '/X/getActiveKey', 'getActiveKey', '/{trustFrameworkKeySet-id}/getActiveKey()'],
  ['GET', '/X/getActiveKey()', 'getActiveKey', '/{trustFrameworkKeySet-id}/getActiveKey()'],
  ['GET', '/X/keys_v2', 'keysV2List', '/{trustFrameworkKeySet-id}/keys_v2'],
  ['GET', '/X/keys_v2/$count', 'keysV2List', '/{trustFrameworkKeySet-id}/keys_v2/$count'],
  [
    'GET',
    '/X/keys_v2/K',
    'keysV2Get',
    '/{trustFrameworkKeySet-id}/keys_v2/{trustFrameworkKey_v2-kid}',
  ],
  [
    'PATCH',
    '/X/keys_v2/K',
    'keysV2Update',
    '/{trustFrameworkKeySet-id}/keys_v2/{trustFrameworkKey_v2-kid}',
  ],
])('%s %s is %s, as in the contract', (method, path, operation, template) => {
  expect(operationOf(method, base + path)).toBe(operation);
  expect(templateOf(`/trustFramework/keySets${path}`)).toBe(`/trustFramework/keySets${template}`);
});

test('the parts of a path are decoded, and the OData form is the same', () => {
  const route = { operation: 'keysV2Get', id: 'B2C_1A_X', kid: "a'-_" };
  expect(findRoute('GET', `${base}/B2C%5F1A_X/keys_v2/a%27-_`)).toEqual(route);
  expect(findRoute('GET', `${base}('B2C_1A_X')/keys_v2('a''-_')`)).toEqual(route);
  expect(findRoute('GET', '/BETA/trustframework/keysets/B2C_1A_X/')).toEqual({
    operation: 'get',
    id: 'B2C_1A_X',
  });
});

test.each([
  ['GET', '/v1.0/trustFramework/keySets'],
  ['GET', '/beta/me'],
  ['GET', '/beta/trustFramework/policies'],
  ['PUT', base],
  ['POST', `${base}/X`],
  ['GET', `${base}/X/keys_v2/K/more`],
  ['GET', `${base}/X/%`],
])('%s %s is no operation', (method, path) => {
  expect(operationOf(method, path)).toBeUndefined();
});

test('the sign-in service has one', () => {
  expect(operationOf('POST', '/contoso.onmicrosoft.com/oauth2/v2.0/token')).toBe('token');
});
