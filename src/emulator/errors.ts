/** Error answers of Graph and of B2C behind it (keysets-api.md section 5). */
import { Failure } from '../failure.ts';
import type { EmulatorRequest, EmulatorResponse, World } from './exchange.ts';

/**
 * B2C's codes that a client can provoke. Statuses are unknown in public wherever keysets-api.md
 * says so; 400 is what the known answers have. Texts are exact for 90019, 90073, 90136, 90213,
 * 95028, 95032 and 95059 and made up in the same manner for the others.
 */
const catalogue = {
  AADB2C90019:
    "The key container with ID '{0}' in tenant '{1}' does not have a valid key. Reason: {2}.",
  AADB2C90073: "KeyContainer with 'id': '{0}' cannot be found in the directory '{1}'",
  AADB2C90130: "The key container '{0}' does not exist in the directory '{1}'.",
  AADB2C90131: "The key '{0}' does not exist in the key container '{1}'.",
  AADB2C90136:
    "The request is missing parameters or has the wrong parameters. '{0}' has the value '{1}'. Expected value is '{2}'.",
  AADB2C90137: 'The RSA key has {0} bits. At least {1} bits are required.',
  AADB2C90178: 'The uploaded certificate has no private key.',
  AADB2C90179:
    'The uploaded value is not a valid X.509 certificate. Provide the base64 encoding of its raw bytes.',
  AADB2C90180: "The same key already exists in the key container '{0}'.",
  AADB2C90186: "The value of '{0}' is null.",
  AADB2C90213: 'The certificate password provided in request is incorrect.',
  AADB2C90214: "The value of 'exp' lies in the past.",
  AADB2C90253: "The parameter '{0}' is missing.",
  AADB2C95026: 'The JSON Web Key in the request is not valid JSON.',
  AADB2C95028: "Can't create trustframework key set with name '{0}' because it already exists.",
  AADB2C95029: "The member 'k' is not base64url encoded.",
  AADB2C95030: "One of the keys in the payload has no 'kty'.",
  AADB2C95031: "The value of 'kty' must be RSA or oct.",
  AADB2C95032: "One can't mix RSA and Oct types in one key set.",
  AADB2C95033: "The value of 'use' must be sig or enc.",
  AADB2C95034: 'One of the keys in the payload cannot be deserialized.',
  AADB2C95039: "The RSA key has no modulus 'n' or exponent 'e'.",
  AADB2C95042: 'Signature and encryption keys cannot be mixed in one key set.',
  AADB2C95052: "The key set '{0}' has not been created yet. Create it first.",
  AADB2C95059: "One of the keys in the payload has 'kid' which is not empty.",
} as const;
export type B2cCode = keyof typeof catalogue;

/** A refusal travels as a Failure with a status and a code, and ends as an error answer. */
export function refuse(code: B2cCode, ...values: readonly string[]): Failure {
  return refuseAs(400, code, catalogue[code], ...values);
}

export function refuseAs(
  status: number,
  code: string,
  template: string,
  ...values: readonly string[]
): Failure {
  const message = template.replace(/\{(\d)\}/g, (_, index: string) => values[Number(index)] ?? '');
  return new Failure('service', message, { status, code });
}

export const notFound = (
  status: number,
  code: 'AADB2C90073' | 'AADB2C90130' | 'AADB2C90131',
  ...values: readonly string[]
): Failure => refuseAs(status, code, catalogue[code], ...values);

/** A body that B2C does not take as a keyset, whatever the reason (Q3). */
export const invalidKeySet = (): Failure =>
  refuseAs(
    400,
    'AADB2C',
    "The 'keySet' field is invalid in request. Please check the request body and parameters.",
  );

/** The text ends with a blank, as the service's does. */
export const missingPermission = (permissions: readonly string[]): Failure =>
  refuseAs(
    403,
    'AADB2C',
    `The application does not have any of the required application permissions (${permissions.join(', ')}) to access the resource. `,
  );

type Asked = Pick<EmulatorRequest, 'headers'>;

/** The ids of one exchange; `client-request-id` repeats ours when the client sent none. */
export interface ExchangeIds {
  readonly requestId: string;
  readonly clientRequestId: string;
}

export function exchangeIds(request: Asked, world: World): ExchangeIds {
  const requestId = world.uuid();
  const sent = request.headers['client-request-id'];
  // What cannot stand in a header cannot be echoed in one.
  const echo = sent !== undefined && /^[\x21-\x7e]{1,200}$/.test(sent) ? sent : requestId;
  return { requestId, clientRequestId: echo };
}

export const commonHeaders = (ids: ExchangeIds, world: World): Record<string, string> => ({
  'request-id': ids.requestId,
  'client-request-id': ids.clientRequestId,
  date: new Date(world.now()).toUTCString(),
});

export const jsonType = 'application/json; odata.metadata=minimal';

export function errorAnswer(
  error: {
    readonly status: number;
    readonly code: string;
    readonly message: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
  ids: ExchangeIds,
  world: World,
): EmulatorResponse {
  const inner = {
    // Only B2C, behind the gateway, has a correlation id.
    ...(error.code.startsWith('AADB2C') ? { correlationId: world.uuid() } : {}),
    date: new Date(world.now()).toISOString().slice(0, 19),
    'request-id': ids.requestId,
    'client-request-id': ids.clientRequestId,
  };
  return {
    status: error.status,
    headers: { ...commonHeaders(ids, world), 'content-type': jsonType, ...error.headers },
    body: JSON.stringify({
      error: { code: error.code, message: error.message, innerError: inner },
    }),
  };
}

/** Graph's own answer to a missing, expired or foreign token; B2C is not asked. */
export const unauthorized = (message: string, request: Asked, world: World): EmulatorResponse =>
  errorAnswer(
    {
      status: 401,
      code: 'InvalidAuthenticationToken',
      message,
      headers: { 'www-authenticate': 'Bearer realm="", error="invalid_token"' },
    },
    exchangeIds(request, world),
    world,
  );
