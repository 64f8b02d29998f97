/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "tests/bench-device/bench.h"

G_BEGIN_DECLS

/* What tests of disk controllers have in common: images, and files whose bytes are pattern_byte's. */

/* An image on the bench's loop; @format NULL: it says so itself. (transfer full) */
Image *bench_open_image (Bench *bench, const char *path, const char *format, bool read_only);

/* Guest memory at @address holds what the pattern has at @offset. */
void assert_memory_is_pattern (Bench *bench, uint64_t address, uint64_t offset, size_t size);

/* What lies in the file, without the device: @value only, or the pattern. */
void assert_file_is (const char *path, uint64_t offset, uint8_t value, size_t size);
void assert_file_is_pattern (const char *path, uint64_t offset, size_t size);

G_END_DECLS
