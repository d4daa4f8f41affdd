/* strange doctor: what this build and this machine can do, and what to do about what they cannot. */
#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/facts.h"
#include "cli/input.h"
#include "cli/output.h"

#include "base/pool.h"
#include "base/program.h"
#include "compute/kernels.h"
#include "import/import.h"
#include "model/model.h"
#include "record/probe.h"
#include "record/record.h"

#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

struct settings {
    bool json;
};

/* The first line of a small file, "" when there is none. */
static void first_line(const char *path, const char *key, char *out, size_t cap)
{
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    char line[512];
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            const char *value = key[0] == '\0' ? line : strchr(line, ':');
            value = value == NULL ? line : value + (key[0] != '\0');
            snprintf(out, cap, "%s", value + strspn(value, " \t"));
            out[strcspn(out, "\n")] = '\0';
            break;
        }
    }
    fclose(file);
}

static enum stg_status put_cpu(json_t *facts)
{
    char name[256], features[256] = "";
    struct {
        const char *name;
        int has;
    } all[] = {
#if defined(__x86_64__)
        {"avx2", __builtin_cpu_supports("avx2")},
        {"fma", __builtin_cpu_supports("fma")},
        {"avx512f", __builtin_cpu_supports("avx512f")},
        {"avx512bw", __builtin_cpu_supports("avx512bw")},
        {"avx512vnni", __builtin_cpu_supports("avx512vnni")},
        {"avx512bf16", __builtin_cpu_supports("avx512bf16")},
#endif
        {NULL, 0},
    };
    for (size_t i = 0; all[i].name != NULL; i++) {
        if (all[i].has) {
            const size_t len = strlen(features);
            snprintf(features + len, sizeof features - len, "%s%s", len > 0 ? " " : "", all[i].name);
        }
    }
    first_line("/proc/cpuinfo", "model name", name, sizeof name);
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "cpu", stg_facts_string(name[0] == '\0' ? "unknown" : name)));
    STG_RETURN_IF_FAILED(
        stg_facts_put(facts, "cpu_features", json_string(features[0] == '\0' ? "none that are used" : features)));
    return stg_facts_put(facts, "kernels", json_string(stg_kernels()->name));
}

/* The libraries that are in use, by the file that was loaded: its name holds the version, and no header of theirs is
 * needed. */
static int add_library(struct dl_phdr_info *info, size_t size, void *context)
{
    static const char *const wanted[] = {"libbabeltrace2.", "libjansson", "libxxhash", "libc."};
    (void)size;
    for (size_t i = 0; info->dlpi_name != NULL && i < sizeof wanted / sizeof wanted[0]; i++) {
        char file[PATH_MAX];
        const char *slash = strrchr(info->dlpi_name, '/');
        if (slash == NULL || strncmp(slash + 1, wanted[i], strlen(wanted[i])) != 0) {
            continue;
        }
        const char *name = realpath(info->dlpi_name, file) != NULL ? strrchr(file, '/') : slash;
        if (json_array_append_new(context, stg_facts_string(name + 1)) != 0) {
            return -1;
        }
    }
    return 0;
}

static enum stg_status put_libraries(json_t *facts)
{
    json_t *libraries = json_array();
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "libraries", libraries));
    return dl_iterate_phdr(add_library, libraries) == 0
               ? STG_OK
               : stg_fail(STG_ERR_MEMORY, "cannot list the libraries: out of memory");
}

static enum stg_status put_machine(json_t *facts)
{
    struct utsname system;
    struct sysinfo memory;
    struct stg_pool *pool = NULL;
    char text[256];
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "strange", json_string(STG_VERSION)));
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "compiler", json_string(__VERSION__)));
    if (uname(&system) == 0) {
        snprintf(text, sizeof text, "%.60s %.100s %.60s", system.sysname, system.release, system.machine);
        STG_RETURN_IF_FAILED(stg_facts_put(facts, "system", stg_facts_string(text)));
    }
    STG_RETURN_IF_FAILED(put_cpu(facts));
    STG_RETURN_IF_FAILED(stg_pool_new(&pool, 0));
    const size_t n_threads = stg_pool_threads(pool);
    stg_pool_free(pool);
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "threads", json_integer((json_int_t)n_threads)));
    if (sysinfo(&memory) == 0) {
        const double unit = (double)memory.mem_unit / (1 << 20);
        STG_RETURN_IF_FAILED(
            stg_facts_put(facts, "memory_mib", json_integer((json_int_t)((double)memory.totalram * unit))));
        STG_RETURN_IF_FAILED(stg_facts_put(
            facts, "free_memory_mib", json_integer((json_int_t)((double)(memory.freeram + memory.bufferram) * unit))));
    }
    return STG_OK;
}

static enum stg_status put_check(json_t *checks, const char *name, bool good, const char *detail)
{
    json_t *check = json_object();
    STG_RETURN_IF_FAILED(stg_facts_put(checks, name, check));
    STG_RETURN_IF_FAILED(stg_facts_put(check, "works", json_boolean(good)));
    return detail == NULL || detail[0] == '\0' ? STG_OK : stg_facts_put(check, "do", stg_facts_string(detail));
}

