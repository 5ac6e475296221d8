/** A TCP link that a test can cut: to PostgreSQL or Redis for one hub alone. */
import { once } from 'node:events';
import net from 'node:net';

export class Link {
  #server;
  #sockets = new Set();
  #isUp = true;

  /** A link to the host of a URL; its own `url` is the same with the link's address. */
  static async to(url) {
    const link = new Link();
    const target = new URL(url);
    link.#server = net.createServer((near) => link.#join(near, target)).listen(0, '127.0.0.1');
    link.#server.unref();
    await once(link.#server, 'listening');
    const own = new URL(url);
    own.host = `127.0.0.1:${link.#server.address().port}`;
    link.url = own.href;
    return link;
  }

  #join(near, target) {
    if (!this.#isUp) {
      near.destroy();
      return;
    }
    const far = net.connect(Number(target.port), target.hostname);
    for (const [from, to] of [[near, far], [far, near]]) {
      this.#sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }

  /** Ends every connection and refuses new ones. */
  cut() {
    this.#isUp = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  restore() {
    this.#isUp = true;
  }

  close() {
    this.cut();
    this.#server.close();
  }
}
