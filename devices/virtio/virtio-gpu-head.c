/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-gpu-private.h"

/* Scanouts, and the screens that show them. Section 5.7.6.8. */

#define DARK_WIDTH  640
#define DARK_HEIGHT 480

static void
changed (GpuHead *head, Rect rect)
{
  damage_add (&head->damage, rect);
  if (head->screen != NULL)
    screen_wake (head->screen);
}

static void
take_surface (GpuHead *head, Surface *surface)
{
  g_clear_pointer (&head->surface, surface_unref);
  head->surface = surface;
  damage_clear (&head->damage);
  changed (head, surface_rect (surface));
}

static void
release_bank (void *bank)
{
  memory_bank_unref (bank);
}

static Surface *
surface_on (VirtioGpu *gpu, uint64_t offset, uint32_t width, uint32_t height, uint32_t stride)
{
  return surface_new_for_memory (width, height, stride, (uint32_t *)(gpu->pixels + offset), release_bank,
                                 memory_bank_ref (gpu->bank));
}

/* Heads that show something stand side by side, as the display information proposes. */
static void
place_screens (VirtioGpu *gpu)
{
  int width = 0, height = 0, x = 0;

  for (unsigned i = 0; i < gpu->n_heads; i++)
    {
      width += gpu->heads[i].rect.width;
      height = MAX (height, (int)gpu->heads[i].rect.height);
    }
  for (unsigned i = 0; i < gpu->n_heads; i++)
    {
      const GpuHead *head = &gpu->heads[i];

      if (head->screen != NULL)
        screen_set_place (head->screen, (Rect){ x, 0, head->rect.width, head->rect.height },
                          head->resource != 0 ? width : 0, head->resource != 0 ? height : 0);
      x += head->rect.width;
    }
}

static void
go_dark (GpuHead *head)
{
  gpu_pixels_free (head->gpu, &head->pixels);
  head->resource = 0;
  head->rect = (GpuRect){ 0 };
  head->layout = (GpuLayout){ 0 };
  if (head->surface != NULL)
    take_surface (head, surface_new (DARK_WIDTH, DARK_HEIGHT));
  place_screens (head->gpu);
}

/* --- the host's copies --- */

static void
show_resource (GpuHead *head, const GpuResource *resource)
{
  uint64_t first = ((uint64_t)head->rect.y * resource->width + head->rect.x) * 4;

  take_surface (head, surface_on (head->gpu, resource->pixels.offset + first, head->rect.width,
                                  head->rect.height, resource->width * 4));
}

GpuResult
gpu_head_show (GpuHead *head, GpuResource *resource, GpuRect rect)
{
  TRACE (head->gpu, "scanout", "head=%u resource=%u %ux%u at %u,%u", head->index, resource ? resource->id : 0,
         rect.width, rect.height, rect.x, rect.y);
  if (resource == NULL)
    {
      go_dark (head);
      return GPU_OK_NODATA;
    }
  if (resource->blob_size > 0 || !gpu_rect_fits (rect, resource->width, resource->height))
    {
      GUEST_ERROR (head->gpu, "head %u can't show %ux%u at %u,%u of resource %u", head->index, rect.width,
                   rect.height, rect.x, rect.y, resource->id);
      return GPU_ERR_INVALID_PARAMETER;
    }
  head->gpu->driven = true;
  gpu_pixels_free (head->gpu, &head->pixels);
  head->layout = (GpuLayout){ 0 };
  head->resource = resource->id;
  head->rect = rect;
  show_resource (head, resource);
  place_screens (head->gpu);
  return GPU_OK_NODATA;
}

/* --- blobs --- */

/* Copies what @rect of the picture covers from the guest's pages. What has no memory stays as it was. */
static void
copy_from_blob (GpuHead *head, const GpuResource *resource, Rect rect)
{
  const GpuLayout *layout = &head->layout;
  size_t length = (size_t)rect.width * 4;
  GpuPlace place = { 0 };

  for (int y = rect.y; y < rect.y + rect.height; y++)
    {
      uint64_t at = layout->offset + (uint64_t)(head->rect.y + y) * layout->stride
                    + ((uint64_t)head->rect.x + rect.x) * 4;
      uint32_t *line =
        (uint32_t *)(head->gpu->pixels + head->pixels.offset + ((uint64_t)y * head->rect.width + rect.x) * 4);

      if (!gpu_backing_read (head->gpu, resource, &place, at, line, length))
        return;
      gpu_format_convert (layout->format, line, rect.width);
    }
}

