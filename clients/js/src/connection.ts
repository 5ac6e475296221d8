/**
 * A stream of order events that stays up: authenticates, resumes where it left off, notices a dead socket,
 * and comes back.
 *
 *   idle -> connecting -> authenticating -> replaying -> live
 *               ^  |            |               |         |
 *               |  +------------+-------+-------+---------+
 *               |                       v
 *               +------------------- waiting            any -> closed (close(), or a final answer)
 *
 * What the application may rely on: events come in order, one at a time; no version of an order comes twice,
 * not even across reconnects; a position is stored only after the handler of its event has
 * finished; and a gap is never silent: either every missed event comes, or onReset is called.
 */
import { Acknowledgements } from './acknowledgements.js';
import { fullJitterDelayMs } from './backoff.js';
import { systemClock, type Clock } from './clock.js';
import { parseOrderEvent, ProtocolError, type OrderEvent } from './events.js';
import { Inbox, type Arrival } from './inbox.js';
import { Liveness } from './liveness.js';
import type { AckState, ResetReason, ServerMessage } from './messages.js';
import { OrderVersions } from './order-versions.js';
import { memoryPositionStore, type PositionStore } from './position-store.js';
import { SocketTransport, type SocketConstructor } from './socket-transport.js';

/** A connection that lasted this long was a good one: the backoff starts anew. */
const STABLE_MS = 60_000;
/** From opening the socket to `hello`. The hub itself gives up on a silent socket after 5 s. */
const HANDSHAKE_MS = 15_000;
const MAX_TOKEN_REFUSALS = 3;

export type ConnectionState =
  | 'idle'
  | 'connecting'
  | 'authenticating'
  | 'replaying'
  | 'live'
  | 'waiting'
  | 'closed';

const STEPS: Record<ConnectionState, readonly ConnectionState[]> = {
  idle: ['connecting', 'closed'],
  connecting: ['authenticating', 'waiting', 'closed'],
  authenticating: ['replaying', 'waiting', 'closed'],
  replaying: ['live', 'waiting', 'closed'],
  live: ['waiting', 'closed'],
  waiting: ['connecting', 'closed'],
  closed: ['connecting'],
};

/** Why a connection will not come back by itself. */
export type FinalReason = 'application' | 'unauthorized' | 'forbidden' | 'not_found';

export interface ConnectionStatus {
  state: ConnectionState;
  /** In state waiting: when the next attempt starts, in milliseconds since 1970. */
  retryAt?: number;
  /** In state closed. */
  reason?: FinalReason;
}

/** What the token is wanted for; after `refused` the one handed out before must not come again. */
export type TokenPurpose = 'connect' | 'refused' | 'expiring';

/** The application's state as it was at a position. */
export interface Snapshot {
  position: string;
  /** The orders in it; events up to these versions are not delivered any more. */
  orders?: readonly { order_id: string; version: number }[];
}

export interface ConnectionOptions {
  /** See restaurantSocketUrl and orderSocketUrl. */
  url: string;
  getToken(purpose: TokenPurpose): Promise<string> | string;
  /** The position is stored after this has returned, or after its promise has settled. */
  onEvent(event: OrderEvent): void | Promise<void>;
  /**
   * Loads the state over HTTP. Called when no position is stored, and when the hub cannot replay from
   * the stored one. Without it the stream starts at "now", and after a reset what was missed stays missed.
   */
  onReset?(reason: 'no_position' | ResetReason): Promise<Snapshot>;
  onState?(status: ConnectionStatus): void;
  /** Everything that went wrong and was survived: a failed load, a handler that threw, a broken rule. */
  onError?(error: Error): void;
  /** Names this device in acks: 1 to 64 of A-Za-z0-9_-. Default: a random name for this object's life. */
  device?: string;
  positions?: PositionStore;
  WebSocket?: SocketConstructor;
  clock?: Clock;
  /** In [0, 1). */
  random?(): number;
}

export class Connection {
  private status: ConnectionStatus = { state: 'idle' };
  /* Grows with each attempt and each end: an answer that belongs to an earlier run is recognised by it. */
  private run = 0;
  private transport: SocketTransport | null = null;
  private cancelTimer: (() => void) | null = null;
  private reloading: Promise<Snapshot | null> | null = null;

  private attempt = 0;
  private tokenRefusals = 0;
  private helloAt: number | null = null;
  private returnAt: number | null = null;
  private lastComplaint = '';

  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly positions: PositionStore;
  private readonly device: string;
  private readonly versions = new OrderVersions();
  private readonly inbox: Inbox;
  private readonly acknowledgements: Acknowledgements;
  private readonly liveness: Liveness;
  private readonly arrivals = new WeakMap<OrderEvent, Arrival>();
  private arrivalCount = 0;
  private pings = 0;

