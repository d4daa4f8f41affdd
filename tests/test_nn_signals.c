/* Training while signals arrive: oneDNN's products corrupt the heap unless signals are held back. Signals come first, as it happens
 * most while oneDNN generates its code. */
#include "base/memory.h"
#include "nn/net.h"
#include "nn/optim.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/time.h>

enum { SEQUENCES = 8, ROWS = 22, UPDATES = 8000 };

static volatile sig_atomic_t n_signals;

static void on_alarm(int number)
{
    (void)number;
    n_signals++;
}

static void timer_every(long microseconds)
{
    const struct itimerval t = {{0, microseconds}, {0, microseconds}};
    assert_int_equal(setitimer(ITIMER_REAL, &t, NULL), 0);
}

/* The sum of the losses of some updates, which changes with every bit of every parameter. */
static double train(void)
{
    static const struct stg_net_shape shape = {
        .n_tables = 2, .table_rows = {11, 5}, .table_dim = {6, 3}, .layers = 2, .hidden = 8, .outputs = 11, .dropout = 0.05f};
    uint32_t ids[SEQUENCES * ROWS * 2];
    uint32_t target[SEQUENCES * ROWS];
    struct stg_net_sequence sequences[SEQUENCES];
    struct stg_optimizer adam = {.rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip = 10};
    struct stg_net *m = NULL;
    struct stg_rng rng;
    double sum = 0;
    for (uint32_t i = 0; i < SEQUENCES * ROWS; i++) {
        ids[2 * i] = i % 11;
        ids[2 * i + 1] = i % 5;
        target[i] = i * 7 % 11;
    }
    for (size_t i = 0; i < SEQUENCES; i++) {
        sequences[i] = (struct stg_net_sequence){.n = 20 + i % 3, .ids = ids + i * 2 * ROWS, .target = target + i * ROWS};
    }
    assert_int_equal(stg_net_new(&m, &stg_net_lstm, &shape, true), STG_OK);
    stg_rng_seed(&rng, 1);
    stg_net_init(m, &rng);
    assert_int_equal(stg_net_updated(m), STG_OK);
    for (uint64_t i = 0; i < UPDATES; i++) {
        struct stg_net_loss loss;
        double norm;
        assert_int_equal(stg_net_pass(m, sequences, SEQUENCES, 0.1, i, true, NULL, &loss), STG_OK);
        assert_int_equal(stg_optimizer_update(&adam, stg_net_params(m), &norm), STG_OK);
        assert_int_equal(stg_net_updated(m), STG_OK);
        sum += loss.loss;
        void *block = NULL; /* the C library finds an overwritten heap when blocks of many sizes come and go */
        assert_int_equal(stg_mem_zeroed(&block, 100 + i % 5000, 1), STG_OK);
        stg_mem_free(block);
    }
    stg_net_free(m);
    return sum;
}

static void test_signals_change_nothing(void **state)
{
    (void)state;
    const struct sigaction action = {.sa_handler = on_alarm};
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    timer_every(50);
    const double disturbed = train();
    timer_every(0);
    const double quiet = train();
    assert_true(n_signals > 100);
    assert_true(quiet == disturbed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals_change_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
