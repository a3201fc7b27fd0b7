#include "password.h"

#include "command.h"

#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static bell_slice password_slice(const struct password *password)
{
    return bell_slice_make(password->text, password->bytes);
}

/* One line, without its end; more than fits is refused rather than cut. */
static bool read_line(int fd, struct password *out)
{
    out->bytes = 0;
    while (true) {
        char c;
        ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0 || c == '\n') {
            break;
        }
        if (out->bytes == sizeof out->text) {
            cli_complain("the password is too long");
            return false;
        }
        out->text[out->bytes++] = c;
    }
    if (out->bytes > 0 && out->text[out->bytes - 1] == '\r') {
        out->bytes--;
    }
    if (out->bytes == 0) {
        cli_complain("no password was given");
        return false;
    }
    if (!bell_utf8_is_valid(password_slice(out))) {
        cli_complain("the password is not UTF-8 text");
        return false;
    }
    return true;
}

static void say(int fd, const char *text)
{
    ssize_t n = write(fd, text, strlen(text));
    (void)n; /* a terminal that shows nothing still reads */
}

static bool ask(int terminal, const char *question, struct password *out)
{
    struct termios shown;
    if (tcgetattr(terminal, &shown) != 0) {
        cli_complain("cannot switch the echo of the terminal off; use --password-stdin");
        return false;
    }
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    say(terminal, question);
    (void)tcsetattr(terminal, TCSAFLUSH, &hidden);
    bool is_good = read_line(terminal, out);
    (void)tcsetattr(terminal, TCSAFLUSH, &shown);
    say(terminal, "\n");
    return is_good;
}

bool password_read(bool from_stdin, struct password *out)
{
    if (from_stdin) {
        return read_line(STDIN_FILENO, out);
    }
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) {
        cli_complain("there is no terminal to ask for the password; use --password-stdin");
        return false;
    }
    struct password again = {.bytes = 0};
    bool is_good = ask(terminal, "Password (10 characters or more): ", out) &&
                   ask(terminal, "The same again: ", &again);
    if (is_good && !bell_slice_equal(password_slice(out), password_slice(&again))) {
        cli_complain("the two passwords differ");
        is_good = false;
    }
    password_wipe(&again);
    (void)close(terminal);
    return is_good;
}

void password_wipe(struct password *password)
{
    explicit_bzero(password, sizeof *password);
}

bool password_to_hash(const struct password *password, struct password_hash *out)
{
    struct outcome hashed = password_hash(password_slice(password), out);
    if (!outcome_is_done(hashed)) {
        cli_complain("%s", hashed.error == ERROR_BAD_FIELD
                               ? "the password must have 10 to 200 characters"
                               : "there is no memory to hash the password");
    }
    return outcome_is_done(hashed);
}
