// Tries the judge before it is trusted: runs ordersync-loadtest against a server that lies (it has to be
// convicted, of the right thing) and one that merely has bad luck (it has to be acquitted).

import { spawn } from 'node:child_process'
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startLyingServer } from './lying_server.mjs'

const jitter = ['--jitter', '0.3:0.05']
const stalled = ['--stalled', '10']
const dashboards = ['--dashboards', '4']
const generators = ['--generators', '3', '--dashboards', '3']

const cases = [
  { behaviour: 'honest', every: 1, good: true, says: (r) => r.delivered_to_tablets > 100 },
  // Several generators add up to one verdict, and none of them can hide what another has seen.
  {
    name: 'generators', behaviour: 'honest', every: 1, good: true, options: generators,
    says: (r, { ids }) => r.generators.count === 3 && new Set(ids).size === r.orders.accepted && r.sockets.followed >= 50,
  },
  { name: 'lose with generators', behaviour: 'lose', every: 100, good: false, options: generators, says: (r) => r.lost > 0 },
  {
    name: 'cooking', behaviour: 'honest', every: 1, good: true, options: ['--cook', '0.1:0.1:0.1:0.1', '--skew', '1'],
    says: (r) => r.changes.accepted > 100 && r.changes.offered === r.changes.accepted,
  },
  {
    name: 'cooking within a bound', behaviour: 'honest', every: 1, good: true,
    options: ['--cook', '0.01:0.01:0.01:0.01', '--kitchen', '50'],
    says: (r) => r.changes.offered > 0 && r.changes.offered <= 51,
  },
  {
    name: 'acknowledged orders', behaviour: 'honest', every: 1, good: true,
    says: (r, { ids }) => new Set(ids).size === r.orders.accepted,
  },
  {
    name: 'devices that acknowledge', behaviour: 'honest', every: 1, good: true, options: ['--ack'],
    says: (r, { server }) => server.devicesThatShowAll() === 20,
  },
  {
    name: 'dashboards', behaviour: 'honest', every: 1, good: true, options: dashboards,
    says: (r) => r.delivered_to_dashboards === r.delivered_to_tablets,
  },
  // What only the restaurant may know: it counts there, and never in the order's own versions.
  { behaviour: 'alert', every: 5, good: true, options: dashboards, says: (r) => r.alerts > 0 },
  { behaviour: 'alert_lose', every: 5, good: false, says: (r) => r.lost > 0 },
  { behaviour: 'alert_duplicate', every: 5, good: false, says: (r) => r.duplicated_after_filter > 0 },
  { behaviour: 'alert_leak', every: 5, good: false, says: (r) => r.leaked > 0 },
  // Cut connections, and what the coming back is measured by.
  {
    name: 'jitter', behaviour: 'honest', every: 1, good: true, options: jitter,
    says: (r) => r.sockets.cuts > 0 && r.latency_ms.recovery.count > 0,
  },
  { behaviour: 'slow_replay', every: 1, good: true, options: jitter, says: (r) => r.latency_ms.replay.p50 >= 290 },
  { behaviour: 'mute', every: 1, good: false, options: jitter, says: (r) => r.sockets.current < r.sockets.followed },
  // Those that stop reading are not judged, but it is seen whether anybody lets them go.
  {
    name: 'stalled and kept', behaviour: 'honest', every: 1, good: true, options: stalled,
    says: (r) => r.stalled.open === 10,
  },
  {
    behaviour: 'evict', every: 1, good: true, options: stalled,
    says: (r) => r.stalled.closed === 10 && r.stalled.open === 0,
  },
  // Bad luck: everything has to arrive in spite of it.
  { behaviour: 'cut', every: 60, good: true, says: (r) => r.sockets.reconnects > 0 },
  { behaviour: 'drain', every: 60, good: true, says: (r) => r.sockets.closes['1012'] > 0 },
  { behaviour: 'reset', every: 4, good: true, says: (r) => r.sockets.resets > 0 },
  { behaviour: 'hang_up', every: 20, good: true, says: (r) => r.retries > 0 },
  { behaviour: 'fail', every: 20, good: true, says: (r) => r.retries > 0 },
  // More requests than connections, each of which ends with its reply: those that wait get one of their own.
  {
    behaviour: 'slow_close',
    every: 1,
    good: true,
    options: ['--rate', '600'],
    says: (r) => r.orders.accepted > 600,
  },
  { behaviour: 'refuse', every: 20, good: true, says: (r) => r.orders.refused['503'] > 0 },
  // Lies.
  { behaviour: 'lose', every: 100, good: false, says: (r) => r.lost > 0 },
  { behaviour: 'forget', every: 100, good: false, says: (r) => r.lost > 0 },
  { behaviour: 'phantom', every: 1, good: false, says: (r) => r.behind > 0 },
  { behaviour: 'duplicate', every: 100, good: false, says: (r) => r.duplicated > 0 },
  { behaviour: 'delay', every: 100, good: false, says: (r) => r.out_of_order > 0 },
  { behaviour: 'leak', every: 30, good: false, says: (r) => r.leaked > 0 },
  { behaviour: 'stray', every: 30, good: false, says: (r) => r.leaked > 0 },
  {
    name: 'stray on a dashboard', behaviour: 'stray', every: 30, good: false, options: dashboards,
    says: (r) => r.leaked > 0,
  },
  {
    name: 'lose on a dashboard', behaviour: 'dashboard_lose', every: 30, good: false, options: dashboards,
    says: (r) => r.lost > 0,
  },
  { behaviour: 'babble', every: 100, good: false, says: (r) => r.sockets.violations > 0 },
  // A customer who is turned away and orders again: the next order's socket makes nothing good.
  { behaviour: 'turn_away', every: 40, good: false, says: (r) => r.sockets.refused > 0 },
  { behaviour: 'unlisted', every: 4, good: false, options: jitter, says: (r) => r.sockets.resets > 0 && r.lost > 0 },
  {
    name: 'refuse everything', behaviour: 'refuse', every: 1, good: false, options: ['--customers', '0'],
    says: (r) => r.orders.offered > 100 && r.orders.accepted === 0,
  },
]

