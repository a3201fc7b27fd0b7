#include "desk/gateway/presence.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { GRACE_MS = 5000 };
static const uint64_t NOW = 77;

/* What was told, as text: "1+o" agent 1 connected online, "1-a" gone, away; "ON", "OFF" the desk.
 */
static char told[256];

static void tell(const char *text)
{
    strncat(told, text, sizeof told - strlen(told) - 1);
}

static void on_agent(int64_t agent, bool online, bool connected, void *user)
{
    (void)user;
    char text[32];
    (void)snprintf(text, sizeof text, "%d%c%c ", (int)agent, connected ? '+' : '-',
                   online ? 'o' : 'a');
    tell(text);
}

static void on_online(bool online, void *user)
{
    (void)user;
    tell(online ? "ON " : "OFF ");
}

static struct presence *make(uint64_t grace_ms)
{
    static const struct presence_listener LISTENER = {on_agent, on_online, NULL};
    struct presence *presence = NULL;
    assert_int_equal(presence_create(grace_ms, &LISTENER, &presence), BELL_OK);
    told[0] = '\0';
    return presence;
}

static void the_desk_is_on_line_while_an_online_agent_is_connected(void **state)
{
    (void)state;
    struct presence *p = make(0);
    assert_false(presence_is_online(p));
    assert_int_equal(presence_enter(p, 1, false), BELL_OK);
    assert_false(presence_is_online(p));
    assert_int_equal(presence_enter(p, 2, true), BELL_OK);
    assert_true(presence_is_online(p));
    presence_leave(p, 2, NOW);
    assert_false(presence_is_online(p));
    assert_string_equal(told, "1+a 2+o ON 2-o OFF ");
    presence_destroy(p);
}

static void several_consoles_are_one_agent(void **state)
{
    (void)state;
    struct presence *p = make(0);
    assert_int_equal(presence_enter(p, 1, true), BELL_OK);
    assert_int_equal(presence_enter(p, 1, true), BELL_OK);
    presence_leave(p, 1, NOW);
    assert_true(presence_is_connected(p, 1));
    presence_leave(p, 1, NOW);
    assert_false(presence_is_connected(p, 1));
    assert_string_equal(told, "1+o ON 1-o OFF ");
    presence_destroy(p);
}

static void a_reload_within_the_grace_is_not_told(void **state)
{
    (void)state;
    struct presence *p = make(GRACE_MS);
    assert_int_equal(presence_enter(p, 1, true), BELL_OK);
    presence_leave(p, 1, NOW);
    assert_int_equal(presence_tick(p, NOW + GRACE_MS - 1), NOW + GRACE_MS);
    assert_true(presence_is_online(p));
    assert_int_equal(presence_enter(p, 1, true), BELL_OK);
    assert_int_equal(presence_tick(p, NOW + 10 * GRACE_MS), UINT64_MAX);
    assert_string_equal(told, "1+o ON ");
    presence_destroy(p);
}

static void the_end_of_the_grace_is_told_once(void **state)
{
    (void)state;
    struct presence *p = make(GRACE_MS);
    assert_int_equal(presence_enter(p, 1, true), BELL_OK);
    presence_leave(p, 1, NOW);
    assert_int_equal(presence_tick(p, NOW + GRACE_MS), UINT64_MAX);
    assert_int_equal(presence_tick(p, NOW + GRACE_MS), UINT64_MAX);
    assert_string_equal(told, "1+o ON 1-o OFF ");
    presence_destroy(p);
}

static void away_and_back_turn_the_desk_clock(void **state)
{
    (void)state;
    struct presence *p = make(GRACE_MS);
    assert_int_equal(presence_enter(p, 1, true), BELL_OK);
    presence_set_status(p, 1, false);
    presence_set_status(p, 1, false);
    presence_set_status(p, 1, true);
    presence_set_status(p, 9, true);
    assert_string_equal(told, "1+o ON 1+a OFF 1+o ON ");
    presence_destroy(p);
}

static void a_removed_agent_is_gone_without_grace_and_late_leaves_are_harmless(void **state)
{
    (void)state;
    struct presence *p = make(GRACE_MS);
    assert_int_equal(presence_enter(p, 1, true), BELL_OK);
    presence_remove(p, 1);
    presence_leave(p, 1, NOW);
    presence_leave(p, 1, NOW);
    presence_remove(p, 1);
    assert_string_equal(told, "1+o ON 1-o OFF ");
    presence_destroy(p);
}

static void takes_as_many_agents_as_promised_and_not_one_more(void **state)
{
    (void)state;
    struct presence *p = make(0);
    for (int64_t i = 1; i <= PRESENCE_MAX_AGENTS; i++) {
        assert_int_equal(presence_enter(p, i, false), BELL_OK);
    }
    assert_int_equal(presence_enter(p, PRESENCE_MAX_AGENTS + 1, false), BELL_ELIMIT);
    assert_int_equal(presence_enter(p, PRESENCE_MAX_AGENTS, false), BELL_OK);
    presence_destroy(p);
}

static void out_of_memory_costs_only_that_console(void **state)
{
    (void)state;
    int64_t before = bell_mem_live();
    struct presence *p = make(0);
    bell_mem_fail_at(1);
    assert_int_equal(presence_enter(p, 1, true), BELL_ENOMEM);
    bell_mem_fail_at(0);
    assert_false(presence_is_connected(p, 1));
    assert_int_equal(presence_enter(p, 1, true), BELL_OK);
    assert_true(presence_is_online(p));
    presence_destroy(p);
    assert_int_equal(bell_mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_desk_is_on_line_while_an_online_agent_is_connected),
        cmocka_unit_test(several_consoles_are_one_agent),
        cmocka_unit_test(a_reload_within_the_grace_is_not_told),
        cmocka_unit_test(the_end_of_the_grace_is_told_once),
        cmocka_unit_test(away_and_back_turn_the_desk_clock),
        cmocka_unit_test(a_removed_agent_is_gone_without_grace_and_late_leaves_are_harmless),
        cmocka_unit_test(takes_as_many_agents_as_promised_and_not_one_more),
        cmocka_unit_test(out_of_memory_costs_only_that_console),
    };
    return cmocka_run_group_tests_name("desk_gateway_presence", tests, NULL, NULL);
}
