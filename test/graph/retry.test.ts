import fc from 'fast-check';
import { Failure } from '../../src/failure.ts';
import { decideRetry, maxWaitMs, parseRetryAfter, type Attempts } from '../../src/graph/retry.ts';

const now = Date.parse('2026-11-23T17:00:00Z');
const transient = (retryAfterMs?: number): Failure =>
  new Failure('service', 'x', { transient: true, retryAfterMs });
const first: Attempts = {
  failed: 1,
  maxRetries: 5,
  remainingMs: Number.POSITIVE_INFINITY,
  random: 0,
};

describe('Retry-After', () => {
  test.each<[string | undefined, number | undefined]>([
    ['0', 0],
    ['1', 1000],
    ['120', 120_000],
    [' 5 ', 5000],
    ['999999999', 999_999_999_000],
    ['Mon, 23 Nov 2026 17:00:10 GMT', 10_000],
    ['Mon, 23 Nov 2026 17:00:00 GMT', 0],
    ['Mon, 23 Nov 2026 16:59:00 GMT', 0],
    ['Monday, 23-Nov-26 17:00:10 GMT', 10_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
    [undefined, undefined],
    ['', undefined],
    ['  ', undefined],
    ['-5', undefined],
    ['+5', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['5s', undefined],
    ['5, 5', undefined],
    ['1234567890', undefined],
    ['soon', undefined],
    ['soon 5', undefined],
    ['A 5', undefined],
    ['now', undefined],
    ['Infinity', undefined],
    ['NaN', undefined],
    ['2026-11-23T17:00:10Z', undefined],
    ['Nov 23 2026', undefined],
    ['Mon, 99 Nov 2026 17:00:10 GMT', undefined],
    ['Mon, 23 Nov 2026 17:00:10', undefined],
    ['Mon, 23 Nov 2026 17:00:10 +0500', undefined],
    ['٥', undefined],
  ])('%j is %d', (header, waitMs) => {
    expect(parseRetryAfter(header, now)).toBe(waitMs);
  });

  test('any header is a wait or nothing', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        const waitMs = parseRetryAfter(header, now);
        if (waitMs !== undefined) expect(waitMs).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('whether and when to try again', () => {
  test('only what may be sent again', () => {
    expect(decideRetry(new Failure('service', 'x'), first)).toEqual({ stop: 'final' });
    expect(decideRetry(new Failure('service', 'x', { transient: false }), first)).toEqual({
      stop: 'final',
    });
    expect(decideRetry(new Failure('service', 'x', { retryAfterMs: 5 }), first)).toEqual({
      stop: 'final',
    });
    expect(decideRetry(transient(), first)).toEqual({ waitMs: 250 });
  });

  test('half a second, doubling to thirty; half of it is chance', () => {
    const waits = (random: number): unknown[] =>
      Array.from({ length: 10 }, (_, index) =>
        decideRetry(transient(), { ...first, failed: index + 1, maxRetries: 99, random }),
      );
    const whole = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000];
    expect(waits(1)).toEqual(whole.map((waitMs) => ({ waitMs })));
    expect(waits(0)).toEqual(whole.map((waitMs) => ({ waitMs: waitMs / 2 })));
  });

  test('as often as was allowed', () => {
    const at = (failed: number, maxRetries: number): unknown =>
      decideRetry(transient(), { ...first, failed, maxRetries });
    expect(at(1, 0)).toEqual({ stop: 'exhausted' });
    expect(at(5, 5)).toHaveProperty('waitMs');
    expect(at(6, 5)).toEqual({ stop: 'exhausted' });
    expect(at(999, 999)).toHaveProperty('waitMs');
  });

  test('what the service asks for is kept, and a little more', () => {
    expect(decideRetry(transient(7000), first)).toEqual({ waitMs: 7000 });
    expect(decideRetry(transient(7000), { ...first, random: 1 })).toEqual({ waitMs: 7250 });
    expect(decideRetry(transient(0), { ...first, failed: 4, random: 1 })).toEqual({ waitMs: 250 });
  });

  test('two minutes at the most, whatever chance adds', () => {
    for (const random of [0, 0.5, 1]) {
      expect(decideRetry(transient(maxWaitMs), { ...first, random })).toHaveProperty('waitMs');
      expect(decideRetry(transient(maxWaitMs), { ...first, random })).not.toHaveProperty('stop');
      expect(decideRetry(transient(maxWaitMs + 1), { ...first, random })).toMatchObject({
        stop: 'too-long',
      });
    }
    expect(decideRetry(transient(3_600_000), first)).toEqual({
      stop: 'too-long',
      waitMs: 3_600_000,
    });
  });

  test('never past the deadline', () => {
    const within = (remainingMs: number): unknown =>
      decideRetry(transient(5000), { ...first, remainingMs });
    expect(within(5000)).toEqual({ waitMs: 5000 });
    expect(within(4999)).toEqual({ stop: 'too-long', waitMs: 5000 });
    expect(within(0)).toMatchObject({ stop: 'too-long' });
    expect(within(-1)).toMatchObject({ stop: 'too-long' });
  });

  test('a wait is a whole number of milliseconds within its bounds', () => {
    const asked = fc.option(fc.nat(maxWaitMs * 2), { nil: undefined });
    fc.assert(
      fc.property(
        asked, fc.integer({ min: 1, max: 999 }), fc.nat(999), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(200_000),
        (retryAfterMs, failed, maxRetries, random, remainingMs) => {
          const decision = decideRetry(transient(retryAfterMs), { failed, maxRetries, random, remainingMs });
          if ('stop' in decision) {
            if (decision.stop === 'exhausted') expect(failed).toBeGreaterThan(maxRetries);
            return;
          }
          expect(Number.isInteger(decision.waitMs)).toBe(true);
          expect(decision.waitMs).toBeGreaterThanOrEqual(retryAfterMs ?? 250);
          expect(decision.waitMs).toBeLessThanOrEqual(retryAfterMs === undefined ? 30_000 : retryAfterMs + 250);
          expect(decision.waitMs).toBeLessThanOrEqual(remainingMs);
          expect(failed).toBeLessThanOrEqual(maxRetries);
        },
      ),
    ); // prettier-ignore
  });
});
