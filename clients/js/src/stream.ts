/**
 * One stream of order events: where it is, what of it the application has seen, and how it starts over when the
 * hub cannot continue from there. Knows no socket; whoever owns it brings the messages.
 */
import { parseOrderEvent, type OrderEvent } from './events.js';
import { Inbox, type Arrival } from './inbox.js';
import type { ResetReason, StreamMessage } from './messages.js';
import { OrderVersions } from './order-versions.js';
import type { PositionStore } from './position-store.js';

export type ReloadReason = 'no_position' | ResetReason;

/** The application's state as it was at a position. */
export interface Snapshot {
  position: string;
  /** The orders in it; events up to these versions are not delivered any more. */
  orders?: readonly { order_id: string; version: number }[];
}

/** A point in the stream that this client has reached; ordinals order the points. */
export type Place = Pick<Arrival, 'position' | 'ordinal'>;

export interface StreamOwner {
  positions: PositionStore;
  deliver(event: OrderEvent): void | Promise<void>;
  reload?: ((reason: ReloadReason) => Promise<Snapshot>) | undefined;
  /** Everything up to this place was handled, or is in a snapshot. */
  onReached(place: Place): void;
  onCaughtUp(): void;
  /** What went wrong and was survived. */
  report(error: unknown): void;
  /** What went wrong and needs a new socket. */
  fail(error: unknown): void;
}

export class Stream {
  private readonly versions = new OrderVersions();
  private readonly inbox: Inbox;
  private readonly places = new WeakMap<object, Place>();
  private placeCount = 0;
  private reloading: Promise<Snapshot | null> | null = null;
  /* Grows with each end: a reload that began before is recognised by it. */
  private run = 0;
  private upToDate = false;

  constructor(private readonly owner: StreamOwner) {
    this.inbox = new Inbox(
      (event) => this.deliver(event),
      (arrival) => this.reach(arrival),
    );
  }

  /** null: nothing is known yet. */
  get position(): string | null {
    return this.owner.positions.load();
  }

  /** Everything that was missed has come. */
  get isCaughtUp(): boolean {
    return this.upToDate;
  }

  /** Where an event or a snapshot of this stream stands in it. */
  placeOf(what: OrderEvent | Snapshot): Place | undefined {
    return this.places.get(what);
  }

  /** Loads the state when there is no position to resume from. */
  async prepare(): Promise<void> {
    if (this.position === null) await this.reload('no_position');
  }

  take(message: StreamMessage): void {
    switch (message.type) {
      case 'event':
        return this.takeEvent(message.position, message.event);
      case 'caught_up':
        /* Of a stream that began "now": the next socket has to resume from here, or what comes in between is lost. */
        if (this.position === null) this.owner.positions.save(message.position);
        return this.catchUp();
      case 'reset':
        return void this.reset(message.position, message.reason);
    }
  }

  /** The socket is gone; what was not handled yet comes again on the next one. */
  stop(): void {
    this.run++;
    this.upToDate = false;
    this.inbox.discard();
  }

  private takeEvent(position: string, value: object): void {
    try {
      const event = parseOrderEvent(value);
      const arrival = { position, event, ordinal: ++this.placeCount };
      if (event) this.places.set(event, arrival);
      this.inbox.push(arrival);
    } catch (error) {
      this.owner.fail(error);
    }
  }

  private catchUp(): void {
    this.upToDate = true;
    this.owner.onCaughtUp();
  }

  /* Events that follow the reset wait in the inbox until the application has loaded what was before them. */
  private async reset(position: string, reason: ResetReason): Promise<void> {
    const run = this.run;
    this.owner.positions.clear();
    this.inbox.hold();
    try {
      const snapshot = await this.reload(reason);
      if (run !== this.run) return;
      if (!snapshot) this.owner.positions.save(position);
      this.inbox.release(snapshot?.position ?? null);
      this.catchUp();
    } catch (error) {
      if (run === this.run) this.owner.fail(error);
    }
  }

  /* One load at a time, also when a reconnect wants one while the last is still under way. */
  private reload(reason: ReloadReason): Promise<Snapshot | null> {
    this.reloading ??= this.load(reason).finally(() => {
      this.reloading = null;
    });
    return this.reloading;
  }

  private async load(reason: ReloadReason): Promise<Snapshot | null> {
    if (!this.owner.reload) return null;
    const ordinal = ++this.placeCount; /* before the events that come while it loads */
    const snapshot = await this.owner.reload(reason);
    for (const order of snapshot.orders ?? []) this.versions.set(order.order_id, order.version);
    const place = { position: snapshot.position, ordinal };
    this.places.set(snapshot, place);
    this.reach(place);
    return snapshot;
  }

  /*
   * A handler that throws is reported and its event counts as handled: to bring the event again would only
   * make it throw again, and keep every later order from the screen.
   */
  private deliver(event: OrderEvent): void | Promise<void> {
    if (!this.versions.advance(event.data.order_id, event.data.version, event.data.alert?.step)) return;
    try {
      const pending = this.owner.deliver(event);
      if (pending) return pending.catch((error) => this.owner.report(error));
    } catch (error) {
      this.owner.report(error);
    }
  }

  private reach(place: Place): void {
    this.owner.positions.save(place.position);
    this.owner.onReached(place);
  }
}
