/** PKCS #12 (RFC 7292): how a PFX is protected, and what is in it. The door to node-forge. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type Forge from 'node-forge';
import { Failure } from '../failure.ts';
import {
  derChild,
  derChildren,
  DerError,
  readDer,
  readOid,
  readSmallInteger,
  tags,
  type DerNode,
} from './der.ts';
import type { Secret } from './secret.ts';
import { parseCertificate, type Certificate } from './x509.ts';

/** Bounds on what a file may ask of this machine before its password is even tried. */
export const maxPkcs12Bytes = 1 << 20;
export const maxIterations = 2_000_000;

export interface Protection {
  /** `TripleDES-SHA1`, `AES-256-CBC`, … or `none`. */
  readonly scheme: string;
  readonly iterations: number;
}

/** How a PFX is protected, read without its password. */
export interface Pkcs12Outline {
  readonly mac: Protection | undefined;
  readonly keys: readonly Protection[];
  readonly certificates: readonly Protection[];
}

export interface Pkcs12 {
  readonly privateKey: KeyObject;
  /** As they stand in the file. */
  readonly certificates: readonly Certificate[];
  /** The certificate of the private key. */
  readonly leaf: Certificate;
}

const oids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  pbes2: '1.2.840.113549.1.5.13',
  pbmac1: '1.2.840.113549.1.5.14',
} as const;

/** What B2C reads, and what it calls it (keysets-api.md Q7). */
const acceptedScheme = 'TripleDES-SHA1';
const acceptedMac = 'SHA-1';

// RFC 7292 appendix C, RFC 8018 appendix B, NIST's AES and SHA-2 arcs.
const names: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.12.1.1': 'RC4-128-SHA1',
  '1.2.840.113549.1.12.1.2': 'RC4-40-SHA1',
  '1.2.840.113549.1.12.1.3': acceptedScheme,
  '1.2.840.113549.1.12.1.4': 'TripleDES-2KEY-SHA1',
  '1.2.840.113549.1.12.1.5': 'RC2-128-SHA1',
  '1.2.840.113549.1.12.1.6': 'RC2-40-SHA1',
  [oids.pbmac1]: 'PBMAC1',
  '1.2.840.113549.3.7': 'TripleDES-CBC',
  '2.16.840.1.101.3.4.1.2': 'AES-128-CBC',
  '2.16.840.1.101.3.4.1.22': 'AES-192-CBC',
  '2.16.840.1.101.3.4.1.42': 'AES-256-CBC',
  '1.3.14.3.2.26': acceptedMac,
  '2.16.840.1.101.3.4.2.4': 'SHA-224',
  '2.16.840.1.101.3.4.2.1': 'SHA-256',
  '2.16.840.1.101.3.4.2.2': 'SHA-384',
  '2.16.840.1.101.3.4.2.3': 'SHA-512',
};

const algorithmName = (node: DerNode): string => {
  const oid = readOid(node);
  return names[oid] ?? oid;
};

/** RFC 8018 appendix A.4 (PBES2), or RFC 7292 appendix C: SEQUENCE { OID, parameters }. */
function readEncryption(algorithm: DerNode): Protection {
  const scheme = algorithmName(derChild(algorithm, 0, tags.oid));
  const parameters = derChild(algorithm, 1, tags.sequence);
  if (scheme !== oids.pbes2)
    return { scheme, iterations: readSmallInteger(derChild(parameters, 1, tags.integer)) };
  const kdf = derChild(derChild(parameters, 0, tags.sequence), 1, tags.sequence);
  return {
    scheme: algorithmName(derChild(derChild(parameters, 1, tags.sequence), 0, tags.oid)),
    iterations: readSmallInteger(derChild(kdf, 1, tags.integer)),
  };
}

function readMac(node: DerNode | undefined): Protection | undefined {
  if (node === undefined) return undefined;
  const digest = derChild(derChild(node, 0, tags.sequence), 0, tags.sequence);
  const iterations = derChildren(node)[2];
  return {
    scheme: algorithmName(derChild(digest, 0, tags.oid)),
    iterations: iterations === undefined ? 1 : readSmallInteger(iterations),
  };
}

/** The content of a ContentInfo: [0] EXPLICIT. */
const explicit = (node: DerNode): DerNode => derChild(derChild(node, 1, 0xa0), 0);

/**
 * The outline of a PFX, without its password. `name` names the file in failures. Failures: `input`
 * for what is no PFX, is damaged in its frame, or asks for more work than any real file does.
 */
export function outlinePkcs12(bytes: Buffer, name: string): Pkcs12Outline {
  const outline = readOutline(bytes, name);
  const all = [...(outline.mac ? [outline.mac] : []), ...outline.keys, ...outline.certificates];
  const most = Math.max(0, ...all.map((protection) => protection.iterations));
  if (most > maxIterations)
    throw new Failure('input', `${name} asks for ${String(most)} rounds of key derivation`, {
      hint: `more than ${String(maxIterations)} is refused: export it again with the usual 2048`,
    });
  return outline;
}

