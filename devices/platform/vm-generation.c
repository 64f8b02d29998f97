/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/vm-generation.h"

#include <string.h>

void
vm_generation_init (VmGeneration *generation, const char *id)
{
  /* A GUID's first three numbers are little-endian, the rest are bytes: where each byte's digits are. */
  static const uint8_t digits[VM_GENERATION_SIZE] = { 6,  4,  2,  0,  11, 9,  16, 14,
                                                      19, 21, 24, 26, 28, 30, 32, 34 };

  memset (generation, 0, sizeof *generation);
  for (unsigned i = 0; id != NULL && g_uuid_string_is_valid (id) && i < VM_GENERATION_SIZE; i++)
    generation->id[i] =
      (uint8_t)(g_ascii_xdigit_value (id[digits[i]]) << 4 | g_ascii_xdigit_value (id[digits[i] + 1]));
  memcpy (generation->seen, generation->id, VM_GENERATION_SIZE);
}

uint64_t
vm_generation_read (const VmGeneration *generation, uint64_t offset, unsigned size)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < size && offset + i < VM_GENERATION_SIZE; i++)
    value |= (uint64_t)generation->id[offset + i] << 8 * i;
  return value;
}

bool
vm_generation_is_news (VmGeneration *generation)
{
  bool news = memcmp (generation->seen, generation->id, VM_GENERATION_SIZE) != 0;

  memcpy (generation->seen, generation->id, VM_GENERATION_SIZE);
  return news;
}

static const StateField fields[] = {
  STATE_BYTES (VmGeneration, seen, 1),
  STATE_END,
};

const StateTable vm_generation_state = {
  .name = "vm-generation",
  .version = 1,
  .fields = fields,
  .object_size = sizeof (VmGeneration),
};
