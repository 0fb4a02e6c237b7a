// Watch a crash and its recovery, step by step, in a file system that exists in memory only and can lose power.
//
//   node --import tsx examples/watch-recovery/main.ts                 three telling crashes
//   node --import tsx examples/watch-recovery/main.ts half-moved      one of the scenarios
//   node --import tsx examples/watch-recovery/main.ts --list          the scenarios and the steps of the story
//   node --import tsx examples/watch-recovery/main.ts --step 61 --model generic --seed 3
//
// Ada gives Bob one coin after the other, with checkpoints between. The program is cut off after one step; what its
// files hold then, which row of the decision table an open takes and why, what the recovery does to the files, and
// what is in the tables afterwards is shown. Exit code 0 only when every acknowledged commit is there, whole.

import { parseArgs } from 'node:util'
import kleur from 'kleur'
import { messageOf, systemCode } from '../../lib/errors.ts'
import { type CrashModel, crashModels } from '../../lib/fs/crash-point.ts'
import { crashStates } from '../../lib/fs/crash-states.ts'
import { heading, say, verdict, whisper } from '../show.ts'
import type { Step } from './narrate.ts'
import { watchRecovery } from './recovery.ts'
import { type Crash, crashAfter, crashOf, FIRST_SCENARIOS, SCENARIOS, type Scenario } from './scenarios.ts'
import { showFiles, showRow } from './show-files.ts'
import { showOpened, showOperation, showSteps } from './show-recovery.ts'
import { runStory, type Story } from './story.ts'

const SHOWN_STEPS = 4

function main(args: readonly string[]): boolean {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      list: { type: 'boolean', default: false },
      step: { type: 'string' },
      model: { type: 'string', default: 'generic' },
      seed: { type: 'string', default: '1' },
    },
  })
  const story = runStory()
  if (values.list) return list(story)
  if (values.step !== undefined) {
    const step = wholeNumber(values.step, '--step', story.steps.length)
    const model = modelNamed(values.model)
    const seed = wholeNumber(values.seed, '--seed', Number.MAX_SAFE_INTEGER)
    heading(`A crash after step ${step}, in the model ${model}, seed ${seed}`)
    return show(story, crashAfter(story, step, model, seed))
  }
  const names = positionals.length === 0 ? FIRST_SCENARIOS : positionals
  return names.map((name) => showScenario(story, scenarioNamed(name))).every((isRight) => isRight)
}

function list({ steps }: Story): boolean {
  heading('Scenarios')
  for (const { name, tells } of SCENARIOS) say(`${kleur.bold(name.padEnd(12))} ${tells}`)
  heading('Steps of the story, for --step')
  let chapter = ''
  for (const [index, step] of steps.entries()) {
    if (step.chapter !== chapter) say(kleur.bold(step.chapter))
    chapter = step.chapter
    showOperation(String(index + 1), step)
  }
  heading('Models, for --model (which of the possible states is shown: --seed)')
  say('killed      the process ends, the operating system goes on: all that was done is there')
  say('ext4        power cut; names are durable in order, appended bytes as a prefix')
  say('writeback   power cut; names are durable in order, unsynced bytes may be zeros or old garbage')
  say('generic     power cut; every unsynced name and sector is there or not, in any combination')
  return true
}

function showScenario(story: Story, scenario: Scenario): boolean {
  heading(`${scenario.name}: ${scenario.tells}`)
  return show(story, crashOf(story, scenario), scenario)
}

function show(story: Story, crash: Crash, scenario?: Scenario): boolean {
  section('What the program did last')
  for (let number = Math.max(1, crash.step - SHOWN_STEPS + 1); number <= crash.step; number++) {
    const step = story.steps[number - 1]
    if (step !== undefined) showOperation(String(number), step)
  }
  for (const line of crash.description.split('\n')) whisper(line)

  section('What is left')
  showFiles(crash.image)
  showRow(crash.image)

  const image =
    scenario?.recoveryCutAfter === undefined ? crash.image : cutOff(crash, scenario.recoveryCutAfter)
  const recovery = watchRecovery(image)
  section('The recovery')
  showSteps(recovery)

  section('What is there now')
  if (recovery.outcome.kind === 'refused') {
    say(recovery.outcome.message)
    const isUnchanged = verdict(
      recovery.changes.every(({ kind }) => kind === 'syncDir'),
      'nothing was changed',
    )
    const isDamaged = scenario?.damages !== undefined
    return (
      verdict(isDamaged, 'an open is refused when durable data is damaged, and after no crash') && isUnchanged
    )
  }
  const acknowledged = story.acknowledgedAt.filter((changes) => changes <= crash.cut).length
  return showOpened(recovery.outcome, recovery.image, acknowledged)
}

/** Shows a recovery up to the operation after which it is cut off, too, and what is left then. */
function cutOff({ image: initial }: Crash, after: RegExp) {
  const recovery = watchRecovery(initial)
  const last = recovery.steps
    .flatMap(({ operations }): readonly Step[] => operations)
    .find(({ operation }) => after.test(operation))
  if (last === undefined) throw new Error(`the recovery never did ${after}`)
  section('The recovery, cut off')
  showSteps(recovery, last)
  const { changes } = recovery
  const options = { initial, changes, cut: last.changes, model: 'killed', limit: 1, random: () => 0 } as const
  const [left] = crashStates(options)
  if (left === undefined) throw new Error('a crash leaves something')
  section('What it leaves')
  showFiles(left.image)
  showRow(left.image)
  return left.image
}

function section(text: string): void {
  console.log(kleur.underline(`\n ${text}`))
}

function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((each) => each.name === name)
  if (scenario !== undefined) return scenario
  throw new Usage(`there is no scenario '${name}'; see --list`)
}

function modelNamed(name: string): CrashModel {
  const model = crashModels.find((each) => each === name)
  if (model !== undefined) return model
  throw new Usage(`--model is one of ${crashModels.join(', ')}, not '${name}'`)
}

function wholeNumber(text: string, name: string, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value
  throw new Usage(`${name} must be a whole number from 1 to ${most}, not '${text}'`)
}

class Usage extends Error {}

try {
  process.exitCode = main(process.argv.slice(2)) ? 0 : 1
} catch (error) {
  const isUsage = error instanceof Usage || systemCode(error)?.startsWith('ERR_PARSE_ARGS') === true
  if (!isUsage) throw error
  console.error(messageOf(error))
  process.exitCode = 2
}
