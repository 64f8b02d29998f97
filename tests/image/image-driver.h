/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"

G_BEGIN_DECLS

/*
 * Drives an image with random requests, many at a time, and compares what it reads with a model in memory.
 * Requests under way together never meet in a byte (but for reads), often in a cluster.
 */
#define DRIVER_MAX_SIZE (UINT64_C (8) << 20)

typedef struct ImageDriver ImageDriver;

/* @size: of the model that is in use at first; zeroes. */
ImageDriver *image_driver_new (EventLoop *loop, uint64_t size, guint32 seed);
void image_driver_free (ImageDriver *driver);

/* The model: DRIVER_MAX_SIZE bytes. */
uint8_t *image_driver_model (ImageDriver *driver);

/* Another disk, or size; nothing is under way. */
void image_driver_use (ImageDriver *driver, Image *image, uint64_t size);

/* @n_requests random ones, to their end. */
void image_driver_run (ImageDriver *driver, unsigned n_requests);

/* Compares the whole disk. */
void image_driver_read_all (ImageDriver *driver);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImageDriver, image_driver_free)

G_END_DECLS
