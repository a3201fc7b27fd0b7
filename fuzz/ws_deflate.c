/*
 * Inflating. The first byte of an input chooses text or binary, context takeover, the window and
 * the limit; the rest are payloads of messages, each behind a length of two bytes. For any of them:
 *
 *  - a message keeps to the limit, and text is UTF-8;
 *  - the same payloads give the same messages, whatever room the buffer has at first; a peer that
 *    refers back further than it has agreed to may be refused with one room and not with another
 *    (see bell_ws_inflater_run), but is never misread;
 *  - a larger limit changes nothing but for messages that were too long;
 *  - what came out, compressed by us, comes out again;
 *  - all memory comes back.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "bell/ws/deflate.h"
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

enum { SMALL_LIMIT_BYTES = 300, LARGE_LIMIT_BYTES = 1 << 18, MAX_MESSAGES = 16, LENGTH_BYTES = 2 };
enum { MAX_WINDOW_BITS = 15 };

struct choice {
    uint8_t window_bits;
    size_t limit_bytes;
    bool is_text;
    bool keeps;
};

struct result {
    size_t messages;               /* that were right */
    uint64_t hash;                 /* of them */
    uint64_t hashes[MAX_MESSAGES]; /* after each of them */
    bell_status st;                /* the last */
};

static void check_round_trip(const struct choice *choice, bell_slice message)
{
    const bell_ws_deflater_options options = {choice->window_bits, 1, 1};
    struct bell_ws_deflater *d;
    struct bell_ws_inflater *i;
    struct bell_buf packed;
    struct bell_buf out;
    bell_buf_init(&packed, LARGE_LIMIT_BYTES * 2);
    bell_buf_init(&out, message.n);
    FUZZ_CHECK(bell_ws_deflater_create(options, &d) == BELL_OK);
    FUZZ_CHECK(bell_ws_inflater_create(choice->window_bits, &i) == BELL_OK);
    FUZZ_CHECK(bell_ws_deflater_run(d, message, choice->keeps, &packed) == BELL_OK);
    FUZZ_CHECK(bell_ws_inflater_run(i, bell_buf_slice(&packed), choice->is_text, choice->keeps,
                                    &out) == BELL_OK);
    FUZZ_CHECK(bell_slice_equal(bell_buf_slice(&out), message));
    bell_ws_deflater_destroy(d);
    bell_ws_inflater_destroy(i);
    bell_buf_finish(&packed);
    bell_buf_finish(&out);
}

static void check_message(const struct choice *choice, struct result *r, bell_slice message)
{
    FUZZ_CHECK(message.n <= choice->limit_bytes);
    FUZZ_CHECK(!choice->is_text || bell_utf8_is_valid(message));
    r->hash = (r->hash ^ message.n) * 0x100000001b3u;
    for (size_t k = 0; k < message.n; k++) {
        r->hash = (r->hash ^ (uint8_t)message.p[k]) * 0x100000001b3u;
    }
    r->hashes[r->messages++] = r->hash;
}

/* All payloads, each from a block of its own, into a buffer with this much room at first. */
static struct result run(const struct choice *choice, const uint8_t *data, size_t size,
                         size_t room_bytes, bool checks_round_trip)
{
    struct result r = {.st = BELL_OK};
    struct bell_ws_inflater *i;
    FUZZ_CHECK(bell_ws_inflater_create(choice->window_bits, &i) == BELL_OK);
    while (size >= LENGTH_BYTES && r.st == BELL_OK && r.messages < MAX_MESSAGES) {
        size_t n = (size_t)data[0] << 8 | data[1];
        n = n < size - LENGTH_BYTES ? n : size - LENGTH_BYTES;
        char *payload = malloc(n + (n == 0));
        struct bell_buf out;
        FUZZ_CHECK(payload != NULL);
        memcpy(payload, data + LENGTH_BYTES, n);
        data += LENGTH_BYTES + n;
        size -= LENGTH_BYTES + n;
        bell_buf_init(&out, choice->limit_bytes);
        FUZZ_CHECK(bell_buf_reserve(&out, room_bytes) == BELL_OK);
        r.st = bell_ws_inflater_run(i, bell_slice_make(payload, n), choice->is_text, choice->keeps,
                                    &out);
        FUZZ_CHECK(out.n <= choice->limit_bytes && out.capacity <= choice->limit_bytes);
        if (r.st == BELL_OK) {
            check_message(choice, &r, bell_buf_slice(&out));
        } else {
            FUZZ_CHECK(r.st == BELL_EPROTO || r.st == BELL_ELIMIT);
        }
        if (r.st == BELL_OK && checks_round_trip) {
            check_round_trip(choice, bell_buf_slice(&out));
        }
        bell_buf_finish(&out);
        free(payload);
    }
    bell_ws_inflater_destroy(i);
    return r;
}

/* Of one input with different rooms. The widest window holds whatever can be referred to. */
static void check_same(const struct choice *choice, const struct result *a, const struct result *b)
{
    size_t both = a->messages < b->messages ? a->messages : b->messages;
    FUZZ_CHECK(both == 0 || a->hashes[both - 1] == b->hashes[both - 1]);
    if (a->st != b->st || a->messages != b->messages) {
        FUZZ_CHECK(choice->window_bits < MAX_WINDOW_BITS);
        FUZZ_CHECK(a->st == BELL_EPROTO || b->st == BELL_EPROTO);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct choice choice = {
        .window_bits = (uint8_t)(8 + (data[0] & 7)),
        .is_text = (data[0] & 8) != 0,
        .keeps = (data[0] & 16) != 0,
        .limit_bytes = (data[0] & 32) != 0 ? SMALL_LIMIT_BYTES : LARGE_LIMIT_BYTES,
    };
    struct result tight = run(&choice, data + 1, size - 1, 0, true);
    struct result wide = run(&choice, data + 1, size - 1, choice.limit_bytes, false);
    check_same(&choice, &tight, &wide);
    choice.limit_bytes = LARGE_LIMIT_BYTES;
    struct result large = run(&choice, data + 1, size - 1, 1, false);
    if (tight.st == BELL_ELIMIT) {
        FUZZ_CHECK(large.messages >= tight.messages || choice.window_bits < MAX_WINDOW_BITS);
    } else {
        check_same(&choice, &tight, &large);
    }
    FUZZ_CHECK(bell_mem_live() == 0);
    return 0;
}
