/** Menus: what their owners may do, what everybody sees of it, and what orders cost. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Hub } from '../hub/hub.mjs';
import { makeSchema, start, until } from './own.mjs';
import { API, makeRestaurant, mintToken, newOrder, request, sql } from './stack.mjs';

const ME = '/api/v1/restaurants/me/menu';

async function open() {
  const restaurant = await makeRestaurant();
  const [staff, owner] = await Promise.all(['staff', 'owner'].map((role) => mintToken(role, restaurant.id)));
  const call = (method, path, body, more = {}) => request(method, `${ME}${path}`, { token: owner, body, ...more });
  const make = async (path, body) => {
    const { status, body: made } = await call('POST', path, body);
    assert.equal(status, 201, JSON.stringify(made));
    return made;
  };
  return { ...restaurant, staff, owner, call, make };
}

async function menuOf({ id }, api = API) {
  const { status, body, headers } = await request('GET', `/api/v1/restaurants/${id}/menu`, { api });
  assert.equal(status, 200);
  return { ...body, headers };
}
const itemOf = async (restaurant, itemId, api) => (await menuOf(restaurant, api)).items.find((item) => item.item_id === itemId);

const order = (restaurant, lines, more) =>
  request('POST', '/api/v1/orders', { body: { ...newOrder(restaurant.id, []), items: lines, ...more } });

/** A burger whose size has to be chosen, and which may have up to two extras. */
async function makeBurger(restaurant, more = {}) {
  const category = await restaurant.make('/categories', { name: 'Burgers' });
  const burger = await restaurant.make('/items', { category_id: category.id, name: 'Burger', unit_amount: 8000, ...more });
  const size = await restaurant.make('/option-groups', { item_id: burger.id, name: 'Size', min_choices: 1, max_choices: 1 });
  const extras = await restaurant.make('/option-groups', { item_id: burger.id, name: 'Extras', min_choices: 0, max_choices: 2, position: 1 });
  const [small, large] = [
    await restaurant.make('/options', { group_id: size.id, name: 'Small' }),
    await restaurant.make('/options', { group_id: size.id, name: 'Large', extra_amount: 1500, position: 1 }),
  ];
  const added = [];
  for (const [position, name] of ['Cheese', 'Bacon', 'Egg'].entries())
    added.push(await restaurant.make('/options', { group_id: extras.id, name, extra_amount: 500, position }));
  return { category, burger, size, extras, small, large, cheese: added[0], bacon: added[1], egg: added[2] };
}

function assertProblem({ status, body }, expectedStatus, code) {
  assert.equal(body.code, code, JSON.stringify(body));
  assert.equal(status, expectedStatus);
}

test('a menu is made, read, changed in part and as a whole, and taken away', async () => {
  const restaurant = await open();
  const { call, make } = restaurant;
  const category = await make('/categories', { name: ' 면 Noodles ', description: 'All with\nbroth', position: 3 });
  assert.deepEqual(category, { id: category.id, name: '면 Noodles', description: 'All with\nbroth', position: 3, version: 1 });
  const fields = {
    category_id: category.id, name: '냉면 Cold noodles', description: 'In ice', unit_amount: 10000,
    image_url: 'https://images.example.org/noodles.jpg', allergens: ['wheat', 'egg'], tags: ['cold'], stock: 12, low_stock: 3,
    available: true, sold_out_until: null, position: 1,
  };
  const item = await make('/items', fields);
  assert.deepEqual(item, { id: item.id, ...fields, version: 1 });

  const patched = await call('PATCH', `/items/${item.id}`, { unit_amount: 11000, stock: null });
  assert.equal(patched.status, 200);
  assert.deepEqual(patched.body, { ...item, unit_amount: 11000, stock: null, version: 2 });
  const whole = await call('PUT', `/items/${item.id}`, { category_id: category.id, name: 'Plain', unit_amount: 1 });
  assert.equal(whole.body.image_url, null);
  assert.deepEqual(whole.body.allergens, []);
  assert.equal(whole.body.version, 3);
  assert.deepEqual((await call('GET', `/items/${item.id}`)).body, whole.body);

  const own = (await call('GET', '')).body;
  assert.deepEqual(own.items.find(({ id }) => id === item.id), whole.body);
  assert.deepEqual(own.categories.find(({ id }) => id === category.id), category);

  assertProblem(await call('DELETE', `/categories/${category.id}`), 409, 'CATEGORY_NOT_EMPTY');
  assert.equal((await call('DELETE', `/items/${item.id}`)).status, 204);
  assertProblem(await call('GET', `/items/${item.id}`), 404, 'MENU_PART_NOT_FOUND');
  assert.equal((await call('DELETE', `/categories/${category.id}`)).status, 204);
  assertProblem(await call('DELETE', `/categories/${category.id}`), 404, 'MENU_PART_NOT_FOUND');
  assert.equal((await itemOf(restaurant, item.id)), undefined);
});

