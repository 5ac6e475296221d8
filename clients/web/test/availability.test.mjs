import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../dist-test/client.mjs';
import { nextHour } from '../dist-test/common/zone.mjs';
import { Availability } from '../dist-test/tablet/availability.mjs';

const NOW = Date.parse('2026-12-24T09:00:00Z');
const LATER = '2026-12-24T20:00:00Z';
const EGG = { kind: 'options', id: 'egg', name: 'Egg' };
const SOUP = { kind: 'items', id: 'soup', name: 'Soup' };

const there = (id) => ({ id, available: true, sold_out_until: null });
const soldOut = (id, until = null) => ({ id, available: false, sold_out_until: until });

/** A menu whose answers the test gives: answers[i](error) lets the i-th change succeed, or fail. */
async function setUp({ items = [there('soup')], options = [there('egg')] } = {}) {
  const [sent, answers, failed] = [[], [], []];
  const served = { items, options };
  const api = {
    getOwnMenu: async () => structuredClone(served),
    setSoldOut(change) {
      sent.push(change);
      return new Promise((resolve, reject) => answers.push((error) => (error ? reject(error) : resolve({ changed: [] }))));
    },
  };
  const availability = new Availability({ api, restaurantId: 'r1', now: () => NOW, onChange() {}, onFailed: (part, error) => failed.push([part.id, error.code]) });
  await availability.load();
  return { availability, api, sent, answers, failed, served };
}

test('a tap shows before it is answered, and stays when it was done', async () => {
  const { availability, sent, answers } = await setUp();
  const changes = [availability.set(SOUP, { until: LATER }), availability.set(EGG, { until: null })];
  assert.deepEqual([SOUP, EGG].map((part) => [availability.soldOut(part), availability.isSending(part)]), [[{ until: LATER }, true], [{ until: null }, true]]);
  for (const answer of answers) answer();
  await Promise.all(changes);
  assert.deepEqual([SOUP, EGG].map((part) => [availability.soldOut(part), availability.isSending(part)]), [[{ until: LATER }, false], [{ until: null }, false]]);
  assert.deepEqual(sent, [{ items: ['soup'], sold_out: true, until: LATER }, { options: ['egg'], sold_out: true }]);

  const back = availability.set(EGG, null);
  answers.at(-1)();
  await back;
  assert.equal(availability.soldOut(EGG), null);
  assert.deepEqual(sent.at(-1), { options: ['egg'], sold_out: false });
});

test('what was refused shows as it was before, and others keep what was tapped meanwhile', async () => {
  const { availability, answers, failed } = await setUp({ items: [soldOut('soup')] });
  const changes = [availability.set(SOUP, null), availability.set(EGG, { until: null })];
  answers[0](new ApiError({ status: 403, code: 'FORBIDDEN', detail: '' }));
  await changes[0];
  assert.deepEqual(availability.soldOut(SOUP), { until: null });
  assert.deepEqual(failed, [['soup', 'FORBIDDEN']]);
  assert.deepEqual(availability.soldOut(EGG), { until: null });
  answers[1]();
  await changes[1];
});

test('an answer that was lost may have been a yes: the menu is asked again', async () => {
  const { availability, answers, served } = await setUp();
  const change = availability.set(SOUP, { until: null });
  served.items = [soldOut('soup')];
  answers[0](new ApiError({ status: 0, code: 'UNREACHABLE', detail: '' }));
  await change;
  await new Promise(setImmediate);
  assert.deepEqual(availability.soldOut(SOUP), { until: null });
});

test('a menu that was on its way while a change was made is asked for again', async () => {
  const { availability, api, answers, served } = await setUp();
  const asked = [];
  api.getOwnMenu = () => new Promise((resolve) => asked.push(resolve));
  const load = availability.load();
  const change = availability.set(SOUP, { until: null });
  const before = structuredClone(served);
  answers[0]();
  await change;
  asked[0](before);
  await new Promise(setImmediate);
  assert.deepEqual(availability.soldOut(SOUP), { until: null });
  assert.equal(asked.length, 2);
  asked[1]({ items: [soldOut('soup')], options: [soldOut('egg')] }); // meanwhile another tablet's egg
  await load;
  assert.deepEqual([SOUP, EGG].map((part) => availability.soldOut(part)), [{ until: null }, { until: null }]);
});

test('a second tap waits for the first one’s answer, and what is sold out until then is there afterwards', async () => {
  const { availability, sent, answers } = await setUp({ options: [soldOut('egg', '2026-12-24T09:00:00Z')] });
  assert.equal(availability.soldOut(EGG), null);
  const change = availability.set(SOUP, { until: null });
  await availability.set(SOUP, null);
  assert.equal(sent.length, 1);
  answers[0]();
  await change;
});

test('the next five in the morning is one of the place’s clock, over changes of summer time too', () => {
  const cases = [
    ['Asia/Seoul', '2026-12-24T11:00:00Z', '2026-12-24T20:00:00Z'], // eight in the evening: the next day
    ['Asia/Seoul', '2026-12-24T16:30:00Z', '2026-12-24T20:00:00Z'], // half past one at night: the same day
    ['Asia/Seoul', '2026-12-24T20:00:00Z', '2026-12-25T20:00:00Z'],
    ['America/New_York', '2026-03-08T02:00:00Z', '2026-03-08T09:00:00Z'], // the night in which an hour is skipped
    ['America/New_York', '2026-11-01T02:00:00Z', '2026-11-01T10:00:00Z'], // and that with one twice
    ['UTC', '2026-12-31T23:59:59.250Z', '2027-01-01T05:00:00Z'],
  ];
  for (const [zone, after, expected] of cases)
    assert.equal(new Date(nextHour(5, zone, Date.parse(after))).toISOString(), new Date(expected).toISOString(), `${zone} ${after}`);
});
