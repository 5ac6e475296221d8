// One WebSocket client that does as it is told: for what the load test's clients, who keep to the rules, never do.

import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'

import { until } from './tools.mjs'

const TEXT = 0x1
const CLOSE = 0x8
const PING = 0x9
const PONG = 0xa

export class Probe {
  #socket
  #unread = Buffer.alloc(0)
  messages = []
  closeCode = null // of the close frame; 1006 when the connection ended without one

  /** url: ws://host:port of a hub; path with its query; token: an access token or a tracking token. */
  static async connect(url, path, token) {
    const probe = new Probe()
    const { hostname, port, host } = new URL(url)
    probe.#socket = connect(Number(port), hostname)
    probe.#socket.on('error', () => {})
    probe.#socket.on('close', () => (probe.closeCode ??= 1006))
    probe.#socket.on('data', (bytes) => probe.#read(bytes))
    probe.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
        `Sec-WebSocket-Protocol: ordersync.v1\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
    await probe.message('hello')
    return probe
  }

  /** Waits for the first message of that type. */
  async message(type) {
    const find = () => this.messages.find((message) => message.type === type)
    await until(`${type} comes`, () => find() || this.closeCode !== null, 20_000)
    if (!find()) throw new Error(`closed with ${this.closeCode} before ${type} came`)
    return find()
  }

  send(message) {
    this.#sendFrame(TEXT, Buffer.from(JSON.stringify(message)))
  }

  end() {
    this.#socket.destroy()
  }

  #sendFrame(opcode, payload) {
    const length = payload.length < 126 ? [0x80 | payload.length] : [0xfe, payload.length >> 8, payload.length & 0xff]
    this.#socket.write(Buffer.concat([Buffer.from([0x80 | opcode, ...length, 0, 0, 0, 0]), payload])) // masked by zeros
  }

  #isOpen = false

  #read(bytes) {
    this.#unread = Buffer.concat([this.#unread, bytes])
    if (!this.#isOpen) {
      const end = this.#unread.indexOf('\r\n\r\n')
      if (end < 0) return
      const status = this.#unread.subarray(0, end).toString('latin1').split('\r\n')[0]
      if (!status.includes(' 101 ')) {
        this.closeCode = 1006
        return this.end()
      }
      this.#isOpen = true
      this.#unread = this.#unread.subarray(end + 4)
    }
    for (let frame = this.#takeFrame(); frame; frame = this.#takeFrame()) this.#onFrame(frame)
  }

  #takeFrame() {
    const bytes = this.#unread
    if (bytes.length < 2) return null
    const short = bytes[1] & 0x7f
    const start = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < start) return null
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    if (bytes.length < start + length) return null
    this.#unread = bytes.subarray(start + length)
    return { opcode: bytes[0] & 0x0f, payload: bytes.subarray(start, start + length) }
  }

  #onFrame({ opcode, payload }) {
    if (opcode === TEXT) this.messages.push(...payload.toString().split('\n').map((line) => JSON.parse(line)))
    if (opcode === PING) this.#sendFrame(PONG, payload)
    if (opcode === CLOSE) {
      this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005
      this.#sendFrame(CLOSE, payload)
      this.#socket.end()
    }
  }
}
