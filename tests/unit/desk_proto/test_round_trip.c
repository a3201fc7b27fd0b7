#include "random_value.h"

#include "base/mem.h"
#include "desk/proto/decode.h"
#include "desk/proto/walk.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ROUNDS = 60, ARENA_BYTES = 4 * 1024 * 1024 };

/* Room for any of the structs; the alignment is malloc's. */
static void *new_value(size_t size)
{
    void *value = bell_mem_zalloc(size);
    assert_non_null(value);
    return value;
}

/* What jansson reads and writes again is what we wrote, to the byte. */
static void assert_same_as_jansson(const struct bell_buf *text)
{
    json_t *root = json_loadb(text->p, text->n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    char *again = json_dumps(root, JSON_COMPACT);
    assert_non_null(again);
    assert_int_equal(strlen(again), text->n);
    assert_memory_equal(again, text->p, text->n);
    bell_mem_free(again);
    json_decref(root);
}

static void tagged_round(struct dice *d, const struct proto_tagged *table, unsigned type)
{
    struct bell_arena arena;
    struct bell_buf text;
    struct decode_failure why;
    bell_arena_init(&arena, ARENA_BYTES);
    bell_buf_init(&text, EVENT_MAX_BYTES);
    void *value = new_value(table->size_bytes);
    void *back = new_value(table->size_bytes);
    random_tagged(d, table, type, &arena, value);
    assert_int_equal(proto_tagged_encode(table, value, &text), BELL_OK);
    assert_int_equal(proto_tagged_decode(table, bell_buf_slice(&text), &arena, back, &why),
                     BELL_OK);
    assert_true(equal_tagged(table, value, back));
    assert_same_as_jansson(&text);
    bell_mem_free(value);
    bell_mem_free(back);
    bell_buf_finish(&text);
    bell_arena_finish(&arena);
}

static void body_round(struct dice *d, const struct proto_body *table)
{
    struct bell_arena arena;
    struct bell_buf text;
    struct decode_failure why;
    bell_arena_init(&arena, ARENA_BYTES);
    bell_buf_init(&text, EVENT_MAX_BYTES);
    void *value = new_value(table->record.size_bytes);
    void *back = new_value(table->record.size_bytes);
    random_record(d, &table->record, &arena, value);
    assert_int_equal(proto_body_encode(table, value, &text), BELL_OK);
    assert_int_equal(proto_body_decode(table, bell_buf_slice(&text), &arena, back, &why), BELL_OK);
    assert_true(equal_records(&table->record, value, back));
    assert_same_as_jansson(&text);
    bell_mem_free(value);
    bell_mem_free(back);
    bell_buf_finish(&text);
    bell_arena_finish(&arena);
}

static void every_command_and_event_comes_back_as_it_was(void **state)
{
    (void)state;
    struct dice d = {0x9e3779b97f4a7c15};
    for (size_t t = 0; t < ALL_TAGGED_COUNT; t++) {
        for (unsigned type = 0; type < ALL_TAGGED[t].table->member_count; type++) {
            for (int round = 0; round < ROUNDS; round++) {
                tagged_round(&d, ALL_TAGGED[t].table, type);
            }
        }
    }
    assert_int_equal(bell_mem_live(), 0);
}

static void every_http_body_comes_back_as_it_was(void **state)
{
    (void)state;
    struct dice d = {0xd1b54a32d192ed03};
    for (size_t t = 0; t < ALL_BODIES_COUNT; t++) {
        for (int round = 0; round < ROUNDS; round++) {
            body_round(&d, ALL_BODIES[t].table);
        }
    }
    assert_int_equal(bell_mem_live(), 0);
}

/* Decodes with each allocation failing once; it must say so, keep nothing, and work the next time.
 */
static void decode_without_memory(const struct proto_tagged *table, bell_slice text, void *out)
{
    struct decode_failure why;
    int64_t live = bell_mem_live();
    for (int64_t n = 1;; n++) {
        struct bell_arena arena;
        bell_arena_init(&arena, ARENA_BYTES);
        bell_mem_fail_at(n);
        bell_status st = proto_tagged_decode(table, text, &arena, out, &why);
        bool failed = bell_mem_failed();
        bell_mem_fail_at(0);
        bell_arena_finish(&arena);
        assert_int_equal(bell_mem_live(), live);
        if (!failed) {
            assert_int_equal(st, BELL_OK);
            assert_true(n > 1);
            return;
        }
        assert_int_equal(st, BELL_ENOMEM);
        assert_int_equal(why.error, ERROR_BUSY);
    }
}

static void encode_without_memory(const struct proto_tagged *table, const void *value)
{
    for (int64_t n = 1;; n++) {
        struct bell_buf out;
        bell_buf_init(&out, EVENT_MAX_BYTES);
        bell_mem_fail_at(n);
        bell_status st = proto_tagged_encode(table, value, &out);
        bool failed = bell_mem_failed();
        bell_mem_fail_at(0);
        size_t written = out.n;
        bell_buf_finish(&out);
        if (!failed) {
            assert_int_equal(st, BELL_OK);
            assert_true(n > 1);
            return;
        }
        assert_int_equal(st, BELL_ENOMEM);
        assert_int_equal(written, 0);
    }
}

static void says_so_and_keeps_nothing_when_memory_ends(void **state)
{
    (void)state;
    struct dice d = {88172645463325252};
    for (size_t t = 0; t < ALL_TAGGED_COUNT; t++) {
        const struct proto_tagged *table = ALL_TAGGED[t].table;
        for (unsigned type = 0; type < table->member_count; type++) {
            struct bell_arena arena;
            struct bell_buf text;
            bell_arena_init(&arena, ARENA_BYTES);
            bell_buf_init(&text, EVENT_MAX_BYTES);
            void *value = new_value(table->size_bytes);
            void *back = new_value(table->size_bytes);
            random_tagged(&d, table, type, &arena, value);
            assert_int_equal(proto_tagged_encode(table, value, &text), BELL_OK);
            decode_without_memory(table, bell_buf_slice(&text), back);
            encode_without_memory(table, value);
            bell_mem_free(value);
            bell_mem_free(back);
            bell_buf_finish(&text);
            bell_arena_finish(&arena);
        }
    }
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    /* So that this program frees jansson's texts with the same functions. */
    json_set_alloc_funcs(bell_mem_alloc, bell_mem_free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_and_event_comes_back_as_it_was),
        cmocka_unit_test(every_http_body_comes_back_as_it_was),
        cmocka_unit_test(says_so_and_keeps_nothing_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
