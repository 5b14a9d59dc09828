import { execFileSync } from 'node:child_process';
import { DerError } from '../../src/core/der.ts';
import { deriveKey, type Derivation } from '../../src/core/kdf.ts';
import { passwordForms } from '../../src/core/pbe.ts';

/** The same by OpenSSL, which is another implementation. */
function opensslKdf({ digest, password, salt, iterations, purpose, size }: Derivation): Buffer {
  const out = execFileSync('openssl', [
    'kdf', '-keylen', String(size), '-kdfopt', `digest:${digest}`, '-kdfopt', `hexpass:${password.toString('hex')}`,
    '-kdfopt', `hexsalt:${salt.toString('hex')}`, '-kdfopt', `iter:${String(iterations)}`, '-kdfopt', `id:${String(purpose)}`, 'PKCS12KDF',
  ]); // prettier-ignore
  return Buffer.from(out.toString().replace(/[:\s]/g, ''), 'hex');
}

const base: Derivation = {
  digest: 'sha1',
  password: passwordForms('Pässwörd-日本🔑')[0].bmp,
  salt: Buffer.from('0102030405060708', 'hex'),
  iterations: 2048,
  purpose: 1,
  size: 24,
};
const long = Buffer.alloc(200, 'salt');

test.each<[string, Partial<Derivation>]>([
  ['a key', {}],
  ['an IV', { purpose: 2, size: 8 }],
  ['a MAC key', { purpose: 3, size: 20 }],
  ['SHA-224', { digest: 'sha224', purpose: 3, size: 28 }],
  ['SHA-256', { digest: 'sha256', purpose: 3, size: 32 }],
  ['SHA-384', { digest: 'sha384', purpose: 3, size: 48 }],
  ['SHA-512', { digest: 'sha512', purpose: 3, size: 64 }],
  ['MD5', { digest: 'md5', purpose: 3, size: 16 }],
  ['one round', { iterations: 1 }],
  ['two rounds', { iterations: 2 }],
  ['as many as make a loop worthwhile', { iterations: 1_001 }],
  ['one less', { iterations: 1_000 }],
  ['many', { iterations: 50_000 }],
  ['many with SHA-256', { iterations: 50_000, digest: 'sha256', size: 70 }],
  ['many with SHA-512', { iterations: 50_000, digest: 'sha512', size: 200 }],
  ['many bytes', { size: 100, iterations: 5 }],
  ['a salt longer than a block', { salt: long }],
  ['a salt longer than a block, in larger blocks', { salt: long, digest: 'sha512' }],
  ['a long password', { password: passwordForms('x'.repeat(300))[0].bmp, size: 60 }],
  ['an empty password', { password: passwordForms('')[0].bmp }],
])('%s', (_name, change) => {
  const derivation = { ...base, ...change };
  expect(deriveKey(derivation)).toEqual(opensslKdf(derivation));
});

test('neither salt nor password is anything', () => {
  expect(deriveKey({ ...base, salt: Buffer.alloc(0), password: Buffer.alloc(0) })).toHaveLength(24);
});

test('no rounds', () => {
  expect(() => deriveKey({ ...base, iterations: 0 })).toThrow(DerError);
});
