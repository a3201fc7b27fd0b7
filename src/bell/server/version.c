#include "bell/version.h"

const char *bell_version(void)
{
    return BELL_VERSION_TEXT;
}
