// A server that speaks just enough of the HTTP API and of ordersync.v1 for ordersync-loadtest, and that
// misbehaves on demand: the load test is only worth something if it convicts this one. Nothing here is
// stored, checked or protected. Each behaviour happens every `every` times that it could.

import { createHash, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'

const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const LATE_MS = 300
const SLOW_MS = 1000

/** Starts on a free port of the loopback. behaviour: one of the names used below, or 'honest'. */
export async function startLyingServer(behaviour, every) {
  const server = new LyingServer(behaviour, every)
  await new Promise((resolve) => server.http.listen(0, '127.0.0.1', resolve))
  return server
}

class LyingServer {
  #counts = new Map()
  #restaurants = new Map() // id -> stream
  #orders = new Map() // id -> { id, restaurantId, version, stream }
  #replies = new Map() // idempotency key -> [status, body]
  #sockets = new Set()
  #frozen = new Set() // sockets that have resumed from nowhere: those that will stall
  #listsOwed = 0 // that a reset has asked for, and that `unlisted` refuses
  #shown = new Map() // device -> { stream, received, displayed }

  constructor(behaviour, every) {
    this.behaviour = behaviour
    this.every = every
    this.http = createServer((request, response) => this.#onRequest(request, response))
    this.http.on('upgrade', (request, socket) => this.#onUpgrade(request, socket))
  }

  get port() {
    return this.http.address().port
  }

  stop() {
    for (const socket of this.#sockets) socket.destroy()
    this.http.closeAllConnections()
    this.http.close()
  }

  /** True when it is time to misbehave in this way. */
  #does(behaviour) {
    if (behaviour !== this.behaviour) return false
    const count = (this.#counts.get(behaviour) ?? 0) + 1
    this.#counts.set(behaviour, count)
    return count % this.every === 0
  }

  // --- streams ---

  #restaurant(id) {
    if (!this.#restaurants.has(id)) this.#restaurants.set(id, newStream('r'))
    return this.#restaurants.get(id)
  }

  /**
   * What a status change or a new order makes. `forget`: nobody hears of it. (`phantom`, in the list:
   * the stream goes further than anybody has been told.)
   */
  #publish(order, type) {
    if (this.#does('forget')) return
    const event = {
      specversion: '1.0',
      id: randomUUID(),
      source: `/restaurants/${order.restaurantId}`,
      type,
      subject: order.id,
      time: new Date().toISOString(),
      data: publicOrder(order),
    }
    const stream = this.#restaurant(order.restaurantId)
    this.#deliver(stream, event)
    this.#deliver(order.stream, event)
    if (this.#does('leak')) this.#leak(order, event)
    if (this.behaviour.startsWith('alert')) this.#alert(order, event)
  }

  /** The order again, for its restaurant alone. Its version stays. */
  #alert(order, cause) {
    const alert = { step: 1, reason: 'not_accepted', waiting_ms: 1 }
    const event = { ...cause, id: randomUUID(), type: 'order.alerted', data: { ...cause.data, alert } }
    this.#deliver(this.#restaurant(order.restaurantId), event)
    if (this.#does('alert_leak')) this.#deliver(order.stream, event)
  }

  #deliver(stream, event) {
    const number = stream.log.push(event)
    const isAlert = event.type === 'order.alerted'
    for (const [socket, restaurantId] of stream.subscribers) {
      const text = eventMessage(stream, number, event, restaurantId)
      if (isAlert && this.#does('alert_lose')) continue
      if (isAlert && this.#does('alert_duplicate')) sendText(socket, text)
      if (restaurantId && this.#does('dashboard_lose')) continue
      if (stream.kind === 'r' && this.#does('stray')) this.#stray(socket, stream, restaurantId)
      if (this.#does('lose')) continue
      if (this.#does('delay')) setTimeout(() => sendText(socket, text), LATE_MS)
      else sendText(socket, text)
      if (this.#does('duplicate')) sendText(socket, text)
      if (this.#does('babble')) sendText(socket, '{"type":"event"}')
      if (this.#does('binary')) sendFrame(socket, 0x2, Buffer.from(text))
      if (this.#does('cut')) socket.destroy()
      if (this.#does('drain')) {
        sendText(socket, '{"type":"drain","reconnect_in_ms":20}')
        sendClose(socket, 1012)
      }
    }
  }

  /** Shows an event to a customer of another order. */
  #leak(order, event) {
    for (const other of this.#orders.values()) {
      const [[socket] = []] = other.stream.subscribers
      if (other === order || !socket?.writable) continue // gone, or about to be
      sendText(socket, eventMessage(other.stream, other.stream.log.length, event))
      return
    }
  }

  /** An event of a restaurant that this socket has not asked for. */
  #stray(socket, stream, restaurantId) {
    const stranger = { ...stream.log[0], id: randomUUID(), source: `/restaurants/${randomUUID()}` }
    sendText(socket, eventMessage(stream, stream.log.length, stranger, restaurantId && randomUUID()))
  }

  /** How many devices have said that they show the last event of their restaurant. */
  devicesThatShowAll() {
    return [...this.#shown.values()].filter(
      ({ stream, received, displayed }) => stream.log.length > 0 && received === stream.log.length && displayed === received,
    ).length
  }

  // --- HTTP ---

  #onRequest(request, response) {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const key = request.headers['idempotency-key']
      const refusal = request.method === 'POST' && this.#does('refuse')
      const reply = refusal
        ? [503, { code: 'OVERLOADED' }]
        : (this.#replies.get(key) ?? this.#answer(request, Buffer.concat(chunks).toString()))
      if (key && !refusal) this.#replies.set(key, reply)
      if (this.#does('hang_up')) return request.socket.destroy()
      const [status, body] = this.#does('fail') ? [500, {}] : reply
      const isSlow = this.#does('slow_close')
      response.writeHead(status, { 'content-type': 'application/json', connection: isSlow ? 'close' : 'keep-alive' })
      setTimeout(() => response.end(JSON.stringify(body)), isSlow ? SLOW_MS : 0)
    })
  }

  #answer(request, text) {
    const path = request.url.split('?')[0].split('/').slice(3)
    if (path[0] === 'orders' && path.length === 1) return this.#create(JSON.parse(text))
    if (path[0] === 'orders') return [200, { order: publicOrder(this.#orders.get(path[1])) }]
    if (path[2] === 'menu') return [200, { items: menu }]
    if (path[2] === 'orders' && path.length === 3) {
      if (this.#listsOwed > 0) {
        this.#listsOwed--
        return [404, {}]
      }
      const stream = this.#restaurant(bearerOf(request))
      const ahead = stream.log.length > 0 && this.#does('phantom') ? 1 : 0
      const position = positionText(stream, stream.log.length + ahead)
      return [200, { orders: [], next: null, position }]
    }
    return this.#change(this.#orders.get(path[3]), path[4])
  }

  #create(body) {
    const order = { id: randomUUID(), restaurantId: body.restaurant_id, version: 1 }
    order.stream = newStream('o')
    this.#orders.set(order.id, order)
    this.#publish(order, 'order.created')
    const position = positionText(order.stream, order.stream.log.length)
    return [201, { order: publicOrder(order), position, tracking_token: `guest ${order.id}` }]
  }

  #change(order, verb) {
    order.version++
    if (this.#does('evict')) for (const socket of this.#frozen) socket.destroy()
    this.#publish(order, `order.${verb}`)
    return [200, { order: publicOrder(order), position: '' }]
  }

  // --- WebSocket ---

  #onUpgrade(request, socket) {
    const [, kind, id] = request.url.split('?')[0].split('/').slice(1)
    const isDashboard = kind === 'dashboard'
    const stream = isDashboard ? undefined : kind === 'restaurants' ? this.#restaurant(id) : this.#orders.get(id).stream
    const accept = createHash('sha1')
      .update(request.headers['sec-websocket-key'] + WEBSOCKET_GUID)
      .digest('base64')
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const { subscribers } of [...this.#restaurants.values(), stream ?? newStream('none')]) subscribers.delete(socket)
      this.#sockets.delete(socket)
      this.#frozen.delete(socket)
    })
    this.#sockets.add(socket)
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ordersync.v1\r\n\r\n`,
    )
    const position = isDashboard ? undefined : positionText(stream, stream.log.length)
    sendText(socket, JSON.stringify({ type: 'hello', hub: 'liar', position, heartbeat_ms: 25000, view_age_ms: 0, stale_after_ms: 15000 }))
    if (stream?.kind === 'o' && this.#does('turn_away')) sendClose(socket, 4403)
    let unread = Buffer.alloc(0)
    socket.on('data', (bytes) => {
      unread = takeFrames(Buffer.concat([unread, bytes]), (opcode, payload) => {
        if (opcode === 0x8) sendClose(socket, 1000)
        if (opcode === 0x1) this.#onMessage(socket, stream, JSON.parse(payload))
      })
    })
  }

  #onMessage(socket, stream, message) {
    if (message.type === 'ack') this.#onAck(stream, message)
    if (message.type !== 'resume') return
    for (const { id, position } of message.restaurants ?? [])
      this.#resume(socket, this.#restaurant(id), position, id)
    if (message.restaurants) return
    if (message.position === null) this.#frozen.add(socket)
    if (this.#does('slow_replay')) setTimeout(() => this.#resume(socket, stream, message.position), LATE_MS)
    else this.#resume(socket, stream, message.position)
  }

  #onAck(stream, { device, state, position }) {
    this.#shown.set(device, { ...this.#shown.get(device), stream, [state]: numberOf(position) })
  }

  #resume(socket, stream, from, restaurantId) {
    const position = positionText(stream, stream.log.length)
    const isUnlisted = stream.kind === 'r' && stream.log.length > 0 && this.#does('unlisted')
    this.#listsOwed += isUnlisted
    if (isUnlisted || this.#does('reset')) {
      sendText(socket, JSON.stringify({ type: 'reset', restaurant_id: restaurantId, position, reason: 'too_old' }))
    } else {
      for (let i = from === null ? stream.log.length : numberOf(from); i < stream.log.length; i++)
        sendText(socket, eventMessage(stream, i + 1, stream.log[i], restaurantId))
      if (!(stream.log.length > 0 && stream.kind === 'r' && this.#does('mute')))
        sendText(socket, JSON.stringify({ type: 'caught_up', restaurant_id: restaurantId, position }))
    }
    stream.subscribers.set(socket, restaurantId)
  }
}

const menu = [1, 2, 3].map((n) => ({
  item_id: `01890000-0000-7000-8000-00000000000${n}`,
  available: true,
  stock: null,
}))

/** subscribers: socket -> the restaurant id that its messages carry, or undefined. */
const newStream = (kind) => ({ kind, log: [], subscribers: new Map() })
const positionText = (stream, number) => `${stream.kind}-${number}`
const numberOf = (position) => Number(position.slice(2))
const bearerOf = (request) => request.headers.authorization.replace('Bearer staff-', '')
const publicOrder = (order) => ({ order_id: order.id, version: order.version })

function eventMessage(stream, number, event, restaurantId) {
  return JSON.stringify({ type: 'event', restaurant_id: restaurantId, position: positionText(stream, number), event })
}

function sendFrame(socket, opcode, payload) {
  if (socket.destroyed || socket.writableEnded) return
  const head =
    payload.length < 126
      ? Buffer.from([0x80 | opcode, payload.length])
      : Buffer.from([0x80 | opcode, 126, payload.length >> 8, payload.length & 0xff])
  socket.write(Buffer.concat([head, payload]))
}

const sendText = (socket, text) => sendFrame(socket, 0x1, Buffer.from(text))

function sendClose(socket, code) {
  sendFrame(socket, 0x8, Buffer.from([code >> 8, code & 0xff]))
  socket.end()
}

/** Hands out each whole frame of a client, unmasked; returns what is left. Frames are short here. */
function takeFrames(bytes, onFrame) {
  while (bytes.length >= 2) {
    const isLong = (bytes[1] & 0x7f) === 126
    if (isLong && bytes.length < 4) break
    const length = isLong ? bytes.readUInt16BE(2) : bytes[1] & 0x7f
    const start = (isLong ? 4 : 2) + 4
    if (bytes.length < start + length) break
    const mask = bytes.subarray(start - 4, start)
    const payload = Buffer.from(bytes.subarray(start, start + length))
    payload.forEach((byte, i) => (payload[i] = byte ^ mask[i % 4]))
    onFrame(bytes[0] & 0x0f, payload)
    bytes = bytes.subarray(start + length)
  }
  return bytes
}
