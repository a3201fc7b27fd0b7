/*
 * The files of TLS when the kernel says no: each call of reading them fails once. Then nothing of
 * what is shown has changed, the reason is told, no descriptor is left, and the next try works.
 */
#include "base/mem.h"
#include "bell/net/tls.h"
#include "bell/net/tls_internal.h"
#include "bell/tls.h"
#include "certificate.h"
#include "faulty_calls.h"
#include "faulty_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CERTIFICATES = 2, MOST_CALLS = 50, PATH_BYTES = 64 };

static char folder[] = "/tmp/bell_fault_tls_XXXXXX";
static char certificates[CERTIFICATES][PATH_BYTES];
static char keys[CERTIFICATES][PATH_BYTES];

static int files_make(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    for (int i = 0; i < CERTIFICATES; i++) {
        char names[32];
        (void)snprintf(certificates[i], PATH_BYTES, "%s/%d.crt", folder, i);
        (void)snprintf(keys[i], PATH_BYTES, "%s/%d.key", folder, i);
        (void)snprintf(names, sizeof names, "DNS:%d.example", i);
        certificate_make(names, certificates[i], keys[i]);
    }
    return 0;
}

static int files_remove(void **state)
{
    (void)state;
    for (int i = 0; i < CERTIFICATES; i++) {
        if (unlink(certificates[i]) != 0 || unlink(keys[i]) != 0) {
            return -1;
        }
    }
    return rmdir(folder);
}

typedef struct {
    fault_call call;
    int error;
    bell_status status;
} row;

static const row ROWS[] = {
    {CALL_OPEN, ENOENT, BELL_ENOTFOUND}, {CALL_OPEN, ENOTDIR, BELL_ENOTFOUND},
    {CALL_OPEN, EACCES, BELL_EACCES},    {CALL_OPEN, EMFILE, BELL_ELIMIT},
    {CALL_OPEN, ENFILE, BELL_ELIMIT},    {CALL_OPEN, ENOMEM, BELL_ENOMEM},
    {CALL_OPEN, EIO, BELL_EIO},          {CALL_OPEN, EINTR, BELL_OK},
    {CALL_FSTAT, EIO, BELL_EIO},         {CALL_FSTAT, ENOMEM, BELL_ENOMEM},
    {CALL_READ, EIO, BELL_EIO},          {CALL_READ, ENOMEM, BELL_ENOMEM},
    {CALL_READ, EINTR, BELL_OK},         {CALL_READ, 0, BELL_OK},
    {CALL_CLOSE, EINTR, BELL_OK},        {CALL_CLOSE, EIO, BELL_OK},
};

/* What is shown; not to be looked into. */
static const void *shown(struct bell_tls *tls)
{
    struct bell_tls_identities *set = bell_tls_current(tls);
    bell_tls_identities_unref(set);
    return set;
}

typedef bell_status (*change_fn)(struct bell_tls *tls);

static bell_status add_second(struct bell_tls *tls)
{
    return bell_tls_add_certificate(tls, certificates[1], keys[1]);
}

/* Each call of one change fails once, beginning with each of fresh. */
static void check_row(const row *r, change_fn change, size_t certificates_before)
{
    int before = descriptors();
    for (uint32_t nth = 1;; nth++) {
        struct bell_tls *tls = NULL;
        assert_int_equal(bell_tls_create(NULL, &tls), BELL_OK);
        for (size_t i = 0; i < certificates_before; i++) {
            assert_int_equal(bell_tls_add_certificate(tls, certificates[i], keys[i]), BELL_OK);
        }
        const void *old = shown(tls);
        const fault f = {r->call, r->error, nth, 1, 1, true};
        faults_begin(&f);
        bell_status st = change(tls);
        bool failed = faults_end() > 0;
        if (st != (failed ? r->status : BELL_OK)) {
            fail_msg("call %d, error %d, %u: %s", (int)r->call, r->error, nth,
                     bell_status_name(st));
        }
        assert_true((shown(tls) == old) == (st != BELL_OK));
        assert_true((bell_tls_why(tls)[0] == '\0') == (st == BELL_OK));
        assert_int_equal(descriptors(), before);
        if (st != BELL_OK) {
            assert_int_equal(change(tls), BELL_OK);
            assert_true(shown(tls) != old);
            assert_string_equal(bell_tls_why(tls), "");
        }
        bell_tls_destroy(tls);
        assert_int_equal(bell_mem_live(), 0);
        assert_true(nth < MOST_CALLS);
        if (!failed) {
            assert_true(nth > 1);
            return;
        }
    }
}

static void adding_a_certificate_fails_cleanly_at_each_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        check_row(&ROWS[i], add_second, 1);
    }
}

static void a_reload_that_fails_in_the_middle_keeps_the_old(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        check_row(&ROWS[i], bell_tls_reload, CERTIFICATES);
    }
}

/* New keys for tickets belong to a reload: without them there is none. */
static void a_reload_without_random_bytes_keeps_the_old(void **state)
{
    static const row WITHOUT = {CALL_TLS_RANDOM, 0, BELL_EIO};
    (void)state;
    check_row(&WITHOUT, bell_tls_reload, CERTIFICATES);
}

/* Read to the end in the smallest pieces, with every other call interrupted. */
static void short_reads_and_interruptions_are_not_noticed(void **state)
{
    static const fault STORMS[] = {
        {CALL_READ, 0, 1, FOR_EVER, 1, true},
        {CALL_READ, EINTR, 1, FOR_EVER, 2, true},
        {CALL_READ, EINTR, 1, 500, 1, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(STORMS); i++) {
        struct bell_tls *tls = NULL;
        assert_int_equal(bell_tls_create(NULL, &tls), BELL_OK);
        faults_begin(&STORMS[i]);
        bell_status st = add_second(tls);
        assert_true(faults_end() > 0);
        assert_int_equal(st, BELL_OK);
        bell_tls_destroy(tls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_a_certificate_fails_cleanly_at_each_call),
        cmocka_unit_test(a_reload_that_fails_in_the_middle_keeps_the_old),
        cmocka_unit_test(a_reload_without_random_bytes_keeps_the_old),
        cmocka_unit_test(short_reads_and_interruptions_are_not_noticed),
    };
    return place_init() ? cmocka_run_group_tests(tests, files_make, files_remove) : 1;
}
