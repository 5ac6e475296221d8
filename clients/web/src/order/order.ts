/**
 * The demo's ordering page: menu, cart, who you are, and off to the tracking page. Prices and stock are shown as the menu
 * says; the server decides.
 */
import { ApiError, OrderSyncApi, type Menu, type MenuItem, type MenuOptionGroup, type NewOrder } from '@ordersync/client';
import { app, h, setText, show, type Child } from '../common/dom.js';
import { readFragment } from '../common/fragment.js';
import { language, languageSwitch, startLanguage, t } from '../common/language.js';
import { formatMoney } from '../common/money.js';
import { newIdempotencyKey } from '../common/random-key.js';
import { formatMoment, learnServerTime, serverNow } from '../common/time.js';
import { amountOf, Cart, type CartLine } from './cart.js';
import { fieldNamedIn, GuestForm } from './guest-form.js';
import { describeOpening, takesOrders, type Opening } from './opening.js';
import { chosenOf, findMiscounted, isSoldOut } from './options.js';
import { drawPicker } from './picker.js';
import { describeLineProblem, findRefusal } from './refusal.js';

type Problem = 'orderFailed' | 'orderBusy' | 'itemGone' | 'tooLarge' | 'closed' | 'unreachable';

const PROBLEM_OF_CODE: Record<string, Problem> = {
  ORDER_TOO_LARGE: 'tooLarge',
  RESTAURANT_CLOSED: 'closed',
  RESTAURANT_UNREACHABLE: 'unreachable',
  OVERLOADED: 'orderBusy',
};

/** Clocks differ by a little, and what is asked too early is answered with the same time again. */
const OPENING_GRACE_MS = 3_000;
/** A timer cannot wait longer. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** The item whose options are being chosen. */
interface Picking {
  item: MenuItem;
  chosen: ReadonlySet<string>;
  /** The line of the cart that gets other options; null: a new one. */
  line: CartLine | null;
  miscounted: MenuOptionGroup | undefined;
}

class OrderPage {
  private menu: Menu | null = null;
  private opening: Opening | null = null;
  private openingTimer: ReturnType<typeof setTimeout> | undefined;
  private menuFailed = false;
  private sending = false;
  private problem: Problem | null = null;
  private picking: Picking | null = null;
  private readonly announcement = h('p', { class: 'visually-hidden', role: 'status' });
  private readonly cart = new Cart();
  private readonly form = new GuestForm();
  /* When it will open, as the reply said that refused an order; the menu and the profile are asked again then. */
  private refusedUntil: string | null = null;
  private readonly api = new OrderSyncApi({ onServerTime: learnServerTime });
  /* The key of what was sent last: the same order, sent again after a lost answer, is placed once. */
  private lastSent = { body: '', key: '' };

  constructor(private readonly restaurantId: string) {}

  async load(): Promise<void> {
    this.menuFailed = false;
    this.draw();
    try {
      const [menu, restaurant] = await Promise.all([this.api.getMenu(this.restaurantId), this.api.getRestaurant(this.restaurantId)]);
      this.menu = menu;
      this.setOpening(restaurant);
      this.cart.setMenu(this.menu.items);
      this.repick(this.menu.items);
    } catch {
      this.menuFailed = this.menu === null;
      if (this.opening) this.setOpening(this.opening); /* whoever waited for it to open, waits on */
    }
    this.draw();
  }

  /** Once the restaurant opens, the page says so by itself. */
  private setOpening(opening: Opening): void {
    if (opening.open && this.opening?.open === false && this.problem === 'closed') this.problem = null;
    this.opening = opening;
    clearTimeout(this.openingTimer);
    const opensAt = opening.open ? null : opening.opens_at;
    if (!opensAt) return;
    const waitMs = Math.max(0, Date.parse(opensAt) - serverNow()) + OPENING_GRACE_MS;
    this.openingTimer = setTimeout(() => void this.load(), Math.min(waitMs, LONGEST_WAIT_MS));
  }

