import { jest } from '@jest/globals';
import { PassThrough, Writable } from 'node:stream';
import { Failure } from '../../src/failure.ts';
import type { ExchangeLine } from '../../src/edge/graph.ts';
import type { Terminal, TerminalOptions } from '../../src/edge/terminal.ts';
import { caughtLater } from '../support/caught.ts';

/** Spinners that have been started and not stopped. */
let spinning = 0;
let spinnersMade = 0;
const drawn: string[] = [];
jest.unstable_mockModule('ora', () => ({
  default: () => ({
    start() {
      spinning += 1;
      spinnersMade += 1;
      return this;
    },
    stop() {
      spinning -= 1;
    },
    clear() {
      drawn.push('clear');
    },
    render() {
      drawn.push('render');
    },
  }),
}));
const { openPaint, openTerminal } = await import('../../src/edge/terminal.ts');

const secret = 'planted-typed-secret-41';

class FakeScreen extends Writable {
  readonly isTTY: boolean;
  readonly columns: number;
  text = '';

  constructor(isTTY: boolean, columns = 80) {
    super();
    this.isTTY = isTTY;
    this.columns = columns;
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

class FakeKeyboard extends PassThrough {
  readonly isTTY = true;
  isRaw = false;

  setRawMode(raw: boolean): this {
    this.isRaw = raw;
    return this;
  }
}

interface Setup {
  readonly terminal: Terminal;
  readonly screen: FakeScreen;
  readonly keyboard: FakeKeyboard;
  readonly cancel: AbortController;
  /** How often stdin was wanted. */
  readonly opened: () => number;
}

async function open({
  tty = true,
  ...options
}: Partial<TerminalOptions> & { readonly tty?: boolean } = {}): Promise<Setup> {
  const screen = new FakeScreen(tty);
  const keyboard = new FakeKeyboard();
  const cancel = new AbortController();
  let opened = 0;
  const terminal = await openTerminal({
    stdin: () => {
      opened += 1;
      return keyboard;
    },
    stdinIsTerminal: tty,
    stderr: screen,
    verbosity: 'normal',
    yes: false,
    mayAsk: true,
    color: 'never',
    cancelled: cancel.signal,
    ...options,
  });
  return { terminal, screen, keyboard, cancel, opened: () => opened };
}

/** Types once the question is on the screen. */
async function type({ screen, keyboard }: Setup, ...keys: string[]): Promise<void> {
  while (!/[?:] (?:\[y\/N\] )?/.test(screen.text)) await new Promise(setImmediate);
  for (const key of keys) {
    keyboard.write(key);
    await new Promise(setImmediate);
  }
}

const line: ExchangeLine = {
  method: 'GET',
  url: 'https://graph.example/beta/x',
  status: 200,
  ms: 12.4,
  requestHeaders: { accept: 'application/json', 'x-token': secret },
  responseHeaders: {
    'request-id': 'r-1\u001b[2J',
    'set-cookie': secret,
    'www-authenticate': secret,
    'content-type': 'application/json',
  },
};

describe('what is said', () => {
  const everything = ({ terminal, screen }: Setup): string => {
    terminal.note('a note');
    terminal.warn('a warning');
    terminal.waiting('busy', 1500);
    terminal.sent(line);
    return screen.text;
  };

  test('normally: notes, warnings and waiting', async () => {
    expect(everything(await open({ tty: false }))).toBe(
      'note: a note\nwarning: a warning\nnote: busy; waiting 1.5 s\n',
    );
  });

  test('quiet: nothing', async () => {
    expect(everything(await open({ verbosity: 'quiet' }))).toBe('');
  });

  test('verbose: a line for each request, too', async () => {
    expect(everything(await open({ verbosity: 'verbose' }))).toContain(
      'GET https://graph.example/beta/x 200 12 ms request-id r-1?[2J\n',
    );
  });

  test('debug: headers, too, and only the ones that are known to be harmless', async () => {
    const text = everything(await open({ verbosity: 'debug' }));
    expect(text).toContain('  > accept: application/json\n');
    expect(text).toContain('  > x-token: [redacted]\n');
    expect(text).toContain('  < set-cookie: [redacted]\n');
    expect(text).not.toContain(secret);
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  test.each([
    ['auto', true, true],
    ['auto', false, false],
    ['always', false, true],
    ['never', true, false],
  ] as const)('colours: %s, terminal %s', async (color, tty, coloured) => {
    const { terminal, screen } = await open({ color, tty });
    terminal.warn('x');
    expect(screen.text.includes('\u001b[')).toBe(coloured);
    const paint = await openPaint(color, screen);
    expect(paint('bad', 'x') === 'x').toBe(!coloured);
  });
});

describe('a hidden question', () => {
  test.each([
    ['stdin is no terminal', { stdinIsTerminal: false }],
    ['stderr is no terminal', { stderr: new FakeScreen(false) }],
    ['--no-input', { mayAsk: false }],
  ])('cannot be asked when %s', async (_, options) => {
    const { terminal, opened } = await open(options);
    expect(terminal.askHidden).toBeUndefined();
    expect(opened()).toBe(0);
  });

  test('gives what was typed, and shows nothing of it', async () => {
    const setup = await open();
    const asking = setup.terminal.askHidden!('Secret');
    await type(setup, ...Array.from(secret), '\u007f', '\u001b[A', 'X');
    expect(setup.keyboard.isRaw).toBe(true);
    await type(setup, '\r');
    expect((await asking).reveal()).toBe(`${secret.slice(0, -1)}X`);
    expect(setup.screen.text).toBe('Secret: \n');
    expect(setup.keyboard.isRaw).toBe(false);
    expect(setup.keyboard.isPaused()).toBe(true);
  });

  test('pasted at once, with what comes after', async () => {
    const setup = await open();
    const asking = setup.terminal.askHidden!('Secret');
    await type(setup, `${secret}\rmore\r`);
    expect((await asking).reveal()).toBe(secret);
    expect(setup.screen.text).toBe('Secret: \n');
  });

  test('may be asked twice', async () => {
    const setup = await open();
    const first = setup.terminal.askHidden!('One');
    await type(setup, 'a\r');
    expect((await first).reveal()).toBe('a');
    setup.screen.text = '';
    const second = setup.terminal.askHidden!('Two');
    await type(setup, 'b\r');
    expect((await second).reveal()).toBe('b');
  });

  test.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('%s cancels', async (_, key) => {
    const setup = await open();
    const asking = caughtLater(() => setup.terminal.askHidden!('Secret'));
    await type(setup, ...(key === '\u0003' ? ['typed'] : []), key);
    const failure = await asking;
    expect([failure.kind, failure.exitCode]).toEqual(['cancelled', 130]);
    expect(setup.keyboard.isRaw).toBe(false);
    expect(setup.screen.text).toBe('Secret: \n');
  });

  test('the end of stdin cancels', async () => {
    const setup = await open();
    const asking = caughtLater(() => setup.terminal.askHidden!('Secret'));
    await type(setup);
    setup.keyboard.end();
    expect((await asking).exitCode).toBe(130);
  });

  const why = new Failure('network', '--deadline 5s has passed');

  test('is withdrawn when the command is ended', async () => {
    const setup = await open();
    const asking = caughtLater(() => setup.terminal.askHidden!('Secret'));
    await type(setup, 'half');
    setup.cancel.abort(why);
    expect(await asking).toBe(why);
    expect(setup.keyboard.isRaw).toBe(false);
  });

  test('is not asked any more once the command has been ended', async () => {
    const setup = await open();
    setup.cancel.abort(why);
    expect(await caughtLater(() => setup.terminal.askHidden!('Secret'))).toBe(why);
    expect(setup.keyboard.isRaw).toBe(false);
  });
});

describe('a confirmation', () => {
  const deed = 'deletes B2C_1A_X';
  const question = () => Promise.resolve('Delete B2C_1A_X?');
  const never = () => Promise.reject(new Error('the question is not wanted'));

  test('--yes answers, and nothing is shown', async () => {
    const { terminal, screen, opened } = await open({ yes: true });
    await terminal.confirm(deed, never);
    expect([screen.text, opened()]).toEqual(['', 0]);
  });

  test('where nobody can be asked: usage, before the question is composed', async () => {
    for (const options of [{ tty: false }, { mayAsk: false }]) {
      const { terminal, opened } = await open(options);
      const failure = await caughtLater(() => terminal.confirm(deed, never));
      expect([failure.kind, failure.exitCode]).toEqual(['usage', 2]);
      expect(failure.message).toBe('this deletes B2C_1A_X, and nobody can be asked');
      expect(failure.hint).toContain('--yes');
      expect(opened()).toBe(0);
    }
  });

  test.each(['y', 'Y', 'yes', 'YES', ' yes '])('%j is yes', async (answer) => {
    const setup = await open();
    const asking = setup.terminal.confirm(deed, question);
    await type(setup, `${answer}\r`);
    await asking;
    expect(setup.screen.text).toContain('Delete B2C_1A_X? [y/N] ');
    expect(setup.keyboard.isRaw).toBe(false);
  });

  test.each(['', 'n', 'no', 'yess', 'ye', 'ja', '1', 'y y'])('%j is no', async (answer) => {
    const setup = await open();
    const asking = caughtLater(() => setup.terminal.confirm(deed, question));
    await type(setup, `${answer}\r`);
    const failure = await asking;
    expect([failure.kind, failure.exitCode]).toEqual(['cancelled', 130]);
    expect(failure.message).toContain('nothing was changed');
  });

  test('the question stays when the answer is corrected', async () => {
    const setup = await open();
    const asking = setup.terminal.confirm(deed, question);
    await type(setup, 'n');
    setup.screen.text = '';
    setup.keyboard.write('\u007f');
    await new Promise(setImmediate);
    expect(setup.screen.text).toContain('Delete B2C_1A_X? [y/N] ');
    setup.keyboard.write('y\r');
    await asking;
  });

  test('Ctrl-C cancels', async () => {
    const setup = await open();
    const asking = caughtLater(() => setup.terminal.confirm(deed, question));
    await type(setup, 'y', '\u0003');
    expect((await asking).exitCode).toBe(130);
  });
});

describe('the spinner', () => {
  beforeEach(() => {
    spinnersMade = 0;
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  });
  afterEach(() => {
    expect(spinning).toBe(0);
    jest.useRealTimers();
  });

  /** Lets the package be loaded. */
  const settled = async (): Promise<void> => {
    for (let n = 0; n < 5; n += 1) await new Promise(setImmediate);
  };

  test('shows only after a while', async () => {
    const { terminal } = await open();
    terminal.start();
    jest.advanceTimersByTime(299);
    await settled();
    expect(spinning).toBe(0);
    jest.advanceTimersByTime(1);
    await settled();
    expect(spinning).toBe(1);
    terminal.stop();
    expect(spinning).toBe(0);
  });

  test('makes room for what is said, and goes on', async () => {
    const { terminal } = await open();
    terminal.start();
    jest.advanceTimersByTime(300);
    await settled();
    drawn.length = 0;
    terminal.note('x');
    expect(drawn).toEqual(['clear', 'render']);
    expect(spinning).toBe(1);
    terminal.stop();
  });

  test('that was stopped while its package was loading does not come', async () => {
    const { terminal } = await open();
    terminal.start();
    jest.advanceTimersByTime(300);
    terminal.stop();
    await settled();
    expect(spinnersMade).toBe(0);
  });

  test('that was stopped and started anew while its package was loading comes once', async () => {
    const { terminal } = await open();
    terminal.start();
    jest.advanceTimersByTime(300);
    terminal.stop();
    terminal.start();
    await settled();
    expect(spinning).toBe(0);
    jest.advanceTimersByTime(300);
    await settled();
    expect([spinning, spinnersMade]).toEqual([1, 1]);
    terminal.stop();
  });

  test.each([
    ['no terminal', { tty: false }],
    ['--quiet', { verbosity: 'quiet' }],
    ['--verbose', { verbosity: 'verbose' }],
    ['--debug', { verbosity: 'debug' }],
    ['a terminal of no width', { stderr: new FakeScreen(true, 0) }],
  ] as const)('does not show with %s', async (_, options) => {
    const { terminal } = await open(options);
    terminal.start();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('does not show once the command has been ended', async () => {
    const { terminal, cancel } = await open();
    cancel.abort();
    terminal.start();
    expect(jest.getTimerCount()).toBe(0);
  });
});
