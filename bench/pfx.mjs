// Opening and converting a PFX against `openssl pkcs12 -info`, as whole processes.
// `npm run bench`, or `node bench/pfx.mjs [runs] [part of a name]`. Nothing here passes or fails.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compare } from './measure.mjs';

const runs = Number(process.argv[2] ?? 15);
const only = process.argv[3] ?? '';
const folder = mkdtempSync(join(tmpdir(), 'policykeys-bench-'));
const program = join(import.meta.dirname, '../bin/policykeys.js');
const env = { PATH: process.env.PATH, HOME: folder, P: 'a password', NO_COLOR: '1' };
const openssl = (...args) =>
  execFileSync('openssl', args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });

const accepted = '-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1'.split(' ');
const kinds = [
  { kind: 'AES-256', options: [] },
  { kind: 'TripleDES-SHA1', options: accepted },
  { kind: 'AES-256, MAC SHA-512', options: ['-macalg', 'sha512'] },
];

try {
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-noenc', '-keyout', 'k.pem', '-out', 'c.pem', '-subj', '/CN=bench'); // prettier-ignore
  console.log(`Node ${process.version}, ${String(openssl('version')).trim()}, ${String(runs)} runs of each, medians`); // prettier-ignore
  const bare = { args: ['-e', '0'], env };
  // The same program, doing all but the opening.
  const certificate = { args: [program, 'inspect', join(folder, 'c.pem'), '-o', 'none'], env };
  const inspect = (file) => ({
    args: [program, 'inspect', file, '--password-from', 'env:P', '-o', 'none'],
    env,
  });
  for (const { kind, options } of kinds)
    for (const rounds of [2048, 1_000_000]) {
      const file = join(folder, `${kind}-${String(rounds)}.pfx`);
      openssl('pkcs12', '-export', '-inkey', 'k.pem', '-in', 'c.pem', '-out', file, '-passout', 'env:P', '-iter', String(rounds), ...options); // prettier-ignore
      const info = ['pkcs12', '-info', '-nodes', '-in', file, '-passin', 'env:P'];
      const theirs = { command: 'openssl', args: info, env };
      const convert = {
        args: [program, 'convert', file, '--out', join(folder, 'out.pfx'), '--overwrite', '--password-from', 'env:P', '-o', 'none'],
        env,
      }; // prettier-ignore
      const name = `${kind}, ${String(rounds)}`;
      const all = [
        { name: `open ${name}`, target: 2, ours: inspect(file), against: 'openssl', theirs },
        { name: `open ${name}, less bare node`, target: 2, ours: inspect(file), less: bare, against: 'openssl', theirs },
        { name: `open ${name}, less a certificate`, target: 2, ours: inspect(file), less: certificate, against: 'openssl', theirs },
        { name: `convert ${name}`, target: 1.2, ours: convert, against: 'opening it', theirs: inspect(file) },
      ]; // prettier-ignore
      for (const one of all) if (one.name.includes(only)) compare(one, runs);
    }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
