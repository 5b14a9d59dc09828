/** The program as it is shipped, as a child process, in an empty home and against a real server. */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  serveEmulator,
  type EmulatorServer,
  type ReceivedRequest,
  type ServerOptions,
} from '../../src/edge/emulator-server.ts';
import { leakIn } from './world.ts';

export const binary = join(import.meta.dirname, '../../bin/policykeys.js');
export const sabotage = join(import.meta.dirname, 'sabotage.cjs');

export interface Done {
  /** `null` when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Absent: /dev/null, or a pipe that nothing is written to. */
  readonly stdin?: string | Buffer;
  readonly stdinStaysOpen?: true;
  /** `$1`, `$2`, … of a shell script. */
  readonly words?: readonly string[];
}

export interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Done>;
  /** Resolves when stdout or stderr holds this text, with all that stdout holds by then. */
  says(text: string): Promise<string>;
}

const children = new Set<ChildProcess>();
const servers = new Set<{ close(): Promise<unknown> }>();
const folders = new Set<string>();
const heard: string[] = [];
const secrets = new Set<string>();

/** No output of any child may ever hold this value. */
export function guard(value: string): string {
  secrets.add(value);
  return value;
}

/** Closed when the tests of the file are over. */
export function closeLater<T extends { close(): Promise<unknown> }>(server: T): T {
  servers.add(server);
  return server;
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'policykeys-e2e-'));
  folders.add(folder);
  return folder;
}

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([...servers].map((server) => server.close()));
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  expect(leakIn(heard.join('\n'), secrets)).toBeUndefined();
});

/** Long enough for a machine that is busy; a child that hangs is killed, and its test fails. */
const patienceMs = 25_000;

function launch(command: string, args: readonly string[], options: StartOptions): Running {
  const { stdin, stdinStaysOpen, environment = {} } = options;
  const stdio: StdioOptions = [
    stdin === undefined && stdinStaysOpen === undefined ? 'ignore' : 'pipe',
    'pipe',
    'pipe',
  ];
  const child = spawn(command, args, {
    stdio,
    cwd: environment['HOME'] ?? tmpdir(),
    env: { PATH: process.env['PATH'] ?? '', ...environment },
  });
  children.add(child);
  const text = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
      for (const listener of listeners) listener();
    });
  if (stdin !== undefined) {
    // It may end without having read everything.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin);
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
  const done = new Promise<Done>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      children.delete(child);
      heard.push(text.stdout, text.stderr);
      resolve({ code, signal, ...text });
    });
  });
  return {
    child,
    done,
    says: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!text.stderr.includes(wanted) && !text.stdout.includes(wanted)) return;
          listeners.delete(look);
          resolve(text.stdout);
        };
        listeners.add(look);
        look();
        void done.then(() => {
          reject(new Error(`ended without saying ${wanted}: ${text.stderr}`));
        });
      }),
  };
}

export const start = (args: readonly string[], options: StartOptions = {}): Running =>
  launch(process.execPath, [binary, ...args], options);

/** A script for bash, in which `policykeys` is the program. */
export const shell = (script: string, options: StartOptions = {}): Promise<Done> =>
  launch(
    'bash',
    ['-c', `policykeys() { "${process.execPath}" "${binary}" "$@"; }\n${script}`, 'bash', ...(options.words ?? [])], // prettier-ignore
    options,
  ).done;

/** `get A -o json`; an argument with blanks is given as a list. */
const split = (line: string | readonly string[]): readonly string[] =>
  typeof line === 'string' ? line.split(' ') : line;

export interface Site {
  readonly server: EmulatorServer;
  /** Every request with its credentials and body, as it came. */
  readonly received: ReceivedRequest[];
  readonly home: string;
  /** What points the program at the server, and lets it sign in. */
  readonly environment: Readonly<Record<string, string>>;
  run(line: string | readonly string[], options?: StartOptions): Promise<Done>;
  start(line: string | readonly string[], options?: StartOptions): Running;
  shell(script: string, options?: StartOptions): Promise<Done>;
  /** Resolves once the server has this many requests of an operation. */
  arrived(operation: string, count?: number): Promise<void>;
}

/** A server of its own, and an empty home. */
export async function openSite(options: ServerOptions = {}): Promise<Site> {
  const received: ReceivedRequest[] = [];
  const listeners = new Set<() => void>();
  const server = closeLater(
    await serveEmulator({
      ...options,
      onRequest: (request) => {
        received.push(request);
        const token = /^Bearer (.*)$/.exec(request.headers['authorization'] ?? '')?.[1];
        if (token !== undefined) guard(token);
        options.onRequest?.(request);
        for (const listener of [...listeners]) listener();
      },
    }),
  );
  guard(server.clientSecret);
  const home = newFolder();
  const root = join(home, 'root.pem');
  writeFileSync(root, server.caFile ?? '');
  const environment = {
    HOME: home,
    NODE_EXTRA_CA_CERTS: root,
    POLICYKEYS_GRAPH_URL: server.graphUrl,
    AZURE_AUTHORITY_HOST: server.authorityUrl,
    AZURE_TENANT_ID: server.tenant,
    AZURE_CLIENT_ID: server.clientId,
    AZURE_CLIENT_SECRET: server.clientSecret,
  };
  const withEnvironment = (more: StartOptions = {}): StartOptions => ({
    ...more,
    environment: { ...environment, ...more.environment },
  });
  return {
    server,
    received,
    home,
    environment,
    run: (line, more) => start(split(line), withEnvironment(more)).done,
    start: (line, more) => start(split(line), withEnvironment(more)),
    shell: (script, more) => shell(script, withEnvironment(more)),
    arrived: (operation, count = 1) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (received.filter((one) => one.operation === operation).length < count) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
      }),
  };
}

/** The last line of stderr: a failure with `-o json`. */
export const failure = ({ stderr }: Done): unknown =>
  JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '');
