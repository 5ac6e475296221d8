/**
 * The newest of each order that the application has seen. A position is stored after its event was
 * handled, so a connection that breaks in between replays the event; this is what keeps the application from
 * seeing it twice. An alert leaves the order's version as it is, and is known by its step, which
 * counts the order's alerts.
 */
const MAX_ORDERS = 10_000;

interface Seen {
  version: number;
  /** Of the last alert at this version; 0: none. */
  step: number;
}

export class OrderVersions {
  /* A Map iterates in the order of insertion, which makes the first key the one to forget. */
  private readonly seen = new Map<string, Seen>();

  constructor(private readonly maxOrders = MAX_ORDERS) {}

  /** False when this version, at this version this alert, or anything newer was seen before. */
  advance(orderId: string, version: number, step = 0): boolean {
    const seen = this.seen.get(orderId) ?? { version: 0, step: 0 };
    if (version < seen.version || (version === seen.version && step <= seen.step)) return false;
    this.set(orderId, version, step);
    return true;
  }

  /** Takes a snapshot's word for it, also when it is older: after a restored backup it is the truth. */
  set(orderId: string, version: number, step = 0): void {
    this.seen.delete(orderId);
    this.seen.set(orderId, { version, step });
    if (this.seen.size <= this.maxOrders) return;
    const oldest = this.seen.keys().next();
    if (!oldest.done) this.seen.delete(oldest.value);
  }
}
