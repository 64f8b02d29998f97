/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <string.h>

/* Every format that can be used, in the order of probing. Raw is what none of the others claims. */
static const ImageFormat *const formats[] = {
  &image_raw,
  &image_qcow2,
  &image_vhd,
  &image_vhdx,
  &image_vdi,
  &image_vmdk,
};

/* --- formats that are known by sight only: nobody must mistake them for raw --- */

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

/* QEMU's docs/interop/qed_spec: magic. */
static bool
is_qed (const ImageProbe *probe)
{
  return memcmp (probe->head, "QED\0", 4) == 0;
}

/* Parallels expandable image format: the two magics of its header. */
static bool
is_parallels (const ImageProbe *probe)
{
  return memcmp (probe->head, "WithoutFreeSpace", 16) == 0
         || memcmp (probe->head, "WithouFreSpacExt", 16) == 0;
}

static const struct {
  const char *name;
  bool (*probe) (const ImageProbe *probe);
} known[] = {
  { "qcow2", is_qcow },          { "VMDK", is_vmdk }, { "VHD", is_vhd },
  { "VHDX", is_vhdx },           { "VDI", is_vdi },   { "QED", is_qed },
  { "Parallels", is_parallels },
};

/* --- choosing --- */

const ImageFormat *
image_format_find (const char *name)
{
  /* What other programs call it, in the headers of their overlays too. */
  if (g_ascii_strcasecmp (name, "vpc") == 0)
    name = "vhd";
  else if (g_ascii_strcasecmp (name, "file") == 0 || g_ascii_strcasecmp (name, "host_device") == 0)
    name = "raw";
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    if (g_ascii_strcasecmp (formats[i]->name, name) == 0)
      return formats[i];
  return NULL;
}

static bool
read_probe (ImageStore *store, uint8_t *buffer, uint64_t offset, GError **error)
{
  int result = store_read (store, offset, buffer, IMAGE_PROBE_SIZE);

  return result == 0 || vmm_set_errno_error (error, -result, "Can't read disk image “%s”", store->path);
}

static const ImageFormat *
probe_store (ImageStore *store, bool *guessed_raw, GError **error)
{
  uint8_t head[IMAGE_PROBE_SIZE], tail[IMAGE_PROBE_SIZE];
  uint64_t size = store_size (store);
  const ImageProbe probe = { head, tail, size };

  if (!read_probe (store, head, 0, error)
      || !read_probe (store, tail, size - MIN (size, IMAGE_PROBE_SIZE), error))
    return NULL;
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    if (formats[i]->probe != NULL && formats[i]->probe (&probe))
      return formats[i];
  for (unsigned i = 0; i < G_N_ELEMENTS (known); i++)
    if (known[i].probe (&probe))
      {
        g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                     _ ("Disk image “%s” is a %s image, which can't be used; convert it to raw or qcow2 first"),
                     store->path, known[i].name);
        return NULL;
      }
  *guessed_raw = true;
  return &image_raw;
}

const ImageFormat *
image_format_choose (ImageStore *store, const char *name, bool *guessed_raw, GError **error)
{
  const ImageFormat *format;

  *guessed_raw = false;
  if (name == NULL)
    return probe_store (store, guessed_raw, error);
  format = image_format_find (name);
  if (format == NULL)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
      "Disk image “%s” is said to be of format “%s”, which is not known; convert it to raw or qcow2",
      store->path, name);
  return format;
}
