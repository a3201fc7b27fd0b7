#include "base/mem.h"
#include "bell/net/out_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

enum { MAX_PIECES = 64 };

static struct bell_out_pool pool;

static void assert_nothing_is_left(void)
{
    bell_out_pool_finish(&pool);
    assert_int_equal(bell_mem_live(), 0);
}

static void take(struct bell_out_queue *q, size_t count, char *to, size_t *n)
{
    struct iovec pieces[MAX_PIECES];
    int pieces_count = bell_out_queue_gather(q, pieces, MAX_PIECES);
    size_t left = count;
    for (int i = 0; i < pieces_count && left > 0; i++) {
        size_t part = pieces[i].iov_len < left ? pieces[i].iov_len : left;
        memcpy(to + *n, pieces[i].iov_base, part);
        *n += part;
        left -= part;
    }
    bell_out_queue_consume(&pool, q, count - left);
}

static struct bell_blob *blob(char fill, size_t size)
{
    struct bell_blob *b = bell_blob_create(size);
    assert_non_null(b);
    memset(b->bytes, fill, size);
    b->size = size;
    return b;
}

static void keeps_order_whatever_is_shared_or_copied_and_however_it_is_taken(void **state)
{
    (void)state;
    unsigned seed = 3;
    char *expected = malloc(1 << 20);
    char *got = malloc(1 << 20);
    assert_true(expected != NULL && got != NULL);
    for (int round = 0; round < 200; round++) {
        struct bell_out_queue q = {0};
        size_t expected_n = 0;
        size_t got_n = 0;
        uint32_t frames = 0;
        for (int i = 0; i < 60; i++) {
            char fill = (char)('a' + i % 26);
            size_t size = (size_t)(rand_r(&seed) % (i % 7 == 0 ? 5000 : 200)) + 1;
            if (rand_r(&seed) % 3 == 0) {
                struct bell_blob *b = blob(fill, size);
                assert_int_equal(bell_out_queue_share(&pool, &q, b, 1), BELL_OK);
                bell_blob_unref(b);
            } else {
                static char bytes[5001];
                memset(bytes, fill, size);
                assert_int_equal(bell_out_queue_copy(&pool, &q, bell_slice_make(bytes, 1),
                                                     bell_slice_make(bytes, size - 1)),
                                 BELL_OK);
            }
            memset(expected + expected_n, fill, size);
            expected_n += size;
            frames++;
            if (rand_r(&seed) % 4 == 0) {
                take(&q, (size_t)rand_r(&seed) % 700, got, &got_n);
            }
            assert_int_equal(q.bytes, expected_n - got_n);
            assert_true(q.frames <= frames);
        }
        while (!bell_out_queue_is_empty(&q)) {
            take(&q, 1000, got, &got_n);
        }
        assert_int_equal(got_n, expected_n);
        assert_memory_equal(got, expected, expected_n);
        assert_int_equal(q.bytes, 0);
        assert_int_equal(q.frames, 0);
    }
    free(expected);
    free(got);
    assert_nothing_is_left();
}

static void a_shared_blob_is_never_written_to(void **state)
{
    (void)state;
    struct bell_out_queue a = {0};
    struct bell_out_queue b = {0};
    struct bell_blob *shared = bell_blob_create(600);
    assert_non_null(shared);
    memset(shared->bytes, 'x', 550);
    shared->size = 550; /* room left behind it */
    assert_int_equal(bell_out_queue_share(&pool, &a, shared, 1), BELL_OK);
    assert_int_equal(bell_out_queue_share(&pool, &b, shared, 1), BELL_OK);
    bell_blob_unref(shared);
    assert_int_equal(bell_out_queue_copy(&pool, &a, BELL_LIT("tail"), BELL_LIT("")), BELL_OK);
    assert_int_equal(b.bytes, 550);
    assert_int_equal(shared->size, 550);
    bell_out_queue_finish(&pool, &a);
    bell_out_queue_finish(&pool, &b);
    assert_nothing_is_left();
}

static void dropping_keeps_what_is_partly_sent(void **state)
{
    (void)state;
    struct bell_out_queue q = {0};
    struct bell_blob *first = blob('1', 1000);
    struct bell_blob *second = blob('2', 1000);
    char got[2100];
    size_t n = 0;
    assert_int_equal(bell_out_queue_share(&pool, &q, first, 1), BELL_OK);
    assert_int_equal(bell_out_queue_share(&pool, &q, second, 1), BELL_OK);
    bell_blob_unref(first);
    bell_blob_unref(second);
    take(&q, 10, got, &n);
    bell_out_queue_drop_unsent(&pool, &q);
    assert_int_equal(q.bytes, 990);
    assert_int_equal(q.frames, 1);
    assert_int_equal(bell_out_queue_copy(&pool, &q, BELL_LIT("close"), BELL_LIT("")), BELL_OK);
    take(&q, 2000, got, &n);
    assert_int_equal(n, 1005);
    assert_memory_equal(got + 1000, "close", 5);
    /* Nothing of it sent: everything goes. */
    assert_int_equal(bell_out_queue_copy(&pool, &q, BELL_LIT("unsent"), BELL_LIT("")), BELL_OK);
    bell_out_queue_drop_unsent(&pool, &q);
    assert_true(bell_out_queue_is_empty(&q));
    assert_nothing_is_left();
}

