/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"
#include "tests/bench-device/bench.h"

G_BEGIN_DECLS

/*
 * A PCI bus on a bench, and the guest's side of the function that was added last: BARs at
 * PCI_BENCH_BAR (n), INTA at GSI 16, MSI-X messages that name their vector.
 */
#define PCI_BENCH_BAR(n)      (UINT64_C (0xe0000000) + (n)*UINT64_C (0x100000))
#define PCI_BENCH_GSI         16u
#define PCI_BENCH_MSI_ADDRESS UINT64_C (0xfee00000)
#define PCI_BENCH_MSI_DATA(n) (0x40u + (n))

/* Makes the bus; from a BenchSetup. (transfer none) */
PciBus *pci_bench_bus_new (Bench *bench);

uint32_t pci_bench_read_config (Bench *bench, unsigned offset, unsigned size);
void pci_bench_write_config (Bench *bench, unsigned offset, uint32_t value, unsigned size);

/* Offset of the capability @id, the @nth of its kind (from 0); 0 if there is none. */
unsigned pci_bench_capability (Bench *bench, uint8_t id, unsigned nth);

/* Programs the BARs; memory decoding and bus mastering on. */
void pci_bench_map (Bench *bench);

/* Unmasks @n vectors of the table in BAR @bar and enables MSI-X. */
void pci_bench_enable_msix (Bench *bench, unsigned bar, unsigned n);
unsigned pci_bench_messages (Bench *bench, unsigned vector); /* so far */

/* For bench_fuzz_with: random accesses to BARs and, more rarely, to the configuration space. @data is unused.
 */
void pci_bench_fuzz_step (Bench *bench, GRand *rand, void *data);

G_END_DECLS
