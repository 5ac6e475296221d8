/**
 * A socket that stays up: authenticates, notices a dead or stale hub, renews its token, and comes back. What
 * is said over it is its user's business.
 *
 *   idle -> connecting -> authenticating -> replaying <-> live
 *               ^  |            |               |          |
 *               |  +------------+-------+-------+----------+
 *               |                       v
 *               +------------------- waiting            any -> closed (close(), or a final answer)
 */
import { fullJitterDelayMs } from './backoff.js';
import { systemClock, type Clock } from './clock.js';
import { ProtocolError } from './events.js';
import { Freshness, type FreshnessStatus } from './freshness.js';
import { Liveness } from './liveness.js';
import type { ClientMessage, ServerMessage } from './messages.js';
import { SocketTransport, type SocketConstructor } from './socket-transport.js';

/** A connection that lasted this long was a good one: the backoff starts anew. */
const STABLE_MS = 60_000;
/** From opening the socket to `hello`. The hub itself gives up on a silent socket after 5 s. */
const HANDSHAKE_MS = 15_000;
const MAX_TOKEN_REFUSALS = 3;
/** After these a token can never be good again. */
const DEAD_TOKEN_ERRORS = ['TOKEN_EXPIRED', 'TOKEN_REVOKED'];
const BROKEN_RULE_CODES = [1002, 1003, 1007, 1008, 1009];

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
  live: ['replaying', 'waiting', 'closed'],
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

export interface LinkOptions {
  /** See restaurantSocketUrl, orderSocketUrl and dashboardSocketUrl. */
  url: string;
  getToken(purpose: TokenPurpose): Promise<string> | string;
  onState?(status: ConnectionStatus): void;
  /** Told with `hello` and each heartbeat, and when heartbeats fail to come. Says nothing while there is no socket. */
  onFreshness?(status: FreshnessStatus): void;
  /** Everything that went wrong and was survived: a failed load, a handler that threw, a broken rule. */
  onError?(error: Error): void;
  WebSocket?: SocketConstructor;
  clock?: Clock;
  /** In [0, 1). */
  random?(): number;
}

/** What goes over a link. */
export interface LinkUser {
  /** Loads what is missing before a socket is opened. */
  prepare(): Promise<void>;
  /** The socket is open and `auth` was sent: says what comes next. It need not wait for `hello`. */
  onOpen(): void;
  onHello(): void;
  onMessage(message: Exclude<ServerMessage, { type: 'hello' }>): void;
  /** The socket is gone, for whatever reason. */
  onGone(): void;
}

export class Link {
  readonly clock: Clock;
  private status: ConnectionStatus = { state: 'idle' };
  /* Grows with each attempt and each end: an answer that belongs to an earlier run is recognised by it. */
  private run = 0;
  private transport: SocketTransport | null = null;
  private cancelTimer: (() => void) | null = null;

  private attempt = 0;
  private tokenRefusals = 0;
  private token = '';
  private deadToken: string | null = null;
  private helloAt: number | null = null;
  private returnAt: number | null = null;
  private complaint = { code: '', detail: '' };

  private readonly random: () => number;
  private readonly liveness: Liveness;
  private readonly freshness: Freshness;
  private pings = 0;

  constructor(
    private readonly options: LinkOptions,
    private readonly user: LinkUser,
  ) {
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.liveness = new Liveness(
      this.clock,
      () => this.send({ type: 'ping', id: ++this.pings }),
      () => this.abandon(),
    );
    this.freshness = new Freshness(this.clock, (status) => options.onFreshness?.(status));
  }

  get state(): ConnectionState {
    return this.status.state;
  }

  /** Does nothing unless the link is idle or closed. */
  connect(): void {
    if (this.state !== 'idle' && this.state !== 'closed') return;
    this.attempt = 0;
    this.tokenRefusals = 0;
    this.deadToken = null;
    void this.open();
  }

  close(): void {
    this.finish('application');
  }

  /** Stops waiting, or asks a socket that seems alive whether it is. */
  wake(): void {
    if (this.state === 'waiting') void this.open();
    else this.liveness.check();
  }

  send(message: ClientMessage): void {
    this.transport?.send(message);
  }

  /** Whether everything that was missed has come. */
  setCaughtUp(caughtUp: boolean): void {
    if (this.state === (caughtUp ? 'replaying' : 'live')) this.setStatus({ state: caughtUp ? 'live' : 'replaying' });
  }

