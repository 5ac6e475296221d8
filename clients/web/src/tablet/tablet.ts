/**
 * The kitchen's page: loads the active orders, follows them live, rings until somebody answers, and sends what is
 * tapped. Orders enter the board from three sides (list, events, replies); the board sorts out which is newest.
 */
import {
  Connection,
  OrderSyncApi,
  restaurantSocketUrl,
  type ApiError,
  type ConnectionStatus,
  type Order,
  type OrderAction,
  type OrderAlert,
  type OrderEvent,
  type Snapshot,
} from '@ordersync/client';
import { ConnectionView } from '../common/connection-view.js';
import { app, arrange, h, setText, show } from '../common/dom.js';
import { describeEnding, endingOf, type Ending } from '../common/ending.js';
import { languageSwitch, startLanguage, t } from '../common/language.js';
import { drawSignIn } from '../common/sign-in.js';
import { formatTime, learnServerTime, serverNow } from '../common/time.js';
import { Actions } from './actions.js';
import { ACTIVE, Board, COLUMNS, type Column } from './board.js';
import { drawCard, tickCard, type CardContent } from './card.js';
import { Chime } from './chime.js';
import type { Part } from './availability.js';
import { Customers } from './customers.js';
import { deviceName } from './device.js';
import { MenuPanel } from './menu-panel.js';
import { Notices } from './notices.js';
import { askReason } from './reason-dialog.js';
import { forgetSession, loadSession, saveSession, type Session } from './session.js';
import { keepScreenOn } from './wake-lock.js';

const PAGE_LIMIT = 100;
const COLUMN_TITLES = { new: 'columnNew', preparing: 'columnPreparing', ready: 'columnReady' } as const;
const COLUMN_HINTS = {
  new: 'columnNewEmpty',
  preparing: 'columnPreparingEmpty',
  ready: 'columnReadyEmpty',
} as const;

class TabletPage {
  private readonly board = new Board();
  private readonly cards = new Map<string, { element: HTMLElement; content: CardContent }>();
  private readonly notices = new Notices();
  private readonly chime = new Chime(() => this.renderAlarm());
  private readonly connectionView = new ConnectionView(() => this.connection.wake(), (age) => t().staleOrders(age));
  private readonly api: OrderSyncApi;
  private readonly customers: Customers;
  private readonly actions: Actions;
  private readonly menuPanel: MenuPanel;
  private readonly connection: Connection;
  private readonly clock = h('time');
  private readonly announcement = h('p', { class: 'visually-hidden', role: 'status' });
  private readonly title = h('h1');
  private restaurantName = '';
  /* What was drawn last, and is acknowledged once a person can see it. */
  private drawn: OrderEvent | Snapshot | null = null;

  constructor(
    private readonly session: Session,
    private readonly onSessionEnded: (problem: string) => void,
  ) {
    this.api = new OrderSyncApi({ getToken: () => session.token, onServerTime: learnServerTime });
    this.customers = new Customers(
      this.api,
      (orderId) => this.board.get(orderId) !== undefined,
      () => this.renderBoard(),
    );
    this.actions = new Actions({
      api: this.api,
      restaurantId: session.restaurantId,
      device: deviceName(),
      onBusy: () => this.renderBoard(),
      onDone: (order) => this.apply(order),
      onConflict: (order, changedBy) => this.onConflict(order, changedBy),
      onFailed: (order, error) => this.onFailed(order, error),
    });
    this.menuPanel = new MenuPanel({
      api: this.api,
      restaurantId: session.restaurantId,
      onFailed: (part, error) => this.onSoldOutFailed(part, error),
    });
    this.connection = new Connection({
      url: restaurantSocketUrl(location.origin, session.restaurantId),
      getToken: () => session.token,
      device: deviceName(),
      onReset: () => this.loadOrders(),
      onEvent: (event) => this.onEvent(event),
      onState: (status) => this.onState(status),
      onFreshness: (freshness) => this.connectionView.updateFreshness(freshness),
      onError: (error) => console.warn('ordersync:', error.message),
    });
  }

