/**
 * The owner's page: every chosen restaurant on one screen, live. Presence, figures and events come over one socket; HTTP
 * brings only the names and, at the start or after a reset, the latest orders.
 */
import {
  DashboardConnection,
  MAX_WATCHED,
  OrderSyncApi,
  dashboardSocketUrl,
  type ConnectionStatus,
  type Figures,
  type OrderEvent,
  type Presence,
} from '@ordersync/client';
import { ConnectionView } from '../common/connection-view.js';
import { app, arrange, h, setText, show, type Child } from '../common/dom.js';
import { describeEnding, endingOf, type Ending } from '../common/ending.js';
import { languageSwitch, startLanguage, t } from '../common/language.js';
import { drawSignIn } from '../common/sign-in.js';
import { learnServerTime } from '../common/time.js';
import { drawCard, tickCard } from './card.js';
import { Choice } from './choice.js';
import { Restaurant } from './restaurant.js';
import { createSession, forgetSession, loadSession, saveSession, type Session } from './session.js';

const LATEST_ORDERS = 6;

class DashboardPage {
  private readonly restaurants: ReadonlyMap<string, Restaurant>;
  private readonly cards = new Map<string, HTMLElement>();
  private readonly choice: Choice;
  private readonly api: OrderSyncApi;
  private readonly connection: DashboardConnection;
  private readonly connectionView = new ConnectionView(() => this.connection.wake(), (age) => t().stale(age));
  private readonly grid = h('main', { class: 'restaurants' });
  private readonly chooser = h('details', { class: 'chooser' });
  private readonly notice = h('p', { class: 'problem', role: 'alert' });

  constructor(
    session: Session,
    private readonly onSessionEnded: (problem: string) => void,
  ) {
    this.restaurants = new Map(session.restaurantIds.map((id) => [id, new Restaurant(id)]));
    this.choice = new Choice(session.restaurantIds);
    this.api = new OrderSyncApi({ getToken: () => session.token, onServerTime: learnServerTime });
    this.connection = new DashboardConnection({
      url: dashboardSocketUrl(location.origin),
      getToken: () => session.token,
      onReset: (restaurantId) => this.loadLatest(restaurantId),
      onEvent: (event) => this.onEvent(event),
      onPresence: (presence) => this.onPresence(presence),
      onFigures: (figures) => this.onFigures(figures),
      onState: (status) => this.onState(status),
      onFreshness: (freshness) => this.connectionView.updateFreshness(freshness),
      onError: (error) => console.warn('ordersync:', error.message),
    });
  }

