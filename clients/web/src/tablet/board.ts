/**
 * The orders on the screen: the newest known version of each, whoever brought it (the list, an event, the reply
 * to a tap). Knows nothing of pages.
 */
import type { Order, OrderAlert, OrderStatus } from '@ordersync/client';

export const ACTIVE: readonly OrderStatus[] = ['PENDING', 'ACCEPTED', 'PREPARING', 'READY'];

export type Column = 'new' | 'preparing' | 'ready';
export const COLUMNS: readonly Column[] = ['new', 'preparing', 'ready'];

const COLUMN_OF: Partial<Record<OrderStatus, Column>> = {
  PENDING: 'new',
  ACCEPTED: 'preparing',
  PREPARING: 'preparing',
  READY: 'ready',
};

export type Verdict = 'stale' | 'added' | 'changed' | 'removed';

export class Board {
  private readonly active = new Map<string, Order>();
  /* Also of orders that left the board: an event that comes late must not bring one back. */
  private readonly versions = new Map<string, number>();
  private readonly alerts = new Map<string, OrderAlert>();

  apply(order: Order): Verdict {
    if (order.version <= (this.versions.get(order.order_id) ?? 0)) return 'stale';
    this.versions.set(order.order_id, order.version);
    this.alerts.delete(order.order_id); /* whatever happened to the order, it was an answer */
    const known = this.active.has(order.order_id);
    if (COLUMN_OF[order.status]) {
      this.active.set(order.order_id, order);
      return known ? 'changed' : 'added';
    }
    this.remove(order.order_id);
    return known ? 'removed' : 'stale';
  }

  /** All active orders as a snapshot has them; what is known to be newer stays. */
  replace(orders: readonly Order[]): void {
    const listed = new Set(orders.map((order) => order.order_id));
    for (const orderId of [...this.active.keys()]) if (!listed.has(orderId)) this.remove(orderId);
    for (const order of orders) this.apply(order);
  }

  /** Marks an order which nobody has answered. False when it was answered already: then there is nothing to ring for. */
  alert(orderId: string, alert: OrderAlert): boolean {
    if (this.active.get(orderId)?.status !== 'PENDING') return false;
    this.alerts.set(orderId, alert);
    return true;
  }

  alertOf(orderId: string): OrderAlert | undefined {
    return this.alerts.get(orderId);
  }

  get(orderId: string): Order | undefined {
    return this.active.get(orderId);
  }

  /** Whoever waits longest comes first. */
  column(column: Column): Order[] {
    return [...this.active.values()]
      .filter((order) => COLUMN_OF[order.status] === column)
      .sort((a, b) => a.created_at.localeCompare(b.created_at) || a.order_id.localeCompare(b.order_id));
  }

  /** How many orders nobody has answered. */
  get unanswered(): number {
    return this.column('new').length;
  }

  private remove(orderId: string): void {
    this.active.delete(orderId);
    this.alerts.delete(orderId);
  }
}
