/** What a restaurant says about itself and how it takes orders: its profile, pauses, busy times, acceptance by itself; and who hears of it. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Hub } from '../hub/hub.mjs';
import { makeSchema, start, until } from './own.mjs';
import { makeRestaurant, mintToken, newOrder, request, sql } from './stack.mjs';

const database = await makeSchema();
const settings = { ORDERSYNC_DATABASE_URL: database, ORDERSYNC_WATCH_INTERVAL_MS: '50', ORDERSYNC_RECONCILE_INTERVAL_MS: '50' };
const api = `http://127.0.0.1:${(await start('serve', settings)).port}`;
await start('work', settings);
const hub = await Hub.start({ ORDERSYNC_DATABASE_URL: database });

const ME = '/api/v1/restaurants/me';
const ask = (text) => sql(text, database);

async function open(change = '') {
  const restaurant = await makeRestaurant(database);
  if (change) await ask(`UPDATE restaurants SET ${change} WHERE id = '${restaurant.id}'`);
  const [staff, owner, customer] = await Promise.all([mintToken('staff', restaurant.id), mintToken('owner', restaurant.id), mintToken('customer')]);
  return { ...restaurant, staff, owner, customer };
}

const send = (method, target, token, body, headers = {}) => request(method, target, { token, body, headers, api });
const look = async (restaurant) => (await send('GET', `/api/v1/restaurants/${restaurant.id}`)).body;
const place = (restaurant) => request('POST', '/api/v1/orders', { body: newOrder(restaurant.id, [[restaurant.dish, 1]]), api });
const audited = async (restaurant) => (await ask(`SELECT string_agg(action || ' ' || actor_role, ',' ORDER BY at) FROM audit_logs WHERE subject_id = '${restaurant.id}'`)).split(',');

async function watch(restaurant) {
  const client = hub.connect(`/ws/restaurants/${restaurant.id}/orders`, { token: restaurant.staff });
  await client.opened;
  client.say({ type: 'resume', position: null });
  await client.next('hello');
  await client.next('caught_up');
  return client;
}

test('a pause refuses orders, says when it ends, and is ended by hand; the tablet hears of both', async () => {
  const restaurant = await open();
  const tablet = await watch(restaurant);
  assert.equal((await look(restaurant)).open, true);
  const paused = await send('POST', `${ME}/pause`, restaurant.staff, { minutes: 30, reason: ' Too much ' });
  assert.equal(paused.status, 200);
  assert.deepEqual([paused.body.open, paused.body.pause_reason, paused.body.opens_at], [false, 'Too much', paused.body.paused_until]);
  const { event } = await tablet.next('event');
  assert.deepEqual([event.type, event.subject, event.data], ['restaurant.paused', restaurant.id, paused.body]);

  const refused = await place(restaurant);
  assert.deepEqual([refused.status, refused.body.code, refused.body.opens_at], [409, 'RESTAURANT_CLOSED', paused.body.paused_until]);

  const resumed = await send('POST', `${ME}/resume`, restaurant.staff);
  assert.deepEqual([resumed.body.open, resumed.body.paused_until, resumed.body.opens_at], [true, null, null]);
  assert.equal((await tablet.next('event')).event.type, 'restaurant.resumed');
  assert.equal((await place(restaurant)).status, 201);
  assert.deepEqual(await audited(restaurant), ['restaurant.paused staff', 'restaurant.resumed staff']);

  const again = await send('POST', `${ME}/resume`, restaurant.staff);
  assert.deepEqual([again.status, again.body], [200, resumed.body]); // nothing happened
});

test('a pause and a busy time end by themselves, also when no worker was there at that moment', async () => {
  const restaurant = await open();
  await ask(`UPDATE restaurants SET paused_until = now() - interval '1 hour', pause_reason = 'x', busy_until = now() - interval '1 hour', busy_minutes = 5, prep_minutes = 10
              WHERE id = '${restaurant.id}'`);
  const seen = await look(restaurant);
  assert.deepEqual([seen.open, seen.paused_until, seen.busy_until, seen.prep_minutes], [true, null, null, 10]); // whatever the worker has done
  await until('cleared away', async () => (await ask(`SELECT paused_until IS NULL AND busy_until IS NULL FROM restaurants WHERE id = '${restaurant.id}'`)) === 't');
  assert.deepEqual(await audited(restaurant), ['restaurant.resumed system']);
});

test('the tablet hears of a pause that ends by itself', async () => {
  const restaurant = await open();
  const tablet = await watch(restaurant);
  await send('POST', `${ME}/pause`, restaurant.staff, { until: new Date(Date.now() + 1000).toISOString() });
  assert.equal((await tablet.next('event')).event.type, 'restaurant.paused');
  const { event } = await tablet.next('event');
  assert.deepEqual([event.type, event.data.open], ['restaurant.resumed', true]);
});

test('a busy time adds to what orders take, until it ends', async () => {
  const restaurant = await open('prep_minutes = 20');
  const tablet = await watch(restaurant);
  const busy = await send('POST', `${ME}/busy`, restaurant.staff, { minutes: 60, extra_minutes: 15 });
  assert.deepEqual([busy.status, busy.body.prep_minutes, busy.body.open], [200, 35, true]);
  assert.equal((await tablet.next('event')).event.type, 'restaurant.busy');
  const ended = await send('DELETE', `${ME}/busy`, restaurant.staff);
  assert.deepEqual([ended.body.prep_minutes, ended.body.busy_until], [20, null]);
  assert.equal((await tablet.next('event')).event.type, 'restaurant.busy_ended');
  const again = await send('DELETE', `${ME}/busy`, restaurant.staff);
  assert.deepEqual([again.status, again.body], [200, ended.body]);
});

test('a pause that makes no sense is refused by name', async () => {
  const restaurant = await open();
  const cases = [
    ['pause', {}, 'minutes'],
    ['pause', { minutes: 0 }, 'minutes'],
    ['pause', { minutes: 10081 }, 'minutes'],
    ['pause', { minutes: 5, until: '2030-01-01T00:00:00.000Z' }, 'until'],
    ['pause', { until: '2020-01-01T00:00:00.000Z' }, 'until'],
    ['pause', { until: 'tomorrow' }, 'until'],
    ['pause', { minutes: 5, reason: ' ' }, 'reason'],
    ['pause', { minutes: 5, more: 1 }, 'more'],
    ['busy', { minutes: 5 }, 'extra_minutes'],
    ['busy', { minutes: 5, extra_minutes: 241 }, 'extra_minutes'],
    ['busy', { extra_minutes: 5 }, 'minutes'],
  ];
  for (const [what, body, field] of cases) {
    const reply = await send('POST', `${ME}/${what}`, restaurant.staff, body);
    assert.deepEqual([reply.status, reply.body.code], [400, 'INVALID_REQUEST'], JSON.stringify(body));
    assert.match(reply.body.detail, new RegExp(`'${field}'`));
  }
  assert.equal((await look(restaurant)).open, true);
});

test('a change is refused to whoever has not seen the last one', async () => {
  const restaurant = await open();
  const first = await send('GET', `${ME}/settings`, restaurant.owner);
  const tag = first.headers.get('etag');
  assert.equal(tag, `"${first.body.version}"`);
  const won = await send('PATCH', `${ME}/settings`, restaurant.owner, { prep_minutes: 15 }, { 'if-match': tag });
  assert.deepEqual([won.status, won.body], [200, { ...first.body, prep_minutes: 15, version: first.body.version + 1 }]);
  assert.equal(won.headers.get('etag'), `"${won.body.version}"`);
  for (const [method, target, body] of [
    ['PATCH', 'settings', { prep_minutes: 5 }],
    ['POST', 'pause', { minutes: 5 }],
    ['PUT', 'hours', { time_zone: 'Asia/Seoul', weekly: {} }],
  ]) {
    const lost = await send(method, `${ME}/${target}`, restaurant.owner, body, { 'if-match': tag });
    assert.deepEqual([lost.status, lost.body.code, lost.body.version], [412, 'VERSION_CONFLICT', won.body.version]);
  }
  assert.equal((await send('PATCH', `${ME}/settings`, restaurant.owner, { prep_minutes: 5 }, { 'if-match': 'x' })).status, 400);
  assert.deepEqual((await send('GET', `${ME}/settings`, restaurant.owner)).body, won.body);
});

test('settings can be changed one by one, and null is a value only where it means something', async () => {
  const restaurant = await open();
  const before = (await send('GET', `${ME}/settings`, restaurant.owner)).body;
  const patch = (body) => send('PATCH', `${ME}/settings`, restaurant.owner, body);
  assert.deepEqual((await patch({ reject_after_s: null, auto_accept_after_s: 30 })).body, { ...before, reject_after_s: null, auto_accept_after_s: 30, version: before.version + 1 });
  assert.equal((await patch({ auto_accept_after_s: null })).body.auto_accept_after_s, null);
  for (const [body, field] of [
    [{ accepting: null }, 'accepting'],
    [{ offline_after_s: null }, 'offline_after_s'],
    [{ prep_minutes: 0 }, 'prep_minutes'],
    [{ auto_accept_after_s: -1 }, 'auto_accept_after_s'],
    [{ name: 'x' }, 'name'],
    [{}, ''],
  ]) {
    const { status, body: problem } = await patch(body);
    assert.equal(status, 400);
    if (field) assert.match(problem.detail, new RegExp(`'${field}'`));
  }
});

test('the switch closes a restaurant, and nobody knows until when', async () => {
  const restaurant = await open();
  await send('PATCH', `${ME}/settings`, restaurant.owner, { accepting: false });
  const { open: isOpen, opens_at: opensAt } = await look(restaurant);
  assert.deepEqual([isOpen, opensAt], [false, null]);
  const refused = await place(restaurant);
  assert.deepEqual([refused.body.code, refused.body.opens_at], ['RESTAURANT_CLOSED', null]);
});

test('a restaurant that accepts by itself does so at once, or after a while unless somebody was faster', async () => {
  const restaurant = await open('auto_accept_after_s = 0, prep_minutes = 10');
  const tablet = await watch(restaurant);
  const placed = (await place(restaurant)).body.order;
  const [created, accepted] = [await tablet.next('event'), await tablet.next('event')];
  assert.deepEqual([created.event.type, accepted.event.type, accepted.event.data.order_id], ['order.created', 'order.accepted', placed.order_id]);
  assert.ok(accepted.event.data.ready_at);
  assert.equal(await ask(`SELECT changed_by FROM orders WHERE id = '${placed.order_id}'`), 'system');

  const patient = await open('auto_accept_after_s = 3600');
  const waiting = (await place(patient)).body.order;
  assert.equal(await ask(`SELECT accept_at - created_at FROM orders WHERE id = '${waiting.order_id}'`), '01:00:00');
  const taken = await send('POST', `${ME}/orders/${waiting.order_id}/accept`, patient.staff);
  assert.equal(taken.status, 200);
});

test('a profile is for customers by its name, for its people whole, and its business for its owner', async () => {
  const restaurant = await open();
  const tablet = await watch(restaurant);
  const business = { phone: 'CANARY 02-0000-0000', address: 'CANARY 1 Main Street', registration_number: 'CANARY 000-00', representative: 'CANARY Owner' };
  const changed = await send('PATCH', ME, restaurant.owner, { name: ' Bap ', description: 'Rice\nand soups', ...business });
  assert.equal(changed.status, 200);
  const { version, ...profile } = changed.body;
  assert.deepEqual(profile, { restaurant_id: restaurant.id, name: 'Bap', description: 'Rice\nand soups', currency: 'KRW', time_zone: 'Asia/Seoul', ...business });
  assert.deepEqual((await send('GET', ME, restaurant.owner)).body, changed.body);
  const seen = (await send('GET', ME, restaurant.staff)).body;
  assert.deepEqual(Object.keys(seen), ['restaurant_id', 'name', 'description', 'currency', 'time_zone', 'version']);

  const { event } = await tablet.next('event');
  assert.deepEqual([event.type, event.data.name, event.data.version], ['restaurant.updated', 'Bap', version]);
  assert.equal(event.data.description, 'Rice\nand soups');
  assert.ok(!JSON.stringify([event, await look(restaurant)]).includes('CANARY'));
  const stored = await ask(`SELECT to_json(p)::text || coalesce((SELECT string_agg(to_json(a)::text, '') FROM audit_logs a), '') FROM restaurant_profiles p WHERE restaurant_id = '${restaurant.id}'`);
  assert.ok(!stored.includes('CANARY') && !stored.includes(Buffer.from('CANARY').toString('hex')));

  assert.equal(await ask(`SELECT count(old_value) || ' ' || count(new_value) FROM audit_logs WHERE subject_id = '${restaurant.id}'`), '1 1');

  const part = await send('PATCH', ME, restaurant.owner, { phone: null });
  assert.deepEqual(part.body, { ...changed.body, phone: null, version: version + 1 });
});

test('a profile that makes no sense is refused by name', async () => {
  const restaurant = await open();
  for (const [body, field] of [
    [{ name: '' }, 'name'],
    [{ name: ' ' }, 'name'],
    [{ name: null }, 'name'],
    [{ description: null }, 'description'],
    [{ phone: 'x'.repeat(33) }, 'phone'],
    [{ address: 'two\nlines' }, 'address'],
    [{ currency: 'EUR' }, 'currency'],
    [{}, ''],
  ]) {
    const { status, body: problem } = await send('PATCH', ME, restaurant.owner, body);
    assert.equal(status, 400, JSON.stringify(body));
    if (field) assert.match(problem.detail, new RegExp(`'${field}'`));
  }
});

test('a restaurant is run by its people, and changed by its owner', async () => {
  const [restaurant, other] = [await open(), await open()];
  const admin = await mintToken('admin');
  const everything = [
    ['GET', ME, undefined, true],
    ['PATCH', ME, { name: 'x' }, false],
    ['GET', `${ME}/hours`, undefined, true],
    ['PUT', `${ME}/hours`, { time_zone: 'Asia/Seoul', weekly: null }, false],
    ['PATCH', `${ME}/settings`, { prep_minutes: 5 }, false],
    ['POST', `${ME}/pause`, { minutes: 5 }, true],
    ['POST', `${ME}/resume`, undefined, true],
    ['POST', `${ME}/busy`, { minutes: 5, extra_minutes: 5 }, true],
    ['DELETE', `${ME}/busy`, undefined, true],
  ];
  for (const [method, target, body, isForStaff] of everything) {
    const named = `${target}?restaurant_id=${restaurant.id}`;
    const statuses = [];
    for (const token of [undefined, restaurant.customer, other.owner, restaurant.staff, restaurant.owner, admin]) statuses.push((await send(method, named, token, body)).status);
    assert.deepEqual(statuses, [401, 403, 404, isForStaff ? 200 : 403, 200, 200], `${method} ${target}`);
    assert.equal((await send(method, `${target}?restaurant_id=01890000-0000-7000-8000-00000000dead`, admin, body)).status, 404);
  }
  assert.equal((await send('GET', '/api/v1/restaurants/01890000-0000-7000-8000-00000000dead')).status, 404);
  assert.equal((await send('GET', '/api/v1/restaurants/x')).status, 400);
});

test('a pause that is repeated with its key is the first one', async () => {
  const restaurant = await open();
  const pause = () => request('POST', `${ME}/pause`, { token: restaurant.staff, body: { minutes: 30 }, key: 'pause-1', api });
  const first = await pause();
  assert.deepEqual((await pause()).body, first.body);
  assert.deepEqual(await audited(restaurant), ['restaurant.paused staff']);
});
