/*
 * Frames that may be replaced or given up while they wait, against a plain model: an array of
 * frames.
 */
#include "base/mem.h"
#include "bell/net/out_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

enum { MAX_PIECES = 64, MAX_FRAMES = 4096, MAX_FRAME_BYTES = 300 };

/* ---- the model ---- */

typedef struct {
    unsigned char fill; /* every byte of it */
    size_t size;
    size_t sent;
    uint64_t key;
    bool may_drop;
} frame;

static struct bell_out_pool pool;
static frame frames[MAX_FRAMES];
static size_t frame_count;

static struct bell_blob *blob(unsigned char fill, size_t size)
{
    struct bell_blob *b = bell_blob_create(size);
    assert_non_null(b);
    memset(b->bytes, fill, size);
    b->size = size;
    return b;
}

static size_t model_bytes(void)
{
    size_t total = 0;
    for (size_t i = 0; i < frame_count; i++) {
        total += frames[i].size - frames[i].sent;
    }
    return total;
}

static void model_remove(size_t i)
{
    memmove(&frames[i], &frames[i + 1], (frame_count - i - 1) * sizeof frames[0]);
    frame_count--;
}

/* All of them stand alone here, so each is a piece. */
static bool model_has_begun(size_t i, int begun)
{
    return i < (size_t)begun || frames[i].sent > 0;
}

static bool model_replace(unsigned char fill, size_t size, uint64_t key, int begun, size_t max)
{
    for (size_t i = frame_count; i-- > 0;) {
        if (frames[i].key == key) {
            if (model_has_begun(i, begun) || model_bytes() - frames[i].size + size > max) {
                return false;
            }
            frames[i].fill = fill;
            frames[i].size = size;
            return true;
        }
    }
    return false;
}

static uint32_t model_make_room(int begun, size_t bytes, uint32_t count)
{
    size_t victims[MAX_FRAMES];
    size_t n = 0;
    size_t freed = 0;
    for (size_t i = 0; i < frame_count && (freed < bytes || n < count); i++) {
        if (frames[i].may_drop && !model_has_begun(i, begun)) {
            victims[n++] = i;
            freed += frames[i].size;
        }
    }
    if (freed < bytes || n < count) {
        return 0;
    }
    for (size_t i = n; i-- > 0;) {
        model_remove(victims[i]);
    }
    return (uint32_t)n;
}

/* Takes so many bytes of both, and compares them. */
static void take(struct bell_out_queue *q, size_t count)
{
    struct iovec pieces[MAX_PIECES];
    int n = bell_out_queue_gather(q, pieces, MAX_PIECES);
    size_t taken = 0;
    for (int i = 0; i < n && taken < count; i++) {
        const unsigned char *bytes = pieces[i].iov_base;
        for (size_t j = 0; j < pieces[i].iov_len && taken < count; j++, taken++) {
            assert_true(frame_count > 0);
            assert_int_equal(bytes[j], frames[0].fill);
            if (++frames[0].sent == frames[0].size) {
                model_remove(0);
            }
        }
    }
    bell_out_queue_consume(&pool, q, taken);
}

static void compare(const struct bell_out_queue *q)
{
    assert_int_equal(q->bytes, model_bytes());
    assert_int_equal(q->frames, frame_count);
}

static void put(struct bell_out_queue *q, unsigned char fill, size_t size, uint64_t key,
                bool may_drop)
{
    struct bell_blob *b = blob(fill, size);
    assert_int_equal(bell_out_queue_put(&pool, q, b, key, may_drop), BELL_OK);
    bell_blob_unref(b);
    frames[frame_count++] = (frame){.fill = fill, .size = size, .key = key, .may_drop = may_drop};
}

static bool replace(struct bell_out_queue *q, unsigned char fill, size_t size, uint64_t key,
                    int begun, size_t max_bytes)
{
    struct bell_blob *b = blob(fill, size);
    bool was = bell_out_queue_replace(q, b, key, begun, max_bytes);
    bell_blob_unref(b);
    return was;
}

