/**
 * Sends what somebody tapped. Each change names the version it starts from, so of two tablets only one succeeds, and
 * carries a key, so a tap that is repeated after a lost answer does not do anything twice.
 */
import { ApiError, type Order, type OrderAction, type OrderSyncApi } from '@ordersync/client';
import { newIdempotencyKey } from '../common/random-key.js';

export interface ActionsOptions {
  api: OrderSyncApi;
  restaurantId: string;
  /** This tablet's name, for the timeline. */
  device: string;
  /** An order is being changed, or not any more. */
  onBusy(): void;
  onDone(order: Order): void;
  /** Somebody else was first: the order as it is now, and the role of who it was. */
  onConflict(order: Order, changedBy: string): void;
  onFailed(order: Order, error: ApiError): void;
}

export class Actions {
  private readonly busy = new Set<string>();
  /* Kept until there is an answer: the same change, tapped again, is the same request. */
  private readonly keys = new Map<string, string>();

  constructor(private readonly options: ActionsOptions) {}

  isBusy(orderId: string): boolean {
    return this.busy.has(orderId);
  }

  async perform(order: Order, action: OrderAction, reason?: string): Promise<void> {
    if (this.busy.has(order.order_id)) return;
    this.setBusy(order.order_id, true);
    const change = JSON.stringify([order.order_id, order.version, action, reason]);
    const key = this.keys.get(change) ?? newIdempotencyKey();
    this.keys.set(change, key);
    try {
      const { order: changed } = await this.options.api.changeOrder(order.order_id, action, {
        version: order.version,
        restaurantId: this.options.restaurantId,
        device: this.options.device,
        idempotencyKey: key,
        ...(reason !== undefined && { reason }),
      });
      this.keys.delete(change);
      this.options.onDone(changed);
    } catch (error) {
      this.onError(order, change, error);
    } finally {
      this.setBusy(order.order_id, false);
    }
  }

  private onError(order: Order, change: string, error: unknown): void {
    if (!(error instanceof ApiError)) throw error;
    /* An answer that refuses the change ends it; silence and overload do not. */
    if (error.status >= 400 && error.status < 500) this.keys.delete(change);
    if (error.order) this.options.onConflict(error.order, error.changedBy ?? '');
    else this.options.onFailed(order, error);
  }

  private setBusy(orderId: string, busy: boolean): void {
    if (busy) this.busy.add(orderId);
    else this.busy.delete(orderId);
    this.options.onBusy();
  }
}
