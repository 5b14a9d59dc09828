import { Argument, Option, type Command } from 'commander';
import {
  addOptions,
  examples,
  lifetimeOptions,
  overwriteOption,
  passwordOption,
  withOptions,
  type AddOptions,
} from '../arguments.ts';
import type { Context, NewFile, Run, Source, StagedFile } from '../context.ts';
import type { CertifiedKey } from '../core/certified-key.ts';
import { keyUses, type KeyUse } from '../core/jwk.ts';
import { parseKeySetId, type KeySetId } from '../core/keyset.ts';
import { parseLifetime } from '../core/lifetime.ts';
import { Secret } from '../core/secret.ts';
import { Failure, isFailure } from '../failure.ts';
import { uploadPkcs12 as uploadPkcs12Request } from '../graph/operations.ts';
import type { View } from '../output.ts';
import { addKey } from './add-key.ts';
import { newPassword, packPfx, pfxView, randomPassword, type AcceptedPfx } from './key-source.ts';

const keySizes = ['2048', '3072', '4096'] as const;

interface Options extends AddOptions {
  readonly subject: string;
  readonly nbf: string;
  readonly exp: string;
  readonly keySize: (typeof keySizes)[number];
  readonly use: KeyUse;
  readonly certificateOut?: string;
  readonly pkcs12Out?: string;
  readonly passwordFrom?: Source;
  readonly overwrite?: boolean;
}

export function addGenerateCertificate(parent: Command, run: Run): void {
  const [nbf, exp] = lifetimeOptions();
  const command = withOptions(
    parent
      .command('generate-certificate')
      .summary('make an RSA key with a self-signed certificate, for a keyset or a file')
      .description(
        'Make an RSA key and a self-signed certificate on this machine, and upload both to a keyset. The private key exists in memory only, unless --pkcs12-out keeps it in a file. With a keyset, the options of the commands that add a key apply.',
      )
      .addArgument(
        new Argument(
          '[keyset]',
          'keyset to upload to; the B2C_1A_ prefix may be left out',
        ).argParser(parseKeySetId),
      ),
    [
      new Option(
        '--subject <name>',
        'such as CN=app.contoso.onmicrosoft.com, O=Contoso (RFC 4514)',
      ).makeOptionMandatory(),
      ...(nbf && exp ? [nbf.default('now'), exp.default('1y')] : []),
      new Option('--key-size <bits>', 'of the RSA key').choices(keySizes).default('2048'),
      new Option('--use <use>', 'what the key is for: signing or encryption')
        .choices(keyUses)
        .default('sig'),
      new Option(
        '--certificate-out <file>',
        'write the certificate for the partner: PEM, or DER to a .cer or .der',
      ),
      new Option(
        '--pkcs12-out <file>',
        'write the key and its certificate as a PFX that B2C takes',
      ),
      passwordOption(),
      overwriteOption(),
      ...addOptions(),
    ],
  ).action((id: KeySetId | undefined, options: Options, self: Command) =>
    run(self, (context) => generateCertificate(context, id, options)),
  );
  examples(
    command,
    'policykeys generate-certificate SamlIdpCert --subject CN=app.contoso.onmicrosoft.com --certificate-out saml.cer',
    'policykeys generate-certificate --subject CN=test --exp 30d --pkcs12-out test.pfx --password-from env:PFX_PASSWORD',
  );
}

export async function generateCertificate(
  context: Context,
  id: KeySetId | undefined,
  options: Options,
): Promise<View> {
  refuseNothingKept(id, options);
  const filePassword =
    options.pkcs12Out === undefined
      ? undefined
      : await newPassword(context, options.passwordFrom, '--password-from');
  const key = await makeKey(context, options);
  const filePfx = filePassword && (await packPfx(context, key, filePassword));
  const files = await stageFiles(context, options, key, filePfx);
  try {
    const pfx = id === undefined && filePfx ? filePfx : await packPfx(context, key, randomPassword(context)); // prettier-ignore
    if (id !== undefined) return await upload(context, id, options, { key, pfx, files });
    await commit(context, files);
    return await pfxView(context, pfx, {
      name: options.pkcs12Out ?? '',
      more: { files: pathsOf(files) },
      ...(context.dryRun ? { done: 'nothing was written' } : {}),
    });
  } finally {
    await Promise.all(files.map((file) => file.discard()));
  }
}

