/** ordersync-loadtest against the running stack: what it reports, what it answers to, and how it ends. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { until } from '../api/own.mjs';
import { env } from '../api/stack.mjs';
import { atEnd } from '../endings.mjs';

const PROGRAM = path.join(env.BIN_DIR, 'ordersync-loadtest');
const SMALL = ['--tablets', '12', '--customers', '12', '--restaurants', '6', '--rate', '20', '--ramp', '100', '--ack'];
const FOREVER = ['--seconds', '3600'];

async function folderFor(t) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'ordersync-loadtest-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs it; `says(pattern)` waits for what it prints. */
function start(t, ...args) {
  const child = spawn(PROGRAM, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  t.after(kill);
  atEnd(kill);
  const run = { child, output: '' };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (run.output += text));
  run.ended = once(child, 'close').then(([status]) => status);
  run.says = async (pattern, from = 0) => {
    while (!pattern.test(run.output.slice(from))) {
      assert.equal(child.exitCode, null, `it ended: ${run.output}`);
      await Promise.race([once(child.stdout, 'data'), run.ended]);
    }
  };
  return run;
}

async function finish(t, ...args) {
  const run = start(t, ...args);
  return { status: await run.ended, output: run.output };
}

/** Its generators, found as what they are: children of it. */
async function childrenOf(pid) {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').filter(Boolean).map(Number);
}

const isThere = (pid) => readFile(`/proc/${pid}/stat`, 'utf8').then((text) => !/\) Z /.test(text), () => false);

test('a scenario by several generators: one verdict, whole accounts, every stage', async (t) => {
  const folder = await folderFor(t);
  const scenario = path.join(folder, 'small.json');
  await writeFile(scenario, JSON.stringify({
    tablets: 12, customers: 12, dashboards: 2, restaurants: 6, rate: 20, skew: 1, cook: '0.2:0.2:0.2:0.2', ramp: 100, ack: true,
    phases: [{ name: 'calm', seconds: 1 }, { name: 'storm', seconds: 2, rate: [1, 2], cut: 0.5, away: 0.2 }],
  }));
  const out = path.join(folder, 'out');
  const ids = path.join(folder, 'ids');
  const { status, output } = await finish(t, '--scenario', scenario, '--generators', '2', '--out', out, '--acknowledged', ids);
  assert.equal(status, 0, output);

  const report = JSON.parse(await readFile(path.join(out, 'report.json'), 'utf8'));
  assert.equal(report.good, true);
  assert.equal(report.generators.count, 2);
  assert.equal(report.sockets.followed >= 26, true);
  assert.equal(report.sockets.current, report.sockets.followed);
  assert.equal(report.sockets.cuts > 0, true);
  assert.equal(report.changes.accepted > 0, true);
  assert.deepEqual(report.options.phases.map(({ name, away }) => [name, away]), [['calm', 2], ['storm', 0.2]]);
  assert.deepEqual(report.options.cook_s, [0.2, 0.2, 0.2, 0.2]);
  const acknowledged = (await readFile(ids, 'utf8')).trim().split('\n');
  assert.equal(new Set(acknowledged).size, report.orders.accepted);

  for (const name of ['API', 'HUB', 'POSTGRES', 'REDIS', 'NGINX', 'GENERATOR'])
    assert.equal(report.processes[name].resident_kb > 0, true, name);
  assert.equal(report.each.filter(({ name }) => name.startsWith('GENERATOR ')).length, 2);
  const events = report.in_load.orders + report.in_load.changes;
  for (const stage of ['commit', 'publish', 'receive', 'write'])
    assert.equal(report.stages_ms[stage].count >= events, true, `${stage}: ${report.stages_ms[stage].count} of ${events}`);
  const { total, generator, commit, publish, write, rest } = report.breakdown_ms;
  assert.equal(Math.abs(total - generator - commit - publish - write - rest) < 0.01, true);
  const inMoments = report.series.moments.map(({ at }) => at);
  assert.deepEqual(inMoments, [...inMoments].sort((a, b) => a - b));

  const page = await readFile(path.join(out, 'report.html'), 'utf8');
  assert.equal(page.includes(JSON.stringify(report.started_at)), true);
  for (const text of [page, output, JSON.stringify(report)]) assert.doesNotMatch(text, /Load Test|10-0000|Test Street|eyJ|ost1\./);
});

test('orders of walk-ins open no sockets: customers stay with the order that they have', async (t) => {
  const json = path.join(await folderFor(t), 'json');
  const { status, output } = await finish(t, ...SMALL, '--walk-in', '--kitchen', '10', '--seconds', '3', '--json', json);
  assert.equal(status, 0, output);
  const report = JSON.parse(await readFile(json, 'utf8'));
  assert.equal(report.sockets.followed, 24);
  assert.equal(report.in_load.orders >= 60, true);
  assert.equal(report.delivered_to_customers, report.changes.accepted);
});

