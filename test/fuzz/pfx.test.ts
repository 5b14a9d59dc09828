/**
 * Spoilt files of every kind, in the core and in the whole program: an answer or a Failure of kind
 * `input`, never a bug, a hang, or anything of a private key. By hand: `npm run fuzz`, with
 *
 * - FUZZ_CASES: how many,
 * - FUZZ_SEED: the choices of an earlier run,
 * - FUZZ_CASE: only this one of them,
 * - FUZZ_TRACE: a file that says which one is at work, and FUZZ_TRACE.input with its bytes, for what
 *   takes the whole process down or never ends.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certifiedKey } from '../../src/core/certified-key.ts';
import { fileKind } from '../../src/core/file-kind.ts';
import { inspectFile } from '../../src/core/inspection.ts';
import { readPemKeyParts } from '../../src/core/pem-parts.ts';
import { openPkcs12 } from '../../src/core/pkcs12.ts';
import { Secret } from '../../src/core/secret.ts';
import { parseUploadKeySet } from '../../src/core/upload-keys.ts';
import { leafOf, parseCertificateFile } from '../../src/core/x509.ts';
import { Failure } from '../../src/failure.ts';
import { everythingOf } from '../support/caught.ts';
import { openWorkshop, password, type Workshop } from '../support/certificates.ts';
import { keepSecret, now, openTenant, type Tenant } from '../support/world.ts';
import { makeCorpus, oct, type Corpus } from './corpus.ts';
import { spoil } from './mutations.ts';
import { randomFrom, type Random } from './random.ts';
import { secretFinder, type FindSecret } from './secrets.ts';

const { env } = process;
const byHand = env['FUZZ_CASES'] !== undefined;
const cases = Number(env['FUZZ_CASES'] ?? 2000);
const seed = env['FUZZ_SEED'] ?? String(Date.now());
const [first, last] = env['FUZZ_CASE'] === undefined ? [0, cases] : [Number(env['FUZZ_CASE']), Number(env['FUZZ_CASE']) + 1]; // prettier-ignore
/** The whole program sees one case in so many. */
const sample = env['FUZZ_CASE'] === undefined ? 10 : 1;
/** It catches what hangs, and nothing else. */
const patienceMs = 20_000;

let shop: Workshop;
let corpus: Corpus;
let findSecret: FindSecret;
let tenant: Tenant;
beforeAll(() => {
  shop = openWorkshop();
  corpus = makeCorpus(shop);
  findSecret = secretFinder(corpus.keys, [keepSecret(password), oct]);
  tenant = openTenant({ keysets: { B2C_1A_A: [] } });
});
afterAll(() => {
  shop.close();
});

const tally = new Map<string, number>();
const count = (what: string): void => {
  tally.set(what, (tally.get(what) ?? 0) + 1);
};

/** What is said where nothing is thrown but a Failure of kind `input`; everything else is. */
async function answer(
  work: () => unknown,
): Promise<{ readonly said: string; readonly value?: unknown }> {
  // prettier-ignore
  try {
    const value = await work();
    return { said: value === undefined ? '' : JSON.stringify(value), value };
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'input') throw error;
    // With --debug the messages of Failures are printed, and of nothing else.
    const texts = [error.hint ?? ''];
    for (let one: unknown = error; one instanceof Error; one = one.cause)
      if (one instanceof Failure) texts.push(one.message);
    return { said: texts.join('\n') };
  }
}

async function throughTheCore(bytes: Buffer): Promise<void> {
  let asked = 0;
  const readPassword = (): Promise<Secret> => {
    asked += 1;
    return Promise.resolve(new Secret(password));
  };
  const inspected = await answer(() => inspectFile(bytes, 'x', { readPassword, now }));
  if (asked > 1) throw new Error('the password was asked for twice');
  count(inspected.value === undefined ? 'core: input' : `core: ${(inspected.value as { verdict: string }).verdict}`); // prettier-ignore
  const all = [
    inspected,
    // What the other commands do with the same file.
    await answer(() => leafOf(parseCertificateFile(bytes, 'x'), 'x').x5t),
    await answer(async () => certifiedKey(await readPemKeyParts([{ bytes, name: 'x' }], { bytes, name: 'x' }, readPassword), 'x').alias), // prettier-ignore
    ...(fileKind(bytes) === 'pkcs12'
      ? [await answer(async () => certifiedKey(await openPkcs12(bytes, new Secret(password), 'x'), 'x', 'a').alias)] // prettier-ignore
      : [await answer(() => parseUploadKeySet(bytes.toString('utf8'), 'x', now).dropped)]),
  ];
  refuseSecrets(all.map(({ said }) => said).join('\n'));
}

