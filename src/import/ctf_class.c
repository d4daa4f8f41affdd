/* CTF import: what an event class means, and where its values are. Looked at once per class, so that reading an event
 * needs no look-up by name. */
#include "import/ctf_internal.h"

#include "event/syscalls.h"

#include <babeltrace2/babeltrace.h>

#include <string.h>

/* --- Field classes to places --- */

static bool describe_field(struct ctf_where *out, const bt_field_class *class, enum ctf_scope scope, uint64_t index)
{
    const bt_field_class_type type = bt_field_class_get_type(class);
    *out = (struct ctf_where){.scope = (uint8_t)scope, .index = (uint32_t)index};
    if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER)) {
        out->type = CTF_UNSIGNED;
    } else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_SIGNED_INTEGER)) {
        out->type = CTF_SIGNED;
    } else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_STRING)) {
        out->type = CTF_STRING;
    } else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_ARRAY)) {
        out->type = CTF_ARRAY;
    } else {
        *out = (struct ctf_where){0};
        return false;
    }
    if (out->type == CTF_UNSIGNED || out->type == CTF_SIGNED) {
        out->bits = (uint8_t)bt_field_class_integer_get_field_value_range(class);
    }
    return true;
}

/* The member of a structure, or nowhere. */
static bool find_member(struct ctf_where *out, const bt_field_class *structure, enum ctf_scope scope, const char *name)
{
    if (structure == NULL || bt_field_class_get_type(structure) != BT_FIELD_CLASS_TYPE_STRUCTURE) {
        return false;
    }
    const uint64_t n = bt_field_class_structure_get_member_count(structure);
    for (uint64_t i = 0; i < n && i < UINT32_MAX; i++) {
        const bt_field_class_structure_member *member =
            bt_field_class_structure_borrow_member_by_index_const(structure, i);
        if (strcmp(bt_field_class_structure_member_get_name(member), name) == 0) {
            return describe_field(out, bt_field_class_structure_member_borrow_field_class_const(member), scope, i);
        }
    }
    return false;
}

/* The first of the names (NULL-terminated) that a context holds with the wanted type: the nearest context first. */
static void find_context(struct ctf_where *out, const bt_event_class *class, const char *const *names, bool text)
{
    const bt_stream_class *stream = bt_event_class_borrow_stream_class_const(class);
    const bt_field_class *const structures[] = {
        bt_event_class_borrow_specific_context_field_class_const(class),
        bt_stream_class_borrow_event_common_context_field_class_const(stream),
        bt_stream_class_borrow_packet_context_field_class_const(stream),
    };
    static const enum ctf_scope scopes[] = {CTF_SPECIFIC, CTF_COMMON, CTF_PACKET};
    for (; *names != NULL; names++) {
        for (size_t i = 0; i < 3; i++) {
            if (find_member(out, structures[i], scopes[i], *names) && (out->type == CTF_STRING) == text &&
                out->type != CTF_ARRAY) {
                return;
            }
        }
    }
    *out = (struct ctf_where){0};
}

/* A member of the payload with the wanted type, or nowhere. */
static void find_payload(struct ctf_where *out, const bt_event_class *class, const char *name, bool text)
{
    const bt_field_class *payload = bt_event_class_borrow_payload_field_class_const(class);
    if (!find_member(out, payload, CTF_PAYLOAD, name) || out->type == CTF_ARRAY || (out->type == CTF_STRING) != text) {
        *out = (struct ctf_where){0};
    }
}

static void find_contexts(struct ctf_class *out, const bt_event_class *class, enum ctf_domain domain)
{
    static const char *const kernel_tid[] = {"tid", "vtid", NULL}, *const ust_tid[] = {"vtid", "tid", NULL};
    static const char *const kernel_pid[] = {"pid", "vpid", NULL}, *const ust_pid[] = {"vpid", "pid", NULL};
    static const char *const comm[] = {"procname", NULL};
    const bool ust = domain == CTF_DOMAIN_UST;
    find_context(&out->tid, class, ust ? ust_tid : kernel_tid, false);
    find_context(&out->pid, class, ust ? ust_pid : kernel_pid, false);
    find_context(&out->comm, class, comm, true);
    if (domain == CTF_DOMAIN_UST) {
        return;
    }
    if (domain == CTF_DOMAIN_STRANGE) {
        static const char *const cgroup[] = {"cgroup_id", NULL}, *const fd[] = {"fd_kind", NULL},
                                 *const path[] = {"path", NULL}, *const runnable[] = {"runnable", NULL};
        find_context(&out->cgroup, class, cgroup, false);
        find_context(&out->runnable, class, runnable, false);
        find_context(&out->fd_kind, class, fd, false);
        find_context(&out->path, class, path, true);
        return;
    }
    /* `perf data convert --to-ctf` keeps them in the payload; common_pid is the kernel's name for the thread. */
    if (out->tid.scope == CTF_NOWHERE) {
        find_payload(&out->tid, class, "perf_tid", false);
    }
    if (out->tid.scope == CTF_NOWHERE) {
        find_payload(&out->tid, class, "common_pid", false);
    }
    if (out->pid.scope == CTF_NOWHERE) {
        find_payload(&out->pid, class, "perf_pid", false);
    }
    if (out->comm.scope == CTF_NOWHERE) {
        find_payload(&out->comm, class, "perf_comm", true);
    }
}

