/** The published contract of the service: requests and answers are checked against it with ajv. */
import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const member = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce((at: unknown, name) => (isObject(at) ? at[name] : undefined), value);

/** OpenAPI 3.0 `nullable` in the words of JSON Schema. */
function withNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNull);
  if (!isObject(value)) return value;
  const { nullable, ...rest } = value;
  const inner = Object.fromEntries(
    Object.entries(rest).map(([name, part]) => [name, withNull(part)]),
  );
  return nullable === true ? { anyOf: [inner, { type: 'null' }] } : inner;
}

const document: unknown = withNull(
  parse(
    readFileSync(
      new URL('../fixtures/trustframework-keysets.openapi.yaml', import.meta.url),
      'utf8',
    ),
  ),
);

const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema({ $id: 'contract', ...(isObject(document) ? document : {}) });
const compiled = new Map<string, ValidateFunction>();

const pointer = (...path: readonly string[]): string =>
  `contract#/${path.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;

function check(value: unknown, what: string, path: readonly string[]): void {
  const ref = pointer(...path);
  const validate = compiled.get(ref) ?? ajv.compile({ $ref: ref });
  compiled.set(ref, validate);
  if (!validate(value))
    throw new Error(`${what} breaks the contract: ${ajv.errorsText(validate.errors)}`);
}

/** What a `$ref` in the place of a response leads to. */
function resolve(path: readonly string[]): readonly string[] {
  const ref = member(document, ...path, '$ref');
  return typeof ref === 'string' ? ref.replace(/^#\//, '').split('/') : path;
}

/** `/trustFramework/keySets/{trustFrameworkKeySet-id}` of `/trustFramework/keySets/B2C_1A_X`. */
export function templateOf(path: string): string | undefined {
  // The documented form; the OpenAPI has the other one.
  const wanted = path.replace(/\/getActiveKey$/, '/getActiveKey()').split('/');
  const templates = Object.keys(member(document, 'paths') ?? {}).filter((template) => {
    const parts = template.split('/');
    return (
      parts.length === wanted.length &&
      parts.every((part, index) => part.startsWith('{') || part === wanted[index])
    );
  });
  // `$count` is also an id as far as the template is concerned.
  return templates.sort((a, b) => a.split('{').length - b.split('{').length)[0];
}

function operationPath(method: string, path: string): readonly string[] {
  const template = templateOf(path);
  const operation = ['paths', template ?? '', method.toLowerCase()];
  if (template === undefined || member(document, ...operation) === undefined)
    throw new Error(`the contract has no ${method} ${path}`);
  return operation;
}

/** `path` is below /beta, without the query. */
export function checkRequest(method: string, path: string, body: unknown): void {
  const operation = operationPath(method, path);
  const schema = [...operation, 'requestBody', 'content', 'application/json', 'schema'];
  const wanted = member(document, ...schema) !== undefined;
  if (wanted !== (body !== undefined))
    throw new Error(`${method} ${path} ${wanted ? 'needs a' : 'has no'} body`);
  if (wanted) check(body, `the body of ${method} ${path}`, schema);
}

/** `body` is JSON already read; `undefined` for an empty one. */
export function checkResponse(
  method: string,
  path: string,
  answer: {
    readonly status: number;
    readonly contentType: string | undefined;
    readonly body: unknown;
  },
): void {
  const operation = operationPath(method, path);
  const { status, contentType, body } = answer;
  const names = status < 300 ? [String(status), '2XX'] : ['default'];
  const name = names.find((one) => member(document, ...operation, 'responses', one) !== undefined);
  if (name === undefined) throw new Error(`${method} ${path} may not answer ${String(status)}`);
  const response = resolve([...operation, 'responses', name]);
  const type = contentType?.split(';')[0] ?? '';
  const content = member(document, ...response, 'content');
  if (content === undefined || status === 204) {
    if (body !== undefined) throw new Error(`${method} ${path} answers without a body`);
    return;
  }
  if (member(content, type) === undefined)
    throw new Error(`${method} ${path} does not answer ${JSON.stringify(contentType)}`);
  check(body, `the answer to ${method} ${path}`, [...response, 'content', type, 'schema']);
}
