/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-gpu.h"

#include "devices/virtio/virtio-gpu-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#define DEFAULT_PIXEL_MEMORY (UINT64_C (384) << 20)
#define DEFAULT_MAX_ENTRIES  65536u
#define DEFAULT_WIDTH        1280u
#define DEFAULT_HEIGHT       800u

/* Section 5.7.4. */
enum {
  CONFIG_EVENTS_READ = 0,
  CONFIG_EVENTS_CLEAR = 4,
  CONFIG_NUM_SCANOUTS = 8,
  CONFIG_NUM_CAPSETS = 12,
  CONFIG_SIZE = 16,
};

#define EVENT_DISPLAY 1u

/* --- configuration --- */

void
virtio_gpu_display_changed (VirtioGpu *gpu)
{
  gpu->events |= EVENT_DISPLAY;
  store_le32 (gpu->virtio.config + CONFIG_EVENTS_READ, gpu->events);
  virtio_config_changed (&gpu->virtio);
}

void
virtio_gpu_config_write (VirtioDevice *vdev, unsigned offset, uint64_t value, unsigned size)
{
  VirtioGpu *gpu = (VirtioGpu *)vdev;

  if (offset != CONFIG_EVENTS_CLEAR || size != 4)
    {
      GUEST_ERROR (vdev, "configuration at %u, %u bytes, is written", offset, size);
      return;
    }
  gpu->events &= ~(uint32_t)value;
  store_le32 (vdev->config + CONFIG_EVENTS_READ, gpu->events);
}

/* --- life --- */

static bool
add_pixel_memory (VirtioGpu *gpu, const VirtioGpuConfig *config, GError **error)
{
  Device *device = &gpu->virtio.pci.device;
  g_autofree char *name = g_strdup_printf ("%s-pixels", device->name);

  gpu->pixels_size = config->pixel_memory > 0 ? config->pixel_memory : DEFAULT_PIXEL_MEMORY;
  gpu->bank = guest_memory_add_bank (device->board->memory, name, gpu->pixels_size, BANK_RAM, error);
  if (gpu->bank == NULL)
    return false;
  gpu->pixels = memory_bank_data (gpu->bank);
  gpu->max_entries = config->max_entries > 0 ? config->max_entries : DEFAULT_MAX_ENTRIES;
  gpu->entries_size = (size_t)gpu->max_entries * GPU_ENTRY_SIZE;
  gpu->entries = g_malloc0 (gpu->entries_size);
  return true;
}

static void
add_heads (VirtioGpu *gpu, const VirtioGpuConfig *config)
{
  gpu->n_heads = config->n_heads;
  for (unsigned i = 0; i < gpu->n_heads; i++)
    {
      GpuHead *head = &gpu->heads[i];

      head->gpu = gpu;
      head->index = i;
      head->wanted_width = DEFAULT_WIDTH;
      head->wanted_height = DEFAULT_HEIGHT;
      if (config->screens[i] != NULL)
        head->screen = screen_ref (config->screens[i]);
    }
}

bool
virtio_gpu_realize (VirtioGpu *gpu, const VirtioClass *klass, const VirtioGpuConfig *config, GError **error)
{
  VirtioDevice *vdev = &gpu->virtio;

  if (config->n_heads < 1 || config->n_heads > VIRTIO_GPU_MAX_HEADS)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "%s can't have %u heads: choose from 1 to %u",
                   vdev->pci.device.name, config->n_heads, VIRTIO_GPU_MAX_HEADS);
      return false;
    }
  if (!virtio_realize (vdev, klass, &config->place,
                       VIRTIO_FEATURE (GPU_F_EDID) | VIRTIO_FEATURE (GPU_F_RESOURCE_BLOB), error)
      || !add_pixel_memory (gpu, config, error))
    return false;
  virtio_add_queue (vdev, 256);
  virtio_add_queue (vdev, 16);
  vdev->config_size = CONFIG_SIZE;
  store_le32 (vdev->config + CONFIG_NUM_SCANOUTS, config->n_heads);
  if (!virtio_realized (vdev, error))
    return false;
  add_heads (gpu, config);
  return true;
}

void
virtio_gpu_attach_screens (VirtioGpu *gpu)
{
  for (unsigned i = 0; i < gpu->n_heads; i++)
    if (gpu->heads[i].screen != NULL)
      screen_set_source (gpu->heads[i].screen, &virtio_gpu_screen_source, &gpu->heads[i]);
}

void
virtio_gpu_detach_screens (VirtioGpu *gpu)
{
  for (unsigned i = 0; i < gpu->n_heads; i++)
    if (gpu->heads[i].screen != NULL)
      screen_set_source (gpu->heads[i].screen, NULL, NULL);
}

void
virtio_gpu_unrealize (VirtioGpu *gpu)
{
  for (unsigned i = 0; i < gpu->n_heads; i++)
    {
      g_clear_pointer (&gpu->heads[i].screen, screen_unref);
      g_clear_pointer (&gpu->heads[i].surface, surface_unref);
    }
  g_clear_pointer (&gpu->entries, g_free);
  virtio_unrealize (&gpu->virtio.pci.device);
}

void
virtio_gpu_reset (VirtioDevice *vdev)
{
  VirtioGpu *gpu = (VirtioGpu *)vdev;

  for (unsigned i = 0; i < GPU_MAX_RESOURCES; i++)
    if (gpu->resources[i].id != 0)
      gpu_resource_destroy (gpu, &gpu->resources[i]);
  gpu_heads_reset (gpu);
  gpu->events = 0;
  store_le32 (vdev->config + CONFIG_EVENTS_READ, 0);
}

