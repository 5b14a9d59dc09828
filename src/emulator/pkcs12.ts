/**
 * Opens a PFX (RFC 7292) as B2C does: TripleDES-SHA1 with a SHA-1 MAC, certificates also RC2-40 (Q7).
 * On purpose without src/core/pkcs12.ts, which it judges.
 */
import {
  createDecipheriv,
  createHmac,
  createPrivateKey,
  hash,
  timingSafeEqual,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import {
  derChild,
  derChildren,
  DerError,
  derFromBer,
  readDer,
  readOid,
  readSmallInteger,
  tags,
  type DerNode,
} from '../core/der.ts';

export interface OpenedPfx {
  readonly key: KeyObject | undefined;
  /** DER, the certificate of the key first. */
  readonly certificates: readonly Buffer[];
}

const oids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  tripleDes: '1.2.840.113549.1.12.1.3',
  rc2With40Bits: '1.2.840.113549.1.12.1.6',
  sha1: '1.3.14.3.2.26',
} as const;

/** More rounds than any tool writes would block the emulator for minutes. */
const maxRounds = 1_000_000;

/**
 * `undefined` stands for everything that the service calls a wrong password: a wrong password, an
 * encryption that it does not know, and bytes that are no PFX.
 */
export async function openPkcs12(bytes: Buffer, password: string): Promise<OpenedPfx | undefined> {
  try {
    return await open(bytes, password);
  } catch {
    return undefined;
  }
}

const unknownProtection = (): DerError => new DerError('not TripleDES-SHA1');

async function open(bytes: Buffer, password: string): Promise<OpenedPfx> {
  const pfx = readDer(derFromBer(bytes));
  const content = contentOf(derChild(pfx, 1, tags.sequence), oids.data);
  const safe = derChild(content, 0, tags.octetString).content;
  checkMac(derChild(pfx, 2, tags.sequence), safe, password);
  const keys: KeyObject[] = [];
  const certificates: Buffer[] = [];
  for (const info of derChildren(readDer(derFromBer(safe)))) {
    const type = readOid(derChild(info, 0, tags.oid));
    const plain = type === oids.data;
    const bags = plain
      ? derChild(contentOf(info, oids.data), 0, tags.octetString).content
      : await decrypt(contentOf(info, oids.encryptedData), password);
    for (const bag of derChildren(readDer(derFromBer(bags)))) {
      const kind = readOid(derChild(bag, 0, tags.oid));
      const value = readDer(derChild(bag, 1).content);
      if (kind === oids.shroudedKeyBag) keys.push(unwrapKey(value, password));
      // A certificate in the clear, or a key that only the outer layer protects, is not TripleDES.
      else if (kind === oids.certificateBag && !plain) certificates.push(certificateIn(value));
      else throw unknownProtection();
    }
  }
  const key = keys[0];
  return { key, certificates: leafFirst(certificates, key) };
}

function leafFirst(certificates: readonly Buffer[], key: KeyObject | undefined): Buffer[] {
  const leaf = certificates.find(
    (bytes) => key !== undefined && new X509Certificate(bytes).checkPrivateKey(key),
  );
  return leaf === undefined
    ? [...certificates]
    : [leaf, ...certificates.filter((other) => other !== leaf)];
}

/** The `[0] EXPLICIT` content of a ContentInfo (RFC 5652 section 3). */
function contentOf(info: DerNode, type: string): DerNode {
  if (readOid(derChild(info, 0, tags.oid)) !== type) throw unknownProtection();
  return derChild(info, 1, 0xa0);
}

function certificateIn(value: DerNode): Buffer {
  if (readOid(derChild(value, 0, tags.oid)) !== oids.x509Certificate) throw unknownProtection();
  return readDer(derChild(value, 1, 0xa0).content, tags.octetString).content;
}

function unwrapKey(value: DerNode, password: string): KeyObject {
  const { cipher } = readProtection(derChild(value, 0, tags.sequence));
  if (cipher !== oids.tripleDes) throw unknownProtection();
  return createPrivateKey({
    key: value.whole,
    format: 'der',
    type: 'pkcs8',
    passphrase: password,
  });
}

interface Protection {
  readonly cipher: string;
  readonly salt: Buffer;
  readonly rounds: number;
}

function readProtection(algorithm: DerNode): Protection {
  const cipher = readOid(derChild(algorithm, 0, tags.oid));
  if (cipher !== oids.tripleDes && cipher !== oids.rc2With40Bits) throw unknownProtection();
  const parameters = derChild(algorithm, 1, tags.sequence);
  return {
    cipher,
    salt: derChild(parameters, 0, tags.octetString).content,
    rounds: roundsOf(derChild(parameters, 1)),
  };
}

