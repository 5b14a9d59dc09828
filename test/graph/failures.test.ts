import fc from 'fast-check';
import type { KeySetId } from '../../src/core/keyset.ts';
import { parseKeySetId } from '../../src/core/keyset.ts';
import { Failure, type FailureKind } from '../../src/failure.ts';
import { graphFailure, parseGraphError, tame } from '../../src/graph/failures.ts';
import { createKeySet, generateKey, getKeySet, listKeySets } from '../../src/graph/operations.ts';
import type { GraphRequest, HttpResponse } from '../../src/graph/request.ts';

const now = Date.parse('2026-11-23T17:00:00Z');
const id: KeySetId = parseKeySetId('Example');
const get = getKeySet(id);
const add = generateKey(
  { id, before: { id, keys: [] }, awaitKeySet: false },
  { kty: 'RSA', use: 'sig' },
);

const response = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse => ({
  status,
  headers,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});
const failed = (
  status: number,
  code: string,
  message = 'a message',
  request: GraphRequest<unknown> = get,
): Failure => graphFailure(request, response(status, { error: { code, message } }), now);

describe('the codes of keysets-api.md section 5', () => {
  const codes: Readonly<Record<string, FailureKind>> = {
    // Seen in the wild.
    95028: 'conflict', 90073: 'not-found', 95032: 'conflict', 90213: 'input', 90215: 'conflict', 90063: 'service',
    // What only a bug of ours could bring about is nothing that the user can correct.
    95059: 'service', 90136: 'service', 90186: 'service', 90216: 'service', 90253: 'service', 95027: 'service',
    // Listed by Microsoft.
    90089: 'conflict', 90130: 'not-found', 90131: 'not-found', 90132: 'service', 90133: 'service', 90134: 'service',
    90135: 'service', 90137: 'input', 90138: 'input', 90179: 'input', 90180: 'conflict', 90214: 'input',
    90229: 'service', 90244: 'service', 95043: 'service', 95025: 'input', 95026: 'input', 95029: 'input', 95041: 'input',
    95030: 'input', 95037: 'input', 95031: 'input', 95033: 'input', 95034: 'input', 95035: 'input', 95036: 'input',
    95040: 'input', 95039: 'input', 95042: 'conflict', 95052: 'not-found', 95053: 'conflict',
  }; // prettier-ignore

  test.each(Object.entries(codes))(
    'AADB2C%s is %s, with every 4xx it may come with',
    (digits, kind) => {
      for (const status of [400, 404, 409, 422]) {
        const failure = failed(status, `AADB2C${digits}`);
        const known = kind !== 'service' || [90063, 90229, 90244, 95043].includes(Number(digits));
        if (known || status === 400 || status === 422) expect(failure.kind).toBe(kind);
        expect(failure.details).toMatchObject({ status, code: `AADB2C${digits}` });
        expect(failure.hint).toBeDefined();
      }
    },
  );

  test.each(['90063', '90035', '90085', '90229', '90244', '95043', '95053'])(
    'AADB2C%s may be sent again',
    (digits) => {
      expect(failed(400, `AADB2C${digits}`).details.transient).toBe(true);
    },
  );

  test('all others may not', () => {
    const again = ['90063', '90035', '90085', '90229', '90244', '95043', '95053'];
    for (const digits of Object.keys(codes).filter((one) => !again.includes(one)))
      expect(failed(400, `AADB2C${digits}`).details.transient).toBe(false);
  });

  test('a refusal is no lost write; trouble of the service may be', () => {
    expect(failed(400, 'AADB2C95053').details.delivery).toBe('none');
    expect(failed(429, 'TooManyRequests').details.delivery).toBe('none');
    expect(failed(400, 'AADB2C90063').details.delivery).toBe('unknown');
    for (const status of [500, 502, 503, 504])
      expect(failed(status, 'UnknownError', 'x', add).details.delivery).toBe('unknown');
  });

  test('the message names the subject, the code and what was said', () => {
    const said = "Can't create trustframework key set with name 'x' because it already exists.";
    expect(failed(400, 'AADB2C95028', said).message).toBe(`B2C_1A_Example: AADB2C95028: ${said}`);
  });

  test('what is missing is said in our words', () => {
    const said = "KeyContainer with 'id': 'x' cannot be found in the directory 'y'";
    expect(failed(400, 'AADB2C90073', said).message).toBe('B2C_1A_Example does not exist');
  });

  test('a service in trouble does not know what exists', () => {
    expect(failed(503, 'AADB2C90073').kind).toBe('service');
  });

  test('a PFX that B2C cannot read: the hint says what it means by "password"', () => {
    for (const code of ['AADB2C90213', 'AADB2C95025'])
      expect(failed(400, code).hint).toContain('TripleDES-SHA1');
  });
});

