/**
 * The demo's ordering page: menu, cart, who you are, and off to the tracking page. Prices and stock are shown as the menu
 * says; the server decides.
 */
import { ApiError, OrderSyncApi, type Menu, type MenuItem, type NewOrder } from '@ordersync/client';
import { app, h, show, type Child } from '../common/dom.js';
import { readFragment } from '../common/fragment.js';
import { language, languageSwitch, startLanguage, t } from '../common/language.js';
import { formatMoney } from '../common/money.js';
import { newIdempotencyKey } from '../common/random-key.js';
import { Cart } from './cart.js';
import { fieldNamedIn, GuestForm } from './guest-form.js';

type Problem = 'orderFailed' | 'orderBusy' | 'itemGone' | 'tooLarge' | 'closed' | 'unreachable';

const PROBLEM_OF_CODE: Record<string, Problem> = {
  ITEM_UNAVAILABLE: 'itemGone',
  OUT_OF_STOCK: 'itemGone',
  UNKNOWN_ITEM: 'itemGone',
  ORDER_TOO_LARGE: 'tooLarge',
  RESTAURANT_CLOSED: 'closed',
  RESTAURANT_UNREACHABLE: 'unreachable',
  OVERLOADED: 'orderBusy',
};

class OrderPage {
  private menu: Menu | null = null;
  private menuFailed = false;
  private sending = false;
  private problem: Problem | null = null;
  private readonly cart = new Cart();
  private readonly form = new GuestForm();
  private readonly api = new OrderSyncApi();
  /* The key of what was sent last: the same order, sent again after a lost answer, is placed once. */
  private lastSent = { body: '', key: '' };

  constructor(private readonly restaurantId: string) {}

  async load(): Promise<void> {
    this.menuFailed = false;
    this.draw();
    try {
      this.menu = await this.api.getMenu(this.restaurantId);
      this.cart.setMenu(this.menu.items);
    } catch {
      this.menuFailed = true;
    }
    this.draw();
  }

  private async submit(): Promise<void> {
    if (this.sending || !this.form.check() || this.cart.lines.length === 0) return;
    this.sending = true;
    this.problem = null;
    this.draw();
    try {
      const placed = await this.api.createOrder(...this.request());
      const { order_id, restaurant_id } = placed.order;
      const fragment = new URLSearchParams({ order: order_id, restaurant: restaurant_id, token: placed.tracking_token });
      location.assign(`/track/#${fragment}`);
    } catch (error) {
      this.sending = false;
      await this.onRefused(error);
    }
  }

  private request(): [NewOrder, string] {
    const note = this.form.value('note');
    const order: NewOrder = {
      restaurant_id: this.restaurantId,
      items: this.cart.lines.map(({ item, quantity }) => ({ item_id: item.item_id, quantity })),
      customer: { name: this.form.value('name'), phone: this.form.value('phone'), address: this.form.value('address') },
      ...(note && { note }),
    };
    const body = JSON.stringify(order);
    if (body !== this.lastSent.body) this.lastSent = { body, key: newIdempotencyKey() };
    return [order, this.lastSent.key];
  }

  private async onRefused(error: unknown): Promise<void> {
    if (!(error instanceof ApiError)) throw error;
    const field = error.code === 'INVALID_REQUEST' ? fieldNamedIn(error.problem.detail) : null;
    this.problem = field ? null : (PROBLEM_OF_CODE[error.code] ?? 'orderFailed');
    this.draw();
    if (field) this.form.refuse(field);
    if (this.problem === 'itemGone' || this.problem === 'closed') await this.load();
  }

  private change(item: MenuItem, by: number): void {
    this.cart.change(item, by);
    this.draw();
  }

  /* ---- drawing ---- */

  draw(): void {
    document.title = this.menu?.restaurant.name ?? t().menu;
    this.form.render();
    show(app(), drawTop(this.menu?.restaurant.name ?? ''), h('main', {}, ...this.content()));
  }

