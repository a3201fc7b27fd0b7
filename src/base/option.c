#include "base/option.h"

#include "base/log.h"

bell_status bell_option_check(const char *type, const bell_option_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!rules[i].is_right) {
            bell_log(BELL_LOG_ERROR, "option refused option=%s.%s", type, rules[i].name);
            return BELL_EINVAL;
        }
    }
    return BELL_OK;
}
