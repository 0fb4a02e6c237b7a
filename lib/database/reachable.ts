// A database does its work through whatever stands for it, a Proxy or an object that inherits from it, as better-sqlite3's
// does, whose methods find their native part by a symbol. Private fields are found on the object itself alone.

const ITSELF = Symbol('scriptlog')

interface Reachable {
  readonly [ITSELF]?: object
}

/**
 * Lets methods and getters of a class run on the object itself when they are called on something that stands for it.
 * `for (const name in object)` finds them, as it finds better-sqlite3's.
 */
export function reachThroughProxies(prototype: object): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === 'constructor') continue
    const { get, value }: { get?: unknown; value?: unknown } = descriptor
    const reached =
      typeof get === 'function'
        ? { get: onItself(get) }
        : typeof value === 'function' && { value: onItself(value) }
    if (reached) Object.defineProperty(prototype, name, { ...descriptor, ...reached, enumerable: true })
  }
}

/** Marks an object of such a class, with the class's getters of these names as properties of its own. */
export function asReachable<T extends object>(
  object: T,
  prototype: object,
  properties: readonly string[],
): T {
  Object.defineProperty(object, ITSELF, { value: object })
  for (const name of properties) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name)
    if (descriptor !== undefined) Object.defineProperty(object, name, descriptor)
  }
  return object
}

// biome-ignore lint/complexity/noBannedTypes: any function at all
function onItself(act: Function): (this: Reachable, ...args: unknown[]) => unknown {
  function reached(this: Reachable, ...args: unknown[]): unknown {
    const itself = this[ITSELF]
    const result: unknown = Reflect.apply(act, itself, args)
    // A chain of calls goes on with what it began with.
    return result === itself ? this : result
  }
  Object.defineProperties(reached, { name: { value: act.name }, length: { value: act.length } })
  return reached
}
