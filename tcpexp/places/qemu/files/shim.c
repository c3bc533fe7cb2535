/*
 * Close the race between QEMU's main loop and its processor thread under -icount sleep=off, and spare the hand-over.
 *
 * When the guest halts, QEMU's processor thread marks the processor halted before it has accounted for the
 * instructions it executed. If the main loop comes out of poll at that moment, it sees an idle processor, reads a stale
 * instruction count, and warps the virtual clock too far by that many nanoseconds: the run is then no longer the
 * same as others of the same seed. Two remedies, chosen by the environment variable TCPEXP_WARP:
 *
 * hold (default)  The main loop stays inside ppoll until the processor thread really waits on its condition variable, where its
 *                 instructions are accounted for (accel/tcg/tcg-accel-ops-rr.c). Used where the main loop is needed: when a
 *                 template is made.
 * direct          While the machine runs, the processor thread warps the clock itself when it has nothing to do, by the
 *                 same function that the main loop would call (softmmu/icount.c: icount_start_warp_timer), and the main loop stays
 *                 out of the way. No two threads, no race, and no hand-over at each of the thousands of idle moments per
 *                 second. The main loop comes back when the guest resets, powers off, is stopped, or has no timer left.
 *
 * The main loop waits only without QEMU's lock. It also polls with the lock held, in nested loops (util/aio-posix.c: aio_poll, from a bottom
 * half or at the end); the processor thread may then be waiting for just that lock, and neither would ever go on.
 *
 * Loaded with LD_PRELOAD; needs -name ...,debug-threads=on, by which it knows the processor thread. Where QEMU does not
 * export what direct needs, it falls back to hold.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int (*next_ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
static int (*next_cond_wait)(pthread_cond_t *, pthread_mutex_t *);
static int (*next_setname)(pthread_t, const char *);

/* QEMU's own, exported by its executable (include/sysemu/cpu-timers.h, qemu/timer.h, sysemu/runstate.h, qemu/main-loop.h). */
static void (*warp)(void);
static int (*run_timers)(int clock);
static long (*next_deadline_ns)(int clock, int attributes);
static _Bool (*machine_runs)(void);
static _Bool (*all_idle)(void);
static int (*reset_requested)(void);
static int (*shutdown_requested)(void);
static _Bool (*lock_held)(void); /* by this thread: bql_locked, before QEMU 9.0 qemu_mutex_iothread_locked */

enum { CLOCK_VIRTUAL = 1, NOT_EXTERNAL = ~1 };

static atomic_int processor_runs; /* 1: the processor thread exists and does not wait */
static atomic_int main_needed;    /* direct: 1 once the processor thread cannot go on without the main loop */
static __thread int is_processor;
static int direct;

__attribute__((constructor)) static void find_next(void)
{
    next_ppoll = dlsym(RTLD_NEXT, "ppoll");
    next_cond_wait = dlvsym(RTLD_NEXT, "pthread_cond_wait", "GLIBC_2.3.2");
    if (!next_cond_wait)
        next_cond_wait = dlsym(RTLD_NEXT, "pthread_cond_wait");
    next_setname = dlsym(RTLD_NEXT, "pthread_setname_np");
    warp = dlsym(RTLD_DEFAULT, "icount_start_warp_timer");
    run_timers = dlsym(RTLD_DEFAULT, "qemu_clock_run_timers");
    next_deadline_ns = dlsym(RTLD_DEFAULT, "qemu_clock_deadline_ns_all");
    machine_runs = dlsym(RTLD_DEFAULT, "runstate_is_running");
    all_idle = dlsym(RTLD_DEFAULT, "all_cpu_threads_idle");
    reset_requested = dlsym(RTLD_DEFAULT, "qemu_reset_requested_get");
    shutdown_requested = dlsym(RTLD_DEFAULT, "qemu_shutdown_requested_get");
    lock_held = dlsym(RTLD_DEFAULT, "bql_locked");
    if (!lock_held)
        lock_held = dlsym(RTLD_DEFAULT, "qemu_mutex_iothread_locked");
    const char *mode = getenv("TCPEXP_WARP");
    direct = mode && !strcmp(mode, "direct") && warp && run_timers && next_deadline_ns && machine_runs && all_idle &&
             reset_requested && shutdown_requested;
}

static void change(atomic_int *word, int value)
{
    if (atomic_exchange(word, value) != value)
        syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void wait_while(atomic_int *word, int value)
{
    while (atomic_load(word) == value)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

/* On the processor thread, with QEMU's lock held: skip the idle time. Returns 0 where the thread really has to wait. */
static int skip_idle_time(void)
{
    if (!machine_runs() || !all_idle())
        return 0;
    if (reset_requested() || shutdown_requested() || next_deadline_ns(CLOCK_VIRTUAL, NOT_EXTERNAL) < 0) {
        change(&main_needed, 1);
        return 0;
    }
    warp();
    run_timers(CLOCK_VIRTUAL);
    return 1;
}

int pthread_setname_np(pthread_t thread, const char *name)
{
    if (strstr(name, "/TCG") && pthread_equal(thread, pthread_self())) {
        is_processor = 1;
        change(&processor_runs, 1);
    }
    return next_setname(thread, name);
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    int status;

    if (!is_processor)
        return next_cond_wait(condition, mutex);
    if (direct && skip_idle_time())
        return 0;
    change(&processor_runs, 0);
    status = next_cond_wait(condition, mutex);
    change(&processor_runs, 1);
    return status;
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    int waits = getpid() == (pid_t)syscall(SYS_gettid) && !(lock_held && lock_held());
    int result, error;

    if (waits && direct && machine_runs())
        wait_while(&main_needed, 0);
    result = next_ppoll(fds, count, timeout, mask);
    error = errno;
    if (waits)
        wait_while(&processor_runs, 1);
    errno = error;
    return result;
}
