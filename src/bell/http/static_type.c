/*
 * Content types by file extension. Text says that it is UTF-8. What is compressed already has no
 * encoded brothers.
 */
#include "bell/http/static_file.h"

#include "bell/http/text.h"

static const struct {
    const char *extension; /* lower case */
    const char *type;
    bool is_compressible;
} TYPES[] = {
    {"html", "text/html; charset=utf-8", true},
    {"htm", "text/html; charset=utf-8", true},
    {"js", "text/javascript; charset=utf-8", true},
    {"mjs", "text/javascript; charset=utf-8", true},
    {"css", "text/css; charset=utf-8", true},
    {"json", "application/json", true},
    {"map", "application/json", true},
    {"svg", "image/svg+xml", true},
    {"png", "image/png", false},
    {"jpg", "image/jpeg", false},
    {"jpeg", "image/jpeg", false},
    {"gif", "image/gif", false},
    {"webp", "image/webp", false},
    {"avif", "image/avif", false},
    {"ico", "image/vnd.microsoft.icon", true},
    {"bmp", "image/bmp", true},
    {"woff2", "font/woff2", false},
    {"woff", "font/woff", false},
    {"ttf", "font/ttf", true},
    {"otf", "font/otf", true},
    {"txt", "text/plain; charset=utf-8", true},
    {"md", "text/markdown; charset=utf-8", true},
    {"csv", "text/csv; charset=utf-8", true},
    {"vtt", "text/vtt; charset=utf-8", true},
    {"xml", "application/xml", true},
    {"rss", "application/rss+xml", true},
    {"atom", "application/atom+xml", true},
    {"wasm", "application/wasm", true},
    {"webmanifest", "application/manifest+json", true},
    {"pdf", "application/pdf", false},
    {"zip", "application/zip", false},
    {"gz", "application/gzip", false},
    {"mp3", "audio/mpeg", false},
    {"ogg", "audio/ogg", false},
    {"oga", "audio/ogg", false},
    {"opus", "audio/ogg", false},
    {"m4a", "audio/mp4", false},
    {"flac", "audio/flac", false},
    {"wav", "audio/wav", true},
    {"mp4", "video/mp4", false},
    {"webm", "video/webm", false},
    {"ogv", "video/ogg", false},
};

bell_http_content_type bell_http_content_type_of(bell_slice name)
{
    size_t at = name.n;
    while (at > 0 && name.p[at - 1] != '.' && name.p[at - 1] != '/') {
        at--;
    }
    if (at > 0 && name.p[at - 1] == '.') {
        bell_slice extension = {name.p + at, name.n - at};
        for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
            if (bell_http_equal_nocase(extension, bell_slice_from(TYPES[i].extension))) {
                return (bell_http_content_type){
                    .type = bell_slice_from(TYPES[i].type),
                    .is_compressible = TYPES[i].is_compressible,
                };
            }
        }
    }
    return (bell_http_content_type){.type = BELL_LIT("application/octet-stream")};
}
