/* `resp_asker PORT SECONDS CONNECTIONS PIPELINE FILE`: sends the commands of a file to a Redis on 127.0.0.1.
 *
 * Each of the connections has PIPELINE commands under way, all of which get a bulk string or none for an answer. Prints
 * how many were sent and answered and the median and the 99th percentile of the nanoseconds that a turn took, in which
 * every connection sends and then receives.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "asking.h"

enum { CONNECTIONS_MAX = 64, PIPELINE_MAX = 64, ROOM = 1 << 14 };

static int connected(const char *port) {
    const int client = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    const struct sockaddr_in server = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(port)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return connect(client, (const struct sockaddr *)&server, sizeof server) == 0 ? client : -1;
}

/* How many whole replies there are: "$-1\r\n", or "$2\r\n17\r\n". */
static int whole_replies(const char *at, const char *end) {
    for (int count = 0;; count++) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        if (line == NULL)
            return count;
        const int length = at[0] == '$' ? atoi(at + 1) : -2;
        if (length < -1)
            exit(1); /* an error */
        at = line + 1 + (length < 0 ? 0 : length + 2);
        if (at > end)
            return count;
    }
}

static void await_replies(int client, int count) {
    char room[ROOM + 1];
    size_t size = 0;
    do {
        const ssize_t came = recv(client, room + size, ROOM - size, 0);
        if (came <= 0)
            exit(1);
        size += (size_t)came;
        room[size] = 0;
    } while (whole_replies(room, room + size) < count);
}

int main(int count, char **arguments) {
    static int64_t times[TIMES_MAX];
    int clients[CONNECTIONS_MAX];
    struct iovec commands[PIPELINE_MAX];
    if (count != 6)
        return 2;
    const int connections = atoi(arguments[3]), pipeline = atoi(arguments[4]);
    questions all = read_questions(arguments[5]);
    if (all.end == NULL || connections > CONNECTIONS_MAX || pipeline > PIPELINE_MAX)
        return 1;
    for (int i = 0; i < connections; i++)
        if ((clients[i] = connected(arguments[1])) < 0)
            return 1;
    long answered = 0, timed = 0;
    const int64_t end = now_ns() + (int64_t)(atof(arguments[2]) * 1e9);
    for (int64_t began; (began = now_ns()) < end;) {
        for (int i = 0; i < connections; i++) {
            for (int j = 0; j < pipeline; j++)
                commands[j] = next_question(&all);
            if (writev(clients[i], commands, pipeline) < 0)
                return 1;
        }
        for (int i = 0; i < connections; i++)
            await_replies(clients[i], pipeline);
        answered += (long)connections * pipeline;
        if (timed < TIMES_MAX)
            times[timed++] = now_ns() - began;
    }
    print_counts(answered, answered, times, timed);
    return 0;
}
