// A model of two writers of one database: the old one has it open when a person deletes `.lck`, and a new one opens it.
// Every interleaving of their steps is tried, so the old one may be stopped anywhere for any time. What is modelled:
// the names and logs that matter to who wins, by the same steps as the protocols in lib; what is not: durability
// (whoever opens makes durable what it sees) and the bytes of records.

/** Where the protocol can be weakened, to see that the model notices. */
export interface Rules {
  /** The lock file is looked at between the append and the acknowledgement, not before the append. */
  readonly looksAfterAppend: boolean
  /** The lock file is looked at before each rename and removal. */
  readonly looksBeforeRename: boolean
  /** Renames and removals are done while the guard of the logs is held, and an open waits for it. */
  readonly guards: boolean
}

export const PROTOCOL: Rules = { looksAfterAppend: true, looksBeforeRename: true, guards: true }

type Modified = 'no' | 'yes' | 'switching'
type Inode =
  | { kind: 'log'; start: number; records: string[] }
  | { kind: 'script'; lsn: number; commits: string[] }
  | { kind: 'state'; modified: Modified; checkpoint: number }
const LOGS = ['log', 'logNext', 'logNew'] as const
type LogName = (typeof LOGS)[number]
type Name = LogName | 'script' | 'scriptNew' | 'state' | 'stateNew' | 'logNextNew'

type Step =
  | readonly [
      'takeLock' | 'release' | 'verify' | 'look' | 'open' | 'ack' | 'checkpoint' | 'finish' | 'finishLogs',
    ]
  | readonly ['guard', LogName]
  | readonly ['rename', Name, Name]
  | readonly ['remove', Name]
  | readonly ['create', Name, Inode]
  | readonly ['state', Modified, number]
  | readonly ['append' | 'commit', string]
  | readonly ['goOnIn', Name]

interface Actor {
  readonly todo: Step[]
  /** The logs whose guard it holds, by the order of their names; null for a name that no log has. */
  readonly held: (number | null)[]
  lock: number
  /** The log that it appends to, and where. */
  log: number
  end: number
  /** What it has committed or found, in order. */
  commits: string[]
  /** What it knows the state file to say: it does not read that again. */
  modified: Modified
  checkpoint: number
  wasFenced: boolean
}

interface World {
  lock: number
  readonly inodes: Inode[]
  readonly names: Partial<Record<Name, number>>
  readonly acknowledged: string[]
  readonly actors: readonly [Actor, Actor]
  hasPersonActed: boolean
}

export interface Explored {
  readonly states: number
  /** In how many of them somebody knew that he was fenced, and in how many both had acknowledged a commit. */
  readonly fenced: number
  readonly bothAcknowledged: number
  /** The first history, as the steps of all, after which an acknowledged commit is gone. */
  readonly violation: readonly string[] | undefined
}

/** What the old writer begins with: a clean end, a log in use, or an unclean end that it has yet to recover from. */
export type Start = 'clean' | 'in-use' | 'unclean'

/** Tries every interleaving. */
export function explore(rules: Rules, start: Start): Explored {
  const found = { states: 0, fenced: 0, bothAcknowledged: 0 }
  const seen = new Set<string>()
  const waiting: { readonly text: string; readonly history: History | undefined }[] = []
  const visit = (world: World, history: History | undefined): boolean => {
    const text = JSON.stringify(world)
    if (seen.has(text)) return true
    seen.add(text)
    found.states += 1
    if (world.actors.some(({ wasFenced }) => wasFenced)) found.fenced += 1
    const by = (letter: string) => world.acknowledged.some((commit) => commit.startsWith(letter))
    if (by('old') && by('new')) found.bothAcknowledged += 1
    waiting.push({ text, history })
    const visible = commitsIn(world)
    return visible !== undefined && world.acknowledged.every((commit) => visible.includes(commit))
  }
  if (!visit(firstWorld(start), undefined)) throw new Error('the first state is none')
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const who of ['person', 0, 1] as const) {
      const world: World = JSON.parse(next.text)
      const said = who === 'person' ? personActs(world) : actorActs(world, who, rules)
      if (said === undefined) continue
      const history = {
        said: `${who === 'person' ? who : who === 0 ? 'old' : 'new'}: ${said}`,
        before: next.history,
      }
      if (!visit(world, history)) return { ...found, violation: told(history) }
    }
  }
  return { ...found, violation: undefined }
}

interface History {
  readonly said: string
  readonly before: History | undefined
}

function told(last: History): string[] {
  const lines: string[] = []
  for (let at: History | undefined = last; at !== undefined; at = at.before) lines.unshift(at.said)
  return lines
}

