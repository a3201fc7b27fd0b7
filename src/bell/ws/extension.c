#include "bell/ws/extension.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static_assert(sizeof(bell_ws_deflate_terms) == 2, "idle connections stay small");

/* ---- the grammar of section 9.1 ---- */

/* What is left of a line. */
typedef struct {
    const char *p;
    const char *end;
} rest;

/* A parameter's value: a token, or what a quoted string stands for. Whoever has a longer one than
 * fits has none that we know. */
enum { VALUE_MAX_BYTES = 8 };
typedef struct {
    bool is_there;
    size_t n; /* of the whole value, even when it does not fit */
    char bytes[VALUE_MAX_BYTES];
} value;

static void skip_space(rest *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t')) {
        r->p++;
    }
}

/* Steps over c, if it is next behind white space. */
static bool take_char(rest *r, char c)
{
    skip_space(r);
    if (r->p == r->end || *r->p != c) {
        return false;
    }
    r->p++;
    return true;
}

/* The token that is next behind white space. */
static bool take_token(rest *r, bell_slice *token)
{
    skip_space(r);
    const char *begin = r->p;
    while (r->p < r->end && bell_ws_handshake_is_token(bell_slice_make(r->p, 1))) {
        r->p++;
    }
    *token = bell_slice_make(begin, (size_t)(r->p - begin));
    return token->n > 0;
}

static void value_add(value *v, char c)
{
    if (v->n < VALUE_MAX_BYTES) {
        v->bytes[v->n] = c;
    }
    v->n++;
}

/* Behind the opening quote (RFC 9110 section 5.6.4). What it stands for must be a token. */
static bool take_quoted(rest *r, value *v)
{
    while (r->p < r->end) {
        char c = *r->p++;
        if (c == '"') {
            return v->n > 0;
        }
        if (c == '\\') {
            if (r->p == r->end) {
                return false;
            }
            c = *r->p++;
        }
        if (!bell_ws_handshake_is_token(bell_slice_make(&c, 1))) {
            return false;
        }
        value_add(v, c);
    }
    return false;
}

static bool take_value(rest *r, value *v)
{
    *v = (value){.is_there = take_char(r, '=')};
    if (!v->is_there) {
        return true;
    }
    if (take_char(r, '"')) {
        return take_quoted(r, v);
    }
    bell_slice token;
    bool is_right = take_token(r, &token);
    for (size_t i = 0; i < token.n; i++) {
        value_add(v, token.p[i]);
    }
    return is_right;
}

/* To the next comma that is not in a quoted string, or to the end. */
static void skip_element(rest *r)
{
    bool is_quoted = false;
    while (r->p < r->end && (is_quoted || *r->p != ',')) {
        if (is_quoted && *r->p == '\\' && r->p + 1 < r->end) {
            r->p++;
        } else if (*r->p == '"') {
            is_quoted = !is_quoted;
        }
        r->p++;
    }
}

/* ---- an element: an offer of permessage-deflate, or the answer to one (RFC 7692 section 7.1) ----
 */

typedef struct {
    bool is_answer;
    bool has_server_no_context_takeover;
    bool has_client_no_context_takeover;
    uint8_t server_bits; /* 0 = not said */
    uint8_t client_bits; /* 0 = not said: the client cannot be asked */
} offer;

/* Sections 7.1.1.1 and 7.1.1.2: once, and without a value. */
static bool set_flag(bool *flag, const value *v)
{
    bool is_right = !*flag && !v->is_there;
    *flag = true;
    return is_right;
}

/* Section 7.1.2: once; a decimal number from 8 to 15 without leading zeros. */
static bool set_bits(uint8_t *bits, const value *v, bool may_have_none)
{
    if (*bits != 0) {
        return false;
    }
    if (!v->is_there) {
        *bits = BELL_WS_MAX_WINDOW_BITS;
        return may_have_none;
    }
    if (v->n == 1 && (v->bytes[0] == '8' || v->bytes[0] == '9')) {
        *bits = (uint8_t)(v->bytes[0] - '0');
        return true;
    }
    if (v->n == 2 && v->bytes[0] == '1' && v->bytes[1] >= '0' && v->bytes[1] <= '5') {
        *bits = (uint8_t)(10 + v->bytes[1] - '0');
        return true;
    }
    return false;
}

