import { Option, type Command } from 'commander';
import {
  addOptions,
  examples,
  keySetArgument,
  lifetimeOptions,
  useOption,
  withOptions,
  type AddOptions,
} from '../arguments.ts';
import type { Context, Run } from '../context.ts';
import { keyTypes, type KeyType, type KeyUse } from '../core/jwk.ts';
import type { KeySetId } from '../core/keyset.ts';
import { parseLifetime } from '../core/lifetime.ts';
import { generateKey as generateKeyRequest } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { addKey } from './add-key.ts';

interface Options extends AddOptions {
  readonly kty: KeyType;
  readonly use: KeyUse;
  readonly nbf?: string;
  readonly exp?: string;
}

export function addGenerateKey(parent: Command, run: Run): void {
  const command = withOptions(
    parent
      .command('generate-key')
      .summary('let the service generate a key')
      .description(
        'Add a key that the service generates: its private part is never seen by anybody.',
      )
      .addArgument(keySetArgument()),
    [
      new Option('--kty <kty>', 'type of the key').choices(keyTypes).makeOptionMandatory(),
      useOption(),
      ...lifetimeOptions(),
      ...addOptions(),
    ],
  ).action((id: KeySetId, options: Options, self: Command) =>
    run(self, (context) => generateKey(context, id, options)),
  );
  examples(
    command,
    'policykeys generate-key TokenSigningKeyContainer --kty RSA --use sig --create',
    'policykeys generate-key TokenSigningKeyContainer --kty RSA --use sig --nbf 1d --exp 1y',
    'policykeys generate-key TokenEncryptionKeyContainer --kty RSA --use enc --create --if-empty',
  );
}

export async function generateKey(context: Context, id: KeySetId, options: Options): Promise<View> {
  const key = { kty: options.kty, use: options.use, ...parseLifetime(options, context.now()) };
  return addKey(context, id, options, {
    incoming: key,
    request: (target) => generateKeyRequest(target, key),
  });
}
