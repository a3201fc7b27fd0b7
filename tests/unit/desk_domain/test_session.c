/*
 * Sessions of agents (src/desk/domain/login.h).
 */
#include "desk.h"
#include "desk/domain/account.h"
#include "desk/domain/login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define DAY_US   (INT64_C(24) * 60 * 60 * 1000 * 1000)
#define LIFETIME (30 * DAY_US)
#define ADDRESS  BELL_LIT("192.0.2.7")

struct scene {
    struct desk desk;
    int64_t olga; /* owner */
    int64_t ann;
};

static int scene_setup(void **state)
{
    static struct scene scene;
    desk_open(&scene.desk);
    scene.olga = desk_add_agent(&scene.desk, "Olga", "olga@example.com", ROLE_OWNER);
    scene.ann = desk_add_agent(&scene.desk, "Ann", "ann@example.com", ROLE_AGENT);
    *state = &scene;
    return 0;
}

static int scene_teardown(void **state)
{
    struct scene *scene = *state;
    desk_close(&scene->desk);
    return 0;
}

static struct session_self start(struct scene *scene, int64_t agent, desk_secret *secret)
{
    struct session_self self = {0};
    struct desk *desk = &scene->desk;
    desk_begin(desk);
    struct outcome o =
        session_start_for(&desk->tx, agent, ADDRESS, BELL_LIT("Browser/1"), &self, secret);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
    return self;
}

static struct outcome find(struct scene *scene, const desk_secret *secret, struct session_self *out)
{
    return session_find(&scene->desk.tx, secret, ADDRESS, LIFETIME, out);
}

static void a_session_is_found_by_its_secret_and_no_other(void **state)
{
    struct scene *scene = *state;
    desk_secret a;
    desk_secret b;
    struct session_self self = {0};
    int64_t session = start(scene, scene->ann, &a).session;
    (void)start(scene, scene->olga, &b);
    assert_int_equal(find(scene, &a, &self).error, ERROR_NONE);
    assert_int_equal(self.session, session);
    assert_int_equal(self.agent, scene->ann);
    assert_int_equal(self.role, ROLE_AGENT);
    assert_false(self.must_touch);
    assert_int_equal(find(scene, &b, &self).error, ERROR_NONE);
    assert_int_equal(self.role, ROLE_OWNER);
    a.b[7] ^= 4;
    assert_int_equal(find(scene, &a, &self).error, ERROR_NOT_LOGGED_IN);
}

static void a_session_lives_30_days_after_its_last_use(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    desk_secret secret;
    struct session_self self = start(scene, scene->ann, &secret);
    int64_t start_us = desk->tx.now_us - 1000000; /* desk_commit has moved the clock */
    desk->tx.now_us = start_us + LIFETIME;
    assert_int_equal(find(scene, &secret, &self).error, ERROR_NONE);
    assert_true(self.must_touch);
    desk->tx.now_us = start_us + LIFETIME + 1;
    assert_int_equal(find(scene, &secret, &self).error, ERROR_NOT_LOGGED_IN);
    desk->tx.now_us = start_us + LIFETIME;
    desk_begin(desk);
    assert_int_equal(desk_end(desk, session_touch(&desk->tx, self.session, ADDRESS)).error,
                     ERROR_NONE);
    assert_int_equal(find(scene, &secret, &self).error, ERROR_NONE);
    assert_false(self.must_touch);
    desk->tx.now_us = start_us + 2 * LIFETIME;
    assert_int_equal(find(scene, &secret, &self).error, ERROR_NONE);
}

static void use_is_noted_every_five_minutes_and_from_a_new_address(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    desk_secret secret;
    struct session_self self = start(scene, scene->ann, &secret);
    int64_t start_us = desk->tx.now_us - 1000000;
    desk->tx.now_us = start_us + SESSION_TOUCH_US;
    assert_int_equal(find(scene, &secret, &self).error, ERROR_NONE);
    assert_false(self.must_touch);
    assert_int_equal(session_find(&desk->tx, &secret, BELL_LIT("192.0.2.8"), LIFETIME, &self).error,
                     ERROR_NONE);
    assert_true(self.must_touch);
    desk->tx.now_us = start_us + SESSION_TOUCH_US + 1;
    assert_int_equal(find(scene, &secret, &self).error, ERROR_NONE);
    assert_true(self.must_touch);
}

