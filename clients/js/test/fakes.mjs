/** Stand-ins for time, chance and the hub, so that a test says exactly what happens and when. */

/** A clock that moves only when told to. */
export class FakeClock {
  time = 1_000_000;
  timers = [];

  now() {
    return this.time;
  }

  after(delayMs, callback) {
    const timer = { at: this.time + delayMs, callback };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Runs everything due within the next ms milliseconds, in order. */
  advance(ms) {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = next.at;
      next.callback();
    }
    this.time = end;
  }
}

/** A WebSocket constructor that remembers its sockets; the test plays the hub. */
export function fakeWebSocket() {
  return class FakeWebSocket {
    static sockets = [];
    static get last() {
      return this.sockets[this.sockets.length - 1];
    }

    sent = [];
    closedWith = null;

    constructor(url, protocol) {
      this.url = url;
      this.protocol = protocol;
      this.constructor.sockets.push(this);
    }

    send(data) {
      this.sent.push(JSON.parse(data));
    }

    close(code) {
      this.closedWith = code;
    }

    open() {
      this.onopen({});
    }

    /** One frame with these messages. */
    receive(...messages) {
      this.onmessage({ data: messages.map((message) => JSON.stringify(message)).join('\n') });
    }

    drop(code = 1006) {
      this.onclose({ code });
    }
  };
}

/** Lets everything that was promised already happen. */
export async function settle() {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

export const hello = {
  type: 'hello',
  hub: 'hub-1',
  position: 'p0',
  heartbeat_ms: 15_000,
  view_age_ms: 1_000,
  stale_after_ms: 15_000,
};
export const caughtUp = { type: 'caught_up', position: 'p0' };

const STATUS_OF = { created: 'PENDING', alerted: 'PENDING', accepted: 'ACCEPTED', ready: 'READY' };

export function orderEvent(orderId, version, change = 'created') {
  return {
    specversion: '1.0',
    id: `${orderId}-${version}`,
    source: '/restaurants/r',
    type: `order.${change}`,
    subject: orderId,
    time: '2026-01-31T12:00:00.123Z',
    data: { order_id: orderId, restaurant_id: 'r', status: STATUS_OF[change], version, items: [] },
  };
}

export function eventMessage(position, orderId, version, change) {
  return { type: 'event', position, event: orderEvent(orderId, version, change) };
}

export function alertMessage(position, orderId, version, step) {
  const alert = { step, reason: 'not_accepted', waiting_ms: 90_000 };
  const event = orderEvent(orderId, version, 'alerted');
  return { type: 'event', position, event: { ...event, id: `${orderId}-${version}!${step}`, data: { ...event.data, alert } } };
}
