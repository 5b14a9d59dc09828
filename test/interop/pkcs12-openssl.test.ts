/**
 * PFX and PEM files of every kind that OpenSSL makes are read here, and what is written here is read by
 * OpenSSL: keys as keys, certificates byte for byte.
 */
import { createHash, createPrivateKey, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certifiedKey } from '../../src/core/certified-key.ts';
import { readPemKey, readPemKeyParts, readPemParts } from '../../src/core/pem-parts.ts';
import { obstacles, openPkcs12, outlinePkcs12 } from '../../src/core/pkcs12.ts';
import { writePkcs12 } from '../../src/core/pkcs12-writer.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Failure } from '../../src/failure.ts';
import { guard, newFolder, start } from '../support/binary.ts';
import { caughtLater } from '../support/caught.ts';
import { openWorkshop, tripleDes, type Workshop } from '../support/certificates.ts';
import { chainOf, hex, openEntry, openPfxTools, said, type PfxTools } from '../support/pfx-tools.ts';

const password = guard('Passw0rd!');
const beyondAscii = guard('Pässwörd-日本');
const passwords = [
  password,
  beyondAscii,
  guard('pa🔑ss'),
  guard('пароль'),
  guard('كلمة السر'),
  guard('e\u0301'),
  guard(' blanks '),
  guard('"\'\\$`'),
  guard('x'.repeat(200)),
  '',
];

let shop: Workshop;
let tools: PfxTools;
beforeAll(() => {
  shop = openWorkshop();
  tools = openPfxTools();
  shop.selfSigned('root');
  shop.write('ca.ext', 'basicConstraints=critical,CA:TRUE\n');
  shop.issued('sub', 'root', '-extfile', 'ca.ext');
  shop.issued('leaf', 'sub');
  shop.write('chain.pem', Buffer.concat([shop.bytes('sub.crt'), shop.bytes('root.crt')]));
  shop.write('upside-down.pem', Buffer.concat([shop.bytes('root.crt'), shop.bytes('sub.crt')]));
});
afterAll(() => {
  shop.close();
  tools.close();
});

const keyOf = (name: string): ReturnType<typeof createPrivateKey> =>
  createPrivateKey(shop.bytes(`${name}.key`));
const ders = (...names: readonly string[]): string[] => hex(names.map((name) => shop.der(name)));
/** openssl reads the password out of a file. */
function source(word: string): string {
  if (word === '') return 'pass:';
  shop.write('word.txt', word);
  return 'file:word.txt';
}
const made = (word: string, ...options: readonly string[]): Buffer =>
  shop.pfx('leaf', '-passout', source(word), ...options);

/** What is wrong with a PFX of the leaf; empty where it is read as it should be. */
async function wrongWith(bytes: Buffer, word: string): Promise<string[]> {
  try {
    const { pfx, key } = await openEntry(bytes, word);
    const id = createHash('sha1').update(shop.der('leaf')).digest();
    const ties = [key.localKeyId, pfx.certificates[0]?.localKeyId];
    return [
      ...(key.privateKey.equals(keyOf('leaf')) ? [] : ['another key']),
      ...(chainOf(key).join() === ders('leaf').join() ? [] : ['other certificates']),
      ...(key.others.length === 0 ? [] : ['further certificates']),
      ...(ties.every((tie) => tie?.equals(id) === true) ? [] : ['another localKeyId']),
    ];
  } catch (error) {
    return [String(error)];
  }
}

const refused = async (bytes: Buffer, word = password): Promise<Failure> => {
  const failure = await caughtLater(() => openPkcs12(bytes, new Secret(word), 'x.pfx'));
  expect(failure.kind).toBe('input');
  return failure;
};

const rc2 = ['PBE-SHA1-RC2-40', 'PBE-SHA1-RC2-128'];
const schemes = [
  'PBE-SHA1-3DES',
  ...rc2,
  'AES-128-CBC',
  'AES-192-CBC',
  'AES-256-CBC',
  'DES-EDE3-CBC',
  'NONE',
];
const macs = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512'];
/** RC2 can be made with the legacy provider only. */
const makeable = (...names: readonly string[]): boolean =>
  shop.hasLegacyProvider || !names.some((name) => rc2.includes(name));
const legacyFor = (...names: readonly string[]): readonly string[] =>
  names.some((name) => rc2.includes(name)) ? ['-legacy'] : [];

