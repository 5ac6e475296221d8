import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cart } from '../dist-test/order/cart.mjs';
import { fieldNamedIn } from '../dist-test/order/guest-form.mjs';
import { describeOpening, takesOrders } from '../dist-test/order/opening.mjs';
import { choose, findMiscounted, isSoldOut } from '../dist-test/order/options.mjs';
import { findRefusal, lineNamedIn } from '../dist-test/order/refusal.mjs';

function item(itemId, { unitAmount = 1000, available = true, stock = null, groups = [] } = {}) {
  return { item_id: itemId, name: itemId, unit_amount: unitAmount, available, stock, option_groups: groups, version: 1 };
}

function option(optionId, { extra = 0, available = true } = {}) {
  return { option_id: optionId, name: optionId, extra_amount: extra, available };
}

function group(groupId, min, max, ...options) {
  return { group_id: groupId, name: groupId, min_choices: min, max_choices: max, options };
}

/** A cart with so many of each item. */
function cartOf(items, count = 1) {
  const cart = new Cart(items);
  for (const one of items) for (let i = 0; i < count; i++) cart.change(one, 1);
  return cart;
}

const problems = (cart) => cart.lines.map(({ item, problem }) => [item.item_id, problem?.kind ?? null]);

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
  const cart = cartOf([few, many, none], 100);
  assert.deepEqual([few, many, none].map((one) => cart.quantity(one)), [2, 99, 0]);
  for (let i = 0; i < 3; i++) cart.change(few, -1);
  assert.equal(cart.quantity(few), 0);
});

test('the same item with other options is another line, at its own price, of the same stock', () => {
  const [large, small] = [option('large', { extra: 500 }), option('small')];
  const soup = item('soup', { unitAmount: 9000, stock: 3, groups: [group('size', 1, 1, large, small)] });
  const cart = new Cart([soup]);
  for (const size of [large, small, large, small]) cart.change(soup, 1, [size]);
  assert.deepEqual(cart.lines.map(({ options, quantity, unitAmount }) => [options[0].name, quantity, unitAmount]), [['large', 2, 9500], ['small', 1, 9000]]);
  assert.equal(cart.total, 28_000);
  cart.replace(cart.lines[0], [small]);
  assert.deepEqual(cart.lines.map(({ options, quantity }) => [options[0].name, quantity]), [['small', 3]]);
});

test('a new menu takes nothing away, but says of each line why it cannot be had', () => {
  const toppings = (...options) => ({ groups: [group('toppings', 0, 2, ...options)] });
  const before = [item('gone'), item('out'), item('few'), item('topped', toppings(option('egg'), option('ham'))), item('fine')];
  const cart = new Cart(before);
  for (const one of before) for (let i = 0; i < 2; i++) cart.change(one, 1, one.option_groups.flatMap(({ options }) => options));
  cart.setMenu([item('out', { available: false }), item('few', { stock: 1 }), item('topped', toppings(option('egg'))), item('fine', { unitAmount: 7 })]);
  assert.deepEqual(problems(cart), [['out', 'itemGone'], ['few', 'fewer'], ['topped', 'optionGone'], ['fine', null], ['gone', 'itemGone']]);
  assert.equal(cart.lines[3].unitAmount, 7);

  const stricter = (min, max) => [item('topped', { groups: [group('toppings', min, max, option('egg'), option('ham'), option('tofu'))] })];
  for (const [min, max] of [[3, 3], [0, 1]]) {
    cart.setMenu(stricter(min, max));
    assert.deepEqual(problems(cart)[0], ['topped', 'optionCount']);
  }
});

test('what the server refuses stays with its line until it is tried again or changed', () => {
  const soup = item('soup');
  const cart = cartOf([soup]);
  cart.refuse(cart.lines[0].key, { kind: 'refused' });
  assert.equal(cart.lines[0].refusal.kind, 'refused');
  cart.change(soup, 1);
  assert.equal(cart.lines[0].refusal, null);
  cart.refuse(cart.lines[0].key, { kind: 'refused' });
  cart.forgetRefusals();
  assert.equal(cart.lines[0].refusal, null);
});

