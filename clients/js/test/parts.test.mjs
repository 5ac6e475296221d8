import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fullJitterDelayMs } from '../dist/backoff.js';
import { dashboardSocketUrl, localStoragePositionStore, orderSocketUrl, restaurantSocketUrl } from '../dist/index.js';
import { parseFrame } from '../dist/messages.js';
import { OrderVersions } from '../dist/order-versions.js';

test('the backoff doubles from half a second up to twenty, and uses the whole interval', () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 50].map((attempt) => fullJitterDelayMs(attempt, () => 0.9999999));
  assert.deepEqual(ceilings, [499, 999, 1999, 3999, 7999, 15999, 19999, 19999]);
  assert.equal(fullJitterDelayMs(9, () => 0), 0);
});

test('a frame is split at newlines, unknown types are left out', () => {
  const messages = parseFrame('{"type":"pong","id":1}\n{"type":"later"}\n\n{"type":"caught_up","position":"p"}');
  assert.deepEqual(
    messages.map((message) => message.type),
    ['pong', 'caught_up'],
  );
});

test('a name that every object inherits is not a known type', () => {
  assert.deepEqual(parseFrame('{"type":"constructor"}'), []);
});

test('versions only grow, and the order not touched for longest is forgotten first', () => {
  const versions = new OrderVersions(2);
  assert.equal(versions.advance('a', 2), true);
  assert.equal(versions.advance('a', 2), false);
  assert.equal(versions.advance('a', 1), false);
  versions.advance('b', 1);
  versions.advance('a', 3);
  versions.advance('c', 1);
  assert.equal(versions.advance('a', 3), false);
  assert.equal(versions.advance('b', 1), true);
});

test('an order’s alerts count one after the other at its version, each once', () => {
  const versions = new OrderVersions();
  assert.equal(versions.advance('a', 1), true);
  assert.equal(versions.advance('a', 1, 1), true);
  assert.equal(versions.advance('a', 1, 2), true);
  assert.equal(versions.advance('a', 1, 2), false);
  assert.equal(versions.advance('a', 1, 1), false);
  assert.equal(versions.advance('a', 2), true);
  assert.equal(versions.advance('a', 1, 3), false);
  assert.equal(versions.advance('a', 2, 3), true);
});

test('a position outlives the page in local storage', () => {
  const items = new Map();
  const storage = {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key),
  };
  localStoragePositionStore('k', storage).save('p1');
  const next = localStoragePositionStore('k', storage);
  assert.equal(next.load(), 'p1');
  next.clear();
  assert.equal(localStoragePositionStore('k', storage).load(), null);
});

test('storage that refuses to work costs nothing but its memory', () => {
  const refuse = () => {
    throw new Error('QuotaExceededError');
  };
  const store = localStoragePositionStore('k', { getItem: refuse, setItem: refuse, removeItem: refuse });
  store.save('p1');
  assert.equal(store.load(), 'p1');
  store.clear();
  assert.equal(store.load(), null);
});

test('socket addresses follow the scheme of the edge', () => {
  assert.equal(restaurantSocketUrl('https://edge.example/', 'r1'), 'wss://edge.example/ws/restaurants/r1/orders');
  assert.equal(orderSocketUrl('http://127.0.0.1:8080', 'r1', 'o1'), 'ws://127.0.0.1:8080/ws/orders/o1/status?r=r1');
  assert.equal(dashboardSocketUrl('https://edge.example'), 'wss://edge.example/ws/dashboard');
});
