/*
 * The check of a password at log-in (see login.h).
 */
#include "desk/domain/login.h"

#include "desk/domain/password.h"
#include "desk/domain/text.h"
#include "desk/store/agent.h"

/* Of one agent: e-mail, name, hash of the password. */
enum { AGENT_MAX_BYTES = 4096 };

static struct outcome check(bell_status st, const struct agent_row *row, bell_slice password,
                            struct login_proof *out)
{
    if (st == BELL_ENOTFOUND || (st == BELL_OK && row->agent.removed)) {
        password_check_nobody(password);
        return outcome_refused(ERROR_BAD_LOGIN);
    }
    if (st != BELL_OK) {
        return outcome_from(st);
    }
    if (!password_matches(password, row->password)) {
        return outcome_refused(ERROR_BAD_LOGIN);
    }
    *out =
        (struct login_proof){.agent = row->agent.agent, .password_version = row->password_version};
    return outcome_done();
}

struct outcome login_check(struct tx *tx, bell_slice email, bell_slice password,
                           struct login_proof *out)
{
    struct bell_arena arena;
    bell_arena_init(&arena, AGENT_MAX_BYTES);
    char lower[EMAIL_MAX_BYTES];
    struct agent_row row = {0};
    bell_status st = store_agent_by_email(tx->db, text_lower_email(email, lower), &arena, &row);
    struct outcome o = check(st, &row, password, out);
    bell_arena_finish(&arena);
    return o;
}

struct outcome login_check_agent(struct tx *tx, int64_t agent, bell_slice password,
                                 struct login_proof *out)
{
    struct bell_arena arena;
    bell_arena_init(&arena, AGENT_MAX_BYTES);
    struct agent_row row = {0};
    bell_status st = store_agent_get(tx->db, agent, &arena, &row);
    struct outcome o = check(st, &row, password, out);
    bell_arena_finish(&arena);
    return o;
}
