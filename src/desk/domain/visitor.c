/*
 * What a visitor may do (see visitor.h).
 */
#include "desk/domain/visitor.h"

#include "base/random.h"
#include "desk/domain/event.h"
#include "desk/domain/record.h"
#include "desk/domain/secret.h"
#include "desk/domain/site.h"
#include "desk/domain/text.h"
#include "desk/store/agent.h"
#include "desk/store/message.h"
#include "desk/store/site.h"
#include "desk/store/visitor.h"

/* --- hello --- */

/* What a hello says of the page; absent fields keep what was known. */
static struct facts facts_merge(const struct facts *known,
                                const struct visitor_command_hello *hello, bell_slice browser)
{
    struct facts f = *known;
    if (hello->page.p != NULL) {
        f.page = hello->page;
    }
    if (hello->title.p != NULL) {
        f.title = hello->title;
    }
    if (hello->referrer.p != NULL) {
        f.referrer = hello->referrer;
    }
    if (hello->language.p != NULL) {
        f.language = hello->language;
    }
    if (browser.n > 0) {
        f.browser = text_cut(browser, FACTS_BROWSER_MAX_CHARS);
    }
    return f;
}

static bool facts_equal(const struct facts *a, const struct facts *b)
{
    return bell_slice_equal(a->page, b->page) && bell_slice_equal(a->title, b->title) &&
           bell_slice_equal(a->referrer, b->referrer) &&
           bell_slice_equal(a->language, b->language) && bell_slice_equal(a->browser, b->browser);
}

static struct outcome visitor_make(struct tx *tx, int64_t site,
                                   const struct visitor_command_hello *hello, bell_slice browser,
                                   struct visitor_row *row, desk_secret *token)
{
    *row = (struct visitor_row){.site = site};
    bell_random_fill(row->visitor.visitor.b, sizeof row->visitor.visitor.b);
    secret_make(token);
    secret_hash(token, row->secret_hash);
    const struct facts nothing = {0};
    row->facts = facts_merge(&nothing, hello, browser);
    return outcome_from(store_visitor_insert(tx->db, row, tx->now_us, &row->number));
}

static struct outcome visitor_return(struct tx *tx, int64_t site,
                                     const struct visitor_command_hello *hello, bell_slice browser,
                                     struct bell_arena *arena, struct visitor_row *row)
{
    bell_status st = store_visitor_find(tx->db, hello->visitor, arena, row);
    if (st == BELL_ENOTFOUND ||
        (st == BELL_OK && !secret_matches(&hello->token, row->secret_hash))) {
        return outcome_refused(ERROR_BAD_TOKEN);
    }
    if (st != BELL_OK) {
        return outcome_from(st);
    }
    if (row->site != site) {
        return outcome_refused(ERROR_BAD_SITE);
    }
    struct facts facts = facts_merge(&row->facts, hello, browser);
    if (facts_equal(&facts, &row->facts)) {
        return outcome_done(); /* Coming back to the same page writes nothing. */
    }
    return outcome_from(store_visitor_set_facts(tx->db, row->number, &facts));
}

/* What the welcome says of the conversation. */
static bell_status welcome_tell(struct tx *tx, struct bell_arena *arena,
                                struct visitor_hello_result *out)
{
    struct conversation_row row;
    bell_status st = store_conversation_of_visitor(tx->db, out->self.visitor, &row);
    if (st != BELL_OK) {
        return st == BELL_ENOTFOUND ? BELL_OK : st;
    }
    out->conversation = row.number;
    struct visitor_event_welcome *w = &out->welcome;
    w->last = row.last;
    w->has_state = true;
    w->state = row.state;
    w->read = row.agent_read;
    st = record_agent_delivered(tx, &row, &w->delivered);
    if (st == BELL_OK && row.agent != 0) {
        struct agent_row agent = {0};
        st = store_agent_get(tx->db, row.agent, arena, &agent);
        w->agent_name = agent.agent.name;
    }
    return st;
}

