import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DashboardConnection, MAX_WATCHED, memoryPositionStore } from '../dist/index.js';
import { eventMessage, FakeClock, fakeWebSocket, hello, settle } from './fakes.mjs';

const caughtUp = (restaurant, position) => ({ type: 'caught_up', restaurant_id: restaurant, position });
const event = (restaurant, ...what) => ({ ...eventMessage(...what), restaurant_id: restaurant });

/** A dashboard on a fake clock and fake sockets, with everything that it told the application. */
function setUp(options = {}) {
  const clock = new FakeClock();
  const Socket = fakeWebSocket();
  const seen = { events: [], states: [], presence: [], figures: [], errors: [] };
  const dashboard = new DashboardConnection({
    url: 'ws://hub/ws/dashboard',
    getToken: () => 'token',
    onEvent: (event) => void seen.events.push(event.id),
    onPresence: (presence) => seen.presence.push(presence),
    onFigures: (figures) => seen.figures.push(figures),
    onState: (status) => seen.states.push(status.state),
    onError: (error) => seen.errors.push(error.message),
    WebSocket: Socket,
    clock,
    random: () => 0.5,
    ...options,
  });
  const resumes = () => Socket.last.sent.filter((message) => message.type === 'resume').map((message) => message.restaurants);
  /** A socket that is open, greeted, and has said what it wants. */
  const open = async () => {
    await settle();
    Socket.last.open();
    Socket.last.receive({ ...hello, position: undefined });
    await settle();
  };
  return { dashboard, clock, Socket, seen, resumes, open };
}

test('names its restaurants without waiting for hello, and is live when each has caught up', async () => {
  const { dashboard, Socket, seen, resumes } = setUp();
  dashboard.watch(['r1', 'r2', 'r1']);
  dashboard.connect();
  await settle();
  Socket.last.open();
  await settle();
  assert.deepEqual(resumes(), [
    [
      { id: 'r1', position: null },
      { id: 'r2', position: null },
    ],
  ]);
  Socket.last.receive(hello, caughtUp('r1', 'p1'));
  assert.equal(dashboard.state, 'replaying');
  Socket.last.receive(caughtUp('r2', 'q1'));
  assert.deepEqual(seen.states, ['connecting', 'authenticating', 'replaying', 'live']);
});

test('each restaurant is resumed from its own position', async () => {
  const { dashboard, clock, Socket, seen, resumes, open } = setUp();
  dashboard.watch(['r1', 'r2']);
  dashboard.connect();
  await open();
  Socket.last.receive(caughtUp('r1', 'p1'), caughtUp('r2', 'q1'), event('r2', 'q2', 'b', 1), event('r1', 'p2', 'a', 1));
  Socket.last.drop();
  clock.advance(20_000);
  await open();
  assert.deepEqual(resumes(), [
    [
      { id: 'r1', position: 'p2' },
      { id: 'r2', position: 'q2' },
    ],
  ]);
  Socket.last.receive(event('r1', 'p2', 'a', 1), event('r1', 'p3', 'a', 2, 'accepted'));
  assert.deepEqual(seen.events, ['b-1', 'a-1', 'a-2']);
});

test('another choice is sent at once, keeps those that stay, and is live when the new ones have caught up', async () => {
  const { dashboard, Socket, seen, resumes, open } = setUp();
  dashboard.watch(['r1', 'r2']);
  dashboard.connect();
  await open();
  Socket.last.receive(caughtUp('r1', 'p1'), caughtUp('r2', 'q1'));
  dashboard.watch(['r2', 'r3']);
  await settle();
  assert.equal(dashboard.state, 'replaying');
  assert.deepEqual(resumes().at(-1), [
    { id: 'r2', position: 'q1' },
    { id: 'r3', position: null },
  ]);
  Socket.last.receive(event('r1', 'p2', 'gone', 1), event('r2', 'q2', 'kept', 1), caughtUp('r3', 's1'));
  assert.equal(dashboard.state, 'live');
  assert.deepEqual(seen.events, ['kept-1'], 'what was on its way for a restaurant that was left out is not delivered');
});

