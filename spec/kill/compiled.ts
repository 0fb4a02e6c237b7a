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

/** Compiles what stands in `lib/` and `spec/kill/` now; returns the path of the program `spec/kill/<name>.js`. */
export function compiledProgram(name: string): string {
  compileOnce(name, [
    ...libraryFiles(),
    join('spec', 'kill', `${name}.ts`),
    join('spec', 'kill', 'workload.ts'),
  ])
  return join(OUT, 'spec', 'kill', `${name}.js`)
}

/** Compiles what stands in `lib/` now; returns the path of its door. */
export function compiledLibrary(): string {
  compileOnce('', libraryFiles())
  return join(OUT, 'lib', 'index.js')
}

function compileOnce(name: string, sources: readonly string[]): void {
  if (!compiled.has(name)) compile(sources)
  compiled.add(name)
}

process.on('exit', () => rmSync(OUT, { recursive: true, force: true }))

function compile(sources: readonly string[]): void {
  const options = {
    target: typescript.ScriptTarget.ES2022,
    module: typescript.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  }
  for (const source of sources) {
    const text = readFileSync(join(ROOT, source), 'utf8')
    const { outputText } = typescript.transpileModule(text, { compilerOptions: options, fileName: source })
    const target = join(OUT, source.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, outputText)
  }
  writeFileSync(join(OUT, 'package.json'), '{ "type": "module" }\n')
}

function libraryFiles(): string[] {
  return readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('lib', name))
}
