import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';
import { Secret } from '../../src/core/secret.ts';
import { Failure } from '../../src/failure.ts';
import { everythingOf } from '../support/caught.ts';

const value = 'correct horse battery staple';
const secret = new Secret(value);

test('comes out only where somebody writes reveal()', () => {
  expect(secret.reveal()).toBe(value);
  expect(new Secret('').reveal()).toBe('');
});

function consoleOf(...things: readonly unknown[]): string {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const log = new Console({ stdout: stream, stderr: stream });
  log.log(...things);
  log.error(...things);
  log.dir(things[0], { depth: 9, showHidden: true });
  log.table([things[0]]);
  return text;
}

test.each<[string, (wrapped: Secret) => string]>([
  ['String()', (wrapped) => String(wrapped)],
  ['a template', (wrapped) => `${wrapped.toString()} ${wrapped}`],
  ['joining', (wrapped) => [wrapped, wrapped].join()],
  ['adding', (wrapped) => [wrapped].reduce((text, one) => text + String(one), '')],
  ['JSON', (wrapped) => JSON.stringify({ a: [wrapped], b: wrapped })],
  ['JSON, indented', (wrapped) => JSON.stringify(wrapped, null, 2)],
  ['inspect', (wrapped) => inspect(wrapped)],
  ['inspect with everything', (wrapped) => inspect({ a: [wrapped] }, { depth: 9, showHidden: true, getters: true })],
  ['inspect without custom forms', (wrapped) => inspect(wrapped, { customInspect: false, showHidden: true })],
  ['%s', (wrapped) => format('%s %o %O %j', wrapped, wrapped, wrapped, wrapped)],
  ['a console', (wrapped) => consoleOf(wrapped, { wrapped }, [wrapped])],
  ['its members', (wrapped) => JSON.stringify([Object.entries(wrapped), Reflect.ownKeys(wrapped), Object.assign({}, wrapped)])],
  ['an error that holds it', (wrapped) => everythingOf(new Failure('bug', 'x', { cause: { wrapped } }))],
  ['an error made of it', (wrapped) => everythingOf(new Error(String(wrapped)))],
  ['a map and a set', (wrapped) => inspect([new Map([[wrapped, wrapped]]), new Set([wrapped])], { depth: 9 })],
  ['v8', (wrapped) => serialize(Object.assign({}, wrapped)).toString('latin1')],
])('%s does not show it', (_name, show) => {
  const shown = show(secret);
  for (const word of value.split(' ')) expect(shown).not.toContain(word);
}); // prettier-ignore

test('what shows is the same whatever the secret', () => {
  expect(String(secret)).toBe('[secret]');
  expect(JSON.stringify({ secret })).toBe('{"secret":"[secret]"}');
  expect(inspect({ secret })).toBe('{ secret: [secret] }');
  expect(inspect(new Secret(''))).toBe(inspect(secret));
});
