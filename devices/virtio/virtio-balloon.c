/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-balloon.h"

#include "devices/virtio/virtio-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <stdlib.h>

/* virtio 1.2, section 5.5. */

#define QUEUE_SIZE 128u /* Linux reports free pages only where 32 ranges fit */
#define PAGE_SHIFT 12u  /* section 5.5.6: of the balloon's pages, whatever the guest's are */

/* Page numbers that are looked at in one go; of a chain with more than MAX_PAGES the rest is left with the
 * guest. Linux sends 256. */
#define PIECE     256u
#define MAX_PAGES 16384u

/* Chains that one kick may empty before others have the loop. */
#define CHAINS_PER_KICK 8u

/* How long a guest may take to tell its statistics. */
#define ANSWER_NS (INT64_C (1000) * 1000 * 1000)

/* Section 5.5.6.3: struct virtio_balloon_stat, packed. */
#define STAT_SIZE 10u
#define MAX_STATS 64u

/* Section 5.5.3. Not VIRTIO_BALLOON_F_FREE_PAGE_HINT: it spares a copy of memory what the guest has free at
 * that moment, and what is reported as free has no pages here to copy. */
enum {
  BALLOON_F_STATS_VQ = 1,
  BALLOON_F_DEFLATE_ON_OOM = 2,
  BALLOON_F_PAGE_POISON = 4,
  BALLOON_F_PAGE_REPORTING = 5,
};

/* Section 5.5.4, struct virtio_balloon_config. */
enum {
  CONFIG_NUM_PAGES = 0,
  CONFIG_ACTUAL = 4,
  CONFIG_POISON_VAL = 12,
  CONFIG_SIZE = 16,
};

typedef enum { ROLE_INFLATE, ROLE_DEFLATE, ROLE_STATS, ROLE_REPORT } Role;

typedef struct {
  BalloonFunc func;
  void *data;
} Query;

typedef struct {
  VirtioDevice virtio;
  LoopTimer *patience; /* runs while the guest was asked for statistics */
  GArray *queries;     /* of Query: who waits for them */
  bool asked;          /* the guest has its buffer and is to bring it back filled */
  uint64_t given;
  uint32_t num_pages, actual, poison_val;
  uint64_t stats[BALLOON_N_STATS];
} VirtioBalloon;

/* --- configuration --- */

static void
fill_config (VirtioBalloon *balloon)
{
  uint8_t *config = balloon->virtio.config;

  store_le32 (config + CONFIG_NUM_PAGES, balloon->num_pages);
  store_le32 (config + CONFIG_ACTUAL, balloon->actual);
  store_le32 (config + CONFIG_POISON_VAL, balloon->poison_val);
}

static void
balloon_config_write (VirtioDevice *vdev, unsigned offset, uint64_t value, unsigned size)
{
  VirtioBalloon *balloon = (VirtioBalloon *)vdev;

  if (offset == CONFIG_ACTUAL && size == 4)
    balloon->actual = (uint32_t)value;
  else if (offset == CONFIG_POISON_VAL && size == 4)
    balloon->poison_val = (uint32_t)value;
  else
    GUEST_ERROR (vdev, "%u bytes at %u of the configuration can't be written", size, offset);
  TRACE (vdev, "config", "actual=%u poison=0x%x", balloon->actual, balloon->poison_val);
  fill_config (balloon);
}

void
virtio_balloon_set_target (Device *device, uint64_t bytes)
{
  VirtioBalloon *balloon = (VirtioBalloon *)device;
  uint64_t most = guest_memory_ram_size (device->board->memory);
  uint32_t pages = (uint32_t)MIN (MIN (bytes, most) >> PAGE_SHIFT, UINT32_MAX);

  device_lock (device);
  if (pages != balloon->num_pages)
    {
      TRACE (device, "target", "pages=%u", pages);
      balloon->num_pages = pages;
      fill_config (balloon);
      virtio_config_changed (&balloon->virtio);
    }
  device_unlock (device);
}

