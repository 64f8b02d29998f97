/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/state/state.h"
#include "vmm/state/state-private.h"

/* Untrusted bytes, consumed from the front. */
typedef struct {
  const uint8_t *data;
  size_t size;
} Reader;

/* Memory behind a pointer of the object, with its stand-in. */
typedef struct {
  uint8_t *live;
  uint8_t *scratch;
  size_t size;
} ScratchBuffer;

struct StateLoad {
  const StateTable *table;
  uint8_t *object;
  uint8_t *scratch;
  GArray *buffers; /* of ScratchBuffer */
};

static bool
take (Reader *reader, size_t size, Reader *part)
{
  if (reader->size < size)
    return false;
  part->data = reader->data;
  part->size = size;
  reader->data += size;
  reader->size -= size;
  return true;
}

static bool
take_number (Reader *reader, unsigned size, uint64_t *value)
{
  Reader part;

  if (!take (reader, size, &part))
    return false;
  *value = load_le (part.data, size);
  return true;
}

static bool
take_sized (Reader *reader, unsigned length_size, Reader *part)
{
  uint64_t length;

  return take_number (reader, length_size, &length) && take (reader, (size_t)length, part);
}

static bool
is_name (const Reader *name, const char *text)
{
  return name->size == strlen (text) && memcmp (name->data, text, name->size) == 0;
}

/* Printable, whatever stands in the file. */
static char *
show_name (const Reader *name)
{
  char *text = g_strndup ((const char *)name->data, name->size);

  return g_strcanon (text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_.", '?');
}

static bool
refuse (GError **error, const StateTable *table, const char *field, const char *cause)
{
  if (field)
    g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                 "The saved state of “%s”, field “%s”, %s; it can't be loaded here", table->name, field,
                 cause);
  else
    g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved state of “%s” %s; it can't be loaded here",
                 table->name, cause);
  return false;
}

/* --- the scratch copy --- */

/* Gives the scratch copy's buffers memory of their own. */
static void
separate_buffers (StateLoad *load, const StateTable *table, const uint8_t *object, uint8_t *scratch)
{
  for (const StateField *field = table->fields; field->name; field++)
    if (field->kind == STATE_KIND_BUFFER)
      {
        ScratchBuffer buffer = {
          .live = *(uint8_t *const *)(object + field->offset),
          .size = *(const size_t *)(object + field->size_offset),
        };

        buffer.scratch = g_memdup2 (buffer.live, buffer.size);
        *(uint8_t **)(scratch + field->offset) = buffer.scratch;
        g_array_append_val (load->buffers, buffer);
      }
    else if (field->kind == STATE_KIND_TABLE)
      {
        for (unsigned i = 0; i < field->count; i++)
          separate_buffers (load, field->table, object + field->offset + i * field->size,
                            scratch + field->offset + i * field->size);
      }
}

/* --- decoding --- */

static bool decode_object (const StateTable *table, const uint8_t *object, uint8_t *scratch, Reader *reader,
                           GError **error);

static bool
decode_numbers (const StateTable *table, const StateField *field, uint8_t *member, Reader *value,
                GError **error)
{
  unsigned size = field->kind == STATE_KIND_BOOL ? 1 : (unsigned)field->size;

  if (value->size != (size_t)field->count * size)
    return refuse (error, table, field->name, "has another length");

  for (unsigned i = 0; i < field->count; i++, member += field->size)
    {
      uint64_t number = load_le (value->data + (size_t)i * size, size);

      if (field->kind == STATE_KIND_BOOL && number > 1)
        return refuse (error, table, field->name, "is neither true nor false");
      switch (field->kind)
        {
        case STATE_KIND_BOOL:
          *(bool *)member = number != 0;
          break;
        case STATE_KIND_U8:
          *member = (uint8_t)number;
          break;
        case STATE_KIND_U16:
          *(uint16_t *)member = (uint16_t)number;
          break;
        case STATE_KIND_U32:
          *(uint32_t *)member = (uint32_t)number;
          break;
        default:
          *(uint64_t *)member = number;
          break;
        }
    }
  return true;
}

static bool
decode_field (const StateTable *table, const StateField *field, const uint8_t *object, uint8_t *scratch,
              Reader *value, GError **error)
{
  uint8_t *member = scratch + field->offset;

  switch (field->kind)
    {
    case STATE_KIND_BYTES:
      case STATE_KIND_BUFFER: {
        /* The live object's size: the scratch copy's may have been loaded. */
        size_t size =
          field->kind == STATE_KIND_BYTES ? field->size : *(const size_t *)(object + field->size_offset);
        uint8_t *bytes = field->kind == STATE_KIND_BYTES ? member : *(uint8_t **)member;

        if (value->size != size)
          return refuse (error, table, field->name, "has another length");
        if (size > 0)
          memcpy (bytes, value->data, size);
        return true;
      }
    case STATE_KIND_TABLE:
      for (unsigned i = 0; i < field->count; i++)
        if (!decode_object (field->table, object + field->offset + i * field->size, member + i * field->size,
                            value, error))
          return false;
      return value->size == 0 || refuse (error, table, field->name, "has more elements");
    default:
      return decode_numbers (table, field, member, value, error);
    }
}

static const StateField *
find_field (const StateTable *table, const Reader *name)
{
  for (const StateField *field = table->fields; field->name; field++)
    if (is_name (name, field->name))
      return field;
  return NULL;
}

