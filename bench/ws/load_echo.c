/* Echo and broadcast: how long messages take and what they cost. */
#include "load.h"

#include "base/mem.h"

static void measure(struct load *l, uint64_t sent_at_ns)
{
    if (l->is_measuring) {
        l->messages++;
        stats_add(&l->spans, l->client.now_ns - sent_at_ns);
    }
}

static void on_open(struct client *c, uint32_t number)
{
    (void)number;
    load_open_next(c->scenario.user);
}

static void on_echo(struct client *c, uint32_t number)
{
    struct load *l = c->scenario.user;
    const struct client_peer *p = &c->peers[number];
    if (p->replies == p->said) {
        client_fail("message", "it was not asked for");
    }
    measure(l, p->sent_at_ns[p->replies % c->options.depth]);
    if (!l->is_over) {
        client_say(c, number, 1);
    }
}

static bool is_all_echoed(const struct load *l)
{
    for (uint32_t i = 0; i < l->options->client.connections; i++) {
        const struct client_peer *p = &l->client.peers[i];
        if (p->replies != p->said + p->wanted) {
            return false;
        }
    }
    return true;
}

void load_echo(struct load *l)
{
    const struct client_scenario scenario = {.on_open = on_open, .on_message = on_echo, .user = l};
    client_init(&l->client, &l->options->client, &scenario);
    load_open_all(l);
    for (uint32_t i = 0; i < l->options->client.connections; i++) {
        client_say(&l->client, i, l->options->client.depth);
    }
    load_run(l, is_all_echoed);
    load_print(l, "echo", "messages", "");
}

/* Who has got what: messages are counted when the last receiver has got them. */
struct broadcast {
    struct load *load;
    uint32_t *missing; /* (owned) receivers of the messages under way, by number modulo depth */
    uint64_t complete; /* messages that all have got */
};

static void on_receiver_open(struct client *c, uint32_t number)
{
    (void)number;
    const struct broadcast *b = c->scenario.user;
    load_open_next(b->load);
}

static void say_to_all(struct broadcast *b, uint32_t messages)
{
    struct client *c = &b->load->client;
    struct client_peer *sender = &c->peers[0];
    for (uint32_t i = 0; i < messages; i++) {
        b->missing[(sender->said + sender->wanted + i) % c->options.depth] =
            c->options.connections - 1;
    }
    client_say(c, 0, messages);
}

static void on_delivery(struct client *c, uint32_t number)
{
    struct broadcast *b = c->scenario.user;
    struct load *l = b->load;
    uint64_t message = c->peers[number].replies;
    if (number == 0 || message >= c->peers[0].said) {
        client_fail("message", number == 0 ? "it came back to its sender" : "it was not sent");
    }
    l->messages += l->is_measuring;
    if (--b->missing[message % c->options.depth] > 0) {
        return;
    }
    b->complete++;
    if (l->is_measuring) {
        stats_add(&l->spans, c->now_ns - c->peers[0].sent_at_ns[message % c->options.depth]);
    }
    if (!l->is_over) {
        say_to_all(b, 1);
    }
}

static bool is_all_delivered(const struct load *l)
{
    const struct broadcast *b = l->client.scenario.user;
    const struct client_peer *sender = &l->client.peers[0];
    return b->complete == sender->said + sender->wanted;
}

void load_broadcast(struct load *l)
{
    struct broadcast b = {.load = l};
    const struct client_scenario scenario = {
        .on_open = on_receiver_open, .on_message = on_delivery, .user = &b};
    b.missing = bell_mem_zalloc_array(l->options->client.depth, sizeof *b.missing);
    if (b.missing == NULL || l->options->client.connections < 2 || l->options->client.is_tcp) {
        client_fail("broadcast", "it takes two connections, and a handshake");
    }
    client_init(&l->client, &l->options->client, &scenario);
    load_open_all(l);
    say_to_all(&b, l->options->client.depth);
    load_run(l, is_all_delivered);
    load_print(l, "broadcast", "messages", "");
    bell_mem_free(b.missing);
}
