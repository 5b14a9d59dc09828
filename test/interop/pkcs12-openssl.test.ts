/**
 * PFX and PEM files of every kind that OpenSSL makes are read here, and what is written here is read by
 * OpenSSL: keys as keys, certificates byte for byte.
 */
import { createHash, createPrivateKey, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certifiedKey, type CertifiedKey } from '../../src/core/certified-key.ts';
import { readPemKey, readPemKeyParts, readPemParts } from '../../src/core/pem-parts.ts';
import { obstacles, openPkcs12, outlinePkcs12 } from '../../src/core/pkcs12.ts';
import { writePkcs12 } from '../../src/core/pkcs12-writer.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Failure } from '../../src/failure.ts';
import { guard, newFolder, start } from '../support/binary.ts';
import { caughtLater } from '../support/caught.ts';
import { openWorkshop, password, tripleDes, type Workshop } from '../support/certificates.ts';
import {
  chainOf,
  hex,
  openEntry,
  openPfxTools,
  said,
  type PfxTools,
} from '../support/pfx-tools.ts';

guard(password);
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
const macs = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'none'];
/** RC2 can be made with the legacy provider only. */
const makeable = (...names: readonly string[]): boolean =>
  shop.hasLegacyProvider || !names.some((name) => rc2.includes(name));
const legacyFor = (...names: readonly string[]): readonly string[] =>
  names.some((name) => rc2.includes(name)) ? ['-legacy'] : [];

