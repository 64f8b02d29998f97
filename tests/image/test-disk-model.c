/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disks of every format, shape and depth are written and read at random beside a model in memory, and each
 * time the model, our check and the peer must agree; then the same with disks that the peer made.
 */
#include "tests/image/peer.h"
#include "tests/image/play.h"

typedef struct {
  const char *format;
  bool by_peer;     /* who makes the first layer */
  const char *over; /* format of layers on top of it, or NULL */
} Shape;

static void
step (Play *play, const Shape *shape)
{
  Run *run = play->run;

  switch (run_between (run, 0, 20))
    {
    case 0 ... 11:
      play_burst (play, run_once_in (run, 3) ? 1 : run_scale (run, 5));
      break;
    case 12 ... 13:
      play_close (play);
      play_open (play);
      break;
    case 14 ... 15:
      if (play->may_resize)
        play_resize (play);
      break;
    case 16:
      if (shape->over != NULL)
        play_push (play, shape->over);
      break;
    case 17:
      play_peer_writes (play, run_scale (run, 4));
      break;
    case 18:
      play_verify (play);
      break;
    case 19:
      play_compress (play, run_scale (run, 4));
      break;
    default:
      play_close (play);
      play_check (play);
      play_open (play);
    }
}

static void
push_some (Play *play, const Shape *shape)
{
  bool read_only = image_is_read_only (play->image);

  if (read_only)
    play_peer_writes (play, 16);
  for (unsigned depth = (unsigned)run_between (play->run, read_only, 2); depth > 0; depth--)
    {
      if (!image_is_read_only (play->image))
        play_burst (play, 8);
      play_push (play, shape->over);
    }
}

static void
run_writes (Run *run, const void *data)
{
  const Shape *shape = data;
  Play play;

  play_init (&play, run);
  if (shape->by_peer)
    play_create_by_peer (&play, shape->format);
  else
    play_create (&play, shape->format);
  if (shape->over != NULL)
    push_some (&play, shape);
  /* To unlock a disk takes seconds, by design. */
  for (unsigned steps = run_between (run, 2, play.passphrase != NULL ? 6 : 40); steps > 0; steps--)
    step (&play, shape);
  play_verify_with_peer (&play);
  play_clear (&play);
}

/* What the peer writes, we read. */
static void
run_reads (Run *run, const void *data)
{
  const Shape *shape = data;
  Play play;

  play_init (&play, run);
  play_create_by_peer (&play, shape->format);
  for (unsigned n = run_between (run, 1, 3); n > 0; n--)
    {
      play_peer_writes (&play, run_scale (run, 6));
      play_verify (&play);
    }
  play_verify_with_peer (&play);
  play_clear (&play);
}

static const Shape raw = { "raw", false, NULL };
static const Shape raw_chain = { "raw", false, "qcow2" };
static const Shape qcow2 = { "qcow2", false, "qcow2" };
static const Shape qcow2_peer = { "qcow2", true, "qcow2" };
static const Shape vhd = { "vhd", false, "qcow2" };
static const Shape vhd_differencing = { "vhd", false, "vhd" };
static const Shape vhd_peer = { "vhd", true, NULL };
static const Shape vdi = { "vdi", false, "qcow2" };
static const Shape vdi_peer = { "vdi", true, NULL };
static const Shape vmdk = { "vmdk", false, "qcow2" };
static const Shape vmdk_peer = { "vmdk", true, NULL };
static const Shape vhdx_chain = { "vhdx", true, "qcow2" };

static const RunCase cases[] = {
  { "raw", run_writes, &raw, 8 },
  { "raw-below-qcow2", run_writes, &raw_chain, 8 },
  { "qcow2", run_writes, &qcow2, 16 },
  { "qcow2-of-the-peer", run_writes, &qcow2_peer, 8 },
  { "vhd", run_writes, &vhd, 8 },
  { "vhd-differencing", run_writes, &vhd_differencing, 8 },
  { "vhd-of-the-peer", run_writes, &vhd_peer, 8 },
  { "vdi", run_writes, &vdi, 8 },
  { "vdi-of-the-peer", run_writes, &vdi_peer, 8 },
  { "vmdk", run_writes, &vmdk, 8 },
  { "vmdk-of-the-peer", run_writes, &vmdk_peer, 8 },
  { "vhdx-below-qcow2", run_writes, &vhdx_chain, 4 },
  { "reads-qcow2", run_reads, &qcow2_peer, 4 },
  { "reads-vhd", run_reads, &vhd_peer, 8 },
  { "reads-vdi", run_reads, &vdi_peer, 8 },
  { "reads-vmdk", run_reads, &vmdk_peer, 8 },
  { "reads-vhdx", run_reads, &vhdx_chain, 4 },
};

int
main (int argc, char **argv)
{
  return runner_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
