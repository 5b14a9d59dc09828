/** PKCS #12's own key derivation (RFC 7292 appendix B.2). */
import { hash } from 'node:crypto';
import { DerError } from './der.ts';
import { digestLoop } from './digest-loop.ts';

export interface Derivation {
  /** As node:crypto names it: `sha1`, `sha256`, … */
  readonly digest: string;
  /** As `encodePassword` gives it. */
  readonly password: Buffer;
  readonly salt: Buffer;
  readonly iterations: number;
  /** 1 a key, 2 an IV, 3 a MAC key (appendix B.3). */
  readonly purpose: 1 | 2 | 3;
  /** Bytes wanted. */
  readonly size: number;
}

/**
 * Bytes from a password. The work is `iterations` digests for each digest's length of bytes wanted.
 * Throws DerError for less than one iteration.
 */
export function deriveKey(derivation: Derivation): Buffer {
  const { digest, password, salt, iterations, purpose, size } = derivation;
  if (iterations < 1) throw new DerError('no rounds of key derivation');
  const block = digest === 'sha384' || digest === 'sha512' ? 128 : 64;
  const fill = (bytes: Buffer): Buffer =>
    bytes.length === 0 ? bytes : Buffer.alloc(block * Math.ceil(bytes.length / block), bytes);
  const input = Buffer.concat([fill(salt), fill(password)]);
  const diversifier = Buffer.alloc(block, purpose);
  const parts: Buffer[] = [];
  for (let made = 0; made < size;) {
    const first = hash(digest, Buffer.concat([diversifier, input]), 'buffer');
    const part = hashAgain(digest, first, iterations - 1);
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

/**
 * From how many on a loop is worth making. A file of TripleDES-SHA1 derives seven times with SHA-1, and
 * with other digests no file does more than once, for its MAC.
 */
const manyTimes = (digest: string): number => (digest === 'sha1' ? 1_000 : 5_000);

/** The digest of the digest of … `value`, so many times. */
function hashAgain(digest: string, value: Buffer, times: number): Buffer {
  const loop = times < manyTimes(digest) ? undefined : digestLoop(digest);
  if (loop !== undefined) return loop(value, times);
  let last = value;
  for (let round = 0; round < times; round += 1) last = hash(digest, last, 'buffer');
  return last;
}
