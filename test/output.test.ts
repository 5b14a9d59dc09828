import fc from 'fast-check';
import { inspect } from 'node:util';
import { parse as parseYaml } from 'yaml';
import { Secret } from '../src/core/secret.ts';
import { Failure } from '../src/failure.ts';
import {
  compileQuery,
  failureJson,
  render,
  renderFailure,
  type Cell,
  type Json,
  type Screen,
  type Table,
  type View,
} from '../src/output.ts';
import { outputFormats, type OutputFormat } from '../src/settings.ts';
import { caughtLater } from './support/caught.ts';

const plain: Screen = { width: undefined, paint: (_tone, text) => text };
const wide = (width: number): Screen => ({ ...plain, width });
const painted: Screen = { width: undefined, paint: (tone, text) => `<${tone}>${text}</${tone}>` };

const table = (...rows: readonly (readonly (string | Cell)[])[]): Table => ({
  columns: ['ONE', 'TWO'],
  rows: rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell))),
  empty: '(nothing here)',
});
const view = (json: Json, shown: Table = table()): View => ({ json, table: shown });
const show = async (
  what: View,
  format: OutputFormat = 'table',
  query?: string,
  screen: Screen = plain,
): Promise<string> => render(what, format, await compileQuery(query), screen);

const example: Json = {
  id: 'B2C_1A_X',
  keys: [
    { kid: 'a', kty: 'RSA', nbf: 5, x5c: ['QQ==', 'Qg=='], exp: undefined },
    { kid: 'b', kty: 'oct', nbf: undefined, exp: 9 },
  ],
  activeKid: null,
};

describe('json', () => {
  test('is indented, ends in a line break and leaves out what is absent', async () => {
    const text = await show(view(example), 'json');
    expect(text).toMatch(/^\{\n {2}"id": "B2C_1A_X",\n/);
    expect(text).toMatch(/\n\}\n$/);
    expect(JSON.parse(text)).toEqual({
      id: 'B2C_1A_X',
      keys: [
        { kid: 'a', kty: 'RSA', nbf: 5, x5c: ['QQ==', 'Qg=='] },
        { kid: 'b', kty: 'oct', exp: 9 },
      ],
      activeKid: null,
    });
  });

  test('any view is what it was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (json) => {
        const plainJson = JSON.parse(JSON.stringify(json)) as Json;
        expect(JSON.parse(await show(view(plainJson), 'json'))).toEqual(plainJson);
        expect(parseYaml(await show(view(plainJson), 'yaml'))).toEqual(plainJson);
      }),
      { numRuns: 300 },
    );
  });
});

describe('yaml', () => {
  test('is the same as json', async () => {
    expect(await show(view(example), 'yaml')).toBe(
      [
        'id: B2C_1A_X', 'keys:', '  - kid: a', '    kty: RSA', '    nbf: 5', '    x5c:', '      - QQ==', '      - Qg==',
        '  - kid: b', '    kty: oct', '    exp: 9', 'activeKid: null', '',
      ].join('\n'),
    ); // prettier-ignore
  });

  test('text that looks like something else stays text', async () => {
    const words = ['5', '1e9', '0x1F', '0o17', 'true', 'null', '~', '', '-', '-abc', '--abc', '2027-01-31', ': ', '#', '&a', '*a', '!x', '%', '@', '`', "'", '"', '| ', '> ', '{', '[', 'a: b', 'a #b', ' a ', 'a\nb']; // prettier-ignore
    const text = await show(view(words), 'yaml');
    expect(parseYaml(text)).toEqual(words);
  });

  test('neither wraps long text nor writes anchors', async () => {
    const long = 'word '.repeat(100).trim();
    const shared = ['x'];
    const text = await show(view({ long, a: shared, b: shared }), 'yaml');
    expect(text).toContain(`long: ${long}\n`);
    expect(text).not.toMatch(/[&*]/);
  });
});

test('none is nothing, also with a query', async () => {
  expect(await show(view(example, table(['a', 'b'])), 'none')).toBe('');
  expect(await show(view(example), 'none', 'id')).toBe('');
});