  /** Somebody looks again: a pause may have ended early. */
  onSeen(): void {
    if (this.opening?.open === false) void this.load();
  }

  private async submit(): Promise<void> {
    const { lines } = this.cart;
    if (this.sending || lines.length === 0 || this.focusLine(lines.find(({ problem }) => problem)) || !this.form.check()) return;
    this.sending = true;
    this.problem = null;
    this.cart.forgetRefusals();
    this.draw();
    try {
      const placed = await this.api.createOrder(...this.request());
      const { order_id, restaurant_id } = placed.order;
      const fragment = new URLSearchParams({ order: order_id, restaurant: restaurant_id, token: placed.tracking_token });
      location.assign(`/track/#${fragment}`);
    } catch (error) {
      this.sending = false;
      await this.onRefused(error, lines);
    }
  }

  private request(): [NewOrder, string] {
    const note = this.form.value('note');
    const order: NewOrder = {
      restaurant_id: this.restaurantId,
      items: this.cart.lines.map(({ item, quantity, options }) => ({
        item_id: item.item_id,
        quantity,
        ...(options.length > 0 && { options: options.map(({ option_id }) => option_id) }),
      })),
      customer: { name: this.form.value('name'), phone: this.form.value('phone'), address: this.form.value('address') },
      ...(note && { note }),
    };
    const body = JSON.stringify(order);
    if (body !== this.lastSent.body) this.lastSent = { body, key: newIdempotencyKey() };
    return [order, this.lastSent.key];
  }

  private async onRefused(error: unknown, sent: readonly CartLine[]): Promise<void> {
    if (!(error instanceof ApiError)) throw error;
    const field = error.code === 'INVALID_REQUEST' ? fieldNamedIn(error.problem.detail) : null;
    const refusal = findRefusal(error, sent);
    if (refusal) this.cart.refuse(refusal.line.key, refusal.problem);
    this.problem = field ? null : refusal ? 'itemGone' : (PROBLEM_OF_CODE[error.code] ?? 'orderFailed');
    this.refusedUntil = error.opensAt;
    this.draw();
    if (field) this.form.refuse(field);
    /* What was refused has other terms than the menu here says. */
    if (refusal || this.problem === 'closed') await this.load();
    this.focusLine(this.cart.lines.find(({ key }) => key === refusal?.line.key));
  }

  /** Goes to a line of the cart, if there is one to go to. */
  private focusLine(line: CartLine | undefined): boolean {
    if (line) app().querySelector<HTMLElement>(`[data-line="${CSS.escape(line.key)}"] button`)?.focus();
    return line !== undefined;
  }

  private change(item: MenuItem, by: 1 | -1, options: CartLine['options'] = []): void {
    this.cart.change(item, by, options);
    this.drawChanged();
  }

  private remove({ key }: CartLine): void {
    this.cart.remove(key);
    this.drawChanged();
  }

  /** Another order than that which was refused. */
  private drawChanged(): void {
    if (this.problem === 'itemGone') this.problem = null;
    this.draw();
  }

  /* ---- choosing options ---- */

  /** Opens the options of an item: for another one of it, or for a line of the cart. */
  private pick(item: MenuItem, line: CartLine | null = null): void {
    const available = (line?.options ?? []).filter((option) => option.available);
    this.picking = { item, line, chosen: new Set(available.map(({ option_id }) => option_id)), miscounted: undefined };
    this.draw();
    app().querySelector<HTMLElement>('.picker input:not(:disabled)')?.focus();
  }

  /** The same choice on another menu, as far as it has it. */
  private repick(items: readonly MenuItem[]): void {
    const item = items.find(({ item_id }) => item_id === this.picking?.item.item_id);
    if (!this.picking || !item || isSoldOut(item)) return void (this.picking = null);
    const available = chosenOf(item, this.picking.chosen).filter((option) => option.available);
    this.picking = { ...this.picking, item, chosen: new Set(available.map(({ option_id }) => option_id)) };
  }

