/** What hubs write down: which devices are here, and what reached them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Hub, RESTAURANT, acceptOrder, placeOrder, restaurantPath, rows, seed, sql, stack, staffToken, until } from './hub.mjs';
import { Link } from './link.mjs';

const TIMEOUT = { timeout: 60_000 };
const FAST = { ORDERSYNC_REPORT_INTERVAL_MS: '20', ORDERSYNC_RECEIPT_INTERVAL_MS: '20' };

let token;
before(async () => {
  await seed();
  token = await staffToken();
  // Devices of a run before are away for long, and what is tested here is not admission.
  await sql(`UPDATE restaurants SET refuse_when_unreachable = false WHERE id = '${RESTAURANT}'`);
});

/** Names are new for each test: rows of tests before stay. */
let names = 0;
const newDevice = () => `test-${process.pid}-${(names += 1)}`;

async function tablet(hub, device, position = null) {
  const client = hub.connect(restaurantPath(), { token });
  await client.opened;
  client.say({ type: 'resume', position, device });
  await client.next('hello');
  return client;
}

const ack = (client, device, { position }, state = 'displayed') => client.say({ type: 'ack', position, state, device });
const receipts = (device) => rows(`SELECT order_id, received_at, displayed_at FROM order_receipts WHERE device = '${device}' ORDER BY order_id`);
const receiptOf = async (device, { order }) => (await receipts(device)).find(({ order_id: id }) => id === order.order_id);
const presence = async (device) => (await rows(`SELECT * FROM devices WHERE device = '${device}'`))[0];
const isHere = async (device) => (await presence(device))?.left_at === null;
const hasLeft = async (device) => Boolean((await presence(device))?.left_at);

describe('receipts', TIMEOUT, () => {
  let hub;
  before(async () => (hub = await Hub.start(FAST)));
  after(() => hub?.stop());

  test('tell of each device when it had an order and when it showed it', async () => {
    const [one, two] = [newDevice(), newDevice()];
    const [first, second] = [await tablet(hub, one), await tablet(hub, two)];
    await Promise.all([first.next('caught_up'), second.next('caught_up')]);
    const placed = await placeOrder();
    const event = await first.next('event');
    ack(first, one, event, 'received');
    await until(() => receiptOf(one, placed));
    assert.equal((await receiptOf(one, placed)).displayed_at, null);
    ack(first, one, event, 'displayed');
    ack(second, two, await second.next('event'), 'displayed');
    await until(async () => (await receiptOf(one, placed))?.displayed_at && (await receiptOf(two, placed))?.displayed_at);
    assert.ok((await receiptOf(two, placed)).received_at, 'who shows an order has it');
    first.socket.close();
    second.socket.close();
  });

  test('cover everything before an ack; one that comes late changes nothing', async () => {
    const device = newDevice();
    const client = await tablet(hub, device);
    await client.next('caught_up');
    const placed = [await placeOrder(), await placeOrder(), await placeOrder()];
    const events = [await client.next('event'), await client.next('event'), await client.next('event')];
    ack(client, device, events[2]);
    for (const one of placed) await until(() => receiptOf(device, one));
    const before = await receipts(device);
    ack(client, device, events[0]);
    ack(client, device, events[1]);
    const last = await placeOrder();
    ack(client, device, await client.next('event'));
    await until(() => receiptOf(device, last));
    assert.deepEqual((await receipts(device)).filter(({ order_id: id }) => id !== last.order.order_id), before);
    client.socket.close();
  });

  test('of orders that were shown when the socket broke are written by the next one', async () => {
    const device = newDevice();
    const first = await tablet(hub, device);
    await first.next('caught_up');
    const placed = await placeOrder();
    const { position } = await first.next('event');
    first.socket.terminate(); // the ack is lost with it
    const second = await tablet(hub, device, position);
    await second.next('caught_up');
    ack(second, device, { position });
    await until(() => receiptOf(device, placed));
    second.socket.close();
  });

  test('cover no more than they say, also when the socket has resumed from further on', async () => {
    const device = newDevice();
    const first = await tablet(hub, device);
    await first.next('caught_up');
    const [shown, inTheDark] = [await placeOrder(), await placeOrder()];
    const seen = await first.next('event');
    const { position } = await first.next('event');
    first.socket.terminate();
    const second = await tablet(hub, device, position);
    await second.next('caught_up');
    ack(second, device, seen);
    await until(() => receiptOf(device, shown));
    assert.equal(await receiptOf(device, inTheDark), undefined);
    second.socket.close();
  });

  test('need a position that exists, and are of the device that the socket has named', async () => {
    const [device, stranger] = [newDevice(), newDevice()];
    const client = await tablet(hub, device);
    await client.next('caught_up');
    await placeOrder();
    const event = await client.next('event');
    const forged = Buffer.from(event.position, 'base64url');
    forged[forged.length - 1] ^= 1;
    ack(client, device, { position: forged.toString('base64url') });
    await until(() => hub.metric('reports_dropped_total', '{kind="unproven"}'));
    ack(client, stranger, event);
    await until(() => hub.metric('reports_dropped_total', '{kind="foreign"}'));
    const next = await placeOrder();
    ack(client, device, await client.next('event'));
    await until(() => receiptOf(device, next));
    assert.deepEqual(await receipts(stranger), []);
    client.socket.close();
  });

  test('tell of an order that was over before the device came back', async () => {
    const device = newDevice();
    const first = await tablet(hub, device);
    const { position } = await first.next('caught_up');
    first.socket.close();
    const placed = await placeOrder();
    await acceptOrder(placed.order.order_id, token);
    const second = await tablet(hub, device, position);
    // They may come after caught_up, if Redis has not told the hub of them yet.
    let last;
    do last = (await second.through('event')).at(-1);
    while (last.event.type !== 'order.accepted');
    ack(second, device, last);
    await until(() => receiptOf(device, placed));
    second.socket.close();
  });
});

