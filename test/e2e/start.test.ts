import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import packageJson from '../../package.json' with { type: 'json' };

const run = (...words: readonly string[]): string =>
  execFileSync(process.execPath, ['bin/policykeys.js', ...words], { encoding: 'utf8' });

describe('what is printed without loading the program', () => {
  test.each(['--version', '-V'])('%s', (flag) => {
    expect(run(flag)).toBe(`${packageJson.version}\n`);
  });

  test.each(['--help', '-h'])('%s is what the program itself would say', (flag) => {
    expect(run(flag)).toBe(run('help'));
  });
});
