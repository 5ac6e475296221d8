/** One socket for many restaurants: what is chosen, what comes, and what may not be seen. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Gate, Hub, OTHER_RESTAURANT, RESTAURANT, acceptOrder, mintToken, placeOrder, seed, stack, staffToken, until } from './hub.mjs';

const TIMEOUT = { timeout: 60_000 };
const BOTH = ['--restaurant', RESTAURANT, '--restaurant', OTHER_RESTAURANT];
const FROM_NOW = { [RESTAURANT]: null, [OTHER_RESTAURANT]: null };

let hub, owner, ownerId, staff;
before(async () => {
  await seed();
  ownerId = randomUUID();
  [hub, owner, staff] = await Promise.all([
    Hub.start(),
    mintToken('--role', 'owner', '--subject', ownerId, ...BOTH),
    staffToken(),
  ]);
});
after(() => hub?.stop());

const ofType = (messages, ...types) => messages.filter(({ type }) => types.includes(type));
const subjects = (messages, id) =>
  ofType(messages, 'event')
    .filter(({ restaurant_id: restaurant }) => restaurant === id)
    .map(({ event }) => event.subject);

/** Reads on until all these restaurants are caught up; returns their positions. */
async function caughtUp(client, ...restaurants) {
  const positions = {};
  while (restaurants.some((id) => !(id in positions))) {
    const { restaurant_id: id, position } = (await client.through('caught_up')).at(-1);
    assert.ok(!(id in positions), 'caught up twice');
    positions[id] = position;
  }
  return positions;
}

/** Reads on until that order's event of that type has come. */
async function eventOf(client, order, type = 'order.created') {
  for (;;) {
    const message = (await client.through('event')).at(-1);
    if (message.event.subject === order.order_id && message.event.type === type) return message;
  }
}

