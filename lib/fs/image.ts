import { dirname, resolve } from 'node:path'

/** All files and directories at one moment, by absolute path. The bytes are shared: nobody may change them. */
export interface Image {
  readonly files: ReadonlyMap<string, Uint8Array>
  /** With all their parents, the root included. */
  readonly directories: ReadonlySet<string>
}

/** An image of these files (text is stored as UTF-8) and directories; the directories above them are added. */
export function imageOf(
  files: Readonly<Record<string, string | Uint8Array>>,
  directories: readonly string[] = [],
): Image {
  const all = new Map(
    Object.entries(files).map(([path, content]) => [
      resolve(path),
      typeof content === 'string' ? new TextEncoder().encode(content) : content,
    ]),
  )
  const parents = new Set<string>()
  for (const path of directories) addWithParents(parents, resolve(path))
  for (const path of all.keys()) addWithParents(parents, dirname(path))
  return { files: all, directories: parents }
}

function addWithParents(directories: Set<string>, path: string): void {
  directories.add(path)
  const parent = dirname(path)
  if (parent !== path) addWithParents(directories, parent)
}
