/** What a restaurant chooses, which devices it has, and what became of its orders. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Hub } from '../hub/hub.mjs';
import { makeSchema, start, until } from './own.mjs';
import { makeRestaurant, mintToken, newOrder, request, sql } from './stack.mjs';

const database = await makeSchema();
const settings = { ORDERSYNC_DATABASE_URL: database, ORDERSYNC_PRESENCE_INTERVAL_MS: '50', ORDERSYNC_WATCH_INTERVAL_MS: '50' };
const api = `http://127.0.0.1:${(await start('serve', settings)).port}`;
await start('work', settings);
const hub = await Hub.start({ ORDERSYNC_DATABASE_URL: database, ORDERSYNC_REPORT_INTERVAL_MS: '20' });

const SETTINGS = '/api/v1/restaurants/me/settings';
const DEVICES = '/api/v1/restaurants/me/devices';
/** What a PUT need not name, and so leaves. */
const RECENT = { accepting: true, auto_accept_after_s: null, prep_minutes: null };
const DEFAULTS = { offline_after_s: 300, refuse_when_unreachable: true, display_within_s: 20, accept_within_s: 90, reject_after_s: 600 };

async function open() {
  const restaurant = await makeRestaurant(database);
  const [staff, owner] = await Promise.all(['staff', 'owner'].map((role) => mintToken(role, restaurant.id)));
  return { ...restaurant, staff, owner };
}

async function connect(restaurant, device) {
  const client = hub.connect(`/ws/restaurants/${restaurant.id}/orders`, { token: restaurant.staff });
  await client.opened;
  client.say({ type: 'resume', position: null, device });
  await client.next('hello');
  await client.next('caught_up');
  return client;
}

const get = (target, token) => request('GET', target, { token, api });
const put = (body, token) => request('PUT', SETTINGS, { token, body, api });

async function place(restaurant) {
  const { status, body } = await request('POST', '/api/v1/orders', { body: newOrder(restaurant.id, [[restaurant.dish, 1]]), api });
  assert.equal(status, 201);
  return body;
}

test('settings have defaults, are changed as a whole, and who did it is on record', async () => {
  const restaurant = await open();
  assert.deepEqual((await get(SETTINGS, restaurant.staff)).body, { restaurant_id: restaurant.id, ...DEFAULTS, ...RECENT, version: 1 });
  const chosen = { offline_after_s: 60, refuse_when_unreachable: false, display_within_s: 5, accept_within_s: 30, reject_after_s: null };
  const reply = await put(chosen, restaurant.owner);
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.body, { restaurant_id: restaurant.id, ...chosen, ...RECENT, version: 2 });
  assert.deepEqual((await get(SETTINGS, restaurant.owner)).body, reply.body);
  const records = await sql(`SELECT actor_role FROM audit_logs WHERE action = 'restaurant.updated' AND subject_id = '${restaurant.id}'`, database);
  assert.equal(records, 'owner');
});

test('settings that make no sense are refused by name, and nothing changes', async () => {
  const restaurant = await open();
  const cases = [
    ...Object.keys(DEFAULTS).map((name) => [{ [name]: undefined }, name]),
    [{ offline_after_s: 9 }, 'offline_after_s'],
    [{ offline_after_s: 86401 }, 'offline_after_s'],
    [{ offline_after_s: '60' }, 'offline_after_s'],
    [{ refuse_when_unreachable: 1 }, 'refuse_when_unreachable'],
    [{ refuse_when_unreachable: null }, 'refuse_when_unreachable'],
    [{ display_within_s: 0 }, 'display_within_s'],
    [{ accept_within_s: 3601 }, 'accept_within_s'],
    [{ reject_after_s: 0 }, 'reject_after_s'],
    [{ reject_after_s: 1.5 }, 'reject_after_s'],
    [{ more: 1 }, 'more'],
  ];
  for (const [change, name] of cases) {
    const { status, body } = await put({ ...DEFAULTS, ...change }, restaurant.owner);
    assert.equal(status, 400, name);
    assert.match(body.detail, new RegExp(`'${name}'`));
  }
  assert.deepEqual((await get(SETTINGS, restaurant.staff)).body, { restaurant_id: restaurant.id, ...DEFAULTS, ...RECENT, version: 1 });
});

test('settings and devices are for the restaurant\'s people; to change them, for its owner', async () => {
  const [restaurant, other] = [await open(), await open()];
  const admin = await mintToken('admin');
  for (const target of [SETTINGS, DEVICES]) {
    assert.equal((await get(target)).status, 401);
    assert.equal((await get(target, await mintToken('customer'))).status, 403);
    assert.equal((await get(`${target}?restaurant_id=${restaurant.id}`, other.owner)).status, 404);
    assert.equal((await get(`${target}?restaurant_id=${restaurant.id}`, admin)).status, 200);
    assert.equal((await get(`${target}?restaurant_id=01890000-0000-7000-8000-00000000dead`, admin)).status, 404);
  }
  assert.equal((await put(DEFAULTS, restaurant.staff)).status, 403);
  const unknown = await request('PUT', `${SETTINGS}?restaurant_id=01890000-0000-7000-8000-00000000dead`, { token: admin, body: DEFAULTS, api });
  assert.equal(unknown.status, 404);
});

