/** Answers that no service should send: nothing hangs, nothing crashes, nothing leaks. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createServer as createRawServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { gzipSync } from 'node:zlib';
import { closeLater, failure, guard, newFolder, start, type Done } from '../support/binary.ts';

const token = guard('opaque-token-of-the-test');

interface Scripted {
  readonly url: string;
  readonly asked: IncomingMessage[];
  close(): Promise<unknown>;
}

async function listen(server: Server, asked: IncomingMessage[]): Promise<Scripted> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo; // of a server that listens on TCP
  return closeLater({
    url: `http://127.0.0.1:${String(port)}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(resolve);
      }),
  });
}

/** An HTTP server that answers every request like this. */
function scripted(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Scripted> {
  const asked: IncomingMessage[] = [];
  return listen(
    createServer((request, response) => {
      asked.push(request);
      request.resume();
      response.on('error', () => undefined);
      answer(request, response);
    }),
    asked,
  );
}

const home = newFolder();
const run = (line: string, url: string): Promise<Done> =>
  start([...line.split(' '), '--max-retries', '0', '--debug', '-o', 'json'], {
    environment: { HOME: home, POLICYKEYS_GRAPH_URL: url, POLICYKEYS_ACCESS_TOKEN: token },
  }).done;

const json = { 'content-type': 'application/json' };

describe('an answer to a read', () => {
  test.each<[string, string | Buffer]>([
    ['empty', ''],
    ['half of one', '{"value":[{"id":"B2C_1A_A"'],
    ['HTML', '<html><body>It works!</body></html>'],
    ['null', 'null'],
    ['a number', '1'],
    ['a list', '[]'],
    ['another shape', '{"values":[]}'],
    ['a value that is no list', '{"value":{}}'],
    ['keysets that are none', '{"value":[null]}'],
    ['an id that is a number', '{"value":[{"id":1}]}'],
    ['an id with an escape sequence', '{"value":[{"id":"\\u001b]0;owned\\u0007"}]}'],
    ['nothing but __proto__', '{"__proto__":{"value":[]}}'],
    ['a date beyond all numbers', '{"value":[{"id":"A","keys":[{"nbf":1e400}]}]}'],
    ['brackets without end', '['.repeat(300_000)],
    ['UTF-16', Buffer.from('{"value":[]}', 'utf16le')],
    ['a next link that is a number', '{"value":[],"@odata.nextLink":1}'],
    ['a next link to another host', '{"value":[],"@odata.nextLink":"http://127.0.0.1:1/beta"}'],
  ])('%s', async (_, body) => {
    const server = await scripted((_request, response) => response.writeHead(200, json).end(body));
    const done = await run('list', server.url);
    expect([done.code, done.stdout, failure(done)]).toMatchObject([7, '', { error: { kind: 'service' } }]); // prettier-ignore

    expect(done.stderr).not.toMatch(/[\u001b\u0007]/);
  });

  test('a next link to itself', async () => {
    const server = await scripted((request, response) => {
      const host = request.headers.host ?? '';
      response.writeHead(200, json).end(JSON.stringify({ value: [], '@odata.nextLink': `http://${host}/beta/x` })); // prettier-ignore
    });
    const done = await run('list', server.url);
    expect([done.code, server.asked.length]).toEqual([7, 2]);
  });

  test('without an end', async () => {
    const server = await scripted((_request, response) => {
      response.writeHead(200, json);
      const piece = Buffer.alloc(1 << 20, 0x20);
      const more = (): void => {
        while (!response.destroyed && response.write(piece));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    const done = await run('list', server.url);
    expect([done.code, failure(done)]).toMatchObject([7, { error: { message: expect.stringContaining('more than 64 MiB') } }]); // prettier-ignore
  });

  test('a gzip bomb', async () => {
    const bomb = gzipSync(Buffer.alloc(80 << 20, 0x20));
    const server = await scripted((_request, response) => response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(bomb)); // prettier-ignore
    const done = await run('list', server.url);
    expect([done.code, failure(done)]).toMatchObject([7, { error: { message: expect.stringContaining('64 MiB') } }]); // prettier-ignore
  });

  test.each(['gzip', 'br', 'x'])('said to be %s, and is not', async (encoding) => {
    const server = await scripted((_request, response) => response.writeHead(200, { ...json, 'content-encoding': encoding }).end('{"value":[]}')); // prettier-ignore
    expect((await run('list', server.url)).code).toBe(7);
  });

  test('cut off before the length that was promised', async () => {
    const server = await scripted((_request, response) => {
      response.writeHead(200, { ...json, 'content-length': '100' });
      response.write('{"value":[]}', () => response.destroy());
    });
    const done = await run('list', server.url);
    expect([done.code, failure(done)]).toMatchObject([8, { error: { kind: 'network' } }]);
  });

  test('a redirect is not followed, and the token stays', async () => {
    const other = await scripted((_request, response) => response.end('{}'));
    const server = await scripted((_request, response) => response.writeHead(307, { location: `${other.url}/beta` }).end()); // prettier-ignore
    const done = await run('list', server.url);
    expect([done.code, other.asked, server.asked[0]?.headers['authorization']]).toEqual([7, [], `Bearer ${token}`]); // prettier-ignore
  });

  test('headers with credentials are left out of --debug', async () => {
    const cookie = guard('session=very-secret-cookie');
    const server = await scripted((_request, response) => response.writeHead(200, { ...json, 'set-cookie': cookie, 'x-token': cookie }).end('{"value":[]}')); // prettier-ignore
    const done = await run('list', server.url);
    expect(done.code).toBe(0);
    expect(done.stderr).toContain('  < set-cookie: [redacted]');
  });
});

describe('what is no HTTP', () => {
  const raw = (say: (socket: Socket) => void): Promise<Scripted> =>
    listen(createRawServer(say), []);

  test.each([
    ['closes at once', (socket: Socket) => socket.end()],
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
    ['says something else', (socket: Socket) => socket.end('220 mail.example ESMTP\r\n')],
    ['a header without end', (socket: Socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(1 << 18)}`)], // prettier-ignore
    ['an early end', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-type: a')],
  ])('%s', async (_, say) => {
    const server = await raw((socket) => {
      socket.once('data', () => say(socket));
    });
    const done = await run('list', server.url);
    expect([done.code, failure(done)]).toMatchObject([8, { error: { kind: 'network' } }]);
  });

  test('https where http is spoken', async () => {
    const server = await scripted((_request, response) => response.end('{}'));
    const done = await run('list', server.url.replace('http:', 'https:'));
    expect([done.code, failure(done)]).toMatchObject([8, { error: { kind: 'network' } }]);
  });
});

describe('an answer to a write that says nothing', () => {
  test('it is settled by reading: not carried out, and not sent again when reading fails', async () => {
    const server = await scripted((request, response) => {
      if (request.method === 'GET' && server.asked.length === 1)
        response.writeHead(200, json).end('{"id":"B2C_1A_A","keys":[]}'); // prettier-ignore
      else if (request.method === 'GET') response.writeHead(403, json).end('{}');
      else response.writeHead(200, json).end('<html>');
    });
    const done = await run('generate-key A --kty oct --use sig', server.url);
    expect(done.code).toBe(7);
    expect(failure(done)).toMatchObject({ error: { message: expect.stringMatching(/^it is not known whether the attempt to add a key/), hint: expect.stringContaining('policykeys get B2C_1A_A') } }); // prettier-ignore
    expect(server.asked.filter((one) => one.method === 'POST')).toHaveLength(1);
  });

  test('it is settled by reading: carried out', async () => {
    const server = await scripted((request, response) => {
      const keys = server.asked.some((one) => one.method === 'POST') ? [{ kid: 'new', kty: 'oct', use: 'sig', status: 'enabled' }] : []; // prettier-ignore
      if (request.method === 'GET')
        response.writeHead(200, json).end(JSON.stringify({ id: 'B2C_1A_A', keys })); // prettier-ignore
      else response.destroy();
    });
    const done = await run('generate-key A --kty oct --use sig', server.url);
    expect([done.code, JSON.parse(done.stdout)]).toMatchObject([
      0,
      { kid: 'new', state: 'active' },
    ]);
    expect(server.asked.filter((one) => one.method === 'POST')).toHaveLength(1);
  });
});
