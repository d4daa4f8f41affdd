/* report/findings: what a behaviour is, in words. The behaviours are made by hand, so that each rule is asked by
 * itself. */
#include "findings_support.h"

static void test_calls(void **state)
{
    struct fixture *t = *state;
    begin(t);
    more(t, "accept4", 0, 0.36f, 0)->object.fd_kind = STG_FD_INET;
    more(t, "getpid", 1234, 1, 0);
    more(t, "mprotect", 1, 1, 0); /* others say more than memory */
    snprintf(more(t, "openat", 35, 1, 2)->object.path, STG_BEHAVIOUR_PATH, "/etc/x");
    make(t);
    assert_int_equal(t->n, 1);
    assert_says(&t->f[0],
                "apache2 makes calls that no known sequence makes: accept4 (in 36 % of them, on a TCP socket), getpid "
                "(1,234 in each), "
                "mprotect (1 in each), and more of openat (35 in each, usually 2, as of /etc/x)",
                "it opens or ends connections; it looks up or opens files that it otherwise does not need to; it asks "
                "who it is, as programs do for "
                "each line of a log and for each new secure connection");
    begin(t);
    more(t, "mprotect", 3, 1, 1);
    make(t);
    assert_says(&t->f[0], "apache2 makes more of mprotect (3 in each, usually 1)", "it takes and returns memory");
    begin(t);
    more(t, "no_such_call", 1, 1, 0);
    make(t);
    assert_says(&t->f[0], "apache2 makes calls that no known sequence makes: no_such_call (1 in each)", "");
}

/* The C library's own call at each start is no key; a wait for a thread is none for another side; of a new program
 * nothing is usual. */
static void test_what_is_no_sign(void **state)
{
    static const struct {
        const char *call;
        uint8_t fd_kind;
        const char *means;
    } timeouts[] = {{"futex", STG_FD_OTHER, ""},
                    {"connect", STG_FD_OTHER, "the other side does not answer"},
                    {"read", STG_FD_INET, "the other side does not answer"},
                    {"read", STG_FD_TIMERFD, ""}};
    struct fixture *t = *state;
    struct findings_told told = {.any = false};
    uint16_t id;
    begin(t);
    more(t, "getrandom", 1, 1, 0);
    make(t);
    assert_string_equal(t->f[0].means, "");
    t->x.more[0].now = 2;
    make(t);
    assert_string_equal(t->f[0].means, "it draws random numbers, as for keys");
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        begin(t);
        struct stg_behaviour_change *c = more(t, timeouts[i].call, 5, 1, 0);
        c->kind.phase = STG_PHASE_EXIT;
        c->kind.errno_class = 2 + ETIMEDOUT;
        c->object.fd_kind = timeouts[i].fd_kind;
        make(t);
        assert_string_equal(t->f[0].means, timeouts[i].means);
    }
    begin(t);
    assert_int_equal(stg_vocab_proc(&t->b.names, "id", &id), STG_OK);
    put_unseen(t, "getrandom", id, 6, 3);
    assert_int_equal(findings_unseen(&t->b, &told, t->f), 1);
    assert_says(&t->f[0], "new program: id, with getrandom (6 times)", "");
    put_unseen(t, "write", id, 6, 3);
    findings_unseen(&t->b, &told, t->f);
    assert_string_equal(t->f[0].means, "it writes, as to a log or a file");
    t->b.unseen[1].object.fd_kind = STG_FD_INET;
    findings_unseen(&t->b, &told, t->f);
    assert_string_equal(t->f[0].means, "it sends to others");
    t->b.n_unseen = 0;
    put_unseen(t, "getrandom", FAKE_APACHE, 6, 6);
    memset(t->f, 0, sizeof t->f);
    assert_int_equal(findings_unseen(&t->b, &told, t->f), 1);
    assert_string_equal(t->f[0].means, "");
    t->b.n_unseen = 0;
}

