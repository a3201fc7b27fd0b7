/*
 * HTTP dates (RFC 9110 section 5.6.7), without regard to the process's locale.
 */
#ifndef BELL_HTTP_DATE_H
#define BELL_HTTP_DATE_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdint.h>

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
#define BELL_HTTP_DATE_BYTES 29

/* Writes BELL_HTTP_DATE_BYTES bytes and a zero byte. Seconds since 1970, years 1970 to 9999
 * (clamped). */
void bell_http_date_format(int64_t seconds, char *out);

/*
 * Seconds since 1970 from any of the three forms. now_s places the two-digit year of the second one
 * (RFC 9110: not more than 50 years ahead). BELL_EINVAL.
 */
BELL_NODISCARD bell_status bell_http_date_parse(bell_slice text, int64_t now_s, int64_t *out);

/* The text of the current second; one per loop thread. Zeroed = empty. */
struct bell_http_date_cache {
    int64_t seconds;
    char text[BELL_HTTP_DATE_BYTES + 1];
};

/* The date of now_s, formatted anew only when the second has changed. Valid until the next call. */
bell_slice bell_http_date_cached(struct bell_http_date_cache *cache, int64_t now_s);

#endif
