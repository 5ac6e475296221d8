/** What a dashboard knows about one restaurant: who can receive its orders, how many are open, what happened last. */
import type { Figures, Order, OrderAlert, OrderEvent, OrderStatus, Presence } from '@ordersync/client';

const MAX_ENTRIES = 6;

/** Something that happened to an order. */
export interface Entry {
  key: string;
  code: string;
  time: string;
  status: OrderStatus;
  /** It was an alert, not a change. */
  alert: OrderAlert['reason'] | null;
}

export class Restaurant {
  name = '';
  presence: Presence | null = null;
  figures: Figures | null = null;
  entries: readonly Entry[] = [];

  constructor(readonly id: string) {}

  /** Starts over from the restaurant's latest orders. */
  replace(orders: readonly Order[]): void {
    this.entries = orders
      .map((order) => entryOf(order, order.updated_at))
      .sort((a, b) => b.time.localeCompare(a.time))
      .slice(0, MAX_ENTRIES);
  }

  add({ data, time }: OrderEvent): void {
    this.entries = [entryOf(data, time, data.alert), ...this.entries].slice(0, MAX_ENTRIES);
  }
}

function entryOf(order: Order, time: string, alert?: OrderAlert): Entry {
  const key = `${order.order_id}-${order.version}-${alert?.step ?? 0}`;
  return { key, code: order.code, time, status: order.status, alert: alert?.reason ?? null };
}
