import { createPrivateKey } from 'node:crypto';
import { derOid, der, tags } from '../../src/core/der.ts';
import { maxIterations } from '../../src/core/pbe.ts';
import {
  pemEncryption,
  readPemKey,
  readPemKeyParts,
  readPemParts,
} from '../../src/core/pem-parts.ts';
import { maxBags } from '../../src/core/pkcs12-frame.ts';
import { Secret } from '../../src/core/secret.ts';
import { Failure } from '../../src/failure.ts';
import { caught, caughtLater, everythingOf } from '../support/caught.ts';
import { openWorkshop, type Workshop } from '../support/certificates.ts';

const word = 'Pässwörd-日本🔑';
let shop: Workshop;
beforeAll(() => {
  shop = openWorkshop();
  shop.selfSigned('root');
  shop.issued('leaf', 'root');
});
afterAll(() => {
  shop.close();
});

const never = (): Promise<Secret> => Promise.reject(new Error('nobody should ask'));
const give = (text: string) => (): Promise<Secret> => Promise.resolve(new Secret(text));
const blockOf = (pem: Buffer) => readPemParts(pem, 'k.pem').keys[0]!;

describe('private keys', () => {
  const open = ['pkcs8', '-topk8', '-nocrypt', '-in', 'leaf.key'];
  const shut = ['pkcs8', '-topk8', '-in', 'leaf.key', '-passout', `pass:${word}`];

  test.each<[string, readonly string[], string | undefined]>([
    ['PKCS #8', open, undefined],
    ['PKCS #1', ['rsa', '-in', 'leaf.key', '-traditional'], undefined],
    ['AES-256, the default', shut, 'PKCS #8'],
    ['AES-128 with SHA-512', [...shut, '-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA512'], 'PKCS #8'],
    ['TripleDES in PBES2', [...shut, '-v2', 'des-ede3-cbc'], 'PKCS #8'],
    ['TripleDES-SHA1', [...shut, '-v1', 'PBE-SHA1-3DES'], 'PKCS #8'],
    ['traditional AES-256', ['rsa', '-in', 'leaf.key', '-traditional', '-aes256', '-passout', `pass:${word}`], 'AES-256-CBC'],
    ['traditional TripleDES', ['rsa', '-in', 'leaf.key', '-traditional', '-des3', '-passout', `pass:${word}`], 'DES-EDE3-CBC'],
  ])('%s', async (_name, command, encryption) => {
    const block = blockOf(shop.openssl(...command));
    expect(pemEncryption(block)).toBe(encryption);
    const { privateKey, pkcs8 } = await readPemKey(block, 'k.pem', encryption === undefined ? never : give(word));
    expect(privateKey.equals(createPrivateKey(shop.bytes('leaf.key')))).toBe(true);
    expect(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).equals(privateKey)).toBe(true);
    if (encryption === undefined) return;
    const failure = await caughtLater(() => readPemKey(block, 'k.pem', give('wrong')));
    expect([failure.kind, failure.message]).toEqual(['input', 'cannot open the private key of k.pem: the password is wrong, or the file is damaged']);
    expect(everythingOf(failure)).not.toContain(word);
  }); // prettier-ignore

  test('EC, which others refuse', async () => {
    const block = blockOf(shop.openssl('ecparam', '-genkey', '-name', 'prime256v1'));
    expect((await readPemKey(block, 'k', never)).privateKey.asymmetricKeyType).toBe('ec');
  });

  test('more rounds than are run are not run', async () => {
    const pem = shop.openssl(...shut, '-iter', String(maxIterations + 1));
    const failure = await caughtLater(() => readPemKey(blockOf(pem), 'k.pem', give(word)));
    expect([failure.kind, failure.message]).toEqual(['input', expect.stringContaining('rounds of key derivation')]); // prettier-ignore
  });

  test('scrypt, and what is no encryption at all', async () => {
    const scrypt = await caughtLater(() => readPemKey(blockOf(shop.openssl(...shut, '-scrypt')), 'k.pem', give(word))); // prettier-ignore
    expect(scrypt.message).toContain('scrypt');
    expect(scrypt.hint).toContain('openssl pkcs8 -topk8');
    const bytes = der(tags.sequence, derOid('1.2.3'));
    const block = { label: 'ENCRYPTED PRIVATE KEY', bytes, headers: [], text: '' };
    expect((await caughtLater(() => readPemKey(block, 'k.pem', give(word)))).kind).toBe('input');
  });

  test('a cipher that Node does not have', async () => {
    const pem = shop.openssl('rsa', '-in', 'leaf.key', '-traditional', '-aes256', '-passout', `pass:${word}`); // prettier-ignore
    const block = blockOf(Buffer.from(pem.toString().replace('AES-256-CBC', 'RC9-CBC')));
    const failure = await caughtLater(() => readPemKey(block, 'k.pem', give(word)));
    expect(failure.message).toBe(
      'cannot open the private key of k.pem: an encryption that is not known (RC9-CBC)',
    );
  });

  test('damaged ones', async () => {
    for (const command of [open, ['rsa', '-in', 'leaf.key', '-traditional']]) {
      const lines = shop
        .openssl(...command)
        .toString()
        .split('\n');
      lines.splice(3, 2);
      const failure = await caughtLater(() => readPemKey(blockOf(Buffer.from(lines.join('\n'))), 'k.pem', never)); // prettier-ignore
      expect(failure.message).toBe('k.pem: its private key cannot be read');
    }
  });

  test('the format of OpenSSH', async () => {
    const block = { label: 'OPENSSH PRIVATE KEY', bytes: Buffer.alloc(1), headers: [], text: '' };
    const failure = await caughtLater(() => readPemKey(block, 'k.pem', never));
    expect(failure.hint).toContain('ssh-keygen -p -m PEM');
  });
});

