#!/usr/bin/env node
/**
 * Does the delivery property find bugs? Wants its fixed corpus to fail for each seeded bug of the hub (OSY_BUG), and for
 * each mistake below, planted in a copy of the sources one after the other. A mistake whose place is gone fails, too:
 * move it along.
 *
 *   tests/property/mutants.mjs [WORD]   all, or those whose name has the word
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Of what the simulated world brings itself. */
const OUT_OF_REACH = ['timers_on_wall_clock'];

/** name, file, what stands there, what is put in its place */
const MUTANTS = [
  ['a fork is delivered', 'hub/cursor.c', 'return follows || cursor->last == 0 ? HUB_VERDICT_DELIVER : HUB_VERDICT_FORK;', '(void)follows; return HUB_VERDICT_DELIVER;'],
  ['a gap is never repaired', 'hub/cursor.c', 'return cursor->target > cursor->last;', '(void)cursor; return false;'],
  ['a run from Redis need not continue what was delivered', 'hub/source.c', 'if (!osy_uuid_is_nil(&range->previous_id) &&', 'if (false && !osy_uuid_is_nil(&range->previous_id) &&'],
  ['PostgreSQL may contradict what was delivered', 'hub/topic.c', 'else if (verdict == HUB_VERDICT_FORK && !answer->from_redis)', 'else if (false)'],
  ['a database that goes back is not noticed', 'hub/topic.c', 'if (!head->found || head->seq < topic->asked_at)', 'if (!head->found)'],
  ['the position check finds nothing', 'hub/topic.c', 'if (head->seq > topic->cursor.last)\n            note_lag(topic, head);', 'if (false)\n            note_lag(topic, head);'],
  ['a customer is told what the topic has not come to', 'hub/orders.c', 'if (newest->envelope.seq > topic->cursor.last) {', 'if (false) {'],
  ["a customer's position is not proven", 'hub/orders.c', 'return osy_uuid_equal(&position->event_id, &order->events[index]->envelope.id) ? LOOKUP_FOUND', 'return true ? LOOKUP_FOUND'],
];

const copy = mkdtempSync(path.join(tmpdir(), 'ordersync-mutants-'));
process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const part of ['api', 'hub', 'shared', 'loadtest', 'deploy', 'CMakeLists.txt', 'CMakePresets.json'])
  execFileSync('cp', ['-r', path.join(ROOT, part), copy]);
cpSync(path.join(ROOT, 'tests'), path.join(copy, 'tests'), { recursive: true, filter: (from) => path.basename(from) !== 'node_modules' });

const cmake = (...args) => spawnSync('cmake', args, { cwd: copy, encoding: 'utf8', env: { ...process.env, CCACHE_BASEDIR: copy } });
const build = () => cmake('--build', '--preset', 'bugs', '--target', 'property_delivery');
const property = (args = [], more = {}) =>
  spawnSync(path.join(copy, 'build/bugs/property/property_delivery'), args, { encoding: 'utf8', timeout: 300_000, env: { ...process.env, ...more } });

/** What was found: the promise that was broken, a failed assertion, or a sanitizer's report. Being slow is none. */
function finding({ stdout, stderr }) {
  const reports = /violated: (.*)|(breaks a promise|Assertion.*failed|ERROR: .*Sanitizer.*|memory leaked.*)/.exec(stdout + stderr);
  return reports?.[1] ?? reports?.[2];
}

function plant(file, old, fresh) {
  const place = path.join(copy, file);
  const text = readFileSync(place, 'utf8');
  if (text.split(old).length !== 2) return { error: `${file} does not have the place any more` };
  writeFileSync(place, text.replace(old, () => fresh));
  try {
    const built = build();
    if (built.status !== 0) return { error: `it does not build: ${built.stdout.slice(-2000)}` };
    return { found: finding(property()) };
  } finally {
    writeFileSync(place, text);
  }
}

let passed = 0;
let failed = 0;
function tell(name, { found, error = '' }) {
  if (found) passed += 1;
  else failed += 1;
  console.log(found ? `found: ${name}: ${found}` : `NOT FOUND: ${name} ${error}`);
}

const isChosen = (name) => name.includes(process.argv[2] ?? '');

cmake('--preset', 'bugs');
const built = build();
if (built.status !== 0 || property().status !== 0) {
  console.error(`without a mistake it must build and hold\n${built.stdout.slice(-2000)}`);
  process.exit(1);
}
for (const line of property(['--bugs']).stdout.trim().split('\n')) {
  const [, name, effect] = line.split('\t');
  if (isChosen(effect) && !OUT_OF_REACH.includes(name)) tell(effect, { found: finding(property([], { OSY_BUGS: name })) });
}
for (const [name, ...change] of MUTANTS) if (isChosen(name)) tell(name, plant(...change));
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
