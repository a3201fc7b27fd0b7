/**
 * Texts by key that outlive the page, seen by all tabs. A browser may forbid it or have no room:
 * then a text is kept in memory, for this page.
 */
export interface Store {
  get(key: string): string | undefined;
  set(key: string, text: string): void;
  remove(key: string): void;
  keys(): readonly string[];
  /** Another tab has changed this key (undefined: any). The result ends that. */
  onChange(listener: (key: string | undefined) => void): () => void;
}

export function memoryStore(): Store {
  const texts = new Map<string, string>();
  return {
    get: (key) => texts.get(key),
    set: (key, text) => void texts.set(key, text),
    remove: (key) => void texts.delete(key),
    keys: () => [...texts.keys()],
    onChange: () => () => undefined,
  };
}

function tryStorage(): Storage | undefined {
  try {
    // Some browsers throw here, some only when it is used.
    return localStorage.length >= 0 ? localStorage : undefined;
  } catch {
    // Forbidden by the browser's settings or the frame's sandbox.
    return undefined;
  }
}

class LocalStore implements Store {
  readonly #prefix: string;
  readonly #storage: Storage;
  /** What had no room. */
  readonly #rest = memoryStore();

  constructor(prefix: string, storage: Storage) {
    this.#prefix = prefix;
    this.#storage = storage;
  }

  get(key: string): string | undefined {
    return this.#rest.get(key) ?? this.#storage.getItem(this.#prefix + key) ?? undefined;
  }

  set(key: string, text: string): void {
    try {
      this.#storage.setItem(this.#prefix + key, text);
      this.#rest.remove(key);
    } catch {
      this.#rest.set(key, text);
    }
  }

  remove(key: string): void {
    this.#rest.remove(key);
    this.#storage.removeItem(this.#prefix + key);
  }

  keys(): readonly string[] {
    const found = new Set(this.#rest.keys());
    for (let i = 0; i < this.#storage.length; i++) {
      const key = this.#storage.key(i);
      if (key?.startsWith(this.#prefix)) {
        found.add(key.slice(this.#prefix.length));
      }
    }
    return [...found];
  }

  onChange(listener: (key: string | undefined) => void): () => void {
    const onStorage = (event: StorageEvent) => {
      if (event.storageArea !== this.#storage) {
        return;
      }
      if (event.key === null) {
        listener(undefined);
      } else if (event.key.startsWith(this.#prefix)) {
        listener(event.key.slice(this.#prefix.length));
      }
    };
    addEventListener("storage", onStorage);
    return () => removeEventListener("storage", onStorage);
  }
}

export function localStore(prefix: string): Store {
  const storage = tryStorage();
  return storage ? new LocalStore(prefix, storage) : memoryStore();
}
