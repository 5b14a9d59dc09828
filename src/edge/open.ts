/** Builds the real Context from settings and world: the one place where the doors are put together. */
import { generateKeyPair, randomBytes } from 'node:crypto';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { Failure } from '../failure.ts';
import type { Transport } from '../graph/request.ts';
import type { Appearance, Settings } from '../settings.ts';
import { version } from '../version.ts';
import type { World } from '../world.ts';
import { openAudit, type Actor } from './audit.ts';
import { openGraph, type Clock, type GraphOptions } from './graph.ts';
import { openInput } from './input.ts';
import { namesFile, readNames, writeNames } from './names.ts';
import { openTerminal, type Terminal } from './terminal.ts';

export interface Opened {
  readonly context: Context;
  readonly terminal: Terminal;
  close(): Promise<void>;
}

/** `cancelled` is aborted with the Failure that ends the command. */
export async function openContext(
  world: World,
  settings: Settings,
  appearance: Appearance,
  call: { readonly command: string; readonly cancelled: AbortSignal },
): Promise<Opened> {
  const { cancelled } = call;
  const terminal = await openTerminal({
    stdin: world.stdin,
    stdinIsTerminal: world.stdinIsTerminal,
    stderr: world.stderr,
    verbosity: appearance.verbosity,
    yes: settings.yes,
    mayAsk: settings.mayAsk,
    color: appearance.color,
    cancelled,
  });
  const clock: Clock = {
    now: () => world.now(),
    random: () => world.random(),
    async sleep(ms) {
      try {
        await sleep(ms, undefined, { signal: cancelled });
      } catch {
        throw cancelled.reason;
      }
    },
  };
  const endsAt =
    settings.deadlineMs === undefined
      ? Number.POSITIVE_INFINITY
      : world.now() + settings.deadlineMs;
  let transport: Promise<Transport> | undefined;
  const openTransport = async (): Promise<Transport> => {
    if (settings.cloud === 'emulator') {
      const { openEmbedded } = await import('./emulator.ts');
      return openEmbedded(world, settings, cancelled);
    }
    const wanted = {
      timeoutMs: settings.timeoutMs,
      proxies: settings.proxies,
      http1: settings.http1,
      cancelled,
    };
    if (world.openTransport) return world.openTransport(wanted);
    const { openTransport: openReal } = await import('./http.ts');
    return openReal(wanted);
  };
  const shared = (): Promise<Transport> => (transport ??= openTransport());
  const userAgent = `policykeys/${version} (node ${world.nodeVersion}; ${world.platform})`;
  const signIn: GraphOptions['token'] =
    settings.cloud === 'emulator'
      ? undefined
      : async (fresh) => {
          const { credential } = settings;
          if (credential instanceof Failure) throw credential;
          if (settings.otherMethods.length > 0 && !fresh)
            terminal.note(
              `signing in with ${credential.method}; ${settings.otherMethods.join(', ')} configured too`,
            );
          const { openSignIn } = await import('./auth.ts');
          return openSignIn(credential, {
            authority: settings.authority,
            resource: settings.graphResource,
            transport: shared,
            userAgent,
            cacheDirectory: settings.cacheDirectory,
            maxRetries: settings.maxRetries,
            endsAt,
            clock,
            cancelled,
          })(fresh);
        };
  const graph = openGraph({
    origin: settings.graphOrigin,
    transport: shared,
    token: signIn,
    userAgent,
    maxRetries: settings.maxRetries,
    endsAt,
    clock,
    log: terminal,
    audit: openAudit(
      settings.auditLog,
      {
        command: call.command,
        reason: settings.reason,
        pipelineRun: settings.pipelineRun,
        cloud: settings.cloud,
      },
      () => world.now(),
      (text) => {
        terminal.warn(text);
      },
    ),
    beforeWriting: (actor) => {
      refuseOtherTenant(settings, actor);
      terminal.note(`writing to ${tenantName(settings, actor)}`);
    },
  });
  const names = namesFile(settings.cacheDirectory, settings);
  const progress = async <T>(work: Promise<T>): Promise<T> => {
    terminal.start();
    try {
      return await work;
    } finally {
      terminal.stop();
    }
  };
  return {
    terminal,
    context: {
      graph: {
        url: (path) => graph.url(path),
        read: (request) => progress(graph.read(request)),
        pages: (request) => progress(graph.pages(request)),
        write: (request) => progress(graph.write(request)),
      },
      talk: terminal,
      input: openInput({
        stdin: world.stdin,
        stdinIsTerminal: world.stdinIsTerminal,
        environment: world.environment,
        askHidden: terminal.askHidden,
        cancelled,
      }),
      files: {
        check: async (file) => (await import('./new-files.ts')).newFiles.check(file),
        stage: async (file) => (await import('./new-files.ts')).newFiles.stage(file),
      },
      random: {
        bytes: (size) => randomBytes(size),
        rsaKey: async (bits) => {
          const { promisify } = await import('node:util');
          return promisify(generateKeyPair)('rsa', { modulusLength: bits });
        },
      },
      emulator: {
        reset: async (dryRun) =>
          (await import('./emulator.ts')).resetEmulator(settings.emulatorState, {
            dryRun,
            cancelled,
          }),
        serve: async (options) =>
          (await import('./emulator.ts')).serve(settings, options, cancelled),
      },
      dryRun: settings.dryRun,
      checkpoint: async () => {
        await setImmediate();
        cancelled.throwIfAborted();
      },
      now: () => Math.floor(world.now() / 1000),
      rememberKeySets: (ids) => writeNames(names, ids),
      rememberedKeySets: () => readNames(names),
    },
    close: async () => {
      terminal.stop();
      if (transport !== undefined)
        await transport.then(
          (open) => open.close(),
          () => undefined,
        );
    },
  };
}

const guid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A write to the wrong tenant is the worst that can happen. A domain cannot be compared without the network. */
function refuseOtherTenant({ tenant }: Settings, { tenantId }: Actor): void {
  if (tenant === undefined || tenantId === undefined) return;
  if (!guid.test(tenant) || !guid.test(tenantId)) return;
  if (tenant.toLowerCase() !== tenantId.toLowerCase())
    throw new Failure('usage', `the token is for tenant ${tenantId}, and ${tenant} was named`, {
      hint: 'nothing was sent: check --tenant, AZURE_TENANT_ID and the token',
    });
}

const tenantName = (settings: Settings, actor: Actor): string => {
  const name = settings.tenant ?? actor.tenant;
  if (settings.cloud === 'emulator')
    return `the emulator's tenant ${name ?? 'emulator.onmicrosoft.com'}`;
  return name === undefined ? 'the tenant of the token' : `tenant ${name}`;
};