struct outcome visitor_hello(struct tx *tx, const struct visitor_command_hello *hello,
                             bell_slice origin, bell_slice browser, struct bell_arena *arena,
                             struct visitor_hello_result *out)
{
    struct site_row site = {0};
    bell_status st = store_site_by_key(tx->db, hello->site, arena, &site);
    if (st == BELL_ENOTFOUND ||
        (st == BELL_OK && !site_allows(&(struct site_entry){.origins = site.origins}, origin))) {
        return outcome_refused(ERROR_BAD_SITE);
    }
    if (st != BELL_OK) {
        return outcome_from(st);
    }
    if (hello->has_visitor != hello->has_token) {
        return outcome_refused(ERROR_BAD_TOKEN);
    }
    struct visitor_hello_result result = {0};
    struct visitor_row row = {0};
    struct outcome o =
        hello->has_visitor
            ? visitor_return(tx, site.number, hello, browser, arena, &row)
            : visitor_make(tx, site.number, hello, browser, &row, &result.welcome.token);
    if (!outcome_is_done(o)) {
        return o;
    }
    result.self = (struct visitor_self){
        .visitor = row.number, .site = site.number, .id = row.visitor.visitor};
    result.welcome.visitor = row.visitor.visitor;
    result.welcome.has_token = !hello->has_visitor;
    result.welcome.site = (struct site){.name = site.name, .welcome = site.welcome};
    result.welcome.name = row.visitor.name;
    result.welcome.email = row.visitor.email;
    st = hello->has_visitor ? welcome_tell(tx, arena, &result) : BELL_OK;
    if (st == BELL_OK) {
        *out = result;
    }
    return outcome_from(st);
}

/* --- post --- */

/* The conversation is made before its messages; what the row says of them is saved after them. */
static bell_status conversation_begin(struct tx *tx, const struct visitor_self *self,
                                      struct conversation_row *row, struct event **change)
{
    struct bell_arena *arena = &tx->events->arena;
    struct site_row site = {0};
    bell_status st = store_site_get(tx->db, self->site, arena, &site);
    if (st != BELL_OK) {
        return st;
    }
    bool has_welcome = site.welcome.n > 0;
    *row = (struct conversation_row){.visitor = self->visitor,
                                     .site = self->site,
                                     .visitor_id = self->id,
                                     .state = STATE_OPEN,
                                     .first_visitor = has_welcome ? 2 : 1,
                                     .created_at = tx->now_us,
                                     .changed_at = tx->now_us};
    st = store_conversation_insert(tx->db, row, &row->number);
    if (st == BELL_OK) {
        st = record_change_begin(tx, row, true, change);
    }
    if (st == BELL_OK && has_welcome) {
        struct message welcome = {.author = AUTHOR_SITE, .text = site.welcome};
        st = record_message(tx, row, MESSAGE_SENDER_VISITOR, &welcome);
    }
    return st;
}

/* The visitor's message opens it again; it keeps its agent, if that one still exists. */
static bell_status conversation_revive(struct tx *tx, struct conversation_row *row,
                                       struct event **change)
{
    row->state = STATE_OPEN;
    if (row->agent != 0) {
        struct agent_row agent = {0};
        bell_status st = store_agent_get(tx->db, row->agent, &tx->events->arena, &agent);
        if (st != BELL_OK) {
            return st;
        }
        row->agent = agent.agent.removed ? 0 : row->agent;
    }
    return record_change_begin(tx, row, true, change);
}

static bell_status post_store(struct tx *tx, const struct visitor_self *self,
                              struct conversation_row *row, const struct visitor_command_post *post,
                              struct posted *out)
{
    struct event *change = NULL;
    bool is_new = row->number == 0;
    bool was_closed = !is_new && row->state == STATE_CLOSED;
    bell_status st = BELL_OK;
    if (is_new) {
        st = conversation_begin(tx, self, row, &change);
    } else if (was_closed) {
        st = conversation_revive(tx, row, &change);
    }
    struct message message = {
        .has_id = true, .id = post->id, .author = AUTHOR_VISITOR, .text = post->text};
    if (st == BELL_OK) {
        st = record_message(tx, row, MESSAGE_SENDER_VISITOR, &message);
    }
    if (st == BELL_OK) {
        st = was_closed ? store_conversation_save(tx->db, row)
                        : store_conversation_save_posted(tx->db, row);
    }
    if (st == BELL_OK) {
        st = record_change_end(tx, change);
    }
    if (st == BELL_OK) {
        *out = (struct posted){.conversation = row->number,
                               .number = message.number,
                               .at = message.at,
                               .opened = is_new};
    }
    return st;
}

