/* What visitor and consoles share: whose turn it is, what was said, acknowledged and shown. */
#include "replay.h"

#include "base/clock.h"
#include "base/hex.h"

#include <stdio.h>

enum {
    ID_BYTES = 16,
    DEFAULT_RETRY_MS = 100,
    NS_PER_S = 1000 * 1000 * 1000,
    LATE_STEPS = 8, /* so many turns may be late before the schedule starts anew */
};

static uint32_t read_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_id(const struct replay *r, uint32_t play, uint32_t turn, char out[ID_DIGITS + 1])
{
    bell_hex_encode(r->nonce, sizeof r->nonce, out);
    int n = snprintf(out + 2 * sizeof r->nonce, ID_DIGITS + 1 - 2 * sizeof r->nonce, "%08x%08x",
                     (unsigned)play, (unsigned)turn);
    (void)n;
}

bool play_find(const struct replay *r, bell_slice id, uint32_t *play, uint32_t *turn)
{
    uint8_t bytes[ID_BYTES];
    if (id.n != ID_DIGITS || bell_hex_decode(id, bytes, sizeof bytes) != BELL_OK ||
        memcmp(bytes, r->nonce, sizeof r->nonce) != 0) {
        return false;
    }
    *play = read_be32(bytes + NONCE_BYTES);
    *turn = read_be32(bytes + NONCE_BYTES + 4);
    return *play < r->next_play && *turn < r->plays[*play].dialogue->turn_count;
}

static const struct turn *current_turn(const struct slot *s)
{
    return &s->replay->plays[s->play].dialogue->turns[s->turn];
}

void play_begin(struct slot *s)
{
    struct replay *r = s->replay;
    if (r->is_stopping || r->next_play >= r->options.play_count) {
        s->step = SLOT_FREE;
        return;
    }
    uint32_t index = r->next_play++;
    struct play *p = &r->plays[index];
    p->dialogue = &r->dialogues->items[index % r->dialogues->count];
    p->numbers = replay_zalloc(p->dialogue->turn_count, sizeof *p->numbers);
    p->is_acked = replay_zalloc(p->dialogue->turn_count, sizeof *p->is_acked);
    p->console_shown = replay_zalloc(r->console_count, sizeof *p->console_shown);
    p->agent = index % r->console_count;
    p->slot = (uint32_t)(s - r->slots);
    s->step = SLOT_WAITING;
    s->play = index;
    s->turn = 0;
    s->visitor[0] = '\0';
    s->token[0] = '\0';
    s->own_pending = 0;
    s->read_sent = 0;
    s->read_due_ms = 0;
    s->agent_read = 0;
    s->agent_read_due_ms = 0;
    s->failures = 0;
    visitor_connect(s);
}

void play_make_ready(struct slot *s)
{
    struct replay *r = s->replay;
    if (s->is_ready) {
        return;
    }
    s->is_ready = true;
    s->next_ready = NULL;
    if (r->ready_last == NULL) {
        r->ready_first = s;
    } else {
        r->ready_last->next_ready = s;
    }
    r->ready_last = s;
}

/* The play is over: every turn was said, or the time is up. */
static void leave(struct slot *s)
{
    s->step = SLOT_LEAVING;
    s->retry_at_ms = 0;
    s->replay->counts.played++;
    if (s->conn.state == CONN_CLOSED) {
        play_begin(s);
    } else {
        conn_close(&s->conn);
    }
}

static void send_turn(struct slot *s)
{
    const struct turn *t = current_turn(s);
    char id[ID_DIGITS + 1];
    write_id(s->replay, s->play, s->turn, id);
    if (t->by_agent) {
        console_say(&s->replay->consoles[s->replay->plays[s->play].agent], s, id, t->json);
    } else {
        visitor_say(s, id, t->json);
    }
}

void play_repeat(struct slot *s)
{
    s->retry_at_ms = 0;
    s->replay->counts.repeated++;
    send_turn(s);
}

void play_speak(struct replay *r, uint64_t now_ns)
{
    double rate = r->options.rate;
    while (r->ready_first != NULL && (r->is_stopping || rate <= 0 || now_ns >= r->next_say_ns)) {
        struct slot *s = r->ready_first;
        r->ready_first = s->next_ready;
        if (r->ready_first == NULL) {
            r->ready_last = NULL;
        }
        s->is_ready = false;
        if (s->step != SLOT_WAITING) {
            continue;
        }
        if (r->is_stopping) {
            leave(s);
            continue;
        }
        if (rate > 0) {
            /* A turn that could not go in time is not made up for: no bursts. */
            uint64_t step_ns = (uint64_t)(NS_PER_S / rate);
            r->next_say_ns += step_ns;
            if (r->next_say_ns + LATE_STEPS * step_ns < now_ns) {
                r->next_say_ns = now_ns;
            }
        }
        s->step = SLOT_SAID;
        s->is_acked = false;
        s->is_shown = false;
        s->seen = 0;
        s->said_at_ns = bell_clock_now_ns();
        if (r->begun_ns == 0) {
            r->begun_ns = s->said_at_ns;
        }
        r->counts.said++;
        send_turn(s);
    }
}

static void go_on(struct slot *s)
{
    if (!s->is_acked || !s->is_shown) {
        return;
    }
    s->turn++;
    if (s->turn == s->replay->plays[s->play].dialogue->turn_count || s->replay->is_stopping) {
        leave(s);
        return;
    }
    s->step = SLOT_WAITING;
    play_make_ready(s);
}

/* The slot in which this turn is under way, or NULL. */
static struct slot *slot_of(struct replay *r, uint32_t play, uint32_t turn)
{
    struct slot *s = &r->slots[r->plays[play].slot];
    return s->play == play && s->turn == turn && s->step == SLOT_SAID ? s : NULL;
}

