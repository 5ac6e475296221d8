// What else can happen to Redis and to what is in it.

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { chooseOne, pause, until } from '../tools.mjs'

/** Full: Redis refuses every write. The scripts then neither add nor publish, so nothing is half done. */
async function overMaxmemory({ stack, isQuick }) {
  const limit = (await stack.redis(['CONFIG', 'GET', 'maxmemory'])).split('\n')[1]
  await stack.redis(['CONFIG', 'SET', 'maxmemory', '1mb'])
  await pause(isQuick ? 3000 : 8000)
  await stack.redis(['CONFIG', 'SET', 'maxmemory', limit])
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function startReplica(stack, folder) {
  const port = await freePort()
  const password = await stack.redisPassword()
  // By stdin: the password shows in no list of processes.
  const child = spawn('redis-server', ['-'], { cwd: folder, stdio: ['pipe', 'ignore', 'inherit'] })
  child.stdin.end(`bind 127.0.0.1\nport ${port}\nrequirepass ${password}\nmasterauth ${password}
save ""\nappendonly no\nmaxmemory-policy noeviction\nreplicaof 127.0.0.1 ${await stack.redisPort()}\n`)
  await until('the replica is in step', async () =>
    (await stack.redis(['INFO', 'replication'], { port }).catch(() => '')).includes('master_link_status:up'),
  )
  return { child, port }
}

/** The primary dies while its replica lags; the replica takes its place and knows nothing of the latest events. */
async function promoteLaggingReplica({ stack, isQuick }) {
  const folder = await mkdtemp(join(tmpdir(), 'ordersync-replica-'))
  const { child, port } = await startReplica(stack, folder)
  try {
    child.kill('SIGSTOP')
    await pause(isQuick ? 1500 : 5000)
    const primaryPort = await stack.redisPort()
    await stack.kill('redis')
    child.kill('SIGCONT')
    await stack.redis(['REPLICAOF', 'NO', 'ONE'], { port })
    await stack.redis(['CONFIG', 'SET', 'port', primaryPort], { port })
    await pause(isQuick ? 3000 : 8000)
  } finally {
    child.kill('SIGKILL')
    await new Promise((resolve) => (child.exitCode ?? child.signalCode) === null ? child.on('exit', resolve) : resolve())
    await stack.start('redis')
    await rm(folder, { recursive: true })
  }
}

const logKeys = async (stack) => (await stack.redis(['KEYS', 'os:{*}:log'])).split('\n').filter(Boolean)

const DELETE_SOME = `local deleted = 0
  for _, key in ipairs(KEYS) do
    local entries = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 20)
    for i = 2, #entries, 3 do deleted = deleted + redis.call('XDEL', key, entries[i][1]) end
  end
  return deleted`

/** Makes holes in every stream, among its latest entries. */
export async function makeHoles(stack) {
  const keys = await logKeys(stack)
  if (keys.length > 0) await stack.redis(['EVAL', DELETE_SOME, keys.length, ...keys])
}

/** Streams with holes, and sockets that then ask for what is missing there. */
async function loseEntries({ stack, random }) {
  await makeHoles(stack)
  await stack.kill('hub-1') // its clients resume from what they have
  await makeHoles(stack)
  await pause(500 * random())
  await stack.start('hub-1')
}

/** Everything goes, but the server stays: no restart tells anybody. */
const flushAll = ({ stack }) => stack.redis(['FLUSHALL'])

const publish = (stack, key, text) => stack.redis(['PUBLISH', key.replace(':log', ':live'), text])

/** Old envelopes again, those of other restaurants, garbage and far too much: a hub believes none of it. */
async function poison({ stack, random, isQuick }) {
  const keys = await logKeys(stack)
  for (let i = 0; i < (isQuick ? 30 : 200); i++) {
    const [from, to] = [chooseOne(keys, random), chooseOne(keys, random)]
    const entries = (await stack.redis(['XRANGE', from, '-', '+', 'COUNT', 20])).split('\n')
    const old = chooseOne(entries.filter((line) => line.includes('{')), random) ?? ''
    await publish(stack, from, old)
    await publish(stack, to, old)
    await publish(stack, to, chooseOne(['', '1', 'x 1 {}', '18446744073709551615 1 {}', '5 1 {"id":', '\n'], random))
  }
  await publish(stack, keys[0], `9 1 ${'x'.repeat(100_000)}`)
}

export const redisFaults = {
  redis_full: { does: 'Redis is over maxmemory and refuses every write', run: overMaxmemory },
  redis_lagging_replica: { does: 'Redis fails over to a replica that lags, and later to an empty server', run: promoteLaggingReplica },
  redis_holes: { does: 'entries vanish from the streams, then a hub is killed', run: loseEntries },
  redis_flushed: { does: 'FLUSHALL: the data goes, the server stays', run: flushAll },
  redis_poisoned: { does: 'old, foreign, broken and huge messages are published to the hubs', run: poison },
}
