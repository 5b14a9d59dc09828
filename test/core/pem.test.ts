import fc from 'fast-check';
import { isPrivateKeyLabel, looksLikePem, parsePem, type PemBlock } from '../../src/core/pem.ts';
import { caught, everythingOf, unlessRefused } from '../support/caught.ts';
import { openWorkshop, password, type Workshop } from '../support/certificates.ts';

let shop: Workshop;
beforeAll(() => {
  shop = openWorkshop();
  shop.selfSigned('plain');
  shop.issued('leaf', 'plain');
});
afterAll(() => {
  shop.close();
});

const parse = (text: string): PemBlock[] => parsePem(Buffer.from(text, 'latin1'), 'x.pem');
const refused = (text: string): string => {
  const failure = caught(() => parse(text));
  expect(failure.kind).toBe('input');
  expect(failure.message).toMatch(/^x\.pem: /);
  return failure.message;
};
const block = (label: string, body: string): string =>
  `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;

describe('what OpenSSL writes', () => {
  test('a certificate', () => {
    const [only, ...more] = parsePem(shop.bytes('plain.crt'), 'x');
    expect(more).toEqual([]);
    expect(only?.label).toBe('CERTIFICATE');
    expect(only?.headers).toEqual([]);
    expect(only?.bytes.equals(shop.der('plain'))).toBe(true);
    expect(only?.text).toBe(shop.bytes('plain.crt').toString());
  });

  test('a certificate below its own description', () => {
    const text = shop.openssl('x509', '-in', 'plain.crt', '-text');
    expect(text.toString()).toContain('Subject: CN = plain');
    expect(parsePem(text, 'x')[0]?.bytes.equals(shop.der('plain'))).toBe(true);
  });

  test('everything of a PFX, with its bag attributes between', () => {
    shop.write('all.pfx', shop.pfx('leaf', '-certfile', 'plain.crt', '-name', 'Schlüssel: 1'));
    const text = shop.openssl('pkcs12', '-in', 'all.pfx', '-nodes', '-passin', `pass:${password}`);
    expect(text.toString()).toContain('Bag Attributes');
    expect(
      parsePem(text, 'x')
        .map((one) => one.label)
        .sort(),
    ).toEqual(['CERTIFICATE', 'CERTIFICATE', 'PRIVATE KEY']);
  });

  test.each([
    ['PRIVATE KEY', ['pkey', '-in', 'plain.key']],
    ['RSA PRIVATE KEY', ['rsa', '-in', 'plain.key', '-traditional']],
    ['ENCRYPTED PRIVATE KEY', ['pkey', '-in', 'plain.key', '-aes256', '-passout', 'pass:secret']],
    ['PUBLIC KEY', ['pkey', '-in', 'plain.key', '-pubout']],
    ['RSA PUBLIC KEY', ['rsa', '-in', 'plain.key', '-RSAPublicKey_out']],
    ['CERTIFICATE REQUEST', ['req', '-in', 'leaf.csr']],
    ['TRUSTED CERTIFICATE', ['x509', '-in', 'plain.crt', '-trustout']],
  ])('%s', (label, args) => {
    const blocks = parsePem(shop.openssl(...args), 'x');
    expect(blocks.map((one) => one.label)).toEqual([label]);
    expect(isPrivateKeyLabel(label)).toBe(label.endsWith('PRIVATE KEY'));
  });

  test('a traditional encrypted key, with its headers', () => {
    const text = shop.openssl(
      'rsa',
      '-in',
      'plain.key',
      '-traditional',
      '-aes128',
      '-passout',
      'pass:secret',
    );
    const [key] = parsePem(text, 'x');
    expect(key?.headers).toEqual([
      'Proc-Type: 4,ENCRYPTED',
      expect.stringMatching(/^DEK-Info: AES-128-CBC,[0-9A-F]{32}$/),
    ]);
    expect(key?.text).toBe(text.toString());
    // An AES-CBC ciphertext, whole.
    expect(Number(key?.bytes.length) % 16).toBe(0);
    expect(key?.bytes.length).toBeGreaterThan(1000);
  });
});

describe('spellings', () => {
  const body = 'QUJDREVG';
  const same = [{ label: 'CERTIFICATE', bytes: Buffer.from('ABCDEF') }];

  test.each([
    ['as it is', block('CERTIFICATE', body)],
    ['without a last line break', block('CERTIFICATE', body).trimEnd()],
    ['CRLF', block('CERTIFICATE', body).replaceAll('\n', '\r\n')],
    ['CR', block('CERTIFICATE', body).replaceAll('\n', '\r')],
    ['a byte order mark of UTF-8', `\xef\xbb\xbf${block('CERTIFICATE', body)}`],
    [
      'blanks after lines',
      '-----BEGIN CERTIFICATE-----  \nQUJD \nREVG\t\n-----END CERTIFICATE----- \n',
    ],
    [
      'blank lines inside',
      '-----BEGIN CERTIFICATE-----\n\nQUJD\n\nREVG\n\n-----END CERTIFICATE-----',
    ],
    ['text around it', `Subject: x\n${block('CERTIFICATE', body)}bye`],
    ['padding', block('CERTIFICATE', 'QUJDREVG')],
  ])('%s', (_name, text) => {
    expect(parse(text)).toMatchObject(same);
  });

  test('several, in their order', () => {
    const blocks = parse(block('A', 'QQ==') + block('PRIVATE KEY', 'QUI=') + block('A', 'QUJD'));
    expect(blocks.map((one) => [one.label, one.bytes.toString()])).toEqual([
      ['A', 'A'],
      ['PRIVATE KEY', 'AB'],
      ['A', 'ABC'],
    ]);
  });
});

test.each<[string, string, RegExp]>([
  ['nothing', '', /no PEM block/],
  ['text alone', 'hello\nworld', /no PEM block/],
  ['no end', '-----BEGIN CERTIFICATE-----\nQUJD\n', /"CERTIFICATE" is not closed/],
  [
    'the end of something else',
    '-----BEGIN CERTIFICATE-----\nQUJD\n-----END PRIVATE KEY-----',
    /not closed/,
  ],
  [
    'one inside another',
    `-----BEGIN CERTIFICATE-----\n${block('CERTIFICATE', 'QUJD')}`,
    /not closed/,
  ],
  ['an end alone', '-----END CERTIFICATE-----', /stray boundary/],
  ['two ends', `${block('CERTIFICATE', 'QUJD')}-----END CERTIFICATE-----`, /stray boundary/],
  ['a label in small letters', block('certificate', 'QUJD'), /stray boundary/],
  [
    'five hyphens missing',
    '-----BEGIN CERTIFICATE----\nQUJD\n-----END CERTIFICATE-----',
    /stray boundary/,
  ],
  ['an end with something after it', '-----BEGIN A-----\nQUJD\n-----END A-----x', /not closed/],
  ['nothing inside', block('CERTIFICATE', ''), /not base64/],
  ['base64url', block('CERTIFICATE', 'ab-_'), /not base64/],
  ['a stray character', block('CERTIFICATE', 'QU*D'), /not base64/],
  ['three characters', block('CERTIFICATE', 'QUJ'), /not base64/],
  ['padding too much', block('CERTIFICATE', 'Q==='), /not base64/],
  ['padding in the middle', block('CERTIFICATE', 'QQ==QUJD'), /not base64/],
  ['letters beyond ASCII', block('CERTIFICATE', 'QU\xc4D'), /not base64/],
  ['a colon in the base64', block('CERTIFICATE', 'QU:D\nQUJD'), /not base64/],
  [
    'headers without the line that ends them',
    block('RSA PRIVATE KEY', 'Proc-Type: 4,ENCRYPTED\nQUJD'),
    /not base64/,
  ],
  ['headers alone', block('RSA PRIVATE KEY', 'Proc-Type: 4,ENCRYPTED\n'), /not base64/],
])('refuses %s', (_name, text, reason) => {
  expect(refused(text)).toMatch(reason);
});

test('a failure never shows what is inside', () => {
  const secret = 'TVlTRUNSRVRTRUNSRVQ';
  for (const text of [
    block('PRIVATE KEY', `${secret}!`),
    block('PRIVATE KEY', `A: ${secret}`),
    `-----BEGIN PRIVATE KEY-----\n${secret}`,
    `-----BEGIN PRIVATE KEY-----\n${secret}\n-----${secret}`,
    secret,
  ])
    expect(everythingOf(caught(() => parse(text)))).not.toContain(secret);
});

test('tells PEM from DER', () => {
  expect(looksLikePem(shop.bytes('plain.crt'))).toBe(true);
  expect(looksLikePem(Buffer.from('\xef\xbb\xbf-----BEGIN A-----', 'latin1'))).toBe(true);
  expect(looksLikePem(shop.der('plain'))).toBe(false);
  expect(looksLikePem(Buffer.from('hello'))).toBe(false);
  shop.selfSigned('sly', '-key', 'plain.key', '-addext', 'nsComment=-----BEGIN CERTIFICATE-----');
  expect(looksLikePem(shop.der('sly'))).toBe(false);
});

test('many small blocks take no longer than their size', () => {
  const count = 20_000;
  expect(parse(block('A', 'QQ==').repeat(count))).toHaveLength(count);
});

test('any text is blocks whose base64 was whole, or input', () => {
  const line = fc.constantFrom(
    '-----BEGIN A-----', '-----END A-----', '-----BEGIN PRIVATE KEY-----', '-----END PRIVATE KEY-----',
    'QUJD', 'QQ==', 'a: b', '', '-----', 'x', ' ',
  ); // prettier-ignore
  const text = fc.oneof(
    fc.string(),
    fc.array(line, { maxLength: 12 }).map((lines) => lines.join('\n')),
  );
  fc.assert(
    fc.property(text, (input) => {
      for (const one of unlessRefused('input', () => parse(input)) ?? []) {
        expect(one.bytes.length).toBeGreaterThan(0);
        expect(parse(one.text)).toEqual([one]);
      }
    }),
    { numRuns: 1000 },
  );
});
