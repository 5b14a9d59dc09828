/** The door to undici: one request, one whole answer, and what went wrong in words. */
import type { Dispatcher } from 'undici';
import { promisify } from 'node:util';
import type { HttpRequest, HttpResponse, Transport } from '../graph/request.ts';
import { Failure, type FailureDetails } from '../failure.ts';
import type { Proxies } from '../settings.ts';

export interface TransportOptions {
  readonly timeoutMs: number;
  readonly proxies: Proxies;
  readonly http1: boolean;
  /** Aborted when the user or `--deadline` ends the command; its reason is the Failure to throw. */
  readonly cancelled: AbortSignal;
  /** For tests: in place of the connection pool. */
  readonly dispatcher?: Dispatcher;
}

export async function openTransport(options: TransportOptions): Promise<Transport> {
  const [{ default: request }, dispatcher] = await Promise.all([
    import('undici/lib/api/api-request.js'),
    options.dispatcher ?? openDispatcher(options),
  ]);
  return {
    async send(wanted) {
      const timeout = AbortSignal.timeout(options.timeoutMs);
      const host = wanted.url.host;
      try {
        options.cancelled.throwIfAborted();
        const answer = await request.call(dispatcher, {
          origin: wanted.url.origin,
          path: `${wanted.url.pathname}${wanted.url.search}`,
          method: wanted.method,
          headers: { ...wanted.headers, 'accept-encoding': 'gzip' },
          body: wanted.body ?? null,
          signal: AbortSignal.any([timeout, options.cancelled]),
        });
        return await readAnswer(answer, wanted);
      } catch (error) {
        if (error instanceof Failure && error.kind !== 'cancelled') throw error;
        // What was under way when the user ended it may have been carried out.
        if (options.cancelled.aborted && options.cancelled.reason instanceof Failure)
          throw options.cancelled.reason.with({ delivery: 'unknown' });
        if (timeout.aborted) throw timedOut(host, options.timeoutMs, error);
        throw networkFailure(error, host);
      }
    },
    // Not close(): it would wait for answers that nobody reads any more.
    close: () => dispatcher.destroy(),
  };
}

async function openDispatcher(options: TransportOptions): Promise<Dispatcher> {
  const { proxies, timeoutMs } = options;
  const pool = {
    allowH2: !options.http1,
    connect: { timeout: timeoutMs },
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 10_000,
    connections: 64,
  };
  if (proxies.http === undefined && proxies.https === undefined) {
    const { default: Agent } = await import('undici/lib/dispatcher/agent.js');
    return new Agent(pool);
  }
  const { default: ProxyAgent } = await import('undici/lib/dispatcher/env-http-proxy-agent.js');
  try {
    return new ProxyAgent({
      ...pool,
      // Empty, not absent: absent ones are read from the environment of the process.
      httpProxy: proxies.http ?? '',
      httpsProxy: proxies.https ?? '',
      noProxy: proxies.no,
    });
  } catch {
    // The address is not repeated: it may hold a password.
    throw new Failure('usage', 'HTTPS_PROXY or HTTP_PROXY is not an address', {
      hint: 'write http://proxy.example:8080',
    });
  }
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
    if (error instanceof RangeError) throw tooLarge;
    throw new Failure('service', 'an answer that is damaged: it cannot be decompressed', {
      cause: error,
      delivery: 'unknown',
    });
  }
}

const timedOut = (host: string, timeoutMs: number, cause: unknown): Failure =>
  new Failure('network', `${host} did not answer within ${String(timeoutMs / 1000)} s`, {
    hint: 'try again, or allow more with --timeout',
    cause,
    delivery: 'unknown',
    transient: true,
  });

interface Trouble extends FailureDetails {
  readonly says: string;
}

const nothingSent = { delivery: 'none' } as const;
const brokenOff: Trouble = {
  says: 'the connection broke off',
  delivery: 'unknown',
  transient: true,
};
const untrusted: Trouble = {
  says: 'its TLS certificate is not trusted',
  hint: 'if a proxy of your company re-signs connections, name its root in NODE_EXTRA_CA_CERTS',
  ...nothingSent,
};

/** By the codes of Node and undici; anything else may have reached the service. */
const troubles: Readonly<Record<string, Trouble>> = {
  ENOTFOUND: {
    says: 'there is no such host',
    hint: 'check the address and the DNS',
    ...nothingSent,
  },
  EAI_AGAIN: { says: 'its name could not be looked up', transient: true, ...nothingSent },
  ECONNREFUSED: { says: 'it refused the connection', ...nothingSent },
  EHOSTUNREACH: { says: 'it cannot be reached', ...nothingSent },
  ENETUNREACH: { says: 'the network cannot be reached', ...nothingSent },
  UND_ERR_CONNECT_TIMEOUT: { says: 'no connection in time', transient: true, ...nothingSent },
  ERR_TLS_CERT_ALTNAME_INVALID: { ...untrusted, says: 'its TLS certificate is for another host' },
  CERT_HAS_EXPIRED: { ...untrusted, says: 'its TLS certificate has expired' },
  CERT_NOT_YET_VALID: { ...untrusted, says: 'its TLS certificate is not valid yet' },
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  EPROTO: { says: 'it does not speak TLS', ...nothingSent },
  ERR_SSL_WRONG_VERSION_NUMBER: { says: 'it does not speak TLS', ...nothingSent },
};

function networkFailure(error: unknown, host: string): Failure {
  const causes: unknown[] = [];
  for (let one = error; one instanceof Error && causes.length < 8; one = one.cause) {
    causes.push(one);
    // Happy eyeballs: one error for every address that was tried.
    if (one instanceof AggregateError) causes.push(...(one.errors as unknown[]));
  }
  const codes = causes.map((one) =>
    one instanceof Error && 'code' in one ? String(one.code) : '',
  );
  const code = codes.find((one) => one in troubles);
  const proxied = causes.some((one) => one instanceof Error && /proxy|tunnel/i.test(one.message));
  const trouble: Trouble =
    code !== undefined
      ? (troubles[code] ?? brokenOff)
      : proxied
        ? { says: 'the proxy did not let it through', hint: 'check HTTPS_PROXY', ...nothingSent }
        : brokenOff;
  const { says, ...details } = trouble;
  return new Failure('network', `cannot reach ${host}: ${says}`, {
    hint: 'check the network, and HTTPS_PROXY if you are behind one',
    ...details,
    code: code ?? codes.find((one) => one !== ''),
    cause: error,
  });
}
