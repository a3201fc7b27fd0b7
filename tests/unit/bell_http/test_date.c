/*
 * HTTP dates: RFC 9110 section 5.6.7.
 */
#include "bell/http/date.h"

#include "base/compiler.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

static const int64_t EXAMPLE = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
static const int64_t NOW = 1750000000;    /* in 2025 */

static void formats_the_example(void **state)
{
    (void)state;
    char text[BELL_HTTP_DATE_BYTES + 1];
    bell_http_date_format(EXAMPLE, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    bell_http_date_format(0, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    bell_http_date_format(-1, text);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    bell_http_date_format(INT64_C(253402300799), text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
    bell_http_date_format(INT64_MAX, text);
    assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}

/* Every day of four centuries, and a step that visits all times of the day. */
static void agrees_with_libc(void **state)
{
    (void)state;
    (void)setlocale(LC_ALL, "C");
    static const int64_t STEP = 86400 + 3607;
    for (int64_t t = 0; t < INT64_C(12700000000); t += STEP) {
        time_t clock = (time_t)t;
        struct tm tm;
        assert_non_null(gmtime_r(&clock, &tm));
        char expected[64];
        assert_true(strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
        char text[BELL_HTTP_DATE_BYTES + 1];
        bell_http_date_format(t, text);
        assert_string_equal(text, expected);
        int64_t back;
        assert_int_equal(bell_http_date_parse(bell_slice_from(text), NOW, &back), BELL_OK);
        assert_true(back == t);
    }
}

static void reads_all_three_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } CASES[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE},
        {"Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE},
        {"Sun Nov  6 08:49:37 1994", EXAMPLE},
        {"Wed Nov 16 08:49:37 1994", EXAMPLE + 864000},
        {"Tue, 29 Feb 2000 23:59:60 GMT", 951868800},
        {"Friday, 01-Jan-70 00:00:00 GMT", 3155760000},    /* 2070: not more than 50 years ahead */
        {"Saturday, 01-Jan-76 00:00:00 GMT", 189302400},   /* 2076 would be 51: 1976 */
        {"Wednesday, 01-Jan-75 00:00:00 GMT", 3313526400}, /* 2075 is just 50 */
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        int64_t seconds = -1;
        assert_int_equal(bell_http_date_parse(bell_slice_from(CASES[i].text), NOW, &seconds),
                         BELL_OK);
        assert_true(seconds == CASES[i].seconds);
    }
}

static void refuses_what_is_no_date(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "now",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08:49:37",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        int64_t seconds = -1;
        if (bell_http_date_parse(bell_slice_from(BAD[i]), NOW, &seconds) != BELL_EINVAL) {
            fail_msg("accepted: %s", BAD[i]);
        }
        assert_true(seconds == -1);
    }
}

static void caches_the_current_second(void **state)
{
    (void)state;
    struct bell_http_date_cache cache = {.seconds = 0};
    bell_slice epoch = bell_http_date_cached(&cache, 0);
    assert_true(bell_slice_equal(epoch, BELL_LIT("Thu, 01 Jan 1970 00:00:00 GMT")));
    bell_slice text = bell_http_date_cached(&cache, EXAMPLE);
    assert_true(bell_slice_equal(text, BELL_LIT("Sun, 06 Nov 1994 08:49:37 GMT")));
    cache.text[0] = 'x'; /* a second call within the second leaves the text alone */
    assert_int_equal(bell_http_date_cached(&cache, EXAMPLE).p[0], 'x');
    text = bell_http_date_cached(&cache, EXAMPLE + 1);
    assert_true(bell_slice_equal(text, BELL_LIT("Sun, 06 Nov 1994 08:49:38 GMT")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_the_example),       cmocka_unit_test(agrees_with_libc),
        cmocka_unit_test(reads_all_three_forms),     cmocka_unit_test(refuses_what_is_no_date),
        cmocka_unit_test(caches_the_current_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
