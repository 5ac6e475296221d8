/**
 * The newest version of each order that the application has seen. A position is stored after its event
 * was handled, so a connection that breaks in between replays the event; this is what keeps the
 * application from seeing it twice.
 */
const MAX_ORDERS = 10_000;

export class OrderVersions {
  /* A Map iterates in the order of insertion, which makes the first key the one to forget. */
  private readonly versions = new Map<string, number>();

  constructor(private readonly maxOrders = MAX_ORDERS) {}

  /** False when this version, or a newer one, was seen before. */
  advance(orderId: string, version: number): boolean {
    if (version <= (this.versions.get(orderId) ?? 0)) return false;
    this.set(orderId, version);
    return true;
  }

  /** Takes a snapshot's word for it, also when it is older: after a restored backup it is the truth. */
  set(orderId: string, version: number): void {
    this.versions.delete(orderId);
    this.versions.set(orderId, version);
    if (this.versions.size <= this.maxOrders) return;
    const oldest = this.versions.keys().next();
    if (!oldest.done) this.versions.delete(oldest.value);
  }
}
