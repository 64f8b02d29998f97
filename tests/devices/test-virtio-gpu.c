/* SPDX-License-Identifier: GPL-3.0-or-later */
/* virtio-gpu, virtio 1.2 section 5.7, alone and with a VGA in it. */
#include "devices/graphics/virtio-vga.h"
#include "devices/virtio/virtio-gpu.h"
#include "tests/devices/svga-bench.h"
#include "tests/devices/virtio-guest.h"
#include "vmm/base/bytes.h"

#include <string.h>

#define RINGS    UINT64_C (0x10000)
#define CURSOR_Q UINT64_C (0x14000)
#define COMMAND  UINT64_C (0x20000)
#define REPLY    UINT64_C (0x40000)
#define PIXELS   UINT64_C (0x100000)
#define N_HEADS  2u

#define F_EDID (UINT64_C (1) << 1)
#define F_BLOB (UINT64_C (1) << 3)

/* Section 5.7.6.7. */
enum {
  GET_DISPLAY_INFO = 0x100,
  CREATE_2D = 0x101,
  UNREF = 0x102,
  SET_SCANOUT = 0x103,
  FLUSH = 0x104,
  TRANSFER = 0x105,
  ATTACH = 0x106,
  DETACH = 0x107,
  GET_EDID = 0x10a,
  CREATE_BLOB = 0x10c,
  SET_SCANOUT_BLOB = 0x10d,
  UPDATE_CURSOR = 0x300,
  MOVE_CURSOR = 0x301,
  OK = 0x1100,
  OK_DISPLAY_INFO = 0x1101,
  OK_EDID = 0x1104,
  ERR_UNSPEC = 0x1200,
  ERR_MEMORY = 0x1201,
  ERR_SCANOUT = 0x1202,
  ERR_RESOURCE = 0x1203,
  ERR_PARAMETER = 0x1205,
};

typedef struct {
  Bench *bench;
  GuestQueue control, cursor;
  Screen *screens[N_HEADS];
} Gpu;

static void
free_screen (void *screen)
{
  screen_unref (screen);
}

static void
make_screens (Bench *bench, VirtioGpuConfig *config, Screen **screens)
{
  for (unsigned i = 0; i < N_HEADS; i++)
    {
      config->screens[i] = screen_new ("head", loop_context (bench_board (bench)->loop));
      bench_own (bench, config->screens[i], free_screen);
      if (screens != NULL && screens[i] == NULL)
        screens[i] = config->screens[i];
    }
}

/* @data: (nullable): where the first bench's screens go; a twin has others. */
static void
setup (Bench *bench, void *data)
{
  VirtioGpuConfig config = { .place = { pci_bench_bus_new (bench), PCI_DEVFN (1, 0) },
                             .n_heads = N_HEADS,
                             .pixel_memory = 1 << 20,
                             .max_entries = 64 };

  make_screens (bench, &config, data);
  bench_add (bench, &virtio_gpu_class, NULL, &config);
  pci_bench_map (bench);
}

static void
gpu_start (Gpu *gpu)
{
  memset (gpu, 0, sizeof *gpu);
  gpu->bench = bench_new_with (setup, gpu->screens);
  virtio_guest_negotiate (gpu->bench, F_VERSION_1 | F_EDID | F_BLOB);
  guest_queue_init (&gpu->control, gpu->bench, 0, 16, RINGS);
  guest_queue_init (&gpu->cursor, gpu->bench, 1, 16, CURSOR_Q);
  virtio_guest_driver_ok (gpu->bench);
}

static void
gpu_end (Gpu *gpu)
{
  bench_free (gpu->bench);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Gpu, gpu_end)

/* A command of words after its header. Returns: the answer's type. */
static uint32_t
ask_words (Gpu *gpu, uint32_t type, const uint32_t *words, unsigned n)
{
  GuestQueue *queue = type >= UPDATE_CURSOR && type < OK ? &gpu->cursor : &gpu->control;
  GuestBuffer buffers[] = { { COMMAND, 24 + 4 * n, false }, { REPLY, 2048, true } };
  uint8_t *command = bench_memory (gpu->bench, COMMAND, 24 + 4 * n);

  memset (command, 0, 24);
  memset (bench_memory (gpu->bench, REPLY, 2048), 0xee, 2048);
  store_le32 (command, type);
  for (unsigned i = 0; i < n; i++)
    store_le32 (command + 24 + 4 * i, words[i]);
  guest_queue_add (queue, buffers, 2);
  guest_queue_kick (queue);
  g_assert_cmpuint (guest_queue_wait (queue, NULL), >=, 24);
  return load_le32 (bench_memory (gpu->bench, REPLY, 4));
}

