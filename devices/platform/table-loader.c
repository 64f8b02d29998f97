/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/table-loader.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/memory/guest-memory.h"

#include <string.h>

#define NAME_SIZE 56

enum { COMMAND_ALLOCATE = 1, COMMAND_ADD_POINTER = 2, COMMAND_ADD_CHECKSUM = 3 };

/* Little-endian. */
typedef struct {
  uint32_t command;
  union {
    struct {
      char file[NAME_SIZE];
      uint32_t align;
      uint8_t zone;
    } allocate;
    struct {
      char file[NAME_SIZE];
      char target[NAME_SIZE];
      uint32_t offset;
      uint8_t size;
    } pointer;
    struct {
      char file[NAME_SIZE];
      uint32_t offset, start, length;
    } checksum;
    uint8_t pad[124];
  };
} Command;
G_STATIC_ASSERT (sizeof (Command) == 128);

/* --- writing --- */

static void
append_command (GByteArray *script, Command *command, unsigned kind)
{
  store_le32 (&command->command, kind);
  g_byte_array_append (script, (const uint8_t *)command, sizeof *command);
}

void
table_loader_allocate (GByteArray *script, const char *file, uint32_t align, TableZone zone)
{
  Command command = { 0 };

  g_strlcpy (command.allocate.file, file, NAME_SIZE);
  store_le32 (&command.allocate.align, align);
  command.allocate.zone = zone;
  append_command (script, &command, COMMAND_ALLOCATE);
}

void
table_loader_add_pointer (GByteArray *script, const char *file, const char *target, uint32_t offset,
                          unsigned size)
{
  Command command = { 0 };

  g_strlcpy (command.pointer.file, file, NAME_SIZE);
  g_strlcpy (command.pointer.target, target, NAME_SIZE);
  store_le32 (&command.pointer.offset, offset);
  command.pointer.size = size;
  append_command (script, &command, COMMAND_ADD_POINTER);
}

void
table_loader_add_checksum (GByteArray *script, const char *file, uint32_t offset, uint32_t start,
                           uint32_t length)
{
  Command command = { 0 };

  g_strlcpy (command.checksum.file, file, NAME_SIZE);
  store_le32 (&command.checksum.offset, offset);
  store_le32 (&command.checksum.start, start);
  store_le32 (&command.checksum.length, length);
  append_command (script, &command, COMMAND_ADD_CHECKSUM);
}

/* --- running --- */

typedef struct {
  char name[NAME_SIZE];
  uint64_t address;
  uint8_t *content; /* a copy, written to the guest at the end */
  size_t size;
} Placed;

typedef struct {
  GArray *files; /* of Placed */
  TableLoaderFind find;
  void *find_data;
  TableLoaderAreas *areas;
} Run;

static bool
refuse (GError **error, const char *what, const char *file)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "The table loader's script can't be run: %s (%.55s).",
               what, file);
  return false;
}

static Placed *
find_placed (Run *run, const char *name)
{
  for (unsigned i = 0; i < run->files->len; i++)
    {
      Placed *placed = &g_array_index (run->files, Placed, i);

      if (strncmp (placed->name, name, NAME_SIZE) == 0)
        return placed;
    }
  return NULL;
}

static bool
take_space (TableLoaderAreas *areas, TableZone zone, size_t size, uint32_t align, uint64_t *address)
{
  uint64_t mask = ~(uint64_t)(align - 1);

  if (zone == TABLE_ZONE_F_SEGMENT)
    {
      uint64_t at = (areas->low_start + align - 1) & mask;

      if (at > areas->low_end || size > areas->low_end - at)
        return false;
      *address = at;
      areas->low_start = at + size;
      return true;
    }
  if (areas->high_end < areas->high_start || size > areas->high_end - areas->high_start)
    return false;
  *address = (areas->high_end - size) & mask;
  if (*address < areas->high_start)
    return false;
  areas->high_end = *address;
  return true;
}

