// Writes what is derived from the command tree: completions/* and docs/commands.md.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const entries = {
  program: 'src/program.ts',
  completions: 'src/completions.ts',
  reference: 'src/reference.ts',
};
const bundle = await rolldown({ input: entries, platform: 'node', tsconfig: false });
const folder = await mkdtemp(join(tmpdir(), 'policykeys-generate-'));
try {
  await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].mjs' });
  const load = (name) => import(pathToFileURL(join(folder, `${name}.mjs`)).href);
  const { buildProgram } = await load('program');
  const { completionScript } = await load('completions');
  const { referenceMarkdown } = await load('reference');
  const program = buildProgram(() => Promise.resolve());
  const files = {
    'completions/policykeys.bash': completionScript('bash', program),
    'completions/_policykeys': completionScript('zsh', program),
    'completions/policykeys.fish': completionScript('fish', program),
    'completions/policykeys.ps1': completionScript('powershell', program),
    'docs/commands.md': referenceMarkdown(program),
  };
  for (const name of ['completions', 'docs']) await mkdir(name, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(name, text);
} finally {
  await bundle.close();
  await rm(folder, { recursive: true, force: true });
}
