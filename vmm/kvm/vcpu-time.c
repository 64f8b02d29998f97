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

/* What KVM adds to the host's counter. Kernels before 5.16 don't know the attribute. */
static bool
get_offset (Vcpu *vcpu, uint64_t *offset)
{
  struct kvm_device_attr attribute = { .group = KVM_VCPU_TSC_CTRL,
                                       .attr = KVM_VCPU_TSC_OFFSET,
                                       .addr = (uintptr_t)offset };

  return ioctl (vcpu->fd, KVM_GET_DEVICE_ATTR, &attribute) == 0;
}

static void
set_offset (Vcpu *vcpu, uint64_t offset)
{
  struct kvm_device_attr attribute = { .group = KVM_VCPU_TSC_CTRL,
                                       .attr = KVM_VCPU_TSC_OFFSET,
                                       .addr = (uintptr_t)&offset };

  (void)ioctl (vcpu->fd, KVM_SET_DEVICE_ATTR, &attribute);
}

/* All counters go back by the same amount, so that they stay in step to the cycle. Without offsets KVM puts
 * written values in step itself. */
static void
set_back (Vcpu *vcpu, uint64_t overrun)
{
  uint64_t offset, deadline, tsc;

  if (get_offset (vcpu, &offset))
    set_offset (vcpu, offset - overrun);
  else if (read_msr (vcpu, MSR_TSC, &tsc))
    write_msr (vcpu, MSR_TSC, tsc - overrun);
  /* The kernel's timer was set for the old count. */
  if (read_msr (vcpu, MSR_TSC_DEADLINE, &deadline) && deadline)
    write_msr (vcpu, MSR_TSC_DEADLINE, deadline);
}

/* How far the counters have gone on since time stopped; 0 while it runs. */
static uint64_t
overrun_of (VcpuSet *set)
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

uint64_t
vcpu_time_of (Vcpu *vcpu, uint64_t tsc)
{
  VcpuSet *set = vcpu->set;
  uint64_t offset, first;

  if (!set->time.stopped)
    return tsc;
  if (get_offset (vcpu, &offset) && get_offset (&set->vcpus[0], &first))
    return set->time.tsc + (offset - first);
  return tsc - overrun_of (set);
}

void
vcpu_time_put (Vcpu *vcpu, uint64_t ahead, uint64_t tsc)
{
  VcpuSet *set = vcpu->set;
  uint64_t offset, now;

  if (kvm_vm_is_pvm (set->vm) || !get_offset (&set->vcpus[0], &offset))
    return;
  if (vcpu != &set->vcpus[0])
    set_offset (vcpu, offset + ahead);
  else if (read_msr (vcpu, MSR_TSC, &now))
    set_offset (vcpu, offset + (tsc - now));
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
  uint64_t overrun = overrun_of (set);

  for (unsigned i = 0; overrun && i < set->n; i++)
    set_back (&set->vcpus[i], overrun);
  set->time.stopped = false;
}
