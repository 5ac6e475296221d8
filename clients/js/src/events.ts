/**
 * Orders and the events that change them, as docs/protocol.md describes them. An event carries the
 * order's whole public state after the change, so it is applied by replacing.
 */
export type OrderStatus =
  | 'PENDING'
  | 'ACCEPTED'
  | 'PREPARING'
  | 'READY'
  | 'COMPLETED'
  | 'REJECTED'
  | 'CANCELLED';

/** An option as it was sold. */
export interface OrderOption {
  option_id: string;
  group_name: string;
  name: string;
  /** In the currency's minor unit. */
  amount: number;
}

export interface OrderItem {
  item_id: string;
  name: string;
  quantity: number;
  /** Of one with its options, in the currency's minor unit. */
  unit_amount: number;
  /** Absent in orders of old. */
  options?: OrderOption[];
}

export interface Order {
  order_id: string;
  restaurant_id: string;
  /** A short number for people: five characters. */
  code: string;
  status: OrderStatus;
  /** Starts at 1 and grows by one with each change. */
  version: number;
  /** ISO 4217. */
  currency: string;
  /** In the currency's minor unit. */
  total_amount: number;
  items: OrderItem[];
  reason: string | null;
  /** RFC 3339, UTC. */
  created_at: string;
  updated_at: string;
  /** When it will be ready, as the restaurant last said; null or absent: it has not said. */
  ready_at?: string | null;
}

const EVENT_TYPES = [
  'order.created',
  'order.accepted',
  'order.rejected',
  'order.estimated',
  'order.preparing',
  'order.ready',
  'order.completed',
  'order.cancelled',
  'order.alerted',
] as const;

export type OrderEventType = (typeof EVENT_TYPES)[number];

/** Why somebody should look at an order. */
export interface OrderAlert {
  /** Counts the alerts of an order. */
  step: number;
  reason: 'not_displayed' | 'not_accepted';
  /** Since the order was placed. */
  waiting_ms: number;
}

/** A CloudEvents 1.0 object. */
export interface OrderEvent {
  specversion: '1.0';
  id: string;
  source: string;
  type: OrderEventType;
  /** The order's id. */
  subject: string;
  time: string;
  traceparent?: string;
  /** `alert` is of `order.alerted` only, which changes nothing: the order is as it was, its version stays. */
  data: Order & { alert?: OrderAlert };
}

/** What a socket of a restaurant also brings, and a Connection passes over: the menu is another than before. */
export interface MenuUpdatedEvent {
  type: 'menu.updated';
  /** What has changed; of several things at once, the restaurant. */
  subject: string;
  data: {
    restaurant_id: string;
    kind: 'category' | 'item' | 'option_group' | 'option' | 'price_rule' | 'availability';
    change: 'created' | 'changed' | 'deleted' | 'stock' | 'sold_out' | 'back';
    ids: string[];
  };
}

/** The same: there is little left of an item. */
export interface LowStockEvent {
  type: 'menu.low_stock';
  /** The item's id. */
  subject: string;
  data: { restaurant_id: string; item_id: string; name: string; stock: number };
}

/** What was read breaks docs/protocol.md. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** null for a type that this version does not know, which a client must ignore. */
export function parseOrderEvent(value: unknown): OrderEvent | null {
  const event = value as Partial<OrderEvent> | null;
  if (typeof event !== 'object' || event === null || typeof event.type !== 'string')
    throw new ProtocolError('an event without a type');
  if (!EVENT_TYPES.includes(event.type)) return null;
  const order = event.data;
  if (typeof order?.order_id !== 'string' || !Number.isSafeInteger(order.version) || !Array.isArray(order.items))
    throw new ProtocolError(`a ${event.type} event without its order`);
  if (event.type === 'order.alerted' && !Number.isSafeInteger(order.alert?.step))
    throw new ProtocolError('an order.alerted event without its alert');
  return event as OrderEvent;
}
