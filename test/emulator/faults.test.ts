import type { World } from '../../src/emulator/exchange.ts';
import { faultAnswer, parseFault, takeFault } from '../../src/emulator/faults.ts';
import { isFailure } from '../../src/failure.ts';
import { checkResponse } from '../support/openapi.ts';

const world: World = {
  now: () => Date.UTC(2026, 0, 5, 10, 20, 30),
  randomBytes: (size) => Buffer.alloc(size),
  uuid: () => '00000000-0000-4000-8000-000000000000',
};
const request = { method: 'GET', path: '/beta/trustFramework/keySets', headers: {}, body: '' };

test.each([
  ['429', { effect: { type: 'status', status: 429 }, count: 1 }],
  ['429=2', { effect: { type: 'status', status: 429, retryAfterSeconds: 2 }, count: 1 }],
  ['503:3', { effect: { type: 'status', status: 503 }, count: 3 }],
  ['500@list:*', { effect: { type: 'status', status: 500 }, operation: 'list', count: Infinity }],
  [
    'AADB2C90063@uploadSecret',
    { effect: { type: 'code', code: 'AADB2C90063' }, operation: 'uploadSecret', count: 1 },
  ],
  ['reset-before@token', { effect: { type: 'reset-before' }, operation: 'token', count: 1 }],
  ['reset-after', { effect: { type: 'reset-after' }, count: 1 }],
  ['garbage', { effect: { type: 'garbage' }, count: 1 }],
  ['truncated:2', { effect: { type: 'truncated' }, count: 2 }],
  ['delay=2s', { effect: { type: 'delay', ms: 2000 }, count: 1 }],
  ['delay=150ms@get', { effect: { type: 'delay', ms: 150 }, operation: 'get', count: 1 }],
])('%s', (spec, fault) => {
  expect(parseFault(spec)).toEqual(fault);
});

test.each([
  '', '418', '500=2', '429=x', '429=', 'reset', 'AADB2C99999', 'delay', 'delay=1y', 'delay=soon',
  '500@nothing', '500@', '500:0', '500:-1', '500:', '500@list:2:3', '429=1=2',
])('%j is refused', (spec) => {
  const thrown = ((): unknown => {
    try {
      return parseFault(spec);
    } catch (error) {
      return error;
    }
  })();
  expect(isFailure(thrown, 'usage')).toBe(true);
}); // prettier-ignore

describe('takeFault', () => {
  test('takes the first that concerns the operation, and counts', () => {
    const faults = ['500@list:2', '503', '502:*'].map(parseFault);
    const first = takeFault(faults, 'list');
    expect(first.fault?.effect).toEqual({ type: 'status', status: 500 });
    const second = takeFault(first.rest, 'list');
    expect(second.fault?.effect).toEqual({ type: 'status', status: 500 });
    const third = takeFault(second.rest, 'list');
    expect(third.fault?.effect).toEqual({ type: 'status', status: 503 });
    const fourth = takeFault(third.rest, undefined);
    expect(fourth.fault?.effect).toEqual({ type: 'status', status: 502 });
    expect(fourth.rest).toEqual([parseFault('502:*')]);
    expect(faults).toHaveLength(3);
  });

  test('leaves the faults of other operations', () => {
    const faults = [parseFault('500@list')];
    expect(takeFault(faults, 'get')).toEqual({ rest: faults });
    expect(takeFault([], 'get')).toEqual({ rest: [] });
  });
});

describe('faultAnswer', () => {
  test.each([
    ['429=7', 429, 'TooManyRequests'],
    ['500', 500, 'InternalServerError'],
    ['502', 502, 'UnknownError'],
    ['503', 503, 'ServiceUnavailable'],
    ['504', 504, 'UnknownError'],
    ['AADB2C90063', 500, 'AADB2C90063'],
    ['AADB2C95053', 409, 'AADB2C95053'],
  ])('%s answers %d %s', (spec, status, code) => {
    const { effect } = parseFault(spec);
    if (effect.type !== 'status' && effect.type !== 'code') throw new Error(effect.type);
    const answer = faultAnswer(effect, 'list', request, world);
    const body: unknown = JSON.parse(answer.body ?? '');
    expect(answer.status).toBe(status);
    expect(body).toMatchObject({ error: { code } });
    expect(answer.headers['retry-after']).toBe(spec === '429=7' ? '7' : undefined);
    checkResponse('GET', '/trustFramework/keySets', {
      status,
      contentType: answer.headers['content-type'],
      body,
    });
    const token = faultAnswer(effect, 'token', request, world);
    expect(JSON.parse(token.body ?? '')).toMatchObject({ error: 'temporarily_unavailable' });
  });
});
