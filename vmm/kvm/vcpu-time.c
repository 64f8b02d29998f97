/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/vcpu-private.h"

#include <sys/ioctl.h>

/* Intel SDM vol. 3B, 17.17; Linux Documentation/virt/kvm/devices/vcpu.rst, 4, for the offset. */
#define MSR_TSC          0x10u
#define MSR_TSC_DEADLINE 0x6e0u

static bool
read_msr (Vcpu *vcpu, uint32_t index, uint64_t *value)
{
  struct {
    struct kvm_msrs head;
    struct kvm_msr_entry entry;
  } msrs = { .head.nmsrs = 1, .entry.index = index };

  if (ioctl (vcpu->fd, KVM_GET_MSRS, &msrs) != 1)
    return false;
  *value = msrs.entry.data;
  return true;
}

static void
write_msr (Vcpu *vcpu, uint32_t index, uint64_t value)
{
  struct {
    struct kvm_msrs head;
    struct kvm_msr_entry entry;
  } msrs = { .head.nmsrs = 1, .entry.index = index, .entry.data = value };

  (void)ioctl (vcpu->fd, KVM_SET_MSRS, &msrs);
}

/* All counters go back by the same amount, so that they stay in step to the cycle. Kernels before 5.16 don't
 * know the attribute, but put written values in step themselves. */
static void
set_back (Vcpu *vcpu, uint64_t overrun)
{
  uint64_t offset, deadline, tsc;
  struct kvm_device_attr attribute = { .group = KVM_VCPU_TSC_CTRL,
                                       .attr = KVM_VCPU_TSC_OFFSET,
                                       .addr = (uintptr_t)&offset };

  if (ioctl (vcpu->fd, KVM_GET_DEVICE_ATTR, &attribute) == 0)
    {
      offset -= overrun;
      (void)ioctl (vcpu->fd, KVM_SET_DEVICE_ATTR, &attribute);
    }
  else if (read_msr (vcpu, MSR_TSC, &tsc))
    write_msr (vcpu, MSR_TSC, tsc - overrun);
  /* The kernel's timer was set for the old count. */
  if (read_msr (vcpu, MSR_TSC_DEADLINE, &deadline) && deadline)
    write_msr (vcpu, MSR_TSC_DEADLINE, deadline);
}

uint64_t
vcpu_time_overrun (VcpuSet *set)
{
  uint64_t now;

  if (!set->time.stopped || !read_msr (&set->vcpus[0], MSR_TSC, &now) || now < set->time.tsc)
    return 0;
  return now - set->time.tsc;
}

void
vcpu_time_set (VcpuSet *set, uint64_t tsc)
{
  set->time.stopped = !kvm_vm_is_pvm (set->vm);
  set->time.tsc = tsc;
}

void
vcpu_set_stop_time (VcpuSet *set)
{
  uint64_t tsc;

  if (!set->time.stopped && read_msr (&set->vcpus[0], MSR_TSC, &tsc))
    vcpu_time_set (set, tsc);
  for (unsigned i = 0; i < set->n; i++)
    (void)ioctl (set->vcpus[i].fd, KVM_KVMCLOCK_CTRL, 0); /* fails where the guest has no such clock */
}

void
vcpu_set_start_time (VcpuSet *set)
{
  uint64_t overrun = vcpu_time_overrun (set);

  for (unsigned i = 0; overrun && i < set->n; i++)
    set_back (&set->vcpus[i], overrun);
  set->time.stopped = false;
}
