/** View -> text in the format that was asked for; failures as well. Pure. */
import { errorText, Failure } from './failure.ts';
import type { OutputFormat } from './settings.ts';

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [member: string]: Json | undefined };

export type Tone = 'good' | 'warn' | 'bad' | 'dim';

export interface Cell {
  readonly text: string;
  /** In place of `text` where the terminal is too narrow. */
  readonly short?: string;
  /** In place of `text` for programs (tsv). */
  readonly plain?: string;
  readonly tone?: Tone;
}

export interface Table {
  readonly title?: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** In place of a table without rows. */
  readonly empty: string;
  /** Facts to be read: nothing is cut for a narrow terminal, which breaks the lines itself. */
  readonly uncut?: true;
}

/** The result of a command. */
export interface View {
  readonly json: Json;
  readonly table: Table;
  /** In place of the table: a text that is the result as it stands, such as a script. */
  readonly document?: string;
  /** One sentence on what was done, for stderr. */
  readonly done?: string;
  /** A check found something: exit code 10. */
  readonly finding?: boolean;
  /** The command goes on after its result is printed (a server). */
  readonly until?: Promise<void>;
}

export interface Screen {
  /** Columns of the terminal; `undefined`: as wide as it gets. */
  readonly width: number | undefined;
  readonly paint: (tone: Tone | 'strong', text: string) => string;
}

/** `--query`, compiled: `undefined` leaves the JSON form alone. */
export type Query = ((json: Json) => Json) | undefined;

/** Failures: `usage` for an expression that cannot be read. */
export async function compileQuery(expression: string | undefined): Promise<Query> {
  if (expression === undefined) return undefined;
  const jmespath = await import('@jmespath-community/jmespath');
  const refuse = (error: unknown): Failure =>
    new Failure('usage', `--query: ${errorText(error)}`, {
      hint: 'write JMESPath, such as "[].id" or "keys[?state==\'active\'].kid | [0]"',
      cause: error,
    });
  try {
    // `&name` is a function's argument, and no result by itself.
    if (jmespath.compile(expression).type === 'ExpressionReference')
      throw new Error('an expression reference is no result');
  } catch (error) {
    throw refuse(error);
  }
  return (json) => {
    try {
      // Both sides are JSON: the library's type says so in other words.
      return jmespath.search(json as Parameters<typeof jmespath.search>[0], expression);
    } catch (error) {
      throw refuse(error);
    }
  };
}

/** The result as text with its final line break; empty for `none`. */
export async function render(
  view: View,
  format: OutputFormat,
  query: Query,
  screen: Screen,
): Promise<string> {
  const json = (): Json => (query === undefined ? view.json : query(present(view.json)));
  switch (format) {
    case 'none':
      return '';
    case 'json':
      return `${JSON.stringify(json(), null, 2)}\n`;
    case 'yaml':
      return (await import('yaml')).stringify(json(), {
        lineWidth: 0,
        aliasDuplicateObjects: false,
      });
    case 'tsv':
      return query === undefined ? (view.document ?? tsv(view.table)) : tsvOfJson(json());
    case 'table':
      return query === undefined
        ? (view.document ?? drawTable(view.table, screen))
        : drawTable(tableOfJson(json()), screen);
  }
}

/** Without the members that are `undefined`: in JSON they are absent. */
const present = (json: Json): Json => JSON.parse(JSON.stringify(json)) as Json; // JSON again

