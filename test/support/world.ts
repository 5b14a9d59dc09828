/** The whole program in one process: argv in; exit code, stdout, stderr and what reached Graph out. */
import { checkRequest } from './openapi.ts';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { TransportOptions } from '../../src/edge/http.ts';
import {
  embeddedTransport,
  memoryStore,
  type EmulatorStore,
} from '../../src/edge/emulator-store.ts';
import { emptyState, putKeySet, tenantId, type StoredKey } from '../../src/emulator/state.ts';
import { defaultSwitches, type Switches } from '../../src/emulator/switches.ts';
import type { HttpRequest, HttpResponse } from '../../src/graph/request.ts';
import { main } from '../../src/main.ts';

/** 2030-01-01T00:00:00Z, in seconds: the time at which every command runs. */
export const now = Date.UTC(2030, 0, 1) / 1000;
export const day = 86_400;
export const year = 365 * day;

export const tenantName = 'contoso.onmicrosoft.com';
export const graphRoot = 'https://graph.microsoft.com/beta/trustFramework/keySets';

const claims = { tid: tenantId(tenantName), appid: '11111111-2222-4333-8444-555555555555' };
const base64url = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');
/** What every request must carry, and no output may show. */
export const accessToken = `${base64url({ alg: 'none' })}.${base64url(claims)}.c2lnbmF0dXJl`;

const secrets = new Set<string>([accessToken]);

/** From now on no output of any command may hold this value, in any of its usual forms. */
export function keepSecret(value: string): string {
  secrets.add(value);
  return value;
}

export function leakIn(text: string, values: Iterable<string>): string | undefined {
  for (const value of values) {
    const bytes = Buffer.from(value);
    const forms = [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)];
    if (bytes.length >= 6) forms.push(bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex')); // prettier-ignore
    const found = forms.find((form) => form !== '' && text.includes(form));
    if (found !== undefined) return found;
  }
  return undefined;
}

export const fixture = (name: string): string =>
  join(import.meta.dirname, '../fixtures/commands', name);

export interface Exchange {
  readonly method: string;
  /** Below `/beta/trustFramework/keySets`, with the query. */
  readonly path: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Everything that was sent. */
  readonly asked: readonly Exchange[];
  /** What was sent to change something. */
  readonly wrote: readonly Exchange[];
  /** stdout as JSON. */
  readonly json: unknown;
  /** The last line of stderr as JSON: a failure with `-o json`. */
  readonly error: unknown;
}

export type Answer = Partial<Omit<HttpResponse, 'body'>> & { readonly body?: unknown };

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string | Buffer;
  /** Seconds; absent: `now`. */
  readonly at?: number;
  /** Answers in place of the emulator; `undefined` leaves a request to it. May throw. */
  readonly intercept?: (request: Exchange) => Answer | undefined;
  /** stdout and stderr are terminals of this many columns. */
  readonly columns?: number;
  /** Called once the program listens, with what delivers a signal to it. */
  readonly onListen?: (send: (signal: 'SIGINT' | 'SIGTERM') => void) => void;
}

