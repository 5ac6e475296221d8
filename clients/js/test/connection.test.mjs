import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, memoryPositionStore } from '../dist/index.js';
import { alertMessage, caughtUp, eventMessage, FakeClock, fakeWebSocket, hello, settle } from './fakes.mjs';

/** A connection on a fake clock and fake sockets, with everything that it told the application. */
function setUp(options = {}) {
  const clock = new FakeClock();
  const Socket = fakeWebSocket();
  const positions = memoryPositionStore('start');
  const seen = { events: [], states: [], freshness: [], errors: [], purposes: [] };
  const connection = new Connection({
    url: 'ws://hub/ws/restaurants/r/orders',
    getToken: (purpose) => {
      seen.purposes.push(purpose);
      return 'token';
    },
    onEvent: (event) => void seen.events.push(event.id),
    onState: (status) => seen.states.push(status.state),
    onFreshness: ({ fresh, viewAgeMs }) => seen.freshness.push([fresh, viewAgeMs]),
    onError: (error) => seen.errors.push(error.message),
    device: 'tablet-1',
    positions,
    WebSocket: Socket,
    clock,
    random: () => 0.5,
    ...options,
  });
  const handshake = async () => {
    await settle();
    Socket.last.open();
    Socket.last.receive(hello, caughtUp);
  };
  return { connection, clock, Socket, positions, seen, handshake };
}

test('authenticates and resumes with the stored position without waiting for hello', async () => {
  const { connection, Socket } = setUp();
  connection.connect();
  await settle();
  Socket.last.open();
  assert.equal(Socket.last.protocol, 'ordersync.v1');
  assert.deepEqual(Socket.last.sent, [
    { type: 'auth', token: 'token' },
    { type: 'resume', position: 'start', device: 'tablet-1' },
  ]);
});

test('an onlooker names no device, and acknowledges nothing', async () => {
  const { connection, clock, Socket, handshake } = setUp({ device: undefined });
  connection.connect();
  await handshake();
  Socket.last.receive(eventMessage('p1', 'a', 1));
  clock.advance(1_000);
  assert.deepEqual(Socket.last.sent, [
    { type: 'auth', token: 'token' },
    { type: 'resume', position: 'start' },
  ]);
});

test('passes through its states in order', async () => {
  const { connection, seen, handshake } = setUp();
  connection.connect();
  await handshake();
  connection.close();
  assert.deepEqual(seen.states, ['connecting', 'authenticating', 'replaying', 'live', 'closed']);
});

test('loads the state first when no position is stored', async () => {
  const reasons = [];
  const { connection, Socket, positions } = setUp({
    positions: memoryPositionStore(),
    onReset: async (reason) => {
      reasons.push(reason);
      return { position: 'loaded' };
    },
  });
  assert.equal(positions.load(), 'start');
  connection.connect();
  await settle();
  Socket.last.open();
  assert.deepEqual(reasons, ['no_position']);
  assert.equal(Socket.last.sent[1].position, 'loaded');
});

test('starts from now when there is neither a position nor a way to load the state', async () => {
  const { connection, Socket } = setUp({ positions: memoryPositionStore() });
  connection.connect();
  await settle();
  Socket.last.open();
  assert.equal(Socket.last.sent[1].position, null);
});

test('a stream that began now is resumed from there, so what came in between is not lost', async () => {
  const { connection, clock, Socket, handshake } = setUp({ positions: memoryPositionStore() });
  connection.connect();
  await handshake();
  Socket.last.drop();
  clock.advance(20_000);
  await handshake();
  assert.equal(Socket.last.sent[1].position, 'p0');
});

test('tries the load again, and no socket before it has succeeded', async () => {
  let loads = 0;
  const { connection, clock, Socket, seen } = setUp({
    positions: memoryPositionStore(),
    onReset: async () => {
      if (++loads === 1) throw Object.assign(new Error('busy'), { retryAfterMs: 7000 });
      return { position: 'loaded' };
    },
  });
  connection.connect();
  await settle();
  assert.equal(Socket.sockets.length, 0);
  assert.deepEqual(seen.errors, ['busy']);
  clock.advance(6999);
  await settle();
  assert.equal(loads, 1, 'came back before the server allowed it');
  clock.advance(1);
  await settle();
  assert.equal(Socket.sockets.length, 1);
});

