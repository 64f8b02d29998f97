/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A guest's program without a desktop: it sets a mode on each screen, paints, flips pages, shows a cursor,
 * and follows when the size that a screen prefers changes. Says "gpu: ..." on standard output.
 *
 *   gpu-modes show FLIPS RESIZES   all of that; ends after so many changes of size, when a key is typed
 *   gpu-modes rate FLIPS           flips pages of the first screen and says how fast
 */
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#define MAX_HEADS   4
#define CURSOR_SIDE 64

typedef struct {
  uint32_t handle, fb, width, height, pitch;
  uint64_t size;
  uint32_t *pixels;
} Buffer;

typedef struct {
  uint32_t connector, crtc;
  drmModeModeInfo mode;
  Buffer buffers[2];
  unsigned shown;
} Head;

static int card;
static Head heads[MAX_HEADS];
static unsigned n_heads, flips_done;

static void
die (const char *what)
{
  printf ("gpu: failed: %s: %m\n", what);
  exit (1);
}

static Buffer
make_buffer (uint32_t width, uint32_t height)
{
  struct drm_mode_create_dumb create = { .width = width, .height = height, .bpp = 32 };
  struct drm_mode_map_dumb map = { 0 };
  Buffer buffer = { .width = width, .height = height };

  if (drmIoctl (card, DRM_IOCTL_MODE_CREATE_DUMB, &create) != 0)
    die ("no buffer");
  buffer.handle = map.handle = create.handle;
  buffer.pitch = create.pitch;
  buffer.size = create.size;
  if (drmIoctl (card, DRM_IOCTL_MODE_MAP_DUMB, &map) != 0)
    die ("no place for the buffer");
  buffer.pixels = mmap (NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, card, map.offset);
  if (buffer.pixels == MAP_FAILED)
    die ("the buffer can't be mapped");
  if (drmModeAddFB (card, width, height, 24, 32, buffer.pitch, buffer.handle, &buffer.fb) != 0)
    die ("no frame buffer");
  return buffer;
}

