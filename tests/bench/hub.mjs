// The hub alone: what it costs to deliver events that are published straight to Redis, beside a bare epoll writer that
// gets the same messages and sends the same frames. Both run in turn, several rounds, each time as a new process.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { Stack, takeDown } from '../chaos/stack.mjs'
import { root, run, until } from '../chaos/tools.mjs'

const ownState = '.local-bench'
const ownPorts = 18980

const usage = `usage: tests/bench/hub [--rounds N] [--seconds S] [--sockets N] [--shipped] [--port-base P] [--bin DIR]
                       [--json]

Uses PostgreSQL and Redis of the stack whose environment file OSY_ENV_FILE names, or brings one up (release build) in
${ownState} and ends it. Nobody else may watch that stack's restaurants for load tests. Measures

  open        CPU of a hub per socket from its connection to \`hello\`, its token being known; then for \`resume\`
  memory      that an idle socket with its session keeps resident in the hub
  broadcast   one event to all sockets: CPU per delivery, and time until the last one has it
  trickle     10,000 deliveries a second on 2,000 restaurants: CPU per delivery, time until the last socket of an event
  saturation  2,000 sockets on 400 restaurants, as many as it takes: deliveries a second, CPU per delivery

of the hub and of the bare writer. The hub's timers (heartbeats, pings, position checks) are set so long that they do
not fire, because the writer has none; --shipped leaves them as they are. Prints medians and ranges over the rounds;
a ratio is the hub's figure by the writer's of the same round.

  --rounds N   (5)
  --seconds S  of trickle and of saturation in each (5)
  --sockets N  (10000)
  --shipped    the hub with its settings as they are: what a delivery costs with pings and heartbeats
  --bin DIR    programs of this folder instead of this checkout's release build, e.g. of another commit
  --json       one object on standard output, and nothing else there
`

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    sockets: { type: 'string', default: '10000' },
    shipped: { type: 'boolean', default: false },
    'port-base': { type: 'string', default: String(ownPorts) },
    bin: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const RESTAURANTS = 2401 // one for the broadcast, 2,000 for the trickle, 400 for the saturation
const NEVER = '600000'
const quietTimers = {
  ORDERSYNC_CHECK_INTERVAL_MS: NEVER,
  ORDERSYNC_PING_IDLE_MS: NEVER,
  ORDERSYNC_PING_BUSY_MS: NEVER,
  ORDERSYNC_HEARTBEAT_MS: NEVER,
  ORDERSYNC_STALE_MS: NEVER,
}
/** PostgreSQL does not know these events, so it must not be asked for them. */
const shippedTimers = { ORDERSYNC_CHECK_INTERVAL_MS: NEVER, ORDERSYNC_STALE_MS: NEVER }

const say = (text) => console.error(text)
const port = (offset) => Number(options['port-base']) + offset
const binDir = resolve(options.bin ?? join(root, 'build/release/bin'))
const toolDir = join(root, 'build/release/bin')

// --- the stack ---

async function build() {
  await run('cmake', ['--preset', 'release'], { timeoutMs: 10 * 60_000 })
  const programs = ['bench-fanout', 'bench-writer', ...(options.bin ? [] : ['ordersync-hub', 'ordersync-api'])]
  await run('cmake', ['--build', '--preset', 'release', '--target', ...programs], { timeoutMs: 20 * 60_000 })
}

/** Only PostgreSQL and Redis stay. */
async function bringUp() {
  say(`bringing up a stack in ${ownState}`)
  await run('deploy/local/down', ['--state', ownState, '--purge'])
  const args = ['--detach', '--no-install', '--hubs', '1', '--state', ownState, '--port-base', String(port(0))]
  if (options.bin) args.push('--bin', binDir)
  await run('deploy/local/up', args, { timeoutMs: 20 * 60_000 })
  const stack = new Stack(join(root, ownState, 'env'))
  for (const name of ['worker-1', 'nginx', 'api-1', 'hub-1']) await stack.ctl('kill', name)
  return stack
}

// --- what is measured ---

const hubEnv = {
  ORDERSYNC_LISTEN: `127.0.0.1:${port(80)}`,
  ORDERSYNC_ADMIN_LISTEN: `127.0.0.1:${port(81)}`,
  ORDERSYNC_HUB_ID: 'hub-bench',
  ORDERSYNC_SOCKETS_MAX: options.sockets,
  ORDERSYNC_UPGRADES_PER_SECOND: '1000000',
  ORDERSYNC_RESUME_TIMEOUT_MS: '60000',
  ORDERSYNC_LOG_LEVEL: 'warn',
  ...(options.shipped ? shippedTimers : quietTimers),
}