describe('while PostgreSQL is away from a hub', TIMEOUT, () => {
  let hub, link;
  before(async () => {
    link = await Link.to(stack.ORDERSYNC_DATABASE_URL);
    hub = await Hub.start({ ...FAST, ORDERSYNC_DATABASE_URL: link.url });
  });
  after(async () => {
    await hub?.stop();
    link?.close();
  });

  test('acks and arrivals are kept and written when it is back', async () => {
    const [here, late] = [newDevice(), newDevice()];
    const client = await tablet(hub, here);
    await client.next('caught_up');
    await until(() => isHere(here));
    link.cut();
    await until(async () => (await hub.metric('reports_up')) === 0);
    const placed = [];
    for (let i = 0; i < 5; i++) {
      placed.push(await placeOrder());
      ack(client, here, (await client.through('event')).at(-1), 'received'); // a stale view is told in between
    }
    const other = await tablet(hub, late);
    assert.equal(await presence(late), undefined);
    assert.deepEqual(await receipts(here), []);
    link.restore();
    for (const one of placed) await until(() => receiptOf(here, one));
    await until(() => isHere(late));
    assert.equal(await hub.metric('reports_up'), 1);
    client.socket.close();
    other.socket.close();
    await until(() => hasLeft(here));
  });
});

describe('presence', TIMEOUT, () => {
  test('is told again to a PostgreSQL that came back with less, or with more, than it was told', async () => {
    const link = await Link.to(stack.ORDERSYNC_DATABASE_URL);
    const hub = await Hub.start({ ...FAST, ORDERSYNC_DATABASE_URL: link.url });
    const [here, ghost] = [newDevice(), newDevice()];
    const client = await tablet(hub, here);
    await until(() => isHere(here));
    const { incarnation } = await presence(here);
    link.cut();
    await until(async () => (await hub.metric('reports_up')) === 0);
    // The hub's lease is there: nothing but the connection tells that this is another PostgreSQL.
    await sql(`DELETE FROM devices WHERE device = '${here}'`);
    await sql(`INSERT INTO devices VALUES ('${RESTAURANT}', '${ghost}', '${incarnation}', now() - interval '1 minute', NULL)`);
    link.restore();
    await until(() => isHere(here));
    await until(() => hasLeft(ghost));
    client.socket.close();
    await hub.stop();
    link.close();
  });

  test('lasts while a device has a socket', async () => {
    const hub = await Hub.start(FAST);
    const device = newDevice();
    const first = await tablet(hub, device);
    await until(() => isHere(device));
    const { connected_at: since } = await presence(device);
    const second = await tablet(hub, device);
    await until(async () => (await presence(device)).connected_at > since);
    first.socket.close();
    await first.closed;
    const witness = await tablet(hub, newDevice());
    await witness.next('caught_up');
    assert.ok(await isHere(device));
    second.socket.close();
    await until(() => hasLeft(device));
    witness.socket.close();
    await hub.stop();
  });

  test('is nothing that a socket without a device has', async () => {
    const hub = await Hub.start(FAST);
    const device = newDevice();
    const before = await rows('SELECT count(*) FROM devices');
    const client = await hub.tablet(token);
    await client.next('caught_up');
    const other = await tablet(hub, device);
    await until(() => isHere(device));
    assert.equal((await rows('SELECT count(*) FROM devices'))[0].count, before[0].count + 1);
    client.socket.close();
    other.socket.close();
    await hub.stop();
  });

  test('follows a device to another hub, and the old hub cannot take it back', async () => {
    const link = await Link.to(stack.ORDERSYNC_DATABASE_URL);
    const slow = await Hub.start({ ...FAST, ORDERSYNC_DATABASE_URL: link.url });
    const quick = await Hub.start(FAST);
    const [device, witness] = [newDevice(), newDevice()];
    const old = await tablet(slow, device);
    await until(() => isHere(device));
    const { incarnation } = await presence(device);
    link.cut();
    await until(async () => (await slow.metric('reports_up')) === 0);
    const moved = await tablet(quick, device);
    await until(async () => (await presence(device)).incarnation !== incarnation);
    old.socket.close();
    await old.closed;
    const next = await tablet(slow, witness);
    link.restore();
    await until(() => isHere(witness)); // the old hub has said its say
    assert.ok(await isHere(device));
    assert.notEqual((await presence(device)).incarnation, incarnation);
    for (const client of [moved, next]) client.socket.close();
    await Promise.all([slow.stop(), quick.stop()]);
    link.close();
  });

  test('ends when a hub hangs: its lease is not renewed', async () => {
    const id = newDevice();
    const held = () => rows(`SELECT FROM hub_leases WHERE hub_id = '${id}' AND expires_at > now()`);
    const hub = await Hub.start({
      ...FAST,
      ORDERSYNC_HUB_ID: id,
      ORDERSYNC_LEASE_MS: '1000',
      OSY_FAILPOINTS: 'topic.subscribed=hang',
    });
    await until(async () => (await held()).length === 1);
    const client = hub.connect(restaurantPath(), { token });
    await until(async () => (await held()).length === 0);
    hub.process.kill('SIGKILL');
    await hub.exited;
    await client.closed;
  });

  test('ends in order when a hub is asked to stop: no device stays, and no lease', async () => {
    const hub = await Hub.start(FAST);
    const device = newDevice();
    const client = await tablet(hub, device);
    await until(() => isHere(device));
    const { incarnation } = await presence(device);
    assert.equal((await rows(`SELECT hub_id FROM hub_leases WHERE incarnation = '${incarnation}'`)).length, 1);
    await hub.stop();
    await client.closed;
    assert.ok(await hasLeft(device));
    assert.deepEqual(await rows(`SELECT hub_id FROM hub_leases WHERE incarnation = '${incarnation}'`), []);
  });
});
