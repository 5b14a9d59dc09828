/** The door to MSAL: a credential -> an access token, from a cache that processes share. */
import { createHash } from 'node:crypto';
import type {
  Configuration,
  ConfidentialClientApplication,
  INetworkModule,
  NetworkResponse,
} from '@azure/msal-node';
import { dirname } from 'node:path';
import { certifiedKey, type CertifiedKey } from '../core/certified-key.ts';
import { clouds } from '../core/clouds.ts';
import { looksLikePem } from '../core/pem.ts';
import { readPemKeyParts } from '../core/pem-parts.ts';
import { openPkcs12 } from '../core/pkcs12.ts';
import { Secret } from '../core/secret.ts';
import { errorText, Failure, isFailure } from '../failure.ts';
import { tame } from '../graph/failures.ts';
import { decideRetry, parseRetryAfter } from '../graph/retry.ts';
import type { Transport } from '../graph/request.ts';
import type { Credential } from '../settings.ts';
import type { Actor } from './audit.ts';
import { makeFolder, readBounded, readOwn, writeOwn } from './files.ts';
import type { Clock, Token } from './graph.ts';
import { withLock } from './lock.ts';

export interface SignInOptions {
  /** Origin of the authority. */
  readonly authority: string;
  /** Origin of the resource: `https://graph.microsoft.com`. */
  readonly resource: string;
  readonly transport: () => Promise<Transport>;
  readonly userAgent: string;
  readonly cacheDirectory: string;
  readonly maxRetries: number;
  readonly endsAt: number;
  readonly clock: Clock;
  readonly cancelled: AbortSignal;
}

type AppCredential = Exclude<Credential, { method: 'token' }>;

/** A token, cached or `fresh`. Failures: `auth`, `input` for a file of the credential, `network`. */
export function openSignIn(
  credential: Credential | Failure,
  options: SignInOptions,
): (fresh: boolean) => Promise<Token> {
  return async (fresh) => {
    if (credential instanceof Failure) throw credential;
    if (credential.method !== 'token') return acquire(credential, options, fresh);
    refuseOtherAudience(credential.token, options.resource);
    return {
      value: credential.token,
      actor: actorOf(credential.token, undefined),
      renewable: false,
    };
  };
}

/** Graph's own app id (keysets-api.md section 9). */
const graphAppId = '00000003-0000-0000-c000-000000000000';

/** A token for another service must not be shown to Graph, which would refuse it anyway. */
function refuseOtherAudience(token: Secret, resource: string): void {
  const audience = readClaims(token)['aud'];
  if (typeof audience !== 'string' || audience === graphAppId) return;
  if (URL.canParse(audience) && new URL(audience).origin === resource) return;
  throw new Failure('auth', `POLICYKEYS_ACCESS_TOKEN is for ${tame(audience)}, not for Graph`, {
    hint: `get a token for ${resource}, and check --cloud`,
  });
}

/** What the token says of its bearer; one that is no JWT says nothing. Nothing here is verified. */
export function actorOf(token: Secret, tenant: string | undefined): Actor {
  const claims = readClaims(token);
  const text = (name: string): string | undefined =>
    typeof claims[name] === 'string' ? tame(claims[name]) : undefined;
  return {
    tenant: tenant ?? text('tid'),
    tenantId: text('tid'),
    who: text('upn') ?? text('unique_name') ?? text('appid') ?? text('azp') ?? text('oid'),
  };
}

function readClaims(token: Secret): Readonly<Record<string, unknown>> {
  const payload = token.reveal().split('.')[1];
  if (payload === undefined) return {};
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null ? { ...claims } : {};
  } catch {
    return {};
  }
}

