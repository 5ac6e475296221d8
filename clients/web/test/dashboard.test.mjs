import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restaurantsOf } from '../dist-test/common/access-token.mjs';
import { Choice } from '../dist-test/dashboard/choice.mjs';
import { Restaurant } from '../dist-test/dashboard/restaurant.mjs';

const token = (claims) => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;

test('the restaurants of a token are those it names; what is no token names none', () => {
  assert.deepEqual(restaurantsOf(token({ sub: '비빔밥?>', restaurant_ids: ['a', 'b'] })), ['a', 'b']);
  assert.deepEqual(restaurantsOf(token({ role: 'admin' })), []);
  assert.deepEqual(restaurantsOf(token(null)), []);
  assert.deepEqual(restaurantsOf('garbage'), []);
});

function storage(stored = null) {
  return {
    stored,
    getItem() {
      return this.stored;
    },
    setItem(_key, value) {
      this.stored = value;
    },
  };
}

test('all restaurants are shown at first, then what was chosen; the last one stays', () => {
  const kept = storage();
  const choice = new Choice(['a', 'b'], kept);
  assert.deepEqual(choice.ids, ['a', 'b']);
  choice.toggle('a');
  assert.deepEqual(choice.ids, ['b']);
  assert.equal(choice.mayToggle('b'), false);
  choice.toggle('b');
  assert.deepEqual(choice.ids, ['b']);
  assert.deepEqual(new Choice(['a', 'b'], storage(kept.stored)).ids, ['b']);
});

test('a choice of restaurants that are gone, or unreadable, is all of them, and never more than a hub takes', () => {
  assert.deepEqual(new Choice(['a'], storage('["z"]')).ids, ['a']);
  assert.deepEqual(new Choice(['a'], storage('{')).ids, ['a']);
  const many = Array.from({ length: 40 }, (_, i) => `r${i}`);
  const choice = new Choice(many, storage());
  assert.equal(choice.ids.length, 32);
  assert.equal(choice.mayToggle('r39'), false);
});

test('a restaurant that is not there leaves the choice; when none is left of it, the others are shown', () => {
  const kept = storage('["b","c"]');
  const choice = new Choice(['a', 'b', 'c'], kept);
  choice.leaveOut('b');
  choice.leaveOut('b');
  assert.deepEqual([choice.all, choice.ids, choice.leftOut], [['a', 'c'], ['c'], ['b']]);
  choice.leaveOut('c');
  assert.deepEqual([choice.ids, choice.mayToggle('a')], [['a'], false]);
  assert.equal(kept.stored, '["b","c"]', 'the next visit asks again');
  choice.leaveOut('a');
  assert.deepEqual([choice.ids, choice.leftOut], [[], ['b', 'c', 'a']]);
});

const order = (code, version, status, updatedAt) => ({ order_id: code, code, version, status, updated_at: updatedAt });

test('the latest events begin with the latest orders, and the newest comes first', () => {
  const restaurant = new Restaurant('r');
  restaurant.replace([order('B', 1, 'PENDING', '2026-01-31T12:00:01Z'), order('A', 2, 'ACCEPTED', '2026-01-31T12:00:02Z')]);
  restaurant.add({ data: order('B', 2, 'REJECTED', ''), time: '2026-01-31T12:00:03Z' });
  restaurant.add({ data: { ...order('C', 1, 'PENDING', ''), alert: { step: 1, reason: 'not_displayed' } }, time: '2026-01-31T12:00:04Z' });
  assert.deepEqual(
    restaurant.entries.map(({ code, status, alert }) => [code, status, alert]),
    [
      ['C', 'PENDING', 'not_displayed'],
      ['B', 'REJECTED', null],
      ['A', 'ACCEPTED', null],
      ['B', 'PENDING', null],
    ],
  );
});
