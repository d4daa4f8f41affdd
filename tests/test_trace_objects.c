/* cli/behaviour_objects: file names and kinds of descriptors, from a trace that was written for it. */
#include "trace_support.h"

#include "cli/behaviour_objects.h"
#include "cli/behaviour_spans.h"

#include "fake_model.h"

enum { READ, OPENAT, GETPID, N_CALLS };
enum { APACHE, OTHER };

/* One call of a thread: its entry and what it returned. */
static size_t put_call(struct stg_event *e, uint32_t name, uint32_t comm, int32_t tid, uint64_t fd, uint8_t fd_kind,
                       uint32_t path, int64_t ret)
{
    static uint64_t now = 1700000000000000000;
    const uint16_t has = STG_HAS_TIME | STG_HAS_CPU | STG_HAS_PID | STG_HAS_TID | STG_HAS_COMM;
    e[0] = (struct stg_event){.ts_ns = now,
                              .kind = STG_EVENT_ENTRY,
                              .name = name,
                              .comm = comm,
                              .pid = tid,
                              .tid = tid,
                              .has = has,
                              .n_args = 1,
                              .args = {fd}};
    if (fd_kind != STG_FD_OTHER) {
        e[0].has |= STG_HAS_FD;
        e[0].fd_kind = fd_kind;
    }
    if (path != STG_NAME_NONE) {
        e[0].has |= STG_HAS_PATH;
        e[0].path = path;
    }
    e[1] = (struct stg_event){.ts_ns = now + 1,
                              .kind = STG_EVENT_EXIT,
                              .name = name,
                              .comm = comm,
                              .pid = tid,
                              .tid = tid,
                              .has = (uint16_t)(has | STG_HAS_RET),
                              .ret = ret};
    now += 10;
    return 2;
}

static void tables_of(struct tables *t)
{
    static const char *const calls[] = {"read", "openat", "getpid"}, *const comms[] = {"apache2", "other"};
    static const char *const paths[] = {"/www/actor.php", "/www/other.php",
                                        ("/a/very/long/path/of/many/components/that/has/no/room/in/what/is/kept/of/it/"
                                         "and/loses/its/first/ones/index.php")};
    assert_int_equal(stg_strings_new(&t->names), STG_OK);
    assert_int_equal(stg_strings_new(&t->comms), STG_OK);
    assert_int_equal(stg_strings_new(&t->paths), STG_OK);
    put_names(t->names, calls, N_OF(calls));
    put_names(t->comms, comms, N_OF(comms));
    put_names(t->paths, paths, N_OF(paths));
}

static size_t put_events(struct stg_event *e, uint32_t path)
{
    size_t n = 0;
    for (int i = 0; i < 5; i++) { /* reads of 88 on TCP among more of 108 on a Unix socket; two of other threads */
        n += put_call(e + n, READ, APACHE, 7, 13, STG_FD_INET, STG_NAME_NONE, 88);
        n += put_call(e + n, READ, APACHE, 7, 14, STG_FD_UNIX, STG_NAME_NONE, 108);
        n += put_call(e + n, READ, APACHE, 7, 14, STG_FD_UNIX, STG_NAME_NONE, 108);
        n += put_call(e + n, READ, OTHER, 8, 13, STG_FD_PIPE, STG_NAME_NONE, 88);
        n += put_call(e + n, READ, OTHER, 8, 13, STG_FD_PIPE, STG_NAME_NONE, 88);
        n += put_call(e + n, OPENAT, APACHE, 7, 0, STG_FD_OTHER, i == 2 ? 1 : path, 9);
        n += put_call(e + n, OPENAT, OTHER, 8, 0, STG_FD_OTHER, 1, 9);
        n += put_call(e + n, GETPID, APACHE, 7, 0, STG_FD_OTHER, STG_NAME_NONE, 7);
    }
    return n;
}

