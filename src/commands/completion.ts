import { Argument, type Command } from 'commander';
import { examples } from '../arguments.ts';
import type { Run } from '../context.ts';
import type { View } from '../output.ts';
import { shells, type Shell } from '../shells.ts';

/** What the scripts call for the names of keysets. */
export const namesCommand = '__keysets';

export function addCompletion(parent: Command, run: Run): void {
  const command = parent
    .command('completion')
    .summary('print the completion script of a shell')
    .description(
      'Print the script that completes commands, flags, choices, files and keyset names.',
    )
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell: Shell, _options: unknown, self: Command) =>
      run(self, () => completion(shell, parent)),
    );
  examples(
    command,
    'policykeys completion bash > ~/.local/share/bash-completion/completions/policykeys',
    'policykeys completion zsh > "${fpath[1]}/_policykeys"',
    'policykeys completion fish > ~/.config/fish/completions/policykeys.fish',
    'policykeys completion powershell >> $PROFILE',
  );
  parent
    .command(namesCommand, { hidden: true })
    .description('Print the keysets that the last list of this tenant showed.')
    .action((_options: unknown, self: Command) =>
      run(self, async (context) => namesView(await context.rememberedKeySets())),
    );
}

export async function completion(shell: Shell, program: Command): Promise<View> {
  const { completionScript } = await import('../completions.ts');
  const script = completionScript(shell, program);
  return { json: script, table: { columns: [], rows: [], empty: '' }, document: script };
}

const namesView = (names: readonly string[]): View => ({
  json: names,
  table: { columns: ['KEYSET'], rows: names.map((text) => [{ text }]), empty: '' },
  document: names.map((name) => `${name}\n`).join(''),
});
