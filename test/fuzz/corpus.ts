/** Files of every kind that the program reads, from keys of the fixtures, which never change and protect nothing. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { der, derChild, derInteger, derOid, readDer, tags } from '../../src/core/der.ts';
import { encryptAccepted, makeAcceptedMac, passwordForms } from '../../src/core/pbe.ts';
import { password, tripleDes, type Workshop } from '../support/certificates.ts';
import { fixture } from '../support/world.ts';

export interface Entry {
  readonly name: string;
  readonly bytes: Buffer;
  /** What of it can be bent with its parts in view. */
  readonly form: 'der' | 'pem' | 'json';
  /** Seals what was bent in its inside: parsers behind encryption and MAC see it. */
  readonly seal?: (bytes: Buffer) => Buffer;
}

export const sequence = (...parts: readonly Buffer[]): Buffer => der(tags.sequence, ...parts);
export const explicit = (content: Buffer): Buffer => der(0xa0, content);
export const octets = (content: Buffer): Buffer => der(tags.octetString, content);
const small = (value: number): Buffer => derInteger(Buffer.from([value]));
export const dataOid = derOid('1.2.840.113549.1.7.1');
export const data = (content: Buffer): Buffer => sequence(dataOid, explicit(octets(content)));
/** A PFX around an AuthenticatedSafe, whatever that is; with a MAC where there is a `salt`. */
export const pfxOf = (safe: Buffer, salt?: Buffer): Buffer =>
  sequence(
    small(3),
    data(safe),
    ...(salt === undefined ? [] : [makeAcceptedMac(safe, { password: form, salt, iterations: 1 })]),
  );
const [form] = passwordForms(password);
const salt = Buffer.from('saltsalt');
const sealed = (content: Buffer): { algorithm: Buffer; ciphertext: Buffer } =>
  encryptAccepted(content, { password: form, salt, iterations: 1 });

/** An encrypted part of a PFX around SafeContents, whatever they are. */
export function encryptedPart(contents: Buffer): Buffer {
  const { algorithm, ciphertext } = sealed(contents);
  return sequence(
    derOid('1.2.840.113549.1.7.6'),
    explicit(sequence(small(0), sequence(dataOid, algorithm, der(0x80, ciphertext)))),
  );
}

/** EncryptedPrivateKeyInfo around a key, whatever it is. */
export function shrouded(pkcs8: Buffer): Buffer {
  const { algorithm, ciphertext } = sealed(pkcs8);
  return sequence(algorithm, octets(ciphertext));
}

export const bag = (kind: number, value: Buffer, ...attributes: readonly Buffer[]): Buffer =>
  sequence(derOid(`1.2.840.113549.1.12.10.1.${String(kind)}`), explicit(value), ...attributes);
export const keyBag = (pkcs8: Buffer): Buffer => bag(1, pkcs8);
export const certBag = (certificate: Buffer, ...attributes: readonly Buffer[]): Buffer =>
  bag(3, sequence(derOid('1.2.840.113549.1.9.22.1'), explicit(octets(certificate))), ...attributes);

