/* CTF writer: facts of the recording and of the machine, for the environment in the metadata. */
#include "trace/ctf_internal.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MAX_VALUE 4096

void trace_facts_fini(struct trace_facts *f)
{
    for (size_t i = 0; i < f->n; i++) {
        stg_mem_free(f->items[i].key);
        stg_mem_free(f->items[i].value);
    }
    stg_mem_free(f->items);
    *f = (struct trace_facts){0};
}

/* Names that the writer gives itself: a second entry of that name would make the metadata invalid. */
static bool is_reserved(const char *key)
{
    static const char *const reserved[] = {
        "domain",         "sysname",    "tracer_name",    "tracer_major",  "tracer_minor",   "tracer_version",
        "format_version", "trace_name", "complete",       "lost_events",   "clamped_events", "cut_thread_names",
        "flight_ns",      "max_size",   "removed_events", "removed_bytes", "chunk",
    };
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (strcmp(reserved[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* An identifier of TSDL; a keyword ("event") gets an underscore in front, a name of the writer's "source_". */
static enum stg_status make_key(char **out, const char *key)
{
    static const char *const keywords[] = {
        "align",          "callsite", "clock",     "const",   "char",     "double",  "enum",   "env",    "event",
        "floating_point", "float",    "integer",   "int",     "long",     "short",   "signed", "stream", "string",
        "struct",         "trace",    "typealias", "typedef", "unsigned", "variant", "void"};
    enum stg_status status = STG_OK;
    struct stg_buffer b = STG_BUFFER_INIT;
    bool prefixed = *key == '\0' || (*key >= '0' && *key <= '9');
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        prefixed = prefixed || strcmp(keywords[i], key) == 0;
    }
    STG_TRY(stg_buffer_printf(&b, "%s%s", prefixed ? "_" : is_reserved(key) ? "source_" : "", key));
    for (size_t i = 0; i < b.len; i++) {
        const char c = b.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) {
            b.data[i] = '_';
        }
    }
    STG_TRY(stg_mem_strdup(out, b.data));
out:
    stg_buffer_fini(&b);
    return status;
}

enum stg_status trace_facts_set(struct trace_facts *f, const char *key, const char *value)
{
    enum stg_status status = STG_OK;
    char *own_key = NULL, *own_value = NULL;
    STG_TRY(make_key(&own_key, key));
    const size_t len = strnlen(value, MAX_VALUE);
    STG_TRY(stg_mem_zeroed(&own_value, len + 1, 1));
    memcpy(own_value, value, len);
    for (size_t i = 0; i < f->n; i++) {
        if (strcmp(f->items[i].key, own_key) == 0) {
            stg_mem_free(f->items[i].value);
            f->items[i].value = own_value;
            own_value = NULL;
            goto out;
        }
    }
    STG_TRY(stg_mem_grow(&f->items, &f->cap, f->n + 1, sizeof *f->items));
    f->items[f->n++] = (struct trace_fact){own_key, own_value};
    own_key = own_value = NULL;
out:
    stg_mem_free(own_key);
    stg_mem_free(own_value);
    return status;
}

/* The processor's name, as the first line of its kind in /proc/cpuinfo says. */
static void find_cpu_model(char *out, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    (void)snprintf(out, size, "unknown");
    if (file == NULL) {
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        const char *value = strchr(line, ':');
        if (value != NULL && strncmp(line, "model name", 10) == 0) {
            (void)snprintf(out, size, "%s", value + 1 + strspn(value + 1, " \t"));
            out[strcspn(out, "\n")] = '\0';
            break;
        }
    }
    fclose(file);
}

enum stg_status trace_facts_set_host(struct trace_facts *f)
{
    struct utsname name;
    char text[256];
    if (uname(&name) != 0) {
        return stg_fail_errno("cannot ask for the kernel's name");
    }
    STG_RETURN_IF_FAILED(trace_facts_set(f, "hostname", name.nodename));
    STG_RETURN_IF_FAILED(trace_facts_set(f, "kernel_release", name.release));
    STG_RETURN_IF_FAILED(trace_facts_set(f, "kernel_version", name.version));
    STG_RETURN_IF_FAILED(trace_facts_set(f, "machine", name.machine));
    find_cpu_model(text, sizeof text);
    STG_RETURN_IF_FAILED(trace_facts_set(f, "cpu_model", text));
    (void)snprintf(text, sizeof text, "%ld", sysconf(_SC_NPROCESSORS_CONF));
    return trace_facts_set(f, "n_cpus", text);
}
