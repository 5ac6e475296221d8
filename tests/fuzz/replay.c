/*
 * The main of a fuzz target where libFuzzer is not linked: feeds each file given, and each file of
 * each folder given, to the target once. Every crash ever found is kept as a seed, so this is a
 * regression test under any compiler and sanitizer. No input at all is a failure: a target whose
 * seeds went missing must not pass.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void replay_file(const char *path, size_t length)
{
    FILE *file = fopen(path, "rb");
    /* An exact allocation, so that AddressSanitizer sees a read of one byte too many. */
    uint8_t *bytes = malloc(length ? length : 1);
    if (!file || !bytes || fread(bytes, 1, length, file) != length) {
        perror(path);
        exit(1);
    }
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, length);
    free(bytes);
}

static size_t replay_path(const char *path);

static size_t replay_folder(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    size_t replayed = 0;
    for (int i = 0; i < count; i++) {
        char child[4096];
        if (entries[i]->d_name[0] != '.') {
            snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name);
            replayed += replay_path(child);
        }
        free(entries[i]);
    }
    free(entries);
    return replayed;
}

static size_t replay_path(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        perror(path);
        exit(1);
    }
    if (S_ISDIR(status.st_mode))
        return replay_folder(path);
    replay_file(path, (size_t)status.st_size);
    return 1;
}

int main(int argc, char **argv)
{
    size_t replayed = 0;
    for (int i = 1; i < argc; i++)
        replayed += replay_path(argv[i]);
    printf("%zu inputs replayed\n", replayed);
    return replayed > 0 ? 0 : 1;
}
