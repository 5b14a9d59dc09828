// Types decide what is checked; the arrows of the layers (docs/architecture.md) are checked here too.
import tseslint from 'typescript-eslint';

/** Files under `files` may not import what matches `patterns`. */
const arrow = (files, patterns, message) => ({
  files,
  rules: {
    'no-restricted-imports': ['error', { patterns: [{ group: patterns, message }] }],
  },
});

const world = [
  'node:fs',
  'node:fs/*',
  'node:net',
  'node:http',
  'node:https',
  'node:http2',
  'node:tls',
  'node:process',
  'node:child_process',
  'node:os',
  'node:timers/*',
  'node:readline',
  'node:stream',
];
const packages = [
  'commander',
  '@azure/msal-node',
  'undici',
  'undici/*',
  'chalk',
  'ora',
  'yaml',
  '@jmespath-community/jmespath',
];
const outer = [
  '**/commands/*',
  '**/edge/*',
  '**/main.ts',
  '**/program.ts',
  '**/output.ts',
  '**/views.ts',
  '**/file-views.ts',
  '**/settings.ts',
  '**/arguments.ts',
  '**/argv.ts',
  '**/completions.ts',
  '**/context.ts',
  '**/world.ts',
];

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'node_modules'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './test/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unnecessary-condition': 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main.ts'],
    rules: { 'no-restricted-globals': ['error', 'process'] },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // Assertions on what a command printed are clearer with the values as they came.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
    },
  },
  arrow(['src/failure.ts'], ['./*', ...world, ...packages], 'failure.ts stands alone'),
  arrow(
    ['src/core/**'],
    ['**/graph/*', '**/emulator/*', ...outer, ...world, ...packages],
    'core is pure: it imports core and failure',
  ),
  arrow(
    ['src/graph/**'],
    ['**/emulator/*', 'node-forge', ...outer, ...world, ...packages],
    'graph imports core and failure',
  ),
  arrow(
    ['src/emulator/**'],
    ['**/graph/*', ...outer, ...world.filter((name) => name !== 'node:tls'), ...packages],
    'emulator imports core and failure',
  ),
  arrow(
    [
      'src/settings.ts',
      'src/output.ts',
      'src/argv.ts',
      'src/completions.ts',
      'src/completions/**',
      'src/reference.ts',
    ],
    ['**/graph/*', '**/edge/*', '**/commands/*', '**/emulator/*', ...world],
    'it sits beside graph: core and failure only',
  ),
  arrow(
    ['src/commands/**', 'src/views.ts', 'src/file-views.ts', 'src/program.ts', 'src/arguments.ts'],
    ['**/edge/*', '**/emulator/*', 'node-forge', ...world],
    'commands see Context, never edge',
  ),
  arrow(['src/edge/**'], ['**/commands/*', '**/program.ts', '**/main.ts'], 'edge never turns back'),
);
