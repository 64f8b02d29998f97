/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/vcpu.h"

#include "vmm/base/error.h"
#include "vmm/kvm/cpuid.h"
#include "vmm/kvm/vcpu-private.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define VCPU_STACK_SIZE (512u << 10)

/*
 * How a vCPU leaves the guest: whoever wants it sets the target, then run->immediate_exit, then sends the kick
 * signal. The thread clears immediate_exit before it reads the target, so wherever it was, it either sees
 * the new target or KVM_RUN returns at once. The signal only interrupts; its handler does nothing.
 */
static void
on_kick (int number)
{
}

/* A real-time signal that nobody in this process handles; the same one for every machine. */
static int
kick_signal (void)
{
  static gsize chosen;

  if (g_once_init_enter (&chosen))
    {
      struct sigaction action = { .sa_handler = on_kick, .sa_flags = SA_RESTART };
      int number = SIGRTMIN;

      for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
        {
          struct sigaction present;

          if (sigaction (i, NULL, &present) == 0 && !(present.sa_flags & SA_SIGINFO)
              && present.sa_handler == SIG_DFL)
            {
              number = i;
              break;
            }
        }
      sigemptyset (&action.sa_mask);
      sigaction (number, &action, NULL);
      g_once_init_leave (&chosen, (gsize) number);
    }
  return (int) chosen;
}

static VcpuTarget
target_of (VcpuSet *set)
{
  return (VcpuTarget) __atomic_load_n (&set->target, __ATOMIC_SEQ_CST);
}

static void
set_immediate_exit (Vcpu *vcpu, uint8_t value)
{
  __atomic_store_n (&vcpu->run->immediate_exit, value, __ATOMIC_SEQ_CST);
}

/* One KVM_RUN and what follows from it. False if it was interrupted before the guest did anything to handle. */
static bool
enter_guest (Vcpu *vcpu)
{
  GuestMemory *memory = vcpu->set->board->memory;
  unsigned generation = guest_memory_watch_generation (memory);

  int run_errno;

  if (ioctl (vcpu->fd, KVM_RUN, 0) == 0)
    {
      vcpu_handle_exit (vcpu);
      return true;
    }
  run_errno = errno;
  if (run_errno == EFAULT && guest_memory_resolve_fault (memory, generation))
    return true;
  if (run_errno != EINTR && run_errno != EAGAIN)
    vcpu_fail_run (vcpu, run_errno);
  return false;
}

static void
run_guest (Vcpu *vcpu)
{
  for (;;)
    {
      set_immediate_exit (vcpu, 0);
      if (vcpu->stuck || target_of (vcpu->set) != VCPU_RUN)
        break;
      vcpu_cap_update (vcpu);
      if (!enter_guest (vcpu))
        {
          __atomic_fetch_add (&vcpu->exits[EXIT_KICK], 1, __ATOMIC_RELAXED);
          vcpu_cap_rest (vcpu);
        }
    }

  /* An access that left the kernel is completed by the next entry: without it the registers are stale. */
  while (!vcpu->stuck)
    {
      set_immediate_exit (vcpu, 1);
      if (!enter_guest (vcpu))
        break;
    }
}

/* Waits until there is something to do: true to run, false to end. */
static bool
wait_for_run (Vcpu *vcpu, unsigned *round)
{
  VcpuSet *set = vcpu->set;
  bool run;

  g_mutex_lock (&set->lock);
  if (vcpu->in_guest)
    {
      vcpu->in_guest = false;
      if (--set->n_running == 0)
        g_cond_broadcast (&set->parked);
    }
  while (set->target == VCPU_PARK || (set->target == VCPU_RUN && set->round == *round))
    g_cond_wait (&set->wake, &set->lock);
  *round = set->round;
  run = set->target == VCPU_RUN;
  if (run)
    {
      vcpu->in_guest = true;
      set->n_running++;
    }
  g_mutex_unlock (&set->lock);
  return run;
}

static void *
vcpu_thread (void *data)
{
  Vcpu *vcpu = data;
  unsigned round = 0;

  while (wait_for_run (vcpu, &round))
    {
      vcpu->stuck = false;
      run_guest (vcpu);
    }
  vcpu_cap_end (vcpu);
  return NULL;
}

/* The embedding program's signals go to its own threads. */
static bool
start_thread (Vcpu *vcpu, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%.8s:cpu%u", vcpu->set->name, vcpu->index);
  pthread_attr_t attributes;
  sigset_t blocked, before;
  int result;

  sigfillset (&blocked);
  for (const int *fault = (const int[]) { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, 0 }; *fault;
       fault++)
    sigdelset (&blocked, *fault);
  sigdelset (&blocked, vcpu->set->kick_signal);

  pthread_attr_init (&attributes);
  pthread_attr_setstacksize (&attributes, VCPU_STACK_SIZE);
  pthread_sigmask (SIG_SETMASK, &blocked, &before);
  result = pthread_create (&vcpu->thread, &attributes, vcpu_thread, vcpu);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  pthread_attr_destroy (&attributes);
  if (result)
    return vmm_set_errno_error (error, result, "Can't start the thread of processor %u", vcpu->index);
  vcpu->has_thread = true;
  name[MIN (strlen (name), 15u)] = '\0';
  pthread_setname_np (vcpu->thread, name);
  return true;
}

