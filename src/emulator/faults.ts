/** Trouble on demand: what the server does in place of, or on top of, a proper answer. */
import { parseDuration, type Duration } from '../core/lifetime.ts';
import { Failure } from '../failure.ts';
import { errorAnswer, exchangeIds } from './errors.ts';
import type { EmulatorRequest, EmulatorResponse, World } from './exchange.ts';
import { operations, type Operation } from './routes.ts';

const b2cCodes = ['AADB2C90063', 'AADB2C95053'] as const;
const statuses = [429, 500, 502, 503, 504] as const;

/** An answer in place of the service's, which is not asked. */
export type RefusingFault =
  | {
      readonly type: 'status';
      readonly status: (typeof statuses)[number];
      readonly retryAfterSeconds?: number;
    }
  | { readonly type: 'code'; readonly code: (typeof b2cCodes)[number] };

export type FaultEffect =
  | RefusingFault
  /** The connection is destroyed before the request is carried out. */
  | { readonly type: 'reset-before' }
  /** It is carried out; then the connection is destroyed without an answer. */
  | { readonly type: 'reset-after' }
  /** It is carried out; half of the answer's body is sent, then the connection is destroyed. */
  | { readonly type: 'truncated' }
  /** It is carried out; the answer is a 200 that is no JSON. */
  | { readonly type: 'garbage' }
  | { readonly type: 'delay'; readonly ms: number };

export interface Fault {
  readonly effect: FaultEffect;
  /** Absent: any. */
  readonly operation?: Operation;
  /** How often it is left to happen; `Infinity` for always. */
  readonly count: number;
}

/** `WHAT[@OPERATION][:COUNT]`: `429=2@list:3`, `reset-after@generateKey`, `500:*`. Failures: `usage`. */
export function parseFault(spec: string): Fault {
  const refuse = (): Failure =>
    new Failure('usage', `${JSON.stringify(spec)} is not a fault`, {
      hint: 'write WHAT[@OPERATION][:COUNT], such as 429=2@list:3, reset-after@generateKey or 503:*',
    });
  const parts = /^([^@:]+)(?:@([A-Za-z0-9]+))?(?::(\*|[1-9]\d{0,8}))?$/.exec(spec);
  const effect = readEffect(parts?.[1] ?? '');
  const operation = operations.find((name) => name === parts?.[2]);
  if (!parts || effect === undefined || (parts[2] !== undefined && operation === undefined))
    throw refuse();
  return {
    effect,
    ...(operation === undefined ? {} : { operation }),
    count: parts[3] === '*' ? Number.POSITIVE_INFINITY : Number(parts[3] ?? 1),
  };
}

function readEffect(what: string): FaultEffect | undefined {
  const [name = '', value, stray] = what.split('=');
  if (stray !== undefined) return undefined;
  if (value !== undefined) {
    if (name === '429' && /^\d{1,6}$/.test(value))
      return { type: 'status', status: 429, retryAfterSeconds: Number(value) };
    return name === 'delay' ? readDelay(value) : undefined;
  }
  const status = statuses.find((one) => String(one) === name);
  if (status !== undefined) return { type: 'status', status };
  const code = b2cCodes.find((one) => one === name);
  if (code !== undefined) return { type: 'code', code };
  switch (name) {
    case 'reset-before':
    case 'reset-after':
    case 'truncated':
    case 'garbage':
      return { type: name };
  }
  return undefined;
}

function readDelay(text: string): FaultEffect {
  const ms = /^(\d{1,7})ms$/.exec(text)?.[1];
  return { type: 'delay', ms: ms === undefined ? inMs(parseDuration(text)) : Number(ms) };
}

function inMs({ months, seconds }: Duration): number {
  if (months > 0) throw new Failure('usage', 'a delay of months is not a delay');
  return seconds * 1000;
}

/** The first fault that concerns this operation, and the faults that are left after it happened. */
export function takeFault(
  faults: readonly Fault[],
  operation: Operation | undefined,
): { readonly fault?: Fault; readonly rest: readonly Fault[] } {
  const index = faults.findIndex(
    (one) => one.operation === undefined || one.operation === operation,
  );
  const fault = faults[index];
  if (fault === undefined) return { rest: faults };
  const left = fault.count > 1 ? [{ ...fault, count: fault.count - 1 }] : [];
  return { fault, rest: [...faults.slice(0, index), ...left, ...faults.slice(index + 1)] };
}

const gateway: Readonly<Record<(typeof statuses)[number], readonly [string, string]>> = {
  429: ['TooManyRequests', 'Too many requests. Please try again later.'],
  500: ['InternalServerError', 'Internal server error.'],
  502: ['UnknownError', ''],
  503: ['ServiceUnavailable', 'The service is temporarily unavailable. Please try again later.'],
  504: ['UnknownError', ''],
};

/** The statuses of these two are unknown in public: a fault and a conflict by their meaning. */
const b2c: Readonly<Record<(typeof b2cCodes)[number], readonly [number, string]>> = {
  AADB2C90063: [500, 'There is a problem with the service.'],
  AADB2C95053: [409, 'Concurrent writes to the same object. Send the updates one after another.'],
};

/** The error answer of a fault, as Graph words it, or as the sign-in service does for `token`. */
export function faultAnswer(
  effect: RefusingFault,
  operation: Operation | undefined,
  request: EmulatorRequest,
  world: World,
): EmulatorResponse {
  const [status, code, message] =
    effect.type === 'status'
      ? ([effect.status, ...gateway[effect.status]] as const)
      : ([b2c[effect.code][0], effect.code, b2c[effect.code][1]] as const);
  const headers: Record<string, string> =
    effect.type === 'status' && effect.retryAfterSeconds !== undefined
      ? { 'retry-after': String(effect.retryAfterSeconds) }
      : {};
  if (operation !== 'token')
    return errorAnswer({ status, code, message, headers }, exchangeIds(request, world), world);
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify({
      error: 'temporarily_unavailable',
      error_description: 'AADSTS90033: A transient error has occurred. Please try again.',
      error_codes: [90033],
    }),
  };
}
