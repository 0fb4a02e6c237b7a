import { EventEmitter } from 'node:events'
import type { DatabaseEvent, EventKind, EventOf } from './events.ts'

/** Who hears of a database's events. What a listener throws is its own mistake: it ends no commit and no open. */
export class Listeners {
  readonly #emitter = new EventEmitter()
  readonly #first: ((event: DatabaseEvent) => void) | undefined

  /** `first` hears every event from the first moment. */
  constructor(first: ((event: DatabaseEvent) => void) | undefined) {
    this.#first = first
  }

  on<K extends EventKind>(kind: K, listener: (event: EventOf<K>) => void): void {
    this.#emitter.on(kind, listener)
  }

  off<K extends EventKind>(kind: K, listener: (event: EventOf<K>) => void): void {
    this.#emitter.off(kind, listener)
  }

  tell(event: DatabaseEvent): void {
    const listeners = this.#emitter.listeners(event.kind)
    for (const hear of this.#first === undefined ? listeners : [this.#first, ...listeners]) {
      try {
        hear(event)
      } catch (error) {
        // Uncaught, as in EventTarget.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
