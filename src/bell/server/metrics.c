#include "bell/metrics.h"

#include "base/buf.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "base/versioned.h"
#include "bell/http_server.h"
#include "bell/server/http_server_internal.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/metrics_internal.h"
#include "bell/server/server_loop.h"
#include "bell/server/ws_server_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    LINE_BYTES = 1024,
    LABEL_BYTES = 2 * BELL_TOPIC_NAME_MAX_BYTES + 1, /* each byte escaped */
    MAX_TEXT_BYTES = 4 * 1024 * 1024,
    US_PER_S = 1000000,
    NS_PER_S = 1000000000,
};

_Static_assert((size_t)BELL_METRICS_TURN_CLASSES == (size_t)BELL_LOOP_TURN_CLASSES,
               "the classes of loops are those that are told");

/* ---- structs ---- */

uint32_t bell_metrics_turn_limit_us(size_t index)
{
    return index < BELL_LOOP_TURN_CLASSES - 1 ? bell_loop_turn_limits_us[index] : 0;
}

static bell_loop_metrics loop_read(const struct bell_server_loop *home)
{
    const struct bell_loop_counters *l = &home->loop.counters;
    /* This one first, for one that opens and ends meanwhile. Yet the loads may come to pass in
     * either order, so fewer than none is none. */
    uint64_t closed = bell_counter_read(&home->counters.closed);
    bell_loop_metrics m = {
        .opened = bell_counter_read(&home->counters.opened),
        .refused = bell_counter_read(&home->counters.refused),
        .accept_failures = bell_counter_read(&home->counters.accept_failures),
        .received_bytes = bell_counter_read(&l->received_bytes),
        .sent_bytes = bell_counter_read(&l->sent_bytes),
        .busy_ns = bell_counter_read(&l->busy_ns),
    };
    m.connections = m.opened > closed ? m.opened - closed : 0;
    for (size_t i = 0; i < BELL_METRICS_TURN_CLASSES; i++) {
        m.turn_classes[i] = bell_counter_read(&l->turns[i]);
        m.turns += m.turn_classes[i];
    }
    return m;
}

bell_status bell_metrics_loop_sized(const struct bell_io_server *io, uint32_t loop,
                                    bell_loop_metrics *out, size_t out_bytes)
{
    if (loop >= io->loop_count) {
        return BELL_ENOTFOUND;
    }
    bell_loop_metrics m = loop_read(&io->loops[loop]);
    bell_versioned_write(out, out_bytes, &m, sizeof m);
    return BELL_OK;
}

/* ---- closes ---- */

static size_t code_class(uint16_t code)
{
    return code >= BELL_CLOSE_FIRST_CODE && code < BELL_CLOSE_FIRST_CODE + BELL_CLOSE_CODES
               ? (size_t)code - BELL_CLOSE_FIRST_CODE
               : (size_t)BELL_CLOSE_CODES;
}

void bell_metrics_count_close(struct bell_ws_loop *loop, const bell_close_event *event)
{
    bell_counter_add(&loop->closes[event->origin][code_class(event->code)], 1);
    if (event->why == BELL_ETIMEOUT) {
        bell_counter_add(&loop->timeouts, 1);
    }
}

static uint64_t closes_read(const struct bell_ws_server *ws, size_t origin, size_t class)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ws->loop_count; i++) {
        sum += bell_counter_read(&ws->loops[i].closes[origin][class]);
    }
    return sum;
}

uint64_t bell_metrics_closes(const struct bell_ws_server *ws, bell_close_origin origin,
                             uint16_t code)
{
    return (unsigned)origin < BELL_CLOSE_ORIGINS ? closes_read(ws, origin, code_class(code)) : 0;
}

/* ---- topics ---- */

size_t bell_metrics_find_topic(const struct bell_ws_server *ws, uint64_t hash)
{
    size_t i = 0;
    while (i < ws->named_topic_count && ws->named_topics[i].hash != hash) {
        i++;
    }
    return i;
}

void bell_metrics_count_topic(struct bell_ws_loop *loop, uint64_t hash, uint64_t subscribers,
                              uint64_t delivered)
{
    size_t i = bell_metrics_find_topic(loop->ws, hash);
    if (i < loop->ws->named_topic_count) {
        bell_counter_add(&loop->named_topics[i].subscribers, subscribers);
        bell_counter_add(&loop->named_topics[i].delivered, delivered);
    }
}

