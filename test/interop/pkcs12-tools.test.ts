/**
 * PFX files of Java (keytool), GnuTLS (certtool) and NSS (pk12util) are read here, and what is written here
 * is read by them: keys as keys, certificates byte for byte.
 */
import { createPrivateKey, randomBytes, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certifiedKey, type CertifiedKey } from '../../src/core/certified-key.ts';
import { obstacles, openPkcs12, outlinePkcs12, type Pkcs12 } from '../../src/core/pkcs12.ts';
import { writePkcs12 } from '../../src/core/pkcs12-writer.ts';
import { Secret } from '../../src/core/secret.ts';
import { guard, newFolder, start } from '../support/binary.ts';
import { caught, caughtLater } from '../support/caught.ts';
import { openWorkshop, password, type Workshop } from '../support/certificates.ts';
import {
  chainOf,
  hex,
  openEntry,
  openPfxTools,
  readers,
  said,
  type PfxTools,
  type Reader,
} from '../support/pfx-tools.ts';

guard(password);
const beyondAscii = guard('Pässwörd-日本');
const emoji = guard('pa🔑ss');
const alias = 'signing';

let shop: Workshop;
let tools: PfxTools;
/** The leaf with its chain, as OpenSSL writes it: what the other tools start from. */
let original: Buffer;
beforeAll(() => {
  shop = openWorkshop();
  tools = openPfxTools();
  shop.selfSigned('root');
  shop.write('ca.ext', 'basicConstraints=critical,CA:TRUE\n');
  shop.issued('sub', 'root', '-extfile', 'ca.ext');
  shop.issued('leaf', 'sub');
  shop.selfSigned('second');
  const chain = Buffer.concat([shop.bytes('sub.crt'), shop.bytes('root.crt')]);
  shop.write('chain.pem', chain);
  for (const name of ['leaf', 'second']) {
    tools.write(`${name}.key`, shop.bytes(`${name}.key`));
    tools.write(`${name}.crt`, shop.bytes(`${name}.crt`));
  }
  tools.write('full.pem', Buffer.concat([shop.bytes('leaf.crt'), chain]));
  tools.write('chain.pem', chain);
  original = shop.pfx('leaf', '-certfile', 'chain.pem', '-name', alias, '-iter', '1');
  tools.write('original.pfx', original);
  tools.write('second.pfx', shop.pfx('second', '-name', 'zweiter', '-iter', '1'));
});
afterAll(() => {
  shop.close();
  tools.close();
});

const keyOf = (name: string): KeyObject => createPrivateKey(shop.bytes(`${name}.key`));
const ders = (...names: readonly string[]): string[] => hex(names.map((name) => shop.der(name)));

const open = (bytes: Buffer, word = password): ReturnType<typeof openEntry> =>
  openEntry(bytes, word);

/** The leaf with its chain, tied together, under this name. */
function expectLeaf(key: CertifiedKey, name: string, chain = ['leaf', 'sub', 'root']): void {
  expect(key.privateKey.equals(keyOf('leaf'))).toBe(true);
  expect(chainOf(key)).toEqual(ders(...chain));
  expect(key.others).toEqual([]);
  expect(key.alias).toBe(name);
  expect(key.localKeyId?.length).toBeGreaterThan(0);
  expect(key.chain[0]?.localKeyId?.toString('hex')).toBe(key.localKeyId?.toString('hex'));
}

/** The names and links of a PFX are those that OpenSSL finds. */
function expectSameBags({ keys, certificates }: Pkcs12, bytes: Buffer, word = password): void {
  const bags = tools.bags(bytes, word);
  const plain = (one: { alias?: string; localKeyId?: Buffer }): object => ({
    ...(one.alias === undefined ? {} : { alias: said.openssl(one.alias) }),
    ...(one.localKeyId === undefined ? {} : { localKeyId: one.localKeyId.toString('hex') }),
  });
  const theirs = (part: 'key' | 'certificate'): object[] =>
    bags.filter((bag) => bag[part] !== undefined).map(({ alias: name, localKeyId }) => ({
      ...(name === undefined ? {} : { alias: name }),
      ...(localKeyId === undefined ? {} : { localKeyId }),
    })); // prettier-ignore
  expect(keys.map(plain)).toEqual(theirs('key'));
  expect(certificates.map(plain)).toEqual(theirs('certificate'));
}