/* A behaviour of apache2 whose calls are more, whose read of 88 surprises, with descriptors 13 and 14. */
static void behaviour_of(struct stg_behaviours *b, struct stg_behaviour *x)
{
    uint16_t read, openat, getpid, apache;
    *b = (struct stg_behaviours){.items = x, .n = 1};
    assert_int_equal(stg_vocab_init(&b->names), STG_OK);
    assert_int_equal(stg_vocab_call(&b->names, "read", &read), STG_OK);
    assert_int_equal(stg_vocab_call(&b->names, "openat", &openat), STG_OK);
    assert_int_equal(stg_vocab_call(&b->names, "getpid", &getpid), STG_OK);
    assert_int_equal(stg_vocab_proc(&b->names, "apache2", &apache), STG_OK);
    *x = (struct stg_behaviour){.n_more = 2, .n_surprises = 1, .n_descriptors = 2};
    x->more[0].kind = (struct stg_kind_of_call){.call = openat, .proc = apache};
    x->more[1].kind = (struct stg_kind_of_call){.call = getpid, .proc = apache};
    (void)stg_usual_kind(&x->surprises[0].kind, read, apache, STG_PHASE_EXIT, 88, true);
    x->surprises[0].ret = 88;
    x->descriptors[0].proc = x->descriptors[1].proc = apache;
    x->descriptors[0].number = 14;
    x->descriptors[1].number = 13;
}

/* Only asked what it would expect, which the surprises here do not say. */
static const struct stg_model no_model;

static void check(uint32_t path, const char *wanted)
{
    static struct stg_event events[256];
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct stg_behaviours b;
    struct stg_behaviour x;
    struct stg_input input = {.path = in_work("objects"), .is_trace = true};
    struct stg_group group = {.inputs = &input, .n_inputs = 1};
    const struct stg_groups groups = {.groups = &group, .n = 1};
    tables_of(&t);
    settings_init(&settings, &t, input.path);
    write_events(&settings, events, put_events(events, path), &stats);
    behaviour_of(&b, &x);
    assert_int_equal(stg_behaviour_objects(&b, &groups, &no_model), STG_OK);
    assert_string_equal(x.more[0].object.path, wanted);
    assert_string_equal(x.more[1].object.path, "");
    assert_int_equal(x.more[1].object.fd_kind, STG_FD_OTHER);
    assert_int_equal(x.surprises[0].object.fd_kind,
                     STG_FD_INET); /* of what returned 88, not of most reads of its size */
    assert_int_equal(x.descriptors[0].object.fd_kind, STG_FD_UNIX);
    assert_int_equal(x.descriptors[1].object.fd_kind, STG_FD_INET); /* the other process's 13 is another one */
    /* A data set, and a trace that is not there any more, are left alone. */
    memset(&x.more[0].object, 0, sizeof x.more[0].object);
    input.is_trace = false;
    assert_int_equal(stg_behaviour_objects(&b, &groups, &no_model), STG_OK);
    assert_string_equal(x.more[0].object.path, "");
    ctf_remove_directory(input.path);
    input.is_trace = true;
    assert_int_equal(stg_behaviour_objects(&b, &groups, &no_model), STG_OK);
    assert_string_equal(x.more[0].object.path, "");
    stg_vocab_fini(&b.names);
    tables_fini(&t);
}

static void test_objects(void **state)
{
    (void)state;
    check(0, "/www/actor.php");
}

/* A name that was not in memory when its call began stands with the call's exit: it is what the call was given all the
 * same, also for what it returned. */