test('asked for a line it gives one, and Ctrl-C ends the load with a verdict', async (t) => {
  const json = path.join(await folderFor(t), 'json');
  const run = start(t, ...SMALL, ...FOREVER, '--json', json);
  await run.says(/^load /m);
  const asked = run.output.length;
  run.child.kill('SIGUSR2');
  await run.says(/  live 24 .*  reconnects \d+/, asked);
  run.child.kill('SIGUSR1');
  run.child.kill('SIGINT');
  assert.equal(await run.ended, 0, run.output);
  const report = JSON.parse(await readFile(json, 'utf8'));
  assert.equal(report.good, true);
  assert.equal(report.load_seconds < 3600, true);
});

test('Ctrl-C before the load ends all', async (t) => {
  const run = start(t, ...SMALL, ...FOREVER, '--ramp', '1');
  await run.says(/^tablets /m);
  run.child.kill('SIGINT');
  assert.equal(await run.ended, 1);
  assert.match(run.output, /interrupted/);
});

test('a generator that dies is no good end, and takes the others with it', async (t) => {
  const run = start(t, ...SMALL, ...FOREVER, '--generators', '2');
  await run.says(/^load /m);
  const generators = await childrenOf(run.child.pid);
  assert.equal(generators.length, 2);
  process.kill(generators[1], 'SIGKILL');
  assert.equal(await run.ended, 1);
  assert.match(run.output, /generator 2 died \(signal 9\)/);
  assert.equal(await isThere(generators[0]), false);
});

test('generators do not outlive who conducts them', async (t) => {
  const run = start(t, ...SMALL, ...FOREVER, '--generators', '2');
  await run.says(/^load /m);
  const generators = await childrenOf(run.child.pid);
  run.child.kill('SIGKILL');
  await run.ended; // their output is ours, so it ends only with the last of them, if a moment before they are gone
  for (const pid of generators) await until('it is gone', async () => !(await isThere(pid)));
});

test('a wrong scenario is refused by its field', async (t) => {
  const scenario = path.join(await folderFor(t), 'wrong.json');
  await writeFile(scenario, '{"tablets": 10, "phases": [{"seconds": 1, "rate": -1}]}');
  const { status, output } = await finish(t, '--scenario', scenario);
  assert.equal(status, 2);
  assert.match(output, /wrong\.json: 'phases\[0\]\.rate' must be/);
});

test('a report that cannot be written is refused before the run', async (t) => {
  const file = path.join(await folderFor(t), 'file');
  await writeFile(file, '');
  const { status, output } = await finish(t, ...SMALL, '--out', path.join(file, 'out'));
  assert.equal(status, 1);
  assert.match(output, /--out: .*file\/out/);
  assert.doesNotMatch(output, /seeding/);
});

test('what a run has not measured is no figure, and other options are another question', async (t) => {
  const folder = await folderFor(t);
  const recovery = (count, p99) => ({ post_to_socket: { count: 9, p50: 5, p99: 10 }, recovery: { count, p99 } });
  const runs = [
    [recovery(3, 40), { cook_s: [1, 2, 3, 4] }],
    [recovery(0, 0), { cook_s: [1, 2, 3, 4] }],
    [recovery(3, 80), { cook_s: [1, 2, 3, 5] }],
  ];
  const paths = await Promise.all(
    runs.map(async ([latencies, options], i) => {
      const file = path.join(folder, `${i}.json`);
      await writeFile(file, JSON.stringify({ good: true, number: i, options, latency_ms: latencies }));
      return file;
    }),
  );
  const { output } = await finish(t, 'compare', paths.slice(0, 2).join(), paths[2]);
  assert.match(output, /cut -> current again p99, ms +40\.00 +80\.00 +2\.00/);
  assert.match(output, /not asked for the same load/);
  assert.doesNotMatch((await finish(t, 'compare', paths[0], paths[1])).output, /not asked for the same load|current again/);
});

test('two runs give no verdict; four of each may', async (t) => {
  const folder = await folderFor(t);
  const paths = [];
  for (let i = 0; i < 8; i++) {
    paths.push(path.join(folder, `${i}.json`));
    const p99 = (i < 4 ? 10 : 20) + i / 10;
    await writeFile(paths[i], JSON.stringify({ good: true, options: {}, latency_ms: { post_to_socket: { p50: 5, p99 } } }));
  }
  const single = await finish(t, 'compare', paths[0], paths[4]);
  assert.equal(single.status, 0);
  assert.match(single.output, /No verdict: a single run/);
  const several = await finish(t, 'compare', paths.slice(0, 4).join(), paths.slice(4).join());
  assert.match(several.output, /POST -> socket p99, ms .* 0\.029  worse/);
  assert.match(several.output, /POST -> socket p50, ms .* no difference shown/);
  assert.equal((await finish(t, 'compare', paths[0], folder)).status, 1);
  assert.equal((await finish(t, 'compare', paths[0])).status, 2);
  const twice = await finish(t, 'compare', [...paths.slice(0, 3), paths[0]].join(), paths.slice(4).join());
  assert.equal(twice.status, 1);
  assert.match(twice.output, /runs 1 and 4 of all are the same/);
  assert.equal((await readdir(folder)).length, 8);
});
