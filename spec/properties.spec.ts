import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { crc32, formatCrc } from '../lib/format/checksum.ts'
import { formatProperties, type Properties, parseProperties, type State } from '../lib/properties.ts'

const someState: State = {
  modified: 'no',
  databaseId: '00112233aabbccdd',
  timeline: 1,
  checkpointXid: 17,
  checkpointLsn: 0x12ab,
}

function parse(text: string): Properties {
  return parseProperties(Buffer.from(text))
}

function stateOf(text: string): State | undefined {
  const found = parse(text)
  return found.kind === 'whole' ? found.state : undefined
}

const states: fc.Arbitrary<State> = fc.record(
  {
    modified: fc.constantFrom('no', 'yes', 'yes-new-files', 'no-new-files'),
    databaseId: fc.stringMatching(/^[0-9a-f]{16}$/),
    timeline: fc.integer({ min: 1, max: 999_999_999 }),
    checkpointXid: fc.nat(2 ** 52),
    checkpointLsn: fc.nat(2 ** 52),
  },
  { noNullPrototype: true },
)

test('a new file, line by line', () => {
  const lines = [
    'version=1',
    'modified=no',
    'database_id=00112233aabbccdd',
    'timeline=1',
    'tx_timestamp=17',
    'checkpoint_lsn=0/000012AB',
  ]
  const crc = formatCrc(crc32(lines.map((line) => `${line}\n`).join('')))
  assert.is(formatProperties('', someState), `${[...lines, `state_crc=${crc}`].join('\n')}\n`)
})

test('every state is read as it was written, over whatever state stood there before', () => {
  fc.assert(
    fc.property(states, states, (one, other) => {
      const first = formatProperties('', one)
      assert.equal(parse(first), { kind: 'whole', state: one, settings: new Map() })
      assert.is(formatProperties(first, other), formatProperties('', other))
    }),
  )
})

const commented = `# my database; version=9
write_delay_millis = 0 ; sync at each commit

; log_size=7
  log_size=50
recovery_mode=stop_at_damage`

test('comments, order, spaces and settings survive changes of state, and the state lines stay where they are', () => {
  const once = formatProperties(commented, someState)
  assert.ok(once.endsWith(`${commented}\n`))
  const moved = `${commented}\n${formatProperties('', someState)}# the end`
  const changed = formatProperties(moved, { ...someState, modified: 'yes' })
  assert.is(changed, `${commented}\n${formatProperties('', { ...someState, modified: 'yes' })}# the end\n`)
  for (const text of [once, changed]) {
    const found = parse(text)
    assert.is(found.kind, 'whole')
    const settings = [
      ['write_delay_millis', '0'],
      ['log_size', '50'],
      ['recovery_mode', 'stop_at_damage'],
    ] as const
    assert.equal('settings' in found && [...found.settings], settings)
  }
})

test('lines that end as on Windows go on doing so, up to the last', () => {
  const windows = `${commented}\n${formatProperties('', someState)}# the end\n`.replaceAll('\n', '\r\n')
  assert.equal(stateOf(windows), someState)
  assert.is(formatProperties(windows, someState), windows)
  const changed = formatProperties(windows, { ...someState, timeline: 2 })
  assert.is(stateOf(changed)?.timeline, 2)
  assert.is(changed.replaceAll('\r\n', '').includes('\n'), false)
})

test('a lone carriage return ends a line wherever the file is read or written', () => {
  const text = `${commented}\n${formatProperties('', someState)}`.replaceAll('\n', '\r')
  assert.equal(stateOf(text), someState)
  const changed = formatProperties(text, { ...someState, modified: 'yes' })
  assert.is(stateOf(changed)?.modified, 'yes')
  assert.ok(changed.startsWith(commented.replaceAll('\n', '\r')))
})

test('a setting that is changed is rewritten where it stands, a new one is added at the end', () => {
  const before = formatProperties(commented, someState)
  const after = formatProperties(
    before,
    someState,
    new Map([
      ['log_size', '7'],
      ['x', 'y'],
    ]),
  )
  assert.is(after, `${before.replace('  log_size=50', 'log_size=7')}x=y\n`)
})

