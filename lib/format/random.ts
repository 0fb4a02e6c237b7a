/**
 * A generator of numbers in [0, 1) that gives the same ones for the same seed, for tests and samples that can be
 * run again; not for secrets. The algorithm is sfc32 (PractRand, Chris Doty-Humphrey, public domain).
 */
export function seededRandom(seed: number): () => number {
  let a = seed >>> 0
  let b = Math.floor(seed / 0x1_0000_0000) >>> 0
  let c = 0x9e3779b9
  let counter = 1
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return (sum >>> 0) / 0x1_0000_0000
  }
  // The first outputs of neighbouring seeds resemble each other.
  for (let warmUp = 0; warmUp < 12; warmUp++) next()
  return next
}