describe('a dashboard', TIMEOUT, () => {
  test('is greeted before it has chosen, and then told of both restaurants', async () => {
    const client = hub.connect('/ws/dashboard', { token: owner });
    await client.opened;
    const hello = await client.next('hello');
    assert.equal(hello.position, undefined);
    assert.ok(hello.view_age_ms < hello.stale_after_ms);
    client.choose(FROM_NOW);
    await caughtUp(client, RESTAURANT, OTHER_RESTAURANT);
    for (const id of [RESTAURANT, OTHER_RESTAURANT]) {
      const { order } = await placeOrder(id);
      const message = await eventOf(client, order);
      assert.equal(message.restaurant_id, id);
      assert.equal(message.event.source, `/restaurants/${id}`);
    }
    assert.equal(await hub.metric('sockets', '{kind="dashboard"}'), 1);
    client.socket.close();
  });

  test('gets what each restaurant missed it for, and positions work for tablets, too', async () => {
    const first = await hub.dashboard(owner, FROM_NOW);
    const positions = await caughtUp(first, RESTAURANT, OTHER_RESTAURANT);
    const missed = { [RESTAURANT]: [], [OTHER_RESTAURANT]: [] };
    for (const id of [RESTAURANT, OTHER_RESTAURANT, RESTAURANT]) {
      const { order } = await placeOrder(id);
      missed[id].push(order.order_id);
      await eventOf(first, order);
    }
    first.socket.close();

    const second = await hub.dashboard(owner, positions);
    await caughtUp(second, RESTAURANT, OTHER_RESTAURANT);
    for (const id of Object.keys(missed)) assert.deepEqual(subjects(second.messages, id), missed[id]);
    second.socket.close();

    const tablet = await hub.tablet(staff, positions[RESTAURANT]);
    await tablet.through('caught_up');
    const events = ofType(tablet.messages, 'event');
    assert.deepEqual(events.map(({ event }) => event.subject), missed[RESTAURANT]);
    assert.ok(events.every((event) => !('restaurant_id' in event)));
    tablet.socket.close();
  });

  test('is reset for one restaurant only', async () => {
    const bytes = Buffer.alloc(25, 7);
    bytes.writeUInt8(1, 0);
    bytes.writeBigUInt64BE(1n, 1);
    const client = await hub.dashboard(owner, { ...FROM_NOW, [RESTAURANT]: bytes.toString('base64url') });
    await caughtUp(client, OTHER_RESTAURANT);
    await until(() => ofType(client.messages, 'reset').length === 1);
    assert.equal(ofType(client.messages, 'reset')[0].restaurant_id, RESTAURANT);
    const { order } = await placeOrder();
    await eventOf(client, order);
    client.socket.close();
  });

  test('changes its choice under load, and what stays chosen goes on undisturbed', async () => {
    const patient = await Hub.start({ ORDERSYNC_MESSAGE_BURST: '1000000' });
    const client = await patient.dashboard(owner, FROM_NOW);
    await caughtUp(client, RESTAURANT, OTHER_RESTAURANT);
    const witness = await patient.dashboard(owner, FROM_NOW);
    await caughtUp(witness, RESTAURANT, OTHER_RESTAURANT);

    const placed = { [RESTAURANT]: [], [OTHER_RESTAURANT]: [] };
    let isOver = false;
    const load = Object.keys(placed).map(async (id) => {
      for (let i = 0; i < 50; i++) placed[id].push((await placeOrder(id)).order.order_id);
    });
    const ended = Promise.all(load).finally(() => (isOver = true));
    while (!isOver) {
      client.choose({ [RESTAURANT]: null }); // that null concerns only those that begin
      client.say({ type: 'ping' });
      await client.through('pong');
      const dropped = client.messages.length;
      client.say({ type: 'ping' });
      await client.through('pong');
      assert.deepEqual(subjects(client.messages.slice(dropped), OTHER_RESTAURANT), []);
      client.choose(FROM_NOW);
      await caughtUp(client, OTHER_RESTAURANT);
    }
    await ended;
    for (const id of Object.keys(placed)) {
      const { order } = await placeOrder(id);
      placed[id].push(order.order_id);
      await Promise.all([eventOf(client, order), eventOf(witness, order)]);
    }
    const all = subjects(witness.messages, RESTAURANT);
    assert.deepEqual([...all].sort(), [...placed[RESTAURANT]].sort());
    assert.deepEqual(subjects(client.messages, RESTAURANT), all);
    // Of the other one: a part of them, in order, each once.
    const others = subjects(witness.messages, OTHER_RESTAURANT);
    const seen = subjects(client.messages, OTHER_RESTAURANT);
    assert.deepEqual(seen, others.filter((id) => seen.includes(id)));
    client.socket.close();
    witness.socket.close();
    await patient.stop();
  });

  test('shows orders as they change, and closes what it no longer watches', async () => {
    const client = await hub.dashboard(owner, { [RESTAURANT]: null });
    await caughtUp(client, RESTAURANT);
    const { order } = await placeOrder();
    await acceptOrder(order.order_id, staff);
    await eventOf(client, order, 'order.accepted');
    client.socket.close();
    await until(async () => (await hub.metric('sockets', '{kind="dashboard"}')) === 0);
  });

  test('is as old as its worst view', async () => {
    const database = await Gate.open(stack.ORDERSYNC_DATABASE_URL);
    const other = await Hub.start({
      ORDERSYNC_DATABASE_URL: database.url,
      ORDERSYNC_STALE_MS: '1000',
      ORDERSYNC_CHECK_INTERVAL_MS: '200',
      ORDERSYNC_HEARTBEAT_MS: '600000',
    });
    const client = await other.dashboard(owner, FROM_NOW);
    await caughtUp(client, RESTAURANT, OTHER_RESTAURANT);
    database.shut();
    assert.ok((await client.through('heartbeat')).at(-1).view_age_ms >= 1000);
    database.reopen();
    assert.ok((await client.through('heartbeat')).at(-1).view_age_ms < 1000);
    client.socket.close();
    await other.stop();
    database.close();
  });
});

/** Reads on until a state of that type and restaurant fits. */
async function shown(client, type, fits, id = RESTAURANT) {
  for (;;) {
    const message = (await client.through(type)).at(-1);
    if (message.restaurant_id === id && fits(message)) return message;
  }
}

