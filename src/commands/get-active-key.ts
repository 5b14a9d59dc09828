import type { Command } from 'commander';
import { examples, keySetArgument } from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { activeKey, whyActive, type KeySetId } from '../core/keyset.ts';
import { Failure, isFailure } from '../failure.ts';
import {
  getActiveKey as getActiveKeyRequest,
  getKeySet,
  type NamedKey,
} from '../graph/operations.ts';
import type { Cell, View } from '../output.ts';
import { keyView } from '../views.ts';

export function addGetActiveKey(parent: Command, run: Run): void {
  const command = parent
    .command('get-active-key')
    .alias('active')
    .summary('ask the service which key is active')
    .description(
      'Ask the service which key of a keyset is active, and show beside it which one the dates make active and why. A warning tells when the two differ.',
    )
    .addArgument(keySetArgument())
    .action((id: KeySetId, _options: unknown, self: Command) =>
      run(self, (context) => getActiveKey(context, id)),
    );
  examples(
    command,
    'policykeys get-active-key TokenSigningKeyContainer',
    'policykeys active TokenSigningKeyContainer -o tsv --query kid',
  );
}

export async function getActiveKey(context: Context, id: KeySetId): Promise<View> {
  const { keys } = await context.graph.read(getKeySet(id));
  // The service's own answer for an empty keyset is not known (keysets-api.md Q13).
  if (keys.length === 0)
    throw new Failure('not-found', `${id} has no keys, so none is active`, {
      hint: `add one: policykeys generate-key ${id} --kty RSA --use sig`,
    });
  const now = context.now();
  const why = whyActive(keys, now);
  const key = await askService(context, id, why);
  const byDates = activeKey(keys, now);
  const agree = byDates?.kid === key.kid;
  if (!agree)
    context.talk.warn(
      `the service says ${key.kid} is active, the dates say ${byDates?.kid ?? 'none'} (${why})`,
    );
  const listed = keys.find((one) => one.kid === key.kid) ?? key;
  const all = keys.includes(listed) ? keys : [...keys, listed];
  const view = keyView({ keyset: id, key: listed, keys: all, now });
  const dates: Cell = {
    text: agree ? `the same: ${why}` : `${byDates?.kid ?? 'none'}: ${why}`,
    ...(agree ? {} : { tone: 'warn' as const }),
  };
  return {
    ...view,
    table: {
      ...view.table,
      columns: [...view.table.columns, 'BY THE DATES'],
      rows: view.table.rows.map((row) => [...row, dates]),
    },
  };
}

/** AADB2C90019 is an answer, not a failure of the service: there is no active key. */
async function askService(context: Context, id: KeySetId, why: string): Promise<NamedKey> {
  try {
    return await context.graph.read(getActiveKeyRequest(id));
  } catch (error) {
    if (!isFailure(error) || error.details.code !== 'AADB2C90019') throw error;
    throw new Failure('not-found', `${id} has no active key (by the dates: ${why})`, {
      ...error.details,
      hint: `see policykeys get ${id}`,
      cause: error,
    });
  }
}
