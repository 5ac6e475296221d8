// Processes that die, and those that leave in an orderly way.

import { pause, until } from '../tools.mjs'

function killAndStart(name) {
  return async ({ stack, random }) => {
    await stack.kill(name)
    await pause(1000 * random())
    await stack.start(name)
  }
}

/** Kills one PostgreSQL backend that serves us: the server then ends all others and recovers by itself. */
async function killBackend({ stack }) {
  const pid = Number(await stack.query("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'ordersync-%' LIMIT 1"))
  process.kill(pid, 'SIGKILL')
  stack.kills++
  await until('PostgreSQL has recovered', () => stack.query('SELECT 1').then(() => true, () => false))
}

/** Like an operator's "immediate" shutdown: no checkpoint, so the next start replays the log. */
async function stopPostgresNow({ stack, random }) {
  process.kill(await stack.pidOf('postgres'), 'SIGQUIT')
  stack.kills++
  await until('PostgreSQL is down', async () => !(await stack.isRunning('postgres')))
  await pause(1000 * random())
  await stack.start('postgres')
}

const restartAll = (kind) => async ({ stack }) => {
  for (const name of await stack.namesOf(kind)) await stack.ctl('restart', name)
}

async function twoHubs({ stack, random }) {
  await stack.kill('hub-1')
  await stack.start('hub-1')
  await stack.kill('hub-1') // again on its return
  await stack.kill('hub-2')
  await pause(1000 * random())
  await Promise.all([stack.start('hub-1'), stack.start('hub-2')])
}

export const killFaults = {
  redis: { does: 'Redis is killed and comes back without its data', run: killAndStart('redis') },
  hub: { does: 'a hub is killed', run: killAndStart('hub-1') },
  hub_twice: { does: 'a hub is killed, again on its return, and then both are', run: twoHubs, isForFull: true },
  api: { does: 'an API is killed', run: killAndStart('api-1') },
  worker: { does: 'the worker is killed', run: killAndStart('worker-1') },
  postgres: { does: 'PostgreSQL is killed', run: killAndStart('postgres') },
  postgres_immediate: { does: 'PostgreSQL is stopped without a checkpoint', run: stopPostgresNow },
  postgres_backend: { does: 'one PostgreSQL backend is killed: the server restarts by itself', run: killBackend },
  edge: { does: 'the edge is killed: every socket is cut at once and comes back', run: killAndStart('nginx') },
  roll_hubs: { does: 'the hubs are restarted one after the other, as in a deploy: drain, then 1012', run: restartAll('hub') },
  roll_apis: { does: 'the APIs are restarted one after the other', run: restartAll('api') },
}
