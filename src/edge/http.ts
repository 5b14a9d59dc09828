/** The door to undici: one request, one whole answer, and what went wrong in words. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Dispatcher } from 'undici';
import type { HttpRequest, HttpResponse, Transport } from '../graph/request.ts';
import { errorCode, errorText, Failure, type FailureDetails } from '../failure.ts';
import { openPool, ownPool, type PoolOptions } from './pool.ts';

export interface TransportOptions extends PoolOptions {
  /** Aborted when the user or `--deadline` ends the command; its reason is the Failure to throw. */
  readonly cancelled: AbortSignal;
  /** For tests: in place of the connection pool. */
  readonly dispatcher?: Dispatcher;
}

export async function openTransport(options: TransportOptions): Promise<Transport> {
  const { cancelled, timeoutMs } = options;
  const [{ default: request }, pool] = await Promise.all([
    import('undici/lib/api/api-request.js'),
    options.dispatcher === undefined ? openPool(options) : ownPool(options.dispatcher),
  ]);
  return {
    async send(wanted) {
      cancelled.throwIfAborted();
      const timeout = AbortSignal.timeout(timeoutMs);
      const signal = AbortSignal.any([timeout, cancelled]);
      const { host } = wanted.url;
      // Until then nothing of the request can have reached the service.
      let delivery: Delivery = 'none';
      const dispatcher = watched(pool.dispatcher, () => {
        delivery = 'unknown';
      });
      try {
        const answer = request.call(dispatcher, {
          origin: wanted.url.origin,
          path: `${wanted.url.pathname}${wanted.url.search}`,
          method: wanted.method,
          headers: { ...wanted.headers, 'accept-encoding': 'gzip' },
          body: wanted.body ?? null,
          signal,
        });
        const response = await readAnswer(await unlessAborted(answer, signal), wanted);
        // An HTTP/1.1 connection is free for the next request only then.
        await nextTurn();
        return response;
      } catch (error) {
        // What was under way when the command was ended may have been carried out.
        if (cancelled.aborted && cancelled.reason instanceof Failure)
          throw cancelled.reason.with({ delivery });
        if (error instanceof Failure) throw error;
        if (timeout.aborted) throw timedOut(host, timeoutMs, { cause: error, delivery });
        throw networkFailure(host, { cause: error, delivery, isOfProxy: pool.isOfProxy });
      }
    },
    close: () => pool.close(),
  };
}

type Delivery = NonNullable<FailureDetails['delivery']>;

/** Calls `onSent` before the first byte of the request is written to a connection. */
const watched = (dispatcher: Dispatcher, onSent: () => void): Pick<Dispatcher, 'dispatch'> => ({
  dispatch(options, handler) {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- what api-request.js has in the locked version
    const connected = handler.onConnect?.bind(handler);
    return dispatcher.dispatch(
      options,
      Object.assign(handler, {
        onConnect(abort: (error?: Error) => void) {
          onSent();
          // eslint-disable-next-line @typescript-eslint/no-deprecated -- as above
          connected?.(abort);
        },
      }),
    );
  },
});

