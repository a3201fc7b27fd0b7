/*
 * URLs of WebSockets (RFC 6455 section 3, RFC 3986).
 */
#include "base/buf.h"
#include "base/compiler.h"
#include "bell/http/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

struct url_case {
    const char *url;
    const char
        *parts; /* "secure host port authority path query socket", "-" = empty; NULL = refused */
};

static void write_part(struct bell_buf *out, bell_slice part)
{
    bell_slice shown = part.n == 0 ? BELL_LIT("-") : part;
    assert_int_equal(bell_buf_printf(out, " %.*s", BELL_FMT(shown)), BELL_OK);
}

static void reads_every_form_and_refuses_the_rest(void **state)
{
    static const struct url_case CASES[] = {
        {"ws://a", "0 a 80 a / - -"},
        {"ws://a/", "0 a 80 a / - -"},
        {"WSS://A.example/b/c?d=e&f", "1 A.example 443 A.example /b/c ?d=e&f -"},
        {"ws://a?q", "0 a 80 a / ?q -"},
        {"ws://a/?", "0 a 80 a / ? -"},
        {"ws://a:8080/x", "0 a 8080 a:8080 /x - -"},
        {"ws://a:80/x", "0 a 80 a /x - -"},
        {"wss://a:80/x", "1 a 80 a:80 /x - -"},
        {"wss://a:443", "1 a 443 a / - -"},
        {"ws://a:/x", "0 a 80 a /x - -"},
        {"ws://192.0.2.1:9/", "0 192.0.2.1 9 192.0.2.1:9 / - -"},
        {"ws://[2001:db8::1]:9/", "0 2001:db8::1 9 [2001:db8::1]:9 / - -"},
        {"ws://[::1]", "0 ::1 80 [::1] / - -"},
        {"ws://a/%20?%20/?", "0 a 80 a /%20 ?%20/? -"},
        {"ws+unix:/run/a.sock", "0 - 0 localhost / - /run/a.sock"},
        {"ws+unix:///run/a.sock:/b?c", "0 - 0 localhost /b ?c /run/a.sock"},
        {"ws+unix:/run/a b.sock:", "0 - 0 localhost / - /run/a b.sock"},
        {"ws+unix:/run/a.sock?c", "0 - 0 localhost / ?c /run/a.sock"},
        {"", NULL},
        {"ws", NULL},
        {"ws:", NULL},
        {"ws:/a", NULL},
        {"ws://", NULL},
        {"ws:///a", NULL},
        {"ws://:80/", NULL},
        {"http://a/", NULL},
        {"wsx://a/", NULL},
        {" ws://a/", NULL},
        {"ws://a/#f", NULL},
        {"ws://a#f", NULL},
        {"ws://a?#", NULL},
        {"ws://u@a/", NULL},
        {"ws://u:p@a/", NULL},
        {"ws://a b/", NULL},
        {"ws://a/b c", NULL},
        {"ws://a/\xc3\xa4", NULL},
        {"ws://\xc3\xa4/", NULL},
        {"ws://a/\r\nX: y", NULL},
        {"ws://a\\b/", NULL},
        {"ws://a:0/", NULL},
        {"ws://a:65536/", NULL},
        {"ws://a:8x/", NULL},
        {"ws://[::1/", NULL},
        {"ws://::1/", NULL},
        {"ws+unix:", NULL},
        {"ws+unix:run/a.sock", NULL},
        {"ws+unix:/a.sock:b", NULL},
        {"ws+unix:/a.sock:/b#c", NULL},
        {"wss+unix:/a.sock", NULL},
    };
    struct bell_buf parts;
    (void)state;
    bell_buf_init(&parts, 1024);
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        bell_http_url u;
        bell_status st = bell_http_url_parse(bell_slice_from(CASES[i].url), &u);
        if (CASES[i].parts == NULL) {
            if (st != BELL_EINVAL) {
                fail_msg("%s: was taken", CASES[i].url);
            }
            continue;
        }
        if (st != BELL_OK) {
            fail_msg("%s: was refused", CASES[i].url);
        }
        bell_buf_clear(&parts);
        assert_int_equal(bell_buf_printf(&parts, "%d", u.is_secure), BELL_OK);
        write_part(&parts, u.host);
        assert_int_equal(bell_buf_printf(&parts, " %u", u.port), BELL_OK);
        write_part(&parts, u.authority);
        write_part(&parts, u.path);
        write_part(&parts, u.query);
        write_part(&parts, u.socket_path);
        if (!bell_slice_equal(bell_buf_slice(&parts), bell_slice_from(CASES[i].parts))) {
            fail_msg("%s: %.*s", CASES[i].url, BELL_FMT(bell_buf_slice(&parts)));
        }
    }
    bell_buf_finish(&parts);
}

static void a_zero_byte_is_no_part_of_any_url(void **state)
{
    bell_http_url u;
    (void)state;
    assert_int_equal(bell_http_url_parse(BELL_LIT("ws://a/\0"), &u), BELL_EINVAL);
    assert_int_equal(bell_http_url_parse(BELL_LIT("ws://a\0/"), &u), BELL_EINVAL);
    assert_int_equal(bell_http_url_parse(BELL_LIT("ws+unix:/a\0b"), &u), BELL_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form_and_refuses_the_rest),
        cmocka_unit_test(a_zero_byte_is_no_part_of_any_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