test('stores a position after the handler has returned, not before', async () => {
  let during;
  const positions = memoryPositionStore('start');
  const { connection, Socket, handshake } = setUp({
    positions,
    onEvent: () => {
      during = positions.load();
    },
  });
  connection.connect();
  await handshake();
  Socket.last.receive(eventMessage('p1', 'a', 1));
  assert.equal(during, 'start');
  assert.equal(positions.load(), 'p1');
});

test('hands over the next event only when a slow handler has finished', async () => {
  const started = [];
  let finish;
  const positions = memoryPositionStore('start');
  const { connection, Socket, handshake } = setUp({
    positions,
    onEvent: (event) => {
      started.push(event.id);
      return new Promise((resolve) => (finish = resolve));
    },
  });
  connection.connect();
  await handshake();
  Socket.last.receive(eventMessage('p1', 'a', 1), eventMessage('p2', 'b', 1));
  await settle();
  assert.deepEqual(started, ['a-1']);
  assert.equal(positions.load(), 'start');
  finish();
  await settle();
  assert.deepEqual(started, ['a-1', 'b-1']);
  assert.equal(positions.load(), 'p1');
});

test('a handler that throws is reported, and the stream goes on', async () => {
  const { connection, Socket, positions, seen, handshake } = setUp({
    onEvent: () => {
      throw new Error('bug in the page');
    },
  });
  connection.connect();
  await handshake();
  Socket.last.receive(eventMessage('p1', 'a', 1));
  assert.deepEqual(seen.errors, ['bug in the page']);
  assert.equal(positions.load(), 'p1');
  assert.equal(connection.state, 'live');
});

test('resumes with the last handled position and never delivers a version of an order twice', async () => {
  const { connection, clock, Socket, seen, handshake } = setUp();
  connection.connect();
  await handshake();
  Socket.last.receive(eventMessage('p1', 'a', 1), eventMessage('p2', 'a', 2, 'accepted'));
  Socket.last.drop();
  clock.advance(20_000);
  await handshake();
  assert.equal(Socket.last.sent[1].position, 'p2');
  Socket.last.receive(eventMessage('p2', 'a', 2, 'accepted'), eventMessage('p3', 'a', 3, 'ready'));
  assert.deepEqual(seen.events, ['a-1', 'a-2', 'a-3']);
});

test('an alert leaves the version as it is, and comes once; one of the past does not come at all', async () => {
  const alerts = [];
  const { connection, Socket, seen, handshake } = setUp({
    onEvent: (event) => {
      seen.events.push(event.id);
      if (event.data.alert) alerts.push(event.data.alert);
    },
  });
  connection.connect();
  await handshake();
  Socket.last.receive(eventMessage('p1', 'a', 1), alertMessage('p2', 'a', 1, 1), alertMessage('p2', 'a', 1, 1));
  Socket.last.receive(alertMessage('p3', 'a', 1, 2), eventMessage('p4', 'a', 2, 'accepted'), alertMessage('p3', 'a', 1, 2));
  assert.deepEqual(seen.events, ['a-1', 'a-1!1', 'a-1!2', 'a-2']);
  assert.deepEqual(alerts[0], { step: 1, reason: 'not_accepted', waiting_ms: 90_000 });
});

test('an alert about an order of the snapshot is delivered', async () => {
  const { connection, Socket, seen, handshake } = setUp({
    positions: memoryPositionStore(),
    onReset: async () => ({ position: 'loaded', orders: [{ order_id: 'a', version: 3 }] }),
  });
  connection.connect();
  await handshake();
  Socket.last.receive(alertMessage('p2', 'a', 3, 1));
  assert.deepEqual(seen.events, ['a-3!1']);
});

test('after a reset holds events back until the reload is done, then drops what it contained', async () => {
  let loaded;
  const { connection, Socket, positions, seen } = setUp({
    onReset: () => new Promise((resolve) => (loaded = resolve)),
  });
  connection.connect();
  await settle();
  Socket.last.open();
  Socket.last.receive(hello, { type: 'reset', position: 'p5', reason: 'too_old' });
  Socket.last.receive(eventMessage('p6', 'a', 1), eventMessage('p7', 'b', 1), eventMessage('p8', 'a', 2, 'accepted'));
  assert.deepEqual(seen.events, []);
  assert.equal(positions.load(), null, 'a position from before the reset must not survive it');
  assert.equal(connection.state, 'replaying');
  loaded({ position: 'p6', orders: [{ order_id: 'b', version: 1 }] });
  await settle();
  assert.deepEqual(seen.events, ['a-2'], 'p6 is in the snapshot by its position, b by its version');
  assert.equal(positions.load(), 'p8');
  assert.equal(connection.state, 'live');
});

