/* The visitor's side: a connection to /ws/visitor, as the widget has it. */
#include "replay.h"

#include "base/clock.h"

#include <stdio.h>

enum { FIRST_SOURCE = 2, SOURCES = 200 };

static struct play *play_of(const struct slot *s)
{
    return &s->replay->plays[s->play];
}

static void retry_later(struct slot *s)
{
    s->connect_at_ms = s->replay->now_ms + replay_backoff_ms(s->replay, s->failures++);
}

void visitor_connect(struct slot *s)
{
    s->connect_at_ms = 0;
    s->has_welcome = false;
    s->is_asking = false;
    uint8_t source = (uint8_t)(FIRST_SOURCE + s->play % SOURCES);
    if (conn_open(&s->conn, source, "/ws/visitor", "deskbell.visitor.1", NULL) != BELL_OK) {
        retry_later(s);
    }
}

static void on_open(struct conn *c)
{
    struct slot *s = c->user;
    struct replay *r = s->replay;
    char who[ID_DIGITS + SECRET_DIGITS + 64] = "";
    if (s->visitor[0] != '\0') {
        snprintf(who, sizeof who, "\"visitor\":\"%s\",\"token\":\"%s\",", s->visitor, s->token);
    }
    replay_send(r, c,
                "{\"type\":\"hello\",\"site\":\"%s\",%s\"after\":%lld,"
                "\"page\":\"http://shop.example/lamps/%u\",\"title\":\"Lamps\","
                "\"referrer\":\"http://search.example/\",\"language\":\"en\"}",
                r->options.site, who, (long long)play_of(s)->visitor_last, (unsigned)s->play);
}

void visitor_say(struct slot *s, const char *id, bell_slice text_json)
{
    if (s->has_welcome) {
        replay_send(s->replay, &s->conn, "{\"type\":\"post\",\"id\":\"%s\",\"text\":%.*s}", id,
                    BELL_FMT(text_json));
    }
}

static void ask_history(struct slot *s)
{
    if (!s->is_asking) {
        s->is_asking = true;
        s->replay->counts.catch_ups++;
        replay_send(s->replay, &s->conn, "{\"type\":\"history\",\"after\":%lld}",
                    (long long)play_of(s)->visitor_last);
    }
}

/* Shows a message if it is the next one. */
static void take(struct slot *s, const struct shown *m)
{
    struct play *p = play_of(s);
    if (m->number <= p->visitor_last) {
        return;
    }
    if (m->number > p->visitor_last + 1) {
        ask_history(s);
        return;
    }
    p->visitor_last = m->number;
    if (s->read_due_ms == 0) {
        s->read_due_ms = s->replay->now_ms + s->replay->options.receipt_ms;
    }
    if (m->id.n > 0) {
        play_on_visitor_shows(s, m);
    }
}

static void on_welcome(struct slot *s, bell_slice visitor, bell_slice token)
{
    s->has_welcome = true;
    s->failures = 0;
    if (s->visitor[0] == '\0' && visitor.n == ID_DIGITS && token.n == SECRET_DIGITS) {
        memcpy(s->visitor, visitor.p, visitor.n);
        s->visitor[visitor.n] = '\0';
        memcpy(s->token, token.p, token.n);
        s->token[token.n] = '\0';
    } else if (visitor.n != ID_DIGITS || memcmp(visitor.p, s->visitor, ID_DIGITS) != 0) {
        replay_complain(s->replay, "play %u: the welcome is for somebody else", (unsigned)s->play);
    }
    if (s->step == SLOT_WAITING) {
        play_make_ready(s);
    } else if (s->step == SLOT_SAID && !s->is_acked &&
               !play_of(s)->dialogue->turns[s->turn].by_agent) {
        play_repeat(s);
    }
}

static void on_messages(struct slot *s, bell_slice items, bool more)
{
    struct scan scan;
    uint32_t play = s->play;
    s->is_asking = false;
    scan_init(&scan, items);
    scan_begin_array(&scan);
    /* The last turn may end the play: then this connection is no longer about it. */
    while (scan_item(&scan) && s->play == play && s->step != SLOT_LEAVING) {
        struct shown m = play_scan_message(&scan);
        take(s, &m);
    }
    if (more && s->play == play) {
        ask_history(s);
    }
}

