/**
 * Events on their way to the application: handed over one at a time, in order, the next one only after
 * the handler of the one before has finished. While a reload is running they are held back.
 */
import type { OrderEvent } from './events.js';

export interface Arrival {
  position: string;
  /** Counts the arrivals of this client. */
  ordinal: number;
  /** null: an event of an unknown type, of which only the position counts. */
  event: OrderEvent | null;
}

export class Inbox {
  private waiting: Arrival[] = [];
  private held = false;
  private running = false;
  private epoch = 0;

  /**
   * handle delivers one event. done tells that it was dealt with; it is not called for an event that was
   * still being handled when hold() began, since its position belongs to a stream that has ended.
   */
  constructor(
    private readonly handle: (event: OrderEvent) => void | Promise<void>,
    private readonly done: (arrival: Arrival) => void,
  ) {}

  push(arrival: Arrival): void {
    this.waiting.push(arrival);
    void this.run();
  }

  hold(): void {
    this.held = true;
    this.epoch++;
  }

  /** Ends hold(). What a snapshot at this position contains already is dropped. */
  release(position: string | null): void {
    const contained = this.waiting.findIndex((arrival) => arrival.position === position);
    this.waiting.splice(0, contained + 1);
    this.held = false;
    void this.run();
  }

  /** Forgets what waits: the next connection brings it again. */
  discard(): void {
    this.waiting = [];
    this.held = false;
  }

  /* Stays synchronous as long as the handler does: an event is then on the screen in the same turn. */
  private async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    for (let next = this.next(); next; next = this.next()) {
      const epoch = this.epoch;
      const pending = next.event && this.handle(next.event);
      if (pending) await pending;
      if (epoch === this.epoch) this.done(next);
    }
    this.running = false;
  }

  private next(): Arrival | undefined {
    return this.held ? undefined : this.waiting.shift();
  }
}
