#include "loadtest/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void find_api_program(char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 32);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    strcpy(slash ? slash + 1 : path, "ordersync-api");
}

/* A file in memory with the text, to be read from its beginning: a pipe would have to be filled while we read what
 * comes back. -1: errno says why not. */
static int open_input(const char *text)
{
    size_t length = strlen(text);
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd >= 0 && (write(fd, text, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int spawn(pid_t *pid, const char *path, char *const argv[], int input, int output)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    int code = posix_spawn(pid, path, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

bool load_program_start(struct load_program *program, char *const argv[], const char *input,
                        struct osy_error *err)
{
    char path[PATH_MAX];
    int ends[2];
    find_api_program(path);
    *program = (struct load_program){0};
    int in = open_input(input ? input : "");
    if (in < 0)
        return osy_error_set(err, OSY_ERR_IO, "memfd_create: %s", strerror(errno));
    if (pipe2(ends, O_CLOEXEC)) {
        close(in);
        return osy_error_set(err, OSY_ERR_IO, "pipe: %s", strerror(errno));
    }
    int code = spawn(&program->pid, path, argv, in, ends[1]);
    close(in);
    close(ends[1]);
    if (code) {
        close(ends[0]);
        return osy_error_set(err, OSY_ERR_IO, "%s: %s", path, strerror(code));
    }
    program->out = fdopen(ends[0], "r");
    return true;
}

bool load_program_read_line(struct load_program *program, char line[LOAD_PROGRAM_LINE_BYTES])
{
    if (!fgets(line, LOAD_PROGRAM_LINE_BYTES, program->out))
        return false;
    line[strcspn(line, "\r\n")] = '\0';
    return true;
}

bool load_program_finish(struct load_program *program, const char *what, struct osy_error *err)
{
    int status = 0;
    fclose(program->out);
    while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return osy_error_set(err, OSY_ERR_IO, "ordersync-api %s failed", what);
    return true;
}
