/* The part of faulty_calls.h that is about OpenSSL. */
#include "faulty_calls.h"

WRAPPED(int, RAND_bytes, unsigned char *out, int n)
{
    return fault_fails(CALL_TLS_RANDOM) ? 0 : __real_RAND_bytes(out, n);
}

WRAPPED(int, RAND_priv_bytes, unsigned char *out, int n)
{
    return fault_fails(CALL_TLS_RANDOM) ? 0 : __real_RAND_priv_bytes(out, n);
}
