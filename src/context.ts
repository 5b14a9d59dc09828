/** Everything a command is allowed to touch. Only `main.ts` makes a real one. */
import type { KeyObject } from 'node:crypto';
import type { Command } from 'commander';
import type { Secret } from './core/secret.ts';
import type { NumericDate } from './core/lifetime.ts';
import type { Page, ReadRequest, WriteRequest } from './graph/request.ts';
import type { View } from './output.ts';

/** Where a value that must not stand in the argument list comes from (cli.md section 3). */
export type Source =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdin' }
  | { readonly kind: 'environment'; readonly name: string };

export interface Graph {
  read<T>(request: ReadRequest<T>): Promise<T>;
  /** All pages, in the service's order. */
  pages<T>(request: ReadRequest<Page<T>>): Promise<readonly T[]>;
  /** Sent once as far as anybody can tell: a lost answer is settled by reading first. */
  write<T>(request: WriteRequest<T>): Promise<T>;
  /** The address a request goes to. */
  url(path: string): string;
}

export interface Talk {
  /** What happened, on stderr. */
  note(text: string): void;
  /** What the user should look at, on stderr. */
  warn(text: string): void;
  /**
   * Before `deed` ("deletes B2C_1A_X"): asks on the terminal, unless `--yes` answers. `usage` where
   * nobody can be asked, before the question is even composed; `cancelled` when the answer is no.
   */
  confirm(deed: string, question: () => Promise<string>): Promise<void>;
}

export interface Input {
  /** The bytes of a file argument; failures name it. */
  bytes(
    source: Source,
    maxBytes: number,
  ): Promise<{ readonly bytes: Buffer; readonly name: string }>;
  /**
   * The text behind a flag such as `--from`; failures do not repeat its value, which may be the
   * secret itself. Without a source: a hidden question, or `usage`.
   */
  text(source: Source | undefined, wanted: TextWanted): Promise<Secret>;
}

export interface TextWanted {
  /** The flag, for messages: `--from`. */
  readonly flag: string;
  /** For the question: `Secret`. */
  readonly what: string;
  readonly maxBytes: number;
  /** Keep a leading byte order mark and a trailing line break. */
  readonly exact?: boolean;
  /** A value that is new: a question for it is asked twice. */
  readonly chosen?: boolean;
  /** The next step where the value is empty. */
  readonly emptyHint?: string;
}

export interface NewFile {
  readonly path: string;
  readonly bytes: Buffer;
  /** Readable by the user only. */
  readonly secret: boolean;
  readonly overwrite: boolean;
}

export interface Files {
  /** Fails as `stage` would, without writing. */
  check(file: Pick<NewFile, 'path' | 'overwrite'>): Promise<void>;
  /**
   * Writes a file beside the place where it will stand, and gives what puts it there. Failures: `input`
   * where it cannot be, `conflict` where something stands already and `overwrite` does not allow it.
   */
  stage(file: NewFile): Promise<StagedFile>;
}

export interface StagedFile {
  readonly path: string;
  /** The same place, whatever links lead to it. */
  readonly place: string;
  commit(): Promise<void>;
  /** Leaves nothing behind; after `commit` there is nothing to do. */
  discard(): Promise<void>;
}

export interface Random {
  bytes(size: number): Buffer;
  rsaKey(bits: number): Promise<{ readonly privateKey: KeyObject; readonly publicKey: KeyObject }>;
}

export interface Emulator {
  /** Gives the file that holds the state. */
  reset(dryRun: boolean): Promise<string>;
  serve(options: ServeOptions): Promise<Served>;
}

export interface ServeOptions {
  readonly port: number;
  readonly tls: boolean;
  readonly latencyMs: number;
  readonly notFoundStatus: 400 | 404;
  readonly newKeys: 'enabled' | 'disabled';
  readonly keyStatus: 'sent' | 'omitted';
  readonly settleMs: number;
  readonly pageSize: number;
  readonly roles: readonly string[];
  readonly faults: readonly string[];
}

export interface Served {
  /** Variables that point a client at the server, in the order to print them. */
  readonly environment: Readonly<Record<string, string>>;
  /** Settles when the server has ended. */
  readonly ended: Promise<void>;
}

export interface Context {
  readonly graph: Graph;
  readonly talk: Talk;
  readonly input: Input;
  readonly files: Files;
  readonly random: Random;
  readonly emulator: Emulator;
  readonly dryRun: boolean;
  /** After work that let no signal through: throws what ended the command meanwhile. */
  checkpoint(): Promise<void>;
  now(): NumericDate;
  /** For completing names later; never fails. */
  rememberKeySets(ids: readonly string[]): Promise<void>;
  rememberedKeySets(): Promise<readonly string[]>;
}

/** Opens the context for a parsed command, does the work and renders what it returns. */
export type Run = (command: Command, work: (context: Context) => Promise<View>) => Promise<void>;
