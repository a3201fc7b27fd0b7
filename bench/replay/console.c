/* The agents' side: a connection to /ws/agent, as the console has it. */
#include "replay.h"

#include <stdio.h>

enum { CONSOLE_SOURCE = 1 };

static void retry_later(struct console *a)
{
    a->connect_at_ms = a->replay->now_ms + replay_backoff_ms(a->replay, a->failures++);
}

void console_connect(struct console *a)
{
    a->connect_at_ms = 0;
    if (conn_open(&a->conn, CONSOLE_SOURCE, "/ws/agent", "deskbell.agent.1", a->cookie) !=
        BELL_OK) {
        retry_later(a);
    }
}

static void on_open(struct conn *c)
{
    conn_send(c, BELL_LIT("{\"type\":\"hello\"}"));
}

void console_say(struct console *a, const struct slot *s, const char *id, bell_slice text_json)
{
    if (!a->has_welcome) {
        return;
    }
    int64_t conversation = a->replay->plays[s->play].conversation;
    int64_t seen = a->replay->rooms[conversation].last[a->index];
    replay_send(a->replay, &a->conn,
                "{\"type\":\"post\",\"id\":\"%s\",\"conversation\":%lld,\"text\":%.*s,"
                "\"seen\":%lld}",
                id, (long long)conversation, BELL_FMT(text_json),
                (long long)(s->seen > seen ? s->seen : seen));
}

static void ask_events(struct console *a)
{
    if (!a->is_asking) {
        a->is_asking = true;
        a->replay->counts.catch_ups++;
        replay_send(a->replay, &a->conn, "{\"type\":\"events\",\"after\":%lld,\"limit\":500}",
                    (long long)a->event);
    }
}

/* The room of a conversation, whose number is a row of a fresh store; NULL when it cannot be. */
static struct room *room_of(struct replay *r, int64_t conversation)
{
    if (conversation < 1 || (size_t)conversation >= r->room_count) {
        replay_complain(r, "a conversation with number %lld", (long long)conversation);
        return NULL;
    }
    struct room *room = &r->rooms[conversation];
    if (room->last == NULL) {
        room->last = replay_zalloc(r->console_count, sizeof *room->last);
    }
    return room;
}

static void show_message(struct console *a, int64_t conversation, const struct shown *m)
{
    struct room *room = room_of(a->replay, conversation);
    if (room == NULL) {
        return;
    }
    int64_t *last = &room->last[a->index];
    if (m->number != *last + 1) {
        replay_complain(a->replay, "conversation %lld: console %u has %lld, then came %lld",
                        (long long)conversation, (unsigned)a->index, (long long)*last,
                        (long long)m->number);
    }
    *last = m->number;
    if (m->id.n > 0) {
        play_on_console_shows(a, m, conversation);
    }
}

/* Takes a desk event if it is the next one; tells whether it was. */
static void take_event(struct console *a, struct scan *scan)
{
    int64_t number = 0;
    int64_t conversation = 0;
    struct shown message = {0};
    scan_begin_object(scan);
    for (bell_slice key; scan_key(scan, &key);) {
        if (scan_is(key, "event")) {
            number = scan_int(scan);
        } else if (scan_is(key, "conversation")) {
            conversation = scan_int(scan);
        } else if (scan_is(key, "message")) {
            message = play_scan_message(scan);
        } else {
            scan_skip(scan);
        }
    }
    if (number > a->high) {
        a->high = number;
    }
    if (scan->failed || number <= a->event) {
        return;
    }
    if (number > a->event + 1) {
        ask_events(a);
        return;
    }
    a->event = number;
    if (a->delivered_due_ms == 0) {
        a->delivered_due_ms = a->replay->now_ms + a->replay->options.receipt_ms;
    }
    if (message.number > 0) {
        show_message(a, conversation, &message);
    }
}

static void on_events(struct console *a, bell_slice items, int64_t last)
{
    struct scan scan;
    int64_t before = a->event;
    a->is_asking = false;
    scan_init(&scan, items);
    scan_begin_array(&scan);
    while (scan_item(&scan)) {
        take_event(a, &scan);
    }
    if (last > a->high) {
        a->high = last;
    }
    if (a->event == before && a->high > before) {
        replay_complain(a->replay, "console %u asked for events after %lld in vain",
                        (unsigned)a->index, (long long)before);
    } else if (a->high > a->event) {
        ask_events(a);
    }
}

