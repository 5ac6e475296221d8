/** JSON that is made to hurt: each is refused in the same quiet way, and what all of them together take is bounded. */
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { start } from './own.mjs';
import { makeRestaurant, newOrder, request } from './stack.mjs';

const BODY_MAX = 65536;
const TOKENS_MAX = 4096;
const restaurant = await makeRestaurant();
const good = newOrder(restaurant.id, [[restaurant.dish, 1]]);
const raw = JSON.stringify(good);
const secret = 'CANARY-hostile';

/** Fills piece up to the length of the largest body. */
const fill = (before, piece, after = '', most = BODY_MAX) => before + piece.repeat(Math.floor((most - before.length - after.length) / Buffer.byteLength(piece))) + after;
const inOrder = (field, text) => raw.replace('{', `{"${field}":${text},`);
const bytes = (...parts) => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));

const bombs = {
  'objects in an array': fill('[', '{},', '{}]'),
  'arrays in an array': fill('[', '[],', '[]]'),
  'empty strings': fill('[', '"",', '""]'),
  'digits': fill('[', '1,', '1]'),
  'nulls': fill('[', 'null,', 'null]'),
  'trues': fill('[', 'true,', 'true]'),
  'minus signs': fill('[', '-,', '-]'),
  'open arrays': fill('', '['),
  'open objects': fill('', '{'),
  'nested objects': fill('', '{"a":'),
  'nested arrays and objects': fill('', '[{"a":'),
  'closed arrays': fill('', ']'),
  'closed objects': fill('', '}'),
  'pairs of brackets': fill('', '[]'),
  'pairs of braces': fill('', '{}'),
  'nested just too deep': '['.repeat(17) + ']'.repeat(17),
  'nested as deep as a stack may be': '['.repeat(BODY_MAX / 2) + ']'.repeat(BODY_MAX / 2),
  'one value too many': `[${'1,'.repeat(TOKENS_MAX - 1)}1]`,
  'names and values': `{${Array.from({ length: 3000 }, (_, i) => `"a${i}":1`).join()}}`,
  'names that differ in their last letter': `{${Array.from({ length: 100 }, (_, i) => `"${'a'.repeat(500)}${i}":1`).join()}}`,
  'quotes alone': fill('', '"'),
  'colons': fill('{', ':', '}'),
  'commas': fill('[', ',', ']'),
  'blanks': fill('', ' '),
  'line ends': fill('', '\n'),
  'a string without end': fill('{"note":"', 'x'),
  'a string of the whole body': fill('{"note":"', 'x', '"}'),
  'a name of the whole body': fill('{"', 'x', '":1}'),
  'escapes': fill('{"note":"', '\\u0041', '"}'),
  'backslashes': fill('{"note":"', '\\\\', '"}'),
  'an escape at the end': '{"note":"\\',
  'half an escape': '{"note":"\\u00"}',
  'a number of the whole body': fill('{"note":', '1', '}'),
  'a fraction of the whole body': fill('{"note":0.', '1', '}'),
  'an exponent of the whole body': fill('{"note":1e', '1', '}'),
  'leading zeros': inOrder('note', '00000000001'),
  'an exponent that is too great': inOrder('note', '1e999999'),
  'an integer that is too great': raw.replace('"quantity":1', '"quantity":18446744073709551617'),
  'an integer beyond the wrap': raw.replace('"quantity":1', '"quantity":4294967297'),
  'a fraction for an integer': raw.replace('"quantity":1', '"quantity":1.0000000000000001'),
  'an exponent for an integer': raw.replace('"quantity":1', '"quantity":1e0'),
  'minus zero': raw.replace('"quantity":1', '"quantity":-0'),
  'not a number': raw.replace('"quantity":1', '"quantity":NaN'),
  'infinity': raw.replace('"quantity":1', '"quantity":Infinity'),
  'a hexadecimal number': raw.replace('"quantity":1', '"quantity":0x1'),
  'the same field twice': inOrder('restaurant_id', `"${secret}"`),
  'the same field twice, escaped': raw.replace('{', `{"\\u0072estaurant_id":"${restaurant.id}",`),
  'the same field twice, deep inside': raw.replace('"quantity":1', '"quantity":1,"quantity":2'),
  'a prototype': inOrder('__proto__', '{"total_amount":0}'),
  'a constructor': inOrder('constructor', '{"prototype":{}}'),
  'an unknown field': inOrder(secret.slice(0, 6).toLowerCase(), '1'),
  'an empty name': inOrder('', '1'),
  'a NUL in a name': inOrder('note\\u0000', '1'),
  'a NUL in a value': inOrder('note', '"a\\u0000b"'),
  'a NUL byte': raw.replace('{', '{\0'),
  'a NUL byte behind the end': `${raw}\0`,
  'a byte order mark': `\ufeff${raw}`,
  'UTF-16': Buffer.from(raw, 'utf16le'),
  'a lone surrogate': inOrder('note', '"\\ud800"'),
  'surrogates the wrong way round': inOrder('note', '"\\udc00\\ud800"'),
  'an overlong slash': bytes('{"note":"', [0xc0, 0xaf], '"}'),
  'an overlong NUL': bytes('{"note":"', [0xc0, 0x80], '"}'),
  'a surrogate in UTF-8': bytes('{"note":"', [0xed, 0xa0, 0x80], '"}'),
  'beyond Unicode': bytes('{"note":"', [0xf4, 0x90, 0x80, 0x80], '"}'),
  'cut UTF-8': bytes('{"note":"', [0xe2, 0x82], '"}'),
  'control characters': inOrder('note', '"a\nb"'),
  'a comment': inOrder('note', `/* ${secret} */ null`),
  'single quotes': raw.replaceAll('"', "'"),
  'a trailing comma': raw.replace(/}$/, ',}'),
  'two values': `${raw}${raw}`,
  'lines of JSON': `${raw}\n${raw}`,
};

