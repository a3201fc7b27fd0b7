/*
 * Response heads, and what a client makes of a handshake's answer. For any bytes:
 *
 *  - cut anywhere, they give the head or the refusal that the whole gives;
 *  - an accepted head has a status from 100 to 599, CRLF line ends only, tokens, trimmed values
 *    without control characters, and keeps the limits;
 *  - an answer is accepted only with the accept value of the key, once, and with a sub-protocol
 * that was offered; what is agreed on about compression lies within what was offered.
 *
 * The first byte chooses the limits and the offer, the second where to cut; the rest is the stream.
 */
#include "bell/http/parser.h"
#include "bell/http/text.h"
#include "bell/ws/extension.h"
#include "bell/ws/handshake.h"
#include "fuzz.h"

#include <string.h>

enum { CONTROL_BYTES = 2, MAX_FIELDS = 12 };

static const bell_http_parser_limits LIMITS[] = {
    {.max_head_bytes = 16384, .max_field_count = MAX_FIELDS},
    {.max_head_bytes = 160, .max_field_count = MAX_FIELDS},
    {.max_head_bytes = 512, .max_field_count = 3},
};

static const bell_ws_deflate_terms OFFERS[] = {
    {.server_bits = 15, .client_bits = 15},
    {.server_bits = 15, .client_bits = 15, .server_keeps = true, .client_keeps = true},
    {.server_bits = 9, .client_bits = 10, .server_keeps = true},
};

static const bell_slice OFFERED[] = {{"chat", 4}, {"v2.desk", 7}};
static const bell_slice ACCEPT = {"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28};

struct run {
    bell_status st;
    struct bell_http_parser parser;
    bell_http_head_field fields[MAX_FIELDS];
};

static void run_parse(struct run *run, const bell_http_parser_limits *limits, bell_slice stream,
                      size_t step)
{
    bell_http_parser_init_response(&run->parser, limits, run->fields);
    run->st = BELL_EAGAIN;
    size_t n = 0;
    while (run->st == BELL_EAGAIN && n < stream.n) {
        n = stream.n - n < step ? stream.n : n + step;
        /* A block of exactly this size, at another address each time. */
        char *copy = malloc(n);
        FUZZ_CHECK(copy != NULL);
        memcpy(copy, stream.p, n);
        run->st = bell_http_parser_feed(&run->parser, bell_slice_make(copy, n));
        free(copy);
    }
}

static void check_head(const bell_http_head *head, const bell_http_parser_limits *limits)
{
    FUZZ_CHECK(head->status >= 100 && head->status <= 599 && head->minor_version <= 1);
    FUZZ_CHECK(head->size_bytes <= limits->max_head_bytes);
    FUZZ_CHECK(head->field_count <= limits->max_field_count);
    FUZZ_CHECK(memcmp(head->base, "HTTP/1.", 7) == 0);
    for (uint32_t i = 0; i < head->size_bytes; i++) {
        char c = head->base[i];
        bool is_end = c == '\r' ? i + 1 < head->size_bytes && head->base[i + 1] == '\n'
                                : c == '\n' && i > 0 && head->base[i - 1] == '\r';
        FUZZ_CHECK(is_end || bell_http_is_field_value(bell_slice_make(&c, 1)));
    }
    for (uint32_t i = 0; i < head->field_count; i++) {
        bell_slice value = bell_http_head_value(head, i);
        FUZZ_CHECK(bell_http_is_token(bell_http_head_name(head, i)));
        FUZZ_CHECK(bell_http_is_field_value(value) && bell_http_trim(value).n == value.n);
    }
}

struct lines {
    bell_slice values[MAX_FIELDS];
};

static bell_ws_field field_of(const bell_http_head *head, bell_slice name, struct lines *room)
{
    bell_ws_field field = {.values = room->values};
    uint32_t index = 0;
    while (bell_http_head_next(head, name, &index, &room->values[field.count])) {
        field.count++;
        FUZZ_CHECK(field.count <= MAX_FIELDS);
        if (field.count == MAX_FIELDS) {
            break;
        }
    }
    return field;
}

static void check_handshake(const bell_http_head *head)
{
    struct lines rooms[4];
    const bell_ws_handshake_answer answer = {
        .upgrade = field_of(head, BELL_LIT("Upgrade"), &rooms[0]),
        .connection = field_of(head, BELL_LIT("Connection"), &rooms[1]),
        .accept = field_of(head, BELL_LIT("Sec-WebSocket-Accept"), &rooms[2]),
        .protocol = field_of(head, BELL_LIT("Sec-WebSocket-Protocol"), &rooms[3]),
    };
    size_t chosen = SIZE_MAX;
    if (bell_ws_handshake_check_answer(&answer, ACCEPT, OFFERED, 2, &chosen) != BELL_OK) {
        return;
    }
    FUZZ_CHECK(answer.upgrade.count == 1 && answer.connection.count >= 1);
    FUZZ_CHECK(answer.accept.count == 1 && bell_slice_equal(answer.accept.values[0], ACCEPT));
    FUZZ_CHECK(chosen <= 2 && (chosen == 2) == (answer.protocol.count == 0));
    FUZZ_CHECK(chosen == 2 || bell_slice_equal(answer.protocol.values[0], OFFERED[chosen]));
}

static void check_extension(const bell_http_head *head, bell_ws_deflate_terms ours)
{
    struct lines room;
    bell_ws_deflate_terms terms;
    const bell_ws_field answered = field_of(head, BELL_LIT("Sec-WebSocket-Extensions"), &room);
    FUZZ_CHECK((bell_ws_extension_check_answer(&answered, false, ours, &terms) == BELL_OK) ==
               (answered.count == 0));
    if (bell_ws_extension_check_answer(&answered, true, ours, &terms) != BELL_OK) {
        return;
    }
    FUZZ_CHECK((terms.server_bits == 0) == (answered.count == 0));
    if (terms.server_bits != 0) {
        FUZZ_CHECK(terms.server_bits >= 8 && terms.server_bits <= ours.server_bits);
        FUZZ_CHECK(terms.client_bits >= 8 && terms.client_bits <= ours.client_bits);
        FUZZ_CHECK(ours.server_keeps || !terms.server_keeps);
        FUZZ_CHECK(ours.client_keeps || !terms.client_keeps);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= CONTROL_BYTES) {
        return 0;
    }
    const bell_http_parser_limits *limits = &LIMITS[data[0] % (sizeof LIMITS / sizeof LIMITS[0])];
    bell_slice stream = bell_slice_make(data + CONTROL_BYTES, size - CONTROL_BYTES);
    struct run whole;
    struct run cut;
    run_parse(&whole, limits, stream, stream.n);
    run_parse(&cut, limits, stream, (size_t)data[1] + 1);
    FUZZ_CHECK(whole.st == cut.st);
    if (whole.st != BELL_OK) {
        FUZZ_CHECK(whole.st == BELL_EAGAIN || whole.parser.refusal == cut.parser.refusal);
        return 0;
    }
    bell_http_head head = bell_http_parser_head(&whole.parser, stream.p);
    bell_http_head other = bell_http_parser_head(&cut.parser, stream.p);
    FUZZ_CHECK(head.size_bytes == other.size_bytes && head.status == other.status);
    FUZZ_CHECK(head.minor_version == other.minor_version && head.field_count == other.field_count);
    FUZZ_CHECK(memcmp(head.fields, other.fields, head.field_count * sizeof head.fields[0]) == 0);
    check_head(&head, limits);
    check_handshake(&head);
    check_extension(&head, OFFERS[data[0] / 3 % (sizeof OFFERS / sizeof OFFERS[0])]);
    return 0;
}