static void test_late(void **state)
{
    static struct stg_event events[64];
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct stg_behaviours b;
    struct stg_behaviour x;
    struct stg_input input = {.path = in_work("late"), .is_trace = true};
    struct stg_group group = {.inputs = &input, .n_inputs = 1};
    const struct stg_groups groups = {.groups = &group, .n = 1};
    size_t n = 0;
    (void)state;
    tables_of(&t);
    for (int i = 0; i < 3; i++) {
        n += put_call(events + n, OPENAT, APACHE, 7, 13, STG_FD_DIRECTORY, 0, i == 0 ? 9 : -2);
        events[n - 2].has &= (uint16_t)~STG_HAS_PATH;
        events[n - 1].has |= STG_HAS_PATH;
        events[n - 1].path = i == 0 ? 0 : 1;
    }
    settings_init(&settings, &t, input.path);
    write_events(&settings, events, n, &stats);
    behaviour_of(&b, &x);
    (void)stg_usual_kind(&x.more[1].kind, x.more[0].kind.call, x.more[0].kind.proc, STG_PHASE_EXIT, 9, false);
    b.unseen[0] = (struct stg_behaviour_unseen){.call = x.more[0].kind.call, .proc = x.more[0].kind.proc};
    b.n_unseen = 1;
    assert_int_equal(stg_behaviour_objects(&b, &groups, &no_model), STG_OK);
    assert_string_equal(x.more[0].object.path, "/www/other.php");
    assert_int_equal(x.more[0].object.of_kind[STG_FD_DIRECTORY], 3); /* once for each call */
    assert_string_equal(x.more[1].object.path, "/www/actor.php");    /* of the one that did not fail */
    assert_string_equal(b.unseen[0].object.path, "/www/other.php");
    ctf_remove_directory(input.path);
    stg_vocab_fini(&b.names);
    tables_fini(&t);
}

/* A model that knows a read of 8, which is expected where s surprises. */
static void expecting_8(struct stg_model *m, struct stg_behaviour_surprise *s)
{
    static struct fake_seq seq;
    const struct stg_corpus corpus = fake_corpus_of(&seq, 1);
    uint16_t id;
    assert_int_equal(stg_vocab_init(&m->vocab), STG_OK);
    assert_int_equal(stg_vocab_call(&m->vocab, "read", &id), STG_OK);
    assert_int_equal(id, s->kind.call);
    assert_int_equal(stg_symbols_new(&m->symbols, STG_FIELD_CALL | STG_FIELD_PHASE | STG_FIELD_RET | STG_FIELD_SIZE),
                     STG_OK);
    assert_int_equal(stg_symbols_bind(m->symbols, &m->vocab), STG_OK);
    fake_put(&seq, 1, STG_TOKEN_UNKNOWN, id, STG_PHASE_EXIT, 8, 1);
    assert_int_equal(stg_symbols_fit(m->symbols, &corpus), STG_OK);
    s->expected = stg_symbols_find(m->symbols, id, STG_PHASE_EXIT, 8);
}

/* What the calls of the sequence that is shown are about, not those of the others: of unseen calls, of those that are
 * more and what surprises, by kind of descriptor, and apart from it what returns the expected amount. */
