/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-gpu-private.h"

#include <fcntl.h>
#include <inttypes.h>

/* Resources, and the pixel memory that they and pictures of blobs lie in. */

/* --- formats --- */

bool
gpu_format_is_known (uint32_t format)
{
  switch (format)
    {
    case GPU_FORMAT_B8G8R8A8:
    case GPU_FORMAT_B8G8R8X8:
    case GPU_FORMAT_A8R8G8B8:
    case GPU_FORMAT_X8R8G8B8:
    case GPU_FORMAT_R8G8B8A8:
    case GPU_FORMAT_X8B8G8R8:
    case GPU_FORMAT_A8B8G8R8:
    case GPU_FORMAT_R8G8B8X8:
      return true;
    default:
      return false;
    }
}

bool
gpu_format_has_alpha (uint32_t format)
{
  return format == GPU_FORMAT_B8G8R8A8 || format == GPU_FORMAT_A8R8G8B8 || format == GPU_FORMAT_R8G8B8A8
         || format == GPU_FORMAT_A8B8G8R8;
}

void
gpu_format_convert (uint32_t format, uint32_t *pixels, size_t n)
{
  switch (format)
    {
    case GPU_FORMAT_A8R8G8B8:
    case GPU_FORMAT_X8R8G8B8:
      for (size_t i = 0; i < n; i++)
        pixels[i] = GUINT32_FROM_BE (pixels[i]);
      break;
    case GPU_FORMAT_A8B8G8R8:
    case GPU_FORMAT_X8B8G8R8:
      for (size_t i = 0; i < n; i++)
        pixels[i] = pixels[i] >> 8 | pixels[i] << 24;
      break;
    case GPU_FORMAT_R8G8B8A8:
    case GPU_FORMAT_R8G8B8X8:
      for (size_t i = 0; i < n; i++)
        pixels[i] = (pixels[i] & 0xff00ff00) | (pixels[i] >> 16 & 0xff) | (pixels[i] & 0xff) << 16;
      break;
    default:
      break;
    }
}

/* --- the pixel memory --- */

/* The end of what lies in [offset, offset + size), or 0. */
static uint64_t
end_of_overlap (const GpuPixels *taken, uint64_t offset, uint64_t size)
{
  return taken->size > 0 && taken->offset < offset + size && offset < taken->offset + taken->size
           ? taken->offset + taken->size
           : 0;
}

static uint64_t
next_free (const VirtioGpu *gpu, uint64_t offset, uint64_t size)
{
  uint64_t end = 0;

  for (unsigned i = 0; i < GPU_MAX_RESOURCES; i++)
    end = MAX (end, end_of_overlap (&gpu->resources[i].pixels, offset, size));
  for (unsigned i = 0; i < VIRTIO_GPU_MAX_HEADS; i++)
    end = MAX (end, end_of_overlap (&gpu->heads[i].pixels, offset, size));
  return end;
}

/* The first gap: each round passes at least one of the few that are there. */
bool
gpu_pixels_alloc (VirtioGpu *gpu, uint64_t size, GpuPixels *pixels)
{
  uint64_t offset = 0, end;

  size = (size + GUEST_PAGE_SIZE - 1) & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
  while (size <= gpu->pixels_size && offset <= gpu->pixels_size - size)
    {
      end = next_free (gpu, offset, size);
      if (end == 0)
        {
          *pixels = (GpuPixels){ offset, size };
          return true;
        }
      offset = end;
    }
  GUEST_ERROR (gpu, "no room for %" PRIu64 " bytes in %" PRIu64 " of pixel memory", size, gpu->pixels_size);
  return false;
}

void
gpu_pixels_free (VirtioGpu *gpu, GpuPixels *pixels)
{
  if (pixels->size > 0
      && fallocate (memory_bank_fd (gpu->bank), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pixels->offset,
                    pixels->size)
           < 0)
    memset (gpu->pixels + pixels->offset, 0, pixels->size);
  *pixels = (GpuPixels){ 0, 0 };
}

