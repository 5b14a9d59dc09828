import type { Command } from 'commander';
import { examples, keySetArgument } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import type { KeySetId } from '../core/keyset.ts';
import { getKeySet } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { keySetView } from '../views.ts';

export function addGet(parent: Command, run: Run): void {
  const command = parent
    .command('get')
    .alias('show')
    .summary('show a keyset and its keys')
    .description(
      'Show a keyset: its keys, their dates and states, and which one the dates make active.',
    )
    .addArgument(keySetArgument())
    .action((id: KeySetId, _options: unknown, self: Command) =>
      run(self, (context) => get(context, id)),
    );
  examples(
    command,
    'policykeys get TokenSigningKeyContainer',
    'policykeys get B2C_1A_TokenSigningKeyContainer -o json --query activeKid',
  );
}

export async function get(context: Context, id: KeySetId): Promise<View> {
  return keySetView(await context.graph.read(getKeySet(id)), context.now());
}
