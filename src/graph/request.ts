/** One call to Graph, described but not made; and what carries it. */
import type { Secret } from '../core/secret.ts';
import type { KeySetId } from '../core/keyset.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A JSON value in which secrets are still wrapped. */
export type Body =
  string | number | Secret | readonly Body[] | { readonly [member: string]: Body | undefined };

interface Call<T> {
  /** Below `/beta`, percent-encoded, beginning with `/`. */
  readonly path: string;
  readonly decode: (answer: unknown) => T;
  /** What is called, for messages: `B2C_1A_Example`, `keysets`. */
  readonly subject: string;
  /** The least permission that Graph wants for it. */
  readonly permission: 'TrustFrameworkKeySet.Read.All' | 'TrustFrameworkKeySet.ReadWrite.All';
}

export interface ReadRequest<T> extends Call<T> {
  readonly method: 'GET';
  /** It exists, and may not be known everywhere yet: "not found" means wait. */
  readonly awaitKeySet?: boolean;
}

/** What reading again said about a write whose answer was lost. */
export type Verdict<T> =
  | { readonly happened: true; readonly value: T }
  | { readonly happened: false }
  /** Something changed that this write alone does not explain. */
  | { readonly happened: 'unclear' };

/** Reads for `settle`: an absent keyset or key is `undefined`, every other failure is thrown. */
export type Reader = <U>(request: ReadRequest<U>) => Promise<U | undefined>;

export interface WriteRequest<T> extends Call<T> {
  readonly method: Exclude<Method, 'GET'>;
  readonly body?: Body;
  readonly keyset: KeySetId;
  readonly kid?: string;
  /** What it does, for messages: `add a key to B2C_1A_Example`. */
  readonly intent: string;
  /** Looks at the service to tell whether this write was carried out after all. */
  readonly settle: (read: Reader) => Promise<Verdict<T>>;
  /** Carrying it out twice is the same as once. */
  readonly repeatable?: true;
  /** For the user when it cannot be told: what was there before. */
  readonly before?: string;
  /** The keyset was made a moment ago: "not found" means not yet, and the write was refused. */
  readonly awaitKeySet?: boolean;
}

export type GraphRequest<T> = ReadRequest<T> | WriteRequest<T>;

export interface Page<T> {
  readonly items: readonly T[];
  /** `@odata.nextLink` as the service wrote it. */
  readonly next?: string;
}

/** One HTTP exchange, below retries and above sockets. */
export interface HttpRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** An answer of more bytes, decompressed, is a failure. */
  readonly maxBytes: number;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; of repeated headers the first. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * Sends one request and gives the whole answer, whatever its status. Failures: `network` with
 * `details.delivery` and `details.transient`, `service` when the answer breaks a bound,
 * `cancelled`.
 */
export interface Transport {
  send(request: HttpRequest): Promise<HttpResponse>;
  /** Lets the process end: closes idle connections. */
  close(): Promise<void>;
}
