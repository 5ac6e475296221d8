#include "loadtest/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void find_api_program(char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 32);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    strcpy(slash ? slash + 1 : path, "ordersync-api");
}

bool load_program_start(struct load_program *program, char *const argv[], struct osy_error *err)
{
    char path[PATH_MAX];
    int ends[2];
    find_api_program(path);
    *program = (struct load_program){0};
    if (pipe2(ends, O_CLOEXEC))
        return osy_error_set(err, OSY_ERR_IO, "pipe: %s", strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    int code = posix_spawn(&program->pid, path, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
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