test('a reset without onReset goes on from the position it names', async () => {
  const { connection, Socket, positions, seen } = setUp();
  connection.connect();
  await settle();
  Socket.last.open();
  Socket.last.receive(hello, { type: 'reset', position: 'p5', reason: 'unknown_position' });
  await settle();
  assert.equal(positions.load(), 'p5');
  Socket.last.receive(eventMessage('p6', 'a', 1));
  assert.deepEqual(seen.events, ['a-1']);
});

test('a socket lost during the reload resumes from what was loaded, and loads once', async () => {
  let loads = 0;
  let loaded;
  const { connection, clock, Socket } = setUp({
    onReset: () => {
      loads++;
      return new Promise((resolve) => (loaded = resolve));
    },
  });
  connection.connect();
  await settle();
  Socket.last.open();
  Socket.last.receive(hello, { type: 'reset', position: 'p5', reason: 'too_old' });
  Socket.last.drop();
  clock.advance(20_000);
  await settle();
  assert.equal(Socket.sockets.length, 1, 'no second socket before the position is known');
  loaded({ position: 'p9' });
  await settle();
  Socket.last.open();
  assert.equal(Socket.sockets.length, 2);
  assert.equal(Socket.last.sent[1].position, 'p9');
  assert.equal(loads, 1);
});

test('a failed reload after a reset drops the socket and starts over', async () => {
  const { connection, clock, Socket, seen } = setUp({
    onReset: async () => {
      throw new Error('no answer');
    },
  });
  connection.connect();
  await settle();
  Socket.last.open();
  Socket.last.receive(hello, { type: 'reset', position: 'p5', reason: 'too_old' });
  await settle();
  assert.equal(connection.state, 'waiting');
  assert.equal(Socket.last.closedWith, 1000);
  clock.advance(20_000);
  await settle();
  assert.deepEqual(seen.errors, ['no answer', 'no answer']);
});

test('waits longer with each failure, and starts anew only after a stable minute', async () => {
  const waits = [];
  const { connection, clock, Socket, handshake } = setUp({
    onState: ({ state, retryAt }) => state === 'waiting' && waits.push(retryAt - clock.now()),
  });
  connection.connect();
  for (let i = 0; i < 3; i++) {
    await settle();
    Socket.last.drop();
    clock.advance(20_000);
  }
  await handshake();
  clock.advance(1_000);
  Socket.last.drop();
  clock.advance(20_000);
  await handshake();
  for (let i = 0; i < 4; i++) {
    clock.advance(15_000);
    Socket.last.receive({ type: 'heartbeat', view_age_ms: 0 });
  }
  Socket.last.drop();
  assert.deepEqual(waits, [250, 500, 1000, 2000, 250]);
});

for (const [random, expected] of [
  [0, 4300],
  [0.5, 4550],
]) {
  test(`returns after a drain when the hub asked for it or a little later, never sooner (${random})`, async () => {
    const waits = [];
    const { connection, clock, Socket, handshake } = setUp({
      onState: ({ state, retryAt }) => state === 'waiting' && waits.push(retryAt - clock.now()),
      random: () => random,
    });
    connection.connect();
    await handshake();
    Socket.last.receive({ type: 'drain', reconnect_in_ms: 4321 });
    clock.advance(21);
    Socket.last.drop(1012);
    assert.deepEqual(waits, [expected]);
  });
}

for (const [code, reason] of [
  [4403, 'forbidden'],
  [4404, 'not_found'],
]) {
  test(`gives up after ${code}`, async () => {
    let last;
    const { connection, clock, Socket, handshake } = setUp({ onState: (status) => (last = status) });
    connection.connect();
    await handshake();
    Socket.last.drop(code);
    clock.advance(3_600_000);
    await settle();
    assert.deepEqual(last, { state: 'closed', reason });
    assert.equal(Socket.sockets.length, 1);
  });
}

