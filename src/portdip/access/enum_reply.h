/* The reply to an ENUM query, byte by byte. */
#ifndef PORTDIP_ENUM_REPLY_H
#define PORTDIP_ENUM_REPLY_H

#include "enum.h"

/* Where the counts of records are in the header. */
enum { PD_ANSWERS = 6, PD_AUTHORITY = 8, PD_ADDITIONAL = 10 };
/* Replies that are limited together, whatever they are about: the key of anything but a record of a number. */
#define PD_KEY(rcode, outcome) (((uint32_t)(rcode) << 8 | (outcome)) * UINT32_C(0x9E3779B1) | 1)

/* Repeat header and question; false if there is no room for that. */
static inline bool pd_begin_reply(pd_datagram *datagram, const pd_enum_question *question, bool is_ours) {
    const uint16_t end = question->query.end;
    uint8_t *reply = datagram->reply;
    if (end > datagram->reply_room)
        return false;
    memcpy(reply, datagram->request, end);
    reply[2] = PD_QR | (is_ours ? PD_AA : 0) | (reply[2] & (PD_OPCODE | PD_RD));
    reply[3] = 0;
    pd_put_16(reply + 4, end > PD_DNS_HEADER);
    memset(reply + PD_ANSWERS, 0, 6);
    datagram->reply_length = datagram->question_end = end;
    return true;
}

/* Whether so many bytes may follow, and an OPT record after them; otherwise the reply is marked as truncated. */
static inline bool pd_has_room(pd_datagram *datagram, const pd_query *query, uint32_t bytes) {
    uint32_t limit = datagram->reply_room;
    if (!datagram->is_stream) {
        const uint32_t room = query->room < PD_REPLY_MAX ? query->room : PD_REPLY_MAX;
        const uint32_t share = PD_AMPLIFICATION * datagram->request_length;
        limit = limit < room ? limit : room;
        limit = limit < share ? limit : share;
    }
    if (datagram->reply_length + bytes + (query->has_edns ? PD_DNS_OPT : 0) <= limit)
        return true;
    datagram->reply[2] |= PD_TC;
    return false;
}

/* Set the response code, and say in an OPT record what we understand of EDNS if the client does. */
static inline void pd_end_reply(pd_datagram *datagram, const pd_query *query, uint8_t rcode) {
    uint8_t *reply = datagram->reply;
    reply[3] |= rcode & 0x0F;
    if (query->has_edns && datagram->reply_length + PD_DNS_OPT <= datagram->reply_room) {
        uint8_t *at = reply + datagram->reply_length;
        memset(at, 0, PD_DNS_OPT);
        pd_put_16(at + 1, PD_OPT);
        pd_put_16(at + 3, PD_REQUEST_MAX);
        at[5] = rcode >> 4;
        at[7] = (uint8_t)(query->wants_dnssec << 7);
        datagram->reply_length += PD_DNS_OPT;
        reply[PD_ADDITIONAL + 1] = 1;
    }
}

/* Append a record whose owner is the zone, if it fits; its place, else NULL. `section` is that of its count. */
static inline uint8_t *pd_put_of_zone(
    pd_datagram *datagram, const pd_enum_question *question, const uint8_t *record, uint32_t length, int section
) {
    if (!pd_has_room(datagram, &question->query, 2 + length))
        return NULL;
    uint8_t *at = datagram->reply + datagram->reply_length;
    pd_put_16(at, PD_POINTER | question->apex_at);
    memcpy(at + 2, record, length);
    datagram->reply_length += 2 + length;
    datagram->reply[section + 1] = 1;
    return at + 2;
}

static inline void pd_put_soa(
    const pd_enum_zone *zone, pd_datagram *datagram, const pd_enum_question *question, int section
) {
    const uint8_t *record = zone->soa + (section == PD_AUTHORITY ? zone->soa_length : 0);
    uint8_t *at = pd_put_of_zone(datagram, question, record, zone->soa_length, section);
    if (at != NULL) {
        pd_put_16(at + zone->serial_at, zone->serial >> 16);
        pd_put_16(at + zone->serial_at + 2, zone->serial & 0xFFFF);
    }
}

