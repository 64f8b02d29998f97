/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/jobs/jobs.h"

#include <string.h>

G_BEGIN_DECLS

/* --- many pieces, several at a time --- */

#define JOB_PIECE_SIZE  (512u << 10) /* what goes through a buffer at once, bytes: stays in the cache */
#define JOB_BUFFER_SIZE (2u << 20)   /* room for a cluster of any size */

typedef struct {
  uint64_t offset, length; /* of the disk */
  uint64_t skipped;        /* bytes before it that need nothing */
  uint64_t number;         /* from 0, in order */
  ImageExtent extent;      /* the job's, as the rest */
  int kind;
  int source;
} JobPiece;

typedef enum { JOB_PIECE, JOB_END, JOB_FAILED } JobNext;

/* What a worker has to itself: JOB_BUFFER_SIZE bytes each, aligned for O_DIRECT. */
typedef struct {
  uint8_t *buffer[2];
} JobWorker;

typedef struct {
  const ImageJob *job; /* (nullable) */
  uint64_t total;      /* bytes, for the progress */
  void *data;
  /* The next piece. One caller at a time. */
  JobNext (*next) (void *data, JobPiece *piece, GError **error);
  /* Deals with it. Several at a time, in any order. False stops everything; without @error: because another
   * piece failed. */
  bool (*work) (void *data, const JobPiece *piece, JobWorker *worker, GError **error);
} JobPieces;

/* Deals with all pieces. False: one failed (@error is the first), or the job was cancelled. */
bool job_pieces_run (const JobPieces *pieces, GError **error);

/* --- odds and ends --- */

/* One of several passes of a job: its progress is [base, base + length) of the whole's @total. */
typedef struct {
  const ImageJob *whole;
  uint64_t base, length, total;
} JobPass;

/* The job for a pass. @pass and what it points to must outlive it. */
ImageJob job_pass (const JobPass *pass);

bool job_is_cancelled (const ImageJob *job, GError **error);

/* "Can't read disk image “PATH” at byte N: cause". Returns: always false. */
bool job_set_io_error (GError **error, int result, const char *what, const Image *image, uint64_t offset);

/* As image_run, with an error that names the image. */
bool job_read (Image *image, uint64_t offset, void *buffer, uint64_t length, GError **error);
bool job_write (Image *image, uint64_t offset, const void *buffer, uint64_t length, GError **error);
bool job_write_zeroes (Image *image, uint64_t offset, uint64_t length, GError **error);
bool job_flush (Image *image, GError **error);
/* As image_run, for the kinds that need more said: @request's kind, range and so on. 0 or -errno. */
int job_request (Image *image, ImageRequest *request);
bool job_extent (Image *image, uint64_t offset, uint64_t length, ImageExtent *extent, GError **error);

/* Looks up one place after the other, and asks the image once for each extent: a file system may walk all of
 * it to say where it ends. Zeroes beyond the disk's end, and everywhere without an image. */
typedef struct {
  Image *image; /* (nullable) */
  ImageExtent extent;
} JobLook;

/* What lies at @offset, at most @length bytes of it. */
bool job_look (JobLook *look, uint64_t offset, uint64_t length, ImageExtent *extent, GError **error);

Image *job_open (EventLoop *loop, const ImageSource *source, ImageOptions options, GError **error);

/* Overlapping ranges make memcmp compare each byte with one before it, as fast as the C library can. */
static inline bool
job_is_zero (const uint8_t *data, size_t length)
{
  size_t head = MIN (length, 16);

  for (size_t i = 0; i < head; i++)
    if (data[i] != 0)
      return false;
  return length <= head || memcmp (data, data + head, length - head) == 0;
}

/* The length of the run of granules at @data that are all zero, or all not; *@zero says which. */
size_t job_zero_run (const uint8_t *data, size_t length, size_t granule, bool *zero);

/* Compares open images. @what_b: (nullable): how errors call the second. */
bool job_compare (Image *a, Image *b, bool strict, const ImageJob *job, ImageCompared *compared,
                  GError **error);

/* --- work-record.c --- */

bool job_work_record (const char *path, const ImageWork *work, GError **error);

/* --- job-files.c: images of several files --- */

/* The names of the further files, in its folder, of the image at @path, if it is one of several and its own
 * name begins theirs. (transfer full) */
GPtrArray *job_files_of (const char *path);
/* How names may begin of which @folder has none. (transfer full) */
char *job_files_stem (int folder, const char *name);

/* --- output that appears complete or not at all --- */

typedef struct {
  char *target; /* where it is to appear */
  char *folder; /* beside it: what isn't complete */
  char *path;   /* the image in @folder; the same name as @target */
  char *stem;   /* for names of further files: nothing beside @target has one of those */
  int fd;       /* @folder, locked */
} JobOutput;

/* Makes the folder; removes what a killed run left in it. BUSY if another run writes the same target. */
bool job_output_begin (JobOutput *output, const char *target, bool replace, GError **error);
/* Moves what is in the folder to its place, stable; further files that the old image had are removed. The
 * image must be closed and flushed. */
bool job_output_finish (JobOutput *output, bool replace, GError **error);
/* Removes what isn't in its place. */
void job_output_clear (JobOutput *output);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (JobOutput, job_output_clear)

G_END_DECLS