static void test_windows(void **state)
{
    static struct stg_event events[64];
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct stg_behaviours b;
    struct stg_behaviour x;
    struct stg_score scores[2] = {0};
    size_t offset[] = {0, 2}, n = 0;
    struct stg_input input = {.path = in_work("windows"), .is_trace = true};
    struct stg_group group = {.inputs = &input, .n_inputs = 1, .scores = scores, .offset = offset, .n = 2};
    const struct stg_groups groups = {.groups = &group, .n = 1};
    struct stg_model model = {0};
    (void)state;
    tables_of(&t);
    for (int i = 0; i < 3; i++) { /* sequence 0 */
        n += put_call(events + n, READ, APACHE, 7, 14, STG_FD_UNIX, STG_NAME_NONE, 88);
        n += put_call(events + n, OPENAT, APACHE, 7, 0, STG_FD_OTHER, 0, 9);
    }
    scores[0].begin_ns = (int64_t)events[0].ts_ns;
    scores[0].end_ns = (int64_t)events[n - 1].ts_ns;
    scores[1].begin_ns = scores[0].end_ns + 1;
    n += put_call(events + n, READ, APACHE, 7, 13, STG_FD_FILE, STG_NAME_NONE, 88); /* sequence 1 */
    n += put_call(events + n, READ, APACHE, 7, 13, STG_FD_FILE, STG_NAME_NONE, 88);
    n += put_call(events + n, READ, APACHE, 7, 14, STG_FD_INET, STG_NAME_NONE, 8);
    n += put_call(events + n, OPENAT, APACHE, 7, 0, STG_FD_OTHER, 1, 9);
    scores[1].end_ns = (int64_t)events[n - 1].ts_ns;
    settings_init(&settings, &t, input.path);
    write_events(&settings, events, n, &stats);
    behaviour_of(&b, &x);
    x.index = 1;
    x.more[1].kind = (struct stg_kind_of_call){.call = x.surprises[0].kind.call, .proc = x.surprises[0].kind.proc};
    b.unseen[0] = (struct stg_behaviour_unseen){.call = x.more[0].kind.call, .proc = x.more[0].kind.proc, .index = 1};
    b.n_unseen = 1;
    expecting_8(&model, &x.surprises[0]);
    assert_int_equal(stg_behaviour_objects(&b, &groups, &model), STG_OK);
    assert_string_equal(x.more[0].object.path, "/www/other.php");
    assert_string_equal(b.unseen[0].object.path, "/www/other.php");
    assert_int_equal(x.more[1].object.fd_kind, STG_FD_FILE);
    assert_int_equal(x.more[1].object.of_kind[STG_FD_FILE], 2);
    assert_int_equal(x.more[1].object.of_kind[STG_FD_INET], 1);
    assert_int_equal(x.more[1].object.of_kind[STG_FD_UNIX], 0);
    assert_int_equal(x.surprises[0].object.fd_kind, STG_FD_FILE);
    assert_int_equal(x.surprises[0].expected_object.fd_kind, STG_FD_INET);
    scores[1].begin_ns = scores[1].end_ns = 1; /* a sequence that has none of it: what there is elsewhere */
    assert_int_equal(stg_behaviour_objects(&b, &groups, &model), STG_OK);
    assert_string_equal(x.more[0].object.path, "/www/actor.php");
    assert_int_equal(x.more[1].object.of_kind[STG_FD_UNIX], 3);
    ctf_remove_directory(input.path);
    stg_symbols_free(model.symbols);
    stg_vocab_fini(&model.vocab);
    stg_vocab_fini(&b.names);
    tables_fini(&t);
}

enum { N_SEQUENCES = 12, MEMBER = 5 };

/* A path that no other call is given: what mkstemp(3) draws. */
static uint32_t put_drawn(struct tables *t, size_t i)
{
    char path[32];
    uint32_t id;
    (void)snprintf(path, sizeof path, "/tmp/up%c%zuXq%cK", (int)('a' + i), i % 10, (int)('A' + i));
    assert_int_equal(stg_strings_put(t->paths, path, strlen(path), &id), STG_OK);
    return id;
}

/* Sequences of processes that overlap: each opens actor.php twice and a file of its own, and MEMBER other.php as well,
 * as the first n_alike of the others do. The file that is named of them all. */
static void check_additional(size_t n_alike, bool of_all, const char *wanted)
{
    static struct stg_event events[512];
    struct tables t;
    struct stg_ctf_settings settings;
    struct stg_ctf_stats stats;
    struct stg_behaviours b;
    struct stg_behaviour x;
    struct stg_score scores[N_SEQUENCES] = {0};
    struct stg_behaviour_member members[N_SEQUENCES];
    size_t offset[] = {0, N_SEQUENCES}, n = 0;
    struct stg_input input = {.path = in_work("additional"), .is_trace = true};
    struct stg_group group = {.inputs = &input, .n_inputs = 1, .scores = scores, .offset = offset, .n = N_SEQUENCES};
    const struct stg_groups groups = {.groups = &group, .n = 1};
    tables_of(&t);
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        const int32_t pid = 100 + (int32_t)i, next = pid + 1;
        scores[i].pid = pid;
        const size_t first = n;
        n += put_call(events + n, OPENAT, APACHE, pid, 0, STG_FD_OTHER, 0, 9);
        n += put_call(events + n, OPENAT, APACHE, pid, 0, STG_FD_OTHER, put_drawn(&t, i), 9);
        if (i == MEMBER || (i < MEMBER && i < n_alike)) {
            n += put_call(events + n, OPENAT, APACHE, pid, 0, STG_FD_OTHER, 1, 9);
        }
        if (i + 1 < N_SEQUENCES) { /* of the one that begins now, before this one ends */
            n += put_call(events + n, OPENAT, APACHE, next, 3, STG_FD_DIRECTORY, 0, 9);
        }
        n += put_call(events + n, OPENAT, APACHE, pid, 0, STG_FD_OTHER, 0, 9);
        scores[i].begin_ns = (int64_t)events[i == 0 ? first : first - 4].ts_ns;
        scores[i].end_ns = (int64_t)events[n - 1].ts_ns;
        members[i] = (struct stg_behaviour_member){0, i, 0};
    }
    settings_init(&settings, &t, input.path);
    write_events(&settings, events, n, &stats);
    behaviour_of(&b, &x);
    x.index = MEMBER;
    b.members = of_all ? members : &members[MEMBER];
    b.n_members = of_all ? N_SEQUENCES : 1;
    assert_int_equal(stg_behaviour_objects(&b, &groups, &no_model), STG_OK);
    assert_string_equal(x.more[0].object.path, wanted);
    assert_int_equal(x.more[0].object.of_kind[STG_FD_DIRECTORY], 1); /* not the next one's, at the same time */
    ctf_remove_directory(input.path);
    stg_vocab_fini(&b.names);
    tables_fini(&t);
}