static inline uint8_t *pd_put_record(
    const pd_enum_zone *zone, const pd_enum_record *record, const pd_enum_question *question, uint8_t *at
) {
    const unsigned digits = question->digit_count * (record->part_count - 1u);
    const uint8_t *text = zone->text + record->text;
    uint8_t *const start = at;
    for (unsigned part = 0; part < record->part_count; part++) {
        if (part > 0) {
            memcpy(at, question->digits, question->digit_count);
            at += question->digit_count;
        }
        memcpy(at, text, record->parts[part]);
        at += record->parts[part];
        text += record->parts[part];
    }
    pd_put_16(start + 10, record->data_length + digits);
    start[record->regexp_at] = (uint8_t)(record->regexp_length + digits);
    return at;
}

/* Append the records of a number, if they fit. */
static inline void pd_put_records(
    const pd_enum_zone *zone, pd_datagram *datagram, const pd_enum_question *question, const pd_enum_answer *said
) {
    if (!pd_has_room(datagram, &question->query, said->length + said->numbers * question->digit_count))
        return;
    uint8_t *at = datagram->reply + datagram->reply_length;
    for (uint32_t record = said->first; record < said->first + said->count; record++)
        at = pd_put_record(zone, &zone->records[record], question, at);
    datagram->reply_length = (uint32_t)(at - datagram->reply);
    pd_put_16(datagram->reply + PD_ANSWERS, said->count);
}

/* What is at the zone's own name. */
static inline void pd_tell_apex(const pd_enum_zone *zone, pd_datagram *datagram, const pd_enum_question *question) {
    if (question->query.type == PD_NS)
        pd_put_of_zone(datagram, question, zone->ns, zone->ns_length, PD_ANSWERS);
    else
        pd_put_soa(zone, datagram, question, question->query.type == PD_SOA ? PD_ANSWERS : PD_AUTHORITY);
    datagram->outcome = PD_OTHER;
}

/* What is at the name of a number, or that there is no such name; the response code. */
static inline uint8_t pd_tell_number(
    const pd_enum_zone *zone, pd_datagram *datagram, const pd_enum_question *question, uint32_t match,
    const pd_enum_answer *said
) {
    const bool is_naptr = question->query.type == PD_NAPTR;
    datagram->outcome = match == 0 ? PD_UNALLOCATED : match >> 16 ? PD_PORTED : PD_NATIVE;
    if (is_naptr && said->count) {
        pd_put_records(zone, datagram, question, said);
        datagram->key = (uint32_t)(question->number * UINT64_C(0x9E3779B97F4A7C15) >> 32) | 1;
        return PD_NOERROR;
    }
    pd_put_soa(zone, datagram, question, PD_AUTHORITY);
    if (said->count == 0 && !pd_is_inner(zone, question))
        return PD_NXDOMAIN;
    if (!is_naptr)
        datagram->outcome = PD_OTHER;
    return PD_NOERROR;
}

/* Reply to a query that was understood. `match` as of `Responder.match`, if it `is_known`. */
static inline void pd_enum_tell(
    const pd_enum_zone *zone, pd_datagram *datagram, const pd_enum_question *question, uint32_t match, bool is_known
) {
    const pd_enum_answer *said = is_known ? pd_enum_said(zone, datagram->profile, match) : NULL;
    uint8_t rcode = question->rcode;
    datagram->reply_length = datagram->question_end = datagram->key = 0;
    datagram->outcome = PD_SILENT;
    if (question->subject == PD_NOTHING || !pd_begin_reply(datagram, question, question->subject >= PD_APEX))
        return;
    if (question->subject == PD_APEX) {
        pd_tell_apex(zone, datagram, question);
    } else if (question->subject == PD_NO_NUMBER) {
        rcode = PD_NXDOMAIN;
        datagram->outcome = PD_INVALID;
        pd_put_soa(zone, datagram, question, PD_AUTHORITY);
    } else if (question->subject == PD_NUMBER && said != NULL) {
        rcode = pd_tell_number(zone, datagram, question, match, said);
    } else {
        if (question->subject == PD_NUMBER) {
            rcode = PD_SERVFAIL;
            datagram->reply[2] &= (uint8_t)~PD_AA;
        }
        datagram->outcome = rcode == PD_SERVFAIL ? PD_FAILED : PD_REFUSED;
    }
    if (datagram->key == 0)
        datagram->key = PD_KEY(rcode, datagram->outcome);
    pd_end_reply(datagram, &question->query, rcode);
}

#endif