/* What was not acknowledged before the connection was lost is said again. */
static void repeat_all(struct console *a)
{
    struct replay *r = a->replay;
    for (uint32_t i = 0; i < r->options.slot_count; i++) {
        struct slot *s = &r->slots[i];
        if (s->step == SLOT_SAID && !s->is_acked && r->plays[s->play].agent == a->index &&
            r->plays[s->play].dialogue->turns[s->turn].by_agent) {
            play_repeat(s);
        }
    }
}

static void on_welcome(struct console *a, int64_t event)
{
    a->has_welcome = true;
    a->failures = 0;
    a->is_asking = false;
    if (!a->was_welcome) {
        a->was_welcome = true;
        a->event = event;
        a->high = event;
        conn_send(&a->conn, BELL_LIT("{\"type\":\"status\",\"status\":\"online\"}"));
        return;
    }
    if (event < a->event) {
        replay_complain(a->replay, "console %u had event %lld, the desk has only %lld",
                        (unsigned)a->index, (long long)a->event, (long long)event);
    }
    if (event > a->event) {
        a->high = event > a->high ? event : a->high;
        ask_events(a);
    }
    repeat_all(a);
}

static void on_text(struct conn *c, bell_slice text)
{
    struct console *a = c->user;
    struct replay *r = a->replay;
    bell_slice type = {0}, items = {0}, event = {0};
    struct refusal refusal = {0};
    int64_t last = 0;
    struct scan scan;
    r->last_arrival_ms = r->now_ms;
    scan_init(&scan, text);
    scan_begin_object(&scan);
    for (bell_slice key; scan_key(&scan, &key);) {
        if (scan_is(key, "type")) {
            type = scan_text(&scan);
        } else if (scan_is(key, "event")) {
            event = scan_skip(&scan);
        } else if (scan_is(key, "id")) {
            refusal.id = scan_text(&scan);
        } else if (scan_is(key, "number")) {
            refusal.number = scan_int(&scan);
        } else if (scan_is(key, "items")) {
            items = scan_skip(&scan);
        } else if (scan_is(key, "last")) {
            last = scan_int(&scan);
        } else if (scan_is(key, "error")) {
            refusal.error = scan_text(&scan);
        } else if (scan_is(key, "retry_after_ms")) {
            refusal.retry_after_ms = scan_int(&scan);
        } else {
            scan_skip(&scan);
        }
    }
    bool failed = scan.failed;
    scan_init(&scan, event);
    if (failed) {
        replay_complain(r, "a console cannot read: %.*s", BELL_FMT(text));
    } else if (scan_is(type, "desk_event")) {
        if (a->has_welcome) { /* What came before, welcome counts in. */
            take_event(a, &scan);
        }
    } else if (scan_is(type, "stored")) {
        play_on_stored(r, refusal.id, refusal.number);
    } else if (scan_is(type, "events")) {
        on_events(a, items, last);
    } else if (scan_is(type, "welcome")) {
        on_welcome(a, scan_int(&scan));
    } else if (scan_is(type, "refused")) {
        play_on_refused(r, &refusal);
    }
}

static void on_closed(struct conn *c, unsigned code)
{
    enum { HTTP_UNAUTHORIZED = 401, SESSION_ENDED = 4401 };
    struct console *a = c->user;
    a->has_welcome = false;
    a->is_asking = false;
    a->replay->counts.lost++;
    if (code == HTTP_UNAUTHORIZED || code == SESSION_ENDED) {
        replay_complain(a->replay, "console %u is no longer logged in", (unsigned)a->index);
    }
    retry_later(a);
}

const struct conn_events CONSOLE_EVENTS = {on_open, on_text, on_closed};

void console_send_read(struct console *a, const struct slot *s)
{
    if (a->has_welcome) {
        replay_send(a->replay, &a->conn,
                    "{\"type\":\"read\",\"conversation\":%lld,\"number\":%lld}",
                    (long long)a->replay->plays[s->play].conversation, (long long)s->agent_read);
    }
}

void console_tick(struct console *a)
{
    uint64_t now = a->replay->now_ms;
    conn_check(&a->conn, now);
    if (a->connect_at_ms != 0 && now >= a->connect_at_ms) {
        console_connect(a);
    }
    if (a->delivered_due_ms != 0 && now >= a->delivered_due_ms && a->has_welcome) {
        a->delivered_due_ms = 0;
        replay_send(a->replay, &a->conn, "{\"type\":\"delivered\",\"event\":%lld}",
                    (long long)a->event);
    }
}
