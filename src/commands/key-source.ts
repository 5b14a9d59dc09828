/** A certificate with its private key, from a PFX or from PEM parts: read, checked, and in the form that B2C takes. */
import { Argument, Option } from 'commander';
import { parseSource, passwordOption, refuseTwoStdins } from '../arguments.ts';
import type { Context, Source } from '../context.ts';
import type { CertifiedKey } from '../core/certified-key.ts';
import type { Pkcs12 } from '../core/pkcs12.ts';
import { Secret } from '../core/secret.ts';
import { Failure } from '../failure.ts';
import type { InspectionFacts } from '../file-views.ts';
import type { View } from '../output.ts';

export interface KeySourceOptions {
  readonly passwordFrom?: Source;
  /** False with `--no-password`. */
  readonly password?: boolean;
  readonly certificate?: Source;
  readonly key?: Source;
  readonly chain?: Source;
  readonly keyPasswordFrom?: Source;
  readonly alias?: string;
  readonly allowExpired?: boolean;
}

export const keySourceArgument = (): Argument =>
  new Argument('[source]', 'the PFX: a file, - for stdin, or env:NAME (base64)').argParser(
    parseSource,
  );

export const noPasswordOption = (): Option =>
  new Option('--no-password', 'the PFX has no password').conflicts('passwordFrom');

export const aliasOption = (): Option =>
  new Option('--alias <name>', 'which private key of the PFX, by its friendly name');

const pemOption = (flags: string, what: string): Option =>
  new Option(flags, what).argParser(parseSource);

export const keySourceOptions = (): Option[] => [
  passwordOption(),
  noPasswordOption(),
  pemOption(
    '--certificate <file>',
    'in place of a PFX: the certificate, PEM; its chain may follow',
  ),
  pemOption('--key <file>', 'its private key, PEM'),
  pemOption('--chain <file>', 'the certificates above it, PEM'),
  pemOption('--key-password-from <source>', 'the password of the private key, if it has one'),
  aliasOption().conflicts(['certificate', 'key', 'chain']),
  new Option('--allow-expired', 'even if the certificate has ended'),
];

export interface KeySource {
  /** For messages: the file, or the files. */
  readonly name: string;
  readonly key: CertifiedKey;
  /** The PFX as it came; absent for PEM parts. */
  readonly pfx?: {
    readonly bytes: Buffer;
    readonly contents: Pkcs12;
    /** Why B2C would not take it as it is. */
    readonly reasons: readonly string[];
  };
  /** What was given to protect it with; absent where it has none. */
  readonly password?: Secret;
}

const passwordBytes = 1 << 10;

/** Fails as `usage` or `input` before anything is sent. */
export async function readKeySource(
  context: Context,
  source: Source | undefined,
  options: KeySourceOptions,
): Promise<KeySource> {
  const { certificate, key, chain, keyPasswordFrom, passwordFrom } = options;
  refuseTwoStdins(source, certificate, key, chain, keyPasswordFrom, passwordFrom);
  const parts = [certificate, key, chain, keyPasswordFrom].filter((one) => one !== undefined);
  if (source !== undefined && parts.length > 0)
    throw new Failure('usage', 'a PFX and PEM parts are two sources for one key', {
      hint: 'pass the PFX alone, or --certificate and --key without it',
    });
  if (source === undefined && (certificate === undefined || key === undefined))
    throw new Failure(
      'usage',
      parts.length === 0 ? 'a PFX is missing' : '--certificate and --key belong together',
      { hint: 'pass a PFX, or --certificate and --key with PEM files' },
    );
  const read =
    source === undefined
      ? await readParts(context, options)
      : await readPfx(context, source, options);
  await context.checkpoint();
  const { checkCertificate } = await import('../core/x509.ts');
  checkCertificate(read.key.leaf, read.name, {
    now: context.now(),
    allowExpired: options.allowExpired === true,
  });
  return read;
}

async function readPfx(
  context: Context,
  source: Source,
  options: KeySourceOptions,
): Promise<KeySource> {
  const { maxPkcs12Bytes, needsPassword, openPkcs12, outlinePkcs12 } =
    await import('../core/pkcs12.ts');
  const { certifiedKey, whyConverted } = await import('../core/certified-key.ts');
  const { bytes, name } = await context.input.bytes(source, maxPkcs12Bytes);
  // Where nothing depends on a password there is nothing to ask.
  const asked = needsPassword(outlinePkcs12(bytes, name)) || options.passwordFrom !== undefined;
  const password = asked ? await readPassword(context, name, options) : undefined;
  const contents = await openPkcs12(bytes, password ?? new Secret(''), name);
  const key = certifiedKey(contents, name, options.alias);
  const reasons = whyConverted(contents, key, password !== undefined);
  return {
    name,
    key,
    pfx: { bytes, contents, reasons },
    ...(password === undefined ? {} : { password }),
  };
}