#define ask(gpu, type, ...)                                                                                  \
  ask_words (gpu, type, (const uint32_t[]){ __VA_ARGS__ }, sizeof ((uint32_t[]){ __VA_ARGS__ }) / 4)

static uint32_t
reply_word (Gpu *gpu, unsigned offset)
{
  return load_le32 (bench_memory (gpu->bench, REPLY + offset, 4));
}

/* Resource @id of 16x8 pixels, backed at PIXELS. */
static void
make_resource (Gpu *gpu, uint32_t id, uint32_t format)
{
  g_assert_cmphex (ask (gpu, CREATE_2D, id, format, 16, 8), ==, OK);
  g_assert_cmphex (ask (gpu, ATTACH, id, 1, PIXELS, 0, 16 * 8 * 4, 0), ==, OK);
}

static Surface *
grab (Gpu *gpu, unsigned head)
{
  return screen_grab (gpu->screens[head], 20000);
}

static uint32_t
shown_pixel (Gpu *gpu, unsigned head, int x, int y)
{
  g_autoptr (Surface) surface = grab (gpu, head);

  g_assert_nonnull (surface);
  return surface_pixel (surface, x, y) & 0xffffff;
}

/* 5.7.3 and 5.7.4. */
static void
test_configuration (void)
{
  g_auto (Gpu) gpu;

  gpu_start (&gpu);
  g_assert_cmphex (pci_bench_read_config (gpu.bench, 0, 4), ==, 0x10501af4);
  g_assert_cmphex (pci_bench_read_config (gpu.bench, 8, 4) >> 8, ==, 0x038000);
  g_assert_cmphex (virtio_guest_features (gpu.bench) & 0x1f, ==, F_EDID | F_BLOB);
  g_assert_cmpuint (bench_read32 (gpu.bench, VIRTIO_CONFIG), ==, 0);
  g_assert_cmpuint (bench_read32 (gpu.bench, VIRTIO_CONFIG + 8), ==, N_HEADS);
  g_assert_cmpuint (bench_read32 (gpu.bench, VIRTIO_CONFIG + 12), ==, 0);
}

/* 5.7.6.8: VIRTIO_GPU_CMD_GET_DISPLAY_INFO, VIRTIO_GPU_CMD_GET_EDID. */
static void
test_displays (void)
{
  g_auto (Gpu) gpu;
  const uint8_t *edid;
  uint8_t sum = 0;

  gpu_start (&gpu);
  g_assert_cmphex (ask_words (&gpu, GET_DISPLAY_INFO, NULL, 0), ==, OK_DISPLAY_INFO);
  for (unsigned i = 0; i < 16; i++)
    {
      g_assert_cmpuint (reply_word (&gpu, 24 + 24 * i + 16), ==, i < N_HEADS);
      g_assert_cmpuint (reply_word (&gpu, 24 + 24 * i + 8), ==, i < N_HEADS ? 1280 : 0);
    }
  g_assert_cmpuint (reply_word (&gpu, 24 + 24), ==, 1280); /* the second is to the right of the first */

  g_assert_cmphex (ask (&gpu, GET_EDID, 1, 0), ==, OK_EDID);
  g_assert_cmpuint (reply_word (&gpu, 24), ==, 128);
  edid = bench_memory (gpu.bench, REPLY + 32, 128);
  for (unsigned i = 0; i < 128; i++)
    sum += edid[i];
  g_assert_cmpuint (sum, ==, 0);
  g_assert_cmpuint (load_le32 (edid + 12), ==, 2);
  g_assert_cmphex (ask (&gpu, GET_EDID, 2, 0), ==, ERR_SCANOUT);
}

