/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/bytes.h"
#include "vmm/kvm/vcpu-private.h"

#include <errno.h>
#include <sys/ioctl.h>

/* Linux Documentation/virt/kvm/api.rst, section 5 "The kvm_run structure". */

static void
count (Vcpu *vcpu, ExitKind kind)
{
  __atomic_fetch_add (&vcpu->exits[kind], 1, __ATOMIC_RELAXED);
}

static void
give_up (Vcpu *vcpu, VcpuTrouble trouble, const char *message)
{
  vcpu->stuck = true;
  if (G_UNLIKELY (vcpu->traced))
    tracer_emit (vcpu->set->board->tracer, vcpu->trace_name, "trouble", "%s", message);
  vcpu->set->on_trouble (trouble, message, vcpu->set->data);
}

/* String instructions come as one exit with up to a page of elements for one port. */
static void
handle_io (Vcpu *vcpu)
{
  const struct kvm_run *run = vcpu->run;
  uint8_t *data = (uint8_t *) run + run->io.data_offset;
  Bus *ports = vcpu->set->board->ports;
  unsigned size = run->io.size;
  uint16_t port = run->io.port;

  for (uint32_t i = 0; i < run->io.count; i++, data += size)
    {
      if (run->io.direction == KVM_EXIT_IO_OUT)
        bus_write (ports, port, load_le (data, size), size);
      else
        store_le (data, size, bus_read (ports, port, size));
    }
}

/* An access that crosses pages comes in odd sizes: it is cut into powers of two, low address first. */
static void
handle_mmio (Vcpu *vcpu)
{
  struct kvm_run *run = vcpu->run;
  Bus *mmio = vcpu->set->board->mmio;
  uint64_t address = run->mmio.phys_addr;
  uint8_t *data = run->mmio.data;
  unsigned left = MIN (run->mmio.len, (unsigned) sizeof run->mmio.data);
  GuestMemory *memory = vcpu->set->board->memory;

  /* Memory after all, that KVM could not reach itself: its slot was on the move, or a write to it is watched. */
  if (run->mmio.is_write ? guest_write (memory, address, data, left) : guest_read (memory, address, data, left))
    return;

  while (left)
    {
      unsigned size = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;

      if (run->mmio.is_write)
        bus_write (mmio, address, load_le (data, size), size);
      else
        store_le (data, size, bus_read (mmio, address, size));
      address += size;
      data += size;
      left -= size;
    }
}

static void
handle_msr (Vcpu *vcpu, bool write)
{
  struct kvm_run *run = vcpu->run;
  uint64_t value = run->msr.data;
  bool known = write ? msr_unknown_write (run->msr.index, value) : msr_unknown_read (run->msr.index, &value);

  run->msr.error = !known;
  if (!write)
    run->msr.data = value;
  if (G_UNLIKELY (vcpu->traced))
    tracer_emit (vcpu->set->board->tracer, vcpu->trace_name, write ? "wrmsr" : "rdmsr",
                 "index=0x%x value=0x%" G_GINT64_MODIFIER "x%s", run->msr.index, value, known ? "" : " fault");
}

static void
append_bytes (GString *text, const uint8_t *bytes, size_t n)
{
  for (size_t i = 0; i < n; i++)
    g_string_append_printf (text, " %02x", bytes[i]);
}

/* Where the guest stood, and with @bytes the instruction there. */
static void
append_place (Vcpu *vcpu, GString *text, bool bytes)
{
  struct kvm_regs regs;
  struct kvm_sregs sregs;
  struct kvm_translation translation;
  uint8_t code[15];
  size_t n = sizeof code;

  if (ioctl (vcpu->fd, KVM_GET_REGS, &regs) < 0 || ioctl (vcpu->fd, KVM_GET_SREGS, &sregs) < 0)
    return;
  g_string_append_printf (text, ", processor %u at %x:%" G_GINT64_MODIFIER "x (%s)", vcpu->index,
                          sregs.cs.selector, (uint64_t) regs.rip,
                          sregs.cs.l             ? "64-bit"
                          : !(sregs.cr0 & 1)     ? "real mode"
                          : sregs.cs.db          ? "32-bit"
                                                 : "16-bit");
  if (!bytes)
    return;
  translation = (struct kvm_translation) { .linear_address = sregs.cs.base + regs.rip };
  if (ioctl (vcpu->fd, KVM_TRANSLATE, &translation) < 0 || !translation.valid)
    return;
  n = MIN (n, 4096 - (translation.physical_address & 4095));
  if (!guest_read (vcpu->set->board->memory, translation.physical_address, code, n))
    return;
  g_string_append (text, ", instruction");
  append_bytes (text, code, n);
}

