/**
 * A restaurant's or an order's events, live: a link that stays up, and the one stream that goes over it.
 *
 * What the application may rely on: events come in order, one at a time; no version of an order, and no
 * alert, comes twice, not even across reconnects; a position is stored only after the handler of its event has
 * finished; and a gap is never silent: either every missed event comes, or onReset is called.
 */
import { Acknowledgements } from './acknowledgements.js';
import type { OrderEvent } from './events.js';
import { Link, type ConnectionState, type LinkOptions } from './link.js';
import type { AckState, ServerMessage } from './messages.js';
import { memoryPositionStore, type PositionStore } from './position-store.js';
import { Stream, type Place, type ReloadReason, type Snapshot } from './stream.js';

export interface ConnectionOptions extends LinkOptions {
  /** The position is stored after this has returned, or after its promise has settled. */
  onEvent(event: OrderEvent): void | Promise<void>;
  /**
   * Loads the state over HTTP. Called when no position is stored, and when the hub cannot replay from
   * the stored one. Without it the stream starts at "now", and after a reset what was missed stays missed.
   */
  onReset?(reason: ReloadReason): Promise<Snapshot>;
  /**
   * The name of this device, 1 to 64 of A-Za-z0-9_-, the same after a restart. With it the restaurant counts as
   * reachable while this connection is up, and acks are sent; without it the connection is an onlooker's.
   */
  device?: string;
  positions?: PositionStore;
}

export class Connection {
  private readonly link: Link;
  private readonly stream: Stream;
  private readonly acknowledgements: Acknowledgements | null;
  private readonly device: string | undefined;

  constructor(options: ConnectionOptions) {
    this.device = options.device;
    this.link = new Link(options, {
      prepare: () => this.stream.prepare(),
      onOpen: () => this.resume(),
      onHello: () => this.acknowledgements?.start(),
      onMessage: (message) => this.onMessage(message),
      onGone: () => this.onGone(),
    });
    this.stream = new Stream({
      positions: options.positions ?? memoryPositionStore(),
      deliver: (event) => options.onEvent(event),
      reload: options.onReset && ((reason) => options.onReset!(reason)),
      onReached: (place) => this.acknowledgePlace(place, 'received'),
      onCaughtUp: () => this.link.setCaughtUp(true),
      report: (error) => this.link.report(error),
      fail: (error) => this.link.fail(error),
    });
    const { device } = options;
    this.acknowledgements =
      device === undefined
        ? null
        : new Acknowledgements(this.link.clock, (state, position) =>
            this.link.send({ type: 'ack', position, state, device }),
          );
  }

  get state(): ConnectionState {
    return this.link.state;
  }

  /** Does nothing unless the connection is idle or closed. */
  connect(): void {
    this.link.connect();
  }

  /** Ends the connection; connect() starts it again where it left off. */
  close(): void {
    this.link.close();
  }

  /**
   * For the moment when the device wakes up or its network returns: stops waiting, or asks a
   * socket that seems alive whether it is.
   */
  wake(): void {
    this.link.wake();
  }

  /**
   * Tells that everything up to this event, or this snapshot, was received or displayed. `received` is told
   * by itself; an event of another connection is ignored.
   */
  acknowledge(what: OrderEvent | Snapshot, state: AckState): void {
    const place = this.stream.placeOf(what);
    if (place) this.acknowledgePlace(place, state);
  }

  private acknowledgePlace({ position, ordinal }: Place, state: AckState): void {
    this.acknowledgements?.add(state, position, ordinal);
  }

  private resume(): void {
    const { device } = this;
    this.link.send({ type: 'resume', position: this.stream.position, ...(device !== undefined && { device }) });
  }

  private onMessage(message: ServerMessage): void {
    if (message.type === 'reset') this.acknowledgements?.forget();
    if (message.type === 'event' || message.type === 'caught_up' || message.type === 'reset') this.stream.take(message);
  }

  private onGone(): void {
    this.acknowledgements?.stop();
    this.stream.stop();
  }
}
