/*
 * Metrics: what is counted is what happened, and the text is what Prometheus reads.
 */
#include "base/mem.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 1 << 16 };

static void on_open(struct bell_ws_server *ws, bell_conn conn,
                    const struct bell_http_request *request, void *user)
{
    (void)request, (void)user;
    assert_int_equal(bell_ws_subscribe(ws, conn, BELL_LIT("news")), BELL_OK);
    assert_int_equal(bell_ws_subscribe(ws, conn, BELL_LIT("unnamed")), BELL_OK);
}

static void on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    (void)user;
    assert_int_equal(bell_ws_send(ws, conn, m->type, m->data), BELL_OK);
}

static const struct bell_component COMPONENT = {.on_open = on_open, .on_message = on_message};

static void make(struct service *s)
{
    service_init(s, NULL);
    service_add_websocket(s, &COMPONENT, NULL);
    assert_int_equal(bell_http_server_route(s->http, "GET", "/metrics", bell_metrics_handle, NULL),
                     BELL_OK);
}

static void open_websocket(struct peer *p, uint16_t port)
{
    peer_connect(p, port);
    assert_int_equal(peer_upgrade(p, "/ws", ""), 101);
}

static bell_loop_metrics all_loops(const struct service *s)
{
    bell_loop_metrics sum = {0};
    for (uint32_t i = 0; i < bell_io_server_threads(s->io); i++) {
        bell_loop_metrics m;
        assert_int_equal(bell_metrics_loop(s->io, i, &m), BELL_OK);
        uint64_t turns = 0;
        for (size_t j = 0; j < BELL_METRICS_TURN_CLASSES; j++) {
            turns += m.turn_classes[j];
        }
        assert_int_equal(turns, m.turns);
        sum.connections += m.connections;
        sum.opened += m.opened;
        sum.refused += m.refused;
        sum.received_bytes += m.received_bytes;
        sum.sent_bytes += m.sent_bytes;
        sum.turns += m.turns;
        sum.busy_ns += m.busy_ns;
    }
    return sum;
}

static bell_ws_stats stats_of(const struct service *s)
{
    bell_ws_stats stats;
    bell_ws_server_stats(s->ws, &stats);
    return stats;
}

/* The number behind a line's name and labels in the text; -1 when the line is not there. */
static long value_in(const char *text, const char *line)
{
    char wanted[256];
    (void)snprintf(wanted, sizeof wanted, "\n%s ", line);
    const char *at = strstr(text, wanted);
    return at == NULL ? -1 : strtol(at + strlen(wanted), NULL, 10);
}

struct text {
    char *bytes;
    size_t n;
    size_t calls_left; /* then it fails */
};

static bool append(bell_slice piece, void *user)
{
    struct text *t = user;
    assert_true(t->n + piece.n < TEXT_BYTES);
    memcpy(t->bytes + t->n, piece.p, piece.n);
    t->n += piece.n;
    t->bytes[t->n] = '\0';
    return t->calls_left-- > 0;
}

static char text_room[TEXT_BYTES];

static const char *text_of(const struct service *s)
{
    struct text t = {.bytes = text_room, .calls_left = SIZE_MAX};
    assert_int_equal(bell_metrics_write_prometheus(s->io, append, &t), BELL_OK);
    return text_room;
}

static void connections_and_messages_are_counted(void **state)
{
    (void)state;
    struct service s;
    struct peer peers[3];
    peer_frame f;
    make(&s);
    service_start(&s, 2);
    for (size_t i = 0; i < 3; i++) {
        open_websocket(&peers[i], s.port);
    }
    for (size_t i = 0; i < 5; i++) {
        peer_send_frame(&peers[0], 1, BELL_LIT("hello"));
        assert_true(peer_read_frame(&peers[0], &f));
    }
    peer_send_frame(&peers[0], 9, BELL_LIT("a Ping is no message"));
    assert_true(peer_read_frame(&peers[0], &f));
    bell_loop_metrics m = all_loops(&s);
    assert_int_equal(m.connections, 3);
    assert_int_equal(m.opened, 3);
    assert_int_equal(m.refused, 0);
    /* Five frames of 11 bytes and a longer one came, and as many without mask went. */
    assert_true(m.received_bytes > 5 * 11 + 20);
    assert_true(m.sent_bytes >= 5 * 7 + 22);
    assert_true(m.turns > 5);
    assert_true(m.busy_ns > 0);
    bell_ws_stats stats = stats_of(&s);
    assert_int_equal(stats.connections, 3);
    assert_int_equal(stats.opened, 3);
    assert_int_equal(stats.received, 5);
    assert_int_equal(stats.received_bytes, 25);
    assert_int_equal(stats.sent, 5);
    assert_int_equal(stats.sent_bytes, 25);
    for (size_t i = 0; i < 3; i++) {
        peer_close(&peers[i]);
    }
    while (all_loops(&s).connections > 0) {
        (void)sched_yield();
    }
    assert_int_equal(stats_of(&s).connections, 0);
    assert_int_equal(stats_of(&s).opened, 3);
    bell_loop_metrics none;
    assert_int_equal(bell_metrics_loop(s.io, 2, &none), BELL_ENOTFOUND);
    service_finish(&s);
}