describe('encryption and MAC', () => {
  test.each(schemes)('the key under %s, the certificates under any, with any MAC', async (key) => {
    const wrong: string[] = [];
    for (const certificates of schemes.filter((one) => makeable(key, one)))
      for (const mac of [...macs, 'none']) {
        const bytes = made(password, ...legacyFor(key, certificates), '-iter', '2',
          ...(mac === 'none' ? ['-nomac'] : ['-macalg', mac]), '-keypbe', key, '-certpbe', certificates); // prettier-ignore
        for (const problem of await wrongWith(bytes, password))
          wrong.push(`${key}, ${certificates}, ${mac}: ${problem}`);
      }
    expect(wrong).toEqual([]);
  });

  test('the defaults of OpenSSL 3, and of OpenSSL 1', async () => {
    expect(await wrongWith(made(password), password)).toEqual([]);
    if (shop.hasLegacyProvider)
      expect(await wrongWith(made(password, '-legacy'), password)).toEqual([]);
  });

  test('MD5 as a MAC', async () => {
    expect(await wrongWith(made(password, ...tripleDes, '-macalg', 'md5'), password)).toEqual([]);
  });

  test('attributes that only Windows knows', async () => {
    const bytes = made(password, '-LMK', '-keyex', '-CSP', 'Microsoft Strong Cryptographic Provider'); // prettier-ignore
    expect(await wrongWith(bytes, password)).toEqual([]);
  });

  test.each([
    ['PBE-SHA1-2DES', 'TripleDES-2KEY-SHA1'],
    ['CAMELLIA-256-CBC', '1.2.392.200011.61.1.1.1.4'],
    ['ARIA-256-CBC', '1.2.410.200046.1.1.12'],
    ['AES-256-CFB', '2.16.840.1.101.3.4.1.44'],
  ])('%s is refused by name', async (scheme, name) => {
    for (const part of ['-keypbe', '-certpbe']) {
      const { message, hint } = await refused(made(password, part, scheme));
      expect(message).toContain(`cannot open x.pfx: an encryption that is not known (${name}`);
      expect(hint).toContain('openssl pkcs12 -export');
    }
  });

  test.each(['sha3-256', 'sha512-256'])('the MAC %s is refused by name', async (mac) => {
    const { message, hint } = await refused(made(password, '-macalg', mac));
    expect(message).toMatch(/^cannot open x.pfx: a MAC that is not known \([0-9.]+\)$/);
    expect(hint).toContain('-macalg sha1');
  });

  test('two passwords in one file', async () => {
    shop.write('two.txt', `${password}\n${beyondAscii}\n`);
    const bytes = shop.pfx('leaf', ...tripleDes, '-twopass', '-passout', 'file:two.txt', '-passin', 'file:two.txt'); // prettier-ignore
    for (const word of [password, beyondAscii]) await refused(bytes, word);
  });
});

describe('rounds', () => {
  test.each([
    ['TripleDES-SHA1', tripleDes, [1, 2048, 10_000, 100_000, 1_000_000]],
    ['AES-256', ['-macalg', 'sha512'], [1, 2048, 10_000, 100_000, 1_000_000]],
  ])('%s', async (_name, options, counts) => {
    for (const count of counts) {
      const bytes = made(password, ...options, '-iter', String(count));
      const { mac, keys, certificates } = outlinePkcs12(bytes, 'x.pfx');
      expect([mac, ...keys, ...certificates].map((one) => one?.iterations)).toEqual([count, count, count]); // prettier-ignore
      expect(await wrongWith(bytes, password)).toEqual([]);
    }
  });

  test('the encryption has one, the MAC many, and the other way round', async () => {
    for (const options of [['-noiter'], ['-nomaciter'], ['-noiter', '-nomaciter']])
      expect(await wrongWith(made(password, ...tripleDes, ...options), password)).toEqual([]);
  });
});

describe('passwords', () => {
  test.each(passwords)('%j', async (word) => {
    for (const options of [
      tripleDes,
      ['-macalg', 'sha384'],
      ['-keypbe', 'AES-256-CBC', '-certpbe', 'PBE-SHA1-3DES'],
      ['-nomac', ...tripleDes],
      ['-nomac', '-certpbe', 'AES-128-CBC'],
      ['-keypbe', 'NONE', '-certpbe', 'NONE'],
      ...(shop.hasLegacyProvider ? [['-legacy']] : []),
    ]) {
      const bytes = made(word, ...options);
      expect([options, await wrongWith(bytes, word)]).toEqual([options, []]);
      expect((await refused(bytes, `${word}x`)).message).toContain('the password is wrong');
    }
  });

  test('as OpenSSL before 1.1 took it: each byte a character', async () => {
    const bytes = made(Buffer.from(beyondAscii).toString('latin1'), ...tripleDes);
    expect(await wrongWith(bytes, beyondAscii)).toEqual([]);
  });
});

