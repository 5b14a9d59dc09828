import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { day, graphRoot, keepSecret, lines, now, openTenant, ordered, said, year, type Ran } from '../support/world.ts'; // prettier-ignore

const keysets = { B2C_1A_A: [{ kid: 'old1' }, { kid: 'old2' }] };
const k = keepSecret('dGhlLXZlcnktc2VjcmV0');
const oct = { kty: 'oct', use: 'sig', k };

/** Runs `update A --from <a file with this>`. */
async function update(
  content: unknown,
  more: readonly string[] = ['--yes'],
  tenant = openTenant({ keysets }),
): Promise<Ran> {
  const file = join(tenant.folder, 'keys.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return tenant.run(['update', 'A', '--from', file, '-o', 'json', ...more]);
}

describe('update', () => {
  test('replaces every key, and drops what the service refuses with a note', async () => {
    const tenant = openTenant({ keysets });
    const key = { ...oct, kid: 'mine', alg: 'HS256', key_ops: ['sign'], colour: 1, exp: now + day };
    const ran = await update({ keys: [key, { ...oct, nbf: now - 1 }], more: 1 }, ['--yes'], tenant);
    expect(ran.code).toBe(0);
    expect(ran.wrote.map(({ method, path, body }) => [method, path, ordered(body)])).toEqual([
      ['PUT', '/B2C_1A_A', ordered({ keys: [{ kty: 'oct', use: 'sig', exp: now + day, k }, { kty: 'oct', use: 'sig', nbf: now - 1, k }] })], // prettier-ignore
    ]);
    expect(ran.json).toMatchObject({
      id: 'B2C_1A_A',
      keys: [{ exp: now + day }, { nbf: now - 1 }],
    });
    expect(ordered(ran.json)).toMatch(/^\{"id":.*,"keys":\[.*\],"activeKid":"[^"]*"\}$/);
    expect(said(ran)).toBe(
      'note: left out of the JWK Set: alg, colour, key_ops, kid\nnote: replaced 2 key(s) of B2C_1A_A by 2\n',
    );
    expect(await tenant.keysOf('B2C_1A_A')).toHaveLength(2);
  });

  test('an RSA key with its private members', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = privateKey.export({ format: 'jwk' });
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const) keepSecret(String(jwk[name]));
    const ran = await update({ keys: [{ ...jwk, use: 'enc' }] });
    expect([ran.code, ran.json]).toMatchObject([
      0,
      { keys: [{ kty: 'RSA', use: 'enc', n: jwk.n }] },
    ]);
    expect(ran.wrote[0]?.body).toEqual({ keys: [{ ...jwk, use: 'enc' }] });
  });

  test('from stdin and from the environment', async () => {
    const text = JSON.stringify({ keys: [oct] });
    const run = openTenant({ keysets }).run;
    expect((await run('update A --from - --yes', { stdin: text })).code).toBe(0);
    expect((await run('update A --from env:JWKS --yes', { environment: { JWKS: text } })).code).toBe(0); // prettier-ignore
  });

  test('nobody can be asked: usage, and nothing is sent', async () => {
    const { code, wrote, error } = await update({ keys: [oct] }, []);
    expect([code, wrote]).toEqual([2, []]);
    expect(error).toEqual({
      error: {
        kind: 'usage',
        message: 'this replaces every key of B2C_1A_A, and nobody can be asked',
        hint: 'pass --yes if that is meant',
      },
    });
  });

  test('without --from and without a terminal', async () => {
    const { code, asked, error } = await openTenant({ keysets }).run('update A --yes -o json');
    expect([code, asked]).toEqual([2, []]);
    expect(error).toMatchObject({ error: { kind: 'usage', message: '--from is missing, and nobody can be asked' } }); // prettier-ignore
  });

  test('--dry-run shows secrets as [secret], and asks nothing', async () => {
    const { code, stdout, wrote } = await update({ keys: [oct] }, ['--dry-run']);
    expect([code, wrote]).toEqual([0, []]);
    expect(ordered(JSON.parse(stdout))).toBe(
      ordered({
        dryRun: true,
        requests: [
          { method: 'PUT', url: `${graphRoot}/B2C_1A_A`, body: { keys: [{ kty: 'oct', use: 'sig', k: '[secret]' }] } }, // prettier-ignore
        ],
      }),
    );
  });

  test.each([
    ['not JSON', `{"keys":[{"k":"${k}"`],
    ['no set', { kty: 'oct' }],
    ['null', 'null'],
    ['no keys', { keys: [] }],
    ['keys that are no objects', { keys: [k] }],
    ['an unknown kty', { keys: [{ ...oct, kty: 'EC' }] }],
    ['no use', { keys: [{ kty: 'oct', k }] }],
    ['no value', { keys: [{ kty: 'oct', use: 'sig' }] }],
    ['a value that is no base64url', { keys: [{ ...oct, k: `${k}!` }] }],
    ['a public RSA key', { keys: [{ kty: 'RSA', use: 'sig', n: 'AQAB', e: 'AQAB' }] }],
    ['two kinds', { keys: [oct, { ...oct, use: 'enc' }] }],
    ['milliseconds', { keys: [{ ...oct, exp: (now + year) * 1000 }] }],
    ['an exp that has passed', { keys: [{ ...oct, exp: now }] }],
    ['an exp before nbf', { keys: [{ ...oct, nbf: now + 2, exp: now + 1 }] }],
    ['a date as text', { keys: [{ ...oct, nbf: '2030-01-01' }] }],
    ['nothing', ''],
    ['a number too large', { keys: [{ ...oct, exp: 1e300 }] }],
  ])('%s is input, and nothing is asked', async (_, content) => {
    const { code, asked, stdout, error } = await update(content);
    expect([code, asked, stdout]).toEqual([3, [], '']);
    expect(error).toMatchObject({ error: { kind: 'input' } });
  });

  test('of a keyset that does not exist', async () => {
    const ran = await update({ keys: [oct] }, ['--yes'], openTenant());
    expect([ran.code, lines(ran.asked)]).toEqual([5, ['GET /B2C_1A_A']]);
  });
});
