// The library and a program of this folder as plain JavaScript, so that a process that is killed hundreds of times
// starts in tens of milliseconds, and a tracer of system calls sees no compiler.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import typescript from 'typescript'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Below node_modules, so that the dependencies are found from there; of this process alone. */
const OUT = join(ROOT, 'node_modules', '.cache', 'scriptlog', `compiled-${process.pid}`)
const compiled = new Set<string>()

/** A mistake that is made in the library on purpose: a text that stands once in a file of `lib/`, and another for it. */
export interface PlantedMistake {
  readonly name: string
  readonly file: string
  readonly search: string
  readonly replacement: string
}

/**
 * Compiles what stands in `lib/` and `spec/kill/` now; returns the path of the program `spec/kill/<name>.js`. With a
 * mistake it is a copy of its own.
 */
export function compiledProgram(name: string, mistake?: PlantedMistake): string {
  const out = mistake === undefined ? OUT : join(OUT, mistake.name.replaceAll(' ', '-'))
  const sources = [...libraryFiles(), join('spec', 'kill', `${name}.ts`), join('spec', 'kill', 'workload.ts')]
  const program = join(out, 'spec', 'kill', `${name}.js`)
  if (!compiled.has(program)) compile(sources, out, mistake)
  compiled.add(program)
  return program
}

/** Compiles what stands in `lib/` now; returns the path of its door. */
export function compiledLibrary(): string {
  const door = join(OUT, 'lib', 'index.js')
  if (!compiled.has(door)) compile(libraryFiles(), OUT)
  compiled.add(door)
  return door
}

process.on('exit', () => rmSync(OUT, { recursive: true, force: true }))

function compile(sources: readonly string[], out: string, mistake?: PlantedMistake): void {
  const options = {
    target: typescript.ScriptTarget.ES2022,
    module: typescript.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  }
  for (const source of sources) {
    let text = readFileSync(join(ROOT, source), 'utf8')
    if (mistake !== undefined && source === join('lib', mistake.file)) {
      const parts = text.split(mistake.search)
      if (parts.length !== 2) throw new Error(`'${mistake.search}' does not stand once in ${source}`)
      text = parts.join(mistake.replacement)
    }
    const { outputText } = typescript.transpileModule(text, { compilerOptions: options, fileName: source })
    const target = join(out, source.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, outputText)
  }
  writeFileSync(join(out, 'package.json'), '{ "type": "module" }\n')
}

function libraryFiles(): string[] {
  return readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('lib', name))
}
