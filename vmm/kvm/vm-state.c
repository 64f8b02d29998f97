/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/error.h"
#include "vmm/kvm/vm-private.h"

#include <errno.h>
#include <sys/ioctl.h>

static const StateField pic_fields[] = {
  STATE_U8 (struct kvm_pic_state, last_irr, 1),
  STATE_U8 (struct kvm_pic_state, irr, 1),
  STATE_U8 (struct kvm_pic_state, imr, 1),
  STATE_U8 (struct kvm_pic_state, isr, 1),
  STATE_U8 (struct kvm_pic_state, priority_add, 1),
  STATE_U8 (struct kvm_pic_state, irq_base, 1),
  STATE_U8 (struct kvm_pic_state, read_reg_select, 1),
  STATE_U8 (struct kvm_pic_state, poll, 1),
  STATE_U8 (struct kvm_pic_state, special_mask, 1),
  STATE_U8 (struct kvm_pic_state, init_state, 1),
  STATE_U8 (struct kvm_pic_state, auto_eoi, 1),
  STATE_U8 (struct kvm_pic_state, rotate_on_auto_eoi, 1),
  STATE_U8 (struct kvm_pic_state, special_fully_nested_mode, 1),
  STATE_U8 (struct kvm_pic_state, init4, 1),
  STATE_U8 (struct kvm_pic_state, elcr, 1),
  STATE_U8 (struct kvm_pic_state, elcr_mask, 1),
  STATE_END,
};

static const StateTable pic_table = {
  .name = "pic",
  .version = 1,
  .fields = pic_fields,
  .object_size = sizeof (struct kvm_pic_state),
};

static const StateField ioapic_fields[] = {
  STATE_U64 (struct kvm_ioapic_state, base_address, 1),
  STATE_U32 (struct kvm_ioapic_state, ioregsel, 1),
  STATE_U32 (struct kvm_ioapic_state, id, 1),
  STATE_U32 (struct kvm_ioapic_state, irr, 1),
  STATE_U64 (struct kvm_ioapic_state, redirtbl, 1),
  STATE_END,
};

static const StateTable ioapic_table = {
  .name = "ioapic",
  .version = 1,
  .fields = ioapic_fields,
  .object_size = sizeof (struct kvm_ioapic_state),
};

static const StateField pit_channel_fields[] = {
  STATE_U32 (struct kvm_pit_channel_state, count, 1),
  STATE_U16 (struct kvm_pit_channel_state, latched_count, 1),
  STATE_U8 (struct kvm_pit_channel_state, count_latched, 1),
  STATE_U8 (struct kvm_pit_channel_state, status_latched, 1),
  STATE_U8 (struct kvm_pit_channel_state, status, 1),
  STATE_U8 (struct kvm_pit_channel_state, read_state, 1),
  STATE_U8 (struct kvm_pit_channel_state, write_state, 1),
  STATE_U8 (struct kvm_pit_channel_state, write_latch, 1),
  STATE_U8 (struct kvm_pit_channel_state, rw_mode, 1),
  STATE_U8 (struct kvm_pit_channel_state, mode, 1),
  STATE_U8 (struct kvm_pit_channel_state, bcd, 1),
  STATE_U8 (struct kvm_pit_channel_state, gate, 1),
  STATE_END,
};

static const StateTable pit_channel_table = {
  .name = "pit-channel",
  .version = 1,
  .fields = pit_channel_fields,
  .object_size = sizeof (struct kvm_pit_channel_state),
};

static const StateField pit_fields[] = {
  STATE_STRUCTS (struct kvm_pit_state2, channels, &pit_channel_table, 1),
  STATE_U32 (struct kvm_pit_state2, flags, 1),
  STATE_END,
};

static const StateTable pit_table = {
  .name = "pit",
  .version = 1,
  .fields = pit_fields,
  .object_size = sizeof (struct kvm_pit_state2),
};

static const StateField vm_fields[] = {
  STATE_STRUCTS (KvmVmState, pic, &pic_table, 1),
  STATE_STRUCT (KvmVmState, ioapic, &ioapic_table, 1),
  STATE_STRUCT (KvmVmState, pit, &pit_table, 1),
  STATE_U64 (KvmVmState, clock, 1),
  STATE_END,
};

const StateTable kvm_vm_state_table = {
  .name = "kvm",
  .version = 1,
  .fields = vm_fields,
  .object_size = sizeof (KvmVmState),
};