function readOutline(bytes: Buffer, name: string): Pkcs12Outline {
  try {
    const pfx = readDer(bytes);
    readSmallInteger(derChild(pfx, 0, tags.integer));
    const contents = explicit(derChild(pfx, 1, tags.sequence));
    const keys: Protection[] = [];
    const certificates: Protection[] = [];
    for (const content of derChildren(readDer(contents.content))) {
      const type = readOid(derChild(content, 0));
      if (type === oids.encryptedData) {
        const encrypted = derChild(explicit(content), 1, tags.sequence);
        certificates.push(readEncryption(derChild(encrypted, 1, tags.sequence)));
        continue;
      }
      if (type !== oids.data) continue;
      for (const bag of derChildren(readDer(explicit(content).content))) {
        const kind = readOid(derChild(bag, 0));
        if (kind === oids.shroudedKeyBag)
          keys.push(readEncryption(derChild(explicit(bag), 0, tags.sequence)));
        if (kind === oids.keyBag) keys.push({ scheme: 'none', iterations: 0 });
        if (kind === oids.certBag) certificates.push({ scheme: 'none', iterations: 0 });
      }
    }
    return { mac: readMac(derChildren(pfx)[2]), keys, certificates };
  } catch (error) {
    const reason = error instanceof DerError ? error.message : 'it cannot be read';
    throw new Failure('input', `${name} is not a PFX, or it is damaged: ${reason}`, {
      hint: 'pass a PKCS #12 file (.pfx or .p12)',
      cause: error,
    });
  }
}

/** Why B2C would refuse a PFX that is protected like this; empty when it takes it as it is. */
export function obstacles(outline: Pkcs12Outline): string[] {
  const unlike = (what: string, found: readonly Protection[]): string[] => {
    const others = [...new Set(found.map((one) => one.scheme))].filter(
      (scheme) => scheme !== acceptedScheme,
    );
    return others.map((scheme) =>
      scheme === 'none' ? `its ${what} not encrypted` : `its ${what} encrypted with ${scheme}`,
    );
  };
  const mac = outline.mac?.scheme;
  return [
    ...unlike('private key is', outline.keys),
    ...unlike('certificates are', outline.certificates),
    ...(mac === acceptedMac ? [] : [mac === undefined ? 'it has no MAC' : `its MAC is ${mac}`]),
  ];
}

/** Whether the certificates stand leaf first, each followed by its issuer, and nothing else. */
export const isOrderedChain = ({ certificates, leaf }: Pkcs12): boolean =>
  certificates[0] === leaf &&
  certificates.every(
    (certificate, index) => index === 0 || certificates[index - 1]?.issuer === certificate.subject,
  );

const wrongPassword = /MAC could not be verified|Unable to decrypt|Failed to decrypt/;

/**
 * Opens a PFX. `name` names the file in failures, which tell a wrong password from a damaged file
 * only as far as the format does: inside the MAC both look the same. Failures: `input`.
 */
export async function openPkcs12(bytes: Buffer, password: Secret, name: string): Promise<Pkcs12> {
  // Its iteration counts are bounded before forge runs them.
  const outline = outlinePkcs12(bytes, name);
  const forge = (await import('node-forge')).default;
  const contents = readContents(forge, bytes, password, name, outline);
  const [key, ...moreKeys] = contents.keys;
  if (key === undefined)
    throw new Failure('input', `${name} holds no private key`, {
      hint: 'export it with its private key, or upload the certificate alone with upload-certificate',
    });
  if (moreKeys.length > 0)
    throw new Failure('input', `${name} holds ${String(moreKeys.length + 1)} private keys`, {
      hint: 'export the one to upload into a file of its own',
    });
  const privateKey = parsePrivateKey(key, name);
  const certificates = contents.certificates.map((der) => parseCertificate(der, name));
  const leaf = certificates.find((one) => one.x509.checkPrivateKey(privateKey));
  if (leaf === undefined)
    throw new Failure('input', `${name} holds no certificate for its private key`, {
      hint: 'export the key together with its own certificate',
    });
  return { privateKey, certificates, leaf };
}

function parsePrivateKey(der: Buffer, name: string): KeyObject {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new Failure('input', `${name}: its private key cannot be read`, { cause });
  }
}

interface Contents {
  /** PKCS #8. */
  readonly keys: readonly Buffer[];
  readonly certificates: readonly Buffer[];
}

function readContents(
  forge: typeof Forge,
  bytes: Buffer,
  password: Secret,
  name: string,
  outline: Pkcs12Outline,
): Contents {
  const { asn1, pki } = forge;
  const toBuffer = (node: Forge.asn1.Asn1): Buffer =>
    Buffer.from(asn1.toDer(node).getBytes(), 'binary');
  try {
    const parsed = forge.pkcs12.pkcs12FromAsn1(
      asn1.fromDer(bytes.toString('binary')),
      true,
      password.reveal(),
    );
    const bags = parsed.safeContents.flatMap((content) => content.safeBags);
    return {
      keys: bags
        .filter((bag) => bag.type === oids.keyBag || bag.type === oids.shroudedKeyBag)
        .map((bag) =>
          // Forge reads RSA keys only; every other key is left as its PKCS #8.
          toBuffer(bag.key ? pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(bag.key)) : bag.asn1),
        ),
      certificates: bags
        .filter((bag) => bag.type === oids.certBag)
        .map((bag) => toBuffer(bag.cert ? pki.certificateToAsn1(bag.cert) : bag.asn1)),
    };
  } catch (cause) {
    // Forge tells its failures apart by their text alone; a test pins these.
    if (cause instanceof Error && wrongPassword.test(cause.message))
      throw new Failure(
        'input',
        `cannot open ${name}: the password is wrong, or the file is damaged`,
        {
          hint: 'check the password; it is read from --password-from',
          cause,
        },
      );
    const scheme = outline.mac?.scheme === 'PBMAC1' ? ': it uses PBMAC1' : '';
    throw new Failure(
      'input',
      `cannot open ${name}${scheme || ': it holds something unexpected'}`,
      {
        hint: 'export it again: openssl pkcs12 -export -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1',
        cause,
      },
    );
  }
}
