#include "base/compiler.h"
#include "bell/ws/close_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* RFC 6455 section 7.4 and the registry of section 11.7, as ranges that are allowed. */
static const struct {
    uint32_t first;
    uint32_t last;
} ALLOWED[] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};

static void allows_exactly_the_codes_of_section_7_4(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= UINT16_MAX; code++) {
        bool expected = false;
        for (size_t i = 0; i < BELL_ARRAY_LEN(ALLOWED); i++) {
            expected = expected || (code >= ALLOWED[i].first && code <= ALLOWED[i].last);
        }
        assert_int_equal(bell_ws_close_code_is_receivable((uint16_t)code), expected);
        assert_int_equal(bell_ws_close_code_is_sendable((uint16_t)code), expected);
    }
}

/* Section 7.4.1: 1005, 1006 and 1015 must not be set in a Close frame; 1004 is reserved. */
static void refuses_codes_that_never_stand_on_the_wire(void **state)
{
    (void)state;
    static const uint16_t NEVER[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000};
    for (size_t i = 0; i < BELL_ARRAY_LEN(NEVER); i++) {
        assert_false(bell_ws_close_code_is_receivable(NEVER[i]));
        assert_false(bell_ws_close_code_is_sendable(NEVER[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allows_exactly_the_codes_of_section_7_4),
        cmocka_unit_test(refuses_codes_that_never_stand_on_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