async function acquire(
  credential: AppCredential,
  options: SignInOptions,
  fresh: boolean,
): Promise<Token> {
  const scopes = [`${options.resource}/.default`];
  const file = cacheFile(credential, options, scopes);
  const network = openNetwork(options);
  const [{ ConfidentialClientApplication }, secret] = await Promise.all([
    import('@azure/msal-node'),
    clientSecretOf(credential, network),
  ]);
  const app = new ConfidentialClientApplication({
    auth: {
      clientId: credential.clientId,
      authority: `${secured(options.authority)}/${credential.tenant}`,
      ...authorityFacts(secured(options.authority), credential.tenant),
      ...secret,
    },
    system: { networkClient: network.module, loggerOptions: { loggerCallback: () => undefined } },
    cache: { cachePlugin: cachePlugin(file, network) },
  });
  const ask = (skipCache: boolean): Promise<Token> =>
    requestToken(app, { scopes, skipCache }, credential, network);
  let usable: Token | undefined;
  if (!fresh) {
    network.offline();
    try {
      usable = await ask(false);
      if (!network.wasWanted()) return usable;
    } catch (error) {
      if (!network.wasWanted()) throw error;
    }
  }
  // A token that is merely to be renewed early is not worth waiting for.
  network.online(usable === undefined ? options.maxRetries : 0);
  try {
    // One process asks, and the others find its token when they get the lock.
    return await underLock(`${file}.lock`, options.cancelled, () => ask(fresh));
  } catch (error) {
    if (usable === undefined || isFailure(error, 'cancelled')) throw error;
    return usable;
  }
}

/** Without a folder to write to there is no cache and nothing to lock. */
async function underLock<T>(
  path: string,
  cancelled: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    await makeFolder(dirname(path));
  } catch {
    return work();
  }
  let under: Promise<T> | undefined;
  try {
    return await withLock(path, () => (under = work()), { cancelled });
  } catch {
    cancelled.throwIfAborted();
    return under ?? work();
  }
}

async function requestToken(
  app: ConfidentialClientApplication,
  request: { readonly scopes: string[]; readonly skipCache: boolean },
  credential: AppCredential,
  network: Network,
): Promise<Token> {
  try {
    const result = await app.acquireTokenByClientCredential(request);
    if (!result?.accessToken) throw new Failure('auth', 'the sign-in service sent no token');
    const value = new Secret(result.accessToken);
    return { value, actor: actorOf(value, credential.tenant), renewable: true };
  } catch (error) {
    // MSAL wraps what its network module throws, and loses what kind it was.
    throw network.lastFailure() ?? signInFailure(error, credential);
  }
}

const say: Readonly<Record<string, string>> = {
  AADSTS7000215: 'the client secret is wrong: pass its value, not its id',
  AADSTS7000222: 'the client secret has expired: make a new one on the app registration',
  AADSTS700016:
    'the app is not registered in this tenant: register it in the B2C tenant itself, and name that tenant',
  AADSTS90002: 'there is no such tenant: pass the B2C tenant with --tenant, and check --cloud',
  AADSTS700027: 'the certificate is not registered on the app, or its key does not match',
  AADSTS70021:
    'no federated credential of the app matches the issuer, subject and audience of the token',
  AADSTS700213: 'no federated credential of the app matches the subject of the token',
  AADSTS700024: 'the assertion is not within its time: check the clock of this machine',
  AADSTS1002012: 'the scope is wrong: check --cloud',
};

/** Messages of the sign-in service name no secret; their text is tamed and shortened. */
function signInFailure(error: unknown, credential: AppCredential): Failure {
  if (error instanceof Failure) return error;
  // Every error of MSAL has one; any other is a bug, of ours or of MSAL.
  if (!(typeof error === 'object' && error !== null && 'errorCode' in error)) throw error;
  const raw = errorText(error);
  const code = /AADSTS\d+/.exec(raw)?.[0];
  // MSAL puts times and ids around what the service said.
  const said = /AADSTS\d+:.*/s.exec(raw)?.[0] ?? raw;
  const first = tame(said.split(/(?: -)? (?:Trace|Correlation) ID:|\r|\n/)[0] ?? said);
  const correlation = /Correlation ID: ([0-9a-f-]{36})/.exec(raw)?.[1];
  return new Failure('auth', `sign-in with ${credential.method} failed: ${first}`, {
    code,
    correlationId: correlation,
    hint: say[code ?? ''] ?? 'check the tenant, the client id and the credential',
    cause: error,
  });
}

