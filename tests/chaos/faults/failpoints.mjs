// Each failpoint that the programs list, with each action that its place can take. The list comes from the programs,
// so a new failpoint is tested without a word here.

import { join } from 'node:path'

import { run, until } from '../tools.mjs'

const SEEN_WITHIN_MS = 4000

/** The failpoints of the binaries: [{ name, actions, program }]; program: 'api' or 'hub'. */
export async function listFailpoints(stack) {
  const { BIN_DIR } = await stack.env()
  const lists = {
    api: await run(join(BIN_DIR, 'ordersync-api'), ['failpoints']),
    hub: await run(join(BIN_DIR, 'ordersync-hub'), ['--failpoints']),
  }
  return Object.entries(lists).flatMap(([program, text]) =>
    [...text.matchAll(/^failpoint\t(\S+)\t(\S+)\t(.*)$/gm)].map(([, name, actions, where]) => {
      return { program, name, actions: actions.split(','), where }
    }),
  )
}

/** Which processes may pass it: those of ordersync-api serve and work hold the same code. */
const victimsOf = ({ program }) => (program === 'hub' ? ['hub-1'] : ['api-1', 'worker-1'])

/** Orders that nobody takes on, one of them until it is rejected. They are from yesterday, so none of the load's. */
const LONELY_ORDERS = `
  CREATE TEMP TABLE lonely AS
  SELECT gen_random_uuid() AS restaurant, gen_random_uuid() AS id, gen_random_uuid() AS event, reject, now() - interval '1 day' AS at
    FROM (VALUES (NULL::integer), (1)) AS v (reject);
  INSERT INTO restaurants (id, name, currency, reject_after_s) SELECT restaurant, 'Nobody there', 'KRW', reject FROM lonely;
  INSERT INTO restaurant_streams (restaurant_id, seq, last_event_id) SELECT restaurant, 1, event FROM lonely;
  INSERT INTO orders (id, restaurant_id, currency, total_amount, changed_by, last_event_id, customer_name, customer_phone,
                      customer_address, created_at, updated_at)
  SELECT id, restaurant, 'KRW', 0, 'guest', event, '', '', '', at, at FROM lonely;
  INSERT INTO order_events (restaurant_id, seq, order_id, order_version, id, type, time, data)
  SELECT restaurant, 1, id, 1, event, 'order.created', at,
         format('{"order_id":"%s","restaurant_id":"%s","code":"00000","status":"PENDING","version":1,"items":[]}', id, restaurant)
    FROM lonely;
  INSERT INTO order_watches (order_id, restaurant_id, next_at) SELECT id, restaurant, now() FROM lonely`

/** What brings rare places about: orders that wait, sockets that resume, events that were not published, an orderly end. */
const provocations = [
  async ({ stack }) => {
    await stack.query(LONELY_ORDERS)
  },
  async ({ stack }) => {
    await stack.kill('hub-2')
    await stack.start('hub-2')
  },
  async ({ stack }) => {
    await stack.kill('redis')
    await stack.start('redis')
  },
  async ({ stack }, victims) => {
    for (const name of victims) if (await stack.isRunning(name)) await stack.ctl('stop', name)
  },
]

/** Starts the victims anew with the setting; what they write from here on is looked at. */
async function arm(stack, victims, setting) {
  const from = {}
  for (const victim of victims) {
    from[victim] = (await stack.logOf(victim)).length
    await stack.killIfRunning(victim)
    // It may die or hang before ctl has seen it ready: nobody waits for that.
    stack.start(victim, { env: { OSY_FAILPOINTS: setting } }).catch(() => {})
    await until(`${victim} runs`, async () => (await stack.logOf(victim)).length > from[victim])
  }
  return from
}

async function wasPassed(stack, name, from) {
  for (const victim of Object.keys(from))
    if ((await stack.logOf(victim)).slice(from[victim]).includes(`failpoint ${name}\n`)) return true
  return false
}

const isPassedSoon = (stack, name, from) =>
  until(`${name} is passed`, () => wasPassed(stack, name, from), SEEN_WITHIN_MS).then(() => true, () => false)

/** Starts the victims with the setting, waits until the place was passed, and puts everything right again. */
async function passAndHeal(context, failpoint, action) {
  const { stack, random } = context
  const { name } = failpoint
  const victims = victimsOf(failpoint)
  const settings = { kill: `kill:${1 + Math.floor(10 * random())}`, error: 'error:30', hang: 'hang' }
  let from = await arm(stack, victims, `${name}=${settings[action]}`)
  let isPassed = await isPassedSoon(stack, name, from)
  if (!isPassed) from = await arm(stack, victims, `${name}=${action}`) // a rare place: its first pass counts
  for (const provoke of provocations) {
    if (isPassed) break
    await provoke(context, victims)
    isPassed = await isPassedSoon(stack, name, from)
  }
  if (isPassed && action === 'kill') stack.kills++
  for (const victim of victims) {
    await stack.killIfRunning(victim)
    await stack.start(victim)
  }
  if (!isPassed) throw new Error(`nothing has passed ${name} (${failpoint.where})`)
}

const ACTIONS = ['kill', 'error', 'hang'] // a delay is what the slow links are

/** The faults of all failpoints, by name: "writer.committed=kill". */
export async function failpointFaults(stack) {
  const faults = {}
  for (const failpoint of await listFailpoints(stack))
    for (const action of ACTIONS.filter((one) => failpoint.actions.includes(one)))
      faults[`${failpoint.name}=${action}`] = {
        does: `${action} ${failpoint.where}`,
        run: (context) => passAndHeal(context, failpoint, action),
      }
  return faults
}