describe('tsv', () => {
  test('has the columns of the table and no header', async () => {
    const shown = table(['a', 'b'], ['c', 'd']);
    expect(await show(view(null, shown), 'tsv')).toBe('a\tb\nc\td\n');
    expect(await show(view(null), 'tsv')).toBe('');
  });

  test('prefers what is meant for programs, and never cuts', async () => {
    const cell = {
      text: '2027-01-31T00:00:00Z (in 68 days)',
      short: '2027-01-31',
      plain: '2027-01-31T00:00:00Z',
    };
    expect(
      await show(view(null, table([cell, { text: '-', plain: '' }])), 'tsv', undefined, wide(5)),
    ).toBe('2027-01-31T00:00:00Z\t\n');
  });

  test('every field stays one field', async () => {
    expect(await show(view(null, table(['a\tb', 'c\nd\re\\f'])), 'tsv')).toBe(
      'a\\tb\tc\\nd\\re\\\\f\n',
    );
    const unescape = (text: string): string =>
      text.replace(/\\(.)/g, (_, c: string) => ({ t: '\t', n: '\n', r: '\r' })[c] ?? c);
    const field = fc.string({ unit: fc.constantFrom('\t', '\n', '\r', '\\', 't', 'n', 'x', ' ') });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field)), async (rows) => {
        const text = await show(view(null, table(...rows)), 'tsv');
        const lines = text === '' ? [] : text.slice(0, -1).split('\n');
        expect(lines.map((line) => line.split('\t').map(unescape))).toEqual(rows);
        const asked = await show(view(rows), 'tsv', '[]');
        if (rows.length > 0)
          expect(
            asked
              .split('\n')
              .slice(0, -1)
              .map((line) => unescape(line)),
          ).toEqual(rows.flat());
      }),
    );
  });
});

describe('--query', () => {
  test.each<[string, string, string]>([
    ['id', '"B2C_1A_X"\n', 'B2C_1A_X\n'],
    ['keys[].kid', '[\n  "a",\n  "b"\n]\n', 'a\nb\n'],
    ['keys[0].x5c', '[\n  "QQ==",\n  "Qg=="\n]\n', 'QQ==\nQg==\n'],
    ['keys[].[kid, kty]', '[\n  [\n    "a",\n    "RSA"\n  ],\n  [\n    "b",\n    "oct"\n  ]\n]\n', 'a\tRSA\nb\toct\n'],
    ['keys[].{n: nbf, k: kid}', '[\n  {\n    "n": 5,\n    "k": "a"\n  },\n  {\n    "n": null,\n    "k": "b"\n  }\n]\n', '5\ta\n\tb\n'],
    ['length(keys)', '2\n', '2\n'],
    ['activeKid', 'null\n', ''],
    ['nothing.here', 'null\n', ''],
    ['keys[?kty==\'oct\'] | [0].kid', '"b"\n', 'b\n'],
    ['keys[0].nbf == `5`', 'true\n', 'true\n'],
    ['[]', 'null\n', ''],
    ['keys[].exp', '[\n  9\n]\n', '9\n'],
    ['keys[0].{all: @}.all.x5c', '[\n  "QQ==",\n  "Qg=="\n]\n', 'QQ==\nQg==\n'],
  ])('%s', async (query, json, tsv) => {
    expect(await show(view(example), 'json', query)).toBe(json);
    expect(await show(view(example), 'tsv', query)).toBe(tsv);
    expect(parseYaml(await show(view(example), 'yaml', query))).toEqual(JSON.parse(json));
    expect(await show(view(example), 'table', query)).toMatch(/\n$/);
  }); // prettier-ignore

  test('in a table: a line an element, with the members as columns', async () => {
    expect(await show(view(example), 'table', 'keys[].{KID: kid, USE: kty}')).toBe(
      'KID  USE\na    RSA\nb    oct\n',
    );
    expect(await show(view(example), 'table', 'keys[].kid')).toBe('a\nb\n');
    expect(await show(view(example), 'table', 'id')).toBe('B2C_1A_X\n');
    expect(await show(view(example), 'table', "keys[?kid=='z']")).toBe('(nothing)\n');
    expect(await show(view(example), 'table', 'activeKid')).toBe('(nothing)\n');
    expect(await show(view({ a: 'x\n\ty' }), 'table', 'a')).toBe('x y\n');
    expect(await show(view({ a: { b: [1] } }), 'table', '@')).toBe('a\n{"b":[1]}\n');
  });

  test('takes the place of a document', async () => {
    const script: View = { ...view({ shell: 'bash' }), document: 'a script\n' };
    for (const format of ['table', 'tsv'] as const) {
      expect(await show(script, format)).toBe('a script\n');
      expect(await show(script, format, 'shell')).toBe('bash\n');
    }
    expect(await show(script, 'json')).toBe('{\n  "shell": "bash"\n}\n');
  });

  test.each(['', ' ', 'keys[', 'a b', '`', 'foo(', '{', '[?a', '&&', '"'])(
    '%j cannot be read',
    async (query) => {
      const failure = await caughtLater(() => compileQuery(query));
      expect(failure.kind).toBe('usage');
      expect(failure.message).toMatch(/^--query: /);
      expect(failure.hint).toContain('JMESPath');
    },
  );

  test.each(['nofunction(@)', 'length(`5`)', 'join(`1`, `2`)', 'keys[0] | sort(@)'])(
    '%s cannot be carried out',
    async (query) => {
      const failure = await caughtLater(() => show(view(example), 'json', query));
      expect(failure.kind).toBe('usage');
    },
  );

  test('works on the JSON form: what is absent there is absent here', async () => {
    expect(JSON.parse(await show(view(example), 'json', 'keys[].length(keys(@))'))).toEqual([4, 3]);
    expect(JSON.parse(await show(view(example), 'json', 'keys(keys[1])'))).toEqual([
      'kid',
      'kty',
      'exp',
    ]);
    expect(await show(view(example), 'table', 'keys[1:]')).toBe('kid  kty  exp\nb    oct  9\n');
    expect(await show(view(example), 'tsv', 'keys[1]')).toBe('b\toct\t9\n');
  });
});

