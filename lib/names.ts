import { basename, dirname, join } from 'node:path'

/** Paths of all files of one database, from its path without suffix (`/data/app` → `/data/app.log`). */
export interface Names {
  /** The base path itself, absolute. */
  readonly base: string
  /** The directory that holds the files. */
  readonly dir: string
  readonly properties: string
  readonly propertiesNew: string
  readonly script: string
  readonly scriptNew: string
  readonly log: string
  /** The log that follows `log` after an unclean open or a resume: a live log, never a leftover. */
  readonly logNext: string
  /** `logNext` while it is being written. */
  readonly logNextNew: string
  /** The empty log that a checkpoint prepares. */
  readonly logNew: string
  /** The very first log while it is being written. */
  readonly logCreateNew: string
  readonly lock: string
  /** Directory of rejected bytes, never emptied automatically. */
  readonly rejected: string
}

export function namesOf(base: string): Names {
  return {
    base,
    dir: dirname(base),
    properties: `${base}.properties`,
    propertiesNew: `${base}.properties.new`,
    script: `${base}.script`,
    scriptNew: `${base}.script.new`,
    log: `${base}.log`,
    logNext: `${base}.log.next`,
    logNextNew: `${base}.log.next.new`,
    logNew: `${base}.log.new`,
    logCreateNew: `${base}.log.create.new`,
    lock: `${base}.lck`,
    rejected: `${base}.rejected`,
  }
}

/** The file's name as people know it (`app.log`), for messages. */
export function shortName(path: string): string {
  return basename(path)
}

/** A path inside the directory of rejected bytes. */
export function rejectedPath(names: Names, file: string): string {
  return join(names.rejected, file)
}