describe('statuses', () => {
  test.each<[number, string, FailureKind]>([
    [400, 'BadRequest', 'service'],
    [400, 'AADB2C', 'service'],
    [401, 'InvalidAuthenticationToken', 'auth'],
    [403, 'AADB2C', 'permission'],
    [403, 'Authorization_RequestDenied', 'permission'],
    [404, 'ResourceNotFound', 'not-found'],
    [405, 'x', 'service'],
    [409, 'x', 'conflict'],
    [412, 'x', 'conflict'],
    [413, 'x', 'service'],
    [429, 'TooManyRequests', 'service'],
    [500, 'UnknownError', 'service'],
    [502, 'x', 'service'],
    [503, 'ServiceUnavailable', 'service'],
    [504, 'x', 'service'],
    [301, 'x', 'service'],
    [307, 'x', 'service'],
  ])('%d %s is %s', (status, code, kind) => {
    expect(failed(status, code).kind).toBe(kind);
  });

  test.each([429, 503, 504])('%d may be sent again', (status) => {
    expect(failed(status, 'x').details.transient).toBe(true);
  });

  test.each([400, 401, 403, 404, 409, 500, 501, 502])('%d may not', (status) => {
    expect(failed(status, 'x').details.transient ?? false).toBe(false);
  });

  test('the same code with 400 and with 403: the status tells them apart', () => {
    expect(failed(400, 'AADB2C', "The 'keySet' field is invalid in request.").kind).toBe('service');
    const denied =
      'The application does not have any of the required delegated permissions (TrustFrameworkKeySet.Read.All, TrustFrameworkKeySet.ReadWrite.All) to access the resource. ';
    expect(failed(403, 'AADB2C', denied).kind).toBe('permission');
    for (const status of [401, 403])
      expect(failed(status, 'AADB2C90073').kind).not.toBe('not-found');
  });

  test('a 403 names the permission and the role that are missing', () => {
    const read = failed(403, 'AADB2C', 'x', get);
    expect(read.message).toContain('TrustFrameworkKeySet.Read.All is missing');
    const write = failed(403, 'AADB2C', 'x', add);
    expect(write.message).toContain('TrustFrameworkKeySet.ReadWrite.All is missing');
    expect(write.hint).toContain('B2C IEF Keyset Administrator');
    expect(write.details).toMatchObject({ status: 403, code: 'AADB2C' });
  });

  test('the collection itself cannot be missing', () => {
    expect(failed(404, 'ResourceNotFound', 'x', listKeySets()).kind).toBe('service');
    expect(failed(404, 'ResourceNotFound', 'x', createKeySet(id)).kind).toBe('service');
  });

  test('5xx and throttling hint at waiting', () => {
    expect(failed(500, 'x').hint).toContain('request id');
    expect(failed(429, 'x').hint).toContain('throttled');
  });
});

