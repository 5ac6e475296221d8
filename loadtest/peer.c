#include "loadtest/peer.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct question {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
};

/* Both addresses of fd, the other end's view: its own address is our remote one. */
static bool turn_around(int fd, struct inet_diag_sockid *id)
{
    struct sockaddr_in ours = {0}, theirs = {0};
    socklen_t our_length = sizeof(ours), their_length = sizeof(theirs);
    if (getsockname(fd, (struct sockaddr *)&ours, &our_length) ||
        getpeername(fd, (struct sockaddr *)&theirs, &their_length) || ours.sin_family != AF_INET)
        return false;
    *id = (struct inet_diag_sockid){
        .idiag_sport = theirs.sin_port,
        .idiag_dport = ours.sin_port,
        .idiag_src = {theirs.sin_addr.s_addr},
        .idiag_dst = {ours.sin_addr.s_addr},
        .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE},
    };
    return true;
}

static enum load_peer read_answer(const struct nlmsghdr *header, size_t length)
{
    if (!NLMSG_OK(header, length))
        return LOAD_PEER_UNKNOWN;
    if (header->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *error = NLMSG_DATA(header);
        return error->error == -ENOENT ? LOAD_PEER_GONE : LOAD_PEER_UNKNOWN;
    }
    const struct inet_diag_msg *found = NLMSG_DATA(header);
    /* Where there is no such connection any more, the kernel shows the listening socket. */
    bool is_held = found->idiag_inode != 0 && found->idiag_state != TCP_LISTEN;
    return is_held ? LOAD_PEER_HELD : LOAD_PEER_GONE;
}

static enum load_peer ask(int netlink, const struct inet_diag_sockid *id)
{
    struct question question = {
        .header = {.nlmsg_len = sizeof(question),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST},
        .request = {.sdiag_family = AF_INET,
                    .sdiag_protocol = IPPROTO_TCP,
                    .idiag_states = ~0u,
                    .id = *id},
    };
    union {
        struct nlmsghdr header;
        char bytes[4096];
    } answer;
    if (send(netlink, &question, sizeof(question), 0) != (ssize_t)sizeof(question))
        return LOAD_PEER_UNKNOWN;
    ssize_t length = recv(netlink, &answer, sizeof(answer), 0);
    return length > 0 ? read_answer(&answer.header, (size_t)length) : LOAD_PEER_UNKNOWN;
}

enum load_peer load_peer_ask(int fd)
{
    struct inet_diag_sockid id;
    errno = 0;
    if (!turn_around(fd, &id))
        return errno == ENOTCONN ? LOAD_PEER_GONE : LOAD_PEER_UNKNOWN;
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink < 0)
        return LOAD_PEER_UNKNOWN;
    enum load_peer peer = ask(netlink, &id);
    close(netlink);
    return peer;
}
