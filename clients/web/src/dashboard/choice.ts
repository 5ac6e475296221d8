/**
 * Which of the restaurants are shown. Remembered on this device, and never empty or more than a dashboard may follow.
 */
import { MAX_WATCHED } from '@ordersync/client';

const STORAGE_KEY = 'ordersync.dashboard.choice';

export class Choice {
  private chosen: Set<string>;

  constructor(
    readonly all: readonly string[],
    private readonly storage: Pick<Storage, 'getItem' | 'setItem'> = localStorage,
  ) {
    const known = this.read().filter((id) => all.includes(id));
    this.chosen = new Set((known.length > 0 ? known : all).slice(0, MAX_WATCHED));
  }

  /** In the order of all. */
  get ids(): string[] {
    return this.all.filter((id) => this.chosen.has(id));
  }

  has(id: string): boolean {
    return this.chosen.has(id);
  }

  /** Whether one more, or one less, would be too much: the last one stays. */
  mayToggle(id: string): boolean {
    return this.chosen.has(id) ? this.chosen.size > 1 : this.chosen.size < MAX_WATCHED;
  }

  toggle(id: string): void {
    if (!this.mayToggle(id)) return;
    if (!this.chosen.delete(id)) this.chosen.add(id);
    try {
      this.storage.setItem(STORAGE_KEY, JSON.stringify(this.ids));
    } catch {
      /* Private windows refuse; then the choice lasts as long as the page. */
    }
  }

  private read(): string[] {
    try {
      const stored: unknown = JSON.parse(this.storage.getItem(STORAGE_KEY) ?? '[]');
      return Array.isArray(stored) ? stored.map(String) : [];
    } catch {
      return [];
    }
  }
}
