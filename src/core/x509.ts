/** Facts of an X.509 certificate (RFC 5280), and which certificate of a bundle is the leaf. */
import { createHash, X509Certificate } from 'node:crypto';
import { Failure } from '../failure.ts';
import { derChild, derChildren, DerError, derOid, readDer, readDerAt, tags } from './der.ts';
import { fileKind, kindInWords, utf16Hint } from './file-kind.ts';
import { minimumRsaBits, type KeyUse } from './jwk.ts';
import { isoTime, relativeTime, type NumericDate } from './lifetime.ts';
import { isPrivateKeyLabel, looksLikePem, parsePem } from './pem.ts';
import { keyTypeOf } from './public-key.ts';

/** RFC 5280 section 4.2.1.3, in bit order. */
export const keyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof keyUsages)[number];

export interface Certificate {
  readonly der: Buffer;
  readonly x509: X509Certificate;
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: NumericDate;
  readonly notAfter: NumericDate;
  /** As node:crypto names it: `rsa`, `rsa-pss`, `ec`, `ed25519`, … */
  readonly keyType: string;
  readonly rsaBits?: number;
  /** Absent when the certificate does not restrict its key. */
  readonly keyUsage?: readonly KeyUsage[];
  /** base64url of the SHA-1 of the DER (RFC 7517 section 4.8). */
  readonly x5t: string;
  /** base64url of the SHA-256 of the DER (RFC 7517 section 4.9). */
  readonly x5tS256: string;
}

/** Node gives no text for an empty name, which is a legal one (RFC 5280 section 4.1.2.6). */
const oneLine = (name: string | undefined): string =>
  name === undefined ? '' : name.split('\n').reverse().join(', ');

function seconds(text: string): NumericDate {
  const time = Math.floor(Date.parse(text) / 1000);
  if (Number.isNaN(time)) throw new DerError('a date that cannot be read');
  return time;
}

const passACertificate = 'pass a certificate in PEM or DER form';

/** Reads one certificate. `name` names the file in failures. Failures: `input`. */
export function parseCertificate(bytes: Buffer, name: string): Certificate {
  try {
    const whole = readDer(bytes);
    const x509 = new X509Certificate(whole.whole);
    const { bits } = keyTypeOf(x509.publicKey);
    const usage = readKeyUsage(bytes);
    return {
      der: bytes,
      x509,
      subject: oneLine(x509.subject),
      issuer: oneLine(x509.issuer),
      notBefore: seconds(x509.validFrom),
      notAfter: seconds(x509.validTo),
      keyType: x509.publicKey.asymmetricKeyType ?? 'unknown',
      ...(bits === undefined ? {} : { rsaBits: bits }),
      ...(usage === undefined ? {} : { keyUsage: usage }),
      x5t: createHash('sha1').update(bytes).digest('base64url'),
      x5tS256: createHash('sha256').update(bytes).digest('base64url'),
    };
  } catch (error) {
    const reason = error instanceof DerError ? ` (${error.message})` : '';
    throw new Failure('input', `${name} is not an X.509 certificate${reason}`, {
      hint: passACertificate,
      cause: error,
    });
  }
}

const keyUsageOid = derOid('2.5.29.15');
const extensionsTag = 0xa3;

function readKeyUsage(bytes: Buffer): KeyUsage[] | undefined {
  const body = derChild(readDer(bytes), 0, tags.sequence);
  const holder = derChildren(body).find((node) => node.tag === extensionsTag);
  const list = holder === undefined ? [] : derChildren(readDer(holder.content));
  for (const extension of list) {
    const parts = derChildren(extension);
    const [id, value] = [parts[0], parts.at(-1)];
    if (id === undefined || value === undefined || !id.whole.equals(keyUsageOid)) continue;
    // The first octet of a BIT STRING counts its unused bits.
    const bits = readDerAt(value.content, 0).content.subarray(1);
    return keyUsages.filter((_, bit) => (((bits[bit >> 3] ?? 0) << (bit & 7)) & 0x80) !== 0);
  }
  return undefined;
}

/** What a key usage must have one of for B2C to use the key this way (keysets-api.md Q9). */
const usageFor: Readonly<Record<KeyUse, readonly KeyUsage[]>> = {
  sig: ['digitalSignature', 'nonRepudiation'],
  enc: ['keyEncipherment', 'dataEncipherment', 'keyAgreement'],
};

export const usageAllows = (certificate: Certificate, use: KeyUse): boolean =>
  certificate.keyUsage === undefined ||
  usageFor[use].some((usage) => certificate.keyUsage?.includes(usage));