const tsvField = (text: string): string =>
  text.replace(/[\\\t\n\r]/g, (c) => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n' })[c] ?? '\\r');

const tsv = (table: Table): string =>
  table.rows
    .map((row) => `${row.map((cell) => tsvField(cell.plain ?? cell.text)).join('\t')}\n`)
    .join('');

const isScalar = (json: Json): json is string | number | boolean | null =>
  typeof json !== 'object' || json === null;

const scalarText = (json: Json | undefined): string =>
  json === null || json === undefined ? '' : typeof json === 'string' ? json : JSON.stringify(json);

const isList = (json: Json): json is readonly Json[] => Array.isArray(json);

/** What a query left over: a line an element, a field a member, in the order of the first element. */
function tsvOfJson(json: Json): string {
  const lines = isList(json) ? json : json === null ? [] : [json];
  return lines
    .map((line) => {
      const fields = isScalar(line) ? [line] : isList(line) ? line : Object.values(line);
      return `${fields.map((field) => tsvField(scalarText(field))).join('\t')}\n`;
    })
    .join('');
}

function tableOfJson(json: Json): Table {
  const empty = '(nothing)';
  const items = isList(json) ? json : json === null ? [] : [json];
  const objects = items.filter(
    (item): item is { readonly [member: string]: Json } => !isScalar(item) && !isList(item),
  );
  const cell = (value: Json | undefined): Cell => ({ text: oneLine(scalarText(value)) });
  if (objects.length < items.length || objects.length === 0)
    return {
      columns: [],
      rows: items.map((item) => (isList(item) ? item.map(cell) : [cell(item)])),
      empty,
    };
  const members = [...new Set(objects.flatMap((object) => Object.keys(object)))];
  return {
    columns: members,
    rows: objects.map((object) => members.map((member) => cell(object[member]))),
    empty,
  };
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ');

const gap = '  ';

/** Columns that do not fit give up their long forms first, the ones that save most before the others. */
function drawTable(table: Table, { width, paint }: Screen): string {
  const title = table.title === undefined ? '' : `${paint('strong', table.title)}\n`;
  if (table.rows.length === 0) return `${title}${paint('dim', table.empty)}\n`;
  const count = Math.max(...table.rows.map((row) => row.length));
  const columns = Array.from({ length: count }, (_, index) => {
    const cells = table.rows.map((row) => row[index] ?? { text: '' });
    const head = table.columns[index] ?? '';
    const longest = (texts: readonly string[]): number =>
      texts.reduce((most, text) => Math.max(most, text.length), head.length);
    return {
      head,
      cells,
      long: longest(cells.map((cell) => cell.text)),
      short: longest(cells.map((cell) => cell.short ?? cell.text)),
    };
  });
  const widths = columns.map((column) => column.long);
  const total = (): number => widths.reduce((sum, one) => sum + one + gap.length, -gap.length);
  const limit = table.uncut ? Number.POSITIVE_INFINITY : (width ?? Number.POSITIVE_INFINITY);
  const shortened = new Set<number>();
  const bySaving = columns
    .map((column, index) => ({ index, saving: column.long - column.short }))
    .filter(({ saving }) => saving > 0)
    .sort((a, b) => b.saving - a.saving);
  for (const { index } of bySaving) {
    if (total() <= limit) break;
    shortened.add(index);
    widths[index] = columns[index]?.short ?? 0;
  }
  while (total() > limit) {
    const widest = widths.indexOf(Math.max(...widths));
    const now = widths[widest] ?? 0;
    if (now <= 4) break;
    widths[widest] = now - 1;
  }
  const field = (text: string, index: number): string => {
    const room = widths[index] ?? 0;
    const cut = text.length > room ? `${text.slice(0, room - 1)}…` : text;
    return index === count - 1 ? cut : cut.padEnd(room);
  };
  const line = (texts: readonly string[]): string => `${texts.join(gap).trimEnd()}\n`;
  const head = table.columns.some((name) => name !== '')
    ? line(columns.map((column, index) => paint('strong', field(column.head, index))))
    : '';
  const body = table.rows.map((_, row) =>
    line(
      columns.map((column, index) => {
        const cell = column.cells[row] ?? { text: '' };
        const text = field(shortened.has(index) ? (cell.short ?? cell.text) : cell.text, index);
        return cell.tone === undefined ? text : paint(cell.tone, text);
      }),
    ),
  );
  return `${title}${head}${body.join('')}`;
}

/** What stderr says of a failure; with `-o json` its last line is one object (cli.md section 4). */
export function renderFailure(
  failure: Failure,
  format: OutputFormat,
  paint: Screen['paint'],
): string {
  const { details } = failure;
  const ids = [
    ['request-id', details.requestId],
    ['client-request-id', details.clientRequestId],
    ['correlation-id', details.correlationId],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name ?? ''} ${value}`]));
  const lines = [
    `${paint('bad', 'error:')} ${failure.message}`,
    ...(failure.hint === undefined ? [] : [`${paint('warn', 'hint:')} ${failure.hint}`]),
    ...(ids.length === 0 ? [] : [paint('dim', ids.join(', '))]),
  ];
  if (format === 'json') lines.push(JSON.stringify({ error: failureJson(failure) }));
  return `${lines.join('\n')}\n`;
}

export const failureJson = (failure: Failure): Json => ({
  kind: failure.kind,
  message: failure.message,
  hint: failure.hint,
  status: failure.details.status,
  code: failure.details.code,
  requestId: failure.details.requestId,
  clientRequestId: failure.details.clientRequestId,
  correlationId: failure.details.correlationId,
});
