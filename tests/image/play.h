/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "tests/image/memory-store.h"
#include "tests/image/runner.h"

G_BEGIN_DECLS

#define PLAY_WINDOWS   3u
#define PLAY_MAX_DEPTH 5u

/*
 * A disk image that random things are done to, and what it must hold. Whatever differs ends the run.
 */
typedef struct {
  Run *run;
  EventLoop *loop;
  Image *image;       /* NULL: closed */
  char *path;         /* of the top layer */
  const char *format; /* ours */
  char *passphrase;   /* or NULL */
  Medium *model;      /* what the disk holds */
  GPtrArray *below;   /* of Medium: what each layer below showed when it became one */
  bool peer_reads;    /* the peer knows each layer's format */
  bool peer_leaks;    /* it wrote to the top layer, of a format in which it forgets what it frees */
  bool may_resize;
  unsigned n_files;
  uint64_t windows[PLAY_WINDOWS]; /* where things happen more often */
} Play;

void play_init (Play *play, Run *run);
void play_clear (Play *play);

/* A path for one more file, with @suffix. (transfer full) */
char *play_new_path (Play *play, const char *suffix);

/* --- play-create.c --- */

/* A size that @format can have. */
uint64_t play_draw_size (Play *play, const char *format);

/* A new image of @format with whatever options. By us / by the peer; the latter's @play->path is set, not
 * opened. */
void play_create (Play *play, const char *format);
void play_create_by_peer (Play *play, const char *format);

/* Another layer on top. False: the format can't have one. */
bool play_push (Play *play, const char *format);

/* --- play-steps.c --- */

void play_open (Play *play); /* with whatever options */
void play_close (Play *play);
void play_resize (Play *play);
void play_burst (Play *play, unsigned n); /* so many requests under way at once */
void play_peer_writes (Play *play, unsigned n);
void play_compress (Play *play, unsigned n); /* so many clusters, if the format can, and has any that are free */

/* --- play-verify.c --- */

/* The whole disk, read through its extents, is what the model holds. */
void play_verify (Play *play);

/* Our check finds nothing. */
void play_check (Play *play);

/* Closes the image; then checks, peer's check, compare and info, and a last look at the content. */
void play_verify_with_peer (Play *play);

ImageSecret play_secret (const Play *play);

G_END_DECLS