static void refused_connections_are_counted(void **state)
{
    (void)state;
    struct service s;
    struct peer first;
    struct peer second;
    bell_io_options options;
    bell_io_options_init(&options);
    options.threads = 1;
    options.max_connections = 1;
    make(&s);
    assert_int_equal(bell_io_server_create(s.http, &options, &s.io), BELL_OK);
    assert_int_equal(bell_io_server_listen(s.io, "127.0.0.1:0"), BELL_OK);
    assert_int_equal(bell_io_server_start(s.io), BELL_OK);
    open_websocket(&first, bell_io_server_port(s.io, 0));
    peer_connect(&second, bell_io_server_port(s.io, 0));
    assert_int_equal(peer_read_to_end(&second), 0);
    bell_loop_metrics m = all_loops(&s);
    assert_int_equal(m.connections, 1);
    assert_int_equal(m.opened, 1);
    assert_int_equal(m.refused, 1);
    peer_close(&first);
    peer_close(&second);
    service_finish(&s);
}

static void closes_are_counted_by_who_and_why(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    make(&s);
    service_start(&s, 1);
    open_websocket(&p, s.port);
    peer_send_frame(&p, 3, BELL_LIT("no such opcode"));
    (void)peer_read_to_end(&p);
    peer_close(&p);
    open_websocket(&p, s.port);
    peer_send_frame(&p, 8, BELL_LIT("\x0f\xa0")); /* 4000 */
    (void)peer_read_to_end(&p);
    peer_close(&p);
    open_websocket(&p, s.port);
    peer_send_frame(&p, 1, BELL_LIT("\xff"));
    (void)peer_read_to_end(&p);
    peer_close(&p);
    assert_int_equal(bell_metrics_closes(s.ws, BELL_CLOSED_BY_ENGINE, 1002), 1);
    assert_int_equal(bell_metrics_closes(s.ws, BELL_CLOSED_BY_ENGINE, 1007), 1);
    assert_int_equal(bell_metrics_closes(s.ws, BELL_CLOSED_BY_PEER, 4000), 1);
    assert_int_equal(bell_metrics_closes(s.ws, BELL_CLOSED_BY_PEER, 999), 1); /* all others */
    assert_int_equal(bell_metrics_closes(s.ws, BELL_CLOSED_BY_PEER, 1000), 0);
    assert_int_equal(bell_metrics_closes(s.ws, (bell_close_origin)7, 1000), 0);
    const char *text = text_of(&s);
    assert_true(value_in(text, "bell_websocket_closes_total"
                               "{path=\"/ws\",by=\"engine\",code=\"1002\"}") == 1);
    assert_true(value_in(text, "bell_websocket_closes_total"
                               "{path=\"/ws\",by=\"peer\",code=\"other\"}") == 1);
    service_finish(&s);
}

