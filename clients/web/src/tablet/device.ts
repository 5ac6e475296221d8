/**
 * The name of this tablet: made once and kept by the browser, so that its restaurant sees the same device after a
 * reload or a restart. Where the browser refuses storage it lasts as long as the page.
 */
import { newIdempotencyKey } from '../common/random-key.js';

const STORAGE_KEY = 'ordersync.device';

export function deviceName(storage: Pick<Storage, 'getItem' | 'setItem'> = localStorage): string {
  const fresh = `tablet-${newIdempotencyKey().slice(0, 8)}`;
  try {
    const kept = storage.getItem(STORAGE_KEY);
    if (kept && /^[A-Za-z0-9_-]{1,64}$/.test(kept)) return kept;
    storage.setItem(STORAGE_KEY, fresh);
  } catch {
    /* A private window: the name of this page's life. */
  }
  return fresh;
}
