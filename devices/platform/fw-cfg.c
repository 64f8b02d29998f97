/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/fw-cfg.h"

#include "vmm/base/bytes.h"

#include <inttypes.h>
#include <string.h>

#define N_SELECTORS (FW_CFG_FIRST_FILE + FW_CFG_MAX_FILES)

#define ID_TRADITIONAL (1u << 0)
#define ID_DMA         (1u << 1)

/* Offsets of the DMA address register's halves; reading it gives a signature. */
enum { PORT_SELECTOR = 0, PORT_DATA = 1, PORT_DMA = 4, PORT_DMA_LOW = 8 };
static const uint8_t dma_signature[8] = "QEMU CFG";

/* The control word of a DMA descriptor. */
enum {
  DMA_ERROR = 1 << 0,
  DMA_READ = 1 << 1,
  DMA_SKIP = 1 << 2,
  DMA_SELECT = 1 << 3,
  DMA_WRITE = 1 << 4,
};

/* In guest memory, big-endian. */
typedef struct {
  uint32_t control;
  uint32_t length;
  uint64_t address;
} DmaDescriptor;
G_STATIC_ASSERT (sizeof (DmaDescriptor) == 16);

typedef struct {
  uint32_t size; /* big-endian, as are the others */
  uint16_t selector;
  uint16_t reserved;
  char name[FW_CFG_NAME_SIZE];
} FileEntry;
G_STATIC_ASSERT (sizeof (FileEntry) == 64);

typedef struct {
  Device device;
  GBytes *items[N_SELECTORS];
  FileEntry files[FW_CFG_MAX_FILES];
  unsigned n_files;
  FwCfgRefresh refresh;
  void *refresh_data;

  uint16_t selector;
  uint32_t offset;
  uint64_t dma_address;
} FwCfg;

#define FW_CFG(object) ((FwCfg *)(object))

/* --- content --- */

static void
fw_cfg_set_item (FwCfg *self, uint16_t selector, GBytes *content)
{
  g_clear_pointer (&self->items[selector], g_bytes_unref);
  self->items[selector] = content;
}

void
fw_cfg_add_item (Device *device, uint16_t selector, const void *data, size_t size)
{
  g_assert (selector < FW_CFG_FIRST_FILE);
  fw_cfg_set_item (FW_CFG (device), selector, g_bytes_new (data, size));
}

void
fw_cfg_add_u16 (Device *device, uint16_t selector, uint16_t value)
{
  uint8_t bytes[2];

  store_le16 (bytes, value);
  fw_cfg_add_item (device, selector, bytes, sizeof bytes);
}

void
fw_cfg_add_u64 (Device *device, uint16_t selector, uint64_t value)
{
  uint8_t bytes[8];

  store_le64 (bytes, value);
  fw_cfg_add_item (device, selector, bytes, sizeof bytes);
}

static void
fw_cfg_update_directory (FwCfg *self)
{
  GByteArray *directory = g_byte_array_new ();
  uint8_t count[4];

  store_be32 (count, self->n_files);
  g_byte_array_append (directory, count, sizeof count);
  g_byte_array_append (directory, (const uint8_t *)self->files, self->n_files * sizeof self->files[0]);
  fw_cfg_set_item (self, FW_CFG_FILE_DIRECTORY, g_byte_array_free_to_bytes (directory));
}

void
fw_cfg_add_bytes (Device *device, const char *name, GBytes *content)
{
  FwCfg *self = FW_CFG (device);
  FileEntry *entry = &self->files[self->n_files];
  uint16_t selector = FW_CFG_FIRST_FILE + self->n_files;

  g_assert (self->n_files < FW_CFG_MAX_FILES && strlen (name) < FW_CFG_NAME_SIZE);
  self->n_files++;
  store_be32 (&entry->size, g_bytes_get_size (content));
  store_be16 (&entry->selector, selector);
  g_strlcpy (entry->name, name, sizeof entry->name);
  fw_cfg_set_item (self, selector, g_bytes_ref (content));
  fw_cfg_update_directory (self);
}

void
fw_cfg_add_file (Device *device, const char *name, const void *data, size_t size)
{
  g_autoptr (GBytes) content = g_bytes_new (data, size);

  fw_cfg_add_bytes (device, name, content);
}

void
fw_cfg_replace_file (Device *device, const char *name, GBytes *content)
{
  FwCfg *self = FW_CFG (device);

  for (unsigned i = 0; i < self->n_files; i++)
    if (g_str_equal (self->files[i].name, name))
      {
        store_be32 (&self->files[i].size, g_bytes_get_size (content));
        fw_cfg_set_item (self, FW_CFG_FIRST_FILE + i, g_bytes_ref (content));
        fw_cfg_update_directory (self);
      }
}

void
fw_cfg_set_refresh (Device *device, FwCfgRefresh func, void *data)
{
  FW_CFG (device)->refresh = func;
  FW_CFG (device)->refresh_data = data;
}

GBytes *
fw_cfg_find_file (Device *device, const char *name)
{
  FwCfg *self = FW_CFG (device);

  for (unsigned i = 0; i < self->n_files; i++)
    if (g_str_equal (self->files[i].name, name))
      return self->items[FW_CFG_FIRST_FILE + i];
  return NULL;
}

/* --- reading --- */

static void
fw_cfg_select (FwCfg *self, uint16_t selector)
{
  if (self->refresh)
    self->refresh (&self->device, self->refresh_data);
  self->selector = selector;
  self->offset = 0;
  TRACE (self, "select", "selector=0x%04x", selector);
}

