/*
 * Looking up fields of a request head. A head has few fields, and names of different length are
 * told apart without looking at them, so that walking is faster than any table would be to build.
 */
#include "bell/http/head.h"

#include "bell/http/text.h"

bool bell_http_head_next(const bell_http_head *head, bell_slice name, uint32_t *index,
                         bell_slice *value)
{
    while (*index < head->field_count) {
        uint32_t i = (*index)++;
        if (head->fields[i].name.n == name.n &&
            bell_http_equal_nocase(bell_http_head_name(head, i), name)) {
            *value = bell_http_head_value(head, i);
            return true;
        }
    }
    return false;
}

bell_slice bell_http_head_find(const bell_http_head *head, bell_slice name)
{
    uint32_t index = 0;
    bell_slice value = {NULL, 0};
    (void)bell_http_head_next(head, name, &index, &value);
    return value;
}

bool bell_http_head_has(const bell_http_head *head, bell_slice name)
{
    uint32_t index = 0;
    bell_slice value;
    return bell_http_head_next(head, name, &index, &value);
}
