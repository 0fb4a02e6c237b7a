// Puts text into bytes without a string in between, digit by digit. A commit's last line is made of a dozen numbers;
// as strings, padded and joined, they cost more than its checksum.

/** Puts `text` at `at`; returns the position behind it. For a few characters: of long texts `set` is faster. */
export function putText(to: Uint8Array, at: number, text: Uint8Array): number {
  for (let index = 0; index < text.length; index++) to[at + index] = text[index] ?? 0
  return at + text.length
}

export const UPPER_HEX = Buffer.from('0123456789ABCDEF')
export const LOWER_HEX = Buffer.from('0123456789abcdef')

/** Puts the lowest 32 bits of `value` as 8 hexadecimal digits; returns the position behind them. */
export function putHex8(to: Uint8Array, at: number, value: number, digits: Uint8Array): number {
  for (let index = 0; index < 8; index++) to[at + index] = digits[(value >>> (28 - index * 4)) & 15] ?? 0
  return at + 8
}

const ZERO = 0x30

/** Puts a whole number below 2^53 in decimal, zeros before it up to `minDigits`; returns the position behind it. */
export function putDecimal(to: Uint8Array, at: number, value: number, minDigits = 1): number {
  let digits = 1
  for (let bound = 10; bound <= value; bound *= 10) digits++
  if (digits < minDigits) digits = minDigits
  let rest = value
  for (let index = digits - 1; index >= 0; index--) {
    const tenth = Math.floor(rest / 10)
    to[at + index] = ZERO + (rest - tenth * 10)
    rest = tenth
  }
  return at + digits
}