/* 5.7.6.8, enum virtio_gpu_formats: one byte order each, alpha is dropped. */
static void
test_formats (void)
{
  static const struct {
    uint32_t format;
    uint8_t bytes[4];
  } formats[] = {
    { 1, { 0x33, 0x22, 0x11, 0xff } },   { 2, { 0x33, 0x22, 0x11, 0xff } },
    { 3, { 0xff, 0x11, 0x22, 0x33 } },   { 4, { 0xff, 0x11, 0x22, 0x33 } },
    { 67, { 0x11, 0x22, 0x33, 0xff } },  { 68, { 0xff, 0x33, 0x22, 0x11 } },
    { 121, { 0xff, 0x33, 0x22, 0x11 } }, { 134, { 0x11, 0x22, 0x33, 0xff } },
  };
  g_auto (Gpu) gpu;

  gpu_start (&gpu);
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      uint32_t id = i + 1;

      make_resource (&gpu, id, formats[i].format);
      memcpy (bench_memory (gpu.bench, PIXELS, 4), formats[i].bytes, 4);
      g_assert_cmphex (ask (&gpu, TRANSFER, 0, 0, 16, 8, 0, 0, id, 0), ==, OK);
      g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 16, 8, 0, id), ==, OK);
      g_assert_cmphex (ask (&gpu, FLUSH, 0, 0, 16, 8, id, 0), ==, OK);
      g_assert_cmphex (shown_pixel (&gpu, 0, 0, 0), ==, 0x112233);
    }
  g_assert_cmphex (ask (&gpu, CREATE_2D, 99, 5, 16, 8), ==, ERR_PARAMETER);
}

/* A part of the resource, from the middle of the backing, which is in two pieces that don't end with a line.
 */
static void
test_transfer (void)
{
  g_auto (Gpu) gpu;
  uint32_t *pixels;

  gpu_start (&gpu);
  g_assert_cmphex (ask (&gpu, CREATE_2D, 7, 2, 16, 8), ==, OK);
  g_assert_cmphex (ask (&gpu, ATTACH, 7, 2, PIXELS, 0, 100, 0, PIXELS + 0x10000, 0, 412, 0), ==, OK);
  pixels = bench_memory (gpu.bench, PIXELS, 100);
  pixels[20] = 0xaa0001;
  pixels = bench_memory (gpu.bench, PIXELS + 0x10000, 412);
  pixels[36 - 25] = 0xaa0002;
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 4, 1, 4, 2, 1, 7), ==, OK);
  g_assert_cmphex (ask (&gpu, TRANSFER, 4, 1, 4, 2, 80, 0, 7, 0), ==, OK);
  g_assert_cmphex (shown_pixel (&gpu, 1, 0, 0), ==, 0xaa0001);
  g_assert_cmphex (shown_pixel (&gpu, 1, 0, 1), ==, 0xaa0002);
  g_assert_cmphex (shown_pixel (&gpu, 1, 1, 0), ==, 0);
}

/* 5.7.6.8: what is answered to numbers and rectangles that are not fine. */
static void
test_refuses (void)
{
  g_auto (Gpu) gpu;

  gpu_start (&gpu);
  make_resource (&gpu, 1, 2);
  g_assert_cmphex (ask (&gpu, CREATE_2D, 1, 2, 16, 8), ==, ERR_RESOURCE);
  g_assert_cmphex (ask (&gpu, CREATE_2D, 0, 2, 16, 8), ==, ERR_RESOURCE);
  g_assert_cmphex (ask (&gpu, CREATE_2D, 2, 2, 0, 8), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, CREATE_2D, 2, 2, 16, 0x80000000), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, ATTACH, 1, 1, PIXELS, 0, 16, 0), ==, ERR_UNSPEC);
  g_assert_cmphex (ask (&gpu, ATTACH, 9, 1, PIXELS, 0, 16, 0), ==, ERR_RESOURCE);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 17, 8, 0, 1), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 8, 0, 0xfffffff9, 8, 0, 1), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 0, 8, 0, 1), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 16, 8, 2, 1), ==, ERR_SCANOUT);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 16, 8, 0, 3), ==, ERR_RESOURCE);
  g_assert_cmphex (ask (&gpu, TRANSFER, 1, 0, 16, 8, 0, 0, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, TRANSFER, 0, 0, 16, 8, 4, 0, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, TRANSFER, 0, 0, 8, 8, 0xffffffff, 0xffffffff, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, FLUSH, 0, 8, 16, 1, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, DETACH, 1, 0), ==, OK);
  g_assert_cmphex (ask (&gpu, TRANSFER, 0, 0, 16, 8, 0, 0, 1, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, UNREF, 1, 0), ==, OK);
  g_assert_cmphex (ask (&gpu, UNREF, 1, 0), ==, ERR_RESOURCE);
  g_assert_cmphex (ask (&gpu, 0x105), ==, ERR_UNSPEC); /* too short */
  g_assert_cmphex (ask (&gpu, 0x200, 0, 0), ==, ERR_UNSPEC);
  g_assert_cmphex (ask (&gpu, UPDATE_CURSOR, 5, 0, 0, 0, 1, 0, 0, 0), ==, ERR_SCANOUT);
}