// Stands in for ordersync-api, which the load test runs for its restaurants and tokens.
const apiProgram = `#!/bin/sh
if [ "$1" = seed ]; then
  i=0
  while [ $i -lt "$3" ]; do printf '01890000-0000-7000-8000-0000000%05x\\n' $((65536 + i)); i=$((i + 1)); done
else
  while read -r restaurant others; do echo "$4-$restaurant"; done
fi
`

function run(program, args, env) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (bytes) => (output += bytes))
    child.stderr.on('data', (bytes) => (output += bytes))
    child.on('close', (code) => resolve({ code, output }))
  })
}

async function tryCase({ name, behaviour, every, good, options = [], says }, folder) {
  const server = await startLyingServer(behaviour, every)
  const [json, ids] = ['json', 'ids'].map((kind) => join(folder, `${name}.${kind}`))
  const url = `127.0.0.1:${server.port}`
  const args =
    '--tablets 20 --customers 30 --restaurants 5 --rate 200 --seconds 1 --ramp 2000 --settle ' +
    (good ? 30 : 2) // what a liar withholds never comes; what bad luck delays may take a backoff
  const { code, output } = await run(
    join(folder, 'ordersync-loadtest'),
    [...args.split(' '), ...options, '--url', `http://${url}`, '--ws', `ws://${url}`].concat(
      ['--json', json, '--acknowledged', ids],
    ),
    { PATH: process.env.PATH },
  )
  server.stop()
  const result = JSON.parse(await readFile(json, 'utf8').catch(() => 'null'))
  const outside = { server, ids: (await readFile(ids, 'utf8').catch(() => '')).split('\n').slice(0, -1) }
  if (code === (good ? 0 : 1) && result?.good === good && says(result, outside)) return true
  console.log(`judge: ${name}: exit ${code}\n${output}`)
  return false
}

/** loadtest: the program's path. Returns { passed, failed }. */
export async function tryTheJudge(loadtest) {
  const folder = await mkdtemp(join(tmpdir(), 'ordersync-judge-'))
  const count = { passed: 0, failed: 0 }
  try {
    await copyFile(loadtest, join(folder, 'ordersync-loadtest'))
    await writeFile(join(folder, 'ordersync-api'), apiProgram)
    await chmod(join(folder, 'ordersync-api'), 0o755)
    const waiting = cases.map((one) => ({ name: one.behaviour, ...one }))
    const tryAll = async () => {
      for (let one = waiting.shift(); one; one = waiting.shift()) {
        const ok = await tryCase(one, folder)
        console.log(`${ok ? 'ok    ' : 'FAILED'} judge: ${one.name}`)
        count[ok ? 'passed' : 'failed']++
      }
    }
    await Promise.all([tryAll(), tryAll(), tryAll()])
  } finally {
    await rm(folder, { recursive: true })
  }
  return count
}
