/* Takes the place of pthread_create() in tests that start no thread, so that the list of those that do, which alone are
 * built for ThreadSanitizer, is complete. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    (void)thread, (void)attributes, (void)start, (void)argument;
    fputs("this test starts a thread: name it in `threaded` of tests/meson.build\n", stderr);
    abort();
}