/* 5.7.6.7: VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY. What goes makes room again, wherever it lay. */
static void
test_memory_is_bounded (void)
{
  g_auto (Gpu) gpu;
  uint32_t entries[2 + 4 * 65] = { 1, 65 };

  gpu_start (&gpu);
  for (uint32_t id = 1; id <= 4; id++)
    g_assert_cmphex (ask (&gpu, CREATE_2D, id, 2, 256, 256), ==, OK);
  g_assert_cmphex (ask (&gpu, CREATE_2D, 5, 2, 1, 1), ==, ERR_MEMORY);
  g_assert_cmphex (ask (&gpu, CREATE_2D, 5, 2, 16384, 16384), ==, ERR_MEMORY);
  g_assert_cmphex (ask (&gpu, UNREF, 2, 0), ==, OK);
  g_assert_cmphex (ask (&gpu, UNREF, 3, 0), ==, OK);
  g_assert_cmphex (ask (&gpu, CREATE_2D, 5, 2, 512, 256), ==, OK);

  for (unsigned i = 0; i < 65; i++)
    {
      entries[2 + 4 * i] = PIXELS + i * 0x2000;
      entries[4 + 4 * i] = 0x1000;
    }
  g_assert_cmphex (ask_words (&gpu, ATTACH, entries, G_N_ELEMENTS (entries)), ==, ERR_MEMORY);
  entries[1] = 64;
  g_assert_cmphex (ask_words (&gpu, ATTACH, entries, G_N_ELEMENTS (entries)), ==, OK);
  g_assert_cmphex (ask (&gpu, ATTACH, 4, 1, PIXELS, 0, 16, 0), ==, ERR_MEMORY);
  g_assert_cmphex (ask (&gpu, DETACH, 1, 0), ==, OK);
  /* No RAM, more than was sent, nothing. */
  g_assert_cmphex (ask (&gpu, ATTACH, 4, 1, BENCH_RAM_SIZE - 8, 0, 16, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, ATTACH, 4, 0x10000001, PIXELS, 0, 16, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, ATTACH, 4, 0, PIXELS, 0, 16, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, ATTACH, 4, 1, PIXELS, 0, 0, 0), ==, ERR_PARAMETER);
}

static void
do_nothing (void *data)
{
}

/* VIRTIO_GPU_CMD_RESOURCE_FLUSH: what was flushed is what viewers are told. */
static void
test_flush (void)
{
  g_auto (Gpu) gpu;
  ScreenViewer *viewer;
  g_autoptr (Surface) surface = NULL;
  g_autoptr (Surface) again = NULL;
  g_autoptr (Surface) grabbed = NULL;
  Damage damage;

  gpu_start (&gpu);
  make_resource (&gpu, 1, 2);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 2, 2, 10, 6, 0, 1), ==, OK);
  viewer = screen_viewer_new (gpu.screens[0], 0, do_nothing, NULL);
  grabbed = grab (&gpu, 0);
  surface = screen_viewer_take (viewer, &damage);
  g_assert_cmpint (surface->width, ==, 10);
  g_assert_cmphex (ask (&gpu, FLUSH, 0, 3, 5, 1, 1, 0), ==, OK);
  g_clear_pointer (&grabbed, surface_unref);
  grabbed = grab (&gpu, 0);
  again = screen_viewer_take (viewer, &damage);
  g_assert_true (again == surface); /* memory that both see: no copy */
  g_assert_cmpuint (damage.n, ==, 1);
  g_assert_cmpint (damage.rects[0].x, ==, 0);
  g_assert_cmpint (damage.rects[0].y, ==, 1);
  g_assert_cmpint (damage.rects[0].width, ==, 3);
  g_assert_cmpint (damage.rects[0].height, ==, 1);
  screen_viewer_free (viewer);
}

