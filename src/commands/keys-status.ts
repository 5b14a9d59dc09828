import type { Command } from 'commander';
import { examples, keySetArgument, kidArgument } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { activeKey, isUsable, type KeySetId, type Kid, type KeyStatus } from '../core/keyset.ts';
import { Failure } from '../failure.ts';
import { listKeysV2, setKeyStatus } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { requestsView, statusView } from '../views.ts';

interface Options {
  readonly force?: boolean;
}

export function addKeysEnable(parent: Command, run: Run): void {
  const command = parent
    .command('enable')
    .summary('let a key be used')
    .description('Enable a key: within its dates it can be used again.')
    .addArgument(keySetArgument())
    .addArgument(kidArgument())
    .action((id: KeySetId, kid: Kid, _options: unknown, self: Command) =>
      run(self, (context) => setStatus(context, { id, kid, status: 'enabled', force: false })),
    );
  examples(
    command,
    'policykeys keys enable SamlIdpCert uQ0c3lTtq0mY8b1Vw2xkJ7s5dR4eZ9aHnP6gLfXoIyE',
  );
}

export function addKeysDisable(parent: Command, run: Run): void {
  const command = parent
    .command('disable')
    .summary('take a key out of use')
    .description(
      'Disable a key: it stays in the keyset and is not used. The last usable key is kept.',
    )
    .addArgument(keySetArgument())
    .addArgument(kidArgument())
    .option('--force', 'even if it is the last usable key: sign-ins will fail')
    .action((id: KeySetId, kid: Kid, options: Options, self: Command) =>
      run(self, (context) =>
        setStatus(context, { id, kid, status: 'disabled', force: options.force === true }),
      ),
    );
  examples(
    command,
    'policykeys keys disable TokenSigningKeyContainer uQ0c3lTtq0mY8b1Vw2xkJ7s5dR4eZ9aHnP6gLfXoIyE',
  );
}

export interface StatusChange {
  readonly id: KeySetId;
  readonly kid: Kid;
  readonly status: KeyStatus;
  readonly force: boolean;
}

export async function setStatus(
  context: Context,
  { id, kid, status, force }: StatusChange,
): Promise<View> {
  const keys = await context.graph.pages(listKeysV2(id));
  const key = keys.find((one) => one.kid === kid);
  if (key === undefined)
    throw new Failure('not-found', `${id} has no key ${kid}`, {
      hint: `see policykeys keys list ${id}`,
    });
  const now = context.now();
  const after = keys.map((one) => (one === key ? { ...key, status } : one));
  const next = activeKey(after, now);
  if (status === 'disabled' && isUsable(key, now) && next === undefined && !force)
    throw new Failure(
      'conflict',
      `${kid} is the last usable key of ${id}: without it sign-ins fail`,
      {
        hint: 'add its successor first, or pass --force',
      },
    );
  const request = setKeyStatus(id, kid, status);
  const done = key.status === status;
  if (context.dryRun) return requestsView(context.graph, done ? [] : [request]);
  if (done)
    return statusView(id, kid, status, `${kid} of ${id} is ${status} already: nothing to do`);
  await context.graph.write(request);
  const handover =
    next?.kid === activeKey(keys, now)?.kid ? '' : `; ${next?.kid ?? 'no key'} is active now`;
  return statusView(id, kid, status, `${status} ${kid} of ${id}${handover}`);
}
