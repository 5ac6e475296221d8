// Small tools of the fault tests: waiting, seeded chance, other programs.

import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(fileURLToPath(import.meta.url), '../../..')

const STEP_WITHIN_MS = 120_000

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits for a condition. The limit only ends a run that would hang. */
export async function until(what, condition, limitMs = STEP_WITHIN_MS) {
  const deadline = Date.now() + limitMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}`)
    await pause(100)
  }
}

/** mulberry32: small, seeded, good enough to choose moments. */
export function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const chooseOne = (items, random) => items[Math.floor(items.length * random())]

export function shuffled(items, random) {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[result[i], result[j]] = [result[j], result[i]]
  }
  return result
}

/** Runs a program to its end and returns what it printed; an exit status other than 0 is an error. */
export function run(program, args, { env = {}, input, timeoutMs = STEP_WITHIN_MS } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (bytes) => (stdout += bytes))
    child.stderr.on('data', (bytes) => (stderr += bytes))
    if (input !== undefined) child.stdin.end(input)
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.on('error', reject)
    // Not 'close': a server that was started on the way may keep our pipes.
    child.on('exit', (code) => {
      clearTimeout(timer)
      if (code === 0) resolve(stdout)
      else reject(new Error(`${program} ${args.join(' ')}: exit ${code}\n${stderr.slice(-2000)}`))
    })
  })
}
