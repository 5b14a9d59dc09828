/** Whether a text shows anything of a private key, in any of the forms in which programs write one. */
import { createPrivateKey } from 'node:crypto';

/** So many characters in a row are no chance. */
const span = 16;

export type FindSecret = (text: string) => string | undefined;

/** Gives what of `keys` (PKCS #8) or `words` stands in a text. */
export function secretFinder(keys: readonly Buffer[], words: readonly string[]): FindSecret {
  const spans = new Set<string>();
  const add = (text: string): void => {
    for (let at = 0; at + span <= text.length; at += 1) spans.add(text.slice(at, at + span));
  };
  const numbers = keys.flatMap((key) => {
    const jwk = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    // A key that is for PSS alone is no JWK to Node: it is looked for whole.
    if (jwk.asymmetricKeyType === 'rsa-pss') return [key.subarray(-1100)];
    const { d, p, q, dp, dq, qi } = jwk.export({ format: 'jwk' });
    return [d, p, q, dp, dq, qi].flatMap((one) => one === undefined ? [] : [Buffer.from(one, 'base64url')]); // prettier-ignore
  });
  for (const number of numbers) {
    add(number.toString('hex'));
    // Base64 looks otherwise behind one byte or two.
    for (const start of [0, 1, 2]) add(number.subarray(start).toString('base64').slice(0, -4));
    add(BigInt(`0x${number.toString('hex')}`).toString());
    add(number.toString('latin1'));
  }
  return (text) => {
    const found = words.find((word) => text.includes(word));
    if (found !== undefined) return found;
    const plain = text.replaceAll('-', '+').replaceAll('_', '/');
    // Colons and line breaks, as openssl writes numbers and PEM is wrapped.
    for (const form of [plain, plain.toLowerCase(), plain.replace(/[\s:]/g, '')])
      for (let at = 0; at + span <= form.length; at += 1) {
        const one = form.slice(at, at + span);
        if (spans.has(one)) return one;
      }
    return undefined;
  };
}
