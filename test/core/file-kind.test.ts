import { fileKind, type FileKind } from '../../src/core/file-kind.ts';
import { openWorkshop, password, type Workshop } from '../support/certificates.ts';

let shop: Workshop;
beforeAll(() => {
  shop = openWorkshop();
  shop.selfSigned('one');
});
afterAll(() => {
  shop.close();
});

test('files that OpenSSL makes', () => {
  const der = (...args: readonly string[]): Buffer => shop.openssl(...args, '-outform', 'DER');
  const found: [FileKind, Buffer][] = [
    ['pkcs12', shop.pfx('one')],
    ['pkcs12', shop.ber(shop.pfx('one'))],
    ['pkcs12', shop.pfx('one').subarray(0, 30)],
    ['certificate', shop.der('one')],
    ['certificate', shop.der('one').subarray(0, 100)],
    ['pem', shop.bytes('one.crt')],
    ['pem', shop.bytes('one.key')],
    ['pem', Buffer.concat([Buffer.from('Bag Attributes\n'), shop.bytes('one.crt')])],
    ['private-key', der('pkey', '-in', 'one.key')],
    ['private-key', der('rsa', '-in', 'one.key', '-traditional')],
    ['encrypted-key', der('pkcs8', '-topk8', '-in', 'one.key', '-passout', `pass:${password}`)],
    ['public-key', der('pkey', '-in', 'one.key', '-pubout')],
    ['pkcs7', der('crl2pkcs7', '-nocrl', '-certfile', 'one.crt')],
    ['base64', Buffer.from(shop.pfx('one').toString('base64'))],
    ['base64', Buffer.from(shop.der('one').toString('base64').replace(/.{64}/g, '$&\r\n'))],
  ];
  for (const [kind, bytes] of found) expect([kind, fileKind(bytes)]).toEqual([kind, kind]);
});

test.each<[string, FileKind, Buffer]>([
  ['nothing', 'empty', Buffer.alloc(0)],
  ['a JWK Set', 'json', Buffer.from(' {"keys":[]}')],
  ['a list with a byte order mark', 'json', Buffer.from('\ufeff[]')],
  ['JKS', 'jks', Buffer.from('feedfeed00000002', 'hex')],
  ['JCEKS', 'jceks', Buffer.from('cececece00000002', 'hex')],
  ['UTF-16', 'utf16', Buffer.from('\ufeff-----BEGIN', 'utf16le')],
  ['text', 'unknown', Buffer.from('MIT License')],
  ['one byte', 'unknown', Buffer.from([0x30])],
  ['an empty sequence', 'unknown', Buffer.from([0x30, 0])],
  ['a sequence of nulls', 'unknown', Buffer.from([0x30, 2, 5, 0])],
  ['a length without an end', 'unknown', Buffer.from('30ffffffff', 'hex')],
])('%s', (_name, kind, bytes) => {
  expect(fileKind(bytes)).toBe(kind);
});