/* --- Arguments --- */

/* Fields that a tracer adds to the payload and that are no arguments. */
static bool is_bookkeeping(const char *name)
{
    return strncmp(name, "perf_", 5) == 0 || strncmp(name, "common_", 7) == 0 || strcmp(name, "__syscall_nr") == 0 ||
           strcmp(name, "_syscall_nr") == 0 || strcmp(name, "__probe_ip") == 0;
}

/* Where an integer field of the payload belongs among the arguments, or −1. Markers: in order. Entries: at the register
 * of the argument with that name, because tracers leave pointers out and add lengths; in order for calls that are not
 * known. */
static int place_arg(const struct ctf_class *c, const char *name)
{
    if (c->kind == CTF_ENTRY) {
        const int at = stg_syscall_arg_index(c->name, name);
        /* A register beyond the call's arguments, as trace/ names it. */
        if (at == STG_SYSCALL_ARG_NONE && strncmp(name, "register_", 9) == 0 && name[9] >= '0' && name[9] <= '5' &&
            name[10] == '\0') {
            return name[9] - '0';
        }
        if (at != STG_SYSCALL_ARG_UNKNOWN_CALL) {
            return at;
        }
    }
    return c->n_args < STG_EVENT_MAX_ARGS ? c->n_args : -1;
}

/* Registers that the tracer left out read as 0. */
static void find_args(struct ctf_class *out, const bt_event_class *class)
{
    const bt_field_class *payload = bt_event_class_borrow_payload_field_class_const(class);
    if (payload == NULL || bt_field_class_get_type(payload) != BT_FIELD_CLASS_TYPE_STRUCTURE) {
        return;
    }
    const uint64_t n = bt_field_class_structure_get_member_count(payload);
    for (uint64_t i = 0; i < n && i < UINT32_MAX; i++) {
        const bt_field_class_structure_member *member =
            bt_field_class_structure_borrow_member_by_index_const(payload, i);
        const char *name = bt_field_class_structure_member_get_name(member);
        struct ctf_where where;
        if (is_bookkeeping(name) ||
            !describe_field(&where, bt_field_class_structure_member_borrow_field_class_const(member), CTF_PAYLOAD, i) ||
            where.type > CTF_SIGNED) {
            continue;
        }
        const int at = place_arg(out, name);
        if (at >= 0) {
            out->args[at] = where;
            out->n_args = (uint8_t)(at >= out->n_args ? at + 1 : out->n_args);
        }
    }
}

/* The name of a file that the call is given, where the tracer has its text (LTTng). */
static void find_path(struct ctf_class *out, const bt_event_class *class)
{
    const int at = stg_syscall_path_index(out->name);
    if (at < 0 || out->path.scope != CTF_NOWHERE) {
        return;
    }
    const char *const *names = stg_syscall_arg_names(out->name);
    names = names != NULL ? names : stg_syscall_arg_names(stg_syscall_synonym(out->name));
    find_payload(&out->path, class, names[at], true);
}

/* raw_syscalls: `args` is an array of six registers. */
static void find_arg_array(struct ctf_class *out, const bt_event_class *class)
{
    const bt_field_class *payload = bt_event_class_borrow_payload_field_class_const(class);
    if (find_member(&out->args[0], payload, CTF_PAYLOAD, "args") && out->args[0].type == CTF_ARRAY) {
        out->args_in_array = true;
    } else {
        out->args[0] = (struct ctf_where){0};
    }
}

/* --- Kinds --- */

/* A probe that the user placed: perf's groups "probe…:" and "sdt_…:", or LTTng's, whose only field is the address. */
static bool is_probe(const bt_event_class *class, const char *name)
{
    const bt_field_class *payload = bt_event_class_borrow_payload_field_class_const(class);
    struct ctf_where ip;
    if (strchr(name, ':') != NULL) {
        return strncmp(name, "probe", 5) == 0 || strncmp(name, "sdt_", 4) == 0;
    }
    return find_member(&ip, payload, CTF_PAYLOAD, "ip") && bt_field_class_structure_get_member_count(payload) == 1;
}

static void describe_syscall(struct ctf_class *out, const bt_event_class *class, const char *event_name)
{
    const bool entry = out->kind == CTF_ENTRY;
    find_payload(&out->ret, class, "ret", false);
    find_payload(&out->ret_class, class, "ret_class", false);
    find_payload(&out->number, class, "id", false);
    if (out->name[0] == '\0' || strcmp(out->name, "unknown") == 0) {
        if (out->number.scope != CTF_NOWHERE) {
            out->kind = entry ? CTF_NUMBER_ENTRY : CTF_NUMBER_EXIT;
        } else if (strcmp(event_name, "sys_exit") == 0 && out->ret.scope == CTF_NOWHERE) {
            out->kind = CTF_ENTRY; /* LTTng before 2.6: the entry of exit() */
            out->name = "exit";
        } else if (out->name[0] == '\0') {
            out->kind = entry ? CTF_ENTRY : CTF_EXIT_OPEN;
            out->name = "unknown";
        }
    }
    if (out->kind == CTF_NUMBER_ENTRY) {
        find_arg_array(out, class);
    } else if (out->kind == CTF_ENTRY) {
        find_args(out, class);
        find_path(out, class);
    }
}