  private content(): Child[] {
    if (this.menuFailed)
      return [
        h('p', { class: 'problem', role: 'alert' }, t().menuFailed),
        h('button', { type: 'button', class: 'button', onclick: () => void this.load() }, t().tryAgain),
      ];
    if (!this.menu) return [h('p', { class: 'soft loading' }, t().loading)];
    const { currency, accepting } = this.menu.restaurant;
    return [
      h(
        'section',
        { class: 'menu', 'aria-label': t().menu },
        !accepting && h('p', { class: 'problem', role: 'alert' }, t().closed),
        h('ul', {}, ...this.menu.items.map((item) => this.drawItem(item, currency))),
      ),
      this.drawCart(currency, accepting),
    ];
  }

  private drawItem(item: MenuItem, currency: string): HTMLElement {
    const quantity = this.cart.quantity(item);
    const soldOut = !item.available || item.stock === 0;
    const hint = soldOut ? t().soldOut : item.stock !== null && item.stock < 10 ? t().left(item.stock) : null;
    return h(
      'li',
      { 'data-item-id': item.item_id, 'data-chosen': quantity > 0 ? 'true' : undefined, 'data-sold-out': soldOut ? 'true' : undefined },
      h('div', {}, h('h3', {}, item.name), h('p', {}, this.money(item.unit_amount, currency), hint && h('span', { class: 'hint' }, hint))),
      h(
        'div',
        { class: 'stepper' },
        quantity > 0 && this.drawStep(item, -1, '−', t().remove(item.name)),
        quantity > 0 && h('output', {}, String(quantity)),
        this.drawStep(item, 1, '+', t().add(item.name)),
      ),
    );
  }

  private drawStep(item: MenuItem, by: 1 | -1, sign: string, label: string): HTMLElement {
    const disabled = by > 0 && this.cart.quantity(item) >= this.cart.limit(item);
    return h(
      'button',
      {
        type: 'button',
        'aria-label': label,
        'data-step': by > 0 ? 'add' : 'remove',
        'data-focus': `${item.item_id}${by}`,
        disabled,
        onclick: () => this.change(item, by),
      },
      sign,
    );
  }

  private drawCart(currency: string, accepting: boolean): HTMLElement {
    const { lines, total } = this.cart;
    const disabled = this.sending || !accepting || lines.length === 0;
    const onSubmit = (event: Event) => {
      event.preventDefault();
      void this.submit();
    };
    return h(
      'form',
      { class: 'checkout', novalidate: true, onsubmit: onSubmit, 'aria-label': t().yourOrder },
      h('h2', {}, t().yourOrder),
      lines.length === 0 && h('p', { class: 'soft' }, t().emptyCart),
      h(
        'ul',
        { class: 'lines' },
        ...lines.map(({ item, quantity }) =>
          h('li', {}, h('b', {}, `${quantity} ×`), h('span', {}, item.name), h('span', {}, this.money(item.unit_amount * quantity, currency))),
        ),
      ),
      h('p', { class: 'total' }, h('span', {}, t().total), h('b', {}, this.money(total, currency))),
      this.form.element,
      this.problem && accepting && h('p', { class: 'problem', role: 'alert' }, t()[this.problem]),
      h(
        'button',
        { class: 'button primary', type: 'submit', 'data-action': 'place-order', 'data-focus': 'place-order', disabled },
        this.sending ? t().placing : t().placeOrder,
      ),
    );
  }

  private money(amount: number, currency: string): string {
    return formatMoney(amount, currency, language());
  }
}

function drawTop(name: string): HTMLElement {
  return h('header', { class: 'top' }, h('h1', { class: 'brand' }, name || 'OrderSync'), languageSwitch());
}

function drawNoRestaurant(): void {
  document.title = t().menu;
  show(app(), drawTop(''), h('main', {}, h('p', { class: 'problem', role: 'alert' }, t().noRestaurant)));
}

const restaurantId = readFragment().get('restaurant');
const page = restaurantId ? new OrderPage(restaurantId) : null;
const redraw = () => (page ? page.draw() : drawNoRestaurant());
startLanguage(redraw);
addEventListener('hashchange', () => location.reload());
if (page) void page.load();
else redraw();
