/** Sends GraphRequests: token, retries, pages, and the settling of writes whose answer was lost. */
import { randomUUID } from 'node:crypto';
import type { Graph } from '../context.ts';
import { Secret } from '../core/secret.ts';
import { isoTime, spanInWords } from '../core/lifetime.ts';
import { asFailure, Failure, isFailure } from '../failure.ts';
import { graphFailure, parseGraphError } from '../graph/failures.ts';
import type {
  Body,
  GraphRequest,
  HttpResponse,
  Page,
  Reader,
  ReadRequest,
  Transport,
  WriteRequest,
} from '../graph/request.ts';
import { decideRetry } from '../graph/retry.ts';
import type { Actor, Audit, Entry } from './audit.ts';

export interface Token {
  readonly value: Secret;
  readonly actor: Actor;
  /** Another one can be had when Graph refuses this one. */
  readonly renewable: boolean;
}

export interface GraphOptions {
  /** Origin: `https://graph.microsoft.com`. */
  readonly origin: string;
  readonly transport: () => Promise<Transport>;
  /** `fresh`: not from a cache, since Graph has refused the cached one. Absent: none is wanted. */
  readonly token: ((fresh: boolean) => Promise<Token>) | undefined;
  readonly userAgent: string;
  readonly maxRetries: number;
  /** When `--deadline` ends, in milliseconds. */
  readonly endsAt: number;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: RequestLog;
  /** Called once, before the first write is sent. */
  readonly beforeWriting: (actor: Actor) => void;
}

export interface Clock {
  now(): number;
  /** Rejects with the Failure when the command is cancelled. */
  sleep(ms: number): Promise<void>;
  random(): number;
}

export interface RequestLog {
  sent(line: ExchangeLine): void;
  waiting(why: string, ms: number): void;
}

/** For `--verbose` and `--debug`. No body, and no header that holds a token. */
export interface ExchangeLine {
  readonly method: string;
  readonly url: string;
  readonly status: number | string;
  readonly ms: number;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly responseHeaders: Readonly<Record<string, string>>;
}

/** A page of keysets with chains of certificates; everything else is far smaller. */
const maxAnswerBytes = 64 << 20;
/** An endless chain of next links must end. */
const maxPages = 10_000;
/** How long a keyset that was just made may take to be known everywhere (keysets-api.md Q10). */
const newKeySetMs = 60_000;
/** When to look whether a write was carried out: a service that is slow to answer is slow to commit. */
const settlePausesMs = [500, 1500, 4000];

const nobody: Actor = { tenant: undefined, who: undefined };

