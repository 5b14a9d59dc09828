/** What a file is by its first bytes, and how to say that it is not what was wanted. */
import { Failure, type FailureDetails } from '../failure.ts';
import { derChildren, DerError, derFromBer, derOid, readDer, tags } from './der.ts';
import { looksLikePem } from './pem.ts';

export const fileKinds = [
  'pkcs12',
  'pem',
  'certificate',
  'private-key',
  'encrypted-key',
  'public-key',
  'json',
  'pkcs7',
  'jks',
  'jceks',
  'base64',
  'utf16',
  'empty',
  'unknown',
] as const;
export type FileKind = (typeof fileKinds)[number];

/** A guess from the outside, so that what is damaged inside is still called by its name. */
export function fileKind(bytes: Buffer): FileKind {
  if (bytes.length === 0) return 'empty';
  if (looksLikePem(bytes)) return 'pem';
  if (bytes.length >= 4 && bytes.readUInt32BE() === 0xfeedfeed) return 'jks';
  if (bytes.length >= 4 && bytes.readUInt32BE() === 0xcececece) return 'jceks';
  if (/^(?:fffe|feff)/.test(bytes.subarray(0, 2).toString('hex'))) return 'utf16';
  if (bytes[0] === tags.sequence) return derKind(bytes);
  const start = bytes
    .subarray(0, 400)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  if (start.startsWith('{') || start.startsWith('[')) return 'json';
  return /^MI[A-Za-z0-9+/\s]{50,}={0,2}\s*$/.test(start) ? 'base64' : 'unknown';
}

const signedData = derOid('1.2.840.113549.1.7.2');

function derKind(bytes: Buffer): FileKind {
  const header = (bytes[1] ?? 0) > 0x80 ? 2 + ((bytes[1] ?? 0) & 0x7f) : 2;
  const inside = bytes.subarray(header);
  // A version of 3, and the sequence that the MAC is made of.
  if (inside.subarray(0, 4).equals(Buffer.from([tags.integer, 1, 3, tags.sequence])))
    return 'pkcs12';
  if (inside.subarray(0, signedData.length).equals(signedData)) return 'pkcs7';
  try {
    const parts = derChildren(readDer(derFromBer(bytes))).map((part) => part.tag);
    const [first, second] = parts;
    if (first === tags.integer) return 'private-key'; // PKCS #8, PKCS #1, SEC 1
    if (first !== tags.sequence) return 'unknown';
    if (second === tags.octetString) return 'encrypted-key';
    return second === tags.bitString ? 'public-key' : 'certificate';
  } catch {
    return inside[0] === tags.sequence ? 'certificate' : 'unknown';
  }
}

interface Words {
  readonly is: string;
  readonly hint: string;
}

export const utf16Hint =
  'PowerShell writes it so with >: save it as ASCII or UTF-8 (Set-Content -Encoding ascii)';
const passAPfx = 'pass a PKCS #12 file (.pfx or .p12)';

/** Where a PFX was wanted. */
const inPlaceOfAPfx: Readonly<Record<Exclude<FileKind, 'pkcs12'>, Words>> = {
  pem: {
    is: 'it is PEM',
    hint: 'a certificate alone goes through upload-certificate; with its key: --certificate FILE --key FILE in place of a PKCS #12 file',
  },
  certificate: {
    is: 'it is a certificate without a private key',
    hint: `upload it with upload-certificate, or ${passAPfx}`,
  },
  'private-key': {
    is: 'it is a private key without a certificate',
    hint: `pass both as PEM with --certificate and --key, or ${passAPfx}`,
  },
  'encrypted-key': {
    is: 'it is an encrypted private key without a certificate',
    hint: `pass both as PEM with --certificate and --key, or ${passAPfx}`,
  },
  'public-key': { is: 'it is a public key', hint: passAPfx },
  json: { is: 'it is JSON', hint: `a JWK Set goes through update --from; ${passAPfx}` },
  pkcs7: {
    is: 'it is PKCS #7, which holds no private key',
    hint: `${passAPfx}; the certificates come out with: openssl pkcs7 -inform DER -print_certs`,
  },
  jks: {
    is: 'it is a Java key store (JKS)',
    hint: 'make it a PKCS #12 file: keytool -importkeystore -srckeystore FILE -destkeystore NEW.pfx -deststoretype PKCS12',
  },
  jceks: {
    is: 'it is a Java key store (JCEKS)',
    hint: 'make it a PKCS #12 file: keytool -importkeystore -srckeystore FILE -srcstoretype JCEKS -destkeystore NEW.pfx -deststoretype PKCS12',
  },
  base64: {
    is: 'it is base64 text',
    hint: 'decode it to a PKCS #12 file first: base64 -d FILE > NEW.pfx',
  },
  utf16: { is: 'it is text in UTF-16', hint: `${utf16Hint}; ${passAPfx}` },
  empty: { is: 'it is empty', hint: passAPfx },
  unknown: { is: 'it is of no kind that is known here', hint: passAPfx },
};

/** `it is PKCS #7`. */
export const kindInWords = (kind: Exclude<FileKind, 'pkcs12'>): string => inPlaceOfAPfx[kind].is;

/** The failure for bytes that could not be read as a PFX, because of `cause`. */
export function notAPfx(bytes: Buffer, name: string, cause: unknown): Failure {
  const kind = fileKind(bytes);
  const refuse = (reason: string, hint: string): Failure =>
    new Failure('input', `${name} ${reason}`, { hint, cause } satisfies FailureDetails);
  if (kind !== 'pkcs12')
    return refuse(`is not a PFX: ${inPlaceOfAPfx[kind].is}`, inPlaceOfAPfx[kind].hint);
  const reason = cause instanceof DerError ? cause.message : 'it cannot be read';
  if (reason === 'it ends too early')
    return refuse('is cut off: it ends too early', 'fetch it again, as a binary file');
  if (reason === 'bytes after the end')
    return refuse(
      'is longer than the PFX in it: bytes after the end',
      'fetch it again as a binary file; a PKCS #12 file ends where it says so',
    );
  return refuse(`is a damaged PFX: ${reason}`, 'fetch or export it again');
}
