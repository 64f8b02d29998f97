/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-gpu-private.h"

/* The cursor plane, section 5.7.6.10. The guest places the picture's corner, the screen wants to know where
 * the hot spot is. */

#define BLOB_SIDE 64u /* a cursor's width and height, where the resource doesn't say */

/* The shape as the screen takes it, or NULL. (transfer full) */
static uint32_t *
read_shape (GpuHead *head, const GpuResource *resource, uint32_t *width, uint32_t *height)
{
  VirtioGpu *gpu = head->gpu;
  g_autofree uint32_t *shape = NULL;
  size_t n;

  *width = resource->blob_size > 0 ? BLOB_SIDE : resource->width;
  *height = resource->blob_size > 0 ? BLOB_SIDE : resource->height;
  if (*width > SCREEN_CURSOR_MAX || *height > SCREEN_CURSOR_MAX)
    return NULL;
  n = (size_t)*width * *height;
  shape = g_new (uint32_t, n);
  if (resource->blob_size > 0)
    {
      GpuPlace place = { 0 };

      return resource->blob_size >= n * 4 && gpu_backing_read (gpu, resource, &place, 0, shape, n * 4)
               ? g_steal_pointer (&shape)
               : NULL;
    }
  memcpy (shape, gpu->pixels + resource->pixels.offset, n * 4);
  for (size_t i = 0; i < n && !gpu_format_has_alpha (resource->format); i++)
    shape[i] |= 0xff000000;
  return g_steal_pointer (&shape);
}

void
gpu_cursor_show (GpuHead *head, bool reshape)
{
  const GpuResource *resource = reshape ? gpu_resource_find (head->gpu, head->cursor) : NULL;
  ScreenCursor cursor = { .visible = head->cursor != 0 };
  g_autofree uint32_t *shape = NULL;
  uint32_t width = 1, height = 1;

  if (head->screen == NULL)
    return;
  if (resource != NULL)
    {
      shape = read_shape (head, resource, &width, &height);
      cursor.visible = shape != NULL;
    }
  cursor.hot_x = MIN (head->hot_x, width - 1);
  cursor.hot_y = MIN (head->hot_y, height - 1);
  cursor.x = (int32_t)(head->cursor_x + MIN (head->hot_x, SCREEN_CURSOR_MAX - 1));
  cursor.y = (int32_t)(head->cursor_y + MIN (head->hot_y, SCREEN_CURSOR_MAX - 1));
  cursor.width = width;
  cursor.height = height;
  cursor.pixels = shape;
  screen_set_cursor (head->screen, &cursor);
}

GpuResult
gpu_cursor_set (GpuHead *head, uint32_t resource, uint32_t hot_x, uint32_t hot_y, uint32_t x, uint32_t y)
{
  bool was_shown = head->cursor != 0;

  TRACE (head->gpu, "cursor", "head=%u resource=%u hot=%u,%u at %d,%d", head->index, resource, hot_x, hot_y,
         (int)x, (int)y);
  if (resource != 0 && gpu_resource_find (head->gpu, resource) == NULL)
    {
      GUEST_ERROR (head->gpu, "head %u: no resource %u for the cursor", head->index, resource);
      return GPU_ERR_INVALID_RESOURCE_ID;
    }
  head->cursor = resource;
  head->hot_x = hot_x;
  head->hot_y = hot_y;
  head->cursor_x = x;
  head->cursor_y = y;
  if (resource != 0 || was_shown)
    gpu_cursor_show (head, true);
  return GPU_OK_NODATA;
}

void
gpu_cursor_move (GpuHead *head, uint32_t x, uint32_t y)
{
  head->cursor_x = x;
  head->cursor_y = y;
  gpu_cursor_show (head, false);
}