static bool set_parameter(offer *o, bell_slice name, const value *v)
{
    if (bell_slice_equal(name, BELL_LIT("server_no_context_takeover"))) {
        return set_flag(&o->has_server_no_context_takeover, v);
    }
    if (bell_slice_equal(name, BELL_LIT("client_no_context_takeover"))) {
        return set_flag(&o->has_client_no_context_takeover, v);
    }
    if (bell_slice_equal(name, BELL_LIT("server_max_window_bits"))) {
        return set_bits(&o->server_bits, v, false);
    }
    if (bell_slice_equal(name, BELL_LIT("client_max_window_bits"))) {
        /* Section 7.1.2.2: an answer must say how many. */
        return set_bits(&o->client_bits, v, !o->is_answer);
    }
    return false;
}

/* The element that is next: is it permessage-deflate, with nothing wrong in it? */
static bool take_right(rest *r, offer *o)
{
    bell_slice name;
    bool is_right = take_token(r, &name) && bell_slice_equal(name, BELL_LIT("permessage-deflate"));
    while (is_right && take_char(r, ';')) {
        value v;
        is_right = take_token(r, &name) && take_value(r, &v) && set_parameter(o, name, &v);
    }
    skip_space(r);
    return is_right && (r->p == r->end || *r->p == ',');
}

/*
 * Takes one element of the list, of whatever extension, with the comma behind it. true: it is an
 * offer of permessage-deflate with nothing wrong in it.
 */
static bool take_offer(rest *r, offer *o)
{
    const rest element = *r;
    *o = (offer){.is_answer = false};
    bool is_right = take_right(r, o);
    if (!is_right) {
        *r = element; /* we may have stopped within a quoted string */
        skip_element(r);
    }
    r->p += r->p < r->end;
    return is_right;
}

/* ---- the answer ---- */

/* Shows compilers that the result fits into its bit-field. */
static const unsigned BITS_MASK = 0xf;

