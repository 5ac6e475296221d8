import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { deviceName } from '../dist-test/tablet/device.mjs';

globalThis.crypto ??= webcrypto; // as in browsers; Node.js 18 keeps it to itself

function storage(items = new Map()) {
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value) };
}

test('a tablet keeps its name, and two have different ones', () => {
  const mine = storage();
  const name = deviceName(mine);
  assert.match(name, /^tablet-[0-9a-f]{8}$/);
  assert.equal(deviceName(mine), name);
  assert.notEqual(deviceName(storage()), name);
});

test('a name that no hub takes is replaced, and storage that refuses is done without', () => {
  assert.match(deviceName(storage(new Map([['ordersync.device', 'küche 1']]))), /^tablet-/);
  const refuse = () => {
    throw new Error('SecurityError');
  };
  assert.match(deviceName({ getItem: refuse, setItem: refuse }), /^tablet-/);
});
