/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/bytes.h"
#include "vmm/state/state.h"
#include "vmm/state/state-private.h"

static void
put (GByteArray *out, uint64_t value, unsigned size)
{
  uint8_t bytes[8];

  store_le (bytes, size, value);
  g_byte_array_append (out, bytes, size);
}

static void
put_name (GByteArray *out, const char *name)
{
  size_t length = strlen (name);

  g_assert (length > 0 && length <= STATE_NAME_MAX);
  put (out, length, 1);
  g_byte_array_append (out, (const uint8_t *)name, (unsigned)length);
}

/* Reserves a 32-bit length. Returns: where it stands, for end_sized. */
static unsigned
begin_sized (GByteArray *out)
{
  put (out, 0, 4);
  return out->len;
}

static void
end_sized (GByteArray *out, unsigned start)
{
  store_le32 (out->data + start - 4, out->len - start);
}

static void
save_numbers (const StateField *field, const uint8_t *member, GByteArray *out)
{
  for (unsigned i = 0; i < field->count; i++, member += field->size)
    switch (field->kind)
      {
      case STATE_KIND_BOOL:
        put (out, *(const bool *)member, 1);
        break;
      case STATE_KIND_U8:
        put (out, *member, 1);
        break;
      case STATE_KIND_U16:
        put (out, *(const uint16_t *)member, 2);
        break;
      case STATE_KIND_U32:
        put (out, *(const uint32_t *)member, 4);
        break;
      default:
        put (out, *(const uint64_t *)member, 8);
        break;
      }
}

static void
save_field (const StateField *field, uint8_t *object, GByteArray *out)
{
  uint8_t *member = object + field->offset;

  switch (field->kind)
    {
    case STATE_KIND_BYTES:
      g_byte_array_append (out, member, (unsigned)field->size);
      break;
      case STATE_KIND_BUFFER: {
        size_t size = *(const size_t *)(object + field->size_offset);

        g_assert (size <= STATE_BUFFER_MAX);
        if (size > 0)
          g_byte_array_append (out, *(uint8_t *const *)member, (unsigned)size);
        break;
      }
    case STATE_KIND_TABLE:
      for (unsigned i = 0; i < field->count; i++)
        state_save (field->table, member + i * field->size, out);
      break;
    default:
      save_numbers (field, member, out);
      break;
    }
}

void
state_save (const StateTable *table, void *object, GByteArray *out)
{
  unsigned start = begin_sized (out);
  unsigned n_fields = 0;

  if (table->before_save)
    table->before_save (object);

  while (table->fields[n_fields].name)
    n_fields++;
  g_assert (n_fields <= STATE_MAX_FIELDS);
  put_name (out, table->name);
  put (out, table->version, 2);
  put (out, n_fields, 2);
  for (const StateField *field = table->fields; field->name; field++)
    {
      unsigned field_start;

      put_name (out, field->name);
      put (out, field->kind, 1);
      field_start = begin_sized (out);
      save_field (field, object, out);
      end_sized (out, field_start);
    }
  end_sized (out, start);
}
