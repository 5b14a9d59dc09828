import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { derChildren, readDer } from '../../src/core/der.ts';
import type { World } from '../../src/emulator/exchange.ts';
import { openPkcs12 } from '../../src/emulator/pkcs12.ts';
import { derFromBer } from '../../src/core/der.ts';
import { answer } from '../../src/emulator/service.ts';
import { emptyState, serializeState, type EmulatorState } from '../../src/emulator/state.ts';
import { defaultSwitches } from '../../src/emulator/switches.ts';
import { checkRequest, checkResponse } from '../support/openapi.ts';

// Certificates and PFX files of OpenSSL's making, so that no bug of ours can agree with itself.
let folder = '';
const file = (name: string): string => join(folder, name);
const bytes = (name: string): Buffer => readFileSync(file(name));
const openssl = (...args: readonly string[]): Buffer =>
  execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });

const password = 'Passw0rd!';
const tripleDes = ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'];

function selfSigned(name: string, ...options: readonly string[]): void {
  const key = options.includes('-newkey') ? [] : ['-newkey', 'rsa:2048'];
  openssl(
    'req', '-x509', '-noenc', '-subj', `/CN=${name}`, '-days', '30',
    '-keyout', `${name}.key`, '-out', `${name}.crt`, ...key, ...options,
  ); // prettier-ignore
  openssl('x509', '-in', `${name}.crt`, '-outform', 'DER', '-out', `${name}.cer`);
}

