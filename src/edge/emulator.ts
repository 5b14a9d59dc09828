/** Opens the emulator: embedded for `--cloud emulator`, or as a server for any client. */
import { unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Served, ServeOptions } from '../context.ts';
import { defaultTenant, stateBeginning } from '../emulator/state.ts';
import { defaultSwitches } from '../emulator/switches.ts';
import type { Transport } from '../graph/request.ts';
import type { Settings } from '../settings.ts';
import type { World } from '../world.ts';
import { embeddedTransport, openStore, systemWorld } from './emulator-store.ts';
import { fileTrouble, readOwn, writeOwn } from './files.ts';
import { Failure } from '../failure.ts';

export const openEmbedded = (world: World, settings: Settings, cancelled: AbortSignal): Transport =>
  embeddedTransport(openStore(settings.emulatorState, cancelled), {
    tenant: settings.tenant ?? defaultTenant,
    switches: defaultSwitches,
    world: { ...systemWorld, now: () => world.now() },
  });

/** Gives the file that held the state. */
export async function resetEmulator(
  path: string,
  options: { readonly dryRun: boolean; readonly cancelled: AbortSignal },
): Promise<string> {
  const text = (await readOwn(path)) ?? '';
  // The variable may name anything; what is no state, whole or damaged, is not ours to replace.
  const ours = text.startsWith(stateBeginning) || stateBeginning.startsWith(text);
  // Zeros are what a power failure leaves of a file.
  if (!ours && !/^[\0\s]*$/.test(text))
    throw new Failure('input', `${path} holds no state of the emulator`, {
      hint: 'name another file with POLICYKEYS_EMULATOR_STATE, or delete this one yourself',
    });
  if (!options.dryRun) await openStore(path, options.cancelled).reset();
  return path;
}

export async function serve(
  settings: Settings,
  options: ServeOptions,
  cancelled: AbortSignal,
): Promise<Served> {
  const { serveEmulator } = await import('./emulator-server.ts');
  const tenant = settings.tenant ?? defaultTenant;
  const server = await serveEmulator({
    store: openStore(settings.emulatorState),
    tenant,
    port: options.port,
    tls: options.tls,
    latencyMs: options.latencyMs,
    roles: options.roles,
    switches: {
      notFoundStatus: options.notFoundStatus,
      newKeys: options.newKeys,
      keyStatus: options.keyStatus,
      settleMs: options.settleMs,
      pageSize: options.pageSize,
    },
    faults: options.faults,
  });
  // Clients read the throw-away root from a file; it goes with the server.
  const rootFile = `${dirname(settings.emulatorState)}/emulator-root-${new URL(server.graphUrl).port}.pem`;
  const environment = {
    POLICYKEYS_GRAPH_URL: server.graphUrl,
    AZURE_AUTHORITY_HOST: server.authorityUrl,
    AZURE_TENANT_ID: tenant,
    AZURE_CLIENT_ID: server.clientId,
    AZURE_CLIENT_SECRET: server.clientSecret,
  };
  if (server.caFile !== undefined)
    await writeOwn(rootFile, server.caFile).catch(async (error: unknown) => {
      await server.close();
      throw new Failure('input', `cannot write ${rootFile}: ${fileTrouble(error)}`, {
        hint: 'name another place with POLICYKEYS_EMULATOR_STATE',
      });
    });
  return {
    environment:
      server.caFile === undefined ? environment : { ...environment, NODE_EXTRA_CA_CERTS: rootFile },
    ended: new Promise((_, reject) => {
      const end = async (): Promise<void> => {
        await server.close();
        await unlink(rootFile).catch(() => undefined);
        reject(cancelled.reason as Error); // a Failure: see World.onSignal
      };
      if (cancelled.aborted) void end();
      else cancelled.addEventListener('abort', () => void end(), { once: true });
    }),
  };
}
