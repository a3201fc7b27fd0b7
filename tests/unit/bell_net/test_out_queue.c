#include "base/mem.h"
#include "bell/net/out_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

enum { MAX_PIECES = 64 };

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
    bell_out_queue_consume(q, count - left);
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
                assert_int_equal(bell_out_queue_share(&q, b), BELL_OK);
                bell_blob_unref(b);
            } else {
                static char bytes[5001];
                memset(bytes, fill, size);
                assert_int_equal(bell_out_queue_copy(&q, bell_slice_make(bytes, 1),
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
    assert_int_equal(bell_mem_live(), 0);
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
    assert_int_equal(bell_out_queue_share(&a, shared), BELL_OK);
    assert_int_equal(bell_out_queue_share(&b, shared), BELL_OK);
    bell_blob_unref(shared);
    assert_int_equal(bell_out_queue_copy(&a, BELL_LIT("tail"), BELL_LIT("")), BELL_OK);
    assert_int_equal(b.bytes, 550);
    assert_int_equal(shared->size, 550);
    bell_out_queue_finish(&a);
    bell_out_queue_finish(&b);
    assert_int_equal(bell_mem_live(), 0);
}

static void dropping_keeps_what_is_partly_sent(void **state)
{
    (void)state;
    struct bell_out_queue q = {0};
    struct bell_blob *first = blob('1', 1000);
    struct bell_blob *second = blob('2', 1000);
    char got[2100];
    size_t n = 0;
    assert_int_equal(bell_out_queue_share(&q, first), BELL_OK);
    assert_int_equal(bell_out_queue_share(&q, second), BELL_OK);
    bell_blob_unref(first);
    bell_blob_unref(second);
    take(&q, 10, got, &n);
    bell_out_queue_drop_unsent(&q);
    assert_int_equal(q.bytes, 990);
    assert_int_equal(q.frames, 1);
    assert_int_equal(bell_out_queue_copy(&q, BELL_LIT("close"), BELL_LIT("")), BELL_OK);
    take(&q, 2000, got, &n);
    assert_int_equal(n, 1005);
    assert_memory_equal(got + 1000, "close", 5);
    /* Nothing of it sent: everything goes. */
    assert_int_equal(bell_out_queue_copy(&q, BELL_LIT("unsent"), BELL_LIT("")), BELL_OK);
    bell_out_queue_drop_unsent(&q);
    assert_true(bell_out_queue_is_empty(&q));
    assert_int_equal(bell_mem_live(), 0);
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
            assert_int_equal(bell_out_queue_share(&q, b), BELL_OK);
            bell_blob_unref(b);
        }
        assert_false(bell_out_queue_is_kept(&q));
        bell_out_queue_keep(&q);
        assert_true(bell_out_queue_is_kept(&q));
        struct bell_blob *dropped = blob('d', KEPT);
        assert_int_equal(bell_out_queue_share(&q, dropped), BELL_OK);
        bell_blob_unref(dropped);
        assert_false(bell_out_queue_is_kept(&q));
        take(&q, sent, got, &n);
        assert_int_equal(q.bytes, 2 * KEPT - sent);
        bell_out_queue_drop_unsent(&q);
        assert_int_equal(q.bytes, KEPT - sent);
        assert_int_equal(bell_out_queue_copy(&q, BELL_LIT("close"), BELL_LIT("")), BELL_OK);
        take(&q, 2 * KEPT, got, &n);
        assert_int_equal(n, KEPT + 5);
        assert_memory_equal(got + KEPT, "close", 5);
        assert_true(got[0] == 'a' && got[KEPT - 1] == 'c');
        assert_int_equal(q.frames, 0);
        assert_int_equal(bell_mem_live(), 0);
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
        assert_int_equal(bell_out_queue_share(&q, b), BELL_OK);
    }
    assert_int_equal(bell_out_queue_share(&q, b), BELL_ENOMEM);
    b->size = BLOB_BYTES - 1; /* and one byte less fits */
    assert_int_equal(bell_out_queue_share(&q, b), BELL_OK);
    assert_int_equal(q.bytes, UINT32_MAX);
    assert_int_equal(q.frames, FITTING + 1);
    assert_int_equal(bell_out_queue_copy(&q, BELL_LIT("x"), BELL_LIT("")), BELL_ENOMEM);
    bell_out_queue_finish(&q);
    bell_blob_unref(b);
    assert_int_equal(bell_mem_live(), 0);
}

static void a_failed_allocation_appends_nothing(void **state)
{
    (void)state;
    for (int64_t nth = 1; nth <= 2; nth++) {
        struct bell_out_queue q = {0};
        bell_mem_fail_at(nth);
        assert_int_equal(bell_out_queue_copy(&q, BELL_LIT("head"), BELL_LIT("payload")),
                         BELL_ENOMEM);
        assert_true(bell_mem_failed());
        assert_true(bell_out_queue_is_empty(&q));
        assert_int_equal(q.bytes, 0);
        assert_int_equal(bell_out_queue_copy(&q, BELL_LIT("head"), BELL_LIT("payload")), BELL_OK);
        bell_out_queue_finish(&q);
    }
    assert_int_equal(bell_mem_live(), 0);
}

static void an_empty_queue_holds_no_memory(void **state)
{
    (void)state;
    struct bell_out_queue q = {0};
    assert_int_equal(bell_out_queue_copy(&q, BELL_LIT("a"), BELL_LIT("b")), BELL_OK);
    assert_true(bell_mem_live() > 0);
    bell_out_queue_consume(&q, 2);
    assert_int_equal(bell_mem_live(), 0);
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
        cmocka_unit_test(an_empty_queue_holds_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
