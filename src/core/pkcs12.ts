/** PKCS #12 (RFC 7292), reading: how a PFX is protected, and what is in it. */
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
import { notAPfx } from './file-kind.ts';
import {
  acceptedMac,
  acceptedScheme,
  decryption,
  macMatches,
  maxIterations,
  maxIterationsInAll,
  passwordForms,
  pbmac1,
  readEncryption,
  readMac,
  type Encryption,
  type Mac,
  type Password,
  type Protection,
} from './pbe.ts';
import type { Secret } from './secret.ts';
import { parseCertificate, type Certificate } from './x509.ts';

/** Bounds on what a file may ask of this machine before it is even read. */
export const maxPkcs12Bytes = 1 << 20;
export const maxBags = 500;

/** How a PFX is protected. */
export interface Pkcs12Outline {
  readonly mac: Protection | undefined;
  readonly keys: readonly Protection[];
  readonly certificates: readonly Protection[];
}

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

export interface StoredCertificate extends BagAttributes {
  readonly certificate: Certificate;
}

/** An opened PFX: everything as it stands in the file, in its order. */
export interface Pkcs12 {
  /** With what only the password showed. */
  readonly outline: Pkcs12Outline;
  readonly keys: readonly StoredKey[];
  readonly certificates: readonly StoredCertificate[];
}

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