/* What is left of the selected item: NULL with *@size 0 at its end. */
static const uint8_t *
fw_cfg_rest (const FwCfg *self, size_t *size)
{
  GBytes *item = self->selector < N_SELECTORS ? self->items[self->selector] : NULL;
  const uint8_t *data = item ? g_bytes_get_data (item, size) : NULL;

  if (!data || self->offset >= *size)
    {
      *size = 0;
      return NULL;
    }
  *size -= self->offset;
  return data + self->offset;
}

static uint8_t
fw_cfg_next_byte (FwCfg *self)
{
  size_t size;
  const uint8_t *rest = fw_cfg_rest (self, &size);

  if (!rest)
    return 0;
  self->offset++;
  return rest[0];
}

/* --- DMA --- */

/* Beyond its end an item reads as zeroes. */
static bool
fw_cfg_dma_read (FwCfg *self, uint64_t address, uint32_t length)
{
  static const uint8_t zeroes[4096];
  size_t available;
  const uint8_t *rest = fw_cfg_rest (self, &available);
  uint32_t copied = MIN (available, length);

  if (copied && !guest_write (self->device.board->memory, address, rest, copied))
    return false;
  self->offset += copied;
  while (copied < length)
    {
      uint32_t piece = MIN (length - copied, sizeof zeroes);

      if (!guest_write (self->device.board->memory, address + copied, zeroes, piece))
        return false;
      copied += piece;
    }
  return true;
}

static bool
fw_cfg_dma_transfer (FwCfg *self, uint32_t control, uint32_t length, uint64_t address)
{
  size_t available;

  if (control & DMA_SELECT)
    fw_cfg_select (self, control >> 16);
  if (control & DMA_READ)
    return fw_cfg_dma_read (self, address, length);
  if (control & DMA_WRITE)
    return length == 0;
  if (control & DMA_SKIP)
    {
      fw_cfg_rest (self, &available);
      self->offset += MIN (available, length);
    }
  return true;
}

static void
fw_cfg_run_dma (FwCfg *self)
{
  GuestMemory *memory = self->device.board->memory;
  uint64_t where = self->dma_address;
  DmaDescriptor descriptor;
  uint32_t result;
  bool ok;

  self->dma_address = 0;
  if (!guest_read (memory, where, &descriptor, sizeof descriptor))
    {
      GUEST_ERROR (self, "no DMA descriptor at 0x%" PRIx64, where);
      return;
    }
  ok = fw_cfg_dma_transfer (self, load_be32 (&descriptor.control), load_be32 (&descriptor.length),
                            load_be64 (&descriptor.address));
  if (!ok)
    GUEST_ERROR (self, "DMA to 0x%" PRIx64 " failed", load_be64 (&descriptor.address));
  store_be32 (&result, ok ? 0 : DMA_ERROR);
  guest_write (memory, where, &result, sizeof result);
}

/* --- ports --- */

static uint64_t
fw_cfg_read (Device *device, uint64_t offset, unsigned size)
{
  uint64_t value = 0;

  if (offset >= PORT_DMA)
    {
      if (offset + size > PORT_DMA + sizeof dma_signature)
        return 0;
      return load_le (dma_signature + (offset - PORT_DMA), size);
    }
  if (offset == PORT_DATA)
    for (unsigned i = 0; i < size; i++)
      value |= (uint64_t)fw_cfg_next_byte (FW_CFG (device)) << (8 * i);
  return value;
}

static void
fw_cfg_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  FwCfg *self = FW_CFG (device);

  if (offset == PORT_SELECTOR && size == 2)
    fw_cfg_select (self, value);
  else if (offset == PORT_DMA && size == 4)
    self->dma_address = (uint64_t)GUINT32_SWAP_LE_BE ((uint32_t)value) << 32;
  else if (offset == PORT_DMA_LOW && size == 4)
    {
      self->dma_address |= GUINT32_SWAP_LE_BE ((uint32_t)value);
      fw_cfg_run_dma (self);
    }
}

static const BusOps fw_cfg_ops = { .read = fw_cfg_read, .write = fw_cfg_write, .max_size = 4 };

/* --- life --- */

static bool
fw_cfg_realize (Device *device, const void *config, GError **error)
{
  uint8_t id[4];

  store_le32 (id, ID_TRADITIONAL | ID_DMA);
  fw_cfg_add_item (device, FW_CFG_SIGNATURE, "QEMU", 4);
  fw_cfg_add_item (device, FW_CFG_ID, id, sizeof id);
  fw_cfg_update_directory (FW_CFG (device));
  device_add_ports (device, &fw_cfg_ops, FW_CFG_PORT, FW_CFG_PORTS);
  return true;
}

static void
fw_cfg_unrealize (Device *device)
{
  for (unsigned i = 0; i < N_SELECTORS; i++)
    fw_cfg_set_item (FW_CFG (device), i, NULL);
}

static void
fw_cfg_reset (Device *device)
{
  fw_cfg_select (FW_CFG (device), 0);
  FW_CFG (device)->dma_address = 0;
}

static const StateField fw_cfg_fields[] = {
  STATE_U16 (FwCfg, selector, 1),
  STATE_U32 (FwCfg, offset, 1),
  STATE_U64 (FwCfg, dma_address, 1),
  STATE_END,
};

static const StateTable fw_cfg_state = {
  .name = "fw-cfg",
  .version = 1,
  .fields = fw_cfg_fields,
  .object_size = sizeof (FwCfg),
};

const DeviceClass fw_cfg_class = {
  .id = "fw-cfg",
  .size = sizeof (FwCfg),
  .realize = fw_cfg_realize,
  .unrealize = fw_cfg_unrealize,
  .reset = fw_cfg_reset,
  .state = &fw_cfg_state,
};
