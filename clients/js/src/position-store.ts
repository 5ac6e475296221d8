/**
 * Where a connection keeps its position, the opaque name of the last event that was handled. A store
 * in memory fits an application that loads its state over HTTP whenever it starts; one that
 * outlives the page fits an application that keeps its state as well.
 */
export interface PositionStore {
  /** null: nothing is known yet. */
  load(): string | null;
  save(position: string): void;
  clear(): void;
}

export function memoryPositionStore(initial: string | null = null): PositionStore {
  let current = initial;
  return {
    load: () => current,
    save(position) {
      current = position;
    },
    clear() {
      current = null;
    },
  };
}

/**
 * Keeps the position under key in storage. Where the browser refuses storage (private windows, a full
 * disk) it works from memory: a lost position costs one reload, a thrown error would cost the orders.
 */
export function localStoragePositionStore(
  key: string,
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> = localStorage,
): PositionStore {
  const memory = memoryPositionStore(attempt(() => storage.getItem(key)) ?? null);
  return {
    load: memory.load,
    save(position) {
      memory.save(position);
      attempt(() => storage.setItem(key, position));
    },
    clear() {
      memory.clear();
      attempt(() => storage.removeItem(key));
    },
  };
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
