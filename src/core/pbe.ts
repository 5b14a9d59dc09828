/**
 * Encryption and MAC by password, as a PFX has them: PBES2 (RFC 8018 section 6.2) and PKCS #12's own
 * (RFC 7292 appendices B and C). The door to node-forge, which has the RC2 that Node lacks.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hash,
  pbkdf2Sync,
  timingSafeEqual,
} from 'node:crypto';
import {
  der,
  derChild,
  derChildren,
  DerError,
  derInteger,
  derOid,
  readOid,
  readSmallInteger,
  tags,
  type DerNode,
} from './der.ts';
import { Failure } from '../failure.ts';
import { deriveKey } from './kdf.ts';

/**
 * Bounds on the rounds of key derivation that a file may ask for: each time, and in all. They are read
 * before anything is derived. A file of a million rounds throughout has three derivations, one of
 * GnuTLS with its 600,000 as many as it has certificates, and two: five of those can be read, and no
 * file takes longer than twice what one of a million rounds of its kind does.
 */
export const maxIterations = 1_000_000;
export const maxIterationsInAll = 4_500_000;

export type Spend = (protection: Pick<Protection, 'iterations'>) => void;

/** Counts the rounds of key derivation; the same for every file that is opened with a password. */
export function budget(name: string): Spend {
  let spent = 0;
  return ({ iterations }) => {
    spent += iterations;
    if (iterations <= maxIterations && spent <= maxIterationsInAll) return;
    const asked = Number.isFinite(spent) ? String(spent) : 'countless';
    throw new Failure(
      'input',
      `${name} asks for ${asked} rounds of key derivation; the bound is ${String(maxIterations)} each time and ${String(maxIterationsInAll)} in all`,
      { hint: 'export it again with the usual 2048' },
    );
  };
}

export interface Protection {
  /** `TripleDES-SHA1`, `AES-256-CBC`, … or `none`; of a MAC `SHA-1`, … An OID where it is not known. */
  readonly scheme: string;
  readonly iterations: number;
  /** Of PBES2, what PBKDF2 repeats: `HMAC-SHA-256`, … */
  readonly prf?: string;
}

export interface Encryption extends Protection {
  readonly salt: Buffer;
  /** Of PBES2; PKCS #12's own encryption derives the IV, too. */
  readonly pbes2?: {
    readonly kdf: string;
    readonly digest: string | undefined;
    readonly iv: Buffer;
  };
}

/** One password as the two derivations take it. */
export interface Password {
  /** UTF-8, for PBKDF2. */
  readonly text: string;
  /** BMPString with two zero bytes, for PKCS #12's own (RFC 7292 appendix B.1). */
  readonly bmp: Buffer;
}

const bmpOf = (units: string): Buffer => Buffer.from(`${units}\0`, 'utf16le').swap16();

/**
 * The forms in which programs write one password, the standard one first: OpenSSL before 1.1 took each
 * byte for a character, and no password is two zero bytes to some, and nothing to others.
 */
export function passwordForms(text: string): readonly [Password, ...Password[]] {
  const standard = { text, bmp: bmpOf(text) };
  if (text === '') return [standard, { text, bmp: Buffer.alloc(0) }];
  const bytes = Buffer.from(text).toString('latin1');
  return bytes === text ? [standard] : [standard, { text, bmp: bmpOf(bytes) }];
}

export interface Mac extends Protection {
  readonly salt: Buffer;
  readonly value: Buffer;
}

/** What B2C reads, and what it calls it (keysets-api.md Q7). */
export const acceptedScheme = 'TripleDES-SHA1';
export const acceptedMac = 'SHA-1';

const oids = {
  pbkdf2: '1.2.840.113549.1.5.12',
  pbes2: '1.2.840.113549.1.5.13',
  pbmac1: '1.2.840.113549.1.5.14',
  scrypt: '1.3.6.1.4.1.11591.4.11',
  tripleDesSha1: '1.2.840.113549.1.12.1.3',
  sha1: '1.3.14.3.2.26',
} as const;

/** A MAC that B2C does not know (RFC 9579), and we do not read. */
export const pbmac1 = 'PBMAC1';