/* Of calls of which there are more, the file is named that known sequences do not have; where they have it as well, or
 * there are none, the commonest. Names that are drawn are in all of them. */
static void test_additional(void **state)
{
    (void)state;
    check_additional(0, false, "/www/other.php");
    check_additional(4, false, "/www/actor.php");
    check_additional(0, true, "/www/actor.php");
}

/* Of more sequences at a time than are looked through, a behaviour's own are still among them; what is left out is in
 * none, and what has ended makes room. */
static void test_many_at_a_time(void **state)
{
    enum { MANY = 300, END = 1000 };
    static struct stg_score scores[MANY + 1];
    size_t offset[] = {0, MANY + 1};
    struct stg_group group = {.n_inputs = 1, .scores = scores, .offset = offset, .n = MANY + 1};
    struct stg_behaviour_member members[] = {{0, MANY - 1, 0}};
    const struct stg_behaviours b = {.n = 1, .members = members, .n_members = 1};
    struct stg_spans spans;
    struct stg_event e = {.has = STG_HAS_TIME | STG_HAS_PID};
    uint64_t found;
    (void)state;
    for (int32_t i = 0; i <= MANY; i++) {
        scores[i] = (struct stg_score){.begin_ns = i < MANY ? i : END + 1, .end_ns = i < MANY ? END : 2 * END};
        scores[i].pid = i + 1;
    }
    assert_int_equal(stg_spans_init(&spans, &b, &no_model, &group, 0, 0), STG_OK);
    for (e.ts_ns = 0; e.ts_ns < END; e.ts_ns++) {
        stg_spans_advance(&spans, &e);
    }
    e.pid = MANY;
    assert_true(stg_spans_find(&spans, 0, &e, &found) && found == 1);
    e.pid = 1;
    assert_true(stg_spans_find(&spans, 0, &e, &found) && found == 0);
    e.pid = MANY - 1;
    assert_false(stg_spans_find(&spans, 0, &e, &found));
    assert_int_equal(spans.n_members[0], 1);
    assert_in_range(spans.n_known, 1, MANY - 2);
    e.ts_ns = END + 1;
    e.pid = MANY + 1;
    stg_spans_advance(&spans, &e);
    assert_int_equal(spans.n_open, 1);
    assert_true(stg_spans_find(&spans, 0, &e, &found) && found == 0);
    stg_spans_fini(&spans);
}

static void test_long_path(void **state)
{
    (void)state;
    check(2, "…/components/that/has/no/room/in/what/is/kept/of/it/and/loses/its/first/ones/index.php");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_objects),    cmocka_unit_test(test_windows),
                                       cmocka_unit_test(test_additional), cmocka_unit_test(test_many_at_a_time),
                                       cmocka_unit_test(test_late),       cmocka_unit_test(test_long_path)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
