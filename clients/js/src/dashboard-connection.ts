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
  /* The choice. */
  private streams: ReadonlyMap<string, Stream> = new Map();
  /*
   * What the hub sends: the choice that it was told last on this socket. A restaurant that was left out goes on until
   * the hub knows, because one that is chosen again before then never stopped for the hub: it would say nothing.
   */
  private followed: ReadonlyMap<string, Stream> = new Map();
  /* Under way, by restaurant. */
  private readonly loads = new Map<string, Promise<Snapshot>>();

  constructor(private readonly options: DashboardOptions) {
    this.link = new Link(options, {
      prepare: () => this.prepare(),
      onOpen: () => void this.resume(),
      onHello: () => {},
      onMessage: (message) => this.onMessage(message),
      onGone: () => this.follow(new Map()),
    });
  }

  get state(): ConnectionState {
    return this.link.state;
  }

  /**
   * Chooses the restaurants, 1 to MAX_WATCHED; each call names the whole choice. Those that stay go on undisturbed,
   * a restaurant that is left out is forgotten. Its news may come until the hub was told, which waits for what has
   * to be loaded of the new ones.
   */
  watch(restaurantIds: readonly string[]): void {
    const ids = [...new Set(restaurantIds)];
    if (ids.length < 1 || ids.length > MAX_WATCHED) throw new RangeError(`choose 1 to ${MAX_WATCHED} restaurants`);
    const { streams, followed } = this;
    this.streams = new Map(ids.map((id) => [id, streams.get(id) ?? followed.get(id) ?? this.createStream(id)]));
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
      reload: onReset && ((reason) => this.load(restaurantId, () => onReset(restaurantId, reason))),
      onReached: () => {},
      onCaughtUp: () => this.updateState(),
      report: (error) => this.link.report(error),
      fail: (error) => this.link.fail(error),
    });
  }

  /*
   * One at a time, also of a restaurant that was left out and is chosen again meanwhile: a second load might end first,
   * and then the application would take the state of the first one for newer.
   */
  private load(restaurantId: string, start: () => Promise<Snapshot>): Promise<Snapshot> {
    const load = this.loads.get(restaurantId) ?? start().finally(() => this.loads.delete(restaurantId));
    this.loads.set(restaurantId, load);
    return load;
  }

  /* A load that fails for a choice which was replaced meanwhile, perhaps for that very reason, keeps nobody. */
  private async prepare(): Promise<void> {
    const { streams } = this;
    try {
      await Promise.all(Array.from(streams.values(), (stream) => stream.prepare()));
    } catch (error) {
      if (streams === this.streams) throw error;
    }
  }

  /* A choice made while the state of another one still loads replaces it: only the last is sent. */
  private async resume(): Promise<void> {
    const { streams } = this;
    try {
      await this.prepare();
    } catch (error) {
      if (this.isOpen) this.link.fail(error);
      return;
    }
    if (streams !== this.streams || !this.isOpen) return;
    const restaurants = Array.from(streams, ([id, { position }]) => ({ id, position }));
    this.link.send({ type: 'resume', restaurants });
    this.follow(streams);
  }

  private follow(streams: ReadonlyMap<string, Stream>): void {
    this.followed.forEach((stream, id) => streams.has(id) || stream.stop());
    this.followed = streams;
  }

  private onMessage(message: ServerMessage): void {
    switch (message.type) {
      case 'event':
      case 'caught_up':
      case 'reset':
        return this.followed.get(message.restaurant_id ?? '')?.take(message);
      case 'presence':
        if (this.followed.has(message.restaurant_id)) this.options.onPresence?.(message);
        return;
      case 'figures':
        if (this.followed.has(message.restaurant_id)) this.options.onFigures?.(message);
        return;
    }
  }

  private updateState(): void {
    this.link.setCaughtUp(Array.from(this.streams.values()).every((stream) => stream.isCaughtUp));
  }
}