static void an_ended_session_is_told_so_that_its_sockets_close(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    desk_secret secret;
    struct session_self self = start(scene, scene->ann, &secret);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, session_end(&desk->tx, self.session)).error, ERROR_NONE);
    const struct event *e = desk_event_of(desk, EVENT_SESSION_ENDED, 0);
    assert_int_equal(e->session.session, self.session);
    assert_int_equal(e->session.agent, scene->ann);
    assert_int_equal(e->number, 0);
    assert_int_equal(find(scene, &secret, &self).error, ERROR_NOT_LOGGED_IN);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, session_end(&desk->tx, self.session)).error, ERROR_NONE);
    assert_int_equal(desk->events.count, 0);
    /* Its number is never used again: nobody else's sockets close by mistake. */
    assert_true(start(scene, scene->ann, &secret).session > self.session);
}

static void a_session_starts_only_with_the_password_that_was_checked(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    const struct password_hash hash = {"another"};
    struct login_proof proof = {.agent = scene->ann, .password_version = 1};
    struct session_self self = {0};
    desk_secret secret;
    desk_begin(desk);
    struct outcome o = session_start(&desk->tx, &proof, ADDRESS, BELL_LIT(""), &self, &secret);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
    desk_begin(desk);
    assert_int_equal(
        desk_end(desk, account_set_password(&desk->tx, ACCOUNT_DESK, scene->ann, &hash, 0)).error,
        ERROR_NONE);
    desk_begin(desk);
    o = session_start(&desk->tx, &proof, ADDRESS, BELL_LIT(""), &self, &secret);
    assert_int_equal(desk_end(desk, o).error, ERROR_BAD_LOGIN);
    proof.agent = 999;
    desk_begin(desk);
    o = session_start(&desk->tx, &proof, ADDRESS, BELL_LIT(""), &self, &secret);
    assert_int_equal(desk_end(desk, o).error, ERROR_BAD_LOGIN);
}

static void a_new_password_ends_all_other_sessions(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    const struct password_hash hash = {"another"};
    desk_secret secrets[3];
    struct session_self kept = start(scene, scene->ann, &secrets[0]);
    (void)start(scene, scene->ann, &secrets[1]);
    (void)start(scene, scene->olga, &secrets[2]);
    desk_begin(desk);
    struct outcome o = account_set_password(&desk->tx, scene->ann, scene->ann, &hash, kept.session);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
    assert_int_equal(desk_count_events(desk, EVENT_SESSION_ENDED), 1);
    struct session_self self = {0};
    assert_int_equal(find(scene, &secrets[0], &self).error, ERROR_NONE);
    assert_int_equal(find(scene, &secrets[1], &self).error, ERROR_NOT_LOGGED_IN);
    assert_int_equal(find(scene, &secrets[2], &self).error, ERROR_NONE);
}

static void removing_an_agent_ends_his_sessions(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    desk_secret secret;
    struct session_self self = start(scene, scene->ann, &secret);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, account_remove(&desk->tx, scene->olga, scene->ann)).error,
                     ERROR_NONE);
    assert_int_equal(desk_event_of(desk, EVENT_SESSION_ENDED, 0)->session.session, self.session);
    assert_int_equal(find(scene, &secret, &self).error, ERROR_NOT_LOGGED_IN);
}

static void everybody_ends_his_own_sessions_and_owners_all(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    desk_secret secret;
    int64_t of_ann = start(scene, scene->ann, &secret).session;
    int64_t of_olga = start(scene, scene->olga, &secret).session;
    desk_begin(desk);
    assert_int_equal(desk_end(desk, session_end_other(&desk->tx, scene->ann, of_olga)).error,
                     ERROR_NOT_FOUND);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, session_end_all(&desk->tx, scene->ann, scene->olga, 0)).error,
                     ERROR_FORBIDDEN);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, session_end_other(&desk->tx, scene->olga, 999)).error,
                     ERROR_NOT_FOUND);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, session_end_other(&desk->tx, scene->olga, of_ann)).error,
                     ERROR_NONE);
    desk_begin(desk);
    assert_int_equal(desk_end(desk, session_end_all(&desk->tx, scene->olga, scene->olga, 0)).error,
                     ERROR_NONE);
    assert_int_equal(desk_event_of(desk, EVENT_SESSION_ENDED, 0)->session.session, of_olga);
}

