/*
 * Certificates for tests, each its own authority. They are good for an hour.
 */
#ifndef TEST_CERTIFICATE_H
#define TEST_CERTIFICATE_H

/* Of what it is for: "DNS:a.example,IP:127.0.0.1". Both files are replaced. Fails the test when it
 * cannot. */
void certificate_make(const char *names, const char *certificate_file, const char *key_file);
/* A key of its own kind, with a password. */
void certificate_make_encrypted_key(const char *key_file);

#endif