  constructor(private readonly options: ConnectionOptions) {
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.positions = options.positions ?? memoryPositionStore();
    this.device = options.device ?? randomDeviceName(this.random);
    this.inbox = new Inbox(
      (event) => this.deliver(event),
      (arrival) => this.onHandled(arrival),
    );
    this.acknowledgements = new Acknowledgements(this.clock, (state, position) =>
      this.transport?.send({ type: 'ack', position, state, device: this.device }),
    );
    this.liveness = new Liveness(
      this.clock,
      () => this.transport?.send({ type: 'ping', id: ++this.pings }),
      () => this.abandon(),
    );
  }

  get state(): ConnectionState {
    return this.status.state;
  }

  /** Does nothing unless the connection is idle or closed. */
  connect(): void {
    if (this.state !== 'idle' && this.state !== 'closed') return;
    this.attempt = 0;
    this.tokenRefusals = 0;
    void this.open();
  }

  /** Ends the connection; connect() starts it again where it left off. */
  close(): void {
    this.finish('application');
  }

  /**
   * For the moment when the device wakes up or its network returns: stops waiting, or asks a
   * socket that seems alive whether it is.
   */
  wake(): void {
    if (this.state === 'waiting') void this.open();
    else this.liveness.check();
  }

  /** Tells how far an event got. `received` is told by itself; an event of another connection is ignored. */
  acknowledge(event: OrderEvent, state: AckState): void {
    const arrival = this.arrivals.get(event);
    if (arrival) this.acknowledgements.add(state, arrival.position, arrival.ordinal);
  }

  /* ---- opening ---- */

  private async open(): Promise<void> {
    const run = ++this.run;
    this.cancelTimer?.();
    this.setStatus({ state: 'connecting' });
    try {
      const token = await this.options.getToken(this.tokenRefusals > 0 ? 'refused' : 'connect');
      if (run === this.run && this.positions.load() === null) await this.reload('no_position');
      if (run === this.run) this.openSocket(token);
    } catch (error) {
      if (run === this.run) this.fail(error);
    }
  }

  private openSocket(token: string): void {
    const constructor = this.options.WebSocket ?? (globalThis.WebSocket as SocketConstructor | undefined);
    if (!constructor) throw new Error('this platform has no WebSocket: pass one as an option');
    this.cancelTimer = this.clock.after(HANDSHAKE_MS, () => this.abandon());
    this.transport = new SocketTransport(constructor, this.options.url, {
      onOpen: () => this.onOpen(token),
      onMessage: (message) => this.onMessage(message),
      onBadFrame: (error) => this.fail(error),
      onClose: (code) => this.onClose(code),
    });
  }

  /* Both messages go out at once: waiting for `hello` in between would cost a round trip. */
  private onOpen(token: string): void {
    this.setStatus({ state: 'authenticating' });
    this.transport?.send({ type: 'auth', token });
    this.transport?.send({ type: 'resume', position: this.positions.load() });
  }

  /* ---- messages ---- */

  private onMessage(message: ServerMessage): void {
    this.liveness.heard();
    switch (message.type) {
      case 'hello':
        return this.onHello(message.heartbeat_ms);
      case 'event':
        return this.onEvent(message.position, message.event);
      case 'caught_up':
        return this.onCaughtUp();
      case 'reset':
        return void this.onReset(message.position, message.reason);
      case 'expiring':
        return void this.renewToken();
      case 'drain':
        this.returnAt = this.clock.now() + message.reconnect_in_ms;
        return;
      case 'error':
        this.lastComplaint = `${message.code} ${message.detail ?? ''}`.trim();
        return;
      case 'pong':
        return;
    }
  }

  private onHello(heartbeatMs: number): void {
    if (this.state !== 'authenticating') return;
    this.cancelTimer?.();
    this.tokenRefusals = 0;
    this.helloAt = this.clock.now();
    this.liveness.start(heartbeatMs);
    this.acknowledgements.start();
    this.setStatus({ state: 'replaying' });
  }

  private onEvent(position: string, value: object): void {
    try {
      const event = parseOrderEvent(value);
      const arrival = { position, event, ordinal: ++this.arrivalCount };
      if (event) this.arrivals.set(event, arrival);
      this.inbox.push(arrival);
    } catch (error) {
      this.fail(error);
    }
  }

  private onCaughtUp(): void {
    if (this.state === 'replaying') this.setStatus({ state: 'live' });
  }

