/** The embedded Graph and its sign-in service on a real port of this machine, with faults to order. */
import { generateKeyPair, randomBytes, randomUUID, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, ServerResponse, type IncomingMessage } from 'node:http';
import {
  constants,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import type { Server, Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { makeCertificate } from '../core/certificate-maker.ts';
import { day, type NumericDate } from '../core/lifetime.ts';
import { errorAnswer, exchangeIds, unauthorized } from '../emulator/errors.ts';
import {
  splitPath,
  type EmulatorRequest,
  type EmulatorResponse,
  type World,
} from '../emulator/exchange.ts';
import {
  faultAnswer,
  parseFault,
  takeFault,
  type Fault,
  type FaultEffect,
} from '../emulator/faults.ts';
import { operationOf, type Operation } from '../emulator/routes.ts';
import { defaultTenant, tenantId } from '../emulator/state.ts';
import { defaultSwitches, type Switches } from '../emulator/switches.ts';
import { answerSignIn, readBearer, type Registration } from '../emulator/tokens.ts';
import { Failure } from '../failure.ts';
import { answerFrom, memoryStore, systemWorld, type EmulatorStore } from './emulator-store.ts';

export interface ServerOptions {
  /** Absent: a store that ends with the server. */
  readonly store?: EmulatorStore;
  /** A domain name or a GUID, for messages; tokens may be had for any tenant. */
  readonly tenant?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** The application permissions in tokens. */
  readonly roles?: readonly string[];
  readonly switches?: Partial<Switches>;
  readonly world?: World;
  /** Absent: any free one. */
  readonly port?: number;
  /** Absent: true. */
  readonly tls?: boolean;
  /** Before every answer. */
  readonly latencyMs?: number;
  /** Faults from the start, as `faults.add` takes them. */
  readonly faults?: readonly string[];
  /** Sees every request before it is carried out, credentials included: for tests. */
  readonly onRequest?: (request: ReceivedRequest) => void;
  /** How latency and `delay` faults wait. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ObservedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly operation: Operation | undefined;
  /** 0 when the connection was destroyed without an answer. */
  readonly status: number;
  /** Of the request, without credentials. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface FaultControl {
  /** `WHAT[@OPERATION][:COUNT]`. Failures: `usage`. */
  add(spec: string): void;
  clear(): void;
}

export interface EmulatorServer {
  /** An origin, without a path. */
  readonly graphUrl: string;
  readonly authorityUrl: string;
  /** The content of a CA file: the PEM of the throw-away root; absent without TLS. */
  readonly caFile?: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly tenant: string;
  readonly faults: FaultControl;
  /** The last requests, oldest first. */
  readonly requests: readonly ObservedRequest[];
  close(): Promise<void>;
}

const maxObserved = 1000;
const maxBodyBytes = 4 << 20;
const gzipFromBytes = 1 << 10;
const host = '127.0.0.1';

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

/** Everything that one running server shares between its requests. */
interface Running {
  readonly store: EmulatorStore;
  readonly tenant: string;
  readonly switches: Switches;
  readonly world: World;
  readonly registration: Registration;
  readonly latencyMs: number;
  readonly onRequest: (request: ReceivedRequest) => void;
  readonly pause: (ms: number) => Promise<void>;
  readonly takeFault: (operation: Operation | undefined) => FaultEffect | undefined;
  readonly observe: (request: ObservedRequest) => void;
  readonly origin: () => string;
}

export async function serveEmulator(options: ServerOptions = {}): Promise<EmulatorServer> {
  const world = options.world ?? systemWorld;
  const tenant = options.tenant ?? defaultTenant;
  const registration: Registration = {
    clientId: options.clientId ?? randomUUID(),
    clientSecret: options.clientSecret ?? randomBytes(24).toString('base64url'),
    roles: options.roles ?? ['TrustFrameworkKeySet.ReadWrite.All', 'Policy.Read.All'],
    signingKey: randomBytes(32),
  };
  const requests: ObservedRequest[] = [];
  let faults: readonly Fault[] = (options.faults ?? []).map(parseFault);
  const closing = new AbortController();
  const wait =
    options.wait ?? ((ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }));
  let origin = '';
  const running: Running = {
    store: options.store ?? memoryStore(),
    tenant,
    switches: { ...defaultSwitches, ...options.switches },
    world,
    registration,
    latencyMs: options.latencyMs ?? 0,
    onRequest: options.onRequest ?? (() => undefined),
    pause: (ms) => (ms > 0 ? wait(ms, closing.signal) : Promise.resolve()),
    takeFault: (operation) => {
      const { fault, rest } = takeFault(faults, operation);
      faults = rest;
      return fault?.effect;
    },
    observe: (request) => {
      requests.push(request);
      if (requests.length > maxObserved) requests.shift();
    },
    origin: () => origin,
  };
  const listener = (request: Request, response: Response): void => {
    // A client that goes away in the middle is no reason to end.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    void handle(running, request, response).catch(() => {
      destroy(request, response);
    });
  };
  const { server, caFile } =
    options.tls === false
      ? { server: createServer(listener), caFile: undefined }
      : await secureServer(listener, world);
  const sockets = trackSockets(server);
  server.listen(options.port ?? 0, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure('usage', `cannot listen on port ${String(options.port)}: ${reason}`, {
      hint: 'choose another port, or none for any that is free',
      cause: error,
    });
  }
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  origin = `${caFile === undefined ? 'http' : 'https'}://localhost:${String(port)}`;
  return {
    graphUrl: origin,
    authorityUrl: origin,
    ...(caFile === undefined ? {} : { caFile }),
    clientId: registration.clientId,
    clientSecret: registration.clientSecret,
    tenant,
    faults: {
      add: (spec) => {
        faults = [...faults, parseFault(spec)];
      },
      clear: () => {
        faults = [];
      },
    },
    requests,
    close: async () => {
      closing.abort();
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** HTTP/2 and HTTP/1.1 on one port, behind a certificate that only its own throw-away CA vouches for. */
async function secureServer(
  listener: (request: Request, response: Response) => void,
  world: World,
): Promise<{ readonly server: Server; readonly caFile: string }> {
  const [ca, own] = await Promise.all([newKeyPair(), newKeyPair()]);
  const now: NumericDate = Math.floor(world.now() / 1000);
  // A day back, for clients whose clock is not ours.
  const dates = { notBefore: now - day, notAfter: now + 365 * day };
  const caName = `CN=policykeys emulator ${randomBytes(4).toString('hex')}`;
  const caCertificate = makeCertificate({
    subject: caName,
    serial: randomBytes(16),
    ...dates,
    publicKey: ca.publicKey,
    privateKey: ca.privateKey,
    extensions: { ca: true, keyUsage: ['keyCertSign', 'cRLSign'], subjectKeyIdentifier: true },
  });
  const certificate = makeCertificate({
    subject: 'CN=localhost',
    serial: randomBytes(16),
    ...dates,
    publicKey: own.publicKey,
    issuer: { subject: caName, ...ca },
    extensions: {
      ca: false,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['serverAuth'],
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1', '::1'],
      subjectKeyIdentifier: true,
    },
  });
  const server = createSecureServer(
    {
      allowHTTP1: true,
      key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: pem(certificate),
    },
    listener,
  );
  server.on('sessionError', () => undefined);
  return { server, caFile: pem(caCertificate) };
}

const newKeyPair = async (): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> =>
  promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });

