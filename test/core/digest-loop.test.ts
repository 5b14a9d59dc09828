import { hash } from 'node:crypto';
import fc from 'fast-check';
import { digestLoop } from '../../src/core/digest-loop.ts';

/** The same by node:crypto. */
function again(digest: string, value: Buffer, times: number): Buffer {
  let last = value;
  for (let time = 0; time < times; time += 1) last = hash(digest, last, 'buffer');
  return last;
}

describe.each(['sha1', 'sha224', 'sha256', 'sha384', 'sha512'])('%s', (digest) => {
  const loop = digestLoop(digest)!;
  const start = hash(digest, 'policykeys', 'buffer');

  test.each([0, 1, 2, 3, 10, 1_000, 4_999, 5_000, 5_001, 12_345])('%d times', (times) => {
    expect(loop(start, times)).toEqual(again(digest, start, times));
  });

  test('of any digest', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: start.length, maxLength: start.length }),
        fc.integer({ min: 1, max: 5 }),
        (bytes, times) => {
          const value = Buffer.from(bytes);
          const before = Buffer.from(value);
          expect(loop(value, times)).toEqual(again(digest, before, times));
          expect(value).toEqual(before);
        },
      ),
    );
  });

  test('what was given before does not change afterwards', () => {
    const first = loop(start, 5);
    const copy = Buffer.from(first);
    loop(first, 7);
    expect(first).toEqual(copy);
  });
});

test('other digests have none', () => {
  for (const digest of ['md5', 'sha3-256', 'constructor', '']) expect(digestLoop(digest)).toBeUndefined(); // prettier-ignore
});
