#include "replay.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SHOWN_COMPLAINTS = 20,
    TICK_MS = 5,
    BACKOFF_FIRST_MS = 20,
    BACKOFF_STEPS = 5, /* doubles so often */
    NS_PER_MS = 1000 * 1000,
    EXTRA_ROOMS = 1024,
    FIRST_LINE_BYTES = 4096,
};

static const double NS_PER_S = 1e9;

void *replay_zalloc(size_t count, size_t size_bytes)
{
    void *p = bell_mem_zalloc_array(count, size_bytes);
    if (p == NULL) {
        fputs("replay: no memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    return p;
}

void replay_send(struct replay *r, struct conn *c, const char *fmt, ...)
{
    /* First into what room there is; when it is too little, once more. */
    for (size_t room = FIRST_LINE_BYTES; room <= LINE_MAX_BYTES; room *= 2) {
        bell_buf_clear(&r->line);
        if (bell_buf_reserve(&r->line, room) != BELL_OK) {
            break;
        }
        va_list args;
        va_start(args, fmt);
        int n = vsnprintf(r->line.p, r->line.capacity, fmt, args);
        va_end(args);
        if (n >= 0 && (size_t)n < r->line.capacity) {
            conn_send(c, bell_slice_make(r->line.p, (size_t)n));
            return;
        }
    }
    fputs("replay: a command is too long\n", stderr);
    exit(EXIT_FAILURE);
}

void replay_complain(struct replay *r, const char *fmt, ...)
{
    if (r->counts.errors++ < SHOWN_COMPLAINTS) {
        va_list args;
        va_start(args, fmt);
        fputs("replay: ", stderr);
        vfprintf(stderr, fmt, args);
        fputc('\n', stderr);
        va_end(args);
    }
}

uint64_t replay_backoff_ms(const struct replay *r, uint32_t failures)
{
    (void)r;
    uint64_t limit = (uint64_t)BACKOFF_FIRST_MS
                     << (failures < BACKOFF_STEPS ? failures : BACKOFF_STEPS);
    uint32_t random = 0;
    bell_random_fill(&random, sizeof random);
    return limit / 2 + random % limit;
}

bell_status replay_init(struct replay *r, const struct replay_options *options,
                        const struct dialogues *dialogues, const char *const *cookies,
                        uint32_t cookie_count)
{
    *r = (struct replay){.options = *options, .dialogues = dialogues};
    assert(cookie_count > 0 && cookie_count <= MAX_AGENTS);
    bell_status st = client_init(&r->client, options->address, options->port,
                                 (size_t)options->slot_count + cookie_count);
    if (st != BELL_OK) {
        return st;
    }
    bell_random_fill(r->nonce, sizeof r->nonce);
    r->console_count = cookie_count;
    r->room_count = (size_t)options->play_count + EXTRA_ROOMS;
    r->plays = replay_zalloc(options->play_count, sizeof *r->plays);
    r->slots = replay_zalloc(options->slot_count, sizeof *r->slots);
    r->consoles = replay_zalloc(cookie_count, sizeof *r->consoles);
    r->rooms = replay_zalloc(r->room_count, sizeof *r->rooms);
    bell_buf_init(&r->line, LINE_MAX_BYTES);
    size_t turns = 0;
    for (uint32_t i = 0; i < options->play_count; i++) {
        turns += dialogues->items[i % dialogues->count].turn_count;
    }
    samples_init(&r->to_ack, turns);
    samples_init(&r->to_other, turns);
    for (uint32_t i = 0; i < options->slot_count; i++) {
        r->slots[i].replay = r;
        conn_init(&r->slots[i].conn, &r->client, &VISITOR_EVENTS, &r->slots[i]);
    }
    for (uint32_t i = 0; i < cookie_count; i++) {
        struct console *a = &r->consoles[i];
        a->replay = r;
        a->index = i;
        snprintf(a->cookie, sizeof a->cookie, "%s", cookies[i]);
        conn_init(&a->conn, &r->client, &CONSOLE_EVENTS, a);
    }
    return BELL_OK;
}

void replay_finish(struct replay *r)
{
    for (uint32_t i = 0; i < r->options.slot_count; i++) {
        conn_finish(&r->slots[i].conn);
    }
    for (uint32_t i = 0; i < r->console_count; i++) {
        conn_finish(&r->consoles[i].conn);
    }
    for (uint32_t i = 0; i < r->next_play; i++) {
        bell_mem_free(r->plays[i].numbers);
        bell_mem_free(r->plays[i].is_acked);
        bell_mem_free(r->plays[i].console_shown);
    }
    for (size_t i = 0; i < r->room_count; i++) {
        bell_mem_free(r->rooms[i].last);
    }
    samples_finish(&r->to_ack);
    samples_finish(&r->to_other);
    bell_mem_free(r->plays);
    bell_mem_free(r->slots);
    bell_mem_free(r->consoles);
    bell_mem_free(r->rooms);
    bell_buf_finish(&r->line);
    client_finish(&r->client);
}

/* What is due by time; not in every turn of the loop, since it looks at everybody. */
static void tick(struct replay *r)
{
    for (uint32_t i = 0; i < r->console_count; i++) {
        console_tick(&r->consoles[i]);
    }
    for (uint32_t i = 0; i < r->options.slot_count; i++) {
        struct slot *s = &r->slots[i];
        visitor_tick(s);
        if (s->agent_read_due_ms != 0 && r->now_ms >= s->agent_read_due_ms) {
            s->agent_read_due_ms = 0;
            console_send_read(&r->consoles[r->plays[s->play].agent], s);
        }
    }
}

static bool all_consoles_welcome(const struct replay *r)
{
    for (uint32_t i = 0; i < r->console_count; i++) {
        if (!r->consoles[i].has_welcome) {
            return false;
        }
    }
    return true;
}

static bool is_over(const struct replay *r)
{
    for (uint32_t i = 0; i < r->options.slot_count; i++) {
        if (r->slots[i].step != SLOT_FREE) {
            return false;
        }
    }
    /* Every console has to see every turn, not only the one that answers. */
    return r->counts.consoles >= r->counts.acked * r->console_count;
}

static void one_turn(struct replay *r, uint64_t *next_tick_ms)
{
    uint64_t now_ns = bell_clock_now_ns();
    r->now_ms = now_ns / NS_PER_MS;
    if (r->options.seconds > 0 && r->begun_ns != 0 &&
        (double)(now_ns - r->begun_ns) > r->options.seconds * NS_PER_S) {
        r->is_stopping = true;
    }
    if (r->options.stop != NULL && *r->options.stop != 0) {
        r->is_stopping = true;
    }
    if (r->now_ms >= *next_tick_ms) {
        tick(r);
        *next_tick_ms = r->now_ms + TICK_MS;
    }
    play_speak(r, now_ns);
    client_turn(&r->client, r->options.rate > 0 ? 1 : TICK_MS);
}

bool replay_run(struct replay *r)
{
    uint64_t next_tick_ms = 0;
    r->now_ms = bell_clock_now_ms();
    r->last_arrival_ms = r->now_ms;
    for (uint32_t i = 0; i < r->console_count; i++) {
        console_connect(&r->consoles[i]);
    }
    bool has_begun = false;
    while (!has_begun || !is_over(r)) {
        one_turn(r, &next_tick_ms);
        if (!has_begun && all_consoles_welcome(r)) {
            has_begun = true;
            r->next_say_ns = bell_clock_now_ns();
            for (uint32_t i = 0; i < r->options.slot_count; i++) {
                play_begin(&r->slots[i]);
            }
        }
        if (r->now_ms > r->last_arrival_ms + r->options.patience_ms) {
            replay_complain(
                r,
                "nothing has arrived for %" PRIu64 " ms; said %" PRIu64 ", acknowledged %" PRIu64
                ", at the other side %" PRIu64 ", at consoles %" PRIu64 " of %" PRIu64,
                r->options.patience_ms, r->counts.said, r->counts.acked, r->counts.shown,
                r->counts.consoles, r->counts.acked * r->console_count);
            return false;
        }
    }
    if (r->counts.acked != r->counts.said || r->counts.shown != r->counts.said) {
        replay_complain(r, "said %" PRIu64 " turns, acknowledged %" PRIu64 ", shown %" PRIu64,
                        r->counts.said, r->counts.acked, r->counts.shown);
    }
    return r->counts.errors == 0;
}

static void print_percentiles(const char *name, struct samples *s)
{
    static const double PERCENTS[] = {50, 95, 99};
    for (size_t i = 0; i < BELL_ARRAY_LEN(PERCENTS); i++) {
        printf("%s_p%.0f_us %" PRIu32 "\n", name, PERCENTS[i],
               samples_percentile_us(s, PERCENTS[i]));
    }
    printf("%s_max_us %" PRIu32 "\n", name, samples_percentile_us(s, 100));
}

void replay_print(struct replay *r)
{
    const struct replay_counts *c = &r->counts;
    double seconds =
        r->last_ack_ns > r->begun_ns ? (double)(r->last_ack_ns - r->begun_ns) / NS_PER_S : 0;
    printf("said %" PRIu64 "\nacked %" PRIu64 "\nshown %" PRIu64 "\nplayed %" PRIu64 "\n", c->said,
           c->acked, c->shown, c->played);
    printf("repeated %" PRIu64 "\nrefused %" PRIu64 "\nlost %" PRIu64 "\ncatch_ups %" PRIu64
           "\nerrors %" PRIu64 "\n",
           c->repeated, c->refused, c->lost, c->catch_ups, c->errors);
    printf("seconds %.3f\nacked_per_s %.1f\n", seconds,
           seconds > 0 ? (double)c->acked / seconds : 0);
    print_percentiles("ack", &r->to_ack);
    print_percentiles("other", &r->to_other);
}

static void write_play(const struct replay *r, uint32_t index, FILE *file)
{
    const struct play *p = &r->plays[index];
    fprintf(file,
            "{\"play\":%" PRIu32 ",\"dialogue\":%" PRIu32 ",\"conversation\":%" PRId64
            ",\"visitor_last\":%" PRId64 ",\"visitor_shown\":%" PRIu32 ",\"numbers\":[",
            index, index % r->dialogues->count, p->conversation, p->visitor_last, p->visitor_shown);
    for (uint32_t i = 0; i < p->dialogue->turn_count; i++) {
        fprintf(file, "%s%" PRIu32, i == 0 ? "" : ",", p->is_acked[i] != 0 ? p->numbers[i] : 0);
    }
    fputs("],\"console_last\":[", file);
    const int64_t *last = p->conversation > 0 ? r->rooms[p->conversation].last : NULL;
    for (uint32_t i = 0; i < r->console_count; i++) {
        fprintf(file, "%s%" PRId64, i == 0 ? "" : ",", last == NULL ? 0 : last[i]);
    }
    fputs("]}\n", file);
}

bool replay_write_transcript(const struct replay *r, const char *path)
{
    FILE *file = fopen(path, "wxe");
    if (file == NULL) {
        fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
        return false;
    }
    char nonce[2 * NONCE_BYTES + 1];
    bell_hex_encode(r->nonce, sizeof r->nonce, nonce);
    fprintf(file, "{\"nonce\":\"%s\"}\n", nonce);
    for (uint32_t i = 0; i < r->next_play; i++) {
        write_play(r, i, file);
    }
    return fclose(file) == 0;
}
