/* Opening connections: what it costs, and what an open one takes of memory. */
#include "load.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    REST_MS = 500,
    NS_PER_MS = 1000000,
    OWN_BYTES = 160,
    /*
     * Without a handshake a connection is open before the server knows of it. One in so many has to
     * answer before the next is opened in its place, so that the queue of the listener holds all.
     */
    ASKED_EACH = 32,
};

static void on_open(struct client *c, uint32_t number)
{
    if (c->options.is_tcp && number % ASKED_EACH == 0) {
        client_say(c, number, 1);
        return;
    }
    load_open_next(c->scenario.user);
}

static void on_message(struct client *c, uint32_t number)
{
    struct load *l = c->scenario.user;
    (void)number;
    l->messages++;
    if (!l->is_over) {
        load_open_next(l);
    }
}

static void rest(struct load *l)
{
    uint64_t until_ns = bell_clock_now_ns() + (uint64_t)REST_MS * NS_PER_MS;
    while (bell_clock_now_ns() < until_ns) {
        client_turn(&l->client, LOAD_TURN_MS);
    }
}

/* Has them answer, at_once at a time. */
static void ask_all(struct load *l)
{
    uint32_t count = l->options->client.connections;
    uint64_t before = l->messages;
    for (uint32_t i = 0; i < count; i++) {
        client_say(&l->client, i, 1);
        while (i + 1 - (l->messages - before) >= l->options->at_once) {
            client_turn(&l->client, LOAD_TURN_MS);
        }
    }
    while (l->messages - before < count) {
        client_turn(&l->client, LOAD_TURN_MS);
    }
}

void load_open(struct load *l)
{
    const struct client_scenario scenario = {
        .on_open = on_open, .on_message = on_message, .user = l};
    client_init(&l->client, &l->options->client, &scenario);
    pid_t pid = l->options->pid;
    uint64_t rss_before = pid == 0 ? 0 : stats_rss_bytes(pid);
    load_begin(l);
    load_open_all(l);
    if (l->options->client.is_tcp) {
        /* They are accepted in order: when the last one answers, all are. */
        l->is_over = true;
        uint64_t before = l->messages;
        client_say(&l->client, l->options->client.connections - 1, 1);
        while (l->messages == before) {
            client_turn(&l->client, LOAD_TURN_MS);
        }
    }
    load_end(l);
    l->is_over = true;
    rest(l);
    uint64_t rss_idle = pid == 0 ? 0 : stats_rss_bytes(pid);
    ask_all(l);
    uint64_t rss_asked = pid == 0 ? 0 : stats_rss_bytes(pid);
    l->messages = l->options->client.connections;
    char own[OWN_BYTES];
    (void)snprintf(own, sizeof own,
                   "\"rss_before\": %" PRIu64 ", \"rss_idle\": %" PRIu64 ", \"rss_asked\": %" PRIu64
                   ", ",
                   rss_before, rss_idle, rss_asked);
    load_print(l, "open", "connections", own);
}

static void on_churn_open(struct client *c, uint32_t number)
{
    client_end(c, number);
}

static void on_churn_message(struct client *c, uint32_t number)
{
    (void)c;
    (void)number;
    client_fail("message", "it was not asked for");
}

static void on_churn_closed(struct client *c, uint32_t number)
{
    struct load *l = c->scenario.user;
    l->messages += l->is_measuring;
    if (l->is_over) {
        l->next--;
    } else {
        client_open(c, number);
    }
}

static bool is_all_closed(const struct load *l)
{
    return l->next == 0;
}

void load_churn(struct load *l)
{
    const struct client_scenario scenario = {.on_open = on_churn_open,
                                             .on_message = on_churn_message,
                                             .on_closed = on_churn_closed,
                                             .user = l};
    client_init(&l->client, &l->options->client, &scenario);
    for (uint32_t i = 0; i < l->options->client.connections; i++) {
        load_open_next(l);
    }
    load_run(l, is_all_closed);
    load_print(l, "churn", "connections", "");
}
