/*
 * wss: clients of ours against servers of ours with a certificate made for the test.
 */
#include "base/mem.h"
#include "certificate.h"
#include "client_app.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct told there; /* the server's end */
static struct told here;  /* the client's */
static char folder[] = "/tmp/bell_wss_XXXXXX";
static char certificate_file[64];
static char key_file[64];

struct both {
    struct service s;
    struct bell_tls *tls;
    struct bell_tls_client *trust; /* NULL: what the system trusts */
    struct bell_ws_server *client;
};

/* ---- what was agreed on, as "name protocol version" ---- */

static char agreed_here[128];    /* by the client, in its on_open */
static char agreed_upgrade[128]; /* by the server, in on_upgrade */
static char agreed_there[128];   /* and of the open connection, when a message has come */
static atomic_int agreements;

static void note_agreement(char out[128], bell_status st, const bell_tls_agreement *a)
{
    if (st == BELL_OK) {
        (void)snprintf(out, 128, "[%.*s] [%.*s] %s", (int)(a->server_name.n & 31), a->server_name.p,
                       (int)(a->protocol.n & 31), a->protocol.p,
                       a->version == BELL_TLS_1_3 ? "1.3" : "1.2");
    } else {
        (void)snprintf(out, 128, "%s", bell_status_name(st));
    }
    atomic_fetch_add(&agreements, 1); /* the text can be read by who has seen it */
}

static void agree_on_upgrade(struct bell_ws_server *ws, struct bell_http_request *r, void *user)
{
    (void)ws;
    (void)user;
    bell_tls_agreement a = {.version = BELL_TLS_1_2};
    bell_status st = bell_http_request_tls(r, &a);
    note_agreement(agreed_upgrade, st, &a);
    st = bell_ws_accept(r, NULL);
    (void)st; /* without it the client does not open, which the test waits for */
}

static void agree_on_message(struct bell_ws_server *ws, bell_conn conn, const bell_message *m,
                             void *user)
{
    (void)m;
    (void)user;
    bell_tls_agreement a = {.version = BELL_TLS_1_2};
    bell_status st = bell_ws_tls(ws, conn, &a);
    note_agreement(agreed_there, st, &a);
}

static void agree_on_open(struct bell_ws_server *ws, bell_conn conn,
                          const struct bell_http_request *r, void *user)
{
    (void)r;
    (void)user;
    bell_tls_agreement a = {.version = BELL_TLS_1_2};
    bell_status st = bell_ws_tls(ws, conn, &a);
    note_agreement(agreed_here, st, &a);
    st = bell_ws_send(ws, conn, BELL_TEXT, BELL_LIT("open"));
    (void)st; /* the test waits for it */
}

/* All but the client. */
static void both_compose(struct both *b, const struct bell_component *component,
                         const bell_ws_options *options)
{
    *b = (struct both){.trust = NULL};
    service_init(&b->s, NULL);
    service_add_websocket(&b->s, component, options);
    assert_int_equal(bell_tls_create(NULL, &b->tls), BELL_OK);
    assert_int_equal(bell_tls_add_certificate(b->tls, certificate_file, key_file), BELL_OK);
    assert_int_equal(bell_io_server_create(b->s.http, NULL, &b->s.io), BELL_OK);
    assert_int_equal(bell_io_server_listen_tls(b->s.io, "127.0.0.1:0", b->tls), BELL_OK);
    assert_int_equal(bell_io_server_listen(b->s.io, "127.0.0.1:0"), BELL_OK);
    assert_int_equal(bell_io_server_start(b->s.io), BELL_OK);
}

static void both_init(struct both *b, bool trusts, const bell_ws_options *options)
{
    bell_tls_client_options tls_options;
    bell_ws_client_options client_options;
    told_reset(&there, true);
    told_reset(&here, false);
    const struct bell_component server_component = told_component(&there);
    const struct bell_component component = told_component(&here);
    both_compose(b, &server_component, options);
    bell_ws_client_options_init(&client_options);
    if (trusts) {
        bell_tls_client_options_init(&tls_options);
        tls_options.ca_file = certificate_file;
        assert_int_equal(bell_tls_client_create(&tls_options, &b->trust), BELL_OK);
        client_options.tls = b->trust;
    }
    assert_int_equal(
        bell_ws_client_create(b->s.io, &component, options, &client_options, &b->client), BELL_OK);
}