/* A resource that goes while it is shown leaves a dark screen, and a viewer's memory alone. */
static void
test_unref_of_shown (void)
{
  g_auto (Gpu) gpu;

  gpu_start (&gpu);
  make_resource (&gpu, 1, 2);
  memset (bench_memory (gpu.bench, PIXELS, 512), 0x55, 512);
  g_assert_cmphex (ask (&gpu, TRANSFER, 0, 0, 16, 8, 0, 0, 1, 0), ==, OK);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 16, 8, 0, 1), ==, OK);
  g_assert_cmphex (shown_pixel (&gpu, 0, 3, 3), ==, 0x555555);
  g_assert_cmphex (ask (&gpu, UNREF, 1, 0), ==, OK);
  g_assert_cmphex (shown_pixel (&gpu, 0, 3, 3), ==, 0);
  g_assert_cmphex (ask (&gpu, FLUSH, 0, 0, 16, 8, 1, 0), ==, ERR_RESOURCE);
}

/* VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, VIRTIO_GPU_CMD_SET_SCANOUT_BLOB: the guest's pages are shown by
 * flushes alone. */
static void
test_blob (void)
{
  g_auto (Gpu) gpu;
  uint32_t *pixels;

  gpu_start (&gpu);
  pixels = bench_memory (gpu.bench, PIXELS, 4096);
  g_assert_cmphex (ask (&gpu, CREATE_BLOB, 1, 1, 1, 1, 0, 0, 4096, 0, PIXELS, 0, 4096, 0), ==, OK);
  pixels[16 + 20 + 3] = 0x123456;
  g_assert_cmphex (ask (&gpu, SET_SCANOUT_BLOB, 0, 0, 16, 8, 0, 1, 16, 8, 2, 0, 80, 0, 0, 0, 64, 0, 0, 0), ==,
                   OK);
  g_assert_cmphex (shown_pixel (&gpu, 0, 3, 1), ==, 0x123456);
  pixels[16 + 20 + 3] = 0x654321;
  g_assert_cmphex (shown_pixel (&gpu, 0, 3, 1), ==, 0x123456);
  g_assert_cmphex (ask (&gpu, FLUSH, 3, 1, 1, 1, 1, 0), ==, OK);
  g_assert_cmphex (shown_pixel (&gpu, 0, 3, 1), ==, 0x654321);

  /* Beyond its end; not of the guest; a copy to it, which there is none of. */
  g_assert_cmphex (ask (&gpu, SET_SCANOUT_BLOB, 0, 0, 16, 8, 0, 1, 16, 8, 2, 0, 600, 0, 0, 0, 64, 0, 0, 0),
                   ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT_BLOB, 0, 0, 16, 8, 0, 1, 16, 8, 2, 0, 60, 0, 0, 0, 64, 0, 0, 0), ==,
                   ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 16, 8, 0, 1), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, CREATE_BLOB, 2, 2, 1, 0, 0, 0, 4096, 0), ==, ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, CREATE_BLOB, 2, 1, 1, 1, 0, 0, 4096, 0, BENCH_RAM_SIZE, 0, 4096, 0), ==,
                   ERR_PARAMETER);
  g_assert_cmphex (ask (&gpu, UNREF, 2, 0), ==, ERR_RESOURCE);
  g_assert_cmphex (ask (&gpu, TRANSFER, 0, 0, 16, 8, 0, 0, 1, 0), ==, OK);
  g_assert_cmphex (ask (&gpu, UNREF, 1, 0), ==, OK);
  g_assert_cmphex (shown_pixel (&gpu, 0, 3, 1), ==, 0);
}

