// Takes the figures of docs/reliability.md: what a fault costs those who are connected, measured from outside by
// ordersync-loadtest, with 10,000 sockets. Each measurement can be repeated; --runs gives the median of several.

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { Bystander } from './bystander.mjs'
import { Load } from './load.mjs'
import { boundMb, MemoryWatch } from './memory.mjs'
import { Stack, bringUp, takeDown } from './stack.mjs'
import { pause, run } from './tools.mjs'

const ownState = '.local-measure'
const ownPorts = 18680

const usage = `usage: tests/chaos/measure [NAME...] [--runs N] [--sockets N] [--rate N] [--port-base P] [--json]

Uses the stack whose environment file OSY_ENV_FILE names, or brings one up (release build) in ${ownState}
and ends it. Without a NAME it takes all:

  recovery     one of two hubs is killed: how long until its clients are up to date again
  rolling      both hubs are restarted one after the other, as in a deploy
  redis-empty  Redis is killed and comes back without its data
  jitter       every client is cut about every 15 s for about 2 s, for a minute
  stalled      a tenth of the sockets stop reading while orders flow: what it costs the others
  revocation   a user with 1,000 sockets is revoked while events flow: when the last one came

  --runs N       so many times; the median of each figure (1)
  --sockets N    connected clients, a fifth of them tablets (10000)
  --rate N       orders per second, and as many status changes (200)
  --json         one object on standard output, for other programs, and nothing else there
`

const CALM_MS = 10_000 // of load before anything is done, so that there is something to compare with
const AWAY_MS = 3_000 // that Redis stays away

// --- what is measured ---

const seconds = (ms) => Number((ms / 1000).toFixed(3))
const rounded = (ms) => Number(ms.toFixed(2))

/** What a run says of every kind of fault. Times of a client: from the end of its socket to being up to date again. */
const common = (figures) => ({
  lost: figures.lost,
  duplicated: figures.duplicated,
  'out of order': figures.out_of_order,
  'outside rights': figures.leaked,
  reloads: figures.sockets.resets,
  'current at the end, %': (100 * figures.sockets.current) / figures.sockets.followed,
  deliveries: figures.delivered_to_tablets + figures.delivered_to_customers,
})

const recovery = ({ latency_ms: { recovery, replay } }) => ({
  'sockets that broke': recovery.count,
  'up to date again p50, s': seconds(recovery.p50),
  'up to date again p99, s': seconds(recovery.p99),
  'up to date again max, s': seconds(recovery.max),
  'replay p99, ms': rounded(replay.p99),
})

const delivery = ({ latency_ms }) => ({
  'delivery p99 before, ms': rounded(latency_ms.post_to_socket_before.p99),
  'delivery p99 meanwhile, ms': rounded(latency_ms.post_to_socket_marked.p99),
  'delivery max meanwhile, ms': rounded(latency_ms.post_to_socket_marked.max),
  'delivery p99 after, ms': rounded(latency_ms.post_to_socket_after.p99),
})

/** Runs the load test; `act` is what happens to the stack meanwhile. Without it the load ends by itself. */
async function underLoad({ stack, size }, options, act) {
  const { BIN_DIR } = await stack.env()
  const load = await Load.start(join(BIN_DIR, 'ordersync-loadtest'), stack.envFile, { ...size, ack: true, ...options })
  try {
    await load.begun()
    if (act) {
      await pause(CALM_MS)
      load.mark()
      await act(load)
      await load.allCurrent()
      load.mark()
    }
    const { figures } = await (act ? load.verdict() : load.over())
    if (!figures) throw new Error(`the load test left no figures\n${load.output.slice(-2000)}`)
    return figures
  } finally {
    await load.end()
  }
}

async function measureRecovery(context) {
  const { stack } = context
  const figures = await underLoad(context, {}, async (load) => {
    await stack.kill('hub-1')
    await load.allCurrent()
    await stack.start('hub-1')
  })
  return { ...recovery(figures), ...delivery(figures), ...common(figures) }
}

async function measureRolling(context) {
  const figures = await underLoad(context, {}, async (load) => {
    for (const hub of await context.stack.namesOf('hub')) {
      await context.stack.ctl('restart', hub)
      await load.allCurrent()
    }
  })
  return { ...recovery(figures), ...delivery(figures), ...common(figures) }
}

