/** What docs/protocol.md promises, message by message, against a real hub. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Hub, OTHER_RESTAURANT, RESTAURANT, acceptOrder, choose, mintToken, orderPath, placeOrder, restaurantPath, seed, staffToken, until } from './hub.mjs';

const SECONDS = 1000;
let hub, token;

before(async () => {
  await seed();
  [hub, token] = await Promise.all([Hub.start(), staffToken()]);
});
after(() => hub?.stop());

const ids = (messages) => messages.filter(({ type }) => type === 'event').map(({ event }) => event.subject);

describe('a tablet', { timeout: 60 * SECONDS }, () => {
  test('is greeted, caught up and then told of a new order', async () => {
    const tablet = hub.connect(restaurantPath(), { token });
    await tablet.opened;
    tablet.say({ type: 'resume', position: null });
    const hello = await tablet.next('hello');
    assert.equal(hello.hub, 'hub-1');
    assert.equal(hello.heartbeat_ms, 15000);
    assert.equal(hello.stale_after_ms, 15000);
    assert.ok(hello.view_age_ms < hello.stale_after_ms, `${hello.view_age_ms} ms`);
    const { position } = await tablet.next('caught_up');
    assert.match(position, /^[A-Za-z0-9_-]{34}$/);

    const { order } = await placeOrder();
    const { event } = await tablet.next('event');
    assert.equal(event.specversion, '1.0');
    assert.equal(event.type, 'order.created');
    assert.equal(event.source, `/restaurants/${RESTAURANT}`);
    assert.equal(event.subject, order.order_id);
    assert.deepEqual(event.data, order);
    tablet.socket.close();
  });

  test('may authenticate by its first message, and say everything at once', async () => {
    const tablet = hub.connect(restaurantPath());
    await tablet.opened;
    tablet.say({ type: 'auth', token });
    tablet.say({ type: 'resume', position: null });
    await tablet.next('hello');
    await tablet.next('caught_up');
    tablet.socket.close();
  });

  test('gets exactly what it missed, in order, then live events', async () => {
    const witness = await hub.tablet(token);
    const { position } = await witness.next('caught_up');
    const missed = [];
    for (let i = 0; i < 5; i++) {
      missed.push((await placeOrder()).order.order_id);
      // An order is published after its reply: until the hub has it, it would come behind `caught_up`.
      await witness.next('event');
    }
    witness.socket.close();

    const tablet = await hub.tablet(token, position);
    assert.deepEqual(ids(await tablet.through('caught_up')), missed);
    const { order } = await placeOrder();
    assert.equal((await tablet.next('event')).event.subject, order.order_id);
    tablet.socket.close();
  });

  test('continues from the position of any event', async () => {
    const first = await hub.tablet(token);
    await first.next('caught_up');
    await placeOrder();
    const { position } = await first.next('event');
    const { order } = await placeOrder();
    await first.next('event');
    const second = await hub.tablet(token, position);
    assert.deepEqual(ids(await second.through('caught_up')), [order.order_id]);
    first.socket.close();
    second.socket.close();
  });

  test('is reset when its position never was, and goes on from the new one', async () => {
    const bytes = Buffer.alloc(25, 7);
    bytes.writeUInt8(1, 0);
    bytes.writeBigUInt64BE(1n, 1);
    const tablet = await hub.tablet(token, bytes.toString('base64url'));
    const reset = await tablet.next('reset');
    assert.equal(reset.reason, 'unknown_position');
    const { order } = await placeOrder();
    assert.equal((await tablet.next('event')).event.subject, order.order_id);

    const again = await hub.tablet(token, reset.position);
    assert.deepEqual(ids(await again.through('caught_up')), [order.order_id]);
    tablet.socket.close();
    again.socket.close();
  });

  test('is reset when its position is ahead of everything', async () => {
    const bytes = Buffer.alloc(25, 7);
    bytes.writeUInt8(1, 0);
    bytes.writeBigUInt64BE(1n << 40n, 1);
    const tablet = await hub.tablet(token, bytes.toString('base64url'));
    assert.equal((await tablet.next('reset')).reason, 'unknown_position');
    tablet.socket.close();
  });
});

describe('an alert', { timeout: 60 * SECONDS }, () => {
  test('reaches tablets and dashboards, live and replayed, and never the customer', async () => {
    await choose(OTHER_RESTAURANT, { display_within_s: 1 });
    const other = await mintToken('--role', 'staff', '--restaurant', OTHER_RESTAURANT);
    const tablet = hub.connect(restaurantPath(OTHER_RESTAURANT), { token: other });
    await tablet.opened;
    tablet.say({ type: 'resume', position: null });
    const { position } = (await tablet.through('caught_up')).at(-1);
    const dashboard = await hub.dashboard(other, { [OTHER_RESTAURANT]: position });

    const mine = await placeOrder(OTHER_RESTAURANT);
    const customer = hub.connect(orderPath(mine), { token: mine.tracking_token });
    await customer.opened;
    customer.say({ type: 'resume', position: null });
    await customer.through('caught_up');
    const replayed = [];
    for (const client of [tablet, dashboard]) {
      let event;
      do ({ event } = (await client.through('event')).at(-1));
      while (event.type !== 'order.alerted' || event.subject !== mine.order.order_id);
      assert.equal(event.data.version, 1);
      assert.deepEqual([event.data.alert.step, event.data.alert.reason], [1, 'not_displayed']);
      replayed.push(event);
    }
    await choose(OTHER_RESTAURANT);

    const late = await hub.dashboard(other, { [OTHER_RESTAURANT]: position });
    await late.through('caught_up');
    assert.deepEqual(late.messages.findLast(({ event }) => event?.type === 'order.alerted').event, replayed[0]);
    await acceptOrder(mine.order.order_id, other);
    const { event } = (await customer.through('event')).at(-1);
    assert.equal(event.type, 'order.accepted');
    assert.ok(!customer.messages.some((message) => message.event?.type === 'order.alerted'));
    const again = hub.connect(orderPath(mine), { token: mine.tracking_token });
    await again.opened;
    again.say({ type: 'resume', position: mine.position });
    await again.through('caught_up');
    assert.deepEqual(again.messages.filter(({ type }) => type === 'event').map((message) => message.event.type), ['order.accepted']);
    for (const client of [tablet, dashboard, late, customer, again]) client.socket.close();
  });
});

describe('a hub with a short memory', { timeout: 60 * SECONDS }, () => {
  test('resets a tablet that is too far behind', async () => {
    const short = await Hub.start({ ORDERSYNC_REPLAY_MAX: '3' });
    const first = await short.tablet(token);
    const { position } = await first.next('caught_up');
    for (let i = 0; i < 4; i++) {
      await placeOrder();
      await first.next('event');
    }
    first.socket.close();
    const tablet = await short.tablet(token, position);
    assert.equal((await tablet.next('reset')).reason, 'too_old');
    tablet.socket.close();
    await short.stop();
  });

  test('replays from PostgreSQL what it never saw itself', async () => {
    const first = await hub.tablet(token);
    const { position } = await first.next('caught_up');
    first.socket.close();
    const missed = [(await placeOrder()).order.order_id, (await placeOrder()).order.order_id];
    const other = await Hub.start({ ORDERSYNC_REDIS_URL: 'redis://127.0.0.1:1/0' });
    const tablet = await other.tablet(token, position);
    assert.deepEqual(ids(await tablet.through('caught_up')), missed);
    tablet.socket.close();
    await other.stop();
  });
});

describe('a customer', { timeout: 60 * SECONDS }, () => {
  test('sees the events of one order and of no other', async () => {
    const mine = await placeOrder();
    const customer = hub.connect(orderPath(mine), { token: mine.tracking_token });
    await customer.opened;
    customer.say({ type: 'resume', position: mine.position });
    assert.equal((await customer.next('hello')).position, mine.position);
    assert.equal((await customer.next('caught_up')).position, mine.position);
    await placeOrder();
    await acceptOrder(mine.order.order_id, token);
    const { event, position } = await customer.next('event');
    assert.equal(event.type, 'order.accepted');
    assert.equal(event.subject, mine.order.order_id);
    assert.equal(event.data.version, 2);

    const again = hub.connect(orderPath(mine), { token: mine.tracking_token });
    await again.opened;
    again.say({ type: 'resume', position: mine.position });
    assert.equal((await again.next('hello')).position, position);
    assert.equal((await again.next('event')).event.type, 'order.accepted');
    await again.next('caught_up');
    customer.socket.close();
    again.socket.close();
  });

  test('is answered by a hub that has never heard of the order', async () => {
    const mine = await placeOrder();
    await acceptOrder(mine.order.order_id, token);
    const other = await Hub.start();
    const customer = other.connect(orderPath(mine));
    await customer.opened;
    customer.say({ type: 'auth', token: mine.tracking_token });
    customer.say({ type: 'resume', position: mine.position });
    await customer.next('hello');
    assert.equal((await customer.next('event')).event.data.version, 2);
    await customer.next('caught_up');
    customer.socket.close();
    await other.stop();
  });

  test('learns nothing of the restaurant from a position', async () => {
    const mine = await placeOrder();
    const bytes = Buffer.from(mine.position, 'base64url');
    assert.equal(bytes.readUInt8(0), 2);
    assert.equal(bytes.readBigUInt64BE(1), 1n);
  });

  test('is reset when the position is not of this order', async () => {
    const [mine, other] = [await placeOrder(), await placeOrder()];
    const customer = hub.connect(orderPath(mine), { token: mine.tracking_token });
    await customer.opened;
    customer.say({ type: 'resume', position: other.position });
    await customer.next('hello');
    assert.deepEqual(await customer.next('reset'), { type: 'reset', position: mine.position, reason: 'unknown_position' });
    customer.socket.close();
  });

  test('with an account needs no tracking token, and sees nobody else’s order', async () => {
    const subject = randomUUID();
    const [account, stranger] = await Promise.all([mintToken('--role', 'customer', '--subject', subject), mintToken('--role', 'customer')]);
    const mine = await placeOrder(RESTAURANT, account);
    const guests = await placeOrder();
    for (const other of [hub, await Hub.start()]) { // one that has the order's events at hand, and one that has never heard of it
      const customer = other.connect(orderPath(mine));
      await customer.opened;
      customer.say({ type: 'auth', token: account });
      customer.say({ type: 'resume', position: mine.position });
      await customer.through('caught_up');
      assert.deepEqual(customer.messages.map(({ type }) => type).slice(0, 1), ['hello']);
      for (const [target, bearer] of [[orderPath(mine), stranger], [orderPath(guests), account], [orderPath(mine).replace(RESTAURANT, OTHER_RESTAURANT), account], [`/ws/orders/${randomUUID()}/status?r=${RESTAURANT}`, account]]) {
        const refused = other.connect(target, { token: bearer });
        assert.equal((await refused.closed).code, 4403);
        assert.deepEqual(refused.messages.map(({ code }) => code), ['FORBIDDEN']);
      }
      // The same customer may renew the token; another must not take the socket over.
      customer.say({ type: 'auth', token: await mintToken('--role', 'customer', '--subject', subject, '--ttl', '600') });
      customer.say({ type: 'ping', id: 1 });
      await customer.through('pong');
      customer.say({ type: 'auth', token: stranger });
      assert.equal((await customer.closed).code, 4403);
      if (other !== hub) await other.stop();
    }
  });

  test('cannot come in by another order’s tracking token and stay as somebody else', async () => {
    const mine = await placeOrder();
    const customer = hub.connect(orderPath(mine), { token: mine.tracking_token });
    await customer.opened;
    customer.say({ type: 'auth', token: await mintToken('--role', 'customer') });
    assert.equal((await customer.closed).code, 4403);
  });

  test('may be somebody of the restaurant', async () => {
    const { order, position } = await placeOrder();
    const staff = hub.connect(orderPath({ order }), { token });
    await staff.opened;
    staff.say({ type: 'resume', position: null });
    assert.equal((await staff.next('hello')).position, position);
    await staff.next('caught_up');
    staff.socket.close();
  });
});

describe('tokens', { timeout: 60 * SECONDS }, () => {
  test('that are no good close with 4401, those for something else with 4403', async () => {
    const [mine, other] = [await placeOrder(), await placeOrder()];
    const [foreign, customer, admin] = await Promise.all([
      mintToken('--role', 'staff', '--restaurant', OTHER_RESTAURANT),
      mintToken('--role', 'customer'),
      mintToken('--role', 'admin'),
    ]);
    const table = [
      [restaurantPath(), 'garbage', 4401],
      [restaurantPath(), '', 4401],
      [restaurantPath(), `${token}x`, 4401],
      [restaurantPath(), token.slice(0, -4), 4401],
      [restaurantPath(), 'ost1.x.y.z', 4401],
      [restaurantPath(), 'x'.repeat(4096), 4401],
      [restaurantPath(), foreign, 4403],
      [restaurantPath(), customer, 4403],
      [restaurantPath(), mine.tracking_token, 4403],
      [orderPath(mine), other.tracking_token, 4403],
      [orderPath(mine), foreign, 4403],
      [orderPath(mine), customer, 4403],
      [orderPath(mine).replace(RESTAURANT, OTHER_RESTAURANT), mine.tracking_token, 4403],
      [orderPath(mine).replace(RESTAURANT, OTHER_RESTAURANT), foreign, 4404],
      [`/ws/orders/${randomUUID()}/status?r=${RESTAURANT}`, token, 4404],
      [restaurantPath(randomUUID()), admin, 4404],
    ];
    for (const [target, bearer, expected] of table) {
      const client = hub.connect(target, { token: bearer });
      const { code } = await client.closed;
      assert.equal(code, expected, `${target} ${bearer.slice(0, 20)}`);
      const [error] = client.messages;
      if (code !== 4404) assert.equal(error.code, code === 4401 ? 'UNAUTHENTICATED' : 'FORBIDDEN');
    }
  });

  test('may be renewed by the same user, and not by another', async () => {
    const subject = randomUUID();
    const [first, second] = [await staffToken('--subject', subject), await staffToken('--subject', subject, '--ttl', '600')];
    const tablet = await hub.tablet(first);
    await tablet.next('caught_up');
    tablet.say({ type: 'auth', token: second });
    tablet.say({ type: 'ping', id: 1 });
    assert.deepEqual(await tablet.next('pong'), { type: 'pong', id: 1 });
    tablet.say({ type: 'auth', token });
    assert.equal((await tablet.closed).code, 4403);
  });

  test('that end soon are announced, and end the socket', async () => {
    const tablet = hub.connect(restaurantPath(), { token: await staffToken('--ttl', '3') });
    await tablet.opened;
    tablet.say({ type: 'resume', position: null });
    assert.equal((await tablet.closed).code, 4401);
    const [{ expires_in_ms: left }] = tablet.messages.filter(({ type }) => type === 'expiring'); // at any moment
    assert.ok(left > 0 && left <= 3000, `${left} ms`);
    assert.equal(tablet.messages.at(-1).code, 'TOKEN_EXPIRED');
  });
});

test('what is queued is not written once its token has expired', { timeout: 60 * SECONDS }, async () => {
  const slow = await Hub.start({ OSY_FAILPOINTS: 'topic.queued=delay:4000' }); // longer than the token lives
  const tablet = slow.connect(restaurantPath(), { token: await staffToken('--ttl', '3') });
  await tablet.opened;
  tablet.say({ type: 'resume', position: null });
  await until(() => tablet.messages.some(({ type }) => type === 'caught_up')); // `expiring` may come at any moment
  await placeOrder();
  assert.equal((await tablet.closed).code, 4401);
  assert.deepEqual(tablet.messages.filter(({ type }) => type === 'event'), []);
  assert.equal(tablet.messages.at(-1).code, 'TOKEN_EXPIRED');
  await slow.stop();
});

describe('the rules of the conversation', { timeout: 60 * SECONDS }, () => {
  test('ping is answered with its id, or without', async () => {
    const tablet = await hub.tablet(token);
    await tablet.next('caught_up');
    tablet.say({ type: 'ping', id: 9007199254740991 });
    tablet.say({ type: 'ping' });
    assert.deepEqual(await tablet.next('pong'), { type: 'pong', id: 9007199254740991 });
    assert.deepEqual(await tablet.next('pong'), { type: 'pong' });
    tablet.socket.close();
  });

  test('acks are counted', async () => {
    const tablet = await hub.tablet(token);
    await tablet.next('caught_up');
    await placeOrder();
    const { position } = await tablet.next('event');
    const [acks, displayed] = await Promise.all([hub.metric('acks_total', '{state="displayed"}'), hub.metric('commit_to_displayed_seconds_count')]);
    tablet.say({ type: 'ack', position, state: 'received', device: 'kitchen-1' });
    tablet.say({ type: 'ack', position, state: 'displayed', device: 'kitchen-1' });
    await until(async () => (await hub.metric('acks_total', '{state="displayed"}')) === acks + 1);
    assert.equal(await hub.metric('commit_to_displayed_seconds_count'), displayed + 1);
    tablet.socket.close();
  });

  const broken = [
    ['no JSON', 'hello', 'INVALID_MESSAGE'],
    ['an array', '[]', 'INVALID_MESSAGE'],
    ['no type', '{}', 'INVALID_MESSAGE'],
    ['an unknown type', '{"type":"subscribe"}', 'UNKNOWN_TYPE'],
    ['an unknown field', '{"type":"ping","more":1}', 'INVALID_MESSAGE'],
    ['a doubled field', '{"type":"ping","id":1,"id":2}', 'INVALID_MESSAGE'],
    ['a wrong type of field', '{"type":"ping","id":"1"}', 'INVALID_MESSAGE'],
    ['a number out of range', '{"type":"ping","id":9007199254740992}', 'INVALID_MESSAGE'],
    ['a position that is none', '{"type":"resume","position":"abc"}', 'INVALID_MESSAGE'],
    ['a second resume', '{"type":"resume","position":null}', 'RESUME_REPEATED'],
    ['deep nesting', `{"type":"ping","id":${'['.repeat(500)}${']'.repeat(500)}}`, 'INVALID_MESSAGE'],
  ];
  for (const [what, message, code] of broken) {
    test(`${what} is named and closes with 1008`, async () => {
      const tablet = await hub.tablet(token);
      await tablet.next('caught_up');
      tablet.say(message);
      const error = await tablet.next('error');
      assert.equal(error.code, code);
      assert.ok(error.detail.length > 0);
      assert.equal((await tablet.closed).code, 1008);
    });
  }

  test('a position of another kind of stream is refused', async () => {
    const { position } = await placeOrder();
    const tablet = hub.connect(restaurantPath(), { token });
    await tablet.opened;
    tablet.say({ type: 'resume', position });
    assert.equal((await tablet.closed).code, 1008);
  });

  test('resume before auth is refused', async () => {
    const tablet = hub.connect(restaurantPath());
    await tablet.opened;
    tablet.say({ type: 'resume', position: null });
    assert.equal((await tablet.closed).code, 4401);
  });
});

describe('silence after an event', { timeout: 60 * SECONDS }, () => {
  let strict;
  before(async () => {
    strict = await Hub.start({ ORDERSYNC_PING_BUSY_MS: '200', ORDERSYNC_PONG_TIMEOUT_MS: '300' });
  });
  after(() => strict?.stop());

  test('ends the connection of a client that reads no more, long before that of an idle one', async () => {
    const admin = await mintToken('--role', 'admin');
    const follow = async (restaurant) => {
      const client = strict.connect(restaurantPath(restaurant), { token: admin });
      await client.opened;
      client.say({ type: 'resume', position: null });
      await client.through('caught_up');
      return client;
    };
    const [stalled, idle] = [await follow(RESTAURANT), await follow(OTHER_RESTAURANT)];
    stalled.socket._socket.pause();
    await placeOrder();
    await until(async () => (await strict.metric('closes_total', '{code="1006"}')) === 1);
    assert.equal(idle.socket.readyState, idle.socket.OPEN);
    idle.socket.close();
    stalled.socket.terminate();
  });

  test('asks a client with many events by a ping that comes with one of them', async () => {
    const client = strict.connect(restaurantPath(), { token: await mintToken('--role', 'admin') });
    await client.opened;
    client.say({ type: 'resume', position: null });
    await client.through('caught_up');
    const readTogether = new Promise((resolve) => {
      let hasMessage = false; // in what was read from the connection at once
      client.socket.on('message', () => {
        hasMessage = true;
        setImmediate(() => (hasMessage = false));
      });
      client.socket.on('ping', () => hasMessage && resolve('both'));
    });
    let outcome;
    for (let orders = 0; orders < 2000 && !outcome; orders++)
      outcome = await Promise.race([readTogether, placeOrder().then(() => undefined)]);
    assert.equal(outcome, 'both');
    client.socket.close();
  });
});

describe('silence', { timeout: 60 * SECONDS }, () => {
  let strict;
  before(async () => {
    strict = await Hub.start({
      ORDERSYNC_AUTH_TIMEOUT_MS: '200',
      ORDERSYNC_RESUME_TIMEOUT_MS: '200',
      ORDERSYNC_PING_IDLE_MS: '300',
      ORDERSYNC_PONG_TIMEOUT_MS: '300',
    });
  });
  after(() => strict?.stop());

  test('before auth closes with 4401', async () => {
    const client = strict.connect(restaurantPath());
    assert.equal((await client.closed).code, 4401);
  });

  test('before resume closes with 1008', async () => {
    const client = strict.connect(restaurantPath(), { token });
    assert.equal((await client.closed).code, 1008);
    assert.equal(client.messages.at(-1).code, 'RESUME_EXPECTED');
  });

  test('after a ping ends the connection; an answer keeps it', async () => {
    const [mute, alive] = [strict.connect(restaurantPath(), { token, autoPong: false }), strict.connect(restaurantPath(), { token })];
    await Promise.all([mute.opened, alive.opened]);
    mute.say({ type: 'resume', position: null });
    alive.say({ type: 'resume', position: null });
    const pings = new Promise((resolve) => {
      let count = 0;
      alive.socket.on('ping', () => ++count === 4 && resolve());
    });
    assert.equal((await mute.closed).code, 1006);
    await pings;
    assert.equal(alive.socket.readyState, alive.socket.OPEN);
    alive.socket.close();
  });
});