test('a restaurant without a position is loaded before it is named', async () => {
  const loads = [];
  const { dashboard, Socket, resumes, open } = setUp({
    onReset: (restaurant, reason) => new Promise((resolve) => loads.push({ restaurant, reason, resolve })),
    positions: (restaurant) => memoryPositionStore(restaurant === 'r1' ? 'p1' : null),
  });
  dashboard.watch(['r1']);
  dashboard.connect();
  await open();
  assert.deepEqual(resumes(), [[{ id: 'r1', position: 'p1' }]]);
  dashboard.watch(['r1', 'r2']);
  await settle();
  assert.equal(resumes().length, 1);
  assert.deepEqual([loads[0].restaurant, loads[0].reason], ['r2', 'no_position']);
  loads[0].resolve({ position: 'q9' });
  await settle();
  assert.deepEqual(resumes()[1], [
    { id: 'r1', position: 'p1' },
    { id: 'r2', position: 'q9' },
  ]);
  assert.equal(Socket.sockets.length, 1);
});

test('of choices made while one still loads only the last is sent', async () => {
  const loads = new Map();
  const { dashboard, resumes, open } = setUp({
    onReset: (restaurant) => new Promise((resolve) => loads.set(restaurant, resolve)),
    positions: (restaurant) => memoryPositionStore(restaurant === 'r1' ? 'p1' : null),
  });
  dashboard.watch(['r1']);
  dashboard.connect();
  await open();
  dashboard.watch(['r1', 'r2']);
  dashboard.watch(['r1', 'r3']);
  loads.get('r3')({ position: 's1' });
  loads.get('r2')({ position: 'q1' });
  await settle();
  assert.deepEqual(
    resumes().map((choice) => choice.map(({ id }) => id)),
    [['r1'], ['r1', 'r3']],
  );
});

test('a restaurant that is chosen again before the hub knew that it was left out goes on undisturbed', async () => {
  const loads = new Map();
  const { dashboard, Socket, seen, resumes, open } = setUp({
    onReset: (restaurant) => new Promise((resolve) => loads.set(restaurant, resolve)),
    positions: (restaurant) => memoryPositionStore({ r1: 'p1', r2: 'q1' }[restaurant] ?? null),
  });
  dashboard.watch(['r1', 'r2']);
  dashboard.connect();
  await open();
  Socket.last.receive(caughtUp('r1', 'p1'), caughtUp('r2', 'q1'));
  dashboard.watch(['r1', 'r3']);
  const presence = { type: 'presence', restaurant_id: 'r2', reachable: true, since: null, devices: [] };
  Socket.last.receive(event('r2', 'q2', 'b', 1), presence);
  dashboard.watch(['r1', 'r2']);
  assert.equal(dashboard.state, 'live', 'the hub never stopped and will not say again that r2 has caught up');
  Socket.last.receive(event('r2', 'q3', 'b', 2, 'accepted'));
  await settle();
  assert.deepEqual(seen.events, ['b-1', 'b-2'], 'no hole');
  assert.deepEqual(seen.presence, [presence]);
  assert.deepEqual([...loads.keys()], ['r3'], 'a load would bring what the events have overtaken');
  assert.deepEqual(resumes().at(-1), [
    { id: 'r1', position: 'p1' },
    { id: 'r2', position: 'q3' },
  ]);
});

test('a restaurant that is chosen again after the hub knew begins anew', async () => {
  const { dashboard, Socket, seen, resumes, open } = setUp();
  dashboard.watch(['r1', 'r2']);
  dashboard.connect();
  await open();
  Socket.last.receive(caughtUp('r1', 'p1'), caughtUp('r2', 'q1'));
  dashboard.watch(['r1']);
  await settle();
  dashboard.watch(['r1', 'r2']);
  await settle();
  assert.equal(dashboard.state, 'replaying');
  assert.deepEqual(resumes().at(-1)[1], { id: 'r2', position: null });
  Socket.last.receive(caughtUp('r2', 'q5'), event('r2', 'q6', 'b', 1));
  assert.equal(dashboard.state, 'live');
  assert.deepEqual(seen.events, ['b-1']);
});

