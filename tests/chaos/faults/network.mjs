// Links that are cut, slow or lossy. The program under test is started again so that it meets Redis or PostgreSQL at
// a proxy; for the cuts that leave no proxy in between, nftables drops the packets of our own ports.

import { Proxy, DOWN, UP } from '../proxy.mjs'
import { chooseOne, pause, run } from '../tools.mjs'

const portOf = { redis: (stack) => stack.redisPort(), postgres: (stack) => stack.postgresPort() }

/** Those that meet the server at the proxy: all hubs, for a socket may be at any of them, or one API of several. */
const victimsOf = async (stack, kind) => (kind === 'hub' ? stack.namesOf('hub') : ['api-1'])

/** Runs work(proxy) while the programs of that kind reach the server only through the proxy. */
async function withProxy({ stack, load }, kind, server, work) {
  const proxy = await Proxy.start({ host: '127.0.0.1', port: await portOf[server](stack) })
  const through = server === 'redis' ? { redisPort: proxy.port } : { postgresPort: proxy.port }
  const victims = await victimsOf(stack, kind)
  const restart = async (name, options) => {
    await stack.killIfRunning(name)
    await stack.start(name, options)
  }
  try {
    for (const name of victims) await restart(name, through)
    await stack.healthy()
    await load.allCurrent(stack.patienceMs)
    await work(proxy)
    await stack.healthy()
  } finally {
    for (const name of victims) await restart(name)
    await proxy.stop()
  }
}

/** Both ways, then one way and the other. */
const cut = (kind, server) => (context) =>
  withProxy(context, kind, server, async (proxy) => {
    const ways = [[UP, DOWN], [UP], [DOWN]]
    for (const directions of context.isQuick ? [chooseOne(ways, context.random)] : ways) {
      proxy.cut(...directions)
      await pause(context.isQuick ? 4000 : 8000)
      proxy.heal()
      await pause(1000)
    }
  })

const slow = (kind, server) => (context) =>
  withProxy(context, kind, server, async (proxy) => {
    for (const mostMs of context.isQuick ? [400] : [50, 400, 1500]) {
      proxy.delay(() => mostMs * context.random())
      await pause(context.isQuick ? 3000 : 6000)
    }
    proxy.delay(() => 0)
  })

const lossy = (kind) => (context) =>
  withProxy(context, kind, 'redis', async (proxy) => {
    proxy.loseEvents(() => context.random() < 0.2)
    await pause(context.isQuick ? 3000 : 10_000)
    proxy.heal()
  })

const resets = (kind, server) => (context) =>
  withProxy(context, kind, server, async (proxy) => {
    for (let i = 0; i < (context.isQuick ? 5 : 20); i++) {
      proxy.reset()
      await pause(300 * context.random())
    }
  })

// --- nftables: for all programs at once, and without a proxy's own connections in between ---

const tableOf = (port) => `ordersync_chaos_${port}`

/** Drops what goes to (UP) or comes from (DOWN) the port, on this machine, for a while. */
async function dropPackets(port, directions, milliseconds) {
  const rules = { [UP]: `tcp dport ${port} drop`, [DOWN]: `tcp sport ${port} drop` }
  const chain = ['type filter hook output priority 0;', ...directions.map((way) => rules[way])].join('\n')
  await run('nft', ['-f', '-'], { input: `table inet ${tableOf(port)} {\nchain out {\n${chain}\n}\n}\n` })
  try {
    await pause(milliseconds)
  } finally {
    await run('nft', ['delete', 'table', 'inet', tableOf(port)])
  }
}

const dropFor = (server) => async ({ stack, isQuick, random }) => {
  const port = await portOf[server](stack)
  const ways = [[UP, DOWN], [UP], [DOWN]]
  for (const directions of isQuick ? [chooseOne(ways, random)] : ways)
    await dropPackets(port, directions, isQuick ? 3000 : 8000)
}

/** Why packets cannot be dropped here, or undefined. */
async function noPackets() {
  const name = tableOf(`probe_${process.pid}`)
  try {
    await run('nft', ['add', 'table', 'inet', name])
    await run('nft', ['delete', 'table', 'inet', name])
  } catch {
    return 'nftables cannot be used here (it wants the package nftables and CAP_NET_ADMIN)'
  }
}

export const networkFaults = {
  cut_hub_redis: { does: 'the link between the hubs and Redis is cut, both ways and one way', run: cut('hub', 'redis') },
  cut_hub_postgres: { does: 'the link between the hubs and PostgreSQL is cut', run: cut('hub', 'postgres') },
  cut_api_redis: { does: 'the link between an API and Redis is cut', run: cut('api', 'redis'), isForFull: true },
  cut_api_postgres: { does: 'the link between an API and PostgreSQL is cut, also within commits', run: cut('api', 'postgres') },
  slow_hub_redis: { does: 'the hubs and Redis hear each other late, messages and answers overtake each other', run: slow('hub', 'redis'), isForFull: true },
  slow_hub_postgres: { does: 'the hubs and PostgreSQL hear each other late', run: slow('hub', 'postgres'), isForFull: true },
  slow_api_redis: { does: 'an API and Redis hear each other late', run: slow('api', 'redis'), isForFull: true },
  slow_api_postgres: { does: 'an API and PostgreSQL hear each other late', run: slow('api', 'postgres'), isForFull: true },
  lossy_hub_redis: { does: 'a fifth of the messages that Redis publishes never reaches the hubs', run: lossy('hub') },
  reset_hub_redis: { does: "the hubs' connections to Redis are reset again and again", run: resets('hub', 'redis'), isForFull: true },
  reset_api_postgres: { does: "an API's connections to PostgreSQL are reset again and again", run: resets('api', 'postgres'), isForFull: true },
  drop_redis: { does: 'packets to and from Redis are dropped for everybody', run: dropFor('redis'), leaveOut: noPackets },
  drop_postgres: { does: 'packets to and from PostgreSQL are dropped for everybody', run: dropFor('postgres'), leaveOut: noPackets, isForFull: true },
}
