/** Which file, whatever its name: files of the first image count from 0 in its order, created ones go on from there. */
export type FileId = number

/**
 * What one operation did to a memory file system, in enough detail to tell what a crash at any later moment may
 * leave of it. Operations that failed without an effect leave no change; a failed sync does.
 */
export type Change =
  | { readonly kind: 'create'; readonly file: FileId; readonly path: string }
  | {
      readonly kind: 'append'
      readonly file: FileId
      readonly path: string
      /** Where in the file: its size before. */
      readonly offset: number
      readonly bytes: Uint8Array
    }
  | { readonly kind: 'sync'; readonly file: FileId; readonly path: string; readonly isFailed: boolean }
  | {
      readonly kind: 'rename'
      readonly file: FileId
      readonly path: string
      readonly toPath: string
      /** The file that had the new name until then. */
      readonly replaced: FileId | undefined
    }
  | { readonly kind: 'remove'; readonly file: FileId; readonly path: string }
  | { readonly kind: 'makeDir'; readonly path: string }
  | { readonly kind: 'syncDir'; readonly path: string }