const pem = (certificate: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;

function trackSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    // Else an HTTP/1.1 answer waits 40 ms for the client's delayed acknowledgement.
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('secureConnection', (socket: Socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', (_error: Error, socket: Socket) => {
    socket.destroy();
  });
  server.on('clientError', (_error: Error, socket: Socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
    else socket.destroy();
  });
  return sockets;
}

async function handle(running: Running, request: Request, response: Response): Promise<void> {
  const { world } = running;
  const method = request.method ?? 'GET';
  // A proxy's absolute form, `*` and the like are no path of ours.
  const path = /^\//.test(request.url ?? '') ? (request.url ?? '/') : '/';
  const headers = plainHeaders(request);
  const operation = operationOf(method, splitPath(path).pathname);
  const observed = { method, path, operation, headers: withoutCredentials(headers) };
  const reset = (): void => {
    running.observe({ ...observed, status: 0 });
    destroy(request, response);
  };
  const finish = async (
    answer: EmulatorResponse,
    effect: FaultEffect | undefined,
  ): Promise<void> => {
    await running.pause(running.latencyMs);
    running.observe({ ...observed, status: answer.status });
    await send(request, response, answer, effect);
  };

  const body = await readBody(request);
  const received: EmulatorRequest & { readonly origin: string } = {
    method,
    path,
    headers,
    body: body ?? '',
    origin: running.origin(),
  };
  if (body === undefined) {
    const tooLarge = {
      status: 413,
      code: 'RequestEntityTooLarge',
      message: 'The body is too large.',
    };
    return finish(errorAnswer(tooLarge, exchangeIds(received, world), world), undefined);
  }
  running.onRequest({ method, path, operation, headers, body });
  const effect = running.takeFault(operation);
  switch (effect?.type) {
    case 'status':
    case 'code':
      return finish(faultAnswer(effect, operation, received, world), undefined);
    case 'reset-before':
      reset();
      return;
    case 'reset-after':
      await carryOut(running, received);
      reset();
      return;
    case 'delay':
      await running.pause(effect.ms);
      return finish(await carryOut(running, received), undefined);
    case 'garbage':
    case 'truncated':
    case undefined:
      return finish(await carryOut(running, received), effect);
  }
}