test('asks for another token after 4401, and gives up when three in a row are refused', async () => {
  const { connection, clock, Socket, seen } = setUp();
  connection.connect();
  for (let i = 0; i < 3; i++) {
    await settle();
    Socket.last.open();
    Socket.last.drop(4401);
    clock.advance(20_000);
  }
  await settle();
  assert.deepEqual(seen.purposes, ['connect', 'refused', 'refused']);
  assert.equal(connection.state, 'closed');
});

test('a token that expired after hello is not counted against the next one', async () => {
  const { connection, clock, Socket, handshake } = setUp();
  connection.connect();
  for (let i = 0; i < 5; i++) {
    await handshake();
    Socket.last.drop(4401);
    clock.advance(20_000);
  }
  await settle();
  assert.equal(connection.state, 'connecting');
});

for (const code of ['TOKEN_REVOKED', 'TOKEN_EXPIRED']) {
  test(`after ${code} goes on with another token`, async () => {
    let minted = 0;
    const { connection, clock, Socket, handshake } = setUp({ getToken: () => `token-${++minted}` });
    connection.connect();
    await handshake();
    Socket.last.receive({ type: 'error', code, detail: '' });
    Socket.last.drop(4401);
    clock.advance(20_000);
    await handshake();
    assert.equal(Socket.last.sent[0].token, 'token-2');
    assert.equal(connection.state, 'live');
  });

  test(`after ${code} the same token is not tried again: the connection is closed`, async () => {
    let last;
    const { connection, clock, Socket, handshake } = setUp({ onState: (status) => (last = status) });
    connection.connect();
    await handshake();
    Socket.last.receive({ type: 'error', code, detail: '' });
    Socket.last.drop(4401);
    clock.advance(20_000);
    await settle();
    assert.equal(Socket.sockets.length, 1);
    assert.deepEqual(last, { state: 'closed', reason: 'unauthorized' });
  });
}

test('a token that replaced an expiring one is the one that was revoked', async () => {
  let minted = 0;
  const { connection, clock, Socket, handshake } = setUp({ getToken: () => `token-${Math.min(++minted, 2)}` });
  connection.connect();
  await handshake();
  Socket.last.receive({ type: 'expiring', expires_in_ms: 60_000 });
  await settle();
  Socket.last.receive({ type: 'error', code: 'TOKEN_REVOKED', detail: '' });
  Socket.last.drop(4401);
  clock.advance(20_000);
  await settle();
  assert.equal(connection.state, 'closed');
});

test('sends a fresh token when the old one expires', async () => {
  const { connection, Socket, seen, handshake } = setUp();
  connection.connect();
  await handshake();
  Socket.last.receive({ type: 'expiring', expires_in_ms: 60_000 });
  await settle();
  assert.deepEqual(seen.purposes, ['connect', 'expiring']);
  assert.equal(Socket.last.sent.filter((message) => message.type === 'auth').length, 2);
});

test('an unknown close code is a lost connection; a broken rule is reported as well', async () => {
  const { connection, clock, Socket, seen, handshake } = setUp();
  connection.connect();
  await handshake();
  Socket.last.drop(4999);
  assert.equal(connection.state, 'waiting');
  assert.deepEqual(seen.errors, []);
  clock.advance(20_000);
  await handshake();
  Socket.last.receive({ type: 'error', code: 'RATE_LIMITED', detail: 'too many messages' });
  Socket.last.drop(1008);
  assert.equal(connection.state, 'waiting');
  assert.deepEqual(seen.errors, ['the hub closed the socket with 1008 RATE_LIMITED too many messages']);
});

test('pings after silence, stays when something answers and reconnects when nothing does', async () => {
  const { connection, clock, Socket, handshake } = setUp();
  connection.connect();
  await handshake();
  const pings = () => Socket.last.sent.filter((message) => message.type === 'ping').length;
  clock.advance(19_999);
  assert.equal(pings(), 0);
  clock.advance(1);
  assert.equal(pings(), 1);
  Socket.last.receive({ type: 'pong', id: 1 });
  clock.advance(20_000);
  assert.equal(pings(), 2);
  clock.advance(9_999);
  assert.equal(connection.state, 'live');
  clock.advance(1);
  assert.equal(connection.state, 'waiting');
  assert.equal(Socket.last.closedWith, 1000);
});

