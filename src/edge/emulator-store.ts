/** Where the embedded Graph keeps its state, and the transport that carries requests to it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { EmulatorRequest, EmulatorResponse, World } from '../emulator/exchange.ts';
import { answer } from '../emulator/service.ts';
import { emptyState, parseState, serializeState, type EmulatorState } from '../emulator/state.ts';
import type { Switches } from '../emulator/switches.ts';
import { Failure } from '../failure.ts';
import type { HttpRequest, HttpResponse, Transport } from '../graph/request.ts';
import { errorCode, fileTrouble, makeFolder, writeOwn } from './files.ts';
import { withLock } from './lock.ts';

export interface EmulatorStore {
  /** Reads, works, and writes when `work` gives another state back; one at a time. */
  update<T>(
    work: (state: EmulatorState) => Promise<{ readonly state: EmulatorState; readonly value: T }>,
  ): Promise<T>;
  read(): Promise<EmulatorState>;
  reset(): Promise<void>;
}

export const systemWorld: World = {
  now: () => Date.now(),
  randomBytes: (size) => randomBytes(size),
  uuid: () => randomUUID(),
};

/** Does one piece of work after the other, whether or not the one before failed. */
function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/**
 * The state in a file that several processes may share: an update holds `<path>.lock`, a read needs
 * no lock, since the file is only ever replaced as a whole. No file is the empty state. Failures:
 * `input`.
 */
export function openStore(path: string, cancelled?: AbortSignal): EmulatorStore {
  // Within a process a queue is quicker and fairer than the lock.
  const inTurn = oneAtATime();
  const trouble = (what: string, error: unknown): unknown =>
    error instanceof Failure
      ? error
      : new Failure('input', `cannot ${what} the emulator's state ${path}: ${fileTrouble(error)}`, {
          hint: 'name another file with POLICYKEYS_EMULATOR_STATE',
          cause: error,
        });

  async function read(): Promise<EmulatorState> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return emptyState;
      throw trouble('read', error);
    }
    return parseState(text);
  }

  async function locked<T>(work: () => Promise<T>): Promise<T> {
    try {
      await makeFolder(dirname(path));
    } catch (error) {
      throw trouble('write', error);
    }
    return inTurn(async () => {
      try {
        return await withLock(`${path}.lock`, work, cancelled === undefined ? {} : { cancelled });
      } catch (error) {
        // What the file system says has a code such as EACCES; a bug has none, or one of Node's own.
        const code = errorCode(error) ?? 'ERR_';
        throw code.startsWith('ERR_') ? error : trouble('write', error);
      }
    });
  }

  return {
    read,
    update: (work) =>
      locked(async () => {
        const before = await read();
        const { state, value } = await work(before);
        if (state !== before) await writeOwn(path, serializeState(state));
        return value;
      }),
    // Without reading: a damaged file is what a reset is for.
    reset: () => locked(() => writeOwn(path, serializeState(emptyState))),
  };
}

/** A store that ends with the process. */
export function memoryStore(initial: EmulatorState = emptyState): EmulatorStore {
  let current = initial;
  const inTurn = oneAtATime();
  return {
    read: () => Promise.resolve(current),
    update: (work) =>
      inTurn(async () => {
        const { state, value } = await work(current);
        current = state;
        return value;
      }),
    reset: () =>
      inTurn(() => {
        current = emptyState;
        return Promise.resolve();
      }),
  };
}

export interface EmulatedTenant {
  /** A domain name or a GUID. */
  readonly tenant: string;
  readonly switches: Switches;
  readonly world: World;
}

/** Answers one request out of the store; only what writes waits for its turn. */
export async function answerFrom(
  store: EmulatorStore,
  request: EmulatorRequest,
  { tenant, switches, world }: EmulatedTenant,
): Promise<EmulatorResponse> {
  if (request.method === 'GET') {
    const { response } = await answer(await store.read(), request, tenant, switches, world);
    return response;
  }
  return store.update(async (before) => {
    const { response, state } = await answer(before, request, tenant, switches, world);
    return { state, value: response };
  });
}

/** The Graph of `--cloud emulator`: in this process, without sign-in, with every permission. */
export const embeddedTransport = (store: EmulatorStore, options: EmulatedTenant): Transport => ({
  async send(request: HttpRequest): Promise<HttpResponse> {
    const { url, method } = request;
    const { status, headers, body } = await answerFrom(
      store,
      {
        method,
        path: url.pathname + url.search,
        origin: url.origin,
        headers: Object.fromEntries(
          Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
        ),
        body: request.body ?? '',
      },
      options,
    );
    const bytes = Buffer.from(body ?? '', 'utf8');
    if (bytes.length > request.maxBytes)
      throw new Failure('service', `the emulator's answer has ${String(bytes.length)} bytes`, {
        hint: `at most ${String(request.maxBytes)} are read`,
      });
    return { status, headers, body: bytes };
  },
  close: () => Promise.resolve(),
});
