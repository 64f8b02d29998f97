/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/virtio/virtio-gpu.h"
#include "devices/virtio/virtio.h"

G_BEGIN_DECLS

/*
 * Between virtio-gpu.c (configuration, life, state), virtio-gpu-command.c (the queues), virtio-gpu-resource.c
 * (resources and the pixel memory), virtio-gpu-backing.c (the guest's pages behind them), virtio-gpu-head.c
 * (scanouts and screens) and virtio-gpu-cursor.c. The device's lock is held.
 *
 * The host's copy of a resource lies in a hidden memory bank, the pixel memory, as 0xAARRGGBB whatever the
 * guest's format: a screen looks at it without a copy. A blob has none: its pages are the guest's; a head
 * that shows one has a picture in the pixel memory, which flushes bring up to date.
 */
#define GPU_MAX_RESOURCES 256u
#define GPU_MAX_SIDE      16384u
#define GPU_ENTRY_SIZE    16u
#define GPU_EDID_MAX      1024u

/* Section 5.7.3. */
enum {
  GPU_F_EDID = 1,
  GPU_F_RESOURCE_BLOB = 3,
};

/* Section 5.7.6.7: responses. */
typedef enum {
  GPU_OK_NODATA = 0x1100,
  GPU_OK_DISPLAY_INFO = 0x1101,
  GPU_OK_EDID = 0x1104,
  GPU_ERR_UNSPEC = 0x1200,
  GPU_ERR_OUT_OF_MEMORY = 0x1201,
  GPU_ERR_INVALID_SCANOUT_ID = 0x1202,
  GPU_ERR_INVALID_RESOURCE_ID = 0x1203,
  GPU_ERR_INVALID_PARAMETER = 0x1205,
} GpuResult;

/* Section 5.7.6.8, enum virtio_gpu_formats: names are bytes in memory. */
enum {
  GPU_FORMAT_B8G8R8A8 = 1,
  GPU_FORMAT_B8G8R8X8 = 2,
  GPU_FORMAT_A8R8G8B8 = 3,
  GPU_FORMAT_X8R8G8B8 = 4,
  GPU_FORMAT_R8G8B8A8 = 67,
  GPU_FORMAT_X8B8G8R8 = 68,
  GPU_FORMAT_A8B8G8R8 = 121,
  GPU_FORMAT_R8G8B8X8 = 134,
};

/* A rectangle as guests send it. */
typedef struct {
  uint32_t x, y, width, height;
} GpuRect;

/* A piece of the pixel memory. @size 0: none. */
typedef struct {
  uint64_t offset, size;
} GpuPixels;

typedef struct {
  uint32_t id;                    /* 0: this place is free */
  uint32_t format, width, height; /* of a blob: 0 */
  GpuPixels pixels;
  uint64_t blob_size;              /* 0: no blob */
  uint32_t first_entry, n_entries; /* of VirtioGpu.entries; none: no backing */
} GpuResource;

/* How a blob's bytes are a picture. */
typedef struct {
  uint32_t format, width, height, stride, offset;
} GpuLayout;

typedef struct VirtioGpu VirtioGpu;

typedef struct {
  VirtioGpu *gpu;
  unsigned index;
  Screen *screen;                       /* (nullable) */
  uint32_t wanted_width, wanted_height; /* what the window would like */

  /* As the guest set it. */
  uint32_t resource; /* 0: dark */
  GpuRect rect;      /* of the resource */
  GpuLayout layout;  /* a blob's */
  GpuPixels pixels;  /* ... and its picture's */
  uint32_t cursor, cursor_x, cursor_y, hot_x, hot_y;

  /* Not saved. */
  Surface *surface; /* (nullable) */
  Damage damage;
} GpuHead;

struct VirtioGpu {
  VirtioDevice virtio;
  unsigned n_heads;
  GpuHead heads[VIRTIO_GPU_MAX_HEADS];
  bool driven; /* the guest's driver shows pictures; until then head 0 is the VGA's, if there is one */
  uint32_t events;
  GpuResource resources[GPU_MAX_RESOURCES];

  /* Backings, dense: le64 address, le64 length. */
  uint8_t *entries;
  size_t entries_size;
  uint32_t max_entries, n_entries;

  MemoryBank *bank; /* the pixel memory */
  uint8_t *pixels;
  uint64_t pixels_size;

  /* What head 0 shows until the guest drives it; (nullable). */
  const ScreenSource *fallback;
  void *fallback_data;
};

/* --- virtio-gpu.c: for this device's class and for cards that have one in them --- */

bool virtio_gpu_realize (VirtioGpu *gpu, const VirtioClass *klass, const VirtioGpuConfig *config,
                         GError **error);