test('an id that the client has chosen, and a key, each make a repetition harmless', async () => {
  const restaurant = await open();
  const id = randomUUID();
  const body = { name: 'Drinks' };
  assert.equal((await restaurant.call('PUT', `/categories/${id}`, body)).status, 201);
  const again = await restaurant.call('PUT', `/categories/${id}`, body);
  assert.equal(again.status, 200);
  assert.equal(again.body.version, 2);
  const key = randomUUID();
  const [first, second] = [await restaurant.call('POST', '/categories', body, { key }), await restaurant.call('POST', '/categories', body, { key })];
  assert.deepEqual([first.status, second.status], [201, 201]);
  assert.deepEqual(first.body, second.body);
  const names = (await menuOf(restaurant)).categories.map(({ name }) => name);
  assert.equal(names.filter((name) => name === 'Drinks').length, 2);
});

test('who has not seen the last version changes nothing', async () => {
  const restaurant = await open();
  const { id } = await restaurant.make('/categories', { name: 'First' });
  const put = (name, ifMatch) => restaurant.call('PUT', `/categories/${id}`, { name }, { headers: { 'if-match': ifMatch } });
  const seen = await restaurant.call('GET', `/categories/${id}`);
  assert.equal(seen.headers.get('etag'), '"1"');
  const won = await put('Second', '"1"');
  assert.equal(won.status, 200);
  assert.equal(won.headers.get('etag'), '"2"');
  const lost = await put('Third', '"1"');
  assertProblem(lost, 412, 'VERSION_CONFLICT');
  assert.equal(lost.body.version, 2);
  assertProblem(await restaurant.call('DELETE', `/categories/${id}`, undefined, { headers: { 'if-match': '"1"' } }), 412, 'VERSION_CONFLICT');
  assertProblem(await put('Third', 'second'), 400, 'INVALID_REQUEST');
  assert.equal((await restaurant.call('GET', `/categories/${id}`)).body.name, 'Second');

  // Fifty at once, all of whom have seen the same: one wins.
  const replies = await Promise.all(Array.from({ length: 50 }, (_, n) => put(`Nr. ${n}`, '"2"')));
  assert.equal(replies.filter(({ status }) => status === 200).length, 1);
  assert.equal(replies.filter(({ status }) => status === 412).length, 49);
});

test('what makes no sense is refused by name', async () => {
  const restaurant = await open();
  const { id: category_id } = await restaurant.make('/categories', { name: 'A' });
  const item = { category_id, name: 'A', unit_amount: 1 };
  const rule = { name: 'A', weekdays: [1], starts: '10:00', ends: '11:00', percent: -10 };
  const cases = [
    ['/categories', {}, 'name'], ['/categories', { name: ' ' }, 'name'], ['/categories', { name: 'A', more: 1 }, 'more'],
    ['/items', { ...item, unit_amount: -1 }, 'unit_amount'], ['/items', { ...item, unit_amount: 1.5 }, 'unit_amount'],
    ['/items', { ...item, image_url: 'http://example.org/a' }, 'image_url'],
    ['/items', { ...item, image_url: 'https://' }, 'image_url'],
    ['/items', { ...item, image_url: 'https://user@example.org/' }, 'image_url'],
    ['/items', { ...item, image_url: 'https://example.org/a b' }, 'image_url'],
    ['/items', { ...item, allergens: ['nuts', 'nuts'] }, 'allergens[1]'], ['/items', { ...item, tags: [7] }, 'tags[0]'],
    ['/items', { ...item, sold_out_until: '2026-01-31T12:00:00.000Z' }, 'sold_out_until'],
    ['/items', { ...item, available: false, sold_out_until: 'tomorrow' }, 'sold_out_until'],
    ['/items', { ...item, category_id: 'x' }, 'category_id'],
    ['/option-groups', { item_id: category_id, name: 'A', min_choices: 2, max_choices: 1 }, 'max_choices'],
    ['/options', { group_id: category_id, name: 'A', extra_amount: -1 }, 'extra_amount'],
    ['/price-rules', { ...rule, weekdays: [8] }, 'weekdays[0]'], ['/price-rules', { ...rule, weekdays: [1, 1] }, 'weekdays[1]'],
    ['/price-rules', { ...rule, starts: '24:00' }, 'starts'], ['/price-rules', { ...rule, ends: '10:60' }, 'ends'],
    ['/price-rules', { ...rule, amount: 5 }, 'percent'], ['/price-rules', { ...rule, percent: undefined }, 'percent'],
    ['/price-rules', { ...rule, item_id: category_id, category_id }, 'item_id'],
    ['/sold-out', { sold_out: true }, 'items'], ['/sold-out', { sold_out: true, items: ['x'] }, 'items[0]'],
    ['/sold-out', { sold_out: false, items: [category_id], until: '2026-01-31T12:00:00.000Z' }, 'until'],
  ];
  for (const [path, body, name] of cases) {
    const reply = await restaurant.call('POST', path, body);
    assertProblem(reply, 400, 'INVALID_REQUEST');
    assert.ok(reply.body.detail.includes(`'${name}'`), `${reply.body.detail} does not name ${name}`);
  }
  assertProblem(await restaurant.call('PATCH', `/categories/${category_id}`, { name: null }), 400, 'INVALID_REQUEST');
  const nobody = randomUUID();
  for (const [path, body] of [
    ['/items', { ...item, category_id: nobody }],
    ['/option-groups', { item_id: nobody, name: 'A', min_choices: 0, max_choices: 1 }],
    ['/options', { group_id: nobody, name: 'A' }],
    ['/price-rules', { ...rule, item_id: nobody }],
  ])
    assertProblem(await restaurant.call('POST', path, body), 422, 'UNKNOWN_REFERENCE');
});