test('a restaurant that is chosen again while it still loads is not loaded twice', async () => {
  const loads = [];
  const { dashboard, resumes, open } = setUp({
    onReset: (restaurant) => new Promise((resolve) => loads.push({ restaurant, resolve })),
    positions: (restaurant) => memoryPositionStore(restaurant === 'r1' ? 'p1' : null),
  });
  dashboard.watch(['r1']);
  dashboard.connect();
  await open();
  for (const choice of [['r1', 'r2'], ['r1'], ['r1', 'r2']]) {
    dashboard.watch(choice);
    await settle();
  }
  assert.deepEqual(loads.map(({ restaurant }) => restaurant), ['r2']);
  loads[0].resolve({ position: 'q1' });
  await settle();
  assert.deepEqual(resumes().at(-1), [
    { id: 'r1', position: 'p1' },
    { id: 'r2', position: 'q1' },
  ]);
});

test('a restaurant that cannot be loaded can be left out: the others go on at once', async () => {
  const { dashboard, Socket, seen, resumes, open } = setUp({
    onReset: async (restaurant) => {
      if (restaurant !== 'r2') return { position: 'p1' };
      dashboard.watch(['r1']);
      throw new Error('no such restaurant');
    },
  });
  dashboard.watch(['r1', 'r2']);
  dashboard.connect();
  await open();
  assert.deepEqual(resumes(), [[{ id: 'r1', position: 'p1' }]]);
  Socket.last.receive(caughtUp('r1', 'p1'));
  assert.deepEqual(seen.states, ['connecting', 'authenticating', 'replaying', 'live'], 'no backoff');
  assert.deepEqual(seen.errors, []);
});

test('a load that fails renews the socket and is tried again', async () => {
  let loads = 0;
  const { dashboard, clock, seen } = setUp({
    onReset: async () => {
      if (++loads === 1) throw new Error('busy');
      return { position: 'p1' };
    },
  });
  dashboard.watch(['r1']);
  dashboard.connect();
  await settle();
  assert.equal(dashboard.state, 'waiting');
  assert.deepEqual(seen.errors, ['busy']);
  clock.advance(20_000);
  await settle();
  assert.equal(loads, 2);
  assert.equal(dashboard.state, 'connecting');
});

test('a reset of one restaurant reloads that one, and holds back its events only', async () => {
  const loads = [];
  const { dashboard, Socket, seen, open } = setUp({
    onReset: (restaurant, reason) => new Promise((resolve) => loads.push({ restaurant, reason, resolve })),
    positions: () => memoryPositionStore('start'),
  });
  dashboard.watch(['r1', 'r2']);
  dashboard.connect();
  await open();
  Socket.last.receive({ type: 'reset', restaurant_id: 'r1', position: 'p5', reason: 'too_old' }, caughtUp('r2', 'start'));
  Socket.last.receive(event('r1', 'p6', 'a', 1), event('r2', 'q2', 'b', 1));
  assert.deepEqual(seen.events, ['b-1']);
  assert.deepEqual([loads[0].restaurant, loads[0].reason], ['r1', 'too_old']);
  loads[0].resolve({ position: 'p5' });
  await settle();
  assert.deepEqual(seen.events, ['b-1', 'a-1']);
  assert.equal(dashboard.state, 'live');
});

test('presence and figures are handed over, for the chosen restaurants only', async () => {
  const { dashboard, Socket, seen, open } = setUp();
  dashboard.watch(['r1']);
  dashboard.connect();
  await open();
  const presence = { type: 'presence', restaurant_id: 'r1', reachable: null, since: null, devices: [] };
  const figures = { type: 'figures', restaurant_id: 'r1', open: { PENDING: 1 }, oldest_pending_at: null, as_of: 't' };
  Socket.last.receive(presence, figures, { ...presence, restaurant_id: 'r2' }, { ...figures, restaurant_id: 'r2' });
  assert.deepEqual(seen.presence, [presence]);
  assert.deepEqual(seen.figures, [figures]);
});

test('refuses to watch nothing, or more than a hub takes', () => {
  const { dashboard } = setUp();
  assert.throws(() => dashboard.watch([]), RangeError);
  assert.throws(() => dashboard.watch(Array.from({ length: MAX_WATCHED + 1 }, (_, i) => `r${i}`)), RangeError);
  assert.throws(() => dashboard.connect(), /watch/);
});