static void
free_buffer (Buffer *buffer)
{
  struct drm_mode_destroy_dumb destroy = { .handle = buffer->handle };

  if (buffer->pixels == NULL)
    return;
  drmModeRmFB (card, buffer->fb);
  munmap (buffer->pixels, buffer->size);
  drmIoctl (card, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
  *buffer = (Buffer){ 0 };
}

/* Red tells the head, green the page, blue grows to the right; a white frame shows that the edges are in
 * place. */
static void
paint (const Buffer *buffer, unsigned head, unsigned page)
{
  for (uint32_t y = 0; y < buffer->height; y++)
    {
      uint32_t *line = (uint32_t *)((char *)buffer->pixels + (size_t)y * buffer->pitch);

      for (uint32_t x = 0; x < buffer->width; x++)
        line[x] = (head + 1) * 0x300000 | (page ? 0x8000 : 0x4000) | (x * 255 / (buffer->width - 1));
      line[0] = line[buffer->width - 1] = 0xffffff;
      if (y == 0 || y == buffer->height - 1)
        for (uint32_t x = 0; x < buffer->width; x++)
          line[x] = 0xffffff;
    }
}

static void
set_mode (unsigned i)
{
  Head *head = &heads[i];
  drmModeConnector *connector = drmModeGetConnector (card, head->connector);

  if (connector == NULL || connector->count_modes == 0)
    die ("a connector without modes");
  head->mode = connector->modes[0];
  for (int m = 0; m < connector->count_modes; m++)
    if (connector->modes[m].type & DRM_MODE_TYPE_PREFERRED)
      {
        head->mode = connector->modes[m];
        break;
      }
  drmModeFreeConnector (connector);
  for (unsigned page = 0; page < 2; page++)
    {
      free_buffer (&head->buffers[page]);
      head->buffers[page] = make_buffer (head->mode.hdisplay, head->mode.vdisplay);
      paint (&head->buffers[page], i, page);
    }
  head->shown = 0;
  if (drmModeSetCrtc (card, head->crtc, head->buffers[0].fb, 0, 0, &head->connector, 1, &head->mode) != 0)
    die ("the mode can't be set");
}

static void
find_heads (void)
{
  drmModeRes *resources = drmModeGetResources (card);

  if (resources == NULL)
    die ("no modes");
  for (int i = 0; i < resources->count_connectors && n_heads < MAX_HEADS; i++)
    {
      drmModeConnector *connector = drmModeGetConnector (card, resources->connectors[i]);

      if (connector->connection == DRM_MODE_CONNECTED && i < resources->count_crtcs)
        heads[n_heads++] = (Head){ .connector = connector->connector_id, .crtc = resources->crtcs[i] };
      drmModeFreeConnector (connector);
    }
  drmModeFreeResources (resources);
}

static void
flipped (int fd, unsigned frame, unsigned seconds, unsigned us, void *data)
{
  flips_done++;
}

static void
flip (Head *head)
{
  drmEventContext events = { .version = 2, .page_flip_handler = flipped };
  unsigned before = flips_done;

  head->shown ^= 1;
  if (drmModePageFlip (card, head->crtc, head->buffers[head->shown].fb, DRM_MODE_PAGE_FLIP_EVENT, NULL) != 0)
    die ("a page can't be flipped");
  while (flips_done == before)
    if (drmHandleEvent (card, &events) != 0)
      die ("no event");
}

static double
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void
flip_pages (unsigned heads_used, unsigned n)
{
  double start = now ();

  for (unsigned f = 0; f < n; f++)
    for (unsigned i = 0; i < heads_used; i++)
      flip (&heads[i]);
  printf ("gpu: flips %u in %.3f s\n", n, now () - start);
}

/* A square, half of it see-through: premultiplied, as DRM has it. */
static void
show_cursor (unsigned x, unsigned y)
{
  Buffer cursor = make_buffer (CURSOR_SIDE, CURSOR_SIDE);

  for (unsigned i = 0; i < CURSOR_SIDE * CURSOR_SIDE; i++)
    cursor.pixels[i] = i / CURSOR_SIDE < 32 ? 0xff00ff00 : 0;
  if (drmModeSetCursor2 (card, heads[0].crtc, cursor.handle, CURSOR_SIDE, CURSOR_SIDE, 5, 7) != 0
      || drmModeMoveCursor (card, heads[0].crtc, x, y) != 0)
    die ("no cursor");
  printf ("gpu: cursor\n");
}

static int
listen_for_hotplugs (void)
{
  struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
  int fd = socket (AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

  if (fd < 0 || bind (fd, (struct sockaddr *)&address, sizeof address) != 0)
    die ("no events from the kernel");
  return fd;
}

static bool
is_hotplug (const char *message, ssize_t size)
{
  for (ssize_t i = 0; i < size; i += strlen (message + i) + 1)
    if (strcmp (message + i, "HOTPLUG=1") == 0)
      return true;
  return false;
}

static void
follow (int fd, unsigned n)
{
  char message[4096];

  while (n > 0)
    {
      ssize_t size = recv (fd, message, sizeof message - 1, 0);

      if (size < 0)
        die ("no event");
      message[size] = '\0';
      if (!is_hotplug (message, size))
        continue;
      for (unsigned i = 0; i < n_heads; i++)
        {
          set_mode (i);
          printf ("gpu: resized %u to %ux%u\n", i, heads[i].mode.hdisplay, heads[i].mode.vdisplay);
        }
      n--;
    }
}

int
main (int argc, char **argv)
{
  int events;

  setlinebuf (stdout);
  card = open ("/dev/dri/card0", O_RDWR | O_CLOEXEC);
  if (card < 0)
    die ("/dev/dri/card0");
  drmSetMaster (card);
  events = listen_for_hotplugs ();
  find_heads ();
  for (unsigned i = 0; i < n_heads; i++)
    {
      set_mode (i);
      printf ("gpu: mode %u %ux%u\n", i, heads[i].mode.hdisplay, heads[i].mode.vdisplay);
    }
  if (argc == 3 && strcmp (argv[1], "rate") == 0)
    {
      flip_pages (1, atoi (argv[2]));
      return 0;
    }
  if (argc != 4)
    return 2;
  flip_pages (n_heads, atoi (argv[2]));
  show_cursor (100, 50);
  follow (events, atoi (argv[3]));
  getchar ();
  return 0;
}
