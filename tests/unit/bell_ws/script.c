#include "script.h"

#include "base/mem.h"
#include "base/num.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { SHOWN_BYTES = 48, SHORTEST_FORM = 0, ITEM_MAX_BYTES = 4096 };

static void append(struct bell_buf *out, const void *bytes, size_t n)
{
    bell_status st = bell_buf_append(out, bell_slice_make(bytes, n));
    assert(st == BELL_OK);
    (void)st;
}

static uint8_t shortest_form(size_t n)
{
    return n <= 125 ? 1 : n <= UINT16_MAX ? 2 : 8;
}

void raw_frame_write(struct bell_buf *out, const struct raw_frame *frame)
{
    uint8_t head[BELL_WS_HEADER_MAX_BYTES] = {frame->first, 0};
    uint8_t mask_bit = frame->is_masked ? 0x80 : 0;
    size_t n = 2;
    switch (frame->length_bytes == SHORTEST_FORM ? shortest_form(frame->payload.n)
                                                 : frame->length_bytes) {
    case 1:
        head[1] = (uint8_t)(frame->payload.n | mask_bit);
        break;
    case 2:
        head[1] = 126 | mask_bit;
        bell_write_be16(head + 2, (uint16_t)frame->payload.n);
        n = 4;
        break;
    default:
        head[1] = 127 | mask_bit;
        bell_write_be64(head + 2, frame->payload.n);
        n = 10;
        break;
    }
    append(out, head, n);
    if (!frame->is_masked) {
        append(out, frame->payload.p, frame->payload.n);
        return;
    }
    append(out, frame->key, BELL_WS_KEY_BYTES);
    for (size_t i = 0; i < frame->payload.n; i++) {
        char byte = (char)(frame->payload.p[i] ^ frame->key[i % BELL_WS_KEY_BYTES]);
        append(out, &byte, 1);
    }
}

static uint8_t first_byte(char kind)
{
    static const char KINDS[] = "cCtTbBXPOzZyY";
    static const uint8_t BYTES[] = {0x00, 0x80, 0x01, 0x81, 0x02, 0x82, 0x88,
                                    0x89, 0x8a, 0x41, 0xc1, 0x42, 0xc2};
    const char *at = strchr(KINDS, kind);
    assert(at != NULL && *at != '\0');
    return BYTES[at - KINDS];
}

static void write_hex(struct bell_buf *out, const char *digits, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2) {
        char pair[3] = {digits[i], digits[i + 1], '\0'};
        char byte = (char)strtol(pair, NULL, 16);
        append(out, &byte, 1);
    }
}

/* "1000,bye" -> code and reason; "" -> nothing. */
static size_t close_payload(const char *text, size_t n, char out[ITEM_MAX_BYTES])
{
    const char *comma = memchr(text, ',', n);
    if (comma == NULL) {
        return 0;
    }
    size_t reason_bytes = n - (size_t)(comma + 1 - text);
    bell_write_be16(out, (uint16_t)strtoul(text, NULL, 10));
    memcpy(out + 2, comma + 1, reason_bytes);
    return 2 + reason_bytes;
}

static void write_item(struct bell_buf *out, enum bell_ws_role role, const char *item, size_t n)
{
    static const uint8_t KEY[BELL_WS_KEY_BYTES] = {0x37, 0xfa, 0x21, 0x9d};
    assert(n >= 2 && n < ITEM_MAX_BYTES);
    if (item[0] == '#') {
        write_hex(out, item + 1, n - 1);
        return;
    }
    char close[ITEM_MAX_BYTES];
    char *many = NULL;
    struct raw_frame frame = {
        .first = first_byte(item[0]),
        .is_masked = role == BELL_WS_SERVER,
        .payload = {item + 2, n - 2},
    };
    memcpy(frame.key, KEY, sizeof KEY);
    frame.key[0] = (uint8_t)out->n; /* not the same for every frame */
    if (item[1] == '*') {
        frame.payload.n = strtoul(item + 2, NULL, 10);
        many = malloc(frame.payload.n + 1); /* not counted: allocations are under test */
        assert(many != NULL);
        memset(many, 'x', frame.payload.n);
        frame.payload.p = many;
    } else if (item[0] == 'X') {
        frame.payload.n = close_payload(item + 2, n - 2, close);
        frame.payload.p = close;
    }
    raw_frame_write(out, &frame);
    free(many);
}

