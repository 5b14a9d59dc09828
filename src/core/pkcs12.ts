/** PKCS #12 (RFC 7292): how a PFX is protected, and what is in it. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { Failure } from '../failure.ts';
import {
  derChild,
  derChildren,
  DerError,
  derFromBer,
  readDer,
  readOid,
  readSmallInteger,
  tags,
  type DerNode,
} from './der.ts';
import {
  acceptedMac,
  acceptedScheme,
  decryption,
  macMatches,
  maxIterations,
  readEncryption,
  readMac,
  type Encryption,
  type Mac,
  type Protection,
} from './pbe.ts';
import type { Secret } from './secret.ts';
import { parseCertificate, type Certificate } from './x509.ts';

/** Bound on what a file may ask of this machine before it is even read. */
export const maxPkcs12Bytes = 1 << 20;

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
  x509Certificate: '1.2.840.113549.1.9.22.1',
} as const;

/** Something encrypted, as it stands in the file. */
interface Encrypted {
  readonly encryption: Encryption;
  readonly content: Buffer;
}

/** The frame of a PFX: what can be read without its password. */
interface Frame {
  readonly mac: Mac | undefined;
  /** What the MAC is made of. */
  readonly safe: Buffer;
  readonly bags: Bags;
  readonly encryptedBags: readonly Encrypted[];
}

interface Bags {
  /** PKCS #8. */
  readonly keys: readonly Buffer[];
  readonly shroudedKeys: readonly Encrypted[];
  readonly certificates: readonly Buffer[];
}

/** The content of a ContentInfo or a bag: [0] EXPLICIT. */
const explicit = (node: DerNode): DerNode => derChild(derChild(node, 1, 0xa0), 0);

/** A SEQUENCE that stands in an OCTET STRING or was encrypted; it may be BER even where its frame is DER. */
const sequenceIn = (bytes: Buffer): DerNode => readDer(derFromBer(bytes));

function readFrame(bytes: Buffer): Frame {
  const pfx = sequenceIn(bytes);
  readSmallInteger(derChild(pfx, 0, tags.integer));
  const authSafe = derChild(pfx, 1, tags.sequence);
  if (readOid(derChild(authSafe, 0)) !== oids.data) throw new DerError('signed, not MACed');
  const safe = explicit(authSafe).content;
  const mac = derChildren(pfx)[2];
  const encryptedBags: Encrypted[] = [];
  const bags: DerNode[] = [];
  for (const content of derChildren(sequenceIn(safe))) {
    const type = readOid(derChild(content, 0));
    if (type === oids.data) bags.push(...derChildren(sequenceIn(explicit(content).content)));
    else if (type === oids.encryptedData) encryptedBags.push(readEncryptedData(explicit(content)));
    else throw new DerError(`a content of type ${type}`);
  }
  return {
    mac: mac === undefined ? undefined : readMac(mac),
    safe,
    bags: readBags(bags),
    encryptedBags,
  };
}

/** RFC 5652 section 8. */
function readEncryptedData(data: DerNode): Encrypted {
  const info = derChild(data, 1, tags.sequence);
  const content = derChild(info, 2);
  return {
    encryption: readEncryption(derChild(info, 1, tags.sequence)),
    // [0] IMPLICIT OCTET STRING, which BER may cut into pieces.
    content:
      content.tag === 0xa0
        ? Buffer.concat(derChildren(content).map((piece) => piece.content))
        : content.content,
  };
}

/** Keys and certificates; bags of other kinds are nothing that B2C would look at. */
function readBags(bags: readonly DerNode[]): Bags {
  const found = {
    keys: [] as Buffer[],
    shroudedKeys: [] as Encrypted[],
    certificates: [] as Buffer[],
  };
  for (const bag of bags) {
    const kind = readOid(derChild(bag, 0));
    if (kind === oids.keyBag) found.keys.push(explicit(bag).whole);
    if (kind === oids.shroudedKeyBag)
      found.shroudedKeys.push({
        encryption: readEncryption(derChild(explicit(bag), 0, tags.sequence)),
        content: derChild(explicit(bag), 1, tags.octetString).content,
      });
    if (kind === oids.certBag && readOid(derChild(explicit(bag), 0)) === oids.x509Certificate)
      found.certificates.push(explicit(explicit(bag)).content);
  }
  return found;
}

