import { createPrivateKey } from 'node:crypto';
import { derChild, derChildren, DerError, readDer, tags } from '../../src/core/der.ts';
import {
  decryption,
  macMatches,
  passwordForms,
  readEncryption,
  readMac,
  type Mac,
} from '../../src/core/pbe.ts';
import { openWorkshop, password, tripleDes, type Workshop } from '../support/certificates.ts';

let shop: Workshop;
beforeAll(() => {
  shop = openWorkshop();
  shop.selfSigned('plain');
});
afterAll(() => {
  shop.close();
});

/** EncryptedPrivateKeyInfo (RFC 5958 section 3) of plain.key: what a shrouded key bag holds. */
function encrypted(word: string, ...options: readonly string[]): Buffer {
  return shop.openssl(
    'pkcs8', '-topk8', '-in', 'plain.key', '-outform', 'DER', '-passout', `pass:${word}`, ...options,
  ); // prettier-ignore
}

async function opened(bytes: Buffer, word: string): Promise<Buffer> {
  const info = readDer(bytes);
  const encryption = readEncryption(derChild(info, 0, tags.sequence));
  return decryption(encryption)(
    derChild(info, 1, tags.octetString).content,
    passwordForms(word)[0],
  );
}

describe('PBES2', () => {
  const ciphers = [
    ['aes-128-cbc', 'AES-128-CBC'],
    ['aes-192-cbc', 'AES-192-CBC'],
    ['aes-256-cbc', 'AES-256-CBC'],
    ['des-ede3-cbc', 'TripleDES-CBC'],
  ] as const;
  const prfs = [
    'hmacWithSHA1',
    'hmacWithSHA224',
    'hmacWithSHA256',
    'hmacWithSHA384',
    'hmacWithSHA512',
  ];

  test.each(
    ciphers.flatMap(([cipher, scheme]) => prfs.map((prf) => [cipher, prf, scheme] as const)),
  )('%s with %s', async (cipher, prf, scheme) => {
    const bytes = encrypted('Pässwörd-日本🔑', '-v2', cipher, '-v2prf', prf, '-iter', '1000');
    expect(readEncryption(derChild(readDer(bytes), 0))).toMatchObject({ scheme, iterations: 1000 });
    const key = await opened(bytes, 'Pässwörd-日本🔑');
    const theirs = createPrivateKey(shop.bytes('plain.key'));
    expect(createPrivateKey({ key, format: 'der', type: 'pkcs8' }).equals(theirs)).toBe(true);
  });

  test('what is not known is said before any work is done', () => {
    for (const options of [
      ['-scrypt'],
      ['-v2', 'aes-256-ofb'],
      ['-v2', 'camellia-128-cbc'],
      ['-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA512-256'],
    ]) {
      const encryption = readEncryption(derChild(readDer(encrypted('x', ...options)), 0));
      expect(() => decryption(encryption)).toThrow(DerError);
    }
  });
});

describe("PKCS #12's own encryption", () => {
  test.each(['', 'x', 'Pässwörd-日本', 'pa🔑ss', 'a'.repeat(100)])(
    'TripleDES-SHA1 under %j',
    async (word) => {
      for (const rounds of ['1', '2048', '5000']) {
        const bytes = encrypted(word, '-v1', 'PBE-SHA1-3DES', '-iter', rounds);
        const key = await opened(bytes, word);
        expect(createPrivateKey({ key, format: 'der', type: 'pkcs8' }).asymmetricKeyType).toBe(
          'rsa',
        );
      }
    },
  );

  test.each(['PBE-SHA1-RC2-40', 'PBE-SHA1-RC2-128'])('%s', async (scheme) => {
    if (!shop.hasLegacyProvider) return;
    const bytes = encrypted(password, '-v1', scheme, '-provider', 'legacy', '-provider', 'default');
    const key = await opened(bytes, password);
    expect(createPrivateKey({ key, format: 'der', type: 'pkcs8' }).asymmetricKeyType).toBe('rsa');
  });

  test('a wrong password opens nothing', async () => {
    const bytes = encrypted(password, '-v1', 'PBE-SHA1-3DES');
    const right = await opened(bytes, password);
    // Once in 256 times the padding looks right by chance; the key is another one all the same.
    const wrong = await opened(bytes, 'wrong').catch(() => undefined);
    expect(wrong?.equals(right) ?? false).toBe(false);
  });
});

describe('the MAC', () => {
  const matches = (mac: Mac, content: Buffer, word: string): boolean =>
    macMatches(mac, content, passwordForms(word)[0]);

  const macOf = (pfx: Buffer): [Mac, Buffer] => {
    const [, safe, mac] = derChildren(readDer(pfx));
    const content = derChild(derChild(safe!, 1), 0, tags.octetString).content;
    return [readMac(mac!), content];
  };

  test.each([
    ['md5', 'MD5'],
    ['sha1', 'SHA-1'],
    ['sha224', 'SHA-224'],
    ['sha256', 'SHA-256'],
    ['sha384', 'SHA-384'],
    ['sha512', 'SHA-512'],
  ])('%s', (algorithm, scheme) => {
    for (const word of ['', 'x', 'Pässwörd-日本🔑']) {
      const [mac, content] = macOf(
        shop.pfx('plain', '-macalg', algorithm, '-passout', `pass:${word}`),
      );
      expect(mac).toMatchObject({ scheme, iterations: 2048 });
      expect(matches(mac, content, word)).toBe(true);
      expect(matches(mac, content, `${word}!`)).toBe(false);
      expect(matches(mac, content.subarray(1), word)).toBe(false);
      expect(matches({ ...mac, value: mac.value.subarray(1) }, content, word)).toBe(false);
      expect(matches({ ...mac, value: Buffer.alloc(0) }, content, word)).toBe(false);
      expect(matches({ ...mac, salt: Buffer.alloc(0) }, content, word)).toBe(false);
    }
  });

  test('of a digest that is not known', () => {
    const [mac, content] = macOf(shop.pfx('plain', ...tripleDes));
    expect(() => matches({ ...mac, scheme: 'PBMAC1' }, content, password)).toThrow('PBMAC1');
    expect(() => matches({ ...mac, scheme: 'constructor' }, content, password)).toThrow();
    expect(() => matches({ ...mac, iterations: 0 }, content, password)).toThrow(DerError);
  });

  test('one round, where the number is left out', () => {
    const [mac, content] = macOf(shop.pfx('plain', ...tripleDes, '-nomaciter'));
    expect(mac.iterations).toBe(1);
    expect(matches(mac, content, password)).toBe(true);
  });
});