// RFC 7292 appendix C, RFC 8018 appendix B, NIST's AES and SHA-2 arcs.
const names: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.12.1.1': 'RC4-128-SHA1',
  '1.2.840.113549.1.12.1.2': 'RC4-40-SHA1',
  [oids.tripleDesSha1]: acceptedScheme,
  '1.2.840.113549.1.12.1.4': 'TripleDES-2KEY-SHA1',
  '1.2.840.113549.1.12.1.5': 'RC2-128-SHA1',
  '1.2.840.113549.1.12.1.6': 'RC2-40-SHA1',
  [oids.pbmac1]: pbmac1,
  [oids.pbkdf2]: 'PBKDF2',
  [oids.scrypt]: 'scrypt',
  '1.2.840.113549.3.7': 'TripleDES-CBC',
  '2.16.840.1.101.3.4.1.2': 'AES-128-CBC',
  '2.16.840.1.101.3.4.1.22': 'AES-192-CBC',
  '2.16.840.1.101.3.4.1.42': 'AES-256-CBC',
  '1.2.840.113549.2.5': 'MD5',
  [oids.sha1]: acceptedMac,
  '2.16.840.1.101.3.4.2.4': 'SHA-224',
  '2.16.840.1.101.3.4.2.1': 'SHA-256',
  '2.16.840.1.101.3.4.2.2': 'SHA-384',
  '2.16.840.1.101.3.4.2.3': 'SHA-512',
};

interface Cipher {
  /** As OpenSSL names it. */
  readonly name: string;
  readonly keyBytes: number;
}

const ciphers: Readonly<Record<string, Cipher>> = {
  [acceptedScheme]: { name: 'des-ede3-cbc', keyBytes: 24 },
  'RC2-128-SHA1': { name: 'rc2-cbc', keyBytes: 16 },
  'RC2-40-SHA1': { name: 'rc2-cbc', keyBytes: 5 },
  'TripleDES-CBC': { name: 'des-ede3-cbc', keyBytes: 24 },
  'AES-128-CBC': { name: 'aes-128-cbc', keyBytes: 16 },
  'AES-192-CBC': { name: 'aes-192-cbc', keyBytes: 24 },
  'AES-256-CBC': { name: 'aes-256-cbc', keyBytes: 32 },
};

/** HMAC under PBKDF2 (RFC 8018 appendix B.1). */
const prfs: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'SHA-1',
  '1.2.840.113549.2.8': 'SHA-224',
  '1.2.840.113549.2.9': 'SHA-256',
  '1.2.840.113549.2.10': 'SHA-384',
  '1.2.840.113549.2.11': 'SHA-512',
};
const defaultPrf = '1.2.840.113549.2.7';