/** PEM with one or more certificates, or one in DER. A private key in it is refused. Failures: `input`. */
export function parseCertificateFile(bytes: Buffer, name: string): Certificate[] {
  const kind = fileKind(bytes);
  if (kind === 'pkcs12')
    throw new Failure('input', `${name} is a PFX, not a certificate`, {
      hint: 'a certificate with its private key goes through upload-pkcs12',
    });
  if (kind !== 'pem' && kind !== 'certificate' && kind !== 'unknown')
    throw new Failure('input', `${name} is not an X.509 certificate: ${kindInWords(kind)}`, {
      hint: kind === 'utf16' ? utf16Hint : passACertificate,
    });
  if (!looksLikePem(bytes)) return [parseCertificate(bytes, name)];
  const blocks = parsePem(bytes, name);
  if (blocks.some((block) => isPrivateKeyLabel(block.label)))
    throw new Failure('input', `${name} holds a private key`, {
      hint: 'upload-certificate is for public certificates: pass a file with the certificate alone, or upload a PFX with upload-pkcs12',
    });
  const other = blocks.find((block) => block.label !== 'CERTIFICATE');
  if (other)
    throw new Failure('input', `${name} holds a ${other.label}, not only certificates`, {
      hint: 'pass a file with the certificates alone',
    });
  return blocks.map((block) => parseCertificate(block.bytes, name));
}

/** A certificate that issued another of the same bundle is not the leaf. */
export function leafOf(certificates: readonly Certificate[], name: string): Certificate {
  const leaves = certificates.filter(
    (one) => !certificates.some((other) => other !== one && other.issuer === one.subject),
  );
  const [leaf] = leaves;
  if (leaf === undefined || leaves.length > 1)
    throw new Failure(
      'input',
      `${name} holds ${String(certificates.length)} certificates that are not one chain`,
      {
        hint: 'pass a file with the one certificate to upload',
      },
    );
  return leaf;
}

/** RFC 5280 section 4.2.1.12. */
export const extendedKeyUsages = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  OCSPSigning: '1.3.6.1.5.5.7.3.9',
  anyExtendedKeyUsage: '2.5.29.37.0',
} as const;
export type ExtendedKeyUsage = keyof typeof extendedKeyUsages;

const extendedKeyUsageNames = new Map<string, string>(
  Object.entries(extendedKeyUsages).map(([name, oid]) => [oid, name]),
);

/** By name, or by OID where there is none. */
export function extendedUsages({ x509 }: Certificate): string[] {
  // What Node calls the key usage is the extended one; without one it is undefined, whatever its type says.
  const oids = x509.keyUsage as readonly string[] | undefined;
  return (oids ?? []).map((oid) => extendedKeyUsageNames.get(oid) ?? oid);
}

/** Whether `issuer` signed it, by name and by signature. */
export const isIssuedBy = ({ x509 }: Certificate, issuer: Certificate): boolean =>
  x509.issuer === issuer.x509.subject && isSignedBy(x509, issuer.x509);

export const isSelfIssued = (certificate: Certificate): boolean =>
  isIssuedBy(certificate, certificate);

function isSignedBy(x509: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return x509.verify(issuer.publicKey);
  } catch {
    // A kind of signature that this OpenSSL does not know.
    return false;
  }
}

/** Why B2C could never use a certificate. */
export interface Objection {
  readonly reason: string;
  readonly hint: string;
  /** `--allow-expired` lets it pass. */
  readonly expiry?: true;
}

export function objections(certificate: Certificate, now: NumericDate): Objection[] {
  const { keyType, rsaBits = 0, notAfter } = certificate;
  const found: Objection[] = [];
  if (keyType !== 'rsa')
    found.push({
      reason: `the certificate has an ${keyType.toUpperCase()} key, and B2C takes RSA only`,
      hint: 'get one with an RSA key: certbot --key-type rsa, or openssl req -newkey rsa:2048',
    });
  else if (rsaBits < minimumRsaBits)
    found.push({
      reason: `the certificate's RSA key has ${String(rsaBits)} bits`,
      hint: `B2C wants ${String(minimumRsaBits)} or more`,
    });
  if (notAfter <= now)
    found.push({
      reason: `the certificate ended ${isoTime(notAfter)} (${relativeTime(notAfter, now)})`,
      hint: 'renew it, or pass --allow-expired to try it all the same: B2C may refuse it',
      expiry: true,
    });
  return found;
}

/** Refuses what B2C could never use: other keys than RSA, short ones, and certificates that have ended. */
export function checkCertificate(
  certificate: Certificate,
  name: string,
  options: { readonly now: NumericDate; readonly allowExpired: boolean },
): void {
  const [first] = objections(certificate, options.now).filter(
    ({ expiry }) => expiry !== true || !options.allowExpired,
  );
  if (first !== undefined)
    throw new Failure('input', `${name}: ${first.reason}`, { hint: first.hint });
}
