import { createPrivateKey, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { der, derChildren, derOid, readDer, tags, type DerNode } from '../../src/core/der.ts';
import {
  isOrderedChain,
  obstacles,
  openPkcs12,
  outlinePkcs12,
  type Pkcs12,
} from '../../src/core/pkcs12.ts';
import { maxIterations } from '../../src/core/pbe.ts';
import { Secret } from '../../src/core/secret.ts';
import { checkCertificate } from '../../src/core/x509.ts';
import { Failure } from '../../src/failure.ts';
import { caught, caughtLater, everythingOf } from '../support/caught.ts';
import { openWorkshop, password, tripleDes, type Workshop } from '../support/certificates.ts';

let shop: Workshop;
beforeAll(() => {
  shop = openWorkshop();
  shop.selfSigned('root');
  shop.write('ca.ext', 'basicConstraints=critical,CA:TRUE\n');
  shop.issued('sub', 'root', '-extfile', 'ca.ext');
  shop.issued('leaf', 'sub');
  shop.key('small', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024');
  shop.key('ec', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
  shop.key('ed', '-algorithm', 'ED25519');
  shop.key('pss', '-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048');
  for (const name of ['small', 'ec', 'ed', 'pss']) shop.selfSigned(name);
  shop.write('chain.pem', Buffer.concat([shop.bytes('sub.crt'), shop.bytes('root.crt')]));
});
afterAll(() => {
  shop.close();
});

const open = (bytes: Buffer, word = password): Promise<Pkcs12> =>
  openPkcs12(bytes, new Secret(word), 'x.pfx');
async function refused(bytes: Buffer, word = password): Promise<Failure> {
  const failure = await caughtLater(() => open(bytes, word));
  expect(failure.kind).toBe('input');
  expect(failure.message).toContain('x.pfx');
  return failure;
}
const subjects = (pfx: Pkcs12): string[] => pfx.certificates.map((one) => one.subject);
const sequence = (...parts: readonly Buffer[]): Buffer => der(tags.sequence, ...parts);
const explicit = (content: Buffer): Buffer => der(0xa0, content);
const octets = (content: Buffer): Buffer => der(tags.octetString, content);
const integer = (hex: string): Buffer => der(tags.integer, Buffer.from(hex, 'hex'));
const partsOf = (node: DerNode | Buffer): DerNode[] =>
  derChildren(Buffer.isBuffer(node) ? readDer(node) : node);
/** PFX parts (RFC 7292 section 4): version, authSafe, macData. */
function pfxParts(pfx: Buffer): {
  version: Buffer;
  safe: Buffer;
  mac: DerNode | undefined;
  contents: Buffer[];
} {
  const [version, safe, mac] = partsOf(pfx);
  const wrapped = partsOf(partsOf(safe!)[1]!)[0]!;
  return {
    version: version!.whole,
    safe: safe!.whole,
    mac,
    contents: partsOf(wrapped.content).map((content) => content.whole),
  };
}
const dataOid = derOid('1.2.840.113549.1.7.1');
/** A PFX without a MAC around these ContentInfos. */
const pfxOf = (...contents: readonly Buffer[]): Buffer =>
  sequence(integer('03'), sequence(dataOid, explicit(octets(sequence(...contents)))));
const dataOf = (...bags: readonly Buffer[]): Buffer =>
  sequence(dataOid, explicit(octets(sequence(...bags))));

describe('opening what OpenSSL writes', () => {
  test.each<[string, readonly string[]]>([
    ['AES-256, its default', []],
    ['AES-128', ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-128-CBC']],
    ['AES-192', ['-keypbe', 'AES-192-CBC', '-certpbe', 'AES-192-CBC']],
    ['TripleDES in PBES2', ['-keypbe', 'DES-EDE3-CBC', '-certpbe', 'DES-EDE3-CBC']],
    ['TripleDES-SHA1', tripleDes],
    ['a mix', ['-keypbe', 'AES-256-CBC', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha384']],
    ['MAC SHA-1', ['-macalg', 'sha1']],
    ['MAC SHA-512', ['-macalg', 'sha512']],
    ['one MAC round', [...tripleDes, '-nomaciter']],
    ['one round of all', [...tripleDes, '-noiter', '-nomaciter']],
    ['100 000 rounds', ['-iter', '100000']],
    ['no MAC', ['-nomac']],
    ['no encryption', ['-keypbe', 'NONE', '-certpbe', 'NONE']],
    ['neither', ['-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac']],
    ['a key in the clear', ['-keypbe', 'NONE']],
    ['certificates in the clear', [...tripleDes, '-certpbe', 'NONE']],
    ['names beyond ASCII', ['-name', 'Schlüssel']],
    ['MAC SHA-224', ['-macalg', 'sha224']],
    ['MAC SHA-384', ['-macalg', 'sha384']],
  ])('%s', async (_name, options) => {
    const pfx = await open(shop.pfx('leaf', ...options));
    expect(pfx.certificates.map((one) => one.der.equals(shop.der('leaf')))).toEqual([true]);
    expect(pfx.leaf).toBe(pfx.certificates[0]);
    const theirs = createPrivateKey(shop.bytes('leaf.key'));
    expect(pfx.privateKey.equals(theirs)).toBe(true);
  });

  test.each([
    ['RC2-40', ['-legacy'], 'RC2-40-SHA1'],
    [
      'RC2-128',
      ['-legacy', '-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-3DES'],
      'RC2-128-SHA1',
    ],
  ])('%s, as OpenSSL 1 and Windows wrote it', async (_name, options, scheme) => {
    if (!shop.hasLegacyProvider) return;
    const bytes = shop.pfx('leaf', ...options);
    expect((await open(bytes)).leaf.subject).toBe('CN=leaf');
    expect(obstacles(outlinePkcs12(bytes, 'x'))[0]).toBe(
      `its certificates are encrypted with ${scheme}`,
    );
    expect((await refused(bytes, 'wrong')).message).toContain('the password is wrong');
  });

  test.each([
    '',
    'a',
    'Pässwörd-日本',
    'pa🔑ss',
    'é',
    'e\u0301',
    ' blanks ',
    '"\'\\$',
    'a'.repeat(300),
  ])('under the password %j', async (word) => {
    for (const options of [tripleDes, [], ['-nomac'], ['-macalg', 'sha512']]) {
      const bytes = shop.pfx('leaf', ...options, '-passout', `pass:${word}`);
      expect((await open(bytes, word)).leaf.subject).toBe('CN=leaf');
      expect((await refused(bytes, `${word}x`)).message).toContain('the password is wrong');
    }
  });

  test('an RSA certificate that was signed in another way keeps its every byte', async () => {
    shop.key('rsa3');
    shop.issued('rsa3', 'ec');
    const signedByEc = await open(shop.pfx('rsa3', ...tripleDes, '-certfile', 'ec.crt'));
    expect(signedByEc.leaf.der.equals(shop.der('rsa3'))).toBe(true);
    for (const options of [
      ['-sigopt', 'rsa_padding_mode:pss', '-sha256'],
      ['-sigopt', 'rsa_padding_mode:pss', '-sha512', '-sigopt', 'rsa_pss_saltlen:20'],
      ['-sigopt', 'rsa_padding_mode:pss', '-sha1'],
      ['-sigopt', 'rsa_padding_mode:pss', '-sha256', '-sigopt', 'rsa_mgf1_md:sha1'],
      ['-sha1'],
      ['-sha512'],
    ]) {
      shop.issued('rsa3', 'root', ...options);
      const opened = await open(shop.pfx('rsa3', ...tripleDes));
      expect(opened.leaf.der.toString('hex')).toBe(shop.der('rsa3').toString('hex'));
    }
  });

  test('a certificate with an empty subject', async () => {
    shop.openssl('req', '-x509', '-key', 'leaf.key', '-subj', '/', '-days', '9', '-out', 'nameless.crt',
      '-addext', 'subjectAltName=critical,DNS:a.test'); // prettier-ignore
    const pfx = await open(shop.pfx('leaf', ...tripleDes, '-in', 'nameless.crt'));
    expect(pfx.leaf.subject).toBe('');
    expect(isOrderedChain(pfx)).toBe(true);
  });

  test('a chain, in whatever order it stands', async () => {
    const inOrder = await open(shop.pfx('leaf', ...tripleDes, '-certfile', 'chain.pem'));
    expect(subjects(inOrder)).toEqual(['CN=leaf', 'CN=sub', 'CN=root']);
    expect(isOrderedChain(inOrder)).toBe(true);
    expect(isOrderedChain(await open(shop.pfx('leaf', ...tripleDes)))).toBe(true);
    // OpenSSL puts the certificate of the key first itself: behind that the order is ours to choose.
    shop.write('wrong.pem', Buffer.concat([shop.bytes('root.crt'), shop.bytes('sub.crt')]));
    const outOfOrder = await open(shop.pfx('leaf', ...tripleDes, '-certfile', 'wrong.pem'));
    expect(subjects(outOfOrder)).toEqual(['CN=leaf', 'CN=root', 'CN=sub']);
    expect(isOrderedChain(outOfOrder)).toBe(false);
    const gap = await open(shop.pfx('leaf', ...tripleDes, '-certfile', 'root.crt'));
    expect(isOrderedChain(gap)).toBe(false);
    const stranger = await open(shop.pfx('leaf', ...tripleDes, '-certfile', 'small.crt'));
    expect(stranger.leaf.subject).toBe('CN=leaf');
    expect(isOrderedChain(stranger)).toBe(false);
  });

  test('the leaf is found where it does not stand first', async () => {
    const { contents } = pfxParts(
      shop.pfx('leaf', '-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac'),
    );
    const { contents: others } = pfxParts(
      shop.pfx('root', '-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac', '-nokeys'),
    );
    const pfx = await open(pfxOf(...others, ...contents));
    expect(subjects(pfx)).toEqual(['CN=root', 'CN=leaf']);
    expect(pfx.leaf.subject).toBe('CN=leaf');
    expect(isOrderedChain(pfx)).toBe(false);
  });
});

describe('BER, as Windows, macOS and NSS write it', () => {
  test.each<[string, readonly string[]]>([
    ['TripleDES-SHA1', tripleDes],
    ['AES-256', []],
    ['no MAC', ['-nomac']],
  ])('indefinite lengths and pieces: %s', async (_name, options) => {
    const good = shop.pfx('leaf', ...options, '-certfile', 'chain.pem');
    const bytes = shop.ber(good);
    expect(bytes.equals(good)).toBe(false);
    expect(outlinePkcs12(bytes, 'x')).toEqual(outlinePkcs12(good, 'x'));
    expect(subjects(await open(bytes))).toEqual(['CN=leaf', 'CN=sub', 'CN=root']);
    await refused(bytes, 'wrong');
    await refused(bytes.subarray(0, -1));
    await refused(Buffer.concat([bytes, Buffer.from([0])]));
  });

  test('in the inner parts as well', async () => {
    const { contents } = pfxParts(shop.pfx('leaf', '-nomac', ...tripleDes));
    const inner = shop.ber(sequence(...contents));
    const bytes = sequence(integer('03'), sequence(dataOid, explicit(octets(inner))));
    expect((await open(bytes)).leaf.subject).toBe('CN=leaf');
    expect(outlinePkcs12(bytes, 'x').keys).toHaveLength(1);
  });
});

test('an encrypted part in pieces (RFC 5652 section 8: [0] IMPLICIT OCTET STRING)', async () => {
  const { contents } = pfxParts(shop.pfx('leaf', '-nomac', ...tripleDes));
  const inPieces = contents.map((content) => {
    const [type, holder] = partsOf(content);
    if (!type?.whole.equals(derOid('1.2.840.113549.1.7.6'))) return content;
    const [version, info] = partsOf(partsOf(holder!)[0]!);
    const [inner, algorithm, ciphertext] = partsOf(info!);
    const bytes = ciphertext!.content;
    const pieces = der(0xa0, octets(bytes.subarray(0, 100)), octets(bytes.subarray(100)));
    return sequence(
      type.whole,
      explicit(sequence(version!.whole, sequence(inner!.whole, algorithm!.whole, pieces))),
    );
  });
  expect(inPieces).not.toEqual(contents);
  expect((await open(pfxOf(...inPieces))).leaf.subject).toBe('CN=leaf');
});

describe('the outline, without the password', () => {
  const one = (scheme: string, iterations = 2048): { scheme: string; iterations: number } => ({
    scheme,
    iterations,
  });

  test.each<[string, readonly string[], object]>([
    [
      'TripleDES-SHA1',
      tripleDes,
      { mac: one('SHA-1'), keys: [one('TripleDES-SHA1')], certificates: [one('TripleDES-SHA1')] },
    ],
    ['AES-256', [], { mac: one('SHA-256'), keys: [one('AES-256-CBC')], certificates: [one('AES-256-CBC')] }],
    [
      'AES-128, 5000 rounds',
      ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-192-CBC', '-iter', '5000', '-macalg', 'sha512'],
      { mac: one('SHA-512', 5000), keys: [one('AES-128-CBC', 5000)], certificates: [one('AES-192-CBC', 5000)] },
    ],
    [
      'nothing at all',
      ['-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac'],
      { mac: undefined, keys: [one('none', 0)], certificates: [one('none', 0)] },
    ],
    ['one round', [...tripleDes, '-noiter', '-nomaciter'], {
      mac: one('SHA-1', 1), keys: [one('TripleDES-SHA1', 1)], certificates: [one('TripleDES-SHA1', 1)],
    }],
    ['no key', ['-nokeys', ...tripleDes], { mac: one('SHA-1'), keys: [], certificates: [one('TripleDES-SHA1')] }],
  ])('%s', (_name, options, outline) => {
    expect(outlinePkcs12(shop.pfx('leaf', ...options), 'x')).toEqual(outline);
  }); // prettier-ignore

  test.each<[string, readonly string[], readonly string[]]>([
    ['TripleDES-SHA1', tripleDes, []],
    ['AES-256', [], [
      'its private key is encrypted with AES-256-CBC',
      'its certificates are encrypted with AES-256-CBC',
      'its MAC is SHA-256',
    ]],
    ['certificates in the clear', [...tripleDes, '-certpbe', 'NONE'], ['its certificates are not encrypted']],
    ['a key in the clear', [...tripleDes, '-keypbe', 'NONE'], ['its private key is not encrypted']],
    ['no MAC', ['-nomac', ...tripleDes], ['it has no MAC']],
    ['SHA-256', [...tripleDes, '-macalg', 'sha256'], ['its MAC is SHA-256']],
  ])('what B2C has against %s', (_name, options, reasons) => {
    expect(obstacles(outlinePkcs12(shop.pfx('leaf', ...options), 'x'))).toEqual(reasons);
  }); // prettier-ignore
});

describe('refused', () => {
  test('a wrong password, in words that do not claim to know', async () => {
    for (const options of [tripleDes, [], ['-nomac'], ['-keypbe', 'NONE', '-certpbe', 'NONE']]) {
      const failure = await refused(shop.pfx('leaf', ...options), 'wrong');
      expect(failure.message).toBe(
        'cannot open x.pfx: the password is wrong, or the file is damaged',
      );
      expect(failure.hint).toContain('--password-from');
    }
    expect((await refused(shop.pfx('leaf'), '')).message).toContain('the password is wrong');
    const empty = shop.pfx('leaf', '-passout', 'pass:');
    expect((await refused(empty, 'x')).message).toContain('the password is wrong');
  });

  test('one bit turned inside the MAC', async () => {
    const good = shop.pfx('leaf', ...tripleDes);
    for (const at of [good.length >> 1, good.length - 40]) {
      const bytes = Buffer.from(good);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      await refused(bytes);
    }
  });

  test('no private key', async () => {
    for (const options of [tripleDes, []]) {
      const failure = await refused(shop.pfx('leaf', '-nokeys', ...options));
      expect(failure.message).toBe('x.pfx holds no private key');
      expect(failure.hint).toContain('upload-certificate');
    }
  });

  test('no certificate, or only that of another key', async () => {
    const alone = await refused(shop.pfx('leaf', '-nocerts', ...tripleDes));
    expect(alone.message).toBe('x.pfx holds no certificate for its private key');
    const { contents: keys } = pfxParts(shop.pfx('leaf', '-nocerts', '-nomac', ...tripleDes));
    const { contents: others } = pfxParts(shop.pfx('root', '-nokeys', '-nomac', ...tripleDes));
    expect((await refused(pfxOf(...others, ...keys))).message).toBe(alone.message);
  });

  test('two private keys', async () => {
    const { contents } = pfxParts(shop.pfx('leaf', '-nomac', ...tripleDes));
    const { contents: others } = pfxParts(shop.pfx('root', '-nomac', ...tripleDes));
    const failure = await refused(pfxOf(...contents, ...others));
    expect(failure.message).toBe('x.pfx holds 2 private keys');
    expect(outlinePkcs12(pfxOf(...contents, ...others), 'x').keys).toHaveLength(2);
  });

  test.each([
    ['ec', 'an EC key'],
    ['ed', 'an ED25519 key'],
    ['pss', 'an RSA-PSS key'],
    ['small', '1024 bits'],
  ])('%s opens, and its certificate says what is wrong', async (name, reason) => {
    for (const options of [tripleDes, [], ['-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac']]) {
      const { leaf, privateKey } = await open(shop.pfx(name, ...options));
      expect(createPublicKey(privateKey).equals(leaf.x509.publicKey)).toBe(true);
      const failure = caught(() => {
        checkCertificate(leaf, 'x.pfx', { now: leaf.notBefore, allowExpired: false });
      });
      expect(failure.message).toContain(reason);
    }
  });

  test('cut off anywhere', async () => {
    const good = shop.pfx('leaf', ...tripleDes, '-certfile', 'chain.pem');
    for (let length = 0; length < good.length; length += 50) {
      const failure = await refused(good.subarray(0, length));
      expect(failure.message).toContain('x.pfx is not a PFX, or it is damaged');
    }
    await refused(good.subarray(0, -1));
    await refused(good.subarray(1));
  });

  test('anything after it', async () => {
    const good = shop.pfx('leaf', ...tripleDes);
    for (const junk of [Buffer.from([0]), Buffer.from('\n'), Buffer.alloc(1000), good]) {
      const failure = await refused(Buffer.concat([good, junk]));
      expect(failure.message).toContain('bytes after the end');
    }
  });

  test('what is something else', async () => {
    const others: [string, Buffer][] = [
      ['nothing', Buffer.alloc(0)],
      ['zeros', Buffer.alloc(100_000)],
      ['text', Buffer.from('hello')],
      ['PEM', shop.bytes('leaf.crt')],
      ['a certificate', shop.der('leaf')],
      ['a private key', shop.openssl('pkey', '-in', 'leaf.key', '-outform', 'DER')],
      ['PKCS #7', shop.openssl('crl2pkcs7', '-nocrl', '-certfile', 'leaf.crt', '-outform', 'DER')],
      ['base64 of a PFX', Buffer.from(shop.pfx('leaf').toString('base64'))],
      ['a Java key store', Buffer.from('feedfeed0000000200000001', 'hex')],
      ['deep nesting', Buffer.from('3080'.repeat(50_000), 'hex')],
      ['a length of 2 GB', Buffer.from('30847fffffff020103', 'hex')],
    ];
    for (const [, bytes] of others) {
      const failure = await refused(bytes);
      expect(failure.message).toContain('x.pfx is not a PFX, or it is damaged');
      expect(failure.hint).toContain('PKCS #12');
    }
  });

  test('PBMAC1 (RFC 9579), by name', async () => {
    const { version, safe, mac } = pfxParts(shop.pfx('leaf', ...tripleDes));
    const [digest, ...rest] = partsOf(mac!);
    const kdf = sequence(
      derOid('1.2.840.113549.1.5.12'),
      sequence(octets(Buffer.alloc(8)), integer('0800'), integer('20')),
    );
    const hmac = sequence(derOid('1.2.840.113549.2.9'), der(tags.null));
    const algorithm = sequence(derOid('1.2.840.113549.1.5.14'), sequence(kdf, hmac));
    const value = partsOf(digest!)[1]!.whole;
    const bytes = sequence(
      version,
      safe,
      sequence(sequence(algorithm, value), ...rest.map((part) => part.whole)),
    );
    expect(outlinePkcs12(bytes, 'x').mac?.scheme).toBe('PBMAC1');
    expect((await refused(bytes)).message).toContain('PBMAC1');
  });

  test('kinds that are not known, with a way out', async () => {
    const { contents } = pfxParts(shop.pfx('leaf', '-nomac', ...tripleDes));
    const own = sequence(derOid('1.2.840.113549.1.12.1.3'), sequence());
    const rc4 = sequence(
      derOid('1.2.840.113549.1.12.1.1'),
      sequence(octets(Buffer.alloc(8)), integer('0800')),
    );
    const scrypt = sequence(
      derOid('1.2.840.113549.1.5.13'),
      sequence(
        sequence(
          derOid('1.3.6.1.4.1.11591.4.11'),
          sequence(octets(Buffer.alloc(8)), integer('4000'), integer('08'), integer('01')),
        ),
        sequence(derOid('2.16.840.1.101.3.4.1.42'), octets(Buffer.alloc(16))),
      ),
    );
    const made = (algorithm: Buffer): Buffer => {
      const info = sequence(dataOid, algorithm, der(0x80, Buffer.alloc(32)));
      return sequence(derOid('1.2.840.113549.1.7.6'), explicit(sequence(integer('00'), info)));
    };
    for (const [algorithm, reason] of [
      [rc4, 'RC4-128-SHA1'],
      [scrypt, 'AES-256-CBC'],
    ] as const) {
      const failure = await refused(pfxOf(made(algorithm), ...contents));
      expect(failure.message).toContain(reason);
      expect(failure.hint).toContain('openssl pkcs12 -export');
    }
    expect((await refused(pfxOf(made(own), ...contents))).message).toContain('not a PFX');
    const enveloped = sequence(derOid('1.2.840.113549.1.7.3'), explicit(sequence()));
    expect((await refused(pfxOf(enveloped))).message).toContain('not a PFX');
    const signed = sequence(
      integer('03'),
      sequence(derOid('1.2.840.113549.1.7.2'), explicit(sequence())),
    );
    expect((await refused(signed)).message).toContain('not a PFX');
  });

  test('a private key that is none', async () => {
    const { contents } = pfxParts(shop.pfx('leaf', '-nomac', '-nokeys', '-certpbe', 'NONE'));
    const bag = sequence(derOid('1.2.840.113549.1.12.10.1.1'), explicit(sequence(integer('00'))));
    expect((await refused(pfxOf(dataOf(bag), ...contents))).message).toBe(
      'x.pfx: its private key cannot be read',
    );
  });

  test('bags of other kinds are passed over', async () => {
    const { contents } = pfxParts(shop.pfx('leaf', '-nomac', ...tripleDes));
    const secretBag = sequence(derOid('1.2.840.113549.1.12.10.1.5'), explicit(sequence()));
    const sdsi = sequence(
      derOid('1.2.840.113549.1.12.10.1.3'),
      explicit(sequence(derOid('1.2.840.113549.1.9.22.2'), explicit(octets(Buffer.from('x'))))),
    );
    const pfx = await open(pfxOf(dataOf(secretBag, sdsi), ...contents));
    expect(subjects(pfx)).toEqual(['CN=leaf']);
  });
});

describe('absurd numbers of rounds are refused before they are run', () => {
  const huge = [
    ['2 147 483 647', '7fffffff'],
    ['one too many', (maxIterations + 1).toString(16).padStart(8, '0')],
    ['2^63', '008000000000000000'],
    ['2^800', `00${'ff'.repeat(100)}`],
  ] as const;

  test.each(huge)('for the MAC: %s', async (_name, rounds) => {
    const { version, safe, mac } = pfxParts(shop.pfx('leaf', ...tripleDes));
    const kept = partsOf(mac!)
      .slice(0, 2)
      .map((part) => part.whole);
    const failure = await refused(sequence(version, safe, sequence(...kept, integer(rounds))));
    expect(failure.message).toContain('rounds of key derivation');
    expect(failure.hint).toContain('2048');
  });

  test.each(huge)('for the private key and the certificates: %s', async (_name, rounds) => {
    // OpenSSL takes -nomac for "and no encryption of certificates" unless that is asked for behind it.
    for (const options of [tripleDes, ['-certpbe', 'AES-256-CBC']])
      for (const part of ['-nokeys', '-nocerts']) {
        const { contents } = pfxParts(shop.pfx('leaf', '-nomac', part, ...options));
        const failure = await refused(pfxOf(...contents.map((one) => withRounds(one, rounds))));
        expect(failure.message).toContain('rounds of key derivation');
      }
  });

  test.each(['80000000', 'ff', ''])('a count that is none: %s', async (rounds) => {
    const { version, safe, mac } = pfxParts(shop.pfx('leaf', ...tripleDes));
    const kept = partsOf(mac!)
      .slice(0, 2)
      .map((part) => part.whole);
    await refused(sequence(version, safe, sequence(...kept, integer(rounds))));
  });

  test('a count of zero', async () => {
    const { version, safe, mac } = pfxParts(shop.pfx('leaf', ...tripleDes));
    const kept = partsOf(mac!)
      .slice(0, 2)
      .map((part) => part.whole);
    await refused(sequence(version, safe, sequence(...kept, integer('00'))));
    const [content] = pfxParts(shop.pfx('leaf', '-nomac', '-nocerts', ...tripleDes)).contents;
    await refused(pfxOf(withRounds(content!, '00')));
  });

  test.each([
    ['TripleDES', tripleDes],
    ['AES', []],
  ])(
    'where only the password shows them: %s inside of what is encrypted',
    async (_name, options) => {
      const { contents } = pfxParts(shop.pfx('leaf', '-nomac', '-nocerts', ...options));
      const bags = partsOf(partsOf(contents[0]!)[1]!)[0]!.content;
      const bomb = withRounds(bags, '7fffffff');
      expect((await refused(pfxOf(encrypted(bomb)))).message).toContain('rounds of key derivation');
    },
  );

  /** The same structure with another number of rounds: the only INTEGER that OpenSSL writes as 2048. */
  function withRounds(node: Buffer, rounds: string): Buffer {
    const { tag, content, whole } = readDer(node, node.readUInt8(0));
    if (whole.equals(integer('0800'))) return integer(rounds);
    if ((tag & 0x20) !== 0)
      return der(
        tag,
        ...partsOf({ tag, content, whole }).map((part) => withRounds(part.whole, rounds)),
      );
    if (tag !== tags.octetString || content[0] !== tags.sequence) return node;
    try {
      return octets(withRounds(content, rounds));
    } catch {
      return node; // ciphertext
    }
  }

  /** EncryptedData of these bags under `password`, with OpenSSL as the cipher. */
  function encrypted(bags: Buffer): Buffer {
    const salt = Buffer.from('0102030405060708', 'hex');
    shop.write('bags', bags);
    const out = shop.openssl('kdf', '-keylen', '32', '-kdfopt', 'digest:SHA1', '-kdfopt', `pass:${password}`,
      '-kdfopt', `hexsalt:${salt.toString('hex')}`, '-kdfopt', 'iter:2048', 'PBKDF2'); // prettier-ignore
    const key = out.toString().replace(/[:\n]/g, '');
    const iv = Buffer.alloc(16, 3);
    const cipher = shop.openssl(
      'enc',
      '-aes-256-cbc',
      '-K',
      key,
      '-iv',
      iv.toString('hex'),
      '-in',
      'bags',
    );
    const kdf = sequence(derOid('1.2.840.113549.1.5.12'), sequence(octets(salt), integer('0800')));
    const aes = sequence(derOid('2.16.840.1.101.3.4.1.42'), octets(iv));
    const algorithm = sequence(derOid('1.2.840.113549.1.5.13'), sequence(kdf, aes));
    const info = sequence(dataOid, algorithm, der(0x80, cipher));
    return sequence(derOid('1.2.840.113549.1.7.6'), explicit(sequence(integer('00'), info)));
  }

  test('what is encrypted here can be opened, so that the bomb above is one', async () => {
    const key = pfxParts(shop.pfx('leaf', '-nomac', '-nocerts')).contents;
    const certificates = pfxParts(
      shop.pfx('leaf', '-nomac', '-nokeys', '-certpbe', 'NONE'),
    ).contents;
    const bags = partsOf(partsOf(certificates[0]!)[1]!)[0]!.content;
    expect((await open(pfxOf(encrypted(bags), ...key))).leaf.subject).toBe('CN=leaf');
    const inner = partsOf(partsOf(key[0]!)[1]!)[0]!.content;
    expect((await open(pfxOf(encrypted(bags), encrypted(inner)))).leaf.subject).toBe('CN=leaf');
  });
});

describe('any damage is input, and found soon', () => {
  test('of some bytes', async () => {
    const files = [
      shop.pfx('leaf', ...tripleDes),
      shop.pfx('leaf', '-nomac', '-keypbe', 'NONE', '-certpbe', 'NONE'),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(
          fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
        async (good, changes) => {
          const bytes = Buffer.from(good);
          for (const [at, value] of changes) bytes[Math.floor(at * bytes.length)] = value;
          await inputOrOpen(bytes);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('of its frame, where the password is not asked', async () => {
    const good = shop.pfx('leaf', ...tripleDes);
    await fc.assert(
      fc.asyncProperty(fc.nat(120), fc.nat(255), async (at, value) => {
        const bytes = Buffer.from(good);
        bytes[at] = value;
        await inputOrOpen(bytes);
      }),
      { numRuns: 300 },
    );
  });

  test('random bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        await refused(Buffer.from(bytes));
        await refused(sequence(integer('03'), Buffer.from(bytes)));
        await refused(pfxOf(Buffer.from(bytes)));
        await refused(pfxOf(dataOf(Buffer.from(bytes))));
      }),
      { numRuns: 200 },
    );
  });

  async function inputOrOpen(bytes: Buffer): Promise<void> {
    try {
      const pfx = await open(bytes);
      expect(pfx.leaf.x509.checkPrivateKey(pfx.privateKey)).toBe(true);
    } catch (error) {
      expect(error).toBeInstanceOf(Failure);
      expect((error as Failure).kind).toBe('input');
    }
  }
});

test('a failure shows neither the password nor the key', async () => {
  const word = 'correct-horse-battery';
  const good = shop.pfx('leaf', '-passout', `pass:${word}`);
  const failures = [
    await refused(good, `${word}-staple`),
    await refused(good.subarray(0, 900), word),
    await refused(shop.pfx('leaf', '-nokeys', '-passout', `pass:${word}`), word),
    await refused(shop.pfx('leaf', '-nomac', '-passout', `pass:${word}-staple`), word),
  ];
  for (const failure of failures) expect(everythingOf(failure)).not.toContain(word);
});