/* ---- tests ---- */

/* With few keys and a short queue, and with many and a long one, which has an index. */
static void behaves_as_the_model(unsigned seed, unsigned keys, size_t take_bytes)
{
    struct bell_out_queue q = {0};
    int replaced = 0;
    uint32_t dropped = 0;
    frame_count = 0;
    for (int i = 0; i < 6000; i++) {
        unsigned char fill = (unsigned char)(i % 251);
        size_t size = (size_t)rand_r(&seed) % MAX_FRAME_BYTES + 1;
        uint64_t key = (uint64_t)(rand_r(&seed) % (int)keys) * 0x9e3779b97f4a7c15U + 1;
        int begun = rand_r(&seed) % 3 == 0 ? rand_r(&seed) % 5 : 0;
        switch (rand_r(&seed) % 6) {
        case 0:
            put(&q, fill, size, 0, rand_r(&seed) % 2 == 0);
            break;
        case 1:
        case 2:
        case 3: {
            bool was = replace(&q, fill, size, key, begun, SIZE_MAX);
            assert_int_equal(was, model_replace(fill, size, key, begun, SIZE_MAX));
            replaced += was;
            if (!was) {
                put(&q, fill, size, key, rand_r(&seed) % 2 == 0);
            }
            break;
        }
        case 4: {
            size_t bytes = (size_t)rand_r(&seed) % 1000;
            uint32_t count = (uint32_t)rand_r(&seed) % 4 + (bytes == 0 ? 1 : 0);
            uint32_t n = bell_out_queue_make_room(&pool, &q, begun, bytes, count);
            assert_int_equal(n, model_make_room(begun, bytes, count));
            dropped += n;
            break;
        }
        default:
            take(&q, (size_t)rand_r(&seed) % take_bytes);
            break;
        }
        compare(&q);
        if (frame_count > MAX_FRAMES - 2) {
            break;
        }
    }
    assert_true(replaced > 100 && dropped > 100);
    while (!bell_out_queue_is_empty(&q)) {
        take(&q, 1000);
    }
    assert_int_equal(frame_count, 0);
    assert_int_equal(q.bytes, 0);
    bell_out_pool_finish(&pool);
    assert_int_equal(bell_mem_live(), 0);
}

static void a_short_queue_behaves_as_the_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 20; seed++) {
        behaves_as_the_model(seed, 6, 3000);
    }
}

static void a_long_queue_behaves_as_the_model(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 10; seed++) {
        behaves_as_the_model(seed, 500, 300);
    }
}

static void an_index_that_cannot_be_made_is_done_without(void **state)
{
    (void)state;
    enum { KEYS = 300, SHORT = 40 };
    int64_t nth = 0;
    bool failed;
    do {
        struct bell_out_queue q = {0};
        struct bell_blob *blobs[KEYS];
        frame_count = 0;
        for (unsigned i = 0; i < KEYS; i++) {
            blobs[i] = blob((unsigned char)i, 10);
        }
        for (unsigned i = 0; i < KEYS; i++) {
            if (i == SHORT) {
                bell_mem_fail_at(++nth);
            }
            bell_status st = bell_out_queue_put(&pool, &q, blobs[i], i + 1, true);
            assert_true(st == BELL_OK || (st == BELL_ENOMEM && bell_mem_failed()));
            if (st == BELL_OK) {
                frames[frame_count++] =
                    (frame){.fill = (unsigned char)i, .size = 10, .key = i + 1, .may_drop = true};
            }
            /* Behind so many a search makes an index, which grows later. */
            uint64_t sought = i / 2 + 1;
            bool was = bell_out_queue_replace(&q, blobs[i], sought, 0, SIZE_MAX);
            assert_int_equal(was, model_replace((unsigned char)i, 10, sought, 0, SIZE_MAX));
        }
        failed = bell_mem_failed();
        bell_mem_fail_at(0);
        compare(&q);
        assert_int_equal(bell_out_queue_make_room(&pool, &q, 0, 100, 0),
                         model_make_room(0, 100, 0));
        while (!bell_out_queue_is_empty(&q)) {
            take(&q, 1000);
        }
        for (unsigned i = 0; i < KEYS; i++) {
            bell_blob_unref(blobs[i]);
        }
        bell_out_pool_finish(&pool);
        assert_int_equal(bell_mem_live(), 0);
    } while (failed);
    assert_true(nth > KEYS - SHORT + 3); /* each node, the index, and its growing twice */
}

