import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { graphRoot, keepSecret, lines, now, openTenant, ordered, said, year } from '../support/world.ts'; // prettier-ignore

const keysets = { B2C_1A_A: [] };
const value = keepSecret('s3cr3t-of-the-partner ü');

describe('upload-secret', () => {
  test('from a file: the value on the wire, and nowhere else', async () => {
    const tenant = openTenant({ keysets });
    const file = join(tenant.folder, 'secret.txt');
    writeFileSync(file, value);
    const ran = await tenant.run(['upload-secret', 'A', '--use', 'sig', '--from', file, '--exp', '1y', '-o', 'json']); // prettier-ignore
    expect([ran.code, lines(ran.asked)]).toEqual([
      0,
      ['GET /B2C_1A_A', 'POST /B2C_1A_A/uploadSecret'],
    ]);
    expect(ordered(ran.wrote[0]?.body)).toBe(ordered({ use: 'sig', k: value, exp: now + year }));
    const [stored] = (await tenant.keysOf('B2C_1A_A')) ?? [];
    expect(ordered(ran.json)).toBe(
      ordered({
        keyset: 'B2C_1A_A',
        kid: stored?.kid,
        kty: 'oct',
        use: 'sig',
        status: 'enabled',
        state: 'active',
        exp: now + year,
        replaces: null,
      }),
    );
    expect(said(ran)).toBe(`note: added ${stored?.kid} to B2C_1A_A (active)\n`);
  });

  test('from stdin and from the environment', async () => {
    const { run } = openTenant({ keysets });
    const piped = await run('upload-secret A --use enc --from -', { stdin: `${value}\n` });
    expect([piped.code, piped.wrote[0]?.body]).toEqual([0, { use: 'enc', k: value }]);
    const taken = await run('upload-secret A --use enc --from env:PARTNER', {
      environment: { PARTNER: value },
    });
    expect([taken.code, taken.wrote[0]?.body]).toEqual([0, { use: 'enc', k: value }]);
  });

  test.each([
    ['one line feed', `${value}\n`, value],
    ['CR LF', `${value}\r\n`, value],
    ['a byte order mark', `\ufeff${value}`, value],
    ['only the last line feed', `${value}\n\n`, `${value}\n`],
    ['blanks stay', ` ${value} `, ` ${value} `],
    ['lines inside stay', `${value}\nb\n`, `${value}\nb`],
    ['a lone CR stays', `${value}\r`, `${value}\r`],
  ])('%s', async (_, stdin, k) => {
    const { wrote } = await openTenant({ keysets }).run('upload-secret A --use sig --from -', {
      stdin,
    });
    expect(wrote[0]?.body).toEqual({ use: 'sig', k });
  });

  test('--exact keeps all of it', async () => {
    const stdin = `\ufeff${value}\r\n`;
    const { wrote } = await openTenant({ keysets }).run('upload-secret A --use sig --from - --exact', { stdin }); // prettier-ignore
    expect(wrote[0]?.body).toEqual({ use: 'sig', k: stdin });
  });

  test.each([
    ['empty', ''],
    ['only a line break', '\n'],
    ['only a byte order mark', '\ufeff'],
    ['not UTF-8', Buffer.from([0x73, 0xff, 0xfe])],
    ['half a character', Buffer.from('ü').subarray(0, 1)],
    ['larger than 64 KiB', 'x'.repeat((64 << 10) + 1)],
  ])('%s is input', async (_, stdin) => {
    const { code, asked, error } = await openTenant({ keysets }).run('upload-secret A --use sig --from - -o json', { stdin }); // prettier-ignore
    expect([code, asked]).toEqual([3, []]);
    expect(error).toMatchObject({ error: { kind: 'input', message: expect.stringMatching(/^stdin is /) } }); // prettier-ignore
  });

  test('64 KiB are taken', async () => {
    const { code, wrote } = await openTenant({ keysets }).run('upload-secret A --use sig --from -', { stdin: 'x'.repeat(64 << 10) }); // prettier-ignore
    expect([code, wrote.length]).toEqual([0, 1]);
  });

  test('a value where a source belongs is not repeated', async () => {
    const pasted = keepSecret('pasted~by.mistake');
    const { run, folder } = openTenant({ keysets });
    const named = await run(['upload-secret', 'A', '--use', 'sig', '--from', pasted, '--debug', '-o', 'json']); // prettier-ignore
    expect([named.code, named.asked]).toEqual([3, []]);
    expect(named.error).toMatchObject({ error: { hint: expect.stringContaining('env:NAME') } });
    const unset = await run(['upload-secret', 'A', '--use', 'sig', '--from', `env:${pasted}`, '--debug']); // prettier-ignore
    expect(unset.code).toBe(3);
    const place = join(folder, pasted);
    mkdirSync(place);
    expect((await run(['upload-secret', 'A', '--use', 'sig', '--from', place, '--debug'])).code).toBe(3); // prettier-ignore
    expect((await run(['upload-secret', 'A', '--use', 'sig', '--form', pasted, '--debug'])).code).toBe(2); // prettier-ignore
    expect((await run(['upload-secret', 'A', pasted, '--use', 'sig'])).code).toBe(2);
  });

  test.each([
    ['an unset variable', '--from env:NOWHERE', 3],
    ['an empty variable', '--from env:EMPTY', 3],
    ['a Key Vault', '--from keyvault:v/n', 2],
    ['no source', '', 2],
    ['no use', '--from env:SET', 2],
  ])('%s', async (what, flags, expected) => {
    const use = what === 'no use' ? '' : '--use sig';
    const { code, asked } = await openTenant({ keysets }).run(`upload-secret A ${use} ${flags}`, {
      environment: { EMPTY: '', SET: value },
    });
    expect([code, asked]).toEqual([expected, []]);
  });

  test('--dry-run shows [secret]', async () => {
    const { code, json, wrote } = await openTenant({ keysets }).run(
      'upload-secret A --use sig --from env:PARTNER --dry-run -o json',
      { environment: { PARTNER: value } },
    );
    expect([code, wrote]).toEqual([0, []]);
    expect(ordered(json)).toBe(
      ordered({
        dryRun: true,
        requests: [
          { method: 'POST', url: `${graphRoot}/B2C_1A_A/uploadSecret`, body: { use: 'sig', k: '[secret]' } }, // prettier-ignore
        ],
      }),
    );
  });
});