/** `undefined` with `--no-password`. `name` is the file that it opens. */
export async function readPassword(
  context: Context,
  name: string,
  options: Pick<KeySourceOptions, 'passwordFrom' | 'password'>,
): Promise<Secret | undefined> {
  if (options.password === false) return undefined;
  return context.input.text(options.passwordFrom, {
    flag: '--password-from',
    what: `Password of ${name}`,
    maxBytes: passwordBytes,
    emptyHint: 'if it has no password, pass --no-password',
  });
}

async function readParts(context: Context, options: KeySourceOptions): Promise<KeySource> {
  const { maxPkcs12Bytes } = await import('../core/pkcs12.ts');
  const { certifiedKey } = await import('../core/certified-key.ts');
  const { readPemKeyParts } = await import('../core/pem-parts.ts');
  const read = (source: Source): ReturnType<Context['input']['bytes']> =>
    context.input.bytes(source, maxPkcs12Bytes);
  const files: { bytes: Buffer; name: string }[] = [];
  for (const source of [options.certificate, options.chain])
    if (source !== undefined) files.push(await read(source));
  // It was looked at before.
  const key = await read(options.key ?? { kind: 'stdin' });
  const name = [...new Set([...files.map((file) => file.name), key.name])].join(' with ');
  const parts = await readPemKeyParts(files, key, () =>
    context.input.text(options.keyPasswordFrom, {
      flag: '--key-password-from',
      what: `Password of ${key.name}`,
      maxBytes: passwordBytes,
    }),
  );
  return {
    name,
    key: certifiedKey(parts, name),
    ...(options.passwordFrom === undefined
      ? {}
      : { password: await newPassword(context, options.passwordFrom, '--password-from') }),
  };
}

/** For a PFX that is made: asked for twice. */
export const newPassword = (
  context: Context,
  source: Source | undefined,
  flag: string,
): Promise<Secret> =>
  context.input.text(source, {
    flag,
    what: 'Password for the new PFX',
    maxBytes: passwordBytes,
    chosen: true,
  });

/** For a PFX that nobody opens but the service, which insists on one. */
export const randomPassword = (context: Context): Secret =>
  new Secret(context.random.bytes(32).toString('base64url'));

export interface AcceptedPfx {
  readonly bytes: Buffer;
  readonly contents: Pkcs12;
  readonly password: Secret;
}

/** What was done to the source on its way to B2C, and why; `undefined` where it went as it came. */
export function howConverted({ name, pfx, key }: KeySource): string | undefined {
  if (pfx?.reasons.length === 0) return undefined;
  const left = key.others.length;
  const others = `${String(left)} certificate${left === 1 ? '' : 's'} left out`;
  return [
    pfx === undefined
      ? `a PFX was made of ${name}, as TripleDES-SHA1 with a SHA-1 MAC`
      : `${name} was converted to TripleDES-SHA1 with a SHA-1 MAC, since ${pfx.reasons.join(', ')}`,
    ...(left > 0 ? [others] : []),
  ].join('; ');
}

/** The source in the form that B2C takes, under this password: as it came where it is so already. */
export async function acceptedPfx(
  context: Context,
  { key, pfx, password: given }: KeySource,
  password: Secret,
): Promise<AcceptedPfx> {
  if (pfx?.reasons.length === 0 && given?.reveal() === password.reveal())
    return { ...pfx, password };
  return packPfx(context, key, password);
}

export async function packPfx(
  context: Context,
  key: CertifiedKey,
  password: Secret,
): Promise<AcceptedPfx> {
  const { writePkcs12 } = await import('../core/pkcs12-writer.ts');
  const written = await writePkcs12(key, password, (size) => context.random.bytes(size));
  return { ...written, password };
}

/** cli.md section 4: the facts of inspect for what was written or uploaded. */
export async function pfxView(
  context: Context,
  { contents, password }: AcceptedPfx,
  facts: Omit<InspectionFacts, 'now'>,
): Promise<View> {
  const { inspectOpened } = await import('../core/inspection.ts');
  const { inspectionView } = await import('../file-views.ts');
  const now = context.now();
  const hasPassword = password.reveal() !== '';
  return inspectionView(inspectOpened(contents, { name: facts.name, now, hasPassword }), {
    ...facts,
    now,
  });
}