static void dropping_keeps_what_was_to_be_kept(void **state)
{
    (void)state;
    enum { KEPT = 3000 };
    for (size_t sent = 0; sent <= KEPT; sent += 500) {
        struct bell_out_queue q = {0};
        char got[2 * KEPT];
        size_t n = 0;
        for (char fill = 'a'; fill <= 'c'; fill++) {
            struct bell_blob *b = blob(fill, KEPT / 3);
            assert_int_equal(bell_out_queue_share(&pool, &q, b, 1), BELL_OK);
            bell_blob_unref(b);
        }
        assert_false(bell_out_queue_is_kept(&q));
        bell_out_queue_keep(&q);
        assert_true(bell_out_queue_is_kept(&q));
        struct bell_blob *dropped = blob('d', KEPT);
        assert_int_equal(bell_out_queue_share(&pool, &q, dropped, 1), BELL_OK);
        bell_blob_unref(dropped);
        assert_false(bell_out_queue_is_kept(&q));
        take(&q, sent, got, &n);
        assert_int_equal(q.bytes, 2 * KEPT - sent);
        bell_out_queue_drop_unsent(&pool, &q);
        assert_int_equal(q.bytes, KEPT - sent);
        assert_int_equal(bell_out_queue_copy(&pool, &q, BELL_LIT("close"), BELL_LIT("")), BELL_OK);
        take(&q, 2 * KEPT, got, &n);
        assert_int_equal(n, KEPT + 5);
        assert_memory_equal(got + KEPT, "close", 5);
        assert_true(got[0] == 'a' && got[KEPT - 1] == 'c');
        assert_int_equal(q.frames, 0);
        assert_nothing_is_left();
    }
}

/* One blob of which nobody has touched the memory stands for all of them. */
static void four_gib_are_too_many(void **state)
{
    (void)state;
    enum { BLOB_BYTES = 64 * 1024 * 1024, FITTING = 63 };
    struct bell_out_queue q = {0};
    struct bell_blob *b = bell_blob_create(BLOB_BYTES);
    assert_non_null(b);
    b->size = BLOB_BYTES;
    for (int i = 0; i < FITTING; i++) {
        assert_int_equal(bell_out_queue_share(&pool, &q, b, 1), BELL_OK);
    }
    assert_int_equal(bell_out_queue_share(&pool, &q, b, 1), BELL_ENOMEM);
    b->size = BLOB_BYTES - 1; /* and one byte less fits */
    assert_int_equal(bell_out_queue_share(&pool, &q, b, 1), BELL_OK);
    assert_int_equal(q.bytes, UINT32_MAX);
    assert_int_equal(q.frames, FITTING + 1);
    assert_int_equal(bell_out_queue_copy(&pool, &q, BELL_LIT("x"), BELL_LIT("")), BELL_ENOMEM);
    bell_out_queue_finish(&pool, &q);
    bell_blob_unref(b);
    assert_nothing_is_left();
}

static void a_failed_allocation_appends_nothing(void **state)
{
    (void)state;
    struct bell_blob *b = blob('b', 10);
    for (int shared = 0; shared <= 1; shared++) {
        struct bell_out_queue q = {0};
        for (int i = 0; i <= 1; i++) { /* the first time it fails */
            bell_status wanted = i == 0 ? BELL_ENOMEM : BELL_OK;
            bell_mem_fail_at(i == 0);
            assert_int_equal(
                shared ? bell_out_queue_share(&pool, &q, b, 1)
                       : bell_out_queue_copy(&pool, &q, BELL_LIT("head"), BELL_LIT("payload")),
                wanted);
            assert_int_equal(bell_mem_failed(), i == 0);
            assert_int_equal(bell_out_queue_is_empty(&q), i == 0);
            assert_int_equal(q.frames, i);
        }
        bell_out_queue_finish(&pool, &q);
        bell_out_pool_finish(&pool);
    }
    bell_blob_unref(b);
    assert_nothing_is_left();
}