export function openGraph(options: GraphOptions): Graph {
  const { clock } = options;
  let announced = false;
  let token: Token | undefined;
  let signingIn: Promise<Token> | undefined;

  const base = `${options.origin}/beta`;

  /** The token in use, or another one when Graph has refused it; all who wait get the same. */
  async function signIn(refused?: Token): Promise<Token | undefined> {
    if (options.token === undefined || (token !== undefined && token !== refused)) return token;
    signingIn ??= options.token(refused !== undefined);
    try {
      return (token = await signingIn);
    } catch (error) {
      // It has been tried often enough, and what the token was for was not sent.
      throw isFailure(error) ? error.with({ transient: false, delivery: 'none' }) : error;
    } finally {
      signingIn = undefined;
    }
  }

  /** One attempt. */
  async function send<T>(
    request: GraphRequest<T>,
    url: URL,
    bearer: Token | undefined,
  ): Promise<HttpResponse> {
    const headers: Record<string, string> = {
      accept: 'application/json',
      'client-request-id': randomUUID(),
      'user-agent': options.userAgent,
    };
    const body = request.method === 'GET' ? undefined : request.body;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const transport = await options.transport();
    const started = clock.now();
    const log = (status: number | string, responseHeaders: HttpResponse['headers']): void => {
      options.log.sent({
        method: request.method,
        url: url.href,
        status,
        ms: clock.now() - started,
        requestHeaders: headers,
        responseHeaders,
      });
    };
    try {
      const response = await transport.send({
        method: request.method,
        url,
        headers:
          bearer === undefined
            ? headers
            : { ...headers, authorization: `Bearer ${bearer.value.reveal()}` },
        ...(body === undefined ? {} : { body: wireBody(body) }),
        maxBytes: maxAnswerBytes,
      });
      log(response.status, response.headers);
      return response;
    } catch (error) {
      log(isFailure(error) ? (error.details.code ?? error.kind) : 'failed', {});
      throw isFailure(error)
        ? error.with({ clientRequestId: headers['client-request-id'] })
        : error;
    }
  }

  /** One attempt, decoded; signs in anew once when Graph does not like a cached token. */
  async function exchange<T>(request: GraphRequest<T>, url: URL): Promise<T> {
    const bearer = await signIn();
    let response = await send(request, url, bearer);
    if (response.status === 401 && bearer?.renewable === true)
      response = await send(request, url, await signIn(bearer));
    if (response.status < 200 || response.status >= 300)
      throw graphFailure(request, response, clock.now());
    try {
      return request.decode(parseBody(response));
    } catch (error) {
      // The status says it was carried out; the answer does not say what came of it.
      const { requestId, clientRequestId } = parseGraphError(response);
      throw isFailure(error)
        ? error.with({
            status: response.status,
            requestId,
            clientRequestId,
            ...(request.method === 'GET' ? {} : { delivery: 'unknown' as const }),
          })
        : error;
    }
  }

  /** Waits before the next attempt, or throws what went wrong. */
  async function pause(
    failure: Failure,
    failed: number,
    maxRetries = options.maxRetries,
  ): Promise<void> {
    const decision = decideRetry(failure, {
      failed,
      maxRetries,
      remainingMs: options.endsAt - clock.now(),
      random: clock.random(),
    });
    if ('stop' in decision) {
      if (decision.stop !== 'too-long') throw failure;
      const until = isoTime(Math.ceil((clock.now() + decision.waitMs) / 1000));
      throw failure.with({
        hint: `run again after ${until} (${spanInWords(decision.waitMs / 1000)} from now)`,
      });
    }
    options.log.waiting(failure.message, decision.waitMs);
    await clock.sleep(decision.waitMs);
  }

  /** "Not found" of a keyset that was made a moment ago passes (keysets-api.md Q10). */
  async function pauseOrAwait(
    request: GraphRequest<unknown>,
    failure: Failure,
    { began, failed }: { readonly began: number; readonly failed: number },
  ): Promise<void> {
    const notYet =
      request.awaitKeySet === true &&
      failure.kind === 'not-found' &&
      clock.now() - began < newKeySetMs;
    if (notYet) await pause(unknownYet(request, failure), failed, Number.POSITIVE_INFINITY);
    else await pause(failure, failed);
  }

  async function readUrl<T>(request: ReadRequest<T>, url: URL): Promise<T> {
    const began = clock.now();
    for (let failed = 1; ; failed += 1) {
      try {
        return await exchange(request, url);
      } catch (error) {
        await pauseOrAwait(request, asThrown(error), { began, failed });
      }
    }
  }

  const read = <T>(request: ReadRequest<T>): Promise<T> =>
    readUrl(request, new URL(base + request.path));

  const readIfPresent: Reader = async (request) => {
    try {
      return await read(request);
    } catch (error) {
      if (isFailure(error, 'not-found')) return undefined;
      throw error;
    }
  };

  /** The value when reading shows that the write was carried out, `undefined` when it was not. */
  async function settle<T>(
    request: WriteRequest<T>,
    lost: Failure,
  ): Promise<{ readonly value: T } | undefined> {
    const unsettled = (why: string, cause: unknown): Failure =>
      new Failure(
        lost.kind,
        `it is not known whether the attempt to ${request.intent} succeeded: ${lost.message}; ${why}`,
        {
          ...lost.details,
          cause,
          delivery: 'unknown',
          transient: false,
          hint: `look at it before you run it again: ${whereToLook(request)}`,
        },
      );
    for (const pauseMs of request.repeatable ? settlePausesMs.slice(0, 1) : settlePausesMs) {
      options.log.waiting(`${lost.message}; looking whether it was carried out`, pauseMs);
      try {
        await clock.sleep(pauseMs);
        const verdict = await request.settle(readIfPresent);
        if (verdict.happened === true) return { value: verdict.value };
        if (verdict.happened === 'unclear')
          throw unsettled('the keyset has changed otherwise', lost);
      } catch (error) {
        if (isFailure(error, 'cancelled'))
          throw cancelledWrite(request, error.with({ delivery: 'unknown' }));
        throw isFailure(error) && error.details.cause === lost
          ? error
          : unsettled(`reading it again failed: ${asFailure(error).message}`, error);
      }
    }
    // Sent again now, it might be carried out twice.
    if (lost.details.atWork === true && !request.repeatable)
      throw unsettled('it has not been so far, and may still be', lost);
    return undefined;
  }

  async function attemptWrite<T>(request: WriteRequest<T>): Promise<T> {
    const url = new URL(base + request.path);
    const began = clock.now();
    let doubtful = false;
    for (let failed = 1; ; failed += 1) {
      let failure: Failure;
      try {
        return await exchange(request, url);
      } catch (error) {
        failure = asThrown(error);
      }
      if (failure.kind === 'cancelled') throw cancelledWrite(request, failure);
      // Once an answer was lost, a refusal of the repeated write ("it exists already") proves nothing.
      doubtful ||= failure.details.delivery === 'unknown';
      if (doubtful) {
        const settled = await settle(request, failure);
        if (settled !== undefined) return settled.value;
        failure = failure.with({ delivery: 'none' });
      }
      await pauseOrAwait(request, failure, { began, failed });
    }
  }

  async function write<T>(request: WriteRequest<T>): Promise<T> {
    const actor = (await signIn())?.actor ?? nobody;
    if (!announced) options.beforeWriting(actor);
    announced = true;
    const entry: Entry = await options.audit.begin(request, actor);
    try {
      const value = await attemptWrite(request);
      await entry.done({ kid: kidOf(value) });
      return value;
    } catch (error) {
      await entry.failed(error);
      throw error;
    }
  }

  async function pages<T>(request: ReadRequest<Page<T>>): Promise<readonly T[]> {
    const items: T[] = [];
    const seen = new Set<string>();
    for (let url: URL | undefined = new URL(base + request.path); url !== undefined;) {
      if (seen.has(url.href) || seen.size >= maxPages)
        throw new Failure('service', `${request.subject}: the pages of the answer do not end`);
      seen.add(url.href);
      const page: Page<T> = await readUrl(request, url);
      for (const item of page.items) items.push(item);
      url = page.next === undefined ? undefined : nextPage(page.next, url);
    }
    return items;
  }

  return { url: (path) => base + path, read, pages, write };
}