bell_status bell_metrics_name_topic(struct bell_ws_server *ws, bell_slice topic)
{
    if (ws->io != NULL && ws->io->phase != BELL_IO_NEW) {
        return BELL_ESTATE;
    }
    if (!bell_topic_is_name(topic)) {
        return BELL_EINVAL;
    }
    uint64_t hash = bell_topic_hash(topic);
    size_t index = bell_metrics_find_topic(ws, hash);
    if (index < ws->named_topic_count) {
        return BELL_OK;
    }
    if (index == BELL_WS_MAX_NAMED_TOPICS) {
        return BELL_ELIMIT;
    }
    char *name = bell_mem_copy_text(topic);
    if (name == NULL) {
        return BELL_ENOMEM;
    }
    ws->named_topics[index].name = bell_slice_make(name, topic.n);
    ws->named_topics[index].hash = hash;
    ws->named_topic_count++;
    return BELL_OK;
}

void bell_metrics_forget_topics(struct bell_ws_server *ws)
{
    for (size_t i = 0; i < ws->named_topic_count; i++) {
        bell_mem_free_text(ws->named_topics[i].name);
    }
}

static bell_topic_metrics topic_read(const struct bell_ws_server *ws, size_t index)
{
    bell_topic_metrics m = {.published = atomic_load_explicit(&ws->named_topics[index].published,
                                                              memory_order_relaxed)};
    for (uint32_t i = 0; i < ws->loop_count; i++) {
        m.subscribers += bell_counter_read(&ws->loops[i].named_topics[index].subscribers);
        m.delivered += bell_counter_read(&ws->loops[i].named_topics[index].delivered);
    }
    return m;
}

bell_status bell_metrics_topic_sized(const struct bell_ws_server *ws, bell_slice topic,
                                     bell_topic_metrics *out, size_t out_bytes)
{
    size_t index = bell_topic_is_name(topic) ? bell_metrics_find_topic(ws, bell_topic_hash(topic))
                                             : ws->named_topic_count;
    if (index == ws->named_topic_count) {
        return BELL_ENOTFOUND;
    }
    bell_topic_metrics m = topic_read(ws, index);
    bell_versioned_write(out, out_bytes, &m, sizeof m);
    return BELL_OK;
}

/* ---- text ---- */

struct writer {
    bell_metrics_write_fn write;
    void *user;
    bool has_failed;
};

static void say(struct writer *w, const char *fmt, ...) BELL_PRINTF(2, 3);

/* One or more lines, which are short enough: names are ours and labels have a limit. */
static void say(struct writer *w, const char *fmt, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    if (w->has_failed) {
        return;
    }
    va_start(arguments, fmt);
    int n = vsnprintf(line, sizeof line, fmt, arguments);
    va_end(arguments);
    w->has_failed =
        n < 0 || (size_t)n >= sizeof line || !w->write(bell_slice_make(line, (size_t)n), w->user);
}

