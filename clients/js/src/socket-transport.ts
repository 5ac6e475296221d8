/**
 * One WebSocket, and nothing but: opens it, turns frames into messages, and makes sure that a socket which
 * was given up never speaks again. The constructor is an argument, so Node 18 can bring its own and
 * tests a fake one.
 */
import { parseFrame, type ClientMessage, type ServerMessage } from './messages.js';

export const SUBPROTOCOL = 'ordersync.v1';

/** The part of the WebSocket interface which is used; a browser's and the one of `ws` both fit. */
export interface SocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: string): void;
  close(code?: number): void;
}

export type SocketConstructor = new (url: string, protocols?: string | string[]) => SocketLike;

export interface TransportHandlers {
  onOpen(): void;
  onMessage(message: ServerMessage): void;
  /** A frame that breaks the protocol; the socket is closed already and onClose does not follow. */
  onBadFrame(error: Error): void;
  onClose(code: number): void;
}

export class SocketTransport {
  private closed = false;

  constructor(
    constructor: SocketConstructor,
    url: string,
    private readonly handlers: TransportHandlers,
  ) {
    this.socket = new constructor(url, SUBPROTOCOL);
    this.socket.onopen = () => this.closed || handlers.onOpen();
    this.socket.onmessage = (event: { data: unknown }) => this.onFrame(event.data);
    this.socket.onclose = (event: { code: number }) => this.onClosed(event.code);
    this.socket.onerror = () => {}; /* a close follows, and it knows more; `ws` throws without a listener */
  }

  private readonly socket: SocketLike;

  send(message: ClientMessage): void {
    if (!this.closed) this.socket.send(JSON.stringify(message));
  }

  /** No handler is called from here on. */
  close(): void {
    this.closed = true;
    this.socket.close(1000);
  }

  private onFrame(data: unknown): void {
    if (this.closed) return;
    let messages: ServerMessage[];
    try {
      messages = parseFrame(String(data));
    } catch (error) {
      this.close();
      this.handlers.onBadFrame(error as Error);
      return;
    }
    /* A message may end the connection: those behind it are not ours any more. */
    for (const message of messages) if (!this.closed) this.handlers.onMessage(message);
  }

  private onClosed(code: number): void {
    if (this.closed) return;
    this.closed = true;
    this.handlers.onClose(code);
  }
}

/** base is the edge (`https://host` or `wss://host`). */
export function restaurantSocketUrl(base: string, restaurantId: string): string {
  return `${socketBase(base)}/ws/restaurants/${encodeURIComponent(restaurantId)}/orders`;
}

export function orderSocketUrl(base: string, restaurantId: string, orderId: string): string {
  return `${socketBase(base)}/ws/orders/${encodeURIComponent(orderId)}/status?r=${encodeURIComponent(restaurantId)}`;
}

export function dashboardSocketUrl(base: string): string {
  return `${socketBase(base)}/ws/dashboard`;
}

function socketBase(base: string): string {
  return base.replace(/^http/, 'ws').replace(/\/+$/, '');
}