function pfx(name: string, out: string, ...options: readonly string[]): Buffer {
  const pass = options.includes('-passout') ? [] : ['-passout', `pass:${password}`];
  openssl(
    'pkcs12', '-export', '-inkey', `${name}.key`, '-in', `${name}.crt`, '-out', out, ...pass, ...options,
  ); // prettier-ignore
  return bytes(out);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'policykeys-uploads-'));
  selfSigned('plain');
  selfSigned('sign', '-addext', 'keyUsage=critical,digitalSignature,keyEncipherment');
  selfSigned('crypt', '-addext', 'keyUsage=keyEncipherment,dataEncipherment');
  selfSigned('small', '-newkey', 'rsa:1024');
  selfSigned('ec', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256');
  selfSigned('pss', '-newkey', 'rsa-pss', '-pkeyopt', 'rsa_keygen_bits:2048');
  openssl(
    'req',
    '-x509',
    '-key',
    'plain.key',
    '-subj',
    '/CN=renewed',
    '-days',
    '60',
    '-out',
    'renewed.crt',
  );
  openssl('x509', '-in', 'renewed.crt', '-outform', 'DER', '-out', 'renewed.cer');
  openssl('req', '-new', '-key', 'sign.key', '-subj', '/CN=leaf', '-out', 'leaf.csr');
  openssl(
    'x509', '-req', '-in', 'leaf.csr', '-CA', 'plain.crt', '-CAkey', 'plain.key', '-days', '20',
    '-set_serial', '7', '-out', 'leaf.crt',
  ); // prettier-ignore
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const base = '/beta/trustFramework/keySets';

interface Refusal {
  readonly error: { readonly code: string };
}

function emulate(now = Date.now()) {
  let state: EmulatorState = emptyState;
  let ids = 0;
  const world: World = {
    now: () => now,
    randomBytes: (size) => Buffer.alloc(size, (ids += 1)),
    uuid: () => `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`,
  };
  return {
    state: () => state,
    post: async (path: string, body: unknown): Promise<{ status: number; body: Refusal }> => {
      const request = {
        method: 'POST',
        path: base + path,
        headers: {},
        body: JSON.stringify(body),
      };
      const answered = await answer(state, request, 'contoso.com', defaultSwitches, world);
      state = answered.state;
      const { response } = answered;
      const plain = `/trustFramework/keySets${path}`;
      const reply = { status: response.status, body: JSON.parse(response.body ?? '') as Refusal };
      checkRequest('POST', plain, body);
      checkResponse('POST', plain, { ...reply, contentType: response.headers['content-type'] });
      return reply;
    },
  };
}

/** Uploads into a new keyset: the answer, or the code of the refusal. */
async function upload(action: string, body: unknown, now?: number): Promise<unknown> {
  const { post } = emulate(now);
  await post('', { id: 'A' });
  const { status, body: reply } = await post(`/B2C_1A_A/${action}`, body);
  return status === 200 ? reply : reply.error.code;
}

const certificate = (name: string): { key: string } => ({
  key: bytes(`${name}.cer`).toString('base64'),
});
const seconds = (text: string): number => Date.parse(text) / 1000;

describe('uploadCertificate', () => {
  test('the key is what the certificate says', async () => {
    const der = bytes('sign.cer');
    const x509 = new X509Certificate(der);
    const { n, e } = x509.publicKey.export({ format: 'jwk' });
    expect(await upload('uploadCertificate', certificate('sign'))).toMatchObject({
      kty: 'RSA',
      use: 'sig',
      n,
      e,
      d: null,
      nbf: seconds(x509.validFrom),
      exp: seconds(x509.validTo),
      x5c: [der.toString('base64')],
      x5t: createHash('sha1').update(der).digest('base64url'),
      kid: createHash('sha256').update(der).digest('base64url'),
    });
  });

  test.each([
    ['plain', 'sig'],
    ['sign', 'sig'],
    ['crypt', 'enc'],
  ])('%s is for %s', async (name, use) => {
    expect(await upload('uploadCertificate', certificate(name))).toMatchObject({ use });
  });

  test('refuses what is no usable certificate', async () => {
    const der = bytes('plain.cer');
    const refusals: [string, unknown][] = [
      ['AADB2C90179', { key: 'not base64!' }],
      ['AADB2C90179', { key: Buffer.from('no certificate').toString('base64') }],
      ['AADB2C90179', { key: bytes('plain.crt').toString('base64') }],
      ['AADB2C90179', { key: Buffer.concat([der, Buffer.from([0])]).toString('base64') }],
      ['AADB2C90179', { key: der.subarray(0, -1).toString('base64') }],
      ['AADB2C90253', {}],
      ['AADB2C90186', { key: null }],
      ['AADB2C90136', { key: '' }],
      ['AADB2C95031', certificate('ec')],
      ['AADB2C95031', certificate('pss')],
      ['AADB2C90137', certificate('small')],
      ['BadRequest', { ...certificate('plain'), use: 'sig' }],
    ];
    for (const [code, body] of refusals) expect(await upload('uploadCertificate', body)).toBe(code);
    const later = Date.now() + 40 * 86_400_000;
    expect(await upload('uploadCertificate', certificate('plain'), later)).toBe('AADB2C90214');
  });

  test('the same one cannot be there twice, a renewed one with the same key can', async () => {
    const { post } = emulate();
    await post('', { id: 'A' });
    const add = async (name: string): Promise<unknown> => {
      const { status, body } = await post('/B2C_1A_A/uploadCertificate', certificate(name));
      return status === 200 ? status : body.error.code;
    };
    expect(await add('plain')).toBe(200);
    expect(await add('plain')).toBe('AADB2C90180');
    expect(await add('renewed')).toBe(200);
    expect(await add('crypt')).toBe('AADB2C95042');
    const pfxBody = { key: pfx('plain', 'twice.pfx', ...tripleDes).toString('base64'), password };
    expect((await post('/B2C_1A_A/uploadPkcs12', pfxBody)).body.error.code).toBe('AADB2C90180');
  });
});

describe('create with a whole JWK', () => {
  const jwk = (name: string, x5c: readonly unknown[]): object => ({
    ...createPrivateKey(bytes(`${name}.key`)).export({ format: 'jwk' }),
    use: 'sig',
    x5c,
  });
  const create = async (...keys: readonly object[]): Promise<unknown> => {
    const { status, body } = await emulate().post('', { id: 'A', keys });
    return status === 201 ? body : body.error.code;
  };

  test('keeps its certificates, if they are its own', async () => {
    const der = bytes('plain.cer');
    const x5c = [der.toString('base64')];
    expect(await create(jwk('plain', x5c), jwk('plain', []))).toMatchObject({
      keys: [
        {
          x5c,
          x5t: createHash('sha1').update(der).digest('base64url'),
          kid: createHash('sha256').update(der).digest('base64url'),
          nbf: null,
        },
        { x5c: [], x5t: null },
      ],
    });
    expect(await create(jwk('sign', x5c))).toBe('AADB2C90179');
    expect(await create(jwk('plain', ['AAAA']))).toBe('AADB2C90179');
  });
});

describe('uploadPkcs12', () => {
  const send = (content: Buffer, word: unknown = password): Promise<unknown> =>
    upload('uploadPkcs12', { key: content.toString('base64'), password: word });

  test.each([
    ['TripleDES-SHA1', tripleDes],
    ['RC2-40 certificates', ['-legacy']],
    ['one MAC round', ['-legacy', '-nomaciter']],
    ['20 000 rounds', [...tripleDes, '-iter', '20000']],
  ])('takes %s', async (_name, options) => {
    const der = bytes('plain.cer');
    expect(await send(pfx('plain', 'good.pfx', ...options))).toMatchObject({
      kty: 'RSA',
      use: 'sig',
      d: null,
      x5c: [der.toString('base64')],
      x5t: createHash('sha1').update(der).digest('base64url'),
    });
  });

  test.each(['Pässwörd-日本', 'pa🔑ss', 'a'.repeat(200)])('takes the password %s', async (word) => {
    for (const options of [tripleDes, ['-legacy']]) {
      const content = pfx('plain', 'word.pfx', ...options, '-passout', `pass:${word}`);
      expect(await send(content, word)).toMatchObject({ kty: 'RSA' });
      expect(await send(content, `${word}!`)).toBe('AADB2C90213');
    }
  });

  test('the chain comes leaf first, whatever its order in the file', async () => {
    openssl('pkcs12', '-export', '-inkey', 'sign.key', '-in', 'leaf.crt', '-certfile', 'plain.crt',
      '-out', 'chain.pfx', '-passout', `pass:${password}`, ...tripleDes); // prettier-ignore
    const leaf = new X509Certificate(bytes('leaf.crt')).raw.toString('base64');
    const x5c = [leaf, bytes('plain.cer').toString('base64')];
    expect(await send(bytes('chain.pfx'))).toMatchObject({ x5c, use: 'sig' });
  });

  test.each([
    ['AES-256, which OpenSSL 3 writes', []],
    ['an AES key', ['-keypbe', 'AES-256-CBC', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']],
    [
      'AES certificates',
      ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'AES-256-CBC', '-macalg', 'sha1'],
    ],
    [
      'certificates in the clear',
      ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'NONE', '-macalg', 'sha1'],
    ],
    ['a key in the clear', ['-keypbe', 'NONE', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']],
    [
      'a SHA-256 MAC',
      ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha256'],
    ],
    ['no MAC', ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-nomac']],
  ])('calls the right password wrong for %s', async (_name, options) => {
    expect(await send(pfx('plain', 'bad.pfx', ...options))).toBe('AADB2C90213');
  });

  test('refuses what is no PFX of an RSA key', async () => {
    const good = pfx('plain', 'base.pfx', ...tripleDes);
    expect(await send(good, 'wrong')).toBe('AADB2C90213');
    expect(await send(good, '')).toBe('AADB2C90136');
    expect(await send(good, '  ')).toBe('AADB2C90136');
    expect(await send(good, null)).toBe('AADB2C90186');
    expect(await upload('uploadPkcs12', { key: good.toString('base64') })).toBe('AADB2C90253');
    expect(await send(good.subarray(0, -20))).toBe('AADB2C90213');
    expect(await send(Buffer.concat([good, Buffer.alloc(3)]))).toBe('AADB2C90213');
    expect(await send(Buffer.from('no pfx'))).toBe('AADB2C90213');
    expect(await upload('uploadPkcs12', { key: '???', password })).toBe('AADB2C90179');
    expect(await send(pfx('ec', 'ec.pfx', ...tripleDes))).toBe('AADB2C95031');
    expect(await send(pfx('small', 'small.pfx', ...tripleDes))).toBe('AADB2C90137');
    openssl('pkcs12', '-export', '-nokeys', '-in', 'plain.crt', '-out', 'nokey.pfx',
      '-passout', `pass:${password}`, ...tripleDes); // prettier-ignore
    expect(await send(bytes('nokey.pfx'))).toBe('AADB2C90178');
    openssl('pkcs12', '-export', '-nocerts', '-inkey', 'plain.key', '-out', 'nocert.pfx',
      '-passout', `pass:${password}`, ...tripleDes); // prettier-ignore
    expect(await send(bytes('nocert.pfx'))).toBe('AADB2C90178');
  });

  test('an absurd number of rounds is refused at once', async () => {
    const good = pfx('plain', 'bomb.pfx', ...tripleDes);
    const [version, safe, mac] = derChildren(readDer(good));
    if (!version || !safe || !mac) throw new Error('not the layout of OpenSSL');
    const rounds = Buffer.from('02047fffffff', 'hex');
    const parts = derChildren(mac)
      .slice(0, 2)
      .map((part) => part.whole);
    const sequence = (...content: Buffer[]): Buffer => {
      const body = Buffer.concat(content);
      const size = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff];
      return Buffer.concat([Buffer.from([0x30, ...size]), body]);
    };
    const bomb = sequence(version.whole, safe.whole, sequence(...parts, rounds));
    expect(await send(bomb)).toBe('AADB2C90213');
  });

  test('no secret is kept', async () => {
    const { post, state } = emulate();
    await post('', { id: 'A' });
    const key = pfx('plain', 'kept.pfx', ...tripleDes).toString('base64');
    await post('/B2C_1A_A/uploadPkcs12', { key, password });
    const kept = serializeState(state());
    expect(kept).toContain('"x5t"');
    expect(kept).not.toContain(password);
    expect(kept).not.toMatch(/"(?:d|p|q|dp|dq|qi|k)"/);
  });
});

describe('BER', () => {
  /** The same content with indefinite lengths, and octet strings in pieces of ten bytes. */
  function ber(node: Buffer): Buffer {
    const { tag, content } = readDer(node, node.readUInt8(0));
    const end = Buffer.from([0, 0]);
    if ((tag & 0x20) !== 0)
      return Buffer.concat([Buffer.from([tag, 0x80]), ...pieces(content).map(ber), end]);
    if (tag !== 0x04) return node;
    const parts: Buffer[] = [];
    for (let at = 0; at < content.length; at += 10) {
      const part = content.subarray(at, at + 10);
      parts.push(Buffer.from([0x04, part.length]), part);
    }
    return Buffer.concat([Buffer.from([0x24, 0x80]), ...parts, end]);
  }
  const pieces = (content: Buffer): Buffer[] =>
    derChildren({ tag: 0x30, content, whole: content }).map((node) => node.whole);

  test('a PFX in BER is opened all the same', async () => {
    const good = pfx('plain', 'ber.pfx', ...tripleDes);
    const indefinite = ber(good);
    expect(indefinite.equals(good)).toBe(false);
    expect(derFromBer(indefinite)).toEqual(good);
    expect((await openPkcs12(indefinite, password))?.certificates).toEqual([bytes('plain.cer')]);
  });

  test.each([
    '',
    '30',
    '3080',
    '308030',
    '04800000',
    '3082ffff',
    '300102',
    '30803080',
    '3085000000000100',
  ])('%s is damaged', (hex) => {
    expect(() => derFromBer(Buffer.from(hex, 'hex'))).toThrow();
  });

  test('a thousand levels are too many', () => {
    expect(() => derFromBer(Buffer.from('3080'.repeat(1000), 'hex'))).toThrow('nested too deeply');
  });
});