test('a menu is its owner\'s; staff say what is sold out', async () => {
  const [restaurant, other] = [await open(), await open()];
  const { id: category } = await restaurant.make('/categories', { name: 'A' });
  const paths = [['GET', ''], ['GET', `/categories/${category}`], ['PUT', `/categories/${category}`, { name: 'B' }], ['DELETE', `/categories/${category}`]];
  for (const [method, path, body] of paths) {
    assert.equal((await request(method, ME + path, { body })).status, 401);
    assert.equal((await request(method, ME + path, { body, token: await mintToken('customer') })).status, 403);
    assert.equal((await request(method, `${ME}${path}?restaurant_id=${restaurant.id}`, { body, token: other.owner })).status, 404);
  }
  assertProblem(await other.call('GET', `/categories/${category}`), 404, 'MENU_PART_NOT_FOUND'); // the same path of another's menu
  assert.equal((await request('PUT', `${ME}/categories/${category}`, { body: { name: 'B' }, token: restaurant.staff })).status, 403);
  assert.equal((await request('GET', ME, { token: restaurant.staff })).status, 200);
  assert.equal((await request('PUT', `${ME}/items/${restaurant.dish}/stock`, { body: { stock: 5 }, token: restaurant.staff })).body.stock, 5);
  assertProblem(await request('PUT', `${ME}/items/${restaurant.dish}/stock`, { body: { stock: 5 }, token: other.staff }), 404, 'MENU_PART_NOT_FOUND');
  const soldOut = await request('POST', `${ME}/sold-out`, { body: { items: [restaurant.dish], sold_out: true }, token: restaurant.staff });
  assert.deepEqual(soldOut.body, { changed: [restaurant.dish] });
  assertProblem(await request('POST', `${ME}/sold-out`, { body: { items: [restaurant.dish], sold_out: true }, token: other.staff }), 404, 'MENU_PART_NOT_FOUND');
});

test('what is sold out cannot be ordered, until it is there again', async () => {
  const restaurant = await open();
  const { burger, small, large } = await makeBurger(restaurant);
  const soldOut = (body) => request('POST', `${ME}/sold-out`, { body, token: restaurant.staff });
  const line = (option) => [{ item_id: burger.id, quantity: 1, options: [option.id] }];
  await soldOut({ items: [burger.id], options: [large.id], sold_out: true });
  assert.equal((await itemOf(restaurant, burger.id)).available, false);
  assertProblem(await order(restaurant, line(small)), 409, 'ITEM_UNAVAILABLE');
  await soldOut({ items: [burger.id], sold_out: false });
  assert.equal((await order(restaurant, line(small))).status, 201);
  const refused = await order(restaurant, [{ item_id: restaurant.dish, quantity: 1 }, ...line(large)]);
  assertProblem(refused, 409, 'OPTION_UNAVAILABLE');
  assert.deepEqual([refused.body.line, refused.body.item_id, refused.body.option_id], [1, burger.id, large.id]);

  const until_ = new Date(Date.now() + 700).toISOString();
  await soldOut({ items: [burger.id], options: [large.id], sold_out: true, until: until_ });
  assert.equal((await restaurant.call('GET', `/items/${burger.id}`)).body.sold_out_until, until_);
  await until('it is sold no more, and shown so by no cache', async () => (await itemOf(restaurant, burger.id)).available);
  assert.equal((await order(restaurant, line(large))).status, 201);
});