describe('tables', () => {
  test('columns are as wide as what is in them', async () => {
    expect(await show(view(null, table(['a', 'b'], ['long text', 'c'])))).toBe(
      'ONE        TWO\na          b\nlong text  c\n',
    );
  });

  test('without rows there is a sentence; a title stands above', async () => {
    expect(await show(view(null))).toBe('(nothing here)\n');
    expect(await show(view(null, { ...table(), title: 'Title' }))).toBe('Title\n(nothing here)\n');
    expect(await show(view(null, { ...table(['a', 'b']), title: 'Title' }))).toBe(
      'Title\nONE  TWO\na    b\n',
    );
  });

  test('colours do not count as width, and only they tell a terminal from a file', async () => {
    const shown = table([{ text: 'a', tone: 'good' }, 'b']);
    expect(await show(view(null, shown), 'table', undefined, painted)).toBe(
      '<strong>ONE</strong>  <strong>TWO</strong>\n<good>a  </good>  b\n',
    );
  });

  test('long forms are given up where they save most, then the widest is cut', async () => {
    const shown = table([
      { text: 'a long text', short: 'a short' },
      { text: 'another much longer text', short: 'another' },
    ]);
    const at = (width: number): Promise<string> =>
      show(view(null, shown), 'table', undefined, wide(width));
    expect(await at(37)).toContain('a long text  another much longer text');
    expect(await at(36)).toContain('a long text  another\n');
    expect(await at(20)).toContain('a long text  another\n');
    expect(await at(19)).toContain('a short  another\n');
    expect(await at(14)).toContain('a sh…   another'.slice(0, 4));
  });

  test('whatever is in it fits', async () => {
    const cell = fc
      .record({
        text: fc.string({ maxLength: 60 }),
        short: fc.option(fc.string({ maxLength: 12 }), { nil: undefined }),
      })
      .map(({ text, short }): Cell => {
        const clean = (one: string): string => one.replace(/\s/g, '_');
        return short === undefined
          ? { text: clean(text) }
          : { text: clean(text), short: clean(short) };
      });
    const tables = fc.integer({ min: 1, max: 7 }).chain((count) =>
      fc.record({
        columns: fc.array(fc.stringMatching(/^[A-Z]{1,12}$/), {
          minLength: count,
          maxLength: count,
        }),
        rows: fc.array(fc.array(cell, { minLength: count, maxLength: count }), {
          minLength: 1,
          maxLength: 4,
        }),
        width: fc.integer({ min: 6 * count, max: 120 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(tables, async ({ columns, rows, width }) => {
        const text = await show(
          view(null, { columns, rows, empty: '' }),
          'table',
          undefined,
          wide(width),
        );
        const lines = text.split('\n').slice(0, -1);
        expect(lines).toHaveLength(rows.length + 1);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
      }),
      { numRuns: 500 },
    );
  });

  test('a terminal narrower than anything fits is no endless loop', async () => {
    for (const width of [0, 1, 5])
      expect(
        await show(view(null, table(['aaaaaaaaa', 'bbbbbbbbb'])), 'table', undefined, wide(width)),
      ).toContain('aaa…');
  });

  test('rows of different lengths', async () => {
    const ragged: Table = {
      columns: ['ONE'],
      rows: [[], [{ text: 'a' }, { text: 'b' }]],
      empty: '',
    };
    expect(await show(view(null, ragged))).toBe('ONE\n\na    b\n');
  });
});

describe('failures', () => {
  const failure = new Failure('service', 'B2C_1A_X: AADB2C90063: There is a problem', {
    hint: 'wait a little',
    status: 400,
    code: 'AADB2C90063',
    requestId: 'r',
    clientRequestId: 'c',
    correlationId: 'k',
    transient: true,
    retryAfterMs: 5,
    cause: new Error('SECRET'),
  });
  const none = plain.paint;

  test('message, hint and ids', () => {
    expect(renderFailure(failure, 'table', none)).toBe(
      [
        'error: B2C_1A_X: AADB2C90063: There is a problem',
        'hint: wait a little',
        'request-id r, client-request-id c, correlation-id k',
        '',
      ].join('\n'),
    );
    expect(renderFailure(new Failure('usage', 'x'), 'table', none)).toBe('error: x\n');
  });

  test.each(outputFormats.filter((format) => format !== 'json'))('%s has no JSON', (format) => {
    expect(renderFailure(failure, format, none)).not.toContain('{');
  });

  test('with json the last line is one object, and nothing but what is documented', () => {
    const lines = renderFailure(failure, 'json', none).split('\n');
    expect(lines.at(-1)).toBe('');
    expect(JSON.parse(lines.at(-2) ?? '')).toEqual({
      error: {
        kind: 'service',
        message: failure.message,
        hint: 'wait a little',
        status: 400,
        code: 'AADB2C90063',
        requestId: 'r',
        clientRequestId: 'c',
        correlationId: 'k',
      },
    });
    expect(lines[0]).toBe(`error: ${failure.message}`);
  });

  test('members that do not apply are absent', () => {
    const text = JSON.stringify(failureJson(new Failure('usage', 'x')));
    expect(text).toBe('{"kind":"usage","message":"x"}');
  });

  test('whatever the message holds, the last line is the object', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (message, hint) => {
        const lines = renderFailure(new Failure('input', message, { hint }), 'json', none).split(
          '\n',
        );
        expect(JSON.parse(lines.at(-2) ?? '')).toEqual({ error: { kind: 'input', message, hint } });
      }),
    );
  });

  test('the words before are coloured, not the message', () => {
    expect(renderFailure(failure, 'table', painted.paint)).toBe(
      [
        `<bad>error:</bad> ${failure.message}`,
        '<warn>hint:</warn> wait a little',
        '<dim>request-id r, client-request-id c, correlation-id k</dim>',
        '',
      ].join('\n'),
    );
  });
});

test('a secret that got into a view is not printed in any format', async () => {
  const secret = new Secret('correct-horse-battery');
  const json = JSON.parse(JSON.stringify({ body: { k: secret } })) as Json;
  // As it would be if somebody forgot that step.
  const raw = { body: { k: secret } } as unknown as Json;
  for (const form of [json, raw])
    for (const format of outputFormats)
      for (const query of [undefined, 'body', 'body.k', '@'])
        expect(
          await show(view(form, table([String(secret), inspect(secret)])), format, query),
        ).not.toContain('horse');
});