describe('what the answer says of itself', () => {
  const inner = {
    'request-id': 'r1',
    'client-request-id': 'c1',
    correlationId: 'k1',
    date: '2026-01-05T10:20:30',
  };

  test.each(['innerError', 'innererror'])('ids in %s', (name) => {
    const body = { error: { code: 'x', message: 'y', [name]: inner } };
    expect(parseGraphError(response(400, body))).toEqual({
      code: 'x',
      message: 'y',
      requestId: 'r1',
      clientRequestId: 'c1',
      correlationId: 'k1',
    });
  });

  test('ids in the headers come first', () => {
    const headers = { 'request-id': 'r2', 'client-request-id': 'c2' };
    const body = { error: { code: 'x', message: 'y', innerError: inner } };
    expect(parseGraphError(response(400, body, headers))).toMatchObject({
      requestId: 'r2',
      clientRequestId: 'c2',
      correlationId: 'k1',
    });
    const failure = graphFailure(get, response(503, '<html>', headers), now);
    expect(failure.details).toMatchObject({ status: 503, requestId: 'r2', clientRequestId: 'c2' });
    const denied = graphFailure(get, response(403, body, headers), now);
    expect(denied.details).toMatchObject({ requestId: 'r2', correlationId: 'k1' });
  });

  test.each([
    '', ' ', '<html><body>502 Bad Gateway</body></html>', '{', 'null', '[]', '"text"', '5', '{}', '{"error":null}',
    '{"error":"text"}', '{"error":[]}', '{"error":{}}', '{"error":{"code":5,"message":{}}}',
    '{"error":{"code":"","message":""}}', '{"error":{"code":" ","message":"\\n\\u001b"}}',
    '{"error":{"innerError":"x"}}', '{"__proto__":{"error":{"code":"AADB2C90073"}}}', '\ufeff{}',
  ])('%j says nothing: the status has to do', (body) => {
    const failure = graphFailure(get, response(502, body), now);
    expect(failure.message).toBe('B2C_1A_Example: HTTP 502');
    expect(failure.details.code).toBeUndefined();
    expect(graphFailure(get, response(401, body), now).message).toBe('Graph did not accept the token: HTTP 401');
    expect(graphFailure(get, response(403, body), now).kind).toBe('permission');
    expect(graphFailure(get, response(404, body), now).kind).toBe('not-found');
  }); // prettier-ignore

  test('Retry-After', () => {
    const asked = (value: string): number | undefined =>
      graphFailure(get, response(429, '', { 'retry-after': value }), now).details.retryAfterMs;
    expect(asked('5')).toBe(5000);
    expect(asked('Mon, 23 Nov 2026 17:00:10 GMT')).toBe(10_000);
    expect(asked('soon')).toBeUndefined();
  });

  test('hostile text is tamed, wherever it stands', () => {
    const bad = '\u001b]0;owned\u0007\u202eabc\r\n\u0000\u2028def\u009b31m';
    const body = {
      error: {
        code: `AADB2C90073${bad}`,
        message: bad,
        innerError: { 'request-id': bad, 'client-request-id': bad, correlationId: bad },
      },
    };
    for (const status of [400, 401, 403, 409, 429, 500]) {
      const failure = graphFailure(get, response(status, body, { 'request-id': bad }), now);
      const all = JSON.stringify([failure.message, failure.hint, failure.details]);
      // What JSON.stringify escapes would not be seen, so it is looked at as it is, too.
      for (const text of [all, failure.message, ...Object.values(failure.details).map(String)])
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]|\\u00|\\[rnt]/u);
    }
  });

  test('a code that only begins like one of theirs is none', () => {
    for (const code of [
      'AADB2C90073x',
      'xAADB2C90073',
      'aadb2c90073',
      'AADB2C 90073',
      'AADB2C90073,AADB2C95028',
    ])
      expect(failed(400, code).kind).toBe('service');
    for (const code of ['AADB2Cconstructor', 'AADB2C__proto__', 'constructor', '__proto__'])
      expect(failed(400, code).kind).toBe('service');
  });

  test('long text is cut', () => {
    expect(tame('x'.repeat(10_000))).toHaveLength(501);
    expect(tame('  a\t\tb\n')).toBe('a b');
  });

  test('any answer becomes one printable line', () => {
    const error = fc.record(
      {
        code: fc.string({ unit: 'binary' }),
        message: fc.string({ unit: 'binary', maxLength: 2000 }),
        innerError: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.record({ error: fc.oneof(error, fc.jsonValue()) }).map((json) => JSON.stringify(json)),
      fc.jsonValue().map((json) => JSON.stringify(json)),
    );
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 599 }), body, (status, text) => {
        const failure = graphFailure(get, response(status, text), now);
        expect(failure).toBeInstanceOf(Failure);
        expect(failure.message).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(failure.message.length).toBeLessThan(1200);
        expect(failure.message.trim()).toBe(failure.message);
      }),
      { numRuns: 400 },
    );
  });
});
