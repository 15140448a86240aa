/* A batch of datagrams between a UDP socket and a responder: receiving, what the kernel says of each, sending.
 *
 * On Linux a batch is one system call each way (recvmmsg, sendmmsg); elsewhere, and where asked for, one call a
 * datagram (recvmsg, sendmsg). What never changes in the headers is set once, in pd_prepare.
 */
#ifndef PORTDIP_LISTENER_H
#define PORTDIP_LISTENER_H

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#ifdef __linux__
#include <linux/sock_diag.h>
#endif

#include "address.h"
#include "datagram.h"

/* Places in a row of counters; the order is that of `counters.NAMES`. Then come the buckets of the latency. */
enum pd_counter {
    PD_RECEIVED,
    PD_REPLIED,
    PD_OUTCOME, /* the first of PD_OUTCOMES */
    PD_DROPPED_SOURCE = PD_OUTCOME + PD_OUTCOMES,
    PD_DROPPED_RATE,
    PD_LIMITED,
    PD_SLIPPED,
    PD_SHED,
    PD_OVERFLOWED,
    PD_ERRORS,
    PD_BYTES_IN,
    PD_BYTES_OUT
};
#define PD_LATENCY_BUCKETS 32

#define PD_CACHE_LINE 64
/* One byte more than a request may have, so that longer ones show; and whole cache lines. */
#define PD_SLOT 1280
/* How long a full send queue is waited for, before its replies are given up. */
#define PD_SEND_WAIT_MS 5
/* The blocking receive returns this often, to see whether it should stop. */
#define PD_TICK_MS 50

#ifndef __linux__
struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};
#endif

typedef union {
    char bytes[CMSG_SPACE(sizeof(struct timeval)) + CMSG_SPACE(sizeof(struct timespec)) +
               CMSG_SPACE(sizeof(struct in6_pktinfo))];
    struct cmsghdr aligned;
} pd_control;

typedef struct {
    struct mmsghdr incoming[PD_BATCH];
    struct mmsghdr outgoing[PD_BATCH];
    struct iovec request_parts[PD_BATCH];
    struct iovec reply_parts[PD_BATCH];
    pd_address sources[PD_BATCH];
    pd_control control[PD_BATCH];
    unsigned used; /* headers that the last receive has changed */
    _Alignas(PD_CACHE_LINE) uint8_t requests[PD_BATCH][PD_SLOT];
    _Alignas(PD_CACHE_LINE) uint8_t replies[PD_BATCH][PD_SLOT];
} pd_batch;

/* Nanoseconds of the clock that the kernel stamps datagrams by. */
static inline uint64_t pd_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void pd_pause(unsigned microseconds) {
    struct timespec time = {0, (long)microseconds * 1000};
    nanosleep(&time, NULL);
}

static inline pd_batch *pd_new_batch(void) {
    pd_batch *batch = NULL;
    if (posix_memalign((void **)&batch, PD_CACHE_LINE, sizeof *batch) != 0)
        return NULL;
    memset(batch, 0, sizeof *batch);
    for (unsigned i = 0; i < PD_BATCH; i++) {
        struct msghdr *in = &batch->incoming[i].msg_hdr;
        batch->request_parts[i] = (struct iovec){batch->requests[i], PD_REQUEST_MAX + 1};
        in->msg_iov = &batch->request_parts[i];
        in->msg_iovlen = 1;
        in->msg_name = &batch->sources[i];
        in->msg_control = &batch->control[i];
        batch->outgoing[i].msg_hdr.msg_iov = &batch->reply_parts[i];
        batch->outgoing[i].msg_hdr.msg_iovlen = 1;
    }
    batch->used = PD_BATCH;
    return batch;
}

/* Place of the highest bit, at most the last bucket's. */
static inline unsigned pd_latency_bucket(uint64_t nanoseconds) {
    unsigned bucket = nanoseconds ? 63u - (unsigned)__builtin_clzll(nanoseconds) : 0;
    return bucket < PD_LATENCY_BUCKETS ? bucket : PD_LATENCY_BUCKETS - 1;
}

/* Make the socket say when datagrams came, where it can, and to which of our addresses, where it is bound to none of
 * them in particular: the reply has to come from there. False: errno says why. */
static inline int pd_prepare(int socket) {
    const int on = 1;
    const struct timeval tick = {0, PD_TICK_MS * 1000};
    pd_address own;
    socklen_t length = sizeof own;
    if (getsockname(socket, &own.any, &length) != 0 ||
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick) != 0)
        return 0;
#if defined(SO_TIMESTAMPNS)
    (void)!setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
#elif defined(SO_TIMESTAMP)
    (void)!setsockopt(socket, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on);
#endif
#ifdef IP_PKTINFO
    if (own.any.sa_family == AF_INET && own.v4.sin_addr.s_addr == htonl(INADDR_ANY))
        return setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0;
#endif
#ifdef IPV6_RECVPKTINFO
    if (own.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&own.v6.sin6_addr))
        return setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0;
#endif
    return 1;
}

