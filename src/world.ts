/** What the program takes from the process it runs in: `main.ts` reads it once, tests make their own. */
import type { Readable } from 'node:stream';
import type { Transport } from './graph/request.ts';
import type { Output } from './edge/terminal.ts';
import type { TransportOptions } from './edge/http.ts';
import type { Environment } from './settings.ts';

export interface World {
  /** Without the interpreter and the script. */
  readonly argv: readonly string[];
  readonly environment: Environment;
  readonly platform: string;
  readonly homeDirectory: string;
  readonly nodeVersion: string;
  /** Opened on first use. */
  readonly stdin: () => Readable;
  readonly stdinIsTerminal: boolean;
  readonly stdout: Output;
  readonly stderr: Output;
  now(): number;
  random(): number;
  /** Returns what stops listening. */
  onSignal(listener: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
  /** In place of the network. */
  readonly openTransport?: (options: TransportOptions) => Promise<Transport>;
}