/** A link to another origin would receive our token. */
function nextPage(link: string, from: URL): URL {
  const url = URL.canParse(link, from.href) ? new URL(link, from.href) : undefined;
  if (url?.origin !== from.origin || url.username !== '' || url.password !== '')
    throw new Failure('service', 'Graph links the next page to another host; it is not followed', {
      hint: 'check --graph-url, and what stands between this machine and Graph',
    });
  return url;
}

/** "Not found" of a keyset that was made a moment ago: it was refused, and will not be soon (Q10). */
const unknownYet = ({ subject }: GraphRequest<unknown>, refused: Failure): Failure =>
  new Failure('not-found', `${subject} is new, and not known everywhere yet`, {
    ...refused.details,
    transient: true,
  });

const whereToLook = ({ keyset, before }: WriteRequest<unknown>): string =>
  `policykeys get ${keyset}${before === undefined ? '' : `; kids before: ${before}`}`;

const cancelledWrite = (request: WriteRequest<unknown>, failure: Failure): Failure =>
  failure.details.delivery === 'unknown'
    ? failure.with({
        hint: `it may have been too late not to ${request.intent}: ${whereToLook(request)}`,
      })
    : failure;

/** Bugs are thrown as they are: no retry mends them. */
function asThrown(error: unknown): Failure {
  if (error instanceof Failure) return error;
  throw error;
}

function parseBody(response: HttpResponse): unknown {
  if (response.body.length === 0) return undefined;
  try {
    return JSON.parse(response.body.toString('utf8'));
  } catch {
    throw new Failure('service', 'Graph sent an answer that is not JSON', {
      hint: 'does a proxy or a portal answer in its place? run again with --debug',
    });
  }
}

/** Secrets are unwrapped here, and nowhere before. */
const wireBody = (body: Body): string => JSON.stringify(unwrap(body));

function unwrap(body: Body | undefined): unknown {
  if (body instanceof Secret) return body.reveal();
  if (isList(body)) return body.map(unwrap);
  if (typeof body === 'object')
    return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, unwrap(value)]));
  return body;
}

const isList = (body: Body | undefined): body is readonly Body[] => Array.isArray(body);

function kidOf(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null && 'kid' in value
    ? String(value.kid)
    : undefined;
}