static bool
get_chip (KvmVm *vm, uint32_t id, void *state, size_t size, GError **error)
{
  struct kvm_irqchip chip = { .chip_id = id };

  if (ioctl (kvm_vm_fd (vm), KVM_GET_IRQCHIP, &chip) < 0)
    return vmm_set_errno_error (error, errno, "Can't read the state of interrupt controller %u", id);
  memcpy (state, &chip.chip, size);
  return true;
}

static bool
set_chip (KvmVm *vm, uint32_t id, const void *state, size_t size, GError **error)
{
  struct kvm_irqchip chip = { .chip_id = id };

  memcpy (&chip.chip, state, size);
  if (ioctl (kvm_vm_fd (vm), KVM_SET_IRQCHIP, &chip) < 0)
    return vmm_set_errno_error (error, errno, "Can't set the state of interrupt controller %u", id);
  return true;
}

static bool
get_pit (KvmVm *vm, struct kvm_pit_state2 *pit, GError **error)
{
  memset (pit, 0, sizeof *pit);
  if (vm->stands)
    *pit = vm->pit;
  else if (ioctl (vm->fd, KVM_GET_PIT2, pit) < 0)
    return vmm_set_errno_error (error, errno, "Can't read the interval timer's state");
  return true;
}

static bool
put_pit (KvmVm *vm, const struct kvm_pit_state2 *pit, GError **error)
{
  struct kvm_pit_state2 copy = *pit;

  return ioctl (vm->fd, KVM_SET_PIT2, &copy) >= 0
         || vmm_set_errno_error (error, errno, "Can't set the interval timer's state");
}

static bool
set_pit (KvmVm *vm, const struct kvm_pit_state2 *pit, GError **error)
{
  if (!vm->stands)
    return put_pit (vm, pit, error);
  vm->pit = *pit;
  return true;
}

static bool
set_clock (KvmVm *vm, uint64_t ns, GError **error)
{
  struct kvm_clock_data clock = { .clock = ns };

  return ioctl (vm->fd, KVM_SET_CLOCK, &clock) >= 0
         || vmm_set_errno_error (error, errno, "Can't set KVM's clock");
}

bool
kvm_vm_get_time (KvmVm *vm, KvmVmState *state, GError **error)
{
  struct kvm_clock_data clock = { 0 };

  if (!get_pit (vm, &state->pit, error))
    return false;
  if (ioctl (vm->fd, KVM_GET_CLOCK, &clock) < 0)
    return vmm_set_errno_error (error, errno, "Can't read KVM's clock");
  state->clock = clock.clock;
  return true;
}

/* The kernel's timers run on whatever the vCPUs do. What HPETs use to keep it quiet stops the PIT's. */
bool
kvm_vm_stop_time (KvmVm *vm, KvmVmState *state, GError **error)
{
  struct kvm_pit_state2 quiet;

  if (!kvm_vm_get_time (vm, state, error))
    return false;
  quiet = vm->pit = state->pit;
  vm->stands = true;
  quiet.flags |= KVM_PIT_FLAGS_HPET_LEGACY;
  return put_pit (vm, &quiet, error);
}

bool
kvm_vm_start_time (KvmVm *vm, const KvmVmState *state, GError **error)
{
  vm->stands = false;
  return set_pit (vm, &state->pit, error) && set_clock (vm, state->clock, error);
}

bool
kvm_vm_get_state (KvmVm *vm, KvmVmState *state, GError **error)
{
  memset (state, 0, sizeof *state);
  for (uint32_t i = 0; i < 2; i++)
    {
      if (!get_chip (vm, KVM_IRQCHIP_PIC_MASTER + i, &state->pic[i], sizeof state->pic[i], error))
        return false;
    }
  return get_chip (vm, KVM_IRQCHIP_IOAPIC, &state->ioapic, sizeof state->ioapic, error)
         && kvm_vm_get_time (vm, state, error);
}

bool
kvm_vm_set_state (KvmVm *vm, const KvmVmState *state, GError **error)
{
  for (uint32_t i = 0; i < 2; i++)
    {
      if (!set_chip (vm, KVM_IRQCHIP_PIC_MASTER + i, &state->pic[i], sizeof state->pic[i], error))
        return false;
    }
  return set_chip (vm, KVM_IRQCHIP_IOAPIC, &state->ioapic, sizeof state->ioapic, error)
         && set_pit (vm, &state->pit, error) && set_clock (vm, state->clock, error);
}
