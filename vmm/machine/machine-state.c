/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/machine/machine-private.h"

/*
 * A saved machine: an 8-byte magic, then the parts below in this order, each a 64-bit length and
 * that many bytes. Numbers are little-endian.
 */
static const char magic[8] = "BonsaiM1";

enum { PART_MACHINE, PART_BOARD, PART_KVM, PART_VCPUS, N_PARTS };

typedef struct {
  uint64_t clock;  /* ns of virtual time */
  uint32_t n_cpus;
} MachineImage;

static bool
check_image (const void *object, const void *incoming, GError **error)
{
  const MachineImage *present = object;
  const MachineImage *image = incoming;

  if (image->n_cpus != present->n_cpus)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                   "The state was saved with %u processors; this machine has %u.", image->n_cpus, present->n_cpus);
      return false;
    }
  if (image->clock > INT64_MAX / 2)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved machine's clock is damaged.");
      return false;
    }
  return true;
}

static const StateField image_fields[] = {
  STATE_U64 (MachineImage, clock, 1),
  STATE_U32 (MachineImage, n_cpus, 1),
  STATE_END,
};

static const StateTable image_table = {
  .name = "machine",
  .version = 1,
  .fields = image_fields,
  .object_size = sizeof (MachineImage),
  .check = check_image,
};

typedef struct {
  Machine *machine;
  const uint8_t *data;
  size_t size;
  GBytes *saved;
  GError *error;
  bool ok;
} StateJob;

bool
machine_check_standing (Machine *machine, GError **error)
{
  bool stands = machine->state == MACHINE_CREATED || machine->state == MACHINE_PAUSED || machine->held;

  if (stands && !machine->current)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY, "The machine \"%s\" is not paused. Pause it first.", machine->name);
  return false;
}

/* The state of a machine that never ran is the one it starts from. */
static bool
make_ready (Machine *machine, GError **error)
{
  return !machine->fresh || machine_power_on (machine, error);
}

static void
append_part (GByteArray *out, const void *data, size_t size)
{
  uint8_t length[8];

  store_le64 (length, size);
  g_byte_array_append (out, length, sizeof length);
  g_byte_array_append (out, data, (guint) size);
}

static bool
save (Machine *machine, GByteArray *out, GError **error)
{
  g_autoptr (GByteArray) kvm = g_byte_array_new ();
  g_autoptr (GByteArray) vcpus = g_byte_array_new ();
  g_autoptr (GByteArray) own = g_byte_array_new ();
  g_autoptr (GBytes) board = NULL;
  MachineImage image = { .clock = (uint64_t) vm_clock_now (machine->clock), .n_cpus = machine->board->n_cpus };
  KvmVmState state;

  if (!machine_check_standing (machine, error) || !make_ready (machine, error)
      || !kvm_vm_get_state (machine->vm, &state, error) || !vcpu_set_save (machine->vcpus, vcpus, error))
    return false;
  state.pit = machine->stopped.pit;
  state.clock = machine->stopped.clock;
  state_save (&image_table, &image, own);
  state_save (&kvm_vm_state_table, &state, kvm);
  board = board_save (machine->board);

  g_byte_array_append (out, (const uint8_t *) magic, sizeof magic);
  append_part (out, own->data, own->len);
  append_part (out, g_bytes_get_data (board, NULL), g_bytes_get_size (board));
  append_part (out, kvm->data, kvm->len);
  append_part (out, vcpus->data, vcpus->len);
  return true;
}

static void
save_on_loop (void *data)
{
  StateJob *job = data;
  g_autoptr (GByteArray) out = g_byte_array_new ();

  if (save (job->machine, out, &job->error))
    job->saved = g_byte_array_free_to_bytes (g_steal_pointer (&out));
}

GBytes *
machine_save (Machine *machine, GError **error)
{
  StateJob job = { .machine = machine };

  loop_call_sync (machine->loop, save_on_loop, &job);
  if (job.error)
    g_propagate_error (error, job.error);
  return job.saved;
}

typedef struct {
  const uint8_t *data;
  size_t size;
} Part;

static bool
split (const uint8_t *data, size_t size, Part parts[N_PARTS])
{
  if (size < sizeof magic || memcmp (data, magic, sizeof magic) != 0)
    return false;
  data += sizeof magic;
  size -= sizeof magic;
  for (unsigned i = 0; i < N_PARTS; i++)
    {
      uint64_t length;

      if (size < 8)
        return false;
      length = load_le64 (data);
      data += 8;
      size -= 8;
      if (length > size)
        return false;
      parts[i] = (Part) { data, length };
      data += length;
      size -= length;
    }
  return size == 0;
}

static bool
load (Machine *machine, const uint8_t *data, size_t size, GError **error)
{
  MachineImage image = { .n_cpus = machine->board->n_cpus };
  KvmVmState state = { 0 };
  Part parts[N_PARTS];

  if (!machine_check_standing (machine, error))
    return false;
  if (!split (data, size, parts))
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                   "The saved machine is damaged, or made by a newer version of Bonsai.");
      return false;
    }
  if (!state_load (&image_table, &image, parts[PART_MACHINE].data, parts[PART_MACHINE].size, error)
      || !state_load (&kvm_vm_state_table, &state, parts[PART_KVM].data, parts[PART_KVM].size, error)
      || !vcpu_set_load (machine->vcpus, parts[PART_VCPUS].data, parts[PART_VCPUS].size, false, error))
    return false;

  /* Devices re-arm their timers on the clock and drive their lines. The controllers' own state comes after: it knows
   * which edges they have seen. */
  {
    int64_t before = vm_clock_now (machine->clock);

    vm_clock_set (machine->clock, (int64_t) image.clock);
    if (!board_load (machine->board, parts[PART_BOARD].data, parts[PART_BOARD].size, error))
      {
        vm_clock_set (machine->clock, before);
        return false;
      }
  }
  loop_clock_changed (machine->loop, machine->clock);
  __atomic_fetch_add (&machine->epoch, 1, __ATOMIC_SEQ_CST);
  machine->fresh = false;
  machine->stopped = state;
  return kvm_vm_set_state (machine->vm, &state, error)
         && vcpu_set_load (machine->vcpus, parts[PART_VCPUS].data, parts[PART_VCPUS].size, true, error);
}

static void
load_on_loop (void *data)
{
  StateJob *job = data;

  job->ok = load (job->machine, job->data, job->size, &job->error);
}

bool
machine_load (Machine *machine, const uint8_t *data, size_t size, GError **error)
{
  StateJob job = { .machine = machine, .data = data, .size = size };

  loop_call_sync (machine->loop, load_on_loop, &job);
  if (job.error)
    g_propagate_error (error, job.error);
  return job.ok;
}
