/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/kvm/vcpu-private.h"

#include <errno.h>
#include <sys/ioctl.h>

#define MSR_TSC UINT32_C (0x10)

/* --- tables --- */

static const StateField regs_fields[] = {
  STATE_U64 (struct kvm_regs, rax, 1),    STATE_U64 (struct kvm_regs, rbx, 1), STATE_U64 (struct kvm_regs, rcx, 1),
  STATE_U64 (struct kvm_regs, rdx, 1),    STATE_U64 (struct kvm_regs, rsi, 1), STATE_U64 (struct kvm_regs, rdi, 1),
  STATE_U64 (struct kvm_regs, rsp, 1),    STATE_U64 (struct kvm_regs, rbp, 1), STATE_U64 (struct kvm_regs, r8, 1),
  STATE_U64 (struct kvm_regs, r9, 1),     STATE_U64 (struct kvm_regs, r10, 1), STATE_U64 (struct kvm_regs, r11, 1),
  STATE_U64 (struct kvm_regs, r12, 1),    STATE_U64 (struct kvm_regs, r13, 1), STATE_U64 (struct kvm_regs, r14, 1),
  STATE_U64 (struct kvm_regs, r15, 1),    STATE_U64 (struct kvm_regs, rip, 1),
  STATE_U64 (struct kvm_regs, rflags, 1), STATE_END,
};

static const StateTable regs_table = {
  .name = "registers",
  .version = 1,
  .fields = regs_fields,
  .object_size = sizeof (struct kvm_regs),
};

static const StateField segment_fields[] = {
  STATE_U64 (struct kvm_segment, base, 1),   STATE_U32 (struct kvm_segment, limit, 1),
  STATE_U16 (struct kvm_segment, selector, 1), STATE_U8 (struct kvm_segment, type, 1),
  STATE_U8 (struct kvm_segment, present, 1), STATE_U8 (struct kvm_segment, dpl, 1),
  STATE_U8 (struct kvm_segment, db, 1),      STATE_U8 (struct kvm_segment, s, 1),
  STATE_U8 (struct kvm_segment, l, 1),       STATE_U8 (struct kvm_segment, g, 1),
  STATE_U8 (struct kvm_segment, avl, 1),     STATE_U8 (struct kvm_segment, unusable, 1),
  STATE_END,
};

static const StateTable segment_table = {
  .name = "segment",
  .version = 1,
  .fields = segment_fields,
  .object_size = sizeof (struct kvm_segment),
};

static const StateField dtable_fields[] = {
  STATE_U64 (struct kvm_dtable, base, 1),
  STATE_U16 (struct kvm_dtable, limit, 1),
  STATE_END,
};

static const StateTable dtable_table = {
  .name = "descriptor-table",
  .version = 1,
  .fields = dtable_fields,
  .object_size = sizeof (struct kvm_dtable),
};

static const StateField sregs_fields[] = {
  STATE_STRUCT (struct kvm_sregs2, cs, &segment_table, 1),
  STATE_STRUCT (struct kvm_sregs2, ds, &segment_table, 1),
  STATE_STRUCT (struct kvm_sregs2, es, &segment_table, 1),
  STATE_STRUCT (struct kvm_sregs2, fs, &segment_table, 1),
  STATE_STRUCT (struct kvm_sregs2, gs, &segment_table, 1),
  STATE_STRUCT (struct kvm_sregs2, ss, &segment_table, 1),
  STATE_STRUCT (struct kvm_sregs2, tr, &segment_table, 1),
  STATE_STRUCT (struct kvm_sregs2, ldt, &segment_table, 1),
  STATE_STRUCT (struct kvm_sregs2, gdt, &dtable_table, 1),
  STATE_STRUCT (struct kvm_sregs2, idt, &dtable_table, 1),
  STATE_U64 (struct kvm_sregs2, cr0, 1),
  STATE_U64 (struct kvm_sregs2, cr2, 1),
  STATE_U64 (struct kvm_sregs2, cr3, 1),
  STATE_U64 (struct kvm_sregs2, cr4, 1),
  STATE_U64 (struct kvm_sregs2, cr8, 1),
  STATE_U64 (struct kvm_sregs2, efer, 1),
  STATE_U64 (struct kvm_sregs2, apic_base, 1),
  STATE_U64 (struct kvm_sregs2, flags, 1),
  STATE_U64 (struct kvm_sregs2, pdptrs, 1),
  STATE_END,
};

static const StateTable sregs_table = {
  .name = "system-registers",
  .version = 1,
  .fields = sregs_fields,
  .object_size = sizeof (struct kvm_sregs2),
};