static void say_head(struct writer *w, const char *name, const char *type, const char *help)
{
    say(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: what could end it is escaped, and what is no plain text is a question mark. */
static const char *escaped(bell_slice text, char room[LABEL_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n && n + 2 < LABEL_BYTES; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '"' || c == '\\') {
            room[n++] = '\\';
        }
        room[n++] = c < ' ' || c >= 0x7f ? '?' : (char)c;
    }
    room[n] = '\0';
    return room;
}

/* A number of each loop, by where it stands in the struct. */
struct loop_line {
    const char *name;
    const char *type;
    const char *help;
    size_t offset;
};

static const struct loop_line LOOP_LINES[] = {
    {"bell_connections", "gauge", "Accepted connections that are open.",
     offsetof(bell_loop_metrics, connections)},
    {"bell_connections_opened_total", "counter", "Connections that were accepted and opened.",
     offsetof(bell_loop_metrics, opened)},
    {"bell_connections_refused_total", "counter",
     "Connections closed at once: too many, or no memory.", offsetof(bell_loop_metrics, refused)},
    {"bell_accept_failures_total", "counter",
     "Times that accepting paused: no descriptors or memory, or a socket shut down.",
     offsetof(bell_loop_metrics, accept_failures)},
    {"bell_received_bytes_total", "counter", "Bytes from sockets.",
     offsetof(bell_loop_metrics, received_bytes)},
    {"bell_sent_bytes_total", "counter", "Bytes taken by sockets.",
     offsetof(bell_loop_metrics, sent_bytes)},
};

static void say_loops(struct writer *w, const struct bell_io_server *io)
{
    for (size_t i = 0; i < BELL_ARRAY_LEN(LOOP_LINES); i++) {
        const struct loop_line *line = &LOOP_LINES[i];
        say_head(w, line->name, line->type, line->help);
        for (uint32_t j = 0; j < io->loop_count; j++) {
            bell_loop_metrics m = loop_read(&io->loops[j]);
            uint64_t value;
            memcpy(&value, (const char *)&m + line->offset, sizeof value);
            say(w, "%s{loop=\"%" PRIu32 "\"} %" PRIu64 "\n", line->name, j, value);
        }
    }
}

static void say_turns(struct writer *w, const struct bell_io_server *io)
{
    static const char NAME[] = "bell_loop_turn_seconds";
    say_head(w, NAME, "histogram",
             "What loops do between two waits; the sum is the time they were busy.");
    for (uint32_t i = 0; i < io->loop_count; i++) {
        bell_loop_metrics m = loop_read(&io->loops[i]);
        uint64_t sum = 0;
        /* Fractions are written as integers: "%f" has the comma of the program's locale. */
        for (size_t j = 0; j < BELL_METRICS_TURN_CLASSES - 1; j++) {
            uint32_t limit_us = bell_metrics_turn_limit_us(j);
            sum += m.turn_classes[j];
            say(w, "%s_bucket{loop=\"%" PRIu32 "\",le=\"%" PRIu32 ".%06" PRIu32 "\"} %" PRIu64 "\n",
                NAME, i, limit_us / US_PER_S, limit_us % US_PER_S, sum);
        }
        say(w,
            "%s_bucket{loop=\"%" PRIu32 "\",le=\"+Inf\"} %" PRIu64 "\n"
            "%s_sum{loop=\"%" PRIu32 "\"} %" PRIu64 ".%09" PRIu64 "\n"
            "%s_count{loop=\"%" PRIu32 "\"} %" PRIu64 "\n",
            NAME, i, m.turns, NAME, i, m.busy_ns / NS_PER_S, m.busy_ns % NS_PER_S, NAME, i,
            m.turns);
    }
}

static const struct loop_line SERVER_LINES[] = {
    {"bell_websockets", "gauge", "WebSockets that are open.", offsetof(bell_ws_stats, connections)},
    {"bell_websockets_opened_total", "counter", "WebSockets that were opened.",
     offsetof(bell_ws_stats, opened)},
    {"bell_messages_received_total", "counter", "Messages given to the application.",
     offsetof(bell_ws_stats, received)},
    {"bell_message_received_bytes_total", "counter", "Their bytes, inflated.",
     offsetof(bell_ws_stats, received_bytes)},
    {"bell_messages_sent_total", "counter", "Messages put into queues, one for each receiver.",
     offsetof(bell_ws_stats, sent)},
    {"bell_message_sent_bytes_total", "counter", "Their bytes, before compression.",
     offsetof(bell_ws_stats, sent_bytes)},
    {"bell_queue_high_marks_total", "counter", "Times that a queue passed its high mark.",
     offsetof(bell_ws_stats, high_marks)},
    {"bell_messages_replaced_total", "counter",
     "Messages that a later one of the same key took the place of.",
     offsetof(bell_ws_stats, replaced)},
    {"bell_messages_dropped_total", "counter", "Messages dropped since a queue was full.",
     offsetof(bell_ws_stats, dropped)},
    {"bell_slow_receivers_total", "counter", "WebSockets closed since their queue was full.",
     offsetof(bell_ws_stats, slow_receivers)},
    {"bell_retained_values", "gauge", "Values of topics that are retained.",
     offsetof(bell_ws_stats, retained)},
    {"bell_retained_bytes", "gauge", "Bytes of their names and messages.",
     offsetof(bell_ws_stats, retained_bytes)},
    {"bell_websocket_timeouts_total", "counter",
     "WebSockets closed since the peer was silent, or did not answer our Close.",
     offsetof(bell_ws_stats, timeouts)},
};

static void say_servers(struct writer *w, const struct bell_http_server *http)
{
    char room[LABEL_BYTES];
    for (size_t i = 0; i < BELL_ARRAY_LEN(SERVER_LINES); i++) {
        const struct loop_line *line = &SERVER_LINES[i];
        say_head(w, line->name, line->type, line->help);
        for (size_t j = 0; j < http->ws_count; j++) {
            bell_ws_stats stats;
            uint64_t value;
            bell_ws_server_stats(http->ws[j], &stats);
            memcpy(&value, (const char *)&stats + line->offset, sizeof value);
            say(w, "%s{path=\"%s\"} %" PRIu64 "\n", line->name,
                escaped(bell_slice_from(http->ws[j]->path), room), value);
        }
    }
}

/* What has not happened is not told: most of the codes never come. */
static void say_closes(struct writer *w, const struct bell_http_server *http)
{
    static const char NAME[] = "bell_websocket_closes_total";
    static const char *const ORIGINS[BELL_CLOSE_ORIGINS] = {"peer", "us", "engine"};
    char room[LABEL_BYTES];
    say_head(w, NAME, "counter", "How WebSockets ended: by whom, and with which code.");
    for (size_t i = 0; i < http->ws_count; i++) {
        const char *path = escaped(bell_slice_from(http->ws[i]->path), room);
        for (size_t j = 0; j < BELL_CLOSE_ORIGINS; j++) {
            for (size_t k = 0; k <= BELL_CLOSE_CODES; k++) {
                uint64_t count = closes_read(http->ws[i], j, k);
                if (count > 0 && k == BELL_CLOSE_CODES) {
                    say(w, "%s{path=\"%s\",by=\"%s\",code=\"other\"} %" PRIu64 "\n", NAME, path,
                        ORIGINS[j], count);
                } else if (count > 0) {
                    say(w, "%s{path=\"%s\",by=\"%s\",code=\"%zu\"} %" PRIu64 "\n", NAME, path,
                        ORIGINS[j], k + BELL_CLOSE_FIRST_CODE, count);
                }
            }
        }
    }
}

static const struct loop_line TOPIC_LINES[] = {
    {"bell_topic_subscribers", "gauge", "Subscribers of a topic.",
     offsetof(bell_topic_metrics, subscribers)},
    {"bell_topic_published_total", "counter", "Messages published to it.",
     offsetof(bell_topic_metrics, published)},
    {"bell_topic_delivered_total", "counter", "Messages put into queues of its subscribers.",
     offsetof(bell_topic_metrics, delivered)},
};

static void say_topics_of(struct writer *w, const struct bell_ws_server *ws,
                          const struct loop_line *line)
{
    char path[LABEL_BYTES];
    char name[LABEL_BYTES];
    for (size_t i = 0; i < ws->named_topic_count; i++) {
        bell_topic_metrics m = topic_read(ws, i);
        uint64_t value;
        memcpy(&value, (const char *)&m + line->offset, sizeof value);
        /* Two pieces: each label may be as long as a line. */
        say(w, "%s{path=\"%s\",", line->name, escaped(bell_slice_from(ws->path), path));
        say(w, "topic=\"%s\"} %" PRIu64 "\n", escaped(ws->named_topics[i].name, name), value);
    }
}

static void say_topics(struct writer *w, const struct bell_http_server *http)
{
    size_t count = 0;
    for (size_t i = 0; i < http->ws_count; i++) {
        count += http->ws[i]->named_topic_count;
    }
    for (size_t i = 0; count > 0 && i < BELL_ARRAY_LEN(TOPIC_LINES); i++) {
        say_head(w, TOPIC_LINES[i].name, TOPIC_LINES[i].type, TOPIC_LINES[i].help);
        for (size_t j = 0; j < http->ws_count; j++) {
            say_topics_of(w, http->ws[j], &TOPIC_LINES[i]);
        }
    }
}

bell_status bell_metrics_write_prometheus(const struct bell_io_server *io,
                                          bell_metrics_write_fn write, void *user)
{
    struct writer w = {.write = write, .user = user};
    say_loops(&w, io);
    say_turns(&w, io);
    if (io->http != NULL) {
        say_servers(&w, io->http);
        say_closes(&w, io->http);
        say_topics(&w, io->http);
    }
    return w.has_failed ? BELL_EIO : BELL_OK;
}

static bool append(bell_slice text, void *user)
{
    return bell_buf_append(user, text) == BELL_OK;
}

void bell_metrics_handle(struct bell_http_request *request, void *user)
{
    const bell_http_field field = {BELL_LIT("Cache-Control"), BELL_LIT("no-store")};
    struct bell_buf body;
    (void)user;
    bell_buf_init(&body, MAX_TEXT_BYTES);
    bell_status st = bell_metrics_write_prometheus(request->server->io, append, &body);
    if (st == BELL_OK) {
        const bell_http_response response = {
            .status = 200,
            .content_type = BELL_LIT("text/plain; version=0.0.4; charset=utf-8"),
            .body = bell_buf_slice(&body),
            .fields = &field,
            .field_count = 1};
        st = bell_http_respond(request, &response);
    }
    bell_buf_finish(&body);
    (void)st; /* without an answer the peer gets 500 */
}