static void
show_blob (GpuHead *head)
{
  take_surface (head, surface_on (head->gpu, head->pixels.offset, head->rect.width, head->rect.height,
                                  head->rect.width * 4));
}

static bool
layout_fits (const GpuLayout *layout, const GpuResource *resource)
{
  uint64_t line = (uint64_t)layout->width * 4;

  return gpu_format_is_known (layout->format) && layout->width >= 1 && layout->width <= GPU_MAX_SIDE
         && layout->height >= 1 && layout->height <= GPU_MAX_SIDE && layout->stride >= line
         && layout->offset + (uint64_t)layout->stride * (layout->height - 1) + line <= resource->blob_size;
}

/* A page flip: the picture stays, and a flush that follows says what is new. */
static bool
is_flip (const GpuHead *head, GpuRect rect)
{
  return head->resource != 0 && head->pixels.size > 0 && head->rect.width == rect.width
         && head->rect.height == rect.height;
}

GpuResult
gpu_head_show_blob (GpuHead *head, GpuResource *resource, GpuRect rect, const GpuLayout *layout)
{
  GpuPixels pixels;
  bool flip = is_flip (head, rect);

  TRACE (head->gpu, "scanout-blob", "head=%u resource=%u %ux%u at %u,%u", head->index, resource->id,
         rect.width, rect.height, rect.x, rect.y);
  if (resource->blob_size == 0 || !layout_fits (layout, resource)
      || !gpu_rect_fits (rect, layout->width, layout->height))
    {
      GUEST_ERROR (head->gpu, "head %u can't show %ux%u at %u,%u of blob %u as %ux%u, %u bytes a line",
                   head->index, rect.width, rect.height, rect.x, rect.y, resource->id, layout->width,
                   layout->height, layout->stride);
      return GPU_ERR_INVALID_PARAMETER;
    }
  if (!flip)
    {
      if (!gpu_pixels_alloc (head->gpu, (uint64_t)rect.width * rect.height * 4, &pixels))
        return GPU_ERR_OUT_OF_MEMORY;
      gpu_pixels_free (head->gpu, &head->pixels);
      head->pixels = pixels;
    }
  head->gpu->driven = true;
  head->resource = resource->id;
  head->rect = rect;
  head->layout = *layout;
  if (!flip)
    {
      show_blob (head);
      place_screens (head->gpu);
    }
  return GPU_OK_NODATA;
}

/* --- flushes --- */

static void
flush (GpuHead *head, GpuRect rect)
{
  Rect shown = { head->rect.x, head->rect.y, head->rect.width, head->rect.height };
  Rect common = rect_intersect ((Rect){ rect.x, rect.y, rect.width, rect.height }, shown);

  if (rect_is_empty (common))
    return;
  common.x -= shown.x;
  common.y -= shown.y;
  changed (head, common);
}

GpuResult
gpu_heads_flush (VirtioGpu *gpu, GpuResource *resource, GpuRect rect)
{
  uint32_t width = resource->blob_size > 0 ? GPU_MAX_SIDE : resource->width;
  uint32_t height = resource->blob_size > 0 ? GPU_MAX_SIDE : resource->height;

  TRACE (gpu, "flush", "resource=%u %ux%u at %u,%u", resource->id, rect.width, rect.height, rect.x, rect.y);
  if (!gpu_rect_fits (rect, width, height))
    {
      GUEST_ERROR (gpu, "flush of %ux%u at %u,%u of resource %u of %ux%u", rect.width, rect.height, rect.x,
                   rect.y, resource->id, width, height);
      return GPU_ERR_INVALID_PARAMETER;
    }
  for (unsigned i = 0; i < gpu->n_heads; i++)
    if (gpu->heads[i].resource == resource->id)
      flush (&gpu->heads[i], rect);
  return GPU_OK_NODATA;
}

void
gpu_heads_forget (VirtioGpu *gpu, const GpuResource *resource)
{
  for (unsigned i = 0; i < gpu->n_heads; i++)
    {
      if (gpu->heads[i].resource == resource->id)
        go_dark (&gpu->heads[i]);
      if (gpu->heads[i].cursor == resource->id)
        gpu->heads[i].cursor = 0; /* its shape was copied */
    }
}

/* --- life --- */

void
gpu_heads_reset (VirtioGpu *gpu)
{
  gpu->driven = false;
  for (unsigned i = 0; i < gpu->n_heads; i++)
    {
      GpuHead *head = &gpu->heads[i];

      go_dark (head);
      gpu_cursor_set (head, 0, 0, 0, 0, 0);
      if (head->screen != NULL)
        screen_wake (head->screen);
    }
}

