/*
 * Close the race between QEMU's main loop and its processor thread under -icount sleep=off.
 *
 * When the guest halts, QEMU's processor thread marks the processor halted before it has accounted for the
 * instructions it executed. If the main loop comes out of poll at that moment, it sees an idle processor, reads a stale
 * instruction count, and warps the virtual clock too far by that many nanoseconds: the run is then no longer the
 * same as others of the same seed. This library keeps the main loop inside ppoll until the processor thread really
 * waits on its condition variable, where its instructions are accounted for (accel/tcg/tcg-accel-ops-rr.c).
 *
 * Loaded with LD_PRELOAD; needs -name ...,debug-threads=on, by which it knows the processor thread.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int (*next_ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
static int (*next_cond_wait)(pthread_cond_t *, pthread_mutex_t *);
static int (*next_setname)(pthread_t, const char *);

static atomic_int processor_runs; /* 1: the processor thread exists and does not wait */
static __thread int is_processor;

__attribute__((constructor)) static void find_next(void)
{
    next_ppoll = dlsym(RTLD_NEXT, "ppoll");
    next_cond_wait = dlvsym(RTLD_NEXT, "pthread_cond_wait", "GLIBC_2.3.2");
    if (!next_cond_wait)
        next_cond_wait = dlsym(RTLD_NEXT, "pthread_cond_wait");
    next_setname = dlsym(RTLD_NEXT, "pthread_setname_np");
}

static void set_running(int value)
{
    atomic_store(&processor_runs, value);
    if (!value)
        syscall(SYS_futex, &processor_runs, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int pthread_setname_np(pthread_t thread, const char *name)
{
    if (strstr(name, "/TCG") && pthread_equal(thread, pthread_self())) {
        is_processor = 1;
        set_running(1);
    }
    return next_setname(thread, name);
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    int status;

    if (!is_processor)
        return next_cond_wait(condition, mutex);
    set_running(0);
    status = next_cond_wait(condition, mutex);
    set_running(1);
    return status;
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    int result = next_ppoll(fds, count, timeout, mask);
    int error = errno;

    if (getpid() == (pid_t)syscall(SYS_gettid))
        while (atomic_load(&processor_runs))
            syscall(SYS_futex, &processor_runs, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
    errno = error;
    return result;
}