describe('what a dashboard shows besides events', TIMEOUT, () => {
  const has = (device) => ({ devices }) => devices.some(({ device: name }) => name === device);

  test('comes right after it is caught up, for each restaurant', async () => {
    const client = await hub.dashboard(owner, FROM_NOW);
    for (const id of [RESTAURANT, OTHER_RESTAURANT])
      for (const type of ['presence', 'figures']) {
        await until(() => ofType(client.messages, type).some((message) => message.restaurant_id === id));
        const at = (name) => client.messages.findIndex((message) => message.type === name && message.restaurant_id === id);
        assert.ok(at('caught_up') < at(type));
      }
    client.socket.close();
  });

  test('tells of a device that comes to another hub, and of its going', async () => {
    const other = await Hub.start();
    const client = await hub.dashboard(owner, FROM_NOW);
    const device = `tablet-${randomUUID()}`;
    const tablet = other.connect(`/ws/restaurants/${RESTAURANT}/orders`, { token: staff });
    await tablet.opened;
    tablet.say({ type: 'resume', position: null, device });
    const here = await shown(client, 'presence', has(device));
    assert.match(here.devices.find(({ device: name }) => name === device).connected_at, /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/);
    // One message may tell both, and so may the restaurant's state from before.
    const isReachable = ({ reachable, since }) => reachable === true && since !== null;
    if (!isReachable(here)) await shown(client, 'presence', (message) => isReachable(message) && has(device)(message));
    tablet.socket.close();
    await shown(client, 'presence', (message) => !has(device)(message));
    client.socket.close();
    await other.stop();
  });

  test('counts the open orders', async () => {
    const client = await hub.dashboard(owner, { [RESTAURANT]: null });
    const { open: before } = await shown(client, 'figures', () => true);
    const { order } = await placeOrder();
    const placed = await shown(client, 'figures', ({ open }) => open.PENDING === before.PENDING + 1);
    assert.ok(placed.oldest_pending_at <= order.created_at);
    assert.ok(placed.as_of >= order.created_at);
    await acceptOrder(order.order_id, staff);
    const accepted = await shown(client, 'figures', ({ open }) => open.ACCEPTED === before.ACCEPTED + 1);
    assert.deepEqual(accepted.open, { ...before, ACCEPTED: before.ACCEPTED + 1 });
    client.socket.close();
  });

  test('says nothing twice', async () => {
    const quick = await Hub.start({ ORDERSYNC_CHECK_INTERVAL_MS: '100' });
    const client = await quick.dashboard(owner, { [RESTAURANT]: null });
    await shown(client, 'figures', () => true);
    const { order } = await placeOrder();
    await eventOf(client, order);
    await shown(client, 'figures', () => true);
    const checks = await quick.metric('position_checks_total');
    await until(async () => (await quick.metric('position_checks_total')) > checks + 10);
    const told = ofType(client.messages, 'figures').map(({ open, oldest_pending_at: oldest }) => JSON.stringify([open, oldest]));
    assert.equal(new Set(told).size, told.length);
    client.socket.close();
    await quick.stop();
  });

  test('that joins later is shown the figures of now, though nothing has changed', async () => {
    const quick = await Hub.start({ ORDERSYNC_CHECK_INTERVAL_MS: '100' });
    const first = await quick.dashboard(owner, { [RESTAURANT]: null });
    const { as_of: then } = await shown(first, 'figures', () => true);
    await until(async () => {
      const next = await quick.dashboard(owner, { [RESTAURANT]: null });
      const { as_of: now } = await shown(next, 'figures', () => true);
      next.socket.close();
      return now > then;
    });
    assert.equal(ofType(first.messages, 'figures').length, 1);
    first.socket.close();
    await quick.stop();
  });

  test('never waits twice for a reader that stalls, and never counts against its queue', async () => {
    const beating = await Hub.start({ ORDERSYNC_HEARTBEAT_MS: '200', ORDERSYNC_QUEUE_MESSAGES: '64' });
    const first = await beating.dashboard(owner, { [OTHER_RESTAURANT]: null });
    const positions = await caughtUp(first, OTHER_RESTAURANT);
    first.socket.close();
    for (let i = 0; i < 12; i++) await Promise.all(Array.from({ length: 64 }, () => placeOrder(OTHER_RESTAURANT)));

    // More than sockets buffer: what is left waits in the hub, and behind it the states of that time.
    const client = beating.connect('/ws/dashboard', { token: owner });
    await client.opened;
    client.socket.pause();
    client.choose(positions);
    const witness = await beating.tablet(staff);
    for (let i = 0; i < 12; i++) await witness.through('heartbeat');
    const beatsBefore = ofType(witness.messages, 'heartbeat').length;
    client.socket.resume();
    await caughtUp(client, OTHER_RESTAURANT);
    assert.equal(subjects(client.messages, OTHER_RESTAURANT).length, 12 * 64);
    const beatsMeanwhile = ofType(witness.messages, 'heartbeat').length - beatsBefore;
    const beats = ofType(client.messages, 'heartbeat').length;
    assert.ok(beats <= beatsMeanwhile + 6, `${beats} beats, ${beatsMeanwhile} after it went on`);
    client.socket.close();
    witness.socket.close();
    await beating.stop();
  });
});

