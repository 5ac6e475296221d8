/** What somebody wants to order: how many of each item, and what that costs at the menu's prices. */
import type { MenuItem } from '@ordersync/client';

export const MAX_QUANTITY = 99;
export const MAX_LINES = 50;

export interface CartLine {
  item: MenuItem;
  quantity: number;
}

export class Cart {
  private readonly quantities = new Map<string, number>();

  constructor(private menu: readonly MenuItem[] = []) {}

  /** Another menu: lines whose item is gone or sold out leave the cart. */
  setMenu(menu: readonly MenuItem[]): void {
    this.menu = menu;
    for (const item of menu) this.change(item, 0);
    for (const itemId of this.quantities.keys())
      if (!menu.some((item) => item.item_id === itemId)) this.quantities.delete(itemId);
  }

  quantity(item: MenuItem): number {
    return this.quantities.get(item.item_id) ?? 0;
  }

  /** How many of an item one order may hold now. */
  limit(item: MenuItem): number {
    if (!item.available) return 0;
    if (this.quantity(item) === 0 && this.quantities.size >= MAX_LINES) return 0;
    return Math.min(MAX_QUANTITY, item.stock ?? MAX_QUANTITY);
  }

  change(item: MenuItem, by: number): void {
    const quantity = Math.max(0, Math.min(this.limit(item), this.quantity(item) + by));
    if (quantity === 0) this.quantities.delete(item.item_id);
    else this.quantities.set(item.item_id, quantity);
  }

  /** In the menu's order. */
  get lines(): CartLine[] {
    return this.menu.map((item) => ({ item, quantity: this.quantity(item) })).filter((line) => line.quantity > 0);
  }

  get total(): number {
    return this.lines.reduce((sum, { item, quantity }) => sum + item.unit_amount * quantity, 0);
  }
}
