// `.lck` is deleted under a writer that may be stopped anywhere, and another one opens the database: no commit that
// either acknowledged is lost, at any moment of any history. Weakened, each rule shows why it is there.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { explore, PROTOCOL, type Start } from './fencing-model.ts'

const test = suite('two writers, one of them fenced')
const starts: readonly Start[] = ['clean', 'in-use', 'unclean']

for (const start of starts) {
  test(`${start}: in no history an acknowledged commit is lost`, () => {
    const { violation, states, fenced, bothAcknowledged } = explore(PROTOCOL, start)
    assert.is(violation?.join('\n'), undefined)
    console.log(
      `${start}: ${states} states, fenced in ${fenced}, both have acknowledged in ${bothAcknowledged}`,
    )
    assert.ok(fenced > 1000 && bothAcknowledged > 1000)
  })

  test(`${start}: looking before the append and not after it acknowledges what the new writer never saw`, () => {
    assert.is(explore({ ...PROTOCOL, looksAfterAppend: false }, start).violation?.at(-1), 'old: ack')
  })

  test(`${start}: renaming without a look destroys the new writer's files`, () => {
    assert.ok(explore({ ...PROTOCOL, looksBeforeRename: false }, start).violation)
  })

  test(`${start}: a look alone leaves a window: stopped before its rename, the old writer does it years later`, () => {
    const history = explore({ ...PROTOCOL, guards: false }, start).violation ?? []
    assert.ok(
      history.some((step) => step.startsWith('old: rename')),
      history.join('\n'),
    )
  })
}

test.run()