async function measureEmptyRedis(context) {
  const { stack } = context
  const figures = await underLoad(context, {}, async () => {
    await stack.kill('redis')
    await pause(AWAY_MS)
    await stack.start('redis')
    await stack.healthy()
    await pause(CALM_MS)
  })
  return { 'sockets that broke': figures.latency_ms.recovery.count, ...delivery(figures), ...common(figures) }
}

async function measureJitter(context) {
  const figures = await underLoad(context, { jitter: '15:2', seconds: 60 })
  const { deliveries } = common(figures)
  return {
    cuts: figures.sockets.cuts,
    'delivered, %': (100 * deliveries) / (deliveries + figures.lost),
    'replay p50, ms': rounded(figures.latency_ms.replay.p50),
    'replay p99, ms': rounded(figures.latency_ms.replay.p99),
    ...common(figures),
  }
}

/** Few restaurants, so that each of the stalled is sent several events a second. */
async function measureStalled(context) {
  const { size, stack } = context
  const stalled = Math.round((size.tablets + size.customers) / 10)
  const hot = { stalled, tablets: stalled, customers: size.customers, restaurants: 50, seconds: 60, 'stall-after': 20 }
  const watch = new MemoryWatch(stack)
  const figures = await underLoad(context, hot)
  await watch.end()
  const { post_to_socket_before: before, post_to_socket_marked: meanwhile } = figures.latency_ms
  return {
    stalled,
    'let go': figures.stalled.closed,
    'let go p50, s': seconds(figures.stalled.held_ms.p50),
    'let go max, s': seconds(figures.stalled.held_ms.max),
    ...delivery(figures),
    'p50 meanwhile / p50 before': rounded(meanwhile.p50 / before.p50),
    'p99 meanwhile / p99 before': rounded(meanwhile.p99 / before.p99),
    "a hub's memory at most, MB": rounded(watch.mostMb),
    'its bound, MB': rounded(boundMb(size.tablets + size.customers)),
    ...common(figures),
  }
}

// --- revocation: clients of our own, all of one user ---

const BYSTANDERS = 1000
const EVENT_EVERY_MS = 100

const at = (sorted, quantile) => sorted[Math.max(0, Math.ceil(quantile * sorted.length) - 1)]

class Orders {
  #timer
  #pending = new Set()
  failed = 0

  /** Places an order every EVENT_EVERY_MS, whether the last one was answered or not. */
  static async begin(edge, restaurant) {
    const orders = new Orders()
    const { items } = await (await fetch(`${edge}/api/v1/restaurants/${restaurant}/menu`)).json()
    const { item_id } = items.find(({ available, stock }) => available && stock === null)
    const body = JSON.stringify({
      restaurant_id: restaurant,
      items: [{ item_id, quantity: 1 }],
      customer: { name: 'Load Test', phone: '+82 10-0000-0000', address: '1 Test Street' },
    })
    orders.#timer = setInterval(() => orders.#place(edge, body), EVENT_EVERY_MS)
    return orders
  }

  #place(edge, body) {
    const headers = { 'content-type': 'application/json' }
    const call = fetch(`${edge}/api/v1/orders`, { method: 'POST', headers, body })
      .then(async (reply) => {
        await reply.arrayBuffer()
        this.failed += reply.status !== 201
      })
      .catch(() => this.failed++)
      .finally(() => this.#pending.delete(call))
    this.#pending.add(call)
  }

