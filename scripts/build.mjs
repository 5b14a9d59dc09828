// Bundles src into CommonJS chunks: dist/main.cjs, and one for each door that opens on first use.
import { spawnSync } from 'node:child_process';
import { rename, rm, writeFile } from 'node:fs/promises';
import { rolldown } from 'rolldown';

/** Commander spawns subcommands that are programs of their own. We have none, and it costs a start 2 ms. */
const withoutChildProcesses = {
  name: 'without-child-processes',
  resolveId: (id, importer) =>
    id === 'node:child_process' && importer?.includes('/commander/')
      ? '\0no-child-processes'
      : null,
  load: (id) => (id === '\0no-child-processes' ? 'export default {};' : null),
};

const next = `dist.${String(process.pid)}`;
const bundle = await rolldown({
  input: { main: 'src/main.ts' },
  platform: 'node',
  plugins: [withoutChildProcesses],
  tsconfig: false,
  // What main loads anyway stays in its file: each further chunk costs a start a third of a millisecond.
  preserveEntrySignatures: 'allow-extension',
});
await bundle.write({
  dir: next,
  format: 'cjs',
  minify: true,
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name]-[hash].cjs',
});
await bundle.close();

// The help of the program itself, which bin/policykeys.js prints without loading the program.
const help = spawnSync(
  process.execPath,
  ['-e', `process.argv.push('policykeys', '--help'); require('./${next}/main.cjs').start();`],
  { encoding: 'utf8' },
);
if (help.status !== 0 || help.stdout === '') throw new Error(`--help: ${help.stderr}`);
await writeFile(`${next}/help.txt`, help.stdout);

await rm('dist', { recursive: true, force: true });
await rename(next, 'dist');
