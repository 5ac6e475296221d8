/**
 * The customer's page: where the order is, live. The link carries everything in its fragment, which stays in the address
 * bar: it is the customer's only way back to the order.
 */
import {
  ApiError,
  Connection,
  OrderSyncApi,
  orderSocketUrl,
  type Order,
  type OrderStatus,
} from '@ordersync/client';
import { ConnectionView } from '../common/connection-view.js';
import { app, h, show, type Child } from '../common/dom.js';
import { readFragment } from '../common/fragment.js';
import { language, languageSwitch, startLanguage, t } from '../common/language.js';
import { formatMoney } from '../common/money.js';
import { drawItemName } from '../common/order-item.js';
import { newIdempotencyKey } from '../common/random-key.js';
import { translateReason } from '../common/texts.js';
import { formatTime, learnServerTime } from '../common/time.js';

const STEPS = ['PENDING', 'ACCEPTED', 'PREPARING', 'READY', 'COMPLETED'] as const;
const ENDED: readonly OrderStatus[] = ['COMPLETED', 'REJECTED', 'CANCELLED'];
const CANCELLABLE: readonly OrderStatus[] = ['PENDING', 'ACCEPTED'];
const BEING_MADE: readonly OrderStatus[] = ['ACCEPTED', 'PREPARING'];

interface Link {
  orderId: string;
  restaurantId: string;
  token: string;
}

class TrackPage {
  private order: Order | null = null;
  private problem: 'linkInvalid' | null = null;
  private cancelProblem: 'cancelTooLate' | 'cancelFailed' | null = null;
  private cancelling = false;
  private readonly cancelKey = newIdempotencyKey();
  /* When each step was reached, as far as this page has seen it. */
  private readonly reachedAt = new Map<OrderStatus, string>();
  private readonly api: OrderSyncApi;
  private readonly connection: Connection;
  private readonly connectionView = new ConnectionView(() => this.connection.wake(), (age) => t().stale(age));
  private readonly headline = h('div', { role: 'status' });

  constructor(private readonly link: Link) {
    this.api = new OrderSyncApi({ getToken: () => link.token, onServerTime: learnServerTime });
    this.connection = new Connection({
      url: orderSocketUrl(location.origin, link.restaurantId, link.orderId),
      getToken: () => link.token,
      onReset: () => this.load(),
      onEvent: (event) => this.apply(event.data),
      onState: (status) => {
        this.connectionView.update(status);
        if (status.state === 'closed' && status.reason !== 'application') this.onLinkInvalid();
      },
      onFreshness: (freshness) => this.connectionView.updateFreshness(freshness),
      onError: (error) => console.warn('ordersync:', error.message),
    });
  }

