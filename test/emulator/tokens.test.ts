import type { EmulatorResponse, World } from '../../src/emulator/exchange.ts';
import { tenantId } from '../../src/emulator/state.ts';
import {
  answerSignIn,
  issueToken,
  readBearer,
  type Registration,
} from '../../src/emulator/tokens.ts';

const origin = 'https://localhost:8443';
const clientId = '99999999-8888-7777-6666-555555555555';
const clock = { ms: Date.UTC(2026, 0, 5, 10, 20, 30) };
const now = clock.ms / 1000;
const world: World = {
  now: () => clock.ms,
  randomBytes: (size) => Buffer.alloc(size),
  uuid: () => '00000000-0000-4000-8000-000000000000',
};
const registration: Registration = {
  clientId,
  clientSecret: 'right~secret',
  roles: ['TrustFrameworkKeySet.Read.All'],
  signingKey: Buffer.alloc(32, 1),
};
const scope = 'https://graph.microsoft.com/.default';

const ask = (method: string, path: string, form: Record<string, string> = {}): EmulatorResponse =>
  answerSignIn(
    { method, path, origin, headers: {}, body: new URLSearchParams(form).toString() },
    registration,
    world,
  );
const token = (
  form: Record<string, string>,
  tenant = 'contoso.com',
): [number, Record<string, unknown>] => {
  const answer = ask('POST', `/${tenant}/oauth2/v2.0/token`, {
    grant_type: 'client_credentials',
    client_id: clientId,
    scope,
    ...form,
  });
  return [answer.status, JSON.parse(answer.body ?? '') as Record<string, unknown>];
};

const claimsOf = (jwt: unknown): unknown =>
  JSON.parse(Buffer.from(String(jwt).split('.')[1] ?? '', 'base64url').toString());

const unsigned = (claims: object): string =>
  ['{"alg":"RS256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');

test('the metadata name this server', () => {
  const metadata = ask('GET', '/contoso.com/v2.0/.well-known/openid-configuration');
  expect(JSON.parse(metadata.body ?? '')).toMatchObject({
    issuer: `${origin}/${tenantId('contoso.com')}/v2.0`,
    token_endpoint: `${origin}/contoso.com/oauth2/v2.0/token`,
    jwks_uri: `${origin}/contoso.com/discovery/v2.0/keys`,
  });
  const instances = ask('GET', '/common/discovery/instance?api-version=1.1');
  expect(JSON.parse(instances.body ?? '')).toMatchObject({
    metadata: [{ preferred_network: 'localhost:8443', aliases: ['localhost:8443'] }],
  });
  expect(ask('GET', '/contoso.com/discovery/v2.0/keys').body).toBe('{"keys":[]}');
  expect(ask('GET', '/').status).toBe(404);
  expect(ask('GET', '/contoso.com/oauth2/v2.0/token').status).toBe(404);
});

test('a secret gets a token that Graph accepts', () => {
  const [status, body] = token({ client_secret: registration.clientSecret });
  expect([status, body['token_type'], body['expires_in']]).toEqual([200, 'Bearer', 3599]);
  expect(claimsOf(body['access_token'])).toMatchObject({
    aud: 'https://graph.microsoft.com',
    iss: `https://sts.windows.net/${tenantId('contoso.com')}/`,
    tid: tenantId('contoso.com'),
    appid: clientId,
    oid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    roles: registration.roles,
    iat: now,
    nbf: now,
    exp: now + 3599,
  });
  const bearer = `Bearer ${String(body['access_token'])}`;
  expect(readBearer(bearer, { registration, origin, now: clock.ms })).toEqual({
    tenant: tenantId('contoso.com'),
    roles: registration.roles,
  });
});