/* Last step of a realize: from now on the screens look. */
void virtio_gpu_attach_screens (VirtioGpu *gpu);
/* First step of an unrealize: nobody looks any more. */
void virtio_gpu_detach_screens (VirtioGpu *gpu);
void virtio_gpu_unrealize (VirtioGpu *gpu);
void virtio_gpu_reset (VirtioDevice *vdev); /* VirtioClass members */
void virtio_gpu_config_write (VirtioDevice *vdev, unsigned offset, uint64_t value, unsigned size);
extern const StateTable virtio_gpu_state; /* begins with the virtio device's */

/* The window of a head has another size now: tells the guest. */
void virtio_gpu_display_changed (VirtioGpu *gpu);

/* --- virtio-gpu-command.c --- */

void virtio_gpu_kick (VirtioDevice *vdev, Virtq *vq);

/* --- virtio-gpu-resource.c --- */

GpuResource *gpu_resource_find (VirtioGpu *gpu, uint32_t id); /* NULL: there is none */
GpuResult gpu_resource_create (VirtioGpu *gpu, uint32_t id, uint32_t format, uint32_t width, uint32_t height);
/* A blob of @size bytes; its backing is attached after it. */
GpuResult gpu_resource_create_blob (VirtioGpu *gpu, uint32_t id, uint64_t size);
void gpu_resource_destroy (VirtioGpu *gpu, GpuResource *resource);
/* From the guest's pages to the host's copy. */
GpuResult gpu_resource_transfer (VirtioGpu *gpu, GpuResource *resource, GpuRect rect, uint64_t offset);
/* What is wrong with a resource from a saved state, or NULL. */
const char *gpu_resources_check (const VirtioGpu *gpu, const VirtioGpu *incoming);

bool gpu_pixels_alloc (VirtioGpu *gpu, uint64_t size, GpuPixels *pixels);
void gpu_pixels_free (VirtioGpu *gpu,
                      GpuPixels *pixels); /* gives the memory back to the host, and blanks it */
bool gpu_rect_fits (GpuRect rect, uint32_t width, uint32_t height); /* and is not empty */

bool gpu_format_is_known (uint32_t format);
bool gpu_format_has_alpha (uint32_t format);
/* Makes @n pixels in the guest's @format 0xAARRGGBB, in place. */
void gpu_format_convert (uint32_t format, uint32_t *pixels, size_t n);

/* --- virtio-gpu-backing.c --- */

/* Takes @n entries that begin at byte @offset of the command. */
GpuResult gpu_backing_attach (VirtioGpu *gpu, GpuResource *resource, const VirtqChain *chain, uint64_t offset,
                              uint32_t n);
void gpu_backing_detach (VirtioGpu *gpu, GpuResource *resource);

/* Where a reader of a backing is, so that going on costs nothing: all zero at first. */
typedef struct {
  uint32_t entry;
  uint64_t start; /* of that entry, in the backing */
} GpuPlace;

/* Copies @size bytes from @at on. False: the backing ends before, or is no RAM. */
bool gpu_backing_read (VirtioGpu *gpu, const GpuResource *resource, GpuPlace *place, uint64_t at, void *to,
                       size_t size);
const char *gpu_backing_check (const VirtioGpu *gpu, const VirtioGpu *incoming);

/* --- virtio-gpu-head.c --- */

extern const ScreenSource virtio_gpu_screen_source;                           /* of a GpuHead */
GpuResult gpu_head_show (GpuHead *head, GpuResource *resource, GpuRect rect); /* NULL: dark */
GpuResult gpu_head_show_blob (GpuHead *head, GpuResource *resource, GpuRect rect, const GpuLayout *layout);
GpuResult gpu_heads_flush (VirtioGpu *gpu, GpuResource *resource, GpuRect rect);
/* @resource goes: whoever shows it goes dark. */
void gpu_heads_forget (VirtioGpu *gpu, const GpuResource *resource);
void gpu_heads_reset (VirtioGpu *gpu);
void gpu_heads_loaded (VirtioGpu *gpu);
const char *gpu_heads_check (const VirtioGpu *gpu, const VirtioGpu *incoming);

/* --- virtio-gpu-cursor.c --- */

/* UPDATE_CURSOR (@reshape) and MOVE_CURSOR, section 5.7.6.10. */
GpuResult gpu_cursor_set (GpuHead *head, uint32_t resource, uint32_t hot_x, uint32_t hot_y, uint32_t x,
                          uint32_t y);
void gpu_cursor_move (GpuHead *head, uint32_t x, uint32_t y);
void gpu_cursor_show (GpuHead *head, bool reshape);

G_END_DECLS
