/** What nobody outside Microsoft knows of the service (keysets-api.md section 10), to be tried both ways. */
import type { KeyStatus } from '../core/keyset.ts';

export interface Switches {
  /** Of a keyset or key that does not exist (Q4). */
  readonly notFoundStatus: 404 | 400;
  /** The status that a new key has (Q1). */
  readonly newKeys: KeyStatus;
  /** Whether the keys of a keyset show their `status`; keys_v2 always does. */
  readonly keyStatus: 'sent' | 'omitted';
  /** How long a new keyset is not there yet (Q10). */
  readonly settleMs: number;
  /** Items on a page of a list. */
  readonly pageSize: number;
}

export const defaultSwitches: Switches = {
  notFoundStatus: 404,
  newKeys: 'enabled',
  keyStatus: 'sent',
  settleMs: 0,
  pageSize: 100,
};
