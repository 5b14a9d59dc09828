/** The Failure that something ends in; anything else, success included, fails the test. */
import { inspect } from 'node:util';
import { Failure, type FailureKind } from '../../src/failure.ts';

export function caught(work: () => unknown): Failure {
  let value: unknown;
  try {
    value = work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error(`no failure, but ${inspect(value)}`);
}

export async function caughtLater(work: () => Promise<unknown>): Promise<Failure> {
  let value: unknown;
  try {
    value = await work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error(`no failure, but ${inspect(value)}`);
}

/** What `work` gives, or `undefined` when it fails as `kind`; everything else is thrown. */
export function unlessRefused<T>(kind: FailureKind, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Failure && error.kind === kind) return undefined;
    throw error;
  }
}

/** Everything that could ever be printed of a failure: message, hint, details, stack and causes. */
export function everythingOf(failure: unknown): string {
  const texts: string[] = [];
  for (let error = failure; error instanceof Error; error = error.cause)
    texts.push(error.message, error.stack ?? '', inspect(error, { depth: 8, showHidden: true }));
  return texts.join('\n');
}
