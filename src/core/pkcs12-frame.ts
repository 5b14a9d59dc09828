/** The frame of a PFX (RFC 7292 section 4): its parts and bags, as far as they can be read without a password. */
import {
  derChild,
  derChildren,
  DerError,
  derFromBer,
  derOid,
  readDer,
  readOid,
  readSmallInteger,
  tags,
  type DerNode,
} from './der.ts';
import { readEncryption, readMac, type Encryption, type Mac } from './pbe.ts';

/** Bound on the keys and certificates of one file. */
export const maxBags = 500;

export const oids = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
} as const;

/** What may stand beside a key or a certificate (RFC 2985 section 5.5). */
export interface BagAttributes {
  /** friendlyName: the alias of Java. */
  readonly alias?: string;
  /** Ties a key and its certificate together. */
  readonly localKeyId?: Buffer;
}

export interface StoredKey extends BagAttributes {
  /** PrivateKeyInfo (RFC 5958), DER. */
  readonly pkcs8: Buffer;
}

/** Something encrypted, as it stands in the file. */
export interface Encrypted extends BagAttributes {
  readonly encryption: Encryption;
  readonly content: Buffer;
}

/** The frame of a PFX: what can be read without its password. */
export interface Frame {
  readonly mac: Mac | undefined;
  /** What the MAC is made of. */
  readonly safe: Buffer;
  readonly bags: Bags;
  readonly encryptedBags: readonly Encrypted[];
}

export interface Bags {
  readonly keys: readonly StoredKey[];
  readonly shroudedKeys: readonly Encrypted[];
  readonly certificates: readonly (BagAttributes & { readonly der: Buffer })[];
}

/** The content of a ContentInfo or a bag: [0] EXPLICIT. */
const explicit = (node: DerNode): DerNode => derChild(derChild(node, 1, 0xa0), 0);

/** A SEQUENCE that stands in an OCTET STRING or was encrypted; it may be BER even where its frame is DER. */
export const sequenceIn = (bytes: Buffer): DerNode => readDer(derFromBer(bytes));

/** Throws DerError for what is no PFX. */
export function readFrame(bytes: Buffer): Frame {
  const pfx = sequenceIn(bytes);
  if (readSmallInteger(derChild(pfx, 0, tags.integer)) !== 3)
    throw new DerError('of another version than 3');
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
export function readBags(bags: readonly DerNode[]): Bags {
  const found = {
    keys: [] as StoredKey[],
    shroudedKeys: [] as Encrypted[],
    certificates: [] as (BagAttributes & { readonly der: Buffer })[],
  };
  // A bag may hold further bags: one list, which grows while it is read.
  const rest = [...bags];
  for (const bag of rest) {
    if (rest.length > maxBags)
      throw new DerError(`more than ${String(maxBags)} keys and certificates`);
    const kind = readOid(derChild(bag, 0));
    if (kind === oids.safeContentsBag) rest.push(...derChildren(explicit(bag)));
    if (kind === oids.keyBag) found.keys.push({ ...attributesOf(bag), pkcs8: explicit(bag).whole });
    if (kind === oids.shroudedKeyBag)
      found.shroudedKeys.push({ ...attributesOf(bag), ...readShroudedKey(explicit(bag)) });
    if (kind === oids.certBag && readOid(derChild(explicit(bag), 0)) === oids.x509Certificate)
      found.certificates.push({ ...attributesOf(bag), der: explicit(explicit(bag)).content });
  }
  return found;
}

/** EncryptedPrivateKeyInfo (RFC 5958 section 3). */
export const readShroudedKey = (info: DerNode): Encrypted => ({
  encryption: readEncryption(derChild(info, 0, tags.sequence)),
  content: derChild(info, 1, tags.octetString).content,
});

const bmpString = 0x1e;
const friendlyName = derOid(oids.friendlyName);
const localKeyId = derOid(oids.localKeyId);

/** Names are for people and links are checked: what is not as it should be is as if it were not there. */
function attributesOf(bag: DerNode): BagAttributes {
  const set = derChildren(bag)[2];
  const attributes: { alias?: string; localKeyId?: Buffer } = {};
  for (const attribute of set?.tag === tags.set ? derChildren(set) : []) {
    const [kind, values] = attribute.tag === tags.sequence ? derChildren(attribute) : [];
    const value = values?.tag === tags.set ? derChildren(values)[0] : undefined;
    if (kind === undefined || value === undefined) continue;
    if (kind.whole.equals(friendlyName)) {
      if (value.tag === bmpString && value.content.length % 2 === 0)
        attributes.alias = Buffer.from(value.content).swap16().toString('utf16le');
      if (value.tag === tags.utf8String) attributes.alias = value.content.toString('utf8');
    }
    if (kind.whole.equals(localKeyId) && value.tag === tags.octetString)
      attributes.localKeyId = value.content;
  }
  return attributes;
}
