/**
 * Shows how the connection is. A screen that looks fresh and is not costs orders, so anything but "live" says so,
 * with the time until the next attempt, and turns red when it lasts. A connection that lives while the hub behind it
 * hears nothing is red at once: nobody can see it otherwise, and reconnecting does not help.
 */
import type { ConnectionStatus, FreshnessStatus } from '@ordersync/client';
import { h, setText } from './dom.js';
import { describeEnding } from './ending.js';
import { t } from './language.js';
import { formatDuration } from './time.js';

/** A reconnect that takes longer than this is a problem which somebody has to look at. */
const PATIENCE_MS = 15_000;

type Level = 'ok' | 'warn' | 'bad';

export class ConnectionView {
  private status: ConnectionStatus = { state: 'idle' };
  private notLiveSince = Date.now();
  private wasLive = false;
  /* While the view is stale: when it was last known to be right. */
  private staleSince: number | null = null;

  private readonly text = h('span', { 'aria-hidden': 'true' });
  /* What a screen reader says: without the countdown, which would never let it finish. */
  private readonly spoken = h('span', { class: 'visually-hidden', role: 'status' });
  private readonly retry: HTMLButtonElement;
  readonly element: HTMLElement;

  /** staleMessage says what it means for this page that nothing was checked for so long. */
  constructor(
    onRetry: () => void,
    private readonly staleMessage: (duration: string) => string,
  ) {
    this.retry = h('button', { type: 'button', 'data-focus': 'retry', onclick: onRetry });
    this.element = h('div', { class: 'connection' }, h('i'), this.text, this.spoken, this.retry);
    setInterval(() => this.render(), 1000);
    this.render();
  }

  update(status: ConnectionStatus): void {
    if (this.status.state === 'live' && status.state !== 'live') this.notLiveSince = Date.now();
    if (status.state === 'live') this.wasLive = true;
    if (status.state === 'connecting') this.staleSince = null; /* the next hub tells anew */
    this.status = status;
    this.render();
  }

  updateFreshness({ fresh, viewAgeMs }: FreshnessStatus): void {
    this.staleSince = fresh ? null : Date.now() - viewAgeMs;
    this.render();
  }

  render(): void {
    const level = this.level();
    this.element.dataset['level'] = level;
    this.element.dataset['state'] = this.isStale ? 'stale' : this.status.state;
    document.body.dataset['connection'] = level;
    setText(this.text, this.message(level));
    setText(this.spoken, this.spokenMessage(level));
    setText(this.retry, t().retryNow);
    this.retry.hidden = this.status.state !== 'waiting';
  }

  private get isStale(): boolean {
    return this.status.state === 'live' && this.staleSince !== null;
  }

  private level(): Level {
    if (this.isStale) return 'bad';
    if (this.status.state === 'live') return 'ok';
    if (this.status.state === 'closed') return 'bad';
    return Date.now() - this.notLiveSince > PATIENCE_MS ? 'bad' : 'warn';
  }

  private message(level: Level): string {
    if (this.isStale) return this.staleMessage(formatDuration(Date.now() - (this.staleSince ?? 0)));
    if (this.status.state === 'live') return t().live;
    if (this.status.state === 'closed') return this.endMessage();
    if (level === 'bad') return t().offlineFor(formatDuration(Date.now() - this.notLiveSince));
    if (this.status.state === 'waiting') return t().reconnectingIn(this.secondsLeft());
    return this.wasLive ? t().reconnecting : t().connecting;
  }

  private spokenMessage(level: Level): string {
    if (this.isStale) return t().staleSpoken;
    return level === 'ok' || this.status.state === 'closed' ? this.message(level) : t().reconnecting;
  }

  private secondsLeft(): number {
    return Math.max(1, Math.ceil(((this.status.retryAt ?? 0) - Date.now()) / 1000));
  }

  private endMessage(): string {
    const { reason } = this.status;
    return describeEnding(reason && reason !== 'application' ? reason : 'unauthorized');
  }
}
