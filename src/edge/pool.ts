/** Undici's connections: direct or through a proxy, closed in an instant when the command is over. */
import type { Socket } from 'node:net';
import type { buildConnector, Dispatcher, Pool as Connections } from 'undici';
import { errorCode, Failure } from '../failure.ts';
import type { Proxies } from '../settings.ts';

export interface PoolOptions {
  /** To connect. */
  readonly timeoutMs: number;
  readonly proxies: Proxies;
  readonly http1: boolean;
}

export interface Pool {
  readonly dispatcher: Dispatcher;
  /** The error arose on the way to the proxy. */
  readonly isOfProxy: (error: unknown) => boolean;
  close(): Promise<void>;
}

/** A dispatcher that somebody else has made. */
export const ownPool = (dispatcher: Dispatcher): Pool => ({
  dispatcher,
  isOfProxy: () => false,
  close: () => dispatcher.destroy(),
});

export async function openPool({ proxies, timeoutMs, http1 }: PoolOptions): Promise<Pool> {
  const { default: buildConnector } = await import('undici/lib/core/connect.js');
  const sockets = new Set<Socket>();
  const proxyErrors = new Set<unknown>();
  const connector = (allowH2: boolean): buildConnector.connector => {
    const connect = buildConnector({ allowH2, timeout: timeoutMs });
    return (options, callback) => {
      const socket = connect(options, callback);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    };
  };
  const settings = {
    allowH2: !http1,
    connect: connector(!http1),
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 10_000,
    connections: 64,
  };
  const pool = (dispatcher: Dispatcher): Pool => ({
    dispatcher,
    isOfProxy: (error) => proxyErrors.has(error),
    async close() {
      // Not close(): it would wait for answers that nobody reads any more.
      await dispatcher.destroy();
      // Undici leaves those alone that are not connected yet.
      for (const socket of sockets) socket.destroy();
    },
  });
  if (proxies.http === undefined && proxies.https === undefined) {
    const { default: Agent } = await import('undici/lib/dispatcher/agent.js');
    return pool(new Agent(settings));
  }
  const [{ default: ProxyAgent }, { default: Connections }, { default: connect }] =
    await Promise.all([
      import('undici/lib/dispatcher/env-http-proxy-agent.js'),
      import('undici/lib/dispatcher/pool.js'),
      import('undici/lib/api/api-connect.js'),
    ]);
  const toProxy = onFailure(connector(false), (error) => {
    proxyErrors.add(error);
    return error;
  });
  // Undici would try for ever when a proxy hangs up before there is a tunnel.
  const tunnel = (connect: buildConnector.connector): buildConnector.connector =>
    onFailure(connect, (cause) => {
      if (errorCode(cause) !== 'UND_ERR_SOCKET') return cause;
      const error = new Error('the proxy hung up', { cause });
      proxyErrors.add(error);
      return error;
    });
  try {
    return pool(
      new ProxyAgent({
        ...settings,
        factory: (origin, options: ConnectionOptions) =>
          new Connections(origin, { ...options, connect: tunnel(options.connect) }),
        // Only all of undici gives a dispatcher its methods; the agent calls this one.
        clientFactory: (origin) =>
          Object.assign(new Connections(origin, { connect: toProxy }), { connect }),
        requestTls: { timeout: timeoutMs },
        // Empty, not absent: absent ones are read from the environment of the process.
        httpProxy: proxies.http ?? '',
        httpsProxy: proxies.https ?? '',
        noProxy: proxies.no,
      }),
    );
  } catch {
    // The address is not repeated: it may hold a password.
    throw new Failure('usage', 'HTTPS_PROXY or HTTP_PROXY is not an address', {
      hint: 'write http://proxy.example:8080',
    });
  }
}

/** As the agent calls the factory of its pools: with its own way to connect. */
type ConnectionOptions = Connections.Options & { readonly connect: buildConnector.connector };

const onFailure =
  (connect: buildConnector.connector, change: (error: Error) => Error): buildConnector.connector =>
  (options, callback) => {
    connect(options, (...[error, socket]) => {
      if (error === null) callback(null, socket);
      else callback(change(error), null);
    });
  };
