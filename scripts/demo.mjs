// Runs every Graph operation against the embedded emulator, each as a user would type it, and
// shows its real output. Needs no account and no network; its state goes with it.
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'policykeys-demo-'));
const environment = {
  PATH: process.env.PATH,
  POLICYKEYS_EMULATOR_STATE: join(folder, 'emulator.json'),
  XDG_CACHE_HOME: join(folder, 'cache'),
  HOME: folder,
  PARTNER_SECRET: 'a secret that a partner gave us',
  PFX_PASSWORD: 'demo-password',
  ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}),
};
const fixtures = join(import.meta.dirname, '../test/fixtures/demo');
const program = join(import.meta.dirname, '../bin/policykeys.js');

/** Shows a command and what it prints; gives its stdout. Another exit code than `expected` ends the demo. */
function run(line, { expected = 0, note = '' } = {}) {
  const words = line
    .replaceAll('DEMO', fixtures)
    .replaceAll('FOLDER', folder)
    .match(/'[^']*'|\S+/g);
  const args = words.slice(1).map((word) => word.replace(/^'(.*)'$/, '$1'));
  if (note !== '') console.log(`# ${note}`);
  console.log(`$ ${line.replaceAll('DEMO/', '').replaceAll('FOLDER/', '')}`);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, ...args, '--cloud', 'emulator'],
    { env: environment, encoding: 'utf8' },
  );
  const said = stderr.split('\n').filter((text) => !text.includes('this is the embedded emulator'));
  const short = (text) => text.replaceAll(`${fixtures}/`, '').replaceAll(`${folder}/`, '');
  console.log(short(`${said.join('\n')}${stdout}`));
  if (status !== expected) {
    console.error(`demo: exit code ${String(status)}, expected ${String(expected)}`);
    rmSync(folder, { recursive: true });
    process.exit(1);
  }
  return stdout;
}

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
writeFileSync(
  join(folder, 'keys.json'),
  JSON.stringify({ keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: 'ours' }] }),
);

console.log('Every command below runs with --cloud emulator: a Graph inside policykeys.\n');
run('policykeys create TokenSigningKeyContainer', { note: 'create a keyset' });
run('policykeys generate-key TokenSigningKeyContainer --kty RSA --use sig --exp 1y', {
  note: 'the service generates a key',
});
run('policykeys generate-key TokenSigningKeyContainer --kty RSA --use sig --if-empty', {
  note: 'run again in a script: nothing to do',
});
run(
  'policykeys upload-secret PartnerApiSecret --use sig --from env:PARTNER_SECRET --exp 90d --create',
  { note: 'a secret, never as an argument' },
);
run('policykeys inspect DEMO/modern.pfx --password-from env:PFX_PASSWORD', {
  note: 'a PFX as OpenSSL 3 and Windows write it: B2C would say "password incorrect"',
});
run(
  'policykeys upload-pkcs12 SamlIdpCert DEMO/modern.pfx --password-from env:PFX_PASSWORD --create',
  { note: 'it is written anew in the form that B2C takes, in memory' },
);
run(
  'policykeys upload-pkcs12 SamlIdpCert DEMO/saml.pfx --password-from env:PFX_PASSWORD --if-changed',
  { note: 'the same certificate in another PFX: nothing to do' },
);
run(
  'policykeys convert DEMO/modern.pfx --out FOLDER/b2c.pfx --password-from env:PFX_PASSWORD -o none',
  { note: 'the same into a file, for other tools' },
);
run(
  "policykeys generate-certificate SamlSigning --subject 'CN=app.contoso.onmicrosoft.com' --certificate-out FOLDER/partner.pem --create -o tsv --query 'certificates[0].subject'",
  { note: 'a self-signed certificate, whose key is nowhere but in the keyset' },
);
run('policykeys upload-certificate PartnerEncryption DEMO/partner.cer --create', {
  note: "a partner's public certificate",
});
run('policykeys list', { note: 'all keysets' });
run('policykeys get TokenSigningKeyContainer', { note: 'one keyset' });
const first = run('policykeys get-active-key TokenSigningKeyContainer -o tsv --query kid', {
  note: 'the active key, for a script',
}).trim();
run('policykeys generate-key TokenSigningKeyContainer --kty RSA --use sig --nbf now --exp 1y', {
  note: 'the next key, active from now',
});
run('policykeys keys list TokenSigningKeyContainer', { note: 'keys_v2: list' });
run(`policykeys keys disable TokenSigningKeyContainer ${first}`, {
  note: 'take the old key out of use',
});
run(
  `policykeys keys get TokenSigningKeyContainer ${first} -o json --query '{status: status, state: state}'`,
  { note: 'keys_v2: one key' },
);
run(`policykeys keys enable TokenSigningKeyContainer ${first}`, { note: 'and back again' });
run('policykeys update TokenSigningKeyContainer --from FOLDER/keys.json --dry-run -o json', {
  note: 'what would be sent, without secrets',
});
run('policykeys update TokenSigningKeyContainer --from FOLDER/keys.json --yes', {
  note: 'replace every key by your own',
});
run('policykeys delete PartnerApiSecret --purge --yes', {
  note: 'delete a keyset and the copy that the service keeps',
});
run('policykeys get PartnerApiSecret', { note: 'it is gone: exit code 5', expected: 5 });

rmSync(folder, { recursive: true });
console.log(
  'Done: every Graph operation on policy keysets was called. policykeys --help shows the rest.',
);
