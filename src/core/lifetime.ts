/** Times and durations as users write them, NumericDate (RFC 7519 section 2) as the service has them. */
import { Failure } from '../failure.ts';

/** Seconds since 1970-01-01T00:00:00Z, without leap seconds. */
export type NumericDate = number;

export const second = 1;
export const minute = 60;
export const hour = 3600;
export const day = 86_400;

export interface Duration {
  /** Calendar months: `1y` is 12, so that a year from 31 January is 31 January. */
  readonly months: number;
  readonly seconds: number;
}

const units: Readonly<Record<string, Duration>> = {
  s: { months: 0, seconds: second },
  m: { months: 0, seconds: minute },
  h: { months: 0, seconds: hour },
  d: { months: 0, seconds: day },
  w: { months: 0, seconds: 7 * day },
  y: { months: 12, seconds: 0 },
};

// ISO 8601-1:2019 section 5.5.2, whole numbers only.
const iso8601 =
  /^P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/i;

/** `45s`, `30m`, `12h`, `30d`, `2w`, `1y` or ISO 8601 (`P1Y6M`, `PT30M`); `undefined` for anything else. */
export function readDuration(text: string): Duration | undefined {
  // Small letters only: 6M would be six months to its author.
  const short = /^(\d{1,9})([smhdwy])$/.exec(text);
  if (short) {
    const unit = units[short[2] ?? ''];
    const count = Number(short[1]);
    return unit && { months: unit.months * count, seconds: unit.seconds * count };
  }
  const long = iso8601.exec(text);
  if (!long || text.length > 40) return undefined;
  const [years, months, weeks, days, hours, minutes, seconds] = long
    .slice(1)
    .map((part: string | undefined) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    months: years * 12 + months,
    seconds: weeks * 7 * day + days * day + hours * hour + minutes * minute + seconds,
  };
}

export function parseDuration(text: string): Duration {
  const duration = readDuration(text.trim());
  if (duration === undefined)
    throw new Failure('usage', `"${text}" is not a duration`, {
      hint: 'write 45s, 30m, 12h, 30d, 1y or ISO 8601 such as P1Y6M',
    });
  return duration;
}

/** Milliseconds of a duration that is too short for calendars to matter: a month is 30 days, a year 365. */
export const durationMs = (duration: Duration): number =>
  (Math.floor(duration.months / 12) * 365 * day +
    (duration.months % 12) * 30 * day +
    duration.seconds) *
  1000;

/** Months first, the day of the month kept where that month has it, then seconds. */
export function addDuration(start: NumericDate, duration: Duration): NumericDate {
  const from = new Date(start * 1000);
  const month = from.getUTCMonth() + duration.months;
  const lastDay = new Date(Date.UTC(from.getUTCFullYear(), month + 1, 0)).getUTCDate();
  const shifted = Date.UTC(
    from.getUTCFullYear(),
    month,
    Math.min(from.getUTCDate(), lastDay),
    from.getUTCHours(),
    from.getUTCMinutes(),
    from.getUTCSeconds(),
  );
  return Math.floor(shifted / 1000) + duration.seconds;
}

/** The last instant that four digits can name; nothing after it is a date somebody meant. */
const latest: NumericDate = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;

// RFC 3339 section 5.6; a date alone is midnight UTC.
const rfc3339 =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(Z|z|[+-]\d{2}:\d{2})?)?$/;

const timeForms =
  'write 2027-01-31, 2027-01-31T00:00:00Z, now, a time from now such as 90d or 1y, or seconds since 1970';

const notATime = (text: string, hint = timeForms): Failure =>
  new Failure('usage', `"${text}" is not a time`, { hint });

function parseCalendar(text: string, parts: RegExpExecArray): NumericDate {
  const [year, month, date, hours, minutes, seconds] = parts
    .slice(1, 7)
    .map((part: string | undefined) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const zone = parts[7];
  if (parts[4] !== undefined && zone === undefined)
    throw notATime(text, `say which zone: ${text.replace(' ', 'T')}Z for UTC`);
  const utc = new Date(0);
  utc.setUTCFullYear(year, month - 1, date);
  utc.setUTCHours(hours, minutes, Math.min(seconds, 59), 0);
  if (
    utc.getUTCMonth() !== month - 1 ||
    utc.getUTCDate() !== date ||
    hours > 23 ||
    minutes > 59 ||
    seconds > 60
  )
    throw notATime(text, 'there is no such day or hour');
  const offset = zone === undefined || zone.length === 1 ? 0 : readOffset(text, zone);
  return utc.getTime() / 1000 - offset;
}

function readOffset(text: string, zone: string): number {
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4));
  if (hours > 23 || minutes > 59) throw notATime(text, 'there is no such zone');
  return (zone.startsWith('-') ? -1 : 1) * (hours * hour + minutes * minute);
}