/** One file for an authority, tenant, app and resource: 1.7 kB that one process at a time writes. */
function cacheFile(
  credential: AppCredential,
  options: SignInOptions,
  scopes: readonly string[],
): string {
  const facts = [
    options.authority,
    credential.tenant.toLowerCase(),
    credential.clientId,
    // Another secret must prove itself: the token of the old one says nothing of it.
    credential.method === 'secret' ? credential.secret.reveal() : credential.method,
    ...scopes,
  ];
  const name = createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
  return `${options.cacheDirectory}/tokens/${name}.json`;
}

type CachePlugin = NonNullable<NonNullable<Configuration['cache']>['cachePlugin']>;

function isObject(json: string): boolean {
  const value: unknown = JSON.parse(json);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const cachePlugin = (file: string, network: Network): CachePlugin => ({
  async beforeCacheAccess(context) {
    const text = await readOwn(file);
    if (text === undefined) return;
    // A damaged cache is a cold one; it is replaced when a token comes.
    try {
      context.tokenCache.deserialize(isObject(text) ? text : '{}');
    } catch {
      context.tokenCache.deserialize('{}');
    }
  },
  async afterCacheAccess(context) {
    if (!context.cacheHasChanged || network.isOffline()) return;
    try {
      await writeOwn(file, context.tokenCache.serialize());
    } catch {
      // No place to write: the next process asks again.
    }
  },
});

/** MSAL takes no http, which settings allow on this machine; its requests go there all the same. */
const secured = (origin: string): string => origin.replace(/^http:/, 'https:');

const wellKnown = new Set(Object.values(clouds).map((cloud) => cloud.authority));

/**
 * MSAL knows the public authorities. Any other one it would look up in the public cloud first, and
 * then ask for its metadata, even when the token is cached.
 */
function authorityFacts(
  origin: string,
  tenant: string,
): Pick<Configuration['auth'], 'knownAuthorities' | 'authorityMetadata'> {
  if (wellKnown.has(origin)) return {};
  const base = `${origin}/${tenant}`;
  return {
    knownAuthorities: [new URL(origin).host],
    authorityMetadata: JSON.stringify({
      issuer: `${origin}/{tenantid}/v2.0`,
      token_endpoint: `${base}/oauth2/v2.0/token`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      end_session_endpoint: `${base}/oauth2/v2.0/logout`,
      jwks_uri: `${base}/discovery/v2.0/keys`,
    }),
  };
}

type ClientSecret = Pick<
  Configuration['auth'],
  'clientSecret' | 'clientAssertion' | 'clientCertificate'
>;

const maxCredential = { maxBytes: 1 << 20 };

async function clientSecretOf(credential: AppCredential, network: Network): Promise<ClientSecret> {
  switch (credential.method) {
    case 'secret':
      return { clientSecret: credential.secret.reveal() };
    case 'federated':
      // Read when it is sent: Kubernetes replaces the file every hour. MSAL asks even when it need not.
      return {
        clientAssertion: async () =>
          network.isOffline() ? 'offline' : readAssertion(credential.tokenFile),
      };
    case 'certificate':
      return { clientCertificate: await readCertificate(credential.path, credential.password) };
  }
}

async function readAssertion(path: string): Promise<string> {
  const name = `AZURE_FEDERATED_TOKEN_FILE (${path})`;
  const text = (await readBounded(path, name, maxCredential)).toString('utf8').trim();
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(text))
    throw new Failure('input', `${name} holds no token`, { hint: 'it must hold one JWT' });
  return text;
}

type ClientCertificate = NonNullable<ClientSecret['clientCertificate']>;

