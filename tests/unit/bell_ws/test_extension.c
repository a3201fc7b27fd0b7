/*
 * Negotiation of permessage-deflate, rule by rule. The tables name the sections of RFC 7692, or of
 * RFC 6455 where that is said.
 */
#include "base/compiler.h"
#include "bell/ws/extension.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* What the server has in mind, as written in ours_of: window bits and takeover of both sides. */
static const bell_ws_deflate_terms FRESH = {.server_bits = 15, .client_bits = 15};
static const bell_ws_deflate_terms KEEPING = {
    .server_bits = 15, .client_bits = 15, .server_keeps = true, .client_keeps = true};
static const bell_ws_deflate_terms SMALL = {
    .server_bits = 10, .client_bits = 11, .server_keeps = true, .client_keeps = true};

struct offer_case {
    const char *offered;
    const char *answer; /* NULL = nothing agreed on */
};

/* "server client", each as bits and "k" when it keeps its context. */
static void terms_write(char out[32], bell_ws_deflate_terms t)
{
    (void)snprintf(out, 32, "%d%s %d%s", t.server_bits, t.server_keeps ? "k" : "", t.client_bits,
                   t.client_keeps ? "k" : "");
}

/* One line per "\n". */
static bool negotiate(const char *offered, bell_ws_deflate_terms ours, bell_ws_deflate_terms *terms,
                      char *answer)
{
    bell_slice lines[8];
    bell_ws_field field = {.values = lines};
    while (offered != NULL) {
        size_t n = strcspn(offered, "\n");
        lines[field.count++] = bell_slice_make(offered, n);
        offered = offered[n] == '\0' ? NULL : offered + n + 1;
    }
    return bell_ws_extension_negotiate(&field, ours, terms, answer);
}

static void check_cases(bell_ws_deflate_terms ours, const struct offer_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char answer[BELL_WS_EXTENSION_ANSWER_BYTES] = "untouched";
        bell_ws_deflate_terms terms = {.server_bits = 0};
        bool has_agreed = negotiate(cases[i].offered, ours, &terms, answer);
        if (cases[i].answer == NULL) {
            if (has_agreed || terms.server_bits != 0 || strcmp(answer, "untouched") != 0) {
                fail_msg("%s: was accepted: %s", cases[i].offered, answer);
            }
        } else if (!has_agreed || strcmp(answer, cases[i].answer) != 0) {
            fail_msg("%s: expected %s, got %s", cases[i].offered, cases[i].answer, answer);
        }
    }
}

#define PMD        "permessage-deflate"
#define NO_CONTEXT "; server_no_context_takeover; client_no_context_takeover"

/* Section 7.1: one answer for each way to offer it. */
static void answers_each_parameter(void **state)
{
    (void)state;
    static const struct offer_case CASES[] = {
        {PMD, PMD},
        {PMD "; server_no_context_takeover", PMD "; server_no_context_takeover"},
        {PMD "; client_no_context_takeover", PMD "; client_no_context_takeover"},
        {PMD NO_CONTEXT, PMD NO_CONTEXT},
        {PMD "; client_no_context_takeover; server_no_context_takeover", PMD NO_CONTEXT},
        {PMD "; server_max_window_bits=8", PMD "; server_max_window_bits=8"},
        {PMD "; server_max_window_bits=9", PMD "; server_max_window_bits=9"},
        {PMD "; server_max_window_bits=10", PMD "; server_max_window_bits=10"},
        {PMD "; server_max_window_bits=15", PMD "; server_max_window_bits=15"},
        {PMD "; client_max_window_bits", PMD},
        {PMD "; client_max_window_bits=15", PMD},
        {PMD "; client_max_window_bits=14", PMD "; client_max_window_bits=14"},
        {PMD "; client_max_window_bits=8", PMD "; client_max_window_bits=8"},
        {PMD "; client_max_window_bits=9; server_max_window_bits=12" NO_CONTEXT,
         PMD NO_CONTEXT "; server_max_window_bits=12; client_max_window_bits=9"},
    };
    check_cases(KEEPING, CASES, BELL_ARRAY_LEN(CASES));
}