describe('files', () => {
  const file = (name: string) => ({ name, bytes: shop.bytes(name) });

  test('certificates of several, the key of another, or all in one', async () => {
    const apart = await readPemKeyParts([file('leaf.crt'), file('root.crt')], file('leaf.key'), never); // prettier-ignore
    shop.write(
      'all.pem',
      Buffer.concat(['leaf.key', 'root.crt', 'leaf.crt'].map((name) => shop.bytes(name))),
    );
    const together = await readPemKeyParts([file('all.pem')], file('all.pem'), never);
    const subjects = (parts: typeof apart) => parts.certificates.map(({ certificate }) => certificate.subject); // prettier-ignore
    expect(subjects(apart)).toEqual(['CN=leaf', 'CN=root']);
    expect(subjects(together)).toEqual(['CN=root', 'CN=leaf']);
    expect(together.keys).toEqual(apart.keys);
    const binary = { name: 'leaf.cer', bytes: shop.der('leaf') };
    expect(subjects(await readPemKeyParts([binary], file('leaf.key'), never))).toEqual(['CN=leaf']);
  });

  test('what is missing, or too much', async () => {
    const refused = async (certificate: string, key: string): Promise<string> =>
      (await caughtLater(() => readPemKeyParts([file(certificate)], file(key), never))).message;
    shop.write('two.pem', Buffer.concat(['leaf.key', 'root.key'].map((name) => shop.bytes(name))));
    expect(await refused('leaf.crt', 'root.crt')).toBe('root.crt holds no private key');
    expect(await refused('leaf.crt', 'two.pem')).toBe('two.pem holds 2 private keys');
    expect(await refused('leaf.key', 'leaf.key')).toBe('leaf.key holds no certificate');
    shop.openssl('req', '-new', '-key', 'leaf.key', '-subj', '/CN=x', '-out', 'x.csr');
    expect(await refused('x.csr', 'leaf.key')).toContain('x.csr holds a CERTIFICATE REQUEST');
  });

  test('more blocks than are read', () => {
    const many = Buffer.concat(Array.from({ length: maxBags + 1 }, () => shop.bytes('leaf.crt')));
    const failure = caught(() => readPemParts(many, 'x.pem'));
    expect(failure).toBeInstanceOf(Failure);
    expect(failure.message).toContain(String(maxBags));
  });
});
