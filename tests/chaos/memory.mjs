// Watches the memory of the hubs while they are tormented.

import { residentMb } from './stack.mjs'
import { pause } from './tools.mjs'

const EVERY_MS = 1000

export class MemoryWatch {
  #isOver = false
  #loop
  mostMb = 0

  constructor(stack) {
    this.#loop = this.#watch(stack)
  }

  async #watch(stack) {
    while (!this.#isOver) {
      for (const name of await stack.namesOf('hub').catch(() => [])) {
        const pid = await stack.pidOf(name)
        if (pid) this.mostMb = Math.max(this.mostMb, await residentMb(pid))
      }
      await pause(EVERY_MS)
    }
  }

  async end() {
    this.#isOver = true
    await this.#loop
  }
}

/**
 * What a hub may take, in MB: itself, and for each socket its full queue and what libwebsockets and the session need.
 * With sanitizers no bound is claimed: they keep freed memory back.
 */
export const boundMb = (sockets) => 64 + sockets * ((64 + 16) / 1024)