/** Something encrypted, as it stands in the file. */
interface Encrypted extends BagAttributes {
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
  readonly keys: readonly StoredKey[];
  readonly shroudedKeys: readonly Encrypted[];
  readonly certificates: readonly (BagAttributes & { readonly der: Buffer })[];
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

/** Names are for people and links are checked: what is not as it should be is as if it were not there. */
function attributesOf(bag: DerNode): BagAttributes {
  const set = derChildren(bag)[2];
  const attributes: { alias?: string; localKeyId?: Buffer } = {};
  for (const attribute of set?.tag === tags.set ? derChildren(set) : []) {
    const kind = readOid(derChild(attribute, 0));
    const value = derChildren(derChild(attribute, 1))[0];
    if (kind === oids.friendlyName && value !== undefined) {
      if (value.tag === bmpString && value.content.length % 2 === 0)
        attributes.alias = Buffer.from(value.content).swap16().toString('utf16le');
      if (value.tag === tags.utf8String) attributes.alias = value.content.toString('utf8');
    }
    if (kind === oids.localKeyId && value?.tag === tags.octetString)
      attributes.localKeyId = value.content;
  }
  return attributes;
}

const unprotected: Protection = { scheme: 'none', iterations: 0 };
const protectionOf = ({ scheme, iterations, prf }: Protection): Protection => ({
  scheme,
  iterations,
  ...(prf === undefined ? {} : { prf }),
});

/**
 * The outline of a PFX, without its password. `name` names the file in failures. Failures: `input`
 * for what is no PFX, is damaged in its frame, or asks for more work than any real file does.
 */
export const outlinePkcs12 = (bytes: Buffer, name: string): Pkcs12Outline =>
  outlineOf(frameOf(bytes, name));

function outlineOf({ mac, bags, encryptedBags }: Frame): Pkcs12Outline {
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

/** Whether anything in it depends on a password. */
export const needsPassword = ({ mac, keys, certificates }: Pkcs12Outline): boolean =>
  mac !== undefined || [...keys, ...certificates].some((one) => one.scheme !== 'none');

function frameOf(bytes: Buffer, name: string): Frame {
  let frame: Frame;
  try {
    frame = readFrame(bytes);
  } catch (error) {
    throw notAPfx(bytes, name, error);
  }
  const spend = budget(name);
  if (frame.mac !== undefined) spend(frame.mac);
  for (const { encryption } of [...frame.encryptedBags, ...frame.bags.shroudedKeys])
    spend(encryption);
  return frame;
}

/** Counts the rounds of key derivation; the same for every file that is opened with a password. */
export function budget(name: string): (protection: Protection) => void {
  let spent = 0;
  return ({ iterations }) => {
    spent += iterations;
    if (iterations <= maxIterations && spent <= maxIterationsInAll) return;
    const asked = Number.isFinite(spent) ? String(spent) : 'countless';
    throw new Failure(
      'input',
      `${name} asks for ${asked} rounds of key derivation; the bound is ${String(maxIterations)} each time and ${String(maxIterationsInAll)} in all`,
      { hint: 'export it again with the usual 2048' },
    );
  };
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

const exportHint =
  'export it again: openssl pkcs12 -export -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1';

/**
 * Opens a PFX. `name` names the file in failures, which tell a wrong password from a damaged file as
 * far as the format does. Failures: `input`.
 */
export async function openPkcs12(bytes: Buffer, password: Secret, name: string): Promise<Pkcs12> {
  const frame = frameOf(bytes, name);
  const outline = outlineOf(frame);
  if (frame.mac?.scheme === pbmac1)
    throw new Failure(
      'input',
      `${name} is protected with PBMAC1 (RFC 9579), which B2C cannot read`,
      {
        hint: 'export it with another MAC: openssl pkcs12 -export -macalg sha1, without -pbmac1_pbkdf2',
      },
    );
  try {
    const contents = await readContents(frame, passwordForms(password.reveal()), name);
    return {
      outline: {
        ...outline,
        keys: [...outline.keys, ...contents.found.map(protectionOf)],
      },
      keys: contents.keys,
      certificates: contents.certificates.map(({ der, ...attributes }) => ({
        ...attributes,
        certificate: parseCertificate(der, name),
      })),
    };
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    const reason = cause instanceof DerError ? cause.message : 'it holds something unexpected';
    throw new Failure('input', `cannot open ${name}: ${reason}`, { hint: exportHint, cause });
  }
}

interface Contents {
  readonly keys: readonly StoredKey[];
  readonly certificates: Bags['certificates'];
  /** The protection of the keys that stand inside of what is encrypted. */
  readonly found: readonly Protection[];
}

type Spend = (protection: Protection) => void;

/** The SEQUENCE that was encrypted; `undefined` where this password gives none. */
async function decrypt(
  { encryption, content }: Encrypted,
  password: Password,
  spend: Spend,
): Promise<DerNode | undefined> {
  const open = decryption(encryption);
  spend(encryption);
  try {
    return sequenceIn(await open(content, password));
  } catch {
    return undefined;
  }
}

async function readContents(
  frame: Frame,
  forms: readonly [Password, ...Password[]],
  name: string,
): Promise<Contents> {
  const spend = budget(name);
  const password = await rightForm(frame, forms, name, spend);
  const open = async (what: string, part: Encrypted): Promise<DerNode> => {
    const opened = await decrypt(part, password, spend);
    if (opened !== undefined) return opened;
    if (frame.mac === undefined) throw wrongPassword(name);
    throw new Failure(
      'input',
      `cannot open ${name}: the password is right, but its ${what} under another password, or damaged before it was sealed`,
      { hint: 'export it again, with one password for all of it' },
    );
  };
  const all = [frame.bags];
  for (const part of frame.encryptedBags)
    all.push(readBags(derChildren(await open('certificates are', part))));
  const keys = all.flatMap((bags) => bags.keys);
  for (const { encryption, content, ...attributes } of all.flatMap((bags) => bags.shroudedKeys)) {
    const key = await open('private key is', { encryption, content });
    keys.push({ ...attributes, pkcs8: key.whole });
  }
  return {
    keys,
    certificates: all.flatMap((bags) => bags.certificates),
    found: all
      .slice(1)
      .flatMap((bags) => [
        ...bags.keys.map(() => unprotected),
        ...bags.shroudedKeys.map((key) => key.encryption),
      ]),
  };
}

/** The form of the password under which the file was written. Without a MAC the first part decides. */
async function rightForm(
  frame: Frame,
  forms: readonly [Password, ...Password[]],
  name: string,
  spend: Spend,
): Promise<Password> {
  const { mac, safe } = frame;
  const part = [...frame.encryptedBags, ...frame.bags.shroudedKeys][0];
  if (mac === undefined) {
    if (part === undefined || forms.length === 1) return forms[0];
    for (const form of forms) if ((await decrypt(part, form, spend)) !== undefined) return form;
    throw wrongPassword(name);
  }
  for (const form of forms) if (matches(mac, safe, form, spend)) return form;
  // A MAC says only that one of the two is wrong. What opens all the same was under this password.
  const opened = part && (await decrypt(part, forms[0], spend).catch(() => undefined));
  if (opened === undefined) throw wrongPassword(name);
  throw new Failure(
    'input',
    `${name} is damaged: the password opens it, but its MAC does not match what is in it`,
    { hint: 'it was changed after it was made: fetch or export it again' },
  );
}

function matches(mac: Mac, safe: Buffer, password: Password, spend: Spend): boolean {
  spend(mac);
  return macMatches(mac, safe, password);
}

const wrongPassword = (name: string): Failure =>
  new Failure('input', `cannot open ${name}: the password is wrong, or the file is damaged`, {
    hint: 'check the password, which is read from --password-from; a PFX without one: --no-password',
  });
