#include "bell/ws/deflate.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/utf8.h"
#include "bell/ws/extension.h"

#define ZLIB_CONST
#include <zlib.h>

#include <assert.h>
#include <string.h>

enum {
    ZLIB_MIN_BITS = 9,        /* of a deflater; see bell_ws_deflater_create */
    ROOM_BYTES = 16384,       /* by which out grows at least */
    UNCHECKED_BYTES = 65536,  /* of text, at most, are inflated between two looks at them */
    BETWEEN_BLOCKS_BIT = 128, /* of data_type, see inflate in zlib.h */
};

/* What a sync flush ends with and a payload does not (section 7.2.1). */
static const bell_slice TAIL = {"\x00\x00\xff\xff", 4};

struct bell_ws_deflater {
    z_stream z;
    bool is_fresh; /* the window is empty */
};

struct bell_ws_inflater {
    z_stream z;
    bool is_fresh; /* the window is empty */
};

static void *zlib_alloc(void *opaque, unsigned items, unsigned size_bytes)
{
    (void)opaque;
    size_t total;
    return bell_size_mul(items, size_bytes, &total) ? bell_mem_alloc(total) : NULL;
}

static void zlib_free(void *opaque, void *p)
{
    (void)opaque;
    bell_mem_free(p);
}

static int zlib_bits(uint8_t window_bits)
{
    assert(window_bits >= BELL_WS_MIN_WINDOW_BITS && window_bits <= BELL_WS_MAX_WINDOW_BITS);
    return window_bits < ZLIB_MIN_BITS ? ZLIB_MIN_BITS : window_bits;
}

/* zlib counts in unsigned: what does not fit is given in turns. */
static unsigned turn_of(size_t n)
{
    return n < INT32_MAX ? (unsigned)n : INT32_MAX;
}

/* Gives zlib room behind what is in out. BELL_ELIMIT: it is as long as it may become. */
static bell_status room_make(z_stream *z, struct bell_buf *out)
{
    assert(out->n <= out->max_bytes);
    size_t left = out->max_bytes - out->n;
    if (left == 0) {
        return BELL_ELIMIT;
    }
    if (out->n == out->capacity) {
        bell_status st = bell_buf_reserve(out, left < ROOM_BYTES ? left : ROOM_BYTES);
        if (st != BELL_OK) {
            return st;
        }
    }
    z->next_out = (Bytef *)out->p + out->n;
    size_t room = out->capacity - out->n;
    z->avail_out = turn_of(room < left ? room : left);
    return BELL_OK;
}

/* What zlib has written there. */
static bell_slice room_take(const z_stream *z, struct bell_buf *out)
{
    const char *begin = out->p + out->n;
    bell_slice written = bell_slice_make(begin, (size_t)((const char *)z->next_out - begin));
    out->n += written.n;
    return written;
}

/* ---- out ---- */

bell_status bell_ws_deflater_create(bell_ws_deflater_options options, struct bell_ws_deflater **out)
{
    struct bell_ws_deflater *d = bell_mem_alloc(sizeof *d);
    if (d == NULL) {
        return BELL_ENOMEM;
    }
    *d = (struct bell_ws_deflater){.z = {.zalloc = zlib_alloc, .zfree = zlib_free},
                                   .is_fresh = true};
    int result = deflateInit2(&d->z, options.level, Z_DEFLATED, -zlib_bits(options.window_bits),
                              options.memory_level, Z_DEFAULT_STRATEGY);
    if (result != Z_OK) {
        assert(result == Z_MEM_ERROR);
        bell_mem_free(d);
        return BELL_ENOMEM;
    }
    *out = d;
    return BELL_OK;
}

void bell_ws_deflater_destroy(struct bell_ws_deflater *d)
{
    if (d != NULL) {
        (void)deflateEnd(&d->z); /* Z_DATA_ERROR: it was not at an end, which it never is */
        bell_mem_free(d);
    }
}

void bell_ws_deflater_reset(struct bell_ws_deflater *d)
{
    if (!d->is_fresh) {
        (void)deflateReset(&d->z); /* fails only for what is no deflater */
        d->is_fresh = true;
    }
}

/* Through a sync flush: until zlib leaves room unused, it has more to say. */
static bell_status deflate_all(z_stream *z, bell_slice left, struct bell_buf *out)
{
    do {
        bell_status st = room_make(z, out);
        if (st != BELL_OK) {
            return st;
        }
        unsigned turn = turn_of(left.n);
        z->next_in = (const Bytef *)left.p;
        z->avail_in = turn;
        int result = deflate(z, turn < left.n ? Z_NO_FLUSH : Z_SYNC_FLUSH);
        assert(result == Z_OK || result == Z_BUF_ERROR);
        (void)result;
        (void)room_take(z, out);
        left.p += turn - z->avail_in;
        left.n -= turn - z->avail_in;
    } while (left.n > 0 || z->avail_out == 0);
    return BELL_OK;
}

