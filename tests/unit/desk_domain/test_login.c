/*
 * Passwords and the limits of attempts (src/desk/domain/login.h, account.h).
 */
#include "base/clock.h"
#include "base/mem.h"
#include "desk.h"
#include "desk/domain/account.h"
#include "desk/domain/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define PASSWORD BELL_LIT("correct horse 배터리")

/* Hashing is slow on purpose: once for all tests. */
static struct password_hash hash_of_password;

static int hash_once(void **state)
{
    (void)state;
    return outcome_is_done(password_hash(PASSWORD, &hash_of_password)) ? 0 : -1;
}

static int64_t add(struct desk *desk, const char *email)
{
    const struct agent_add_request request = {
        .name = BELL_LIT("Ann"), .email = bell_slice_from(email), .role = ROLE_OWNER};
    struct agent agent = {0};
    desk_begin(desk);
    struct outcome o = account_add(&desk->tx, ACCOUNT_DESK, &request, &hash_of_password, &agent);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
    return agent.agent;
}

static void a_password_is_kept_as_argon2id_of_19_mib_and_2_passes(void **state)
{
    (void)state;
    static const char start[] = "$argon2id$v=19$m=19456,t=2,p=1$";
    assert_memory_equal(hash_of_password.text, start, sizeof start - 1);
}

static void a_password_has_10_to_200_characters(void **state)
{
    (void)state;
    char text[201];
    struct password_hash hash;
    memset(text, 'p', sizeof text);
    assert_int_equal(password_hash(bell_slice_make(text, 9), &hash).error, ERROR_BAD_FIELD);
    assert_int_equal(password_hash(bell_slice_make(text, 10), &hash).error, ERROR_NONE);
    assert_int_equal(password_hash(bell_slice_make(text, 200), &hash).error, ERROR_NONE);
    assert_int_equal(password_hash(bell_slice_make(text, 201), &hash).error, ERROR_BAD_FIELD);
}

static void the_right_password_logs_in_and_no_other(void **state)
{
    struct desk *desk = *state;
    int64_t ann = add(desk, "ann@example.com");
    struct login_proof proof = {0};
    assert_int_equal(login_check(&desk->tx, BELL_LIT("Ann@Example.com"), PASSWORD, &proof).error,
                     ERROR_NONE);
    assert_int_equal(proof.agent, ann);
    assert_int_equal(
        login_check(&desk->tx, BELL_LIT("ann@example.com"), BELL_LIT("correct horse"), &proof)
            .error,
        ERROR_BAD_LOGIN);
    assert_int_equal(login_check(&desk->tx, BELL_LIT("eve@example.com"), PASSWORD, &proof).error,
                     ERROR_BAD_LOGIN);
    assert_int_equal(login_check_agent(&desk->tx, ann, PASSWORD, &proof).error, ERROR_NONE);
    assert_int_equal(login_check_agent(&desk->tx, 999, PASSWORD, &proof).error, ERROR_BAD_LOGIN);
}

static void an_unknown_account_takes_as_long_as_a_wrong_password(void **state)
{
    struct desk *desk = *state;
    (void)add(desk, "ann@example.com");
    struct login_proof proof = {0};
    uint64_t least[2] = {UINT64_MAX, UINT64_MAX};
    const bell_slice emails[2] = {BELL_LIT("ann@example.com"), BELL_LIT("eve@example.com")};
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 2; i++) {
            uint64_t start = bell_clock_now_ns();
            (void)login_check(&desk->tx, emails[i], BELL_LIT("wrong password"), &proof);
            uint64_t took = bell_clock_now_ns() - start;
            least[i] = took < least[i] ? took : least[i];
        }
    }
    /* Without the work for nobody it would be a thousand times faster. */
    assert_true(least[1] > least[0] / 3);
}

static void a_removed_agent_cannot_log_in(void **state)
{
    struct desk *desk = *state;
    int64_t ann = add(desk, "ann@example.com");
    (void)add(desk, "other@example.com");
    desk_begin(desk);
    assert_int_equal(desk_end(desk, account_remove(&desk->tx, ACCOUNT_DESK, ann)).error,
                     ERROR_NONE);
    struct login_proof proof = {0};
    assert_int_equal(login_check(&desk->tx, BELL_LIT("ann@example.com"), PASSWORD, &proof).error,
                     ERROR_BAD_LOGIN);
    assert_int_equal(login_check_agent(&desk->tx, ann, PASSWORD, &proof).error, ERROR_BAD_LOGIN);
}

/* --- limits --- */

static struct outcome try_from(struct login_limits *limits, const char *address, const char *email,
                               uint64_t now_ms)
{
    return login_allow(limits, bell_slice_from(address), bell_slice_from(email), now_ms);
}

