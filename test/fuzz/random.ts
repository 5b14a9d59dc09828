/** Chance that can be had again: the same seed gives the same choices. */
import { createHash } from 'node:crypto';

export interface Random {
  /** 0 … `bound` - 1. */
  below(bound: number): number;
  /** `least` … `most`; near `least` more often. */
  between(least: number, most: number): number;
  /** True once in `times`. */
  once(times: number): boolean;
  pick<T>(values: readonly T[]): T;
  bytes(size: number): Buffer;
}

/** `sfc32` by Chris Doty-Humphrey, begun with a digest of `seed`. */
export function randomFrom(seed: string): Random {
  const state = Uint32Array.from({ length: 4 }, () => 0);
  const digest = createHash('sha256').update(seed).digest();
  for (let index = 0; index < 4; index += 1) state[index] = digest.readUInt32LE(4 * index);
  const next = (): number => {
    const [a = 0, b = 0, c = 0, counter = 0] = state;
    const sum = (a + b + counter) >>> 0;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + sum;
    state[3] = counter + 1;
    return sum;
  };
  for (let round = 0; round < 12; round += 1) next();
  const below = (bound: number): number => Math.floor((next() / 2 ** 32) * bound);
  return {
    below,
    between: (least, most) => least + Math.floor((next() / 2 ** 32) ** 3 * (most - least + 1)),
    once: (times) => below(times) === 0,
    pick<T>(values: readonly T[]): T {
      const value = values[below(values.length)];
      if (value === undefined) throw new Error('nothing to pick from');
      return value;
    },
    bytes: (size) => Buffer.from(Uint8Array.from({ length: size }, () => below(256))),
  };
}