/** What protects the MAC, the keys and the certificates. */
function schemes(bytes: Buffer): readonly [string | undefined, string[], string[]] {
  const { mac, keys, certificates } = outlinePkcs12(bytes, 'x.pfx');
  return [mac?.scheme, keys.map(({ scheme }) => scheme), [...new Set(certificates.map(({ scheme }) => scheme))]]; // prettier-ignore
}

let count = 0;
const newFile = (kind = 'pfx'): string => `made-${String((count += 1))}.${kind}`;

const store = (file: string, type = 'PKCS12'): readonly string[] => [
  '-noprompt', '-storetype', type, '-keystore', file, '-storepass:file', tools.word(password),
]; // prettier-ignore
/** keytool's own copy of another store. */
function byKeytool(from: string, to = newFile(), options: readonly string[] = [], type = 'PKCS12'): Buffer {
  const word = tools.word(password);
  tools.run('keytool', '-importkeystore', ...options, '-noprompt', '-srckeystore', from, '-srcstorepass:file', word,
    '-destkeystore', to, '-deststoretype', type, '-deststorepass:file', word);
  return tools.bytes(to);
} // prettier-ignore

function byCerttool(word: string, ...options: readonly string[]): Buffer {
  const file = newFile();
  const inputs = options.includes('--load-certificate') ? [] : ['--load-certificate', 'full.pem'];
  const key = options.includes('--load-privkey') ? [] : ['--load-privkey', 'leaf.key'];
  const secret = ['--empty-password', '--null-password'].some((one) => options.includes(one)) ? [] : ['--template', tools.template(word, alias)]; // prettier-ignore
  const name = options.includes('--p12-name') ? [] : ['--p12-name', alias];
  tools.run('certtool', '--to-p12', '--outder', ...inputs, ...key, ...secret, ...name, ...options, '--outfile', file); // prettier-ignore
  return tools.bytes(file);
}

/** A database with the key and certificates of this PFX. */
function imported(pfx: string): string {
  const db = tools.database();
  tools.run('pk12util', '-i', pfx, '-d', db, '-w', tools.word(password));
  return db;
}
function byPk12util(db: string, word: string, ...options: readonly string[]): Buffer {
  const file = newFile();
  const name = options.includes('-n') ? [] : ['-n', alias];
  const secret = word === '' ? ['-W', ''] : ['-w', tools.word(word)];
  tools.run('pk12util', '-o', file, '-d', db, ...name, ...secret, ...options);
  return tools.bytes(file);
}

/** What the built program makes of a file in this folder. */
async function converted(home: string, words: readonly string[]): Promise<Buffer> {
  const environment = { HOME: home, P: password };
  const done = await start(['convert', ...words, '--out', 'out.pfx'], { environment }).done;
  expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('wrote out.pfx')]);
  return readFileSync(join(home, 'out.pfx'));
}