/* 5.7.6.10: the cursor's picture is in a resource; its place is that of the picture's corner. */
static void
test_cursor (void)
{
  g_auto (Gpu) gpu;

  gpu_start (&gpu);
  make_resource (&gpu, 1, 2);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 16, 8, 0, 1), ==, OK);
  g_assert_cmphex (ask (&gpu, CREATE_2D, 2, 1, 2, 2), ==, OK);
  g_assert_cmphex (ask (&gpu, ATTACH, 2, 1, PIXELS + 0x1000, 0, 16, 0), ==, OK);
  memcpy (bench_memory (gpu.bench, PIXELS + 0x1000, 16), (uint32_t[]){ 0xff00ff00, 0, 0, 0xffffffff }, 16);
  g_assert_cmphex (ask (&gpu, TRANSFER, 0, 0, 2, 2, 0, 0, 2, 0), ==, OK);
  g_assert_cmphex (ask (&gpu, UPDATE_CURSOR, 0, 4, 5, 0, 2, 1, 1, 0), ==, OK);
  g_assert_cmphex (shown_pixel (&gpu, 0, 4, 5), ==, 0x00ff00);
  g_assert_cmphex (shown_pixel (&gpu, 0, 5, 6), ==, 0xffffff);
  g_assert_cmphex (shown_pixel (&gpu, 0, 5, 5), ==, 0);
  g_assert_cmphex (ask (&gpu, MOVE_CURSOR, 0, 0xffffffff, 0, 0, 2, 0, 0, 0), ==, OK);
  g_assert_cmphex (shown_pixel (&gpu, 0, 4, 5), ==, 0);
  g_assert_cmphex (shown_pixel (&gpu, 0, 0, 1), ==, 0xffffff);
  g_assert_cmphex (ask (&gpu, UPDATE_CURSOR, 0, 0, 0, 0, 0, 0, 0, 0), ==, OK);
  g_assert_cmphex (shown_pixel (&gpu, 0, 0, 1), ==, 0);
  g_assert_cmphex (ask (&gpu, UPDATE_CURSOR, 0, 0, 0, 0, 42, 0, 0, 0), ==, ERR_RESOURCE);
}

/* Heads stand side by side: a tablet is one for all of them. */
static void
test_places (void)
{
  g_auto (Gpu) gpu;
  unsigned x = 16384, y = 32767;

  gpu_start (&gpu);
  make_resource (&gpu, 1, 2);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 16, 8, 0, 1), ==, OK);
  screen_map_position (gpu.screens[0], 32767, &x, &y);
  g_assert_cmpuint (x, ==, 16384);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 16, 4, 1, 1), ==, OK);
  screen_map_position (gpu.screens[1], 32767, &x, &y);
  g_assert_cmpuint (x, ==, 16384 + 8192);
  g_assert_cmpuint (y, ==, 16383);
  x = 32767;
  screen_map_position (gpu.screens[0], 32767, &x, &y);
  g_assert_cmpuint (x, ==, 16383);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 0, 0, 1, 0), ==, OK);
  x = 32767;
  screen_map_position (gpu.screens[0], 32767, &x, &y);
  g_assert_cmpuint (x, ==, 32767);
}

/* 5.7.6.7: VIRTIO_GPU_FLAG_FENCE. */
static void
test_fence (void)
{
  g_auto (Gpu) gpu;
  const GuestBuffer buffers[] = { { COMMAND, 24, false }, { REPLY, 2048, true } };
  uint8_t *command;

  gpu_start (&gpu);
  command = bench_memory (gpu.bench, COMMAND, 24);
  store_le32 (command, GET_DISPLAY_INFO);
  store_le32 (command + 4, 1 | 2);
  store_le64 (command + 8, UINT64_C (0x123456789abcdef0));
  store_le32 (command + 16, 3);
  command[20] = 9;
  guest_queue_add (&gpu.control, buffers, 2);
  guest_queue_kick (&gpu.control);
  g_assert_cmpuint (guest_queue_wait (&gpu.control, NULL), ==, 24 + 16 * 24);
  g_assert_cmpuint (reply_word (&gpu, 4), ==, 3);
  g_assert_cmphex (load_le64 (bench_memory (gpu.bench, REPLY + 8, 8)), ==, UINT64_C (0x123456789abcdef0));
  g_assert_cmpuint (reply_word (&gpu, 16), ==, 3);
  g_assert_cmpuint (reply_word (&gpu, 20) & 0xff, ==, 9);
}

static bool
has_event (Bench *bench, void *data)
{
  return bench_irq (bench, PCI_BENCH_GSI);
}

