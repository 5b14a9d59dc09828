/**
 * Keys, certificates and PFX files made by the `openssl` of this machine in a folder that is removed
 * afterwards: another implementation than ours, so that no bug can agree with itself. Written for
 * OpenSSL 3.0; nothing in it needs the network.
 */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { der, derChildren, readDer } from '../../src/core/der.ts';

export const password = 'Passw0rd!';

/** Options of `openssl pkcs12 -export` for the one kind of PFX that B2C takes. */
export const tripleDes = [
  '-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1',
] as const; // prettier-ignore

export interface Workshop {
  /** Runs openssl in the folder; gives what it wrote to stdout. */
  openssl(...args: readonly string[]): Buffer;
  /** Whether RC2 and its like can be written here: the legacy provider is a file of its own. */
  readonly hasLegacyProvider: boolean;
  bytes(file: string): Buffer;
  write(file: string, content: string | Buffer): void;
  /** NAME.key: RSA with 2048 bits unless the options of `openssl genpkey` say otherwise. */
  key(name: string, ...options: readonly string[]): void;
  /** NAME.crt, signed with its own NAME.key, which is made unless it is there. */
  selfSigned(name: string, ...options: readonly string[]): void;
  /** NAME.crt of NAME.key, signed by another certificate. */
  issued(name: string, issuer: string, ...options: readonly string[]): void;
  /** NAME.crt of NAME.key, signed by itself, from and until these times (`20200101000000Z`). */
  dated(name: string, from: string, until: string): void;
  /** The certificate NAME.crt as DER. */
  der(name: string): Buffer;
  /** A PFX of NAME.key and NAME.crt under `password`, unless the options say otherwise. */
  pfx(name: string, ...options: readonly string[]): Buffer;
  /** DER rewritten with indefinite lengths, and its octet strings in pieces. */
  ber(bytes: Buffer): Buffer;
  close(): void;
}

const authority = [
  '[ca]', 'default_ca=one', '[one]', 'database=index.txt', 'new_certs_dir=.', 'default_md=sha256', 'policy=any',
  'rand_serial=yes', 'unique_subject=no', '[any]', 'commonName=optional', '',
].join('\n'); // prettier-ignore

export function openWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), 'policykeys-certificates-'));
  const path = (file: string): string => join(folder, file);
  const openssl = (...args: readonly string[]): Buffer =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const bytes = (file: string): Buffer => readFileSync(path(file));
  const write = (file: string, content: string | Buffer): void => {
    writeFileSync(path(file), content);
  };
  const key = (name: string, ...options: readonly string[]): void => {
    const kind =
      options.length > 0 ? options : ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'];
    openssl('genpkey', '-quiet', ...kind, '-out', `${name}.key`);
  };
  const hasKey = (name: string): boolean => {
    try {
      return bytes(`${name}.key`).length > 0;
    } catch {
      return false;
    }
  };
  const subject = (name: string, options: readonly string[]): readonly string[] =>
    options.includes('-subj') ? [] : ['-subj', `/CN=${name}`];
  write('ca.cnf', authority);
  write('index.txt', '');
  return {
    openssl,
    get hasLegacyProvider() {
      try {
        return openssl('list', '-providers', '-provider', 'legacy').includes('legacy');
      } catch {
        return false;
      }
    },
    bytes,
    write,
    key,
    selfSigned(name, ...options) {
      if (!hasKey(name)) key(name);
      openssl(
        'req', '-x509', '-key', `${name}.key`, '-days', '30', '-out', `${name}.crt`,
        ...subject(name, options), ...options,
      ); // prettier-ignore
    },
    issued(name, issuer, ...options) {
      if (!hasKey(name)) key(name);
      openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
      openssl(
        'x509', '-req', '-in', `${name}.csr`, '-CA', `${issuer}.crt`, '-CAkey', `${issuer}.key`, '-days', '30',
        '-set_serial', '7', '-out', `${name}.crt`, ...options,
      ); // prettier-ignore
    },
    dated(name, from, until) {
      if (!hasKey(name)) key(name);
      openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
      openssl(
        'ca', '-batch', '-config', 'ca.cnf', '-selfsign', '-keyfile', `${name}.key`, '-in', `${name}.csr`,
        '-startdate', from, '-enddate', until, '-notext', '-out', `${name}.crt`,
      ); // prettier-ignore
    },
    der: (name) => new X509Certificate(bytes(`${name}.crt`)).raw,
    pfx(name, ...options) {
      const pass = options.includes('-passout') ? [] : ['-passout', `pass:${password}`];
      const parts = options.includes('-in') ? [] : ['-in', `${name}.crt`];
      const inkey = options.includes('-nokeys') ? [] : ['-inkey', `${name}.key`];
      openssl('pkcs12', '-export', '-out', 'made.pfx', ...parts, ...inkey, ...pass, ...options);
      return bytes('made.pfx');
    },
    ber,
    close() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const endOfContents = Buffer.from([0, 0]);

function ber(bytes: Buffer): Buffer {
  const { tag, content } = readDer(bytes, bytes.readUInt8(0));
  if ((tag & 0x20) !== 0) {
    const parts = derChildren({ tag, content, whole: bytes }).map((part) => ber(part.whole));
    return Buffer.concat([Buffer.from([tag, 0x80]), ...parts, endOfContents]);
  }
  if (tag !== 0x04) return bytes;
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += 10)
    pieces.push(der(0x04, content.subarray(at, at + 10)));
  return Buffer.concat([Buffer.from([0x24, 0x80]), ...pieces, endOfContents]);
}
