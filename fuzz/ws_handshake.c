/*
 * Opening handshake. An input is lines; the first letter of each says which field it is a line of
 * (m method, h HTTP version as two digits, u Upgrade, c Connection, k key, v version, p protocol).
 * For any of them:
 *
 *  - the answer is one of four; 101 comes only with all that section 4.2.1 wants;
 *  - the accept value is text of 20 bytes; the sub-protocol is one of the server's and was offered;
 *  - a field cut into two lines at a comma is the same field.
 */
#include "bell/ws/base64.h"
#include "bell/ws/handshake.h"
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_LINES = 32 };

static const bell_slice SUPPORTED[] = {{"chat", 4}, {"v2.desk", 7}, {"a", 1}};
enum { SUPPORTED_COUNT = sizeof SUPPORTED / sizeof SUPPORTED[0] };

struct field {
    bell_slice lines[MAX_LINES];
    size_t count;
};

struct request {
    bell_slice method;
    uint8_t major;
    uint8_t minor;
    struct field upgrade;
    struct field connection;
    struct field key;
    struct field version;
    struct field protocol;
};

static void add_line(struct field *f, bell_slice line)
{
    if (f->count < MAX_LINES) {
        f->lines[f->count++] = line;
    }
}

static void take_line(struct request *r, char kind, bell_slice value)
{
    switch (kind) {
    case 'm':
        r->method = value;
        break;
    case 'h':
        r->major = value.n > 0 ? (uint8_t)(value.p[0] - '0') : 0;
        r->minor = value.n > 1 ? (uint8_t)(value.p[1] - '0') : 0;
        break;
    case 'u':
        add_line(&r->upgrade, value);
        break;
    case 'c':
        add_line(&r->connection, value);
        break;
    case 'k':
        add_line(&r->key, value);
        break;
    case 'v':
        add_line(&r->version, value);
        break;
    case 'p':
        add_line(&r->protocol, value);
        break;
    default:
        break;
    }
}

static void read_lines(struct request *r, bell_slice input)
{
    while (input.n > 0) {
        const char *end = memchr(input.p, '\n', input.n);
        size_t n = end == NULL ? input.n : (size_t)(end - input.p);
        if (n > 0) {
            take_line(r, input.p[0], (bell_slice){input.p + 1, n - 1});
        }
        size_t used = end == NULL ? n : n + 1;
        input = (bell_slice){input.p + used, input.n - used};
    }
}

/* The same field with one more line, if a line has a comma and there is room. */
static struct field cut_at_comma(const struct field *f)
{
    struct field out = {.count = 0};
    bool is_cut = false;
    for (size_t i = 0; i < f->count; i++) {
        bell_slice line = f->lines[i];
        const char *comma = line.n == 0 ? NULL : memchr(line.p, ',', line.n);
        if (!is_cut && comma != NULL && f->count < MAX_LINES) {
            size_t n = (size_t)(comma - line.p);
            add_line(&out, (bell_slice){line.p, n});
            line = (bell_slice){comma + 1, line.n - n - 1};
            is_cut = true;
        }
        add_line(&out, line);
    }
    return out;
}

static bell_ws_field lines_of(const struct field *f)
{
    return (bell_ws_field){f->lines, f->count};
}

static bell_ws_handshake_result check(const struct request *r)
{
    bell_ws_handshake_request request = {
        .method = r->method,
        .http_major = r->major,
        .http_minor = r->minor,
        .upgrade = lines_of(&r->upgrade),
        .connection = lines_of(&r->connection),
        .key = lines_of(&r->key),
        .version = lines_of(&r->version),
        .protocol = lines_of(&r->protocol),
    };
    return bell_ws_handshake_check(&request, SUPPORTED, SUPPORTED_COUNT);
}

static bool was_offered(const struct field *f, bell_slice name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->lines[i].n > 0 && memmem(f->lines[i].p, f->lines[i].n, name.p, name.n) != NULL) {
            return true;
        }
    }
    return false;
}

static void check_result(const struct request *r, const bell_ws_handshake_result *result)
{
    if (result->status != 101) {
        FUZZ_CHECK(result->status == 400 || result->status == 405 || result->status == 426);
        FUZZ_CHECK(result->accept[0] == '\0' && result->protocol.n == 0);
        return;
    }
    FUZZ_CHECK(bell_slice_equal(r->method, BELL_LIT("GET")));
    FUZZ_CHECK(r->major > 1 || (r->major == 1 && r->minor >= 1));
    FUZZ_CHECK(r->upgrade.count > 0 && r->connection.count > 0);
    FUZZ_CHECK(r->key.count == 1 && r->version.count == 1);
    FUZZ_CHECK(bell_ws_base64_is_of(bell_slice_from(result->accept), 20));
    bool is_ours = result->protocol.n == 0;
    for (size_t i = 0; i < SUPPORTED_COUNT; i++) {
        is_ours = is_ours || result->protocol.p == SUPPORTED[i].p;
    }
    FUZZ_CHECK(is_ours);
    FUZZ_CHECK(result->protocol.n == 0 || was_offered(&r->protocol, result->protocol));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request r = {.major = 1, .minor = 1};
    read_lines(&r, bell_slice_make(data, size));
    bell_ws_handshake_result result = check(&r);
    check_result(&r, &result);

    r.upgrade = cut_at_comma(&r.upgrade);
    r.connection = cut_at_comma(&r.connection);
    r.protocol = cut_at_comma(&r.protocol);
    bell_ws_handshake_result again = check(&r);
    FUZZ_CHECK(again.status == result.status && again.protocol.p == result.protocol.p);
    FUZZ_CHECK(memcmp(again.accept, result.accept, sizeof again.accept) == 0);
    return 0;
}
