/* A private folder for key files, which a test fills and removes. */
#pragma once
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct key_folder {
    char path[64];
};

static inline void key_folder_make(struct key_folder *folder)
{
    strcpy(folder->path, "/tmp/ordersync-keys-XXXXXX");
    if (!mkdtemp(folder->path))
        abort();
}

static inline void key_folder_remove(const struct key_folder *folder)
{
    DIR *dir = opendir(folder->path);
    struct dirent *entry = NULL;

    if (!dir)
        abort();
    while ((entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    rmdir(folder->path);
}

static inline void key_folder_delete(const struct key_folder *folder, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    if (unlink(path) != 0)
        abort();
}

static inline FILE *key_folder_open(const struct key_folder *folder, const char *name, mode_t mode)
{
    char path[256];
    int fd = -1;

    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd < 0 || fchmod(fd, mode) != 0)
        abort();
    return fdopen(fd, "w");
}

static inline void key_folder_write(const struct key_folder *folder, const char *name,
                                    const char *text, mode_t mode)
{
    FILE *file = key_folder_open(folder, name, mode);

    fputs(text, file);
    fclose(file);
}

static inline void key_folder_write_private(const struct key_folder *folder, const char *name,
                                            EVP_PKEY *pkey)
{
    FILE *file = key_folder_open(folder, name, 0600);

    if (PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) != 1)
        abort();
    fclose(file);
}

static inline void key_folder_write_public(const struct key_folder *folder, const char *name,
                                           EVP_PKEY *pkey)
{
    FILE *file = key_folder_open(folder, name, 0644);

    if (PEM_write_PUBKEY(file, pkey) != 1)
        abort();
    fclose(file);
}