struct outcome visitor_post(struct tx *tx, const struct visitor_self *self,
                            const struct visitor_command_post *post, bool may_open,
                            struct posted *out)
{
    enum desk_error error = text_check_post(post->text);
    if (error != ERROR_NONE) {
        return outcome_refused(error);
    }
    struct conversation_row row = {0};
    bell_status st = store_conversation_of_visitor(tx->db, self->visitor, &row);
    if (st == BELL_ENOTFOUND) {
        if (!may_open) {
            return outcome_refused(ERROR_RATE_LIMITED);
        }
        return outcome_from(post_store(tx, self, &row, post, out));
    }
    if (st != BELL_OK) {
        return outcome_from(st);
    }
    int64_t number = 0;
    int64_t at = 0;
    st = store_message_find(tx->db, row.number, MESSAGE_SENDER_VISITOR, post->id, &number, &at);
    if (st == BELL_OK) {
        *out = (struct posted){
            .conversation = row.number, .number = number, .at = at, .is_repeat = true};
        return outcome_done();
    }
    return outcome_from(st == BELL_ENOTFOUND ? post_store(tx, self, &row, post, out) : st);
}

/* --- how far it came --- */

static struct outcome visitor_seen(struct tx *tx, const struct visitor_self *self, int64_t number,
                                   bool is_read, int64_t *conversation)
{
    struct conversation_row row;
    bell_status st = store_conversation_of_visitor(tx->db, self->visitor, &row);
    *conversation = st == BELL_OK ? row.number : 0;
    if (st != BELL_OK) {
        return st == BELL_ENOTFOUND ? outcome_done() : outcome_from(st);
    }
    int64_t until = number < row.last ? number : row.last;
    bool moves = until > row.visitor_delivered || (is_read && until > row.visitor_read);
    if (!moves) {
        return outcome_done();
    }
    if (is_read && until > row.visitor_read) {
        row.visitor_read = until;
    }
    if (until > row.visitor_delivered) {
        row.visitor_delivered = until; /* What was read has arrived. */
    }
    st = store_conversation_save_receipt(tx->db, &row);
    if (st == BELL_OK) {
        st = record_receipt(tx, &row, false);
    }
    return outcome_from(st);
}

struct outcome visitor_delivered(struct tx *tx, const struct visitor_self *self, int64_t number,
                                 int64_t *conversation)
{
    return visitor_seen(tx, self, number, false, conversation);
}

struct outcome visitor_read(struct tx *tx, const struct visitor_self *self, int64_t number,
                            int64_t *conversation)
{
    return visitor_seen(tx, self, number, true, conversation);
}

/* --- who it is --- */

static enum desk_error identify_check(const struct visitor_command_identify *identify)
{
    enum desk_error error = ERROR_NONE;
    if (identify->name.p != NULL) {
        error = text_check_name(identify->name, VISITOR_NAME_MAX_CHARS);
    }
    if (error == ERROR_NONE && identify->email.p != NULL) {
        error = text_check_email(identify->email);
    }
    return error;
}

struct outcome visitor_identify(struct tx *tx, const struct visitor_self *self,
                                const struct visitor_command_identify *identify)
{
    enum desk_error error = identify_check(identify);
    if (error != ERROR_NONE) {
        return outcome_refused(error);
    }
    if (identify->name.p == NULL && identify->email.p == NULL) {
        return outcome_done();
    }
    bell_status st =
        store_visitor_set_names(tx->db, self->visitor, identify->name, identify->email);
    if (st != BELL_OK) {
        return outcome_from(st);
    }
    struct conversation_row row;
    st = store_conversation_of_visitor(tx->db, self->visitor, &row);
    if (st != BELL_OK) {
        return st == BELL_ENOTFOUND ? outcome_done() : outcome_from(st);
    }
    struct event *change = NULL;
    st = record_change_begin(tx, &row, false, &change);
    return outcome_from(st == BELL_OK ? record_change_end(tx, change) : st);
}

/* --- reading on --- */

struct outcome visitor_history(struct tx *tx, const struct visitor_self *self, int64_t after,
                               int64_t limit, struct bell_arena *arena,
                               struct visitor_event_messages *out)
{
    struct conversation_row row;
    bell_status st = store_conversation_of_visitor(tx->db, self->visitor, &row);
    if (st == BELL_ENOTFOUND) {
        *out = (struct visitor_event_messages){0};
        return outcome_done();
    }
    struct message *items = NULL;
    size_t count = 0;
    bool more = false;
    if (st == BELL_OK) {
        int64_t bound =
            limit > VISITOR_COMMAND_HISTORY_LIMIT_MAX ? VISITOR_COMMAND_HISTORY_LIMIT_MAX : limit;
        st = store_message_after(tx->db, row.number, after, bound, arena, &items, &count, &more);
    }
    if (st == BELL_OK) {
        *out = (struct visitor_event_messages){.items = items, .items_count = count, .more = more};
    }
    return outcome_from(st);
}
