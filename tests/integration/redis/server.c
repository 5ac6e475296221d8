#include "tests/integration/redis/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(int ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

void server_make(struct server *server)
{
    memset(server, 0, sizeof *server);
    strcpy(server->folder, "/tmp/ordersync-redis-XXXXXX");
    need(mkdtemp(server->folder) != NULL, "mkdtemp");
    snprintf(server->url, sizeof server->url, "unix:%s/socket", server->folder);
}

void server_listen_on_tcp(struct server *server, const char *password)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    /* A port that was free a moment ago. */
    need(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    need(getsockname(fd, (struct sockaddr *)&address, &length) == 0, "getsockname");
    close(fd);
    server->port = ntohs(address.sin_port);
    server->password = password;
}

static void run_server(const struct server *server, int output)
{
    char port[8], socket_path[128];
    char *arguments[] = {"redis-server", "--port",      port, "--bind", "127.0.0.1", "--unixsocket",
                         socket_path,    "--dir",       NULL, "--save", "",          "--appendonly",
                         "no",           "--databases", "16", NULL,     NULL,        NULL};

    snprintf(port, sizeof port, "%u", server->port);
    snprintf(socket_path, sizeof socket_path, "%s/socket", server->folder);
    arguments[8] = (char *)(uintptr_t)server->folder;
    if (server->password) {
        arguments[15] = "--requirepass";
        arguments[16] = (char *)(uintptr_t)server->password;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    execvp(arguments[0], arguments);
    perror("redis-server");
    _exit(127);
}

void server_start(struct server *server)
{
    char line[512];
    int ends[2];
    FILE *log = NULL;
    int ready = 0;

    need(pipe(ends) == 0, "pipe");
    server->pid = fork();
    need(server->pid >= 0, "fork");
    if (server->pid == 0)
        run_server(server, ends[1]);
    close(ends[1]);
    log = fdopen(ends[0], "r");
    while (!ready && fgets(line, sizeof line, log))
        ready = strstr(line, "eady to accept connections") != NULL;
    need(ready, "redis-server has not become ready");
    fclose(log);
}

void server_kill(struct server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

void server_freeze(struct server *server)
{
    int status = 0;

    kill(server->pid, SIGSTOP);
    need(waitpid(server->pid, &status, WUNTRACED) == server->pid && WIFSTOPPED(status), "freeze");
}

void server_thaw(struct server *server)
{
    kill(server->pid, SIGCONT);
}

void server_remove(struct server *server)
{
    char path[128];

    if (server->pid)
        server_kill(server);
    snprintf(path, sizeof path, "%s/socket", server->folder);
    unlink(path);
    rmdir(server->folder);
}
