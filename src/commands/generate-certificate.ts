import { Argument, Option, type Command } from 'commander';
import {
  addOptions,
  examples,
  lifetimeOptions,
  overwriteOption,
  parseNewFile,
  passwordOption,
  withOptions,
  type AddOptions,
} from '../arguments.ts';
import type { Context, NewFile, Run, Source, StagedFile } from '../context.ts';
import type { CertifiedKey } from '../core/certified-key.ts';
import { keyUses, type KeyUse } from '../core/jwk.ts';
import { parseKeySetId, type KeySetId } from '../core/keyset.ts';
import { parseLifetime, parseTime } from '../core/lifetime.ts';
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
  readonly exp?: string;
  readonly keySize: (typeof keySizes)[number];
  readonly use: KeyUse;
  readonly certificateOut?: string;
  readonly pkcs12Out?: string;
  readonly passwordFrom?: Source;
  readonly overwrite?: boolean;
}

export function addGenerateCertificate(parent: Command, run: Run): void {
  const [nbf] = lifetimeOptions();
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
      ...(nbf ? [nbf.default('now')] : []),
      new Option('--exp <time>', 'not used from this time on; 1y after --nbf unless set'),
      new Option('--key-size <bits>', 'of the RSA key').choices(keySizes).default('2048'),
      new Option('--use <use>', 'what the key is for: signing or encryption')
        .choices(keyUses)
        .default('sig'),
      new Option(
        '--certificate-out <file>',
        'write the certificate for the partner: PEM, or DER to a .cer or .der',
      ).argParser(parseNewFile),
      new Option(
        '--pkcs12-out <file>',
        'write the key and its certificate as a PFX that B2C takes',
      ).argParser(parseNewFile),
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
  // Before anything is asked or made; with a keyset only once it is known that there is something to do.
  if (id === undefined) await checkFiles(context, options);
  const filePassword =
    options.pkcs12Out === undefined
      ? undefined
      : await newPassword(context, options.passwordFrom, '--password-from');
  const key = await makeKey(context, options);
  const filePfx = filePassword && (await packPfx(context, key, filePassword));
  if (id !== undefined) return upload(context, id, options, { key, filePfx });
  const pfx = filePfx ?? (await packPfx(context, key, randomPassword(context)));
  await context.checkpoint();
  const files = await stageFiles(context, options, key, filePfx);
  await commit(context, files);
  return pfxView(context, pfx, {
    name: options.pkcs12Out ?? '',
    more: { files: pathsOf(files) },
    ...(context.dryRun ? { done: 'nothing was written' } : {}),
  });
}

async function checkFiles(context: Context, options: Options): Promise<void> {
  const { pkcs12Out, certificateOut, overwrite = false } = options;
  for (const path of [pkcs12Out, certificateOut])
    if (path !== undefined) await context.files.check({ path, overwrite });
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
  const { create, ifEmpty, standby, stage, enable } = options;
  if (id === undefined && [create, ifEmpty, standby, stage, enable].includes(true))
    throw new Failure(
      'usage',
      'there is no keyset to which the options of adding a key could apply',
      {
        hint: 'name the keyset, or leave --create, --if-empty, --standby, --stage and --enable away',
      },
    );
  if (certificateOut !== undefined && certificateOut === pkcs12Out) throw oneFileForTwo();
}

const oneFileForTwo = (): Failure =>
  new Failure('usage', '--certificate-out and --pkcs12-out name the same file', {
    hint: 'the certificate is for the partner, the PFX is not',
  });

/** For which purposes (RFC 5280 section 4.2.1.3): the service reads the `use` of the key out of it (Q9). */
const usages = {
  sig: ['digitalSignature'],
  enc: ['keyEncipherment', 'dataEncipherment'],
} as const satisfies Record<KeyUse, readonly string[]>;

async function makeKey(context: Context, options: Options): Promise<CertifiedKey> {
  const { encodeName, makeCertificate } = await import('../core/certificate-maker.ts');
  const { parseCertificate } = await import('../core/x509.ts');
  const now = context.now();
  const nbf = parseTime(options.nbf, now);
  const { exp = parseTime('1y', nbf) } = parseLifetime(options, now);
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
    if (new Set(staged.map(({ place }) => place)).size < staged.length) throw oneFileForTwo();
    return staged;
  } catch (error) {
    await Promise.all(staged.map((file) => file.discard()));
    throw error;
  }
}

async function commit(context: Context, files: readonly StagedFile[]): Promise<void> {
  try {
    for (const file of files) {
      await file.commit();
      context.talk.note(`wrote ${file.path}`);
    }
  } finally {
    await Promise.all(files.map((file) => file.discard()));
  }
}

interface Made {
  readonly key: CertifiedKey;
  /** What --pkcs12-out keeps. */
  readonly filePfx: AcceptedPfx | undefined;
}

async function upload(
  context: Context,
  id: KeySetId,
  options: Options,
  { key, filePfx }: Made,
): Promise<View> {
  const { certificateKey } = await import('./certificate-key.ts');
  const pfx = await packPfx(context, key, randomPassword(context));
  await context.checkpoint();
  const incoming = certificateKey(key.leaf);
  const disk: { files: readonly StagedFile[]; kept: boolean } = { files: [], kept: false };
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
        inspect: () => checkFiles(context, options),
        // With its key on disk a certificate stands for itself; alone it is of use once the key is there.
        prepare: async () => {
          disk.files = await stageFiles(context, options, key, filePfx);
          if (filePfx === undefined) return;
          await commit(context, disk.files);
          disk.kept = true;
        },
        show: async ({ keyset, key: { kid = '' }, done, more }) => {
          if (!disk.kept) await commit(context, disk.files);
          return pfxView(context, pfx, {
            name: keyset,
            more: { keyset, kid, ...more, files: pathsOf(disk.files) },
            ...(done === undefined ? {} : { done }),
          });
        },
      },
    );
  } catch (error) {
    if (!disk.kept || !isFailure(error)) throw error;
    const file = options.pkcs12Out ?? '';
    throw error.with({
      hint: `the key is in ${file}: go on with policykeys upload-pkcs12 ${id} ${file} --if-changed --password-from …`,
    });
  } finally {
    await Promise.all(disk.files.map((file) => file.discard()));
  }
}

const pathsOf = (files: readonly StagedFile[]): string[] => files.map(({ path }) => path);
