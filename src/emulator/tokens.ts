/** The sign-in service of the emulator: enough of Microsoft Entra for MSAL to get an app token. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { clouds } from '../core/clouds.ts';
import {
  isMembers,
  splitPath,
  type EmulatorRequest,
  type EmulatorResponse,
  type Members,
  type World,
} from './exchange.ts';
import { tenantId } from './state.ts';

/** The one app that has a secret, and the key that signs the tokens of all apps. */
export interface Registration {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Application permissions, as they stand in tokens. */
  readonly roles: readonly string[];
  readonly signingKey: Buffer;
}

export const lifetimeSeconds = 3599;

/** The app id of Microsoft Graph, which may stand in `aud` in place of its URL. */
const graphAppId = '00000003-0000-0000-c000-000000000000';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const json = (status: number, body: Members): EmulatorResponse => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
  body: JSON.stringify(body),
});

/** Answers every path; one that is not the sign-in service's with 404. */
export function answerSignIn(
  request: EmulatorRequest & { readonly origin: string },
  registration: Registration,
  world: World,
): EmulatorResponse {
  const { pathname } = splitPath(request.path);
  const [, tenant = '', rest = ''] = /^\/([^/]+)\/(.+)$/.exec(pathname) ?? [];
  const { origin, method } = request;
  const home = `${origin}/${tenant}`;
  if (method === 'GET' && rest === 'discovery/instance') return json(200, instances(origin));
  if (method === 'GET' && rest === 'v2.0/.well-known/openid-configuration')
    return json(200, metadata(home, `${origin}/${tenantId(tenant)}/v2.0`));
  // Access tokens are signed with a key that only the emulator's Graph has.
  if (method === 'GET' && rest === 'discovery/v2.0/keys') return json(200, { keys: [] });
  if (method === 'POST' && rest === 'oauth2/v2.0/token')
    return token({ request, tenant, home, registration, world });
  return json(404, { error: 'not_found', error_description: 'nothing is here' });
}

