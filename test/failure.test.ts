import { asFailure, errorCode, errorText, exitCodes, Failure, isFailure } from '../src/failure.ts';

test('exit codes are those of cli.md section 4', () => {
  expect(exitCodes).toEqual({
    bug: 1, usage: 2, input: 3, auth: 4, 'not-found': 5, conflict: 6, service: 7, network: 8, permission: 9, finding: 10,
    cancelled: 130,
  }); // prettier-ignore
});

test.each([
  ['bug', 1],
  ['usage', 2],
  ['input', 3],
  ['auth', 4],
  ['not-found', 5],
  ['conflict', 6],
  ['service', 7],
  ['network', 8],
  ['permission', 9],
  ['cancelled', 130],
] as const)('%s exits %d', (kind, code) => {
  expect(new Failure(kind, 'x').exitCode).toBe(code);
});

test('a signal has its own', () => {
  expect(new Failure('cancelled', 'x', { signal: 'SIGINT' }).exitCode).toBe(130);
  expect(new Failure('cancelled', 'x', { signal: 'SIGTERM' }).exitCode).toBe(143);
});

describe('a failure', () => {
  const cause = new Error('the cause');
  const failure = new Failure('service', 'message', {
    hint: 'hint',
    cause,
    status: 503,
    requestId: 'r',
  });

  test('is an error with a name, a cause and a hint', () => {
    expect(failure).toBeInstanceOf(Error);
    expect(failure).toMatchObject({
      name: 'Failure',
      kind: 'service',
      message: 'message',
      hint: 'hint',
      cause,
    });
    expect(String(failure)).toBe('Failure: message');
  });

  test('has no cause where there is none', () => {
    expect('cause' in new Failure('bug', 'x')).toBe(false);
    expect('cause' in new Failure('bug', 'x', { cause: undefined })).toBe(false);
    expect(new Failure('bug', 'x').hint).toBeUndefined();
  });

  test('with further facts is the same failure, caused as before', () => {
    const more = failure.with({ hint: 'another', transient: true });
    expect(more).not.toBe(failure);
    expect(more).toMatchObject({ kind: 'service', message: 'message', hint: 'another', cause });
    expect(more.details).toMatchObject({ status: 503, requestId: 'r', transient: true });
    expect(failure.hint).toBe('hint');
  });

  test('without a cause of its own becomes the cause', () => {
    const bare = new Failure('usage', 'x');
    expect(bare.with({ hint: 'y' }).cause).toBe(bare);
  });

  test('can lose what would say too much', () => {
    expect('cause' in failure.with({ cause: undefined })).toBe(false);
    expect(failure.with({ hint: undefined }).hint).toBeUndefined();
  });
});

test('isFailure tells kinds apart', () => {
  const failure = new Failure('not-found', 'x');
  expect(isFailure(failure)).toBe(true);
  expect(isFailure(failure, 'not-found')).toBe(true);
  expect(isFailure(failure, 'conflict')).toBe(false);
  for (const other of [new Error('x'), { kind: 'not-found' }, null, undefined, 'not-found'])
    expect(isFailure(other, 'not-found')).toBe(false);
});

describe('whatever was thrown', () => {
  test('a Failure stays what it is', () => {
    const failure = new Failure('usage', 'x');
    expect(asFailure(failure)).toBe(failure);
  });

  test.each([
    [new Error('boom'), 'unforeseen: boom'],
    [new TypeError('x is not a function'), 'unforeseen: x is not a function'],
    ['text', 'unforeseen: text'],
    [undefined, 'unforeseen: undefined'],
    [null, 'unforeseen: null'],
    [5, 'unforeseen: 5'],
    [Symbol('s'), 'unforeseen: Symbol(s)'],
    [{ message: 'of another realm', code: 'ENOENT' }, 'unforeseen: of another realm'],
    [{ message: 5 }, 'unforeseen: [object Object]'],
  ])('%p is a bug', (thrown, message) => {
    const failure = asFailure(thrown);
    expect(failure).toMatchObject({ kind: 'bug', message, exitCode: 1 });
    expect(failure.hint).toContain('--debug');
    if (thrown !== undefined) expect(failure.cause).toBe(thrown);
  });

  test('its code', () => {
    expect(errorCode(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT');
    expect(errorCode({ code: 'UND_ERR_SOCKET' })).toBe('UND_ERR_SOCKET');
    for (const other of [new Error('x'), { code: 5 }, null, undefined, 'ENOENT'])
      expect(errorCode(other)).toBeUndefined();
    expect(errorText(new Error('x'))).toBe('x');
  });
});
