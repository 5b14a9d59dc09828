import { createPrivateKey, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { der, derChildren, derOid, readDer, tags, type DerNode } from '../../src/core/der.ts';
import { certifiedKey, disorder, type CertifiedKey } from '../../src/core/certified-key.ts';
import {
  encryptAccepted,
  makeAcceptedMac,
  maxIterations,
  maxIterationsInAll,
  passwordForms,
  type Password,
} from '../../src/core/pbe.ts';
import { maxBags } from '../../src/core/pkcs12-frame.ts';
import {
  needsPassword,
  obstacles,
  openPkcs12,
  outlinePkcs12,
  type Pkcs12,
} from '../../src/core/pkcs12.ts';
import { Secret } from '../../src/core/secret.ts';
import { checkCertificate, type Certificate } from '../../src/core/x509.ts';
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

interface Opened extends CertifiedKey {
  readonly pfx: Pkcs12;
  readonly certificates: readonly Certificate[];
}
async function open(bytes: Buffer, word = password, alias?: string): Promise<Opened> {
  const pfx = await openPkcs12(bytes, new Secret(word), 'x.pfx');
  return {
    ...certifiedKey(pfx, 'x.pfx', alias),
    pfx,
    certificates: pfx.certificates.map(({ certificate }) => certificate),
  };
}
async function refused(bytes: Buffer, word = password): Promise<Failure> {
  const failure = await caughtLater(() => open(bytes, word));
  expect(failure.kind).toBe('input');
  expect(failure.message).toContain('x.pfx');
  return failure;
}
const subjects = (opened: Opened): string[] => opened.certificates.map((one) => one.subject);
const chainOf = (opened: Opened): string[] =>
  opened.chain.map(({ certificate }) => certificate.subject);
const otherSubjects = (opened: Opened): string[] =>
  opened.others.map(({ certificate }) => certificate.subject);
/** What is wrong with it besides its protection. */
const disorderOf = (opened: Opened): string[] => disorder(opened.pfx, opened);
const notTied = 'nothing in it ties its certificate to its key (localKeyId)';
const outOfOrderReason = 'its certificates are not one chain in order, leaf first';
const strangers = 'it holds certificates that are not of its chain';
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
    expect(disorderOf(pfx)).toEqual([]);
  });

  test('a chain, in whatever order it stands', async () => {
    const inOrder = await open(shop.pfx('leaf', ...tripleDes, '-certfile', 'chain.pem'));
    expect(subjects(inOrder)).toEqual(['CN=leaf', 'CN=sub', 'CN=root']);
    expect(chainOf(inOrder)).toEqual(['CN=leaf', 'CN=sub', 'CN=root']);
    expect(disorderOf(inOrder)).toEqual([]);
    expect(disorderOf(await open(shop.pfx('leaf', ...tripleDes)))).toEqual([]);
    // OpenSSL puts the certificate of the key first itself: behind that the order is ours to choose.
    shop.write('wrong.pem', Buffer.concat([shop.bytes('root.crt'), shop.bytes('sub.crt')]));
    const outOfOrder = await open(shop.pfx('leaf', ...tripleDes, '-certfile', 'wrong.pem'));
    expect(subjects(outOfOrder)).toEqual(['CN=leaf', 'CN=root', 'CN=sub']);
    expect(chainOf(outOfOrder)).toEqual(['CN=leaf', 'CN=sub', 'CN=root']);
    expect(disorderOf(outOfOrder)).toEqual([outOfOrderReason]);
    const gap = await open(shop.pfx('leaf', ...tripleDes, '-certfile', 'root.crt'));
    expect([chainOf(gap), otherSubjects(gap)]).toEqual([['CN=leaf'], ['CN=root']]);
    expect(disorderOf(gap)).toEqual([strangers]);
    const stranger = await open(shop.pfx('leaf', ...tripleDes, '-certfile', 'small.crt'));
    expect(stranger.leaf.subject).toBe('CN=leaf');
    expect(otherSubjects(stranger)).toEqual(['CN=small']);
    expect(disorderOf(stranger)).toEqual([strangers]);
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
    expect(disorderOf(pfx)).toEqual([strangers]);
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
  const one = (scheme: string, iterations = 2048): object => ({
    scheme,
    iterations,
    ...(scheme.startsWith('AES') ? { prf: 'HMAC-SHA-256' } : {}),
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
    expect(failure.message).toBe('x.pfx holds 2 private keys: (without a name), (without a name)');
    expect(failure.hint).toContain('--alias');
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
      expect(failure.message).toBe(
        length === 0 ? 'x.pfx is not a PFX: it is empty' : 'x.pfx is cut off: it ends too early',
      );
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
      ['it is empty', Buffer.alloc(0)],
      ['it is of no kind that is known here', Buffer.alloc(100_000)],
      ['it is of no kind that is known here', Buffer.from('hello')],
      ['it is PEM', shop.bytes('leaf.crt')],
      ['it is a certificate without a private key', shop.der('leaf')],
      ['it is a private key without', shop.openssl('pkey', '-in', 'leaf.key', '-outform', 'DER')],
      ['it is a public key', shop.openssl('pkey', '-in', 'leaf.key', '-pubout', '-outform', 'DER')],
      ['it is an encrypted private key', shop.openssl('pkcs8', '-topk8', '-in', 'leaf.key', '-outform', 'DER', '-passout', 'pass:x')],
      ['it is PKCS #7', shop.openssl('crl2pkcs7', '-nocrl', '-certfile', 'leaf.crt', '-outform', 'DER')],
      ['it is base64 text', Buffer.from(shop.pfx('leaf').toString('base64'))],
      ['it is a Java key store (JKS)', Buffer.from('feedfeed0000000200000001', 'hex')],
      ['it is a Java key store (JCEKS)', Buffer.from('cececece0000000200000001', 'hex')],
      ['it is JSON', Buffer.from('{"keys":[]}')],
      ['it is', Buffer.from('3080'.repeat(50_000), 'hex')],
      ['it is', Buffer.from('30847fffffff020103', 'hex')],
    ];
    for (const [reason, bytes] of others) {
      const failure = await refused(bytes);
      expect(failure.message).toContain(`x.pfx is not a PFX: ${reason}`);
      expect(failure.hint).toContain('PKCS #12');
    }
  }); // prettier-ignore

  test('a PFX that is damaged in its frame is still called one', async () => {
    const good = shop.pfx('leaf', ...tripleDes);
    const bytes = Buffer.from(good);
    bytes.writeUInt8(0x05, 11); // the object identifier of what the MAC is made of
    expect((await refused(bytes)).message).toBe('x.pfx is a damaged PFX: no object identifier');
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
    expect((await refused(pfxOf(made(own), ...contents))).message).toContain(
      'x.pfx is a damaged PFX',
    );
    const enveloped = sequence(derOid('1.2.840.113549.1.7.3'), explicit(sequence()));
    expect((await refused(pfxOf(enveloped))).message).toContain('x.pfx is a damaged PFX');
    const signed = sequence(
      integer('03'),
      sequence(derOid('1.2.840.113549.1.7.2'), explicit(sequence())),
    );
    expect((await refused(signed)).message).toContain('x.pfx is a damaged PFX');
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

describe('which key, and which certificate of it', () => {
  /** Two keys with their certificates in one PFX, as Java keeps them. */
  function twoKeys(first: string, second: string): Buffer {
    const contents = (name: string, alias: string): Buffer[] =>
      pfxParts(shop.pfx(name, '-nomac', ...tripleDes, ...(alias === '' ? [] : ['-name', alias])))
        .contents;
    return pfxOf(...contents('leaf', first), ...contents('root', second));
  }

  test('by its alias', async () => {
    const bytes = twoKeys('first', 'Schlüssel 鍵');
    expect((await open(bytes, password, 'first')).leaf.subject).toBe('CN=leaf');
    const second = await open(bytes, password, 'Schlüssel 鍵');
    expect([second.leaf.subject, second.alias]).toEqual(['CN=root', 'Schlüssel 鍵']);
    expect(disorderOf(second)).toContain('it holds further private keys');
    const all = await refused(bytes);
    expect(all.message).toBe('x.pfx holds 2 private keys: "first", "Schlüssel 鍵"');
    const none = await caughtLater(() => open(bytes, password, 'third'));
    expect(none.message).toBe('x.pfx holds no private key called "third"');
    expect(none.hint).toContain('"first", "Schlüssel 鍵"');
    const both = await caughtLater(() => open(twoKeys('same', 'same'), password, 'same'));
    expect(both.message).toBe('x.pfx holds 2 private keys called "same"');
  });

  test('an alias that would move a cursor or turn the text is written out', async () => {
    const failure = await refused(twoKeys('a\u001b[2J', 'b\u202etxt'));
    expect(failure.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(failure.message).toContain('u{202e}');
  });

  test('the name of the certificate counts where the key has none', async () => {
    const pfx = shop.pfx('leaf', ...tripleDes, '-name', 'here');
    const opened = await open(pfx, password, 'here');
    expect(opened.alias).toBe('here');
    expect(opened.localKeyId).toEqual(opened.chain[0]?.localKeyId);
    const { keys, certificates } = opened.pfx;
    const nameless = { keys: keys.map(({ pkcs8, localKeyId }) => ({ pkcs8, localKeyId: localKeyId! })), certificates }; // prettier-ignore
    expect(certifiedKey(nameless, 'x', 'here').alias).toBe('here');
  });

  test('of two certificates for one key the one that is tied to it, else the last to end', async () => {
    shop.selfSigned('renewed');
    const first = (await open(shop.pfx('renewed', ...tripleDes))).pfx;
    shop.selfSigned('renewed', '-days', '60');
    const second = (await open(shop.pfx('renewed', ...tripleDes))).pfx;
    const certificates = [...first.certificates, ...second.certificates];
    const ends = (key: CertifiedKey): number => key.leaf.notAfter;
    const [early, late] = certificates.map(({ certificate }) => certificate.notAfter);
    expect(late).toBeGreaterThan(early!);
    expect(ends(certifiedKey({ keys: first.keys, certificates }, 'x'))).toBe(early);
    expect(ends(certifiedKey({ keys: second.keys, certificates }, 'x'))).toBe(late);
    const untied = [{ pkcs8: first.keys[0]!.pkcs8 }];
    expect(ends(certifiedKey({ keys: untied, certificates }, 'x'))).toBe(late);
  });

  test('nothing ties them', async () => {
    const { pfx } = await open(shop.pfx('leaf', ...tripleDes));
    const untied = {
      ...pfx,
      keys: pfx.keys.map(({ pkcs8, protection }) => ({ pkcs8, protection })),
      certificates: pfx.certificates.map(({ certificate }) => ({ certificate })),
    };
    expect(disorder(untied, certifiedKey(untied, 'x'))).toEqual([notTied]);
  });

  test('an intermediate of the same name that did not sign is passed over', async () => {
    shop.key('other');
    shop.openssl('req', '-x509', '-key', 'other.key', '-subj', '/CN=sub', '-days', '9', '-out', 'other.crt'); // prettier-ignore
    shop.write('with-double.pem', Buffer.concat([shop.bytes('other.crt'), shop.bytes('sub.crt'), shop.bytes('root.crt')])); // prettier-ignore
    const opened = await open(shop.pfx('leaf', ...tripleDes, '-certfile', 'with-double.pem'));
    expect(chainOf(opened)).toEqual(['CN=leaf', 'CN=sub', 'CN=root']);
    expect(opened.chain[1]!.certificate.der.equals(shop.der('sub'))).toBe(true);
    expect(otherSubjects(opened)).toEqual(['CN=sub']);
  });

  test('a private key whose numbers do not belong together', async () => {
    const { pfx } = await open(shop.pfx('leaf', ...tripleDes));
    const jwk = createPrivateKey(shop.bytes('leaf.key')).export({ format: 'jwk' });
    const other = createPrivateKey(shop.bytes('root.key')).export({ format: 'jwk' });
    const mixed = createPrivateKey({ key: { ...other, n: jwk.n!, e: jwk.e! }, format: 'jwk' });
    const pkcs8 = mixed.export({ type: 'pkcs8', format: 'der' });
    const failure = caught(() => certifiedKey({ ...pfx, keys: [{ pkcs8 }] }, 'x.pfx'));
    expect(failure.message).toContain('x.pfx is damaged');
  });

  test('a key in the clear inside of what is encrypted, beside one that is encrypted', async () => {
    const { contents } = pfxParts(shop.pfx('leaf', '-nomac', ...tripleDes, '-name', 'outer'));
    const { contents: inner } = pfxParts(shop.pfx('root', '-nomac', '-keypbe', 'NONE', '-certpbe', 'NONE', '-name', 'inner')); // prettier-ignore
    const bags = inner.flatMap((one) => partsOf(partsOf(partsOf(one)[1]!)[0]!.content)).map(({ whole }) => whole); // prettier-ignore
    const salted = { password: passwordForms(password)[0], salt: Buffer.alloc(8), iterations: 2 };
    const { algorithm, ciphertext } = encryptAccepted(sequence(...bags), salted);
    const info = sequence(dataOid, algorithm, der(0x80, ciphertext));
    const sealed = sequence(
      derOid('1.2.840.113549.1.7.6'),
      explicit(sequence(integer('00'), info)),
    );
    const pfx = await openPkcs12(pfxOf(...contents, sealed), new Secret(password), 'x.pfx');
    expect(pfx.keys.map(({ alias, protection }) => [alias, protection.scheme])).toEqual([
      ['inner', 'none'],
      ['outer', 'TripleDES-SHA1'],
    ]);
    expect(obstacles(pfx.outline)).toContain('its private key is not encrypted');
  });

  test('attributes that are none are as if they were not there', async () => {
    const { contents } = pfxParts(
      shop.pfx('leaf', '-nomac', '-keypbe', 'NONE', '-certpbe', 'NONE'),
    );
    const value = der(tags.set, octets(Buffer.from('x')));
    const odd = [
      sequence(der(tags.oid, Buffer.alloc(65, 1)), value),
      sequence(der(tags.oid), value),
      sequence(derOid('1.2.840.113549.1.9.20'), der(tags.set, der(0x1e, Buffer.from('odd')))),
      sequence(derOid('1.2.840.113549.1.9.20')),
      sequence(),
      octets(Buffer.from('x')),
    ];
    for (const one of odd) {
      const withOdd = contents.map((content) => {
        const [bag] = partsOf(partsOf(partsOf(content)[1]!)[0]!.content);
        const [kind, inside, attributes] = partsOf(bag!);
        const all = der(tags.set, one, ...derChildren(attributes!).map(({ whole }) => whole));
        return dataOf(sequence(kind!.whole, inside!.whole, all));
      });
      const opened = await open(pfxOf(...withOdd));
      expect([opened.leaf.subject, opened.alias]).toEqual(['CN=leaf', undefined]);
      expect(opened.localKeyId).toEqual(opened.chain[0]?.localKeyId);
    }
  });

  test('bags inside of a bag (RFC 7292 section 4.2.6)', async () => {
    const { contents } = pfxParts(shop.pfx('leaf', '-nomac', ...tripleDes, '-certpbe', 'NONE'));
    const nested = contents.map((content) => {
      const inner = partsOf(partsOf(content)[1]!)[0]!.content;
      return dataOf(sequence(derOid('1.2.840.113549.1.12.10.1.6'), explicit(inner)));
    });
    expect((await open(pfxOf(...nested))).leaf.subject).toBe('CN=leaf');
  });
});

describe('a wrong password and a damaged file are told apart as far as the format does', () => {
  const wrong = 'cannot open x.pfx: the password is wrong, or the file is damaged';
  const damaged =
    'x.pfx is damaged: the password opens it, but its MAC does not match what is in it';

  test('the MAC does not match, and the password opens what is in it', async () => {
    for (const options of [tripleDes, []]) {
      const bytes = shop.pfx('leaf', ...options);
      bytes[bytes.length - 20]! ^= 1; // the MAC's digest
      expect((await refused(bytes)).message).toBe(damaged);
      expect((await refused(bytes, 'other')).message).toBe(wrong);
    }
  });

  test('the MAC matches, and the private key is under another password', async () => {
    const { contents: [certificates] } = pfxParts(shop.pfx('leaf', '-nomac', '-nokeys', '-certpbe', 'NONE')); // prettier-ignore
    const { contents: keys } = pfxParts(shop.pfx('leaf', '-nomac', '-nocerts', '-passout', 'pass:other')); // prettier-ignore
    const safe = sequence(certificates!, ...keys);
    const salted = { password: passwordForms(password)[0], salt: Buffer.alloc(8), iterations: 1 };
    const bytes = sequence(integer('03'), sequence(dataOid, explicit(octets(safe))), makeAcceptedMac(safe, salted)); // prettier-ignore
    expect((await refused(bytes)).message).toContain('its private key is under another password');
    expect((await refused(bytes, 'third')).message).toBe(wrong);
  });

  test('without a MAC nobody knows', async () => {
    const bytes = shop.pfx('leaf', '-nomac', '-certpbe', 'AES-256-CBC');
    expect((await refused(bytes, 'other')).message).toBe(wrong);
    const { contents } = pfxParts(bytes);
    const last = contents.map((one, index) => (index === 0 ? one : Buffer.from(one)));
    last[1]![last[1]!.length - 60]! ^= 1;
    expect((await refused(pfxOf(...last))).message).toBe(wrong);
  });

  test('with nothing but a MAC nobody knows either', async () => {
    const bytes = shop.pfx('leaf', '-keypbe', 'NONE', '-certpbe', 'NONE');
    bytes[bytes.length - 20]! ^= 1;
    expect((await refused(bytes)).message).toBe(wrong);
  });
});

describe('passwords as other programs wrote them', () => {
  const word = 'Pässwörd-日本';

  /** As OpenSSL 1.0 did: every byte of the UTF-8 is a character. OpenSSL 3 does it for an odd locale. */
  const oldForm = passwordForms(word)[1]!;

  async function under(form: Password, mac: boolean): Promise<Buffer> {
    const opened = await open(shop.pfx('leaf', ...tripleDes));
    const salted = { password: form, salt: Buffer.from('salt'), iterations: 3 };
    const { algorithm, ciphertext } = encryptAccepted(opened.pkcs8, salted);
    const key = sequence(derOid('1.2.840.113549.1.12.10.1.2'), explicit(sequence(algorithm, octets(ciphertext)))); // prettier-ignore
    const { contents } = pfxParts(shop.pfx('leaf', '-nomac', '-nokeys', '-certpbe', 'NONE'));
    const safe = sequence(...contents, dataOf(key));
    return sequence(
      integer('03'),
      sequence(dataOid, explicit(octets(safe))),
      ...(mac ? [makeAcceptedMac(safe, salted)] : []),
    );
  }

  test.each([true, false])('bytes for characters, with a MAC: %s', async (mac) => {
    const bytes = await under(oldForm, mac);
    expect((await open(bytes, word)).leaf.subject).toBe('CN=leaf');
    await refused(bytes, 'Passwort');
  });

  test.each([true, false])('no password as nothing at all, with a MAC: %s', async (mac) => {
    const [zeros, nothing] = passwordForms('');
    expect([zeros.bmp, nothing!.bmp]).toEqual([Buffer.from([0, 0]), Buffer.alloc(0)]);
    for (const form of [zeros, nothing!])
      expect((await open(await under(form, mac), '')).leaf.subject).toBe('CN=leaf');
  });

  test('an ASCII password has one form', () => {
    expect(passwordForms('abc')).toEqual([{ text: 'abc', bmp: Buffer.from('\0a\0b\0c\0\0') }]);
  });
});

test('whether a password matters at all', () => {
  const needs = (...options: readonly string[]): boolean =>
    needsPassword(outlinePkcs12(shop.pfx('leaf', ...options), 'x'));
  expect(needs()).toBe(true);
  expect(needs('-nomac')).toBe(true);
  expect(needs('-keypbe', 'NONE', '-certpbe', 'NONE')).toBe(true);
  expect(needs('-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac')).toBe(false);
});

describe('bounds', () => {
  test('keys and certificates', async () => {
    const { contents } = pfxParts(
      shop.pfx('leaf', '-nomac', '-keypbe', 'NONE', '-certpbe', 'NONE'),
    );
    const bag = sequence(derOid('1.2.840.113549.1.12.10.1.5'), explicit(sequence()));
    const filled = (count: number): Buffer =>
      pfxOf(...contents, dataOf(...Array.from({ length: count }, () => bag)));
    expect((await open(filled(maxBags - 2))).leaf.subject).toBe('CN=leaf');
    expect((await refused(filled(maxBags - 1))).message).toContain(`more than ${maxBags} keys`);
  });

  test('rounds in all', async () => {
    const { contents } = pfxParts(shop.pfx('leaf', '-nomac', ...tripleDes));
    const { contents: many } = pfxParts(
      shop.pfx('leaf', '-nomac', '-nocerts', ...tripleDes, '-iter', String(maxIterations)),
    );
    const times = Math.ceil(maxIterationsInAll / maxIterations);
    const failure = await refused(
      pfxOf(...contents, ...Array.from({ length: times }, () => many[0]!)),
    );
    expect(failure.message).toContain(
      `${maxIterations} each time and ${maxIterationsInAll} in all`,
    );
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
