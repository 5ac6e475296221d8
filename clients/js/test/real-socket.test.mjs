/** The same client over a real WebSocket, against a small hub: what a fake socket cannot show. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { Connection, DashboardConnection } from '../dist/index.js';
import { caughtUp, eventMessage, hello } from './fakes.mjs';

/** Calls onResume for each client that has authenticated and resumed; options are the server's own. */
async function startHub(t, onResume, options = {}) {
  const hub = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'ordersync.v1', ...options });
  await new Promise((resolve) => hub.once('listening', resolve));
  t.after(() => {
    for (const client of hub.clients) client.terminate();
    hub.close();
  });
  hub.on('connection', (socket) => {
    let token;
    socket.on('message', (data) => {
      const message = JSON.parse(String(data));
      if (message.type === 'auth') token = message.token;
      if (message.type === 'resume') onResume(socket, token, message.position, message);
    });
  });
  return `ws://127.0.0.1:${hub.address().port}/ws/restaurants/r/orders`;
}

function sendFrame(socket, ...messages) {
  socket.send(messages.map((message) => JSON.stringify(message)).join('\n'));
}

test('events arrive, and a torn connection is resumed behind the last of them', { timeout: 30_000 }, async (t) => {
  const resumes = [];
  const url = await startHub(t, (socket, token, position) => {
    resumes.push([token, position]);
    if (resumes.length === 1) {
      sendFrame(socket, hello, caughtUp, eventMessage('p1', 'a', 1));
      socket.once('message', () => socket.terminate()); /* the ack: p1 was handled */
    } else {
      sendFrame(socket, hello, eventMessage('p2', 'a', 2, 'accepted'), caughtUp);
    }
  });
  const seen = [];
  await new Promise((resolve) => {
    const connection = new Connection({
      url,
      device: 'tablet-1',
      WebSocket,
      getToken: async () => 'token',
      onEvent: (event) => {
        seen.push(event.id);
        if (event.data.version === 2) resolve();
      },
      random: () => 0,
    });
    t.after(() => connection.close());
    connection.connect();
  });
  assert.deepEqual(seen, ['a-1', 'a-2']);
  assert.deepEqual(resumes, [
    ['token', null],
    ['token', 'p1'],
  ]);
});

test('a hub that is not there is tried again', { timeout: 30_000 }, async (t) => {
  const attempts = [];
  await new Promise((resolve) => {
    const connection = new Connection({
      url: 'ws://127.0.0.1:1/ws/restaurants/r/orders',
      WebSocket,
      getToken: () => 'token',
      onEvent: () => {},
      onState: ({ state }) => {
        if (state === 'waiting' && attempts.push(state) === 3) resolve();
      },
      random: () => 0,
    });
    t.after(() => connection.close());
    connection.connect();
  });
  assert.equal(attempts.length, 3);
});

test('upgrades refused with 503 are tried again until one is taken', { timeout: 30_000 }, async (t) => {
  let upgrades = 0;
  const verifyClient = (_, answer) => (++upgrades < 3 ? answer(false, 503, 'full', { 'Retry-After': '1' }) : answer(true));
  const url = await startHub(t, (socket) => sendFrame(socket, hello, caughtUp), { verifyClient });
  await new Promise((resolve) => {
    const connection = new Connection({
      url,
      WebSocket,
      getToken: () => 'token',
      onEvent: () => {},
      onState: ({ state }) => state === 'live' && resolve(),
      random: () => 0,
    });
    t.after(() => connection.close());
    connection.connect();
  });
  assert.equal(upgrades, 3);
});

test('a hub that drains is left, and the next one resumed', { timeout: 30_000 }, async (t) => {
  const positions = [];
  const url = await startHub(t, (socket, _token, position) => {
    positions.push(position);
    sendFrame(socket, hello, caughtUp);
    if (positions.length > 1) return;
    sendFrame(socket, eventMessage('p1', 'a', 1), { type: 'drain', reconnect_in_ms: 20 });
    socket.close(1012);
  });
  const states = [];
  await new Promise((resolve) => {
    const connection = new Connection({
      url,
      WebSocket,
      getToken: () => 'token',
      onEvent: () => {},
      onState: ({ state }) => {
        states.push(state);
        if (states.filter((each) => each === 'live').length === 2) resolve();
      },
    });
    t.after(() => connection.close());
    connection.connect();
  });
  assert.deepEqual(positions, [null, 'p1']);
  assert.equal(states.filter((state) => state === 'waiting').length, 1);
});

test('a dashboard follows two restaurants over one socket, and changes its choice', { timeout: 30_000 }, async (t) => {
  const chosen = [];
  const url = await startHub(t, (socket, _token, _position, { restaurants }) => {
    const known = new Set(chosen.flat());
    chosen.push(restaurants.map(({ id }) => id));
    if (chosen.length === 1) sendFrame(socket, { ...hello, position: undefined });
    for (const { id } of restaurants.filter((restaurant) => !known.has(restaurant.id)))
      sendFrame(socket, { ...caughtUp, restaurant_id: id }, { ...eventMessage(`${id}-1`, `order-of-${id}`, 1), restaurant_id: id });
  });
  const seen = [];
  await new Promise((resolve) => {
    const dashboard = new DashboardConnection({
      url,
      WebSocket,
      getToken: () => 'token',
      onEvent: ({ subject }) => {
        seen.push(subject);
        if (seen.length === 2) dashboard.watch(['r2', 'r3']);
        if (seen.length === 3) resolve();
      },
    });
    t.after(() => dashboard.close());
    dashboard.watch(['r1', 'r2']);
    dashboard.connect();
  });
  assert.deepEqual(seen, ['order-of-r1', 'order-of-r2', 'order-of-r3']);
  assert.deepEqual(chosen, [
    ['r1', 'r2'],
    ['r2', 'r3'],
  ]);
});
