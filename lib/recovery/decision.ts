// Which snapshot a database is opened from, and whether a checkpoint has to be finished first: a table over what the
// survey found. Every combination of the axes matches exactly one row (a spec enumerates them all); conditions of
// recovery live here and nowhere else.

/** What `.properties` says; `absent` also when it holds settings alone. */
export type StateAxis = 'absent' | 'damaged' | 'fresh' | 'clean' | 'dirty' | 'switching'
/** `.script`: `at-checkpoint` when whole and at the state's checkpoint_lsn, `whole` when whole and elsewhere. */
export type ScriptAxis = 'absent' | 'damaged' | 'whole' | 'at-checkpoint'
/** `.script.new`: `at-checkpoint` when whole and at the checkpoint_lsn of a state that says yes-new-files. */
export type ScriptNewAxis = 'absent' | 'partial' | 'other' | 'at-checkpoint'
/**
 * The live logs from a base LSN on. `reaches`: they hold all that followed the base, up to a clean or torn end;
 * `short`: they start past the base or end before the state's checkpoint_lsn; `damaged`: corrupt, foreign, or with
 * a gap between two of them.
 */
export type LogsAxis = 'absent' | 'reaches' | 'short' | 'damaged'
/** `.log.new`: `empty` when it holds no record. */
export type LogNewAxis = 'absent' | 'empty' | 'records' | 'damaged'

export interface Situation {
  readonly state: StateAxis
  readonly script: ScriptAxis
  readonly scriptNew: ScriptNewAxis
  /** The live logs from `.script`'s LSN, or from 0/0 when there is none. */
  readonly logs: LogsAxis
  /** The live logs from the state's checkpoint_lsn. */
  readonly logsAtCheckpoint: LogsAxis
  readonly logNew: LogNewAxis
}

export const AXES = {
  state: ['absent', 'damaged', 'fresh', 'clean', 'dirty', 'switching'],
  script: ['absent', 'damaged', 'whole', 'at-checkpoint'],
  scriptNew: ['absent', 'partial', 'other', 'at-checkpoint'],
  logs: ['absent', 'reaches', 'short', 'damaged'],
  logsAtCheckpoint: ['absent', 'reaches', 'short', 'damaged'],
  logNew: ['absent', 'empty', 'records', 'damaged'],
} as const satisfies { readonly [K in keyof Situation]: readonly Situation[K][] }

/**
 * - `create`: there is no database yet
 * - `open`: the base is `.script`, or an empty database at 0/0 when there is none
 * - `finish`: the base is `.script.new`; the checkpoint that wrote it is finished first
 * - `settle`: the base is `.script`; the rest of the checkpoint that wrote it is finished first
 * - `refuse`: nothing is changed
 */
export type Action = 'create' | 'open' | 'finish' | 'settle' | 'refuse'

/** How the logs that follow the base are taken. */
export type LogsTaken =
  /** They are whole up to a clean or torn end. */
  | 'redo'
  /** There are none, and none is needed. */
  | 'none'
  /** They are not whole: the recovery mode decides, and by default refuses. */
  | 'by-mode'

type Pattern = { readonly [K in keyof Situation]?: readonly Situation[K][] }

export interface Row {
  readonly name: string
  readonly when: Pattern
  readonly action: Action
  readonly logs: LogsTaken
  /** What a person is told, and why this is right. */
  readonly because: string
}

const SETTLED = ['absent', 'damaged', 'fresh', 'clean', 'dirty'] as const
const WHOLE = ['whole', 'at-checkpoint'] as const
const NOT_REACHING = ['absent', 'short', 'damaged'] as const
const NOT_AT_CHECKPOINT = ['absent', 'partial', 'other'] as const