  start(): void {
    this.draw();
    this.connection.watch(this.choice.ids);
    this.connection.connect();
    for (const restaurant of this.restaurants.values()) void this.loadName(restaurant);
    setInterval(() => this.tick(), 1000);
    addEventListener('online', () => this.connection.wake());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.connection.wake();
    });
  }

  /* ---- news comes in ---- */

  private async loadLatest(restaurantId: string) {
    try {
      const { orders, position } = await this.api.listOrders({ restaurantId, limit: LATEST_ORDERS });
      this.change(restaurantId, (restaurant) => restaurant.replace(orders));
      return { orders, position };
    } catch (error) {
      const ending = endingOf(error);
      if (ending === 'not_found') this.leaveOut(restaurantId);
      else if (ending) this.end(ending);
      throw error;
    }
  }

  /* One that does not exist, or is somebody else's, must not keep the others from the screen. */
  private leaveOut(restaurantId: string): void {
    this.choice.leaveOut(restaurantId);
    if (this.choice.ids.length === 0) return this.end('not_found');
    this.cards.delete(restaurantId);
    this.connection.watch(this.choice.ids);
    this.drawNotice();
    this.drawChooser();
    this.drawCards();
  }

  private async loadName(restaurant: Restaurant): Promise<void> {
    try {
      const { name } = (await this.api.getMenu(restaurant.id)).restaurant;
      this.change(restaurant.id, () => (restaurant.name = name));
      this.drawChooser();
    } catch {
      /* Only a heading: the figures matter, and they come another way. */
    }
  }

  private onEvent(event: OrderEvent): void {
    this.change(event.data.restaurant_id, (restaurant) => restaurant.add(event));
  }

  private onPresence(presence: Presence): void {
    this.change(presence.restaurant_id, (restaurant) => (restaurant.presence = presence));
  }

  private onFigures(figures: Figures): void {
    this.change(figures.restaurant_id, (restaurant) => (restaurant.figures = figures));
  }

  private change(restaurantId: string, apply: (restaurant: Restaurant) => void): void {
    const restaurant = this.restaurants.get(restaurantId);
    if (!restaurant) return;
    apply(restaurant);
    this.cards.delete(restaurantId);
    this.drawCards();
  }

  private toggle(restaurantId: string): void {
    this.choice.toggle(restaurantId);
    this.connection.watch(this.choice.ids);
    this.drawChooser();
    this.drawCards();
  }

  /* ---- the connection ---- */

  private onState(status: ConnectionStatus): void {
    this.connectionView.update(status);
    if (status.reason && status.reason !== 'application') this.end(status.reason);
  }

  private end(ending: Ending): void {
    this.connection.close();
    this.onSessionEnded(describeEnding(ending));
  }

  /* ---- drawing ---- */

  /** Everything, for instance in another language. */
  draw(): void {
    this.cards.clear();
    document.title = t().dashboardTitle;
    const bar = h('header', { class: 'bar' }, h('h1', {}, t().dashboardTitle), languageSwitch(), this.connectionView.element);
    show(app(), bar, this.notice, this.chooser, this.grid);
    this.connectionView.render();
    this.drawNotice();
    this.drawChooser();
    this.drawCards();
  }

  private drawNotice(): void {
    const { leftOut } = this.choice;
    this.notice.hidden = leftOut.length === 0;
    setText(this.notice, leftOut.length === 0 ? '' : t().restaurantsLeftOut(leftOut.join(', ')));
  }

  private drawChooser(): void {
    const { all, ids } = this.choice;
    this.chooser.hidden = all.length < 2;
    show(
      this.chooser,
      h('summary', {}, t().chosenRestaurants(ids.length, all.length)),
      all.length > MAX_WATCHED && h('p', { class: 'soft' }, t().restaurantLimit(MAX_WATCHED)),
      h('ul', {}, ...all.map((id) => h('li', {}, this.drawChoice(id)))),
    );
  }

  private drawChoice(id: string): Child {
    const box = h('input', {
      type: 'checkbox',
      'data-choose': id,
      'data-focus': `choose-${id}`,
      checked: this.choice.has(id),
      disabled: !this.choice.mayToggle(id),
      onchange: () => this.toggle(id),
    });
    return h('label', {}, box, this.restaurants.get(id)?.name || id);
  }

  private drawCards(): void {
    arrange(this.grid, this.choice.ids.map((id) => this.card(id)));
  }

  /** The card of a restaurant: the one on the screen as long as nothing has changed. */
  private card(id: string): HTMLElement {
    const shown = this.cards.get(id);
    if (shown) return shown;
    const card = drawCard(this.restaurants.get(id) as Restaurant);
    this.cards.set(id, card);
    return card;
  }

  private tick(): void {
    for (const [id, card] of this.cards) tickCard(card, this.restaurants.get(id) as Restaurant);
  }
}

/* ---- the page: either signed in or asking ---- */

let redraw = () => {};

function run(session: Session): void {
  if (session.restaurantIds.length === 0) return ask(t().noRestaurants);
  const page = new DashboardPage(session, ask);
  redraw = () => page.draw();
  page.start();
}

function ask(problem: string | null): void {
  forgetSession();
  redraw = () =>
    drawSignIn(app(), {
      title: t().dashboardSignInTitle,
      hint: t().dashboardSignInHint,
      fields: { token: t().signInToken },
      problem,
      onDone: ({ token }) => {
        saveSession(createSession(token));
        location.reload(); /* a fresh page: nothing of the session before survives */
      },
    });
  redraw();
}

startLanguage(() => redraw());
addEventListener('hashchange', () => location.reload()); /* another link, opened in the same tab */
const session = loadSession();
if (session) run(session);
else ask(null);
