/*
 * Which file, and in which encoding (RFC 9110 sections 12.4.2 and 12.5.3).
 */
#include "bell/http/static_file.h"

#include "bell/http/text.h"

static const char DEFAULT_INDEX[] = "index.html";

/* A segment that may be the name of a file or directory we serve. */
static bool name_segment_is_valid(bell_slice s)
{
    if (s.n == 0 || s.n > BELL_HTTP_MAX_FILE_SEGMENT_BYTES || s.p[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' || s.p[i] == '\t' || !bell_http_char_is(s.p[i], BELL_HTTP_FIELD)) {
            return false;
        }
    }
    return true;
}

static bool name_is_valid(bell_slice name)
{
    size_t begin = 0;
    for (size_t i = 0; i <= name.n; i++) {
        if (i == name.n || name.p[i] == '/') {
            if (!name_segment_is_valid((bell_slice){name.p + begin, i - begin})) {
                return false;
            }
            begin = i + 1;
        }
    }
    return true;
}

bell_status bell_http_static_name(bell_slice below, const char *index,
                                  char room[BELL_HTTP_MAX_FILE_NAME_BYTES], bell_slice *name)
{
    bell_slice tail = {NULL, 0};
    if (below.n == 0 || below.p[below.n - 1] == '/') {
        tail = bell_slice_from(index == NULL ? DEFAULT_INDEX : index);
    }
    if (below.n >= BELL_HTTP_MAX_FILE_NAME_BYTES ||
        tail.n >= BELL_HTTP_MAX_FILE_NAME_BYTES - below.n) {
        return BELL_ENOTFOUND;
    }
    if (below.n > 0) {
        memcpy(room, below.p, below.n);
    }
    if (tail.n > 0) {
        memcpy(room + below.n, tail.p, tail.n);
    }
    bell_slice whole = {room, below.n + tail.n};
    room[whole.n] = '\0';
    if (!name_is_valid(whole)) {
        return BELL_ENOTFOUND;
    }
    *name = whole;
    return BELL_OK;
}

/* Weights in thousandths. */
enum {
    WEIGHT_UNSET = -1,
    WEIGHT_REFUSED = 0,
    WEIGHT_FULL = 1000,
};

struct encoding_weights {
    int of[BELL_HTTP_ENCODING_COUNT]; /* by bell_http_encoding */
    int any;                          /* "*" */
};

/* "0", "0.5", "1.000" (RFC 9110 section 12.4.2); what is none refuses. */
static int encoding_parse_weight(bell_slice s)
{
    if (s.n == 0 || s.n > sizeof "0.123" - 1 || (s.p[0] != '0' && s.p[0] != '1') ||
        (s.n > 1 && s.p[1] != '.')) {
        return WEIGHT_REFUSED;
    }
    int weight = (s.p[0] - '0') * WEIGHT_FULL;
    int place = WEIGHT_FULL / 10;
    for (size_t i = 2; i < s.n; i++) {
        if (!bell_http_is_digit(s.p[i])) {
            return WEIGHT_REFUSED;
        }
        weight += (s.p[i] - '0') * place;
        place /= 10;
    }
    return weight <= WEIGHT_FULL ? weight : WEIGHT_REFUSED;
}

static int encoding_weight(bell_slice parameters)
{
    bell_slice s = bell_http_trim(parameters);
    if (s.n == 0) {
        return WEIGHT_FULL;
    }
    if (s.n < 2 || bell_http_lower(s.p[0]) != 'q' || s.p[1] != '=') {
        return WEIGHT_REFUSED;
    }
    return encoding_parse_weight((bell_slice){s.p + 2, s.n - 2});
}

static void encoding_take(struct encoding_weights *weights, bell_slice element)
{
    const char *semicolon = memchr(element.p, ';', element.n);
    size_t n = semicolon == NULL ? element.n : (size_t)(semicolon - element.p);
    bell_slice coding = bell_http_trim((bell_slice){element.p, n});
    bell_slice parameters = {NULL, 0};
    if (semicolon != NULL) {
        parameters = (bell_slice){semicolon + 1, element.n - n - 1};
    }
    int weight = encoding_weight(parameters);
    if (bell_http_equal_nocase(coding, BELL_LIT("br"))) {
        weights->of[BELL_HTTP_BROTLI] = weight;
    } else if (bell_http_equal_nocase(coding, BELL_LIT("gzip")) ||
               bell_http_equal_nocase(coding, BELL_LIT("x-gzip"))) {
        weights->of[BELL_HTTP_GZIP] = weight;
    } else if (bell_http_equal_nocase(coding, BELL_LIT("identity"))) {
        weights->of[BELL_HTTP_IDENTITY] = weight;
    } else if (bell_slice_equal(coding, BELL_LIT("*"))) {
        weights->any = weight;
    }
}

/* "*" stands for what was not named; identity is acceptable unless somebody says no, but comes
 * last. */
static void encoding_settle(struct encoding_weights *weights)
{
    for (size_t i = 0; i < BELL_HTTP_ENCODING_COUNT; i++) {
        if (weights->of[i] == WEIGHT_UNSET) {
            weights->of[i] = weights->any != WEIGHT_UNSET ? weights->any : WEIGHT_REFUSED;
            if (i == BELL_HTTP_IDENTITY && weights->any == WEIGHT_UNSET) {
                weights->of[i] = 1;
            }
        }
    }
}

size_t bell_http_accept_encodings(const bell_http_head *head,
                                  bell_http_encoding out[BELL_HTTP_ENCODING_COUNT])
{
    static const bell_http_encoding OURS[] = {BELL_HTTP_BROTLI, BELL_HTTP_GZIP, BELL_HTTP_IDENTITY};
    struct encoding_weights weights = {
        .of = {WEIGHT_UNSET, WEIGHT_UNSET, WEIGHT_UNSET},
        .any = WEIGHT_UNSET,
    };
    uint32_t index = 0;
    bell_slice list;
    while (bell_http_head_next(head, BELL_LIT("Accept-Encoding"), &index, &list)) {
        bell_slice element;
        while (bell_http_list_next(&list, &element)) {
            encoding_take(&weights, element);
        }
    }
    encoding_settle(&weights);
    size_t count = 0;
    for (size_t i = 0; i < BELL_HTTP_ENCODING_COUNT; i++) {
        int weight = weights.of[OURS[i]];
        if (weight == WEIGHT_REFUSED) {
            continue;
        }
        /* Insertion keeps our order among equals. */
        size_t at = count++;
        while (at > 0 && weights.of[out[at - 1]] < weight) {
            out[at] = out[at - 1];
            at--;
        }
        out[at] = OURS[i];
    }
    return count;
}
