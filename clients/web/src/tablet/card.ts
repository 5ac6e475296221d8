/** One order as the kitchen sees it. Draws what it is given; what a tap does is decided by its owner. */
import type { Order, OrderAction, OrderAlert, OrderStatus } from '@ordersync/client';
import { h, setText, type Child } from '../common/dom.js';
import { language, t } from '../common/language.js';
import { formatMoney } from '../common/money.js';
import { drawItemName } from '../common/order-item.js';
import { ageMs, formatDuration, formatTime } from '../common/time.js';
import type { CustomerState } from './customers.js';

/** From here on an order is late, or overdue. Kitchens know these two from their displays. */
const LATE_MS = 5 * 60_000;
const OVERDUE_MS = 8 * 60_000;

interface Step {
  action: OrderAction;
  label: 'accept' | 'reject' | 'prepare' | 'ready' | 'complete' | 'cancel';
  look: 'primary' | 'quiet';
}

/** What can be done next; the last one is the way on. */
const STEPS: Partial<Record<OrderStatus, readonly Step[]>> = {
  PENDING: [
    { action: 'reject', label: 'reject', look: 'quiet' },
    { action: 'accept', label: 'accept', look: 'primary' },
  ],
  ACCEPTED: [
    { action: 'cancel', label: 'cancel', look: 'quiet' },
    { action: 'prepare', label: 'prepare', look: 'primary' },
  ],
  PREPARING: [{ action: 'ready', label: 'ready', look: 'primary' }],
  READY: [{ action: 'complete', label: 'complete', look: 'primary' }],
};

export interface CardContent {
  order: Order;
  customer: CustomerState;
  /** Why somebody was asked to look at it. */
  alert: OrderAlert | undefined;
  /** A change was sent and not answered yet. */
  busy: boolean;
  onAction(action: OrderAction): void;
}

export function drawCard({ order, customer, alert, busy, onAction }: CardContent): HTMLElement {
  const card = h(
    'article',
    {
      class: 'card',
      'data-order-id': order.order_id,
      'data-code': order.code,
      'data-status': order.status,
      'data-ringing': order.status === 'PENDING' ? 'true' : undefined,
      'data-alert': alert?.reason,
      'aria-label': `${order.code} ${t().status[order.status]}`,
      'aria-busy': String(busy),
    },
    h(
      'header',
      {},
      h('h3', { class: 'code' }, order.code),
      order.status === 'ACCEPTED' && h('span', { class: 'tag' }, t().accepted),
      h('span', { class: 'placed' }, formatTime(order.created_at)),
      h('span', { class: 'age' }),
    ),
    drawEstimate(order),
    alert && h('p', { class: 'alert' }, t().alerted[alert.reason]),
    h('ul', { class: 'items' }, ...order.items.map((item, line) => h('li', {}, h('b', {}, String(item.quantity)), drawItemName(item), drawLineNote(customer, line)))),
    drawNote(customer),
    h(
      'div',
      { class: 'summary' },
      drawPerson(customer),
      h('b', { 'aria-label': t().total }, formatMoney(order.total_amount, order.currency, language())),
    ),
    h('footer', {}, ...(STEPS[order.status] ?? []).map((step) => drawButton(order, step, busy, onAction))),
  );
  tickCard(card, order);
  return card;
}

/** Once a second: the age, and its colour. */
export function tickCard(card: HTMLElement, order: Order): void {
  const age = ageMs(order.created_at);
  card.dataset['age'] = age >= OVERDUE_MS ? 'overdue' : age >= LATE_MS ? 'late' : 'fresh';
  setText(card.querySelector('.age') as Element, formatDuration(age));
}

function drawButton(order: Order, step: Step, busy: boolean, onAction: CardContent['onAction']): HTMLElement {
  return h(
    'button',
    {
      type: 'button',
      class: `button ${step.look}`,
      disabled: busy,
      'data-action': step.action,
      'data-focus': `${order.order_id}-${step.look}`,
      onclick: () => onAction(step.action),
    },
    t()[step.label],
  );
}

function drawEstimate({ status, ready_at: readyAt }: Order): Child {
  if (!readyAt || (status !== 'ACCEPTED' && status !== 'PREPARING')) return null;
  return h('p', { class: 'estimate' }, h('time', { datetime: readyAt }, t().readyAbout(formatTime(readyAt))));
}

function drawNote(customer: CustomerState): Child {
  if (typeof customer === 'string' || !customer.note) return null;
  return h('p', { class: 'note' }, h('b', {}, t().note), customer.note);
}

/** What was written to one line of the order. */
function drawLineNote(customer: CustomerState, line: number): Child {
  const note = typeof customer === 'string' ? undefined : customer.line_notes?.find((one) => one.line === line);
  return note && h('p', { class: 'note' }, note.note);
}

function drawPerson(customer: CustomerState): Child {
  if (customer === 'loading') return h('p', { class: 'person' }, t().loadingCustomer);
  if (customer === 'failed') return h('p', { class: 'person' }, t().customerFailed);
  if (!customer.customer) return null;
  const { name, phone, address } = customer.customer;
  if (name === null || phone === null) return h('p', { class: 'person' }, t().customerErased);
  return h(
    'p',
    { class: 'person' },
    h('b', {}, name),
    h('a', { href: `tel:${phone.replace(/[^+\d]/g, '')}` }, phone),
    h('span', {}, address ?? ''),
  );
}