static void both_finish(struct both *b)
{
    bell_io_server_destroy(b->s.io);
    bell_ws_server_destroy(b->client);
    bell_http_server_destroy(b->s.http);
    bell_ws_server_destroy(b->s.ws);
    bell_tls_destroy(b->tls);
    bell_tls_client_destroy(b->trust);
    assert_int_equal(bell_mem_live(), 0);
}

/* Listener 0 speaks TLS, 1 does not. */
static bell_conn connect_to(struct both *b, const char *scheme, const char *host, size_t listener,
                            const char *server_name)
{
    const bell_ws_connect_options options = {.server_name = server_name};
    char url[128];
    bell_conn conn;
    (void)snprintf(url, sizeof url, "%s://%s:%u/ws", scheme, host,
                   bell_io_server_port(b->s.io, listener));
    assert_int_equal(bell_ws_client_connect(b->client, url, &options, &conn), BELL_OK);
    return conn;
}

static void check_failed(bell_status why)
{
    wait_for(&here.closes, 1);
    assert_int_equal(atomic_load(&here.error), why);
    assert_int_equal(atomic_load(&here.errors), 1);
    assert_int_equal(atomic_load(&here.opens) + atomic_load(&there.opens), 0);
    assert_int_equal(atomic_load(&here.code), 1006);
    assert_int_equal(atomic_load(&here.origin), BELL_CLOSED_BY_ENGINE);
    assert_int_equal(atomic_load(&here.status), 0);
    assert_string_equal(told_text(there.tls_failure), ""); /* that was no connect */
}

static void messages_of_all_sizes_go_both_ways_and_closing_is_told(void **state)
{
    static const size_t SIZES[] = {0, 1, 1000, 16384, 16385, 65536, 500000};
    bell_ws_options options;
    struct both b;
    char *data = malloc(500000);
    (void)state;
    assert_non_null(data);
    memset(data, 'x', 500000);
    bell_ws_options_init(&options);
    options.deflate.is_enabled = true;
    options.deflate.threshold_bytes = 60000;
    both_init(&b, true, &options);
    bell_conn conn = connect_to(&b, "wss", "127.0.0.1", 0, NULL);
    wait_for(&here.opens, 1);
    for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
        size_t before = atomic_load(&here.bytes);
        assert_int_equal(bell_ws_send(b.client, conn, BELL_TEXT, bell_slice_make(data, SIZES[i])),
                         BELL_OK);
        wait_for(&here.messages, (int)i + 1);
        assert_int_equal(atomic_load(&here.bytes) - before, SIZES[i]);
    }
    assert_int_equal(bell_ws_close(b.client, conn, 4000, BELL_LIT("bye")), BELL_OK);
    wait_for(&here.closes, 1);
    wait_for(&there.closes, 1);
    assert_int_equal(atomic_load(&here.code), 4000);
    assert_int_equal(atomic_load(&there.code), 4000);
    assert_int_equal(atomic_load(&here.errors) + atomic_load(&there.errors), 0);
    both_finish(&b);
    free(data);
}

/* RFC 6125, RFC 9110 section 4.3.4: the certificate must be the one of the name that was asked for.
 */
static void the_certificate_must_be_that_of_the_server(void **state)
{
    struct both b;
    (void)state;
    both_init(&b, true, NULL);
    (void)connect_to(&b, "wss", "localhost", 0, NULL);
    wait_for(&here.opens, 1);
    (void)connect_to(&b, "wss", "127.0.0.1", 0, "shop.example");
    wait_for(&here.opens, 2);
    both_finish(&b);

    both_init(&b, true, NULL);
    (void)connect_to(&b, "wss", "127.0.0.1", 0, "other.example");
    check_failed(BELL_EPROTO);
    assert_string_equal(told_text(here.tls_failure), "hostname mismatch");
    both_finish(&b);
}

static void a_certificate_that_nobody_vouches_for_is_refused(void **state)
{
    struct both b;
    (void)state;
    both_init(&b, false, NULL);
    (void)connect_to(&b, "wss", "127.0.0.1", 0, NULL);
    check_failed(BELL_EPROTO);
    assert_non_null(strstr(told_text(here.tls_failure), "certificate"));
    both_finish(&b);
}

