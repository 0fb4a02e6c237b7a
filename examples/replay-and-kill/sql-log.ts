// The SQL log as a file: one statement a line, each transaction between `BEGIN;` and `COMMIT;`. Any tool that runs
// SQL runs it.

import { type FileHandle, open } from 'node:fs/promises'
import type { Transaction } from './workload.ts'

export interface SqlLogSummary {
  readonly transactions: number
  readonly schemaChanges: number
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
}

const PIECE_LENGTH = 1 << 20

/** Writes the transactions to a new file and counts what they do. */
export async function writeSqlLog(path: string, workload: Iterable<Transaction>): Promise<SqlLogSummary> {
  const file = await open(path, 'wx')
  try {
    return await writeTo(file, workload)
  } finally {
    await file.close()
  }
}

async function writeTo(file: FileHandle, workload: Iterable<Transaction>): Promise<SqlLogSummary> {
  const total = { transactions: 0, schemaChanges: 0, inserted: 0, updated: 0, deleted: 0 }
  let text = ''
  for (const { statements, inserted, updated, deleted, isSchemaChange } of workload) {
    total.transactions += 1
    if (isSchemaChange) total.schemaChanges += 1
    total.inserted += inserted
    total.updated += updated
    total.deleted += deleted
    text += `BEGIN;\n${statements.join('\n')}\nCOMMIT;\n`
    if (text.length < PIECE_LENGTH) continue
    await file.writeFile(text)
    text = ''
  }
  await file.writeFile(text)
  return total
}

/** Yields the transactions of a file in turn, each with its `BEGIN;` and its `COMMIT;`. */
export async function* readSqlLog(path: string): AsyncGenerator<string> {
  const file = await open(path)
  let lines: string[] = []
  for await (const line of file.readLines()) {
    lines.push(line)
    if (line !== 'COMMIT;') continue
    yield lines.join('\n')
    lines = []
  }
}
