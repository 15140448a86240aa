/* Asking a server over loopback or a network: a schedule of questions, and how long each waited for its answer.
 *
 * Two ways to ask. A closed loop keeps so many questions under way and sends the next when an answer is there; it finds
 * the highest rate. An open loop sends question i at begin + i / rate, whether the server keeps up or not, as callers
 * do; the time of each is counted from when it was to be sent, not from when it went, so that a server that stalls is
 * charged for everyone whom it kept waiting (what is left out otherwise is called coordinated omission).
 *
 * Times are nanoseconds of CLOCK_MONOTONIC. A question without an answer has the time that it was waited for in vain,
 * which is a lower bound of what it took: were it left out, the worst moments of a server would count for nothing.
 */
#ifndef PORTDIP_LOAD_H
#define PORTDIP_LOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { PDL_BATCH = 64, PDL_ROOM = 2048, PDL_HTTP_ROOM = 16384, PDL_IDS = 65536, PDL_SOCKETS_MAX = 256 };
/* So long after its time, or after the last answer, a question is given up: every client of these protocols has. */
#define PDL_PATIENCE_NS 1000000000ll
/* A closed loop of datagrams without any answer for so long gives up all that is under way, and asks on. */
#define PDL_STALL_NS (PDL_PATIENCE_NS / 10)

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

#ifdef __linux__
#define pdl_sendmmsg(socket, messages, count) sendmmsg(socket, messages, count, MSG_DONTWAIT)
#define pdl_recvmmsg(socket, messages, count) recvmmsg(socket, messages, count, MSG_DONTWAIT, NULL)
#else
struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};

/* One call a datagram, where the kernel moves them one by one. */
static int pdl_sendmmsg(int socket, struct mmsghdr *messages, unsigned count) {
    unsigned went = 0;
    while (went < count && sendmsg(socket, &messages[went].msg_hdr, MSG_DONTWAIT) >= 0)
        went++;
    return (int)went;
}

static int pdl_recvmmsg(int socket, struct mmsghdr *messages, unsigned count) {
    unsigned came = 0;
    ssize_t length;
    while (came < count && (length = recvmsg(socket, &messages[came].msg_hdr, MSG_DONTWAIT)) >= 0)
        messages[came++].msg_len = (unsigned)length;
    return (int)came;
}
#endif

typedef struct {
    const uint8_t *bytes;     /* the questions, one behind the other */
    const int64_t *starts;    /* question q is bytes[starts[q] .. starts[q + 1]) */
    int64_t questions;        /* how many there are; they are asked again from the first */
    int64_t count;            /* how many to ask, and the room in `taken` */
    double rate;              /* questions a second of an open loop; 0: a closed loop */
    int64_t seconds_ns;       /* when to stop asking */
    int window;               /* questions under way on each socket of a closed loop */
    int sockets;
    uint16_t port;
    int id_at;                /* datagrams: where the 16-bit id is */
    int64_t *taken;           /* nanoseconds until the answer of each, or that it was waited for in vain */
    int64_t *late;            /* nanoseconds that each was sent after it could have been */
    int64_t asked, answered, given_up, elapsed_ns;
    int64_t begin, ended;     /* when asking began, and when nothing more was waited for */
    int64_t full;             /* when a question was last due and no connection free; 0 for never */
} pdl_load;

static inline int64_t pdl_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t pdl_due(const pdl_load *load, int64_t i) {
    return load->begin + (int64_t)((double)i * 1e9 / load->rate);
}

/* Question i goes now: note its times. Late is what keeps it from going when it can; that a server has not yet given a
 * connection back is the server's time and not the asker's. */
static inline void pdl_goes(pdl_load *load, int64_t i, int64_t now) {
    const int64_t due = load->rate > 0 ? pdl_due(load, i) : now;
    load->taken[i] = -due; /* under way since then */
    load->late[i] = now - (due > load->full ? due : load->full);
}

/* Whatever is under way is given up: it was waited for until now. */
static void pdl_give_up(pdl_load *load, int64_t now) {
    for (int64_t i = 0; i < load->asked; i++)
        if (load->taken[i] < 0)
            load->taken[i] += now;
}