test('every byte of every state line counts: flipped bits, other bytes, missing and doubled bytes', () => {
  const text = `${formatProperties('', someState)}# tail\nlog_size=5\n`
  const stateBytes = formatProperties('', someState).length
  const wholeAndSame = (bytes: Uint8Array, what: string) => {
    const found = parseProperties(bytes)
    // White space around a key or a value is no part of it.
    if (found.kind === 'whole') assert.equal(found.state, someState, what)
    return found.kind === 'whole'
  }
  let unnoticed = 0
  const bytes = Buffer.from(text)
  for (let at = 0; at < stateBytes; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (bytes[at] ?? 0) ^ (1 << bit)
      if (wholeAndSame(flipped, `bit ${bit} of byte ${at}`)) unnoticed++
    }
    for (const byte of '0a=# \t\n\r;"\'\\') {
      const edited = Buffer.from(bytes)
      edited.write(byte, at)
      wholeAndSame(edited, `${JSON.stringify(byte)} at byte ${at}`)
      const longer = Buffer.concat([bytes.subarray(0, at), Buffer.from(byte), bytes.subarray(at)])
      wholeAndSame(longer, `${JSON.stringify(byte)} put in at byte ${at}`)
    }
    wholeAndSame(Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]), `without byte ${at}`)
  }
  // A newline has one neighbour that ends a line as well: a flip makes it no other.
  assert.is(unnoticed, 0)
})

