/** Makes X.509 v3 certificates (RFC 5280): bytes, names and dates in, DER out. */
import { createHash, sign, type KeyObject } from 'node:crypto';
import { Failure } from '../failure.ts';
import { der, derInteger, derOid, readDer, derChild, tags } from './der.ts';
import type { NumericDate } from './lifetime.ts';
import { extendedKeyUsages, keyUsages, type ExtendedKeyUsage, type KeyUsage } from './x509.ts';

export interface CertificateExtensions {
  readonly ca?: boolean;
  readonly keyUsage?: readonly KeyUsage[];
  readonly extendedKeyUsage?: readonly ExtendedKeyUsage[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly subjectKeyIdentifier?: true;
}

export interface CertificateRequest {
  /** RFC 4514 text, most specific part first: `CN=localhost, O=Contoso`. */
  readonly subject: string;
  /** Up to 20 random bytes; the caller's, since this file has no random source. */
  readonly serial: Buffer;
  readonly notBefore: NumericDate;
  readonly notAfter: NumericDate;
  /** The key that is certified. */
  readonly publicKey: KeyObject;
  /** Who signs; absent: the subject itself, with `privateKey`. */
  readonly issuer?: {
    readonly subject: string;
    readonly privateKey: KeyObject;
    readonly publicKey: KeyObject;
  };
  /** The private key of `publicKey`; needed when there is no issuer. */
  readonly privateKey?: KeyObject;
  readonly extensions?: CertificateExtensions;
}

/** RSA is signed with PKCS #1 v1.5 and SHA-256, EC P-256 with ECDSA and SHA-256. Failures: `usage`. */
export function makeCertificate(request: CertificateRequest): Buffer {
  const signer = request.issuer?.privateKey ?? request.privateKey;
  if (signer === undefined)
    throw new Failure('usage', 'a certificate without an issuer needs its own private key');
  if (request.notAfter <= request.notBefore)
    throw new Failure('usage', 'the certificate would end before it begins');
  const algorithm = signatureAlgorithm(signer);
  const body = sequence(
    der(context(0), derInteger(Buffer.from([2]))),
    serialNumber(request.serial),
    algorithm,
    encodeName(request.issuer?.subject ?? request.subject),
    sequence(encodeTime(request.notBefore), encodeTime(request.notAfter)),
    encodeName(request.subject),
    request.publicKey.export({ type: 'spki', format: 'der' }),
    ...encodeExtensions(request),
  );
  return sequence(body, algorithm, bitString(sign('sha256', body, signer)));
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(tags.sequence, ...parts);

/** `[number]`, constructed. */
const context = (number: number): number => 0xa0 | number;

const bitString = (bytes: Buffer, unusedBits = 0): Buffer =>
  der(tags.bitString, Buffer.from([unusedBits]), bytes);

/** RFC 5280 section 4.1.2.2: positive, and at most 20 octets with the sign. */
function serialNumber(serial: Buffer): Buffer {
  const encoded = derInteger(serial);
  if (encoded.length > 22 || serial.every((byte) => byte === 0))
    throw new Failure('usage', 'a serial number is positive and has at most 20 bytes');
  return encoded;
}

function signatureAlgorithm(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === 'rsa')
    return sequence(derOid('1.2.840.113549.1.1.11'), der(tags.null)); // RFC 4055 section 5
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1')
    return sequence(derOid('1.2.840.10045.4.3.2')); // RFC 5758 section 3.2
  throw new Failure('usage', 'only RSA and EC P-256 keys can sign certificates');
}

/** RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
function encodeTime(time: NumericDate): Buffer {
  const date = new Date(time * 1000);
  const year = date.getUTCFullYear();
  if (Number.isNaN(year) || year > 9999 || year < 1)
    throw new Failure('usage', `${String(time)} is no date of a certificate`);
  const digits = `${date
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/\D/g, '')}Z`;
  return year >= 1950 && year < 2050
    ? der(tags.utcTime, Buffer.from(digits.slice(2)))
    : der(tags.generalizedTime, Buffer.from(digits));
}

// Names

const printableString = 0x13;
const ia5String = 0x16;

interface AttributeType {
  readonly oid: string;
  readonly tag: number;
  /** RFC 5280 appendix A.1, in characters. */
  readonly longest: number;
}