const unprotected: Protection = { scheme: 'none', iterations: 0 };
const protectionOf = ({ scheme, iterations }: Protection): Protection => ({ scheme, iterations });

/**
 * The outline of a PFX, without its password. `name` names the file in failures. Failures: `input`
 * for what is no PFX, is damaged in its frame, or asks for more work than any real file does.
 */
export function outlinePkcs12(bytes: Buffer, name: string): Pkcs12Outline {
  const { mac, bags, encryptedBags } = frameOf(bytes, name);
  return {
    mac: mac && protectionOf(mac),
    keys: [
      ...bags.keys.map(() => unprotected),
      ...bags.shroudedKeys.map((key) => protectionOf(key.encryption)),
    ],
    certificates: [
      ...bags.certificates.map(() => unprotected),
      ...encryptedBags.map((part) => protectionOf(part.encryption)),
    ],
  };
}

function frameOf(bytes: Buffer, name: string): Frame {
  let frame: Frame;
  try {
    frame = readFrame(bytes);
  } catch (error) {
    const reason = error instanceof DerError ? error.message : 'it cannot be read';
    throw new Failure('input', `${name} is not a PFX, or it is damaged: ${reason}`, {
      hint: 'pass a PKCS #12 file (.pfx or .p12)',
      cause: error,
    });
  }
  const encrypted = [...frame.encryptedBags, ...frame.bags.shroudedKeys];
  if (
    (frame.mac?.iterations ?? 0) > maxIterations ||
    encrypted.some(({ encryption }) => encryption.iterations > maxIterations)
  )
    throw tooManyRounds(name);
  return frame;
}

const tooManyRounds = (name: string): Failure =>
  new Failure('input', `${name} asks for absurdly many rounds of key derivation`, {
    hint: `more than ${String(maxIterations)} are refused: export it again with the usual 2048`,
  });

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

/**
 * Opens a PFX. `name` names the file in failures, which tell a wrong password from a damaged file
 * only as far as the format does: inside the MAC both look the same. Failures: `input`.
 */
export async function openPkcs12(bytes: Buffer, password: Secret, name: string): Promise<Pkcs12> {
  const contents = await readContents(frameOf(bytes, name), password.reveal(), name);
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
  readonly keys: readonly Buffer[];
  readonly certificates: readonly Buffer[];
}

async function readContents(frame: Frame, password: string, name: string): Promise<Contents> {
  const spend = budget(name);
  /** The SEQUENCE that was encrypted. Without a MAC only its form says that the password was right. */
  const open = async ({ encryption, content }: Encrypted): Promise<DerNode> => {
    const decrypt = decryption(encryption);
    spend(encryption);
    try {
      return sequenceIn(await decrypt(content, password));
    } catch (cause) {
      throw wrongPassword(name, cause);
    }
  };
  try {
    if (frame.mac !== undefined) {
      spend(frame.mac);
      if (!macMatches(frame.mac, frame.safe, password)) throw wrongPassword(name);
    }
    const all = [frame.bags];
    for (const part of frame.encryptedBags) all.push(readBags(derChildren(await open(part))));
    const keys = all.flatMap((bags) => bags.keys);
    for (const shrouded of all.flatMap((bags) => bags.shroudedKeys))
      keys.push((await open(shrouded)).whole);
    return { keys, certificates: all.flatMap((bags) => bags.certificates) };
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    const reason = cause instanceof DerError ? cause.message : 'it holds something unexpected';
    throw new Failure('input', `cannot open ${name}: ${reason}`, {
      hint: 'export it again: openssl pkcs12 -export -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1',
      cause,
    });
  }
}

/** What is encrypted inside of what is encrypted shows its number of rounds only now. */
function budget(name: string): (protection: Protection) => void {
  let spent = 0;
  return ({ iterations }) => {
    spent += iterations;
    // MAC, certificates, key: no file has reason for a fourth at the most that is allowed.
    if (iterations > maxIterations || spent > 4 * maxIterations) throw tooManyRounds(name);
  };
}

const wrongPassword = (name: string, cause?: unknown): Failure =>
  new Failure('input', `cannot open ${name}: the password is wrong, or the file is damaged`, {
    hint: 'check the password; it is read from --password-from',
    cause,
  });
