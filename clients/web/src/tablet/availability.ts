/**
 * What of the menu is sold out. A tap shows at once and is sent at the same time; when it is refused or lost, what was
 * there before is back, and the menu is asked again, because a lost answer may have been a yes. Knows nothing of pages.
 */
import { ApiError, type OrderSyncApi, type OwnMenu } from '@ordersync/client';

export type PartKind = 'items' | 'options';

/** An item, or one of its options. */
export interface Part {
  kind: PartKind;
  id: string;
  name: string;
}

/** null: it is there. */
export type SoldOut = { until: string | null } | null;

export interface AvailabilityOptions {
  api: Pick<OrderSyncApi, 'getOwnMenu' | 'setSoldOut'>;
  restaurantId: string;
  now(): number;
  /** Of one part, or of the menu as a whole. */
  onChange(part: Part | null): void;
  /** It was not done, and does not show any more. */
  onFailed(part: Part, error: ApiError): void;
}

export class Availability {
  menu: OwnMenu | null = null;
  /** The menu could not be loaded. */
  failure: ApiError | null = null;
  private readonly sending = new Map<string, SoldOut>();
  /* Of several loads the last one that was begun counts, unless something was written since: its menu may be older. */
  private loads = 0;
  private writes = 0;

  constructor(private readonly options: AvailabilityOptions) {}

  async load(): Promise<void> {
    const load = ++this.loads;
    const { writes } = this;
    try {
      const menu = await this.options.api.getOwnMenu(this.options.restaurantId);
      if (load !== this.loads) return;
      if (writes !== this.writes) return await this.load();
      this.menu = menu;
      this.failure = null;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (load === this.loads) this.failure = error;
    }
    this.options.onChange(null);
  }

  isSending({ id }: Part): boolean {
    return this.sending.has(id);
  }

  soldOut({ kind, id }: Part): SoldOut {
    const sending = this.sending.get(id);
    if (sending !== undefined) return sending;
    const written = this.menu?.[kind].find((part) => part.id === id);
    if (!written || written.available) return null;
    const { sold_out_until: until } = written;
    return until !== null && Date.parse(until) <= this.options.now() ? null : { until };
  }

  async set(part: Part, soldOut: SoldOut): Promise<void> {
    if (this.sending.has(part.id)) return;
    this.sending.set(part.id, soldOut);
    this.options.onChange(part);
    try {
      const change = { [part.kind]: [part.id], sold_out: soldOut !== null, ...(soldOut?.until && { until: soldOut.until }) };
      await this.options.api.setSoldOut(change, this.options.restaurantId);
      this.write(part, soldOut);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.options.onFailed(part, error);
      void this.load();
    } finally {
      this.sending.delete(part.id);
      this.options.onChange(part);
    }
  }

  private write({ kind, id }: Part, soldOut: SoldOut): void {
    this.writes++;
    for (const part of this.menu?.[kind] ?? [])
      if (part.id === id) Object.assign(part, { available: soldOut === null, sold_out_until: soldOut?.until ?? null });
  }
}
