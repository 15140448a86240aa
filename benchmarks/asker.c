/* `asker PORT SECONDS WINDOW FILE`: sends the datagrams of a file to 127.0.0.1, one after the other and again.
 *
 * At most WINDOW are under way, up to 64 in one system call. Prints how many were sent and answered and, for a window
 * of 1, the median and the 99th percentile of the nanoseconds that an answer took.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "asking.h"

enum { BATCH = 64, ROOM = 1280, BUFFER = 1 << 22, PATIENCE_US = 100000 };

int main(int count, char **arguments) {
    static struct mmsghdr out[BATCH], in[BATCH];
    static struct iovec out_parts[BATCH], in_parts[BATCH];
    static char room[BATCH][ROOM];
    static int64_t times[TIMES_MAX];
    if (count != 5)
        return 2;
    const int client = socket(AF_INET, SOCK_DGRAM, 0), buffer = BUFFER, window = atoi(arguments[3]);
    const struct timeval patience = {0, PATIENCE_US};
    const struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(arguments[1])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    questions all = read_questions(arguments[4]);
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (all.end == NULL || connect(client, (const struct sockaddr *)&server, sizeof server) != 0)
        return 1;
    for (int i = 0; i < BATCH; i++) {
        in_parts[i] = (struct iovec){room[i], ROOM};
        in[i].msg_hdr = (struct msghdr){.msg_iov = &in_parts[i], .msg_iovlen = 1};
        out[i].msg_hdr = (struct msghdr){.msg_iov = &out_parts[i], .msg_iovlen = 1};
    }
    long sent = 0, answered = 0, timed = 0;
    int under_way = 0;
    const int64_t end = now_ns() + (int64_t)(atof(arguments[2]) * 1e9);
    for (int64_t began; (began = now_ns()) < end;) {
        const int more = window - under_way < BATCH ? window - under_way : BATCH;
        for (int i = 0; i < more; i++)
            out_parts[i] = next_question(&all);
        const int went = more > 0 ? sendmmsg(client, out, (unsigned)more, 0) : 0;
        sent += went > 0 ? went : 0;
        under_way += went > 0 ? went : 0;
        const int came = recvmmsg(client, in, BATCH, MSG_WAITFORONE, NULL);
        answered += came > 0 ? came : 0;
        under_way = came > 0 && came <= under_way ? under_way - came : 0; /* nothing came: those are lost */
        if (window == 1 && came > 0 && timed < TIMES_MAX)
            times[timed++] = now_ns() - began;
    }
    print_counts(sent, answered, times, timed);
    return 0;
}