function firstWorld(start: Start): World {
  const old: Step[] = [['commit', 'old1'], ['checkpoint'], ['commit', 'old2']]
  const earlier = start === 'unclean' ? ['earlier'] : []
  const modified = start === 'clean' ? 'no' : 'yes'
  const opened = {
    lock: 1,
    log: 0,
    end: 0,
    commits: [],
    modified,
    checkpoint: 0,
    held: [],
    wasFenced: false,
  } as const
  const newcomer: Step[] = [
    ['takeLock'],
    ['open'],
    ['commit', 'new1'],
    ['checkpoint'],
    ['commit', 'new2'],
    ['checkpoint'],
  ]
  return {
    lock: 1,
    inodes: [
      { kind: 'log', start: 0, records: [...earlier] },
      { kind: 'script', lsn: 0, commits: [] },
      { kind: 'state', modified, checkpoint: 0 },
    ],
    names: { log: 0, script: 1, state: 2 },
    acknowledged: [...earlier],
    actors: [
      { ...opened, commits: [], held: [], todo: start === 'unclean' ? [['open'], ...old] : old },
      { ...opened, commits: [], held: [], lock: 0, todo: newcomer },
    ],
    hasPersonActed: false,
  }
}

function personActs(world: World): string | undefined {
  if (world.hasPersonActed) return undefined
  world.hasPersonActed = true
  world.lock = 0
  return 'deletes .lck'
}

/** Does the actor's next step; undefined when there is none, or when it waits. */
function actorActs(world: World, who: 0 | 1, rules: Rules): string | undefined {
  const me = world.actors[who]
  const other = world.actors[who === 0 ? 1 : 0]
  const step = me.todo.shift()
  if (step === undefined) return undefined
  const said = step.map((word) => (typeof word === 'object' ? JSON.stringify(word) : word)).join(' ')
  const then = (...steps: readonly Step[]) => me.todo.unshift(...steps)
  const section = (...acts: readonly Step[]): Step[] => [
    ...(rules.guards ? guardSteps() : []),
    ...(rules.looksBeforeRename ? ([['look']] as const) : []),
    ...acts,
    ['release'],
  ]
  const fail = () => {
    me.held.length = 0
    me.todo.length = 0
  }
  const write = (name: Name, inode: Inode): Step[] => [
    ...(world.names[name] === undefined ? [] : section(['remove', name])),
    ['look'],
    ['create', name, inode],
  ]
  switch (step[0]) {
    case 'takeLock':
      if (world.lock !== 0) return undefined
      world.lock = 2
      me.lock = 2
      // Waits for a section of the old writer that is under way; later ones see that the lock file is another.
      if (rules.guards) then(...guardSteps(), ['release'])
      break
    case 'guard': {
      const inode = world.names[step[1]] ?? null
      if (inode !== null && other.held.includes(inode)) {
        const again = me.todo.findIndex(([word]) => word === 'verify')
        me.todo.splice(0, again + 1, ...guardSteps())
        if (me.held.length === 0) return undefined
        me.held.length = 0
      } else me.held.push(inode)
      break
    }
    case 'verify':
      if (LOGS.every((name, at) => (world.names[name] ?? null) === me.held[at])) break
      me.held.length = 0
      then(...guardSteps())
      break
    case 'release':
      me.held.length = 0
      break
    case 'look':
      if (world.lock === me.lock) break
      me.wasFenced = true
      fail()
      break
    case 'commit':
      if (me.modified === 'no') then(['state', 'yes', me.checkpoint], step)
      else if (rules.looksAfterAppend) then(['append', step[1]], ['look'], ['ack'])
      else then(['look'], ['append', step[1]], ['ack'])
      break
    case 'append': {
      const log = world.inodes[me.log]
      if (log?.kind !== 'log') throw new Error('no log')
      log.records[me.end - log.start] = step[1]
      me.end += 1
      me.commits.push(step[1])
      break
    }
    case 'ack':
      world.acknowledged.push(me.commits.at(-1) ?? '')
      break
    case 'state':
      then(
        ...write('stateNew', { kind: 'state', modified: step[1], checkpoint: step[2] }),
        ...section(['rename', 'stateNew', 'state']),
      )
      me.modified = step[1]
      me.checkpoint = step[2]
      break
    case 'create':
      if (world.names[step[1]] !== undefined) fail()
      else world.names[step[1]] = world.inodes.push(step[2]) - 1
      break
    case 'rename': {
      const inode = world.names[step[1]]
      if (inode === undefined) fail()
      else {
        delete world.names[step[1]]
        world.names[step[2]] = inode
      }
      break
    }
    case 'remove':
      if (world.names[step[1]] === undefined) fail()
      delete world.names[step[1]]
      break
    case 'goOnIn': {
      const inode = world.names[step[1]]
      const log = inode === undefined ? undefined : world.inodes[inode]
      if (inode === undefined || log?.kind !== 'log') fail()
      else {
        me.log = inode
        me.end = log.start + log.records.length
      }
      break
    }
    case 'checkpoint':
      then(
        ...write('scriptNew', { kind: 'script', lsn: me.end, commits: [...me.commits] }),
        ...write('logNew', { kind: 'log', start: me.end, records: [] }),
        ['state', 'switching', me.end],
        ['goOnIn', 'logNew'],
        ['finish'],
      )
      break
    case 'finish': {
      const { checkpoint } = me
      if (scriptAt(world, 'scriptNew')?.lsn === checkpoint)
        then(...section(['rename', 'scriptNew', 'script']), ['finishLogs'])
      else then(['finishLogs'])
      break
    }
    case 'finishLogs': {
      const { checkpoint } = me
      const [log, logNext, logNew] = LOGS.map((name) => logAt(world, name))
      const takesOver = logNew?.start === checkpoint && logNext?.start !== checkpoint
      const isNextOver = logNext !== undefined && logNext.start + logNext.records.length <= checkpoint
      then(
        ...(takesOver && (log === undefined || log.start < checkpoint)
          ? section(['rename', 'logNew', 'log'])
          : []),
        ...(isNextOver ? section(['remove', 'logNext']) : []),
        ['state', 'yes', checkpoint],
      )
      break
    }
    case 'open': {
      const { modified, checkpoint } = stateOf(world)
      const commits = commitsIn(world)
      const log = logAt(world, 'log')
      if (commits === undefined || log === undefined) {
        fail()
        break
      }
      me.commits = commits
      me.modified = modified
      me.checkpoint = checkpoint
      if (modified === 'switching') then(['finish'], ['open'])
      else if (modified === 'no' && log.records.length === 0 && world.names.logNext === undefined)
        then(['goOnIn', 'log'])
      else if (world.names.logNext === undefined) {
        // Copies of the records since the last one that is proven, here since the base.
        const base = scriptAt(world, 'script')?.lsn ?? 0
        const inode: Inode = { kind: 'log', start: base, records: commits.slice(base) }
        then(...write('logNextNew', inode), ...section(['rename', 'logNextNew', 'logNext']), [
          'goOnIn',
          'logNext',
        ])
      } else {
        // Past every byte of the old logs.
        const ends = LOGS.map((name) => logAt(world, name)).map(
          (each) => (each?.start ?? 0) + (each?.records.length ?? 0),
        )
        me.end = Math.max(...ends)
        then(['checkpoint'])
      }
      break
    }
  }
  return said
}