describe('encryption and MAC', () => {
  /** All pairs of schemes; each scheme meets every MAC. */
  const pairs = schemes.map((key, row) => [
    key,
    schemes.map((certificates, column) => [certificates, macs[(row + column) % macs.length]!] as const), // prettier-ignore
  ] as const); // prettier-ignore

  test.each(pairs)('the key under %s, the certificates under any', async (key, columns) => {
    const wrong: string[] = [];
    for (const [certificates, mac] of columns.filter(([one]) => makeable(key, one))) {
      const seal = mac === 'none' ? ['-nomac'] : ['-macalg', mac];
      const bytes = made(password, ...legacyFor(key, certificates), '-iter', '2', ...seal, '-keypbe', key, '-certpbe', certificates); // prettier-ignore
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
      ['-nomac', '-certpbe', 'AES-128-CBC'],
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
  const write = async (one: CertifiedKey, word = password): Promise<Buffer> =>
    (await writePkcs12(one, new Secret(word), randomBytes)).bytes;
  let key: CertifiedKey;
  beforeAll(async () => {
    ({ key } = await openEntry(made(password, '-certfile', 'chain.pem'), password));
  });

  test.each(passwords)('OpenSSL opens it under %j', async (word) => {
    const written = await write(key, word);
    const read = tools.read('openssl', written, word);
    expect(read.holds(keyOf('leaf'))).toBe(true);
    expect(hex(read.certificates)).toEqual(ders('leaf', 'sub', 'root'));
    tools.write('sealed.pfx', written);
    const words = tools.refused('openssl', 'pkcs12', '-noout', '-in', 'sealed.pfx', '-passin', tools.source(`${word}x`)); // prettier-ignore
    expect(words).toContain('invalid password');
  });

  test.each(['leaf', 'Schlüssel 鍵', undefined])('its attributes, called %j', async (name) => {
    const given = name === undefined ? [] : ['-name', name];
    const bytes = made(password, '-certfile', 'chain.pem', ...given, '-caname', 'ça');
    const named = await openEntry(bytes, password);
    const written = await write(named.key);
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
    const written = await write(key);
    tools.write('written.pfx', written);
    expect(
      tools.told(
        'openssl',
        'pkcs12',
        '-info',
        '-noout',
        '-in',
        'written.pfx',
        '-passin',
        tools.source(password),
      ),
    ).toBe(
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
    expect(tools.told('openssl', 'asn1parse', '-inform', 'DER', '-in', 'written.pfx')).not.toContain('l=inf'); // prettier-ignore
  });
});

describe('private keys in PEM', () => {
  const noQuestion = (): Promise<Secret> => Promise.reject(new Error('no password is needed'));
  /** Reads the one key of a PEM file, and says whether it is that of the leaf. */
  async function isLeaf(pem: Buffer, word?: string): Promise<boolean> {
    const { keys } = readPemParts(pem, 'key.pem');
    expect(keys).toHaveLength(1);
    const ask = word === undefined ? noQuestion : () => Promise.resolve(new Secret(word));
    const { privateKey, pkcs8 } = await readPemKey(keys[0]!, 'key.pem', ask);
    expect(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }).equals(privateKey)).toBe(true); // prettier-ignore
    return privateKey.equals(keyOf('leaf'));
  }
  const refusedKey = (pem: Buffer, word: string): Promise<Failure> =>
    caughtLater(() => isLeaf(pem, word));
  const legacy = ['-provider', 'legacy', '-provider', 'default'];
  const pkcs8 = (word: string, ...options: readonly string[]): Buffer =>
    shop.openssl('pkcs8', '-topk8', '-in', 'leaf.key', '-passout', source(word), ...options);
  const traditional = (word: string, ...options: readonly string[]): Buffer =>
    shop.openssl('rsa', '-in', 'leaf.key', '-traditional', '-passout', source(word), ...options);

  test('in the clear: PKCS #8, PKCS #1, with text around it, with the line ends of Windows', async () => {
    const plain = shop.openssl('rsa', '-in', 'leaf.key', '-traditional');
    expect(plain.toString()).toContain('-----BEGIN RSA PRIVATE KEY-----');
    for (const pem of [
      shop.bytes('leaf.key'),
      plain,
      shop.openssl('pkey', '-in', 'leaf.key', '-text'),
      shop.openssl('pkey', '-in', 'leaf.key', '-traditional'),
      Buffer.from(plain.toString().replaceAll('\n', '\r\n')),
    ])
      expect(await isLeaf(pem)).toBe(true);
  });

  test('of an elliptic curve, with its parameters in front', async () => {
    const pem = shop.openssl('ecparam', '-name', 'prime256v1', '-genkey');
    expect(pem.toString()).toContain('-----BEGIN EC PARAMETERS-----');
    const { keys } = readPemParts(pem, 'ec.pem');
    const { privateKey } = await readPemKey(keys[0]!, 'ec.pem', noQuestion);
    expect(privateKey.equals(createPrivateKey(pem))).toBe(true);
  });

  test.each(['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc', 'des3'])(
    'PKCS #8 under %s with any HMAC',
    async (cipher) => {
      for (const prf of ['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512'])
        for (const word of [password, beyondAscii]) {
          const pem = pkcs8(word, '-v2', cipher, '-v2prf', `hmacWith${prf}`);
          expect(pem.toString()).toContain('-----BEGIN ENCRYPTED PRIVATE KEY-----');
          expect(await isLeaf(pem, word)).toBe(true);
          expect((await refusedKey(pem, `${word}x`)).message).toContain('the password is wrong');
        }
    },
  );

  test.each(['PBE-SHA1-3DES', ...rc2])("PKCS #8 under PKCS #12's %s", async (scheme) => {
    if (!makeable(scheme)) return;
    for (const word of passwords.slice(0, 4)) {
      const pem = pkcs8(word, '-v1', scheme, ...(rc2.includes(scheme) ? legacy : []));
      expect(await isLeaf(pem, word)).toBe(true);
      expect((await refusedKey(pem, `${word}x`)).message).toContain('the password is wrong');
    }
  });

  test('PKCS #8 with 100 000 rounds', async () => {
    const pem = pkcs8(password, '-v2', 'aes-256-cbc', '-iter', '100000');
    expect(await isLeaf(pem, password)).toBe(true);
  });

  test.each(['-des3', '-aes128', '-aes192', '-aes256', '-camellia256'])(
    'traditional, under %s',
    async (cipher) => {
      for (const word of passwords.slice(0, 4)) {
        const pem = traditional(word, cipher);
        expect(pem.toString()).toContain('Proc-Type: 4,ENCRYPTED');
        expect(await isLeaf(pem, word)).toBe(true);
        expect((await refusedKey(pem, `${word}x`)).message).toContain('the password is wrong');
      }
    },
  );

  test('kinds that are not read are refused by name', async () => {
    for (const [pem, name] of [
      [pkcs8(password, '-scrypt'), 'AES-256-CBC with scrypt'],
      [pkcs8(password, '-v2', 'camellia-256-cbc'), '1.2.392.200011.61.1.1.1.4 with HMAC-SHA-256'],
      [pkcs8(password, '-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA512-256'), 'AES-256-CBC with 1.2.840.113549.2.13'],
      [pkcs8(password, '-v1', 'PBE-SHA1-2DES'), 'TripleDES-2KEY-SHA1'],
    ] as const) {
      const { message, hint } = await refusedKey(pem, password);
      expect(message).toContain(`cannot open the private key of key.pem: an encryption that is not known (${name}`);
      expect(hint).toContain('openssl pkcs8 -topk8');
    }
  }); // prettier-ignore

  test('single DES and SEED, traditional, which Node lacks, are no wrong password', async () => {
    if (!shop.hasLegacyProvider) return;
    for (const [cipher, name] of [['-des', 'DES-CBC'], ['-seed', 'SEED-CBC']] as const) {
      const { message } = await refusedKey(traditional(password, cipher, ...legacy), password);
      expect(message).toBe(`cannot open the private key of key.pem: an encryption that is not known (${name})`);
    }
  }); // prettier-ignore

  test('what OpenSSL writes of a PFX, key and certificates in one file', async () => {
    shop.pfx('leaf', '-certfile', 'upside-down.pem', '-passout', source(password));
    const bytes = shop.openssl('pkcs12', '-nodes', '-in', 'made.pfx', '-passin', source(password));
    const file = { bytes, name: 'all.pem' };
    const key = certifiedKey(await readPemKeyParts([file], file, noQuestion), 'all.pem');
    expect(key.privateKey.equals(keyOf('leaf'))).toBe(true);
    expect(chainOf(key)).toEqual(ders('leaf', 'sub', 'root'));
  });
});

describe('the program', () => {
  const run = async (home: string, words: readonly string[]): Promise<Buffer> => {
    const done = await start(['convert', '--out', 'out.pfx', ...words], { environment: { HOME: home, P: password, K: beyondAscii } }).done;
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('wrote ')]);
    return readFileSync(join(home, 'out.pfx'));
  }; // prettier-ignore
  const expectLeaf = (written: Buffer, word: string): void => {
    const { holds, certificates } = tools.read('openssl', written, word);
    expect(holds(keyOf('leaf'))).toBe(true);
    expect(hex(certificates)).toEqual(ders('leaf', 'sub', 'root'));
  };

  test('converts what OpenSSL makes by default', async () => {
    const home = newFolder();
    writeFileSync(join(home, 'in.pfx'), made(beyondAscii, '-certfile', 'upside-down.pem'));
    expectLeaf(await run(home, ['in.pfx', '--password-from', 'env:K']), beyondAscii);
    expectLeaf(await run(home, ['in.pfx', '--password-from', 'env:K', '--out-password-from', 'env:P', '--overwrite']), password); // prettier-ignore
  });

  test('makes a PFX of a certificate, its chain and an encrypted key', async () => {
    const home = newFolder();
    for (const name of ['leaf.crt', 'upside-down.pem'])
      writeFileSync(join(home, name), shop.bytes(name));
    const parts = ['--certificate', 'leaf.crt', '--chain', 'upside-down.pem', '--key', 'key.pem'];
    const words = [...parts, '--key-password-from', 'env:K', '--out-password-from', 'env:P', '--overwrite']; // prettier-ignore
    for (const options of [
      ['pkcs8', '-topk8', '-v2', 'aes-256-cbc'],
      ['rsa', '-traditional', '-aes256'],
    ]) {
      writeFileSync(join(home, 'key.pem'), shop.openssl(...options, '-in', 'leaf.key', '-passout', source(beyondAscii))); // prettier-ignore
      expectLeaf(await run(home, words), password);
    }
  });

  describe('takes the folder of certbot as it is', () => {
    /** As certbot lays it out: live/ links into archive/, where each renewal has its number. */
    function certbot(name: string, chain: readonly string[]): string {
      const home = newFolder();
      for (const folder of ['live', 'archive'])
        mkdirSync(join(home, folder, 'login.example'), { recursive: true });
      const chainPem = Buffer.concat(chain.map((one) => shop.bytes(`${one}.crt`)));
      const files = {
        cert: shop.bytes(`${name}.crt`),
        chain: chainPem,
        fullchain: Buffer.concat([shop.bytes(`${name}.crt`), chainPem]),
        privkey: shop.bytes(`${name}.key`),
      };
      for (const [file, bytes] of Object.entries(files)) {
        writeFileSync(join(home, 'archive/login.example', `${file}1.pem`), bytes, { mode: 0o600 });
        symlinkSync(`../../archive/login.example/${file}1.pem`, join(home, 'live/login.example', `${file}.pem`)); // prettier-ignore
      }
      return home;
    }
    const live = (file: string): string => `live/login.example/${file}.pem`;
    const outPassword = ['--out-password-from', 'env:P'];

    test('fullchain.pem and privkey.pem', async () => {
      const home = certbot('leaf', ['sub', 'root']);
      const words = ['--certificate', live('fullchain'), '--key', live('privkey'), ...outPassword];
      expectLeaf(await run(home, words), password);
    });

    test('cert.pem, chain.pem and privkey.pem', async () => {
      const home = certbot('leaf', ['sub', 'root']);
      const words = ['--certificate', live('cert'), '--chain', live('chain'), '--key', live('privkey')]; // prettier-ignore
      expectLeaf(await run(home, [...words, ...outPassword]), password);
    });

    test('its default of today, an EC key, is refused with the reason', async () => {
      shop.key('ec', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
      shop.issued('ec', 'sub');
      const home = certbot('ec', ['sub']);
      const words = ['--certificate', live('fullchain'), '--key', live('privkey'), ...outPassword];
      const done = await start(['convert', '--out', 'out.pfx', ...words], { environment: { HOME: home, P: password } }).done; // prettier-ignore
      expect(done.code).toBe(3);
      expect(done.stderr).toContain('EC key, and B2C takes RSA only');
    });
  });
});