/* Sections 7.1.1.1 and 7.1.1.2: the server may ask for both without being asked. */
static void asks_for_no_context_on_its_own(void **state)
{
    (void)state;
    static const struct offer_case CASES[] = {
        {PMD, PMD NO_CONTEXT},
        {PMD "; server_no_context_takeover", PMD NO_CONTEXT},
        {PMD "; client_no_context_takeover", PMD NO_CONTEXT},
        {PMD "; server_max_window_bits=11; client_max_window_bits",
         PMD NO_CONTEXT "; server_max_window_bits=11"},
    };
    check_cases(FRESH, CASES, BELL_ARRAY_LEN(CASES));
}

/* Section 7.1.2: never beyond what was offered nor beyond our own limits; a client that does not
 * say that it can be asked must not be asked. */
static void keeps_windows_within_both_limits(void **state)
{
    (void)state;
    static const struct offer_case CASES[] = {
        {PMD, PMD "; client_no_context_takeover; server_max_window_bits=10"},
        {PMD "; server_max_window_bits=15",
         PMD "; client_no_context_takeover; server_max_window_bits=10"},
        {PMD "; server_max_window_bits=9; client_max_window_bits",
         PMD "; server_max_window_bits=9; client_max_window_bits=11"},
        {PMD "; client_max_window_bits=12",
         PMD "; server_max_window_bits=10; client_max_window_bits=11"},
        {PMD "; client_max_window_bits=10",
         PMD "; server_max_window_bits=10; client_max_window_bits=10"},
    };
    check_cases(SMALL, CASES, BELL_ARRAY_LEN(CASES));
}

static void tells_the_terms_that_it_answers(void **state)
{
    (void)state;
    static const struct {
        const char *offered;
        bell_ws_deflate_terms ours;
        const char *terms;
    } CASES[] = {
        {PMD, {15, 15, true, true}, "15k 15k"},
        {PMD, {15, 15, false, false}, "15 15"},
        {PMD, {15, 15, true, false}, "15k 15"},
        {PMD, {15, 15, false, true}, "15 15k"},
        {PMD NO_CONTEXT, {15, 15, true, true}, "15 15"},
        {PMD "; server_max_window_bits=8", {15, 15, true, true}, "8k 15k"},
        {PMD "; client_max_window_bits=8", {15, 15, true, true}, "15k 8k"},
        {PMD "; client_max_window_bits", {15, 9, true, true}, "15k 9k"},
        {PMD, {12, 9, true, true}, "12k 15"}, /* a window we cannot bound is not kept */
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char answer[BELL_WS_EXTENSION_ANSWER_BYTES];
        char text[32];
        bell_ws_deflate_terms terms;
        assert_true(negotiate(CASES[i].offered, CASES[i].ours, &terms, answer));
        terms_write(text, terms);
        assert_string_equal(text, CASES[i].terms);
    }
}

