/**
 * Properties that cover those of one object, such as a response, until they are taken off again. Middleware may put a cover of its
 * own on one of ours: that one stays, and goes on calling ours.
 */
export class Covers {
  readonly #object: object
  /** The own properties that were there before. */
  readonly #before = new Map<string, PropertyDescriptor | undefined>()
  readonly #ours = new Map<string, unknown>()

  constructor(object: object) {
    this.#object = object
  }

  /** Covers a method. */
  method(name: string, value: (...args: unknown[]) => unknown): void {
    this.#put(name, { value, writable: true })
  }

  /** Has a property that only says something say `value`. */
  says(name: string, value: unknown): void {
    this.#put(name, { get: () => value })
  }

  /** The method that a cover covers. */
  below(name: string): (...args: unknown[]) => unknown {
    return this.#before.get(name)?.value ?? Object.getPrototypeOf(this.#object)[name]
  }

  /** What was there is there again, except where somebody has put a cover on ours. */
  takeOff(): void {
    for (const [name, own] of this.#before) {
      const now = Object.getOwnPropertyDescriptor(this.#object, name)
      if ((now?.value ?? now?.get) !== this.#ours.get(name)) continue
      if (own === undefined) Reflect.deleteProperty(this.#object, name)
      else Object.defineProperty(this.#object, name, own)
    }
  }

  #put(name: string, property: PropertyDescriptor): void {
    this.#ours.set(name, property.value ?? property.get)
    if (!this.#before.has(name)) this.#before.set(name, Object.getOwnPropertyDescriptor(this.#object, name))
    Object.defineProperty(this.#object, name, { ...property, configurable: true, enumerable: false })
  }
}