static const StateField events_fields[] = {
  STATE_U8 (struct kvm_vcpu_events, exception.injected, 1),
  STATE_U8 (struct kvm_vcpu_events, exception.nr, 1),
  STATE_U8 (struct kvm_vcpu_events, exception.has_error_code, 1),
  STATE_U8 (struct kvm_vcpu_events, exception.pending, 1),
  STATE_U32 (struct kvm_vcpu_events, exception.error_code, 1),
  STATE_U8 (struct kvm_vcpu_events, interrupt.injected, 1),
  STATE_U8 (struct kvm_vcpu_events, interrupt.nr, 1),
  STATE_U8 (struct kvm_vcpu_events, interrupt.soft, 1),
  STATE_U8 (struct kvm_vcpu_events, interrupt.shadow, 1),
  STATE_U8 (struct kvm_vcpu_events, nmi.injected, 1),
  STATE_U8 (struct kvm_vcpu_events, nmi.pending, 1),
  STATE_U8 (struct kvm_vcpu_events, nmi.masked, 1),
  STATE_U32 (struct kvm_vcpu_events, sipi_vector, 1),
  STATE_U8 (struct kvm_vcpu_events, smi.latched_init, 1),
  STATE_U8 (struct kvm_vcpu_events, smi.smm, 2),
  STATE_U8 (struct kvm_vcpu_events, smi.pending, 2),
  STATE_U8 (struct kvm_vcpu_events, smi.smm_inside_nmi, 2),
  STATE_END,
};

static const StateTable events_table = {
  .name = "events",
  .version = 2,
  .fields = events_fields,
  .object_size = sizeof (struct kvm_vcpu_events),
};

static const StateField debug_fields[] = {
  STATE_U64 (struct kvm_debugregs, db, 1),
  STATE_U64 (struct kvm_debugregs, dr6, 1),
  STATE_U64 (struct kvm_debugregs, dr7, 1),
  STATE_END,
};

static const StateTable debug_table = {
  .name = "debug-registers",
  .version = 1,
  .fields = debug_fields,
  .object_size = sizeof (struct kvm_debugregs),
};

static const StateField lapic_fields[] = {
  STATE_BYTES (struct kvm_lapic_state, regs, 1), /* the register page: Intel SDM vol. 3A, table 11-1 */
  STATE_END,
};

static const StateTable lapic_table = {
  .name = "local-apic",
  .version = 1,
  .fields = lapic_fields,
  .object_size = sizeof (struct kvm_lapic_state),
};

static bool
vcpu_check (const void *object, const void *incoming, GError **error)
{
  const VcpuState *state = incoming;

  if (state->mp_state <= KVM_MP_STATE_SIPI_RECEIVED)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved state puts a processor in the unknown run state %u.",
               state->mp_state);
  return false;
}

static const StateField vcpu_fields[] = {
  STATE_STRUCT (VcpuState, regs, &regs_table, 1),
  STATE_STRUCT (VcpuState, sregs, &sregs_table, 1),
  STATE_STRUCT (VcpuState, events, &events_table, 1),
  STATE_STRUCT (VcpuState, debug, &debug_table, 1),
  STATE_U64 (VcpuState, xcr0, 1),
  STATE_U32 (VcpuState, mp_state, 1),
  STATE_STRUCT (VcpuState, lapic, &lapic_table, 1),
  STATE_BUFFER (VcpuState, xsave, xsave_size, 1),
  STATE_STRUCT (VcpuState, msrs, &msr_state_table, 1),
  STATE_END,
};

const StateTable vcpu_state_table = {
  .name = "vcpu",
  .version = 1,
  .fields = vcpu_fields,
  .object_size = sizeof (VcpuState),
  .check = vcpu_check,
};

/* --- to and from KVM --- */

VcpuState *
vcpu_state_new (const VcpuSet *set)
{
  VcpuState *state = g_new0 (VcpuState, 1);

  state->xsave_size = set->xsave_size;
  state->xsave = g_malloc0 (state->xsave_size);
  return state;
}

void
vcpu_state_free (VcpuState *state)
{
  if (!state)
    return;
  g_free (state->xsave);
  g_free (state);
}

static bool
call (Vcpu *vcpu, unsigned long request, void *argument, const char *what, GError **error)
{
  if (ioctl (vcpu->fd, request, argument) >= 0)
    return true;
  return vmm_set_errno_error (error, errno, "Can't %s of processor %u", what, vcpu->index);
}