static void describe_switch(struct ctf_class *out, const bt_event_class *class)
{
    find_payload(&out->prev_tid, class, "prev_tid", false);
    find_payload(&out->prev_comm, class, "prev_comm", true);
    find_payload(&out->next_tid, class, "next_tid", false);
    find_payload(&out->next_comm, class, "next_comm", true);
    if (out->next_tid.scope == CTF_NOWHERE) {
        find_payload(&out->prev_tid, class, "prev_pid", false);
        find_payload(&out->next_tid, class, "next_pid", false);
    }
    out->kind = out->next_tid.scope == CTF_NOWHERE ? CTF_SKIP : CTF_SWITCH;
}

/* Of a trace that trace/ wrote: what is no call is a marker, or a sequence mark. */
static void describe_own(struct ctf_class *out, const bt_event_class *class)
{
    if (strcmp(out->name, "strange:begin") == 0 || strcmp(out->name, "strange:end") == 0) {
        out->kind = strcmp(out->name, "strange:begin") == 0 ? CTF_BEGIN : CTF_END;
        return;
    }
    out->kind = CTF_MARKER;
    out->name += strncmp(out->name, "marker:", 7) == 0 ? 7 : 0;
    find_args(out, class);
}

void ctf_class_describe(struct ctf_class *out, const struct bt_event_class *class, enum ctf_domain domain)
{
    const char *event_name = bt_event_class_get_name(class);
    *out = (struct ctf_class){.kind = CTF_SKIP, .name_id = STG_NAME_NONE};
    if (event_name == NULL) {
        return;
    }
    out->name = event_name;
    const char *call = NULL;
    const enum stg_event_kind kind =
        domain == CTF_DOMAIN_UST ? STG_EVENT_MARKER : stg_syscall_classify(event_name, &call);
    find_contexts(out, class, domain);
    if (kind == STG_EVENT_ENTRY || kind == STG_EVENT_EXIT) {
        out->kind = kind == STG_EVENT_ENTRY ? CTF_ENTRY : CTF_EXIT;
        out->name = call;
        describe_syscall(out, class, event_name);
        return;
    }
    if (domain == CTF_DOMAIN_STRANGE) {
        describe_own(out, class);
        return;
    }
    if (domain != CTF_DOMAIN_UST &&
        (strcmp(event_name, "sched_switch") == 0 || strcmp(event_name, "sched:sched_switch") == 0)) {
        describe_switch(out, class);
        return;
    }
    if (domain != CTF_DOMAIN_KERNEL || is_probe(class, event_name)) {
        out->kind = CTF_MARKER;
        find_args(out, class);
    }
}

/* --- Reading values --- */

static const bt_field *borrow_scope(const struct ctf_where *where, const bt_event *event)
{
    switch ((enum ctf_scope)where->scope) {
    case CTF_PACKET: {
        const bt_packet *packet = bt_event_borrow_packet_const(event);
        return packet == NULL ? NULL : bt_packet_borrow_context_field_const(packet);
    }
    case CTF_COMMON:
        return bt_event_borrow_common_context_field_const(event);
    case CTF_SPECIFIC:
        return bt_event_borrow_specific_context_field_const(event);
    case CTF_PAYLOAD:
        return bt_event_borrow_payload_field_const(event);
    case CTF_NOWHERE:
        break;
    }
    return NULL;
}

static const bt_field *borrow_field(const struct ctf_where *where, const bt_event *event)
{
    const bt_field *structure = borrow_scope(where, event);
    return structure == NULL ? NULL : bt_field_structure_borrow_member_field_by_index_const(structure, where->index);
}

bool ctf_where_integer(const struct ctf_where *where, const struct bt_event *event, int64_t *value)
{
    if (where->scope == CTF_NOWHERE || where->type > CTF_SIGNED) {
        return false;
    }
    const bt_field *field = borrow_field(where, event);
    if (field == NULL) {
        return false;
    }
    *value = where->type == CTF_SIGNED ? bt_field_integer_signed_get_value(field)
                                       : (int64_t)bt_field_integer_unsigned_get_value(field);
    return true;
}

bool ctf_where_string(const struct ctf_where *where, const struct bt_event *event, const char **text, size_t *len)
{
    if (where->scope == CTF_NOWHERE || where->type != CTF_STRING) {
        return false;
    }
    const bt_field *field = borrow_field(where, event);
    if (field == NULL) {
        return false;
    }
    *text = bt_field_string_get_value(field);
    *len = (size_t)bt_field_string_get_length(field);
    return true;
}