const utf8 = (oid: string, longest: number): AttributeType => ({
  oid,
  tag: tags.utf8String,
  longest,
});

/** By lower-case name. */
const attributeTypes: Readonly<Record<string, AttributeType>> = {
  cn: utf8('2.5.4.3', 64),
  o: utf8('2.5.4.10', 64),
  ou: utf8('2.5.4.11', 64),
  l: utf8('2.5.4.7', 128),
  st: utf8('2.5.4.8', 128),
  // These have one string type each: a country is two letters, the others are ASCII.
  c: { oid: '2.5.4.6', tag: printableString, longest: 2 },
  dc: { oid: '0.9.2342.19200300.100.1.25', tag: ia5String, longest: 63 },
  emailaddress: { oid: '1.2.840.113549.1.9.1', tag: ia5String, longest: 255 },
};

const badName = (reason: string): Failure =>
  new Failure('usage', `the subject ${reason}`, {
    hint: 'write it like CN=localhost, O=Contoso; a comma inside a value is \\,',
  });

/** RFC 4514 section 2.1: the text begins with the last RDN of the sequence. */
export function encodeName(text: string): Buffer {
  const names = splitOutside(text, ',').map((part) =>
    splitOutside(part, '+').map((one) => encodeAttribute(one)),
  );
  return sequence(
    ...names.reverse().map((set) => der(tags.set, ...set.sort((a, b) => a.compare(b)))),
  );
}

/** Splits at a separator that no backslash stands before. */
function splitOutside(text: string, separator: ',' | '+'): string[] {
  const parts = [''];
  for (const [piece] of text.matchAll(/\\.|[^\\]|\\$/gsu))
    if (piece === separator) parts.push('');
    else parts.push((parts.pop() ?? '') + piece);
  return parts;
}

function encodeAttribute(text: string): Buffer {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(0, equals)).trim();
  const type = Object.hasOwn(attributeTypes, name.toLowerCase())
    ? attributeTypes[name.toLowerCase()]
    : undefined;
  if (equals === -1) throw badName(`has a part without "=": ${JSON.stringify(text.trim())}`);
  if (type === undefined)
    throw badName(`has ${JSON.stringify(name)}, not one of CN, O, OU, C, L, ST, DC, emailAddress`);
  const value = unescape(text.slice(equals + 1));
  const length = Array.from(value).length;
  if (length === 0) throw badName(`has an empty ${name}`);
  if (length > type.longest)
    throw badName(`has a ${name} of more than ${String(type.longest)} characters`);
  if (type.tag === printableString && !/^[A-Za-z]{2}$/.test(value))
    throw badName(`has a ${name} that is not two letters`);
  if (type.tag === ia5String && !/^[\x20-\x7e]+$/.test(value))
    throw badName(`has a ${name} that is not ASCII`);
  return sequence(derOid(type.oid), der(type.tag, Buffer.from(value, 'utf8')));
}

