/*
 * HTTP dates. Any text that is taken for a date names a second that, written and read again, is the
 * same; and any second that is written is read as itself.
 *
 * The first eight bytes are the present; the rest is the text.
 */
#include "bell/http/date.h"
#include "fuzz.h"

#include <string.h>

static const int64_t YEAR_10000_S = 253402300800;

static void check_written(int64_t seconds, int64_t now_s)
{
    char text[BELL_HTTP_DATE_BYTES + 1];
    int64_t again;
    bell_http_date_format(seconds, text);
    FUZZ_CHECK(strlen(text) == BELL_HTTP_DATE_BYTES);
    FUZZ_CHECK(bell_http_date_parse(bell_slice_from(text), now_s, &again) == BELL_OK);
    int64_t clamped = seconds < 0 ? 0 : seconds >= YEAR_10000_S ? YEAR_10000_S - 1 : seconds;
    FUZZ_CHECK(again == clamped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t now;
    int64_t seconds;
    if (size < sizeof now) {
        return 0;
    }
    memcpy(&now, data, sizeof now);
    int64_t now_s = (int64_t)(now % (uint64_t)YEAR_10000_S);
    check_written(now_s, now_s);
    check_written((int64_t)now, now_s);
    bell_slice text = bell_slice_make(data + sizeof now, size - sizeof now);
    if (bell_http_date_parse(text, now_s, &seconds) == BELL_OK) {
        FUZZ_CHECK(seconds <= YEAR_10000_S); /* one later only in the last leap second */
        check_written(seconds, now_s);
    }
    return 0;
}