  start(): void {
    this.draw();
    this.connection.connect();
    void this.loadName();
    setInterval(() => this.tick(), 1000);
    addEventListener('online', () => this.connection.wake());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.connection.wake();
    });
  }

  /* ---- orders come in ---- */

  private async loadOrders() {
    try {
      const list = await this.api.listAllOrders({
        status: ACTIVE,
        limit: PAGE_LIMIT,
        restaurantId: this.session.restaurantId,
      });
      this.board.replace(list.orders);
      this.renderBoard();
      this.acknowledgeOnceSeen(list);
      return list;
    } catch (error) {
      const ending = endingOf(error);
      if (ending) this.end(ending);
      throw error;
    }
  }

  private async loadName(): Promise<void> {
    try {
      this.restaurantName = (await this.api.getMenu(this.session.restaurantId)).restaurant.name;
      this.renderAlarm();
    } catch {
      /* Only a heading: the orders matter, and they say so themselves when they cannot be loaded. */
    }
  }

  private onEvent(event: OrderEvent): void {
    this.apply(event.data);
    if (event.data.alert) this.ringAgain(event.data, event.data.alert);
    this.acknowledgeOnceSeen(event);
  }

  private ringAgain(order: Order, alert: OrderAlert): void {
    if (!this.board.alert(order.order_id, alert)) return;
    setText(this.announcement, t().alertedOrder(order.code));
    this.chime.urge();
    this.renderBoard();
  }

  /* The next frame comes when the page is visible; of all that was drawn until then the last stands for the rest. */
  private acknowledgeOnceSeen(what: OrderEvent | Snapshot): void {
    if (!this.drawn)
      requestAnimationFrame(() => {
        if (this.drawn) this.connection.acknowledge(this.drawn, 'displayed');
        this.drawn = null;
      });
    this.drawn = what;
  }

  private apply(order: Order): void {
    const verdict = this.board.apply(order);
    if (verdict === 'stale') return;
    if (verdict === 'added') setText(this.announcement, t().newOrder(order.code));
    if (verdict === 'removed') this.onRemoved(order);
    this.renderBoard();
  }

  private onRemoved(order: Order): void {
    this.customers.forget(order.order_id);
    if (order.status === 'COMPLETED') this.notices.show(t().noticeCompleted(order.code));
    if (order.status === 'REJECTED') this.notices.show(t().noticeRejected(order.code));
    if (order.status === 'CANCELLED') this.notices.show(t().noticeCancelled(order.code), 'warning');
  }

  /* ---- taps go out ---- */

  private async onAction(orderId: string, action: OrderAction): Promise<void> {
    const order = this.board.get(orderId);
    if (!order) return;
    if (action !== 'reject' && action !== 'cancel') return this.actions.perform(order, action);
    const reject = action === 'reject';
    const title = reject ? t().rejectTitle(order.code) : t().cancelTitle(order.code);
    const reason = await askReason(title, reject ? t().reject : t().cancelOrder);
    if (reason) await this.actions.perform(order, action, reason);
  }

  private onConflict(order: Order, changedBy: string): void {
    const who = t().roles[changedBy as keyof ReturnType<typeof t>['roles']] ?? t().roles.staff;
    this.apply(order);
    this.notices.show(t().conflict(order.code, who, t().status[order.status]), 'warning');
  }

  private onFailed(order: Order, error: ApiError): void {
    if (error.status === 401) return this.end('unauthorized');
    const refused = error.status >= 400 && error.status < 500;
    this.notices.show(refused ? t().actionRefused(order.code, error.problem.detail) : t().actionFailed(order.code), 'warning');
  }

  private onSoldOutFailed(part: Part, error: ApiError): void {
    if (error.status === 401) return this.end('unauthorized');
    const refused = error.status >= 400 && error.status < 500;
    this.notices.show(refused ? t().actionRefused(part.name, error.problem.detail) : t().soldOutFailed(part.name), 'warning');
  }

  /* ---- the connection ---- */

  private onState(status: ConnectionStatus): void {
    this.connectionView.update(status);
    if (status.reason && status.reason !== 'application') this.end(status.reason);
  }

  private end(ending: Ending): void {
    this.connection.close();
    this.chime.setRinging(false);
    document.body.dataset['ringing'] = 'false';
    this.onSessionEnded(describeEnding(ending));
  }

  /* ---- drawing ---- */

  /** Everything, for instance in another language. */
  draw(): void {
    this.cards.clear();
    document.title = t().tabletTitle;
    const bar = h('header', { class: 'bar' }, this.title, this.clock, this.menuPanel.button, languageSwitch(), this.connectionView.element);
    const gate = h(
      'button',
      { type: 'button', class: 'sound-gate', onclick: () => this.chime.unlock() },
      h('b', {}, t().soundGate),
      h('span', {}, t().soundGateHint),
    );
    const floor = h('div', { class: 'floor' }, h('main', { class: 'board' }, ...COLUMNS.map(drawColumn)), this.menuPanel.element);
    show(app(), bar, gate, floor, this.notices.element, this.announcement);
    this.menuPanel.render();
    this.connectionView.render();
    this.renderBoard();
    this.tick();
  }

  private renderBoard(): void {
    for (const column of COLUMNS) {
      const orders = this.board.column(column);
      const section = app().querySelector(`[data-column="${column}"]`) as HTMLElement;
      section.dataset['count'] = String(orders.length);
      setText(section.querySelector('.count') as Element, String(orders.length));
      arrange(section.querySelector('.cards') as Element, orders.map((order) => this.card(order)));
    }
    for (const orderId of this.cards.keys()) if (!this.board.get(orderId)) this.cards.delete(orderId);
    this.renderAlarm();
  }

  /** The card of an order: the one on the screen as long as it says the same. */
  private card(order: Order): HTMLElement {
    const content = {
      order,
      customer: this.customers.get(order.order_id),
      alert: this.board.alertOf(order.order_id),
      busy: this.actions.isBusy(order.order_id),
      onAction: (action: OrderAction) => void this.onAction(order.order_id, action),
    };
    const shown = this.cards.get(order.order_id);
    if (shown && isSame(shown.content, content)) return shown.element;
    const element = drawCard(content);
    if (shown) keepFocus(shown.element, element);
    this.cards.set(order.order_id, { element, content });
    return element;
  }

  /** The bell and everything that looks like it. */
  private renderAlarm(): void {
    const count = this.board.unanswered;
    this.chime.setRinging(count > 0);
    document.body.dataset['ringing'] = String(count > 0);
    document.body.dataset['sound'] = this.chime.unlocked ? 'on' : 'locked';
    const name = this.restaurantName || t().tabletTitle;
    setText(this.title, name);
    document.title = count > 0 ? `● ${t().waitingForAnswer(count)}` : name;
  }

  private tick(): void {
    setText(this.clock, formatTime(serverNow()));
    for (const { element, content } of this.cards.values()) tickCard(element, content.order);
  }
}

