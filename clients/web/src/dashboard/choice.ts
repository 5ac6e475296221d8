/**
 * Which of the restaurants are shown. Remembered on this device; never more than a dashboard may follow, and never
 * none while there is one to show.
 */
import { MAX_WATCHED } from '@ordersync/client';

const STORAGE_KEY = 'ordersync.dashboard.choice';

export class Choice {
  private chosen: Set<string>;
  private readonly missing: string[] = [];

  constructor(
    private readonly wanted: readonly string[],
    private readonly storage: Pick<Storage, 'getItem' | 'setItem'> = localStorage,
  ) {
    this.chosen = this.chooseFrom(this.read());
  }

  /** Those that may be chosen. */
  get all(): readonly string[] {
    return this.wanted.filter((id) => !this.missing.includes(id));
  }

  /** Those that leaveOut took away. */
  get leftOut(): readonly string[] {
    return this.missing;
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

  /** There is no such restaurant to show. What is remembered stays as it is: it may come to be. */
  leaveOut(id: string): void {
    if (!this.all.includes(id)) return;
    this.missing.push(id);
    this.chosen = this.chooseFrom([...this.chosen]);
  }

  private chooseFrom(ids: readonly string[]): Set<string> {
    const known = ids.filter((id) => this.all.includes(id));
    return new Set((known.length > 0 ? known : this.all).slice(0, MAX_WATCHED));
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