void script_write(struct bell_buf *out, enum bell_ws_role role, const char *script)
{
    while (*script != '\0') {
        size_t n = strcspn(script, "|");
        write_item(out, role, script, n);
        script += n;
        script += *script == '|';
    }
}

static bool is_all_one_byte(bell_slice s)
{
    return s.n > 0 && memcmp(s.p, s.p + 1, s.n - 1) == 0;
}

static uint64_t checksum(bell_slice s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s.n; i++) {
        sum = (sum ^ (uint8_t)s.p[i]) * 0x100000001b3u;
    }
    return sum;
}

void result_append(struct bell_buf *out, const char *name, bell_slice payload)
{
    bell_status st = BELL_OK;
    append(out, name, strlen(name));
    append(out, ":", 1);
    if (payload.n <= SHOWN_BYTES) {
        append(out, payload.p, payload.n);
    } else if (is_all_one_byte(payload)) {
        st = bell_buf_printf(out, "%c*%zu", payload.p[0], payload.n);
    } else {
        st = bell_buf_printf(out, "[%zu bytes, %016" PRIx64 "]", payload.n, checksum(payload));
    }
    assert(st == BELL_OK);
    (void)st;
    append(out, "|", 1);
}

static bool on_message(bell_message_type type, bell_slice data, void *user)
{
    result_append(user, type == BELL_TEXT ? "text" : "binary", data);
    return true;
}

static bool on_ping(bell_slice payload, void *user)
{
    result_append(user, "ping", payload);
    return true;
}

static bool on_pong(bell_slice payload, void *user)
{
    result_append(user, "pong", payload);
    return true;
}

static bool on_close(uint16_t code, bell_slice reason, void *user)
{
    bell_status st = bell_buf_printf(user, "close:%d,", code);
    assert(st == BELL_OK);
    (void)st;
    append(user, reason.p, reason.n);
    append(user, "|", 1);
    return true;
}

static bool on_deflated(bell_message_type type, bell_slice payload, void *user)
{
    result_append(user, type == BELL_TEXT ? "ztext" : "zbinary", payload);
    return true;
}

const bell_ws_events script_events = {on_message, on_ping, on_pong, on_close, on_deflated};

/* A piece gets its own block of exactly its size, so that sanitizers see any step beyond it. */
static bell_status feed_piece(struct bell_ws_assembler *a, const struct script_limits *limits,
                              struct bell_buf *result, bell_slice piece)
{
    char *copy = malloc(piece.n + (piece.n == 0));
    assert(copy != NULL);
    memcpy(copy, piece.p, piece.n);
    bell_ws_input in = {copy, piece.n};
    bell_status st = bell_ws_assembler_feed(a, &in, &limits->bytes, &script_events, result);
    assert(in.n == 0 && in.p == copy + piece.n);
    free(copy);
    return st;
}

void script_run(struct bell_buf *result, enum bell_ws_role role, const struct script_limits *limits,
                bell_slice stream, size_t cut_at, size_t then_bytes)
{
    struct bell_ws_assembler a;
    bell_ws_assembler_init(&a, role);
    if (limits->allows_deflate) {
        bell_ws_assembler_allow_deflate(&a);
    }
    bell_status st = BELL_OK;
    size_t piece = cut_at == 0 ? stream.n : cut_at;
    for (size_t at = 0; at < stream.n && st == BELL_OK; at += piece) {
        if (at > 0) {
            piece = then_bytes == 0 ? stream.n - at : then_bytes;
        }
        piece = piece < stream.n - at ? piece : stream.n - at;
        st = feed_piece(&a, limits, result, (bell_slice){stream.p + at, piece});
    }
    if (st != BELL_OK) {
        bell_status printed =
            bell_buf_printf(result, "fail:%d", (int)bell_ws_assembler_close_code(&a));
        assert(printed == BELL_OK);
        (void)printed;
    }
    bell_ws_assembler_finish(&a);
}