/** `2027`, `202701`, `20270131` or `20270131235959`, which nobody means as a number. */
const compactDate =
  /^((?:19|2\d)\d{2})(?:(0[1-9]|1[0-2])(?:(0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?)?)?$/;

function parseNumber(text: string): NumericDate {
  const date = compactDate.exec(text);
  const dateMeant = date && `a date? write ${date[1] ?? ''}-${date[2] ?? '01'}-${date[3] ?? '01'}`;
  if (text.length > 11) {
    const meant = Number(text.slice(0, 10));
    throw new Failure('usage', `${text} is not in seconds`, {
      hint: dateMeant ?? `milliseconds? write ${String(meant)} (${isoTime(meant)})`,
    });
  }
  const value = Number(text);
  // A year (2027) or a compact date (20270131) is a legal NumericDate of 1970.
  if (value < 1_000_000_000)
    throw new Failure('usage', `${text} would be ${isoTime(value)}`, {
      hint: dateMeant ?? timeForms,
    });
  return value;
}

/** `--nbf` and `--exp`: RFC 3339, a date, `now`, a duration from now, or NumericDate seconds. */
export function parseTime(text: string, now: NumericDate): NumericDate {
  const trimmed = text.trim();
  const minutes = /^\+?(\d+)m$/.exec(trimmed)?.[1];
  // A key that was meant to live for a month would be gone in a minute.
  if (minutes !== undefined)
    throw new Failure('usage', `"${text}" could be minutes or months`, {
      hint: `write P${minutes}M for months, PT${minutes}M for minutes`,
    });
  const calendar = rfc3339.exec(trimmed);
  const duration = readDuration(trimmed.replace(/^\+/, ''));
  const time =
    trimmed.toLowerCase() === 'now'
      ? now
      : calendar
        ? parseCalendar(trimmed, calendar)
        : /^\d+$/.test(trimmed)
          ? parseNumber(trimmed)
          : duration && addDuration(now, duration);
  if (time === undefined) throw notATime(text);
  if (!(time <= latest)) throw notATime(text, 'it lies beyond the year 9999');
  if (time < 0) throw notATime(text, 'it lies before 1970');
  return time;
}

export interface Lifetime {
  readonly nbf?: NumericDate;
  readonly exp?: NumericDate;
}

/** The two ends of a key's life, as written; refused when no key could ever be used in between. */
export function parseLifetime(
  written: { readonly nbf?: string | undefined; readonly exp?: string | undefined },
  now: NumericDate,
): Lifetime {
  const nbf = written.nbf === undefined ? undefined : parseTime(written.nbf, now);
  const exp = written.exp === undefined ? undefined : parseTime(written.exp, now);
  if (exp !== undefined && exp <= now) {
    const hint =
      readDuration((written.exp ?? '').trim()) || written.exp?.trim().toLowerCase() === 'now'
        ? 'choose a time that is still ahead'
        : `it is ${isoTime(now)} now; choose a later time, for example ${isoTime(addDuration(now, { months: 12, seconds: 0 }))}`;
    throw new Failure('usage', `--exp ${isoTime(exp)} is not in the future`, { hint });
  }
  if (exp !== undefined && nbf !== undefined && exp <= nbf)
    throw new Failure('usage', `--exp ${isoTime(exp)} is not after --nbf ${isoTime(nbf)}`, {
      hint: `choose a later --exp, for example ${isoTime(addDuration(nbf, { months: 12, seconds: 0 }))}`,
    });
  return { ...(nbf === undefined ? {} : { nbf }), ...(exp === undefined ? {} : { exp }) };
}

/** `2027-01-31T00:00:00Z`. A number that no calendar can show comes back as digits. */
export function isoTime(time: NumericDate): string {
  const date = new Date(time * 1000);
  return Number.isNaN(date.getTime()) ? String(time) : date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}

const steps: readonly (readonly [string, number])[] = [
  ['year', 365 * day],
  ['day', day],
  ['hour', hour],
  ['minute', minute],
];

/** A span in words, in the largest unit of which there are two: `68 days`, `3 years`, `90 minutes`. */
export function spanInWords(seconds: number): string {
  const span = Math.abs(seconds);
  for (const [name, size] of steps) {
    const count = Math.floor(span / size);
    if (count >= 2) return `${String(count)} ${name}s`;
  }
  return span >= minute ? 'a minute' : 'under a minute';
}

/** `in 68 days`, `3 days ago`. */
export const relativeTime = (time: NumericDate, now: NumericDate): string =>
  time > now ? `in ${spanInWords(time - now)}` : `${spanInWords(now - time)} ago`;
