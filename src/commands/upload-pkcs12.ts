import { Argument, Option, type Command } from 'commander';
import {
  addOptions,
  examples,
  ifChangedOption,
  keySetArgument,
  parseSource,
  passwordOption,
  refuseTwoStdins,
  withOptions,
  type AddOptions,
} from '../arguments.ts';
import type { Context, Run, Source } from '../context.ts';
import type { KeySetId } from '../core/keyset.ts';
import { looksLikePem } from '../core/pem.ts';
import { Secret } from '../core/secret.ts';
import { Failure } from '../failure.ts';
import { uploadPkcs12 as uploadPkcs12Request } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { addKey } from './add-key.ts';

interface Options extends AddOptions {
  readonly passwordFrom?: Source;
  /** False with `--no-password`. */
  readonly password?: boolean;
  /** False with `--no-convert`. */
  readonly convert?: boolean;
  readonly allowExpired?: boolean;
}

const rewrite =
  'write it anew: openssl pkcs12 -in OLD.pfx -legacy -nodes | openssl pkcs12 -export -out NEW.pfx -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1';

export function addUploadPkcs12(parent: Command, run: Run): void {
  const command = withOptions(
    parent
      .command('upload-pkcs12')
      .summary('add a certificate with its private key from a PFX')
      .description(
        'Add a certificate with its private key from a PFX (PKCS #12). The file is opened and checked on this machine first; what B2C takes is sent byte for byte.',
      )
      .addArgument(keySetArgument())
      .addArgument(
        new Argument('<source>', 'the PFX: a file, - for stdin, or env:NAME (base64)').argParser(
          parseSource,
        ),
      ),
    [
      passwordOption(),
      new Option('--no-password', 'the PFX has no password').conflicts('passwordFrom'),
      new Option('--no-convert', 'send it as it lies, even if B2C is known to refuse its kind'),
      ifChangedOption(),
      new Option('--allow-expired', 'upload it even if its certificate has ended'),
      ...addOptions(),
    ],
  ).action((id: KeySetId, source: Source, options: Options, self: Command) =>
    run(self, (context) => uploadPkcs12(context, id, source, options)),
  );
  examples(
    command,
    'policykeys upload-pkcs12 SamlIdpCert saml.pfx --password-from env:PFX_PASSWORD --create',
    'policykeys upload-pkcs12 SamlIdpCert saml.pfx --password-from password.txt --if-changed',
  );
}

export async function uploadPkcs12(
  context: Context,
  id: KeySetId,
  source: Source,
  options: Options,
): Promise<View> {
  refuseTwoStdins(source, options.passwordFrom);
  const [
    { isOrderedChain, maxPkcs12Bytes, obstacles, openPkcs12, outlinePkcs12 },
    { checkCertificate },
    { certificateKey, warnOfUsage },
  ] = await Promise.all([
    import('../core/pkcs12.ts'),
    import('../core/x509.ts'),
    import('./certificate-key.ts'),
  ]);
  const { bytes, name } = await context.input.bytes(source, maxPkcs12Bytes);
  if (looksLikePem(bytes))
    throw new Failure('input', `${name} is PEM, not a PFX`, {
      hint: 'a certificate alone goes through upload-certificate; with its key make a PFX: openssl pkcs12 -export -in FILE -out NEW.pfx -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1',
    });
  const reasons = obstacles(outlinePkcs12(bytes, name));
  if (options.password === false)
    reasons.push('--no-password says that it has none, and B2C insists on one');
  if (reasons.length > 0 && options.convert !== false) throw unaccepted(name, reasons);
  const password = await readPassword(context, options);
  const pfx = await openPkcs12(bytes, password, name);
  checkCertificate(pfx.leaf, name, {
    now: context.now(),
    allowExpired: options.allowExpired === true,
  });
  if (!isOrderedChain(pfx)) reasons.push('its certificates are not one chain in order, leaf first');
  if (reasons.length > 0) {
    if (options.convert !== false) throw unaccepted(name, reasons);
    context.talk.warn(`${name} is sent as it lies, although ${reasons.join(', ')}`);
  }
  const incoming = certificateKey(pfx.leaf);
  const key = new Secret(bytes.toString('base64'));
  return addKey(context, id, options, {
    incoming,
    request: (target) => uploadPkcs12Request(target, incoming, { key, password }),
    inspect: (before) => {
      warnOfUsage(context, before, pfx.leaf, name);
    },
  });
}

const unaccepted = (name: string, reasons: readonly string[]): Failure =>
  new Failure('input', `B2C does not take ${name} as it is: ${reasons.join(', ')}`, {
    hint: rewrite,
  });

async function readPassword(context: Context, options: Options): Promise<Secret> {
  if (options.password === false) return new Secret('');
  return context.input.text(options.passwordFrom, {
    flag: '--password-from',
    what: 'Password of the PFX',
    maxBytes: 1 << 10,
  });
}