let api;
// Built with sanitizers the program reads 256 of these for longer than a client may take, and keeps what was freed.
before(async () => (api = await start('serve', { ORDERSYNC_HTTP_HEADER_MS: '120000', ORDERSYNC_HTTP_BODY_MS: '120000', ASAN_OPTIONS: 'quarantine_size_mb=1' })));
after(() => api.stop());
const post = (body) => request('POST', '/api/v1/orders', { api: `http://127.0.0.1:${api.port}`, body });

test('there are sixty bombs or more', () => assert.ok(Object.keys(bombs).length >= 60));

for (const [what, body] of Object.entries(bombs)) {
  test(`${what}: refused, and not quoted`, async () => {
    assert.ok(Buffer.byteLength(body) <= BODY_MAX);
    const { status, body: problem } = await post(body);
    assert.deepEqual([status, problem.code], [400, 'INVALID_REQUEST']);
    assert.ok(!JSON.stringify(problem).includes(secret), problem.detail);
  });
}

const kilobytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${api.child.pid}/status`, 'utf8'))[1]);

test('256 of the worst that are parsed, at the same time, take a bounded part of memory', async (t) => {
  // As many values as may be, of the dearest kind, and the rest of the body in strings.
  const worst = fill(`{"note":[${'{},'.repeat(TOKENS_MAX - 10)}`, `"${'x'.repeat(10000)}",`, '{}]}');
  assert.equal((await post(worst)).body.code, 'INVALID_REQUEST');
  const before = kilobytes('VmRSS');
  const replies = await Promise.all(Array.from({ length: 256 }, () => post(worst)));
  for (const { status, body } of replies) assert.deepEqual([status, body.code], [400, 'INVALID_REQUEST']);
  const peak = kilobytes('VmHWM');
  t.diagnostic(`resident before ${before} KiB, at most ${peak} KiB: ${((peak - before) / 1024).toFixed(1)} MiB more`);
  // 256 bodies are 16 MiB, with what has been read ahead twice as much; they are parsed one after the other.
  assert.ok(peak - before < 192 * 1024, `${peak - before} KiB`);
  assert.equal((await post(good)).status, 201);
});