test('devices are listed with when they came and went, and whether orders reach the restaurant', async () => {
  const restaurant = await open();
  const list = async () => (await get(DEVICES, restaurant.staff)).body;
  assert.deepEqual(await list(), { restaurant_id: restaurant.id, reachable: null, since: null, devices: [] });
  const [bar] = [await connect(restaurant, 'bar'), await connect(restaurant, 'till')];
  await until('reachable', async () => (await list()).reachable);
  await until('both are listed', async () => (await list()).devices.length === 2);
  bar.socket.close();
  const { reachable, since, devices } = await until('the bar has left', async () => {
    const now = await list();
    return now.devices.some(({ left_at: left }) => left) && now;
  });
  assert.equal(reachable, true);
  assert.ok(since);
  assert.deepEqual(devices.map(({ device, left_at: left }) => [device, Boolean(left)]), [['till', false], ['bar', true]]);
});

test('a timeline tells what happened to an order, who did it and which devices it reached, in order', async () => {
  const restaurant = await open();
  const till = await connect(restaurant, 'till');
  const placed = await place(restaurant);
  const id = placed.order.order_id;
  const timeline = async (token = restaurant.staff) => get(`/api/v1/orders/${id}/timeline`, token);
  const kinds = async () => (await timeline()).body.entries.map(({ kind, type, device }) => [kind, type ?? device]);
  assert.deepEqual(await kinds(), [['event', 'order.created']]);

  const { position } = await till.next('event');
  till.say({ type: 'ack', position, state: 'received', device: 'till' });
  await until('received', async () => (await kinds()).length === 2);
  till.say({ type: 'ack', position, state: 'displayed', device: 'till' });
  await until('displayed', async () => (await kinds()).length === 3);
  await request('POST', `/api/v1/restaurants/me/orders/${id}/accept`, { token: restaurant.staff, api });
  assert.deepEqual(await kinds(), [['event', 'order.created'], ['received', 'till'], ['displayed', 'till'], ['event', 'order.accepted']]);

  const { body } = await timeline(restaurant.owner);
  assert.equal(body.status, 'ACCEPTED');
  assert.deepEqual(body.entries.map(({ at }) => at), body.entries.map(({ at }) => at).sort());
  const [created, , , accepted] = body.entries;
  assert.deepEqual([created.by, created.user_id], ['guest', null]);
  assert.equal(accepted.by, 'staff');
  assert.equal(accepted.user_id, JSON.parse(Buffer.from(restaurant.staff.split('.')[1], 'base64url')).sub);
});

test('a timeline tells of escalation, once', async () => {
  const restaurant = await open();
  await put({ ...DEFAULTS, display_within_s: 1, accept_within_s: 3600, reject_after_s: null }, restaurant.owner);
  const { order } = await place(restaurant);
  const timeline = async () => (await get(`/api/v1/orders/${order.order_id}/timeline`, restaurant.staff)).body;
  await until('alerted', async () => (await timeline()).entries.length === 2);
  await put({ ...DEFAULTS, display_within_s: 1, accept_within_s: 3600, reject_after_s: 2 }, restaurant.owner);
  /* A change of the limits is seen within a minute; a worker that was held up for long rejects without an alert. */
  await until('it has waited for so long', async () => (await sql(`SELECT now() > created_at + interval '2 s' FROM orders WHERE id = '${order.order_id}'`, database)) === 't');
  await sql(`UPDATE order_watches SET next_at = now() WHERE order_id = '${order.order_id}'`, database);
  const entries = await until('rejected', async () => {
    const { status, entries } = await timeline();
    return status === 'REJECTED' && entries;
  });
  assert.deepEqual(entries.map(({ kind, type, action }) => [kind, type ?? action]), [['event', 'order.created'], ['escalation', 'alert'], ['event', 'order.rejected']]);
  assert.equal(entries[1].reason, 'not_displayed');
  assert.equal(entries[2].by, 'system');
});

test('a timeline is not for guests, and nobody learns of foreign orders by it', async () => {
  const [restaurant, other] = [await open(), await open()];
  const { order, tracking_token: guest } = await place(restaurant);
  const target = `/api/v1/orders/${order.order_id}/timeline`;
  assert.equal((await get(target)).status, 401);
  assert.equal((await get(target, guest)).status, 403);
  assert.equal((await get(target, other.owner)).status, 404);
  assert.equal((await get(target, await mintToken('admin'))).status, 200);
  assert.equal((await get('/api/v1/orders/01890000-0000-7000-8000-00000000dead/timeline', restaurant.staff)).status, 404);
  assert.equal((await get('/api/v1/orders/x/timeline', restaurant.staff)).status, 400);
});