/* 5.7.4 and 5.7.5: another size of a window is an event, until the guest clears it. */
static void
test_resize (void)
{
  g_auto (Gpu) gpu;

  gpu_start (&gpu);
  screen_wish (gpu.screens[1], 1001, 701);
  g_assert_true (bench_run_until (gpu.bench, has_event, NULL));
  g_assert_cmphex (bench_read8 (gpu.bench, VIRTIO_ISR), ==, 2);
  g_assert_cmpuint (bench_read32 (gpu.bench, VIRTIO_CONFIG), ==, 1);
  g_assert_cmphex (ask_words (&gpu, GET_DISPLAY_INFO, NULL, 0), ==, OK_DISPLAY_INFO);
  g_assert_cmpuint (reply_word (&gpu, 24 + 24 + 8), ==, 1000);
  g_assert_cmpuint (reply_word (&gpu, 24 + 24 + 12), ==, 700);
  g_assert_cmphex (ask (&gpu, GET_EDID, 1, 0), ==, OK_EDID);
  g_assert_cmphex (reply_word (&gpu, 32 + 56) & 0xff, ==, 1000 & 0xff);
  bench_write32 (gpu.bench, VIRTIO_CONFIG + 4, 1);
  g_assert_cmpuint (bench_read32 (gpu.bench, VIRTIO_CONFIG), ==, 0);
}

/* With resources of both kinds, a cursor, and an answer under way. */
static void
test_state (void)
{
  g_auto (Gpu) gpu;
  const GuestBuffer buffers[] = { { COMMAND, 24, false }, { REPLY, 2048, true } };

  gpu_start (&gpu);
  make_resource (&gpu, 1, 68);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 1, 1, 8, 4, 0, 1), ==, OK);
  g_assert_cmphex (ask (&gpu, CREATE_BLOB, 5, 1, 1, 1, 0, 0, 4096, 0, PIXELS + 0x4000, 0, 4096, 0), ==, OK);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT_BLOB, 0, 0, 16, 8, 1, 5, 16, 8, 2, 0, 64, 0, 0, 0, 0, 0, 0, 0), ==,
                   OK);
  g_assert_cmphex (ask (&gpu, UPDATE_CURSOR, 0, 4, 5, 0, 1, 1, 1, 0), ==, OK);
  pci_bench_write_config (gpu.bench, 4, 0x02, 2); /* it may not look at what is next */
  guest_queue_add (&gpu.control, buffers, 2);
  guest_queue_kick (&gpu.control);
  bench_settle (gpu.bench);
  bench_round_trip_state (gpu.bench);
}

static void
test_reset (void)
{
  g_auto (Gpu) gpu;

  gpu_start (&gpu);
  make_resource (&gpu, 1, 2);
  g_assert_cmphex (ask (&gpu, SET_SCANOUT, 0, 0, 16, 8, 0, 1), ==, OK);
  bench_reset (gpu.bench);
  pci_bench_map (gpu.bench);
  virtio_guest_negotiate (gpu.bench, F_VERSION_1);
  guest_queue_init (&gpu.control, gpu.bench, 0, 16, RINGS);
  virtio_guest_driver_ok (gpu.bench);
  g_assert_cmphex (ask (&gpu, UNREF, 1, 0), ==, ERR_RESOURCE);
  g_assert_cmphex (ask (&gpu, CREATE_2D, 1, 2, 512, 512), ==, OK);
  g_assert_cmphex (ask (&gpu, CREATE_BLOB, 2, 1, 1, 0, 0, 0, 4096, 0), ==,
                   ERR_PARAMETER); /* not negotiated */
}

/* --- with a VGA --- */

static void
setup_vga (Bench *bench, void *data)
{
  VirtioVgaConfig config = { .gpu = { .place = { pci_bench_bus_new (bench), PCI_DEVFN (1, 0) },
                                      .n_heads = N_HEADS,
                                      .pixel_memory = 1 << 20,
                                      .max_entries = 64 },
                             .video_memory_mib = 1 };

  make_screens (bench, &config.gpu, data);
  bench_add (bench, &virtio_vga_class.device, "svga0", &config);
  pci_bench_map (bench);
}

static bool
is_text (Surface *surface)
{
  return surface->width == 720 && surface->height == 400;
}

