import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeName,
  makeCertificate,
  type CertificateExtensions,
  type CertificateRequest,
} from '../../src/core/certificate-maker.ts';
import { day } from '../../src/core/lifetime.ts';
import { keyUsages } from '../../src/core/x509.ts';
import { isFailure, type FailureKind } from '../../src/failure.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const otherEc = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const noon = Date.UTC(2026, 0, 5, 12) / 1000;
const serial = Buffer.from('f00102030405060708090a0b0c0d0e0f', 'hex');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'policykeys-certificate-maker-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const openssl = (...args: readonly string[]): string =>
  execFileSync('openssl', args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

function make(request: Partial<CertificateRequest> = {}): Buffer {
  return makeCertificate({
    subject: 'CN=localhost',
    serial,
    notBefore: noon,
    notAfter: noon + 365 * day,
    publicKey: rsa.publicKey,
    privateKey: rsa.privateKey,
    ...request,
  });
}

const text = (der: Buffer, ...options: readonly string[]): string => {
  writeFileSync(join(folder, 'one.cer'), der);
  return openssl('x509', '-inform', 'DER', '-in', 'one.cer', '-noout', ...options);
};

function failureOf(work: () => unknown): FailureKind | undefined {
  try {
    work();
  } catch (error) {
    return isFailure(error) ? error.kind : undefined;
  }
  return undefined;
}

const everything: CertificateExtensions = {
  ca: false,
  keyUsage: ['digitalSignature', 'keyEncipherment'],
  extendedKeyUsage: ['serverAuth', 'clientAuth'],
  dnsNames: ['localhost', '*.contoso.test'],
  ipAddresses: ['127.0.0.1', '::1', '2001:db8::ff00:42:8329'],
  subjectKeyIdentifier: true,
};

test('OpenSSL reads every part', () => {
  const shown = text(make({ subject: 'CN=localhost, O=Contoso', extensions: everything }), '-text');
  for (const part of [
    'Version: 3 (0x2)',
    'f0:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f',
    'Signature Algorithm: sha256WithRSAEncryption',
    'Issuer: O = Contoso, CN = localhost',
    'Subject: O = Contoso, CN = localhost',
    'Not Before: Jan  5 12:00:00 2026 GMT',
    'Not After : Jan  5 12:00:00 2027 GMT',
    'Public-Key: (2048 bit)',
    'X509v3 Basic Constraints: critical\n                CA:FALSE',
    'X509v3 Key Usage: critical\n                Digital Signature, Key Encipherment\n',
    'TLS Web Server Authentication, TLS Web Client Authentication',
    'DNS:localhost, DNS:*.contoso.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:2001:DB8:0:0:0:FF00:42:8329',
    'X509v3 Subject Key Identifier',
  ])
    expect(shown).toContain(part);
});

test('node:crypto reads it, and the signature is right', () => {
  for (const [keys, other] of [
    [rsa, ec],
    [ec, rsa],
  ] as const) {
    const x509 = new X509Certificate(make({ ...keys, extensions: everything }));
    expect(x509.verify(keys.publicKey)).toBe(true);
    expect(x509.verify(other.publicKey)).toBe(false);
    expect(x509.checkPrivateKey(keys.privateKey)).toBe(true);
    expect(x509.checkHost('localhost')).toBe('localhost');
    expect(x509.checkIP('::1')).toBe('::1');
    expect(x509.serialNumber).toBe(serial.toString('hex').toUpperCase());
    expect(x509.ca).toBe(false);
  }
});

test('OpenSSL computes the same subject key identifier', () => {
  const of = (der: Buffer): string =>
    /Key Identifier: *\n? *([0-9A-F:]{59})/.exec(text(der, '-text'))?.[1] ?? '';
  const ours = of(make({ extensions: { subjectKeyIdentifier: true } }));
  writeFileSync(join(folder, 'key.pem'), rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  openssl(
    'req',
    '-x509',
    '-key',
    'key.pem',
    '-subj',
    '/CN=x',
    '-outform',
    'DER',
    '-out',
    'theirs.cer',
  );
  const theirs = openssl('x509', '-inform', 'DER', '-in', 'theirs.cer', '-noout', '-text');
  expect(ours).toHaveLength(59);
  expect(theirs).toContain(ours);
});

describe('a chain', () => {
  const pem = (der: Buffer): string =>
    `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
  const verify = (issuer: { publicKey: KeyObject; privateKey: KeyObject }, ca: boolean): string => {
    const subject = 'CN=Root\\, first, O=Contoso';
    const root = make({
      subject,
      ...issuer,
      extensions: { ca, keyUsage: ['keyCertSign', 'cRLSign'], subjectKeyIdentifier: true },
    });
    const leaf = makeCertificate({
      subject: 'CN=localhost',
      serial: Buffer.from([1]),
      notBefore: noon,
      notAfter: noon + day,
      publicKey: otherEc.publicKey,
      issuer: { subject, ...issuer },
      extensions: everything,
    });
    writeFileSync(join(folder, 'root.pem'), pem(root));
    writeFileSync(join(folder, 'leaf.pem'), pem(leaf));
    return openssl(
      'verify', '-x509_strict', '-CAfile', 'root.pem', '-purpose', 'sslserver',
      '-verify_hostname', 'localhost', '-attime', String(noon + 60), 'leaf.pem',
    ); // prettier-ignore
  };

  test.each([
    ['RSA', rsa],
    ['EC', ec],
  ])('of an %s root is verified by OpenSSL', (_name, issuer) => {
    expect(verify(issuer, true)).toBe('leaf.pem: OK\n');
  });

  test('of a root that is no CA is not', () => {
    expect(() => verify(ec, false)).toThrow(/invalid CA certificate|CA cert/);
  });
});

describe('dates', () => {
  test.each([
    [Date.UTC(2049, 11, 31, 23, 59, 59), 'UTCTIME', '491231235959Z'],
    [Date.UTC(2050, 0, 1), 'GENERALIZEDTIME', '20500101000000Z'],
    [Date.UTC(9999, 11, 31, 23, 59, 59), 'GENERALIZEDTIME', '99991231235959Z'],
  ])('%d is a %s', (ms, type, digits) => {
    const der = make({ notAfter: ms / 1000 });
    writeFileSync(join(folder, 'dates.cer'), der);
    const parsed = openssl('asn1parse', '-inform', 'DER', '-in', 'dates.cer');
    expect(parsed).toMatch(new RegExp(`${type} +:${digits}`));
    expect(Date.parse(new X509Certificate(der).validTo)).toBe(ms);
  });

  test('before 1950 they have four digits as well', () => {
    expect(
      Date.parse(new X509Certificate(make({ notBefore: Date.UTC(1949, 0, 1) / 1000 })).validFrom),
    ).toBe(Date.UTC(1949, 0, 1));
  });

  test.each([
    { notAfter: noon },
    { notAfter: noon - 1 },
    { notAfter: Date.UTC(10000, 0, 1) / 1000 },
    { notBefore: Number.NaN },
  ])('%j is refused', (dates) => {
    expect(failureOf(() => make(dates))).toBe('usage');
  });
});

describe('names', () => {
  const shown = (subject: string): string =>
    text(make({ subject }), '-subject', '-nameopt', 'RFC2253,-esc_msb,utf8').replace(
      /^subject=|\n$/g,
      '',
    );

  test.each([
    ['CN=localhost', 'CN=localhost'],
    ['cn = localhost , o = Contoso', 'CN=localhost,O=Contoso'],
    ['CN=a,OU=b,O=c,L=d,ST=e,C=DE', 'CN=a,OU=b,O=c,L=d,ST=e,C=DE'],
    ['CN=a,DC=contoso,DC=com', 'CN=a,DC=contoso,DC=com'],
    ['emailAddress=a@b.test,CN=a', 'emailAddress=a@b.test,CN=a'],
    ['O=Contoso\\, Inc.', 'O=Contoso\\, Inc.'],
    ['O=a\\+b+CN=c', 'O=a\\+b+CN=c'],
    ['O=a\\2Cb', 'O=a\\,b'],
    ['CN=M\\C3\\BCller', 'CN=Müller'],
    ['CN=日本', 'CN=日本'],
    ['CN=\\ a\\ ', 'CN=\\ a\\ '],
    ['CN=a\\\\b', 'CN=a\\\\b'],
    ['CN=a=b', 'CN=a=b'],
  ])('%s', (subject, expected) => {
    // Of a multi-valued RDN the order is that of the encodings.
    expect(shown(subject).split('+').sort()).toEqual(expected.split('+').sort());
  });

  test('are UTF8String, a country PrintableString, the rest IA5String', () => {
    writeFileSync(join(folder, 'name.der'), encodeName('CN=a,C=DE,DC=b,emailAddress=c@d'));
    const parsed = openssl('asn1parse', '-inform', 'DER', '-in', 'name.der');
    expect([...parsed.matchAll(/prim: (\w+STRING) /g)].map((found) => found[1])).toEqual([
      'IA5STRING',
      'IA5STRING',
      'PRINTABLESTRING',
      'UTF8STRING',
    ]);
  });

  test.each([
    '', 'localhost', 'CN=', 'CN=a,', 'UID=a', 'toString=a', 'C=DEU', 'C=1!', 'DC=ä', 'CN=#0401',
    'CN="a"', 'CN=a;b', 'CN=a<b', 'CN=a\\', 'CN=a\\xb', 'CN=\\C3', 'CN=a\\00b,=b', `CN=${'a'.repeat(65)}`,
  ])('%j is refused', (subject) => {
    expect(failureOf(() => make({ subject }))).toBe('usage');
  }); // prettier-ignore

  test('what node:crypto shows of a subject, line by line backwards, makes the same subject', () => {
    const subject = 'CN=a\\, b, OU=x\\+y, O=Contoso, C=DE';
    const x509 = new X509Certificate(make({ subject }));
    const again = x509.subject.split('\n').reverse().join(', ');
    expect(encodeName(again)).toEqual(encodeName(subject));
  });
});

describe('extensions', () => {
  test.each(keyUsages.map((usage, bit) => [usage, bit] as const))(
    'key usage %s is bit %d',
    (usage, bit) => {
      writeFileSync(join(folder, 'usage.cer'), make({ extensions: { keyUsage: [usage] } }));
      const parsed = openssl('asn1parse', '-inform', 'DER', '-in', 'usage.cer');
      const hex = /X509v3 Key Usage\n.*BOOLEAN.*\n.*\[HEX DUMP\]:(\w+)/.exec(parsed)?.[1] ?? '';
      const bytes = bit < 8 ? [0x80 >> bit] : [0, 0x80];
      expect(hex.toLowerCase()).toBe(
        Buffer.from([3, bytes.length + 1, 7 - (bit % 8), ...bytes]).toString('hex'),
      );
    },
  );

  test('without any there is no list', () => {
    expect(text(make(), '-text')).not.toContain('X509v3');
    expect(text(make({ extensions: {} }), '-text')).not.toContain('X509v3');
  });

  test.each([
    { ipAddresses: ['localhost'] },
    { ipAddresses: ['256.1.1.1'] },
    { ipAddresses: ['01.1.1.1'] },
    { ipAddresses: ['1::2::3'] },
    { ipAddresses: ['1:2:3'] },
    { ipAddresses: ['1:2:3:4:5:6:7:8::'] },
    { ipAddresses: ['::12345'] },
    { dnsNames: ['müller.test'] },
    { dnsNames: ['a b'] },
  ])('%j is refused', (extensions) => {
    expect(failureOf(() => make({ extensions }))).toBe('usage');
  });
});

test('what cannot be signed is refused', () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const ed = generateKeyPairSync('ed25519');
  const unsigned = {
    subject: 'CN=a',
    serial,
    notBefore: noon,
    notAfter: noon + 1,
    publicKey: createPublicKey(rsa.privateKey),
  };
  expect(failureOf(() => makeCertificate(unsigned))).toBe('usage');
  expect(failureOf(() => make(p384))).toBe('usage');
  expect(failureOf(() => make(ed))).toBe('usage');
  expect(failureOf(() => make({ serial: Buffer.alloc(16) }))).toBe('usage');
  expect(failureOf(() => make({ serial: Buffer.alloc(21, 1) }))).toBe('usage');
  expect(failureOf(() => make({ serial: Buffer.alloc(20, 0xff) }))).toBe('usage');
});