  private confirmPick(picking: Picking): void {
    const { item, chosen, line } = picking;
    const miscounted = findMiscounted(item, chosen);
    if (miscounted) {
      this.picking = { ...picking, miscounted };
      this.draw();
      return app().querySelector<HTMLElement>(`[data-group-id="${miscounted.group_id}"] input:not(:disabled)`)?.focus();
    }
    const options = chosenOf(item, chosen);
    if (line) this.cart.replace(line, options);
    else this.cart.change(item, 1, options);
    setText(this.announcement, t().inCart(item.name, this.cart.quantity(item)));
    this.closePicker();
  }

  private closePicker(): void {
    const itemId = this.picking?.item.item_id ?? '';
    this.picking = null;
    this.drawChanged();
    app().querySelector<HTMLElement>(`[data-item-id="${itemId}"] [data-step="add"]`)?.focus({ preventScroll: true });
  }

  /* ---- drawing ---- */

  draw(): void {
    document.title = this.menu?.restaurant.name ?? t().menu;
    this.form.render();
    show(app(), drawTop(this.menu?.restaurant.name ?? ''), h('main', {}, ...this.content()), this.announcement);
  }

  private content(): Child[] {
    if (this.menuFailed)
      return [
        h('p', { class: 'problem', role: 'alert' }, t().menuFailed),
        h('button', { type: 'button', class: 'button', onclick: () => void this.load() }, t().tryAgain),
      ];
    if (!this.menu) return [h('p', { class: 'soft loading' }, t().loading)];
    const { currency } = this.menu.restaurant;
    const notice = this.opening && describeOpening(this.opening);
    return [
      h(
        'section',
        { class: 'menu', 'aria-label': t().menu },
        notice && h('p', { class: 'problem', role: 'alert', 'data-notice': 'opening' }, notice),
        h('ul', {}, ...this.menu.items.map((item) => this.drawItem(item, currency))),
      ),
      this.drawCart(currency, notice),
    ];
  }

  private drawItem(item: MenuItem, currency: string): HTMLElement {
    const quantity = this.cart.quantity(item);
    const soldOut = isSoldOut(item);
    const hint = soldOut ? t().soldOut : item.stock !== null && item.stock < 10 ? t().left(item.stock) : null;
    const isPicking = this.picking?.item.item_id === item.item_id;
    return h(
      'li',
      { 'data-item-id': item.item_id, 'data-chosen': quantity > 0 ? 'true' : undefined, 'data-sold-out': soldOut ? 'true' : undefined },
      h('div', {}, h('h3', {}, item.name), h('p', {}, this.money(item.unit_amount, currency), hint && h('span', { class: 'hint' }, hint))),
      item.option_groups.length > 0 ? this.drawPickStep(item, quantity, isPicking) : this.drawSteps(item, quantity),
      isPicking && this.drawPicking(this.picking as Picking, currency),
    );
  }

  private drawSteps(item: MenuItem, quantity: number): HTMLElement {
    return h(
      'div',
      { class: 'stepper' },
      quantity > 0 && drawStep('remove', item.item_id, t().remove(item.name), false, () => this.change(item, -1)),
      quantity > 0 && h('output', {}, String(quantity)),
      drawStep('add', item.item_id, t().add(item.name), !this.cart.canAdd(item), () => this.change(item, 1)),
    );
  }

  /** Of an item with options each one may be another: it is chosen first, and taken out of the cart where it is. */
  private drawPickStep(item: MenuItem, quantity: number, isPicking: boolean): HTMLElement {
    const toggle = () => (isPicking ? this.closePicker() : this.pick(item));
    const step = drawStep('add', item.item_id, t().chooseOptions(item.name), isSoldOut(item), toggle);
    step.setAttribute('aria-expanded', String(isPicking));
    return h('div', { class: 'stepper' }, quantity > 0 && h('output', {}, String(quantity)), step);
  }

