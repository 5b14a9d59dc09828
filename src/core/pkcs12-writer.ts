/** PKCS #12 (RFC 7292), writing: the one form that B2C takes, TripleDES-SHA1 with a SHA-1 MAC (keysets-api.md Q7). */
import { createHash } from 'node:crypto';
import type { CertifiedKey } from './certified-key.ts';
import { der, derInteger, derOid, tags } from './der.ts';
import { encryptAccepted, makeAcceptedMac, passwordForms, type Salted } from './pbe.ts';
import { oids, type BagAttributes } from './pkcs12-frame.ts';
import { openPkcs12, type Pkcs12 } from './pkcs12.ts';
import type { Secret } from './secret.ts';

/** What OpenSSL and Windows write; more protects nothing, since the password goes with the file. */
export const writtenIterations = 2048;

/** So many random bytes: the caller's, since the core has no random source. */
export type RandomBytes = (size: number) => Buffer;

const sequence = (...parts: readonly Buffer[]): Buffer => der(tags.sequence, ...parts);
const octets = (bytes: Buffer): Buffer => der(tags.octetString, bytes);
const explicit = (bytes: Buffer): Buffer => der(0xa0, bytes);
const number = (value: number): Buffer => derInteger(Buffer.from([value]));

/** A PFX that was written, and what was found when it was read again. */
export interface WrittenPkcs12 {
  readonly bytes: Buffer;
  readonly contents: Pkcs12;
}

/**
 * A PFX of the key, its certificate and its chain, leaf first, under `password`; what was written is
 * opened again and compared. `alias` is kept, `localKeyId` made where there is none.
 */
export async function writePkcs12(
  key: CertifiedKey,
  password: Secret,
  randomBytes: RandomBytes,
): Promise<WrittenPkcs12> {
  const [form] = passwordForms(password.reveal());
  const salted = (): Salted => ({
    password: form,
    salt: randomBytes(20),
    iterations: writtenIterations,
  });
  const localKeyId = key.localKeyId ?? createHash('sha1').update(key.leaf.der).digest();
  const link = { localKeyId, ...(key.alias === undefined ? {} : { alias: key.alias }) };
  const certificates = key.chain.map(({ certificate, alias }, index) =>
    sequence(
      derOid(oids.certBag),
      explicit(sequence(derOid(oids.x509Certificate), explicit(octets(certificate.der)))),
      ...attributes(index === 0 ? link : alias === undefined ? {} : { alias }),
    ),
  );
  const bags = encryptAccepted(sequence(...certificates), salted());
  const shrouded = encryptAccepted(key.pkcs8, salted());
  const keyBag = sequence(
    derOid(oids.shroudedKeyBag),
    explicit(sequence(shrouded.algorithm, octets(shrouded.ciphertext))),
    ...attributes(link),
  );
  const safe = sequence(
    sequence(
      derOid(oids.encryptedData),
      explicit(
        sequence(
          number(0),
          sequence(derOid(oids.data), bags.algorithm, der(0x80, bags.ciphertext)),
        ),
      ),
    ),
    data(sequence(keyBag)),
  );
  const pfx = sequence(number(3), data(safe), makeAcceptedMac(safe, salted()));
  return { bytes: pfx, contents: await readAgain(pfx, password, key) };
}

/** ContentInfo (RFC 5652 section 3). */
const data = (content: Buffer): Buffer => sequence(derOid(oids.data), explicit(octets(content)));

/** A SET of attributes, in the order that DER wants (X.690 section 11.6). */
function attributes({ alias, localKeyId }: BagAttributes): Buffer[] {
  const attribute = (oid: string, value: Buffer): Buffer =>
    sequence(derOid(oid), der(tags.set, value));
  const all = [
    ...(alias === undefined
      ? []
      : [attribute(oids.friendlyName, der(0x1e, Buffer.from(alias, 'utf16le').swap16()))]),
    ...(localKeyId === undefined ? [] : [attribute(oids.localKeyId, octets(localKeyId))]),
  ];
  return all.length === 0 ? [] : [der(tags.set, ...all.sort((a, b) => a.compare(b)))];
}

/** A key that B2C would take and nobody could use is worse than none. */
async function readAgain(pfx: Buffer, password: Secret, key: CertifiedKey): Promise<Pkcs12> {
  const contents = await openPkcs12(pfx, password, 'the PFX that was written');
  const { keys, certificates } = contents;
  const same =
    keys.length === 1 &&
    keys[0]?.pkcs8.equals(key.pkcs8) === true &&
    certificates.length === key.chain.length &&
    certificates.every(({ certificate }, index) =>
      key.chain[index]?.certificate.der.equals(certificate.der),
    );
  if (!same) throw new Error('the PFX that was written does not hold what it should');
  return contents;
}