async function carryOut(
  running: Running,
  request: EmulatorRequest & { readonly origin: string },
): Promise<EmulatorResponse> {
  const { world, registration } = running;
  // Graph's paths begin with a version; every other is the sign-in service's.
  if (!/^\/(?:beta|v\d+\.\d+)(?:\/|$)/i.test(request.path))
    return answerSignIn(request, registration, world);
  const bearer = readBearer(request.headers['authorization'], {
    registration,
    origin: request.origin,
    now: world.now(),
  });
  if (typeof bearer === 'string') return unauthorized(bearer, request, world);
  try {
    return await answerFrom(
      running.store,
      { ...request, permissions: bearer.roles },
      {
        // The token knows the tenant's id only; its name reads better in messages.
        tenant: bearer.tenant === tenantId(running.tenant) ? running.tenant : bearer.tenant,
        switches: running.switches,
        world,
      },
    );
  } catch (error) {
    // A damaged state, or a bug: the client sees a 500, as with any service.
    const message = error instanceof Error ? error.message : String(error);
    const failed = { status: 500, code: 'InternalServerError', message };
    return errorAnswer(failed, exchangeIds(request, world), world);
  }
}

function plainHeaders(request: Request): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined && !name.startsWith(':'))
      plain[name] = Array.isArray(value) ? value.join(', ') : value;
  return plain;
}

const credentials = new Set(['authorization', 'proxy-authorization', 'cookie']);

const withoutCredentials = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      credentials.has(name) ? '[redacted]' : value,
    ]),
  );

/** `undefined` when it is longer than the server takes. */
async function readBody(request: Request): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // What is too long is read to its end all the same, so that the client hears the answer.
    if (length <= maxBodyBytes) chunks.push(chunk);
  }
  return length > maxBodyBytes ? undefined : Buffer.concat(chunks).toString('utf8');
}

async function send(
  request: Request,
  response: Response,
  answer: EmulatorResponse,
  effect: FaultEffect | undefined,
): Promise<void> {
  const garbled = effect?.type === 'garbage' ? { ...answer, ...garbage } : answer;
  const { status, headers, bytes } = await encode(garbled, request);
  if (effect?.type === 'truncated' && bytes.length === 0) {
    destroy(request, response);
    return;
  }
  if (response instanceof ServerResponse) response.writeHead(status, headers);
  else response.writeHead(status, headers);
  const out: Writable = response;
  if (effect?.type === 'truncated')
    out.write(bytes.subarray(0, bytes.length >> 1), () => {
      destroy(request, response);
    });
  else out.end(bytes);
}

const garbage = { status: 200, body: '<html><body>It works!</body></html>' };

async function encode(
  { status, headers, body }: EmulatorResponse,
  request: Request,
): Promise<{ status: number; headers: Record<string, string>; bytes: Buffer }> {
  const plain = Buffer.from(body ?? '', 'utf8');
  if (body === undefined)
    return {
      status,
      headers: status === 204 ? headers : { ...headers, 'content-length': '0' },
      bytes: plain,
    };
  const zipped =
    plain.length > gzipFromBytes && /\bgzip\b/i.test(String(request.headers['accept-encoding']));
  const bytes = zipped ? await promisify(gzip)(plain) : plain;
  return {
    status,
    headers: {
      ...headers,
      ...(zipped ? { 'content-encoding': 'gzip', vary: 'accept-encoding' } : {}),
      'content-length': String(bytes.length),
    },
    bytes,
  };
}

/** Ends the exchange without (the rest of) an answer: a stream of HTTP/2, the connection of HTTP/1.1. */
function destroy(request: Request, response: Response): void {
  if (response instanceof ServerResponse) request.socket.destroy();
  else response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
}
