import type { Command } from 'commander';
import { examples, keySetArgument } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import type { KeySetId } from '../core/keyset.ts';
import { isFailure } from '../failure.ts';
import { createKeySet, getKeySet } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { keySetView, requestsView } from '../views.ts';

interface Options {
  readonly ifMissing?: boolean;
}

export function addCreate(parent: Command, run: Run): void {
  const command = parent
    .command('create')
    .summary('create an empty keyset')
    .description('Create an empty keyset. Keys are added by generate-key and the upload commands.')
    .addArgument(keySetArgument())
    .option('--if-missing', 'exit 0 when it exists already')
    .action((id: KeySetId, options: Options, self: Command) =>
      run(self, (context) => create(context, id, options)),
    );
  examples(
    command,
    'policykeys create TokenSigningKeyContainer',
    'policykeys create PartnerApiSecret --if-missing -o none',
  );
}

export async function create(context: Context, id: KeySetId, options: Options): Promise<View> {
  const request = createKeySet(id);
  if (context.dryRun) return requestsView(context.graph, [request]);
  try {
    const keySet = await context.graph.write(request);
    return keySetView(keySet, context.now(), `created ${keySet.id}`);
  } catch (error) {
    // Asked for after the refusal and not before: another process may create it in between.
    if (!options.ifMissing || !isFailure(error, 'conflict')) throw error;
    const keySet = await context.graph.read(getKeySet(id));
    return keySetView(keySet, context.now(), `${id} exists already: nothing to do`);
  }
}