void
gpu_heads_loaded (VirtioGpu *gpu)
{
  for (unsigned i = 0; i < gpu->n_heads; i++)
    {
      GpuHead *head = &gpu->heads[i];
      const GpuResource *resource = gpu_resource_find (gpu, head->resource);

      if (resource == NULL)
        go_dark (head);
      else if (resource->blob_size > 0)
        show_blob (head);
      else
        show_resource (head, resource);
      gpu_cursor_show (head, true);
      if (head->screen != NULL)
        screen_wake (head->screen);
    }
  place_screens (gpu);
}

static const GpuResource *
find_incoming (const VirtioGpu *incoming, uint32_t id)
{
  for (unsigned i = 0; i < GPU_MAX_RESOURCES; i++)
    if (incoming->resources[i].id == id)
      return &incoming->resources[i];
  return NULL;
}

static bool
is_sane (const GpuHead *head, const GpuResource *resource)
{
  if (resource == NULL)
    return false;
  if (resource->blob_size == 0)
    return head->pixels.size == 0 && gpu_rect_fits (head->rect, resource->width, resource->height);
  return layout_fits (&head->layout, resource)
         && gpu_rect_fits (head->rect, head->layout.width, head->layout.height)
         && head->pixels.size >= (uint64_t)head->rect.width * head->rect.height * 4;
}

const char *
gpu_heads_check (const VirtioGpu *gpu, const VirtioGpu *incoming)
{
  for (unsigned i = 0; i < VIRTIO_GPU_MAX_HEADS; i++)
    {
      const GpuHead *head = &incoming->heads[i];

      if (i >= gpu->n_heads
            ? head->resource != 0 || head->pixels.size > 0
            : head->resource != 0 && !is_sane (head, find_incoming (incoming, head->resource)))
        return "what a head shows";
      if (head->resource == 0 && head->pixels.size > 0)
        return "a dark head's picture";
    }
  return NULL;
}

/* --- the screen's side; on the loop's thread --- */

/* What flushes named is copied when somebody looks: a guest that flips pages draws on another one meanwhile.
 */
static void
gather_blob (GpuHead *head)
{
  const GpuResource *resource = head->pixels.size > 0 ? gpu_resource_find (head->gpu, head->resource) : NULL;

  for (unsigned i = 0; resource != NULL && i < head->damage.n; i++)
    copy_from_blob (head, resource, head->damage.rects[i]);
}

static bool
shows_fallback (const GpuHead *head)
{
  return head->index == 0 && !head->gpu->driven && head->gpu->fallback != NULL;
}

static void
screen_refresh (void *source, Surface **surface, Damage *damage, bool force)
{
  GpuHead *head = source;
  VirtioGpu *gpu = head->gpu;
  Device *device = &gpu->virtio.pci.device;
  bool fallback;

  device_lock (device);
  fallback = shows_fallback (head);
  if (!fallback && head->surface != NULL)
    {
      if (*surface != head->surface)
        *surface = surface_ref (head->surface);
      gather_blob (head);
      damage_add_all (damage, &head->damage);
    }
  damage_clear (&head->damage);
  device_unlock (device);
  if (fallback)
    gpu->fallback->refresh (gpu->fallback_data, surface, damage, force);
}

/* The guest says what it changes; a VGA has to look. */
static void
screen_rest (void *source)
{
  GpuHead *head = source;
  VirtioGpu *gpu = head->gpu;
  Device *device = &gpu->virtio.pci.device;
  bool fallback;

  device_lock (device);
  fallback = shows_fallback (head);
  device_unlock (device);
  if (fallback && gpu->fallback->rest != NULL)
    gpu->fallback->rest (gpu->fallback_data);
}

/* Drivers take widths of whole characters only. */
static void
window_wish (void *source, int width, int height)
{
  GpuHead *head = source;
  Device *device = &head->gpu->virtio.pci.device;
  uint32_t wanted_width = CLAMP (width, 320, 8192) & ~7, wanted_height = CLAMP (height, 200, 8192) & ~1;

  device_lock (device);
  if (wanted_width != head->wanted_width || wanted_height != head->wanted_height)
    {
      TRACE (device, "wish", "head=%u %ux%u", head->index, wanted_width, wanted_height);
      head->wanted_width = wanted_width;
      head->wanted_height = wanted_height;
      virtio_gpu_display_changed (head->gpu);
    }
  device_unlock (device);
}

const ScreenSource virtio_gpu_screen_source = { screen_refresh, screen_rest, window_wish };