async function throughTheProgram(bytes: Buffer, random: Random): Promise<void> {
  // prettier-ignore
  const file = join(tenant.folder, 'given');
  const made = join(tenant.folder, 'made.pfx');
  writeFileSync(file, bytes);
  const isPem = fileKind(bytes) === 'pem';
  const given = isPem
    ? ['--certificate', file, '--key', file, '--key-password-from', 'env:PASSWORD', '--password-from', 'env:PASSWORD'] // prettier-ignore
    : [file, '--password-from', 'env:PASSWORD'];
  const format = random.once(2) ? ['-o', 'json'] : [];
  const lines = {
    inspect: ['inspect', file, '--password-from', 'env:PASSWORD', ...format],
    convert: ['convert', ...given, '--out', made, '--overwrite', ...format],
    'upload-pkcs12': ['upload-pkcs12', 'A', ...given, '--dry-run', ...format],
    'upload-certificate': ['upload-certificate', 'A', file, '--dry-run', ...format],
  };
  for (const [name, line] of Object.entries(lines)) {
    const words = random.once(4) ? [...line, '--debug'] : line;
    const { code, stdout, stderr, wrote } = await tenant.run(words, { environment });
    count(`${name}: ${code}`);
    const allowed = name === 'inspect' ? [0, 3, 10] : [0, 3];
    if (!allowed.includes(code)) throw new Error(`${name} ends with ${code}: ${stderr}`);
    expect(wrote).toEqual([]);
    refuseSecrets(stdout + stderr);
    if (name !== 'convert' || code !== 0) continue;
    // What was made is what B2C takes.
    const { json } = await tenant.run(['inspect', made, ...lines.inspect.slice(2, 4), '-o', 'json'], { environment }); // prettier-ignore
    expect(json).toMatchObject({ verdict: 'accepted', keys: [{ private: true }] });
  }
}

const environment = { PASSWORD: password };

function refuseSecrets(text: string): void {
  const found = findSecret(text);
  if (found !== undefined) throw new Error(`${JSON.stringify(found)} is shown in: ${text}`);
}

/** So much of an input is printed. */
const longest = 1 << 16;

test(
  'nothing that is spoilt does more harm than being refused',
  async () => {
    const failures: string[] = [];
    const slowest = { ms: 0, number: -1 };
    const trace = env['FUZZ_TRACE'];
    for (let number = first; number < last && failures.length < 10; number += 1) {
      const random = randomFrom(`${seed}/${number}`);
      const { name, bytes } = spoil(corpus, random);
      if (trace !== undefined) {
        writeFileSync(trace, `FUZZ_SEED=${seed} FUZZ_CASE=${number}\n`);
        writeFileSync(`${trace}.input`, bytes);
      }
      const begin = performance.now();
      try {
        await throughTheCore(bytes);
        if (number % sample === 0) await throughTheProgram(bytes, random);
        const ms = performance.now() - begin;
        if (ms > slowest.ms) Object.assign(slowest, { ms, number });
        if (ms > patienceMs) throw new Error(`it took ${Math.round(ms / 1000)} s`);
      } catch (error) {
        failures.push(
          `FUZZ_SEED=${seed} FUZZ_CASE=${number}, made of ${name}: ${everythingOf(error)}\n` +
            `${bytes.length} bytes: ${bytes.subarray(0, longest).toString('base64')}`,
        );
      }
    }
    if (byHand) report(slowest);
    expect(failures.join('\n\n')).toBe('');
    // Enough of what was spoilt is still good enough to be read to its end.
    if (last - first >= 1000)
      for (const end of [
        'core: accepted',
        'core: converted',
        'core: refused',
        'core: input',
        'convert: 0',
        'upload-pkcs12: 0',
        'upload-certificate: 0',
      ])
        // prettier-ignore
        expect([end, tally.get(end) ?? 0]).not.toEqual([end, 0]);
  },
  120_000 + 200 * cases,
);

function report({ ms, number }: { readonly ms: number; readonly number: number }): void {
  const peak = Math.round(process.resourceUsage().maxRSS / 1024);
  const ends = [...tally].sort().map(([what, times]) => `  ${what}: ${times}`);
  process.stderr.write(
    `FUZZ_SEED=${seed}: ${cases} cases, peak ${peak} MiB, slowest ${Math.round(ms)} ms (case ${number})\n${ends.join('\n')}\n`,
  );
}