function guardSteps(): Step[] {
  return [...LOGS.map((name) => ['guard', name] as const), ['verify']]
}

function logAt(world: World, name: LogName) {
  const inode = world.inodes[world.names[name] ?? -1]
  return inode?.kind === 'log' ? inode : undefined
}

function scriptAt(world: World, name: 'script' | 'scriptNew') {
  const inode = world.inodes[world.names[name] ?? -1]
  return inode?.kind === 'script' ? inode : undefined
}

function stateOf(world: World) {
  const inode = world.inodes[world.names.state ?? -1]
  if (inode?.kind !== 'state') throw new Error('there is always a state')
  return inode
}

/** What an open would find now: the base, then the live logs; undefined when it would refuse. */
function commitsIn(world: World): string[] | undefined {
  const { modified, checkpoint } = stateOf(world)
  const prepared = scriptAt(world, 'scriptNew')
  const isSwitched = modified === 'switching' && prepared?.lsn === checkpoint
  const base = isSwitched ? prepared : scriptAt(world, 'script')
  if (base === undefined) return undefined
  const isLive = (name: LogName) =>
    name !== 'logNew' || modified === 'switching' || (logAt(world, name)?.records.length ?? 0) > 0
  const logs = LOGS.filter(isLive)
    .flatMap((name) => logAt(world, name) ?? [])
    .sort((one, two) => one.start - two.start)
  const first = logs.findLastIndex(({ start }) => start <= base.lsn)
  if (first < 0) return undefined
  const commits = [...base.commits]
  let at = base.lsn
  for (const [index, log] of logs.slice(first).entries()) {
    if (log.start > at) return undefined
    const until = logs[first + index + 1]?.start ?? Number.POSITIVE_INFINITY
    for (; at < until && at - log.start < log.records.length; at++)
      commits.push(log.records[at - log.start] ?? '')
  }
  return commits
}
