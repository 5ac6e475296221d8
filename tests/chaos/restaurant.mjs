// One of the load's restaurants, for faults that want to be somebody there.

import { join } from 'node:path'

import { Probe } from './probe.mjs'
import { run } from './tools.mjs'

/** The first of those that `ordersync-api seed --restaurants` makes: every load has it. */
const RESTAURANT = '01890000-0000-7000-8000-000000010000'

/** A tablet's socket at the first hub, by a token that ends in so many seconds. It follows from now on, unless isSilent: then it has not resumed. */
export async function openProbe(stack, ttlSeconds, isSilent = false) {
  const env = await stack.env()
  const args = ['token', '--role', 'staff', '--restaurant', RESTAURANT, '--ttl', String(ttlSeconds)]
  const token = (await run(join(env.BIN_DIR, 'ordersync-api'), args, { env })).trim()
  const probe = await Probe.connect(env.HUB_URLS.split(' ')[0], `/ws/restaurants/${RESTAURANT}/orders`, token)
  if (isSilent) return probe
  probe.send({ type: 'resume', position: null })
  await probe.message('caught_up')
  return probe
}
