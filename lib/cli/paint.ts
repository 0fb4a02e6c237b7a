import { $, bold, cyan, dim, green, red, yellow } from 'kleur/colors'

/** Colours for one stream: as they are on a terminal, nothing anywhere else. */
export interface Paint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly cyan: (text: string) => string
  readonly green: (text: string) => string
  readonly red: (text: string) => string
  readonly yellow: (text: string) => string
}

const plain = (text: string) => text
const PLAIN: Paint = { bold: plain, dim: plain, cyan: plain, green: plain, red: plain, yellow: plain }
const COLOURED: Paint = { bold, dim, cyan, green, red, yellow }

/** The environment may forbid colours (https://no-color.org: any value but an empty one). */
export function paintFor(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv): Paint {
  const isForbidden = (environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb'
  if (isForbidden || stream.isTTY !== true) return PLAIN
  // kleur decides for stdout alone and for all streams at once; the decision here is for each of them.
  $.enabled = true
  return COLOURED
}