test('what is sold out by hand stays so, whatever time was told before', async () => {
  const restaurant = await open();
  const item = { available: false, sold_out_until: new Date(Date.now() + 200).toISOString() };
  const patch = (body) => restaurant.call('PATCH', `/items/${restaurant.dish}`, body);
  assert.equal((await patch(item)).body.sold_out_until, item.sold_out_until);
  await until('it is there again', async () => (await itemOf(restaurant, restaurant.dish)).available);
  assert.deepEqual((({ available, sold_out_until: until_ }) => [available, until_])((await patch({ available: false })).body), [false, null]);
  assert.equal((await itemOf(restaurant, restaurant.dish)).available, false);
  assertProblem(await order(restaurant, [{ item_id: restaurant.dish, quantity: 1 }]), 409, 'ITEM_UNAVAILABLE');
});

test('who writes an item whole leaves alone how much there is of it', async () => {
  const restaurant = await open();
  const path = `/items/${restaurant.counted}`;
  const { headers, body: { id, version, ...fields } } = await restaurant.call('GET', path);
  assert.equal((await order(restaurant, [{ item_id: id, quantity: 3 }])).status, 201);
  const written = await restaurant.call('PUT', path, { ...fields, name: 'B' }, { headers: { 'if-match': headers.get('etag') } });
  assert.deepEqual([written.status, written.body], [200, { ...fields, id, version: version + 1, name: 'B', stock: fields.stock - 3 }]);
  assert.equal((await restaurant.call('PATCH', path, { stock: 2 })).body.stock, 2);
});

test('options are priced, kept with what was sold, and refused by the line', async () => {
  const restaurant = await open();
  const { burger, size, extras, small, large, cheese, bacon, egg } = await makeBurger(restaurant);
  const line = (options, more = {}) => ({ item_id: burger.id, quantity: 1, options: options.map(({ id }) => id), ...more });
  const placed = await order(restaurant, [line([large, cheese], { quantity: 2, note: 'CANARY no salt' }), line([small]), { item_id: restaurant.dish, quantity: 1 }]);
  assert.equal(placed.status, 201, JSON.stringify(placed.body));
  const { items, total_amount: total, order_id: id } = placed.body.order;
  assert.deepEqual(items, [
    { item_id: burger.id, name: 'Burger', quantity: 2, unit_amount: 10000,
      options: [{ option_id: large.id, group_name: 'Size', name: 'Large', amount: 1500 }, { option_id: cheese.id, group_name: 'Extras', name: 'Cheese', amount: 500 }] },
    { item_id: burger.id, name: 'Burger', quantity: 1, unit_amount: 8000, options: [{ option_id: small.id, group_name: 'Size', name: 'Small', amount: 0 }] },
    { item_id: restaurant.dish, name: '비빔밥 Bibimbap', quantity: 1, unit_amount: 9000, options: [] },
  ]);
  assert.equal(total, 37000);
  const seen = await request('GET', `/api/v1/orders/${id}`, { token: restaurant.staff });
  assert.deepEqual(seen.body.order.line_notes, [{ line: 0, note: 'CANARY no salt' }]);
  const guest = await request('GET', `/api/v1/orders/${id}`, { token: placed.body.tracking_token });
  assert.ok(!('line_notes' in guest.body.order));
  assert.equal(await sql(`SELECT count(*) FROM order_events WHERE data LIKE '%CANARY%'`), '0');
  const accepted = await request('POST', `/api/v1/restaurants/me/orders/${id}/accept`, { token: restaurant.staff });
  assert.deepEqual(accepted.body.order.items, items);

  const cases = [
    [[], 422, 'OPTION_COUNT', { line: 0, item_id: burger.id, group_id: size.id }],
    [[small, large], 422, 'OPTION_COUNT', { line: 0, item_id: burger.id, group_id: size.id }],
    [[small, cheese, bacon, egg], 422, 'OPTION_COUNT', { line: 0, item_id: burger.id, group_id: extras.id }],
    [[small, { id: restaurant.dish }], 422, 'UNKNOWN_OPTION', { line: 0, item_id: burger.id, option_id: restaurant.dish }],
  ];
  for (const [options, status, code, more] of cases) {
    const reply = await order(restaurant, [line(options)]);
    assertProblem(reply, status, code);
    for (const [name, value] of Object.entries(more)) assert.equal(reply.body[name], value, name);
  }
  // An option of another restaurant, or of another item, is unknown.
  const other = await open();
  const theirs = await makeBurger(other);
  assertProblem(await order(restaurant, [line([small, theirs.cheese])]), 422, 'UNKNOWN_OPTION');
  assertProblem(await order(restaurant, [{ item_id: restaurant.dish, quantity: 1, options: [small.id] }]), 422, 'UNKNOWN_OPTION');
});