  private drawPicking(picking: Picking, currency: string): HTMLElement {
    const { item, chosen, miscounted, line } = picking;
    const money = (amount: number) => this.money(amount, currency);
    const price = money(amountOf(item, chosenOf(item, chosen)));
    return drawPicker({
      item,
      chosen,
      miscounted,
      money,
      confirm: line ? t().changeFor(price) : t().addFor(price),
      onChoose: (next) => {
        this.picking = { ...picking, chosen: next, miscounted: undefined };
        this.draw();
      },
      onConfirm: () => this.confirmPick(picking),
      onClose: () => this.closePicker(),
    });
  }

  private drawCart(currency: string, notice: string | null): HTMLElement {
    const { lines, total } = this.cart;
    const isClosed = this.opening !== null && !takesOrders(this.opening);
    const disabled = this.sending || isClosed || lines.length === 0;
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
        ...lines.map((line) => this.drawLine(line, currency)),
      ),
      h('p', { class: 'total' }, h('span', {}, t().total), h('b', {}, this.money(total, currency))),
      this.form.element,
      isClosed && notice && h('p', { class: 'problem' }, notice),
      this.problem && !isClosed && h('p', { class: 'problem', role: 'alert' }, this.describeProblem(this.problem)),
      h(
        'button',
        { class: 'button primary', type: 'submit', 'data-action': 'place-order', 'data-focus': 'place-order', disabled },
        this.sending ? t().placing : t().placeOrder,
      ),
    );
  }

  private drawLine(line: CartLine, currency: string): HTMLElement {
    const { key, item, options, quantity, unitAmount } = line;
    const problem = line.problem ?? line.refusal;
    return h(
      'li',
      { 'data-line': key, 'data-problem': problem?.kind },
      h('b', {}, `${quantity} ×`),
      h('span', {}, item.name, options.length > 0 && h('small', {}, options.map(({ name }) => name).join(', '))),
      h('span', {}, this.money(unitAmount * quantity, currency)),
      problem && h('p', { class: 'field-problem', role: 'alert' }, describeLineProblem(problem)),
      (options.length > 0 || problem) && this.drawLineSteps(line),
    );
  }

  private drawLineSteps(line: CartLine): HTMLElement {
    const { key, item, options, quantity } = line;
    const canChange = item.option_groups.length > 0 && !isSoldOut(item);
    const button = (action: string, text: string, label: string, onclick: () => void) =>
      h('button', { type: 'button', 'data-action': action, 'data-focus': `${action} ${key}`, 'aria-label': label, onclick }, text);
    return h(
      'div',
      { class: 'line-steps' },
      canChange && button('change-line', t().change, t().changeOptions(item.name), () => this.pick(item, line)),
      button('remove-line', t().removeLine, t().removeWholeLine(item.name), () => this.remove(line)),
      h('span', { class: 'gap' }),
      quantity > 1 && drawStep('remove', key, t().remove(item.name), false, () => this.change(item, -1, options)),
      drawStep('add', key, t().add(item.name), !this.cart.canAdd(item, options), () => this.change(item, 1, options)),
    );
  }

  private describeProblem(problem: Problem): string {
    if (problem !== 'closed' || !this.refusedUntil) return t()[problem];
    return `${t().closed} ${t().opensAt(formatMoment(this.refusedUntil))}`;
  }

  private money(amount: number, currency: string): string {
    return formatMoney(amount, currency, language());
  }
}

const SIGNS = { add: '+', remove: '−' };

/** A round button: one more, or one less. */
function drawStep(step: keyof typeof SIGNS, of: string, label: string, disabled: boolean, onclick: () => void): HTMLElement {
  const focus = `${step} ${of}`;
  return h('button', { type: 'button', class: 'step', 'aria-label': label, 'data-step': step, 'data-focus': focus, disabled, onclick }, SIGNS[step]);
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
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') page?.onSeen();
});
if (page) void page.load();
else redraw();