export const DECISION_TABLE: readonly Row[] = [
  {
    name: 'nothing-there',
    when: {
      state: ['absent'],
      script: ['absent'],
      scriptNew: ['absent'],
      logs: ['absent'],
      logNew: ['absent'],
    },
    action: 'create',
    logs: 'none',
    because: 'no file of this database exists',
  },
  {
    name: 'creation-cut-short',
    when: { state: ['fresh'], script: ['absent'], logs: ['absent'], logNew: ['absent', 'empty'] },
    action: 'create',
    logs: 'none',
    because: 'the database was being created and nothing was ever written to it',
  },
  {
    name: 'only-new-files',
    when: {
      state: ['absent'],
      script: ['absent'],
      scriptNew: ['partial', 'other', 'at-checkpoint'],
      logs: ['absent'],
    },
    action: 'refuse',
    logs: 'none',
    because: 'only a prepared snapshot (.script.new) is there, without .properties, .script and .log',
  },
  {
    name: 'only-a-prepared-log',
    when: {
      state: ['absent'],
      script: ['absent'],
      scriptNew: ['absent'],
      logs: ['absent'],
      logNew: ['empty', 'damaged', 'records'],
    },
    action: 'refuse',
    logs: 'none',
    because: 'only a prepared log (.log.new) is there, without .properties, .script and .log',
  },
  {
    name: 'creation-cut-short-beside-a-strange-log',
    when: { state: ['fresh'], script: ['absent'], logs: ['absent'], logNew: ['records', 'damaged'] },
    action: 'refuse',
    logs: 'none',
    because: '.properties says that nothing was ever saved, yet .log.new holds something',
  },
  {
    name: 'log-from-the-beginning',
    when: { state: SETTLED, script: ['absent'], logs: ['reaches'] },
    action: 'open',
    logs: 'redo',
    because: 'there was no checkpoint yet: the log from 0/00000000 holds everything',
  },
  {
    name: 'damaged-log-from-the-beginning',
    when: { state: SETTLED, script: ['absent'], logs: ['damaged'] },
    action: 'open',
    logs: 'by-mode',
    because: 'there was no checkpoint yet, and the log from 0/00000000 is damaged',
  },
  {
    name: 'script-missing',
    when: { state: SETTLED, script: ['absent'], logs: ['short'] },
    action: 'refuse',
    logs: 'none',
    because: 'there is no .script, and the logs do not hold everything from the beginning on',
  },
  {
    name: 'script-and-log-missing',
    when: { state: ['damaged', 'clean', 'dirty'], script: ['absent'], logs: ['absent'] },
    action: 'refuse',
    logs: 'none',
    because: 'there is neither a .script nor a log',
  },
  {
    name: 'script-damaged',
    when: { state: SETTLED, script: ['damaged'] },
    action: 'refuse',
    logs: 'none',
    because: '.script is not whole',
  },
  {
    name: 'script-and-log',
    when: { state: SETTLED, script: WHOLE, logs: ['reaches'] },
    action: 'open',
    logs: 'redo',
    because: '.script is whole and the log follows it',
  },
  {
    name: 'script-alone',
    when: { state: ['clean', 'absent'], script: WHOLE, logs: ['absent'] },
    action: 'open',
    logs: 'none',
    because: '.script is whole and nothing says that a log belongs to it',
  },
  {
    name: 'log-missing',
    when: { state: ['damaged', 'fresh', 'dirty'], script: WHOLE, logs: ['absent'] },
    action: 'open',
    logs: 'by-mode',
    because: '.script is whole, and the log that should follow it is missing',
  },
  {
    name: 'script-and-damaged-log',
    when: { state: SETTLED, script: WHOLE, logs: ['short', 'damaged'] },
    action: 'open',
    logs: 'by-mode',
    because: '.script is whole, and the log that follows it is damaged or starts past it',
  },
  {
    name: 'checkpoint-to-finish',
    when: { state: ['switching'], scriptNew: ['at-checkpoint'], logsAtCheckpoint: ['reaches'] },
    action: 'finish',
    logs: 'redo',
    because: 'the checkpoint had passed its commit point: .script.new is the snapshot',
  },
  {
    name: 'checkpoint-to-finish-damaged-log',
    when: { state: ['switching'], scriptNew: ['at-checkpoint'], logsAtCheckpoint: NOT_REACHING },
    action: 'finish',
    logs: 'by-mode',
    because: 'the checkpoint had passed its commit point, and the log that follows it is damaged or missing',
  },
  {
    name: 'checkpoint-in-place',
    when: {
      state: ['switching'],
      script: ['at-checkpoint'],
      scriptNew: NOT_AT_CHECKPOINT,
      logs: ['reaches'],
    },
    action: 'settle',
    logs: 'redo',
    because: 'the snapshot of the checkpoint is in place; its log remains to be moved',
  },
  {
    name: 'checkpoint-in-place-damaged-log',
    when: {
      state: ['switching'],
      script: ['at-checkpoint'],
      scriptNew: NOT_AT_CHECKPOINT,
      logs: NOT_REACHING,
    },
    action: 'settle',
    logs: 'by-mode',
    because: 'the snapshot of the checkpoint is in place, and the log that follows it is damaged or missing',
  },
  {
    name: 'checkpoint-undone',
    when: {
      state: ['switching'],
      script: ['absent', 'whole'],
      scriptNew: ['partial'],
      logs: ['reaches'],
      logNew: ['absent', 'empty'],
    },
    action: 'open',
    logs: 'redo',
    because: '.script.new is not whole, and .script and the logs hold everything without it',
  },
  {
    name: 'checkpoint-cannot-be-undone',
    when: {
      state: ['switching'],
      script: ['absent', 'whole'],
      scriptNew: ['partial'],
      logs: ['reaches'],
      logNew: ['records', 'damaged'],
    },
    action: 'refuse',
    logs: 'none',
    because: '.script.new is not whole, and .log.new holds something that follows it',
  },
  {
    name: 'checkpoint-and-logs-damaged',
    when: {
      state: ['switching'],
      script: ['absent', 'whole'],
      scriptNew: ['partial'],
      logs: NOT_REACHING,
    },
    action: 'refuse',
    logs: 'none',
    because: '.script.new is not whole, and .script and the logs do not hold everything either',
  },
  {
    name: 'checkpoint-and-script-damaged',
    when: { state: ['switching'], script: ['damaged'], scriptNew: ['partial'] },
    action: 'refuse',
    logs: 'none',
    because: 'neither .script nor .script.new is whole',
  },
  {
    name: 'checkpoint-lost',
    when: { state: ['switching'], script: ['absent', 'damaged', 'whole'], scriptNew: ['absent', 'other'] },
    action: 'refuse',
    logs: 'none',
    because: 'a checkpoint had passed its commit point, and its snapshot is missing',
  },
]

/** The rows that a situation matches: exactly one, as the spec proves for every combination. */
export function matchingRows(situation: Situation): readonly Row[] {
  return DECISION_TABLE.filter(
    ({ when }) =>
      matches(when.state, situation.state) &&
      matches(when.script, situation.script) &&
      matches(when.scriptNew, situation.scriptNew) &&
      matches(when.logs, situation.logs) &&
      matches(when.logsAtCheckpoint, situation.logsAtCheckpoint) &&
      matches(when.logNew, situation.logNew),
  )
}

function matches<T>(allowed: readonly T[] | undefined, value: T): boolean {
  return allowed === undefined || allowed.includes(value)
}
