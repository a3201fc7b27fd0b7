/*
 * Message assembler. For any bytes:
 *
 *  - cut anywhere, they give the events and the verdict that the whole gives;
 *  - messages and control frames keep to their limits, text and reasons are UTF-8, codes are right;
 *  - a stop in any callback only pauses: feeding the rest gives the same events;
 *  - memory held follows the bytes fed, and all of it comes back.
 *
 * The first byte of an input chooses role and limits and the seed of the cuts; the rest is the
 * stream.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "bell/ws/assembler.h"
#include "bell/ws/close_code.h"
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

enum {
    SMALL_FRAME_BYTES = 150,
    SMALL_MESSAGE_BYTES = 200,
    LARGE_LIMIT_BYTES = 1 << 20,
    LONGEST_PIECE_BYTES = 40,
    HELD_AT_LEAST_BYTES = 1024,
};

struct run {
    bell_ws_limits limits;
    uint64_t events_hash; /* of all events with their payloads */
    size_t events;
    bool stops; /* every event says stop */
    bool allows_deflate;
    bool has_closed;
    bell_status st;
    uint16_t code;
};

static void add(struct run *r, const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    for (size_t i = 0; i < n; i++) {
        r->events_hash = (r->events_hash ^ b[i]) * 0x100000001b3u;
    }
}

static bool add_event(struct run *r, char kind, uint16_t number, bell_slice payload)
{
    FUZZ_CHECK(!r->has_closed);
    add(r, &kind, sizeof kind);
    add(r, &number, sizeof number);
    add(r, &payload.n, sizeof payload.n);
    add(r, payload.p, payload.n);
    r->events++;
    return !r->stops;
}

static bool on_message(bell_message_type type, bell_slice data, void *user)
{
    struct run *r = user;
    FUZZ_CHECK(data.n <= r->limits.max_message_bytes);
    FUZZ_CHECK(type == BELL_BINARY || bell_utf8_is_valid(data));
    return add_event(r, 'm', (uint16_t)type, data);
}

static bool on_ping(bell_slice payload, void *user)
{
    FUZZ_CHECK(payload.n <= BELL_WS_CONTROL_MAX_BYTES);
    return add_event(user, 'i', 0, payload);
}

static bool on_pong(bell_slice payload, void *user)
{
    FUZZ_CHECK(payload.n <= BELL_WS_CONTROL_MAX_BYTES);
    return add_event(user, 'o', 0, payload);
}

static bool on_close(uint16_t code, bell_slice reason, void *user)
{
    struct run *r = user;
    FUZZ_CHECK(code == BELL_WS_CLOSE_NO_CODE || bell_ws_close_code_is_receivable(code));
    FUZZ_CHECK(reason.n <= BELL_WS_REASON_MAX_BYTES && bell_utf8_is_valid(reason));
    bool goes_on = add_event(r, 'c', code, reason);
    r->has_closed = true;
    return goes_on;
}

static bool on_deflated(bell_message_type type, bell_slice payload, void *user)
{
    struct run *r = user;
    FUZZ_CHECK(r->allows_deflate);
    FUZZ_CHECK(payload.n <= r->limits.max_message_bytes + r->limits.max_message_bytes / 8 + 1024);
    return add_event(r, 'z', (uint16_t)type, payload);
}

static const bell_ws_events EVENTS = {on_message, on_ping, on_pong, on_close, on_deflated};

/* Feeds one piece from a block of its own, again and again while callbacks say stop. */
static void feed_piece(struct bell_ws_assembler *a, struct run *r, const uint8_t *bytes, size_t n)
{
    char *copy = malloc(n);
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, bytes, n);
    bell_ws_input in = {copy, n};
    do {
        r->st = bell_ws_assembler_feed(a, &in, &r->limits, &EVENTS, r);
    } while (r->st == BELL_ECLOSED);
    FUZZ_CHECK(in.n == 0);
    free(copy);
}

/* seed 0 = whole, else cut at places that follow from it. */
static struct run run_stream(const uint8_t *stream, size_t n, uint8_t choice, uint32_t seed)
{
    bool is_small = (choice & 2) != 0;
    struct run r = {
        .limits = {is_small ? SMALL_FRAME_BYTES : LARGE_LIMIT_BYTES,
                   is_small ? SMALL_MESSAGE_BYTES : LARGE_LIMIT_BYTES},
        .stops = seed != 0 && (choice & 4) != 0,
        .allows_deflate = (choice & 8) != 0,
    };
    struct bell_ws_assembler a;
    bell_ws_assembler_init(&a, (choice & 1) != 0 ? BELL_WS_CLIENT : BELL_WS_SERVER);
    if (r.allows_deflate) {
        bell_ws_assembler_allow_deflate(&a);
    }
    size_t piece = n;
    for (size_t at = 0; at < n && r.st == BELL_OK; at += piece) {
        if (seed != 0) {
            seed = seed * 1664525u + 1013904223u;
            piece = 1 + (seed >> 16) % LONGEST_PIECE_BYTES;
        }
        piece = piece < n - at ? piece : n - at;
        feed_piece(&a, &r, stream + at, piece);
        FUZZ_CHECK(bell_ws_assembler_held_bytes(&a) <= 2 * (at + piece) + HELD_AT_LEAST_BYTES);
    }
    r.code = bell_ws_assembler_close_code(&a);
    FUZZ_CHECK((r.st == BELL_OK) == (r.code == 0));
    FUZZ_CHECK(r.st != BELL_ELIMIT || r.code == BELL_WS_CLOSE_TOO_BIG);
    FUZZ_CHECK(!(r.has_closed && r.st != BELL_OK));
    bell_ws_assembler_finish(&a);
    FUZZ_CHECK(bell_mem_live() == 0);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct run whole = run_stream(data + 1, size - 1, data[0], 0);
    struct run cut = run_stream(data + 1, size - 1, data[0], 1u + data[0]);
    FUZZ_CHECK(whole.st == cut.st && whole.code == cut.code);
    FUZZ_CHECK(whole.events == cut.events && whole.events_hash == cut.events_hash);
    FUZZ_CHECK(whole.has_closed == cut.has_closed);
    return 0;
}