export const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END ${label}-----\n`;

export interface Corpus {
  readonly entries: readonly Entry[];
  /** What may be put anywhere: nothing in it is private unless it is encrypted. */
  readonly open: readonly Entry[];
  /** Private keys, as PKCS #8. */
  readonly keys: readonly Buffer[];
}

const once = ['-iter', '1'] as const;
const clear = ['-keypbe', 'NONE', '-certpbe', 'NONE'] as const;

export function makeCorpus(shop: Workshop): Corpus {
  const openssl = (...args: readonly string[]): Buffer => shop.openssl(...args);
  const keyOf = (name: string): Buffer =>
    openssl('pkcs12', '-in', fixture(name), '-passin', 'pass:correct-horse-battery', '-nodes', '-nocerts'); // prettier-ignore
  const take = (name: string, pfx: string, certificate: string): void => {
    shop.write(
      `${name}.key`,
      createPrivateKey(keyOf(pfx)).export({ type: 'pkcs8', format: 'pem' }),
    );
    shop.write(`${name}.crt`, readFileSync(fixture(certificate)));
  };
  take('leaf', 'signing.pfx', 'signing.pem');
  take('later', 'later.pfx', 'later.pem');
  take('curve', 'curve.pfx', 'curve.pem');
  const bundle = readFileSync(fixture('bundle.pem'), 'utf8');
  shop.write('bundle.pem', bundle);
  shop.write('chain.pem', bundle.split(/(?<=-----END CERTIFICATE-----\n)/).slice(1).join('')); // prettier-ignore
  shop.write('rich.cnf', rich);
  shop.write('leaf-req.csr', openssl('req', '-new', '-key', 'leaf.key', '-subj', '/C=DE/O=Müller/CN=a+OU=b', '-utf8')); // prettier-ignore
  openssl('x509', '-req', '-in', 'leaf-req.csr', '-signkey', 'leaf.key', '-days', '9000', '-set_serial', '9', '-extfile', 'rich.cnf', '-extensions', 'rich', '-out', 'rich.crt'); // prettier-ignore
  openssl('x509', '-req', '-in', 'leaf-req.csr', '-signkey', 'leaf.key', '-days', '9000', '-set_serial', '9', '-sigopt', 'rsa_padding_mode:pss', '-out', 'pss.crt'); // prettier-ignore
  shop.key('pss-key', '-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048', '-pkeyopt', 'rsa_pss_keygen_md:sha256'); // prettier-ignore
  shop.selfSigned('pss-key');
  shop.key('ed', '-algorithm', 'ED25519');
  shop.selfSigned('ed');

  const chain = ['-certfile', 'chain.pem'];
  const plain = shop.pfx('leaf', ...clear, ...chain, '-nomac', '-name', 'Schlüssel');
  const safeOf = (pfx: Buffer): Buffer =>
    derChild(derChild(derChild(readDer(pfx), 1), 1), 0, tags.octetString).content;
  const contents = shop.openssl('pkcs8', '-topk8', '-nocrypt', '-in', 'leaf.key', '-outform', 'DER'); // prettier-ignore
  const leaf = shop.der('leaf');
  const bags = sequence(bag(6, sequence(certBag(leaf))), keyBag(contents), certBag(shop.der('later'))); // prettier-ignore
  const pkcs8 = (name: string): Buffer =>
    createPrivateKey(shop.bytes(`${name}.key`)).export({ type: 'pkcs8', format: 'der' });
  const two = pfxOf(
    sequence(data(sequence(keyBag(pkcs8('leaf')), keyBag(pkcs8('later')), certBag(leaf), certBag(shop.der('later'))))), // prettier-ignore
  );

  const of =
    (form: Entry['form']) =>
    (name: string, bytes: Buffer | string, seal?: Entry['seal']): Entry => ({
      name,
      form,
      bytes: Buffer.from(bytes),
      ...(seal === undefined ? {} : { seal }),
    });
  const [asDer, asPem, asJson] = [of('der'), of('pem'), of('json')];
  const crt = (name: string): Buffer => shop.bytes(`${name}.crt`);
  const key = (...options: readonly string[]): Buffer =>
    openssl('pkey', '-in', 'leaf.key', ...options);
  const encrypted = (...options: readonly string[]): Buffer =>
    openssl('pkcs8', '-topk8', '-in', 'leaf.key', '-passout', `pass:${password}`, ...options);
  const traditional = (cipher: string): Buffer =>
    openssl('rsa', '-in', 'leaf.key', '-traditional', `-${cipher}`, '-passout', `pass:${password}`); // prettier-ignore
  const publicKey = createPublicKey(shop.bytes('leaf.key'));
  const jwkOf = (name: string): object => {
    const { kty, n, e, crv, x, y, ...secret } = createPrivateKey(shop.bytes(`${name}.key`)).export({ format: 'jwk' }); // prettier-ignore
    // What is shown stands behind what is not: nothing that is cut out makes one of the other.
    return { ...secret, ...(n === undefined ? { x, y } : { n, e }), crv, kty, use: 'sig' };
  };
  const set = (...keys: readonly object[]): string => JSON.stringify({ keys });

  const open: Entry[] = [
    asDer('a PFX', shop.pfx('leaf', ...tripleDes, ...once)),
    asDer('a PFX as it is usual', shop.pfx('leaf', ...tripleDes)),
    asDer('a PFX with its chain', shop.pfx('leaf', ...tripleDes, ...once, ...chain)),
    asDer('a PFX with names', shop.pfx('leaf', ...tripleDes, ...once, '-name', 'Schlüssel', '-caname', '鍵', ...chain)), // prettier-ignore
    asDer('a PFX with AES-256', shop.pfx('leaf', ...once)),
    asDer('a PFX with AES-128 and SHA-512', shop.pfx('leaf', '-keypbe', 'AES-128-CBC', '-certpbe', 'AES-128-CBC', '-macalg', 'sha512', ...once)), // prettier-ignore
    asDer('a PFX without a MAC', shop.pfx('leaf', ...tripleDes, '-nomac', ...once)),
    asDer('a PFX without a key', shop.pfx('leaf', ...tripleDes, ...once, '-nokeys')),
    asDer('a PFX in BER', shop.ber(shop.pfx('leaf', ...tripleDes, ...once, ...chain))),
    asDer('a PFX of another key', shop.pfx('later', ...tripleDes, ...once)),
    asDer('a PFX of a curve', shop.pfx('curve', ...tripleDes, ...once)),
    ...(shop.hasLegacyProvider ? [asDer('a PFX with RC2', shop.pfx('leaf', '-legacy', ...once))] : []), // prettier-ignore
    ...['leaf', 'later', 'curve', 'rich', 'pss', 'pss-key', 'ed'].map((name) =>
      asDer(`the certificate ${name}`, shop.der(name)),
    ),
    asDer('a public key', publicKey.export({ type: 'spki', format: 'der' })),
    asDer('an encrypted key', encrypted('-outform', 'DER', ...once)),
    asDer('PKCS #7', openssl('crl2pkcs7', '-nocrl', '-certfile', 'bundle.pem', '-outform', 'DER')),
    asPem('a certificate in PEM', crt('leaf')),
    asPem('a bundle', bundle),
    asPem('a bundle of others', Buffer.concat([crt('later'), crt('ed')])),
    asPem('an encrypted key in PEM', encrypted(...once)),
    asPem('a key as OpenSSL 1 encrypted it', encrypted('-v1', 'PBE-SHA1-3DES', ...once)),
    asPem('a certificate with its encrypted key', Buffer.concat([crt('leaf'), encrypted(...once)])),
    asPem('a traditional key', traditional('aes256')),
    asPem('a traditional key, TripleDES', Buffer.concat([traditional('des3'), crt('leaf')])),
    asPem('a public key in PEM', publicKey.export({ type: 'spki', format: 'pem' })),
    asPem('a public key of PKCS #1', publicKey.export({ type: 'pkcs1', format: 'pem' })),
    asJson(
      'a public JWK Set',
      set({ ...publicKey.export({ format: 'jwk' }), use: 'enc', kid: 'a' }),
    ),
  ];
  const entries: Entry[] = [
    ...open,
    asDer('a PFX without encryption', shop.pfx('leaf', ...clear, ...once)),
    asDer('a PFX without anything', plain),
    asDer('a PFX without anything', plain),
    asDer('a PFX without anything in BER', shop.ber(plain)),
    asDer('a PFX with two keys', two),
    asDer('what a MAC is made of', safeOf(plain), (safe) => pfxOf(safe, salt)),
    asDer('SafeContents', bags, (inside) => pfxOf(sequence(encryptedPart(inside)), salt)),
    asDer('SafeContents without a MAC', bags, (inside) => pfxOf(sequence(encryptedPart(inside)))),
    asDer('the key of a PFX', contents, (inside) =>
      pfxOf(sequence(data(sequence(bag(2, shrouded(inside)), certBag(leaf)))), salt),
    ),
    asDer('the key of encrypted PEM', contents, (inside) =>
      Buffer.from(crt('leaf').toString() + pem('ENCRYPTED PRIVATE KEY', shrouded(inside))),
    ),
    asDer('a certificate of a PFX', leaf, (inside) =>
      pfxOf(sequence(data(sequence(bag(2, shrouded(contents)), certBag(inside)))), salt),
    ),
    asDer('a key', contents),
    asPem('a key in PEM', key()),
    asPem('a key of PKCS #1', key('-traditional')),
    asPem('a certificate with its key', Buffer.concat([crt('leaf'), key()])),
    asPem('its key with a chain', `${key().toString()}${bundle}`),
    asPem('a curve with its parameters', `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${openssl('ec', '-in', 'curve.key').toString()}`), // prettier-ignore
    asPem('a key for PSS with its certificate', Buffer.concat([shop.bytes('pss-key.key'), crt('pss-key')])), // prettier-ignore
    asPem('a key of Edwards', Buffer.concat([shop.bytes('ed.key'), crt('ed')])),
    asJson('a JWK Set', set(jwkOf('leaf'), jwkOf('later'))),
    asJson('a JWK Set of a curve', set(jwkOf('curve'))),
    asJson('a JWK Set of octets', set({ k: oct, kty: 'oct', use: 'enc', exp: 4_000_000_000 })),
    asJson('a JWK', JSON.stringify(jwkOf('leaf'))),
  ];
  return { entries, open, keys: ['leaf', 'later', 'curve', 'ed', 'pss-key'].map(pkcs8) };
}

/** The value of a symmetric key. */
export const oct = Buffer.from('0123456789abcdef-this-is-a-key-of-a-test').toString('base64url');

const rich = [
  '[rich]', 'basicConstraints=critical,CA:TRUE,pathlen:2', 'keyUsage=critical,digitalSignature,keyEncipherment,decipherOnly,keyAgreement',
  'extendedKeyUsage=serverAuth,clientAuth,1.2.3.4.5', 'subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid',
  'subjectAltName=DNS:a.test,IP:::1,email:a@a.test,otherName:1.2.3.4;UTF8:x,dirName:dir', 'certificatePolicies=1.2.3.4',
  '[dir]', 'CN=d', '',
].join('\n'); // prettier-ignore
