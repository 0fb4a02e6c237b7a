import type { Change } from './change.ts'
import type { Content } from './crash-bytes.ts'
import type { CrashPoint, PendingName } from './crash-point.ts'
import type { Operation } from './operation.ts'
import { formatOperation, nameIn } from './trace.ts'

/**
 * Tells a crash state to people: the crash point, which pending changes of names are there, and what is left of
 * each file that was not durable. Changes are numbered as in `MemoryFiles.changes`.
 *
 * ```
 * ext4: crash after change 5, rename app.script.new -> app.script
 *   lost  5 rename app.script.new -> app.script
 *   bytes app.script: 512 of 700, 0 of them durable for certain; zeros at 100–199
 * ```
 */
export function describeState(
  point: CrashPoint,
  choice: { readonly isNameKept: readonly boolean[]; readonly contents: readonly Content[] },
  dir: string,
): string {
  const last =
    point.lastChange === undefined ? '' : `, ${formatOperation(operationOf(point.lastChange), dir)}`
  return [
    `${point.model}: crash after change ${point.cut}${last}`,
    ...point.pendingNames.map((name, at) => describeName(name, choice.isNameKept[at] === true, dir)),
    ...choice.contents.map((content) => describeContent(content, dir)),
  ].join('\n')
}

function describeName({ index, change }: PendingName, isKept: boolean, dir: string): string {
  return `  ${isKept ? 'kept ' : 'lost '} ${index + 1} ${formatOperation(operationOf(change), dir)}`
}

function describeContent({ file, sizeBytes, missing, filler }: Content, dir: string): string {
  const size = `${sizeBytes} of ${file.bytes.byteLength}, ${file.floorBytes} of them durable for certain`
  const gaps = missing.map(
    ({ offset, lengthBytes }) => `${offset}–${Math.min(sizeBytes, offset + lengthBytes) - 1}`,
  )
  return `  bytes ${nameIn(dir, file.path)}: ${size}${gaps.length === 0 ? '' : `; ${filler.name} at ${gaps.join(', ')}`}`
}

function operationOf(change: Change): Operation {
  switch (change.kind) {
    case 'append':
      return { kind: 'append', path: change.path, lengthBytes: change.bytes.byteLength }
    case 'rename':
      return { kind: 'rename', path: change.path, toPath: change.toPath }
    default:
      return { kind: change.kind, path: change.path }
  }
}
