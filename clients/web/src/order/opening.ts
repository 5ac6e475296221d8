/**
 * Whether a restaurant takes orders now and, if not, when it will again, as far as that is known. The server decides when an order
 * comes; this is to spare people from filling in a form for nothing.
 */
import type { Restaurant } from '@ordersync/client';
import { t } from '../common/language.js';
import { formatMoment } from '../common/time.js';

export type Opening = Pick<Restaurant, 'accepting' | 'open' | 'opens_at' | 'paused_until' | 'pause_reason'>;

/** False only where it is sure to refuse: one that nothing but its devices' connection keeps closed may be back at any time. */
export function takesOrders({ accepting, open, opens_at, paused_until }: Opening): boolean {
  return open || (accepting && opens_at === null && paused_until === null);
}

/** What is said to whoever wants to order; null: nothing. Times are those of the reader's clock. */
export function describeOpening(opening: Opening): string | null {
  if (opening.open) return null;
  const { accepting, opens_at: opensAt, paused_until: pausedUntil, pause_reason: reason } = opening;
  if (accepting && pausedUntil) {
    const paused = reason ? t().pausedFor(reason) : t().paused;
    return `${paused} ${t().opensAt(formatMoment(opensAt ?? pausedUntil))}`;
  }
  return opensAt ? `${t().closed} ${t().opensAt(formatMoment(opensAt))}` : t().closed;
}
