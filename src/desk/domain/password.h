/*
 * Checking of passwords; see account.h for the hash. Private to desk/domain.
 */
#ifndef DESK_DOMAIN_PASSWORD_H
#define DESK_DOMAIN_PASSWORD_H

#include "bell/slice.h"

#include <stdbool.h>

/* Slow. Is it the password of this hash? false also when memory is short. */
bool password_matches(bell_slice password, bell_slice hash);
/* Takes as long as a wrong password does: for accounts that do not exist. */
void password_check_nobody(bell_slice password);

#endif
