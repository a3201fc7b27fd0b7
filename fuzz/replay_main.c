/*
 * Runs a fuzz target on the files of the folders given, so that what was found once is tested in
 * every build, without libFuzzer. Each file is given in a block of exactly its size: sanitizers and
 * valgrind see any step beyond. Exit status 0 = all ran, 1 = no files or one that cannot be read; a
 * property that does not hold aborts.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_MAX_BYTES = 4096 };

static bool run_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    uint8_t *data = malloc(size + (size == 0));
    bool is_read = data != NULL && fread(data, 1, size, file) == size;
    (void)fclose(file);
    if (is_read) {
        /* Known before it runs: the last line on a crash names the file. */
        (void)fprintf(stderr, "%s\n", path);
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return is_read;
}

/* The number of files that ran; -1 when one could not be read. */
static int run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return -1;
    }
    int count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL && count >= 0; entry = readdir(dir)) {
        char path[PATH_MAX_BYTES];
        struct stat about;
        int n = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof path || stat(path, &about) != 0) {
            count = -1;
        } else if (S_ISREG(about.st_mode)) {
            count = run_file(path, (size_t)about.st_size) ? count + 1 : -1;
        }
    }
    (void)closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int count = run_folder(argv[i]);
        if (count <= 0) {
            (void)fprintf(stderr, "replay: nothing to run in %s\n", argv[i]);
            return EXIT_FAILURE;
        }
        total += count;
    }
    (void)printf("%d inputs\n", total);
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