async function readCertificate(
  path: string,
  password: Secret | undefined,
): Promise<ClientCertificate> {
  const name = `AZURE_CLIENT_CERTIFICATE_PATH (${path})`;
  const bytes = await readBounded(path, name, maxCredential);
  const { leaf, privateKey } = await readCredential(bytes, password, name);
  return {
    thumbprintSha256: Buffer.from(leaf.x5tS256, 'base64url').toString('hex').toUpperCase(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** A PFX, or a certificate and its private key in one PEM file. */
async function readCredential(
  bytes: Buffer,
  password: Secret | undefined,
  name: string,
): Promise<CertifiedKey> {
  const readPassword = (): Promise<Secret> =>
    password === undefined
      ? Promise.reject(
          new Failure('input', `${name}: its private key is encrypted, and no password is set`),
        )
      : Promise.resolve(password);
  try {
    const parts = looksLikePem(bytes)
      ? await readPemKeyParts([{ bytes, name }], { bytes, name }, readPassword)
      : await openPkcs12(bytes, password ?? new Secret(''), name);
    return certifiedKey(parts, name);
  } catch (error) {
    throw isFailure(error, 'input')
      ? error.with({
          hint: 'it needs a certificate and its private key; the password, if it has one, belongs in AZURE_CLIENT_CERTIFICATE_PASSWORD',
        })
      : error;
  }
}

interface Network {
  readonly module: INetworkModule;
  /** From now on MSAL finds no network: it is asked for what is cached only. */
  offline(): void;
  isOffline(): boolean;
  online(maxRetries: number): void;
  /** MSAL wanted the network while it was off. */
  wasWanted(): boolean;
  lastFailure(): Failure | undefined;
}

const maxTokenAnswerBytes = 1 << 20;

/** MSAL's network on our transport, with our retries; asking twice for a token does no harm. */
function openNetwork(options: SignInOptions): Network {
  let off = false;
  let wanted = false;
  let failure: Failure | undefined;
  let { maxRetries } = options;

  async function send(
    method: 'GET' | 'POST',
    address: string,
    request: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
  ): Promise<{ status: number; headers: Record<string, string>; body: unknown }> {
    if (off) {
      wanted = true;
      // A refusal, and no error: MSAL then still gives the token that it only wanted to renew early.
      return { status: 400, headers: {}, body: { error: 'offline' } };
    }
    const transport = await options.transport();
    const url = new URL(address.replace(secured(options.authority), options.authority));
    for (let failed = 1; ; failed += 1) {
      try {
        const answer = await transport.send({
          method,
          url,
          headers: { ...request.headers, 'user-agent': options.userAgent },
          ...(request.body === undefined ? {} : { body: request.body }),
          maxBytes: maxTokenAnswerBytes,
        });
        if (answer.status !== 429 && answer.status < 500)
          return { status: answer.status, headers: { ...answer.headers }, body: json(answer.body) };
        throw new Failure('network', `${url.host} answered with HTTP ${String(answer.status)}`, {
          hint: 'the sign-in service is in trouble or throttles: try again later',
          status: answer.status,
          transient: true,
          retryAfterMs: parseRetryAfter(answer.headers['retry-after'], options.clock.now()),
        });
      } catch (error) {
        if (!isFailure(error)) throw error;
        const decision = decideRetry(error, {
          failed,
          maxRetries,
          remainingMs: options.endsAt - options.clock.now(),
          random: options.clock.random(),
        });
        if ('stop' in decision) throw error;
        await options.clock.sleep(decision.waitMs);
      }
    }
  }

  const sendAs =
    (method: 'GET' | 'POST'): INetworkModule['sendPostRequestAsync'] =>
    // MSAL's type parameter is what it hopes to find in the body; it checks the members itself.
    async (url, request) => {
      try {
        return (await send(method, url, request)) as NetworkResponse<never>;
      } catch (error) {
        if (isFailure(error)) failure = error;
        throw error;
      }
    };

  return {
    module: { sendGetRequestAsync: sendAs('GET'), sendPostRequestAsync: sendAs('POST') },
    offline: () => {
      off = true;
    },
    isOffline: () => off,
    online: (retries) => {
      off = false;
      failure = undefined;
      maxRetries = retries;
    },
    wasWanted: () => wanted,
    lastFailure: () => failure,
  };
}

function json(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new Failure('auth', 'the sign-in service sent an answer that is not JSON', {
      hint: 'check AZURE_AUTHORITY_HOST, and whether a proxy answers in its place',
    });
  }
}