/* Section 7.1: unknown, repeated, with a value that must not be or without one that must. */
static void declines_an_offer_with_a_wrong_parameter(void **state)
{
    (void)state;
    static const struct offer_case CASES[] = {
        {PMD "; unknown", NULL},
        {PMD "; server_no_context_takeover; x=1", NULL},
        {PMD "; server_no_context_takeover; server_no_context_takeover", NULL},
        {PMD "; client_no_context_takeover; client_no_context_takeover", NULL},
        {PMD "; server_max_window_bits=10; server_max_window_bits=10", NULL},
        {PMD "; server_max_window_bits=10; server_max_window_bits=11", NULL},
        {PMD "; client_max_window_bits; client_max_window_bits", NULL},
        {PMD "; client_max_window_bits; client_max_window_bits=9", NULL},
        {PMD "; server_no_context_takeover=1", NULL},
        {PMD "; server_no_context_takeover=true", NULL},
        {PMD "; client_no_context_takeover=\"x\"", NULL},
        {PMD "; server_max_window_bits", NULL},
        {PMD "; server_max_window_bits=7", NULL},
        {PMD "; server_max_window_bits=16", NULL},
        {PMD "; server_max_window_bits=0", NULL},
        {PMD "; server_max_window_bits=-9", NULL},
        {PMD "; server_max_window_bits=+9", NULL},
        {PMD "; server_max_window_bits=08", NULL},
        {PMD "; server_max_window_bits=010", NULL},
        {PMD "; server_max_window_bits=1", NULL},
        {PMD "; server_max_window_bits=100", NULL},
        {PMD "; server_max_window_bits=150000000000", NULL},
        {PMD "; server_max_window_bits=12a", NULL},
        {PMD "; server_max_window_bits=1a", NULL},
        {PMD "; server_max_window_bits=a", NULL},
        {PMD "; client_max_window_bits=7", NULL},
        {PMD "; client_max_window_bits=16", NULL},
        {PMD "; client_max_window_bits=09", NULL},
        {PMD "; client_max_window_bits=x", NULL},
        {PMD "; SERVER_NO_CONTEXT_TAKEOVER", NULL},
    };
    check_cases(KEEPING, CASES, BELL_ARRAY_LEN(CASES));
}

/* RFC 6455 section 9.1, and RFC 9110 section 5.6.4 for what is quoted. */
static void takes_values_in_quotes_and_white_space_anywhere(void **state)
{
    (void)state;
    static const struct offer_case CASES[] = {
        {PMD "; server_max_window_bits=\"10\"", PMD "; server_max_window_bits=10"},
        {PMD "; server_max_window_bits=\"1\\0\"", PMD "; server_max_window_bits=10"},
        {PMD "; client_max_window_bits=\"\\8\"", PMD "; client_max_window_bits=8"},
        {PMD ";server_max_window_bits=10;client_max_window_bits",
         PMD "; server_max_window_bits=10"},
        {" \t" PMD "\t;  server_max_window_bits \t=  10 ", PMD "; server_max_window_bits=10"},
        {"," PMD " , ,", PMD},
        {" , ,\t" PMD, PMD},
    };
    check_cases(KEEPING, CASES, BELL_ARRAY_LEN(CASES));
}

/* Section 5: the client's order counts, and what we do not know is passed over. */
static void takes_the_first_offer_that_is_right(void **state)
{
    (void)state;
    static const struct offer_case CASES[] = {
        {PMD "; server_max_window_bits=9, " PMD, PMD "; server_max_window_bits=9"},
        {PMD ", " PMD "; server_max_window_bits=9", PMD},
        {PMD "; server_max_window_bits=7, " PMD "; server_max_window_bits=9, " PMD,
         PMD "; server_max_window_bits=9"},
        {PMD "; unknown=1, " PMD, PMD},
        {PMD "; unknown=\"a\\\",b\", " PMD, PMD},
        {"x-webkit-deflate-frame, " PMD, PMD},
        {"a; b; c=d; e=\"f\", " PMD "; client_no_context_takeover",
         PMD "; client_no_context_takeover"},
        {"a; b=\"," PMD ",\", " PMD "; server_no_context_takeover",
         PMD "; server_no_context_takeover"},
        {"permessage-bzip2\n" PMD, PMD},
        {PMD "; x\n" PMD "; server_max_window_bits=12, " PMD, PMD "; server_max_window_bits=12"},
        {"\n" PMD, PMD},
        {"permessage-deflate2, permessage-deflat, permessage, " PMD, PMD},
    };
    check_cases(KEEPING, CASES, BELL_ARRAY_LEN(CASES));
}