static void
handle_internal_error (Vcpu *vcpu)
{
  const struct kvm_run *run = vcpu->run;
  bool emulation = run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION;
  bool has_bytes = emulation && run->emulation_failure.ndata >= 3
                   && (run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES);
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_printf (text, "%s (suberror %u)",
                   emulation ? "KVM can't carry out an instruction of the guest" : "KVM met an internal error",
                   run->internal.suberror);
  append_place (vcpu, text, !has_bytes);
  if (has_bytes)
    {
      g_string_append (text, ", instruction");
      append_bytes (text, run->emulation_failure.insn_bytes, MIN (run->emulation_failure.insn_size, 15u));
    }
  g_string_append_c (text, '.');
  if (emulation && kvm_vm_is_pvm (vcpu->set->vm))
    g_string_append (text, " This host's KVM has no VT-x or AMD-V behind it and emulates the kernel mode of guests: "
                           "firmware and boot loaders run, most kernels don't. A host with hardware virtualization "
                           "runs them.");
  give_up (vcpu, VCPU_TROUBLE_ERROR, text->str);
}

static void
handle_fail_entry (Vcpu *vcpu)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_printf (text, "The processor refuses to enter the guest (reason 0x%" G_GINT64_MODIFIER "x)",
                   (uint64_t) vcpu->run->fail_entry.hardware_entry_failure_reason);
  append_place (vcpu, text, false);
  g_string_append_c (text, '.');
  give_up (vcpu, VCPU_TROUBLE_ERROR, text->str);
}

static void
handle_shutdown (Vcpu *vcpu)
{
  g_autoptr (GString) text = g_string_new ("The guest crashed: triple fault");

  append_place (vcpu, text, false);
  g_string_append_c (text, '.');
  give_up (vcpu, VCPU_TROUBLE_TRIPLE_FAULT, text->str);
}

static void
handle_system_event (Vcpu *vcpu)
{
  switch (vcpu->run->system_event.type)
    {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
      give_up (vcpu, VCPU_TROUBLE_POWER_OFF, "The guest switched itself off.");
      break;
    case KVM_SYSTEM_EVENT_RESET:
      give_up (vcpu, VCPU_TROUBLE_RESET, "The guest asked for a reset.");
      break;
    default:
      give_up (vcpu, VCPU_TROUBLE_PANIC, "The guest reported a crash to KVM.");
      break;
    }
}

static void
handle_unknown (Vcpu *vcpu)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_printf (text, "KVM stopped the guest for a reason (%u) that is unknown to the engine",
                   vcpu->run->exit_reason);
  append_place (vcpu, text, true);
  g_string_append_c (text, '.');
  give_up (vcpu, VCPU_TROUBLE_ERROR, text->str);
}

void
vcpu_fail_run (Vcpu *vcpu, int run_errno)
{
  g_autoptr (GString) text = g_string_new (NULL);

  count (vcpu, EXIT_ERROR);
  g_string_printf (text, "KVM can't run the guest: %s", g_strerror (run_errno));
  append_place (vcpu, text, false);
  g_string_append (text, run_errno == EFAULT || run_errno == ENOMEM || run_errno == EHWPOISON
                           ? ". The host could not give the guest the memory it touched; end other programs."
                           : ".");
  give_up (vcpu, VCPU_TROUBLE_ERROR, text->str);
}

void
vcpu_handle_exit (Vcpu *vcpu)
{
  switch (vcpu->run->exit_reason)
    {
    case KVM_EXIT_IO:
      count (vcpu, EXIT_IO);
      handle_io (vcpu);
      break;
    case KVM_EXIT_MMIO:
      count (vcpu, EXIT_MMIO);
      handle_mmio (vcpu);
      break;
    case KVM_EXIT_HLT: /* not with KVM's own local APIC */
      count (vcpu, EXIT_HLT);
      break;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR:
      count (vcpu, EXIT_MSR);
      handle_msr (vcpu, vcpu->run->exit_reason == KVM_EXIT_X86_WRMSR);
      break;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_SET_TPR:
      count (vcpu, EXIT_OTHER);
      break;
    case KVM_EXIT_SHUTDOWN:
      count (vcpu, EXIT_SHUTDOWN);
      handle_shutdown (vcpu);
      break;
    case KVM_EXIT_FAIL_ENTRY:
      count (vcpu, EXIT_ERROR);
      handle_fail_entry (vcpu);
      break;
    case KVM_EXIT_INTERNAL_ERROR:
      count (vcpu, EXIT_ERROR);
      handle_internal_error (vcpu);
      break;
    case KVM_EXIT_SYSTEM_EVENT:
      count (vcpu, EXIT_OTHER);
      handle_system_event (vcpu);
      break;
    default:
      count (vcpu, EXIT_ERROR);
      handle_unknown (vcpu);
      break;
    }
}