  async end() {
    clearInterval(this.#timer)
    await Promise.all(this.#pending)
  }
}

async function connectAll(url, path, tokens) {
  const clients = []
  for (let i = 0; i < tokens.length; i += 100) {
    const some = tokens.slice(i, i + 100).map((token) => new Bystander(url, path, token))
    await Promise.all(some.map(({ current }) => current))
    clients.push(...some)
  }
  return clients
}

/** Revokes the user of all clients and waits for their ends. The figures' names end with `when`. */
async function revoke(clients, program, env, user, when) {
  const revokedAt = Date.now()
  await program(['revoke', '--user', user])
  await Promise.all(clients.map(({ closed }) => closed))
  const last = clients.map(({ lastEventAt }) => Math.max(0, lastEventAt - revokedAt)).sort((a, b) => a - b)
  const closed = clients.map(({ closedAt }) => closedAt - revokedAt).sort((a, b) => a - b)
  return {
    [`sockets that had events, ${when}`]: clients.filter(({ events }) => events > 0).length,
    [`closed with 4401, ${when}`]: clients.filter(({ closeCode }) => closeCode === 4401).length,
    [`last event after the revocation p99, ms, ${when}`]: at(last, 0.99),
    [`last event after the revocation max, ms, ${when}`]: at(last, 1),
    [`closed p99, ms, ${when}`]: at(closed, 0.99),
    [`closed max, ms, ${when}`]: at(closed, 1),
  }
}

async function measureRevocation({ stack }) {
  const env = await stack.env()
  const program = async (args) => (await run(join(env.BIN_DIR, 'ordersync-api'), args, { env })).trim().split('\n')
  const [restaurant] = (await program(['seed', '--restaurants', '1'])).filter((line) => /^[0-9a-f-]{36}$/.test(line))
  const figures = {}
  for (const [when, prepare, heal] of [
    ['Redis up', () => {}, () => {}],
    ['Redis away', () => stack.kill('redis'), () => stack.start('redis')],
  ]) {
    const user = randomUUID()
    const mint = ['token', '--role', 'staff', '--restaurant', restaurant, '--subject', user]
    const tokens = await program([...mint, '--count', String(BYSTANDERS)])
    const clients = await connectAll(env.WS_URL, `/ws/restaurants/${restaurant}/orders`, tokens)
    const orders = await Orders.begin(env.EDGE_URL, restaurant)
    try {
      await pause(3000)
      await prepare()
      await pause(3000)
      Object.assign(figures, await revoke(clients, program, env, user, when))
    } finally {
      for (const client of clients) client.end()
      await orders.end()
      await heal()
      await stack.healthy()
    }
  }
  return figures
}

const measurements = {
  recovery: measureRecovery,
  rolling: measureRolling,
  'redis-empty': measureEmptyRedis,
  jitter: measureJitter,
  stalled: measureStalled,
  revocation: measureRevocation,
}

// --- the run ---

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return Number.isInteger(middle) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[Math.floor(middle)]
}

/** Each figure's median, and its values one by one where there are several. */
function merge(runs) {
  return Object.keys(runs[0]).map((name) => {
    const values = runs.map((figures) => figures[name])
    return { name, median: median(values), values }
  })
}

function print(name, rows, runs) {
  console.log(`\n${name}${runs > 1 ? `: median of ${runs} runs` : ''}`)
  for (const { name, median, values } of rows)
    console.log(`  ${name.padEnd(52)} ${String(median).padStart(12)}${runs > 1 ? `   (${values.join(', ')})` : ''}`)
}

function count(text, option) {
  if (!/^[1-9][0-9]{0,6}$/.test(text)) throw new Error(`--${option} must be a positive number, not '${text}'`)
  return Number(text)
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '1' },
      sockets: { type: 'string', default: '10000' },
      rate: { type: 'string', default: '200' },
      'port-base': { type: 'string', default: String(ownPorts) },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  const unknown = positionals.filter((name) => !measurements[name])
  if (unknown.length > 0) throw new Error(`no such measurement: ${unknown}; there are ${Object.keys(measurements)}`)
  const sockets = count(values.sockets, 'sockets')
  const tablets = Math.ceil(sockets / 5)
  const rate = count(values.rate, 'rate')
  return {
    ...values,
    names: positionals.length > 0 ? positionals : Object.keys(measurements),
    runs: count(values.runs, 'runs'),
    portBase: count(values['port-base'], 'port-base'),
    size: { tablets, customers: sockets - tablets, restaurants: Math.min(200, tablets), rate },
  }
}

async function findStack(portBase) {
  const given = process.env.OSY_ENV_FILE
  if (given && !existsSync(given)) throw new Error(`OSY_ENV_FILE: there is no ${given}`)
  if (given) return new Stack(resolve(given))
  return bringUp({ preset: 'release', state: ownState, portBase })
}

async function main() {
  const { help, names, runs, size, json, portBase } = readArguments()
  if (help) {
    console.log(usage)
    return
  }
  if (json) console.log = console.error
  const stack = await findStack(portBase)
  const all = {}
  try {
    for (const name of names) {
      const taken = []
      while (taken.length < runs) {
        await stack.healthy()
        taken.push(await measurements[name]({ stack, size }))
      }
      all[name] = merge(taken)
      print(name, all[name], runs)
    }
  } finally {
    if (!process.env.OSY_ENV_FILE) await takeDown(ownState)
  }
  if (json) process.stdout.write(`${JSON.stringify(all)}\n`)
}

main().catch((error) => {
  console.error(error.message)
  process.exitCode = 1
})
