import type { Command } from 'commander';
import { examples, keySetArgument, kidArgument } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import type { KeySetId, Kid } from '../core/keyset.ts';
import { getKeyV2, listKeysV2 } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { keyView } from '../views.ts';

export function addKeysGet(parent: Command, run: Run): void {
  const command = parent
    .command('get')
    .summary('show one key')
    .description('Show one key of a keyset, with its status.')
    .addArgument(keySetArgument())
    .addArgument(kidArgument())
    .action((id: KeySetId, kid: Kid, _options: unknown, self: Command) =>
      run(self, (context) => keysGet(context, id, kid)),
    );
  examples(
    command,
    'policykeys keys get TokenSigningKeyContainer uQ0c3lTtq0mY8b1Vw2xkJ7s5dR4eZ9aHnP6gLfXoIyE',
  );
}

export async function keysGet(context: Context, id: KeySetId, kid: Kid): Promise<View> {
  const key = await context.graph.read(getKeyV2(id, kid));
  // Whether a usable key is the active one depends on the others.
  const others = (await context.graph.pages(listKeysV2(id))).map((one) =>
    one.kid === key.kid ? key : one,
  );
  const keys = others.includes(key) ? others : [...others, key];
  return keyView({ keyset: id, key, keys, now: context.now() });
}