/* --- resources --- */

GpuResource *
gpu_resource_find (VirtioGpu *gpu, uint32_t id)
{
  for (unsigned i = 0; id != 0 && i < GPU_MAX_RESOURCES; i++)
    if (gpu->resources[i].id == id)
      return &gpu->resources[i];
  return NULL;
}

static GpuResult
take_place (VirtioGpu *gpu, uint32_t id, GpuResource **resource)
{
  if (id == 0 || gpu_resource_find (gpu, id) != NULL)
    {
      GUEST_ERROR (gpu, "resource %u is there already, or may not be", id);
      return GPU_ERR_INVALID_RESOURCE_ID;
    }
  for (unsigned i = 0; i < GPU_MAX_RESOURCES; i++)
    if (gpu->resources[i].id == 0)
      {
        *resource = &gpu->resources[i];
        return GPU_OK_NODATA;
      }
  GUEST_ERROR (gpu, "more than %u resources", GPU_MAX_RESOURCES);
  return GPU_ERR_OUT_OF_MEMORY;
}

GpuResult
gpu_resource_create (VirtioGpu *gpu, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
  GpuResource *resource = NULL;
  GpuPixels pixels;
  GpuResult result = take_place (gpu, id, &resource);

  TRACE (gpu, "create", "resource=%u format=%u %ux%u", id, format, width, height);
  if (result != GPU_OK_NODATA)
    return result;
  if (!gpu_format_is_known (format) || width < 1 || width > GPU_MAX_SIDE || height < 1
      || height > GPU_MAX_SIDE)
    {
      GUEST_ERROR (gpu, "resource %u of format %u and %ux%u pixels", id, format, width, height);
      return GPU_ERR_INVALID_PARAMETER;
    }
  if (!gpu_pixels_alloc (gpu, (uint64_t)width * height * 4, &pixels))
    return GPU_ERR_OUT_OF_MEMORY;
  *resource = (GpuResource){ .id = id, .format = format, .width = width, .height = height, .pixels = pixels };
  return GPU_OK_NODATA;
}

GpuResult
gpu_resource_create_blob (VirtioGpu *gpu, uint32_t id, uint64_t size)
{
  GpuResource *resource = NULL;
  GpuResult result = take_place (gpu, id, &resource);

  TRACE (gpu, "create-blob", "resource=%u size=%" PRIu64, id, size);
  if (result != GPU_OK_NODATA)
    return result;
  if (size == 0)
    return GPU_ERR_INVALID_PARAMETER;
  *resource = (GpuResource){ .id = id, .blob_size = size };
  return GPU_OK_NODATA;
}

void
gpu_resource_destroy (VirtioGpu *gpu, GpuResource *resource)
{
  TRACE (gpu, "unref", "resource=%u", resource->id);
  gpu_heads_forget (gpu, resource);
  gpu_backing_detach (gpu, resource);
  gpu_pixels_free (gpu, &resource->pixels);
  *resource = (GpuResource){ .id = 0 };
}

bool
gpu_rect_fits (GpuRect rect, uint32_t width, uint32_t height)
{
  return rect.width > 0 && rect.height > 0 && rect.x < width && rect.width <= width - rect.x
         && rect.y < height && rect.height <= height - rect.y;
}

/* Section 5.7.6.8: @offset is where the rectangle begins in the backing, whose lines are as long as the
 * resource's. Linux sends the command for the cursor's blob, too, where there is nothing to do. */
