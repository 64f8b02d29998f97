/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * A fuzz target. With -Dfuzz=true libFuzzer calls it for ever; in ordinary builds driver.c calls it
 * with a fixed number of inputs, as a test.
 */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
