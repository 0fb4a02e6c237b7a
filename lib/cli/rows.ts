import type { Statement } from '../engine/native.ts'
import { invariant } from '../errors.ts'
import { cellJson, cellText } from './cell.ts'
import type { Interrupt } from './interrupt.ts'
import type { Output } from './output.ts'
import { Table } from './table.ts'
import { counted } from './units.ts'

/** So many rows decide how wide the columns of a table are. */
const SAMPLE_ROWS = 200

/**
 * Runs a statement that returns rows and prints them: a table on a terminal, tab-separated values elsewhere, or one
 * JSON object each. When nobody reads any more, or an interrupt came, what only reads is broken off; what writes
 * is brought to its end.
 */
export async function printRows(statement: Statement, output: Output, interrupt: Interrupt): Promise<void> {
  const names = statement.columns().map(({ name }) => name)
  const printer = printerFor(names, output)
  for (const row of statement.raw().safeIntegers().iterate()) {
    invariant(Array.isArray(row), 'a raw row is an array')
    const values: readonly unknown[] = row
    printer.row(values)
    await output.drained()
    if (statement.readonly && (output.isGone || (await interrupt.check()))) break
  }
  printer.end()
}

interface RowPrinter {
  row(values: readonly unknown[]): void
  end(): void
}

function printerFor(names: readonly string[], output: Output): RowPrinter {
  if (output.isJson) return new JsonRows(names, output)
  return output.isTerminal ? new TableRows(names, output) : new TabbedRows(output)
}

class JsonRows implements RowPrinter {
  readonly #keys: readonly string[]
  readonly #output: Output

  constructor(names: readonly string[], output: Output) {
    this.#keys = names.map((name) => JSON.stringify(name))
    this.#output = output
  }

  row(values: readonly unknown[]): void {
    this.#output.line(`{${this.#keys.map((key, column) => `${key}:${cellJson(values[column])}`).join(',')}}`)
  }

  end(): void {}
}

class TabbedRows implements RowPrinter {
  readonly #output: Output

  constructor(output: Output) {
    this.#output = output
  }

  row(values: readonly unknown[]): void {
    this.#output.line(values.map((value) => cellText(value, '\\N')).join('\t'))
  }

  end(): void {}
}

class TableRows implements RowPrinter {
  readonly #names: readonly string[]
  readonly #output: Output
  readonly #sample: (readonly unknown[])[] = []
  #table: Table | undefined
  #count = 0

  constructor(names: readonly string[], output: Output) {
    this.#names = names
    this.#output = output
  }

  row(values: readonly unknown[]): void {
    this.#count++
    if (this.#table !== undefined) this.#output.line(this.#table.row(cellsOf(values)))
    else if (this.#sample.push(values) === SAMPLE_ROWS) this.#begin()
  }

  end(): void {
    if (this.#table === undefined) this.#begin()
    this.#output.line(this.#output.paint.dim(`(${counted(this.#count, 'row')})`))
  }

  #begin(): void {
    const isRight = this.#names.map(
      (_, column) =>
        this.#sample.length > 0 && this.#sample.every((row) => !(typeof row[column] === 'string')),
    )
    const cells = this.#sample.map(cellsOf)
    this.#table = new Table(this.#names, cells, isRight, this.#output.columns, this.#output.paint)
    this.#output.line(this.#table.head(this.#names))
    for (const row of cells) this.#output.line(this.#table.row(row))
  }
}

function cellsOf(values: readonly unknown[]): string[] {
  return values.map((value) => cellText(value, 'NULL'))
}
