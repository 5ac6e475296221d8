/** Whether orders can reach a restaurant: devices that come and go, hubs that die, and what is refused meanwhile. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { Hub } from '../hub/hub.mjs';
import { Link } from '../hub/link.mjs';
import { makeSchema, start, until } from './own.mjs';
import { env, makeRestaurant, mintToken, newOrder, request, sql } from './stack.mjs';

const database = await makeSchema();
const settings = { ORDERSYNC_DATABASE_URL: database, ORDERSYNC_PRESENCE_INTERVAL_MS: '50', ORDERSYNC_PRESENCE_GRACE_MS: '0' };
const api = `http://127.0.0.1:${(await start('serve', settings)).port}`;
for (let i = 0; i < 2; i++) await start('work', settings); // they must not get into each other's way

const startHub = (more = {}) => Hub.start({ ORDERSYNC_DATABASE_URL: database, ORDERSYNC_REPORT_INTERVAL_MS: '20', ...more });
const ask = (text) => sql(text, database);

async function open() {
  const restaurant = await makeRestaurant(database);
  return { ...restaurant, token: await mintToken('staff', restaurant.id) };
}

async function connect(hub, restaurant, device) {
  const client = hub.connect(`/ws/restaurants/${restaurant.id}/orders`, { token: restaurant.token });
  await client.opened;
  client.say({ type: 'resume', position: null, device });
  await client.next('hello');
  return client;
}

const order = (restaurant) => request('POST', '/api/v1/orders', { body: newOrder(restaurant.id, [[restaurant.dish, 1]]), api });
const reachable = (restaurant) => ask(`SELECT reachable FROM restaurant_reachability WHERE restaurant_id = '${restaurant.id}'`);
const becomes = (restaurant, state) => until(`reachable: ${state}`, async () => (await reachable(restaurant)) === state);
const leftAt = (restaurant, device) => ask(`SELECT left_at FROM devices WHERE restaurant_id = '${restaurant.id}' AND device = '${device}'`);
/** As if the device had left long ago: nobody waits for minutes here. */
const longAgo = (restaurant) => ask(`UPDATE devices SET left_at = now() - interval '1 hour' WHERE restaurant_id = '${restaurant.id}' AND left_at IS NOT NULL`);

async function goAway(restaurant, client, device) {
  client.socket.close();
  await until(`${device} has left`, () => leftAt(restaurant, device));
  await longAgo(restaurant);
  await becomes(restaurant, 'f');
}

test('a restaurant to which no device has ever come takes orders', async () => {
  const restaurant = await open();
  assert.equal((await order(restaurant)).status, 201);
  assert.equal(await reachable(restaurant), '');
});

test('without a device for too long orders are refused, and taken again when one is back', async () => {
  const restaurant = await open();
  const hub = await startHub();
  const client = await connect(hub, restaurant, 'till');
  await becomes(restaurant, 't');
  assert.equal((await order(restaurant)).status, 201);

  client.socket.close();
  await until('it has left', () => leftAt(restaurant, 'till'));
  assert.equal((await order(restaurant)).status, 201, 'a moment is not too long');
  await longAgo(restaurant);
  await becomes(restaurant, 'f');
  const refused = await order(restaurant);
  assert.equal(refused.status, 409);
  assert.equal(refused.body.code, 'RESTAURANT_UNREACHABLE');

  await ask(`UPDATE restaurants SET refuse_when_unreachable = false WHERE id = '${restaurant.id}'`);
  assert.equal((await order(restaurant)).status, 201, 'a restaurant may want them all the same');
  await ask(`UPDATE restaurants SET refuse_when_unreachable = true WHERE id = '${restaurant.id}'`);

  const back = await connect(hub, restaurant, 'till');
  await becomes(restaurant, 't');
  assert.equal((await order(restaurant)).status, 201);
  back.socket.close();
  await hub.stop();
});

test('one device of several is enough', async () => {
  const restaurant = await open();
  const hub = await startHub();
  const [kitchen, bar] = [await connect(hub, restaurant, 'kitchen'), await connect(hub, restaurant, 'bar')];
  await becomes(restaurant, 't');
  kitchen.socket.close();
  await until('it has left', () => leftAt(restaurant, 'kitchen'));
  await longAgo(restaurant);
  const other = await open();
  const witness = await connect(hub, other, 'witness');
  await becomes(other, 't'); // a look later
  await goAway(other, witness, 'witness');
  assert.equal(await reachable(restaurant), 't');
  await goAway(restaurant, bar, 'bar');
  await hub.stop();
});

