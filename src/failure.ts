/** What can go wrong, as a user sees it: a kind (what to do next), a message and a hint. */

export const exitCodes = {
  bug: 1,
  usage: 2,
  input: 3,
  auth: 4,
  'not-found': 5,
  conflict: 6,
  service: 7,
  network: 8,
  permission: 9,
  finding: 10,
  cancelled: 130,
} as const;

/** A finding is a result and is never thrown. */
export type FailureKind = Exclude<keyof typeof exitCodes, 'finding'>;

export interface FailureDetails {
  /** The next step for the user, without a full stop. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** HTTP status of the answer. */
  readonly status?: number | undefined;
  /** Error code of Graph or of B2C (`AADB2C95028`), or of the sign-in service (`AADSTS7000215`). */
  readonly code?: string | undefined;
  readonly requestId?: string | undefined;
  readonly clientRequestId?: string | undefined;
  readonly correlationId?: string | undefined;
  /**
   * Of a request that got no answer: `none` when nothing can have reached the service, `unknown`
   * when it may have been carried out.
   */
  readonly delivery?: 'none' | 'unknown' | undefined;
  /** There was no answer, and the service may still be at work on it. */
  readonly atWork?: boolean | undefined;
  /** The same request may succeed if it is sent again a little later. */
  readonly transient?: boolean | undefined;
  /** What the service asked us to wait, in milliseconds (`Retry-After`). */
  readonly retryAfterMs?: number | undefined;
  /** Of `cancelled`: the signal. */
  readonly signal?: 'SIGINT' | 'SIGTERM' | undefined;
}

export class Failure extends Error {
  readonly kind: FailureKind;
  readonly details: FailureDetails;

  constructor(kind: FailureKind, message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'Failure';
    this.kind = kind;
    this.details = details;
  }

  get hint(): string | undefined {
    return this.details.hint;
  }

  get exitCode(): number {
    return this.details.signal === 'SIGTERM' ? 143 : exitCodes[this.kind];
  }

  /** The same failure with another hint or further facts. */
  with(details: FailureDetails): Failure {
    return new Failure(this.kind, this.message, { cause: this, ...this.details, ...details });
  }
}

export const isFailure = (error: unknown, kind?: FailureKind): error is Failure =>
  error instanceof Failure && (kind === undefined || error.kind === kind);

/** Of anything thrown: the platform's errors may come from another realm, so `instanceof` does not tell. */
function memberOf(error: unknown, name: 'code' | 'message'): string | undefined {
  const value: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** `ENOENT`, `UND_ERR_SOCKET`: how Node and its packages name an error. */
export const errorCode = (error: unknown): string | undefined => memberOf(error, 'code');
export const errorText = (error: unknown): string => memberOf(error, 'message') ?? String(error);

/** Whatever was thrown, as a Failure: anything but a Failure is a bug of ours. */
export const asFailure = (error: unknown): Failure =>
  error instanceof Failure
    ? error
    : new Failure('bug', `unforeseen: ${errorText(error)}`, {
        hint: 'run again with --debug and report it with the trace that is printed',
        cause: error,
      });