function roundsOf(node: DerNode | undefined): number {
  const rounds = node === undefined ? 1 : readSmallInteger(node);
  if (rounds < 1 || rounds > maxRounds) throw new DerError('an absurd number of rounds');
  return rounds;
}

/** RFC 7292 section 4: HMAC with a key made from the password. */
function checkMac(mac: DerNode, content: Buffer, password: string): void {
  const info = derChild(mac, 0, tags.sequence);
  if (readOid(derChild(derChild(info, 0, tags.sequence), 0)) !== oids.sha1)
    throw unknownProtection();
  const expected = derChild(info, 1, tags.octetString).content;
  const salt = derChild(mac, 1, tags.octetString).content;
  const rounds = roundsOf(derChildren(mac)[2]);
  const key = deriveKey({ password, salt, rounds, purpose: 3, size: 20 });
  const actual = createHmac('sha1', key).update(content).digest();
  if (actual.length !== expected.length || !timingSafeEqual(actual, expected))
    throw new DerError('the MAC does not match');
}

/** The content of EncryptedData (RFC 5652 section 8). */
async function decrypt(holder: DerNode, password: string): Promise<Buffer> {
  const info = derChild(readDer(holder.content), 1, tags.sequence);
  const { cipher, salt, rounds } = readProtection(derChild(info, 1, tags.sequence));
  const wrapped = derChild(info, 2);
  // [0] IMPLICIT OCTET STRING, which BER may cut into pieces.
  const content =
    wrapped.tag === 0xa0
      ? Buffer.concat(derChildren(wrapped).map((piece) => piece.content))
      : wrapped.content;
  const derive = (purpose: 1 | 2, size: number): Buffer =>
    deriveKey({ password, salt, rounds, purpose, size });
  const iv = derive(2, 8);
  if (cipher === oids.rc2With40Bits) return decryptRc2(content, derive(1, 5), iv);
  const decipher = createDecipheriv('des-ede3-cbc', derive(1, 24), iv);
  return Buffer.concat([decipher.update(content), decipher.final()]);
}

/** OpenSSL 3 has RC2 in its legacy provider only, which Node does not load. */
async function decryptRc2(content: Buffer, key: Buffer, iv: Buffer): Promise<Buffer> {
  const { default: forge } = await import('node-forge');
  const cipher = forge.rc2.createDecryptionCipher(key.toString('latin1'), 40);
  cipher.start(iv.toString('latin1'));
  cipher.update(forge.util.createBuffer(content.toString('latin1')));
  if (!cipher.finish()) throw new DerError('the padding is wrong');
  return Buffer.from(cipher.output.getBytes(), 'latin1');
}

interface Derivation {
  readonly password: string;
  readonly salt: Buffer;
  readonly rounds: number;
  /** RFC 7292 appendix B.3: 1 a key, 2 an IV, 3 a MAC key. */
  readonly purpose: 1 | 2 | 3;
  readonly size: number;
}

const block = 64;

/** RFC 7292 appendix B.2, with SHA-1. */
function deriveKey({ password, salt, rounds, purpose, size }: Derivation): Buffer {
  const fill = (bytes: Buffer): Buffer =>
    Buffer.alloc(block * Math.ceil(bytes.length / block), bytes);
  const input = Buffer.concat([fill(salt), fill(Buffer.from(`${password}\0`, 'utf16le').swap16())]);
  const diversifier = Buffer.alloc(block, purpose);
  const parts: Buffer[] = [];
  for (let made = 0; made < size; made += 20) {
    let digest = hash('sha1', Buffer.concat([diversifier, input]), 'buffer');
    for (let round = 1; round < rounds; round += 1) digest = hash('sha1', digest, 'buffer');
    parts.push(digest);
    addToBlocks(input, Buffer.alloc(block, digest));
  }
  return Buffer.concat(parts).subarray(0, size);
}

/** Adds `addend` + 1 to every block, modulo 2^512 (step 6C). */
function addToBlocks(input: Buffer, addend: Buffer): void {
  for (let start = 0; start < input.length; start += block)
    for (let at = block - 1, carry = 1; at >= 0; at -= 1) {
      carry += input.readUInt8(start + at) + addend.readUInt8(at);
      input.writeUInt8(carry & 0xff, start + at);
      carry >>= 8;
    }
}
