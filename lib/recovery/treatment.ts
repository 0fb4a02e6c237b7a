import type { RecoveryMode } from '../settings.ts'
import type { Verdict } from './chain.ts'

/**
 * What recovery does about a log that is not whole:
 * - `set-aside`: the tail is kept in `.rejected/`, everything before it is there
 * - `refuse`: nothing is changed
 * - `stop`: everything before the damage is there; the damaged log is kept aside, a new timeline begins
 * - `skip`: everything that verifies is there; the damaged log is kept aside, a new timeline begins
 * - `apply-later`: as `skip`, on the same timeline: nothing that is missing was proven durable
 */
export type Treatment = 'set-aside' | 'refuse' | 'stop' | 'skip' | 'apply-later'

const DAMAGE = {
  tolerate_corrupted_tail_records: 'refuse',
  absolute_consistency: 'refuse',
  stop_at_damage: 'stop',
  skip_any_corrupted_records: 'skip',
} as const satisfies Record<RecoveryMode, Treatment>

export const TREATMENTS: Readonly<Record<Verdict, Readonly<Record<RecoveryMode, Treatment>>>> = {
  torn: {
    tolerate_corrupted_tail_records: 'set-aside',
    absolute_consistency: 'refuse',
    stop_at_damage: 'set-aside',
    skip_any_corrupted_records: 'set-aside',
  },
  hole: {
    tolerate_corrupted_tail_records: 'set-aside',
    absolute_consistency: 'refuse',
    stop_at_damage: 'set-aside',
    skip_any_corrupted_records: 'apply-later',
  },
  corrupt: DAMAGE,
  foreign: DAMAGE,
  gap: DAMAGE,
}
