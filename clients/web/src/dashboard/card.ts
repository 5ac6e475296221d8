/** One restaurant as its owner sees it. Draws what is known; what is not known yet says so. */
import type { Figures, Presence } from '@ordersync/client';
import { h, setText, type Child } from '../common/dom.js';
import { t } from '../common/language.js';
import { ageMs, formatDuration, formatMoment } from '../common/time.js';
import type { Entry, Restaurant } from './restaurant.js';

/** From here on somebody should ask the kitchen why nobody answers. */
const LATE_MS = 60_000;
const OVERDUE_MS = 180_000;

const OPEN = ['PENDING', 'ACCEPTED', 'PREPARING', 'READY'] as const;

type Reach = 'yes' | 'no' | 'never' | 'unknown';

export function drawCard(restaurant: Restaurant): HTMLElement {
  const { id, name, presence, figures, entries } = restaurant;
  const card = h(
    'article',
    { class: 'restaurant', 'data-restaurant': id, 'data-reachable': reachOf(presence), 'aria-label': name || id },
    h('header', {}, h('h2', {}, name || '…'), h('p', { class: 'reach' }, describeReach(presence))),
    drawFigures(figures),
    h('p', { class: 'oldest' }, h('span', {}), h('b', {})),
    drawDevices(presence),
    drawEntries(entries),
  );
  tickCard(card, restaurant);
  return card;
}

/** Once a second: how long the oldest order has waited. */
export function tickCard(card: HTMLElement, { figures }: Restaurant): void {
  const since = figures?.oldest_pending_at ?? null;
  const age = since === null ? 0 : ageMs(since);
  const line = card.querySelector('.oldest') as HTMLElement;
  line.hidden = figures === null;
  line.dataset['age'] = age >= OVERDUE_MS ? 'overdue' : age >= LATE_MS ? 'late' : 'fresh';
  setText(line.children[0] as Element, since === null ? t().nonePending : t().oldestPending);
  setText(line.children[1] as Element, since === null ? '' : formatDuration(age));
}

function reachOf(presence: Presence | null): Reach {
  if (presence === null) return 'unknown';
  if (presence.reachable === null) return 'never';
  return presence.reachable ? 'yes' : 'no';
}

function describeReach(presence: Presence | null): string {
  if (presence === null) return t().presenceUnknown;
  const { reachable, since } = presence;
  if (reachable === null) return t().neverReachable;
  const time = since === null ? '' : formatMoment(since);
  if (!reachable) return t().offlineSince(time);
  return time ? t().reachableSince(time) : t().reachable;
}

function drawFigures(figures: Figures | null): HTMLElement {
  return h(
    'dl',
    { class: 'figures', 'aria-label': t().openOrders },
    ...OPEN.map((status) => {
      const count = figures?.open[status];
      return h(
        'div',
        { 'data-status': status, 'data-count': count },
        h('dt', {}, t().status[status]),
        h('dd', {}, count === undefined ? '–' : String(count)),
      );
    }),
  );
}

function drawDevices(presence: Presence | null): HTMLElement {
  const devices = presence?.devices ?? [];
  const list = devices.map(({ device, connected_at: since }) =>
    h('li', { 'data-device': device }, h('b', {}, device), h('span', {}, t().deviceSince(formatMoment(since)))),
  );
  return h(
    'section',
    { class: 'devices' },
    h('h3', {}, t().devices),
    list.length > 0 ? h('ul', {}, ...list) : presence && h('p', { class: 'soft' }, t().noDevices),
  );
}

function drawEntries(entries: readonly Entry[]): HTMLElement {
  return h(
    'section',
    { class: 'events' },
    h('h3', {}, t().latestEvents),
    entries.length > 0 ? h('ol', {}, ...entries.map(drawEntry)) : h('p', { class: 'soft' }, t().noEvents),
  );
}

function drawEntry({ code, time, status, alert }: Entry): Child {
  return h(
    'li',
    { 'data-code': code, 'data-status': status, 'data-alert': alert ?? undefined },
    h('time', { datetime: time }, formatMoment(time)),
    h('b', {}, code),
    h('span', {}, alert ? t().alerted[alert] : t().status[status]),
  );
}
