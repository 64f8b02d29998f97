/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"

G_BEGIN_DECLS

/*
 * Long work on images that no machine uses: convert, compare, compact, rebase, commit, map.
 *
 * Each opens what it needs by path, blocks until it is done, and can be killed at any instant: what the image
 * held before is what it holds after, and running the job again finishes it.
 *
 * Threading: any thread that isn't a machine's loop; each call uses an event loop and workers of its own.
 * Errors: VMM_ERROR, or G_IO_ERROR_CANCELLED.
 */

/* How whoever waits for a job follows and ends it. All members may be NULL. */
typedef struct {
  GCancellable *cancellable;
  /* Bytes of the disk dealt with, of all of them. Any thread, one call at a time. */
  void (*progress) (uint64_t done, uint64_t total, void *data);
  void *data;
} ImageJob;

/* How an image is found. */
typedef struct {
  const char *path;
  const char *format;        /* (nullable): its content tells */
  const ImageSecret *secret; /* (nullable) */
} ImageSource;

/* --- convert --- */

typedef struct {
  ImageCreateOptions create; /* @format is needed; @size 0: the source's */
  bool compress;             /* clusters, by several threads at once */
  bool verify;               /* the finished image is read back and compared */
  bool replace;              /* a file of that name is replaced once the new one is complete */
  bool existing;             /* the target is there (a block device, an NBD export): overwrite its content */
} ImageConvert;

typedef struct {
  uint64_t copied; /* bytes read and written */
  uint64_t cloned; /* bytes that the file system shares between both */
  uint64_t zeroes; /* bytes that are holes in the target */
} ImageConverted;

/* Writes @source's content, of all its layers, as a new image. The target appears complete, on stable
 * storage, or not at all (unless @existing). Left-overs of a run that was killed are removed. @converted:
 * (nullable). */
bool image_convert (const ImageSource *source, const char *target, const ImageConvert *how,
                    const ImageJob *job, ImageConverted *converted, GError **error);

/* --- compare --- */

typedef enum {
  IMAGE_SAME,
  IMAGE_SIZE_DIFFERS, /* strict only: what one disk has beyond the other counts as zeroes else */
  IMAGE_CONTENT_DIFFERS,
  IMAGE_ALLOCATION_DIFFERS, /* strict only: one has data where the other has none */
} ImageDifference;

typedef struct {
  ImageDifference difference;
  uint64_t offset;  /* the first byte that differs */
  uint64_t size[2]; /* of the disks */
} ImageCompared;

/* Says where two disks differ first, whatever their formats. */
bool image_compare (const ImageSource *a, const ImageSource *b, bool strict, const ImageJob *job,
                    ImageCompared *compared, GError **error);

/* --- map --- */

/* Calls @func for each run of the disk that is of one kind, in order. @no_backing: the top layer alone. */
bool image_map (const ImageSource *source, bool no_backing, void (*func) (const ImageExtent *, void *),
                void *data, const ImageJob *job, GError **error);

/* The same of an image that is open, and may be in use: of what is written meanwhile either may be told. */
bool image_map_open (Image *image, void (*func) (const ImageExtent *, void *), void *data,
                     const ImageJob *job, GError **error);

/* --- compact --- */

typedef struct {
  uint64_t before, after; /* bytes that the image takes on the host */
  bool rewritten;         /* as a new file, which took the old one's place */
} ImageCompacted;

/* Gives back the space of clusters that hold zeroes, or nothing. The image stays of its format and keeps its
 * backing file. Formats that can't free space are written anew beside the old file, which they replace when
 * complete: that takes room for both. */
bool image_compact (const ImageSource *source, const ImageJob *job, ImageCompacted *compacted,
                    GError **error);

/* --- chains --- */

typedef struct {
  const char *backing_path;   /* the new one, as the image is to say it; NULL: none, the image stands alone */
  const char *backing_format; /* needed with @backing_path */
  bool unsafe; /* only the link: the disk's content changes unless both backings hold the same */
} ImageRebase;

/* Puts the image on another backing file. What the old and the new one hold differently is copied into the
 * image first, so that the disk's content stays. */
bool image_rebase (const ImageSource *source, const ImageRebase *how, const ImageJob *job, GError **error);

/* Writes what the image holds into its backing file, and empties the image. Images that share the backing
 * file see their content change. @keep: the image stays as it is. */
bool image_commit (const ImageSource *source, bool keep, const ImageJob *job, GError **error);

/* --- work on the layers of an image in use --- */

typedef enum {
  IMAGE_WORK_FLATTEN, /* the top gets what the layers below hold, and stands alone */
  IMAGE_WORK_COMMIT,  /* what the top holds goes to layer 1; the top stays, empty */
  IMAGE_WORK_MERGE,   /* what layer @layer holds goes to the one below, and it leaves the chain */
  IMAGE_WORK_REBASE,  /* the top lies on @backing_path from then on; the disk's content stays */
} ImageWorkKind;

typedef struct {
  ImageWorkKind kind;
  unsigned layer;     /* MERGE: 1 or more */
  char *layer_path;   /* MERGE: its file, as the image would say it, should another layer have that number by
                         now; or   NULL */
  char *backing_path; /* REBASE, as the image is to say it */
  char *backing_format; /* REBASE */
} ImageWork;

void image_work_clear (ImageWork *work);
const char *image_work_name (ImageWorkKind kind); /* "flatten", "commit", "merge", "rebase" */
bool image_work_find (const char *name, ImageWorkKind *kind);

/**
 * image_work_run:
 * @image: may be in use meanwhile: the work steps back for others' requests
 *
 * Blocking; not on the image's loop; one at a time for an image, and nothing else that changes its layers or
 * size.
 *
 * What is to be done is kept in a small file beside the image, ".NAME.work", as long as it isn't: a process
 * that was killed leaves image and file, whoever opens the image next finds the work with image_work_pending
 * and runs it again; whatever was moved needn't be moved twice. The file goes when the work is done or has
 * failed, not when it was cancelled (a machine that ends, say): image_work_forget gives it up for good.
 */
bool image_work_run (Image *image, const ImageWork *work, const ImageJob *job, GError **error);

/* What is left to be done with the image at @path. False: nothing. @work: to be cleared by the caller. */
bool image_work_pending (const char *path, ImageWork *work);
void image_work_forget (const char *path);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ImageWork, image_work_clear)

G_END_DECLS
