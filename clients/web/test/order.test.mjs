import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cart } from '../dist-test/order/cart.mjs';
import { fieldNamedIn } from '../dist-test/order/guest-form.mjs';

function item(itemId, { unitAmount = 1000, available = true, stock = null } = {}) {
  return { item_id: itemId, name: itemId, unit_amount: unitAmount, available, stock, version: 1 };
}

test('the total is the sum over the lines', () => {
  const [soup, rice] = [item('soup', { unitAmount: 9000 }), item('rice')];
  const cart = new Cart([soup, rice]);
  cart.change(soup, 2);
  cart.change(rice, 1);
  assert.equal(cart.total, 19_000);
  assert.deepEqual(
    cart.lines.map(({ item, quantity }) => [item.item_id, quantity]),
    [
      ['soup', 2],
      ['rice', 1],
    ],
  );
});

test('a quantity stays between nothing and what can be had', () => {
  const [few, many, none] = [item('few', { stock: 2 }), item('many'), item('none', { available: false })];
  const cart = new Cart([few, many, none]);
  cart.change(few, 5);
  cart.change(many, 500);
  cart.change(none, 1);
  assert.equal(cart.quantity(few), 2);
  assert.equal(cart.quantity(many), 99);
  assert.equal(cart.quantity(none), 0);
  cart.change(few, -9);
  assert.equal(cart.quantity(few), 0);
});

test('a new menu takes away what can no longer be had', () => {
  const cart = new Cart([item('a'), item('b'), item('c')]);
  for (const line of ['a', 'b', 'c']) cart.change(item(line), 3);
  cart.setMenu([item('a'), item('b', { stock: 1 })]);
  assert.deepEqual(
    cart.lines.map(({ item, quantity }) => [item.item_id, quantity]),
    [
      ['a', 3],
      ['b', 1],
    ],
  );
});

test('an order has at most fifty lines', () => {
  const items = Array.from({ length: 51 }, (_, i) => item(`item-${i}`));
  const cart = new Cart(items);
  for (const one of items) cart.change(one, 1);
  assert.equal(cart.lines.length, 50);
});

test('a refusal of the server is shown at the field which it names', () => {
  assert.equal(fieldNamedIn("'customer.phone' is too short"), 'phone');
  assert.equal(fieldNamedIn("'note' has more than 300 characters"), 'note');
  assert.equal(fieldNamedIn("'items' must not be empty; its name is wrong"), null);
});
