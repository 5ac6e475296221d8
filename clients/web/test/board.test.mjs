import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Board } from '../dist-test/tablet/board.mjs';

function order(orderId, version, status, createdAt = '2026-01-31T12:00:00.000Z') {
  return { order_id: orderId, version, status, created_at: createdAt };
}

test('an order moves through the columns and leaves at its end', () => {
  const board = new Board();
  assert.equal(board.apply(order('a', 1, 'PENDING')), 'added');
  assert.equal(board.column('new').length, 1);
  assert.equal(board.apply(order('a', 2, 'ACCEPTED')), 'changed');
  assert.equal(board.unanswered, 0);
  assert.equal(board.column('preparing').length, 1);
  assert.equal(board.apply(order('a', 3, 'COMPLETED')), 'removed');
  assert.equal(board.get('a'), undefined);
});

test('what is older than the screen is ignored, also when the order has left it', () => {
  const board = new Board();
  board.apply(order('a', 1, 'PENDING'));
  board.apply(order('a', 4, 'CANCELLED'));
  assert.equal(board.apply(order('a', 2, 'ACCEPTED')), 'stale');
  assert.equal(board.get('a'), undefined);
});

test('a snapshot removes what it lacks, keeps what is newer and brings back nothing that ended', () => {
  const board = new Board();
  board.apply(order('gone', 1, 'PENDING'));
  board.apply(order('newer', 3, 'PREPARING'));
  board.apply(order('ended', 5, 'COMPLETED'));
  board.replace([order('newer', 2, 'ACCEPTED'), order('ended', 4, 'READY'), order('fresh', 1, 'PENDING')]);
  assert.equal(board.get('gone'), undefined);
  assert.equal(board.get('newer').version, 3);
  assert.equal(board.get('ended'), undefined);
  assert.equal(board.get('fresh').version, 1);
});

test('whoever waits longest comes first', () => {
  const board = new Board();
  board.apply(order('late', 1, 'PENDING', '2026-01-31T12:01:00.000Z'));
  board.apply(order('early', 1, 'PENDING', '2026-01-31T12:00:00.000Z'));
  assert.deepEqual(
    board.column('new').map(({ order_id }) => order_id),
    ['early', 'late'],
  );
});

test('an alert marks an order that nobody has answered, until somebody does', () => {
  const board = new Board();
  const alert = { step: 1, reason: 'not_accepted', waiting_ms: 90_000 };
  board.apply(order('a', 1, 'PENDING'));
  assert.equal(board.alert('a', alert), true);
  assert.equal(board.alertOf('a'), alert);
  board.apply(order('a', 2, 'ACCEPTED'));
  assert.equal(board.alertOf('a'), undefined);
  assert.equal(board.alert('a', alert), false, 'an answered order does not ring');
  assert.equal(board.alert('never seen', alert), false);
});