/* The memory of what is sent is what comes next is written to; the sizes a chunk holds and not. */
static void memory_is_used_again(void **state)
{
    (void)state;
    static const size_t SIZES[] = {1, 22, 1028, 1032, 1033, 5000};
    static char bytes[5000];
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        struct bell_out_queue q = {0};
        bell_slice frame = bell_slice_make(bytes, SIZES[i]);
        assert_int_equal(bell_out_queue_copy(&pool, &q, frame, BELL_LIT("")), BELL_OK);
        bell_out_queue_consume(&pool, &q, SIZES[i]);
        bool is_kept = SIZES[i] <= 1032;
        assert_int_equal(pool.chunks.count, is_kept);
        assert_int_equal(bell_mem_live(), is_kept);
        bell_mem_fail_at(1); /* not needed when there is one */
        assert_int_equal(bell_out_queue_copy(&pool, &q, frame, BELL_LIT("")),
                         is_kept ? BELL_OK : BELL_ENOMEM);
        bell_mem_fail_at(0);
        bell_out_queue_finish(&pool, &q);
        bell_out_pool_finish(&pool);
    }
    assert_nothing_is_left();
}

static void a_pool_keeps_so_much_and_no_more(void **state)
{
    (void)state;
    enum { CHUNKS = 256, SHARED = 1024, MORE = 3 };
    static struct bell_out_queue queues[SHARED + MORE];
    struct bell_blob *b = blob('b', 10);
    for (int shared = 0; shared <= 1; shared++) {
        uint32_t most = shared ? SHARED : CHUNKS;
        for (uint32_t count = most - 1; count <= most + MORE; count++) {
            for (uint32_t i = 0; i < count; i++) {
                assert_int_equal(
                    shared ? bell_out_queue_share(&pool, &queues[i], b, 1)
                           : bell_out_queue_copy(&pool, &queues[i], BELL_LIT("x"), BELL_LIT("")),
                    BELL_OK);
            }
            for (uint32_t i = 0; i < count; i++) {
                bell_out_queue_finish(&pool, &queues[i]);
            }
            assert_int_equal(shared ? pool.shared.count : pool.chunks.count,
                             count < most ? count : most);
            bell_out_pool_finish(&pool);
        }
    }
    bell_blob_unref(b);
    assert_nothing_is_left();
}

static void a_blob_of_many_frames_counts_as_many(void **state)
{
    (void)state;
    for (size_t size = 511; size <= 512; size++) { /* behind others: copied, and shared */
        struct bell_out_queue q = {0};
        struct bell_blob *b = blob('b', size);
        assert_int_equal(bell_out_queue_share(&pool, &q, b, 3), BELL_OK);
        assert_int_equal(q.frames, 3);
        assert_int_equal(bell_out_queue_share(&pool, &q, b, 4), BELL_OK);
        assert_int_equal(q.frames, 7);
        assert_int_equal(q.bytes, 2 * size);
        bell_out_queue_consume(&pool, &q, size);
        assert_int_equal(q.frames, 4);
        bell_out_queue_consume(&pool, &q, size);
        assert_int_equal(q.frames, 0);
        assert_true(bell_out_queue_is_empty(&q));
        bell_blob_unref(b);
    }
    assert_nothing_is_left();
}

static void a_queue_that_grows_fills_its_memory(void **state)
{
    (void)state;
    enum { FRAMES = 2000, FRAME_BYTES = 22, PIECES_MAX = 16 };
    static const char FRAME[FRAME_BYTES] = {0};
    struct bell_out_queue q = {0};
    struct iovec pieces[MAX_PIECES];
    for (int i = 0; i < FRAMES; i++) {
        char *to;
        assert_int_equal(bell_out_queue_reserve(&pool, &q, FRAME_BYTES, &to), BELL_OK);
        memcpy(to, FRAME, FRAME_BYTES);
    }
    assert_int_equal(q.bytes, FRAMES * FRAME_BYTES);
    assert_in_range(bell_out_queue_gather(&q, pieces, MAX_PIECES), 1, PIECES_MAX);
    bell_out_queue_finish(&pool, &q);
    assert_nothing_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_whatever_is_shared_or_copied_and_however_it_is_taken),
        cmocka_unit_test(a_shared_blob_is_never_written_to),
        cmocka_unit_test(dropping_keeps_what_is_partly_sent),
        cmocka_unit_test(dropping_keeps_what_was_to_be_kept),
        cmocka_unit_test(four_gib_are_too_many),
        cmocka_unit_test(a_failed_allocation_appends_nothing),
        cmocka_unit_test(memory_is_used_again),
        cmocka_unit_test(a_pool_keeps_so_much_and_no_more),
        cmocka_unit_test(a_blob_of_many_frames_counts_as_many),
        cmocka_unit_test(a_queue_that_grows_fills_its_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
