/** Status and error body of Graph and of B2C behind it -> Failure (keysets-api.md section 5). */
import { Failure, type FailureDetails, type FailureKind } from '../failure.ts';
import type { GraphRequest, HttpResponse } from './request.ts';
import { parseRetryAfter } from './retry.ts';

interface GraphError {
  readonly code?: string;
  readonly message?: string;
  readonly requestId?: string;
  readonly clientRequestId?: string;
  readonly correlationId?: string;
}

/** Text of the service on one line, without what a terminal would obey, and of bounded length. */
export const tame = (text: string): string => {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ').trim();
  return clean.length > 500 ? `${clean.slice(0, 500)}…` : clean;
};

function read(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name] // an object with that member
    : undefined;
}

/** Without text where nothing is left of it. */
const string = (value: unknown): string | undefined =>
  typeof value === 'string' ? tame(value) || undefined : undefined;

/** The envelope, as far as it is there: gateways in between send HTML or nothing. */
export function parseGraphError(response: HttpResponse): GraphError {
  let body: unknown;
  try {
    body = JSON.parse(response.body.toString('utf8'));
  } catch {
    body = undefined;
  }
  const error = read(body, 'error');
  const inner = read(error, 'innerError') ?? read(error, 'innererror');
  const facts = {
    code: string(read(error, 'code')),
    message: string(read(error, 'message')),
    requestId: string(response.headers['request-id']) ?? string(read(inner, 'request-id')),
    clientRequestId:
      string(response.headers['client-request-id']) ?? string(read(inner, 'client-request-id')),
    correlationId: string(read(inner, 'correlationId')),
  };
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

interface CodeMeaning {
  readonly kind: FailureKind;
  readonly hint?: string;
  /** The write was refused and may be sent again. */
  readonly transient?: true;
  /** Nobody knows whether the write was carried out. */
  readonly unknown?: true;
}

const mixing = 'all keys of a keyset share one kty and one use: put this key into another keyset';
const wrongPassword =
  'B2C says this of every PFX that is not TripleDES-SHA1, too: without --no-convert it is converted, and policykeys inspect tells its kind';
const badKey = 'check the key material that was sent';

/** What the service means by its own codes, by the digits after `AADB2C`. */
const meanings: Readonly<Record<string, CodeMeaning>> = {
  '90073': { kind: 'not-found', hint: 'see policykeys list for the keysets that exist' },
  '90130': { kind: 'not-found', hint: 'see policykeys list for the keysets that exist' },
  '90131': { kind: 'not-found', hint: 'policykeys keys list <keyset> shows the keys that exist' },
  '95052': { kind: 'not-found', hint: 'create it first, with policykeys create or --create' },
  '95028': { kind: 'conflict', hint: 'pass --if-missing if that is fine' },
  '95032': { kind: 'conflict', hint: mixing },
  '90089': { kind: 'conflict', hint: mixing },
  '95042': { kind: 'conflict', hint: mixing },
  '90215': { kind: 'conflict', hint: mixing },
  '90180': {
    kind: 'conflict',
    hint: 'the same key is there already: --if-changed makes that fine',
  },
  '95053': {
    kind: 'conflict',
    hint: 'something else is writing to this keyset: run again when it is done',
    transient: true,
  },
  '90063': { kind: 'service', transient: true, unknown: true },
  '90035': { kind: 'service', transient: true, unknown: true },
  '90085': { kind: 'service', transient: true, unknown: true },
  '90229': { kind: 'service', hint: 'the tenant is throttled: wait a minute', transient: true },
  '90244': { kind: 'service', hint: 'the tenant is throttled: wait a minute', transient: true },
  '95043': { kind: 'service', hint: 'the tenant is throttled: wait a minute', transient: true },
  '90213': { kind: 'input', hint: wrongPassword },
  '95025': { kind: 'input', hint: wrongPassword },
  '90179': { kind: 'input', hint: 'pass an X.509 certificate in PEM or DER form' },
  '90214': { kind: 'input', hint: 'the certificate or the --exp that was sent has passed' },
  '90137': { kind: 'input', hint: 'use an RSA key of 2048 bits or more' },
  '90138': { kind: 'input', hint: 'use a longer secret' },
  '95026': { kind: 'input', hint: badKey },
  '95029': { kind: 'input', hint: badKey },
  '95030': { kind: 'input', hint: badKey },
  '95031': { kind: 'input', hint: 'B2C takes RSA and oct keys only' },
  '95033': { kind: 'input', hint: '"use" must be sig or enc' },
  '95034': { kind: 'input', hint: badKey },
  '95035': { kind: 'input', hint: badKey },
  '95036': { kind: 'input', hint: badKey },
  '95037': { kind: 'input', hint: badKey },
  '95039': { kind: 'input', hint: badKey },
  '95040': { kind: 'input', hint: badKey },
  '95041': { kind: 'input', hint: badKey },
};

const meaningOf = (code: string | undefined): CodeMeaning | undefined => {
  const digits = /^AADB2C(\d+)$/.exec(code ?? '')?.[1];
  return digits === undefined ? undefined : meanings[digits];
};

const sentAgain = new Set([429, 503, 504]);

/** An answer other than 2xx, as what the user should do about it. `now` in milliseconds. */
export function graphFailure(
  request: GraphRequest<unknown>,
  response: HttpResponse,
  now: number,
): Failure {
  const { status } = response;
  const error = parseGraphError(response);
  const known = status === 401 || status === 403 ? undefined : meaningOf(error.code);
  // A service in trouble does not know what exists (Q4 speaks of 4xx).
  const meaning = known?.kind === 'not-found' && status >= 500 ? undefined : known;
  const ids = {
    status,
    code: error.code,
    requestId: error.requestId,
    clientRequestId: error.clientRequestId,
    correlationId: error.correlationId,
  };
  const details: FailureDetails = {
    ...ids,
    hint: meaning?.hint,
    transient: meaning?.transient ?? sentAgain.has(status),
    // A 4xx is a refusal; behind a 5xx the write may have been carried out.
    delivery: meaning?.unknown || status >= 500 ? 'unknown' : 'none',
    // The gateway gave up waiting; what is behind it may not have.
    atWork: status === 504,
    retryAfterMs: parseRetryAfter(response.headers['retry-after'], now),
  };
  const said = error.message ?? `HTTP ${String(status)}`;
  const code = error.code === undefined ? '' : `${error.code}: `;
  const about = (kind: FailureKind, message: string, hint?: string): Failure =>
    new Failure(kind, message, { ...details, hint: details.hint ?? hint });

  if (status === 401)
    return about(
      'auth',
      `Graph did not accept the token: ${code}${said}`,
      'get a new one: it may have expired, or be for another resource or cloud',
    );
  if (status === 403) return permissionFailure(request, said, ids);
  if (status >= 300 && status < 400)
    return about(
      'service',
      `Graph answered with a redirect (${String(status)}), which is not followed`,
    );
  if (meaning?.kind === 'not-found') return about('not-found', `${request.subject} does not exist`);
  if (meaning !== undefined)
    return about(meaning.kind, `${request.subject}: ${code}${said}`, serviceHint(status));
  // Graph's gateway has no AADB2C code; the collection itself cannot be missing.
  if (status === 404 && request.path !== '/trustFramework/keySets')
    return about(
      'not-found',
      `${request.subject} does not exist`,
      'see policykeys list for the keysets that exist',
    );
  if (status === 409 || status === 412)
    return about('conflict', `${request.subject}: ${code}${said}`, 'run again');
  return about('service', `${request.subject}: ${code}${said}`, serviceHint(status));
}

const serviceHint = (status: number): string =>
  status === 429
    ? 'the tenant is throttled: wait, or ask for less at once'
    : status >= 500
      ? 'wait a little and run again; if it stays, give the request id to Microsoft support'
      : 'run again with --verbose for the request ids';

function permissionFailure(
  request: GraphRequest<unknown>,
  said: string,
  ids: FailureDetails,
): Failure {
  return new Failure('permission', `${request.permission} is missing: ${said}`, {
    ...ids,
    hint: `grant the app ${request.permission} in the B2C tenant, with admin consent; people also need the role "B2C IEF Keyset Administrator"`,
  });
}