export interface Tenant {
  readonly store: EmulatorStore;
  /** A line as a person types it, without quotes; or its words. */
  readonly run: (line: string | readonly string[], options?: RunOptions) => Promise<Ran>;
  /** What is stored of a keyset now. */
  keysOf(id: string): Promise<readonly StoredKey[] | undefined>;
  /** A folder for files of the test and for the program's caches. */
  readonly folder: string;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export interface TenantOptions {
  /** By full id. */
  readonly keysets?: Readonly<Record<string, readonly Partial<StoredKey>[]>>;
  readonly switches?: Partial<Switches>;
}

/** A tenant with these keysets, kept in memory. Ids and secret keys are the same in every run. */
export function openTenant({ keysets = {}, switches = {} }: TenantOptions = {}): Tenant {
  const folder = mkdtempSync(join(tmpdir(), 'policykeys-test-'));
  folders.push(folder);
  const tenant = { id: tenantId(tenantName), name: tenantName };
  let state = emptyState;
  for (const [id, keys] of Object.entries(keysets))
    state = putKeySet(state, tenant, id, { createdAt: 0, keys: keys.map(asStored) });
  const store = memoryStore(state);
  let count = 0;
  const digest = (): Buffer =>
    createHash('sha256')
      .update(String((count += 1)))
      .digest();
  return {
    store,
    folder,
    keysOf: async (id) => (await store.read()).tenants[tenant.id]?.keysets[id]?.keys,
    async run(line, options = {}) {
      const seconds = options.at ?? now;
      const graph = embeddedTransport(store, {
        tenant: tenantName,
        switches: { ...defaultSwitches, ...switches },
        world: {
          now: () => seconds * 1000,
          randomBytes: (size) => Buffer.concat([digest(), digest()]).subarray(0, size),
          uuid: () => `00000000-0000-4000-8000-${String((count += 1)).padStart(12, '0')}`,
        },
      });
      const asked: Exchange[] = [];
      const output = { stdout: '', stderr: '' };
      const stream = (name: 'stdout' | 'stderr') => ({
        write(text: string, done?: (error?: Error | null) => void) {
          output[name] += text;
          done?.();
        },
        ...(options.columns === undefined ? {} : { isTTY: true, columns: options.columns }),
      });
      const code = await main({
        argv: typeof line === 'string' ? line.split(/\s+/).filter((word) => word !== '') : line,
        environment: {
          POLICYKEYS_ACCESS_TOKEN: accessToken,
          AZURE_TENANT_ID: tenantName,
          XDG_CACHE_HOME: join(folder, 'cache'),
          XDG_STATE_HOME: join(folder, 'state'),
          ...options.environment,
        },
        platform: 'linux',
        homeDirectory: folder,
        nodeVersion: 'v20.19.0',
        stdin: () => Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
        stdinIsTerminal: false,
        stdout: stream('stdout'),
        stderr: stream('stderr'),
        now: () => seconds * 1000,
        random: () => 0,
        onSignal(listener) {
          options.onListen?.(listener);
          return () => undefined;
        },
        openTransport: ({ cancelled }: TransportOptions) =>
          Promise.resolve({
            async send(request) {
              cancelled.throwIfAborted();
              const exchange = observe(
                request,
                options.environment?.['POLICYKEYS_ACCESS_TOKEN'] ?? accessToken,
              );
              asked.push(exchange);
              // Whatever a command sends is what Graph's own description allows.
              const path = request.url.pathname.replace(/^\/beta/, '');
              checkRequest(exchange.method, path, exchange.body);
              const answer = options.intercept?.(exchange);
              return answer === undefined ? graph.send(request) : asResponse(answer);
            },
            close: () => graph.close(),
          }),
      });
      const leak = leakIn(output.stdout + output.stderr, secrets);
      if (leak !== undefined) throw new Error(`a secret was printed: ${leak}`);
      return {
        code,
        ...output,
        asked,
        wrote: asked.filter((one) => one.method !== 'GET'),
        get json(): unknown {
          return parseJson(output.stdout);
        },
        get error(): unknown {
          return parseJson(output.stderr.trimEnd().split('\n').at(-1) ?? '');
        },
      };
    },
  };
}

function observe({ method, url, headers, body }: HttpRequest, token: string): Exchange {
  if (headers['authorization'] !== `Bearer ${token}`)
    throw new Error('a request without the token');
  if (!url.href.startsWith(graphRoot)) throw new Error(`a request to ${url.href}`);
  return {
    method,
    path: url.href.slice(graphRoot.length),
    body: body === undefined ? undefined : JSON.parse(body),
    headers,
  };
}

const asResponse = ({ status = 200, headers = {}, body }: Answer): HttpResponse => ({
  status,
  headers,
  body: Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)),
});

/** An oct key for signing unless it says otherwise; `kid` is what it is called in the test. */
export const asStored = (key: Partial<StoredKey>): StoredKey => ({
  kid: 'k',
  kty: 'oct',
  use: 'sig',
  status: 'enabled',
  ...key,
});

/** What is sent, as `METHOD path`. */
export const lines = (exchanges: readonly Exchange[]): string[] =>
  exchanges.map(({ method, path }) => `${method} ${path}`);

/** stderr without the line that every write has. */
export const said = ({ stderr }: Pick<Ran, 'stderr'>): string =>
  stderr.replace(`note: writing to tenant ${tenantName}\n`, '');

/** `JSON.parse` that does not pretend to know what comes out. */
export const parseJson: (text: string) => unknown = JSON.parse;

/** The JSON of an object with its members in this very order. */
export const ordered = (value: unknown): string => JSON.stringify(value);
