/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-format.h"

#include "vmm/base/bytes.h"

#include <string.h>

/* QEMU's docs/interop/qcow2: bytes 0-3. */
static bool
is_qcow (const ImageProbe *probe)
{
  return memcmp (probe->head, "QFI\xfb", 4) == 0;
}

/* Virtual Disk Format 5.0: sparse extents' "KDMV", ESX server's "COWD", a descriptor file. */
static bool
is_vmdk (const ImageProbe *probe)
{
  return memcmp (probe->head, "KDMV", 4) == 0 || memcmp (probe->head, "COWD", 4) == 0
         || memcmp (probe->head, "# Disk DescriptorFile", 21) == 0;
}

/* Virtual Hard Disk Image Format Specification: the footer's cookie, which dynamic disks repeat up front. */
static bool
is_vhd (const ImageProbe *probe)
{
  return memcmp (probe->head, "conectix", 8) == 0 || memcmp (probe->tail, "conectix", 8) == 0;
}

/* [MS-VHDX] 2.2.1. */
static bool
is_vhdx (const ImageProbe *probe)
{
  return memcmp (probe->head, "vhdxfile", 8) == 0;
}

/* VirtualBox disk image, pre-header's signature. */
static bool
is_vdi (const ImageProbe *probe)
{
  return load_le32 (probe->head + 64) == 0xbeda107f;
}

static bool
is_qed (const ImageProbe *probe)
{
  return memcmp (probe->head, "QED\0", 4) == 0;
}

const ImageFormat image_foreign[] = {
  { .name = "qcow2", .probe = is_qcow }, { .name = "VMDK", .probe = is_vmdk },
  { .name = "VHD", .probe = is_vhd },    { .name = "VHDX", .probe = is_vhdx },
  { .name = "VDI", .probe = is_vdi },    { .name = "QED", .probe = is_qed },
};
const unsigned image_n_foreign = G_N_ELEMENTS (image_foreign);
