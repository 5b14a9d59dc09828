/** What the commands that add a key have in common: the guards before, one write, the look afterwards. */
import type { AddOptions } from '../arguments.ts';
import type { Context } from '../context.ts';
import {
  activeKey,
  isUsable,
  keyState,
  overruledBy,
  unexpiredKey,
  type KeySet,
  type KeySetId,
  type PolicyKey,
} from '../core/keyset.ts';
import { isoTime } from '../core/lifetime.ts';
import { Failure, isFailure } from '../failure.ts';
import {
  createKeySet,
  getKeySet,
  keySetPath,
  listKeysV2,
  setKeyStatus,
  type AddTo,
  type IncomingKey,
  type NamedKey,
} from '../graph/operations.ts';
import type { WriteRequest } from '../graph/request.ts';
import type { View } from '../output.ts';
import { keyView, requestsView, type KeyFacts } from '../views.ts';

export interface Addition {
  readonly incoming: IncomingKey;
  readonly request: (target: AddTo) => WriteRequest<NamedKey>;
  /** Called with the keyset before anything is sent, for warnings and checks that need it. */
  readonly inspect?: (before: KeySet) => void | Promise<void>;
  /** Called once it is certain that something will be sent. */
  readonly prepare?: () => Promise<void>;
  /** In place of the key, when it was added. */
  readonly show?: (facts: KeyFacts) => Promise<View>;
}

export async function addKey(
  context: Context,
  id: KeySetId,
  options: AddOptions,
  addition: Addition,
): Promise<View> {
  const found = await readIfPresent(context, id, options);
  return addTo(
    context,
    { id, before: found ?? { id, keys: [] }, awaitKeySet: false },
    {
      options,
      addition,
      create: found === undefined,
    },
  );
}

interface Job {
  readonly options: AddOptions;
  readonly addition: Addition;
  /** The keyset is missing. */
  readonly create: boolean;
}

async function addTo(context: Context, target: AddTo, job: Job): Promise<View> {
  const { graph, talk } = context;
  const { id, before } = target;
  const { options, addition, create } = job;
  const { incoming } = addition;
  const reason = alreadyThere(before, options, incoming, context.now());
  if (reason !== undefined) return unchangedView(context, before, reason);
  refuseMixing(before, incoming);
  if (options.stage) refuseLonelyStage(before, context.now());
  else if (!options.standby) refuseUnusedKey(before, incoming, context.now());
  await addition.inspect?.(before);

  const add = addition.request({ ...target, awaitKeySet: target.awaitKeySet || create });
  if (context.dryRun)
    return requestsView(graph, [
      ...(create ? [createKeySet(id)] : []),
      add,
      // The service gives the kid only when it adds the key.
      ...(options.stage
        ? [{ ...setKeyStatus(id, 'kid', 'disabled'), path: `${keySetPath(id)}/keys_v2/{kid}` }]
        : []),
    ]);

  if (!target.awaitKeySet) await addition.prepare?.();
  const other = create ? await createForKey(context, id) : undefined;
  // The guards have not seen what is in it.
  if (other !== undefined)
    return addTo(context, { id, before: other, awaitKeySet: true }, { ...job, create: false });
  const added = await graph.write(add);
  const key = await settleStatus(context, id, added, options);
  const keys = [...before.keys.filter((one) => one.kid !== key.kid), key];
  const state = keyState(key, keys, context.now());
  const replaces = activeKey(before.keys, context.now())?.kid ?? null;
  if (options.stage)
    talk.note(
      `${key.kid} is disabled; it may have been live for seconds. Enable it with: policykeys keys enable ${id} ${key.kid}`,
    );
  const starts = state === 'future' && key.nbf !== undefined ? `, from ${isoTime(key.nbf)}` : '';
  const facts = {
    keyset: id,
    key,
    keys,
    now: context.now(),
    more: { replaces },
    done: `added ${key.kid} to ${id} (${state}${starts})`,
  };
  return addition.show?.(facts) ?? keyView(facts);
}

async function readIfPresent(
  context: Context,
  id: KeySetId,
  options: AddOptions,
): Promise<KeySet | undefined> {
  try {
    return await context.graph.read(getKeySet(id));
  } catch (error) {
    if (!isFailure(error, 'not-found')) throw error;
    if (options.create) return undefined;
    throw error.with({ hint: `create it first: policykeys create ${id}, or pass --create` });
  }
}

/** Gives the keyset if it exists after all: made by somebody else since we looked, or not known everywhere yet. */
async function createForKey(context: Context, id: KeySetId): Promise<KeySet | undefined> {
  try {
    await context.graph.write(createKeySet(id));
    context.talk.note(`created ${id}`);
    return undefined;
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    return context.graph.read({ ...getKeySet(id), awaitKeySet: true });
  }
}

interface Unchanged {
  readonly key: PolicyKey;
  readonly why: string;
}