/** As node:crypto names them. */
const digests: Readonly<Record<string, string>> = {
  MD5: 'md5',
  [acceptedMac]: 'sha1',
  'SHA-224': 'sha224',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

const algorithmName = (node: DerNode): string => {
  const oid = readOid(node);
  return names[oid] ?? oid;
};

/** An AlgorithmIdentifier: SEQUENCE { OID, parameters }. */
export function readEncryption(algorithm: DerNode): Encryption {
  const scheme = algorithmName(derChild(algorithm, 0, tags.oid));
  const parameters = derChild(algorithm, 1, tags.sequence);
  if (scheme !== oids.pbes2) return { scheme, ...readSalted(parameters) };
  const kdf = derChild(parameters, 0, tags.sequence);
  const cipher = derChild(parameters, 1, tags.sequence);
  const kdfParameters = derChild(kdf, 1, tags.sequence);
  const kdfName = algorithmName(derChild(kdf, 0, tags.oid));
  const prf = derChildren(kdfParameters).find((node) => node.tag === tags.sequence);
  const prfOid = prf === undefined ? defaultPrf : readOid(derChild(prf, 0, tags.oid));
  const digest = prfs[prfOid];
  return {
    scheme: algorithmName(derChild(cipher, 0, tags.oid)),
    ...readSalted(kdfParameters),
    prf:
      kdfName !== names[oids.pbkdf2] ? kdfName : digest === undefined ? prfOid : `HMAC-${digest}`,
    pbes2: {
      kdf: kdfName,
      digest: digest && digests[digest],
      iv: derChild(cipher, 1).content,
    },
  };
}

const readSalted = (parameters: DerNode): Pick<Encryption, 'salt' | 'iterations'> => ({
  salt: derChild(parameters, 0).content,
  iterations: readSmallInteger(derChild(parameters, 1, tags.integer)),
});

/** MacData (RFC 7292 section 4). */
export function readMac(node: DerNode): Mac {
  const info = derChild(node, 0, tags.sequence);
  const iterations = derChildren(node)[2];
  return {
    scheme: algorithmName(derChild(derChild(info, 0, tags.sequence), 0, tags.oid)),
    value: derChild(info, 1, tags.octetString).content,
    salt: derChild(node, 1, tags.octetString).content,
    iterations: iterations === undefined ? 1 : readSmallInteger(iterations),
  };
}

/** Whether `content` is what was written under this password. Throws DerError for a MAC it does not know. */
export function macMatches(
  { scheme, ...mac }: Mac,
  content: Buffer,
  { bmp }: Pick<Password, 'bmp'>,
): boolean {
  const digest = Object.hasOwn(digests, scheme) ? digests[scheme] : undefined;
  if (digest === undefined) throw new DerError(`a MAC that is not known (${scheme})`);
  const size = hash(digest, '', 'buffer').length;
  const key = deriveKey({ ...mac, digest, password: bmp, purpose: 3, size });
  const value = createHmac(digest, key).update(content).digest();
  return value.length === mac.value.length && timingSafeEqual(value, mac.value);
}

export type Decrypt = (content: Buffer, password: Password) => Promise<Buffer>;

/** Throws DerError for a kind that it does not know; what it gives fails for nearly every wrong password. */
export function decryption(encryption: Encryption): Decrypt {
  const { scheme, prf, pbes2 } = encryption;
  const cipher = Object.hasOwn(ciphers, scheme) ? ciphers[scheme] : undefined;
  if (
    cipher === undefined ||
    (pbes2 && (pbes2.kdf !== names[oids.pbkdf2] || pbes2.digest === undefined))
  ) {
    const how = prf === undefined ? '' : ` with ${prf}`;
    throw new DerError(`an encryption that is not known (${scheme}${how})`);
  }
  return async (content, password) => {
    if (cipher.name === 'rc2-cbc' && content.length > longestRc2)
      throw new DerError('more under RC2 than any certificates take');
    const { key, iv } = keyAndIv(encryption, cipher, password);
    if (cipher.name === 'rc2-cbc') return decryptRc2(content, key, iv);
    const decipher = createDecipheriv(cipher.name, key, iv);
    return Buffer.concat([decipher.update(content), decipher.final()]);
  };
}

function keyAndIv(
  { salt, iterations, pbes2 }: Encryption,
  { keyBytes }: Cipher,
  { text, bmp }: Password,
): { readonly key: Buffer; readonly iv: Buffer } {
  if (pbes2 !== undefined) {
    const digest = pbes2.digest ?? 'sha1';
    return { key: pbkdf2Sync(text, salt, iterations, keyBytes, digest), iv: pbes2.iv };
  }
  const from = { digest: 'sha1', password: bmp, salt, iterations };
  return {
    key: deriveKey({ ...from, purpose: 1, size: keyBytes }),
    iv: deriveKey({ ...from, purpose: 2, size: 8 }),
  };
}

/** In bytes: eighty certificates. What forge does with much more takes minutes. */
const longestRc2 = 1 << 17;

/** OpenSSL 3 has RC2 in its legacy provider only, which Node does not load. */
async function decryptRc2(content: Buffer, key: Buffer, iv: Buffer): Promise<Buffer> {
  const { default: forge } = await import('node-forge');
  const cipher = forge.rc2.createDecryptionCipher(key.toString('latin1'), key.length * 8);
  cipher.start(iv.toString('latin1'));
  cipher.update(forge.util.createBuffer(content.toString('latin1')));
  if (!cipher.finish()) throw new DerError('the padding is wrong');
  return Buffer.from(cipher.output.getBytes(), 'latin1');
}

/** What is new in everything that is written: random bytes are the caller's. */
export interface Salted {
  readonly password: Password;
  readonly salt: Buffer;
  readonly iterations: number;
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(tags.sequence, ...parts);

const countOf = (iterations: number): Buffer =>
  derInteger(Buffer.from(iterations.toString(16).padStart(8, '0'), 'hex'));

/** TripleDES-SHA1 (RFC 7292 appendix C): the AlgorithmIdentifier, and `content` encrypted. */
export function encryptAccepted(
  content: Buffer,
  { password, salt, iterations }: Salted,
): { readonly algorithm: Buffer; readonly ciphertext: Buffer } {
  const from = { digest: 'sha1', password: password.bmp, salt, iterations };
  const cipher = createCipheriv(
    'des-ede3-cbc',
    deriveKey({ ...from, purpose: 1, size: 24 }),
    deriveKey({ ...from, purpose: 2, size: 8 }),
  );
  return {
    algorithm: sequence(
      derOid(oids.tripleDesSha1),
      sequence(der(tags.octetString, salt), countOf(iterations)),
    ),
    ciphertext: Buffer.concat([cipher.update(content), cipher.final()]),
  };
}

/** MacData with SHA-1 (RFC 7292 section 4). */
export function makeAcceptedMac(content: Buffer, { password, salt, iterations }: Salted): Buffer {
  const from = { digest: 'sha1', password: password.bmp, salt, iterations };
  const key = deriveKey({ ...from, purpose: 3, size: 20 });
  const value = createHmac('sha1', key).update(content).digest();
  return sequence(
    sequence(sequence(derOid(oids.sha1), der(tags.null)), der(tags.octetString, value)),
    der(tags.octetString, salt),
    countOf(iterations),
  );
}