/* Whether asking has ended. A schedule is asked to its end, for those who could not be asked in time waited too. */
static inline int pdl_is_over(const pdl_load *load, int64_t now) {
    return load->asked == load->count ||
           now - load->begin >= load->seconds_ns + (load->rate > 0 ? PDL_PATIENCE_NS : 0);
}

/* How many more may be asked now: those that are due, or a closed loop's room. */
static inline int64_t pdl_wanted(const pdl_load *load, int64_t now, int64_t under_way) {
    int64_t wanted;
    if (pdl_is_over(load, now))
        return 0;
    if (load->rate > 0)
        wanted = (int64_t)((double)(now - load->begin) * load->rate / 1e9) + 1 - load->asked;
    else
        wanted = (int64_t)load->window * load->sockets - under_way;
    return wanted < load->count - load->asked ? wanted : load->count - load->asked;
}

/* A socket connected to a port of loopback, not blocking from then on; -1 with errno. */
static int pdl_connect(int kind, uint16_t port) {
    const struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int handle = socket(AF_INET, kind, 0), on = 1, buffer = 1 << 22;
    if (handle < 0)
        return -1;
    fcntl(handle, F_SETFD, FD_CLOEXEC);
    if (connect(handle, (const struct sockaddr *)&server, sizeof server) != 0) {
        const int reason = errno;
        close(handle);
        errno = reason;
        return -1;
    }
    if (kind == SOCK_STREAM)
        setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    else
        setsockopt(handle, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    fcntl(handle, F_SETFL, O_NONBLOCK);
    return handle;
}

static void pdl_close(int *handles, int count) {
    for (int i = 0; i < count; i++)
        if (handles[i] >= 0)
            close(handles[i]);
}

/* ---- datagrams ---- */

typedef struct {
    struct mmsghdr out[PDL_BATCH], in[PDL_BATCH];
    struct iovec out_parts[PDL_BATCH], in_parts[PDL_BATCH];
    uint8_t asking[PDL_BATCH][PDL_ROOM], answer[PDL_BATCH][PDL_ROOM];
    int64_t asked_by[PDL_BATCH];
    int handles[PDL_SOCKETS_MAX];
    int64_t next_id[PDL_SOCKETS_MAX], under_way[PDL_SOCKETS_MAX];
    int64_t (*by_id)[PDL_IDS]; /* [socket][id]: which question it was, plus 1; 0 when it is answered */
} pdl_datagrams;

/* Send up to a batch over one socket; how many went. */
static int pdl_send(pdl_load *load, pdl_datagrams *all, int s, int count) {
    for (int i = 0; i < count; i++) {
        const int64_t asked = load->asked + i, q = asked % load->questions;
        const size_t length = (size_t)(load->starts[q + 1] - load->starts[q]);
        const uint16_t id = (uint16_t)(all->next_id[s] + i);
        memcpy(all->asking[i], load->bytes + load->starts[q], length);
        all->asking[i][load->id_at] = (uint8_t)(id >> 8);
        all->asking[i][load->id_at + 1] = (uint8_t)id;
        all->out_parts[i] = (struct iovec){all->asking[i], length};
        all->by_id[s][id] = asked + 1;
    }
    const int64_t now = pdl_now();
    for (int i = 0; i < count; i++)
        pdl_goes(load, load->asked + i, now);
    const int went = pdl_sendmmsg(all->handles[s], all->out, (unsigned)count);
    for (int i = went > 0 ? went : 0; i < count; i++)
        all->by_id[s][(uint16_t)(all->next_id[s] + i)] = 0;
    if (went <= 0)
        return 0;
    all->next_id[s] += went;
    all->under_way[s] += went;
    load->asked += went;
    return went;
}

/* Take what has come in on one socket; how many answers. */
static int pdl_receive(pdl_load *load, pdl_datagrams *all, int s) {
    const int came = pdl_recvmmsg(all->handles[s], all->in, PDL_BATCH);
    const int64_t now = came > 0 ? pdl_now() : 0;
    int answers = 0;
    for (int i = 0; i < came; i++) {
        const uint8_t *reply = all->answer[i];
        if (all->in[i].msg_len < (unsigned)load->id_at + 2)
            continue;
        const uint16_t id = (uint16_t)(reply[load->id_at] << 8 | reply[load->id_at + 1]);
        const int64_t question = all->by_id[s][id] - 1;
        if (question < 0)
            continue;
        all->by_id[s][id] = 0;
        load->taken[question] += now;
        answers++;
    }
    all->under_way[s] -= answers;
    load->answered += answers;
    return answers;
}

/* Ask all; 0, or the errno of what went wrong. */
static int pdl_ask_datagrams(pdl_load *load) {
    pdl_datagrams *all = calloc(1, sizeof *all);
    int opened = 0, failed = all == NULL ? ENOMEM : 0;
    if (all != NULL && (all->by_id = calloc((size_t)load->sockets, sizeof *all->by_id)) == NULL)
        failed = ENOMEM;
    for (; !failed && opened < load->sockets; opened++)
        if ((all->handles[opened] = pdl_connect(SOCK_DGRAM, load->port)) < 0)
            failed = errno;
    if (!failed) {
        for (int i = 0; i < PDL_BATCH; i++) {
            all->in_parts[i] = (struct iovec){all->answer[i], PDL_ROOM};
            all->in[i].msg_hdr = (struct msghdr){.msg_iov = &all->in_parts[i], .msg_iovlen = 1};
            all->out[i].msg_hdr = (struct msghdr){.msg_iov = &all->out_parts[i], .msg_iovlen = 1};
        }
        int64_t now = load->begin = pdl_now(), moved = now, last = now;
        int s = 0;
        for (;;) {
            const int64_t under_way = load->asked - load->answered;
            const int64_t wanted = pdl_wanted(load, now, under_way);
            if (pdl_is_over(load, now) && (under_way == 0 || now - moved > PDL_PATIENCE_NS))
                break;
            if (load->rate == 0 && now - moved > PDL_STALL_NS) { /* a closed loop would wait forever */
                pdl_give_up(load, now);
                memset(all->under_way, 0, sizeof all->under_way);
                memset(all->by_id, 0, (size_t)load->sockets * sizeof *all->by_id);
                load->given_up += under_way;
                load->answered += under_way;
                moved = now;
            }
            int did = 0;
            if (wanted > 0) {
                const int64_t room = load->rate > 0 ? PDL_BATCH : load->window - all->under_way[s];
                const int64_t most = room < PDL_BATCH ? room : PDL_BATCH;
                const int64_t count = wanted < most ? wanted : most;
                did = count > 0 ? pdl_send(load, all, s, (int)count) : 0;
            }
            int answers = 0;
            for (int r = 0; r < load->sockets; r++)
                if (all->under_way[r] > 0)
                    answers += pdl_receive(load, all, r);
            now = pdl_now();
            if (answers || did)
                moved = now;
            if (answers)
                last = now;
            else if (!did)
                sched_yield(); /* where the server has this core too */
            s = s + 1 == load->sockets ? 0 : s + 1;
        }
        load->elapsed_ns = last - load->begin;
        load->answered -= load->given_up;
        load->ended = now;
    }
    if (all != NULL) {
        pdl_close(all->handles, opened);
        free(all->by_id);
    }
    free(all);
    return failed;
}

/* ---- HTTP/1.1 over kept connections ---- */

typedef struct {
    int64_t question; /* under way, -1 for none */
    int64_t have;     /* bytes of its answer */
    char answer[PDL_HTTP_ROOM];
} pdl_connection;

/* Whether the answer is whole: 1, 0 not yet, -1 it is none that we know or not a 200. */
static int pdl_is_whole(pdl_connection *one) {
    one->answer[one->have] = 0;
    const char *end = strstr(one->answer, "\r\n\r\n");
    if (end == NULL)
        return one->have < PDL_HTTP_ROOM - 1 ? 0 : -1;
    const char *length = strcasestr(one->answer, "\r\ncontent-length:");
    if (length == NULL || length > end || strncmp(one->answer, "HTTP/1.1 200", 12) != 0)
        return -1;
    const long whole = (end - one->answer) + 4 + atol(length + 17);
    return one->have >= whole ? 1 : whole < PDL_HTTP_ROOM - 1 ? 0 : -1;
}

/* Send the next question over an idle connection; 0, or an errno: ENOBUFS for one that does not go in one piece. */
static int pdl_send_http(pdl_load *load, pdl_connection *one, int handle) {
    const int64_t q = load->asked % load->questions, length = load->starts[q + 1] - load->starts[q];
    one->question = load->asked;
    one->have = 0;
    pdl_goes(load, load->asked++, pdl_now());
    const int64_t went = send(handle, load->bytes + load->starts[q], (size_t)length, MSG_NOSIGNAL);
    return went == length ? 0 : went < 0 ? errno : ENOBUFS;
}

/* Take what has come in on a connection; 1 with an answer, 0 not yet, -1 with errno. */
static int pdl_receive_http(pdl_load *load, pdl_connection *one, int handle) {
    const int64_t came = recv(handle, one->answer + one->have, (size_t)(PDL_HTTP_ROOM - 1 - one->have), 0);
    if (came < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (came <= 0) {
        errno = came == 0 ? ECONNRESET : errno;
        return -1;
    }
    one->have += came;
    const int whole = pdl_is_whole(one);
    if (whole < 0)
        errno = EBADMSG;
    if (whole <= 0)
        return whole;
    load->taken[one->question] += pdl_now();
    one->question = -1;
    load->answered++;
    return 1;
}

/* Ask all; 0, or the errno of what went wrong: EBADMSG for an answer that is no 200. */
static int pdl_ask_http(pdl_load *load) {
    struct pollfd polls[PDL_SOCKETS_MAX];
    int handles[PDL_SOCKETS_MAX], opened = 0, failed = 0;
    pdl_connection *all = calloc((size_t)load->sockets, sizeof *all);
    if (all == NULL)
        failed = ENOMEM;
    for (; !failed && opened < load->sockets; opened++) {
        if ((handles[opened] = pdl_connect(SOCK_STREAM, load->port)) < 0)
            failed = errno;
        polls[opened] = (struct pollfd){.fd = handles[opened], .events = POLLIN};
        all[opened].question = -1;
    }
    int64_t now = load->begin = pdl_now(), moved = now;
    while (!failed) {
        int64_t wanted = pdl_wanted(load, now, load->asked - load->answered);
        if (pdl_is_over(load, now) && (load->asked == load->answered || now - moved > PDL_PATIENCE_NS))
            break;
        int did = 0;
        for (int c = 0; c < load->sockets && wanted > 0 && !failed; c++)
            if (all[c].question < 0) {
                failed = pdl_send_http(load, &all[c], handles[c]);
                wanted--;
                did = 1;
            }
        if (wanted > 0)
            load->full = now;
        const int ready = poll(polls, (nfds_t)load->sockets, 0);
        for (int c = 0; c < load->sockets && ready > 0 && !failed; c++)
            if (polls[c].revents != 0 && all[c].question >= 0) {
                failed = pdl_receive_http(load, &all[c], handles[c]) < 0 ? errno : 0;
                did = 1;
            }
        now = pdl_now();
        if (did || (load->rate > 0 && load->asked == load->answered))
            moved = now;
        else
            sched_yield();
    }
    load->elapsed_ns = moved - load->begin;
    load->ended = now;
    pdl_close(handles, opened);
    free(all);
    return failed;
}

/* What has no answer was waited for until the end, and so was what was on the schedule and could never be sent. */
static void pdl_settle(pdl_load *load) {
    for (; load->rate > 0 && load->asked < load->count; load->asked++)
        pdl_goes(load, load->asked, load->ended);
    pdl_give_up(load, load->ended);
}

#endif
