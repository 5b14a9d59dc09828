/**
 * The other programs that make and read PFX files: openssl, keytool (Java), certtool (GnuTLS), and pk12util
 * with certutil (NSS). They run in a folder that is removed afterwards, and get their passwords in files.
 */
import { spawnSync } from 'node:child_process';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certifiedKey, type CertifiedKey } from '../../src/core/certified-key.ts';
import { openPkcs12, type Pkcs12 } from '../../src/core/pkcs12.ts';
import { Secret } from '../../src/core/secret.ts';
import { errorCode } from '../../src/failure.ts';

const packages = {
  openssl: 'openssl',
  keytool: 'default-jre-headless',
  certtool: 'gnutls-bin',
  certutil: 'libnss3-tools',
  pk12util: 'libnss3-tools',
} as const;
export type Tool = keyof typeof packages;

export const readers = ['openssl', 'keytool', 'certtool', 'pk12util'] as const;
export type Reader = (typeof readers)[number];

/** What a program found in a PFX. */
export interface Found {
  /** Whether its private key is this one. */
  readonly holds: (key: KeyObject) => boolean;
  /** DER, in the order in which it gives them. */
  readonly certificates: readonly Buffer[];
  readonly alias: string | undefined;
}

/** A key or a certificate with its attributes, as `openssl pkcs12` shows it. */
export interface Bag {
  /** Of each UTF-16 unit the low byte: that is all that OpenSSL 3.0 shows. */
  readonly alias?: string;
  /** Hexadecimal. */
  readonly localKeyId?: string;
  readonly key?: KeyObject;
  readonly certificate?: Buffer;
}

export interface PfxTools {
  bytes(file: string): Buffer;
  write(file: string, content: string | Buffer): void;
  /** Runs a program in the folder; gives what it wrote to stdout. */
  run(tool: Tool, ...args: readonly string[]): Buffer;
  /** Runs a program; gives what it wrote to stderr, and then what it wrote to stdout. */
  told(tool: Tool, ...args: readonly string[]): string;
  /** Runs a program that must fail; gives its words. */
  refused(tool: Tool, ...args: readonly string[]): string;
  /** The name of a file with this password in it. */
  word(word: string): string;
  /** The password as openssl takes it. */
  source(word: string): string;
  /** The name of a file with which certtool asks no question. */
  template(word: string, alias?: string): string;
  /** A new NSS database without a password; its name. */
  database(): string;
  /** Everything in a PFX, in its order. Options: `-legacy`. */
  bags(pfx: Buffer, word: string, ...options: readonly string[]): Bag[];
  /** Reads a PFX with one of the programs. */
  read(reader: Reader, pfx: Buffer, word: string): Found;
  close(): void;
}

/** How each program says a friendly name. */
export const said: Readonly<Record<Reader, (alias: string) => string>> = {
  openssl: (alias) => String.fromCharCode(...Buffer.from(alias, 'utf16le').filter((_, at) => at % 2 === 0)), // prettier-ignore
  // Java takes names for the same that differ in case only.
  keytool: (alias) => alias.toLowerCase(),
  certtool: (alias) => alias,
  pk12util: (alias) => alias,
};

/** Java starts in half the time without its better compiler. */
const java = ['-J-XX:TieredStopAtLevel=1', '-J-XX:+UseSerialGC'];

/** A program that asks on stdin would ask for ever. */
const patienceMs = 20_000;

