/** A certificate as the key that the service will make of it. */
import type { Context } from '../context.ts';
import type { KeySet } from '../core/keyset.ts';
import { usageAllows, type Certificate } from '../core/x509.ts';
import type { IncomingKey } from '../graph/operations.ts';

/** The dates of the key are the certificate's (keysets-api.md Q9). */
export const certificateKey = (certificate: Certificate): IncomingKey => ({
  kty: 'RSA',
  nbf: certificate.notBefore,
  exp: certificate.notAfter,
  x5t: certificate.x5t,
});

/** The service refuses a certificate whose key usage does not fit, with words that do not say so (Q9). */
export function warnOfUsage(
  context: Context,
  before: KeySet,
  certificate: Certificate,
  name: string,
): void {
  const use = before.keys.find((key) => key.use !== undefined)?.use;
  if (use !== undefined && !usageAllows(certificate, use))
    context.talk.warn(
      `${name}: its key usage (${certificate.keyUsage?.join(', ') ?? ''}) does not allow "${use}", which the keys of ${before.id} are for`,
    );
}
