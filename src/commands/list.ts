import type { Command } from 'commander';
import { examples } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { isBackup } from '../core/keyset.ts';
import { listKeySets } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { keySetsView } from '../views.ts';

interface Options {
  readonly includeBackups?: boolean;
}

export function addList(parent: Command, run: Run): void {
  const command = parent
    .command('list')
    .alias('ls')
    .summary('list the keysets of the tenant')
    .description('List the keysets of the tenant, with the active key of each by its dates.')
    .option('--include-backups', 'the .bak copies of deleted keysets too')
    .action((options: Options, self: Command) => run(self, (context) => list(context, options)));
  examples(
    command,
    'policykeys list',
    "policykeys list -o tsv --query '[].id'",
    'policykeys list --include-backups -o json',
  );
}

export async function list(context: Context, options: Options): Promise<View> {
  const all = await context.graph.pages(listKeySets());
  const live = all.filter(({ id }) => !isBackup(id));
  await context.rememberKeySets(live.map(({ id }) => id));
  return keySetsView(options.includeBackups ? all : live, context.now());
}