export function openPfxTools(): PfxTools {
  const folder = mkdtempSync(join(tmpdir(), 'policykeys-tools-'));
  const path = (file: string): string => join(folder, file);
  const bytes = (file: string): Buffer => readFileSync(path(file));
  const write = (file: string, content: string | Buffer): void => {
    writeFileSync(path(file), content);
  };
  let count = 0;
  const next = (what: string): string => `${what}-${String((count += 1))}`;

  const attempt = (
    tool: Tool,
    args: readonly string[],
  ): { failed: boolean; stdout: Buffer; words: string } => {
    const { error, status, stdout, stderr } = spawnSync(tool, [...(tool === 'keytool' ? java : []), ...args], {
      cwd: folder,
      input: '',
      timeout: patienceMs,
      env: { PATH: process.env['PATH'] ?? '', HOME: folder, LC_ALL: 'C.UTF-8' },
    }); // prettier-ignore
    if (errorCode(error) === 'ENOENT')
      throw new Error(`${tool} is missing on this machine: install ${packages[tool]}, as .ci/run does`); // prettier-ignore
    if (error !== undefined) throw new Error(`${tool} ${args[0] ?? ''}: ${errorCode(error) ?? ''}`);
    return { failed: status !== 0, stdout, words: `${String(stderr)}${String(stdout)}` };
  };
  const succeed = (tool: Tool, args: readonly string[]): ReturnType<typeof attempt> => {
    const done = attempt(tool, args);
    if (done.failed) throw new Error(`${tool} ${args[0] ?? ''} failed: ${done.words}`);
    return done;
  };
  const run = (tool: Tool, ...args: readonly string[]): Buffer => succeed(tool, args).stdout;

  const word = (text: string): string => {
    const name = `word-${createHash('sha1').update(text).digest('hex')}`;
    write(name, text);
    return name;
  };
  const source = (text: string): string => (text === '' ? 'pass:' : `file:${word(text)}`);
  const template = (text: string, alias = 'x'): string => {
    const name = next('template');
    write(name, `password = "${text}"\npkcs12_key_name = "${alias}"\n`);
    return name;
  };
  const database = (): string => {
    const name = next('nss');
    mkdirSync(path(name));
    run('certutil', '-N', '-d', `sql:${name}`, '--empty-password');
    return `sql:${name}`;
  };
  const stored = (pfx: Buffer): string => {
    const name = `${next('read')}.pfx`;
    write(name, pfx);
    return name;
  };
  const bags = (pfx: Buffer, text: string, ...options: readonly string[]): Bag[] =>
    bagsIn(run('openssl', 'pkcs12', '-nodes', '-in', stored(pfx), '-passin', source(text), ...options)); // prettier-ignore

  const read: Readonly<Record<Reader, (pfx: Buffer, text: string) => Found>> = {
    openssl: (pfx, text) => foundIn(bags(pfx, text)),
    /** Java's key comes out as another PFX only. */
    keytool(pfx, text) {
      const copy = `${next('java')}.pfx`;
      const { words } = succeed('keytool', [
        '-importkeystore', '-noprompt', '-srckeystore', stored(pfx), '-srcstorepass:file', word(text),
        '-destkeystore', copy, '-deststoretype', 'PKCS12', '-deststorepass:file', word(text),
      ]); // prettier-ignore
      const alias = /^Entry for alias (.*) successfully imported\.$/m.exec(words)?.[1];
      return { ...foundIn(bags(bytes(copy), text)), alias };
    },
    certtool(pfx, text) {
      const name = next('gnutls');
      const options = ['--template', template(text), '--outfile'];
      run('certtool', '--p12-info', '--inder', '--infile', stored(pfx), ...options, name);
      const shown = bytes(name).toString('utf8');
      const certificates = shown.match(pemBlocks) ?? [];
      write('shrouded.pem', /-----BEGIN ENCRYPTED PRIVATE KEY-----[^]*?-----END .*\n/.exec(shown)?.[0] ?? ''); // prettier-ignore
      run('certtool', '--key-info', '--pkcs8', '--infile', 'shrouded.pem', '--outder', ...options, 'clear.der'); // prettier-ignore
      const key = createPrivateKey({ key: bytes('clear.der'), format: 'der', type: 'pkcs1' });
      return {
        holds: (other) => key.equals(other),
        certificates: certificates.map((pem) => new X509Certificate(pem).raw),
        alias: /^\tFriendly name: (.*)$/m.exec(shown)?.[1],
      };
    },
    /** NSS keeps its keys to itself: what it signs shows which one it has. */
    pk12util(pfx, text) {
      const file = stored(pfx);
      const db = database();
      const options = ['-d', db, '-w', word(text)];
      const listed = (): string[] => readdirSync(folder).filter((name) => /^file\d+\.der$/.test(name)).sort(); // prettier-ignore
      for (const name of listed()) rmSync(path(name));
      run('pk12util', '-l', file, '-r', ...options);
      const certificates = listed().map(bytes);
      run('pk12util', '-i', file, ...options);
      const keys = run('certutil', '-K', '-d', db).toString();
      const alias = /^< 0> rsa +[0-9a-f]{40} +(.*)$/m.exec(keys)?.[1];
      run('certutil', '-S', '-d', db, '-n', 'proof', '-s', 'CN=proof', '-x', '-k', alias ?? '', '-t', ',,', '-m', '1'); // prettier-ignore
      const proof = new X509Certificate(run('certutil', '-L', '-d', db, '-n', 'proof', '-r'));
      return { holds: (key) => proof.verify(createPublicKey(key)), certificates, alias };
    },
  };

  return {
    bytes,
    write,
    run,
    told: (tool, ...args) => succeed(tool, args).words,
    refused(tool, ...args) {
      const { failed, words } = attempt(tool, args);
      if (!failed) throw new Error(`${tool} ${args[0] ?? ''} did not fail: ${words}`);
      return words;
    },
    word,
    source,
    template,
    database,
    bags,
    read: (reader, pfx, text) => read[reader](pfx, text),
    close() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const pemBlocks = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g;

function bagsIn(shown: Buffer): Bag[] {
  const parts = shown.toString('latin1').split(/^Bag Attributes/m);
  return parts.slice(1).map((text): Bag => {
    const alias = /^ {4}friendlyName: (.*)$/m.exec(text)?.[1];
    const localKeyId = /^ {4}localKeyID: ([0-9A-F ]*)$/m.exec(text)?.[1];
    const [certificate] = text.match(pemBlocks) ?? [];
    return {
      ...(alias === undefined ? {} : { alias }),
      ...(localKeyId === undefined ? {} : { localKeyId: localKeyId.replaceAll(' ', '').toLowerCase() }), // prettier-ignore
      ...(certificate === undefined ? { key: createPrivateKey(text) } : { certificate: new X509Certificate(certificate).raw }), // prettier-ignore
    };
  });
}

function foundIn(bags: readonly Bag[]): Found {
  const [key, ...more] = bags.filter((bag) => bag.key !== undefined);
  if (key?.key === undefined || more.length > 0) throw new Error('not one private key');
  const found = key.key;
  return {
    holds: (other) => found.equals(other),
    certificates: bags.flatMap(({ certificate }) => (certificate === undefined ? [] : [certificate])), // prettier-ignore
    alias: key.alias,
  };
}

/** A PFX as the core opens it, with the key that it takes out of it. */
export async function openEntry(
  bytes: Buffer,
  word: string,
  alias?: string,
): Promise<{ readonly pfx: Pkcs12; readonly key: CertifiedKey }> {
  const pfx = await openPkcs12(bytes, new Secret(word), 'x.pfx');
  return { pfx, key: certifiedKey(pfx, 'x.pfx', alias) };
}

/** Bytes that can be compared, and read when they differ. */
export const hex = (all: readonly Buffer[]): string[] => all.map((one) => one.toString('hex'));
export const chainOf = (key: CertifiedKey): string[] =>
  hex(key.chain.map(({ certificate }) => certificate.der));
