/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-gpu-private.h"
#include "vmm/base/bytes.h"

#include <inttypes.h>

/* The guest's pages behind resources. One table holds those of all; a resource has a run of it, and when that
 * goes the table closes up. */

#define BATCH 256u

static uint64_t
entry_address (const VirtioGpu *gpu, uint32_t i)
{
  return load_le64 (gpu->entries + (size_t)i * GPU_ENTRY_SIZE);
}

static uint64_t
entry_length (const VirtioGpu *gpu, uint32_t i)
{
  return load_le64 (gpu->entries + (size_t)i * GPU_ENTRY_SIZE + 8);
}

static void
set_entry (VirtioGpu *gpu, uint32_t i, uint64_t address, uint64_t length)
{
  store_le64 (gpu->entries + (size_t)i * GPU_ENTRY_SIZE, address);
  store_le64 (gpu->entries + (size_t)i * GPU_ENTRY_SIZE + 8, length);
}

/* Pages that follow each other become one piece, as long as that stays in one bank. */
static bool
append (VirtioGpu *gpu, GpuResource *resource, uint64_t address, uint32_t length)
{
  GuestMemory *memory = gpu->virtio.pci.device.board->memory;
  uint32_t last = resource->first_entry + resource->n_entries - 1;

  if (length == 0 || guest_map (memory, address, length, false) == NULL)
    {
      GUEST_ERROR (gpu, "resource %u: no RAM at 0x%" PRIx64 ", %u bytes", resource->id, address, length);
      return false;
    }
  if (resource->n_entries > 0 && entry_address (gpu, last) + entry_length (gpu, last) == address
      && guest_map (memory, entry_address (gpu, last), entry_length (gpu, last) + length, false) != NULL)
    {
      set_entry (gpu, last, entry_address (gpu, last), entry_length (gpu, last) + length);
      return true;
    }
  if (gpu->n_entries == gpu->max_entries)
    {
      GUEST_ERROR (gpu, "more than %u pieces of memory behind resources", gpu->max_entries);
      return false;
    }
  set_entry (gpu, gpu->n_entries++, address, length);
  resource->n_entries++;
  return true;
}

static GpuResult
take_entries (VirtioGpu *gpu, GpuResource *resource, const VirtqChain *chain, uint64_t offset, uint32_t n)
{
  uint8_t batch[BATCH * GPU_ENTRY_SIZE];

  for (uint32_t done = 0; done < n; done += BATCH)
    {
      uint32_t now = MIN (n - done, BATCH);

      virtq_chain_read (chain, offset + (uint64_t)done * GPU_ENTRY_SIZE, batch, now * GPU_ENTRY_SIZE);
      for (uint32_t i = 0; i < now; i++)
        if (!append (gpu, resource, load_le64 (batch + i * GPU_ENTRY_SIZE),
                     load_le32 (batch + i * GPU_ENTRY_SIZE + 8)))
          return gpu->n_entries == gpu->max_entries ? GPU_ERR_OUT_OF_MEMORY : GPU_ERR_INVALID_PARAMETER;
    }
  return GPU_OK_NODATA;
}

GpuResult
gpu_backing_attach (VirtioGpu *gpu, GpuResource *resource, const VirtqChain *chain, uint64_t offset,
                    uint32_t n)
{
  GpuResult result;

  TRACE (gpu, "attach", "resource=%u entries=%u", resource->id, n);
  if (resource->n_entries > 0 || n == 0 || (uint64_t)n * GPU_ENTRY_SIZE > chain->out_size - offset)
    {
      GUEST_ERROR (gpu, "resource %u: %u entries in %" PRIu64 " bytes, %u there already", resource->id, n,
                   chain->out_size, resource->n_entries);
      return resource->n_entries > 0 ? GPU_ERR_UNSPEC : GPU_ERR_INVALID_PARAMETER;
    }
  resource->first_entry = gpu->n_entries;
  result = take_entries (gpu, resource, chain, offset, n);
  if (result != GPU_OK_NODATA)
    gpu_backing_detach (gpu, resource);
  return result;
}

void
gpu_backing_detach (VirtioGpu *gpu, GpuResource *resource)
{
  uint32_t first = resource->first_entry, n = resource->n_entries;
  size_t tail = (size_t)(gpu->n_entries - first - n) * GPU_ENTRY_SIZE;

  resource->first_entry = resource->n_entries = 0;
  if (n == 0)
    return;
  memmove (gpu->entries + (size_t)first * GPU_ENTRY_SIZE, gpu->entries + (size_t)(first + n) * GPU_ENTRY_SIZE,
           tail);
  gpu->n_entries -= n;
  memset (gpu->entries + (size_t)gpu->n_entries * GPU_ENTRY_SIZE, 0, (size_t)n * GPU_ENTRY_SIZE);
  for (unsigned i = 0; i < GPU_MAX_RESOURCES; i++)
    if (gpu->resources[i].n_entries > 0 && gpu->resources[i].first_entry > first)
      gpu->resources[i].first_entry -= n;
}

bool
gpu_backing_read (VirtioGpu *gpu, const GpuResource *resource, GpuPlace *place, uint64_t at, void *to,
                  size_t size)
{
  GuestMemory *memory = gpu->virtio.pci.device.board->memory;
  uint8_t *out = to;

  if (at < place->start)
    *place = (GpuPlace){ 0 };
  while (size > 0 && place->entry < resource->n_entries)
    {
      uint32_t i = resource->first_entry + place->entry;
      uint64_t length = entry_length (gpu, i), in = at - place->start;

      if (in < length)
        {
          size_t n = MIN (length - in, size);
          const void *from = guest_map (memory, entry_address (gpu, i) + in, n, false);

          if (from == NULL)
            break;
          memcpy (out, from, n);
          out += n;
          at += n;
          size -= n;
        }
      if (at - place->start >= length)
        {
          place->start += length;
          place->entry++;
        }
    }
  if (size > 0)
    GUEST_ERROR (gpu, "resource %u has no memory at byte %" PRIu64, resource->id, at);
  return size == 0;
}

/* Each resource's run lies in the table, and no two overlap. What is in it is looked at when it is used. */
const char *
gpu_backing_check (const VirtioGpu *gpu, const VirtioGpu *incoming)
{
  uint64_t sum = 0;

  if (incoming->n_entries > gpu->max_entries)
    return "the number of backings";
  for (unsigned i = 0; i < GPU_MAX_RESOURCES; i++)
    {
      const GpuResource *a = &incoming->resources[i];

      sum += a->n_entries;
      if (a->n_entries > incoming->n_entries || a->first_entry > incoming->n_entries - a->n_entries)
        return "a backing";
      for (unsigned j = 0; a->n_entries > 0 && j < i; j++)
        {
          const GpuResource *b = &incoming->resources[j];

          if (b->n_entries > 0 && a->first_entry < b->first_entry + b->n_entries
              && b->first_entry < a->first_entry + a->n_entries)
            return "a backing";
        }
    }
  return sum == incoming->n_entries ? NULL : "the number of backings";
}
