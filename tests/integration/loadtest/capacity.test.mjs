/** What tests/bench/capacity makes of figures: whether a run holds, and how it looks for the highest rate that does. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { holds, median, searchRate } from '../../bench/capacity_figures.mjs';

const figures = (changes = {}) => ({
  good: true,
  lost: 0,
  duplicated: 0,
  out_of_order: 0,
  orders: { offered: 100, accepted: 100 },
  changes: { offered: 0, accepted: 0 },
  latency_ms: { order_reply: { p99: 49 }, commit_to_socket: { p99: 99 } },
  ...changes,
});

/** A machine that does so many orders a second; tells which rates it was asked for. */
function machine(most) {
  const asked = [];
  return { asked, probe: async (rate) => asked.push(rate) > 0 && rate <= most };
}

test('a run holds when all was accepted, nothing lost, and in time; else it says why not', () => {
  assert.deepEqual(holds(figures()), { isWhole: true, holds: true, why: '' });
  assert.match(holds(null).why, /no report/);
  assert.match(holds(figures({ good: false, lost: 3 })).why, /lost 3/);
  assert.match(holds(figures({ orders: { offered: 100, accepted: 99 } })).why, /1 requests not accepted/);
  for (const broken of [null, figures({ good: false, lost: 3 }), figures({ orders: { offered: 100, accepted: 99 } })])
    assert.equal(holds(broken).isWhole, false);
  const slow = { order_reply: { p99: 50 }, commit_to_socket: { p99: 100 } };
  assert.equal(holds(figures({ latency_ms: slow })).isWhole, true);
  assert.match(holds(figures({ latency_ms: slow })).why, /p99 of a POST 50 ms; p99 from commit to socket 100 ms/);
});

test('the search ends at the aim when that holds', async () => {
  const { asked, probe } = machine(20_000);
  assert.equal(await searchRate(probe, 10_000, 625), 10_000);
  assert.deepEqual(asked, [10_000]);
});

test('it comes within a tenth of what the machine can do, in a few runs', async () => {
  for (const most of [640, 1000, 2345, 5999, 9900]) {
    const { asked, probe } = machine(most);
    const found = await searchRate(probe, 10_000, 625);
    assert.ok(found <= most && found * 1.11 >= most, `${most}: ${found}`);
    assert.ok(asked.length <= 8, `${most}: ${asked}`);
  }
});

test('it says 0 when nothing holds, and asks no rate twice', async () => {
  const { asked, probe } = machine(10);
  assert.equal(await searchRate(probe, 10_000, 625), 0);
  assert.equal(new Set(asked).size, asked.length);
});

test('medians come with their range', () => {
  assert.equal(median([3]), '3.00');
  assert.equal(median([30, 10, 20]), '20.0 (10.0 to 30.0)');
  assert.equal(median([1, 2]), '1.50 (1.00 to 2.00)');
});