describe('keytool', () => {
  test.each<[string, readonly string[], unknown]>([
    ['as Java 17 does it', [], ['SHA-256', ['AES-256-CBC'], ['AES-256-CBC']]],
    ['as Java 8 did it', ['-J-Dkeystore.pkcs12.legacy'], ['SHA-1', ['TripleDES-SHA1'], ['RC2-40-SHA1']]],
    ['as its properties may have it', [
      '-J-Dkeystore.pkcs12.keyProtectionAlgorithm=PBEWithHmacSHA224AndAES_256',
      '-J-Dkeystore.pkcs12.certProtectionAlgorithm=PBEWithSHA1AndRC2_128',
      '-J-Dkeystore.pkcs12.macAlgorithm=HmacPBESHA384',
    ], ['SHA-384', ['AES-256-CBC'], ['RC2-128-SHA1']]],
    ['no MAC, certificates in the clear', [
      '-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE',
      '-J-Dkeystore.pkcs12.macAlgorithm=NONE',
    ], [undefined, ['AES-256-CBC'], ['none']]],
  ])('%s', async (_name, options, expected) => {
    const bytes = byKeytool('original.pfx', newFile(), options);
    expect(schemes(bytes)).toEqual(expected);
    const { key } = await open(bytes);
    expectLeaf(key, alias);
    expect(key.localKeyId?.toString()).toMatch(/^Time \d+$/);
    expectLeaf((await open(shop.ber(bytes))).key, alias);
  }); // prettier-ignore

  test('a key pair of its own, with the answer of an authority; a name in many scripts', async () => {
    const file = newFile();
    const name = 'schlüssel ключ 鍵 🔑';
    tools.run('keytool', '-genkeypair', '-keyalg', 'RSA', '-keysize', '2048', '-dname', 'CN=java', '-alias', name, ...store(file)); // prettier-ignore
    shop.write('java.csr', tools.run('keytool', '-certreq', '-alias', name, ...store(file)));
    shop.openssl('x509', '-req', '-in', 'java.csr', '-CA', 'sub.crt', '-CAkey', 'sub.key', '-days', '30', '-out', 'java.crt'); // prettier-ignore
    tools.write('answer.pem', Buffer.concat([shop.bytes('java.crt'), tools.bytes('chain.pem')]));
    tools.run('keytool', '-importcert', '-file', 'answer.pem', '-alias', name, ...store(file));
    const { pfx, key } = await open(tools.bytes(file));
    expect(chainOf(key)).toEqual(ders('java', 'sub', 'root'));
    expect(key.alias).toBe(name);
    expect(tools.read('openssl', tools.bytes(file), password).holds(key.privateKey)).toBe(true);
    expectSameBags(pfx, tools.bytes(file));
  });

  test('two RSA keys: each by its alias', async () => {
    const file = newFile();
    byKeytool('original.pfx', file);
    const bytes = byKeytool('second.pfx', file);
    const { message, hint } = await caughtLater(() => openEntry(bytes, password));
    expect(message).toBe('x.pfx holds 2 private keys: "signing", "zweiter"');
    expect(hint).toContain('--alias');
    const { pfx, key: first } = await openEntry(bytes, password, alias);
    expectSameBags(pfx, bytes);
    expect(first.privateKey.equals(keyOf('leaf'))).toBe(true);
    expect(chainOf(first)).toEqual(ders('leaf', 'sub', 'root'));
    const second = (await openEntry(bytes, password, 'zweiter')).key;
    expect(second.privateKey.equals(keyOf('second'))).toBe(true);
    expect(chainOf(second)).toEqual(ders('second'));
    expect(second.localKeyId?.toString()).not.toBe(first.localKeyId?.toString());
    const home = newFolder();
    writeFileSync(join(home, 'in.p12'), bytes);
    const out = await converted(home, ['in.p12', '--password-from', 'env:P', '--alias', 'zweiter']);
    expect(tools.read('openssl', out, password).holds(keyOf('second'))).toBe(true);
  });

  test('an RSA key beside an EC key and a secret key', async () => {
    const file = newFile();
    byKeytool('original.pfx', file);
    tools.run('keytool', '-genkeypair', '-keyalg', 'EC', '-groupname', 'secp256r1', '-dname', 'CN=ec', '-alias', 'ec', ...store(file)); // prettier-ignore
    tools.run('keytool', '-genseckey', '-keyalg', 'AES', '-keysize', '256', '-alias', 'aes', ...store(file)); // prettier-ignore
    const bytes = tools.bytes(file);
    const { key } = await openEntry(bytes, password, alias);
    expect(key.privateKey.equals(keyOf('leaf'))).toBe(true);
    expect(chainOf(key)).toEqual(ders('leaf', 'sub', 'root'));
    expect(key.others.map((one) => one.alias)).toEqual(['ec']);
    const ec = (await openEntry(bytes, password, 'ec')).key;
    expect(ec.privateKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(ec.leaf.subject).toBe('CN=ec');
  });

  test('a JKS is refused by name; what keytool makes of it is read', async () => {
    const jks = newFile('jks');
    const bytes = byKeytool('original.pfx', jks, [], 'JKS');
    const { message, hint } = await caughtLater(() => openEntry(bytes, password));
    expect(message).toContain('Java key store');
    expect(hint).toContain('keytool -importkeystore');
    expectLeaf((await open(byKeytool(jks))).key, alias);
  });

  test('a store of trusted certificates has no key', async () => {
    const file = newFile();
    tools.run('keytool', '-importcert', '-file', 'second.crt', '-alias', 'Trusted', ...store(file));
    const pfx = await openPkcs12(tools.bytes(file), new Secret(password), 'x.pfx');
    expect(hex(pfx.certificates.map(({ certificate }) => certificate.der))).toEqual(ders('second'));
    expect(pfx.certificates.map((one) => one.alias)).toEqual(['Trusted']);
    expect(caught(() => certifiedKey(pfx, 'x.pfx')).message).toBe('x.pfx holds no private key');
  });

  test('writes and reads no password beyond ASCII, whoever wrote the file', () => {
    const word = tools.word(beyondAscii);
    const written = tools.refused('keytool', '-importkeystore', '-noprompt', '-srckeystore', 'original.pfx', '-srcstorepass:file', tools.word(password),
      '-destkeystore', newFile(), '-deststoretype', 'PKCS12', '-deststorepass:file', word);
    expect(written).toContain('Password is not ASCII');
    tools.run('openssl', 'pkcs12', '-export', '-in', 'leaf.crt', '-inkey', 'leaf.key', '-passout', tools.source(beyondAscii), '-out', 'beyond.pfx');
    expect(tools.refused('keytool', '-list', '-keystore', 'beyond.pfx', '-storepass:file', word)).toContain('keystore password was incorrect');
  }); // prettier-ignore
});

describe('certtool', () => {
  test.each([
    ['3des', 'sha1', password, ['SHA-1', ['TripleDES-CBC'], ['TripleDES-CBC']]],
    ['3des-pkcs12', 'sha224', beyondAscii, ['SHA-224', ['TripleDES-SHA1'], ['TripleDES-SHA1']]],
    ['aes-128', 'sha256', emoji, ['SHA-256', ['AES-128-CBC'], ['AES-128-CBC']]],
    ['aes-192', 'sha384', beyondAscii, ['SHA-384', ['AES-192-CBC'], ['AES-192-CBC']]],
    ['aes-256', 'sha512', password, ['SHA-512', ['AES-256-CBC'], ['AES-256-CBC']]],
    ['rc2-40', 'sha256', emoji, ['SHA-256', ['RC2-40-SHA1'], ['RC2-40-SHA1']]],
  ])('%s, its MAC %s', async (cipher, hash, word, expected) => {
    const bytes = byCerttool(word, '--pkcs-cipher', cipher, '--hash', hash, '--load-certificate', 'leaf.crt'); // prettier-ignore
    expect(schemes(bytes)).toEqual(expected);
    expect(outlinePkcs12(bytes, 'x.pfx').mac?.iterations).toBe(600_000);
    expectLeaf((await open(bytes, word)).key, alias, ['leaf']);
  });

  test.each([
    ['--empty-password', '3des-pkcs12'],
    ['--null-password', '3des-pkcs12'],
  ])('%s, %s', async (option, cipher) => {
    const bytes = byCerttool('', option, '--pkcs-cipher', cipher, '--load-certificate', 'leaf.crt');
    expectLeaf((await open(bytes, '')).key, alias, ['leaf']);
  });

  test('a certificate of its authority (--load-ca-certificate), and a name beyond ASCII', async () => {
    const bytes = byCerttool(password, '--load-certificate', 'leaf.crt', '--load-ca-certificate', 'chain.pem', '--p12-name', 'Schlüssel'); // prettier-ignore
    // Each certificate is encrypted by itself.
    expect(outlinePkcs12(bytes, 'x.pfx').certificates).toHaveLength(2);
    const { pfx, key } = await open(shop.ber(bytes));
    // It takes the first only, and each byte of the name for a character.
    expectLeaf(key, Buffer.from('Schlüssel').toString('latin1'), ['leaf', 'sub']);
    expectSameBags(pfx, bytes);
  });

  test('a chain of five, each certificate with 600 000 rounds of its own', async () => {
    shop.issued('low', 'sub', '-extfile', 'ca.ext');
    shop.issued('lower', 'low', '-extfile', 'ca.ext');
    shop.issued('deep', 'lower');
    const names = ['deep', 'lower', 'low', 'sub', 'root'];
    tools.write('five.pem', Buffer.concat(names.map((name) => shop.bytes(`${name}.crt`))));
    tools.write('deep.key', shop.bytes('deep.key'));
    const bytes = byCerttool(password, '--load-certificate', 'five.pem', '--load-privkey', 'deep.key'); // prettier-ignore
    expect(chainOf((await open(bytes)).key)).toEqual(ders(...names));
  });

  test('RC4 is refused by name', async () => {
    const bytes = byCerttool(password, '--pkcs-cipher', 'arcfour', '--load-certificate', 'leaf.crt'); // prettier-ignore
    expect((await caughtLater(() => open(bytes))).message).toBe(
      'cannot open x.pfx: an encryption that is not known (RC4-128-SHA1)',
    );
  });
});

describe('pk12util', () => {
  const name = 'Schlüssel ключ 鍵';
  let db: string;
  beforeAll(() => {
    tools.write(
      'named.pfx',
      shop.pfx('leaf', '-certfile', 'chain.pem', '-name', name, '-iter', '1'),
    );
    db = imported('named.pfx');
  });
  const rc2 = 'PKCS #12 V2 PBE With SHA-1 And 40 Bit RC2 CBC';

  test.each<[string, readonly string[], string, unknown]>([
    ['its defaults', [], password, ['SHA-256', ['AES-256-CBC'], ['AES-128-CBC']]],
    ['TripleDES', ['-c', 'DES-EDE3-CBC', '-C', 'DES-EDE3-CBC', '-M', 'SHA-1'], beyondAscii, ['SHA-1', ['TripleDES-SHA1'], ['TripleDES-SHA1']]],
    ['AES-128, certificates in the clear', ['-c', 'AES-128-CBC', '-C', 'none', '-M', 'SHA-1'], beyondAscii, ['SHA-1', ['AES-128-CBC'], ['none']]],
    ['AES-192 and AES-256', ['-c', 'AES-192-CBC', '-C', 'AES-256-CBC', '-M', 'SHA-256'], emoji, ['SHA-256', ['AES-192-CBC'], ['AES-256-CBC']]],
    ['RC2-40, as it was for long', ['-c', 'DES-EDE3-CBC', '-C', rc2, '-M', 'SHA-1'], emoji, ['SHA-1', ['TripleDES-SHA1'], ['RC2-40-SHA1']]],
    ['RC2-128, a MAC with MD5', ['-c', 'RC2-CBC', '-C', 'none', '-M', 'MD5'], password, ['MD5', ['RC2-128-SHA1'], ['none']]],
  ])('%s', async (_name, options, word, expected) => {
    const bytes = byPk12util(db, word, '-n', name, ...options);
    // BER: indefinite lengths.
    expect(bytes.subarray(0, 2).toString('hex')).toBe('3080');
    expect(schemes(bytes)).toEqual(expected);
    const { pfx, key } = await open(bytes, word);
    expectLeaf(key, name);
    // NSS puts the leaf last.
    expect(hex(pfx.certificates.map(({ certificate }) => certificate.der)).at(-1)).toBe(ders('leaf')[0]);
  }); // prettier-ignore

  test('no password', async () => {
    const bytes = byPk12util(db, '', '-n', name, '-C', 'none');
    const { pfx, key } = await open(bytes, '');
    expectLeaf(key, name);
    expectSameBags(pfx, bytes, '');
  });

  test.each([
    ['RC4', 'RC4-128-SHA1'],
    ['CAMELLIA-256-CBC', '1.2.392.200011.61.1.1.1.4 with HMAC-SHA-256'],
  ])('%s is refused by name', async (cipher, shown) => {
    const bytes = byPk12util(db, password, '-n', name, '-c', cipher, '-C', 'none');
    expect((await caughtLater(() => open(bytes))).message).toBe(
      `cannot open x.pfx: an encryption that is not known (${shown})`,
    );
  });
});

describe('what is written here', () => {
  const name = 'Schlüssel ключ 鍵 🔑';
  const write = async (word: string): Promise<Buffer> => {
    const { key } = await open(original);
    return (await writePkcs12({ ...key, alias: name }, new Secret(word), randomBytes)).bytes;
  };

  test.each<[Reader, readonly string[]]>([
    ['keytool', [password]],
    ['certtool', [password, beyondAscii, emoji]],
    ['pk12util', [password, beyondAscii, emoji]],
  ])('is read by %s', async (reader, words) => {
    for (const word of words) {
      const found = tools.read(reader, await write(word), word);
      expect(found.holds(keyOf('leaf'))).toBe(true);
      expect(hex(found.certificates)).toEqual(ders('leaf', 'sub', 'root'));
      expect(found.alias).toBe(said[reader](name));
    }
  });

  test('is for keytool one entry with a chain of three', async () => {
    tools.write('written.pfx', await write(password));
    const told = tools.told('keytool', '-list', '-v', ...store('written.pfx'));
    expect(told).toContain('Your keystore contains 1 entry');
    expect(told).toContain(`Alias name: ${said.keytool(name)}\n`);
    expect(told).toContain('Entry type: PrivateKeyEntry\nCertificate chain length: 3\n');
    expect(told.match(/^Owner: .*$/gm)).toEqual(['Owner: CN=leaf', 'Owner: CN=sub', 'Owner: CN=root']); // prettier-ignore
  });

  test('is for certtool TripleDES-SHA1 with a SHA-1 MAC, leaf and key tied together', async () => {
    tools.write('written.pfx', await write(beyondAscii));
    const told = tools.told('certtool', '--p12-info', '--inder', '--infile', 'written.pfx', '--template', tools.template(beyondAscii)); // prettier-ignore
    expect(told).toContain('MAC: SHA1 (1.3.14.3.2.26)');
    expect(told.match(/Schema: .*/g)).toEqual([
      'Schema: PKCS12-3DES-SHA1 (1.2.840.113549.1.12.1.3)',
      'Schema: PKCS12-3DES-SHA1 (1.2.840.113549.1.12.1.3)',
    ]);
    expect(told.match(/Iteration count: .*/g)).toEqual(Array(3).fill('Iteration count: 2048'));
    const ids = told.match(/Key ID: .*/g) ?? [];
    expect(ids).toHaveLength(2);
    expect(ids[0]).toBe(ids[1]);
    expect(told.match(/Friendly name: .*/g)).toEqual(Array(2).fill(`Friendly name: ${name}`));
  });

  test('is for pk12util a certificate that has a private key, and two that have none', async () => {
    tools.write('written.pfx', await write(emoji));
    const told = tools.told('pk12util', '-l', 'written.pfx', '-d', tools.database(), '-w', tools.word(emoji)); // prettier-ignore
    expect(told.match(/^Certificate.*:$|^Key.*:$/gm)).toEqual([
      'Certificate(has private key):',
      'Certificate:',
      'Certificate:',
      'Key(shrouded):',
    ]);
    expect(told).toContain('PKCS #12 V2 PBE With SHA-1 And 3KEY Triple DES-CBC');
    expect(told).toContain('Iteration Count: 2048');
  });
});

describe('converted by the program, and read by every tool', () => {
  test.each<[string, () => Buffer]>([
    ['openssl', () => original],
    ['keytool', () => byKeytool('original.pfx')],
    ['certtool', () => byCerttool(password)],
    ['pk12util', () => byPk12util(imported('original.pfx'), password)],
  ])('a PFX by %s', async (_maker, make) => {
    const home = newFolder();
    writeFileSync(join(home, 'in.pfx'), make());
    await expectConverted(home, ['in.pfx', '--password-from', 'env:P'], said);
  });

  test('PEM files, which have no name', async () => {
    const home = newFolder();
    for (const file of ['leaf.key', 'full.pem']) writeFileSync(join(home, file), tools.bytes(file));
    // Java numbers what has none, NSS takes the subject.
    const nameless = { openssl: () => undefined, keytool: () => '1', certtool: () => undefined, pk12util: () => 'leaf' }; // prettier-ignore
    await expectConverted(home, ['--certificate', 'full.pem', '--key', 'leaf.key', '--out-password-from', 'env:P'], nameless); // prettier-ignore
  });

  async function expectConverted(
    home: string,
    words: readonly string[],
    names: Readonly<Record<Reader, (name: string) => string | undefined>>,
  ): Promise<void> {
    const bytes = await converted(home, words);
    expect(obstacles(outlinePkcs12(bytes, 'out.pfx'))).toEqual([]);
    for (const reader of readers) {
      const { holds, certificates, alias: name } = tools.read(reader, bytes, password);
      expect([reader, holds(keyOf('leaf')), hex(certificates), name]).toEqual(
        [reader, true, ders('leaf', 'sub', 'root'), names[reader](alias)],
      ); // prettier-ignore
    }
  }
});