bool
vcpu_get_state (Vcpu *vcpu, VcpuState *state, GError **error)
{
  unsigned long get_xsave
    = state->xsave_size > sizeof (struct kvm_xsave) ? (unsigned long) KVM_GET_XSAVE2 : (unsigned long) KVM_GET_XSAVE;
  struct kvm_mp_state mp = { 0 };
  struct kvm_xcrs xcrs = { 0 };

  /* First: it takes in an INIT or SIPI that is on its way. Then the events: an exception that is about to be injected
   * only now gets its address into CR2, or its cause into DR6. */
  if (!call (vcpu, KVM_GET_MP_STATE, &mp, "read the run state", error)
      || !call (vcpu, KVM_GET_VCPU_EVENTS, &state->events, "read the pending events", error)
      || !call (vcpu, KVM_GET_REGS, &state->regs, "read the registers", error)
      || !call (vcpu, KVM_GET_SREGS2, &state->sregs, "read the system registers", error)
      || !call (vcpu, KVM_GET_DEBUGREGS, &state->debug, "read the debug registers", error)
      || !call (vcpu, KVM_GET_XCRS, &xcrs, "read the extended control registers", error)
      || !call (vcpu, get_xsave, state->xsave, "read the vector registers", error)
      || !call (vcpu, KVM_GET_LAPIC, &state->lapic, "read the local APIC", error)
      || !msr_get (vcpu->fd, &state->msrs, error))
    return false;
  state->mp_state = mp.mp_state;
  state->xcr0 = xcrs.nr_xcrs ? xcrs.xcrs[0].value : 0;
  return true;
}

bool
vcpu_set_state (Vcpu *vcpu, const VcpuState *state, GError **error)
{
  struct kvm_regs regs = state->regs;
  struct kvm_sregs2 sregs = state->sregs;
  struct kvm_vcpu_events events = state->events;
  struct kvm_debugregs debug = state->debug;
  struct kvm_lapic_state lapic = state->lapic;
  struct kvm_mp_state taken, mp = { .mp_state = state->mp_state };
  struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs = { { .xcr = 0, .value = state->xcr0 } } };

  events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR | KVM_VCPUEVENT_VALID_SHADOW
                 | KVM_VCPUEVENT_VALID_SMM;
  /* First, an INIT or SIPI that is on its way is taken in: nothing else makes KVM forget it, and it would start
   * the processor anew when that runs, with the vector given here. The APIC base precedes the local APIC, the
   * local APIC its timer's deadline (an MSR), and the run state precedes the events, which it would forget. */
  return call (vcpu, KVM_GET_MP_STATE, &taken, "read the run state", error)
         && call (vcpu, KVM_SET_SREGS2, &sregs, "set the system registers", error)
         && call (vcpu, KVM_SET_REGS, &regs, "set the registers", error)
         && (!state->xcr0 || call (vcpu, KVM_SET_XCRS, &xcrs, "set the extended control registers", error))
         && call (vcpu, KVM_SET_XSAVE, state->xsave, "set the vector registers", error)
         && call (vcpu, KVM_SET_DEBUGREGS, &debug, "set the debug registers", error)
         && call (vcpu, KVM_SET_LAPIC, &lapic, "set the local APIC", error)
         && msr_set (vcpu->fd, &state->msrs, error)
         && call (vcpu, KVM_SET_MP_STATE, &mp, "set the run state", error)
         && call (vcpu, KVM_SET_VCPU_EVENTS, &events, "set the pending events", error);
}

static uint64_t
get_tsc (const VcpuState *state)
{
  for (uint32_t i = 0; i < state->msrs.count; i++)
    {
      if (state->msrs.index[i] == MSR_TSC)
        return state->msrs.value[i];
    }
  return 0;
}

static void
set_tsc (VcpuState *state, uint64_t value)
{
  for (uint32_t i = 0; i < state->msrs.count; i++)
    {
      if (state->msrs.index[i] == MSR_TSC)
        state->msrs.value[i] = value;
    }
}

/* --- reset --- */

static struct kvm_segment
flat_segment (uint16_t selector, uint8_t type, bool code64)
{
  return (struct kvm_segment) {
    .limit = UINT32_MAX,
    .selector = selector,
    .type = type,
    .present = 1,
    .db = !code64,
    .s = 1,
    .l = code64,
    .g = 1,
  };
}

/* Intel SDM vol. 3A, 2.5 and 9.8; AMD APM vol. 2, 14.6. */
#define CR0_PE    UINT64_C (0x1)
#define CR0_ET    UINT64_C (0x10)
#define CR0_PG    UINT64_C (0x80000000)
#define CR4_PAE   UINT64_C (0x20)
#define EFER_LME  UINT64_C (0x100)
#define EFER_LMA  UINT64_C (0x400)
#define RFLAGS_1  UINT64_C (0x2)
#define CODE_TYPE 0xb /* execute, read, accessed */
#define DATA_TYPE 0x3 /* read, write, accessed */

