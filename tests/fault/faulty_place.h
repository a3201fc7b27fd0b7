/*
 * What tables of failing calls share: which back end they run on, and what is left behind.
 */
#ifndef TEST_FAULT_FAULTY_PLACE_H
#define TEST_FAULT_FAULTY_PLACE_H

#include "bell/io_server.h"

#include <stdbool.h>
#include <stdint.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

#define FOR_EVER UINT32_MAX

/* Of a row that holds for one back end only. */
typedef enum { ON_BOTH, ON_EPOLL, ON_RING } where;

/* First of all, on the test's thread; false when there is no back end. */
bool place_init(void);
bell_io_back_end place_back_end(void);
bool is_here(where on);

/* Descriptors of this process. */
int descriptors(void);
/* Waits until there are no more than so many; ends the test when it takes too long. */
void descriptors_wait(int count);
/* Waits until so many of the planned calls have failed; likewise. */
void failures_wait(uint32_t count);

#endif