  start(): void {
    this.draw();
    this.connection.connect();
    addEventListener('online', () => this.connection.wake());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.connection.wake();
    });
  }

  private async load() {
    try {
      const { order, position } = await this.api.getOrder(this.link.orderId);
      this.apply(order);
      return { position, orders: [order] };
    } catch (error) {
      if (error instanceof ApiError && [400, 401, 403, 404].includes(error.status)) this.onLinkInvalid();
      throw error;
    }
  }

  private apply(order: Order): void {
    if (this.order && order.version <= this.order.version) return;
    this.order = order;
    this.reachedAt.set('PENDING', order.created_at);
    /* A later change that leaves the status, such as another estimate, is not when it was reached. */
    if (!this.reachedAt.has(order.status)) this.reachedAt.set(order.status, order.updated_at);
    this.draw();
    if (ENDED.includes(order.status)) this.connection.close();
  }

  private onLinkInvalid(): void {
    this.connection.close();
    /* A link that ends while an order is shown leaves what is known on the screen. */
    if (!this.order) this.problem = 'linkInvalid';
    this.draw();
  }

  private async cancel(): Promise<void> {
    this.cancelling = true;
    this.cancelProblem = null;
    this.draw();
    try {
      this.apply((await this.api.changeOrder(this.link.orderId, 'cancel', { idempotencyKey: this.cancelKey })).order);
    } catch (error) {
      const present = error instanceof ApiError ? error.order : null;
      this.cancelProblem = present ? 'cancelTooLate' : 'cancelFailed';
      if (present) this.apply(present);
    }
    this.cancelling = false;
    this.draw();
  }

  /* ---- drawing ---- */

  draw(): void {
    document.title = t().trackTitle;
    this.connectionView.render();
    const ended = this.order !== null && ENDED.includes(this.order.status);
    const top = h('header', { class: 'top' }, h('b', { class: 'brand' }, 'OrderSync'), !ended && this.connectionView.element, languageSwitch());
    show(app(), top, h('main', {}, ...this.content()));
  }

  private content(): Child[] {
    if (this.problem) return [h('p', { class: 'problem', role: 'alert' }, t()[this.problem])];
    if (!this.order) return [h('p', { class: 'soft loading' }, t().loading)];
    const order = this.order;
    document.body.dataset['status'] = order.status;
    return [this.drawHeadline(order), drawReason(order), drawEstimate(order), this.drawSteps(order), drawItems(order), this.drawCancel(order)];
  }

  /* The element stays, so that a screen reader speaks when its text changes. */
  private drawHeadline(order: Order): HTMLElement {
    show(
      this.headline,
      h('p', { class: 'code' }, h('span', {}, t().orderNumber), h('b', {}, order.code)),
      h('h1', { 'data-status': order.status }, t().headline[order.status]),
      h('p', { class: 'soft' }, t().subline[order.status]),
    );
    this.headline.className = 'headline';
    return this.headline;
  }

  private drawSteps(order: Order): Child {
    const current = STEPS.findIndex((status) => status === order.status);
    if (current < 0) return null;
    const ended = order.status === 'COMPLETED';
    return h(
      'ol',
      { class: 'steps' },
      ...STEPS.map((status, index) => {
        const state = index < current || ended ? 'done' : index === current ? 'current' : 'ahead';
        const time = index <= current ? this.reachedAt.get(status) : undefined;
        return h(
          'li',
          { 'data-step': status, 'data-state': state, 'aria-current': index === current ? 'step' : undefined },
          h('span', {}, t().steps[status]),
          time ? h('time', { datetime: time }, formatTime(time)) : null,
        );
      }),
    );
  }

  private drawCancel(order: Order): Child {
    const problem = this.cancelProblem && h('p', { class: 'problem', role: 'alert' }, t()[this.cancelProblem]);
    if (!CANCELLABLE.includes(order.status)) return problem;
    const ask = () => askToCancel(() => void this.cancel());
    const button = h(
      'button',
      { type: 'button', class: 'button quiet', 'data-action': 'cancel', 'data-focus': 'cancel', disabled: this.cancelling, onclick: ask },
      t().cancelOrder,
    );
    return h('div', { class: 'cancel' }, problem, button);
  }
}

function drawReason(order: Order): Child {
  if (!order.reason) return null;
  return h('p', { class: 'reason' }, h('b', {}, t().reason), h('span', {}, translateReason(order.reason, t())));
}

function drawEstimate(order: Order): Child {
  if (!order.ready_at || !BEING_MADE.includes(order.status)) return null;
  return h('p', { class: 'estimate' }, h('time', { datetime: order.ready_at }, t().readyAbout(formatTime(order.ready_at))));
}

function drawItems(order: Order): HTMLElement {
  const money = (amount: number) => formatMoney(amount, order.currency, language());
  return h(
    'section',
    { class: 'receipt' },
    h('h2', {}, t().items, h('time', { datetime: order.created_at }, t().placedAt(formatTime(order.created_at)))),
    h(
      'ul',
      {},
      ...order.items.map((item) =>
        h('li', {}, h('b', {}, `${item.quantity} ×`), drawItemName(item), h('span', {}, money(item.quantity * item.unit_amount))),
      ),
    ),
    h('p', { class: 'total' }, h('span', {}, t().total), h('b', {}, money(order.total_amount))),
  );
}

function askToCancel(onYes: () => void): void {
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'cancel-question', onclose: () => dialog.remove() },
    h('h2', { id: 'cancel-question' }, t().cancelQuestion),
    h(
      'form',
      { method: 'dialog', class: 'choices' },
      h('button', { class: 'button', value: 'no' }, t().cancelNo),
      h('button', { class: 'button danger', value: 'yes', 'data-action': 'confirm-cancel', onclick: onYes }, t().cancelYes),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}

function readLink(): Link | null {
  const fragment = readFragment();
  const orderId = fragment.get('order');
  const restaurantId = fragment.get('restaurant');
  const token = fragment.get('token');
  return orderId && restaurantId && token ? { orderId, restaurantId, token } : null;
}

function drawIncomplete(): void {
  document.title = t().trackTitle;
  show(
    app(),
    h('header', { class: 'top' }, h('b', { class: 'brand' }, 'OrderSync'), languageSwitch()),
    h('main', {}, h('p', { class: 'problem', role: 'alert' }, t().linkIncomplete)),
  );
}

const link = readLink();
const page = link && new TrackPage(link);
const redraw = () => (page ? page.draw() : drawIncomplete());
startLanguage(redraw);
addEventListener('hashchange', () => location.reload()); /* another order's link, opened in the same tab */
if (page) page.start();
else redraw();