/* --- pages that go --- */

static int
compare_pages (const void *a, const void *b)
{
  const uint32_t *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

/* Neighbours go together: fewer calls, and huge pages stay whole. */
static uint64_t
discard_pages (VirtioBalloon *balloon, uint32_t *pages, unsigned n)
{
  GuestMemory *memory = balloon->virtio.pci.device.board->memory;
  uint64_t given = 0;

  qsort (pages, n, sizeof pages[0], compare_pages);
  for (unsigned i = 0, end; i < n; i = end)
    {
      uint64_t size;

      for (end = i + 1; end < n && pages[end] <= pages[end - 1] + 1 && pages[end] != 0; end++)
        ;
      size = ((uint64_t)pages[end - 1] - pages[i] + 1) << PAGE_SHIFT;
      given += guest_memory_discard (memory, (uint64_t)pages[i] << PAGE_SHIFT, size);
    }
  return given;
}

/* Section 5.5.6.1: an array of 32-bit page numbers. */
static void
inflate (VirtioBalloon *balloon, const VirtqChain *chain)
{
  uint64_t n_pages = chain->out_size / sizeof (uint32_t), n = MIN (n_pages, MAX_PAGES), given = 0;
  uint32_t pages[PIECE];

  for (uint64_t i = 0; i < n; i += PIECE)
    {
      unsigned piece = (unsigned)MIN (n - i, PIECE);

      virtq_chain_read (chain, i * sizeof pages[0], pages, piece * sizeof pages[0]);
      for (unsigned k = 0; k < piece; k++)
        pages[k] = GUINT32_FROM_LE (pages[k]);
      given += discard_pages (balloon, pages, piece);
    }
  TRACE (balloon, "inflate", "pages=%" G_GUINT64_FORMAT " given=%" G_GUINT64_FORMAT, n_pages, given);
  if (given != n << PAGE_SHIFT || n != n_pages)
    GUEST_ERROR (balloon, "only %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " pages could be taken",
                 given >> PAGE_SHIFT, n_pages);
  balloon->given += given;
}

/* Section 5.5.6.7: the buffers themselves are the free memory. With PAGE_POISON the guest finds poison_val in
 * it again, or what was there: anything but 0 can only be left alone. */
static void
report (VirtioBalloon *balloon, const VirtqChain *chain)
{
  GuestMemory *memory = balloon->virtio.pci.device.board->memory;
  uint64_t given = 0;

  if (!virtio_has_feature (&balloon->virtio, BALLOON_F_PAGE_POISON) || balloon->poison_val == 0)
    for (unsigned i = chain->n_out; i < chain->n_out + chain->n_in; i++)
      given += guest_memory_discard_host (memory, chain->iov[i].iov_base, chain->iov[i].iov_len);
  TRACE (balloon, "report", "size=%" G_GUINT64_FORMAT " given=%" G_GUINT64_FORMAT, chain->in_size, given);
  balloon->given += given;
}

/* --- statistics --- */

static void
forget_stats (VirtioBalloon *balloon)
{
  for (unsigned i = 0; i < BALLOON_N_STATS; i++)
    balloon->stats[i] = BALLOON_STAT_UNKNOWN;
}

/* Tells all who wait. */
static void
answer (VirtioBalloon *balloon)
{
  const VirtioDevice *vdev = &balloon->virtio;
  bool live = virtio_is_live (vdev);
  BalloonStatus status = {
    .driver = live,
    .reporting = live && virtio_has_feature (vdev, BALLOON_F_PAGE_REPORTING),
    .target = (uint64_t)balloon->num_pages << PAGE_SHIFT,
    .size = (uint64_t)balloon->actual << PAGE_SHIFT,
    .given = balloon->given,
  };

  memcpy (status.stats, balloon->stats, sizeof status.stats);
  if (balloon->patience)
    loop_timer_cancel (balloon->patience);
  for (unsigned i = 0; i < balloon->queries->len; i++)
    {
      const Query *query = &g_array_index (balloon->queries, Query, i);

      query->func (&status, query->data);
    }
  g_array_set_size (balloon->queries, 0);
}

static void
patience_ended (Device *device)
{
  VirtioBalloon *balloon = (VirtioBalloon *)device;

  TRACE (balloon, "stats-late", "waiting=%u", balloon->queries->len);
  forget_stats (balloon);
  answer (balloon);
}

static void
read_stats (VirtioBalloon *balloon, const VirtqChain *chain)
{
  uint8_t stat[STAT_SIZE];

  forget_stats (balloon);
  for (unsigned i = 0; i < MAX_STATS; i++)
    {
      uint16_t tag;

      if (virtq_chain_read (chain, (uint64_t)i * STAT_SIZE, stat, STAT_SIZE) < STAT_SIZE)
        break;
      tag = load_le16 (stat);
      if (tag < BALLOON_N_STATS)
        balloon->stats[tag] = load_le64 (stat + 2);
    }
}

/* The queue of statistics, once there is one. */
static Virtq *
stats_queue (VirtioBalloon *balloon)
{
  Virtq *vq = &balloon->virtio.queues[ROLE_STATS];

  return virtio_has_feature (&balloon->virtio, BALLOON_F_STATS_VQ) && virtq_is_live (vq) ? vq : NULL;
}

/* Section 5.5.6.3: the guest leaves a buffer here. Giving it back asks for a new one. */
static bool
ask (VirtioBalloon *balloon)
{
  Virtq *vq = stats_queue (balloon);
  VirtqChain chain;

  if (vq == NULL || balloon->virtio.halted)
    return false;
  if (balloon->asked)
    return true;
  if (!virtq_pop (vq, &chain))
    return false;
  TRACE (balloon, "ask-stats", "size=%" G_GUINT64_FORMAT, chain.out_size);
  virtq_push (vq, &chain, 0);
  balloon->asked = true;
  virtq_notify (vq);
  return true;
}

static void
stats_arrived (VirtioBalloon *balloon, Virtq *vq)
{
  VirtqChain chain;

  if (!virtq_pop (vq, &chain))
    return;
  read_stats (balloon, &chain);
  virtq_park (vq, &chain);
  TRACE (balloon, "stats", "free=%" G_GUINT64_FORMAT, balloon->stats[BALLOON_STAT_FREE]);
  if (!balloon->asked)
    return;
  balloon->asked = false;
  answer (balloon);
}

void
virtio_balloon_query (Device *device, BalloonFunc func, void *data)
{
  VirtioBalloon *balloon = (VirtioBalloon *)device;
  const Query query = { func, data };

  device_lock (device);
  g_array_append_val (balloon->queries, query);
  if (!ask (balloon))
    {
      forget_stats (balloon);
      answer (balloon);
    }
  else if (balloon->queries->len == 1)
    loop_timer_arm (balloon->patience, g_get_monotonic_time () * 1000 + ANSWER_NS);
  device_unlock (device);
}

/* --- virtio --- */

/* Section 5.5.2 numbers the queues with gaps, drivers count those that both sides want: the one for free
 * pages follows the one for statistics, if that is there. */
static Role
role_of (const VirtioDevice *vdev, const Virtq *vq)
{
  if (vq->index == ROLE_STATS && !virtio_has_feature (vdev, BALLOON_F_STATS_VQ))
    return ROLE_REPORT;
  return (Role)vq->index;
}

static void
serve (VirtioBalloon *balloon, Role role, const VirtqChain *chain)
{
  if (role == ROLE_INFLATE)
    inflate (balloon, chain);
  else if (role == ROLE_REPORT && virtio_has_feature (&balloon->virtio, BALLOON_F_PAGE_REPORTING))
    report (balloon, chain);
  else
    TRACE (balloon, "deflate", "pages=%" G_GUINT64_FORMAT, chain->out_size / sizeof (uint32_t));
}

static void
balloon_kick (VirtioDevice *vdev, Virtq *vq)
{
  VirtioBalloon *balloon = (VirtioBalloon *)vdev;
  Role role = role_of (vdev, vq);
  VirtqChain chain;
  unsigned n = 0;

  if (role == ROLE_STATS)
    {
      stats_arrived (balloon, vq);
      return;
    }
  for (; n < CHAINS_PER_KICK && virtq_pop (vq, &chain); n++)
    {
      serve (balloon, role, &chain);
      virtq_push (vq, &chain, 0);
    }
  if (n == CHAINS_PER_KICK)
    virtq_kick_again (vq);
  virtq_notify (vq);
}

/* The owner's wish stays, the guest's balloon is empty. */
static void
balloon_virtio_reset (VirtioDevice *vdev)
{
  VirtioBalloon *balloon = (VirtioBalloon *)vdev;

  balloon->actual = balloon->poison_val = 0;
  balloon->asked = false;
  forget_stats (balloon);
  fill_config (balloon);
  answer (balloon);
}

static const VirtioClass balloon_virtio = {
  .id = VIRTIO_ID_BALLOON,
  .class_code = 0x00ff00,
  .kick = balloon_kick,
  .config_write = balloon_config_write,
  .reset = balloon_virtio_reset,
};

/* --- the device --- */

static bool
balloon_realize (Device *device, const void *config, GError **error)
{
  const VirtioBalloonConfig *balloon_config = config;
  VirtioBalloon *balloon = (VirtioBalloon *)device;
  VirtioDevice *vdev = &balloon->virtio;

  balloon->queries = g_array_new (FALSE, FALSE, sizeof (Query));
  balloon->patience = device_host_timer_new (device, patience_ended);
  forget_stats (balloon);
  if (!virtio_realize (vdev, &balloon_virtio, &balloon_config->place,
                       VIRTIO_FEATURE (BALLOON_F_STATS_VQ) | VIRTIO_FEATURE (BALLOON_F_DEFLATE_ON_OOM)
                         | VIRTIO_FEATURE (BALLOON_F_PAGE_POISON) | VIRTIO_FEATURE (BALLOON_F_PAGE_REPORTING),
                       error))
    return false;
  for (unsigned i = ROLE_INFLATE; i <= ROLE_REPORT; i++)
    virtio_add_queue (vdev, QUEUE_SIZE);
  vdev->config_size = CONFIG_SIZE;
  fill_config (balloon);
  return virtio_realized (vdev, error);
}

static void
balloon_unrealize (Device *device)
{
  VirtioBalloon *balloon = (VirtioBalloon *)device;

  device_timer_free (g_steal_pointer (&balloon->patience));
  if (balloon->queries)
    answer (balloon);
  virtio_unrealize (device);
  g_clear_pointer (&balloon->queries, g_array_unref);
}

/* A guest that stands still doesn't answer. */
static void
balloon_stopped (Device *device)
{
  virtio_stopped (device);
  answer ((VirtioBalloon *)device);
}

static void
balloon_after_load (void *object)
{
  fill_config (object);
}

static const StateField balloon_fields[] = {
  STATE_STRUCT (VirtioBalloon, virtio, &virtio_device_state, 1),
  STATE_BOOL (VirtioBalloon, asked, 1),
  STATE_U32 (VirtioBalloon, num_pages, 1),
  STATE_U32 (VirtioBalloon, actual, 1),
  STATE_U32 (VirtioBalloon, poison_val, 1),
  STATE_END,
};

static const StateTable balloon_state = {
  .name = "virtio-balloon",
  .version = 1,
  .fields = balloon_fields,
  .object_size = sizeof (VirtioBalloon),
  .after_load = balloon_after_load,
};

const DeviceClass virtio_balloon_class = {
  .id = "virtio-balloon",
  .size = sizeof (VirtioBalloon),
  .realize = balloon_realize,
  .unrealize = balloon_unrealize,
  .reset = virtio_reset,
  .stopped = balloon_stopped,
  .started = virtio_started,
  .state = &balloon_state,
};
