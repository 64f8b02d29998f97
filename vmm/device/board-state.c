/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/device/device.h"

/*
 * The devices' states: u32 number of records, then records of u8 length, name, u32 length, state as
 * state_save wrote it.
 */

typedef struct {
  const uint8_t *data;
  size_t size;
} Reader;

static void
save_device (Device *device, GByteArray *out)
{
  uint8_t name_length = (uint8_t)strlen (device->name);
  uint8_t length[4] = { 0 };
  unsigned start;

  g_byte_array_append (out, &name_length, 1);
  g_byte_array_append (out, (const uint8_t *)device->name, name_length);
  g_byte_array_append (out, length, sizeof length);
  start = out->len;
  device_lock (device);
  state_save (device->klass->state, device, out);
  device_unlock (device);
  store_le32 (out->data + start - sizeof length, out->len - start);
}

static unsigned
count_states (Board *board)
{
  unsigned n = 0;

  for (unsigned i = 0; i < board->devices->len; i++)
    n += ((Device *)board->devices->pdata[i])->klass->state != NULL;
  return n;
}

GBytes *
board_save (Board *board)
{
  GByteArray *out = g_byte_array_new ();
  uint8_t count[4];

  store_le32 (count, count_states (board));
  g_byte_array_append (out, count, sizeof count);
  for (unsigned i = 0; i < board->devices->len; i++)
    {
      Device *device = board->devices->pdata[i];

      if (device->klass->state)
        save_device (device, out);
    }
  return g_byte_array_free_to_bytes (out);
}

static bool
take (Reader *reader, unsigned length_size, Reader *part)
{
  uint64_t length;

  if (reader->size < length_size)
    return false;
  length = load_le (reader->data, length_size);
  if (length > reader->size - length_size)
    return false;
  part->data = reader->data + length_size;
  part->size = (size_t)length;
  reader->data = part->data + part->size;
  reader->size -= length_size + part->size;
  return true;
}

static bool
refuse (GError **error, const char *cause)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved state of the machine can't be loaded: it %s",
               cause);
  return false;
}

/* Checks one record. @loads has a place for each device. */
static bool
prepare_record (Board *board, Reader *reader, StateLoad **loads, GError **error)
{
  Reader name, state;

  if (!take (reader, 1, &name) || !take (reader, 4, &state))
    return refuse (error, "ends too early");

  for (unsigned i = 0; i < board->devices->len; i++)
    {
      Device *device = board->devices->pdata[i];

      if (name.size != strlen (device->name) || memcmp (name.data, device->name, name.size) != 0)
        continue;
      if (!device->klass->state || loads[i])
        break;
      device_lock (device);
      loads[i] = state_prepare (device->klass->state, device, state.data, state.size, error);
      device_unlock (device);
      return loads[i] != NULL;
    }
  return refuse (error,
                 "has a device that this machine has not; restore it to the machine it was saved from");
}

static bool
prepare_all (Board *board, Reader *reader, StateLoad **loads, GError **error)
{
  uint32_t n;

  if (reader->size < 4)
    return refuse (error, "ends too early");
  n = load_le32 (reader->data);
  reader->data += 4;
  reader->size -= 4;
  if (n != count_states (board))
    return refuse (error, "has other devices than this machine; restore it to the machine it was saved from");
  for (uint32_t i = 0; i < n; i++)
    if (!prepare_record (board, reader, loads, error))
      return false;
  return reader->size == 0 || refuse (error, "is followed by what doesn't belong there");
}

bool
board_load (Board *board, const uint8_t *data, size_t size, GError **error)
{
  g_autofree StateLoad **loads = g_new0 (StateLoad *, board->devices->len + 1);
  Reader reader = { data, size };
  bool fits = prepare_all (board, &reader, loads, error);

  for (unsigned i = 0; i < board->devices->len; i++)
    {
      Device *device = board->devices->pdata[i];

      if (loads[i] && fits)
        {
          device_lock (device);
          state_commit (loads[i]);
          device_unlock (device);
        }
      else if (loads[i])
        state_discard (loads[i]);
    }
  if (fits)
    for (unsigned gsi = 0; gsi < BOARD_N_GSIS; gsi++)
      irq_line_resync (board->irq[gsi]);
  return fits;
}
