/**
 * Several restaurants at once, for those who own them: the events of each, its devices and its figures. One
 * link, and a stream per restaurant; what Connection promises of its stream holds here for each restaurant's by
 * itself. There is no order between two restaurants.
 */
import type { OrderEvent } from './events.js';
import { Link, type ConnectionState, type LinkOptions } from './link.js';
import type { Figures, Presence, ServerMessage } from './messages.js';
import { memoryPositionStore, type PositionStore } from './position-store.js';
import { Stream, type ReloadReason, type Snapshot } from './stream.js';

/** How many restaurants one dashboard may follow. */
export const MAX_WATCHED = 32;

export interface DashboardOptions extends LinkOptions {
  onEvent(event: OrderEvent): void | Promise<void>;
  onPresence?(presence: Presence): void;
  onFigures?(figures: Figures): void;
  /** As Connection's, for one restaurant. Without it each stream starts at "now". */
  onReset?(restaurantId: string, reason: ReloadReason): Promise<Snapshot>;
  /** Where a restaurant's position is kept. Default: in memory. */
  positions?(restaurantId: string): PositionStore;
}

export class DashboardConnection {
  private readonly link: Link;
  private streams: ReadonlyMap<string, Stream> = new Map();

  constructor(private readonly options: DashboardOptions) {
    this.link = new Link(options, {
      prepare: () => this.prepare(),
      onOpen: () => void this.resume(),
      onHello: () => {},
      onMessage: (message) => this.onMessage(message),
      onGone: () => this.streams.forEach((stream) => stream.stop()),
    });
  }

  get state(): ConnectionState {
    return this.link.state;
  }

  /**
   * Chooses the restaurants, 1 to MAX_WATCHED; each call names the whole choice. Those that stay go on undisturbed,
   * a restaurant that is left out is forgotten.
   */
  watch(restaurantIds: readonly string[]): void {
    const ids = [...new Set(restaurantIds)];
    if (ids.length < 1 || ids.length > MAX_WATCHED) throw new RangeError(`choose 1 to ${MAX_WATCHED} restaurants`);
    const before = this.streams;
    this.streams = new Map(ids.map((id) => [id, before.get(id) ?? this.createStream(id)]));
    before.forEach((stream, id) => this.streams.has(id) || stream.stop());
    this.updateState();
    if (this.isOpen) void this.resume();
  }

  /** Does nothing unless the connection is idle or closed. Something must be watched before. */
  connect(): void {
    if (this.streams.size === 0) throw new Error('choose restaurants with watch() before connect()');
    this.link.connect();
  }

  /** Ends the connection; connect() starts it again where it left off. */
  close(): void {
    this.link.close();
  }

  /** See Connection. */
  wake(): void {
    this.link.wake();
  }

  private get isOpen(): boolean {
    return ['authenticating', 'replaying', 'live'].includes(this.state);
  }

  private createStream(restaurantId: string): Stream {
    const { onReset, onEvent, positions } = this.options;
    return new Stream({
      positions: positions?.(restaurantId) ?? memoryPositionStore(),
      deliver: (event) => onEvent(event),
      reload: onReset && ((reason) => onReset(restaurantId, reason)),
      onReached: () => {},
      onCaughtUp: () => this.updateState(),
      report: (error) => this.link.report(error),
      fail: (error) => this.link.fail(error),
    });
  }

  private async prepare(): Promise<void> {
    await Promise.all(Array.from(this.streams.values(), (stream) => stream.prepare()));
  }

  /* A choice made while the state of another one still loads replaces it: only the last is sent. */
  private async resume(): Promise<void> {
    const { streams } = this;
    try {
      await this.prepare();
    } catch (error) {
      if (streams === this.streams && this.isOpen) this.link.fail(error);
      return;
    }
    if (streams !== this.streams || !this.isOpen) return;
    const restaurants = Array.from(streams, ([id, { position }]) => ({ id, position }));
    this.link.send({ type: 'resume', restaurants });
  }

  private onMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'event':
      case 'caught_up':
      case 'reset':
        return this.streams.get(message.restaurant_id ?? '')?.take(message);
      case 'presence':
        if (this.streams.has(message.restaurant_id)) this.options.onPresence?.(message);
        return;
      case 'figures':
        if (this.streams.has(message.restaurant_id)) this.options.onFigures?.(message);
        return;
    }
  }

  private updateState(): void {
    this.link.setCaughtUp(Array.from(this.streams.values()).every((stream) => stream.isCaughtUp));
  }
}
