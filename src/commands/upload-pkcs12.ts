import { Option, type Command } from 'commander';
import {
  addOptions,
  examples,
  ifChangedOption,
  keySetArgument,
  withOptions,
  type AddOptions,
} from '../arguments.ts';
import type { Context, Run, Source } from '../context.ts';
import type { KeySetId } from '../core/keyset.ts';
import { Secret } from '../core/secret.ts';
import { Failure } from '../failure.ts';
import { uploadPkcs12 as uploadPkcs12Request } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { addKey } from './add-key.ts';
import {
  acceptedPfx,
  howConverted,
  keySourceArgument,
  keySourceOptions,
  randomPassword,
  readKeySource,
  type AcceptedPfx,
  type KeySource,
  type KeySourceOptions,
} from './key-source.ts';

interface Options extends AddOptions, KeySourceOptions {
  /** False with `--no-convert`. */
  readonly convert?: boolean;
}

export function addUploadPkcs12(parent: Command, run: Run): void {
  const command = withOptions(
    parent
      .command('upload-pkcs12')
      .summary('add a certificate with its private key from a PFX, or from PEM files')
      .description(
        'Add a certificate with its private key from a PFX (PKCS #12), or from PEM files. It is opened and checked on this machine first: what B2C takes is sent byte for byte, everything else is written anew in the one form that B2C takes.',
      )
      .addArgument(keySetArgument())
      .addArgument(keySourceArgument()),
    [
      ...keySourceOptions(),
      new Option(
        '--no-convert',
        'send the PFX as it lies, even if B2C is known to refuse its kind',
      ).conflicts(['certificate', 'key', 'chain']),
      ifChangedOption(),
      ...addOptions(),
    ],
  ).action((id: KeySetId, source: Source | undefined, options: Options, self: Command) =>
    run(self, (context) => uploadPkcs12(context, id, source, options)),
  );
  examples(
    command,
    'policykeys upload-pkcs12 SamlIdpCert saml.pfx --password-from env:PFX_PASSWORD --create',
    'policykeys upload-pkcs12 SamlIdpCert saml.pfx --password-from password.txt --if-changed',
    'policykeys upload-pkcs12 SamlIdpCert --certificate fullchain.pem --key privkey.pem --if-changed',
  );
}

export async function uploadPkcs12(
  context: Context,
  id: KeySetId,
  source: Source | undefined,
  options: Options,
): Promise<View> {
  const { certificateKey, warnOfUsage } = await import('./certificate-key.ts');
  const given = await readKeySource(context, source, options);
  const { bytes, password } =
    options.convert === false
      ? asItLies(context, given)
      : await acceptedPfx(context, given, given.password ?? randomPassword(context));
  const incoming = certificateKey(given.key.leaf);
  const key = new Secret(bytes.toString('base64'));
  return addKey(context, id, options, {
    incoming,
    request: (target) => uploadPkcs12Request(target, incoming, { key, password }),
    inspect: (before) => {
      warnOfUsage(context, before, given.key.leaf, given.name);
      const how = options.convert === false ? undefined : howConverted(given);
      if (how !== undefined) context.talk.note(how);
    },
  });
}

function asItLies(context: Context, { name, pfx, password }: KeySource): AcceptedPfx {
  if (pfx === undefined) throw new Failure('usage', '--no-convert is for a PFX');
  if (pfx.reasons.length > 0)
    context.talk.warn(`${name} is sent as it lies, although ${pfx.reasons.join(', ')}`);
  return { ...pfx, password: password ?? new Secret('') };
}
