// The store of a small desktop application that keeps track of working time: the one module that knows SQL. An
// application imports Database from 'scriptlog'.

import {
  Database,
  type DatabaseEvent,
  type RecoveryReport,
  ScriptlogError,
  type Statement,
} from '../../lib/index.ts'
import { migrate } from './migrations.ts'

export interface StoreOptions {
  /** Shows a line to the person in front of the screen. */
  readonly tell: (message: string) => void
  /** After so long without a change a checkpoint is made, in milliseconds; the next start is faster then. */
  readonly idleMillis?: number
}

export interface ProjectTotal {
  readonly project: string
  readonly seconds: number
}

export class WorkStore {
  readonly #tell: (message: string) => void
  readonly #idleMillis: number
  readonly #database: Database
  readonly #addProject: Statement
  readonly #stop: Statement
  readonly #start: Statement
  readonly #totals: Statement
  readonly #switchTo: (project: string, note: string, at: number) => void
  #idle: NodeJS.Timeout | undefined

  /** Opens the files at `path` (`work` for `work.script`, `work.log`, …), creates them, or recovers them. */
  constructor(path: string, { tell, idleMillis = 5_000 }: StoreOptions) {
    this.#tell = tell
    this.#idleMillis = idleMillis
    const database = new Database(path, { onEvent: (event) => this.#hear(event) })
    migrate(database)
    this.#database = database
    this.#addProject = database.prepare('INSERT INTO project(name) VALUES(?) ON CONFLICT DO NOTHING')
    this.#stop = database.prepare('UPDATE work SET ended = ? WHERE ended IS NULL')
    this.#start = database.prepare(
      'INSERT INTO work(project, begun, note) SELECT id, ?, ? FROM project WHERE name = ?',
    )
    this.#totals = database
      .prepare(
        'SELECT name, sum(coalesce(ended, ?) - begun) FROM work JOIN project ON project.id = project GROUP BY name',
      )
      .raw()
    this.#switchTo = database.transaction((project: string, note: string, at: number) => {
      this.#stop.run(at)
      this.#addProject.run(project)
      this.#start.run(at, note, project)
    })
  }

  /** Ends what was being done and begins something else, both or neither. Times are in seconds since 1970. */
  switchTo(project: string, note: string, at: number): void {
    this.#switchTo(project, note, at)
    this.#changed()
  }

  stop(at: number): void {
    this.#stop.run(at)
    this.#changed()
  }

  /**
   * Returns when all changes so far are on the disk; only then may the window say "saved". The sync runs off the main
   * thread, and callers who wait at the same time share one.
   * @throws {CommitInDoubtError} when they are not: they are visible and must not be repeated; see {@link trySavingAgain}.
   */
  async saved(): Promise<void> {
    await this.#database.flushed()
  }

  /** After the disk was full, say, and is no longer; without waiting for the next time that it is tried by itself. */
  trySavingAgain(): void {
    this.#database.resume()
  }

  totals(now: number): ProjectTotal[] {
    return this.#totals.all(now).map((row) => {
      const [project, seconds]: unknown[] = Array.isArray(row) ? row : []
      return { project: String(project), seconds: Number(seconds) }
    })
  }

  /** Everything is in the snapshot then, and the next open has nothing to redo. A second call does nothing. */
  close(): void {
    clearTimeout(this.#idle)
    this.#database.close()
  }

  /**
   * Closes when the program ends. Nothing relies on it: what was saved is safe without, the next open only takes
   * longer. In Electron, `app.on('will-quit', () => store.close())`.
   */
  closeOnExit(): void {
    process.once('exit', () => this.close())
    // Without these, a signal would end the process without an exit.
    process.once('SIGINT', () => process.exit(130))
    process.once('SIGTERM', () => process.exit(143))
  }

  /** A checkpoint is best made while nobody waits: it takes as long as writing all tables. */
  #changed(): void {
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.#checkpoint(), this.#idleMillis).unref()
  }

  #checkpoint(): void {
    try {
      this.#database.checkpoint()
    } catch (error) {
      // Nothing is lost: the log has everything, and the next idle moment is another chance.
      if (!(error instanceof ScriptlogError)) throw error
      this.#tell(`No snapshot could be written: ${error.message}`)
    }
  }

  #hear(event: DatabaseEvent): void {
    if (event.kind === 'recovered' && !event.report.wasClean) this.#tell(sentence(event.report))
    if (event.kind === 'checkpoint') this.#tell('(while idle: a snapshot was written)')
    // Reads go on; changes are refused until saving works again, which is tried by itself. A snapshot that fails is
    // no reason to worry anybody: the log has everything.
    if (event.kind === 'backgroundError' && event.severity !== 'soft') {
      this.#tell(`Your changes are not saved: ${event.error.message}`)
    }
    if (event.kind === 'errorRecoveryEnd' && event.error === undefined) this.#tell('Saving works again.')
  }
}

function sentence({ redoneRecords, lastXid, setAside }: RecoveryReport): string {
  const kept = setAside.map(({ path }) => ` Unreadable bytes were kept in ${path}.`).join('')
  return `The program was not closed properly. All saved changes are there (${redoneRecords} were redone, ${lastXid} in all).${kept}`
}
