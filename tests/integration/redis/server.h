/*
 * A private redis-server for one test: its own folder and socket, no persistence, and no way to
 * outlive the test. Every function ends the test when it cannot do its work.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

struct server {
    char folder[64];
    char url[128];        /* of the unix socket */
    uint16_t port;        /* 0, or where it listens on 127.0.0.1 */
    const char *password; /* NULL, or what it asks for */
    pid_t pid;            /* 0 while it is down */
};

void server_make(struct server *server);
void server_listen_on_tcp(struct server *server, const char *password); /* before server_start */
void server_start(struct server *server);                               /* it is ready afterwards */
void server_kill(struct server *server);                                /* kill -9 */
void server_freeze(struct server *server); /* it keeps its sockets, and is silent */
void server_thaw(struct server *server);
void server_remove(struct server *server);
