import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { systemCode } from '../errors.ts'

/** An error of the operating system in the shape in which `node:fs` throws it. */
export interface SystemError extends Error {
  readonly code: string
  readonly errno: number | undefined
  readonly syscall: string
  readonly path: string
  readonly dest?: string
}

const known = new Map([...getSystemErrorMap()].map(([errno, [code, text]]) => [code, { errno, text }]))
const errnoNames = new Map(Object.entries(constants.errno).map(([name, errno]) => [errno, name]))

/** Builds what Node would throw: `ENOENT: no such file or directory, open '/data/app.log'`. */
export function systemError(
  code: string,
  syscall: string,
  path: string,
  more: { readonly dest?: string | undefined; readonly cause?: unknown } = {},
): SystemError {
  const { errno, text } = known.get(code) ?? { errno: undefined, text: 'failed' }
  const where = more.dest === undefined ? `'${path}'` : `'${path}' -> '${more.dest}'`
  const error = new Error(
    `${code}: ${text}, ${syscall} ${where}`,
    more.cause === undefined ? undefined : { cause: more.cause },
  )
  return Object.assign(error, {
    code,
    errno,
    syscall,
    path,
    ...(more.dest === undefined ? {} : { dest: more.dest }),
  })
}

/**
 * Runs one call of `node:fs` and completes the error that it throws. Two things are missing there: calls on a
 * descriptor do not say which file it was, and libuv has no name for some errors (EDQUOT arrives with the code
 * `Unknown system error -122`, so that "disk quota exceeded" could not be told from a broken disk).
 */
export function naming<T>(path: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw withPath(error, path)
  }
}

/** The error with the file's path and the code's usual name, where either is missing. */
export function withPath(error: unknown, path: string): unknown {
  const code = systemCode(error)
  if (!(error instanceof Error) || code === undefined) return error
  if (!('syscall' in error) || typeof error.syscall !== 'string') return error
  const errno = 'errno' in error && typeof error.errno === 'number' ? error.errno : 0
  const name = known.has(code) ? code : (errnoNames.get(-errno) ?? code)
  if (name === code && 'path' in error) return error
  const dest = 'dest' in error && typeof error.dest === 'string' ? error.dest : undefined
  return systemError(name, error.syscall, path, { dest, cause: error })
}