/** Undici heeds the signal only once there is a connection. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error); // of a timeout, or the Failure that ends the command
    };
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort);
    });
  });
}

async function readAnswer(
  answer: Dispatcher.ResponseData,
  { maxBytes, url }: HttpRequest,
): Promise<HttpResponse> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) headers[name.toLowerCase()] = first;
  }
  const tooLarge = new Failure(
    'service',
    `${url.host} sent an answer of more than ${String(maxBytes >> 20)} MiB`,
    { status: answer.statusCode, delivery: 'unknown' },
  );
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw tooLarge;
    chunks.push(chunk);
  }
  // Over HTTP/2 undici takes a stream that was reset for one that has ended.
  if (length < Number(headers['content-length'] ?? 0))
    throw brokenOff(url.host, { cause: undefined, delivery: 'unknown' });
  const body = Buffer.concat(chunks);
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding === 'identity' || body.length === 0)
    return { status: answer.statusCode, headers, body };
  if (encoding !== 'gzip')
    throw new Failure(
      'service',
      `${url.host} sent an answer in an encoding that was not asked for`,
      {
        status: answer.statusCode,
        delivery: 'unknown',
      },
    );
  return { status: answer.statusCode, headers, body: await unzip(body, maxBytes, tooLarge) };
}

async function unzip(body: Buffer, maxBytes: number, tooLarge: Failure): Promise<Buffer> {
  const { gunzip } = await import('node:zlib');
  try {
    return await promisify(gunzip)(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge;
    throw new Failure('service', 'an answer that is damaged: it cannot be decompressed', {
      cause: error,
      delivery: 'unknown',
    });
  }
}

interface Circumstances {
  readonly cause: unknown;
  readonly delivery: Delivery;
}

const timedOut = (host: string, timeoutMs: number, facts: Circumstances): Failure =>
  new Failure('network', `${host} did not answer within ${String(timeoutMs / 1000)} s`, {
    hint: 'try again, or allow more with --timeout',
    ...facts,
    transient: true,
    atWork: facts.delivery === 'unknown',
  });

const checkNetwork = 'check the network, and HTTPS_PROXY if you are behind one';

const brokenOff = (host: string, facts: Circumstances): Failure =>
  new Failure('network', `${host}: the connection broke off`, {
    hint: checkNetwork,
    code: codesOf(facts.cause)[0],
    ...facts,
    transient: true,
  });

interface Trouble extends Pick<FailureDetails, 'hint' | 'transient'> {
  readonly says: string;
}

const untrusted: Trouble = {
  says: 'its TLS certificate is not trusted',
  hint: 'if a proxy of your company re-signs connections, name its root in NODE_EXTRA_CA_CERTS',
};

/** What keeps a connection from being made, by the codes of Node and undici. */
const troubles: Readonly<Record<string, Trouble>> = {
  ENOTFOUND: { says: 'there is no such host', hint: 'check the address and the DNS' },
  EAI_AGAIN: { says: 'its name could not be looked up', transient: true },
  ECONNREFUSED: { says: 'it refused the connection' },
  EHOSTUNREACH: { says: 'it cannot be reached' },
  ENETUNREACH: { says: 'the network cannot be reached' },
  UND_ERR_CONNECT_TIMEOUT: { says: 'no connection in time', transient: true },
  ERR_TLS_CERT_ALTNAME_INVALID: { ...untrusted, says: 'its TLS certificate is for another host' },
  CERT_HAS_EXPIRED: { ...untrusted, says: 'its TLS certificate has expired' },
  CERT_NOT_YET_VALID: { ...untrusted, says: 'its TLS certificate is not valid yet' },
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  EPROTO: { says: 'it does not speak TLS' },
  ERR_SSL_WRONG_VERSION_NUMBER: { says: 'it does not speak TLS' },
};

function networkFailure(
  host: string,
  facts: Circumstances & { readonly isOfProxy: (error: unknown) => boolean },
): Failure {
  const { cause, delivery } = facts;
  const code = codesOf(cause).find((one) => Object.hasOwn(troubles, one));
  const trouble = refusalOfProxy(cause) ?? (code === undefined ? undefined : troubles[code]);
  const peer = chainOf(cause).some(facts.isOfProxy) ? 'the proxy of HTTPS_PROXY' : host;
  // Once the request is on its way the same codes mean that the connection was lost.
  if (delivery === 'unknown' || trouble === undefined) return brokenOff(peer, { cause, delivery });
  const { says, ...details } = trouble;
  return new Failure('network', `cannot reach ${peer}: ${says}`, {
    hint: checkNetwork,
    ...details,
    code,
    cause,
    delivery,
  });
}

/** Undici says it in words only. */
function refusalOfProxy(cause: unknown): Trouble | undefined {
  const status = /^Proxy response \((\d+)\)/.exec(errorText(cause))?.[1];
  if (status === undefined) return undefined;
  return {
    says: `the proxy did not let it through (HTTP ${status})`,
    hint:
      status === '407'
        ? 'write the user name and the password into HTTPS_PROXY'
        : 'check HTTPS_PROXY, or name the host in NO_PROXY',
  };
}

/** An error and its causes; of Happy Eyeballs, one error for every address that was tried. */
function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let one = error; typeof one === 'object' && one !== null && chain.length < 8;) {
    chain.push(one);
    if ('errors' in one && Array.isArray(one.errors)) chain.push(...(one.errors as unknown[]));
    one = 'cause' in one ? one.cause : undefined;
  }
  return chain;
}

const codesOf = (error: unknown): string[] =>
  chainOf(error)
    .map(errorCode)
    .filter((code) => code !== undefined);