static void
apply_start (VcpuState *state, const CpuStart *start)
{
  bool is_long = start->mode == CPU_START_LONG;
  struct kvm_sregs2 *sregs = &state->sregs;
  struct kvm_segment data = flat_segment (CPU_START_DATA_SELECTOR, DATA_TYPE, false);

  sregs->cs = flat_segment (CPU_START_CODE_SELECTOR, CODE_TYPE, is_long);
  sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
  sregs->tr = (struct kvm_segment) { .limit = 0x67, .selector = 0x20, .type = 0xb, .present = 1 };
  sregs->gdt.base = start->gdt;
  sregs->gdt.limit = start->gdt ? CPU_START_GDT_SIZE - 1 : 0;
  sregs->idt.base = 0;
  sregs->idt.limit = 0;
  sregs->cr0 = CR0_PE | CR0_ET;
  if (is_long)
    {
      sregs->cr0 |= CR0_PG;
      sregs->cr3 = start->cr3;
      sregs->cr4 = CR4_PAE;
      sregs->efer = EFER_LME | EFER_LMA;
    }
  state->regs = (struct kvm_regs) {
    .rax = start->rax,
    .rbx = start->rbx,
    .rcx = start->rcx,
    .rdx = start->rdx,
    .rsi = start->rsi,
    .rdi = start->rdi,
    .rsp = start->rsp,
    .rip = start->rip,
    .rflags = RFLAGS_1,
  };
}

bool
vcpu_reset (Vcpu *vcpu, const CpuStart *start, GError **error)
{
  g_autoptr (VcpuState) state = vcpu_state_new (vcpu->set);
  uint8_t *xsave = state->xsave;

  *state = *vcpu->power_on;
  state->xsave = xsave;
  memcpy (xsave, vcpu->power_on->xsave, state->xsave_size);
  /* KVM keeps the TSCs of all vCPUs together when each is set to 0. */
  set_tsc (state, 0);
  vcpu_time_set (vcpu->set, 0);
  state->mp_state = vcpu->index == 0 ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_UNINITIALIZED;
  if (start->mode != CPU_START_RESET_VECTOR)
    msr_set_memory_types (&state->msrs, vcpu->set->physical_bits);
  if (vcpu->index == 0 && start->mode != CPU_START_RESET_VECTOR)
    apply_start (state, start);
  return vcpu_set_state (vcpu, state, error);
}

/* --- the set --- */

bool
vcpu_set_save (VcpuSet *set, GByteArray *out, GError **error)
{
  g_autoptr (VcpuState) state = vcpu_state_new (set);
  uint8_t header[8];

  store_le32 (header, set->n);
  g_byte_array_append (out, header, 4);
  for (unsigned i = 0; i < set->n; i++)
    {
      g_autoptr (GByteArray) one = g_byte_array_new ();

      state->msrs = set->vcpus[0].power_on->msrs;
      if (!vcpu_get_state (&set->vcpus[i], state, error))
        return false;
      set_tsc (state, vcpu_time_of (&set->vcpus[i], get_tsc (state)));
      state_save (&vcpu_state_table, state, one);
      store_le64 (header, one->len);
      g_byte_array_append (out, header, 8);
      g_byte_array_append (out, one->data, one->len);
    }
  return true;
}

static bool
damaged (GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved state of the processors is damaged.");
  return false;
}

bool
vcpu_set_load (VcpuSet *set, const uint8_t *data, size_t size, bool commit, GError **error)
{
  g_autoptr (GPtrArray) states = g_ptr_array_new_with_free_func ((GDestroyNotify) vcpu_state_free);

  if (size < 4)
    return damaged (error);
  if (load_le32 (data) != set->n)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                   "The state was saved with %u processors; this machine has %u.", load_le32 (data), set->n);
      return false;
    }
  data += 4;
  size -= 4;
  for (unsigned i = 0; i < set->n; i++)
    {
      VcpuState *state = vcpu_state_new (set);
      uint64_t length = size >= 8 ? load_le64 (data) : UINT64_MAX;

      g_ptr_array_add (states, state);
      if (size < 8 || length > size - 8)
        return damaged (error);
      if (!state_load (&vcpu_state_table, state, data + 8, length, error))
        return false;
      data += 8 + length;
      size -= 8 + length;
    }
  if (size)
    return damaged (error);
  if (!commit)
    return true;
  for (unsigned i = 0; i < set->n; i++)
    {
      const VcpuState *state = g_ptr_array_index (states, i);
      uint64_t first = get_tsc (g_ptr_array_index (states, 0));

      vcpu_time_put (&set->vcpus[i], get_tsc (state) - first, first);
      if (!vcpu_set_state (&set->vcpus[i], state, error))
        return false;
    }
  vcpu_time_set (set, get_tsc (g_ptr_array_index (states, 0)));
  return true;
}
