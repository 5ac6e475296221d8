/** Who waits for whom: each waits longer than those behind it, so a reply comes from where the trouble is. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { PROGRAM } from './own.mjs';

const read = (name) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
const edge = read('deploy/nginx/ordersync.conf.in');
const libpq = read('shared/pg.c');
const settings = execFileSync(PROGRAM, ['serve', '--check-config'], {
  env: { ORDERSYNC_DATABASE_URL: 'postgresql://x', ORDERSYNC_REDIS_URL: 'redis://127.0.0.1:1', ORDERSYNC_KEYS_DIR: '/none' },
  encoding: 'utf8',
});

const number = (what, text, pattern) => {
  const match = pattern.exec(text);
  assert.ok(match, `${what} is not where it was`);
  return Number(match[1].replaceAll('_', ''));
};
const setting = (name) => number(name, settings, new RegExp(`^ORDERSYNC_${name}=(\\d+)$`, 'm'));
const constant = (name) => number(name, libpq, new RegExp(`#define ${name} +(\\d+)`));

const client = number('the SDK', read('clients/js/src/api.ts'), /TIMEOUT_MS = ([\d_]+)/);
const edgeReads = 1000 * number('the edge', edge.slice(edge.indexOf('location /api/')), /proxy_read_timeout (\d+)s/);
const statement = constant('STATEMENT_TIMEOUT_MS');
const answer = statement + constant('ANSWER_GRACE_MS');
const connect = 1000 * constant('CONNECT_TIMEOUT_S');

test('client > edge > API > database', () => {
  const request = setting('REQUEST_MS');
  const order = setting('ORDER_DEADLINE_MS') + 1000; // the try that was under way gets so long (api/orders/writer.c)
  for (const [longer, shorter] of [
    [['client', client], ['edge', edgeReads]],
    [['edge', edgeReads], ['a request on a worker, and a connection that it makes last of all', request + connect]],
    [['edge', edgeReads], ['an order', order]],
    [['a request on a worker', request], ['an answer of PostgreSQL', answer]],
    [['an answer of PostgreSQL', answer], ['a statement', statement]],
    [['a statement', statement], ['a connection', connect]],
  ])
    assert.ok(longer[1] > shorter[1], `${longer.join(' ')} ms, ${shorter.join(' ')} ms`);
});

test('the edge keeps its connections to the API for less long than the API does', () => {
  const kept = 1000 * number('the upstream', edge.slice(edge.indexOf('upstream api')), /keepalive_timeout (\d+)s/);
  assert.ok(setting('HTTP_IDLE_MS') > kept);
});

test('the edge takes no larger bodies and waits no longer for them than the API', () => {
  const bytes = 1024 * number('the edge', edge, /client_max_body_size (\d+)k/);
  assert.ok(setting('HTTP_BODY_BYTES') >= bytes);
  assert.ok(setting('HTTP_BODY_MS') >= 1000 * number('the edge', edge, /client_body_timeout (\d+)s/));
  assert.ok(setting('HTTP_HEADER_MS') >= 1000 * number('the edge', edge, /client_header_timeout (\d+)s/));
});