test('a counted item in several lines is sold only as often as there is of it', async () => {
  const restaurant = await open();
  const { burger, small, large } = await makeBurger(restaurant, { stock: 5 });
  const lines = (a, b) => [
    { item_id: burger.id, quantity: a, options: [small.id] },
    { item_id: burger.id, quantity: b, options: [large.id] },
  ];
  assertProblem(await order(restaurant, lines(3, 3)), 409, 'OUT_OF_STOCK');
  const placed = await order(restaurant, lines(3, 2));
  assert.equal(placed.status, 201);
  assert.equal((await itemOf(restaurant, burger.id)).stock, 0);
  await request('POST', `/api/v1/orders/${placed.body.order.order_id}/cancel`, { token: placed.body.tracking_token });
  assert.equal((await itemOf(restaurant, burger.id)).stock, 5);
});

/** The weekday, from 1 for Monday, and the time there: Intl knows nothing of our SQL. */
function clockIn(zone, at) {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat('en-GB', { timeZone: zone, weekday: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
      .formatToParts(at).map(({ type, value }) => [type, value]));
  const day = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(parts.weekday) + 1;
  return { day, time: `${parts.hour}:${parts.minute}:${parts.second}` };
}

function holds({ weekdays, starts, ends }, { day, time }) {
  const [from, to] = [`${starts}:00`, `${ends}:00`];
  const yesterday = day === 1 ? 7 : day - 1;
  if (from < to) return weekdays.includes(day) && time >= from && time < to;
  return (weekdays.includes(day) && time >= from) || (weekdays.includes(yesterday) && time < to);
}

/** Which of these rules counts for an item, and what it makes of the price. */
function priceOf(rules, item, clock) {
  const rank = (rule) => (rule.item_id ? 0 : rule.category_id ? 1 : 2);
  const [rule] = rules
    .filter((one) => one.active && (!one.item_id || one.item_id === item.id) && (!one.category_id || one.category_id === item.category_id) && holds(one, clock))
    .sort((a, b) => rank(a) - rank(b) || b.priority - a.priority || (a.id < b.id ? -1 : 1));
  if (!rule) return item.unit_amount;
  return rule.amount ?? Math.floor((item.unit_amount * (100 + rule.percent) + 50) / 100);
}

const pick = (list) => list[Math.floor(Math.random() * list.length)];

function randomRule(items) {
  const clock = () => `${String(Math.floor(Math.random() * 24)).padStart(2, '0')}:${pick(['00', '30', '15', '59'])}`;
  const scope = pick(['item', 'category', 'all']);
  const item = pick(items);
  const days = [1, 2, 3, 4, 5, 6, 7].filter(() => Math.random() < 0.6);
  return {
    id: randomUUID(), name: 'Rule', item_id: scope === 'item' ? item.id : null, category_id: scope === 'category' ? item.category_id : null,
    weekdays: days.length > 0 ? days : [pick([1, 7])], starts: clock(), ends: pick([clock(), '24:00']),
    ...(Math.random() < 0.5 ? { percent: pick([-100, -33, -10, 7, 50]), amount: null } : { percent: null, amount: pick([0, 1, 999]) }),
    priority: pick([0, 0, 1, 5]), active: Math.random() < 0.8,
  };
}

/** Moments at which clocks are put forward and back, in zones with and without that, and around midnight. */
const MOMENTS = [
  ['Europe/Berlin', '2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z'], ['Europe/Berlin', '2026-10-24T23:30:00Z', '2026-10-25T02:30:00Z'],
  ['America/New_York', '2026-03-08T06:00:00Z', '2026-03-08T08:00:00Z'], ['Australia/Lord_Howe', '2026-04-04T14:00:00Z', '2026-04-04T16:00:00Z'],
  ['Asia/Seoul', '2026-01-31T14:30:00Z', '2026-01-31T15:30:00Z'], ['Pacific/Kiritimati', '2025-12-31T09:30:00Z', '2025-12-31T10:30:00Z'],
  ['Asia/Kathmandu', '2026-06-01T18:00:00Z', '2026-06-01T18:30:00Z'],
];

test('price rules hold as an independent clock says, at whatever moment, in whatever zone', async () => {
  const restaurant = await open();
  const categories = [await restaurant.make('/categories', { name: 'A' }), await restaurant.make('/categories', { name: 'B' })];
  const items = [];
  for (const [n, category] of [...categories, ...categories].entries())
    items.push(await restaurant.make('/items', { category_id: category.id, name: `Item ${n}`, unit_amount: pick([0, 1, 995, 12345]) }));
  let rules = [];
  for (let round = 0; round < 12; round++) {
    for (const rule of rules) await restaurant.call('DELETE', `/price-rules/${rule.id}`);
    rules = Array.from({ length: pick([1, 3, 6]) }, () => randomRule(items));
    for (const { id, ...fields } of rules) assert.equal((await restaurant.call('PUT', `/price-rules/${id}`, fields)).status, 201);
    const asked = [];
    for (const [zone, from, to] of MOMENTS)
      for (let n = 0; n < 12; n++) {
        const at = new Date(Date.parse(from) + Math.floor((Math.random() * (Date.parse(to) - Date.parse(from))) / 60000) * 60000 - pick([0, 1000]));
        asked.push({ zone, at, item: pick(items) });
      }
    const answers = await sql(asked.map(({ zone, at, item }) =>
      `SELECT rule_amount('${restaurant.id}', '${item.id}', '${item.category_id}', ${item.unit_amount}, timestamptz '${at.toISOString()}' AT TIME ZONE '${zone}')`)
      .join(' UNION ALL '));
    const amounts = answers.split('\n').map(Number);
    asked.forEach(({ zone, at, item }, n) => {
      const expected = priceOf(rules, item, clockIn(zone, at));
      assert.equal(amounts[n], expected, `${item.unit_amount} at ${at.toISOString()} in ${zone} with ${JSON.stringify(rules)}`);
    });
  }
});

test('an order that would fit no frame is refused, and one of half its size is not', async () => {
  const restaurant = await open();
  const { id: category_id } = await restaurant.make('/categories', { name: 'A' });
  const longest = '🍲'.repeat(200);
  const { id: item_id } = await restaurant.make('/items', { category_id, name: longest, unit_amount: 1 });
  const { id: group_id } = await restaurant.make('/option-groups', { item_id, name: longest, min_choices: 0, max_choices: 20 });
  const options = await Promise.all(Array.from({ length: 20 }, () => restaurant.make('/options', { group_id, name: longest })));
  const line = (count) => ({ item_id, quantity: 1, options: options.slice(0, count).map(({ id }) => id) });
  assertProblem(await order(restaurant, [line(20), line(19)]), 422, 'ORDER_TOO_LARGE');
  assert.equal((await order(restaurant, [line(20)])).status, 201);
});

test('the menu shows the price of now, and an order pays it', async () => {
  const restaurant = await open();
  const always = { weekdays: [1, 2, 3, 4, 5, 6, 7], starts: '00:00', ends: '24:00' };
  const { burger, small, large } = await makeBurger(restaurant);
  const rule = await restaurant.make('/price-rules', { name: 'Happy hour', category_id: burger.category_id, percent: -25, ...always });
  const shown = await itemOf(restaurant, burger.id);
  assert.deepEqual([shown.unit_amount, shown.usual_amount], [6000, 8000]);
  assert.deepEqual(shown.option_groups.map(({ name, options }) => [name, options.map(({ name: option, extra_amount: amount }) => [option, amount])]), [
    ['Size', [['Small', 0], ['Large', 1500]]],
    ['Extras', [['Cheese', 500], ['Bacon', 500], ['Egg', 500]]],
  ]);
  const placed = await order(restaurant, [{ item_id: burger.id, quantity: 2, options: [large.id] }]);
  assert.equal(placed.body.order.total_amount, 15000);
  await restaurant.make('/price-rules', { name: 'All day', amount: 100, ...always });
  const simple = await order(restaurant, [{ item_id: restaurant.dish, quantity: 3 }]);
  assert.deepEqual(simple.body.order.items, [{ item_id: restaurant.dish, name: '비빔밥 Bibimbap', quantity: 3, unit_amount: 100, options: [] }]);
  const all = (await restaurant.call('GET', '')).body.price_rules;
  for (const { id } of all) if (id !== rule.id) await restaurant.call('DELETE', `/price-rules/${id}`);
  await restaurant.call('PATCH', `/price-rules/${rule.id}`, { active: false });
  assert.equal((await itemOf(restaurant, burger.id)).unit_amount, 8000);
  assert.equal((await order(restaurant, [{ item_id: burger.id, quantity: 1, options: [small.id] }])).body.order.total_amount, 8000);
});

test('a change of the menu is an event for the restaurant\'s sockets, at once and only once, and is on record', async () => {
  const restaurant = await open();
  const hub = await Hub.start({});
  const client = hub.connect(`/ws/restaurants/${restaurant.id}/orders`, { token: restaurant.staff });
  await client.opened;
  client.say({ type: 'resume', position: null });
  await client.next('hello');
  await client.next('caught_up');
  const category = await restaurant.make('/categories', { name: 'A' });
  await request('POST', `${ME}/sold-out`, { body: { items: [restaurant.dish], sold_out: true }, token: restaurant.staff });
  const [made, soldOut] = [(await client.next('event')).event, (await client.next('event')).event];
  assert.deepEqual([made.type, made.subject, made.data], ['menu.updated', category.id, { restaurant_id: restaurant.id, kind: 'category', change: 'created', ids: [category.id] }]);
  assert.deepEqual([soldOut.subject, soldOut.data], [restaurant.id, { restaurant_id: restaurant.id, kind: 'availability', change: 'sold_out', ids: [restaurant.dish] }]);
  // Between orders' events they keep their place.
  await request('POST', `${ME}/sold-out`, { body: { items: [restaurant.dish], sold_out: false }, token: restaurant.staff });
  const placed = await order(restaurant, [{ item_id: restaurant.dish, quantity: 1 }]);
  assert.equal((await client.next('event')).event.data.change, 'back');
  assert.equal((await client.next('event')).event.subject, placed.body.order.order_id);
  const records = await sql(`SELECT actor_role, action FROM audit_logs WHERE restaurant_id = '${restaurant.id}' AND action LIKE 'menu.%' ORDER BY at`);
  assert.deepEqual(records.split('\n'), ['owner|menu.category.created', 'staff|menu.availability.sold_out', 'staff|menu.availability.back']);
});

// ---- the cache ----

async function metricOf(own, name) {
  const text = await (await fetch(`http://127.0.0.1:${own.port}/metrics`)).text();
  return Number(text.match(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm'))[1]);
}

test('many who miss at once read once, and then nobody does', async () => {
  const restaurant = await open();
  const own = await start('serve', {});
  const api = `http://127.0.0.1:${own.port}`;
  const reads = () => metricOf(own, 'menu_reads_total');
  const replies = await Promise.all(Array.from({ length: 200 }, () => fetch(`${api}/api/v1/restaurants/${restaurant.id}/menu`)));
  assert.ok(replies.every(({ status }) => status === 200));
  assert.equal(new Set(replies.map(({ headers }) => headers.get('etag'))).size, 1);
  assert.equal(await reads(), 1);
  const before = await metricOf(own, 'cache_hits_total');
  await menuOf(restaurant, api);
  assert.equal(await metricOf(own, 'cache_hits_total'), before + 1);
  assert.equal(await reads(), 1);
  await own.stop();
});

test('whoever changes a menu finds the new one, while others read without end', async () => {
  const restaurant = await open();
  const { id, category_id } = await restaurant.make('/items', { category_id: (await restaurant.make('/categories', { name: 'A' })).id, name: 'A', unit_amount: 0 });
  let over = false;
  const readers = Array.from({ length: 8 }, async () => {
    for (let last = 0; !over; ) {
      const { unit_amount: seen } = await itemOf(restaurant, id);
      assert.ok(seen >= last, 'an older menu came after a newer one');
      last = seen;
    }
  });
  for (let amount = 1; amount <= 40; amount++) {
    await restaurant.call('PUT', `/items/${id}`, { category_id, name: 'A', unit_amount: amount });
    assert.equal((await itemOf(restaurant, id)).unit_amount, amount);
  }
  over = true;
  await Promise.all(readers);
});

test('a menu that was changed is kept no longer, even if nobody has published that', async () => {
  const database = await makeSchema(); // which no worker knows
  const restaurant = await makeRestaurant(database);
  const own = await start('serve', { ORDERSYNC_DATABASE_URL: database, OSY_FAILPOINTS: 'work.before_publish=error' });
  const api = `http://127.0.0.1:${own.port}`;
  const token = await mintToken('owner', restaurant.id);
  assert.equal((await itemOf(restaurant, restaurant.dish, api)).unit_amount, 9000);
  assert.equal((await request('PATCH', `${ME}/items/${restaurant.dish}`, { api, token, body: { unit_amount: 1 } })).status, 200);
  assert.equal((await itemOf(restaurant, restaurant.dish, api)).unit_amount, 1);
  assert.equal((await request('PATCH', '/api/v1/restaurants/me', { api, token, body: { name: 'Another' } })).status, 200);
  assert.equal((await menuOf(restaurant, api)).restaurant.name, 'Another');
  await own.stop();
});

test('without Redis menus come from PostgreSQL', async () => {
  const restaurant = await open();
  const own = await start('serve', { ORDERSYNC_REDIS_URL: 'redis://127.0.0.1:1', ORDERSYNC_REDIS_URLS: '' });
  const menu = await menuOf(restaurant, `http://127.0.0.1:${own.port}`);
  assert.equal(menu.items.length, 2);
  await own.stop();
});

// ---- what was sold ----

test('what is ordered most is counted once, whoever counts', async () => {
  const restaurant = await open();
  const others = [await start('work', { ORDERSYNC_SALES_INTERVAL_MS: '10' }), await start('work', { ORDERSYNC_SALES_INTERVAL_MS: '10' })];
  const popular = async (days) => (await request('GET', `/api/v1/restaurants/${restaurant.id}/popular?days=${days}`)).body.items;
  assert.deepEqual(await popular(1), []);
  const rows = Array.from({ length: 30 }, (_, n) => [{ item_id: restaurant.dish, quantity: 2 }, ...(n < 5 ? [{ item_id: restaurant.counted, quantity: 1 }] : [])]);
  for (const lines of rows) assert.equal((await order(restaurant, lines)).status, 201);
  const whole = [{ item_id: restaurant.dish, name: '비빔밥 Bibimbap', ordered: 60 }, { item_id: restaurant.counted, name: '갈비 Galbi', ordered: 5 }];
  await until('all are counted', async () => (await popular(7))[0]?.ordered >= 60 && (await popular(7)).length === 2);
  assert.deepEqual(await popular(7), whole);
  assert.equal((await order(restaurant, [{ item_id: restaurant.counted, quantity: 3 }])).status, 201);
  await until('that, too', async () => (await popular(7))[1].ordered === 8);
  assert.equal((await popular(7))[0].ordered, 60);
  assertProblem(await request('GET', `/api/v1/restaurants/${restaurant.id}/popular?days=8`), 400, 'INVALID_REQUEST');
  assertProblem(await request('GET', `/api/v1/restaurants/${randomUUID()}/popular`), 404, 'RESTAURANT_NOT_FOUND');
  await Promise.all(others.map((own) => own.stop()));
});

test('a restaurant is told once of what there is little of, and again when it runs low again', async () => {
  const restaurant = await open();
  const others = [await start('work', { ORDERSYNC_STOCK_INTERVAL_MS: '10' }), await start('work', { ORDERSYNC_STOCK_INTERVAL_MS: '10' })];
  const { id } = await restaurant.make('/items', { category_id: (await restaurant.make('/categories', { name: 'A' })).id, name: 'Soup', unit_amount: 1, stock: 5, low_stock: 3 });
  const told = async () => (await sql(`SELECT data FROM order_events WHERE restaurant_id = '${restaurant.id}' AND type = 'menu.low_stock' ORDER BY seq`)).split('\n').filter(Boolean).map(JSON.parse);
  const take = async (quantity) => assert.equal((await order(restaurant, [{ item_id: id, quantity }])).status, 201);
  const soup = (stock) => ({ restaurant_id: restaurant.id, item_id: id, name: 'Soup', stock });
  await take(1);
  await take(1);
  await until('it is told', async () => (await told()).length === 1);
  await take(1);
  await restaurant.call('PUT', `/items/${id}/stock`, { stock: 4 });
  await take(2);
  await until('it is told again', async () => (await told()).length === 2);
  assert.deepEqual(await told(), [soup(3), soup(2)]);
  await Promise.all(others.map((own) => own.stop()));
});
