/*
 * Every example of docs/protocol.md (its path is the argument) is what it says it is, and there is
 * one of each kind.
 */
#include "random_value.h"

#include "base/mem.h"
#include "desk/proto/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const char *document_path;

enum { MAX_DOCUMENT_BYTES = 1024 * 1024, ARENA_BYTES = 65536 };

static char *read_document(void)
{
    FILE *file = fopen(document_path, "rb");
    assert_non_null(file);
    char *text = bell_mem_zalloc(MAX_DOCUMENT_BYTES + 1);
    assert_non_null(text);
    size_t n = fread(text, 1, MAX_DOCUMENT_BYTES, file);
    assert_in_range(n, 1, MAX_DOCUMENT_BYTES - 1);
    assert_int_equal(fclose(file), 0);
    return text;
}

static bell_status decode_tagged(const struct proto_tagged *table, bell_slice json, unsigned *type)
{
    struct bell_arena arena;
    struct decode_failure why;
    char *value = bell_mem_zalloc(table->size_bytes);
    assert_non_null(value);
    bell_arena_init(&arena, ARENA_BYTES);
    bell_status st = proto_tagged_decode(table, json, &arena, value, &why);
    memcpy(type, value + table->type_at, sizeof *type);
    bell_arena_finish(&arena);
    bell_mem_free(value);
    return st;
}

static bell_status decode_body(const struct proto_body *table, bell_slice json)
{
    struct bell_arena arena;
    struct decode_failure why;
    char *value = bell_mem_zalloc(table->record.size_bytes);
    assert_non_null(value);
    bell_arena_init(&arena, ARENA_BYTES);
    bell_status st = proto_body_decode(table, json, &arena, value, &why);
    bell_arena_finish(&arena);
    bell_mem_free(value);
    return st;
}

/* The number of good examples in fences of this kind; each bit of *types is one type seen. */
static size_t check_examples(const char *text, const char *kind, const struct proto_tagged *tagged,
                             const struct proto_body *body, uint64_t *types)
{
    char fence[64];
    assert_in_range(snprintf(fence, sizeof fence, "```json %s\n", kind), 1, sizeof fence - 1);
    size_t count = 0;
    for (const char *at = strstr(text, fence); at != NULL; at = strstr(at, fence)) {
        at += strlen(fence);
        bell_slice json = {at, (size_t)(strstr(at, "\n```") - at)};
        unsigned type = 0;
        bell_status st = BELL_EINVAL;
        if (tagged != NULL) {
            st = decode_tagged(tagged, json, &type);
        } else if (body != NULL) {
            st = decode_body(body, json);
        }
        if (st != BELL_OK) {
            fail_msg("%s: %.*s", kind, BELL_FMT(json));
        }
        *types |= UINT64_C(1) << type;
        count++;
    }
    return count;
}

static void the_reference_has_a_good_example_of_everything(void **state)
{
    (void)state;
    char *text = read_document();
    for (size_t t = 0; t < ALL_TAGGED_COUNT; t++) {
        uint64_t types = 0;
        size_t count = check_examples(text, ALL_TAGGED[t].name, ALL_TAGGED[t].table, NULL, &types);
        assert_int_equal(count, ALL_TAGGED[t].table->member_count);
        assert_int_equal(types, (UINT64_C(1) << count) - 1);
    }
    for (size_t t = 0; t < ALL_BODIES_COUNT; t++) {
        uint64_t types = 0;
        assert_int_equal(
            check_examples(text, ALL_BODIES[t].name, NULL, ALL_BODIES[t].table, &types), 1);
    }
    bell_mem_free(text);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        return 2;
    }
    document_path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_has_a_good_example_of_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