static void on_stored(struct slot *s, bell_slice id, int64_t number)
{
    struct shown own = {.number = number, .id = id};
    /* The order matters: an acknowledgement may end the play. */
    take(s, &own);
    play_on_stored(s->replay, id, number);
}

static void on_text(struct conn *c, bell_slice text)
{
    struct slot *s = c->user;
    struct replay *r = s->replay;
    bell_slice type = {0}, visitor = {0}, token = {0}, items = {0}, message = {0};
    struct refusal refusal = {0};
    bool more = false;
    struct scan scan;
    r->last_arrival_ms = r->now_ms;
    scan_init(&scan, text);
    scan_begin_object(&scan);
    for (bell_slice key; scan_key(&scan, &key);) {
        if (scan_is(key, "type")) {
            type = scan_text(&scan);
        } else if (scan_is(key, "id")) {
            refusal.id = scan_text(&scan);
        } else if (scan_is(key, "number")) {
            refusal.number = scan_int(&scan);
        } else if (scan_is(key, "message")) {
            message = scan_skip(&scan);
        } else if (scan_is(key, "items")) {
            items = scan_skip(&scan);
        } else if (scan_is(key, "more")) {
            more = scan_bool(&scan);
        } else if (scan_is(key, "visitor")) {
            visitor = scan_text(&scan);
        } else if (scan_is(key, "token")) {
            token = scan_text(&scan);
        } else if (scan_is(key, "error")) {
            refusal.error = scan_text(&scan);
        } else if (scan_is(key, "retry_after_ms")) {
            refusal.retry_after_ms = scan_int(&scan);
        } else {
            scan_skip(&scan);
        }
    }
    if (scan.failed) {
        replay_complain(r, "the visitor cannot read: %.*s", BELL_FMT(text));
    } else if (scan_is(type, "message")) {
        scan_init(&scan, message);
        struct shown m = play_scan_message(&scan);
        if (s->has_welcome) { /* What came before, the first page has. */
            take(s, &m);
        }
    } else if (scan_is(type, "stored")) {
        on_stored(s, refusal.id, refusal.number);
    } else if (scan_is(type, "welcome")) {
        on_welcome(s, visitor, token);
    } else if (scan_is(type, "messages")) {
        on_messages(s, items, more);
    } else if (scan_is(type, "refused")) {
        if (refusal.id.n == 0 &&
            (scan_is(refusal.error, "rate_limited") || scan_is(refusal.error, "busy"))) {
            r->counts.refused++;
            conn_close(c); /* It was hello: comes again later. */
        } else {
            play_on_refused(r, &refusal);
        }
    }
}

static void on_closed(struct conn *c, unsigned code)
{
    struct slot *s = c->user;
    (void)code;
    s->has_welcome = false;
    s->is_asking = false;
    if (s->step == SLOT_LEAVING) {
        play_begin(s);
    } else if (s->step != SLOT_FREE) {
        s->replay->counts.lost++;
        retry_later(s);
    }
}

const struct conn_events VISITOR_EVENTS = {on_open, on_text, on_closed};

void visitor_tick(struct slot *s)
{
    uint64_t now = s->replay->now_ms;
    conn_check(&s->conn, now);
    if (s->step == SLOT_FREE || s->step == SLOT_LEAVING) {
        return;
    }
    if (s->connect_at_ms != 0 && now >= s->connect_at_ms) {
        visitor_connect(s);
    }
    if (s->read_due_ms != 0 && now >= s->read_due_ms && s->has_welcome) {
        int64_t last = play_of(s)->visitor_last;
        s->read_due_ms = 0;
        if (last > s->read_sent) {
            s->read_sent = last;
            replay_send(s->replay, &s->conn, "{\"type\":\"read\",\"number\":%lld}",
                        (long long)last);
        }
    }
    if (s->retry_at_ms != 0 && now >= s->retry_at_ms && s->step == SLOT_SAID) {
        play_repeat(s);
    }
}