static enum stg_status check_temporary(json_t *checks)
{
    struct statvfs space;
    const char *dir = getenv("TMPDIR");
    char text[512] = "";
    dir = dir == NULL || dir[0] == '\0' ? "/tmp" : dir;
    const bool writable = access(dir, W_OK | X_OK) == 0;
    const bool known = writable && statvfs(dir, &space) == 0;
    const uint64_t mib = known ? (uint64_t)space.f_bavail * space.f_frsize >> 20 : 0;
    if (!writable) {
        snprintf(text, sizeof text, "%.200s cannot be written: set TMPDIR to a directory with room", dir);
    } else if (known && mib < 1024) {
        snprintf(text, sizeof text, "%.200s has only %llu MiB left: set TMPDIR to a directory with room for cut traces",
                 dir, (unsigned long long)mib);
    }
    return put_check(checks, "temporary_directory", writable, text);
}

static enum stg_status check_tracers(json_t *checks)
{
    static const struct {
        const char *key, *program, *install;
    } tools[] = {
        {"perf", "perf", "to record with perf: apt-get install linux-perf"},
        {"strace", "strace", "to record with strace: apt-get install strace"},
        {"lttng", "lttng", "to record CTF with LTTng: apt-get install lttng-tools lttng-modules-dkms"},
        {"babeltrace2", "babeltrace2",
         "to look into CTF traces (strange does not need it): apt-get install babeltrace2"},
    };
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        char path[PATH_MAX];
        const bool there = stg_program_find(tools[i].program, path, sizeof path);
        STG_RETURN_IF_FAILED(put_check(checks, tools[i].key, there, there ? "" : tools[i].install));
    }
    char paranoid[32];
    first_line("/proc/sys/kernel/perf_event_paranoid", "", paranoid, sizeof paranoid);
    const bool free_perf = (geteuid() == 0 && !stg_in_user_namespace()) || (paranoid[0] != '\0' && atoi(paranoid) < 0);
    return put_check(
        checks, "perf_permission", free_perf,
        free_perf ? "" : "to record system calls with perf: run it as root, or set kernel.perf_event_paranoid to -1");
}

/* What recording needs, and where all of it seems to be there, whether the kernel takes the programs. */
static enum stg_status check_record(json_t *checks)
{
    struct stg_record_need needs[STG_RECORD_MAX_NEEDS];
    const size_t n = stg_record_probe(needs);
    const struct stg_record_options all = {0};
    struct stg_record *r = NULL;
    for (size_t i = 0; i < n; i++) {
        STG_RETURN_IF_FAILED(put_check(checks, needs[i].name, needs[i].works, needs[i].advice));
    }
    const enum stg_status status = stg_record_open(&r, &all);
    stg_record_close(r);
    return put_check(checks, "record", status == STG_OK, status == STG_OK ? "" : stg_status_message());
}

static enum stg_status put_abilities(json_t *facts)
{
    json_t *formats = json_array();
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "reads", formats));
    json_t *models = json_array();
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "models", models));
    json_t *checks = json_object();
    STG_RETURN_IF_FAILED(stg_facts_put(facts, "checks", checks));
    for (size_t i = 0; stg_import_list[i] != NULL; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s: %s", stg_import_list[i]->name, stg_import_list[i]->summary);
        if (json_array_append_new(formats, stg_facts_string(text)) != 0) {
            return stg_fail(STG_ERR_MEMORY, "cannot list the formats: out of memory");
        }
    }
    for (size_t i = 0; stg_model_list[i] != NULL; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s: %s", stg_model_list[i]->kind, stg_model_list[i]->summary);
        if (json_array_append_new(models, stg_facts_string(text)) != 0) {
            return stg_fail(STG_ERR_MEMORY, "cannot list the models: out of memory");
        }
    }
    STG_RETURN_IF_FAILED(check_temporary(checks));
    STG_RETURN_IF_FAILED(check_record(checks));
    return check_tracers(checks);
}

static enum stg_status run(struct stg_cli *cli, void *context, int *exit_code)
{
    const struct settings *s = context;
    enum stg_status status = STG_OK;
    struct stg_buffer out = STG_BUFFER_INIT;
    json_t *facts = json_object();
    (void)cli;
    (void)exit_code;
    STG_TRY(put_machine(facts));
    STG_TRY(put_libraries(facts));
    STG_TRY(put_abilities(facts));
    STG_TRY(s->json ? stg_facts_json(&out, "strange.doctor/1", facts) : stg_facts_text(&out, facts));
    STG_TRY(stg_output_write(&out));
out:
    json_decref(facts);
    stg_buffer_fini(&out);
    return status;
}

static const struct stg_option options[] = {
    STG_OPTION_JSON(struct settings, "one JSON object"),
};

static const char *const description[] = {
    "Says what this build reads and trains, what the machine has to offer (processor features that fast kernels use, "
    "threads, memory), "
    "which tracers are there, and what to do about what is not.",
    NULL,
};

const struct stg_command stg_command_doctor = {
    .name = "doctor",
    .summary = "say what works on this machine and what to do about the rest",
    .operands = "",
    .n_max = 0,
    .description = description,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .settings_size = sizeof(struct settings),
    .run = run,
};