static void agrees_on_nothing_when_nothing_fits(void **state)
{
    (void)state;
    static const struct offer_case CASES[] = {
        {"", NULL},
        {" ", NULL},
        {",,,", NULL},
        {"x", NULL},
        {"Permessage-Deflate", NULL},
        {"permessage-deflate-x", NULL},
        {"x-permessage-deflate", NULL},
        {"a=permessage-deflate", NULL},
        {"a; permessage-deflate", NULL},
        {"a=\", permessage-deflate", NULL},
    };
    check_cases(KEEPING, CASES, BELL_ARRAY_LEN(CASES));
    bell_ws_deflate_terms terms;
    char answer[BELL_WS_EXTENSION_ANSWER_BYTES];
    assert_false(
        bell_ws_extension_negotiate(&(bell_ws_field){.count = 0}, KEEPING, &terms, answer));
}

/* What is no element by the grammar is declined as far as the next comma; the rest counts. */
static void declines_what_is_broken_and_reads_on(void **state)
{
    (void)state;
    static const struct offer_case CASES[] = {
        {PMD ";", NULL},
        {PMD "; ;", NULL},
        {PMD "; =9", NULL},
        {PMD "; server_max_window_bits=", NULL},
        {PMD "; server_max_window_bits=;", NULL},
        {PMD "; server_max_window_bits=\"\"", NULL},
        {PMD "; server_max_window_bits=\"9", NULL},
        {PMD "; server_max_window_bits=\"9\\", NULL},
        {PMD "; server_max_window_bits=\"9\"0", NULL},
        {PMD "; server_max_window_bits=\" 9\"", NULL},
        {PMD "; server_max_window_bits=9 9", NULL},
        {PMD "; server_max_window_bits==9", NULL},
        {PMD " server_no_context_takeover", NULL},
        {PMD "=1", NULL},
        {PMD "\xff", NULL},
        {PMD "\x01", NULL},
        {PMD "; , " PMD "; server_max_window_bits=9", PMD "; server_max_window_bits=9"},
        {"(?), " PMD, PMD},
        {"=, ;, \"\", " PMD, PMD},
        {PMD "; server_max_window_bits=\"9\n" PMD, PMD}, /* no string goes on in the next line */
    };
    check_cases(KEEPING, CASES, BELL_ARRAY_LEN(CASES));
}

/* Every text of 0 to n bytes of one that is right in a block of its own: no step beyond it. */
static void reads_no_byte_beyond_the_line(void **state)
{
    (void)state;
    static const char OFFER[] = "a; b=\"c\\\"\", " PMD "; server_max_window_bits=\"1\\0\" ,";
    for (size_t n = 0; n < sizeof OFFER; n++) {
        char *copy = test_malloc(n + 1);
        memcpy(copy, OFFER, n);
        copy[n] = '!'; /* would spoil it */
        bell_slice line = {copy, n};
        char answer[BELL_WS_EXTENSION_ANSWER_BYTES];
        bell_ws_deflate_terms terms;
        bool is_right =
            bell_ws_extension_negotiate(&(bell_ws_field){&line, 1}, KEEPING, &terms, answer);
        size_t pmd_end = sizeof "a; b=\"c\\\"\", " PMD - 1;
        assert_int_equal(is_right, n == pmd_end || n >= sizeof OFFER - 3);
        test_free(copy);
    }
}

/* ---- the client's side ---- */

static void offers_what_it_would_have(void **state)
{
    (void)state;
    char offer[BELL_WS_EXTENSION_ANSWER_BYTES];
    bell_ws_extension_offer(FRESH, offer);
    assert_string_equal(offer, PMD NO_CONTEXT "; client_max_window_bits");
    bell_ws_extension_offer(KEEPING, offer);
    assert_string_equal(offer, PMD "; client_max_window_bits");
    bell_ws_extension_offer(SMALL, offer);
    assert_string_equal(offer, PMD "; server_max_window_bits=10; client_max_window_bits=11");
}

struct answer_case {
    const char *answered;
    const char *terms; /* as terms_write has them; NULL = the connection fails */
};

