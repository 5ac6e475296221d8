/**
 * The personal part of orders. Events carry none of it, so it is loaded over HTTP for each order that appears, a few at
 * a time (a first load may bring a hundred), and again until it succeeds or the order is gone.
 */
import { ApiError, type OrderDetails, type OrderSyncApi } from '@ordersync/client';

const MAX_AT_ONCE = 4;
const RETRY_MS = 5_000;

export type CustomerState = 'loading' | 'failed' | OrderDetails;

export class Customers {
  private readonly states = new Map<string, CustomerState>();
  private readonly queue: string[] = [];
  private running = 0;

  constructor(
    private readonly api: OrderSyncApi,
    private readonly isWanted: (orderId: string) => boolean,
    private readonly onChange: () => void,
  ) {}

  /** Starts loading on the first call. */
  get(orderId: string): CustomerState {
    const state = this.states.get(orderId);
    if (state) return state;
    this.states.set(orderId, 'loading');
    this.enqueue(orderId);
    return 'loading';
  }

  forget(orderId: string): void {
    this.states.delete(orderId);
  }

  private enqueue(orderId: string): void {
    this.queue.push(orderId);
    while (this.running < MAX_AT_ONCE && this.queue.length > 0) void this.work();
  }

  private async work(): Promise<void> {
    this.running++;
    for (let orderId = this.queue.shift(); orderId; orderId = this.queue.shift()) await this.load(orderId);
    this.running--;
  }

  private async load(orderId: string): Promise<void> {
    if (!this.isWanted(orderId)) return this.forget(orderId);
    try {
      this.states.set(orderId, (await this.api.getOrder(orderId)).order);
    } catch (error) {
      this.states.set(orderId, 'failed');
      const delayMs = (error instanceof ApiError && error.retryAfterMs) || RETRY_MS;
      setTimeout(() => this.enqueue(orderId), delayMs);
    }
    this.onChange();
  }
}
