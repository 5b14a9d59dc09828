import { Argument, Option, type Command } from 'commander';
import {
  addOptions,
  examples,
  ifChangedOption,
  keySetArgument,
  parseSource,
  withOptions,
  type AddOptions,
} from '../arguments.ts';
import type { Context, Run, Source } from '../context.ts';
import type { KeySetId } from '../core/keyset.ts';
import { uploadCertificate as uploadCertificateRequest } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { addKey } from './add-key.ts';

interface Options extends AddOptions {
  readonly allowExpired?: boolean;
}

const maxBytes = 1 << 20;

export function addUploadCertificate(parent: Command, run: Run): void {
  const command = withOptions(
    parent
      .command('upload-certificate')
      .summary("add a partner's public certificate")
      .description(
        "Add a public certificate (PEM or DER), such as a partner's encryption certificate. Its dates are the key's. A certificate with its private key goes through upload-pkcs12.",
      )
      .addArgument(keySetArgument())
      .addArgument(
        new Argument('<source>', 'the certificate: a file, - for stdin, or env:NAME').argParser(
          parseSource,
        ),
      ),
    [
      ifChangedOption(),
      new Option('--allow-expired', 'upload it even if it has ended'),
      ...addOptions(),
    ],
  ).action((id: KeySetId, source: Source, options: Options, self: Command) =>
    run(self, (context) => uploadCertificate(context, id, source, options)),
  );
  examples(
    command,
    'policykeys upload-certificate PartnerEncryption partner.cer --create',
    'policykeys upload-certificate PartnerEncryption partner.pem --if-changed',
  );
}

export async function uploadCertificate(
  context: Context,
  id: KeySetId,
  source: Source,
  options: Options,
): Promise<View> {
  const [{ checkCertificate, leafOf, parseCertificateFile }, { certificateKey, warnOfUsage }] =
    await Promise.all([import('../core/x509.ts'), import('./certificate-key.ts')]);
  const { bytes, name } = await context.input.bytes(source, maxBytes);
  const leaf = leafOf(parseCertificateFile(bytes, name), name);
  checkCertificate(leaf, name, { now: context.now(), allowExpired: options.allowExpired === true });
  const incoming = certificateKey(leaf);
  return addKey(context, id, options, {
    incoming,
    request: (target) => uploadCertificateRequest(target, incoming, leaf.der),
    inspect: (before) => {
      warnOfUsage(context, before, leaf, name);
    },
  });
}
