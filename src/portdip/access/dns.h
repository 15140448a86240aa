/* A DNS query of one question (RFC 1035, 4.1; EDNS: RFC 6891), read without trusting a byte of it. */
#ifndef PORTDIP_DNS_H
#define PORTDIP_DNS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PD_DNS_HEADER 12
#define PD_DNS_OPT 11 /* an OPT record without options */
#define PD_DNS_NAME_MAX 255
#define PD_DNS_LABEL_MAX 63
#define PD_DNS_PLAIN_MAX 512 /* what a client without EDNS takes over UDP */

enum pd_rcode {
    PD_NOERROR = 0,
    PD_FORMERR = 1,
    PD_SERVFAIL = 2,
    PD_NXDOMAIN = 3,
    PD_NOTIMP = 4,
    PD_REFUSED_CODE = 5,
    PD_BADVERS = 16
};

enum pd_type { PD_NS = 2, PD_SOA = 6, PD_NAPTR = 35, PD_OPT = 41, PD_IXFR = 251, PD_ANY = 255 };

#define PD_CLASS_IN 1

/* Header bits: those of byte 2, then those of byte 3. */
#define PD_QR 0x80
#define PD_OPCODE 0x78
#define PD_AA 0x04
#define PD_TC 0x02
#define PD_RD 0x01
#define PD_Z 0x40

typedef struct {
    uint16_t name_end;     /* offset behind the name of the question, whose first label is behind the header */
    uint16_t end;          /* offset behind the question; PD_DNS_HEADER: there is none to be repeated */
    uint16_t type;
    uint16_t class;
    uint16_t room;         /* bytes of a reply over UDP that the client takes */
    uint8_t edns_version;
    bool has_edns;
    bool wants_dnssec;     /* the DO bit, which is repeated */
    bool is_whole;         /* what is behind the question is well formed too */
} pd_query;

static inline uint16_t pd_get_16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void pd_put_16(uint8_t *at, unsigned value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* The offset behind the name at `at`, 0 if it is no name within `length` bytes. Names in questions are whole: nothing
 * stands before them that they could point to. */
static inline uint32_t pd_name_end(const uint8_t *message, uint32_t length, uint32_t at) {
    const uint32_t limit = length < at + PD_DNS_NAME_MAX ? length : at + PD_DNS_NAME_MAX;
    while (at < limit) {
        const uint8_t label = message[at++];
        if (label == 0)
            return at;
        if (label > PD_DNS_LABEL_MAX)
            return 0;
        at += label;
    }
    return 0;
}

/* The OPT record that is all of the message from `at` on: whether it is one. */
static inline bool pd_read_edns(const uint8_t *message, uint32_t length, uint32_t at, pd_query *query) {
    if (length < at + PD_DNS_OPT || message[at] != 0 || pd_get_16(message + at + 1) != PD_OPT)
        return false;
    const uint16_t asked = pd_get_16(message + at + 3);
    const uint32_t end = at + PD_DNS_OPT + pd_get_16(message + at + 9);
    if (end != length)
        return false;
    for (uint32_t option = at + PD_DNS_OPT; option < end;) {
        if (end - option < 4 || end - option - 4 < pd_get_16(message + option + 2))
            return false;
        option += 4u + pd_get_16(message + option + 2);
    }
    query->has_edns = true;
    query->edns_version = message[at + 6];
    query->wants_dnssec = message[at + 7] >> 7;
    query->room = asked > PD_DNS_PLAIN_MAX ? asked : PD_DNS_PLAIN_MAX;
    return true;
}

/* Read the question whose name ends at `name_end`, and what is behind it: whether there is a question. */
static inline bool pd_read_question(const uint8_t *message, uint32_t length, uint32_t name_end, pd_query *query) {
    if (name_end == 0 || length < name_end + 4)
        return false;
    query->name_end = (uint16_t)name_end;
    query->end = (uint16_t)(name_end + 4);
    query->type = pd_get_16(message + name_end);
    query->class = pd_get_16(message + name_end + 2);
    /* Counts of answer, authority and additional records. */
    if (memcmp(message + 6, "\0\0\0\0\0\0", 6) == 0)
        query->is_whole = length == query->end;
    else if (memcmp(message + 6, "\0\0\0\0\0\1", 6) == 0)
        query->is_whole = pd_read_edns(message, length, query->end, query);
    return true;
}

#endif
