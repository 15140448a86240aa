/* `echo PORT BYTES`: the least that a UDP server can do. Sends every datagram back, as BYTES bytes.
 *
 * One recvmmsg and one sendmmsg for up to 64 datagrams: what a protocol costs is what its server takes beyond this.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, ROOM = 1280, BUFFER = 1 << 20 };

int main(int count, char **arguments) {
    static struct mmsghdr messages[BATCH];
    static struct iovec parts[BATCH];
    static struct sockaddr_in sources[BATCH];
    static char bytes[BATCH][ROOM];
    if (count != 3)
        return 2;
    const size_t size = (size_t)atoi(arguments[2]);
    const int buffer = BUFFER, server = socket(AF_INET, SOCK_DGRAM, 0);
    const struct sockaddr_in own = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(arguments[1])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    setsockopt(server, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (bind(server, (const struct sockaddr *)&own, sizeof own) != 0) {
        perror("bind");
        return 1;
    }
    for (int i = 0; i < BATCH; i++) {
        parts[i].iov_base = bytes[i];
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1, .msg_name = &sources[i]};
    }
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            parts[i].iov_len = ROOM;
            messages[i].msg_hdr.msg_namelen = sizeof sources[i];
        }
        const int came = recvmmsg(server, messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < came; i++) {
            parts[i].iov_len = size;
            bytes[i][2] |= (char)0x80; /* in DNS, an answer */
        }
        for (int sent = 0; sent < came;) {
            const int now = sendmmsg(server, messages + sent, (unsigned)(came - sent), 0);
            sent += now > 0 ? now : 1;
        }
    }
}