function instances(origin: string): Members {
  const { host } = new URL(origin);
  return {
    tenant_discovery_endpoint: `${origin}/common/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}

/** OpenID Connect Discovery 1.0 section 3. */
const metadata = (home: string, issuer: string): Members => ({
  issuer,
  token_endpoint: `${home}/oauth2/v2.0/token`,
  authorization_endpoint: `${home}/oauth2/v2.0/authorize`,
  device_authorization_endpoint: `${home}/oauth2/v2.0/devicecode`,
  end_session_endpoint: `${home}/oauth2/v2.0/logout`,
  jwks_uri: `${home}/discovery/v2.0/keys`,
  token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
  response_types_supported: ['code'],
  subject_types_supported: ['pairwise'],
  id_token_signing_alg_values_supported: ['RS256'],
});

interface Exchange {
  readonly request: EmulatorRequest;
  readonly tenant: string;
  readonly home: string;
  readonly registration: Registration;
  readonly world: World;
}

interface Problem {
  readonly status: number;
  readonly error: string;
  /** The number of the AADSTS code. */
  readonly code: number;
  readonly text: string;
}

function token(exchange: Exchange): EmulatorResponse {
  const { request, tenant, registration, world } = exchange;
  const form = new URLSearchParams(request.body);
  const problem = problemWith(form, exchange);
  if (problem !== undefined) return refusal(problem, world);
  const clientId = form.get('client_id') ?? '';
  const audience = (form.get('scope') ?? '').replace(/\/\.default$/, '');
  const accessToken = issueToken(
    { audience, tenant: tenantId(tenant), clientId },
    registration,
    world,
  );
  return json(200, {
    token_type: 'Bearer',
    expires_in: lifetimeSeconds,
    ext_expires_in: lifetimeSeconds,
    access_token: accessToken,
  });
}

function problemWith(form: URLSearchParams, exchange: Exchange): Problem | undefined {
  const { tenant, registration } = exchange;
  const bad = (status: number, error: string, code: number, text: string): Problem => ({
    status,
    error,
    code,
    text,
  });
  if (form.get('grant_type') !== 'client_credentials')
    return bad(
      400,
      'unsupported_grant_type',
      70003,
      'The app requested an unsupported grant type.',
    );
  if (['common', 'organizations', 'consumers'].includes(tenant))
    return bad(400, 'invalid_request', 90002, `Tenant '${tenant}' not found.`);
  const clientId = form.get('client_id');
  if (!clientId)
    return bad(400, 'invalid_request', 900144, "The request body must contain 'client_id'.");
  if (!/^[^\s]+\/\.default$/.test(form.get('scope') ?? ''))
    return bad(400, 'invalid_scope', 1002012, "The scope must end with '/.default'.");
  const assertion = form.get('client_assertion');
  if (assertion !== null)
    return form.get('client_assertion_type') === assertionType
      ? assertionProblem(assertion, clientId, exchange)
      : bad(401, 'invalid_client', 700021, 'The client assertion type is not jwt-bearer.');
  const secret = form.get('client_secret');
  if (secret === null)
    return bad(
      401,
      'invalid_client',
      7000218,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    );
  if (clientId !== registration.clientId)
    return bad(
      400,
      'unauthorized_client',
      700016,
      `Application with identifier '${clientId}' was not found in the directory '${tenant}'.`,
    );
  if (secret !== registration.clientSecret)
    return bad(
      401,
      'invalid_client',
      7000215,
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
    );
  return undefined;
}

/**
 * RFC 7523 section 3, without the signature: the emulator knows no certificates. The assertion is
 * the app's own (made with its certificate), or that of an identity provider it trusts.
 */
function assertionProblem(
  assertion: string,
  clientId: string,
  { request, world }: Exchange,
): Problem | undefined {
  const bad = (code: number, text: string): Problem => ({
    status: 401,
    error: 'invalid_client',
    code,
    text,
  });
  const claims = readClaims(assertion);
  const { iss, sub, aud, exp } = claims ?? {};
  if (claims === undefined || typeof iss !== 'string' || typeof sub !== 'string' || sub === '')
    return bad(50027, 'JWT token is invalid or malformed.');
  const own = iss === clientId;
  if (own && sub !== clientId)
    return bad(700021, 'The subject of the client assertion is not the app.');
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  const meant = (audience: unknown): boolean =>
    typeof audience === 'string' &&
    (own
      ? audience.startsWith(`${request.origin ?? ''}/`)
      : audience === 'api://AzureADTokenExchange');
  if (!audiences.some(meant)) return bad(700212, 'No matching audience in the client assertion.');
  if (typeof exp !== 'number' || exp * 1000 <= world.now())
    return bad(700024, 'Client assertion is not within its valid time range.');
  return undefined;
}

function refusal({ status, error, code, text }: Problem, world: World): EmulatorResponse {
  const trace = world.uuid();
  const correlation = world.uuid();
  const time = new Date(world.now())
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');
  return json(status, {
    error,
    error_description: `AADSTS${String(code)}: ${text} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${time}`,
    error_codes: [code],
    timestamp: time,
    trace_id: trace,
    correlation_id: correlation,
  });
}

const base64url = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');

const signatureOf = (signed: string, key: Buffer): Buffer =>
  createHmac('sha256', key).update(signed).digest();

/** A JWT (RFC 7519) as Entra makes it for an app, but signed with HS256. */
export function issueToken(
  subject: { readonly audience: string; readonly tenant: string; readonly clientId: string },
  registration: Pick<Registration, 'roles' | 'signingKey'>,
  world: World,
): string {
  const now = Math.floor(world.now() / 1000);
  const claims = {
    aud: subject.audience,
    iss: `https://sts.windows.net/${subject.tenant}/`,
    iat: now,
    nbf: now,
    exp: now + lifetimeSeconds,
    appid: subject.clientId,
    idtyp: 'app',
    // The service principal: one for each app and tenant.
    oid: tenantId(`${subject.clientId}@${subject.tenant}`),
    roles: registration.roles,
    tid: subject.tenant,
    ver: '1.0',
  };
  const signed = `${base64url({ typ: 'JWT', alg: 'HS256' })}.${base64url(claims)}`;
  return `${signed}.${signatureOf(signed, registration.signingKey).toString('base64url')}`;
}

function readClaims(jwt: string): Members | undefined {
  const parts = jwt.split('.');
  if (parts.length !== 3) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8'));
    return isMembers(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

export interface Bearer {
  readonly tenant: string;
  readonly roles: readonly string[];
}

/** What a Graph call's `Authorization` header proves, or why it proves nothing, in Graph's words. */
export function readBearer(
  authorization: string | undefined,
  {
    registration,
    origin,
    now,
  }: {
    readonly registration: Pick<Registration, 'signingKey'>;
    readonly origin: string;
    readonly now: number;
  },
): Bearer | string {
  const jwt = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (jwt === undefined) return 'Access token is empty.';
  const claims = readClaims(jwt);
  if (claims === undefined) return 'CompactToken parsing failed with error code: 80049217';
  const end = jwt.lastIndexOf('.');
  const expected = signatureOf(jwt.slice(0, end), registration.signingKey);
  const actual = Buffer.from(jwt.slice(end + 1), 'base64url');
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected))
    return 'Access token validation failure. Invalid signature.';
  const { aud, exp, nbf, tid, roles } = claims;
  const audiences = [graphAppId, origin, ...Object.values(clouds).map((cloud) => cloud.graph)];
  if (typeof aud !== 'string' || !audiences.includes(aud.replace(/\/$/, '')))
    return 'Access token validation failure. Invalid audience.';
  if (typeof exp !== 'number' || exp * 1000 <= now)
    return 'Lifetime validation failed, the token is expired.';
  if (typeof nbf === 'number' && nbf * 1000 > now)
    return 'Lifetime validation failed, the token is not yet valid.';
  if (typeof tid !== 'string') return 'Access token validation failure.';
  return {
    tenant: tid,
    roles: Array.isArray(roles) ? roles.filter((role) => typeof role === 'string') : [],
  };
}