describe('chains and names', () => {
  test('in order, upside down, with a gap, with a stranger', async () => {
    const read = async (file: string): Promise<readonly [string[], string[], number]> => {
      const { pfx, key } = await openEntry(made(password, '-certfile', file), password);
      const inFile = hex(pfx.certificates.map(({ certificate }) => certificate.der));
      return [inFile, chainOf(key), key.others.length];
    };
    const whole = ders('leaf', 'sub', 'root');
    expect(await read('chain.pem')).toEqual([whole, whole, 0]);
    expect(await read('upside-down.pem')).toEqual([ders('leaf', 'root', 'sub'), whole, 0]);
    expect(await read('root.crt')).toEqual([ders('leaf', 'root'), ders('leaf'), 1]);
    shop.selfSigned('stranger');
    expect(await read('stranger.crt')).toEqual([ders('leaf', 'stranger'), ders('leaf'), 1]);
  });

  test.each([
    'leaf',
    'Schlüssel',
    'ключ',
    'κλειδί',
    'مفتاح',
    'מפתח',
    'कुंजी',
    '鍵',
    '열쇠',
    ' a "quoted" name\\',
  ])('%j', async (name) => {
    const bytes = made(password, '-name', name, '-caname', `${name} 2`, '-certfile', 'chain.pem');
    const { pfx, key } = await openEntry(bytes, password, name);
    expect(pfx.keys.map(({ alias }) => alias)).toEqual([name]);
    expect(pfx.certificates.map(({ alias }) => alias)).toEqual([name, `${name} 2`, undefined]);
    expect(key.alias).toBe(name);
  });
});

describe('BER with indefinite lengths and strings in pieces', () => {
  test.each<[string, readonly string[]]>([
    ['AES-256', []],
    ['TripleDES-SHA1', tripleDes],
    ['RC2-40', ['-legacy']],
    ['nothing encrypted', ['-keypbe', 'NONE', '-certpbe', 'NONE']],
    ['no MAC', ['-nomac', ...tripleDes]],
  ])('%s', async (_name, options) => {
    if (options.includes('-legacy') && !shop.hasLegacyProvider) return;
    const good = made(password, ...options);
    const bytes = shop.ber(good);
    expect(bytes.subarray(0, 2).toString('hex')).toBe('3080');
    expect(outlinePkcs12(bytes, 'x.pfx')).toEqual(outlinePkcs12(good, 'x.pfx'));
    expect(await wrongWith(bytes, password)).toEqual([]);
  });
});

describe('writing', () => {
  const pkcs12Key = async (...options: readonly string[]): Promise<ReturnType<typeof certifiedKey>> =>
    (await openEntry(made(password, '-certfile', 'chain.pem', ...options), password)).key; // prettier-ignore

  test.each(passwords)('OpenSSL opens it under %j', async (word) => {
    const written = await writePkcs12(await pkcs12Key(), new Secret(word), randomBytes);
    const { key, certificates } = tools.read('openssl', written, word);
    expect(key.equals(keyOf('leaf'))).toBe(true);
    expect(hex(certificates)).toEqual(ders('leaf', 'sub', 'root'));
    tools.write('sealed.pfx', written);
    const words = tools.refused('openssl', 'pkcs12', '-noout', '-in', 'sealed.pfx', '-passin', tools.source(`${word}x`)); // prettier-ignore
    expect(words).toContain('invalid password');
  });

  test.each(['leaf', 'Schlüssel 鍵', undefined])('its attributes, called %j', async (name) => {
    const given = name === undefined ? [] : ['-name', name];
    const written = await writePkcs12(await pkcs12Key(...given, '-caname', 'ça'), new Secret(password), randomBytes); // prettier-ignore
    const id = createHash('sha1').update(shop.der('leaf')).digest('hex');
    const link = { localKeyId: id, ...(name === undefined ? {} : { alias: said.openssl(name) }) };
    const bags = tools.bags(written, password);
    expect(bags.map(({ alias, localKeyId }) => ({ alias, localKeyId }))).toEqual([
      link,
      { alias: 'ça' },
      {},
      link,
    ]);
    expect(bags.at(-1)?.key?.equals(keyOf('leaf'))).toBe(true);
    expect(hex(bags.flatMap(({ certificate }) => certificate ?? []))).toEqual(ders('leaf', 'sub', 'root')); // prettier-ignore
    // The name as it stands in the file, since OpenSSL does not show all of it.
    expect((await openEntry(written, password)).key.alias).toBe(name);
  });

  test('its encryption, by the words of OpenSSL', async () => {
    const written = await writePkcs12(await pkcs12Key(), new Secret(password), randomBytes);
    tools.write('written.pfx', written);
    const script = 'exec openssl pkcs12 -info -noout -in written.pfx -passin "$0" 2>&1';
    expect(shellOutput(script, tools.source(password))).toBe(
      [
        'MAC: sha1, Iteration 2048',
        'MAC length: 20, salt length: 20',
        'PKCS7 Encrypted data: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048',
        'Certificate bag',
        'Certificate bag',
        'Certificate bag',
        'PKCS7 Data',
        'Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048',
        '',
      ].join('\n'),
    );
    expect(obstacles(outlinePkcs12(written, 'x.pfx'))).toEqual([]);
    // Read as DER, which allows one length for everything.
    expect(tools.run('openssl', 'asn1parse', '-inform', 'DER', '-in', 'written.pfx').includes('inf')).toBe(false); // prettier-ignore
  });
});
