// The rig's own proof: for each bug that is seeded in the programs (shared/bug.h) the smallest fault that reveals it,
// once without the bug, which has to be good, and once with it, which has to be found.

import { join } from 'node:path'

import { faultGroups } from './faults/index.mjs'
import { makeHoles } from './faults/redis.mjs'
import { Proxy } from './proxy.mjs'
import { pause, run } from './tools.mjs'

const small = { tablets: 40, customers: 60, restaurants: 20, rate: 60, settle: 30 }

/** Everything that the API would publish is left to the reconciler, and everything after that to the hubs' check. */
const unpublished = {
  does: 'an API publishes nothing',
  run: async ({ stack }) => {
    for (const name of await stack.namesOf('api')) {
      await stack.kill(name)
      await stack.start(name, { env: { OSY_FAILPOINTS: 'publish.before=error' } })
    }
    await pause(2000)
  },
}

/**
 * Orders that nobody accepts are neither alerted nor rejected. The worker publishes such events, and every event that
 * reaches a hub tells it of all that it has missed before: old orders would hide the bugs.
 */
const noAlerts = 'UPDATE restaurants SET display_within_s = 3600, accept_within_s = 3600, reject_after_s = NULL'
const alerts = 'UPDATE restaurants SET display_within_s = DEFAULT, accept_within_s = DEFAULT, reject_after_s = DEFAULT'

/** As long as the round lasts, a hub misses what of what Redis publishes, the last events above all. */
const deaf = {
  does: 'no published event reaches a hub, until the end',
  run: async ({ stack }) => {
    const proxy = await Proxy.start({ host: '127.0.0.1', port: await stack.redisPort() })
    proxy.loseEvents(() => true)
    for (const name of await stack.namesOf('hub')) {
      await stack.kill(name)
      await stack.start(name, { redisPort: proxy.port })
    }
    deaf.end = () => proxy.stop()
  },
}

/** Hubs that miss events look for them in Redis, where some are gone. */
const holes = {
  does: 'events are lost on their way, and vanish from the streams as well',
  run: async ({ stack, random }) => {
    const proxy = await Proxy.start({ host: '127.0.0.1', port: await stack.redisPort() })
    for (const name of await stack.namesOf('hub')) {
      await stack.kill(name)
      await stack.start(name, { redisPort: proxy.port })
    }
    proxy.loseEvents(() => random() < 0.5)
    for (let i = 0; i < 30; i++) {
      await makeHoles(stack)
      await pause(100)
    }
    holes.end = () => proxy.stop()
  },
}

/** Sockets resume while their hub reads slowly, so that events come live in the middle of their replays. */
const slowReplays = {
  does: 'sockets resume at hubs that read slowly',
  run: async ({ stack }) => {
    const proxy = await Proxy.start({ host: '127.0.0.1', port: await stack.redisPort() })
    proxy.delay(() => 150)
    for (const name of await stack.namesOf('hub')) {
      await stack.kill(name)
      await stack.start(name, { redisPort: proxy.port })
    }
    for (let i = 0; i < 3; i++) {
      await pause(1500)
      await stack.kill('nginx')
      await pause(700)
      await stack.start('nginx')
    }
    slowReplays.end = () => proxy.stop()
  },
}

/** Customers' orders move on while their hubs hang; then the hubs die, and everybody resumes from before that. */
const hangAndDie = {
  does: 'all hubs hang, and then die',
  run: async ({ stack }) => {
    const hubs = await stack.namesOf('hub')
    for (const name of hubs) await stack.ctl('pause', name)
    await pause(1500)
    for (const name of hubs) await stack.kill(name)
    for (const name of hubs) await stack.start(name)
  },
}

/** Some moments are seldom: the same again and again. */
const often = (name, times) => ({
  does: `${times} times ${name}`,
  run: async (context) => {
    const faults = Object.assign({}, ...Object.values(await faultGroups(context.stack)))
    for (let i = 0; i < times; i++) await faults[name].run(context)
  },
})

