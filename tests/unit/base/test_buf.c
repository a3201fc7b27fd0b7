#include "base/buf.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void holds_exactly_its_limit(void **state)
{
    (void)state;
    struct bell_buf b;
    bell_buf_init(&b, 10);
    assert_int_equal(bell_buf_append(&b, BELL_LIT("123456789")), BELL_OK);
    assert_int_equal(bell_buf_append(&b, BELL_LIT("0")), BELL_OK);
    assert_int_equal(bell_buf_append(&b, BELL_LIT("x")), BELL_ELIMIT);
    assert_true(bell_slice_equal(bell_buf_slice(&b), BELL_LIT("1234567890")));
    bell_buf_finish(&b);
}

static void keeps_its_content_when_memory_ends(void **state)
{
    (void)state;
    struct bell_buf b;
    bell_buf_init(&b, 1 << 20);
    assert_int_equal(bell_buf_append(&b, BELL_LIT("kept")), BELL_OK);
    static char large[4096];
    bell_mem_fail_at(1);
    assert_int_equal(bell_buf_append(&b, bell_slice_make(large, sizeof large)), BELL_ENOMEM);
    assert_true(bell_mem_failed());
    assert_true(bell_slice_equal(bell_buf_slice(&b), BELL_LIT("kept")));
    assert_int_equal(bell_buf_append(&b, bell_slice_make(large, sizeof large)), BELL_OK);
    bell_buf_finish(&b);
    assert_int_equal(bell_mem_live(), 0);
}

static void prints_and_consumes(void **state)
{
    (void)state;
    struct bell_buf b;
    bell_buf_init(&b, 64);
    assert_int_equal(bell_buf_printf(&b, "%d-%s", 42, "abc"), BELL_OK);
    bell_buf_consume(&b, 3);
    assert_true(bell_slice_equal(bell_buf_slice(&b), BELL_LIT("abc")));
    bell_buf_finish(&b);
}

static void moves_nothing_while_it_consumes(void **state)
{
    (void)state;
    struct bell_buf b;
    bell_buf_init(&b, 1 << 20);
    static char lines[4096];
    assert_int_equal(bell_buf_append(&b, bell_slice_make(lines, sizeof lines)), BELL_OK);
    const char *begin = bell_buf_slice(&b).p;
    for (size_t i = 1; i < sizeof lines; i++) {
        bell_buf_consume(&b, 1);
        assert_ptr_equal(bell_buf_slice(&b).p, begin + i);
        assert_int_equal(bell_buf_slice(&b).n, sizeof lines - i);
    }
    /* The last one leaves all of the memory free. */
    bell_buf_consume(&b, 1);
    assert_int_equal(bell_buf_append(&b, bell_slice_make(lines, sizeof lines)), BELL_OK);
    assert_ptr_equal(bell_buf_slice(&b).p, begin);
    assert_int_equal(b.capacity, sizeof lines);
    bell_buf_finish(&b);
    assert_int_equal(bell_mem_live(), 0);
}

static void what_was_consumed_makes_room(void **state)
{
    (void)state;
    struct bell_buf b;
    bell_buf_init(&b, 10);
    assert_int_equal(bell_buf_append(&b, BELL_LIT("1234567890")), BELL_OK);
    bell_buf_consume(&b, 7);
    bell_buf_consume(&b, 0);
    assert_int_equal(bell_buf_append(&b, BELL_LIT("abcdefg")), BELL_OK);
    assert_true(bell_slice_equal(bell_buf_slice(&b), BELL_LIT("890abcdefg")));
    assert_int_equal(b.capacity, 10);
    bell_buf_consume(&b, 2);
    assert_int_equal(bell_buf_append(&b, BELL_LIT("hij")), BELL_ELIMIT);
    assert_true(bell_slice_equal(bell_buf_slice(&b), BELL_LIT("0abcdefg")));
    bell_buf_clear(&b);
    assert_int_equal(bell_buf_append(&b, BELL_LIT("whole again")), BELL_ELIMIT);
    assert_int_equal(bell_buf_append(&b, BELL_LIT("once more!")), BELL_OK);
    bell_buf_consume(&b, 5);
    bell_buf_finish(&b);
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_exactly_its_limit),
        cmocka_unit_test(keeps_its_content_when_memory_ends),
        cmocka_unit_test(prints_and_consumes),
        cmocka_unit_test(moves_nothing_while_it_consumes),
        cmocka_unit_test(what_was_consumed_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
