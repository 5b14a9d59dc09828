import type { Command } from 'commander';
import { examples, keySetArgument } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import type { KeySetId } from '../core/keyset.ts';
import { listKeysV2 } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { keysView } from '../views.ts';

export function addKeysList(parent: Command, run: Run): void {
  const command = parent
    .command('list')
    .summary('list the keys of a keyset')
    .description("List the keys of a keyset with their status, in the service's order.")
    .addArgument(keySetArgument())
    .action((id: KeySetId, _options: unknown, self: Command) =>
      run(self, (context) => keysList(context, id)),
    );
  examples(
    command,
    'policykeys keys list TokenSigningKeyContainer',
    "policykeys keys list TokenSigningKeyContainer -o tsv --query '[].[kid, state]'",
  );
}

export async function keysList(context: Context, id: KeySetId): Promise<View> {
  return keysView(await context.graph.pages(listKeysV2(id)), context.now());
}
