// Kills without a pause: each program dies again and again at moments of its own, whatever the others are doing.

import { pause } from '../tools.mjs'

const LEAST_MS = 500 // between a program's return and its next death
const SPREAD_MS = 6000

/** Kills until `kills` are done. Programs that all others need die more rarely than these recover. */
export async function killStorm({ stack, random }, kills) {
  const victims = [
    ...(await stack.namesOf('hub')).map((name) => [name, 1]),
    ...(await stack.namesOf('api')).map((name) => [name, 1]),
    ['worker-1', 1],
    ['redis', 2],
    ['nginx', 6],
    ['postgres', 6],
  ]
  let left = kills
  const haunt = async ([name, rarity]) => {
    for (;;) {
      await pause(LEAST_MS + rarity * SPREAD_MS * random())
      if (left <= 0) return
      left--
      await stack.kill(name)
      await pause(500 * random())
      // What it needs may be dead just now: it is running, and becomes ready later.
      await stack.start(name).catch((error) => {
        if (!/not ready within/.test(error.message)) throw error
      })
    }
  }
  await Promise.all(victims.map(haunt))
}
