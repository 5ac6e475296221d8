// Clients that break the rules, or whose rights end while the hub cannot see it.

import { openProbe } from '../restaurant.mjs'
import { pause, until } from '../tools.mjs'

/** A restaurant's position of that number with an id that no event has; example: a true one. */
function forge(example, number) {
  const bytes = Buffer.from(example, 'base64url') // kind, number, id
  bytes.writeBigUInt64BE(BigInt(number), 1)
  bytes.fill(0xa5, 9)
  return bytes.toString('base64url')
}

/** Positions prove themselves: one that is made up gets a `reset` and not one event. */
async function forgePositions({ stack }) {
  const first = await openProbe(stack, 600, true)
  const { position } = await first.message('hello')
  first.end()
  const last = Number(Buffer.from(position, 'base64url').readBigUInt64BE(1))
  // Beyond what the hub remembers, within what it would fetch; the newest; and one that is still to come.
  for (const number of [Math.max(1, last - 200), Math.max(1, last - 60), last, last + 1000]) {
    const probe = await openProbe(stack, 600, true)
    probe.send({ type: 'resume', position: forge(position, number) })
    await until('the hub answers', () => probe.messages.some(({ type }) => type === 'reset' || type === 'caught_up') || probe.closeCode)
    const answers = probe.messages.map(({ type }) => type).filter((type) => type !== 'hello' && type !== 'heartbeat')
    probe.end()
    if (answers[0] !== 'reset') throw new Error(`position ${number} of ${last} was made up, and answered with ${answers[0] ?? probe.closeCode}`)
  }
}

/** The token ends while the hub hangs; what waits for it then must not go out by that token. */
async function expireWhileFrozen({ stack }) {
  const ttlSeconds = 4
  const began = Date.now()
  const probe = await openProbe(stack, ttlSeconds)
  await stack.ctl('pause', 'hub-1')
  await pause(began + ttlSeconds * 1000 + 1500 - Date.now())
  const before = probe.messages.length
  await stack.ctl('resume', 'hub-1')
  await until('the hub closes the socket', () => probe.closeCode !== null)
  const events = probe.messages.slice(before).filter(({ type }) => type === 'event')
  if (events.length > 0) throw new Error(`${events.length} events were sent by a token that had expired`)
  if (probe.closeCode !== 4401) throw new Error(`closed with ${probe.closeCode}, not 4401`)
}

const STALLED = 10
const TOLD_WITHIN_MS = 20_000

/** Those of the load test that stop reading are cut off for it: their queues end at a bound. */
async function stall({ stack }) {
  const code = 'ordersync_hub_closes_total{code="4008"}'
  const count = async () => {
    const counts = (await stack.namesOf('hub')).map((name) => stack.hubMetric(name, code))
    return (await Promise.all(counts)).reduce((sum, one) => sum + one, 0)
  }
  await until('the stalled are cut off with 4008', async () => (await count()) >= STALLED, TOLD_WITHIN_MS)
}

export const clientFaults = {
  positions_forged: { does: 'a client resumes from positions that it has made up', run: forgePositions },
  expired_while_frozen: { does: 'a token ends while its hub hangs', run: expireWhileFrozen },
  stalled_readers: {
    does: 'clients of busy restaurants stop reading',
    run: stall,
    size: { tablets: 20, customers: 100, restaurants: 2, rate: 300, stalled: STALLED }, // a load of its own
  },
}
