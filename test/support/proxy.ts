/** An HTTP proxy on the loopback that tunnels (CONNECT), and remembers what it was asked. */
import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export interface ProxyOptions {
  /** Every name leads here, so that names need not exist. */
  readonly target: { readonly port: number };
  /** Absent: it lets everybody through. */
  readonly credentials?: string;
  /** In place of a tunnel. */
  readonly refuseWith?: number;
  /** What it does to a tunnel once it has been asked for one. */
  readonly onConnect?: (client: Duplex) => void;
}

export interface TestProxy {
  readonly port: number;
  /** The host and port of each CONNECT. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export async function serveProxy(options: ProxyOptions): Promise<TestProxy> {
  const asked: string[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer((_request, response) => {
    response.writeHead(501).end('only tunnels');
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.on('connect', (request: IncomingMessage, client: Duplex) => {
    asked.push(request.url ?? '');
    client.on('error', () => undefined);
    if (options.onConnect !== undefined) {
      options.onConnect(client);
      return;
    }
    const wanted = options.credentials;
    const given = request.headers['proxy-authorization'];
    const refused =
      options.refuseWith ??
      (wanted !== undefined && given !== `Basic ${Buffer.from(wanted).toString('base64')}`
        ? 407
        : undefined);
    if (refused !== undefined) {
      client.end(`HTTP/1.1 ${String(refused)} Refused\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const far = connect(options.target.port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      far.pipe(client);
      client.pipe(far);
    });
    sockets.add(far);
    far.on('error', () => client.destroy());
    far.on('close', () => client.destroy());
    client.on('close', () => far.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
