/** What goes into the embedded Graph and what comes out of it, and the world it is allowed to see. */

/** The only clock and the only random source of the emulator (RSA keys apart: node:crypto makes them). */
export interface World {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly randomBytes: (size: number) => Buffer;
  readonly uuid: () => string;
}

export interface EmulatorRequest {
  readonly method: string;
  /** With the query, beginning with `/beta/`. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Where the caller believes to be, for the links in answers. */
  readonly origin?: string;
  /** The permissions in the caller's token; absent means all of them. */
  readonly permissions?: readonly string[];
}

export interface EmulatorResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type Members = Readonly<Record<string, unknown>>;

export const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A path and its query, apart. */
export function splitPath(path: string): {
  readonly pathname: string;
  readonly query: URLSearchParams;
} {
  const mark = path.indexOf('?');
  return mark === -1
    ? { pathname: path, query: new URLSearchParams() }
    : { pathname: path.slice(0, mark), query: new URLSearchParams(path.slice(mark + 1)) };
}
