import { Argument, type Command } from 'commander';
import {
  examples,
  parseSource,
  passwordOption,
  refuseTwoStdins,
  withOptions,
} from '../arguments.ts';
import type { Context, Run, Source } from '../context.ts';
import { Secret } from '../core/secret.ts';
import type { View } from '../output.ts';
import {
  aliasOption,
  noPasswordOption,
  readPassword,
  type KeySourceOptions,
} from './key-source.ts';

type Options = Pick<KeySourceOptions, 'passwordFrom' | 'password' | 'alias'>;

export function addInspect(parent: Command, run: Run): void {
  const command = withOptions(
    parent
      .command('inspect')
      .summary('what a certificate, PFX, key or JWK Set holds, and whether B2C takes it')
      .description(
        'Show what is in a certificate (PEM, DER), a PFX, a key in PEM or a JWK Set, and what B2C would do with it. Private members are never shown. Exit code 10 when B2C would refuse it.',
      )
      .addArgument(
        new Argument('<source>', 'a file, - for stdin, or env:NAME').argParser(parseSource),
      ),
    [passwordOption(), noPasswordOption(), aliasOption()],
  ).action((source: Source, options: Options, self: Command) =>
    run(self, (context) => inspect(context, source, options)),
  );
  examples(
    command,
    'policykeys inspect saml.pfx --password-from env:PFX_PASSWORD',
    'policykeys inspect partner.cer -o json',
  );
}

export async function inspect(context: Context, source: Source, options: Options): Promise<View> {
  refuseTwoStdins(source, options.passwordFrom);
  const { inspectFile } = await import('../core/inspection.ts');
  const { maxPkcs12Bytes } = await import('../core/pkcs12.ts');
  const { inspectionView } = await import('../file-views.ts');
  const { bytes, name } = await context.input.bytes(source, maxPkcs12Bytes);
  const inspection = await inspectFile(bytes, name, {
    readPassword: async () => (await readPassword(context, name, options)) ?? new Secret(''),
    alias: options.alias,
    now: context.now(),
  });
  await context.checkpoint();
  const view = inspectionView(inspection, { name, now: context.now() });
  return inspection.verdict === 'refused' ? { ...view, finding: true } : view;
}
