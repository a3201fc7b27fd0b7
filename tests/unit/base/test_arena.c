#include "base/arena.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void gives_aligned_memory_that_does_not_overlap(void **state)
{
    (void)state;
    struct bell_arena a;
    bell_arena_init(&a, 1 << 20);
    char *previous = NULL;
    for (size_t i = 1; i < 300; i++) {
        char *p = bell_arena_alloc(&a, i);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, (int)i, i);
        if (previous != NULL) {
            assert_int_equal(previous[0], (char)(i - 1));
            assert_int_equal(previous[i - 2], (char)(i - 1));
        }
        previous = p;
    }
    bell_arena_finish(&a);
    assert_int_equal(bell_mem_live(), 0);
}

static void refuses_above_its_limit(void **state)
{
    (void)state;
    struct bell_arena a;
    bell_arena_init(&a, 64);
    assert_non_null(bell_arena_alloc(&a, 48));
    assert_null(bell_arena_alloc(&a, 17));
    assert_non_null(bell_arena_alloc(&a, 16));
    assert_null(bell_arena_alloc(&a, 1));
    bell_arena_finish(&a);
}

static void copies_text_with_a_final_zero(void **state)
{
    (void)state;
    struct bell_arena a;
    bell_arena_init(&a, 4096);
    bell_slice s = bell_arena_copy(&a, BELL_LIT("hello"));
    assert_int_equal(s.n, 5);
    assert_string_equal(s.p, "hello");
    bell_mem_fail_at(1);
    static char large[3000];
    assert_null(bell_arena_copy(&a, bell_slice_make(large, sizeof large)).p);
    bell_mem_fail_at(0);
    bell_arena_finish(&a);
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_aligned_memory_that_does_not_overlap),
        cmocka_unit_test(refuses_above_its_limit),
        cmocka_unit_test(copies_text_with_a_final_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