describe('what a dashboard may see', TIMEOUT, () => {
  const refusals = [
    ['a restaurant that its token does not name', () => staff, FROM_NOW, 'FORBIDDEN', 4403],
    ['no restaurant that does not exist', () => mintToken('--role', 'admin'), { [randomUUID()]: null }, undefined, 4404],
  ];
  for (const [name, token, choice, code, closeCode] of refusals) {
    test(`excludes ${name}`, async () => {
      const client = await hub.dashboard(await token(), choice);
      assert.equal((await client.closed).code, closeCode);
      assert.deepEqual(ofType(client.messages, 'event', 'caught_up'), []);
      assert.equal(ofType(client.messages, 'error')[0]?.code, code);
    });
  }

  test('is nothing for a customer', async () => {
    const { tracking_token: token } = await placeOrder();
    const client = hub.connect('/ws/dashboard', { token });
    assert.equal((await client.closed).code, 4403);
  });

  test('is any restaurant for an admin', async () => {
    const client = await hub.dashboard(await mintToken('--role', 'admin'), FROM_NOW);
    await caughtUp(client, RESTAURANT, OTHER_RESTAURANT);
    client.socket.close();
  });

  test('ends when a new token allows less, before anything more is sent', async () => {
    const client = await hub.dashboard(owner, FROM_NOW);
    await caughtUp(client, RESTAURANT, OTHER_RESTAURANT);
    client.say({ type: 'auth', token: await mintToken('--role', 'owner', '--subject', ownerId, '--restaurant', RESTAURANT) });
    client.say({ type: 'ping', id: 1 });
    await client.through('pong');
    const { order } = await placeOrder();
    await eventOf(client, order);
    await placeOrder(OTHER_RESTAURANT);
    assert.equal((await client.closed).code, 4403);
    assert.deepEqual(subjects(client.messages, OTHER_RESTAURANT), []);
    assert.equal(client.messages.at(-1).code, 'FORBIDDEN');
  });

  test('is said in one message of the right form', async () => {
    const restaurant = { id: RESTAURANT, position: null };
    const broken = [
      [{ position: null }, "'position'"],
      [{ restaurants: [] }, "'restaurants'"],
      [{ restaurants: [restaurant, restaurant] }, "'restaurants[1].id'"],
      [{ restaurants: [{ id: RESTAURANT }] }, "'restaurants[0].position'"],
      [{ restaurants: [restaurant], device: 'a' }, "'device'"],
    ];
    for (const [fields, detail] of broken) {
      const client = hub.connect('/ws/dashboard', { token: owner });
      await client.opened;
      client.say({ type: 'resume', ...fields });
      assert.equal((await client.closed).code, 1008);
      const error = client.messages.at(-1);
      assert.equal(error.code, 'INVALID_MESSAGE');
      assert.ok(error.detail.includes(detail), error.detail);
    }
    const tablet = hub.connect(`/ws/restaurants/${RESTAURANT}/orders`, { token: staff });
    await tablet.opened;
    tablet.say({ type: 'resume', restaurants: [restaurant] });
    assert.equal((await tablet.closed).code, 1008);
  });
});
