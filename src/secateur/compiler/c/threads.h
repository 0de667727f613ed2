/* A pool of threads that run the same work, each its part, and wait for one another between steps.

   The workers are made in the first call and wait for the next ones. One call runs at a time: others wait. A child
   of fork() has no workers and makes its own. Where a worker cannot be made, those that are there share its part. */
#ifndef SECATEUR_THREADS_H
#define SECATEUR_THREADS_H
#include "base.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#ifndef MOMENTS
#define MOMENTS 2000 /* that a thread tries again before it sleeps: about half a millisecond */
#endif
#define BUSY 200 /* of these it does not offer its processor to other threads */

typedef void work_t(part_t p, const void *context);

/* A number that grows, and that threads wait for. */
typedef struct {
    atomic_uint value;
    atomic_int sleepers;
    pthread_mutex_t lock;
    pthread_cond_t changed;
} turn_t;

#define TURN {0, 0, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER}

static struct {
    turn_t start, step;
    atomic_int arrived; /* threads that wait for the end of the step */
    atomic_int taken;   /* things that a thread has taken to do alone */
    int workers;        /* that were made */
    int failed;         /* no more can be made */
    work_t *work;
    const void *context;
    pthread_mutex_t call; /* held by the caller whose work runs */
    unsigned first;       /* of start, when the workers were made */
    int processor;        /* that the caller runs on; -1 where that is not known */
} pool = {.start = TURN, .step = TURN, .call = PTHREAD_MUTEX_INITIALIZER};

INLINE void moment(int tried) {
    if (tried >= BUSY) {
        sched_yield();
        return;
    }
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

/* Returns once the number is no longer `seen`. */
KERNEL void await(turn_t *turn, unsigned seen) {
    for (int tried = 0; tried < MOMENTS; tried++) {
        if (atomic_load_explicit(&turn->value, memory_order_acquire) != seen) return;
        moment(tried);
    }
    pthread_mutex_lock(&turn->lock);
    atomic_fetch_add(&turn->sleepers, 1); /* before the number is read: advance() reads them the other way round */
    while (atomic_load(&turn->value) == seen) pthread_cond_wait(&turn->changed, &turn->lock);
    atomic_fetch_sub(&turn->sleepers, 1);
    pthread_mutex_unlock(&turn->lock);
}

KERNEL void advance(turn_t *turn) {
    atomic_fetch_add(&turn->value, 1);
    if (!atomic_load(&turn->sleepers)) return;
    pthread_mutex_lock(&turn->lock);
    pthread_cond_broadcast(&turn->changed);
    pthread_mutex_unlock(&turn->lock);
}

/* Returns once all threads are here. */
KERNEL void barrier(part_t p) {
    if (p.count == 1) return;
    const unsigned seen = atomic_load_explicit(&pool.step.value, memory_order_relaxed);
    if (atomic_fetch_add(&pool.arrived, 1) + 1 < p.count) {
        await(&pool.step, seen);
        return;
    }
    atomic_store_explicit(&pool.arrived, 0, memory_order_relaxed);
    advance(&pool.step);
}

/* 0, 1, 2, ...: each number to one thread, which comes for the next when it is done, so that none waits for a slow one. */
INLINE int take(void) { return atomic_fetch_add(&pool.taken, 1); }

#if defined(__linux__) && defined(CPU_COUNT)
INLINE int processor_of_this(void) { return sched_getcpu(); }

/* Leave the processor of the caller. Who sleeps long is often woken there, to wait for one another in turns, until the
   system notices some milliseconds later. */
KERNEL void step_aside(void) {
    cpu_set_t allowed, others;
    if (pool.processor < 0 || sched_getcpu() != pool.processor) return;
    if (sched_getaffinity(0, sizeof allowed, &allowed)) return;
    others = allowed;
    CPU_CLR(pool.processor, &others);
    if (CPU_COUNT(&others) && !sched_setaffinity(0, sizeof others, &others))
        sched_setaffinity(0, sizeof allowed, &allowed); /* it is free to move again, and stays where it is */
}
#else
INLINE int processor_of_this(void) { return -1; }
INLINE void step_aside(void) {}
#endif

KERNEL void *worker(void *number) {
    unsigned seen = pool.first;
    for (;;) {
        await(&pool.start, seen);
        seen++;
        step_aside();
        const part_t p = {(int)(intptr_t)number, pool.workers + 1};
        pool.work(p, pool.context);
        barrier(p);
    }
    return NULL;
}

KERNEL void forget_workers(void) {
    pool.start = pool.step = (turn_t)TURN;
    pool.call = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    pool.arrived = 0;
    pool.workers = pool.failed = 0;
}

KERNEL void make_workers(int wanted) {
    if (pool.workers == wanted || pool.failed) return;
    sigset_t all, before; /* signals are for the program's own threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pool.first = atomic_load(&pool.start.value);
    pthread_atfork(NULL, NULL, forget_workers);
    while (pool.workers < wanted && !pool.failed) {
        pthread_t thread;
        pool.failed = pthread_create(&thread, &detached, worker, (void *)(intptr_t)(pool.workers + 1)) != 0;
        pool.workers += !pool.failed;
    }
    pthread_attr_destroy(&detached);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Runs the work in `count` threads, this one being the first. */
KERNEL void run_together(int count, work_t *work, const void *context) {
    pthread_mutex_lock(&pool.call);
    make_workers(count - 1);
    pool.work = work;
    pool.context = context;
    atomic_store(&pool.taken, 0);
    pool.processor = processor_of_this();
    const part_t p = {0, pool.workers + 1};
    if (pool.workers) advance(&pool.start);
    work(p, context);
    barrier(p);
    pthread_mutex_unlock(&pool.call);
}

#endif
