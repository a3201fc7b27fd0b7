#include "faulty_place.h"

#include "bell/net/io.h"
#include "faulty_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static bell_io_back_end back_end;

bool place_init(void)
{
    faults_init();
    if (bell_io_choose(BELL_IO_AUTO, &back_end) != BELL_OK) {
        return false;
    }
    if (back_end == BELL_IO_URING) {
        (void)unsetenv("BELL_IO"); /* asked for or not, it is had; some tests do not ask */
    }
    return true;
}

bell_io_back_end place_back_end(void)
{
    return back_end;
}

bool is_here(where on)
{
    return on == ON_BOTH || (on == ON_RING) == (back_end == BELL_IO_URING);
}

int descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

void descriptors_wait(int count)
{
    for (int i = 0; descriptors() > count; i++) {
        assert_true(i < PATIENCE_MS);
        (void)usleep(1000);
    }
}

void failures_wait(uint32_t count)
{
    for (int i = 0; faults_failed() < count; i++) {
        assert_true(i < PATIENCE_MS);
        (void)usleep(1000);
    }
}
