/* From an ENUM query to its reply: what is asked, and the bytes of the answer. The rules are in _enum.pyx. */
#ifndef PORTDIP_ENUM_H
#define PORTDIP_ENUM_H

#include "datagram.h"
#include "dns.h"

#define PD_DIGITS_MAX 15
#define PD_PARTS_MAX 5      /* pieces of a substitution, between which the number stands */
#define PD_AMPLIFICATION 3  /* a reply over UDP has at most so many times the bytes of its request */
#define PD_POINTER 0xC000   /* to a name at this offset */

/* A NAPTR record without the number: its parts lie one behind the other at `text`, and the first begins with all that
 * is before the substitution. As RECORD in enum_tables.py. */
typedef struct {
    uint32_t text;
    uint16_t data_length;  /* of the record's data */
    uint8_t regexp_at;     /* where in the first part the length of the substitution is, which the text follows */
    uint8_t regexp_length;
    uint16_t part_count;
    uint16_t parts[PD_PARTS_MAX];
} pd_enum_record;

/* What a profile says of one route. As ANSWER in enum_tables.py. */
typedef struct {
    uint32_t first;        /* record */
    uint16_t count;        /* 0: the name does not exist */
    uint16_t length;       /* bytes of all records */
    uint16_t numbers;      /* how often the number stands in them */
    uint16_t is_known;     /* 0: the code has no route */
} pd_enum_answer;

/* One zone as it is served: all of it in memory that somebody else owns. */
typedef struct {
    const uint8_t *apex;   /* the name, lower case, with the root's 0 */
    uint32_t apex_length;
    uint32_t tail;         /* where in it the labels begin that belong to no number */
    const uint8_t *soa;    /* SOA record without the owner's name: as an answer, then as authority, of one length */
    uint32_t soa_length;
    uint32_t serial_at;    /* in it */
    uint32_t serial;
    const uint8_t *ns;     /* NS record without the owner's name */
    uint32_t ns_length;
    const uint8_t *text;
    const pd_enum_record *records;
    const pd_enum_answer *answers; /* by profile, route code, and whether the number has an entry of its own */
    uint32_t codes;        /* of each profile */
    uint32_t profiles;
    const uint8_t *depths; /* see enum_depths.py */
} pd_enum_zone;

enum pd_subject { PD_NOTHING, PD_REFUSAL, PD_APEX, PD_NO_NUMBER, PD_NUMBER };

/* A query as it is understood. */
typedef struct {
    pd_query query;
    uint16_t apex_at;      /* offset of the zone's name in the question */
    uint8_t subject;       /* enum pd_subject */
    uint8_t rcode;
    uint8_t digit_count;
    char digits[PD_DIGITS_MAX + 1];
    uint64_t number;       /* 0: none to be looked up */
} pd_enum_question;

static inline uint8_t pd_lower(uint8_t letter) {
    return letter + ((uint8_t)(letter - 'A') < 26 ? 'a' - 'A' : 0);
}

static inline bool pd_same_name(const uint8_t *name, const uint8_t *lower, uint32_t length) {
    uint8_t difference = 0;
    for (uint32_t at = 0; at < length; at++)
        difference |= pd_lower(name[at]) ^ lower[at];
    return difference == 0;
}

/* The end of the question's name, 0 if it is none. Names of numbers are seen at a glance: digit by digit until the
 * zone's tail. */
static inline uint32_t pd_question_name_end(const pd_enum_zone *zone, const uint8_t *message, uint32_t length) {
    const uint32_t tail_length = zone->apex_length - zone->tail;
    uint32_t at = PD_DNS_HEADER;
    while (at + 1 < length && message[at] == 1 && (uint8_t)(message[at + 1] - '0') < 10)
        at += 2;
    if (at + tail_length <= length && at + tail_length <= PD_DNS_HEADER + PD_DNS_NAME_MAX &&
        pd_same_name(message + at, zone->apex + zone->tail, tail_length))
        return at + tail_length;
    return pd_name_end(message, length, PD_DNS_HEADER);
}

