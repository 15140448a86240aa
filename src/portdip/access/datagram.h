/* A request on its way to its reply: what the loop that moves datagrams and the responders that answer share. */
#ifndef PORTDIP_DATAGRAM_H
#define PORTDIP_DATAGRAM_H

#include <stdint.h>

/* The most that is received, and the most that is sent: EDNS0 without fragments (DNS flag day 2020). */
#define PD_REQUEST_MAX 1232
#define PD_REPLY_MAX 1232
/* How many are received, answered and sent together. */
#define PD_BATCH 64

/* What a reply says, for counters and for response-rate limiting. The order is that of `counters.OUTCOMES`. */
enum pd_outcome {
    PD_PORTED,
    PD_NATIVE,
    PD_UNALLOCATED, /* nobody serves the number, or the name does not exist */
    PD_INVALID,     /* not a number */
    PD_OTHER,       /* well asked, but not for a number: SOA, NS, NODATA */
    PD_REFUSED,     /* not answered as asked: malformed, not ours, not implemented */
    PD_FAILED,      /* the node is down or its data damaged */
    PD_SILENT,      /* nothing is sent */
    PD_OUTCOMES
};

typedef struct {
    const uint8_t *request;
    uint32_t request_length;
    uint32_t reply_room;   /* bytes at `reply` */
    uint8_t *reply;
    uint32_t reply_length; /* 0: nothing is sent */
    uint32_t question_end; /* DNS: offset behind the question in the reply, where a truncated reply ends; else 0 */
    uint32_t key;          /* for response-rate limiting: equal replies have equal keys */
    uint16_t profile;      /* which of the client profiles the source has */
    uint8_t outcome;       /* enum pd_outcome */
    uint8_t is_stream;     /* came over TCP: no limit of size but reply_room */
} pd_datagram;

#endif
