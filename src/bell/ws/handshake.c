#include "bell/ws/handshake.h"

#include "bell/ws/base64.h"
#include "bell/ws/sha1.h"

#include <assert.h>
#include <string.h>

enum {
    STATUS_SWITCHING_PROTOCOLS = 101,
    STATUS_BAD_REQUEST = 400,
    STATUS_METHOD_NOT_ALLOWED = 405,
    STATUS_UPGRADE_REQUIRED = 426,
};

/* Section 1.3. */
static const bell_slice ACCEPT_GUID = {"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36};

static char to_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_equal_ignoring_case(bell_slice a, bell_slice b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (to_lower(a.p[i]) != to_lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool bell_ws_handshake_is_token(bell_slice name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_token_char(name.p[i])) {
            return false;
        }
    }
    return name.n > 0;
}

/*
 * Walks through the comma-separated elements of all lines of a field, without the white space
 * around them and without empty ones, which a recipient has to ignore (RFC 9110 section 5.6.1.2).
 */
struct elements {
    const bell_ws_field *field;
    size_t line;     /* index of the line we are in */
    size_t position; /* there */
};

static bell_slice trim(bell_slice s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_space(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

static bool next_element(struct elements *e, bell_slice *out)
{
    while (e->line < e->field->count) {
        bell_slice line = e->field->values[e->line];
        if (e->position >= line.n) {
            e->line++;
            e->position = 0;
            continue;
        }
        const char *begin = line.p + e->position;
        size_t left = line.n - e->position;
        const char *comma = memchr(begin, ',', left);
        size_t length = comma == NULL ? left : (size_t)(comma - begin);
        e->position += length + 1;
        *out = trim((bell_slice){begin, length});
        if (out->n > 0) {
            return true;
        }
    }
    return false;
}

static bool has_element(const bell_ws_field *field, bell_slice wanted)
{
    struct elements e = {.field = field};
    bell_slice element;
    while (next_element(&e, &element)) {
        if (is_equal_ignoring_case(element, wanted)) {
            return true;
        }
    }
    return false;
}

bool bell_ws_handshake_is_key(bell_slice key)
{
    return bell_ws_base64_is_of(key, BELL_WS_NONCE_BYTES);
}

void bell_ws_handshake_accept(bell_slice key, char out[BELL_WS_ACCEPT_BYTES + 1])
{
    static_assert((BELL_WS_SHA1_BYTES + 2) / 3 * 4 == BELL_WS_ACCEPT_BYTES, "base64 of a SHA-1");
    uint8_t digest[BELL_WS_SHA1_BYTES];
    bell_ws_sha1(key, ACCEPT_GUID, digest);
    bell_ws_base64_encode(digest, sizeof digest, out);
    out[BELL_WS_ACCEPT_BYTES] = '\0';
}

/*
 * Section 4.2.2: the server's choice among the names offered, which are case-sensitive. false: the
 * field is there but no list of tokens (section 11.3.4).
 */
static bool choose_protocol(const bell_ws_field *offered, const bell_slice *supported,
                            size_t supported_count, bell_slice *chosen)
{
    struct elements e = {.field = offered};
    bell_slice name;
    size_t best = supported_count;
    bool has_any = offered->count == 0;
    while (next_element(&e, &name)) {
        if (!bell_ws_handshake_is_token(name)) {
            return false;
        }
        has_any = true;
        for (size_t i = 0; i < best; i++) {
            if (bell_slice_equal(name, supported[i])) {
                best = i;
            }
        }
    }
    *chosen = best < supported_count ? supported[best] : (bell_slice){NULL, 0};
    return has_any;
}

/* The rules of section 4.2.1, in an order that gives the client the answer of most use. */
static uint16_t check_fields(const bell_ws_handshake_request *r)
{
    if (!bell_slice_equal(r->method, BELL_LIT("GET"))) {
        return STATUS_METHOD_NOT_ALLOWED;
    }
    if (!has_element(&r->upgrade, BELL_LIT("websocket"))) {
        return STATUS_UPGRADE_REQUIRED;
    }
    bool is_http_1_1 = r->http_major > 1 || (r->http_major == 1 && r->http_minor >= 1);
    if (!is_http_1_1 || !has_element(&r->connection, BELL_LIT("upgrade"))) {
        return STATUS_BAD_REQUEST;
    }
    /* Sections 11.3.1 and 11.3.5: key and version stand there exactly once. */
    if (r->version.count != 1) {
        return STATUS_BAD_REQUEST;
    }
    if (!bell_slice_equal(trim(r->version.values[0]), BELL_LIT(BELL_WS_VERSION))) {
        return STATUS_UPGRADE_REQUIRED;
    }
    bool has_key = r->key.count == 1 && bell_ws_handshake_is_key(trim(r->key.values[0]));
    return has_key ? STATUS_SWITCHING_PROTOCOLS : STATUS_BAD_REQUEST;
}

bell_ws_handshake_result bell_ws_handshake_check(const bell_ws_handshake_request *request,
                                                 const bell_slice *supported,
                                                 size_t supported_count)
{
    bell_ws_handshake_result result = {.status = check_fields(request)};
    if (result.status == STATUS_SWITCHING_PROTOCOLS &&
        !choose_protocol(&request->protocol, supported, supported_count, &result.protocol)) {
        result.status = STATUS_BAD_REQUEST;
        result.protocol = (bell_slice){NULL, 0};
    }
    if (result.status == STATUS_SWITCHING_PROTOCOLS) {
        bell_ws_handshake_accept(trim(request->key.values[0]), result.accept);
    }
    return result;
}

/* ---- the client's side ---- */

void bell_ws_handshake_key(const uint8_t nonce[BELL_WS_NONCE_BYTES],
                           char out[BELL_WS_KEY_TEXT_BYTES + 1])
{
    static_assert((BELL_WS_NONCE_BYTES + 2) / 3 * 4 == BELL_WS_KEY_TEXT_BYTES, "base64");
    bell_ws_base64_encode(nonce, BELL_WS_NONCE_BYTES, out);
    out[BELL_WS_KEY_TEXT_BYTES] = '\0';
}

/* The value of a field that stands there exactly once. */
static bool only_value(const bell_ws_field *field, bell_slice *value)
{
    if (field->count != 1) {
        return false;
    }
    *value = trim(field->values[0]);
    return true;
}

/* Step 6: none, or one that was offered; names are case-sensitive. */
static bell_status check_protocol(const bell_ws_field *field, const bell_slice *offered,
                                  size_t offered_count, size_t *chosen)
{
    bell_slice name;
    *chosen = offered_count;
    if (field->count == 0) {
        return BELL_OK;
    }
    if (!only_value(field, &name)) {
        return BELL_EPROTO;
    }
    for (size_t i = 0; i < offered_count; i++) {
        if (bell_slice_equal(name, offered[i])) {
            *chosen = i;
            return BELL_OK;
        }
    }
    return BELL_EPROTO;
}

bell_status bell_ws_handshake_check_answer(const bell_ws_handshake_answer *answer,
                                           bell_slice accept, const bell_slice *offered,
                                           size_t offered_count, size_t *chosen)
{
    bell_slice upgrade;
    bell_slice their_accept;
    /* Steps 2 to 4. */
    if (!only_value(&answer->upgrade, &upgrade) ||
        !is_equal_ignoring_case(upgrade, BELL_LIT("websocket")) ||
        !has_element(&answer->connection, BELL_LIT("upgrade")) ||
        !only_value(&answer->accept, &their_accept) || !bell_slice_equal(their_accept, accept)) {
        return BELL_EPROTO;
    }
    return check_protocol(&answer->protocol, offered, offered_count, chosen);
}