function alreadyThere(
  { keys }: KeySet,
  options: AddOptions,
  incoming: IncomingKey,
  now: number,
): Unchanged | undefined {
  const alive = options.ifEmpty ? unexpiredKey(keys, now) : undefined;
  if (alive !== undefined) return { key: alive, why: 'it holds a key that has not expired' };
  const same =
    options.ifChanged && incoming.x5t !== undefined
      ? keys.find((key) => key.x5t === incoming.x5t && (key.exp === undefined || key.exp > now))
      : undefined;
  return same === undefined ? undefined : { key: same, why: 'it holds this certificate' };
}

function unchangedView(context: Context, before: KeySet, { key, why }: Unchanged): View {
  const kid = key.kid ?? '(no kid)';
  if (key.status !== undefined && key.status !== 'enabled')
    context.talk.warn(
      `${kid} of ${before.id} is ${key.status}: it will not be used until it is enabled`,
    );
  if (context.dryRun) return requestsView(context.graph, []);
  return keyView({
    keyset: before.id,
    key,
    keys: before.keys,
    now: context.now(),
    more: { unchanged: true },
    done: `${before.id} is unchanged: ${why} (${kid})`,
  });
}

/** The service would say AADB2C95032 or 95042, after a secret has left this machine. */
function refuseMixing({ id, keys }: KeySet, incoming: IncomingKey): void {
  for (const member of ['kty', 'use'] as const) {
    const [have, want] = [
      keys.find((key) => key[member] !== undefined)?.[member],
      incoming[member],
    ];
    if (have !== undefined && want !== undefined && have !== want)
      throw new Failure(
        'conflict',
        `${id} holds keys with ${member} ${have}, and this one has ${want}`,
        {
          hint: `all keys of a keyset share one ${member}: put this key into another keyset`,
        },
      );
  }
}

/** A key that never wins would be believed to be in use (cli.md section 1). */
function refuseUnusedKey({ id, keys }: KeySet, incoming: IncomingKey, now: number): void {
  const winner = overruledBy(incoming, keys, now);
  if (winner === undefined) return;
  const theirs = winner.nbf === undefined ? 'no nbf' : `nbf ${isoTime(winner.nbf)}`;
  const ours = incoming.nbf === undefined ? 'no nbf' : `nbf ${isoTime(incoming.nbf)}`;
  const certificate = incoming.x5t !== undefined;
  throw new Failure(
    'conflict',
    `the new key would not become active: ${winner.kid ?? 'another key'} of ${id} has ${theirs}, the new one ${ours}, and the latest nbf wins`,
    {
      hint: certificate
        ? "a certificate's dates are the key's: use one that begins later, or pass --standby to add it all the same"
        : `pass --nbf now or later${winner.nbf === undefined ? '' : ` (after ${isoTime(winner.nbf)})`}, or --standby to add it all the same`,
    },
  );
}

function refuseLonelyStage({ id, keys }: KeySet, now: number): void {
  if (!keys.some((key) => isUsable(key, now)))
    throw new Failure(
      'conflict',
      `${id} has no other usable key, so a disabled one would leave it without`,
      {
        hint: 'leave --stage away for the first key of a keyset',
      },
    );
}

/**
 * A new key may arrive disabled (keysets-api.md Q1), and neither the answer nor the keyset may say
 * so: what keys_v2 shows counts then.
 */
async function settleStatus(
  context: Context,
  id: KeySetId,
  added: NamedKey,
  options: AddOptions,
): Promise<NamedKey> {
  const key =
    added.status === undefined && !options.stage ? await readStatus(context, id, added) : added;
  const wanted = options.stage ? 'disabled' : options.enable ? 'enabled' : undefined;
  const disabled = key.status !== undefined && key.status !== 'enabled';
  if (wanted === undefined && disabled)
    context.talk.warn(
      `the service added ${key.kid} as ${key.status ?? ''}, so it is not used: policykeys keys enable ${id} ${key.kid}, or pass --enable`,
    );
  if (wanted === undefined || key.status === wanted) return key;
  try {
    await context.graph.write(setKeyStatus(id, key.kid, wanted));
  } catch (error) {
    if (!isFailure(error)) throw error;
    // The key is there: without its kid in the message a second one would be added.
    throw new Failure(
      error.kind,
      `${key.kid} was added to ${id}, but it is not ${wanted}: ${error.message}`,
      {
        ...error.details,
        hint: `do not add it again: policykeys keys ${wanted === 'disabled' ? 'disable' : 'enable'} ${id} ${key.kid}`,
        cause: error,
      },
    );
  }
  return { ...key, status: wanted };
}

async function readStatus(context: Context, id: KeySetId, added: NamedKey): Promise<NamedKey> {
  try {
    const keys = await context.graph.pages(listKeysV2(id));
    const status = keys.find((key) => key.kid === added.kid)?.status;
    return status === undefined ? added : { ...added, status };
  } catch (error) {
    // The key is there: failing now would make a script add a second one.
    if (isFailure(error, 'cancelled')) throw error;
    context.talk.warn(
      `${added.kid} was added to ${id}, but whether it is enabled could not be read`,
    );
    return added;
  }
}
