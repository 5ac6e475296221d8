/**
 * The menu beside the orders: each item and option with what can be said of it in one tap. The orders stay where they are,
 * can be seen and be tapped.
 */
import type { OwnMenu } from '@ordersync/client';
import { app, h, setText, show, type Child } from '../common/dom.js';
import { t } from '../common/language.js';
import { formatMoment, serverNow } from '../common/time.js';
import { nextHour } from '../common/zone.js';
import { Availability, type AvailabilityOptions, type Part, type SoldOut } from './availability.js';

/** A kitchen's day ends at this hour: what is sold out "until tomorrow" at one in the morning is there for the next day. */
const DAY_BEGINS_AT = 5;

export class MenuPanel {
  private isOpen = false;
  private readonly availability: Availability;
  private readonly title = h('h2', { tabindex: -1, id: 'menu-panel-title' });
  private readonly list = h('div', { class: 'parts' });
  private readonly status = h('p', { class: 'visually-hidden', role: 'status' });
  /* How each row is drawn anew, alone: a finger that is on another one's button stays there. */
  private readonly rows = new Map<string, () => void>();
  readonly element = h('aside', { class: 'menu-panel', 'aria-labelledby': 'menu-panel-title', hidden: true, onkeydown: (event) => this.onKey(event) });
  readonly button = h('button', { type: 'button', class: 'button menu-button', 'data-action': 'menu', onclick: () => this.setOpen(!this.isOpen) });

  constructor(options: Omit<AvailabilityOptions, 'now' | 'onChange'>) {
    this.availability = new Availability({ ...options, now: serverNow, onChange: (part) => (part ? this.rows.get(part.id)?.() : this.renderList()) });
  }

  /** Everything, for instance in another language. */
  render(): void {
    setText(this.button, t().soldOutButton);
    setText(this.title, t().soldOutTitle);
    const close = h('button', { type: 'button', class: 'button', 'data-action': 'close-menu', onclick: () => this.setOpen(false) }, t().done);
    show(this.element, h('header', {}, this.title, close), this.list, this.status);
    this.renderOpen();
    this.renderList();
  }

  private setOpen(isOpen: boolean): void {
    this.isOpen = isOpen;
    this.renderOpen();
    if (isOpen) void this.availability.load();
    (isOpen ? this.title : this.button).focus({ preventScroll: true });
  }

  private onKey(event: Event): void {
    if ((event as KeyboardEvent).key === 'Escape') this.setOpen(false);
  }

  private renderOpen(): void {
    this.element.hidden = !this.isOpen;
    this.button.setAttribute('aria-expanded', String(this.isOpen));
    app().dataset['menu'] = this.isOpen ? 'open' : 'closed';
  }

  private renderList(): void {
    const { menu, failure } = this.availability;
    this.rows.clear();
    if (menu) show(this.list, ...this.drawMenu(menu));
    else if (failure) show(this.list, ...this.drawFailure());
    else show(this.list, h('p', { class: 'soft' }, t().loading));
  }

  private drawFailure(): Child[] {
    const again = () => void this.availability.load();
    return [
      h('p', { class: 'problem', role: 'alert' }, t().menuFailed),
      h('button', { type: 'button', class: 'button', onclick: again }, t().tryAgain),
    ];
  }

  private drawMenu(menu: OwnMenu): Child[] {
    return menu.categories.map(({ id, name }) => {
      const items = menu.items.filter((item) => item.category_id === id);
      if (items.length === 0) return null;
      return h('section', {}, h('h3', {}, name), h('ul', {}, ...items.map((item) => this.drawItem(menu, item))));
    });
  }

  private drawItem(menu: OwnMenu, { id, name }: { id: string; name: string }): HTMLElement {
    const groups = menu.option_groups.filter((group) => group.item_id === id);
    const options = groups.flatMap((group) => menu.options.filter((option) => option.group_id === group.id));
    return h(
      'li',
      {},
      this.drawRow(menu, { kind: 'items', id, name }, name),
      options.length > 0 &&
        h('ul', {}, ...options.map((option) => h('li', {}, this.drawRow(menu, { kind: 'options', id: option.id, name: option.name }, `${name}, ${option.name}`)))),
    );
  }

  private drawRow(menu: OwnMenu, part: Part, spoken: string): HTMLElement {
    const row = h('div', { class: 'part', role: 'group', 'aria-label': spoken, 'data-part-id': part.id });
    const fill = () => this.fillRow(row, menu, part, spoken);
    this.rows.set(part.id, fill);
    fill();
    return row;
  }

  /** Its name, and what can be said of it. `spoken` is its name where nobody sees what it belongs to. */
  private fillRow(row: HTMLElement, menu: OwnMenu, part: Part, spoken: string): void {
    const soldOut = this.availability.soldOut(part);
    const isSending = this.availability.isSending(part);
    const button = (action: string, text: string, look: string, next: () => SoldOut) =>
      h(
        'button',
        {
          type: 'button',
          class: `button ${look}`,
          'data-action': action,
          'data-focus': part.id, /* the one that was tapped gives way to others: the first of them has the focus then */
          'aria-label': `${spoken}: ${text}`,
          'aria-disabled': String(isSending),
          onclick: () => this.tap(part, spoken, next()),
        },
        text,
      );
    row.dataset['soldOut'] = String(soldOut !== null);
    row.setAttribute('aria-busy', String(isSending));
    show(
      row,
      h('p', {}, h('b', {}, part.name), soldOut && h('span', {}, describeSoldOut(soldOut))),
      soldOut && button('back-on', t().backOn, 'primary', () => null),
      !soldOut && button('until-tomorrow', t().untilTomorrow, 'quiet', () => ({ until: tomorrow(menu.time_zone) })),
      !soldOut && button('for-good', t().forGood, 'quiet', () => ({ until: null })),
    );
  }

  private tap(part: Part, spoken: string, soldOut: SoldOut): void {
    if (this.availability.isSending(part)) return;
    setText(this.status, `${spoken}: ${soldOut ? describeSoldOut(soldOut) : t().isBack}`);
    void this.availability.set(part, soldOut);
  }
}

function tomorrow(timeZone: string): string {
  return new Date(nextHour(DAY_BEGINS_AT, timeZone, serverNow())).toISOString();
}

function describeSoldOut({ until }: NonNullable<SoldOut>): string {
  return until === null ? t().soldOut : t().soldOutUntil(formatMoment(until));
}
