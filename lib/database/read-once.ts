const { getOwnPropertyNames, getPrototypeOf, prototype } = Object

/**
 * What is passed to a statement, as it is now. A getter among it, which may run statements of its own, has run then,
 * before anything is decided, and does not run again.
 */
export function readOnce(params: readonly unknown[]): readonly unknown[] {
  return params.some(isObject) ? params.map(readParam) : params
}

function isObject(param: unknown): param is object {
  return typeof param === 'object' && param !== null
}

function readParam(param: unknown): unknown {
  if (!isObject(param)) return param
  if (Array.isArray(param)) return Array.from(param)
  const itsPrototype: unknown = getPrototypeOf(param)
  return itsPrototype === prototype || itsPrototype === null ? copyOf(param) : param
}

function copyOf(values: object): object {
  const copy = { ...values }
  const names = getOwnPropertyNames(values)
  // better-sqlite3 finds properties that are not enumerable, too.
  if (names.length !== getOwnPropertyNames(copy).length) {
    for (const name of names) Object.defineProperty(copy, name, { value: Reflect.get(values, name) })
  }
  return copy
}