static bool
create_vcpu (Vcpu *vcpu, const struct kvm_cpuid2 *base, GError **error)
{
  VcpuSet *set = vcpu->set;
  g_autofree struct kvm_cpuid2 *cpuid = NULL;
  uint64_t machine_check = 10 /* banks */ | UINT64_C (1) << 8 /* MCG_CTL_P */;
  int tsc_khz;
  void *run;

  vcpu->fd = ioctl (kvm_vm_fd (set->vm), KVM_CREATE_VCPU,
                    (unsigned long) cpu_topology_apic_id (&set->topology, vcpu->index));
  if (vcpu->fd < 0)
    return vmm_set_errno_error (error, errno, "Can't create processor %u", vcpu->index);
  run = mmap (NULL, kvm_vm_run_size (set->vm), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
  if (run == MAP_FAILED)
    return vmm_set_errno_error (error, errno, "Can't map the area of processor %u", vcpu->index);
  vcpu->run = run;
  madvise (run, kvm_vm_run_size (set->vm), MADV_DONTFORK); /* a child that had it would keep the machine alive */
  tsc_khz = ioctl (vcpu->fd, KVM_GET_TSC_KHZ, 0);
  cpuid = cpuid_for_cpu (base, &set->topology, vcpu->index, (unsigned) MAX (tsc_khz, 0));
  if (ioctl (vcpu->fd, KVM_SET_CPUID2, cpuid) < 0)
    return vmm_set_errno_error (error, errno, "KVM refuses the features of processor %u", vcpu->index);
  if (kvm_vm_check (set->vm, KVM_CAP_MCE) > 0)
    (void) ioctl (vcpu->fd, KVM_X86_SETUP_MCE, &machine_check); /* fewer banks to save; KVM's default is fine */
  return true;
}

static bool
prepare_power_on (Vcpu *vcpu, GError **error)
{
  VcpuSet *set = vcpu->set;
  Vcpu *first = &set->vcpus[0];

  vcpu->power_on = vcpu_state_new (set);
  if (vcpu != first)
    vcpu->power_on->msrs = first->power_on->msrs;
  else if (!msr_list (set->vm, vcpu->fd, &vcpu->power_on->msrs, error))
    return false;
  if (!vcpu_get_state (vcpu, vcpu->power_on, error))
    return false;
  /* Until its local APIC has been set once, KVM of kind PVM loses the INIT and SIPI sent to a vCPU. */
  if (ioctl (vcpu->fd, KVM_SET_LAPIC, &vcpu->power_on->lapic) < 0)
    return vmm_set_errno_error (error, errno, "Can't set the local APIC of processor %u", vcpu->index);
  return true;
}

/* CPUID leaf 0x80000008; 36 bits where a processor does not say. */
static unsigned
physical_bits (const struct kvm_cpuid2 *cpuid)
{
  const struct kvm_cpuid_entry2 *entry = cpuid_find (cpuid, 0x80000008, 0);
  unsigned bits = entry ? entry->eax & 0xff : 0;

  return bits >= 32 && bits <= 52 ? bits : 36;
}

static void
init_vcpu (VcpuSet *set, unsigned index)
{
  Vcpu *vcpu = &set->vcpus[index];

  vcpu->set = set;
  vcpu->index = index;
  vcpu->fd = -1;
  vcpu->cap.share = VCPU_CAP_NONE;
  g_snprintf (vcpu->trace_name, sizeof vcpu->trace_name, "cpu%u", index);
  vcpu->traced = set->board->tracer && tracer_wants (set->board->tracer, vcpu->trace_name);
}

VcpuSet *
vcpu_set_new (KvmVm *vm, Board *board, const char *name, const char *model, const CpuTopology *topology,
              VcpuTroubleFunc on_trouble, void *data, GError **error)
{
  g_autoptr (VcpuSet) set = g_new0 (VcpuSet, 1);
  g_autofree struct kvm_cpuid2 *base = cpuid_base (vm, model, error);

  set->vm = vm;
  set->board = board;
  set->name = g_strdup (name);
  set->on_trouble = on_trouble;
  set->data = data;
  set->n = board->n_cpus;
  set->topology = *topology;
  set->vcpus = g_new0 (Vcpu, set->n);
  set->kick_signal = kick_signal ();
  set->xsave_size = (size_t) MAX (kvm_vm_check (vm, KVM_CAP_XSAVE2), (int) sizeof (struct kvm_xsave));
  set->target = VCPU_PARK;
  set->cap = VCPU_CAP_NONE;
  g_mutex_init (&set->lock);
  g_cond_init (&set->wake);
  g_cond_init (&set->parked);
  for (unsigned i = 0; i < set->n; i++)
    init_vcpu (set, i);
  if (!base)
    return NULL;
  set->physical_bits = physical_bits (base);
  for (unsigned i = 0; i < set->n; i++)
    {
      Vcpu *vcpu = &set->vcpus[i];

      if (!create_vcpu (vcpu, base, error) || !prepare_power_on (vcpu, error) || !start_thread (vcpu, error))
        return NULL;
    }
  return g_steal_pointer (&set);
}

void
vcpu_set_kick (VcpuSet *set)
{
  for (unsigned i = 0; i < set->n; i++)
    {
      Vcpu *vcpu = &set->vcpus[i];

      if (!vcpu->in_guest)
        continue;
      set_immediate_exit (vcpu, 1);
      if (!pthread_equal (vcpu->thread, pthread_self ()))
        pthread_kill (vcpu->thread, set->kick_signal);
    }
}

static void
set_target (VcpuSet *set, VcpuTarget target)
{
  g_mutex_lock (&set->lock);
  if (target == VCPU_RUN && set->target != VCPU_RUN)
    set->round++;
  __atomic_store_n (&set->target, (int) target, __ATOMIC_SEQ_CST);
  g_cond_broadcast (&set->wake);
  if (target != VCPU_RUN)
    vcpu_set_kick (set);
  g_mutex_unlock (&set->lock);
}

void
vcpu_set_run (VcpuSet *set)
{
  set_target (set, VCPU_RUN);
}

void
vcpu_set_request_park (VcpuSet *set)
{
  set_target (set, VCPU_PARK);
}

void
vcpu_set_park (VcpuSet *set)
{
  set_target (set, VCPU_PARK);
  g_mutex_lock (&set->lock);
  while (set->n_running)
    g_cond_wait (&set->parked, &set->lock);
  g_mutex_unlock (&set->lock);
}

void
vcpu_set_free (VcpuSet *set)
{
  if (!set)
    return;
  set_target (set, VCPU_QUIT);
  for (unsigned i = 0; i < set->n; i++)
    {
      Vcpu *vcpu = &set->vcpus[i];

      if (vcpu->has_thread)
        pthread_join (vcpu->thread, NULL);
      if (vcpu->run)
        munmap (vcpu->run, kvm_vm_run_size (set->vm));
      if (vcpu->fd >= 0)
        close (vcpu->fd);
      vcpu_state_free (vcpu->power_on);
    }
  g_mutex_clear (&set->lock);
  g_cond_clear (&set->wake);
  g_cond_clear (&set->parked);
  g_free (set->vcpus);
  g_free (set->name);
  g_free (set);
}

bool
vcpu_set_reset (VcpuSet *set, const CpuStart *start, GError **error)
{
  for (unsigned i = 0; i < set->n; i++)
    {
      if (!vcpu_reset (&set->vcpus[i], start, error))
        return false;
    }
  return true;
}

uint64_t
vcpu_set_cpu_time (VcpuSet *set)
{
  uint64_t total = 0;

  for (unsigned i = 0; i < set->n; i++)
    {
      clockid_t clock;
      struct timespec time;

      if (pthread_getcpuclockid (set->vcpus[i].thread, &clock) == 0 && clock_gettime (clock, &time) == 0)
        total += (uint64_t) time.tv_sec * (uint64_t) NS_PER_SECOND + (uint64_t) time.tv_nsec;
    }
  return total;
}

char *
vcpu_set_exit_counts (VcpuSet *set)
{
  static const char *const names[N_EXIT_KINDS] = {
    [EXIT_IO] = "io",     [EXIT_MMIO] = "mmio",         [EXIT_HLT] = "hlt",     [EXIT_MSR] = "msr",
    [EXIT_KICK] = "kick", [EXIT_SHUTDOWN] = "shutdown", [EXIT_ERROR] = "error", [EXIT_OTHER] = "other",
  };
  GString *text = g_string_new (NULL);

  for (unsigned kind = 0; kind < N_EXIT_KINDS; kind++)
    {
      uint64_t count = 0;

      for (unsigned i = 0; i < set->n; i++)
        count += __atomic_load_n (&set->vcpus[i].exits[kind], __ATOMIC_RELAXED);
      g_string_append_printf (text, "%s %" G_GUINT64_FORMAT "\n", names[kind], count);
    }
  return g_string_free (text, FALSE);
}
