/*
 * Items kept in order. The order has to be total: two different items are never equal, so that an item is
 * found again by comparing. Adding and deleting cost a search and a move, however long the list is.
 */

export class Sorted<T> {
  readonly #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  add(item: T): void {
    this.#items.splice(this.#placeOf(item), 0, item);
  }

  /** False when it is not there. */
  delete(item: T): boolean {
    const at = this.#placeOf(item);
    const found = this.#items[at];
    if (found === undefined || this.#compare(found, item) !== 0) {
      return false;
    }
    this.#items.splice(at, 1);
    return true;
  }

  clear(): void {
    this.#items.length = 0;
  }

  /** The first place whose item is not before this one. */
  #placeOf(item: T): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = this.#items[middle];
      if (there !== undefined && this.#compare(there, item) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
