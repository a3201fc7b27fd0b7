#include "bell/status.h"

#define STATUS_NAME(name, value, text)                                                             \
    case name:                                                                                     \
        return #name;
#define STATUS_TEXT(name, value, text)                                                             \
    case name:                                                                                     \
        return text;

const char *bell_status_name(bell_status st)
{
    switch (st) {
        BELL_STATUS_MAP(STATUS_NAME)
    }
    return "unknown";
}

const char *bell_status_text(bell_status st)
{
    switch (st) {
        BELL_STATUS_MAP(STATUS_TEXT)
    }
    return "unknown";
}

#undef STATUS_NAME
#undef STATUS_TEXT