static void check_answers(bell_ws_deflate_terms ours, const struct answer_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[32] = "";
        bell_slice line = bell_slice_from(cases[i].answered);
        const bell_ws_field field = {&line, 1};
        bell_ws_deflate_terms terms;
        bell_status st = bell_ws_extension_check_answer(&field, true, ours, &terms);
        terms_write(text, terms);
        if (cases[i].terms == NULL) {
            if (st != BELL_EPROTO) {
                fail_msg("%s: was taken", cases[i].answered);
            }
        } else if (st != BELL_OK || strcmp(text, cases[i].terms) != 0) {
            fail_msg("%s: expected %s, got %s", cases[i].answered, cases[i].terms, text);
        }
    }
}

/* Sections 7.1.1 and 7.1.2: what the server may do with each parameter. */
static void takes_answers_within_its_offer(void **state)
{
    (void)state;
    static const struct answer_case TO_KEEPING[] = {
        {PMD, "15k 15k"},
        {PMD "; server_no_context_takeover", "15 15k"},
        {PMD "; client_no_context_takeover", "15k 15"},
        {PMD "; server_max_window_bits=8; client_max_window_bits=9", "8k 9k"},
        {" " PMD " ; client_max_window_bits=\"10\" ", "15k 10k"},
        {PMD "; server_max_window_bits=15", "15k 15k"},
    };
    static const struct answer_case TO_SMALL[] = {
        {PMD "; server_max_window_bits=10", "10k 11k"},
        {PMD "; server_max_window_bits=9; client_max_window_bits=11", "9k 11k"},
        {PMD "; server_max_window_bits=9; client_max_window_bits=8", "9k 8k"},
    };
    static const struct answer_case TO_FRESH[] = {
        {PMD "; server_no_context_takeover", "15 15"},
        {PMD NO_CONTEXT, "15 15"},
    };
    check_answers(KEEPING, TO_KEEPING, BELL_ARRAY_LEN(TO_KEEPING));
    check_answers(SMALL, TO_SMALL, BELL_ARRAY_LEN(TO_SMALL));
    check_answers(FRESH, TO_FRESH, BELL_ARRAY_LEN(TO_FRESH));
}

static void refuses_every_other_answer(void **state)
{
    (void)state;
    static const struct answer_case TO_KEEPING[] = {
        {"", NULL},
        {",", NULL},
        {"x-other", NULL},
        {"Permessage-Deflate", NULL},
        {PMD ", x-other", NULL},
        {PMD ", " PMD, NULL},
        {PMD ",", NULL},
        {PMD ";", NULL},
        {PMD "; x=1", NULL},
        {PMD "; server_no_context_takeover=1", NULL},
        {PMD "; server_no_context_takeover; server_no_context_takeover", NULL},
        {PMD "; client_no_context_takeover=", NULL},
        {PMD "; server_max_window_bits", NULL},
        {PMD "; client_max_window_bits", NULL}, /* an answer must say how many */
        {PMD "; server_max_window_bits=7", NULL},
        {PMD "; server_max_window_bits=16", NULL},
        {PMD "; server_max_window_bits=08", NULL},
        {PMD "; client_max_window_bits=16", NULL},
        {PMD "; client_max_window_bits=9; client_max_window_bits=9", NULL},
        {PMD "; client_max_window_bits=\"9", NULL},
    };
    static const struct answer_case TO_SMALL[] = {
        {PMD, NULL}, /* server_max_window_bits was asked for */
        {PMD "; server_max_window_bits=11", NULL},
        {PMD "; server_max_window_bits=10; client_max_window_bits=12", NULL},
    };
    static const struct answer_case TO_FRESH[] = {
        {PMD, NULL}, /* server_no_context_takeover was asked for */
        {PMD "; client_no_context_takeover", NULL},
    };
    check_answers(KEEPING, TO_KEEPING, BELL_ARRAY_LEN(TO_KEEPING));
    check_answers(SMALL, TO_SMALL, BELL_ARRAY_LEN(TO_SMALL));
    check_answers(FRESH, TO_FRESH, BELL_ARRAY_LEN(TO_FRESH));
}

