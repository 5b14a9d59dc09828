import { createHash } from 'node:crypto';

/** RFC 7638 section 3 for RSA: base64url of the SHA-256 of the required members in their order. */
export const rsaThumbprint = (key: { readonly e: string; readonly n: string }): string =>
  createHash('sha256')
    .update(JSON.stringify({ e: key.e, kty: 'RSA', n: key.n }))
    .digest('base64url');
