import type { Command } from 'commander';
import { examples, keySetArgument } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { backupOf, isBackup, type KeySetId } from '../core/keyset.ts';
import { isFailure } from '../failure.ts';
import { deleteKeySet, getKeySet } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { idView, requestsView } from '../views.ts';

interface Options {
  readonly ifExists?: boolean;
  readonly purge?: boolean;
}

export function addDelete(parent: Command, run: Run): void {
  const command = parent
    .command('delete')
    .alias('rm')
    .summary('delete a keyset')
    .description(
      'Delete a keyset with all its keys. The service keeps a copy as <id>.bak; --purge deletes that too.',
    )
    .addArgument(keySetArgument())
    .option('--if-exists', 'exit 0 when there is no such keyset')
    .option('--purge', 'delete the .bak copy as well')
    .action((id: KeySetId, options: Options, self: Command) =>
      run(self, (context) => deleteKeySetAndCopy(context, id, options)),
    );
  examples(
    command,
    'policykeys delete PartnerApiSecret',
    'policykeys delete PartnerApiSecret --if-exists --purge --yes',
  );
}

export async function deleteKeySetAndCopy(
  context: Context,
  id: KeySetId,
  options: Options,
): Promise<View> {
  const purged = options.purge === true && !isBackup(id) ? backupOf(id) : undefined;
  const requests = [id, ...(purged === undefined ? [] : [purged])].map(deleteKeySet);
  const isMissing = (error: unknown): boolean =>
    options.ifExists === true && isFailure(error, 'not-found');
  let missing = false;
  try {
    if (context.dryRun) {
      await context.graph.read(getKeySet(id));
      return requestsView(context.graph, requests);
    }
    // Looked at for the sake of the question: a script that says --yes is not slowed down.
    await context.talk.confirm(`deletes ${id} with all its keys`, async () => {
      const { keys } = await context.graph.read(getKeySet(id));
      return `Delete ${id} and its ${String(keys.length)} key(s)?`;
    });
    await context.graph.write(deleteKeySet(id));
  } catch (error) {
    if (!isMissing(error)) throw error;
    if (context.dryRun) return requestsView(context.graph, requests.slice(1));
    missing = true;
  }
  const gone = [
    ...(missing ? [] : [id]),
    ...(purged !== undefined && (await purge(context, purged)) ? [purged] : []),
  ];
  return idView(
    id,
    gone.length === 0 ? `${id} does not exist: nothing to do` : `deleted ${gone.join(' and ')}`,
  );
}

/** Whether there was a copy to delete. */
async function purge(context: Context, copy: KeySetId): Promise<boolean> {
  try {
    await context.graph.write(deleteKeySet(copy));
    return true;
  } catch (error) {
    if (isFailure(error, 'not-found')) return false;
    throw error;
  }
}
