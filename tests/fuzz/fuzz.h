/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * A fuzz target. With -Dfuzz=true libFuzzer calls it for ever; in ordinary builds driver.c calls it
 * with a fixed number of inputs, as a test.
 */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/*
 * A target may have one, mutate-NAME.c: changes an input by what it means, in place if it returns @size. libFuzzer
 * calls it for every input, driver.c for half of them. It may call LLVMFuzzerMutate, which changes bytes.
 */
size_t LLVMFuzzerCustomMutator (uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate (uint8_t *data, size_t size, size_t max_size);
