/*
 * Passwords from a person: asked for at the terminal without showing them, or read from standard
 * input. Never from the command line, where everybody on the machine could read them.
 */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "bell/slice.h"
#include "desk/domain/account.h"

#include <stdbool.h>
#include <stddef.h>

enum { PASSWORD_MAX_BYTES = 1024 };

struct password {
    char text[PASSWORD_MAX_BYTES];
    size_t bytes;
};

/*
 * from_stdin: the first line of standard input. Otherwise asked for twice at the terminal. false:
 * there is none, and that was said.
 */
bool password_read(bool from_stdin, struct password *out);
void password_wipe(struct password *password);
/* Slow. false: it cannot be one, or there is no memory, and that was said. */
bool password_to_hash(const struct password *password, struct password_hash *out);

#endif