static bool
run_allocate (Run *run, const Command *command, GError **error)
{
  Placed placed = { 0 };
  uint32_t align = load_le32 (&command->allocate.align);
  GBytes *content;

  g_strlcpy (placed.name, command->allocate.file, NAME_SIZE);
  content = run->find (placed.name, run->find_data);
  if (!content || find_placed (run, placed.name))
    return refuse (error, "no such file, or twice", placed.name);
  if (align == 0 || (align & (align - 1)) || align > (1u << 20))
    return refuse (error, "bad alignment", placed.name);

  placed.size = g_bytes_get_size (content);
  if (!take_space (run->areas, command->allocate.zone, placed.size, align, &placed.address))
    return refuse (error, "no space left", placed.name);
  placed.content = g_memdup2 (g_bytes_get_data (content, NULL), placed.size);
  g_array_append_val (run->files, placed);
  return true;
}

static bool
run_add_pointer (Run *run, const Command *command, GError **error)
{
  Placed *file = find_placed (run, command->pointer.file);
  Placed *target = find_placed (run, command->pointer.target);
  uint32_t offset = load_le32 (&command->pointer.offset);
  unsigned size = command->pointer.size;

  if (!file || !target)
    return refuse (error, "a pointer between unknown files", command->pointer.file);
  if ((size != 1 && size != 2 && size != 4 && size != 8) || size > file->size || offset > file->size - size)
    return refuse (error, "a pointer outside its file", command->pointer.file);
  store_le (file->content + offset, size, load_le (file->content + offset, size) + target->address);
  return true;
}

static bool
run_add_checksum (Run *run, const Command *command, GError **error)
{
  Placed *file = find_placed (run, command->checksum.file);
  uint32_t offset = load_le32 (&command->checksum.offset);
  uint32_t start = load_le32 (&command->checksum.start);
  uint32_t length = load_le32 (&command->checksum.length);
  uint8_t sum = 0;

  if (!file || offset >= file->size || start > file->size || length > file->size - start)
    return refuse (error, "a checksum outside its file", command->checksum.file);
  for (uint32_t i = 0; i < length; i++)
    sum += file->content[start + i];
  file->content[offset] -= sum;
  return true;
}

static bool
run_command (Run *run, const Command *command, GError **error)
{
  switch (load_le32 (&command->command))
    {
    case COMMAND_ALLOCATE:
      return run_allocate (run, command, error);
    case COMMAND_ADD_POINTER:
      return run_add_pointer (run, command, error);
    case COMMAND_ADD_CHECKSUM:
      return run_add_checksum (run, command, error);
    default:
      return refuse (error, "an unknown command", "");
    }
}

static bool
run_script (Run *run, GBytes *script, GError **error)
{
  size_t size;
  const uint8_t *data = g_bytes_get_data (script, &size);

  if (size % sizeof (Command))
    return refuse (error, "it ends within a command", "");
  for (size_t at = 0; at < size; at += sizeof (Command))
    {
      Command command;

      memcpy (&command, data + at, sizeof command);
      command.allocate.file[NAME_SIZE - 1] = '\0';
      if (!run_command (run, &command, error))
        return false;
    }
  return true;
}

bool
table_loader_run (GBytes *script, TableLoaderFind find,
                  void (*placed) (const char *file, uint64_t address, void *data), void *data,
                  GuestMemory *memory, TableLoaderAreas *areas, GError **error)
{
  Run run = { g_array_new (FALSE, FALSE, sizeof (Placed)), find, data, areas };
  bool ok = run_script (&run, script, error);

  for (unsigned i = 0; i < run.files->len; i++)
    {
      Placed *file = &g_array_index (run.files, Placed, i);

      if (ok && !guest_write (memory, file->address, file->content, file->size))
        ok = refuse (error, "no guest memory where a file should go", file->name);
      if (ok && placed)
        placed (file->name, file->address, data);
      g_free (file->content);
    }
  g_array_unref (run.files);
  return ok;
}