static uint8_t smaller(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

static bell_ws_deflate_terms agree(const offer *o, bell_ws_deflate_terms ours)
{
    bell_ws_deflate_terms terms = ours;
    /* Sections 7.1.1.1 and 7.1.2.1: who offers these asks for them; we may do so on our own. */
    terms.server_keeps = ours.server_keeps && !o->has_server_no_context_takeover;
    if (o->server_bits != 0) {
        terms.server_bits = smaller(ours.server_bits, o->server_bits) & BITS_MASK;
    }
    /* Section 7.1.1.2: a client that offers it would not keep anything anyway. */
    terms.client_keeps = ours.client_keeps && !o->has_client_no_context_takeover;
    if (o->client_bits != 0) {
        terms.client_bits = smaller(ours.client_bits, o->client_bits) & BITS_MASK;
    } else if (ours.client_bits < BELL_WS_MAX_WINDOW_BITS) {
        /* Section 7.1.2.2: it must not be asked. */
        terms.client_bits = BELL_WS_MAX_WINDOW_BITS;
        terms.client_keeps = false;
    }
    return terms;
}

static void answer_write(char answer[BELL_WS_EXTENSION_ANSWER_BYTES], const offer *o,
                         bell_ws_deflate_terms terms)
{
    char server_bits[32] = "";
    char client_bits[32] = "";
    /* Section 7.1.2.1: when it was offered it must be answered; our own wish needs no offer. */
    if (o->server_bits != 0 || terms.server_bits < BELL_WS_MAX_WINDOW_BITS) {
        (void)snprintf(server_bits, sizeof server_bits, "; server_max_window_bits=%d",
                       terms.server_bits);
    }
    if (o->client_bits != 0 && terms.client_bits < BELL_WS_MAX_WINDOW_BITS) {
        (void)snprintf(client_bits, sizeof client_bits, "; client_max_window_bits=%d",
                       terms.client_bits);
    }
    int n = snprintf(answer, BELL_WS_EXTENSION_ANSWER_BYTES, "permessage-deflate%s%s%s%s",
                     terms.server_keeps ? "" : "; server_no_context_takeover",
                     terms.client_keeps ? "" : "; client_no_context_takeover", server_bits,
                     client_bits);
    assert(n > 0 && n < BELL_WS_EXTENSION_ANSWER_BYTES);
    (void)n;
}

bool bell_ws_extension_negotiate(const bell_ws_field *offered, bell_ws_deflate_terms ours,
                                 bell_ws_deflate_terms *terms,
                                 char answer[BELL_WS_EXTENSION_ANSWER_BYTES])
{
    assert(ours.server_bits >= BELL_WS_MIN_WINDOW_BITS &&
           ours.client_bits >= BELL_WS_MIN_WINDOW_BITS);
    for (size_t i = 0; i < offered->count; i++) {
        rest r = {offered->values[i].p, offered->values[i].p + offered->values[i].n};
        while (r.p < r.end) {
            offer o;
            if (take_offer(&r, &o)) {
                *terms = agree(&o, ours);
                answer_write(answer, &o, *terms);
                return true;
            }
        }
    }
    return false;
}

/* ---- the client's side ---- */

void bell_ws_extension_offer(bell_ws_deflate_terms ours, char text[BELL_WS_EXTENSION_ANSWER_BYTES])
{
    char server_bits[32] = "";
    char client_bits[8] = "";
    if (ours.server_bits < BELL_WS_MAX_WINDOW_BITS) {
        (void)snprintf(server_bits, sizeof server_bits, "; server_max_window_bits=%d",
                       ours.server_bits);
    }
    if (ours.client_bits < BELL_WS_MAX_WINDOW_BITS) {
        (void)snprintf(client_bits, sizeof client_bits, "=%d", ours.client_bits);
    }
    int n = snprintf(
        text, BELL_WS_EXTENSION_ANSWER_BYTES, "permessage-deflate%s%s%s; client_max_window_bits%s",
        ours.server_keeps ? "" : "; server_no_context_takeover",
        ours.client_keeps ? "" : "; client_no_context_takeover", server_bits, client_bits);
    assert(n > 0 && n < BELL_WS_EXTENSION_ANSWER_BYTES);
    (void)n;
}

/* Sections 7.1.1.1 and 7.1.2.1: what was asked for must be there; sections 7.1.2.1 and 7.1.2.2: no
 * window is larger than was offered. */
static bool is_within(const offer *a, bell_ws_deflate_terms ours)
{
    bool has_asked_bits = ours.server_bits < BELL_WS_MAX_WINDOW_BITS;
    return (ours.server_keeps || a->has_server_no_context_takeover) &&
           (!has_asked_bits || a->server_bits != 0) && a->server_bits <= ours.server_bits &&
           a->client_bits <= ours.client_bits;
}

bell_status bell_ws_extension_check_answer(const bell_ws_field *answered, bool was_offered,
                                           bell_ws_deflate_terms ours, bell_ws_deflate_terms *terms)
{
    *terms = (bell_ws_deflate_terms){.server_bits = 0};
    if (answered->count == 0) {
        return BELL_OK;
    }
    if (!was_offered || answered->count > 1) {
        return BELL_EPROTO;
    }
    rest r = {answered->values[0].p, answered->values[0].p + answered->values[0].n};
    offer a = {.is_answer = true};
    if (!take_right(&r, &a) || r.p != r.end || !is_within(&a, ours)) {
        return BELL_EPROTO;
    }
    *terms = agree(&a, ours);
    /* What is not said about our window leaves us the one we have offered. */
    if (a.client_bits == 0) {
        terms->client_bits = ours.client_bits;
        terms->client_keeps = ours.client_keeps && !a.has_client_no_context_takeover;
    }
    return BELL_OK;
}

bell_ws_deflate_terms bell_ws_extension_mirrored(bell_ws_deflate_terms terms)
{
    return (bell_ws_deflate_terms){
        .server_bits = terms.client_bits,
        .client_bits = terms.server_bits,
        .server_keeps = terms.client_keeps,
        .client_keeps = terms.server_keeps,
    };
}