static void named_topics_are_counted(void **state)
{
    (void)state;
    struct service s;
    static struct peer peers[4];
    bell_topic_metrics m;
    peer_frame f;
    make(&s);
    assert_int_equal(bell_metrics_name_topic(s.ws, BELL_LIT("news")), BELL_OK);
    assert_int_equal(bell_metrics_name_topic(s.ws, BELL_LIT("news")), BELL_OK);
    assert_int_equal(bell_metrics_name_topic(s.ws, BELL_LIT("si\"lent")), BELL_OK);
    service_start(&s, 2);
    assert_int_equal(bell_metrics_name_topic(s.ws, BELL_LIT("late")), BELL_ESTATE);
    for (size_t i = 0; i < 4; i++) {
        open_websocket(&peers[i], s.port);
    }
    while (stats_of(&s).connections < 4) {
        (void)sched_yield();
    }
    assert_int_equal(bell_ws_publish(s.ws, BELL_LIT("news"), BELL_TEXT, BELL_LIT("x"), 0), BELL_OK);
    assert_int_equal(bell_ws_publish(s.ws, BELL_LIT("unnamed"), BELL_TEXT, BELL_LIT("y"), 0),
                     BELL_OK);
    assert_int_equal(bell_ws_publish(s.ws, BELL_LIT("si\"lent"), BELL_TEXT, BELL_LIT("z"), 0),
                     BELL_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_true(peer_read_frame(&peers[i], &f));
        assert_true(peer_read_frame(&peers[i], &f));
    }
    assert_int_equal(bell_metrics_topic(s.ws, BELL_LIT("news"), &m), BELL_OK);
    assert_int_equal(m.subscribers, 4);
    assert_int_equal(m.published, 1);
    assert_int_equal(m.delivered, 4);
    assert_int_equal(bell_metrics_topic(s.ws, BELL_LIT("si\"lent"), &m), BELL_OK);
    assert_int_equal(m.subscribers, 0);
    assert_int_equal(m.published, 1);
    assert_int_equal(m.delivered, 0);
    assert_int_equal(bell_metrics_topic(s.ws, BELL_LIT("unnamed"), &m), BELL_ENOTFOUND);
    assert_int_equal(bell_metrics_topic(s.ws, BELL_LIT(""), &m), BELL_ENOTFOUND);
    const char *text = text_of(&s);
    assert_true(value_in(text, "bell_topic_subscribers{path=\"/ws\",topic=\"news\"}") == 4);
    assert_true(value_in(text, "bell_topic_delivered_total{path=\"/ws\",topic=\"news\"}") == 4);
    assert_true(value_in(text, "bell_topic_published_total"
                               "{path=\"/ws\",topic=\"si\\\"lent\"}") == 1);
    assert_null(strstr(text, "unnamed"));
    peer_close(&peers[0]);
    do {
        assert_int_equal(bell_metrics_topic(s.ws, BELL_LIT("news"), &m), BELL_OK);
    } while (m.subscribers != 3);
    for (size_t i = 1; i < 4; i++) {
        peer_close(&peers[i]);
    }
    service_finish(&s);
}

static void thirty_two_topics_and_no_more(void **state)
{
    (void)state;
    enum { LONGEST = 255 };
    char longest[LONGEST + 1];
    struct service s;
    make(&s);
    for (int i = 0; i < 32; i++) {
        char name[16];
        int n = snprintf(name, sizeof name, "topic %d", i);
        assert_int_equal(bell_metrics_name_topic(s.ws, bell_slice_make(name, (size_t)n)), BELL_OK);
    }
    assert_int_equal(bell_metrics_name_topic(s.ws, BELL_LIT("topic 31")), BELL_OK);
    assert_int_equal(bell_metrics_name_topic(s.ws, BELL_LIT("one more")), BELL_ELIMIT);
    memset(longest, 'n', sizeof longest);
    assert_int_equal(bell_metrics_name_topic(s.ws, BELL_LIT("")), BELL_EINVAL);
    assert_int_equal(bell_metrics_name_topic(s.ws, bell_slice_make(longest, LONGEST)), BELL_ELIMIT);
    assert_int_equal(bell_metrics_name_topic(s.ws, bell_slice_make(longest, LONGEST + 1)),
                     BELL_EINVAL);
    bell_http_server_destroy(s.http);
    bell_ws_server_destroy(s.ws);
    assert_int_equal(bell_mem_live(), 0);
}

/* Every line is a comment or "name{labels} number", and every name has its HELP and TYPE. */
static void check_format(const char *text)
{
    char type[128] = "";
    size_t lines = 0;
    while (*text != '\0') {
        const char *end = strchr(text, '\n');
        assert_non_null(end);
        if (strncmp(text, "# TYPE ", 7) == 0) {
            size_t n = strcspn(text + 7, " ");
            assert_true(n > 0 && n < sizeof type);
            memcpy(type, text + 7, n);
            type[n] = '\0';
        } else if (strncmp(text, "# HELP ", 7) != 0) {
            char *behind;
            assert_int_equal(strncmp(text, type, strlen(type)), 0);
            const char *brace = memchr(text, '{', (size_t)(end - text));
            const char *number = memrchr(text, ' ', (size_t)(end - text));
            assert_non_null(brace);
            assert_non_null(number);
            assert_true(number[-1] == '}');
            assert_true(strtod(number, &behind) >= 0);
            assert_ptr_equal(behind, end);
            lines++;
        }
        text = end + 1;
    }
    assert_true(lines > 40);
}

