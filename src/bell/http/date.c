/*
 * HTTP dates (RFC 9110 section 5.6.7). The calendar is computed here: strftime and strptime would
 * ask the locale for the names of days.
 */
#include "bell/http/date.h"

#include "bell/http/text.h"

#include <stdbool.h>
#include <stdio.h>

static const char DAYS[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const LONG_DAYS[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                         "Thursday", "Friday", "Saturday"};
static const char MONTHS[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

enum {
    SECONDS_PER_DAY = 86400,
    EPOCH_WEEKDAY = 4,         /* 1970-01-01 was a Thursday */
    DAYS_PER_ERA = 146097,     /* 400 years of the Gregorian calendar */
    EPOCH_SHIFT_DAYS = 719468, /* from 0000-03-01 to 1970-01-01 */
    FIRST_YEAR = 1970,
    LAST_YEAR = 9999,
};

/* 9999-12-31 23:59:59 */
static const int64_t LAST_SECOND = INT64_C(253402300799);

struct date_fields {
    int64_t year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
    int hour;
    int minute;
    int second; /* 60 in a leap second */
};

/*
 * Years are counted from March, so that the leap day is the last of its year; then the day of the
 * year is a straight line of the month: (153 * m + 2) / 5. All values are positive from 1970 on.
 */
static int64_t date_days_from(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t march_month = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * march_month + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - EPOCH_SHIFT_DAYS;
}

static struct date_fields date_from_days(int64_t days)
{
    int64_t z = days + EPOCH_SHIFT_DAYS;
    int64_t era = z / DAYS_PER_ERA;
    int64_t day_of_era = z - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    int month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    return (struct date_fields){
        .year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
        .month = month,
        .day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1),
    };
}

void bell_http_date_format(int64_t seconds, char *out)
{
    int64_t s = seconds < 0 ? 0 : seconds;
    s = s > LAST_SECOND ? LAST_SECOND : s;
    int64_t days = s / SECONDS_PER_DAY;
    int of_day = (int)(s % SECONDS_PER_DAY);
    struct date_fields d = date_from_days(days);
    /* Room for what the types could print; the values are in range. */
    char text[96];
    (void)snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                   DAYS[(days + EPOCH_WEEKDAY) % 7], d.day, MONTHS[d.month - 1], (int)d.year,
                   of_day / 3600, of_day / 60 % 60, of_day % 60);
    memcpy(out, text, BELL_HTTP_DATE_BYTES);
    out[BELL_HTTP_DATE_BYTES] = '\0';
}

bell_slice bell_http_date_cached(struct bell_http_date_cache *cache, int64_t now_s)
{
    if (cache->seconds != now_s || cache->text[0] == '\0') {
        bell_http_date_format(now_s, cache->text);
        cache->seconds = now_s;
    }
    return (bell_slice){cache->text, BELL_HTTP_DATE_BYTES};
}

/* Reading: each step takes from the front and says whether it found what it wants. */

static bool date_take(bell_slice *s, const char *text)
{
    size_t n = strlen(text);
    if (s->n < n || memcmp(s->p, text, n) != 0) {
        return false;
    }
    s->p += n;
    s->n -= n;
    return true;
}

static bool date_take_number(bell_slice *s, size_t digits, int *out)
{
    if (s->n < digits) {
        return false;
    }
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (!bell_http_is_digit(s->p[i])) {
            return false;
        }
        value = value * 10 + (s->p[i] - '0');
    }
    s->p += digits;
    s->n -= digits;
    *out = value;
    return true;
}

static bool date_take_day_name(bell_slice *s, bool is_long)
{
    for (size_t i = 0; i < 7; i++) {
        if (date_take(s, is_long ? LONG_DAYS[i] : DAYS[i])) {
            return true;
        }
    }
    return false;
}

static bool date_take_month(bell_slice *s, int *month)
{
    for (int i = 0; i < 12; i++) {
        if (date_take(s, MONTHS[i])) {
            *month = i + 1;
            return true;
        }
    }
    return false;
}

static bool date_take_time(bell_slice *s, struct date_fields *d)
{
    return date_take_number(s, 2, &d->hour) && date_take(s, ":") &&
           date_take_number(s, 2, &d->minute) && date_take(s, ":") &&
           date_take_number(s, 2, &d->second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool date_read_fixed(bell_slice s, struct date_fields *d)
{
    int year = 0;
    bool is_fine = date_take_day_name(&s, false) && date_take(&s, ", ") &&
                   date_take_number(&s, 2, &d->day) && date_take(&s, " ") &&
                   date_take_month(&s, &d->month) && date_take(&s, " ") &&
                   date_take_number(&s, 4, &year) && date_take(&s, " ") && date_take_time(&s, d) &&
                   date_take(&s, " GMT") && s.n == 0;
    d->year = year;
    return is_fine;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" (RFC 850) */
static bool date_read_rfc850(bell_slice s, int64_t now_s, struct date_fields *d)
{
    int year = 0;
    bool is_fine = date_take_day_name(&s, true) && date_take(&s, ", ") &&
                   date_take_number(&s, 2, &d->day) && date_take(&s, "-") &&
                   date_take_month(&s, &d->month) && date_take(&s, "-") &&
                   date_take_number(&s, 2, &year) && date_take(&s, " ") && date_take_time(&s, d) &&
                   date_take(&s, " GMT") && s.n == 0;
    int64_t now_clamped = now_s < 0 ? 0 : now_s > LAST_SECOND ? LAST_SECOND : now_s;
    int64_t this_year = date_from_days(now_clamped / SECONDS_PER_DAY).year;
    d->year = this_year / 100 * 100 + year;
    if (d->year > this_year + 50) {
        d->year -= 100;
    }
    return is_fine;
}

/* "Sun Nov  6 08:49:37 1994" (asctime) */
static bool date_read_asctime(bell_slice s, struct date_fields *d)
{
    int year = 0;
    if (!date_take_day_name(&s, false) || !date_take(&s, " ") || !date_take_month(&s, &d->month) ||
        !date_take(&s, " ")) {
        return false;
    }
    bool has_day =
        date_take(&s, " ") ? date_take_number(&s, 1, &d->day) : date_take_number(&s, 2, &d->day);
    bool is_fine = has_day && date_take(&s, " ") && date_take_time(&s, d) && date_take(&s, " ") &&
                   date_take_number(&s, 4, &year) && s.n == 0;
    d->year = year;
    return is_fine;
}

static bool date_is_in_range(const struct date_fields *d)
{
    if (d->year < FIRST_YEAR || d->year > LAST_YEAR || d->day < 1 || d->hour > 23 ||
        d->minute > 59 || d->second > 60) {
        return false;
    }
    /* A day that its month does not have comes back as one of the next month. */
    struct date_fields again = date_from_days(date_days_from(d->year, d->month, d->day));
    return again.day == d->day;
}

bell_status bell_http_date_parse(bell_slice text, int64_t now_s, int64_t *out)
{
    struct date_fields d = {.year = 0};
    if (!date_read_fixed(text, &d) && !date_read_rfc850(text, now_s, &d) &&
        !date_read_asctime(text, &d)) {
        return BELL_EINVAL;
    }
    if (!date_is_in_range(&d)) {
        return BELL_EINVAL;
    }
    int64_t of_day = (int64_t)d.hour * 3600 + (int64_t)d.minute * 60 + d.second;
    *out = date_days_from(d.year, d.month, d.day) * SECONDS_PER_DAY + of_day;
    return BELL_OK;
}