function refuseNothingKept(id: KeySetId | undefined, options: Options): void {
  const { certificateOut, pkcs12Out, passwordFrom } = options;
  if (id === undefined && pkcs12Out === undefined)
    throw new Failure('usage', 'the private key would go nowhere', {
      hint: 'name a keyset to upload it to, or --pkcs12-out with a file',
    });
  if (passwordFrom !== undefined && pkcs12Out === undefined)
    throw new Failure(
      'usage',
      '--password-from protects the file of --pkcs12-out, which is missing',
      {
        hint: 'what goes to a keyset goes under a random password: leave --password-from away',
      },
    );
  if (certificateOut !== undefined && certificateOut === pkcs12Out)
    throw new Failure('usage', '--certificate-out and --pkcs12-out name the same file', {
      hint: 'the certificate is for the partner, the PFX is not',
    });
}

/** For which purposes (RFC 5280 section 4.2.1.3): the service reads the `use` of the key out of it (Q9). */
const usages = {
  sig: ['digitalSignature'],
  enc: ['keyEncipherment', 'dataEncipherment'],
} as const satisfies Record<KeyUse, readonly string[]>;

async function makeKey(context: Context, options: Options): Promise<CertifiedKey> {
  const { encodeName, makeCertificate } = await import('../core/certificate-maker.ts');
  const { parseCertificate } = await import('../core/x509.ts');
  // Both have a default.
  const { nbf = 0, exp = 0 } = parseLifetime(options, context.now());
  // Making a key takes a second: what is wrong with the words is said before.
  encodeName(options.subject);
  const { privateKey, publicKey } = await context.random.rsaKey(Number(options.keySize));
  const certificate = makeCertificate({
    subject: options.subject,
    serial: context.random.bytes(16),
    notBefore: nbf,
    notAfter: exp,
    publicKey,
    privateKey,
    extensions: { keyUsage: usages[options.use], subjectKeyIdentifier: true },
  });
  const leaf = parseCertificate(certificate, 'the certificate that was made');
  return {
    privateKey,
    pkcs8: privateKey.export({ type: 'pkcs8', format: 'der' }),
    leaf,
    chain: [{ certificate: leaf }],
    others: [],
  };
}

/** The PFX first, then the certificate. */
async function stageFiles(
  context: Context,
  { certificateOut, pkcs12Out, overwrite = false }: Options,
  { leaf }: CertifiedKey,
  pfx: AcceptedPfx | undefined,
): Promise<readonly StagedFile[]> {
  const wanted: NewFile[] = [];
  if (pkcs12Out !== undefined && pfx !== undefined)
    wanted.push({ path: pkcs12Out, bytes: pfx.bytes, secret: true, overwrite });
  if (certificateOut !== undefined) {
    const isDer = /\.(?:cer|der)$/i.test(certificateOut);
    const bytes = isDer ? leaf.der : Buffer.from(leaf.x509.toString());
    wanted.push({ path: certificateOut, bytes, secret: false, overwrite });
  }
  const staged: StagedFile[] = [];
  if (context.dryRun) return staged;
  try {
    for (const file of wanted) staged.push(await context.files.stage(file));
    return staged;
  } catch (error) {
    await Promise.all(staged.map((file) => file.discard()));
    throw error;
  }
}

async function commit(context: Context, files: readonly StagedFile[]): Promise<void> {
  for (const file of files) {
    await file.commit();
    context.talk.note(`wrote ${file.path}`);
  }
}

interface Made {
  readonly key: CertifiedKey;
  readonly pfx: AcceptedPfx;
  readonly files: readonly StagedFile[];
}

async function upload(
  context: Context,
  id: KeySetId,
  options: Options,
  { key, pfx, files }: Made,
): Promise<View> {
  const { certificateKey } = await import('./certificate-key.ts');
  const incoming = certificateKey(key.leaf);
  const { pkcs12Out } = options;
  const disk = { kept: false };
  try {
    return await addKey(
      context,
      id,
      { ...options, enable: options.stage !== true },
      {
        incoming: { ...incoming, use: options.use },
        request: (target) =>
          uploadPkcs12Request(target, incoming, {
            key: new Secret(pfx.bytes.toString('base64')),
            password: pfx.password,
          }),
        // With its key on disk a certificate stands for itself; alone it is of use once the key is there.
        prepare: async () => {
          if (pkcs12Out === undefined) return;
          await commit(context, files);
          disk.kept = true;
        },
        show: async ({ keyset, key: { kid = '' }, done, more }) => {
          if (pkcs12Out === undefined) await commit(context, files);
          const facts = { keyset, kid, ...more, files: pathsOf(files) };
          return pfxView(context, pfx, { name: keyset, more: facts, ...(done === undefined ? {} : { done }) }); // prettier-ignore
        },
      },
    );
  } catch (error) {
    if (!disk.kept || !isFailure(error)) throw error;
    throw error.with({
      hint: `the key is in ${pkcs12Out ?? ''}: go on with policykeys upload-pkcs12 ${id} ${pkcs12Out ?? ''} --if-changed`,
    });
  }
}

const pathsOf = (files: readonly StagedFile[]): string[] => files.map(({ path }) => path);