test('tells the age of the view with hello and each heartbeat, and when it is stale', async () => {
  const { connection, Socket, seen, handshake } = setUp();
  connection.connect();
  await handshake();
  for (const age of [14_999, 15_000, 0]) Socket.last.receive({ type: 'heartbeat', view_age_ms: age });
  assert.deepEqual(seen.freshness, [
    [true, 1_000],
    [true, 14_999],
    [false, 15_000],
    [true, 0],
  ]);
  assert.equal(connection.state, 'live', 'a stale view is no broken connection');
});

test('is stale when two heartbeats have not come, though the socket answers', async () => {
  const { connection, clock, Socket, seen, handshake } = setUp();
  connection.connect();
  await handshake();
  for (let second = 1; second < 30; second++) {
    clock.advance(1_000);
    Socket.last.receive({ type: 'pong', id: 1 });
  }
  assert.equal(seen.freshness.length, 1);
  clock.advance(1_000);
  assert.deepEqual(seen.freshness.at(-1), [false, 31_000]);
  Socket.last.receive({ type: 'heartbeat', view_age_ms: 10 });
  assert.deepEqual(seen.freshness.at(-1), [true, 10]);
});

test('a lost socket says nothing about freshness, the next one tells it anew', async () => {
  const { connection, clock, Socket, seen, handshake } = setUp();
  connection.connect();
  await handshake();
  Socket.last.drop();
  clock.advance(249);
  assert.equal(seen.freshness.length, 1);
  clock.advance(60_000);
  await handshake();
  assert.equal(seen.freshness.length, 2);
});

test('gives up a socket that never says hello', async () => {
  const { connection, clock, Socket } = setUp();
  connection.connect();
  await settle();
  Socket.last.open();
  clock.advance(15_000);
  assert.equal(connection.state, 'waiting');
});

test('nothing that an abandoned socket says is heard', async () => {
  const { connection, clock, Socket, seen, handshake } = setUp();
  connection.connect();
  await handshake();
  const old = Socket.last;
  clock.advance(30_000);
  assert.equal(connection.state, 'waiting');
  old.receive(eventMessage('p1', 'a', 1));
  old.drop(4403);
  assert.deepEqual(seen.events, []);
  assert.equal(connection.state, 'waiting');
});

test('wake ends the waiting at once, and checks a socket that seems alive', async () => {
  const { connection, Socket, handshake } = setUp();
  connection.connect();
  await handshake();
  connection.wake();
  assert.equal(Socket.last.sent.at(-1).type, 'ping');
  Socket.last.drop();
  connection.wake();
  await settle();
  assert.equal(Socket.sockets.length, 2);
});

test('close while the token is being fetched opens no socket', async () => {
  let give;
  const { connection, Socket } = setUp({ getToken: () => new Promise((resolve) => (give = resolve)) });
  connection.connect();
  connection.close();
  give('token');
  await settle();
  assert.equal(Socket.sockets.length, 0);
  assert.equal(connection.state, 'closed');
});

test('ignores unknown messages and event types, but keeps the position of an unknown event', async () => {
  const { connection, Socket, positions, seen, handshake } = setUp();
  connection.connect();
  await handshake();
  Socket.last.receive({ type: 'weather', sunny: true });
  Socket.last.receive({ type: 'event', position: 'p1', event: { type: 'restaurant.paused', data: {} } });
  assert.deepEqual(seen.events, []);
  assert.deepEqual(seen.errors, []);
  assert.equal(positions.load(), 'p1');
  assert.equal(connection.state, 'live');
});

for (const [name, frame] of [
  ['not JSON', '{'],
  ['not an object', '1'],
  ['without a type', '{}'],
  ['with a field of the wrong type', '{"type":"event","position":1,"event":{}}'],
  ['with an event which lacks its order', '{"type":"event","position":"p","event":{"type":"order.created"}}'],
]) {
  test(`a frame ${name} is reported and the connection renewed`, async () => {
    const { connection, Socket, positions, seen, handshake } = setUp();
    connection.connect();
    await handshake();
    Socket.last.onmessage({ data: frame });
    assert.equal(connection.state, 'waiting');
    assert.equal(seen.errors.length, 1);
    assert.equal(positions.load(), 'start');
  });
}