function isSame(a: CardContent, b: CardContent): boolean {
  return a.order === b.order && a.customer === b.customer && a.alert === b.alert && a.busy === b.busy;
}

/** Whoever works with the keyboard stays on the same card when it is drawn anew. */
function keepFocus(from: HTMLElement, to: HTMLElement): void {
  const active = document.activeElement;
  if (!(active instanceof HTMLElement) || !from.contains(active)) return;
  from.replaceWith(to);
  to.querySelector<HTMLElement>(`[data-focus="${CSS.escape(active.dataset['focus'] ?? '')}"]`)?.focus({ preventScroll: true });
}

function drawColumn(column: Column): HTMLElement {
  return h(
    'section',
    { 'data-column': column, 'aria-label': t()[COLUMN_TITLES[column]] },
    h('h2', {}, t()[COLUMN_TITLES[column]], h('span', { class: 'count' })),
    h('div', { class: 'cards' }),
    h('p', { class: 'empty' }, t()[COLUMN_HINTS[column]]),
  );
}

/* ---- the page: either signed in or asking ---- */

let redraw = () => {};

function run(session: Session): void {
  const page = new TabletPage(session, ask);
  redraw = () => page.draw();
  page.start();
}

function ask(problem: string | null): void {
  forgetSession();
  redraw = () =>
    drawSignIn(app(), {
      title: t().signInTitle,
      hint: t().signInHint,
      fields: { restaurant: t().signInRestaurant, token: t().signInToken },
      problem,
      onDone: ({ token, restaurant }) => {
        saveSession({ token, restaurantId: restaurant });
        location.reload(); /* a fresh page: nothing of the session before survives */
      },
    });
  redraw();
}

startLanguage(() => redraw());
keepScreenOn();
addEventListener('hashchange', () => location.reload()); /* another set-up link, opened in the same tab */
const session = loadSession();
if (session) run(session);
else ask(null);