test.each([
  [{ client_secret: 'wrong' }, 401, 'invalid_client', 7000215],
  [{}, 401, 'invalid_client', 7000218],
  [{ client_secret: 'right~secret', client_id: 'x' }, 400, 'unauthorized_client', 700016],
  [{ client_secret: 'right~secret', client_id: '' }, 400, 'invalid_request', 900144],
  [
    { client_secret: 'right~secret', scope: 'https://graph.microsoft.com/User.Read' },
    400,
    'invalid_scope',
    1002012,
  ],
  [{ client_secret: 'right~secret', grant_type: 'password' }, 400, 'unsupported_grant_type', 70003],
  [{ client_assertion: 'a.b.c' }, 401, 'invalid_client', 700021],
])('%j is refused', (form, status, error, code) => {
  const [answered, body] = token(form);
  expect([answered, body['error'], body['error_codes']]).toEqual([status, error, [code]]);
  expect(body['error_description']).toMatch(new RegExp(`^AADSTS${String(code)}: `));
  expect(body).toMatchObject({ trace_id: world.uuid(), timestamp: '2026-01-05 10:20:30Z' });
  expect(JSON.stringify(body)).not.toContain('right~secret');
});

test('an app has a tenant', () => {
  expect(token({ client_secret: 'right~secret' }, 'common')[1]['error_codes']).toEqual([90002]);
});

describe('an assertion', () => {
  const own = {
    iss: clientId,
    sub: clientId,
    aud: `${origin}/contoso.com/oauth2/v2.0/token`,
    exp: now + 60,
  };
  const federated = {
    iss: 'https://token.actions.githubusercontent.com',
    sub: 'repo:contoso/keys:ref:refs/heads/main',
    aud: ['api://AzureADTokenExchange'],
    exp: now + 60,
  };
  const assert = (assertion: string): unknown => {
    const [status, body] = token({
      client_assertion: assertion,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    return status === 200 ? 200 : body['error_codes'];
  };

  test.each([
    ['its own', own, 200],
    ['of a provider', federated, 200],
    ['for another service', { ...own, aud: 'https://login.example/token' }, [700212]],
    [
      'of a provider for another service',
      { ...federated, aud: 'https://github.com/contoso' },
      [700212],
    ],
    ['about another app', { ...own, sub: 'x' }, [700021]],
    ['that has ended', { ...own, exp: now }, [700024]],
    ['that never ends', { ...own, exp: undefined }, [700024]],
    ['about nobody', { ...federated, sub: '' }, [50027]],
    ['of nobody', { ...federated, iss: undefined }, [50027]],
  ])('%s', (_what, claims, outcome) => {
    expect(assert(unsigned(claims))).toEqual(outcome);
  });

  test.each(['', 'a.b', 'a.b.c', `a.${Buffer.from('[]').toString('base64url')}.c`])(
    '%j is none',
    (text) => {
      expect(assert(text)).toEqual([50027]);
    },
  );
});

describe('readBearer', () => {
  const issue = (audience = 'https://graph.microsoft.com', key = registration): string =>
    issueToken({ audience, tenant: tenantId('contoso.com'), clientId }, key, world);
  const read = (authorization: string | undefined, at = clock.ms): unknown =>
    readBearer(authorization, { registration, origin, now: at });
  const another = { ...registration, signingKey: Buffer.alloc(32, 2) };

  test.each([
    ['no header', undefined, 'Access token is empty.'],
    ['another scheme', 'Basic YTpi', 'Access token is empty.'],
    ['no JWT', 'Bearer abc', 'CompactToken parsing failed with error code: 80049217'],
    [
      'a signature of somebody else',
      `Bearer ${issue(undefined, another)}`,
      'Access token validation failure. Invalid signature.',
    ],
    [
      'half a signature',
      `Bearer ${issue().slice(0, -9)}`,
      'Access token validation failure. Invalid signature.',
    ],
    [
      'another audience',
      `Bearer ${issue('https://vault.azure.net')}`,
      'Access token validation failure. Invalid audience.',
    ],
  ])('refuses %s', (_what, header, message) => {
    expect(read(header)).toBe(message);
  });

  test.each(['https://graph.microsoft.us', '00000003-0000-0000-c000-000000000000', origin])(
    'takes the audience %s',
    (audience) => {
      expect(read(`bearer ${issue(audience)}`)).toMatchObject({ roles: registration.roles });
    },
  );

  test('knows the time', () => {
    expect(read(`Bearer ${issue()}`, clock.ms + 3_598_999)).toMatchObject({
      tenant: tenantId('contoso.com'),
    });
    expect(read(`Bearer ${issue()}`, clock.ms + 3_599_000)).toMatch(/expired/);
    expect(read(`Bearer ${issue()}`, clock.ms - 1000)).toMatch(/not yet valid/);
  });
});