GpuResult
gpu_resource_transfer (VirtioGpu *gpu, GpuResource *resource, GpuRect rect, uint64_t offset)
{
  uint64_t stride = (uint64_t)resource->width * 4;
  unsigned n_lines = rect.height;
  size_t length = (size_t)rect.width * 4;
  GpuPlace place = { 0 };

  TRACE (gpu, "transfer", "resource=%u %ux%u at %u,%u offset=%" PRIu64, resource->id, rect.width, rect.height,
         rect.x, rect.y, offset);
  if (resource->blob_size > 0)
    return GPU_OK_NODATA;
  if (!gpu_rect_fits (rect, resource->width, resource->height) || resource->n_entries == 0)
    {
      GUEST_ERROR (gpu, "transfer of %ux%u at %u,%u to resource %u of %ux%u with %u pieces of memory",
                   rect.width, rect.height, rect.x, rect.y, resource->id, resource->width, resource->height,
                   resource->n_entries);
      return GPU_ERR_INVALID_PARAMETER;
    }
  if (rect.width == resource->width)
    {
      length *= n_lines;
      n_lines = 1;
    }
  for (unsigned y = 0; y < n_lines; y++)
    {
      uint8_t *line = gpu->pixels + resource->pixels.offset + (rect.y + y) * stride + (uint64_t)rect.x * 4;

      if (offset > UINT64_MAX - y * stride
          || !gpu_backing_read (gpu, resource, &place, offset + y * stride, line, length))
        return GPU_ERR_INVALID_PARAMETER;
      gpu_format_convert (resource->format, (uint32_t *)line, length / 4);
    }
  return GPU_OK_NODATA;
}

/* --- state --- */

static bool
pixels_are_fine (const VirtioGpu *gpu, const GpuPixels *pixels, uint64_t wanted)
{
  return pixels->size >= wanted && pixels->offset % GUEST_PAGE_SIZE == 0
         && pixels->size % GUEST_PAGE_SIZE == 0 && pixels->size <= gpu->pixels_size
         && pixels->offset <= gpu->pixels_size - pixels->size;
}

static bool
is_sane (const VirtioGpu *gpu, const GpuResource *resource)
{
  if (resource->id == 0)
    return resource->pixels.size == 0 && resource->n_entries == 0;
  if (resource->blob_size > 0)
    return resource->pixels.size == 0;
  return gpu_format_is_known (resource->format) && resource->width >= 1 && resource->width <= GPU_MAX_SIDE
         && resource->height >= 1 && resource->height <= GPU_MAX_SIDE
         && pixels_are_fine (gpu, &resource->pixels, (uint64_t)resource->width * resource->height * 4);
}

/* Two that share memory would only show each other's pixels, but freeing would surprise: refused. */
static bool
overlaps_another (const VirtioGpu *incoming, const GpuPixels *pixels)
{
  unsigned n = 0;

  for (unsigned i = 0; i < GPU_MAX_RESOURCES; i++)
    n += end_of_overlap (&incoming->resources[i].pixels, pixels->offset, pixels->size) > 0;
  for (unsigned i = 0; i < VIRTIO_GPU_MAX_HEADS; i++)
    n += end_of_overlap (&incoming->heads[i].pixels, pixels->offset, pixels->size) > 0;
  return n > 1;
}

const char *
gpu_resources_check (const VirtioGpu *gpu, const VirtioGpu *incoming)
{
  for (unsigned i = 0; i < GPU_MAX_RESOURCES; i++)
    {
      const GpuResource *resource = &incoming->resources[i];

      if (!is_sane (gpu, resource))
        return "a resource";
      if (resource->pixels.size > 0 && overlaps_another (incoming, &resource->pixels))
        return "a resource's memory";
      for (unsigned j = 0; resource->id != 0 && j < i; j++)
        if (incoming->resources[j].id == resource->id)
          return "a resource's number";
    }
  for (unsigned i = 0; i < VIRTIO_GPU_MAX_HEADS; i++)
    {
      const GpuHead *head = &incoming->heads[i];
      uint64_t wanted = (uint64_t)head->rect.width * head->rect.height * 4;

      if (head->pixels.size > 0
          && (head->rect.width > GPU_MAX_SIDE || head->rect.height > GPU_MAX_SIDE
              || !pixels_are_fine (gpu, &head->pixels, wanted) || overlaps_another (incoming, &head->pixels)))
        return "a picture's memory";
    }
  return NULL;
}