static void note_number(struct replay *r, uint32_t play, uint32_t turn, int64_t number)
{
    uint32_t *known = &r->plays[play].numbers[turn];
    if (*known == 0) {
        *known = (uint32_t)number;
    } else if (*known != number) {
        replay_complain(r, "play %u turn %u has two numbers: %u and %lld", (unsigned)play,
                        (unsigned)turn, (unsigned)*known, (long long)number);
    }
}

void play_on_stored(struct replay *r, bell_slice id, int64_t number)
{
    uint32_t play = 0;
    uint32_t turn = 0;
    if (!play_find(r, id, &play, &turn)) {
        replay_complain(r, "stored names a message nobody sent: %.*s", BELL_FMT(id));
        return;
    }
    note_number(r, play, turn, number);
    if (r->plays[play].is_acked[turn] == 0) {
        r->plays[play].is_acked[turn] = 1;
        r->counts.acked++;
    }
    struct slot *s = slot_of(r, play, turn);
    if (s != NULL && !s->is_acked) {
        s->is_acked = true;
        s->retry_at_ms = 0;
        r->last_ack_ns = bell_clock_now_ns();
        samples_add(&r->to_ack, r->last_ack_ns - s->said_at_ns);
        go_on(s);
    }
}

void play_on_refused(struct replay *r, const struct refusal *why)
{
    uint32_t play = 0;
    uint32_t turn = 0;
    struct slot *s = play_find(r, why->id, &play, &turn) ? slot_of(r, play, turn) : NULL;
    if (s == NULL || s->is_acked) {
        replay_complain(r, "refused: %.*s", BELL_FMT(why->error));
        return;
    }
    r->counts.refused++;
    if (scan_is(why->error, "stale")) {
        s->seen = why->number;
        s->retry_at_ms = r->now_ms + 1;
    } else if (scan_is(why->error, "rate_limited") || scan_is(why->error, "busy")) {
        s->retry_at_ms = r->now_ms + (why->retry_after_ms > 0 ? (uint64_t)why->retry_after_ms
                                                              : DEFAULT_RETRY_MS);
    } else {
        replay_complain(r, "play %u turn %u was refused: %.*s", (unsigned)play, (unsigned)turn,
                        BELL_FMT(why->error));
        leave(s);
    }
}

/* Once, in order, unchanged, under one number; shown counts the turns shown so far. */
static void check_shown(struct replay *r, uint32_t play, uint32_t turn, const struct shown *m,
                        uint32_t *shown, const char *where)
{
    const struct play *p = &r->plays[play];
    note_number(r, play, turn, m->number);
    if (m->text.p != NULL && !scan_text_equal(m->text, p->dialogue->turns[turn].text)) {
        replay_complain(r, "play %u turn %u came changed to %s", (unsigned)play, (unsigned)turn,
                        where);
    }
    if (*shown != turn) {
        replay_complain(r, "play %u: turn %u came to %s as number %u", (unsigned)play,
                        (unsigned)turn, where, (unsigned)*shown);
    }
    *shown = turn + 1;
}

static void note_shown(struct slot *s)
{
    if (s != NULL && !s->is_shown) {
        s->is_shown = true;
        s->replay->counts.shown++;
        samples_add(&s->replay->to_other, bell_clock_now_ns() - s->said_at_ns);
        go_on(s);
    }
}

void play_on_console_shows(struct console *a, const struct shown *m, int64_t conversation)
{
    struct replay *r = a->replay;
    uint32_t play = 0;
    uint32_t turn = 0;
    if (!play_find(r, m->id, &play, &turn)) {
        replay_complain(r, "a console shows a message nobody sent");
        return;
    }
    struct play *p = &r->plays[play];
    if (p->conversation == 0) {
        p->conversation = conversation;
        r->rooms[conversation].play = play + 1;
    } else if (p->conversation != conversation) {
        replay_complain(r, "play %u turn %u came in another conversation", (unsigned)play,
                        (unsigned)turn);
    }
    check_shown(r, play, turn, m, &p->console_shown[a->index], "a console");
    r->counts.consoles++;
    if (a->index == p->agent && !p->dialogue->turns[turn].by_agent) {
        struct slot *s = &r->slots[p->slot];
        if (s->play == play && s->agent_read_due_ms == 0) {
            s->agent_read_due_ms = r->now_ms + r->options.receipt_ms;
        }
        s->agent_read = s->play == play ? m->number : s->agent_read;
        note_shown(slot_of(r, play, turn));
    }
}

void play_on_visitor_shows(struct slot *s, const struct shown *m)
{
    struct replay *r = s->replay;
    uint32_t play = 0;
    uint32_t turn = 0;
    if (!play_find(r, m->id, &play, &turn) || play != s->play) {
        replay_complain(r, "play %u: the visitor shows a message of somebody else",
                        (unsigned)s->play);
        return;
    }
    check_shown(r, play, turn, m, &r->plays[play].visitor_shown, "the visitor");
    if (r->plays[play].dialogue->turns[turn].by_agent) {
        note_shown(slot_of(r, play, turn));
    }
}

struct shown play_scan_message(struct scan *scan)
{
    struct shown m = {0};
    scan_begin_object(scan);
    for (bell_slice key; scan_key(scan, &key);) {
        if (scan_is(key, "number")) {
            m.number = scan_int(scan);
        } else if (scan_is(key, "id")) {
            m.id = scan_text(scan);
        } else if (scan_is(key, "text")) {
            m.text = scan_text(scan);
        } else {
            scan_skip(scan);
        }
    }
    return m;
}
