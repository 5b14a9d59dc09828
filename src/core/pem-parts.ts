/** Certificates and private keys as PEM: what certbot, OpenSSL and key vaults hand out. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { errorCode, Failure } from '../failure.ts';
import { maxKeyBytes, parsePrivateKey, type KeyParts } from './certified-key.ts';
import { derFromBer, DerError, readDer } from './der.ts';
import { budget, decryption, passwordForms } from './pbe.ts';
import { isPrivateKeyLabel, looksLikePem, parsePem, type PemBlock } from './pem.ts';
import { maxBags, readShroudedKey, type StoredKey } from './pkcs12-frame.ts';
import type { Secret } from './secret.ts';
import { parseCertificate, type Certificate } from './x509.ts';

/** Called at most once a key, and only for one that is encrypted. */
export type ReadPassword = () => Promise<Secret>;

export interface PemParts {
  readonly certificates: readonly Certificate[];
  readonly keys: readonly PemBlock[];
  readonly publicKeys: readonly PemBlock[];
}

/** Curves stand in front of the keys that OpenSSL makes for them. */
const passedOver = ['EC PARAMETERS'];

/** What a PEM file holds. `name` names the file in failures. Failures: `input`. */
export function readPemParts(bytes: Buffer, name: string): PemParts {
  const blocks = parsePem(bytes, name);
  if (blocks.length > maxBags)
    throw new Failure('input', `${name} holds more than ${String(maxBags)} PEM blocks`);
  const isPublicKey = ({ label }: PemBlock): boolean => label.endsWith('PUBLIC KEY');
  const other = blocks.find(
    (block) =>
      block.label !== 'CERTIFICATE' &&
      !isPrivateKeyLabel(block.label) &&
      !isPublicKey(block) &&
      !passedOver.includes(block.label),
  );
  if (other !== undefined)
    throw new Failure(
      'input',
      `${name} holds a ${other.label}, not only certificates and private keys`,
      { hint: 'pass a file with the certificates and the private key alone' },
    );
  return {
    certificates: blocks
      .filter(({ label }) => label === 'CERTIFICATE')
      .map((block) => parseCertificate(block.bytes, name)),
    keys: blocks.filter(({ label }) => isPrivateKeyLabel(label)),
    publicKeys: blocks.filter(isPublicKey),
  };
}

/** How a key in PEM is encrypted; `undefined` where it is not. */
export function pemEncryption({ label, headers }: PemBlock): string | undefined {
  if (label === 'ENCRYPTED PRIVATE KEY') return 'PKCS #8';
  const info = headers.find((line) => line.startsWith('DEK-Info:'));
  return info?.slice('DEK-Info:'.length).split(',')[0]?.trim();
}

const wrongPassword = (name: string): Failure =>
  new Failure(
    'input',
    `cannot open the private key of ${name}: the password is wrong, or the file is damaged`,
    {
      hint: 'check the password, which is read from --key-password-from or --password-from',
    },
  );

/**
 * The private key of a PEM block: PKCS #8, PKCS #1, SEC 1, encrypted PKCS #8, or encrypted as OpenSSL
 * did it traditionally (RFC 1421). Failures: `input`.
 */
export async function readPemKey(
  block: PemBlock,
  name: string,
  readPassword: ReadPassword,
): Promise<StoredKey & { readonly privateKey: KeyObject }> {
  if (block.label === 'OPENSSH PRIVATE KEY')
    throw new Failure('input', `${name} holds a private key in the format of OpenSSH`, {
      hint: 'write a copy of it as PEM: ssh-keygen -p -m PEM -f COPY',
    });
  if (block.label === 'ENCRYPTED PRIVATE KEY') {
    const pkcs8 = await decryptPkcs8(block.bytes, name, await readPassword());
    return { pkcs8, privateKey: parsePrivateKey(pkcs8, name) };
  }
  const privateKey =
    pemEncryption(block) === undefined
      ? parseClear(block, name)
      : parseTraditional(block, name, await readPassword());
  return { privateKey, pkcs8: exportKey(privateKey, name) };
}

export interface PemFile {
  readonly bytes: Buffer;
  readonly name: string;
}

/**
 * The certificates of some files, and the one private key of another, which may be one of the former.
 * Failures: `input`.
 */