test('an order has at most fifty lines', () => {
  const items = Array.from({ length: 51 }, (_, i) => item(`item-${i}`));
  assert.equal(cartOf(items).lines.length, 50);
});

test('of a single choice another one takes the place of the first, of several each comes or goes', () => {
  const [a, b] = [option('a'), option('b')];
  const [one, two] = [group('one', 0, 1, a, b), group('two', 0, 2, a, b)];
  const both = new Set(['a', 'b']);
  assert.deepEqual([...choose(one, b, new Set(['a', 'other']))], ['other', 'b']);
  assert.deepEqual([...choose(one, null, new Set(['a']))], []);
  assert.deepEqual([...choose(two, b, new Set(['a']))], ['a', 'b']);
  assert.deepEqual([...choose(two, a, both)], ['b']);
  assert.equal(findMiscounted(item('x', { groups: [two, one] }), both), one);
  assert.equal(findMiscounted(item('x', { groups: [two] }), both), undefined);
});

test('an item of which a required choice is sold out cannot be had', () => {
  const sold = option('sold', { available: false });
  assert.equal(isSoldOut(item('x', { groups: [group('g', 1, 1, sold, option('left'))] })), false);
  assert.equal(isSoldOut(item('x', { groups: [group('g', 2, 2, sold, option('left'))] })), true);
  assert.equal(isSoldOut(item('x', { groups: [group('g', 0, 2, sold)] })), false);
});

test('a refusal of the server is shown at the line which it names', () => {
  const soup = item('soup', { groups: [group('size', 1, 1, option('large'))] });
  const sent = [{ item: item('rice'), options: [] }, { item: soup, options: soup.option_groups[0].options }];
  const refused = (code, members, detail = '') => {
    const { item_id: itemId = null, line = null, option_id: optionId = null, group_id: groupId = null } = members;
    return findRefusal({ code, itemId, line, optionId, groupId, problem: { detail } }, sent);
  };
  assert.deepEqual(refused('OPTION_UNAVAILABLE', { item_id: 'soup', line: 1, option_id: 'large' }), { line: sent[1], problem: { kind: 'optionGone', name: 'large' } });
  assert.deepEqual(refused('OPTION_COUNT', { item_id: 'soup', line: 1, group_id: 'size' }), { line: sent[1], problem: { kind: 'optionCount', name: 'size' } });
  assert.deepEqual(refused('OUT_OF_STOCK', { item_id: 'rice' }), { line: sent[0], problem: { kind: 'itemGone' } });
  assert.deepEqual(refused('INVALID_REQUEST', {}, "'items[1].options' must have at most 20"), { line: sent[1], problem: { kind: 'refused' } });
  assert.equal(refused('OVERLOADED', {}), null);
  assert.equal(refused('INVALID_REQUEST', {}, "'note' is too long"), null);
  assert.equal(lineNamedIn("'items' must not be empty"), null);
});

test('a refusal of the server is shown at the field which it names', () => {
  assert.equal(fieldNamedIn("'customer.phone' is too short"), 'phone');
  assert.equal(fieldNamedIn("'note' has more than 300 characters"), 'note');
  assert.equal(fieldNamedIn("'items' must not be empty; its name is wrong"), null);
});

test('only what is sure to be refused cannot be ordered, and when that ends is told if it is known', () => {
  const opening = (members) => ({ accepting: true, open: false, opens_at: null, paused_until: null, pause_reason: null, ...members });
  const later = '2030-01-31T12:00:00.000Z';
  const cases = [
    [opening({ open: true }), true, null],
    [opening({}), true, /^The restaurant takes no orders at the moment\.$/],
    [opening({ accepting: false }), false, /^The restaurant takes no orders at the moment\.$/],
    [opening({ opens_at: later }), false, /at the moment\. It takes orders again from Jan 31/],
    [opening({ opens_at: later, paused_until: later, pause_reason: 'Too busy' }), false, /paused for a while: Too busy\. It takes orders again from Jan 31/],
    [opening({ paused_until: later }), false, /paused for a while\. It takes orders again from Jan 31/],
  ];
  for (const [one, takes, text] of cases) {
    assert.equal(takesOrders(one), takes);
    if (text) assert.match(describeOpening(one), text);
    else assert.equal(describeOpening(one), null);
  }
});
