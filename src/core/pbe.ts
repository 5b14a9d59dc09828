/**
 * Encryption and MAC by password, as a PFX has them: PBES2 (RFC 8018 section 6.2) and PKCS #12's own
 * (RFC 7292 appendices B and C). The door to node-forge, which has the RC2 that Node lacks.
 */
import { createDecipheriv, createHmac, hash, pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { derChild, derChildren, DerError, readOid, readSmallInteger, tags } from './der.ts';
import type { DerNode } from './der.ts';

/** Bound on the rounds that a file may ask for before its password is even tried. */
export const maxIterations = 2_000_000;

export interface Protection {
  /** `TripleDES-SHA1`, `AES-256-CBC`, … or `none`; of a MAC `SHA-1`, … An OID where it is not known. */
  readonly scheme: string;
  readonly iterations: number;
}

export interface Encryption extends Protection {
  readonly salt: Buffer;
  /** Of PBES2; PKCS #12's own encryption derives the IV, too. */
  readonly pbes2?: { readonly kdf: string; readonly prf: string | undefined; readonly iv: Buffer };
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
} as const;

// RFC 7292 appendix C, RFC 8018 appendix B, NIST's AES and SHA-2 arcs.
const names: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.12.1.1': 'RC4-128-SHA1',
  '1.2.840.113549.1.12.1.2': 'RC4-40-SHA1',
  '1.2.840.113549.1.12.1.3': acceptedScheme,
  '1.2.840.113549.1.12.1.4': 'TripleDES-2KEY-SHA1',
  '1.2.840.113549.1.12.1.5': 'RC2-128-SHA1',
  '1.2.840.113549.1.12.1.6': 'RC2-40-SHA1',
  [oids.pbmac1]: 'PBMAC1',
  '1.2.840.113549.3.7': 'TripleDES-CBC',
  '2.16.840.1.101.3.4.1.2': 'AES-128-CBC',
  '2.16.840.1.101.3.4.1.22': 'AES-192-CBC',
  '2.16.840.1.101.3.4.1.42': 'AES-256-CBC',
  '1.2.840.113549.2.5': 'MD5',
  '1.3.14.3.2.26': acceptedMac,
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
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};

const macDigests: Readonly<Record<string, string>> = {
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
  const prf = derChildren(kdfParameters).find((node) => node.tag === tags.sequence);
  return {
    scheme: algorithmName(derChild(cipher, 0, tags.oid)),
    ...readSalted(kdfParameters),
    pbes2: {
      kdf: readOid(derChild(kdf, 0, tags.oid)),
      prf: prf === undefined ? 'sha1' : prfs[readOid(derChild(prf, 0, tags.oid))],
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
export function macMatches({ scheme, ...mac }: Mac, content: Buffer, password: string): boolean {
  const digest = macDigests[scheme];
  if (digest === undefined) throw new DerError(`a MAC that is not known (${scheme})`);
  const size = hash(digest, '', 'buffer').length;
  const key = deriveKey({ ...mac, digest, password, purpose: 3, size });
  const value = createHmac(digest, key).update(content).digest();
  return value.length === mac.value.length && timingSafeEqual(value, mac.value);
}

export type Decrypt = (content: Buffer, password: string) => Promise<Buffer>;

/** Throws DerError for a kind that it does not know; what it gives fails for nearly every wrong password. */
export function decryption(encryption: Encryption): Decrypt {
  const cipher = ciphers[encryption.scheme];
  const { pbes2 } = encryption;
  if (cipher === undefined || (pbes2 && (pbes2.kdf !== oids.pbkdf2 || pbes2.prf === undefined)))
    throw new DerError(`an encryption that is not known (${encryption.scheme})`);
  return async (content, password) => {
    const { key, iv } = keyAndIv(encryption, cipher, password);
    if (cipher.name === 'rc2-cbc') return decryptRc2(content, key, iv);
    const decipher = createDecipheriv(cipher.name, key, iv);
    return Buffer.concat([decipher.update(content), decipher.final()]);
  };
}

function keyAndIv(
  { salt, iterations, pbes2 }: Encryption,
  { keyBytes }: Cipher,
  password: string,
): { readonly key: Buffer; readonly iv: Buffer } {
  if (pbes2 !== undefined) {
    const prf = pbes2.prf ?? 'sha1';
    return { key: pbkdf2Sync(password, salt, iterations, keyBytes, prf), iv: pbes2.iv };
  }
  const from = { digest: 'sha1', password, salt, iterations };
  return {
    key: deriveKey({ ...from, purpose: 1, size: keyBytes }),
    iv: deriveKey({ ...from, purpose: 2, size: 8 }),
  };
}

/** OpenSSL 3 has RC2 in its legacy provider only, which Node does not load. */
async function decryptRc2(content: Buffer, key: Buffer, iv: Buffer): Promise<Buffer> {
  const { default: forge } = await import('node-forge');
  const cipher = forge.rc2.createDecryptionCipher(key.toString('latin1'), key.length * 8);
  cipher.start(iv.toString('latin1'));
  cipher.update(forge.util.createBuffer(content.toString('latin1')));
  if (!cipher.finish()) throw new DerError('the padding is wrong');
  return Buffer.from(cipher.output.getBytes(), 'latin1');
}

interface Derivation {
  readonly digest: string;
  readonly password: string;
  readonly salt: Buffer;
  readonly iterations: number;
  /** 1 a key, 2 an IV, 3 a MAC key. */
  readonly purpose: 1 | 2 | 3;
  readonly size: number;
}

/** RFC 7292 appendix B.2. */
function deriveKey({ digest, password, salt, iterations, purpose, size }: Derivation): Buffer {
  if (iterations < 1) throw new DerError('no rounds of key derivation');
  const block = digest === 'sha384' || digest === 'sha512' ? 128 : 64;
  const fill = (bytes: Buffer): Buffer =>
    Buffer.alloc(block * Math.ceil(bytes.length / block), bytes);
  const input = Buffer.concat([fill(salt), fill(Buffer.from(`${password}\0`, 'utf16le').swap16())]);
  const diversifier = Buffer.alloc(block, purpose);
  const parts: Buffer[] = [];
  for (let made = 0; made < size;) {
    let part = hash(digest, Buffer.concat([diversifier, input]), 'buffer');
    for (let round = 1; round < iterations; round += 1) part = hash(digest, part, 'buffer');
    parts.push(part);
    made += part.length;
    addToBlocks(input, Buffer.alloc(block, part));
  }
  return Buffer.concat(parts).subarray(0, size);
}

/** Adds `addend` + 1 to every block of its length, modulo that length (step 6C). */
function addToBlocks(input: Buffer, addend: Buffer): void {
  for (let start = 0; start < input.length; start += addend.length)
    for (let at = addend.length - 1, carry = 1; at >= 0; at -= 1) {
      carry += input.readUInt8(start + at) + addend.readUInt8(at);
      input.writeUInt8(carry & 0xff, start + at);
      carry >>= 8;
    }
}
