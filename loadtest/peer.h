/*
 * Whether a process still holds the other end of a TCP connection. A client that does not read cannot
 * see that the server has closed: the server's last bytes, and its FIN behind them, wait in the
 * server's kernel for room here. On one machine (IPv4) the kernel can be asked about the other end
 * instead (sock_diag(7)).
 */
#pragma once

enum load_peer {
    LOAD_PEER_HELD = 0,
    LOAD_PEER_GONE,    /* closed by its process, or no such connection any more */
    LOAD_PEER_UNKNOWN, /* not a connection of IPv4, or the kernel does not say */
};

enum load_peer load_peer_ask(int fd);
