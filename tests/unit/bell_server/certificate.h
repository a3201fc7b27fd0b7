/*
 * For tests: a certificate that signs itself, and its key, as files.
 */
#ifndef TEST_BELL_SERVER_CERTIFICATE_H
#define TEST_BELL_SERVER_CERTIFICATE_H

/* names: subject alternative names as OpenSSL writes them, "DNS:a.example,IP:127.0.0.1". The files
 * are made, and the test ends when they cannot be. */
void certificate_make(const char *names, const char *certificate_file, const char *key_file);

#endif