static void no_answer_means_no_compression_and_one_to_no_offer_is_refused(void **state)
{
    (void)state;
    const bell_slice lines[] = {{PMD, sizeof PMD - 1}, {PMD, sizeof PMD - 1}};
    const bell_ws_field none = {NULL, 0};
    const bell_ws_field one = {lines, 1};
    const bell_ws_field two = {lines, 2};
    bell_ws_deflate_terms terms = KEEPING;
    assert_int_equal(bell_ws_extension_check_answer(&none, true, KEEPING, &terms), BELL_OK);
    assert_int_equal(terms.server_bits, 0);
    assert_int_equal(bell_ws_extension_check_answer(&none, false, KEEPING, &terms), BELL_OK);
    assert_int_equal(bell_ws_extension_check_answer(&one, false, KEEPING, &terms), BELL_EPROTO);
    assert_int_equal(bell_ws_extension_check_answer(&two, true, KEEPING, &terms), BELL_EPROTO);
}

/* Whatever a server of ours makes of an offer of ours, the client takes, and both mean the same. */
static void both_sides_agree_on_all_terms(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4 * 4 * 4 * 4 * 16; i++) {
        const unsigned bits[] = {8, 9, 12, 15, 8, 10, 11, 15};
        const bell_ws_deflate_terms client = {.server_bits = bits[i % 4] & 0xf,
                                              .client_bits = bits[4 + i / 4 % 4] & 0xf,
                                              .server_keeps = i / 16 % 2,
                                              .client_keeps = i / 32 % 2};
        const bell_ws_deflate_terms server = {.server_bits = bits[i / 64 % 4] & 0xf,
                                              .client_bits = bits[4 + i / 256 % 4] & 0xf,
                                              .server_keeps = i / 1024 % 2,
                                              .client_keeps = i / 2048 % 2};
        char offer[BELL_WS_EXTENSION_ANSWER_BYTES];
        char answer[BELL_WS_EXTENSION_ANSWER_BYTES];
        bell_ws_deflate_terms theirs;
        bell_ws_deflate_terms ours;
        bell_ws_extension_offer(client, offer);
        assert_true(negotiate(offer, server, &theirs, answer));
        const bell_slice line = bell_slice_from(answer);
        assert_int_equal(
            bell_ws_extension_check_answer(&(bell_ws_field){&line, 1}, true, client, &ours),
            BELL_OK);
        assert_int_equal(ours.server_bits, theirs.server_bits);
        assert_int_equal(ours.server_keeps, theirs.server_keeps);
        assert_int_equal(ours.client_keeps, theirs.client_keeps);
        assert_true(ours.client_bits <= theirs.client_bits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_each_parameter),
        cmocka_unit_test(asks_for_no_context_on_its_own),
        cmocka_unit_test(keeps_windows_within_both_limits),
        cmocka_unit_test(tells_the_terms_that_it_answers),
        cmocka_unit_test(declines_an_offer_with_a_wrong_parameter),
        cmocka_unit_test(takes_values_in_quotes_and_white_space_anywhere),
        cmocka_unit_test(takes_the_first_offer_that_is_right),
        cmocka_unit_test(agrees_on_nothing_when_nothing_fits),
        cmocka_unit_test(declines_what_is_broken_and_reads_on),
        cmocka_unit_test(reads_no_byte_beyond_the_line),
        cmocka_unit_test(offers_what_it_would_have),
        cmocka_unit_test(takes_answers_within_its_offer),
        cmocka_unit_test(refuses_every_other_answer),
        cmocka_unit_test(no_answer_means_no_compression_and_one_to_no_offer_is_refused),
        cmocka_unit_test(both_sides_agree_on_all_terms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