test('cut at any byte of the state, or with any bit of it flipped: damaged, and nothing else is blamed', () => {
  const text = formatProperties('', someState)
  for (let cut = 0; cut < text.length - 1; cut++) {
    const found = parse(text.slice(0, cut))
    assert.is(found.kind, 'damaged', `cut at ${cut}`)
    assert.equal('settings' in found && [...found.settings], [], `cut at ${cut}`)
  }
  const withSetting = Buffer.from(`${text}log_size=7\n`)
  for (let bit = 0; bit < (text.length - 1) * 8; bit++) {
    const flipped = Buffer.from(withSetting)
    flipped[bit >> 3] = (withSetting[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const found = parseProperties(flipped)
    assert.is(found.kind, 'damaged', `bit ${bit & 7} of byte ${bit >> 3}`)
    const keys = 'settings' in found ? [...found.settings.keys()] : []
    assert.ok(
      keys.every((key) => key === 'log_size'),
      `bit ${bit & 7} of byte ${bit >> 3}: ${keys}`,
    )
  }
})

test('a state line that is missing is named, one that stands twice is damage', () => {
  const lines = formatProperties('', someState).trimEnd().split('\n')
  for (const line of lines) {
    const key = line.split('=')[0] ?? ''
    const missing = parse(lines.filter((each) => each !== line).join('\n'))
    assert.is('detail' in missing && missing.detail, `the line '${key}=' is missing`)
    for (const twice of [
      [line, ...lines],
      [...lines, line],
      [...lines, `${key}=x`],
    ]) {
      const found = parse(twice.join('\n'))
      assert.is(found.kind, 'damaged', `${key} twice`)
      assert.equal(stateOf(formatProperties(twice.join('\n'), someState)), someState)
    }
  }
})

test('state lines of two states mixed are noticed', () => {
  const [one, other] = [
    someState,
    { ...someState, modified: 'yes', checkpointLsn: 9, checkpointXid: 18 } as const,
  ].map((state) => formatProperties('', state).trimEnd().split('\n'))
  for (let from = 1; from < 7; from++) {
    const mixed = [...(one ?? []).slice(0, from), ...(other ?? []).slice(from)].join('\n')
    const found = stateOf(mixed)
    assert.ok(found === undefined || mixed === one?.join('\n') || mixed === other?.join('\n'), mixed)
  }
})

/** State lines with any values, and the checksum that fits them. */
function sealed(change: Readonly<Record<string, string>>): string {
  const lines = formatProperties('', someState)
    .trimEnd()
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('='))
    .map(([key = '', value = '']) => `${key}=${change[key] ?? value}\n`)
  return `${lines.join('')}state_crc=${formatCrc(crc32(lines.join('')))}\n`
}

test('values that scriptlog never writes are damage, although the checksum fits', () => {
  const wrong: Readonly<Record<string, readonly string[]>> = {
    version: ['0', '-1', '1.5', 'one', '', '1e0x'],
    modified: ['', 'No', 'maybe', 'true'],
    database_id: ['', '00112233AABBCCDD', '0011', 'g0112233aabbccdd'],
    timeline: ['', '-1', '1.5', '99999999999999999999', 'x', '0'],
    tx_timestamp: ['', '-1', '9007199254740993', 'x'],
    checkpoint_lsn: ['', '0', '0/0', '0/000012ab', 'FFFFFF/FFFFFFFF'],
  }
  assert.equal(stateOf(sealed({})), someState)
  for (const [key, values] of Object.entries(wrong)) {
    for (const value of values) {
      assert.is(parse(sealed({ [key]: value })).kind, 'damaged', `${key}=${value}`)
    }
  }
})

test('a later version is told as such, once its checksum fits', () => {
  assert.equal(parse(sealed({ version: '2' })), { kind: 'newer', version: 2 })
  assert.is(parse(formatProperties('', someState).replace('version=1', 'version=2')).kind, 'damaged')
})

test('settings alone: a copied example, comments alone', () => {
  assert.equal(parse(commented).kind, 'settings-only')
  assert.equal(parse('# nothing set\n'), { kind: 'settings-only', settings: new Map() })
  const example = formatProperties('# an example\nlog_size=5\n', someState)
  assert.equal(stateOf(example), someState)
})

test('empty, blank, binary and huge files are damage, without settings', () => {
  const notUtf8 = Buffer.from([0x6c, 0xff, 0x3d, 0x31])
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from(' \n\r\n\t'),
    Buffer.alloc(512),
    Buffer.concat([Buffer.from(formatProperties('', someState)), Buffer.alloc(1)]),
    Buffer.concat([Buffer.from(formatProperties('', someState)), notUtf8]),
    Buffer.from(`SQLite format 3\0`),
    Buffer.alloc(2_000_000, '#'),
    notUtf8,
  ]) {
    const found = parseProperties(bytes)
    assert.is(found.kind, 'damaged', bytes.subarray(0, 20).toString())
    assert.is('settings' in found && found.settings.size, 0)
  }
})

test('whatever text there is, it is parsed without a throw, and a state goes into any that is not damaged', () => {
  const pieces = [
    '=',
    '\n',
    '\r',
    '#',
    ';',
    '[',
    ']',
    '__proto__',
    'version',
    'modified=no',
    '"',
    "'",
    '\\',
    'x',
    ' ',
  ]
  const ours = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(ours, fc.string({ unit: 'binary' })), states, (text, state) => {
      if (parse(text).kind === 'damaged') return
      const written = formatProperties(text, state)
      assert.equal(stateOf(written), state)
      assert.is(formatProperties(written, state), written)
    }),
    { numRuns: 500 },
  )
})

test('lines that are no setting are kept as such, to be refused by name: sections, lists, prototypes', () => {
  const lines = [
    '[section]',
    '__proto__=1',
    '__proto__.x=1',
    'constructor=1',
    'log_size[]=1',
    'a.b=c',
    'words',
    '=1',
    '5=5',
  ]
  const found = parse(lines.join('\n'))
  assert.is(found.kind, 'settings-only')
  const keys = 'settings' in found ? [...found.settings.keys()] : []
  assert.equal(
    keys,
    lines.map((line) => (line === 'constructor=1' ? 'constructor' : line)),
  )
  assert.is(Object.hasOwn(Object.prototype, 'x'), false)
})

test.run()
