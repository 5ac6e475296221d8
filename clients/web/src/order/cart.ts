/**
 * What somebody wants to order: how many of each item with which options, and what that costs at the menu's prices.
 * Nothing leaves the cart by itself: a line that can no longer be had as it is says why, and stays until its owner
 * changes it.
 */
import type { MenuItem, MenuOption } from '@ordersync/client';
import { findMiscounted, isSoldOut, optionsOf } from './options.js';

export const MAX_QUANTITY = 99;
export const MAX_LINES = 50;

/** Why a line cannot be ordered. */
export type LineProblem =
  | { kind: 'itemGone' }
  | { kind: 'fewer'; left: number }
  | { kind: 'optionGone'; name: string }
  | { kind: 'optionCount'; name: string }
  | { kind: 'refused' };

export interface CartLine {
  /** The item and its options: the same again is more of the same line. */
  key: string;
  item: MenuItem;
  options: readonly MenuOption[];
  quantity: number;
  /** Of one, with its options. */
  unitAmount: number;
  /** What the menu says against it. */
  problem: LineProblem | null;
  /** What the server has said against it, until it is tried again. */
  refusal: LineProblem | null;
}

interface Entry {
  item: MenuItem;
  options: readonly MenuOption[];
  quantity: number;
  refusal: LineProblem | null;
}

export class Cart {
  private readonly entries = new Map<string, Entry>();

  constructor(private menu: readonly MenuItem[] = []) {}

  /** Another menu: each line has its terms from now on. */
  setMenu(menu: readonly MenuItem[]): void {
    this.menu = menu;
    for (const entry of this.entries.values()) {
      const item = menu.find(({ item_id }) => item_id === entry.item.item_id) ?? { ...entry.item, available: false };
      const offered = new Map(optionsOf(item).map((option) => [option.option_id, option]));
      entry.item = item;
      entry.options = entry.options.map((option) => offered.get(option.option_id) ?? { ...option, available: false });
    }
  }

  /** Of all lines of an item. */
  quantity(item: MenuItem): number {
    return this.entriesOf(item).reduce((sum, { quantity }) => sum + quantity, 0);
  }

  /** Whether one more fits into the order. */
  canAdd(item: MenuItem, options: readonly MenuOption[] = []): boolean {
    const inLine = this.entries.get(keyOf(item, options))?.quantity ?? 0;
    if (isSoldOut(item) || options.some(({ available }) => !available) || inLine >= MAX_QUANTITY) return false;
    if (inLine === 0 && this.entries.size >= MAX_LINES) return false;
    return item.stock === null || this.quantity(item) < item.stock;
  }

  change(item: MenuItem, by: 1 | -1, options: readonly MenuOption[] = []): void {
    const key = keyOf(item, options);
    const entry = this.entries.get(key);
    const quantity = (entry?.quantity ?? 0) + by;
    if (by > 0 && !this.canAdd(item, options)) return;
    if (quantity <= 0) this.entries.delete(key);
    else this.entries.set(key, { item, options, quantity, refusal: null });
  }

  remove(key: string): void {
    this.entries.delete(key);
  }

  /** The same quantity with other options, in its place; together with what is in the cart with those already. */
  replace({ key, item, quantity }: CartLine, options: readonly MenuOption[]): void {
    const nextKey = keyOf(item, options);
    const same = nextKey === key ? 0 : (this.entries.get(nextKey)?.quantity ?? 0);
    const next = { item, options, quantity: Math.min(MAX_QUANTITY, same + quantity), refusal: null };
    const others = [...this.entries].filter(([other]) => other === key || other !== nextKey);
    this.entries.clear();
    for (const [other, entry] of others) {
      if (other === key) this.entries.set(nextKey, next);
      else this.entries.set(other, entry);
    }
  }

  refuse(key: string, refusal: LineProblem): void {
    const entry = this.entries.get(key);
    if (entry) entry.refusal = refusal;
  }

  forgetRefusals(): void {
    for (const entry of this.entries.values()) entry.refusal = null;
  }

  /** In the menu's order; what it no longer has comes last. */
  get lines(): CartLine[] {
    const places = new Map(this.menu.map(({ item_id }, place) => [item_id, place]));
    const placeOf = ({ item }: CartLine) => places.get(item.item_id) ?? places.size;
    const lines = Array.from(this.entries, ([key, entry]) => ({
      key,
      ...entry,
      unitAmount: amountOf(entry.item, entry.options),
      problem: this.findProblem(entry),
    }));
    return lines.sort((a, b) => placeOf(a) - placeOf(b));
  }

  get total(): number {
    return this.lines.reduce((sum, { unitAmount, quantity }) => sum + unitAmount * quantity, 0);
  }

  private entriesOf(item: MenuItem): Entry[] {
    return [...this.entries.values()].filter((entry) => entry.item.item_id === item.item_id);
  }

  private findProblem({ item, options }: Entry): LineProblem | null {
    if (isSoldOut(item)) return { kind: 'itemGone' };
    const gone = options.find(({ available }) => !available);
    if (gone) return { kind: 'optionGone', name: gone.name };
    const miscounted = findMiscounted(item, new Set(options.map(({ option_id }) => option_id)));
    if (miscounted) return { kind: 'optionCount', name: miscounted.name };
    return item.stock !== null && this.quantity(item) > item.stock ? { kind: 'fewer', left: item.stock } : null;
  }
}

/** One of an item, with options. */
export function amountOf(item: MenuItem, options: readonly MenuOption[]): number {
  return options.reduce((sum, { extra_amount }) => sum + extra_amount, item.unit_amount);
}

function keyOf(item: MenuItem, options: readonly MenuOption[]): string {
  return [item.item_id, ...options.map(({ option_id }) => option_id).sort()].join(' ');
}
