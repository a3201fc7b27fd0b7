/**
 * Who hears of something. Listeners may come and go while it is told.
 */
export class Listeners<T> {
  readonly #all = new Set<(value: T) => void>();

  add(listener: (value: T) => void): () => void {
    // Its own function, so that adding the same listener twice means hearing twice.
    const own = (value: T) => listener(value);
    this.#all.add(own);
    return () => void this.#all.delete(own);
  }

  tell(value: T): void {
    for (const listener of [...this.#all]) {
      if (this.#all.has(listener)) {
        listener(value);
      }
    }
  }
}