static void test_amounts(void **state)
{
    struct fixture *t = *state;
    static const struct {
        int64_t ret;
        bool shifted; /* reads of the usual size have become fewer */
        uint8_t fd_kind;
        const char *what, *means;
    } cases[] = {
        {88, false, STG_FD_UNIX, "read 88 on a Unix socket (usually 104-111)",
         "messages are shorter: other headers, less framing, no encryption, or compression"},
        {126, false, STG_FD_UNIX, "read 126 on a Unix socket (usually 104-111)",
         "messages are longer: other headers, more framing, encryption, or no compression"},
        /* What a record of TLS adds lies between 104 - 88 and 111 - 88, and between 126 - 111 and 126 - 104. */
        {88, false, STG_FD_INET, "read 88 on a TCP socket (usually 104-111)",
         "messages are shorter by about what TLS adds to each: no encryption, or other headers or compression"},
        {126, false, STG_FD_OTHER, "read 126 (usually 104-111)",
         "messages are longer by about what TLS adds to each: encryption, or other headers or no compression"},
        {143, true, STG_FD_INET, "read 143 on a TCP socket (usually 104-111)",
         "messages are longer: other headers, more framing, encryption, or no compression"},
        /* By less, or more, than a record's header and tag. */
        {103, false, STG_FD_INET, "read 103 on a TCP socket (usually 104-111)",
         "messages are shorter: other contents or headers, or compression"},
        {180, true, STG_FD_INET, "read 180 on a TCP socket (usually 104-111)",
         "messages are longer: other contents or headers, or no compression"},
        {88, false, STG_FD_FILE, "read 88 on a file (usually 104-111)", "the contents have other lengths"},
        {51, true, STG_FD_UNIX, "read 51 on a Unix socket (usually 104-111)",
         "something else is read or written there"},
        {500, true, STG_FD_UNIX, "read 500 on a Unix socket (usually 104-111)",
         "something else is read or written there"},
        {0, true, STG_FD_UNIX, "read 0 on a Unix socket (usually 104-111)",
         "a return of 0 is the end of a file or of a connection that the other side closed"},
        /* Where those of the usual size are as many as usual, what is likely at a place is no measure of what came. */
        {500, false, STG_FD_UNIX, "read 500 on a Unix socket", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char wanted[160];
        begin(t);
        if (cases[i].shifted) {
            reads(t->x.fewer, &t->x.n_fewer, 108, 0, 5);
        }
        surprise(t, "read", STG_PHASE_EXIT, cases[i].ret, 108)->object.fd_kind = cases[i].fd_kind;
        make(t);
        snprintf(wanted, sizeof wanted, "the same calls return other amounts: apache2 %s%s",
                 cases[i].shifted ? "read returning 64-127 (0 in each, usually 5), apache2 " : "", cases[i].what);
        assert_int_equal(t->n, 1);
        assert_says(&t->f[0], wanted, cases[i].means);
    }
    begin(t); /* in one sequence alone a record's length says nothing */
    t->x.n = 1;
    surprise(t, "read", STG_PHASE_EXIT, 88, 108);
    make(t);
    assert_null(strstr(t->f[0].means, "encryption"));
    begin(t);
    surprise(t, "read", STG_PHASE_EXIT, 88, 108);
    surprise(t, "read", STG_PHASE_EXIT, 9, 8);
    make(t);
    assert_says(&t->f[0],
                "the same calls return other amounts: apache2 read 88 (usually 104-111), apache2 read 9 (usually 8)",
                "messages have other lengths: other contents, headers or encoding");
    /* What another call was expected to return says nothing of this one's amount; nor does what was hardly expected,
     * and what hardly surprises is one of many. */
    begin(t);
    surprise(t, "write", STG_PHASE_EXIT, 88, 108);
    surprise(t, "read", STG_PHASE_EXIT, 88, 108)->expected_share = 0.4f;
    surprise(t, "read", STG_PHASE_EXIT, 88, 108)->weight = 0.04f;
    make(t);
    assert_says(&t->f[0], "the same calls return other amounts: apache2 write 88, apache2 read 88", "");
}

/* Numbers that have changed come first, those that have most before all; an amount that surprises a little beside them
 * is not told. */
static void test_shifts(void **state)
{
    struct fixture *t = *state;
    begin(t);
    reads(t->x.more, &t->x.n_more, 500, 5, 4);
    reads(t->x.more, &t->x.n_more, 5, 15, 4)->object.fd_kind = STG_FD_INET;
    reads(t->x.fewer, &t->x.n_fewer, 200, 0, 4);
    surprise(t, "read", STG_PHASE_EXIT, 6, 8)->weight = 0.8f;
    surprise(t, "read", STG_PHASE_EXIT, 9, 8)->weight = 0.05f;
    make(t);
    assert_int_equal(t->n, 1);
    assert_says(&t->f[0],
                "the same calls return other amounts: apache2 read returning 4-7 (15 in each, usually 4, on a TCP "
                "socket), apache2 read returning "
                "128-255 (0 in each, usually 4), apache2 read returning 256-511 (5 in each, usually 4)",
                "other messages take the place of the usual ones: other answers, or another request");
    begin(t);
    t->x.more[t->x.n_more] = (struct stg_behaviour_change){
        .kind = {.call = call_of(t, "epoll_wait"), .proc = FAKE_APACHE, .phase = STG_PHASE_EXIT, .size = 3},
        .now = 3,
        .low = 3,
        .high = 3,
        .share = 1,
        .weight = 0.5f,
        .usual = {1, 1, 1, 1}};
    t->x.n_more++;
    make(t);
    assert_says(&t->f[0],
                "the same calls return other amounts: apache2 epoll_wait returning 2-3 (3 in each, usually 1)",
                "more or fewer descriptors are ready at a time: work comes together, or is fetched later");
}

/* What a call was about is told by kind of descriptor, and an amount is compared with those of its kind. */
static void test_objects(void **state)
{
    struct fixture *t = *state;
    struct stg_behaviour_change *c;
    begin(t);
    c = more(t, "write", 18, 1, 16);
    c->object.fd_kind = STG_FD_INET;
    c->object.of_kind[STG_FD_INET] = 12;
    c->object.of_kind[STG_FD_FILE] = 4;
    make(t);
    assert_says(&t->f[0], "apache2 makes more of write (18 in each, usually 16, 5 on a file, 13 on a TCP socket)",
                "it writes more, as to a log or a file");
    c->object.of_kind[STG_FD_FILE] = 0;
    make(t);
    assert_says(&t->f[0], "apache2 makes more of write (18 in each, usually 16, on a TCP socket)",
                "it sends more, or in smaller pieces");
    begin(t);
    struct stg_behaviour_surprise *s = surprise(t, "read", STG_PHASE_EXIT, 412, 8);
    s->object.fd_kind = STG_FD_FILE;
    s->expected_object.fd_kind = STG_FD_INET;
    make(t);
    assert_says(&t->f[0],
                "the same calls return other amounts: apache2 read 412 on a file (usually 8, on a TCP socket)",
                "it goes to another kind of descriptor than usual");
}

/* "In each" is said of what is so in nearly all sequences. */
static void test_uneven(void **state)
{
    struct fixture *t = *state;
    begin(t);
    struct stg_behaviour_change *c = more(t, "write", 3, 1, 1);
    c->low = 1;
    make(t);
    assert_non_null(strstr(t->f[0].what, "write (3 or more in half of them, usually 1)"));
    c->usual = (struct stg_usual){0};
    c->low = 0;
    c->share = 0.6f;
    make(t);
    assert_non_null(strstr(t->f[0].what, "write (in 60 % of them)"));
    begin(t);
    t->x.fewer[0] = (struct stg_behaviour_change){
        .kind = {.call = call_of(t, "write"), .proc = FAKE_APACHE}, .high = 12, .usual = {8, 10, 12, 1}};
    t->x.n_fewer = 1;
    make(t);
    assert_says(&t->f[0], "fewer calls: apache2 write (none in half of them, usually 10)", "");
    t->x.fewer[0].now = 4;
    make(t);
    assert_says(&t->f[0], "fewer calls: apache2 write (4 or fewer in half of them, usually 10)", "");
    t->x.fewer[0].now = 0;
    t->x.fewer[0].high = 7;
    make(t);
    assert_says(&t->f[0], "fewer calls: apache2 write (0 in each, usually 10)", "");
}

/* Calls that act on others come before those that ask, and a program that training had not is said to be one. */
static void test_consequences(void **state)
{
    struct fixture *t = *state;
    uint16_t id;
    begin(t);
    more(t, "getpid", 9, 1, 0)->weight = 0.9f;
    more(t, "getpeername", 9, 1, 0)->weight = 0.8f;
    more(t, "newfstatat", 1, 1, 0);
    more(t, "chdir", 0, 0.2f, 0)->weight = 0;
    snprintf(more(t, "rename", 0, 0.2f, 0)->object.path, STG_BEHAVIOUR_PATH, "temp-7.rdb");
    make(t);
    assert_says(&t->f[0],
                "apache2 makes calls that no known sequence makes: chdir (in 20 % of them), rename (in 20 % of them, "
                "as of temp-7.rdb), newfstatat (1 in each), getpid (9 in each), getpeername (9 in each)",
                "it changes names of files; it goes to another directory; it looks up or opens files that it otherwise "
                "does not need to; it asks who it "
                "is, as programs do for each line of a log and for each new secure connection");
    assert_int_equal(stg_vocab_proc(&t->b.names, "id", &id), STG_OK);
    t->b.unseen[0] = (struct stg_behaviour_unseen){
        .call = call_of(t, "execve"), .proc = id, .is_new_program = true, .n = 1, .n_sequences = 1};
    t->b.n_unseen = 1;
    more(t, "execve", 1, 1, 0)->kind.proc = id;
    t->x.more[t->x.n_more - 1].weight = 0;
    make(t);
    assert_int_equal(t->n, 2);
    assert_says(&t->f[0], "new program: id, with execve (1 in each)", "it starts processes or threads");
    t->b.unseen[0].is_thread = true;
    make(t);
    assert_non_null(
        strstr(t->f[1].what, "new thread: id, with execve")); /* no more than another call that acts on others */
    t->b.n_unseen = 0;
}

/* What training had not is told of all sequences, what acts on others first; not again what a behaviour says. */
static void test_unseen(void **state)
{
    struct fixture *t = *state;
    struct findings_told told = {.any = false};
    char where[WORDS_SENTENCE];
    uint16_t id;
    begin(t);
    assert_int_equal(findings_unseen(&t->b, &told, t->f), 0);
    assert_int_equal(stg_vocab_proc(&t->b.names, "id", &id), STG_OK);
    put_unseen(t, "getpid", FAKE_APACHE, 4, 3);
    put_unseen(t, "rename", FAKE_APACHE, 1, 1);
    put_unseen(t, "openat", id, 2000, 1);
    snprintf(t->b.unseen[1].object.path, STG_BEHAVIOUR_PATH, "temp-7.rdb");
    t->b.n_unseen_sequences = 3;
    assert_int_equal(findings_unseen(&t->b, &told, t->f), 2);
    assert_says(&t->f[0], "new program: id, with openat (2,000 times)", "it looks up or opens files");
    assert_says(&t->f[1],
                "apache2 makes calls that no known sequence makes: rename (once, as of temp-7.rdb), getpid (4 times)",
                "it changes names of files; it asks who it is, as programs do for each line of a log and for each new "
                "secure connection");
    struct stg_verdict v = {.novel = true};
    assert_true(findings_unseen_leads(&v, t->f, 2)); /* a new program */
    assert_false(findings_unseen_leads(&v, t->f + 1, 1) || findings_unseen_leads(&v, t->f, 0));
    v.novel = false;
    assert_true(findings_unseen_leads(&v, t->f + 1, 1));
    assert_int_equal(findings_unseen_first(&t->b, &told, where), 0);
    assert_string_equal(where, "what training had not, in 3 of 20 sequences");
    more(t, "rename", 1, 1, 0);
    t->b.items = &t->x;
    t->b.n = 1;
    t->n = findings_make(&t->model, &t->b, &t->x, t->f);
    findings_tell(&told, &t->b, &t->x, t->f, 0); /* a behaviour of which that finding was not shown */
    assert_int_equal(findings_unseen(&t->b, &told, t->f), 2);
    assert_non_null(strstr(t->f[1].what, "rename (once"));
    assert_null(strstr(t->f[1].what, "getpid")); /* which acts on nobody: not told beside behaviours */
    t->n = findings_make(&t->model, &t->b, &t->x, t->f);
    findings_tell(&told, &t->b, &t->x, t->f, 1);
    assert_int_equal(findings_unseen(&t->b, &told, t->f), 1);
    assert_non_null(strstr(t->f[0].what, "new program: id"));
    assert_int_equal(findings_unseen_first(&t->b, &told, where), 2);
    assert_string_equal(where, "what training had not besides");
    t->b.n_unseen_sequences = 15;
    assert_true(findings_unseen_all(&t->b, where)); /* ten are novel */
    assert_string_equal(where, "what training had not is in 15 of 20 sequences, novel or not");
    t->b.n_unseen_sequences = 10;
    assert_false(findings_unseen_all(&t->b, where));
    t->b.items = NULL;
    t->b.n = t->b.n_unseen = t->b.n_unseen_sequences = 0;
}

/* A program that few known sequences have and that does what it always does is itself what is told; where it does more,
 * that comes first, and the times of other programs' sequences are none of its. */
static void test_rare(void **state)
{
    struct fixture *t = *state;
    begin(t);
    t->x.rare.proc = FAKE_APACHE;
    t->x.rare.known = 0.028f;
    t->b.duration.median = t->b.duration.high = 1e6f;
    t->x.duration_ns = 2e6f;
    make(t);
    assert_int_equal(t->n, 1);
    assert_says(&t->f[0], "apache2 has a part in them, as in 2.8 % of known sequences",
                "a kind of sequence that is rare");
    more(t, "write", 58, 1, 4);
    make(t);
    assert_int_equal(t->n, 2);
    assert_non_null(strstr(t->f[0].what, "write (58"));
    assert_non_null(strstr(t->f[1].what, "has a part"));
}

static void test_counts(void **state)
{
    struct fixture *t = *state;
    struct stg_verdict v = {.calibrated = true,
                            .reachable = true,
                            .n_novel = 5,
                            .n_beyond = 2,
                            .n_apart = 20,
                            .bound = 10,
                            .bound_beyond = 6,
                            .novel_apart = 5,
                            .beyond_apart = 2};
    char text[WORDS_SENTENCE];
    t->model.n_calibration = 637;
    t->b.n_novel = 5;
    findings_counts(&t->model, &t->b, &v, text);
    assert_string_equal(text, "5 of 20 sequences are novel, and chance makes up to 10 of known ones so");
    assert_true(findings_beyond(&t->model, &v, text));
    assert_string_equal(text, "2 of them are above all 637 calibration scores, and chance makes up to 6 so");
    t->x.n_beyond = 0;
    assert_false(findings_is_shown(&v, &t->x));
    t->x.n_beyond = 1;
    assert_true(findings_is_shown(&v, &t->x));
    v.novel_apart = 3.25;
    v.beyond_apart = 0.5;
    assert_true(findings_beyond(&t->model, &v, text));
    assert_string_equal(text,
                        "2 of them are above all 637 calibration scores, 0.5 if those that overlap count as one, and "
                        "chance makes up to 6 so");
    findings_counts(&t->model, &t->b, &v, text);
    assert_string_equal(
        text, "5 of 20 sequences are novel, 3.25 if those that overlap count as one, and chance makes up to 10 "
              "of known ones so");
    v.novel_apart = 5;
    v.beyond_apart = 2;
    v.bound = 4;
    assert_false(findings_beyond(&t->model, &v, text)); /* that many are novel says enough */
    v.reachable = false;
    findings_counts(&t->model, &t->b, &v, text);
    assert_string_equal(
        text, "2 of 20 sequences are above all 637 calibration scores, and chance makes up to 4 of known ones so");
    v.n_apart = 1; /* one incident is judged by its own p-value, and no number is too many */
    findings_counts(&t->model, &t->b, &v, text);
    assert_string_equal(text, "2 of 20 sequences are above all 637 calibration scores");
    t->model.n_calibration = 1;
    findings_counts(&t->model, &t->b, &v, text);
    assert_string_equal(text, "2 of 20 sequences are above all 1 calibration score");
    v.reachable = true;
    v.novel_apart = 0;
    v.n_apart = 20;
    assert_true(findings_beyond(&t->model, &v, text));
    assert_string_equal(text, "2 of them are above all 1 calibration score, and chance makes up to 6 so");
    t->model.n_calibration = 0;
    t->b.n_novel = 10;
}

static void put_descriptor(struct fixture *t, int64_t number, float weight, enum stg_fd_kind kind)
{
    const size_t i = t->x.n_descriptors++;
    t->x.descriptors[i].proc = FAKE_APACHE;
    t->x.descriptors[i].number = number;
    t->x.descriptors[i].weight = weight;
    t->x.descriptors[i].call = call_of(t, "write");
    t->x.descriptors[i].object.fd_kind = (uint8_t)kind;
}

static void test_descriptors(void **state)
{
    struct fixture *t = *state;
    begin(t);
    t->x.weight_descriptors = 0.5f;
    t->x.z[STG_CHANNEL_STATE] = 3;
    t->x.weight_beyond = 0.8f;
    t->x.highest = 90;
    t->x.highest_known = 63;
    put_descriptor(t, 77, 0.5f, STG_FD_INET);
    put_descriptor(t, 80, 0.3f, STG_FD_OTHER);
    make(t);
    assert_says(&t->f[0], "apache2 uses descriptor numbers up to 90, in training none above 63: 77 (a TCP socket), 80",
                "more connections or files are open at a time than ever in training");
    t->x.weight_beyond = 0.4f; /* most of what is odd is not beyond */
    make(t);
    assert_says(&t->f[0], "apache2 uses descriptor numbers that known sequences hardly use: 77 (a TCP socket), 80",
                "another number of connections or files is open at a time");
    t->x.highest_known = -1; /* none in training: then none is higher */
    t->x.weight_beyond = 1;
    make(t);
    assert_non_null(strstr(t->f[0].what, "hardly use"));
    begin(t);
    t->x.weight_descriptors = 0.5f;
    t->x.z[STG_CHANNEL_STATE] = 3;
    put_descriptor(t, 2, 0.5f, STG_FD_FILE);
    make(t);
    assert_says(&t->f[0],
                "apache2 does write on descriptor 2 (standard error, a file), which known sequences hardly use",
                "that is where programs log");
    t->x.z[STG_CHANNEL_STATE] = 0.9f; /* what is odd in a sequence that is as usual as any */
    make(t);
    assert_null(strstr(t->f[0].what, "descriptor"));
    t->x.z[STG_CHANNEL_STATE] = 3;
    t->x.weight_descriptors = 0.05f;
    make(t);
    assert_null(strstr(t->f[0].what, "descriptor"));
}

static void test_workers(void **state)
{
    static float channels[STG_MODEL_CHANNEL_COLUMNS];
    struct fixture *t = *state;
    channels[STG_MODEL_CHANNEL_COLUMNS - 2] = 1 + logf(100); /* the last measure's median */
    begin(t);
    t->x.z[STG_CHANNEL_STATE] = 6;
    t->x.z[STG_CHANNEL_TIME] = 4; /* counts half */
    t->x.workers = 25;
    make(t);
    assert_null(strstr(t->f[0].what, "work is shared")); /* the model does not know how many are usual */
    t->model.channels = channels;
    t->model.n_channel_bins = 1;
    t->model.side[STG_SIDE_TIME] = &t->model;
    make(t);
    assert_says(&t->f[0], "the work is shared by fewer threads than in known sequences: 25, usually 100",
                "fewer workers are allowed, or needed");
    assert_true(fabsf(t->f[0].weight - 0.75f) < 1e-6f);
    t->x.workers = 200;
    make(t);
    assert_says(&t->f[0], "the work is shared by more threads than in known sequences: 200, usually 100",
                "more workers were started, or more work comes at a time");
    t->x.workers = 130;
    make(t);
    assert_null(strstr(t->f[0].what, "work is shared"));
    t->x.workers = 25;
    t->x.z[STG_CHANNEL_STATE] = 0.9f;
    make(t);
    assert_null(strstr(t->f[0].what, "work is shared"));
    t->model.channels = NULL;
    t->model.n_channel_bins = 0;
    t->model.side[STG_SIDE_TIME] = NULL;
}

static void test_times_and_fewer(void **state)
{
    struct fixture *t = *state;
    begin(t);
    t->x.z[STG_CHANNEL_PACE] = 4;
    make(t);
    assert_says(&t->f[0], "calls come sooner after one another than in known sequences",
                "short calls in a row, or a machine that is idler or faster");
    t->x.z[STG_CHANNEL_LOAD] = 4; /* of both, what explains the other */
    make(t);
    assert_says(&t->f[0], "more threads want the same processors than in known sequences",
                "something else on this machine computes meanwhile");
    begin(t);
    t->b.duration = (struct stg_usual){1e6f, 2e6f, 3e6f, 1};
    t->x.duration_ns = 4e6f;
    make(t);
    assert_says(&t->f[0], "sequences last longer: half of them more than 4.000 ms (known ones: 2.000 ms)",
                "they wait for something: a busier machine, or something slow that they ask for");
    t->x.n = 1;
    make(t);
    assert_says(&t->f[0], "the sequence lasts longer: 4.000 ms (known ones: 2.000 ms)",
                "it waits for something: a busier machine, or something slow that it asks for");
    begin(t);
    t->x.fewer[0] = (struct stg_behaviour_change){
        .kind = {.call = call_of(t, "fcntl"), .proc = FAKE_APACHE}, .now = 3, .usual = {5, 5, 5, 1}};
    t->x.fewer[1] = (struct stg_behaviour_change){
        .kind = {.call = FAKE_READ, .proc = FAKE_APACHE}, .now = 18, .usual = {20, 20, 20, 1}};
    t->x.n_fewer = 2; /* a tenth fewer is nothing to tell first */
    make(t);
    assert_says(&t->f[0], "fewer calls: apache2 fcntl (3 in each, usually 5)", "");
}

/* Errors by their meaning; calls in another order; the heaviest first, and what every sequence newly does before
 * all. */
static void test_order(void **state)
{
    struct fixture *t = *state;
    begin(t);
    struct stg_behaviour_change *c = more(t, "openat", 1, 1, 0);
    c->kind.phase = STG_PHASE_EXIT;
    c->kind.errno_class = 2 + ENOENT;
    c->weight = 0.2f;
    surprise(t, "futex", 0, STG_RET_ABSENT, 8)->weight = 0.3f;
    make(t);
    assert_int_equal(t->n, 1); /* another order follows from what else there is */
    assert_says(&t->f[0], "calls fail: apache2 openat ENOENT (1 in each)", "a file is not where it is looked for");
    t->x.n_more = 0;
    make(t);
    assert_int_equal(t->n, 1);
    assert_says(&t->f[0], "calls come in another order: apache2 futex after read (usually ← read 8)", "");
    t->x.n_more = 1;
    more(t, "getpid", 1, 1, 0);
    t->x.weight_descriptors = 0.9f;
    t->x.z[STG_CHANNEL_STATE] = 3;
    put_descriptor(t, 9, 1, STG_FD_OTHER);
    make(t);
    assert_int_equal(t->n, 3);
    assert_non_null(strstr(t->f[0].what, "getpid"));
    assert_non_null(strstr(t->f[1].what, "descriptor"));
    assert_true(t->f[0].weight >= t->f[1].weight && t->f[1].weight >= t->f[2].weight);
}

static void test_share(void **state)
{
    struct fixture *t = *state;
    char text[96];
    begin(t);
    findings_share(&t->b, &t->x, text);
    assert_string_equal(text, "all 10 novel sequences");
    t->b.n_groups = 2;
    t->x.n_estimated = 7;
    findings_share(&t->b, &t->x, text);
    assert_string_equal(text, "7 of 10 novel sequences");
    t->b.n_groups = 1;
    t->b.n_novel = 1;
    findings_share(&t->b, &t->x, text);
    assert_string_equal(text, "the one novel sequence");
    t->b.n_novel = 10;
}

/* Names as long as a trace may have them are cut; nothing is written beyond a sentence. */
static void test_long_names(void **state)
{
    struct fixture *t = *state;
    char name[4001];
    uint16_t proc;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    begin(t);
    assert_int_equal(stg_vocab_proc(&t->b.names, name, &proc), STG_OK);
    for (int i = 0; i < STG_BEHAVIOUR_CHANGES; i++) {
        name[i] = 'm';
        more(t, name, 1, 1, 0)->kind.proc = proc;
        memset(t->x.more[i].object.path, 'p', STG_BEHAVIOUR_PATH - 1);
    }
    make(t);
    assert_true(strlen(t->f[0].what) > 500 && strlen(t->f[0].what) < sizeof t->f[0].what);
}

static void test_set(void **state)
{
    struct fixture *t = *state;
    enum { N = 10 };
    struct stg_score s[N] = {0};
    char text[WORDS_SENTENCE];
    uint64_t keys[] = {STG_USUAL_DURATION};
    float usual[] = {1e6f, 2e6f, 3e6f, 1};
    struct stg_model m = t->model;
    struct stg_verdict v = {.n_alone = 0};
    assert_false(findings_alone(&v, N, text));
    findings_of_set(&m, s, N, &v, text);
    assert_string_equal(text, ""); /* nothing is known of times */
    m.n_usual = 1;
    m.usual_key = keys;
    m.usual = usual;
    for (int i = 0; i < N; i++) {
        s[i].end_ns = i < 7 ? 3000000 : 1000000;
    }
    findings_of_set(&m, s, N, &v, text);
    assert_string_equal(text, "70 % of them last longer than 2.000 ms, as half of the known ones do: a busier machine "
                              "would do that, and runs differ.");
    findings_of_set(&m, s + 2, 8, &v, text);
    assert_non_null(strstr(text, "62 % of them"));
    findings_of_set(&m, s + 5, 5, &v, text);
    assert_string_equal(text, "40 % of them last longer than 2.000 ms, as half of the known ones do: an idler machine "
                              "would do that, and runs differ.");
    findings_of_set(&m, s + 4, 6, &v, text);
    assert_string_equal(text, "50 % of them last longer than 2.000 ms, as half of the known ones do.");
    v.alone[0] = (struct stg_alone){STG_AGGREGATE_TIME, 4, 0.02};
    v.alone[1] = (struct stg_alone){STG_AGGREGATE_STATE, 3, 0};
    v.n_alone = 2;
    assert_true(findings_alone(&v, N, text));
    assert_string_equal(
        text, "by the times between calls alone 4 of 10 would be novel, of a run of the calibration at most 2.0 %; by "
              "descriptors alone 3 of 10 would be novel, of a run of the calibration at most 0 %");
    v.n_novel = 4;
    assert_false(findings_alone(&v, N, text));
    assert_string_equal(text, "");
}

/* Of a call that no known sequence makes it says nothing that none has its failure; of another it does, in figures. */
static void test_never(void **state)
{
    struct fixture *t = *state;
    for (int never = 0; never < 2; never++) {
        char text[WORDS_SENTENCE];
        unsigned at = 0;
        begin(t);
        struct stg_behaviour_change *c = more(t, "openat", 2, 1, 0);
        c->kind.phase = STG_PHASE_EXIT;
        c->kind.errno_class = 2 + 2;
        c->is_never = never != 0;
        assert_string_equal(behaviour_next_fact(&t->model, &t->b, &t->x, &at, text), "more");
        assert_string_equal(text, never ? "apache2: 2 openat ENOENT (never in known)"
                                        : "apache2: 2 openat ENOENT (usually 0)");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_shifts),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_uneven),
        cmocka_unit_test(test_consequences),
        cmocka_unit_test(test_unseen),
        cmocka_unit_test(test_rare),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_workers),
        cmocka_unit_test(test_times_and_fewer),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_what_is_no_sign),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