export async function readPemKeyParts(
  certificates: readonly PemFile[],
  key: PemFile,
  readPassword: ReadPassword,
): Promise<KeyParts> {
  const { keys } = readPemParts(key.bytes, key.name);
  const [first] = keys;
  if (first === undefined || keys.length > 1)
    throw new Failure(
      'input',
      `${key.name} holds ${keys.length === 0 ? 'no private key' : `${String(keys.length)} private keys`}`,
      { hint: 'pass the one private key that belongs to the certificate' },
    );
  const found = certificates.flatMap(({ bytes, name }) => {
    const one = looksLikePem(bytes)
      ? readPemParts(bytes, name).certificates
      : [parseCertificate(bytes, name)];
    if (one.length === 0)
      throw new Failure('input', `${name} holds no certificate`, {
        hint: 'pass the certificate that belongs to the private key',
      });
    return one;
  });
  const { pkcs8, privateKey } = await readPemKey(first, key.name, readPassword);
  // Of one file for both, `certifiedKey` says the same in its own words.
  const others = certificates.filter(({ name }) => name !== key.name);
  if (others.length > 0 && !found.some(({ x509 }) => x509.checkPrivateKey(privateKey)))
    throw new Failure(
      'input',
      `${key.name} is not the private key of ${others.map(({ name }) => name).join(' or ')}`,
      { hint: 'pass the certificate and the private key that belong together' },
    );
  return { keys: [{ pkcs8 }], certificates: found.map((certificate) => ({ certificate })) };
}

/** Not by node:crypto, which derives as many rounds as the file asks for. */
async function decryptPkcs8(bytes: Buffer, name: string, password: Secret): Promise<Buffer> {
  try {
    const { encryption, content } = readShroudedKey(readDer(derFromBer(bytes)));
    const decrypt = decryption(encryption);
    const spend = budget(name);
    for (const form of passwordForms(password.reveal())) {
      spend(encryption);
      const opened = await decrypt(content, form)
        .then((clear) => readDer(derFromBer(clear)).whole)
        .catch(() => undefined);
      if (opened !== undefined) return opened;
    }
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new Failure('input', `cannot open the private key of ${name}: ${error.message}`, {
      hint: 'write it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEW.pem',
      cause: error,
    });
  }
  throw wrongPassword(name);
}

/** A damaged one may be read, and not be written again. */
function exportKey(key: KeyObject, name: string): Buffer {
  try {
    return key.export({ type: 'pkcs8', format: 'der' });
  } catch {
    throw unreadable(name);
  }
}

const unreadable = (name: string): Failure =>
  new Failure('input', `${name}: its private key cannot be read`, {
    hint: 'is it damaged? Look at it with: openssl pkey -in FILE -noout -text',
  });

const derTypes: Readonly<Record<string, 'pkcs1' | 'sec1'>> = {
  'RSA PRIVATE KEY': 'pkcs1',
  'EC PRIVATE KEY': 'sec1',
};

/** As DER: where PEM says that it is encrypted, OpenSSL would ask for its password on the terminal. */
function parseClear({ label, bytes }: PemBlock, name: string): KeyObject {
  if (label === 'PRIVATE KEY') return parsePrivateKey(bytes, name);
  const type = Object.hasOwn(derTypes, label) ? derTypes[label] : undefined;
  try {
    if (type !== undefined && bytes.length <= maxKeyBytes)
      return createPrivateKey({ key: bytes, format: 'der', type });
  } catch {
    // The cause stays behind: nobody knows what it quotes.
  }
  throw unreadable(name);
}

function parseTraditional(block: PemBlock, name: string, password: Secret): KeyObject {
  if (!Object.hasOwn(derTypes, block.label) || block.bytes.length > maxKeyBytes)
    throw unreadable(name);
  try {
    return createPrivateKey({ key: block.text, format: 'pem', passphrase: password.reveal() });
  } catch (error) {
    // A cipher that this OpenSSL lacks, or that is none; ERR_OSSL_UNSUPPORTED is what came out of it.
    if (/^ERR_OSSL_(?:EVP|PEM)_UNSUPPORTED/.test(errorCode(error) ?? ''))
      throw new Failure(
        'input',
        `cannot open the private key of ${name}: an encryption that is not known (${pemEncryption(block) ?? ''})`,
        { hint: 'write it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEW.pem' },
      );
    throw wrongPassword(name);
  }
}