static void the_list_shows_the_newest_use_first_and_marks_the_asking_one(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    desk_secret secret;
    int64_t first = start(scene, scene->ann, &secret).session;
    int64_t second = start(scene, scene->ann, &secret).session;
    desk_begin(desk);
    assert_int_equal(desk_end(desk, session_touch(&desk->tx, first, BELL_LIT("192.0.2.9"))).error,
                     ERROR_NONE);
    struct session *items = NULL;
    size_t count = 0;
    struct outcome o =
        session_list(&desk->tx, scene->ann, scene->ann, second, &desk->arena, &items, &count);
    assert_int_equal(o.error, ERROR_NONE);
    assert_int_equal(count, 2);
    assert_int_equal(items[0].session, first);
    assert_false(items[0].current);
    assert_true(items[1].current);
    assert_true(bell_slice_equal(items[0].address, BELL_LIT("192.0.2.9")));
    assert_true(bell_slice_equal(items[1].browser, BELL_LIT("Browser/1")));
    o = session_list(&desk->tx, scene->ann, scene->olga, second, &desk->arena, &items, &count);
    assert_int_equal(o.error, ERROR_FORBIDDEN);
    o = session_list(&desk->tx, scene->olga, 999, 0, &desk->arena, &items, &count);
    assert_int_equal(o.error, ERROR_NOT_FOUND);
}

static void an_agent_has_at_most_100_sessions(void **state)
{
    struct scene *scene = *state;
    desk_secret first;
    desk_secret second;
    desk_secret secret;
    struct session_self self = {0};
    (void)start(scene, scene->ann, &first);
    (void)start(scene, scene->ann, &second);
    for (int i = 2; i < 100; i++) {
        (void)start(scene, scene->ann, &secret);
    }
    assert_int_equal(scene->desk.events.count, 0);
    assert_int_equal(find(scene, &first, &self).error, ERROR_NONE);
    (void)start(scene, scene->ann, &secret); /* the 101st */
    assert_int_equal(desk_count_events(&scene->desk, EVENT_SESSION_ENDED), 1);
    assert_int_equal(find(scene, &first, &self).error, ERROR_NOT_LOGGED_IN);
    assert_int_equal(find(scene, &second, &self).error, ERROR_NONE);
}

static void sessions_nobody_uses_are_ended(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    desk_secret old;
    desk_secret young;
    (void)start(scene, scene->ann, &old);
    desk->tx.now_us += 20 * DAY_US;
    (void)start(scene, scene->ann, &young);
    desk->tx.now_us += 11 * DAY_US;
    desk_begin(desk);
    assert_int_equal(desk_end(desk, session_expire(&desk->tx, LIFETIME)).error, ERROR_NONE);
    assert_int_equal(desk_count_events(desk, EVENT_SESSION_ENDED), 1);
    struct session_self self = {0};
    assert_int_equal(session_find(&desk->tx, &young, ADDRESS, LIFETIME, &self).error, ERROR_NONE);
}

static void long_addresses_and_browsers_are_cut(void **state)
{
    struct scene *scene = *state;
    struct desk *desk = &scene->desk;
    char text[600];
    memset(text, 'x', sizeof text);
    struct session_self self = {0};
    desk_secret secret;
    desk_begin(desk);
    struct outcome o = session_start_for(&desk->tx, scene->ann, bell_slice_make(text, 65),
                                         bell_slice_make(text, 513), &self, &secret);
    assert_int_equal(desk_end(desk, o).error, ERROR_NONE);
    struct session *items = NULL;
    size_t count = 0;
    o = session_list(&desk->tx, scene->ann, scene->ann, 0, &desk->arena, &items, &count);
    assert_int_equal(o.error, ERROR_NONE);
    assert_int_equal(items[0].address.n, 64);
    assert_int_equal(items[0].browser.n, 512);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCENE(a_session_is_found_by_its_secret_and_no_other),
        WITH_SCENE(a_session_lives_30_days_after_its_last_use),
        WITH_SCENE(use_is_noted_every_five_minutes_and_from_a_new_address),
        WITH_SCENE(an_ended_session_is_told_so_that_its_sockets_close),
        WITH_SCENE(a_session_starts_only_with_the_password_that_was_checked),
        WITH_SCENE(a_new_password_ends_all_other_sessions),
        WITH_SCENE(removing_an_agent_ends_his_sessions),
        WITH_SCENE(everybody_ends_his_own_sessions_and_owners_all),
        WITH_SCENE(the_list_shows_the_newest_use_first_and_marks_the_asking_one),
        WITH_SCENE(an_agent_has_at_most_100_sessions),
        WITH_SCENE(sessions_nobody_uses_are_ended),
        WITH_SCENE(long_addresses_and_browsers_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