const isReady = (adminPort) =>
  fetch(`http://127.0.0.1:${adminPort}/ready`, { signal: AbortSignal.timeout(2000) }).then(
    (reply) => reply.ok,
    () => false,
  )

const isListening = (listenPort) =>
  new Promise((resolve) => {
    const socket = connect(listenPort, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })

const targets = {
  hub: {
    port: port(80),
    program: join(binDir, 'ordersync-hub'),
    args: [],
    env: hubEnv,
    isReady: () => isReady(port(81)),
  },
  writer: {
    port: port(82),
    program: join(toolDir, 'bench-writer'),
    args: ['--port', String(port(82))],
    env: {},
    isReady: () => isListening(port(82)),
  },
}

/** Runs body while the target does. */
async function during(target, env, body) {
  const child = spawn(target.program, target.args, {
    env: { ...process.env, ...env, ...target.env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = once(child, 'exit')
  try {
    await until(`${target.program} is ready`, target.isReady, 30_000)
    return await body(child.pid)
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

async function measure(target, env, input) {
  const args = ['--port', String(target.port), '--seconds', options.seconds, '--sockets', options.sockets]
  const text = await during(target, env, (pid) =>
    run(join(toolDir, 'bench-fanout'), [...args, '--pid', String(pid)], { env, input, timeoutMs: 200_000 }),
  )
  return JSON.parse(text)
}

// --- what is said of it ---

const figures = {
  open_cpu_us: 'open, CPU us per socket',
  resume_cpu_us: 'resume, CPU us per socket',
  resident_bytes: 'memory, bytes per idle socket',
  broadcast_cpu_us: 'broadcast, CPU us per delivery',
  broadcast_last_ms: 'broadcast, ms until the last',
  trickle_cpu_us: 'trickle, CPU us per delivery',
  trickle_last_ms: 'trickle, ms until the last, p50',
  trickle_last_p99_ms: 'trickle, ms until the last, p99',
  full_rate: 'saturation, deliveries/s',
  full_cpu_us: 'saturation, CPU us per delivery',
}

function summary(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const median = sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, least: sorted[0], most: sorted.at(-1) }
}

const summaries = (rounds, key) => ({
  hub: summary(rounds.map(({ hub }) => hub[key])),
  writer: summary(rounds.map(({ writer }) => writer[key])),
  ratio: summary(rounds.map(({ hub, writer }) => hub[key] / writer[key])),
})

const short = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2))
const shown = ({ median, least, most }) => `${short(median)} (${short(least)} to ${short(most)})`

function printTable(report) {
  console.log('| | hub | bare writer | ratio |\n|---|---|---|---|')
  for (const [key, name] of Object.entries(figures)) {
    const { hub, writer, ratio } = report[key]
    console.log(`| ${name} | ${shown(hub)} | ${shown(writer)} | ${shown(ratio)} |`)
  }
}

// --- the program ---

async function measureAll(stack) {
  const { REDIS_URL, ...rest } = await stack.env()
  const env = Object.fromEntries(Object.entries(rest).filter(([name]) => name.startsWith('ORDERSYNC_')))
  const api = (...args) => run(join(binDir, 'ordersync-api'), args, { env })
  const token = await api('token', '--role', 'admin')
  const restaurants = await api('seed', '--restaurants', String(RESTAURANTS))
  const rounds = []
  for (let i = 0; i < Number(options.rounds); i++) {
    // Whoever comes first in one round comes second in the next.
    const names = i % 2 ? ['writer', 'hub'] : ['hub', 'writer']
    const round = {}
    for (const name of names) round[name] = await measure(targets[name], env, token + restaurants)
    say(`round ${i + 1}: ${JSON.stringify(round)}`)
    rounds.push(round)
  }
  return Object.fromEntries(Object.keys(figures).map((key) => [key, summaries(rounds, key)]))
}

async function main() {
  if (options.help) return console.log(usage)
  for (const name of ['rounds', 'seconds', 'sockets', 'port-base'])
    if (!/^[1-9]\d{0,5}$/.test(options[name])) throw new Error(`--${name} must be a whole number above 0`)
  const running = process.env.OSY_ENV_FILE
  await build()
  const stack = running ? new Stack(running) : await bringUp()
  try {
    const report = await measureAll(stack)
    if (options.json) console.log(JSON.stringify(report))
    else printTable(report)
  } finally {
    if (!running) await takeDown(ownState)
  }
}

main().catch((error) => {
  say(error.message)
  process.exitCode = 1
})
