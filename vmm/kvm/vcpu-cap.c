/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A vCPU that gets a share of its processor's time only. A timer on its thread's own CPU clock takes it out of the guest
 * every few milliseconds of what it has used, and it rests until that is the share of what has passed. So a guest that is
 * idle costs nothing, none saves up time, and no privilege is needed, as nice values and control groups would to go back.
 */
#include "vmm/kvm/vcpu-private.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PERIOD_NS    INT64_C (40000000) /* long enough for the kernel's tick, short enough for a pointer to move */
#define MIN_SLICE_NS INT64_C (1000000)

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static int64_t
now_of (clockid_t clock)
{
  struct timespec time;

  clock_gettime (clock, &time);
  return time.tv_sec * NS_PER_SECOND + time.tv_nsec;
}

static void
begin_anew (VcpuCap *cap)
{
  cap->base_used = now_of (CLOCK_THREAD_CPUTIME_ID);
  cap->base_time = now_of (CLOCK_MONOTONIC);
}

static bool
make_timer (Vcpu *vcpu)
{
  struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = vcpu->set->kick_signal };

  event.sigev_notify_thread_id = (pid_t) syscall (SYS_gettid);
  vcpu->cap.has_timer = timer_create (CLOCK_THREAD_CPUTIME_ID, &event, &vcpu->cap.timer) == 0;
  return vcpu->cap.has_timer;
}

void
vcpu_cap_update (Vcpu *vcpu)
{
  VcpuCap *cap = &vcpu->cap;
  unsigned share = __atomic_load_n (&vcpu->set->cap, __ATOMIC_SEQ_CST);
  int64_t slice = share < VCPU_CAP_NONE ? MAX (PERIOD_NS / VCPU_CAP_NONE * share, MIN_SLICE_NS) : 0;
  struct itimerspec every = { { 0, slice }, { 0, slice } };

  if (share == cap->share)
    return;
  cap->share = share;
  if (!cap->has_timer && (share == VCPU_CAP_NONE || !make_timer (vcpu)))
    return;
  timer_settime (cap->timer, 0, &every, NULL);
  begin_anew (cap);
}

void
vcpu_cap_rest (Vcpu *vcpu)
{
  VcpuSet *set = vcpu->set;
  VcpuCap *cap = &vcpu->cap;
  int64_t used, due, until;

  if (cap->share == VCPU_CAP_NONE)
    return;
  used = now_of (CLOCK_THREAD_CPUTIME_ID) - cap->base_used;
  due = cap->base_time + used / cap->share * VCPU_CAP_NONE;
  until = due / 1000; /* g_get_monotonic_time's */
  g_mutex_lock (&set->lock);
  while (set->target == VCPU_RUN && __atomic_load_n (&set->cap, __ATOMIC_SEQ_CST) == cap->share
         && g_cond_wait_until (&set->wake, &set->lock, until))
    continue;
  g_mutex_unlock (&set->lock);
  begin_anew (cap);
}

void
vcpu_cap_end (Vcpu *vcpu)
{
  if (vcpu->cap.has_timer)
    timer_delete (vcpu->cap.timer);
  vcpu->cap.has_timer = false;
}

void
vcpu_set_cap (VcpuSet *set, double share)
{
  g_mutex_lock (&set->lock);
  __atomic_store_n (&set->cap, (unsigned) CLAMP (share * VCPU_CAP_NONE, 1, VCPU_CAP_NONE), __ATOMIC_SEQ_CST);
  g_cond_broadcast (&set->wake);
  vcpu_set_kick (set);
  g_mutex_unlock (&set->lock);
}
