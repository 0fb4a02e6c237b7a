// Closing a file of which nothing more is expected: what it had to keep was synced, or its failure is being told already.
// A close that fails has closed the file all the same, and says nothing that a sync had not to say.

interface Closable {
  close(): void
}

/** Closes the file, whatever comes of it. */
export function letGo(file: Closable): void {
  ignoringFailure(() => file.close())
}

/** Does it, and closes the file when that fails. */
export function orLetGo<T>(file: Closable, act: () => T): T {
  try {
    return act()
  } catch (error) {
    letGo(file)
    throw error
  }
}

/** Tidying up after a failure: that failure is what the caller must hear of, and what is left harms nothing. */
export function ignoringFailure(act: () => void): void {
  try {
    act()
  } catch {
    // On purpose, see above.
  }
}