static void a_server_that_does_not_speak_tls_is_refused(void **state)
{
    struct both b;
    (void)state;
    both_init(&b, true, NULL);
    (void)connect_to(&b, "wss", "127.0.0.1", 1, NULL);
    check_failed(BELL_EPROTO);
    assert_string_equal(told_text(here.tls_failure), "wrong version number");
    both_finish(&b);
}

static void bad_names_are_refused_at_once(void **state)
{
    char name[300];
    struct both b;
    bell_conn conn;
    (void)state;
    both_init(&b, true, NULL);
    memset(name, 'a', sizeof name);
    name[256] = '\0';
    const bell_ws_connect_options options = {.server_name = name};
    assert_int_equal(bell_ws_client_connect(b.client, "wss://127.0.0.1/", &options, &conn),
                     BELL_EINVAL);
    name[0] = '\0';
    assert_int_equal(bell_ws_client_connect(b.client, "wss://127.0.0.1/", &options, &conn),
                     BELL_EINVAL);
    both_finish(&b);
}

/* RFC 6066 section 3, RFC 7301. */
static void both_ends_can_ask_what_was_agreed_on(void **state)
{
    static const struct bell_component server = {.on_upgrade = agree_on_upgrade,
                                                 .on_message = agree_on_message};
    static const struct bell_component client = {.on_open = agree_on_open};
    static const struct {
        const char *host, *name, *alpn, *agreed;
        bell_tls_version least;
        size_t listener;
    } CASES[] = {
        {"localhost", NULL, "http/1.1", "[localhost] [http/1.1] 1.3", BELL_TLS_1_3, 0},
        {"127.0.0.1", "shop.example", "http/1.1", "[shop.example] [http/1.1] 1.3", BELL_TLS_1_2, 0},
        {"127.0.0.1", NULL, NULL, "[] [] 1.3", BELL_TLS_1_2, 0}, /* an address is no name */
        {"127.0.0.1", NULL, NULL, "BELL_ENOTFOUND", BELL_TLS_1_2, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct both b;
        bell_tls_client_options tls_options;
        bell_ws_client_options options;
        bell_tls_agreement none;
        bell_ws_client_options_init(&options);
        bell_tls_client_options_init(&tls_options);
        both_compose(&b, &server, NULL);
        tls_options.ca_file = certificate_file;
        tls_options.min_version = CASES[i].least;
        tls_options.alpn = &CASES[i].alpn;
        tls_options.alpn_count = CASES[i].alpn == NULL ? 0 : 1;
        assert_int_equal(bell_tls_client_create(&tls_options, &b.trust), BELL_OK);
        options.tls = b.trust;
        assert_int_equal(bell_ws_client_create(b.s.io, &client, NULL, &options, &b.client),
                         BELL_OK);
        atomic_store(&agreements, 0);
        bell_conn conn = connect_to(&b, CASES[i].listener == 0 ? "wss" : "ws", CASES[i].host,
                                    CASES[i].listener, CASES[i].name);
        wait_for(&agreements, 3);
        assert_string_equal(agreed_upgrade, CASES[i].agreed);
        assert_string_equal(agreed_here, CASES[i].agreed);
        assert_string_equal(agreed_there, CASES[i].agreed);
        assert_int_equal(bell_ws_tls(b.client, conn, &none), BELL_ESTATE); /* not its thread */
        assert_int_equal(bell_ws_tls(b.client, 0, &none), BELL_ECLOSED);
        both_finish(&b);
    }
}

static int files_make(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(certificate_file, sizeof certificate_file, "%s/cert.pem", folder);
    (void)snprintf(key_file, sizeof key_file, "%s/key.pem", folder);
    certificate_make("DNS:localhost,DNS:shop.example,IP:127.0.0.1", certificate_file, key_file);
    return 0;
}

static int files_remove(void **state)
{
    (void)state;
    return unlink(certificate_file) == 0 && unlink(key_file) == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_all_sizes_go_both_ways_and_closing_is_told),
        cmocka_unit_test(the_certificate_must_be_that_of_the_server),
        cmocka_unit_test(a_certificate_that_nobody_vouches_for_is_refused),
        cmocka_unit_test(a_server_that_does_not_speak_tls_is_refused),
        cmocka_unit_test(bad_names_are_refused_at_once),
        cmocka_unit_test(both_ends_can_ask_what_was_agreed_on),
    };
    return cmocka_run_group_tests(tests, files_make, files_remove);
}
