#include "base/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool stg_program_is(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

bool stg_program_find(const char *name, char *out, size_t cap)
{
    const char *dirs = getenv("PATH");
    if (strchr(name, '/') != NULL) {
        return snprintf(out, cap, "%s", name) < (int)cap;
    }
    dirs = dirs == NULL ? "/usr/local/bin:/usr/bin:/bin" : dirs;
    for (;;) {
        const size_t len = strcspn(dirs, ":");
        const int n = snprintf(out, cap, "%.*s/%s", len == 0 ? 1 : (int)len, len == 0 ? "." : dirs, name);
        if (n > 0 && (size_t)n < cap && stg_program_is(out)) {
            return true;
        }
        if (dirs[len] == '\0') {
            return false;
        }
        dirs += len + 1;
    }
}