test('devices of a hub that was killed count as seen until its lease ends, and those that moved on as here', async () => {
  const [moving, staying] = [await open(), await open()];
  const dying = await startHub({ ORDERSYNC_LEASE_MS: '1000' });
  const hub = await startHub();
  await connect(dying, moving, 'till');
  await connect(dying, staying, 'till');
  await becomes(moving, 't');
  await becomes(staying, 't');
  const lease = await ask(`SELECT l.incarnation FROM hub_leases l JOIN devices d USING (incarnation) WHERE d.restaurant_id = '${staying.id}'`);
  dying.process.kill('SIGKILL');
  await dying.exited;
  const moved = await connect(hub, moving, 'till');
  await until('the lease is cleared away', async () => (await ask(`SELECT count(*) FROM hub_leases WHERE incarnation = '${lease}'`)) === '0');
  assert.ok(await leftAt(staying, 'till'));
  assert.equal(await leftAt(moving, 'till'), '');
  assert.equal(await reachable(moving), 't');
  assert.equal(await reachable(staying), 't', 'its devices may come back within offline_after_s');
  await longAgo(staying);
  await becomes(staying, 'f');
  assert.equal(await reachable(moving), 't');
  moved.socket.close();
  await hub.stop();
});

test('a hub whose lease was cleared away while it lived tells of its devices again', async () => {
  const restaurant = await open();
  const hub = await startHub({ ORDERSYNC_LEASE_MS: '1000' });
  const client = await connect(hub, restaurant, 'till');
  await becomes(restaurant, 't');
  hub.process.kill('SIGSTOP');
  await until('it counts as dead', () => leftAt(restaurant, 'till'));
  hub.process.kill('SIGCONT');
  await until('it is back', async () => (await leftAt(restaurant, 'till')) === '');
  assert.equal(await ask(`SELECT count(*) FROM hub_leases JOIN devices USING (incarnation) WHERE restaurant_id = '${restaurant.id}'`), '1');
  client.socket.close();
  await hub.stop();
});

test('when PostgreSQL comes back hubs get time to report, and nobody becomes unreachable meanwhile', async (t) => {
  const own = await makeSchema();
  const inOwn = (text) => sql(text, own);
  const make = async () => {
    const restaurant = await makeRestaurant(own);
    return { ...restaurant, token: await mintToken('staff', restaurant.id) };
  };
  const [restaurant, forsaken] = [await make(), await make()];
  const stateOf = ({ id }) => inOwn(`SELECT reachable, since FROM restaurant_reachability WHERE restaurant_id = '${id}'`);
  const links = [await Link.to(own), await Link.to(own)];
  t.after(() => links.forEach((link) => link.close()));
  const hub = await startHub({ ORDERSYNC_DATABASE_URL: links[0].url, ORDERSYNC_LEASE_MS: '1000' });
  const worker = await start('work', { ...settings, ORDERSYNC_DATABASE_URL: links[1].url, ORDERSYNC_PRESENCE_GRACE_MS: '3000' });
  const [here, gone] = [await connect(hub, restaurant, 'till'), await connect(hub, forsaken, 'till')];
  for (const one of [restaurant, forsaken]) await until('reachable', async () => (await stateOf(one)).startsWith('t'));
  const before = await stateOf(restaurant);

  links.forEach((link) => link.cut());
  gone.socket.close();
  await worker.logged('background_task_failing');
  await until('its lease has ended', async () => (await inOwn('SELECT expires_at < now() FROM hub_leases')) === 't');
  await inOwn(`UPDATE hub_leases SET expires_at = now() - interval '1 hour';
               UPDATE devices SET connected_at = now() - interval '2 hours'`);
  links[1].restore(); // the worker comes first
  await worker.logged('background_task_recovered');
  links[0].restore();
  await until('the device has left', () => inOwn(`SELECT left_at FROM devices WHERE restaurant_id = '${forsaken.id}'`));
  await inOwn(`UPDATE devices SET left_at = now() - interval '1 hour' WHERE restaurant_id = '${forsaken.id}'`);
  await until('who is away for too long is judged', async () => (await stateOf(forsaken)).startsWith('f'));
  assert.equal(await stateOf(restaurant), before);
  here.socket.close();
  await hub.stop();
  await worker.stop();
});

/** Subscribes, by Redis' own protocol; the function that is returned waits for the next message. */
async function listen(t, channel) {
  const { hostname, port, password } = new URL(env.REDIS_URL);
  const socket = net.connect(Number(port), hostname);
  t.after(() => socket.destroy());
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const seek = async (wanted) => {
    for (;;) {
      const { value, done } = await lines.next();
      assert.ok(!done && !value.startsWith('-'), `Redis: ${value}`);
      if (value === wanted) return;
    }
  };
  socket.write(`AUTH ${password}\r\nSUBSCRIBE ${channel}\r\n`);
  await seek('subscribe');
  return () => seek('changed');
}

test('whatever changes is announced on the restaurant\'s channel', async (t) => {
  const restaurant = await open();
  const announced = await listen(t, `os:{${restaurant.id}}:presence`);
  const hub = await startHub();
  const client = await connect(hub, restaurant, 'till');
  await announced(); // the hub: it came
  await announced(); // a worker: reachable
  client.socket.close();
  await announced(); // the hub: it left
  await longAgo(restaurant);
  await announced(); // a worker: no longer reachable
  await hub.stop();
});
