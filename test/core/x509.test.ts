import { createHash, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import {
  checkCertificate,
  extendedUsages,
  isIssuedBy,
  isSelfIssued,
  keyUsages,
  leafOf,
  objections,
  parseCertificate,
  parseCertificateFile,
  usageAllows,
  type Certificate,
} from '../../src/core/x509.ts';
import { caught, unlessRefused } from '../support/caught.ts';
import { openWorkshop, type Workshop } from '../support/certificates.ts';

let shop: Workshop;
beforeAll(() => {
  shop = openWorkshop();
  shop.selfSigned('plain');
  shop.key('big', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072');
  shop.key('small', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024');
  shop.key('odd', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2047');
  shop.key('ec', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
  shop.key('ed', '-algorithm', 'ED25519');
  shop.key('pss', '-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048');
  shop.key('sm2', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:SM2');
  for (const name of ['big', 'small', 'odd', 'ec', 'ed', 'pss', 'sm2']) shop.selfSigned(name);
  shop.key('sub');
  shop.write('ca.ext', 'basicConstraints=critical,CA:TRUE\n');
  shop.issued('sub', 'plain', '-extfile', 'ca.ext');
  shop.issued('leaf', 'sub');
  shop.issued('sibling', 'sub');
});
afterAll(() => {
  shop.close();
});

const seconds = (text: string): number => Date.parse(text) / 1000;
const read = (name: string): Certificate => parseCertificate(shop.der(name), name);
/** NAME.crt with the key of `plain`. */
function extended(name: string, ...options: readonly string[]): Certificate {
  shop.openssl(
    'req', '-x509', '-key', 'plain.key', '-days', '30', '-out', `${name}.crt`, ...options,
    ...(options.includes('-subj') ? [] : ['-subj', `/CN=${name}`]),
  ); // prettier-ignore
  return read(name);
}

describe('the facts of a certificate', () => {
  test('as OpenSSL says them', () => {
    const der = shop.der('plain');
    const fingerprint = shop
      .openssl('x509', '-in', 'plain.crt', '-noout', '-fingerprint', '-sha1')
      .toString()
      .replace(/^.*=/, '')
      .replace(/[:\n]/g, '');
    const date = (which: string): number =>
      seconds(
        shop
          .openssl('x509', '-in', 'plain.crt', '-noout', which, '-dateopt', 'iso_8601')
          .toString()
          .trim()
          .replace(/^.*=/, ''),
      );
    expect(read('plain')).toMatchObject({
      subject: 'CN=plain',
      issuer: 'CN=plain',
      keyType: 'rsa',
      rsaBits: 2048,
      notBefore: date('-startdate'),
      notAfter: date('-enddate'),
      x5t: Buffer.from(fingerprint, 'hex').toString('base64url'),
    });
    expect(read('plain').der.equals(der)).toBe(true);
    expect(read('plain').x5t).toBe(createHash('sha1').update(der).digest('base64url'));
    expect(read('plain').keyUsage).toBeUndefined();
  });

  test.each([
    ['plain', 'rsa', 2048],
    ['big', 'rsa', 3072],
    ['small', 'rsa', 1024],
    ['odd', 'rsa', 2047],
    ['pss', 'rsa-pss', 2048],
    ['ec', 'ec', undefined],
    ['ed', 'ed25519', undefined],
    ['sm2', 'unknown', undefined],
  ])('%s: %s %s', (name, keyType, bits) => {
    expect(read(name).keyType).toBe(keyType);
    expect(read(name).rsaBits).toBe(bits);
  });

  test('names have their most specific part first', () => {
    const certificate = extended(
      'names',
      '-subj',
      '/C=DE/O=Contoso, Ltd/OU=Unit 5/CN=Ünïcode 鍵',
      '-utf8',
    );
    expect(certificate.subject.split(', ')[0]).toBe('CN=Ünïcode 鍵');
    expect(certificate.subject).toMatch(/, C=DE$/);
    expect(certificate.issuer).toBe(certificate.subject);
  });

  test('an empty subject is legal: the names are in subjectAltName then', () => {
    const certificate = extended(
      'nameless',
      '-subj',
      '/',
      '-addext',
      'subjectAltName=critical,DNS:a.test',
    );
    expect(certificate.subject).toBe('');
    expect(leafOf([certificate], 'x')).toBe(certificate);
  });

  test('an extension under an identifier of 128 bits (ITU-T X.667)', () => {
    const oid = '2.25.340282366920938463463374607431768211455';
    expect(
      extended(
        'uuid',
        '-addext',
        `${oid}=ASN1:UTF8String:x`,
        '-addext',
        'keyUsage=digitalSignature',
      ).keyUsage,
    ).toEqual(['digitalSignature']);
  });

  test('one of version 1 has no extensions', () => {
    shop.openssl('req', '-new', '-key', 'plain.key', '-subj', '/CN=old', '-out', 'old.csr');
    shop.openssl('x509', '-req', '-in', 'old.csr', '-signkey', 'plain.key', '-out', 'old.crt');
    expect(shop.openssl('x509', '-in', 'old.crt', '-noout', '-text').toString()).toContain(
      'Version: 1',
    );
    expect(read('old').keyUsage).toBeUndefined();
  });

  test.each([
    ['20200101000000Z', '20210203040506Z', '2020-01-01T00:00:00Z', '2021-02-03T04:05:06Z'],
    ['20300101000000Z', '20491231235959Z', '2030-01-01T00:00:00Z', '2049-12-31T23:59:59Z'],
    ['20500101000000Z', '20510101000000Z', '2050-01-01T00:00:00Z', '2051-01-01T00:00:00Z'],
    ['19700101000000Z', '99991231235959Z', '1970-01-01T00:00:00Z', '9999-12-31T23:59:59Z'],
    ['19500101000000Z', '20280229120000Z', '1950-01-01T00:00:00Z', '2028-02-29T12:00:00Z'],
  ])('valid from %s to %s', (from, until, notBefore, notAfter) => {
    shop.dated('dated', from, until);
    expect(read('dated')).toMatchObject({
      notBefore: seconds(notBefore),
      notAfter: seconds(notAfter),
    });
  });
});

describe('key usage', () => {
  test.each(keyUsages)('%s alone', (usage) => {
    // OpenSSL refuses nothing here, not even what makes no sense.
    expect(extended('usage', '-addext', `keyUsage=critical,${usage}`).keyUsage).toEqual([usage]);
  });

  test.each<[string, readonly string[], boolean, boolean]>([
    ['digitalSignature,keyEncipherment', ['digitalSignature', 'keyEncipherment'], true, true],
    ['digitalSignature', ['digitalSignature'], true, false],
    ['nonRepudiation', ['nonRepudiation'], true, false],
    ['keyEncipherment,dataEncipherment', ['keyEncipherment', 'dataEncipherment'], false, true],
    ['keyCertSign,cRLSign', ['keyCertSign', 'cRLSign'], false, false],
    ['decipherOnly,digitalSignature', ['digitalSignature', 'decipherOnly'], true, false],
  ])('%s', (text, usage, sig, enc) => {
    const certificate = extended('usage', '-addext', `keyUsage=${text}`);
    expect(certificate.keyUsage).toEqual(usage);
    expect(usageAllows(certificate, 'sig')).toBe(sig);
    expect(usageAllows(certificate, 'enc')).toBe(enc);
  });

  test('without it everything is allowed', () => {
    expect(usageAllows(read('plain'), 'sig')).toBe(true);
    expect(usageAllows(read('plain'), 'enc')).toBe(true);
  });
});

describe('files', () => {
  test('PEM and DER are the same certificate', () => {
    const [fromPem] = parseCertificateFile(shop.bytes('plain.crt'), 'x');
    const [fromDer] = parseCertificateFile(shop.der('plain'), 'x');
    expect(fromPem?.x5t).toBe(fromDer?.x5t);
    expect(fromPem?.der.equals(shop.der('plain'))).toBe(true);
  });

  test.each(['plain', 'leaf'])(
    'a private key in it is refused, wherever it stands: %s',
    (first) => {
      const files = [`${first}.crt`, 'plain.key', 'sub.crt'].map((file) => shop.bytes(file));
      for (const order of [files, [...files].reverse(), [files[1]!, files[0]!]]) {
        const failure = caught(() => parseCertificateFile(Buffer.concat(order), 'bundle.pem'));
        expect(failure).toMatchObject({ kind: 'input', message: 'bundle.pem holds a private key' });
      }
    },
  );

  test('so are other things that do not belong there', () => {
    const together = Buffer.concat([shop.bytes('plain.crt'), shop.bytes('sub.csr')]);
    expect(caught(() => parseCertificateFile(together, 'x')).message).toContain(
      'CERTIFICATE REQUEST',
    );
    const key = shop.openssl('pkey', '-in', 'plain.key', '-outform', 'DER');
    expect(caught(() => parseCertificateFile(key, 'x')).message).toContain(
      'not an X.509 certificate',
    );
    const pfx = shop.pfx('plain');
    expect(caught(() => parseCertificateFile(pfx, 'x')).message).toBe(
      'x is a PFX, not a certificate',
    );
  });

  test('bytes after the certificate, and bytes that are missing', () => {
    const der = shop.der('plain');
    for (const bytes of [
      Buffer.concat([der, Buffer.from([0])]),
      Buffer.concat([der, der]),
      der.subarray(0, -1),
      der.subarray(1),
      Buffer.alloc(0),
      Buffer.from('-----'),
      Buffer.from(der.toString('base64')),
    ]) {
      const failure = caught(() => parseCertificateFile(bytes, 'x.cer'));
      expect(failure.kind).toBe('input');
      expect(failure.message).toContain('x.cer is not an X.509 certificate');
    }
    const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.concat([der, Buffer.from('junk')]).toString('base64')}\n-----END CERTIFICATE-----\n`;
    expect(caught(() => parseCertificateFile(Buffer.from(pem), 'x')).kind).toBe('input');
  });
});

describe('the leaf of a bundle', () => {
  const bundle = (...names: readonly string[]): Certificate[] =>
    parseCertificateFile(Buffer.concat(names.map((name) => shop.bytes(`${name}.crt`))), 'x');

  test.each([
    [['leaf', 'sub', 'plain']],
    [['plain', 'sub', 'leaf']],
    [['sub', 'leaf', 'plain']],
    [['leaf', 'sub']],
    [['leaf']],
  ])('%j', (names) => {
    expect(leafOf(bundle(...names), 'x').subject).toBe('CN=leaf');
  });

  test.each([
    [['leaf', 'sibling', 'sub']],
    [['leaf', 'plain']],
    [['plain', 'ec']],
    [['leaf', 'leaf']],
  ])('%j is no chain', (names) => {
    const failure = caught(() => leafOf(bundle(...names), 'x.pem'));
    expect(failure.kind).toBe('input');
    expect(failure.message).toContain(`x.pem holds ${String(names.length)} certificates`);
  });

  test('the same self-signed one twice has no leaf', () => {
    expect(caught(() => leafOf(bundle('plain', 'plain'), 'x')).kind).toBe('input');
  });
});

describe('what B2C could never use', () => {
  const now = seconds('2026-11-23T00:00:00Z');
  const check = (name: string, at = Math.floor(Date.now() / 1000), allowExpired = false): void => {
    checkCertificate(read(name), name, { now: at, allowExpired });
  };

  test('RSA of 2048 bits and more is fine', () => {
    check('plain');
    check('big');
  });

  test.each([
    ['ec', 'an EC key', 'certbot --key-type rsa'],
    ['ed', 'an ED25519 key', 'openssl req -newkey rsa:2048'],
    ['pss', 'an RSA-PSS key', 'openssl req -newkey rsa:2048'],
    ['sm2', 'B2C takes RSA only', 'openssl'],
    ['small', '1024 bits', '2048'],
    ['odd', '2047 bits', '2048'],
  ])('%s: %s', (name, message, hint) => {
    const failure = caught(() => {
      check(name);
    });
    expect(failure.kind).toBe('input');
    expect(failure.message).toContain(message);
    expect(failure.hint).toContain(hint);
  });

  test('one that has ended, to the second', () => {
    shop.dated('ended', '20200101000000Z', '20261123000000Z');
    check('ended', now - 1);
    const failure = caught(() => {
      check('ended', now);
    });
    expect(failure.kind).toBe('input');
    expect(failure.message).toContain('ended 2026-11-23T00:00:00Z');
    expect(failure.hint).toContain('--allow-expired');
    check('ended', now, true);
  });

  test('one that has not begun is fine', () => {
    shop.dated('coming', '20300101000000Z', '20310101000000Z');
    check('coming', now);
  });

  test('being allowed to have ended excuses nothing else', () => {
    expect(
      caught(() => {
        check('small', now, true);
      }).message,
    ).toContain('1024 bits');
  });
});

test('any damage is input, or leaves a certificate with dates', () => {
  const good = shop.der('plain');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
      (changes) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        const certificate = unlessRefused('input', () => parseCertificate(bytes, 'x'));
        if (certificate === undefined) return;
        expect(Number.isSafeInteger(certificate.notBefore)).toBe(true);
        expect(Number.isSafeInteger(certificate.notAfter)).toBe(true);
        expect(certificate.x5t).toHaveLength(27);
      },
    ),
    { numRuns: 1500 },
  );
});

test('a date that is none is input: it must not pass for one that never ends', () => {
  const good = shop.der('plain');
  const { validTo } = new X509Certificate(good);
  expect(validTo).toMatch(/GMT$/);
  // The second UTCTime: its month becomes 99.
  const first = good.indexOf(Buffer.from([0x17, 0x0d]));
  const second = good.indexOf(Buffer.from([0x17, 0x0d]), first + 1);
  const bytes = Buffer.from(good);
  bytes.write('99', second + 4, 'latin1');
  expect(caught(() => parseCertificate(bytes, 'x')).kind).toBe('input');
});

test('random bytes are input', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      expect(caught(() => parseCertificateFile(Buffer.from(bytes), 'x')).kind).toBe('input');
    }),
  );
});

describe('what B2C has against a certificate', () => {
  const at = (name: string): Certificate => parseCertificate(shop.der(name), name);

  test('everything at once, in words', () => {
    shop.key('short', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024');
    shop.dated('short', '20200101000000Z', '20210101000000Z');
    const found = objections(at('short'), Date.UTC(2026, 0, 1) / 1000);
    expect(found.map(({ reason, expiry = false }) => [reason, expiry])).toEqual([
      ["the certificate's RSA key has 1024 bits", false],
      ['the certificate ended 2021-01-01T00:00:00Z (5 years ago)', true],
    ]);
  });

  test('nothing', () => {
    shop.selfSigned('good');
    expect(objections(at('good'), at('good').notBefore)).toEqual([]);
    expect(objections(at('good'), at('good').notAfter)).toHaveLength(1);
  });
});

describe('who issued what', () => {
  test('is a matter of name and signature', () => {
    for (const name of ['ca', 'twin']) {
      shop.key(name);
      shop.selfSigned(name, '-subj', '/CN=ca');
    }
    shop.issued('child', 'ca');
    const [ca, twin, child] = ['ca', 'twin', 'child'].map((name) => parseCertificate(shop.der(name), name)); // prettier-ignore
    expect([isIssuedBy(child!, ca!), isIssuedBy(child!, twin!), isIssuedBy(ca!, child!)]).toEqual([true, false, false]); // prettier-ignore
    expect([isSelfIssued(ca!), isSelfIssued(child!)]).toEqual([true, false]);
    expect(isIssuedBy(ca!, twin!)).toBe(false);
  });

  test('of kinds of keys that mix', () => {
    shop.key('ec-ca', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256');
    shop.selfSigned('ec-ca');
    shop.issued('of-ec', 'ec-ca');
    const [issuer, child] = ['ec-ca', 'of-ec'].map((name) => parseCertificate(shop.der(name), name)); // prettier-ignore
    expect([isIssuedBy(child!, issuer!), isSelfIssued(issuer!)]).toEqual([true, true]);
  });
});

test('extended key usages by name, or by number', () => {
  shop.selfSigned('extended', '-addext', 'extendedKeyUsage=serverAuth,clientAuth,1.2.3.4');
  shop.selfSigned('none');
  const of = (name: string): string[] => extendedUsages(parseCertificate(shop.der(name), name));
  expect(of('extended')).toEqual(['serverAuth', 'clientAuth', '1.2.3.4']);
  expect(of('none')).toEqual([]);
});
