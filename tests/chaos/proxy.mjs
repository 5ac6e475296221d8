// A TCP proxy of the tests' own, to do to a link what the machine cannot: bytes vanish in one direction or both (the
// connection stays open, as when a cable is cut), arrive late, or single events that Redis publishes get lost.
// Bytes of one connection keep their order, as TCP's do; two connections of one link overtake each other.

import { connect, createServer } from 'node:net'

export const UP = 'up' // from the client to the server
export const DOWN = 'down'

export class Proxy {
  #server
  #pairs = new Set()
  #target
  #cut = new Set() // directions in which nothing passes
  #delayMs = () => 0
  #isLost = () => false
  port

  /** target: { host, port }. Listens on a free port of its own. */
  static async start(target) {
    const proxy = new Proxy()
    proxy.#target = target
    proxy.#server = createServer((client) => proxy.#accept(client))
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    proxy.port = proxy.#server.address().port
    return proxy
  }

  /** What is sent in these directions from now on is held back, also of new connections. */
  cut(...directions) {
    directions.forEach((direction) => this.#cut.add(direction))
  }

  /** Nothing is held back any more. The peers of a connection that lost bytes cannot go on, so it is reset. */
  heal() {
    const wasCut = this.#cut.size > 0
    this.#cut.clear()
    this.#delayMs = () => 0
    this.#isLost = () => false
    if (wasCut) this.reset()
  }

  /** Each piece waits for so long: a function, so that connections differ from each other and from moment to moment. */
  delay(milliseconds) {
    this.#delayMs = milliseconds
  }

  /** Drops each event that Redis publishes for which isLost says so; the probes of the link itself arrive. */
  loseEvents(isLost) {
    this.#isLost = isLost
  }

  /** Every connection ends with a RST. */
  reset() {
    for (const pair of this.#pairs) this.#end(pair)
  }

  async stop() {
    this.#server.close()
    this.reset()
  }

  #accept(client) {
    const server = connect(this.#target)
    const pair = [client, server]
    this.#pairs.add(pair)
    const fromServer = new RespFilter(() => this.#isLost())
    this.#forward(pair, client, server, UP, (bytes) => bytes)
    this.#forward(pair, server, client, DOWN, (bytes) => fromServer.pass(bytes))
  }

  #forward(pair, from, to, direction, filter) {
    let last = Promise.resolve()
    from.setNoDelay(true)
    from.on('error', () => this.#end(pair))
    from.on('close', () => this.#end(pair))
    from.on('data', (bytes) => {
      if (this.#cut.has(direction)) return
      const delayMs = this.#delayMs()
      const due = delayMs > 0 ? new Promise((resolve) => setTimeout(resolve, delayMs)) : null
      const send = () => {
        if (!this.#cut.has(direction) && !to.destroyed) to.write(filter(bytes))
      }
      if (due) last = Promise.all([last, due]).then(send)
      else last = last.then(send)
    })
  }

  #end(pair) {
    if (!this.#pairs.delete(pair)) return
    pair.forEach((socket) => (socket.connecting ? socket.destroy() : socket.resetAndDestroy()))
  }
}

/**
 * Leaves events out of the server's side of a Redis connection. One is the array ["message", "os:{...}:live", text];
 * everything else passes as it is. A connection that does not begin like Redis' (PostgreSQL) passes untouched.
 */
class RespFilter {
  #isLost
  #unread = Buffer.alloc(0)
  #isRedis = null

  constructor(isLost) {
    this.#isLost = isLost
  }

  pass(bytes) {
    this.#isRedis ??= '+-:$*'.includes(String.fromCharCode(bytes[0]))
    if (!this.#isRedis) return bytes
    this.#unread = this.#unread.length ? Buffer.concat([this.#unread, bytes]) : bytes
    const kept = []
    for (let end = endOfReply(this.#unread, 0); end > 0; end = endOfReply(this.#unread, 0)) {
      const reply = this.#unread.subarray(0, end)
      this.#unread = this.#unread.subarray(end)
      if (!(isEvent(reply) && this.#isLost())) kept.push(reply)
    }
    return Buffer.concat(kept)
  }
}

const MESSAGE = '*3\r\n$7\r\nmessage\r\n'
const CHANNEL_WITHIN = 100 // bytes: what comes before the text

function isEvent(reply) {
  const head = reply.subarray(0, CHANNEL_WITHIN).toString('latin1')
  return head.startsWith(MESSAGE) && head.includes('}:live\r\n')
}

/** Where the reply that begins at start ends; -1: it is not all there. */
function endOfReply(bytes, start) {
  const lineEnd = bytes.indexOf('\r\n', start)
  if (lineEnd < 0) return -1
  const kind = String.fromCharCode(bytes[start])
  const count = Number(bytes.subarray(start + 1, lineEnd))
  let at = lineEnd + 2
  if (kind === '$' && count >= 0) {
    at += count + 2
    return at <= bytes.length ? at : -1
  }
  for (let i = 0; kind === '*' && i < count; i++) {
    at = endOfReply(bytes, at)
    if (at < 0) return -1
  }
  return at
}
