// Makes the generated sections of ARCHITECTURE.md from the code. `--check` changes nothing and fails when one lags behind.

import { readFileSync, writeFileSync } from 'node:fs'
import { Database } from '../lib/database/database.ts'
import { imageOf } from '../lib/fs/image.ts'
import { MemoryFiles } from '../lib/fs/memory.ts'
import { memoryLocks } from '../lib/fs/memory-locks.ts'
import type { Host } from '../lib/host.ts'
import { DECISION_TABLE } from '../lib/recovery/decision.ts'
import { TREATMENTS } from '../lib/recovery/treatment.ts'
import { RECOVERY_MODES } from '../lib/settings.ts'
import { CONSEQUENCES } from '../lib/severity.ts'

const PATH = new URL('../ARCHITECTURE.md', import.meta.url)

/** A small database on files in memory, with a clock and random numbers that never change. */
function example(): { readonly log: string; readonly script: string; readonly properties: string } {
  const files = new MemoryFiles({ image: imageOf({}, ['/', '/data']) })
  let micros = Date.UTC(2026, 10, 20, 6, 53, 29) * 1000
  const host: Host = {
    files,
    locks: memoryLocks(),
    clock: () => micros++,
    randomHex: (bytes) => '00112233445566778899aabbccddeeff'.slice(0, bytes * 2),
  }
  const db = new Database('/data/app', { writeDelayMillis: 0 }, host)
  db.exec('CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)')
  db.exec(`BEGIN;
    INSERT INTO note(body) VALUES ('hello'), ('it''s me'), ('two' || char(10) || 'lines');
    UPDATE note SET body = 'bye' WHERE id = 1;
    DELETE FROM note WHERE id = 2;
    COMMIT`)
  db.exec("UPDATE note SET body = 'bye bye' WHERE id = 1")
  const log = textOf(files, '/data/app.log')
  db.close()
  return { log, script: textOf(files, '/data/app.script'), properties: textOf(files, '/data/app.properties') }
}

function textOf(files: MemoryFiles, path: string): string {
  const bytes = files.image().files.get(path)
  if (bytes === undefined) throw new Error(`no ${path}`)
  return Buffer.from(bytes).toString('utf8')
}

function fenced(text: string): string {
  return `\`\`\`\n${text.trimEnd()}\n\`\`\``
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function decisions(): string {
  const rows = DECISION_TABLE.map(({ name, when, action, logs, because }) => {
    const conditions = Object.entries(when).map(([axis, values]) => `${axis}: ${values.join(', ')}`)
    return [name, conditions.join('; '), action, logs === 'by-mode' ? 'by mode' : logs, because]
  })
  return table(['row', 'when', 'action', 'logs', 'because'], rows)
}

function treatments(): string {
  const rows = Object.entries(TREATMENTS).map(([verdict, byMode]) => [
    verdict,
    ...RECOVERY_MODES.map((mode) => byMode[mode]),
  ])
  return table(['verdict', ...RECOVERY_MODES.map((mode) => `\`${mode}\``)], rows)
}

function severities(): string {
  const kinds = ['no-space', 'io', 'not-allowed', 'fenced', 'corruption'] as const
  const rows = Object.entries(CONSEQUENCES).map(([part, byKind]) => [
    part,
    ...kinds.map((kind) => {
      const { severity, resumption } = byKind[kind]
      return resumption === 'never' ? severity : `${severity}, ${resumption.replaceAll('-', ' ')}`
    }),
  ])
  return table(['', ...kinds], rows)
}

const { log, script, properties } = example()
const sections: Readonly<Record<string, string>> = {
  properties: fenced(properties),
  log: fenced(log),
  script: fenced(script),
  treatments: treatments(),
  severities: severities(),
  decisions: decisions(),
}

const before = readFileSync(PATH, 'utf8')
let after = before
for (const [name, content] of Object.entries(sections)) {
  const section = new RegExp(`(<!-- generated: ${name} -->\n)[^]*?(<!-- end -->)`)
  if (!section.test(after)) throw new Error(`ARCHITECTURE.md has no section '${name}'`)
  after = after.replace(section, (_, opening, closing) => `${opening}${content}\n${closing}`)
}
if (process.argv.includes('--check')) {
  if (after !== before) {
    console.error('ARCHITECTURE.md lags behind the code: run `npm run docs`')
    process.exitCode = 1
  }
} else {
  writeFileSync(PATH, after)
}
