/** What must not work, in one table: each row gets its documented problem, and disturbs nobody. */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { makeRestaurant, mintToken, newOrder, request } from './stack.mjs';

const NIL = '00000000-0000-7000-8000-000000000000';
const ORDERS = '/api/v1/orders';
const LIST = '/api/v1/restaurants/me/orders';

const { id: own, dish, counted } = await makeRestaurant();
const { dish: foreignDish } = await makeRestaurant();
const staff = await mintToken('staff', own);
const good = newOrder(own, [[dish, 1]]);
const { body: placed } = await request('POST', ORDERS, { body: good });
const ACCEPT = `${LIST}/${placed.order.order_id}/accept`;
const REJECT = `${LIST}/${placed.order.order_id}/reject`;

const raw = JSON.stringify(good);
const withCustomer = (more) => ({ ...good, customer: { ...good.customer, ...more } });
const withItem = (more) => ({ ...good, items: [{ ...good.items[0], ...more }] });
const without = (field) => Object.fromEntries(Object.entries(good).filter(([name]) => name !== field));
const badUtf8 = Buffer.concat([Buffer.from('{"note":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
const deep = '{"a":'.repeat(40) + '1' + '}'.repeat(40);
const wide = `{"items":[${'{},'.repeat(5000)}{}]}`;

/** [what, body, part of the detail]: 400 INVALID_REQUEST to a new order. */
const badOrders = [
  ['no body', '', ''],
  ['not JSON', 'hello', ''],
  ['cut JSON', raw.slice(0, -1), ''],
  ['trailing text', `${raw}x`, ''],
  ['an array', '[]', ''],
  ['a number', '1', ''],
  ['a NUL character', '{"note":"\\u0000"}', ''],
  ['bad UTF-8', badUtf8, ''],
  ['a lone surrogate', '{"note":"\\ud800"}', ''],
  ['too deep', deep, ''],
  ['too many tokens', wide, ''],
  ['a duplicate key', raw.replace('{', '{"note":"a","note":"b",'), ''],
  ['an unknown field', { ...good, total_amount: 1 }, 'total_amount'],
  ['an unknown field below', withItem({ unit_amount: 1 }), 'items[0].unit_amount'],
  ['no restaurant', without('restaurant_id'), 'restaurant_id'],
  ['no items', without('items'), 'items'],
  ['no customer', without('customer'), 'customer'],
  ['null items', { ...good, items: null }, 'items'],
  ['empty items', { ...good, items: [] }, 'items'],
  ['items of a wrong type', { ...good, items: {} }, 'items'],
  ['an item of a wrong type', { ...good, items: ['x'] }, 'items[0]'],
  ['51 items', { ...good, items: Array.from({ length: 51 }, () => good.items[0]) }, 'items'],
  ['an item twice', { ...good, items: [good.items[0], good.items[0]] }, 'items[1]'],
  ['a restaurant that is no UUID', { ...good, restaurant_id: 'x' }, 'restaurant_id'],
  ['a UUID with braces', { ...good, restaurant_id: `{${own}}` }, 'restaurant_id'],
  ['an item that is no UUID', withItem({ item_id: `${dish}0` }), 'items[0].item_id'],
  ['no quantity', withItem({ quantity: undefined }), 'items[0].quantity'],
  ['quantity 0', withItem({ quantity: 0 }), 'items[0].quantity'],
  ['a negative quantity', withItem({ quantity: -1 }), 'items[0].quantity'],
  ['quantity 100', withItem({ quantity: 100 }), 'items[0].quantity'],
  ['half a portion', withItem({ quantity: 1.5 }), 'items[0].quantity'],
  ['a quantity as text', withItem({ quantity: '1' }), 'items[0].quantity'],
  ['a quantity beyond 64 bits', raw.replace('"quantity":1', '"quantity":99999999999999999999'), ''],
  ['a quantity beyond doubles', raw.replace('"quantity":1', '"quantity":1e999'), ''],
  ['an empty name', withCustomer({ name: '' }), 'customer.name'],
  ['a name of spaces', withCustomer({ name: ' \u3000 ' }), 'customer.name'],
  ['a long name', withCustomer({ name: '가'.repeat(101) }), 'customer.name'],
  ['a name with a control character', withCustomer({ name: 'a\u0007' }), 'customer.name'],
  ['a name with a line break', withCustomer({ name: 'a\nb' }), 'customer.name'],
  ['a name of a wrong type', withCustomer({ name: 7 }), 'customer.name'],
  ['a short phone number', withCustomer({ phone: '112' }), 'customer.phone'],
  ['a long phone number', withCustomer({ phone: '1'.repeat(33) }), 'customer.phone'],
  ['a phone number with letters', withCustomer({ phone: '010-CALL-ME' }), 'customer.phone'],
  ['no address', withCustomer({ address: undefined }), 'customer.address'],
  ['a long address', withCustomer({ address: 'a'.repeat(301) }), 'customer.address'],
  ['an unknown field of the customer', withCustomer({ email: 'a@b.c' }), 'customer.email'],
  ['a long note', { ...good, note: 'a'.repeat(301) }, 'note'],
  ['a note of a wrong type', { ...good, note: ['a'] }, 'note'],
];

/** [what, method, target, options, status, code]. */
const others = [
  ['an unknown restaurant', 'POST', ORDERS, { body: { ...good, restaurant_id: NIL } }, 404, 'RESTAURANT_NOT_FOUND'],
  ['an unknown item', 'POST', ORDERS, { body: withItem({ item_id: NIL }) }, 422, 'UNKNOWN_ITEM'],
  ["another restaurant's item", 'POST', ORDERS, { body: withItem({ item_id: foreignDish }) }, 422, 'UNKNOWN_ITEM'],
  ['more than the stock', 'POST', ORDERS, { body: newOrder(own, [[counted, 99]]) }, 409, 'OUT_OF_STOCK'],
  ['a huge body', 'POST', ORDERS, { body: JSON.stringify({ note: 'a'.repeat(70000) }) }, 413, 'BODY_TOO_LARGE'],
  ['a body that is no JSON by its type', 'POST', ORDERS, { body: raw, headers: { 'content-type': 'text/plain' } }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['a key of spaces', 'POST', ORDERS, { body: good, key: 'a b' }, 400, 'INVALID_REQUEST'],
  ['a key that is too long', 'POST', ORDERS, { body: good, key: 'a'.repeat(129) }, 400, 'INVALID_REQUEST'],
  ['an unknown path', 'GET', '/api/v1/nothing', {}, 404, 'NOT_FOUND'],
  ['a wrong method', 'DELETE', ORDERS, {}, 405, 'METHOD_NOT_ALLOWED'],
  ['a token that is none', 'GET', `${ORDERS}/${placed.order.order_id}`, { token: 'nonsense' }, 401, 'UNAUTHENTICATED'],
  ['a token with another signature', 'GET', LIST, { token: `${staff.slice(0, -8)}AAAAAAAA` }, 401, 'UNAUTHENTICATED'],
  ['a bad token where none is needed', 'POST', ORDERS, { body: good, token: 'nonsense' }, 401, 'UNAUTHENTICATED'],
  ['a bent tracking token', 'GET', `${ORDERS}/${placed.order.order_id}`, { token: `${placed.tracking_token.slice(0, -4)}AAAA` }, 401, 'UNAUTHENTICATED'],
  ['the list without a token', 'GET', LIST, {}, 401, 'UNAUTHENTICATED'],
  ['the list as a customer', 'GET', LIST, { token: placed.tracking_token }, 403, 'INSUFFICIENT_PERMISSION'],
  ['an order id that is no UUID', 'GET', `${ORDERS}/x`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['a menu of no UUID', 'GET', '/api/v1/restaurants/x/menu', {}, 400, 'INVALID_REQUEST'],
  ['limit 0', 'GET', `${LIST}?limit=0`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['limit 201', 'GET', `${LIST}?limit=201`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['a limit of letters', 'GET', `${LIST}?limit=1x`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['an empty limit', 'GET', `${LIST}?limit=`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['two limits', 'GET', `${LIST}?limit=1&limit=2`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['an unknown status', 'GET', `${LIST}?status=PENDING,EATEN`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['an empty status', 'GET', `${LIST}?status=`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['a status twice', 'GET', `${LIST}?status=PENDING,PENDING`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['a cursor that we did not make', 'GET', `${LIST}?after=abc`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['a query of bad UTF-8', 'GET', `${LIST}?status=%ff`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['a restaurant id that is no UUID', 'GET', `${LIST}?restaurant_id=x`, { token: staff }, 400, 'INVALID_REQUEST'],
  ['a step that does not exist', 'POST', `${LIST}/${placed.order.order_id}/eat`, { token: staff }, 404, 'NOT_FOUND'],
  ['cancel by the path of the steps', 'POST', `${LIST}/${placed.order.order_id}/cancel`, { token: staff }, 404, 'NOT_FOUND'],
  ['a step of an unknown order', 'POST', `${LIST}/${NIL}/accept`, { token: staff }, 404, 'ORDER_NOT_FOUND'],
  ['a rejection without a reason', 'POST', REJECT, { token: staff, body: {} }, 400, 'INVALID_REQUEST'],
  ['a rejection without a body', 'POST', REJECT, { token: staff }, 400, 'INVALID_REQUEST'],
  ['an empty reason', 'POST', REJECT, { token: staff, body: { reason: ' ' } }, 400, 'INVALID_REQUEST'],
  ['a long reason', 'POST', REJECT, { token: staff, body: { reason: 'a'.repeat(201) } }, 400, 'INVALID_REQUEST'],
  ['a reason for an acceptance', 'POST', ACCEPT, { token: staff, body: { reason: 'a' } }, 400, 'INVALID_REQUEST'],
  ['version 0', 'POST', ACCEPT, { token: staff, body: { version: 0 } }, 400, 'INVALID_REQUEST'],
  ['a version as text', 'POST', ACCEPT, { token: staff, body: { version: '1' } }, 400, 'INVALID_REQUEST'],
  ['an unknown field of a step', 'POST', ACCEPT, { token: staff, body: { status: 'READY' } }, 400, 'INVALID_REQUEST'],
];

let positionBefore;
before(async () => {
  positionBefore = (await request('GET', `${LIST}?limit=1`, { token: staff })).body.position;
});

for (const [what, body, named] of badOrders) {
  test(`a new order with ${what} is refused`, async () => {
    const reply = await request('POST', ORDERS, { body });
    assert.equal(reply.status, 400);
    assert.equal(reply.body.code, 'INVALID_REQUEST');
    assert.ok(reply.body.detail.includes(named), `"${reply.body.detail}" names ${named}`);
  });
}

for (const [what, method, target, options, status, code] of others) {
  test(`${what} is answered ${status} ${code}`, async () => {
    const reply = await request(method, target, options);
    assert.equal(reply.body.code, code);
    assert.equal(reply.status, status);
  });
}

test('a wrong method tells the right ones', async () => {
  const { headers } = await request('DELETE', ORDERS);
  assert.match(headers.get('allow'), /POST/);
});

after(async () => {
  const { body } = await request('GET', `${LIST}?limit=1`, { token: staff });
  assert.equal(body.position, positionBefore, 'nothing of all this has made an event');
});
