import { Option, type Command } from 'commander';
import {
  addOptions,
  examples,
  fromOption,
  keySetArgument,
  lifetimeOptions,
  useOption,
  withOptions,
  type AddOptions,
} from '../arguments.ts';
import type { Context, Run, Source } from '../context.ts';
import type { KeyUse } from '../core/jwk.ts';
import type { KeySetId } from '../core/keyset.ts';
import { parseLifetime } from '../core/lifetime.ts';
import { uploadSecret as uploadSecretRequest } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { addKey } from './add-key.ts';

interface Options extends AddOptions {
  readonly use: KeyUse;
  readonly from?: Source;
  readonly exact?: boolean;
  readonly nbf?: string;
  readonly exp?: string;
}

/** The service states no limit (keysets-api.md section 4); no secret of a provider comes near this one. */
const maxBytes = 64 << 10;

export function addUploadSecret(parent: Command, run: Run): void {
  const command = withOptions(
    parent
      .command('upload-secret')
      .summary('add a secret you were given, such as a client secret')
      .description(
        'Add a secret that a provider gave you (a client secret, an API key) as a key of kty oct. It is read from a file, stdin or the environment, or asked for; it is never an argument.',
      )
      .addArgument(keySetArgument()),
    [
      useOption(),
      fromOption('the secret'),
      new Option('--exact', 'keep a leading byte order mark and a trailing line break'),
      ...lifetimeOptions(),
      ...addOptions(),
    ],
  ).action((id: KeySetId, options: Options, self: Command) =>
    run(self, (context) => uploadSecret(context, id, options)),
  );
  examples(
    command,
    'policykeys upload-secret FacebookSecret --use sig --create',
    'policykeys upload-secret PartnerApiSecret --use sig --from env:PARTNER_SECRET --exp 2027-03-01',
    'pass show partner | policykeys upload-secret PartnerApiSecret --use sig --from - --create',
  );
}

export async function uploadSecret(
  context: Context,
  id: KeySetId,
  options: Options,
): Promise<View> {
  const dates = parseLifetime(options, context.now());
  const k = await context.input.text(options.from, {
    flag: '--from',
    what: 'Secret',
    maxBytes,
    exact: options.exact === true,
  });
  return addKey(context, id, options, {
    incoming: { kty: 'oct', use: options.use, ...dates },
    request: (target) => uploadSecretRequest(target, { use: options.use, k, ...dates }),
  });
}
