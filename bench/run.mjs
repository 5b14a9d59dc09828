// Whole processes against their measure, in turn (A B A B …), as medians of the ratio pair by pair.
// `npm run bench`, or `node bench/run.mjs [runs] [part of a name]`. Nothing here passes or fails.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compare } from './measure.mjs';

const runs = Number(process.argv[2] ?? 15);
const only = process.argv[3] ?? '';
const folder = mkdtempSync(join(tmpdir(), 'policykeys-bench-'));
const here = import.meta.dirname;
const program = join(here, '../bin/policykeys.js');

const server = spawn(process.execPath, [join(here, 'server.mjs'), folder], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const origins = JSON.parse(
  await new Promise((resolve) => createInterface({ input: server.stdout }).once('line', resolve)),
);

// NODE_EXTRA_CA_CERTS would slow every start of Node 20 by 19 ms or more, the bare one too. This
// way the root of the bench server is trusted without it, and bare Node runs under the same options.
const tls = { NODE_OPTIONS: '--use-openssl-ca', SSL_CERT_FILE: join(folder, 'root.pem') };
const base = { PATH: process.env.PATH, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') };
const token = { POLICYKEYS_ACCESS_TOKEN: 'x'.repeat(1500) };
const app = {
  AZURE_TENANT_ID: 'contoso.onmicrosoft.com',
  AZURE_CLIENT_ID: '11111111-2222-4333-8444-555555555555',
  AZURE_CLIENT_SECRET: 'not a secret',
};
const get = ['get', 'Key00000', '-o', 'json'];
const bare = ['-e', '0'];

const cases = [
  { name: '--version', target: 1.2, args: ['--version'], env: {} },
  { name: '--help', target: 1.5, args: ['--help'], env: {} },
  {
    name: 'get, HTTP/2, token at hand',
    target: 4.5,
    args: get,
    env: { ...tls, ...token, POLICYKEYS_GRAPH_URL: origins.https },
  },
  {
    name: 'get, HTTP/2, MSAL with its cache file',
    target: 5.2,
    args: get,
    env: {
      ...tls,
      ...app,
      POLICYKEYS_GRAPH_URL: origins.https,
      AZURE_AUTHORITY_HOST: origins.https,
    },
  },
  {
    name: 'get, plain HTTP/1.1, token at hand',
    target: 8,
    args: get,
    env: { ...token, POLICYKEYS_GRAPH_URL: origins.http },
  },
  {
    name: 'list of 5,000 in pages of 100, HTTPS',
    target: 1.5,
    args: ['list', '-o', 'json'],
    env: { ...tls, ...token, POLICYKEYS_GRAPH_URL: origins.https },
    against: 'a fetch loop',
    other: [join(here, 'fetch-loop.mjs'), origins.https],
  },
  {
    name: 'list of 5,000 in pages of 100, plain HTTP',
    target: 1.5,
    args: ['list', '-o', 'json'],
    env: { ...token, POLICYKEYS_GRAPH_URL: origins.http },
    against: 'a fetch loop',
    other: [join(here, 'fetch-loop.mjs'), origins.http],
  },
];

console.log(`Node ${process.version}, ${String(runs)} runs of each, medians`);
try {
  for (const { name, target, args, env, against = 'bare node', other = bare } of cases) {
    if (!name.includes(only)) continue;
    const all = { ...base, ...env };
    const ours = { args: [program, ...args], env: all };
    compare({ name, target, ours, against, theirs: { args: other, env: all } }, runs);
  }
} finally {
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}