  /* Events that follow the reset wait in the inbox until the application has loaded what was before them. */
  private async onReset(position: string, reason: ResetReason): Promise<void> {
    const run = this.run;
    this.positions.clear();
    this.inbox.hold();
    try {
      const snapshot = await this.reload(reason);
      if (run !== this.run) return;
      if (!snapshot) this.positions.save(position);
      this.inbox.release(snapshot?.position ?? null);
      this.onCaughtUp();
    } catch (error) {
      if (run === this.run) this.fail(error);
    }
  }

  /* One load at a time, also when a reconnect wants one while the last is still under way. */
  private reload(reason: 'no_position' | ResetReason): Promise<Snapshot | null> {
    this.reloading ??= this.load(reason).finally(() => {
      this.reloading = null;
    });
    return this.reloading;
  }

  private async load(reason: 'no_position' | ResetReason): Promise<Snapshot | null> {
    if (!this.options.onReset) return null;
    const snapshot = await this.options.onReset(reason);
    for (const order of snapshot.orders ?? []) this.versions.set(order.order_id, order.version);
    this.positions.save(snapshot.position);
    return snapshot;
  }

  private async renewToken(): Promise<void> {
    const run = this.run;
    try {
      const token = await this.options.getToken('expiring');
      if (run === this.run) this.transport?.send({ type: 'auth', token });
    } catch (error) {
      /* Not the end: the hub will close with 4401, and then there is another chance. */
      this.report(error);
    }
  }

  /* ---- delivering ---- */

  /*
   * A handler that throws is reported and its event counts as handled: to bring the event again would only
   * make it throw again, and keep every later order from the screen.
   */
  private deliver(event: OrderEvent): void | Promise<void> {
    if (!this.versions.advance(event.data.order_id, event.data.version)) return;
    try {
      const pending = this.options.onEvent(event);
      if (pending) return pending.catch((error) => this.report(error));
    } catch (error) {
      this.report(error);
    }
  }

  private onHandled({ position, ordinal }: Arrival): void {
    this.positions.save(position);
    this.acknowledgements.add('received', position, ordinal);
  }

  /* ---- ending ---- */

  private onClose(code: number): void {
    if (code === 4403) return this.finish('forbidden');
    if (code === 4404) return this.finish('not_found');
    if (code === 4401 && ++this.tokenRefusals >= MAX_TOKEN_REFUSALS) return this.finish('unauthorized');
    if ([1002, 1003, 1007, 1008, 1009].includes(code))
      this.report(new ProtocolError(`the hub closed the socket with ${code} ${this.lastComplaint}`.trim()));
    this.wait(0);
  }

  /** Gives up a socket that does not answer. */
  private abandon(): void {
    this.wait(0);
  }

  private fail(error: unknown): void {
    this.report(error);
    const asked = (error as { retryAfterMs?: unknown } | null)?.retryAfterMs;
    this.wait(typeof asked === 'number' ? asked : 0);
  }

  /** Back to `waiting`, for at least atLeastMs; a hub that drained has said itself when to return. */
  private wait(atLeastMs: number): void {
    if (this.helloAt !== null && this.clock.now() - this.helloAt >= STABLE_MS) this.attempt = 0;
    const returnInMs = this.returnAt === null ? null : Math.max(0, this.returnAt - this.clock.now());
    const delayMs = Math.max(atLeastMs, returnInMs ?? fullJitterDelayMs(this.attempt++, this.random));
    this.leave();
    this.setStatus({ state: 'waiting', retryAt: this.clock.now() + delayMs });
    this.cancelTimer = this.clock.after(delayMs, () => void this.open());
  }

  private finish(reason: FinalReason): void {
    if (this.state === 'closed') return;
    this.leave();
    this.setStatus({ state: 'closed', reason });
  }

  private leave(): void {
    this.run++;
    this.cancelTimer?.();
    this.cancelTimer = null;
    this.transport?.close();
    this.transport = null;
    this.liveness.stop();
    this.acknowledgements.stop();
    this.inbox.discard();
    this.helloAt = null;
    this.returnAt = null;
    this.lastComplaint = '';
  }

  private setStatus(status: ConnectionStatus): void {
    if (!STEPS[this.state].includes(status.state))
      throw new Error(`no step leads from ${this.state} to ${status.state}`);
    this.status = status;
    this.options.onState?.(status);
  }

  private report(error: unknown): void {
    this.options.onError?.(error instanceof Error ? error : new Error(String(error)));
  }
}

function randomDeviceName(random: () => number): string {
  const digits = Array.from({ length: 16 }, () => Math.floor(random() * 36).toString(36));
  return `device-${digits.join('')}`;
}