bell_status bell_ws_deflater_run(struct bell_ws_deflater *d, bell_slice message, bool keeps,
                                 struct bell_buf *out)
{
    if (message.n == 0) {
        /* Section 7.2.3.6: the head of an empty block without compression, the tail cut. A second
         * flush without anything between would give no bytes at all. */
        return bell_buf_append(out, bell_slice_make(TAIL.p, 1));
    }
    size_t before = out->n;
    if (!keeps) {
        bell_ws_deflater_reset(d);
    }
    d->is_fresh = false;
    bell_status st = deflate_all(&d->z, message, out);
    if (st != BELL_OK) {
        out->n = before;
        bell_ws_deflater_reset(d);
        return st;
    }
    out->n -= TAIL.n;
    assert(out->n > before && memcmp(out->p + out->n, TAIL.p, TAIL.n) == 0);
    return BELL_OK;
}

/* ---- in ---- */

bell_status bell_ws_inflater_create(uint8_t window_bits, struct bell_ws_inflater **out)
{
    struct bell_ws_inflater *i = bell_mem_alloc(sizeof *i);
    if (i == NULL) {
        return BELL_ENOMEM;
    }
    *i = (struct bell_ws_inflater){.z = {.zalloc = zlib_alloc, .zfree = zlib_free},
                                   .is_fresh = true};
    int result = inflateInit2(&i->z, -zlib_bits(window_bits));
    if (result != Z_OK) {
        assert(result == Z_MEM_ERROR);
        bell_mem_free(i);
        return BELL_ENOMEM;
    }
    *out = i;
    return BELL_OK;
}

void bell_ws_inflater_destroy(struct bell_ws_inflater *i)
{
    if (i != NULL) {
        (void)inflateEnd(&i->z);
        bell_mem_free(i);
    }
}

/* One message on its way. */
struct inflation {
    z_stream *z;
    struct bell_buf *out;
    struct bell_utf8 utf8;
    bool is_text;
    bool is_between_blocks; /* what has come so far ends with a whole block */
    bool is_ended;          /* and that was a final one */
};

/* As room_make; where out is full there is room for a byte that shows that it is too long. */
static bell_status inflate_room(struct inflation *f, char *spill)
{
    bell_status st = room_make(f->z, f->out);
    if (st == BELL_ELIMIT) {
        f->z->next_out = (Bytef *)spill;
        f->z->avail_out = 1;
        return BELL_OK;
    }
    if (f->is_text && f->z->avail_out > UNCHECKED_BYTES) {
        f->z->avail_out = UNCHECKED_BYTES;
    }
    return st;
}

/* One call of zlib, and what it has written. */
static bell_status inflate_step(struct inflation *f)
{
    char spill;
    bell_status st = inflate_room(f, &spill);
    if (st != BELL_OK) {
        return st;
    }
    int result = inflate(f->z, Z_SYNC_FLUSH);
    if ((const char *)f->z->next_out == &spill + 1) {
        return BELL_ELIMIT;
    }
    if (result == Z_MEM_ERROR) {
        return BELL_ENOMEM;
    }
    if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END) {
        return BELL_EPROTO;
    }
    if ((const char *)f->z->next_out != &spill) {
        bell_slice written = room_take(f->z, f->out);
        if (f->is_text && !bell_utf8_feed(&f->utf8, written)) {
            return BELL_EPROTO;
        }
    }
    if (result == Z_BUF_ERROR) {
        return BELL_OK; /* nothing was left to do: we are where we were */
    }
    f->is_ended = result == Z_STREAM_END;
    f->is_between_blocks = f->is_ended || (f->z->data_type & BETWEEN_BLOCKS_BIT) != 0;
    if (f->is_ended) {
        /* Section 7.2.3.4: the end of DEFLATE's stream only; what came stays in the window. */
        (void)inflateResetKeep(f->z);
    }
    return BELL_OK;
}

/* Until zlib has used up all bytes and leaves room unused. */
static bell_status inflate_all(struct inflation *f, bell_slice left)
{
    bell_status st = BELL_OK;
    f->z->avail_out = 1;
    while (st == BELL_OK && (left.n > 0 || f->z->avail_out == 0)) {
        unsigned turn = turn_of(left.n);
        f->z->next_in = (const Bytef *)left.p;
        f->z->avail_in = turn;
        st = inflate_step(f);
        left.p += turn - f->z->avail_in;
        left.n -= turn - f->z->avail_in;
    }
    return st;
}

bell_status bell_ws_inflater_run(struct bell_ws_inflater *i, bell_slice payload, bool is_text,
                                 bool keeps, struct bell_buf *out)
{
    struct inflation f = {.z = &i->z, .out = out, .is_text = is_text};
    bell_utf8_init(&f.utf8);
    if (!keeps && !i->is_fresh) {
        (void)inflateReset(&i->z); /* fails only for what is no inflater */
    }
    if (payload.n == 0) {
        return BELL_OK;
    }
    i->is_fresh = false;
    bell_status st = inflate_all(&f, payload);
    if (st == BELL_OK && !f.is_ended) {
        st = inflate_all(&f, TAIL); /* section 7.2.2; a payload that ends with a final block has
                                       none to be completed */
    }
    if (st == BELL_OK && !(f.is_between_blocks && bell_utf8_is_complete(&f.utf8))) {
        return BELL_EPROTO;
    }
    return st;
}
