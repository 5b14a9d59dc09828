/** The user's own record of writes (`--audit-log`): one line before each is sent, one when it is settled. */
import { randomUUID } from 'node:crypto';
import { Failure, isFailure } from '../failure.ts';
import type { WriteRequest } from '../graph/request.ts';
import { appendLine, fileTrouble } from './files.ts';

export interface AuditFacts {
  readonly command: string;
  readonly reason: string | undefined;
  readonly pipelineRun: string | undefined;
  readonly cloud: string;
}

/** Who acts on which tenant, as far as the token says. */
export interface Actor {
  /** As it was named, else as the token has it. */
  readonly tenant: string | undefined;
  /** `tid` of the token. */
  readonly tenantId?: string | undefined;
  readonly who: string | undefined;
}

export interface Outcome {
  readonly status?: number | undefined;
  readonly kid?: string | undefined;
  readonly requestId?: string | undefined;
  readonly clientRequestId?: string | undefined;
  readonly correlationId?: string | undefined;
}

export interface Audit {
  /** Failures: `input` when the line cannot be written; then nothing must be sent. */
  begin(request: WriteRequest<unknown>, actor: Actor): Promise<Entry>;
}

export interface Entry {
  done(outcome: Outcome): Promise<void>;
  failed(error: unknown): Promise<void>;
}

export function openAudit(
  path: string | undefined,
  facts: AuditFacts,
  now: () => number,
  warn: (text: string) => void,
): Audit {
  if (path === undefined) return { begin: () => Promise.resolve(silent) };
  const write = (line: object): Promise<void> =>
    appendLine(path, JSON.stringify({ time: new Date(now()).toISOString(), ...line }));
  return {
    async begin(request, actor) {
      const line = {
        operation: randomUUID(),
        tenant: actor.tenant,
        cloud: facts.cloud,
        who: actor.who,
        command: facts.command,
        reason: facts.reason,
        pipelineRun: facts.pipelineRun,
        method: request.method,
        keyset: request.keyset,
        kid: request.kid,
      };
      try {
        await write({ event: 'sending', ...line });
      } catch (error) {
        throw new Failure('input', `cannot write the audit log ${path}: ${fileTrouble(error)}`, {
          hint: 'nothing was sent; pass another --audit-log',
          cause: error,
        });
      }
      // The write is settled by now: a full disk must not make it look as if it had failed.
      const settle = async (rest: object): Promise<void> => {
        try {
          await write({ event: 'settled', ...line, ...rest });
        } catch (error) {
          warn(`cannot write the end of ${line.operation} to the audit log: ${fileTrouble(error)}`);
        }
      };
      return {
        done: (outcome) => settle({ result: 'done', ...outcome, kid: outcome.kid ?? request.kid }),
        failed: (error) => settle({ result: resultOf(error), ...outcomeOf(error) }),
      };
    },
  };
}

const silent: Entry = { done: () => Promise.resolve(), failed: () => Promise.resolve() };

/** `unknown`: it may have been carried out, and could not be settled. */
const resultOf = (error: unknown): 'failed' | 'unknown' =>
  isFailure(error) && error.details.delivery !== 'unknown' ? 'failed' : 'unknown';

function outcomeOf(error: unknown): Outcome & { kind?: string; code?: string | undefined } {
  if (!isFailure(error)) return { kind: 'bug' };
  const { status, code, requestId, clientRequestId, correlationId } = error.details;
  return { kind: error.kind, status, code, requestId, clientRequestId, correlationId };
}
