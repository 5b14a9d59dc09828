/** The numbers of an RSA private key (RFC 8017 section 3.2), and whether they belong together. */
import { derChild, derChildren, DerError, readDer, tags } from './der.ts';

/** Far more than anybody uses, and still little work. */
export const maximumRsaBits = 16_384;

export const rsaPrivateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const;
export type RsaNumber = 'n' | 'e' | (typeof rsaPrivateMembers)[number];
export type RsaNumbers = Readonly<Record<RsaNumber, Buffer>>;

/**
 * Node and OpenSSL look at the form of each number only, and compute with any: a key of which two do
 * not belong together signs what nobody verifies, and one with a huge exponent takes minutes to do so.
 */
export function rsaNumbersFit(numbers: RsaNumbers): boolean {
  if (Object.values(numbers).some((bytes) => bytes.length > maximumRsaBits / 8 + 1)) return false;
  const value = (name: RsaNumber): bigint => BigInt(`0x${numbers[name].toString('hex') || '0'}`);
  const [n, e, d, p, q] = [value('n'), value('e'), value('d'), value('p'), value('q')];
  return (
    p > 1n &&
    q > 1n &&
    p * q === n &&
    (e * d) % (p - 1n) === 1n &&
    (e * d) % (q - 1n) === 1n &&
    (e * value('dp')) % (p - 1n) === 1n &&
    (e * value('dq')) % (q - 1n) === 1n &&
    (q * value('qi')) % p === 1n
  );
}

/** The order of RSAPrivateKey (RFC 8017 appendix A.1.2), behind its version. */
const order = ['n', 'e', 'd', 'p', 'q', 'dp', 'dq', 'qi'] as const satisfies readonly RsaNumber[];

/** Of a PrivateKeyInfo that holds an RSA key; `undefined` where it does not. */
export function rsaNumbersOf(pkcs8: Buffer): RsaNumbers | undefined {
  try {
    const key = readDer(derChild(readDer(pkcs8), 2, tags.octetString).content);
    const numbers = derChildren(key)
      .slice(1, 1 + order.length)
      .map(({ content }) => content);
    if (numbers.length < order.length) return undefined;
    return Object.fromEntries(order.map((name, index) => [name, numbers[index]])) as RsaNumbers; // as many as names
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}
