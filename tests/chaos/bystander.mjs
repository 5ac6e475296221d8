// A bare client of the socket protocol that notes when the last event came and how the connection ended. Nothing is
// parsed but frames: a thousand of these have to keep up beside everything else on the machine.

import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'

const OPCODE_TEXT = 0x1
const OPCODE_CLOSE = 0x8
const OPCODE_PING = 0x9
const OPCODE_PONG = 0xa

export class Bystander {
  #socket
  #unread = Buffer.alloc(0)
  #tellCurrent
  events = 0
  lastEventAt = 0 // wall clock, ms
  closedAt = 0
  closeCode = 1006

  /** url: of the edge, ws://host:port. Resolves `current` when the stream is live, `closed` at the end. */
  constructor(url, path, token) {
    const { hostname, port } = new URL(url)
    this.current = new Promise((resolve, reject) => {
      this.#tellCurrent = resolve
      this.closed = new Promise((over) => {
        this.#socket = connect(Number(port), hostname)
        this.#socket.on('close', () => {
          this.closedAt ||= Date.now()
          reject(new Error(`the socket closed with ${this.closeCode} before it was live`))
          over(this)
        })
      })
    })
    this.#socket.on('error', () => {})
    this.#socket.on('data', (bytes) => this.#onData(bytes))
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
        `Sec-WebSocket-Protocol: ordersync.v1\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    )
    this.#onFrameBytes = this.#onUpgradeBytes
  }

  #onFrameBytes

  end() {
    this.#socket.destroy()
  }

  #onData(bytes) {
    this.#unread = this.#unread.length > 0 ? Buffer.concat([this.#unread, bytes]) : bytes
    this.#onFrameBytes()
  }

  #onUpgradeBytes() {
    const end = this.#unread.indexOf('\r\n\r\n')
    if (end < 0) return
    if (!this.#unread.toString('latin1', 0, 12).endsWith('101')) return this.#socket.destroy()
    this.#unread = this.#unread.subarray(end + 4)
    this.#onFrameBytes = this.#takeFrames
    this.#send(OPCODE_TEXT, Buffer.from('{"type":"resume","position":null}'))
    this.#takeFrames()
  }

  #takeFrames() {
    let bytes = this.#unread
    for (;;) {
      const frame = readFrame(bytes)
      if (!frame) break
      bytes = bytes.subarray(frame.end)
      this.#onFrame(frame)
    }
    this.#unread = bytes
  }

  #onFrame({ opcode, payload }) {
    if (opcode === OPCODE_PING) this.#send(OPCODE_PONG, payload)
    if (opcode === OPCODE_CLOSE) {
      this.closeCode = payload.length >= 2 ? payload.readUInt16BE() : 1005
      this.closedAt = Date.now()
      this.#socket.end()
    }
    if (opcode !== OPCODE_TEXT) return
    for (const line of payload.toString('latin1').split('\n')) {
      if (line.startsWith('{"type":"caught_up"')) this.#tellCurrent(this)
      if (!line.startsWith('{"type":"event"')) continue
      this.events++
      this.lastEventAt = Date.now()
    }
  }

  /** Masked with zeros, which is a mask like any other. */
  #send(opcode, payload) {
    this.#socket.write(Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]))
  }
}

function readFrame(bytes) {
  if (bytes.length < 2) return null
  const short = bytes[1] & 0x7f
  const head = short < 126 ? 2 : short === 126 ? 4 : 10
  if (bytes.length < head) return null
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  const end = head + length
  return bytes.length < end ? null : { opcode: bytes[0] & 0x0f, payload: bytes.subarray(head, end), end }
}