  /** Gives up the socket and comes back, after the time that the error asks for. */
  fail(error: unknown): void {
    this.report(error);
    const asked = (error as { retryAfterMs?: unknown } | null)?.retryAfterMs;
    this.wait(typeof asked === 'number' ? asked : 0);
  }

  report(error: unknown): void {
    this.options.onError?.(error instanceof Error ? error : new Error(String(error)));
  }

  /* ---- opening ---- */

  private async open(): Promise<void> {
    const run = ++this.run;
    this.cancelTimer?.();
    this.setStatus({ state: 'connecting' });
    try {
      const token = await this.options.getToken(this.tokenRefusals > 0 ? 'refused' : 'connect');
      if (run !== this.run) return;
      if (token === this.deadToken) return this.finish('unauthorized');
      await this.user.prepare();
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

  /* What the user says goes out at once: waiting for `hello` in between would cost a round trip. */
  private onOpen(token: string): void {
    this.setStatus({ state: 'authenticating' });
    this.authenticate(token);
    this.user.onOpen();
  }

  private authenticate(token: string): void {
    this.token = token;
    this.send({ type: 'auth', token });
  }

  private async renewToken(): Promise<void> {
    const run = this.run;
    try {
      const token = await this.options.getToken('expiring');
      if (run === this.run) this.authenticate(token);
    } catch (error) {
      /* Not the end: the hub will close with 4401, and then there is another chance. */
      this.report(error);
    }
  }

  /* ---- messages ---- */

  private onMessage(message: ServerMessage): void {
    this.liveness.heard();
    switch (message.type) {
      case 'hello':
        return this.onHello(message);
      case 'heartbeat':
        return this.freshness.told(message.view_age_ms);
      case 'expiring':
        return void this.renewToken();
      case 'drain':
        this.returnAt = this.clock.now() + message.reconnect_in_ms;
        return;
      case 'error':
        this.complaint = { code: message.code, detail: message.detail ?? '' };
        return;
      default:
        return this.user.onMessage(message);
    }
  }

  private onHello(hello: Extract<ServerMessage, { type: 'hello' }>): void {
    if (this.state !== 'authenticating') return;
    this.cancelTimer?.();
    this.tokenRefusals = 0;
    this.helloAt = this.clock.now();
    this.liveness.start(hello.heartbeat_ms);
    this.setStatus({ state: 'replaying' });
    this.freshness.start(hello.heartbeat_ms, hello.stale_after_ms, hello.view_age_ms);
    this.user.onHello();
  }

  /* ---- ending ---- */

  private onClose(code: number): void {
    if (code === 4403) return this.finish('forbidden');
    if (code === 4404) return this.finish('not_found');
    if (code === 4401) return this.onTokenRefused();
    if (BROKEN_RULE_CODES.includes(code))
      this.report(
        new ProtocolError(`the hub closed the socket with ${code} ${this.complaint.code} ${this.complaint.detail}`.trim()),
      );
    this.wait(0);
  }

  /* A hub also says 4401 when the token came too late: only the named errors prove that it is no good. */
  private onTokenRefused(): void {
    if (DEAD_TOKEN_ERRORS.includes(this.complaint.code)) this.deadToken = this.token;
    if (++this.tokenRefusals >= MAX_TOKEN_REFUSALS) return this.finish('unauthorized');
    this.wait(0);
  }

  /** Gives up a socket that does not answer. */
  private abandon(): void {
    this.wait(0);
  }

  /** Back to `waiting`, for at least atLeastMs. */
  private wait(atLeastMs: number): void {
    if (this.helloAt !== null && this.clock.now() - this.helloAt >= STABLE_MS) this.attempt = 0;
    const delayMs = Math.max(atLeastMs, this.returnDelayMs());
    this.leave();
    this.setStatus({ state: 'waiting', retryAt: this.clock.now() + delayMs });
    this.cancelTimer = this.clock.after(delayMs, () => void this.open());
  }

  /* A hub that drains has said when to return; a little more keeps those apart that were told the same. */
  private returnDelayMs(): number {
    if (this.returnAt === null) return fullJitterDelayMs(this.attempt++, this.random);
    return Math.max(0, this.returnAt - this.clock.now()) + fullJitterDelayMs(0, this.random);
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
    this.freshness.stop();
    this.user.onGone();
    this.helloAt = null;
    this.returnAt = null;
    this.complaint = { code: '', detail: '' };
  }

  private setStatus(status: ConnectionStatus): void {
    if (!STEPS[this.state].includes(status.state))
      throw new Error(`no step leads from ${this.state} to ${status.state}`);
    this.status = status;
    this.options.onState?.(status);
  }
}
