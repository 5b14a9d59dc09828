/** A failed attempt -> wait this long, or stop (keysets-api.md section 5, "Throttling and headers"). */
import type { Failure } from '../failure.ts';

/** Past this the caller is told instead of kept waiting. */
export const maxWaitMs = 120_000;

/**
 * `Retry-After` in milliseconds from `now`: seconds, or a date (RFC 9110 section 10.2.3). Absent or
 * unreadable: `undefined`.
 */
const httpDate = /^[A-Z][a-z]+, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;

export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Date.parse alone makes a date of nearly anything: "-5" is a year, "soon 5" a day in May.
  const date = httpDate.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

export type Decision =
  | { readonly waitMs: number }
  | { readonly stop: 'final' | 'exhausted' }
  /** The service wants to be left alone for longer than we would wait. */
  | { readonly stop: 'too-long'; readonly waitMs: number };

export interface Attempts {
  /** Failed attempts so far, this one included. */
  readonly failed: number;
  readonly maxRetries: number;
  /** Milliseconds until `--deadline`. */
  readonly remainingMs: number;
  /** 0 to 1. */
  readonly random: number;
}

const firstWaitMs = 500;
const longestBackoffMs = 30_000;

/**
 * Exponential with jitter: 0.5 s doubling to 30 s, each between half and whole. What the service
 * asks for is kept, and a little added so that many clients do not return in the same instant.
 */
export function decideRetry(failure: Failure, attempts: Attempts): Decision {
  if (failure.details.transient !== true) return { stop: 'final' };
  const asked = failure.details.retryAfterMs;
  const backoff = Math.min(firstWaitMs * 2 ** (attempts.failed - 1), longestBackoffMs);
  const waitMs = Math.round(
    asked === undefined ? backoff * (0.5 + attempts.random / 2) : asked + attempts.random * 250,
  );
  if (attempts.failed > attempts.maxRetries) return { stop: 'exhausted' };
  if ((asked ?? 0) > maxWaitMs || waitMs > attempts.remainingMs)
    return { stop: 'too-long', waitMs };
  return { waitMs };
}
