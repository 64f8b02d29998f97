/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/kvm/cpuid-entry.h"

#include <errno.h>
#include <sys/ioctl.h>

#define MOST_ENTRIES 512u

static size_t
table_size (uint32_t n)
{
  return sizeof (struct kvm_cpuid2) + n * sizeof (struct kvm_cpuid_entry2);
}

struct kvm_cpuid2 *
cpuid_new_supported (int system_fd)
{
  for (uint32_t room = 128; room <= MOST_ENTRIES; room *= 2)
    {
      g_autofree struct kvm_cpuid2 *cpuid = g_malloc0 (table_size (room));

      cpuid->nent = room;
      if (ioctl (system_fd, KVM_GET_SUPPORTED_CPUID, cpuid) == 0)
        return g_steal_pointer (&cpuid);
      if (errno != E2BIG)
        break;
    }
  return NULL;
}

struct kvm_cpuid2 *
cpuid_copy (const struct kvm_cpuid2 *cpuid)
{
  return g_memdup2 (cpuid, table_size (cpuid->nent));
}

struct kvm_cpuid_entry2 *
cpuid_find_mutable (struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index)
{
  for (uint32_t i = 0; i < cpuid->nent; i++)
    {
      struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

      if (entry->function == function
          && (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || entry->index == index))
        return entry;
    }
  return NULL;
}

const struct kvm_cpuid_entry2 *
cpuid_find (const struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index)
{
  return cpuid_find_mutable ((struct kvm_cpuid2 *)cpuid, function, index);
}

uint32_t *
cpuid_register (struct kvm_cpuid_entry2 *entry, CpuidRegister reg)
{
  uint32_t *const registers[] = { &entry->eax, &entry->ebx, &entry->ecx, &entry->edx };

  return registers[reg];
}

void
cpuid_put (struct kvm_cpuid2 **cpuid, struct kvm_cpuid_entry2 entry)
{
  struct kvm_cpuid_entry2 *present = cpuid_find_mutable (*cpuid, entry.function, entry.index);

  if (present)
    {
      *present = entry;
      return;
    }
  *cpuid = g_realloc (*cpuid, table_size ((*cpuid)->nent + 1));
  (*cpuid)->entries[(*cpuid)->nent++] = entry;
}

void
cpuid_drop (struct kvm_cpuid2 *cpuid, uint32_t first, uint32_t last)
{
  uint32_t kept = 0;

  for (uint32_t i = 0; i < cpuid->nent; i++)
    {
      if (cpuid->entries[i].function < first || cpuid->entries[i].function > last)
        cpuid->entries[kept++] = cpuid->entries[i];
    }
  cpuid->nent = kept;
}
