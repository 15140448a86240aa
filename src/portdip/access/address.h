/* Source addresses as the kernel gives them: what the sockets, the client table and the limits share. */
#ifndef PORTDIP_ADDRESS_H
#define PORTDIP_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} pd_address;

/* An address as a 128-bit number. IPv4 takes 32 bits of `low`; IPv4 mapped into IPv6 is IPv4. */
typedef struct {
    uint64_t high;
    uint64_t low;
    int is_v4;
} pd_source;

static inline uint64_t pd_big_endian(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* The source of 4 or 16 bytes in network order. */
static inline pd_source pd_source_of(const uint8_t *bytes, int length) {
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    if (length == 16 && memcmp(bytes, mapped, sizeof mapped) == 0) {
        bytes += 12;
        length = 4;
    }
    if (length == 4)
        return (pd_source){0, pd_big_endian(bytes, 4), 1};
    return (pd_source){pd_big_endian(bytes, 8), pd_big_endian(bytes + 8, 8), 0};
}

static inline pd_source pd_source_of_address(const pd_address *address) {
    if (address->any.sa_family == AF_INET)
        return pd_source_of((const uint8_t *)&address->v4.sin_addr, 4);
    return pd_source_of((const uint8_t *)&address->v6.sin6_addr, 16);
}

/* Its /24 or /64, as one number. Those of IPv4 look like ffff:ffff::/32, which is no source. */
static inline uint64_t pd_network(pd_source source) {
    return source.is_v4 ? UINT64_C(0xFFFFFFFF) << 32 | source.low >> 8 : source.high;
}

#endif