static void copies_and_shares_between_are_neither_given_up_nor_mixed_with(void **state)
{
    (void)state;
    struct bell_out_queue q = {0};
    struct bell_blob *small = blob('s', 20);
    struct iovec pieces[MAX_PIECES];
    assert_int_equal(bell_out_queue_copy(&pool, &q, BELL_LIT("aa"), BELL_LIT("aaa")), BELL_OK);
    assert_int_equal(bell_out_queue_put(&pool, &q, small, 7, true), BELL_OK);
    assert_int_equal(bell_out_queue_copy(&pool, &q, BELL_LIT("bb"), BELL_LIT("bbb")), BELL_OK);
    assert_int_equal(bell_out_queue_share(&pool, &q, small, 1),
                     BELL_OK); /* small: copied behind b */
    assert_int_equal(bell_out_queue_put(&pool, &q, small, 0, true), BELL_OK);
    assert_int_equal(bell_out_queue_copy(&pool, &q, BELL_LIT("cc"), BELL_LIT("ccc")), BELL_OK);
    assert_int_equal(bell_out_queue_gather(&q, pieces, MAX_PIECES), 5);
    assert_int_equal(q.frames, 6);
    assert_int_equal(bell_out_queue_make_room(&pool, &q, 0, 41, 0), 0);
    assert_int_equal(bell_out_queue_make_room(&pool, &q, 0, 0, 3), 0);
    assert_int_equal(bell_out_queue_make_room(&pool, &q, 2, 40, 0),
                     0); /* the first is being read */
    assert_int_equal(bell_out_queue_make_room(&pool, &q, 2, 20, 1), 1);
    assert_int_equal(q.frames, 5);
    assert_int_equal(bell_out_queue_make_room(&pool, &q, 1, 1, 0), 1);
    assert_int_equal(q.bytes, 35);
    assert_int_equal(bell_out_queue_gather(&q, pieces, MAX_PIECES), 3);
    assert_memory_equal(pieces[0].iov_base, "aaaaa", 5);
    assert_memory_equal(pieces[1].iov_base, "bbbbbssssssssssssssssssss", 25);
    assert_memory_equal(pieces[2].iov_base, "ccccc", 5);
    bell_out_queue_finish(&pool, &q);
    bell_blob_unref(small);
    bell_out_pool_finish(&pool);
    assert_int_equal(bell_mem_live(), 0);
}

static void replaces_within_the_limit_and_what_has_not_begun(void **state)
{
    (void)state;
    struct bell_out_queue q = {0};
    struct bell_blob *larger = blob('l', 50);
    frame_count = 0;
    put(&q, 'a', 10, 1, false);
    put(&q, 'b', 10, 2, false);
    assert_false(bell_out_queue_replace(&q, larger, 3, 0, SIZE_MAX)); /* no such key */
    assert_false(bell_out_queue_replace(&q, larger, 1, 0, 59));
    assert_true(bell_out_queue_replace(&q, larger, 1, 0, 60));
    assert_int_equal(q.bytes, 60);
    assert_int_equal(q.frames, 2);
    bell_out_queue_consume(&pool, &q, 1);
    assert_false(bell_out_queue_replace(&q, larger, 1, 0, SIZE_MAX));
    assert_false(bell_out_queue_replace(&q, larger, 2, 2, SIZE_MAX));
    assert_true(bell_out_queue_replace(&q, larger, 2, 1, SIZE_MAX));
    /* What is kept is kept as it is. */
    bell_out_queue_keep(&q);
    assert_false(bell_out_queue_replace(&q, larger, 2, 0, SIZE_MAX));
    bell_out_queue_drop_unsent(&pool, &q);
    assert_int_equal(q.bytes, 99);
    bell_out_queue_finish(&pool, &q);
    assert_false(bell_out_queue_replace(&q, larger, 2, 0, SIZE_MAX)); /* empty */
    bell_blob_unref(larger);
    bell_out_pool_finish(&pool);
    assert_int_equal(bell_mem_live(), 0);
}