static void the_text_is_served_and_well_formed(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    static char body[TEXT_BYTES];
    make(&s);
    service_start(&s, 2);
    peer_connect(&p, s.port);
    peer_send(&p, BELL_LIT("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_int_equal(read_answer(&p, body, sizeof body), 200);
    check_format(body);
    assert_non_null(strstr(body, "bell_loop_turn_seconds_bucket{loop=\"1\",le=\"+Inf\"}"));
    assert_non_null(strstr(body, "bell_loop_turn_seconds_bucket{loop=\"0\",le=\"0.000030\"}"));
    long open = value_in(body, "bell_connections{loop=\"0\"}") +
                value_in(body, "bell_connections{loop=\"1\"}");
    assert_true(open == 1);
    assert_int_equal(bell_metrics_turn_limit_us(0), 10);
    assert_int_equal(bell_metrics_turn_limit_us(9), 300000);
    assert_int_equal(bell_metrics_turn_limit_us(10), 0);
    assert_int_equal(bell_metrics_turn_limit_us(11), 0);
    peer_close(&p);
    service_finish(&s);
}

/* Writes a locale whose decimal point is a comma. Returns whether this system can. */
static bool make_comma_locale(const char *folder)
{
    char command[512];
    (void)snprintf(command, sizeof command,
                   "cd %s && printf 'LC_NUMERIC\\ndecimal_point \",\"\\nthousands_sep \"\"\\n"
                   "grouping -1\\nEND LC_NUMERIC\\n' > source && "
                   "localedef -c --no-archive -f ANSI_X3.4-1968 -i source ./comma >log 2>&1; "
                   "test -f comma/LC_NUMERIC",
                   folder);
    return system(command) == 0;
}

static void the_text_is_the_same_in_every_locale(void **state)
{
    (void)state;
    char folder[] = "/tmp/bell_locale_XXXXXX";
    char command[64];
    struct service s;
    assert_non_null(mkdtemp(folder));
    bool is_made = make_comma_locale(folder);
    assert_int_equal(setenv("LOCPATH", folder, 1), 0);
    const char *name = is_made ? setlocale(LC_NUMERIC, "comma") : NULL;
    assert_int_equal(unsetenv("LOCPATH"), 0);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
    if (name == NULL) {
        skip(); /* localedef comes with glibc alone */
    }
    assert_string_equal(localeconv()->decimal_point, ",");
    make(&s);
    service_start(&s, 2);
    const char *text = text_of(&s);
    assert_non_null(setlocale(LC_NUMERIC, "C"));
    check_format(text);
    assert_non_null(strstr(text, ",le=\"0.300000\"} "));
    service_finish(&s);
}

static void who_writes_may_stop(void **state)
{
    (void)state;
    struct service s;
    make(&s);
    service_start(&s, 1);
    for (size_t calls = 0; calls < 5; calls++) {
        struct text t = {.bytes = text_room, .calls_left = calls};
        assert_int_equal(bell_metrics_write_prometheus(s.io, append, &t), BELL_EIO);
    }
    service_finish(&s);
}

/* Readers while the loops count: for the thread sanitizer. */
static void *read_often(void *user)
{
    const struct service *s = user;
    for (int i = 0; i < 200; i++) {
        bell_loop_metrics m;
        bell_topic_metrics t;
        if (bell_metrics_loop(s->io, 0, &m) != BELL_OK ||
            bell_metrics_topic(s->ws, BELL_LIT("news"), &t) != BELL_OK) {
            return user; /* asserts are for the main thread */
        }
        (void)stats_of(s);
    }
    return NULL;
}

static void numbers_are_read_while_loops_count(void **state)
{
    (void)state;
    struct service s;
    struct peer p;
    pthread_t reader;
    peer_frame f;
    void *failed;
    make(&s);
    assert_int_equal(bell_metrics_name_topic(s.ws, BELL_LIT("news")), BELL_OK);
    service_start(&s, 2);
    open_websocket(&p, s.port);
    assert_int_equal(pthread_create(&reader, NULL, read_often, &s), 0);
    for (int i = 0; i < 200; i++) {
        peer_send_frame(&p, 1, BELL_LIT("hello"));
        assert_true(peer_read_frame(&p, &f));
    }
    assert_int_equal(pthread_join(reader, &failed), 0);
    assert_null(failed);
    assert_int_equal(stats_of(&s).received, 200);
    peer_close(&p);
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_and_messages_are_counted),
        cmocka_unit_test(refused_connections_are_counted),
        cmocka_unit_test(closes_are_counted_by_who_and_why),
        cmocka_unit_test(named_topics_are_counted),
        cmocka_unit_test(thirty_two_topics_and_no_more),
        cmocka_unit_test(the_text_is_served_and_well_formed),
        cmocka_unit_test(the_text_is_the_same_in_every_locale),
        cmocka_unit_test(who_writes_may_stop),
        cmocka_unit_test(numbers_are_read_while_loops_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
