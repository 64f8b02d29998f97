/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/jobs/job-private.h"

G_BEGIN_DECLS

/* --- job-convert.c --- */

/* Writes @source's top layer alone as @how says, and puts that in its place. @backing: (nullable): where the
 * backing file that @how names is. */
bool job_rewrite (const ImageSource *source, const ImageConvert *how, const char *backing,
                  const ImageJob *job, GError **error);

/* --- job-clone.c: bytes that two files can share --- */

typedef struct JobCloner JobCloner;

/* For the raw image at @target. NULL: nothing can be shared with it. */
JobCloner *job_cloner_new (const char *target);
void job_cloner_free (JobCloner *cloner); /* NULL is ignored */

/* How much of the first @length bytes of @extent may be shared, 0: nothing; @source: for job_cloner_clone.
 * One caller at a time. */
uint64_t job_cloner_offer (JobCloner *cloner, const ImageExtent *extent, uint64_t length, int *source);
/* False: they must be copied. Any thread. */
bool job_cloner_clone (JobCloner *cloner, int source, const ImageExtent *extent, uint64_t length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (JobCloner, job_cloner_free)

/* --- job-compress.c: clusters that several threads compress and one writes --- */

typedef struct JobCompressor JobCompressor;

/* NULL with @error: @target's format can't. */
JobCompressor *job_compressor_new (Image *target, GError **error);
void job_compressor_free (JobCompressor *compressor); /* NULL is ignored */

unsigned job_compressor_cluster (const JobCompressor *compressor); /* bytes */

/* @data: whole clusters, zeroes beyond the disk's end, to lie at @offset; those that are zero are not
 * written. Pieces are written in the order of @number, from 0 and without gaps; waits for its turn. Returns
 * false also when another one failed. @zeroes: bytes that weren't written. Any thread. */
bool job_compressor_write (JobCompressor *compressor, uint64_t number, uint64_t offset, uint8_t *data,
                           size_t length, uint64_t *zeroes, GError **error);

/* Nobody waits for a turn any more: a piece failed before its turn came. */
void job_compressor_stop (JobCompressor *compressor);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (JobCompressor, job_compressor_free)

G_END_DECLS