/* Whether the name of the question is the zone's or below it; `apex_at` is where the zone's begins. */
static inline bool pd_is_in_zone(const pd_enum_zone *zone, const uint8_t *message, pd_enum_question *question) {
    if (question->query.name_end < PD_DNS_HEADER + zone->apex_length)
        return false;
    question->apex_at = (uint16_t)(question->query.name_end - zone->apex_length);
    uint32_t at = PD_DNS_HEADER;
    while (at < question->apex_at)
        at += 1u + message[at];
    return at == question->apex_at && pd_same_name(message + at, zone->apex, zone->apex_length);
}

/* The number that the labels before the zone's tail spell, from the last digit to the first; 0 if they spell none. */
static inline uint64_t pd_read_number(const pd_enum_zone *zone, const uint8_t *message, pd_enum_question *question) {
    const uint32_t tail_at = question->apex_at + zone->tail;
    const uint32_t count = (tail_at - PD_DNS_HEADER) / 2;
    /* An odd rest is the length of a label whose characters look like labels of their own. */
    if (count > PD_DIGITS_MAX || (tail_at - PD_DNS_HEADER) % 2)
        return 0;
    uint64_t number = 0;
    for (uint32_t place = 0; place < count; place++) {
        const uint8_t *label = message + tail_at - 2 * (place + 1);
        const unsigned digit = label[1] - (unsigned)'0';
        if (label[0] != 1 || digit > 9 || (digit == 0 && place == 0))
            return 0;
        question->digits[place] = (char)label[1];
        number = number * 10 + digit;
    }
    question->digit_count = (uint8_t)count;
    return number;
}

static inline void pd_refuse(pd_enum_question *question, uint8_t rcode) {
    question->subject = PD_REFUSAL;
    question->rcode = rcode;
}

/* Understand a query. `is_down`: nothing may be said of the zone. */
static inline void pd_enum_ask(
    const pd_enum_zone *zone, const pd_datagram *datagram, bool is_down, pd_enum_question *question
) {
    const uint8_t *message = datagram->request;
    memset(question, 0, sizeof *question);
    question->query.end = PD_DNS_HEADER;
    question->query.room = PD_DNS_PLAIN_MAX;
    if (datagram->request_length < PD_DNS_HEADER || message[2] & PD_QR)
        return;
    const uint16_t questions = pd_get_16(message + 4);
    if (message[2] & (PD_OPCODE | PD_TC) || message[3] & PD_Z || questions > 1) {
        pd_refuse(question, PD_NOTIMP);
        return;
    }
    const uint32_t name_end = pd_question_name_end(zone, message, datagram->request_length);
    const pd_query *query = &question->query;
    if (questions == 0 || !pd_read_question(message, datagram->request_length, name_end, &question->query))
        pd_refuse(question, PD_FORMERR);
    else if (query->type >= PD_IXFR && query->type <= PD_ANY)
        pd_refuse(question, PD_NOTIMP);
    else if (!query->is_whole)
        pd_refuse(question, PD_FORMERR);
    else if (query->edns_version != 0)
        pd_refuse(question, PD_BADVERS);
    else if (query->class != PD_CLASS_IN)
        pd_refuse(question, PD_REFUSED_CODE);
    else if (!pd_is_in_zone(zone, message, question))
        pd_refuse(question, PD_NXDOMAIN);
    else if (is_down)
        pd_refuse(question, PD_SERVFAIL);
    else if (question->apex_at == PD_DNS_HEADER)
        question->subject = PD_APEX;
    else
        question->subject = (question->number = pd_read_number(zone, message, question)) ? PD_NUMBER : PD_NO_NUMBER;
}

/* What is said of a number, NULL if nothing is known of its route: `match` as of `Responder.match`. */
static inline const pd_enum_answer *pd_enum_said(const pd_enum_zone *zone, unsigned profile, uint32_t match) {
    const uint32_t code = match & 0xFFFF, is_entry = match >> 16 & 1;
    if (code >= zone->codes || profile >= zone->profiles)
        return NULL;
    const pd_enum_answer *said = &zone->answers[2 * (profile * zone->codes + code) + is_entry];
    return said->is_known ? said : NULL;
}

/* Whether there may be longer numbers that begin with the one asked for. */
static inline bool pd_is_inner(const pd_enum_zone *zone, const pd_enum_question *question) {
    unsigned prefix = 0;
    for (unsigned place = 0; place < 3 && place < question->digit_count; place++)
        prefix = prefix * 10 + (unsigned)(question->digits[place] - '0');
    return question->digit_count < zone->depths[prefix];
}

#endif