static bool
decode_fields (const StateTable *table, uint64_t version, uint64_t n_fields, const uint8_t *object,
               uint8_t *scratch, Reader *reader, GError **error)
{
  bool seen[STATE_MAX_FIELDS] = { false };

  for (uint64_t i = 0; i < n_fields; i++)
    {
      Reader name, value;
      uint64_t kind;
      const StateField *field;

      if (!take_sized (reader, 1, &name) || !take_number (reader, 1, &kind)
          || !take_sized (reader, 4, &value))
        return refuse (error, table, NULL, "ends too early");
      field = find_field (table, &name);
      if (!field)
        {
          g_autofree char *text = show_name (&name);

          return refuse (error, table, text, "is not known to this version of Bonsai");
        }
      if (kind != field->kind || field->since > version || seen[field - table->fields])
        return refuse (error, table, field->name, "is not as this version of Bonsai knows it");
      seen[field - table->fields] = true;
      if (!decode_field (table, field, object, scratch, &value, error))
        return false;
    }

  for (const StateField *field = table->fields; field->name; field++)
    {
      if (field->since <= version && !seen[field - table->fields])
        return refuse (error, table, field->name, "is missing");
      /* A loaded count must not speak of more memory than there is. */
      if (field->kind == STATE_KIND_BUFFER
          && memcmp (scratch + field->size_offset, object + field->size_offset, sizeof (size_t)) != 0)
        return refuse (error, table, field->name, "has another length");
    }
  return true;
}

static bool
decode_object (const StateTable *table, const uint8_t *object, uint8_t *scratch, Reader *reader,
               GError **error)
{
  Reader body, name;
  uint64_t version, n_fields;

  if (!take_sized (reader, 4, &body) || !take_sized (&body, 1, &name) || !take_number (&body, 2, &version)
      || !take_number (&body, 2, &n_fields))
    return refuse (error, table, NULL, "ends too early");
  if (!is_name (&name, table->name))
    {
      g_autofree char *text = show_name (&name);

      g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                   "The saved state holds “%s” where “%s” belongs; it is damaged or of another machine", text,
                   table->name);
      return false;
    }
  if (version > table->version)
    return refuse (error, table, NULL, "was written by a newer Bonsai");
  if (!decode_fields (table, version, n_fields, object, scratch, &body, error))
    return false;
  if (body.size > 0)
    return refuse (error, table, NULL, "is followed by what doesn't belong there");
  if (table->check && !table->check (object, scratch, error))
    {
      if (error && !*error)
        return refuse (error, table, NULL, "contradicts itself");
      return false;
    }
  return true;
}

/* --- the commit --- */

static void
copy_fields (const StateTable *table, uint8_t *object, const uint8_t *scratch)
{
  for (const StateField *field = table->fields; field->name; field++)
    {
      uint8_t *to = object + field->offset;
      const uint8_t *from = scratch + field->offset;

      switch (field->kind)
        {
        case STATE_KIND_BUFFER: /* copied whole, by state_commit */
          break;
        case STATE_KIND_BYTES:
          memcpy (to, from, field->size);
          break;
        case STATE_KIND_TABLE:
          for (unsigned i = 0; i < field->count; i++)
            copy_fields (field->table, to + i * field->size, from + i * field->size);
          break;
        default:
          memcpy (to, from, field->size * field->count);
          break;
        }
    }
}

static void
tell_loaded (const StateTable *table, uint8_t *object)
{
  for (const StateField *field = table->fields; field->name; field++)
    if (field->kind == STATE_KIND_TABLE)
      for (unsigned i = 0; i < field->count; i++)
        tell_loaded (field->table, object + field->offset + i * field->size);
  if (table->after_load)
    table->after_load (object);
}

StateLoad *
state_prepare (const StateTable *table, void *object, const uint8_t *data, size_t size, GError **error)
{
  StateLoad *load = g_new0 (StateLoad, 1);
  Reader reader = { data, size };

  load->table = table;
  load->object = object;
  load->scratch = g_memdup2 (object, table->object_size);
  load->buffers = g_array_new (FALSE, FALSE, sizeof (ScratchBuffer));
  separate_buffers (load, table, object, load->scratch);

  if (!decode_object (table, object, load->scratch, &reader, error))
    {
      state_discard (load);
      return NULL;
    }
  if (reader.size > 0)
    {
      refuse (error, table, NULL, "is followed by what doesn't belong there");
      state_discard (load);
      return NULL;
    }
  return load;
}

void
state_discard (StateLoad *load)
{
  for (unsigned i = 0; i < load->buffers->len; i++)
    g_free (g_array_index (load->buffers, ScratchBuffer, i).scratch);
  g_array_unref (load->buffers);
  g_free (load->scratch);
  g_free (load);
}

void
state_commit (StateLoad *load)
{
  copy_fields (load->table, load->object, load->scratch);
  for (unsigned i = 0; i < load->buffers->len; i++)
    {
      const ScratchBuffer *buffer = &g_array_index (load->buffers, ScratchBuffer, i);

      if (buffer->size > 0)
        memcpy (buffer->live, buffer->scratch, buffer->size);
    }
  tell_loaded (load->table, load->object);
  state_discard (load);
}

bool
state_load (const StateTable *table, void *object, const uint8_t *data, size_t size, GError **error)
{
  StateLoad *load = state_prepare (table, object, data, size, error);

  if (!load)
    return false;
  state_commit (load);
  return true;
}

bool
state_validate (const StateTable *table, const void *object, const uint8_t *data, size_t size, GError **error)
{
  StateLoad *load = state_prepare (table, (void *)object, data, size, error);

  if (!load)
    return false;
  state_discard (load);
  return true;
}
