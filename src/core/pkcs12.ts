/** PKCS #12 (RFC 7292), reading: how a PFX is protected, and what is in it. */
import { Failure } from '../failure.ts';
import { derChildren, DerError, type DerNode } from './der.ts';
import { notAPfx } from './file-kind.ts';
import {
  acceptedMac,
  acceptedScheme,
  budget,
  decryption,
  macMatches,
  passwordForms,
  pbmac1,
  type Mac,
  type Password,
  type Protection,
  type Spend,
} from './pbe.ts';
import {
  maxBags,
  readBags,
  readFrame,
  sequenceIn,
  type BagAttributes,
  type Bags,
  type Encrypted,
  type Frame,
  type StoredKey,
} from './pkcs12-frame.ts';
import type { Secret } from './secret.ts';
import { parseCertificate, type Certificate } from './x509.ts';

/** Bound on what a file may ask of this machine before it is even read. */
export const maxPkcs12Bytes = 1 << 20;

/** How a PFX is protected. */
export interface Pkcs12Outline {
  readonly mac: Protection | undefined;
  readonly keys: readonly Protection[];
  readonly certificates: readonly Protection[];
}

/** A key, and how it was encrypted. */
export interface SealedKey extends StoredKey {
  readonly protection: Protection;
}

export interface StoredCertificate extends BagAttributes {
  readonly certificate: Certificate;
}

/** An opened PFX: everything as it stands in the file, in its order. */
export interface Pkcs12 {
  /** With what only the password showed. */
  readonly outline: Pkcs12Outline;
  readonly keys: readonly SealedKey[];
  readonly certificates: readonly StoredCertificate[];
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
  'export it again, or: openssl pkcs12 -in FILE -legacy -nodes | openssl pkcs12 -export -out NEW.pfx -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1';

/**
 * Opens a PFX. `name` names the file in failures, which tell a wrong password from a damaged file as
 * far as the format does. Failures: `input`.
 */
export async function openPkcs12(bytes: Buffer, password: Secret, name: string): Promise<Pkcs12> {
  const frame = frameOf(bytes, name);
  if (frame.mac?.scheme === pbmac1)
    throw new Failure(
      'input',
      `${name} is protected with PBMAC1 (RFC 9579), which B2C cannot read`,
      {
        hint: 'export it with another MAC: openssl pkcs12 -in FILE -nodes | openssl pkcs12 -export -macalg sha1 -out NEW.pfx',
      },
    );
  try {
    const contents = await readContents(frame, passwordForms(password.reveal()), name);
    return {
      outline: { ...outlineOf(frame), keys: contents.keys.map(({ protection }) => protection) },
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
  readonly keys: readonly SealedKey[];
  readonly certificates: Bags['certificates'];
}

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
  for (const part of frame.encryptedBags) {
    all.push(readBags(derChildren(await open('certificates are', part))));
    refuseMany(all);
  }
  const keys = all
    .flatMap((bags) => bags.keys)
    .map((key): SealedKey => ({ ...key, protection: unprotected }));
  for (const { encryption, content, ...attributes } of all.flatMap((bags) => bags.shroudedKeys)) {
    const key = await open('private key is', { encryption, content });
    keys.push({ ...attributes, pkcs8: key.whole, protection: protectionOf(encryption) });
  }
  return { keys, certificates: all.flatMap((bags) => bags.certificates) };
}

/** Each part has its bound, and so have all of them. */
function refuseMany(all: readonly Bags[]): void {
  const counts = all.map(
    (one) => one.keys.length + one.shroudedKeys.length + one.certificates.length,
  );
  if (counts.reduce((sum, count) => sum + count) > maxBags)
    throw new DerError(`more than ${String(maxBags)} keys and certificates`);
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
    hint: 'check the password (--password-from); if it has none, pass --no-password',
  });
