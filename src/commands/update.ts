import type { Command } from 'commander';
import { examples, fromOption, keySetArgument } from '../arguments.ts';
import type { Context, Run, Source } from '../context.ts';
import type { KeySetId } from '../core/keyset.ts';
import { getKeySet, updateKeySet } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { keySetView, requestsView } from '../views.ts';

interface Options {
  readonly from?: Source;
}

const maxBytes = 1 << 20;

export function addUpdate(parent: Command, run: Run): void {
  const command = parent
    .command('update')
    .summary('replace every key of a keyset (advanced)')
    .description(
      'Replace every key of a keyset by those of a JWK Set with private members. The keys that are there now are gone afterwards; generate-key and the upload commands add a key and keep the others.',
    )
    .addArgument(keySetArgument())
    .addOption(fromOption('the JWK Set'))
    .action((id: KeySetId, options: Options, self: Command) =>
      run(self, (context) => update(context, id, options)),
    );
  examples(command, 'policykeys update PartnerApiSecret --from keys.json --yes');
}

export async function update(context: Context, id: KeySetId, options: Options): Promise<View> {
  const { parseUploadKeySet } = await import('../core/upload-keys.ts');
  const wanted = { flag: '--from', what: 'JWK Set', maxBytes };
  const text = await context.input.text(options.from, wanted);
  const { keys, dropped } = parseUploadKeySet(text.reveal(), 'the JWK Set', context.now());
  if (dropped.length > 0) context.talk.note(`left out of the JWK Set: ${dropped.join(', ')}`);
  const before = await context.graph.read(getKeySet(id));
  const request = updateKeySet(id, keys, before);
  if (context.dryRun) return requestsView(context.graph, [request]);
  const losing = `${String(before.keys.length)} key(s) of ${id}`;
  await context.talk.confirm(`replaces every key of ${id}`, () =>
    Promise.resolve(`Replace ${losing} by ${String(keys.length)}?`),
  );
  const after = await context.graph.write(request);
  return keySetView(after, context.now(), `replaced ${losing} by ${String(after.keys.length)}`);
}