test('acknowledges only the latest position of a burst, far below the limit of the hub', async () => {
  const { connection, clock, Socket, handshake } = setUp();
  connection.connect();
  await handshake();
  const burst = Array.from({ length: 500 }, (_, i) => eventMessage(`p${i}`, `order-${i}`, 1));
  Socket.last.receive(...burst);
  clock.advance(1_000);
  const acks = Socket.last.sent.filter((message) => message.type === 'ack');
  assert.ok(acks.length <= 5, `${acks.length} acks`);
  assert.deepEqual(acks.at(-1), { type: 'ack', position: 'p499', state: 'received', device: 'tablet-1' });
});

test('acknowledges what was displayed, and never backwards', async () => {
  const events = [];
  const { connection, clock, Socket, handshake } = setUp({ onEvent: (event) => void events.push(event) });
  connection.connect();
  await handshake();
  Socket.last.receive(eventMessage('p1', 'a', 1), eventMessage('p2', 'b', 1));
  connection.acknowledge(events[1], 'displayed');
  connection.acknowledge(events[0], 'displayed');
  clock.advance(1_000);
  const displayed = Socket.last.sent.filter((message) => message.state === 'displayed');
  assert.deepEqual(
    displayed.map((message) => message.position),
    ['p2'],
  );
});

test('a handler may acknowledge the event it is just handling', async () => {
  const { connection, Socket, handshake } = setUp({
    onEvent: (event) => connection.acknowledge(event, 'displayed'),
  });
  connection.connect();
  await handshake();
  Socket.last.receive(eventMessage('p1', 'a', 1));
  assert.ok(Socket.last.sent.some((message) => message.state === 'displayed' && message.position === 'p1'));
});

test('an ack that found no socket goes out on the next one', async () => {
  const events = [];
  const { connection, clock, Socket, handshake } = setUp({ onEvent: (event) => void events.push(event) });
  connection.connect();
  await handshake();
  Socket.last.receive(eventMessage('p1', 'a', 1));
  Socket.last.drop();
  connection.acknowledge(events[0], 'displayed');
  clock.advance(20_000);
  await handshake();
  assert.ok(Socket.last.sent.some((message) => message.state === 'displayed' && message.position === 'p1'));
});

test('what was acknowledged just before a socket was lost is sent again, what is older is not', async () => {
  const { connection, clock, Socket, handshake } = setUp();
  const acks = () => Socket.last.sent.filter((message) => message.type === 'ack').map((message) => message.position);
  connection.connect();
  await handshake();
  Socket.last.receive(eventMessage('p1', 'a', 1));
  Socket.last.drop();
  clock.advance(20_000);
  await handshake();
  assert.deepEqual(acks(), ['p1']);
  for (let i = 0; i < 4; i++) {
    clock.advance(10_000);
    Socket.last.receive({ type: 'heartbeat', view_age_ms: 0 });
  }
  Socket.last.drop();
  clock.advance(20_000);
  await handshake();
  assert.deepEqual(acks(), []);
});

test('a snapshot counts as received, and can be acknowledged as displayed', async () => {
  const snapshot = { position: 'loaded', orders: [] };
  const { connection, clock, Socket, handshake } = setUp({ positions: memoryPositionStore(), onReset: async () => snapshot });
  connection.connect();
  await handshake();
  connection.acknowledge(snapshot, 'displayed');
  Socket.last.receive(eventMessage('p1', 'a', 1));
  clock.advance(1_000);
  const acks = Socket.last.sent.filter((message) => message.type === 'ack');
  assert.deepEqual(
    acks.map(({ position, state }) => [position, state]),
    [
      ['loaded', 'received'],
      ['loaded', 'displayed'],
      ['p1', 'received'],
    ],
  );
});

test('a reset ends what was kept to be acknowledged', async () => {
  const { connection, clock, Socket, handshake } = setUp();
  connection.connect();
  await handshake();
  Socket.last.receive(eventMessage('p1', 'a', 1));
  clock.advance(250);
  Socket.last.receive({ type: 'reset', position: 'p5', reason: 'too_old' });
  await settle();
  Socket.last.drop();
  clock.advance(20_000);
  await handshake();
  assert.deepEqual(
    Socket.last.sent.filter((message) => message.type === 'ack'),
    [],
  );
});
