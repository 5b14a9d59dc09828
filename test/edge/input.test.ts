import { mkdir, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import type { Source, TextWanted } from '../../src/context.ts';
import { Secret } from '../../src/core/secret.ts';
import { openInput, type InputOptions } from '../../src/edge/input.ts';
import { Failure } from '../../src/failure.ts';
import { caughtLater, everythingOf } from '../support/caught.ts';
import { temporaryFolder } from '../support/servers.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

let count = 0;
async function file(content: string | Buffer): Promise<Source> {
  const path = `${folder.path}/${String((count += 1))}`;
  await writeFile(path, content);
  return { kind: 'file', path };
}

const input = (options: Partial<InputOptions> = {}): ReturnType<typeof openInput> =>
  openInput({
    stdin: () => {
      throw new Error('stdin is not wanted');
    },
    stdinIsTerminal: false,
    environment: {},
    askHidden: undefined,
    cancelled: new AbortController().signal,
    ...options,
  });

const wanted: TextWanted = { flag: '--from', what: 'Secret', maxBytes: 100 };
const text = async (
  source: Source | undefined,
  more: Partial<TextWanted> = {},
  options: Partial<InputOptions> = {},
): Promise<string> => (await input(options).text(source, { ...wanted, ...more })).reveal();

const everything = (failure: Failure): string =>
  `${everythingOf(failure)}${inspect(failure, { depth: 12, showHidden: true })}`;

describe('text', () => {
  test.each([
    ['plain', 'plain', 'plain'],
    ['one LF', 'a\n', 'a'],
    ['one CRLF', 'a\r\n', 'a'],
    ['only the last of two', 'a\n\n', 'a\n'],
    ['only the last of two CRLF', 'a\r\n\r\n', 'a\r\n'],
    ['a CR alone stays', 'a\r', 'a\r'],
    ['LF CR stays', 'a\n\r', 'a\n\r'],
    ['blanks stay', ' a \t', ' a \t'],
    ['a BOM', '\ufeffa', 'a'],
    ['only the first BOM', '\ufeff\ufeffa\ufeff', '\ufeffa\ufeff'],
    ['a BOM and a line break', '\ufeffa\r\n', 'a'],
    ['lines', 'a\nb\n', 'a\nb'],
    ['beyond the BMP', '😀é\n', '😀é'],
    ['a zero byte', 'a\0b', 'a\0b'],
  ])('%s', async (_, content, expected) => {
    expect(await text(await file(content))).toBe(expected);
    expect(await text(await file(content), { exact: true })).toBe(content);
    const stdin = { stdin: () => Readable.from([Buffer.from(content)]) };
    expect(await text({ kind: 'stdin' }, {}, stdin)).toBe(expected);
  });

  test.each([
    ['nothing', '', false],
    ['a line break', '\n', false],
    ['a CRLF', '\r\n', false],
    ['a BOM', '\ufeff', false],
    ['a BOM and a line break', '\ufeff\n', false],
    ['nothing, exactly', '', true],
  ])('%s is empty: input', async (_, content, exact) => {
    const failure = await caughtLater(async () => text(await file(content), { exact }));
    expect([failure.kind, failure.message]).toEqual([
      'input',
      'the file that --from names is empty',
    ]);
  });

  test('a line break alone is something, exactly', async () => {
    expect(await text(await file('\n'), { exact: true })).toBe('\n');
  });

  test.each([
    ['Latin-1', Buffer.from([0x61, 0xe4])],
    ['UTF-16', Buffer.from('\ufeffa', 'utf16le')],
    ['an overlong form', Buffer.from([0xc0, 0xaf])],
    ['a surrogate', Buffer.from([0xed, 0xa0, 0x80])],
    ['cut in the middle', Buffer.from([0x61, 0xe2, 0x82])],
  ])('%s is not UTF-8: input, and the bytes are not shown', async (_, bytes) => {
    const failure = await caughtLater(async () => text(await file(bytes)));
    expect([failure.kind, failure.message]).toEqual([
      'input',
      'the file that --from names is not UTF-8 text',
    ]);
  });

  test('of too many bytes is input', async () => {
    const failure = await caughtLater(async () => text(await file('x'.repeat(101))));
    expect(failure.message).toMatch(/^the file that --from names is larger than/);
    const stdin = { stdin: () => Readable.from([Buffer.alloc(60), Buffer.alloc(60)]) };
    const other = await caughtLater(() => text({ kind: 'stdin' }, {}, stdin));
    expect(other.message).toMatch(/^stdin is larger than/);
  });
});

describe('what stands after --from may be the secret itself', () => {
  const secret = 'Planted-Secret-Value-8d1c';
  const paths: [string, () => Promise<string> | string][] = [
    ['that is no file', () => secret],
    ['with slashes', () => `/${secret}/x/${secret}`],
    [
      'below a file',
      async () => {
        await writeFile(`${folder.path}/${secret}`, '');
        return `${folder.path}/${secret}/x`;
      },
    ],
    [
      'of a folder',
      async () => {
        await mkdir(`${folder.path}/folder-${secret}`);
        return `${folder.path}/folder-${secret}`;
      },
    ],
    ['that is very long', () => secret.repeat(300)],
    ['with a zero byte', () => `${secret}\0`],
  ];
  test.each(paths)('%s', async (_, make) => {
    const path = await make();
    const failure = await caughtLater(() =>
      text({ kind: 'file', path }, { flag: '--password-from' }),
    );
    expect(failure.kind).toBe('input');
    expect(failure.message).toMatch(/^cannot read the file that --password-from names: /);
    expect(failure.hint).toContain('env:');
    expect(everything(failure)).not.toContain(secret);
  });

  test.each([`1${secret}`, `${secret}=`, `a b ${secret}`, '', `ü${secret}`])(
    'env: %j',
    async (name) => {
      const failure = await caughtLater(() => text({ kind: 'environment', name }));
      expect([failure.kind, failure.message]).toEqual([
        'input',
        'the variable after env: is not set',
      ]);
      expect(everything(failure)).not.toContain(secret);
      const bytes = await caughtLater(() => input().bytes({ kind: 'environment', name }, 100));
      expect(everything(bytes)).not.toContain(secret);
    },
  );

  test('a file argument is named, without what a terminal would obey', async () => {
    const failure = await caughtLater(() =>
      input().bytes({ kind: 'file', path: 'missing\u001b[2J\n.pem' }, 100),
    );
    expect(failure.message).toBe('cannot read missing\\u001b[2J\\n.pem: no such file');
  });
});

describe('the environment', () => {
  test('gives the value, with the same rules as a file', async () => {
    const options = { environment: { NAME: 'value\n' } };
    expect(await text({ kind: 'environment', name: 'NAME' }, {}, options)).toBe('value');
  });

  test.each([
    [undefined, 'env:NAME is not set'],
    ['', 'env:NAME is empty'],
    ['\n', 'env:NAME is empty'],
  ])('%j: %s', async (value, message) => {
    const options = { environment: value === undefined ? {} : { NAME: value } };
    const failure = await caughtLater(() =>
      text({ kind: 'environment', name: 'NAME' }, {}, options),
    );
    expect([failure.kind, failure.message]).toEqual(['input', message]);
  });

  test.each([
    ['toString', {}],
    ['__proto__', {}],
    ['constructor', {}],
  ])('what every object has is no variable: %s', async (name, environment) => {
    const failure = await caughtLater(() =>
      text({ kind: 'environment', name }, {}, { environment }),
    );
    expect(failure.message).toBe(`env:${name} is not set`);
  });

  test('bytes reach a variable as base64, or as PEM', async () => {
    const bytes = Buffer.from([0, 1, 0xff]);
    const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const environment = {
      B64: bytes.toString('base64'),
      WRAPPED: ` ${bytes.toString('base64')}\n`,
      PEM: pem,
      WRONG: 'not base64!',
      URL: '__8',
    };
    const get = (name: string) => input({ environment }).bytes({ kind: 'environment', name }, 1000);
    expect(await get('B64')).toEqual({ bytes, name: 'env:B64' });
    expect((await get('WRAPPED')).bytes).toEqual(bytes);
    expect((await get('PEM')).bytes.toString()).toBe(pem);
    for (const name of ['WRONG', 'URL'])
      expect((await caughtLater(() => get(name))).message).toBe(
        `env:${name} is neither PEM nor base64`,
      );
  });
});

describe('stdin', () => {
  test('that cannot be read is input', async () => {
    for (const stdin of [
      () =>
        new Readable({
          read() {
            this.destroy(Object.assign(new Error('EISDIR'), { code: 'EISDIR' }));
          },
        }),
      () => {
        throw Object.assign(new Error('closed'), { code: 'EBADF' });
      },
    ]) {
      const failure = await caughtLater(() => text({ kind: 'stdin' }, {}, { stdin }));
      expect([failure.kind, failure.exitCode]).toEqual(['input', 3]);
      expect(failure.message).toMatch(/^cannot read stdin: (?:it is a folder|EBADF)$/);
    }
  });

  test('that never ends is left when the command is ended', async () => {
    const cancel = new AbortController();
    const why = new Failure('cancelled', 'interrupted', { signal: 'SIGTERM' });
    const reading = caughtLater(() =>
      text(
        { kind: 'stdin' },
        {},
        { stdin: () => new Readable({ read: () => undefined }), cancelled: cancel.signal },
      ),
    );
    cancel.abort(why);
    expect(await reading).toBe(why);
  });

  test('that is empty is input', async () => {
    const stdin = { stdin: () => Readable.from([]) };
    expect((await caughtLater(() => text({ kind: 'stdin' }, {}, stdin))).message).toBe(
      'stdin is empty',
    );
    expect((await caughtLater(() => input(stdin).bytes({ kind: 'stdin' }, 9))).message).toBe(
      'stdin is empty',
    );
  });

  test('gives bytes as they come', async () => {
    const bytes = Buffer.from([0xff, 0x0a]);
    const stdin = { stdin: () => Readable.from([bytes]) };
    expect(await input(stdin).bytes({ kind: 'stdin' }, 9)).toEqual({ bytes, name: 'stdin' });
  });

  test('that is a terminal is asked with a hidden question', async () => {
    const asked: string[] = [];
    const options = {
      stdinIsTerminal: true,
      askHidden: (prompt: string) => {
        asked.push(prompt);
        return Promise.resolve(new Secret('typed\u0020'));
      },
    };
    expect(await text({ kind: 'stdin' }, {}, options)).toBe('typed ');
    expect(await text(undefined, {}, options)).toBe('typed ');
    expect(asked).toEqual(['Secret', 'Secret']);
  });
});

describe('without a source', () => {
  test('where nobody can be asked: usage', async () => {
    const failure = await caughtLater(() => text(undefined));
    expect([failure.kind, failure.exitCode, failure.message]).toEqual([
      'usage',
      2,
      '--from is missing, and nobody can be asked',
    ]);
    expect(failure.hint).toContain('env:NAME');
  });

  test('an empty answer is input', async () => {
    const askHidden = () => Promise.resolve(new Secret(''));
    const failure = await caughtLater(() => text(undefined, {}, { askHidden }));
    expect([failure.kind, failure.message]).toEqual(['input', 'Secret is empty']);
  });

  test('a value that is new is asked for twice', async () => {
    const answers = ['one', 'one', 'one', 'two'];
    const asked: string[] = [];
    const askHidden = (prompt: string) => {
      asked.push(prompt);
      return Promise.resolve(new Secret(answers.shift() ?? ''));
    };
    expect(await text(undefined, { chosen: true }, { askHidden })).toBe('one');
    const failure = await caughtLater(() => text(undefined, { chosen: true }, { askHidden }));
    expect([failure.kind, failure.message]).toEqual(['input', 'the two answers are not the same']);
    expect(asked).toEqual(['Secret', 'Secret, once more', 'Secret', 'Secret, once more']);
  });

  test('what to do about an empty one', async () => {
    const askHidden = () => Promise.resolve(new Secret(''));
    const wanted = { emptyHint: 'pass --no-password' };
    for (const failure of [
      await caughtLater(() => text(undefined, wanted, { askHidden })),
      await caughtLater(() => text({ kind: 'environment', name: 'E' }, wanted, { environment: { E: '' } })), // prettier-ignore
      await caughtLater(() => text({ kind: 'stdin' }, wanted, { stdin: () => Readable.from([]) })),
    ])
      expect([failure.kind, failure.hint]).toEqual(['input', 'pass --no-password']);
  });
});
