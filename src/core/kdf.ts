/** PKCS #12's own key derivation (RFC 7292 appendix B.2). */
import { hash } from 'node:crypto';
import { DerError } from './der.ts';

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

/** From here on the loops below, once the engine has compiled them, are ahead of node:crypto. */
const manyTimes = 10_000;

/** The digest of the digest of … `value`, so many times. */
function hashAgain(digest: string, value: Buffer, times: number): Buffer {
  const own = times < manyTimes ? undefined : loops[digest];
  if (own !== undefined) return own(value, times);
  let last = value;
  for (let round = 0; round < times; round += 1) last = hash(digest, last, 'buffer');
  return last;
}

type Loop = (value: Buffer, times: number) => Buffer;

/**
 * A call of node:crypto costs ten times what a digest of 20 bytes does, and nothing in it repeats one.
 * A digest is one block, whose padding never changes.
 */
const loops: Readonly<Record<string, Loop>> = { sha1: sha1Again, sha256: sha256Again };

/** FIPS 180-4 section 6.1.2, on a block that holds a digest. */
function sha1Again(value: Buffer, times: number): Buffer {
  const w = new Int32Array(80);
  const sum = Int32Array.from(words(value));
  w[5] = 0x80000000;
  w[15] = 160;
  for (let time = 0; time < times; time += 1) {
    for (let i = 0; i < sum.length; i += 1) w[i] = sum[i] ?? 0;
    for (let t = 16; t < 80; t += 1) {
      const x = (w[t - 3] ?? 0) ^ (w[t - 8] ?? 0) ^ (w[t - 14] ?? 0) ^ (w[t - 16] ?? 0);
      w[t] = (x << 1) | (x >>> 31);
    }
    let a = 0x67452301;
    let b = 0xefcdab89 | 0;
    let c = 0x98badcfe | 0;
    let d = 0x10325476;
    let e = 0xc3d2e1f0 | 0;
    let t = 0;
    for (; t < 20; t += 1) {
      const next =
        (((a << 5) | (a >>> 27)) + (d ^ (b & (c ^ d))) + e + 0x5a827999 + (w[t] ?? 0)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    for (; t < 40; t += 1) {
      const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + 0x6ed9eba1 + (w[t] ?? 0)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    for (; t < 60; t += 1) {
      const next =
        (((a << 5) | (a >>> 27)) + ((b & c) | (d & (b | c))) + e + 0x8f1bbcdc + (w[t] ?? 0)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    for (; t < 80; t += 1) {
      const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + 0xca62c1d6 + (w[t] ?? 0)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    sum[0] = 0x67452301 + a;
    sum[1] = 0xefcdab89 + b;
    sum[2] = 0x98badcfe + c;
    sum[3] = 0x10325476 + d;
    sum[4] = 0xc3d2e1f0 + e;
  }
  return bytesOf(sum);
}

// FIPS 180-4 section 4.2.2.
const k256 = Int32Array.from([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]); // prettier-ignore

/** FIPS 180-4 section 6.2.2, on a block that holds a digest. */
function sha256Again(value: Buffer, times: number): Buffer {
  const w = new Int32Array(64);
  const sum = Int32Array.from(words(value));
  for (let time = 0; time < times; time += 1) {
    for (let i = 0; i < sum.length; i += 1) w[i] = sum[i] ?? 0;
    w[8] = 0x80000000;
    w.fill(0, 9, 15);
    w[15] = 256;
    for (let t = 16; t < 64; t += 1) {
      const x = w[t - 15] ?? 0;
      const y = w[t - 2] ?? 0;
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[t] = (w[t - 16] ?? 0) + s0 + (w[t - 7] ?? 0) + s1;
    }
    let a = 0x6a09e667;
    let b = 0xbb67ae85 | 0;
    let c = 0x3c6ef372;
    let d = 0xa54ff53a | 0;
    let e = 0x510e527f;
    let f = 0x9b05688c | 0;
    let g = 0x1f83d9ab;
    let h = 0x5be0cd19;
    for (let t = 0; t < 64; t += 1) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const x = (h + s1 + (g ^ (e & (f ^ g))) + (k256[t] ?? 0) + (w[t] ?? 0)) | 0;
      const y = (s0 + ((a & b) | (c & (a | b)))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + x) | 0;
      d = c;
      c = b;
      b = a;
      a = (x + y) | 0;
    }
    sum[0] = 0x6a09e667 + a;
    sum[1] = 0xbb67ae85 + b;
    sum[2] = 0x3c6ef372 + c;
    sum[3] = 0xa54ff53a + d;
    sum[4] = 0x510e527f + e;
    sum[5] = 0x9b05688c + f;
    sum[6] = 0x1f83d9ab + g;
    sum[7] = 0x5be0cd19 + h;
  }
  return bytesOf(sum);
}

const words = (bytes: Buffer): number[] =>
  Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readInt32BE(4 * index));

function bytesOf(numbers: ArrayLike<number>): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length);
  Array.from(numbers).forEach((number, index) => bytes.writeInt32BE(number, 4 * index));
  return bytes;
}