/** bug (or bugs, with a comma): the fault that reveals it. */
const reveals = {
  publish_before_commit: 'commits_fail',
  key_not_recorded: often('writer.committed=kill', 6),
  'reconciler_idle,position_check_off': unpublished,
  position_check_off: deaf,
  gap_accepted: 'lossy_hub_redis',
  holes_accepted: holes,
  live_lost: slowReplays,
  last_repeated: hangAndDie,
  position_unproven: 'positions_forged',
  queue_unbounded: 'stalled_readers',
  expiry_unchecked: 'expired_while_frozen',
  timers_on_wall_clock: 'clock_hub',
}

/** The bugs that each kind of program has, by what it says itself. */
async function bugsOf(stack) {
  const { BIN_DIR } = await stack.env()
  const list = async (program, option) =>
    [...(await run(join(BIN_DIR, program), [option])).matchAll(/^bug\t(\S+)\t/gm)].map(([, name]) => name)
  const api = await list('ordersync-api', 'failpoints')
  return { api, worker: api, hub: await list('ordersync-hub', '--failpoints') }
}

/** Starts every program of ours anew, with these bugs where it has them. */
async function restart(stack, bugs, known) {
  stack.extraEnv = {}
  for (const [kind, names] of Object.entries(known)) {
    const own = bugs.filter((bug) => names.includes(bug))
    if (own.length > 0) stack.extraEnv[kind] = { OSY_BUGS: own.join(',') }
  }
  for (const name of [...(await stack.namesOf('api')), ...(await stack.namesOf('hub')), 'worker-1']) {
    await stack.killIfRunning(name)
    await stack.start(name)
  }
  await stack.startAll()
  await stack.healthy()
}

/**
 * tools: { step, attempt }. attempt(fault, size) runs a round quietly and returns what went wrong in it, as texts.
 * wanted: names of bugs, or undefined for all.
 */
export async function findBugs(stack, wanted, { step, attempt }) {
  const known = await bugsOf(stack)
  const all = new Set(Object.values(known).flat())
  if (all.size === 0) throw new Error('this build has no bugs to find: use --preset bugs')
  const unknown = (wanted ?? []).filter((name) => !all.has(name))
  if (unknown.length > 0) throw new Error(`no such bug: ${unknown}; there are ${[...all]}`)
  const isWanted = (bugs) => !wanted || bugs.split(',').some((bug) => wanted.includes(bug))
  const scenarios = Object.entries(reveals).filter(([bugs]) => isWanted(bugs))
  if (!wanted)
    await step('every seeded bug has a fault that reveals it', async () => {
      const covered = Object.keys(reveals).flatMap((bugs) => bugs.split(','))
      const left = [...all].filter((bug) => !covered.includes(bug))
      if (left.length > 0) throw new Error(`no fault is named for ${left}`)
    })
  const faults = Object.assign({}, ...Object.values(await faultGroups(stack)))
  const trial = async (fault, bugs) => {
    await restart(stack, bugs, known)
    await stack.query(noAlerts) // each time: a load may have brought new restaurants
    const faulty = await attempt(fault, fault.size ?? small).finally(() => fault.end?.())
    delete fault.end
    return faulty
  }
  for (const [bugs, reveal] of scenarios) {
    const fault = typeof reveal === 'string' ? faults[reveal] : reveal
    await step(`without ${bugs}: ${fault.does}, and all is well`, async () => {
      const faulty = await trial(fault, [])
      if (faulty.length > 0) throw new Error(faulty.join('\n'))
    })
    await step(`with ${bugs}: found`, async () => {
      const faulty = await trial(fault, bugs.split(','))
      if (faulty.length === 0) throw new Error('nothing was found')
      return faulty[0].split('\n')[0].slice(0, 100)
    })
  }
  await stack.query(alerts)
  await restart(stack, [], known)
}
