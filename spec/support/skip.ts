import type { Test } from 'uvu'

/**
 * Declares a test that cannot run here, because a tool is missing or the platform lacks something. It prints a
 * visible line and counts as skipped.
 *
 * ```ts
 * if (sqlite3 === undefined) skip(test, 'stock sqlite3 runs the script', 'sqlite3 is not installed')
 * else test('stock sqlite3 runs the script', () => …)
 * ```
 */
export function skip<T>(test: Test<T>, name: string, why: string): void {
  console.log(`skipped: ${name} (${why})`)
  test.skip()
}
