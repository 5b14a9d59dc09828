/** Servers on the loopback that behave and misbehave to order, and a throw-away CA for them. */
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { makeCertificate } from '../../src/core/certificate-maker.ts';

export interface Identity {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

export interface TestCa {
  /** PEM. */
  readonly root: string;
  issue(facts: {
    readonly dnsNames?: readonly string[];
    readonly ipAddresses?: readonly string[];
    /** Seconds since 1970. */
    readonly notBefore?: number;
    readonly notAfter?: number;
  }): Identity;
}

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;

export const privatePem = (key: KeyObject): string =>
  key.export({ type: 'pkcs8', format: 'pem' }).toString();

export function makeCa(): TestCa {
  const now = Math.floor(Date.now() / 1000);
  const subject = `CN=test root ${randomBytes(4).toString('hex')}`;
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const root = makeCertificate({
    subject,
    serial: randomBytes(16),
    notBefore: now - 86_400 * 400,
    notAfter: now + 86_400 * 400,
    publicKey,
    privateKey,
    extensions: { ca: true, keyUsage: ['keyCertSign'], subjectKeyIdentifier: true },
  });
  return {
    root: pem(root),
    issue({ dnsNames = [], ipAddresses = [], notBefore = now - 86_400, notAfter = now + 86_400 }) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const cert = makeCertificate({
        subject: 'CN=test server',
        serial: randomBytes(16),
        notBefore,
        notAfter,
        publicKey: own.publicKey,
        issuer: { subject, publicKey, privateKey },
        extensions: {
          ca: false,
          keyUsage: ['digitalSignature'],
          extendedKeyUsage: ['serverAuth'],
          dnsNames,
          ipAddresses,
        },
      });
      return { key: privatePem(own.privateKey), cert: pem(cert) };
    },
  };
}

export type AnyRequest = IncomingMessage | Http2ServerRequest;
export type AnyResponse = ServerResponse | Http2ServerResponse;
export type Handler = (
  request: AnyRequest,
  response: {
    writeHead(status: number, headers?: Record<string, string>): unknown;
    write(chunk: string | Buffer, done?: () => void): unknown;
    end(chunk?: string | Buffer): unknown;
  },
) => void;

export interface TestServer {
  readonly port: number;
  /** The connections that were ever made. */
  readonly connections: readonly Socket[];
  close(): Promise<void>;
}

async function listen(server: Server): Promise<TestServer> {
  const connections: Socket[] = [];
  server.on('connection', (socket: Socket) => {
    connections.push(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
  });
  server.on('secureConnection', (socket: Socket) => socket.on('error', () => undefined));
  server.on('tlsClientError', () => undefined);
  server.on('sessionError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

/** Plain HTTP, or with an identity HTTP/2 and HTTP/1.1 over TLS. */
export const serveHttp = (handler: Handler, identity?: Identity): Promise<TestServer> => {
  const listener = (request: AnyRequest, response: AnyResponse): void => {
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    handler(request, response as ServerResponse);
  };
  return listen(
    identity === undefined
      ? createHttpServer(listener)
      : createSecureServer({ ...identity, allowHTTP1: true }, listener),
  );
};

/** Bytes as they come. */
export const serveTcp = (onConnection: (socket: Socket) => void): Promise<TestServer> =>
  listen(createTcpServer(onConnection));

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = await serveTcp(() => undefined);
  await server.close();
  return server.port;
}

export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(`${tmpdir()}/policykeys-test-`);
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Bundles modules of src into a folder of CommonJS files, for child processes: `{ lock: 'src/edge/lock.ts' }`. */
export async function bundle(folder: string, input: Record<string, string>): Promise<void> {
  const script = `
    import { rolldown } from 'rolldown';
    const built = await rolldown({ input: ${JSON.stringify(input)}, platform: 'node', tsconfig: false });
    await built.write({ dir: ${JSON.stringify(folder)}, format: 'cjs', entryFileNames: '[name].cjs' });
    await built.close();`;
  // In a process of its own: rolldown does not know the arrays of Jest's realm.
  const { code, stderr } = await run(process.execPath, ['--input-type=module', '-e', script]);
  if (code !== 0) throw new Error(stderr);
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of this text with Node in a process of its own, until it ends by itself. */
export async function runScript(
  folder: string,
  script: string,
  {
    environment = {},
    options = [],
    args = [],
    until,
  }: {
    readonly environment?: Record<string, string>;
    readonly options?: readonly string[];
    readonly args?: readonly string[];
    readonly until?: Promise<unknown> | undefined;
  } = {},
): Promise<Ended> {
  const file = `${folder}/${randomBytes(6).toString('hex')}.cjs`;
  await writeFile(file, script);
  return run(process.execPath, [...options, file, ...args], { environment, until });
}

export const run = (
  command: string,
  args: readonly string[],
  {
    environment = {},
    until = Promise.resolve(),
  }: {
    readonly environment?: Record<string, string>;
    /** Its stdin ends then. */
    readonly until?: Promise<unknown> | undefined;
  } = {},
): Promise<Ended> =>
  new Promise((resolve) => {
    const child = execFile(
      command,
      [...args],
      { env: { PATH: process.env['PATH'] ?? '', ...environment }, timeout: 25_000 },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode, stdout, stderr });
      },
    );
    child.stdin?.on('error', () => undefined);
    void until.then(() => child.stdin?.end());
  });
