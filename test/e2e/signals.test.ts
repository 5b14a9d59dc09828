/** Ctrl-C and `kill` end the program while it waits for anything, and it says what is known. */
import { writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { failure, openSite, start, type Done, type Running } from '../support/binary.ts';

const signals = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

/** A delay that ends only with the server: whoever waits for it waits for ever. */
const forEver = (_ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reject(new Error('closed'));
    });
  });

async function interrupted(running: Running, signal: NodeJS.Signals): Promise<Done> {
  running.child.kill(signal);
  return running.done;
}

describe.each(signals)('%s', (signal, code) => {
  test('during a read', async () => {
    const site = await openSite({ faults: ['delay=1h@list'], wait: forEver });
    const running = site.start('list -o json');
    await site.arrived('list');
    const done = await interrupted(running, signal);
    expect([done.code, done.stdout, failure(done)]).toMatchObject([
      code,
      '',
      { error: { kind: 'cancelled', message: 'interrupted' } },
    ]);
  });

  test('during the sign-in', async () => {
    const site = await openSite({ faults: ['delay=1h@token'], wait: forEver });
    const running = site.start('list -o json');
    await site.arrived('token');
    const done = await interrupted(running, signal);
    expect([done.code, failure(done)]).toMatchObject([code, { error: { kind: 'cancelled' } }]);
    // The lock of the token cache is gone with it.
    const { stdout } = await site.shell('find .cache -name "*.lock"');
    expect(stdout).toBe('');
  });

  test('during a write: says that it is not known, and where to look', async () => {
    const site = await openSite({ faults: ['delay=1h@generateKey'], wait: forEver });
    await site.run('create A -o none');
    const running = site.start('generate-key A --kty oct --use sig -o json --audit-log audit.log');
    await site.arrived('generateKey');
    const done = await interrupted(running, signal);
    expect([done.code, done.stdout, failure(done)]).toMatchObject([
      code,
      '',
      {
        error: {
          kind: 'cancelled',
          hint: expect.stringMatching(/add a key to B2C_1A_A: policykeys get B2C_1A_A/),
        },
      },
    ]);
    expect(site.received.filter((one) => one.operation === 'generateKey')).toHaveLength(1);
    const audit = (await site.shell('tail -n 1 audit.log')).stdout;
    expect(JSON.parse(audit)).toMatchObject({ event: 'settled', result: 'unknown' });
  });

  test('between two attempts', async () => {
    const site = await openSite({ faults: ['429=100@list:*'] });
    const running = site.start('list -o json');
    await running.says('waiting 100');
    expect((await interrupted(running, signal)).code).toBe(code);
  });

  test('while an answer is being looked for after it was lost', async () => {
    const site = await openSite({ faults: ['reset-before@generateKey'] });
    await site.run('create A -o none');
    const running = site.start('generate-key A --kty oct --use sig -o json');
    await running.says('looking whether');
    const done = await interrupted(running, signal);
    expect(done.code).toBe(code);
    expect(site.received.filter((one) => one.operation === 'generateKey')).toHaveLength(1);
  });

  test('while it waits for stdin', async () => {
    const site = await openSite();
    const running = site.start('upload-secret A --use sig --from - -v --cloud emulator', {
      stdinStaysOpen: true,
    });
    await running.says('embedded emulator');
    const done = await interrupted(running, signal);
    expect([done.code, done.signal]).toEqual([code, null]);
  });

  test('while another process holds the lock of the emulator', async () => {
    const site = await openSite();
    const POLICYKEYS_EMULATOR_STATE = join(site.home, 'state.json');
    writeFileSync(
      `${POLICYKEYS_EMULATOR_STATE}.lock`,
      JSON.stringify({ pid: process.pid, host: hostname(), token: 'ours' }),
    );
    const running = site.start('create A --cloud emulator', { environment: { POLICYKEYS_EMULATOR_STATE } }); // prettier-ignore
    await running.says('writing to');
    const done = await interrupted(running, signal);
    expect([done.code, done.signal]).toEqual([code, null]);
  });

  test('emulator serve ends, and its root certificate with it', async () => {
    const site = await openSite();
    const running = start(['emulator', 'serve', '-o', 'json'], {
      environment: { HOME: site.home },
    });
    await running.says('Ctrl-C ends it');
    const before = (await site.shell('find .local -name "*.pem"')).stdout;
    const done = await interrupted(running, signal);
    expect(done.code).toBe(code);
    expect(before).toContain('emulator-root-');
    expect((await site.shell('find .local -name "*.pem"')).stdout).toBe('');
  });
});

test('the second signal ends it at once, whatever it does', async () => {
  const site = await openSite({ faults: ['delay=1h@list'], wait: forEver });
  const running = site.start('list');
  await site.arrived('list');
  running.child.kill('SIGINT');
  running.child.kill('SIGINT');
  const done = await running.done;
  expect(done.code === 130 || done.signal === 'SIGINT').toBe(true);
});

test('--deadline during a write: says that it is not known, and what was there before', async () => {
  const site = await openSite({ faults: ['delay=1h@generateKey'], wait: forEver });
  await site.run('create A -o none');
  const done = await site.run('generate-key A --kty oct --use sig --deadline 5s -o json');
  expect([done.code, done.stdout, failure(done)]).toMatchObject([
    8,
    '',
    {
      error: {
        kind: 'network',
        message: expect.stringMatching(
          /^it is not known whether the attempt to add a key to B2C_1A_A/,
        ),
        hint: expect.stringContaining('policykeys get B2C_1A_A; kids before: none'),
      },
    },
  ]);
  expect(site.received.filter((one) => one.operation === 'generateKey')).toHaveLength(1);
});