/* Receive what is there, at most PD_BATCH; with `wait`, at least one or until the next tick. How many; -1: errno. */
static inline int pd_receive(pd_batch *batch, int socket, int batched, int wait) {
    const int flags = wait ? 0 : MSG_DONTWAIT;
    for (unsigned i = 0; i < batch->used; i++) {
        struct msghdr *header = &batch->incoming[i].msg_hdr;
        header->msg_namelen = sizeof(pd_address);
        header->msg_controllen = sizeof(pd_control);
    }
    int count = 0;
#ifdef __linux__
    if (batched)
        count = recvmmsg(socket, batch->incoming, PD_BATCH, flags | MSG_WAITFORONE, NULL);
    else
#endif
        while (count < PD_BATCH) {
            ssize_t length = recvmsg(socket, &batch->incoming[count].msg_hdr, count ? MSG_DONTWAIT : flags);
            if (length < 0)
                break;
            batch->incoming[count++].msg_len = (unsigned)length;
        }
    batch->used = count > 0 ? (unsigned)count : 1;
    return count > 0 ? count : -1;
}

#if defined(IP_PKTINFO) || defined(IPV6_RECVPKTINFO)
/* Turn what the kernel said of our address into what it wants to hear for the reply: which route, is its own choice,
 * but for addresses that mean something on one link only. */
static inline void pd_set_reply_address(struct cmsghdr *message) {
#ifdef IP_PKTINFO
    if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_PKTINFO)
        ((struct in_pktinfo *)CMSG_DATA(message))->ipi_ifindex = 0;
#endif
#ifdef IPV6_RECVPKTINFO
    if (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo *info = (struct in6_pktinfo *)CMSG_DATA(message);
        if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
            info->ipi6_ifindex = 0;
    }
#endif
}
#endif

/* When datagram `i` came, 0 if the kernel does not say; `control` becomes what its reply is sent with. */
static inline uint64_t pd_read_control(pd_batch *batch, unsigned i, struct cmsghdr **control, size_t *length) {
    struct msghdr *header = &batch->incoming[i].msg_hdr;
    uint64_t stamp = 0;
    *control = NULL;
    *length = 0;
    for (struct cmsghdr *message = CMSG_FIRSTHDR(header); message; message = CMSG_NXTHDR(header, message)) {
#if defined(SO_TIMESTAMPNS)
        if (message->cmsg_level == SOL_SOCKET && message->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec at;
            memcpy(&at, CMSG_DATA(message), sizeof at);
            stamp = (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
            continue;
        }
#elif defined(SCM_TIMESTAMP)
        if (message->cmsg_level == SOL_SOCKET && message->cmsg_type == SCM_TIMESTAMP) {
            struct timeval at;
            memcpy(&at, CMSG_DATA(message), sizeof at);
            stamp = (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_usec * 1000u;
            continue;
        }
#endif
#if defined(IP_PKTINFO) || defined(IPV6_RECVPKTINFO)
        pd_set_reply_address(message);
        *control = message;
        *length = message->cmsg_len;
#endif
    }
    return stamp;
}

/* Make outgoing message `place` the reply to incoming message `i`. */
static inline void pd_address_reply(
    pd_batch *batch, unsigned place, unsigned i, uint32_t length, struct cmsghdr *control, size_t control_length
) {
    struct msghdr *header = &batch->outgoing[place].msg_hdr;
    batch->reply_parts[place] = (struct iovec){batch->replies[i], length};
    header->msg_name = &batch->sources[i];
    header->msg_namelen = batch->incoming[i].msg_hdr.msg_namelen;
    header->msg_control = control;
    header->msg_controllen = control_length;
}

/* Send the first `count` outgoing messages. How many the network took; the bytes of these are added up. */
static inline unsigned pd_send(pd_batch *batch, int socket, int batched, unsigned count, uint64_t *bytes) {
    unsigned done = 0, taken = 0;
    int may_wait = 1;
    while (done < count) {
        int sent;
#ifdef __linux__
        if (batched)
            sent = sendmmsg(socket, batch->outgoing + done, count - done, MSG_DONTWAIT);
        else
#endif
            sent = sendmsg(socket, &batch->outgoing[done].msg_hdr, MSG_DONTWAIT) < 0 ? -1 : 1;
        if (sent > 0) {
            for (unsigned i = done; i < done + (unsigned)sent; i++)
                *bytes += batch->reply_parts[i].iov_len;
            done += (unsigned)sent;
            taken += (unsigned)sent;
        } else if (errno == EINTR) {
            continue;
        } else if (may_wait && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) {
            struct pollfd ready = {socket, POLLOUT, 0};
            poll(&ready, 1, PD_SEND_WAIT_MS);
            may_wait = 0;
        } else {
            done++; /* a source port of 0, a firewall, a peer that is gone: this reply is lost, not the others */
        }
    }
    return taken;
}

/* Datagrams that the kernel dropped because the socket's buffer was full, since the socket was made. */
static inline uint64_t pd_overflowed(int socket) {
#if defined(__linux__) && defined(SO_MEMINFO)
    uint32_t figures[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof figures;
    if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, figures, &length) == 0)
        return figures[SK_MEMINFO_DROPS];
#endif
    (void)socket;
    return 0;
}

/* Let the kernel give new datagrams to the other sockets of the address: a connected one gets its peer's only. The
 * socket keeps what it has, and may send to anybody. */
static inline void pd_step_aside(int socket) {
#ifdef __linux__
    pd_address own;
    socklen_t length = sizeof own;
    if (getsockname(socket, &own.any, &length) == 0)
        (void)!connect(socket, &own.any, length);
#else
    (void)socket;
#endif
}

#endif