static void drops_all_of_a_long_queue_at_a_goodbye(void **state)
{
    (void)state;
    struct bell_out_queue q = {0};
    frame_count = 0;
    for (unsigned i = 0; i < 200; i++) {
        put(&q, 'a', 10, i + 1, i % 2 == 0);
    }
    assert_true(replace(&q, 'b', 10, 150, 0, SIZE_MAX));
    assert_true(replace(&q, 'b', 10, 151, 0, SIZE_MAX)); /* by the index */
    bell_out_queue_consume(&pool, &q, 15);
    bell_out_queue_drop_unsent(&pool, &q);
    assert_int_equal(q.bytes, 5);
    assert_int_equal(q.frames, 1);
    struct bell_blob *b = blob('c', 10);
    assert_int_equal(bell_out_queue_put(&pool, &q, b, 5, false), BELL_OK);
    assert_true(bell_out_queue_replace(&q, b, 5, 0, SIZE_MAX));
    bell_blob_unref(b);
    bell_out_queue_finish(&pool, &q);
    bell_out_pool_finish(&pool);
    assert_int_equal(bell_mem_live(), 0);
}

/* Each of the later frames has been the last of the queue while it had an index. */
static void a_goodbye_behind_a_frame_that_was_the_last_has_no_index(void **state)
{
    (void)state;
    enum { BEFORE = 40, BEHIND = 10, SIZE = 10, GONE = 45 };
    struct bell_out_queue q = {0};
    frame_count = 0;
    for (unsigned i = 0; i < BEFORE; i++) {
        put(&q, 'a', SIZE, i + 1, false);
    }
    assert_false(replace(&q, 'b', SIZE, 1000, 0, SIZE_MAX)); /* so long a walk makes the index */
    for (unsigned i = BEFORE; i < BEFORE + BEHIND; i++) {
        put(&q, 'a', SIZE, i + 1, false);
    }
    bell_out_queue_consume(&pool, &q, GONE * SIZE + SIZE / 2);
    bell_out_queue_drop_unsent(&pool, &q);
    assert_int_equal(q.bytes, SIZE / 2);
    assert_int_equal(bell_out_queue_copy(&pool, &q, BELL_LIT("bye"), BELL_LIT("")), BELL_OK);
    bell_out_queue_consume(&pool, &q, SIZE / 2);
    assert_int_equal(q.bytes, 3);
    bell_out_queue_consume(&pool, &q, 3);
    assert_true(bell_out_queue_is_empty(&q));
    bell_out_pool_finish(&pool);
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_queue_behaves_as_the_model),
        cmocka_unit_test(a_long_queue_behaves_as_the_model),
        cmocka_unit_test(an_index_that_cannot_be_made_is_done_without),
        cmocka_unit_test(copies_and_shares_between_are_neither_given_up_nor_mixed_with),
        cmocka_unit_test(replaces_within_the_limit_and_what_has_not_begun),
        cmocka_unit_test(drops_all_of_a_long_queue_at_a_goodbye),
        cmocka_unit_test(a_goodbye_behind_a_frame_that_was_the_last_has_no_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