static void attempts_at_one_account_are_limited_from_all_addresses_together(void **state)
{
    (void)state;
    struct login_limits *limits = login_limits_create(3, 60);
    assert_int_equal(try_from(limits, "10.0.0.1", "ann@example.com", 1000).error, ERROR_NONE);
    assert_int_equal(try_from(limits, "10.0.0.2", "Ann@example.com", 2000).error, ERROR_NONE);
    assert_int_equal(try_from(limits, "10.0.0.3", "ANN@example.com", 3000).error, ERROR_NONE);
    struct outcome o = try_from(limits, "10.0.0.4", "ann@example.com", 4000);
    assert_int_equal(o.error, ERROR_RATE_LIMITED);
    assert_int_equal(o.retry_after_ms, 57000); /* the window began at 1000 */
    assert_int_equal(try_from(limits, "10.0.0.4", "bob@example.com", 4000).error, ERROR_NONE);
    assert_int_equal(try_from(limits, "10.0.0.4", "ann@example.com", 60999).error,
                     ERROR_RATE_LIMITED);
    assert_int_equal(try_from(limits, "10.0.0.4", "ann@example.com", 61000).error, ERROR_NONE);
    login_limits_destroy(limits);
}

static void attempts_from_one_address_are_limited_at_all_accounts_together(void **state)
{
    (void)state;
    struct login_limits *limits = login_limits_create(3, 60);
    assert_int_equal(try_from(limits, "10.0.0.1", "a@x", 0).error, ERROR_NONE);
    assert_int_equal(try_from(limits, "10.0.0.1", "b@x", 0).error, ERROR_NONE);
    assert_int_equal(try_from(limits, "10.0.0.1", "c@x", 0).error, ERROR_NONE);
    assert_int_equal(try_from(limits, "10.0.0.1", "d@x", 0).error, ERROR_RATE_LIMITED);
    /* A refused attempt does not count against the account. */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(try_from(limits, "10.0.0.1", "d@x", 0).error, ERROR_RATE_LIMITED);
    }
    assert_int_equal(try_from(limits, "10.0.0.2", "d@x", 0).error, ERROR_NONE);
    login_limits_destroy(limits);
}

static void a_success_forgets_what_was_counted_at_the_account(void **state)
{
    (void)state;
    struct login_limits *limits = login_limits_create(2, 60);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(try_from(limits, "10.0.0.1", "ann@x", 0).error, ERROR_NONE);
        login_succeeded(limits, BELL_LIT("10.0.0.1"), BELL_LIT("Ann@x"));
    }
    assert_int_equal(try_from(limits, "10.0.0.1", "ann@x", 0).error, ERROR_NONE);
    assert_int_equal(try_from(limits, "10.0.0.1", "ann@x", 0).error, ERROR_NONE);
    assert_int_equal(try_from(limits, "10.0.0.1", "ann@x", 0).error, ERROR_RATE_LIMITED);
    login_limits_destroy(limits);
}

static void however_many_try_memory_stays_the_same(void **state)
{
    (void)state;
    int64_t live = bell_mem_live();
    struct login_limits *limits = login_limits_create(3, 60);
    for (int i = 0; i < 50000; i++) {
        char address[32];
        char email[32];
        (void)snprintf(address, sizeof address, "a%d", i);
        (void)snprintf(email, sizeof email, "e%d@x", i);
        assert_int_equal(try_from(limits, address, email, (uint64_t)i).error, ERROR_NONE);
    }
    assert_int_equal(bell_mem_live(), live + 1);
    /* The last ones are remembered. */
    assert_int_equal(try_from(limits, "a49999", "x1@x", 50000).error, ERROR_NONE);
    assert_int_equal(try_from(limits, "a49999", "x2@x", 50000).error, ERROR_NONE);
    assert_int_equal(try_from(limits, "a49999", "x3@x", 50000).error, ERROR_RATE_LIMITED);
    login_limits_destroy(limits);
    assert_int_equal(bell_mem_live(), live);
}

#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, desk_setup, desk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_is_kept_as_argon2id_of_19_mib_and_2_passes),
        cmocka_unit_test(a_password_has_10_to_200_characters),
        WITH_DESK(the_right_password_logs_in_and_no_other),
        WITH_DESK(an_unknown_account_takes_as_long_as_a_wrong_password),
        WITH_DESK(a_removed_agent_cannot_log_in),
        cmocka_unit_test(attempts_at_one_account_are_limited_from_all_addresses_together),
        cmocka_unit_test(attempts_from_one_address_are_limited_at_all_accounts_together),
        cmocka_unit_test(a_success_forgets_what_was_counted_at_the_account),
        cmocka_unit_test(however_many_try_memory_stays_the_same),
    };
    return cmocka_run_group_tests(tests, hash_once, NULL);
}
