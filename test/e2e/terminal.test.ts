/** Questions, the spinner and colours in a real terminal. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { guard, newFolder, openSite, type Site } from '../support/binary.ts';
import { inTerminal } from '../support/pty.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
  await site.run('create A -o none');
});

const run = (line: string, steps: readonly (readonly [string, string])[], more = {}) =>
  inTerminal(line.split(' '), steps, {
    environment: { ...site.environment, TERM: 'xterm', ...more },
  });

describe('the hidden question', () => {
  test('a secret that is typed is not echoed', async () => {
    const typed = guard('typed in the dark ü');
    const { code, text } = await run('upload-secret A --use sig --color never', [
      ['Secret: ', `${typed}\r`],
    ]);
    expect([code, text]).toMatchObject([0, expect.stringContaining('note: added ')]);
    expect(text.split('\n')[0]).toBe('Secret: ');
    expect(JSON.parse(site.received.at(-1)?.body ?? '')).toEqual({ use: 'sig', k: typed });
  });

  test('also when it comes before the question, and with a correction', async () => {
    const typed = guard('corrected-value');
    const { code } = await run('upload-secret A --use sig', [['Secret: ', `${typed}x\u007f\r`]]);
    expect(code).toBe(0);
    expect(JSON.parse(site.received.at(-1)?.body ?? '')).toEqual({ use: 'sig', k: typed });
  });

  test('--from - on a terminal asks, too', async () => {
    const typed = guard('typed-after-a-dash');
    const { code } = await run('upload-secret A --use sig --from -', [['Secret: ', `${typed}\r`]]);
    expect(code).toBe(0);
  });

  test('the password of a PFX', async () => {
    const file = join(import.meta.dirname, '../fixtures/demo/saml.pfx');
    const password = guard('demo-password');
    guard(readFileSync(file).toString('base64'));
    const { code } = await run(`upload-pkcs12 Saml ${file} --create`, [[`Password of ${file}: `, `${password}\r`]]); // prettier-ignore
    expect(code).toBe(0);
    const wrong = await run(`upload-pkcs12 Saml ${file}`, [[`Password of ${file}: `, `${guard('not-this-one')}\r`]]); // prettier-ignore
    expect([wrong.code, wrong.text]).toMatchObject([
      3,
      expect.stringContaining('the password is wrong'),
    ]);
  });

  test('a new password is asked for twice, and has to be the same', async () => {
    const out = join(newFolder(), 'new.pfx');
    const line = `generate-certificate --subject CN=x --pkcs12-out ${out}`;
    const [first, again] = ['Password for the new PFX: ', 'Password for the new PFX, once more: '];
    const [one, other] = [guard('a-new-password'), guard('another-password')];
    const differing = await run(line, [[first, `${one}\r`], [again, `${other}\r`]]); // prettier-ignore
    expect([differing.code, existsSync(out)]).toEqual([3, false]);
    const same = await run(line, [[first, `${one}\r`], [again, `${one}\r`]]); // prettier-ignore
    expect([same.code, existsSync(out)]).toEqual([0, true]);
  });

  test('nothing is typed', async () => {
    const { code, text } = await run('upload-secret A --use sig', [['Secret: ', '\r']]);
    expect([code, text]).toMatchObject([3, expect.stringContaining('Secret is empty')]);
  });

  test('Ctrl-C and Ctrl-D end it', async () => {
    for (const key of ['\u0003', '\u0004']) {
      const { code, text } = await run('upload-secret A --use sig', [['Secret: ', key]]);
      expect([key, code]).toEqual([key, 130]);
      expect(text).toContain('interrupted');
    }
  });

  test('--no-input and CI never ask', async () => {
    expect((await run('upload-secret A --use sig --no-input', [])).code).toBe(2);
    expect((await run('upload-secret A --use sig', [], { CI: '1' })).code).toBe(2);
    expect((await run('delete A --no-input', [])).code).toBe(2);
  });
});

describe('the confirmation', () => {
  test.each(['n\r', '\r', 'no\r', 'yess\r', 'ja\r', '\u0003', '\u0004'])(
    '%j is no',
    async (answer) => {
      const { code, text } = await run('delete A --color never', [['[y/N] ', answer]]);
      expect(code).toBe(130);
      expect(text).toMatch(/Delete B2C_1A_A and its \d+ key\(s\)\? \[y\/N\] /);
      expect((await site.run('get A')).code).toBe(0);
    },
  );

  test.each(['y\r', 'YES\r', ' y \r'])('%j is yes', async (answer) => {
    await site.run('create B --if-missing -o none');
    const { code, text } = await run('delete B --purge --color never', [['[y/N] ', answer]]);
    expect([code, text]).toMatchObject([
      0,
      expect.stringContaining('note: deleted B2C_1A_B and B2C_1A_B.bak'),
    ]);
    expect((await site.run('get B')).code).toBe(5);
  });

  test('update says how many keys go', async () => {
    await site.run('create U --if-missing -o none');
    await site.run('generate-key U --kty oct --use sig -o none');
    const JWKS = JSON.stringify({
      keys: [{ kty: 'oct', use: 'sig', k: guard('ZnJvbS1hLWZpbGU') }],
    });
    const { code } = await run('update U --from env:JWKS', [['Replace 1 key(s) of B2C_1A_U by 1? [y/N] ', 'y\r']], { JWKS }); // prettier-ignore
    expect(code).toBe(0);
  });

  test('--yes and --dry-run are not asked', async () => {
    await site.run('create B --if-missing -o none');
    expect((await run('delete B --dry-run', [])).code).toBe(0);
    expect((await run('delete B --yes', [])).code).toBe(0);
  });
});

describe('the spinner', () => {
  test('shows while Graph is slow, and Ctrl-C leaves nothing of it behind', async () => {
    const slow = await openSite({
      faults: ['delay=1h@list'],
      wait: (_ms, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('closed'));
          });
        }),
    });
    const environment = { ...slow.environment, TERM: 'xterm' };
    const { code, text } = await inTerminal(['list'], [['waiting for Graph', '\u0003']], {
      environment,
    });
    expect(code).toBe(130);
    expect(text).toMatch(/error:.* interrupted/);
    // The cursor is shown again.
    expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'));
  });

  test.each(['-q', '-v'])('not with %s', async (flag) => {
    const slow = await openSite({ faults: ['delay=700ms@list'] });
    const { text } = await inTerminal(['list', flag], [], { environment: { ...slow.environment, TERM: 'xterm' } }); // prettier-ignore
    expect(text).not.toContain('waiting for Graph');
  });
});

test('a terminal that does not say how wide it is', async () => {
  const slow = await openSite({ faults: ['delay=1500ms@list'] });
  await slow.run('create WithALongName -o none');
  const environment = { ...slow.environment, TERM: 'xterm' };
  const { code, text } = await inTerminal(['list'], [], { environment, columns: 0 });
  expect([code, text.includes('B2C_1A_WithALongName')]).toEqual([0, true]);
});

test('a terminal that is narrow gets the short forms', async () => {
  const environment = { ...site.environment, TERM: 'xterm', NO_COLOR: '1' };
  const { text } = await inTerminal(['list', '-q'], [], { environment, columns: 70 });
  for (const line of text.trim().split('\n')) expect(line.length).toBeLessThanOrEqual(70);
  expect(text).toContain('…');
});

test('colours in a terminal, and none with NO_COLOR or --color never', async () => {
  expect((await run('list -q', [])).text).toContain('\u001b[1mKEYSET');
  expect((await run('list -q', [], { NO_COLOR: '1' })).text).not.toContain('\u001b[');
  expect((await run('list -q --color never', [])).text).not.toContain('\u001b[');
});