/** RFC 4514 section 3: `\,` is a comma, `\C3\A4` the UTF-8 of ä; blanks at the ends do not count. */
function unescape(text: string): string {
  const value = text.replace(/^ +/, '').replace(/(?<!\\) +$/, '');
  if (value.startsWith('#')) throw badName('has a value in hexadecimal');
  const bytes: Buffer[] = [];
  for (const [piece] of value.matchAll(/\\[0-9A-Fa-f]{2}|\\.|[^\\]|\\$/gsu)) {
    if (/^\\[0-9A-Fa-f]{2}$/.test(piece)) bytes.push(Buffer.from(piece.slice(1), 'hex'));
    else if (/^\\[ "#+,;<=>\\]$/.test(piece)) bytes.push(Buffer.from(piece.slice(1)));
    else if (/["+,;<>\\\0]/.test(piece))
      throw badName(`needs a backslash before ${piece.slice(-1)}`);
    else bytes.push(Buffer.from(piece));
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(bytes));
  } catch {
    throw badName('has bytes that are not UTF-8');
  }
}

// Extensions

/** `[3] EXPLICIT`, or nothing (RFC 5280 section 4.2). */
function encodeExtensions({ extensions = {}, publicKey, issuer }: CertificateRequest): Buffer[] {
  const { ca, keyUsage, extendedKeyUsage = [], dnsNames = [], ipAddresses = [] } = extensions;
  const list: Buffer[] = [];
  if (ca !== undefined)
    list.push(
      extension(
        '2.5.29.19',
        'critical',
        sequence(...(ca ? [der(tags.boolean, Buffer.from([0xff]))] : [])),
      ),
    );
  if (keyUsage !== undefined && keyUsage.length > 0)
    list.push(extension('2.5.29.15', 'critical', encodeKeyUsage(keyUsage)));
  if (extendedKeyUsage.length > 0)
    list.push(
      extension(
        '2.5.29.37',
        'plain',
        sequence(...extendedKeyUsage.map((usage) => derOid(extendedKeyUsages[usage]))),
      ),
    );
  if (dnsNames.length + ipAddresses.length > 0)
    list.push(
      extension(
        '2.5.29.17',
        'plain',
        sequence(
          ...dnsNames.map((name) => der(0x82, asciiName(name))),
          ...ipAddresses.map((address) => der(0x87, encodeAddress(address))),
        ),
      ),
    );
  if (extensions.subjectKeyIdentifier)
    list.push(extension('2.5.29.14', 'plain', der(tags.octetString, keyIdentifier(publicKey))));
  // A self-signed certificate needs none (section 4.2.1.1).
  if (issuer !== undefined)
    list.push(
      extension('2.5.29.35', 'plain', sequence(der(0x80, keyIdentifier(issuer.publicKey)))),
    );
  return list.length === 0 ? [] : [der(context(3), sequence(...list))];
}

const extension = (oid: string, weight: 'critical' | 'plain', value: Buffer): Buffer =>
  sequence(
    derOid(oid),
    ...(weight === 'critical' ? [der(tags.boolean, Buffer.from([0xff]))] : []),
    der(tags.octetString, value),
  );

/** A named bit list: bit 0 is the highest, and no zero bits at the end (X.690 section 11.2.2). */
function encodeKeyUsage(usages: readonly KeyUsage[]): Buffer {
  const bits = usages.map((usage) => keyUsages.indexOf(usage));
  const last = Math.max(...bits);
  const bytes = Buffer.alloc(Math.floor(last / 8) + 1);
  for (const bit of bits) {
    const at = Math.floor(bit / 8);
    bytes.writeUInt8(bytes.readUInt8(at) | (0x80 >> (bit % 8)), at);
  }
  return bitString(bytes, 7 - (last % 8));
}

/** RFC 5280 section 4.2.1.2, method 1: SHA-1 of the key's bits. */
function keyIdentifier(key: KeyObject): Buffer {
  const spki = readDer(key.export({ type: 'spki', format: 'der' }));
  const bits = derChild(spki, 1, tags.bitString).content.subarray(1);
  return createHash('sha1').update(bits).digest();
}

function asciiName(name: string): Buffer {
  if (!/^[\x21-\x7e]+$/.test(name))
    throw new Failure('usage', `${JSON.stringify(name)} is not a DNS name`, {
      hint: 'write international names in their xn-- form',
    });
  return Buffer.from(name, 'ascii');
}

/** Four bytes or sixteen (RFC 5280 section 4.2.1.6). */
function encodeAddress(text: string): Buffer {
  const bytes = text.includes(':') ? ipv6Bytes(text) : ipv4Bytes(text);
  if (bytes === undefined)
    throw new Failure('usage', `${JSON.stringify(text)} is not an IP address`);
  return Buffer.from(bytes);
}

function ipv4Bytes(text: string): number[] | undefined {
  const parts = text.split('.');
  return parts.length === 4 &&
    parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
    ? parts.map(Number)
    : undefined;
}

function ipv6Bytes(text: string): number[] | undefined {
  const halves = text.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = halves;
  const given = head.length + tail.length;
  if (halves.length > 2 || (halves.length === 2 ? given > 7 : given !== 8)) return undefined;
  const groups = [...head, ...Array<string>(8 - given).fill('0'), ...tail];
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return undefined;
  return groups.flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