/* --- state --- */

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const VirtioGpu *gpu = object, *other = incoming;
  const char *wrong = gpu_backing_check (gpu, other);

  if (wrong == NULL)
    wrong = gpu_resources_check (gpu, other);
  if (wrong == NULL)
    wrong = gpu_heads_check (gpu, other);
  if (wrong == NULL)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved state of %s is damaged: %s is out of range",
               gpu->virtio.pci.device.name, wrong);
  return false;
}

static void
after_load (void *object)
{
  VirtioGpu *gpu = object;

  store_le32 (gpu->virtio.config + CONFIG_EVENTS_READ, gpu->events);
  gpu_heads_loaded (gpu);
}

static const StateField rect_fields[] = {
  STATE_U32 (GpuRect, x, 1),
  STATE_U32 (GpuRect, y, 1),
  STATE_U32 (GpuRect, width, 1),
  STATE_U32 (GpuRect, height, 1),
  STATE_END,
};

static const StateTable rect_state = {
  .name = "rectangle",
  .version = 1,
  .fields = rect_fields,
  .object_size = sizeof (GpuRect),
};

static const StateField pixels_fields[] = {
  STATE_U64 (GpuPixels, offset, 1),
  STATE_U64 (GpuPixels, size, 1),
  STATE_END,
};

static const StateTable pixels_state = {
  .name = "pixels",
  .version = 1,
  .fields = pixels_fields,
  .object_size = sizeof (GpuPixels),
};

static const StateField layout_fields[] = {
  STATE_U32 (GpuLayout, format, 1), STATE_U32 (GpuLayout, width, 1),  STATE_U32 (GpuLayout, height, 1),
  STATE_U32 (GpuLayout, stride, 1), STATE_U32 (GpuLayout, offset, 1), STATE_END,
};

static const StateTable layout_state = {
  .name = "layout",
  .version = 1,
  .fields = layout_fields,
  .object_size = sizeof (GpuLayout),
};

static const StateField resource_fields[] = {
  STATE_U32 (GpuResource, id, 1),
  STATE_U32 (GpuResource, format, 1),
  STATE_U32 (GpuResource, width, 1),
  STATE_U32 (GpuResource, height, 1),
  STATE_STRUCT (GpuResource, pixels, &pixels_state, 1),
  STATE_U64 (GpuResource, blob_size, 1),
  STATE_U32 (GpuResource, first_entry, 1),
  STATE_U32 (GpuResource, n_entries, 1),
  STATE_END,
};

static const StateTable resource_state = {
  .name = "resource",
  .version = 1,
  .fields = resource_fields,
  .object_size = sizeof (GpuResource),
};

static const StateField head_fields[] = {
  STATE_U32 (GpuHead, resource, 1),
  STATE_STRUCT (GpuHead, rect, &rect_state, 1),
  STATE_STRUCT (GpuHead, layout, &layout_state, 1),
  STATE_STRUCT (GpuHead, pixels, &pixels_state, 1),
  STATE_U32 (GpuHead, cursor, 1),
  STATE_U32 (GpuHead, cursor_x, 1),
  STATE_U32 (GpuHead, cursor_y, 1),
  STATE_U32 (GpuHead, hot_x, 1),
  STATE_U32 (GpuHead, hot_y, 1),
  STATE_END,
};

static const StateTable head_state = {
  .name = "head",
  .version = 1,
  .fields = head_fields,
  .object_size = sizeof (GpuHead),
};

static const StateField gpu_fields[] = {
  STATE_STRUCT (VirtioGpu, virtio, &virtio_device_state, 1),
  STATE_BOOL (VirtioGpu, driven, 1),
  STATE_U32 (VirtioGpu, events, 1),
  STATE_U32 (VirtioGpu, n_entries, 1),
  STATE_BUFFER (VirtioGpu, entries, entries_size, 1),
  STATE_STRUCTS (VirtioGpu, resources, &resource_state, 1),
  STATE_STRUCTS (VirtioGpu, heads, &head_state, 1),
  STATE_END,
};

const StateTable virtio_gpu_state = {
  .name = "virtio-gpu",
  .version = 1,
  .fields = gpu_fields,
  .object_size = sizeof (VirtioGpu),
  .check = check_state,
  .after_load = after_load,
};

/* --- the display controller without a VGA --- */

static const VirtioClass gpu_virtio = {
  .id = VIRTIO_ID_GPU,
  .class_code = 0x038000,
  .kick = virtio_gpu_kick,
  .config_write = virtio_gpu_config_write,
  .reset = virtio_gpu_reset,
};

static bool
gpu_realize (Device *device, const void *config, GError **error)
{
  VirtioGpu *gpu = (VirtioGpu *)device;

  if (!virtio_gpu_realize (gpu, &gpu_virtio, config, error))
    return false;
  virtio_gpu_attach_screens (gpu);
  return true;
}

static void
gpu_unrealize (Device *device)
{
  virtio_gpu_detach_screens ((VirtioGpu *)device);
  virtio_gpu_unrealize ((VirtioGpu *)device);
}

const DeviceClass virtio_gpu_class = {
  .id = "virtio-gpu",
  .size = sizeof (VirtioGpu),
  .realize = gpu_realize,
  .unrealize = gpu_unrealize,
  .reset = virtio_reset,
  .stopped = virtio_stopped,
  .started = virtio_started,
  .state = &virtio_gpu_state,
};
