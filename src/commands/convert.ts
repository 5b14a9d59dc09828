import { Option, type Command } from 'commander';
import {
  examples,
  overwriteOption,
  parseNewFile,
  parseSource,
  refuseTwoStdins,
  withOptions,
} from '../arguments.ts';
import type { Context, Run, Source } from '../context.ts';
import type { Secret } from '../core/secret.ts';
import type { View } from '../output.ts';
import {
  acceptedPfx,
  howConverted,
  keySourceArgument,
  keySourceOptions,
  newPassword,
  pfxView,
  readKeySource,
  type KeySource,
  type KeySourceOptions,
} from './key-source.ts';

interface Options extends KeySourceOptions {
  readonly out: string;
  readonly outPasswordFrom?: Source;
  readonly overwrite?: boolean;
}

export function addConvert(parent: Command, run: Run): void {
  const command = withOptions(
    parent
      .command('convert')
      .summary('make of a PFX of any kind, or of PEM files, one that B2C takes')
      .description(
        'Write a PFX that B2C takes (TripleDES-SHA1 for the key and the certificates, SHA-1 MAC) from a PFX of any kind, or from PEM files. What is so already is written as it is. Nothing is sent.',
      )
      .addArgument(keySourceArgument()),
    [
      new Option('--out <file>', 'the PFX to write').argParser(parseNewFile).makeOptionMandatory(),
      ...keySourceOptions(),
      new Option(
        '--out-password-from <source>',
        'another password for the PFX that is written: a file, - for stdin, or env:NAME',
      ).argParser(parseSource),
      overwriteOption(),
    ],
  ).action((source: Source | undefined, options: Options, self: Command) =>
    run(self, (context) => convert(context, source, options)),
  );
  examples(
    command,
    'policykeys convert modern.pfx --out b2c.pfx --password-from env:PFX_PASSWORD',
    'policykeys convert --certificate fullchain.pem --key privkey.pem --out b2c.pfx --out-password-from env:PFX_PASSWORD',
  );
}

export async function convert(
  context: Context,
  source: Source | undefined,
  options: Options,
): Promise<View> {
  const sources = [source, options.certificate, options.key, options.chain];
  refuseTwoStdins(
    ...sources,
    options.passwordFrom,
    options.keyPasswordFrom,
    options.outPasswordFrom,
  );
  const { out: name, overwrite = false } = options;
  // Before anything is asked or opened.
  await context.files.check({ path: name, overwrite });
  const given = await readKeySource(context, source, options);
  const password = await outPassword(context, given, options);
  const pfx = await acceptedPfx(context, given, password);
  await context.checkpoint();
  const how = howConverted(given);
  if (context.dryRun)
    return pfxView(context, pfx, { name, more: { files: [] }, done: `${name} was not written` });
  const file = await context.files.stage({ path: name, bytes: pfx.bytes, secret: true, overwrite });
  await file.commit();
  const done = `wrote ${name}${how === undefined ? '' : `: ${how}`}`;
  return pfxView(context, pfx, { name, more: { files: [name] }, done });
}

/** A file stays, and so its password must be one that somebody knows. */
async function outPassword(
  context: Context,
  given: KeySource,
  { outPasswordFrom }: Options,
): Promise<Secret> {
  if (outPasswordFrom === undefined && given.password !== undefined) return given.password;
  return newPassword(context, outPasswordFrom, '--out-password-from');
}
