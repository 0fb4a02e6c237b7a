// What the specs of bad input ask of every refusal: an error that says what and where, with a cure, and not a byte
// of any file changed.

import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Database } from '../../lib/database/database.ts'
import type { DatabaseOptions } from '../../lib/database/options.ts'
import { ScriptlogError } from '../../lib/errors.ts'
import { inspect } from '../../lib/inspect.ts'

/** Bytes of all files below `dir` as hex, by relative path; the lock files, which hold no data, aside. */
export function filesIn(dir: string): Map<string, string> {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()
  return new Map(
    names
      .filter((name) => !name.endsWith('.lck'))
      .map((name) => {
        const stat = lstatSync(join(dir, name))
        return [name, stat.isFile() ? readFileSync(join(dir, name)).toString('latin1') : 'not a file']
      }),
  )
}

/** The error as a person reads it: class, code, then message and hint, with DIR for the directory. */
export function told(error: unknown, dir: string): string {
  if (!(error instanceof ScriptlogError)) throw error
  const subcode = error.subcode === undefined ? '' : ` (${error.subcode})`
  return `${error.name} ${error.code}${subcode}\n${error.message}`.replaceAll(dir, 'DIR')
}

/** What the act throws. */
export function thrownBy(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

/** Opens `DIR/app` (or another name), requires that it is refused twice alike and changes no file; tells why. */
export function refusal(dir: string, options: DatabaseOptions = {}, name = 'app'): string {
  return refusalOf(dir, () => new Database(join(dir, name), options).close())
}

/** The same of any other act. */
export function refusalOf(dir: string, act: () => unknown): string {
  const before = filesIn(dir)
  const first = told(thrownBy(act), dir)
  assert.equal(filesIn(dir), before, 'no file was changed')
  assert.is(told(thrownBy(act), dir), first)
  return first
}

/** Why an open would refuse, as `inspect` tells it, which changes nothing either. */
export function refusalByInspection(dir: string): string | undefined {
  const before = filesIn(dir)
  try {
    return inspect(join(dir, 'app')).refusal
  } catch (error) {
    // A format that it does not know cannot be looked into.
    return told(error, dir)
  } finally {
    assert.equal(filesIn(dir), before, 'inspect changes nothing')
  }
}