/* The firmware's picture until the driver's first one; back after a reset. 4.1.4: capabilities name BAR 4. */
static void
test_vga (void)
{
  Screen *screens[N_HEADS] = { NULL };
  g_autoptr (Bench) bench = bench_new_with (setup_vga, screens);
  g_autoptr (Surface) before = NULL;

  g_assert_cmphex (pci_bench_read_config (bench, 0, 4), ==, 0x10501af4);
  g_assert_cmphex (pci_bench_read_config (bench, 8, 4) >> 8, ==, 0x030000);
  for (unsigned n = 0, cap; (cap = pci_bench_capability (bench, 0x09, n)) != 0; n++)
    if (pci_bench_read_config (bench, cap + 3, 1) != 5)
      g_assert_cmpuint (pci_bench_read_config (bench, cap + 4, 1), ==, 4);
  svga_set_text_mode (bench_find (bench, "svga0"));
  before = screen_grab (screens[0], 20000);
  g_assert_true (is_text (before));
  g_assert_null (screen_grab (screens[1], 20000));
  g_assert_cmphex (bench_in8 (bench, 0x3cc), ==, 0x67);
  bench_round_trip_state (bench);
}

/* --- mad guests --- */

/* Commands that look right but for a number here and there. */
static void
fuzz_step (Bench *bench, GRand *rand, void *data)
{
  static const uint16_t types[] = { 0x100, 0x101, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106,
                                    0x107, 0x10a, 0x10c, 0x10d, 0x300, 0x301, 0x302 };
  static const uint32_t numbers[] = { 0, 1, 1, 2, 2, 3, 16, 64, 4096, 0x7fffffff, 0xffffffff };
  const bool cursor = g_rand_boolean (rand);
  GuestQueue queue;
  const GuestBuffer buffers[] = { { COMMAND, g_rand_int_range (rand, 0, 200), false },
                                  { REPLY, g_rand_int_range (rand, 0, 2048), true } };
  uint8_t *command = bench_memory (bench, COMMAND, 256);

  virtio_guest_fuzz_step (bench, rand, data);
  if (g_rand_int_range (rand, 0, 4) != 0)
    return;
  virtio_guest_negotiate (bench, F_VERSION_1 | F_BLOB);
  guest_queue_init (&queue, bench, cursor, 16, RINGS);
  virtio_guest_driver_ok (bench);
  for (unsigned n = 0; n < 10; n++)
    {
      memset (command, 0, 256);
      store_le32 (command, types[g_rand_int_range (rand, 0, G_N_ELEMENTS (types))]);
      for (unsigned i = 24; i < 200; i += 4)
        store_le32 (command + i, numbers[g_rand_int_range (rand, 0, G_N_ELEMENTS (numbers))]);
      if (g_rand_boolean (rand))
        store_le64 (command + 32, PIXELS);
      guest_queue_add (&queue, buffers, 2);
      guest_queue_kick (&queue);
      bench_settle (bench);
    }
}

static void
test_fuzz (void)
{
  g_autoptr (Bench) bench = bench_new_with (setup, NULL);

  bench_fuzz_with (bench, 57, 20000, fuzz_step, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-gpu/configuration", test_configuration);
  g_test_add_func ("/virtio-gpu/displays", test_displays);
  g_test_add_func ("/virtio-gpu/formats", test_formats);
  g_test_add_func ("/virtio-gpu/transfer", test_transfer);
  g_test_add_func ("/virtio-gpu/refuses", test_refuses);
  g_test_add_func ("/virtio-gpu/memory-is-bounded", test_memory_is_bounded);
  g_test_add_func ("/virtio-gpu/flush", test_flush);
  g_test_add_func ("/virtio-gpu/unref-of-shown", test_unref_of_shown);
  g_test_add_func ("/virtio-gpu/blob", test_blob);
  g_test_add_func ("/virtio-gpu/cursor", test_cursor);
  g_test_add_func ("/virtio-gpu/places", test_places);
  g_test_add_func ("/virtio-gpu/fence", test_fence);
  g_test_add_func ("/virtio-gpu/resize", test_resize);
  g_test_add_func ("/virtio-gpu/state", test_state);
  g_test_add_func ("/virtio-gpu/reset", test_reset);
  g_test_add_func ("/virtio-vga/vga", test_vga);
  g_test_add_func ("/virtio-gpu/fuzz", test_fuzz);
  return g_test_run ();
}
