/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhd/vhd-private.h"
#include "devices/image/windows-path.h"

#include "vmm/base/error.h"

#include <string.h>
#include <sys/stat.h>

/* "Dynamic Disk Header Format", Parent Locator Entries: platform codes. */
enum {
  CODE_WI2R = 0x57693272, /* relative, in some code page; deprecated */
  CODE_WI2K = 0x5769326b,
  CODE_W2RU = 0x57327275, /* relative, UTF-16 */
  CODE_W2KU = 0x57326b75,
  CODE_MACX = 0x4d616358, /* file URL in UTF-8 */
};

static const uint32_t codes_best_first[] = { CODE_W2RU, CODE_WI2R, CODE_MACX, CODE_W2KU, CODE_WI2K };

/* --- reading --- */

static char *
decode_ansi (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *)data, size);

  if (g_utf8_validate (text, -1, NULL))
    return g_steal_pointer (&text);
  return g_convert (text, -1, "UTF-8", "WINDOWS-1252", NULL, NULL, NULL);
}

static char *
locator_path (uint32_t code, const uint8_t *data, size_t size)
{
  g_autofree char *text = NULL;

  if (code == CODE_MACX)
    {
      text = g_strndup ((const char *)data, size);
      return g_filename_from_uri (text, NULL, NULL);
    }
  text = code == CODE_WI2R || code == CODE_WI2K ? decode_ansi (data, size) : windows_text (data, size, false);
  return text != NULL ? windows_path_here (text) : NULL;
}

/* Appends where the locators of @code lead. */
static void
add_candidates (ImageLayer *layer, uint32_t code, GPtrArray *candidates)
{
  Vhd *vhd = layer->state;
  uint64_t file_size = store_size (layer->store);

  for (unsigned i = 0; i < VHD_N_LOCATORS; i++)
    {
      const uint8_t *locator = vhd->header + HEADER_LOCATORS + i * VHD_LOCATOR_SIZE;
      uint64_t offset = load_be64 (locator + LOCATOR_OFFSET);
      uint32_t length = load_be32 (locator + LOCATOR_LENGTH);
      g_autofree uint8_t *data = NULL;
      char *path;

      if (load_be32 (locator + LOCATOR_CODE) != code || length == 0 || length > VHD_MAX_LOCATOR_DATA
          || offset > file_size || length > file_size - offset)
        continue;
      data = g_malloc (length);
      if (store_read (layer->store, offset, data, length) < 0)
        continue;
      path = locator_path (code, data, length);
      if (path != NULL)
        g_ptr_array_add (candidates, path);
    }
}

static GPtrArray *
list_candidates (ImageLayer *layer)
{
  Vhd *vhd = layer->state;
  GPtrArray *candidates = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *name = windows_text (vhd->header + HEADER_PARENT_NAME, VHD_PARENT_NAME_SIZE, true);
  char *path = name != NULL ? windows_path_here (name) : NULL;

  for (unsigned i = 0; i < G_N_ELEMENTS (codes_best_first); i++)
    add_candidates (layer, codes_best_first[i], candidates);
  if (path != NULL)
    g_ptr_array_add (candidates, path);
  for (unsigned i = 0, n = candidates->len; i < n; i++)
    g_ptr_array_add (candidates, g_path_get_basename (g_ptr_array_index (candidates, i)));
  return candidates;
}

bool
vhd_read_parent_footer (ImageStore *store, const char *path, uint8_t *footer, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (store->path);
  g_autofree char *full = g_path_is_absolute (path) ? g_strdup (path) : g_build_filename (folder, path, NULL);
  const StoreOptions options = { .read_only = true };
  g_autoptr (ImageStore) parent = store_open (NULL, full, &options, error);
  bool tail_valid, head_valid;
  int result;

  if (parent == NULL)
    return false;
  result = vhd_read_footer (parent, footer, &tail_valid, &head_valid);
  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't read parent “%s”", full);
  if (!vhd_footer_is_valid (footer))
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "“%s” can't be the parent of a differencing VHD image: it is no VHD image", full);
      return false;
    }
  return true;
}

bool
vhd_find_parent (ImageLayer *layer, bool may_miss, GError **error)
{
  Vhd *vhd = layer->state;
  g_autoptr (GPtrArray) candidates = list_candidates (layer);
  const char *found = candidates->len > 0 ? g_ptr_array_index (candidates, 0) : NULL;

  if (found == NULL && (may_miss || layer->lenient))
    return true;
  if (found == NULL)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "VHD image “%s” is a differencing disk, but none of its parent locators can be read",
                   layer->store->path);
      return false;
    }
  for (guint i = 0; i < candidates->len; i++)
    {
      const char *path = g_ptr_array_index (candidates, i);
      uint8_t footer[VHD_FOOTER_SIZE];

      if (vhd_read_parent_footer (layer->store, path, footer, NULL)
          && memcmp (footer + FOOTER_UUID, vhd->header + HEADER_PARENT_UUID, 16) == 0)
        {
          found = path;
          break;
        }
    }
  layer->backing_path = g_strdup (found);
  layer->backing_format = g_strdup ("vhd");
  return true;
}

/* "Identification of the Parent Hard Disk Image". A stamp of 0 is what newer Windows writes: it says nothing.
 */
static bool
stamp_fits (const Vhd *vhd, const Vhd *parent, const char *path)
{
  uint32_t stamp = load_be32 (vhd->header + HEADER_PARENT_TIME);
  struct stat status;

  if (stamp == 0 || stamp == load_be32 (parent->footer + FOOTER_TIME) || stat (path, &status) != 0)
    return true;
  return ABS (status.st_mtime - VHD_EPOCH - (int64_t)stamp) <= 2; /* FAT's grain */
}

bool
vhd_check_backing (ImageLayer *layer, ImageLayer *below, GError **error)
{
  Vhd *vhd = layer->state, *parent = below->state;

  if (vhd->type != VHD_DIFFERENCING)
    return true;
  if (below->format != &image_vhd)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "VHD image “%s” is a differencing disk: its parent “%s” must be a VHD image, but is %s",
                   layer->store->path, below->store->path, below->format->name);
      return false;
    }
  if (memcmp (parent->footer + FOOTER_UUID, vhd->header + HEADER_PARENT_UUID, 16) != 0)
    {
      g_autofree char *wanted = vhd_uuid_text (vhd->header + HEADER_PARENT_UUID);
      g_autofree char *is = vhd_uuid_text (parent->footer + FOOTER_UUID);

      g_set_error (
        error, VMM_ERROR, VMM_ERROR_INVALID,
        "VHD image “%s” was made on a parent with unique id %s, but “%s” has %s; put the right file in its "
        "place, or name another with “bonsai disk rebase”",
        layer->store->path, wanted, below->store->path, is);
      return false;
    }
  if (!stamp_fits (vhd, parent, below->store->path))
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_INVALID,
        "VHD image “%s” does not fit its parent “%s” any more: the parent's time stamp is another, so it "
        "was changed or copied; if it was only copied, accept it with “bonsai disk rebase”",
        layer->store->path, below->store->path);
      return false;
    }
  return true;
}

/* --- writing --- */

/* (transfer full), or NULL if @path is no text */
static GBytes *
encode_utf16_le (const char *path)
{
  glong length;
  gunichar2 *text = g_utf8_to_utf16 (path, -1, NULL, &length, NULL);

  if (text == NULL)
    return NULL;
  for (glong i = 0; i < length; i++)
    text[i] = GUINT16_TO_LE (text[i]);
  return g_bytes_new_take (text, length * 2);
}

static void
add_locator (VhdLocators *locators, uint32_t code, GBytes *data)
{
  if (data == NULL || g_bytes_get_size (data) > VHD_MAX_LOCATOR_DATA)
    {
      g_clear_pointer (&data, g_bytes_unref);
      return;
    }
  locators->codes[locators->n] = code;
  locators->data[locators->n++] = data;
}

static void
encode_name (VhdLocators *locators, const char *path)
{
  g_autofree char *name = g_path_get_basename (path);
  glong length;
  g_autofree gunichar2 *text = g_utf8_to_utf16 (name, -1, NULL, &length, NULL);

  for (glong i = 0; text != NULL && i < length && i < (glong)VHD_PARENT_NAME_SIZE / 2 - 1; i++)
    store_be16 (locators->name + 2 * i, text[i]);
}

bool
vhd_make_locators (VhdLocators *locators, const char *path, GError **error)
{
  g_autofree char *windows = g_strdelimit (g_strdup (path), "/", '\\');

  *locators = (VhdLocators){ 0 };
  if (strchr (path, '\\') == NULL && g_path_is_absolute (path))
    {
      g_autofree char *uri = g_filename_to_uri (path, NULL, NULL);

      if (uri != NULL)
        add_locator (locators, CODE_MACX, g_bytes_new (uri, strlen (uri)));
      add_locator (locators, CODE_W2KU, encode_utf16_le (windows));
    }
  else if (strchr (path, '\\') == NULL)
    {
      g_autofree char *relative = g_strconcat (windows[0] == '.' ? "" : ".\\", windows, NULL);

      add_locator (locators, CODE_W2RU, encode_utf16_le (relative));
    }
  encode_name (locators, path);
  if (locators->n > 0)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "A VHD image can't name “%s” as its parent: Windows knows no such file name", path);
  return false;
}

void
vhd_clear_locators (VhdLocators *locators)
{
  for (unsigned i = 0; i < locators->n; i++)
    g_bytes_unref (locators->data[i]);
  locators->n = 0;
}

uint64_t
vhd_locators_size (const VhdLocators *locators)
{
  uint64_t size = 0;

  for (unsigned i = 0; i < locators->n; i++)
    size += vhd_round_up (g_bytes_get_size (locators->data[i]), VHD_SECTOR);
  return size;
}

void
vhd_set_parent (uint8_t *header, const VhdLocators *locators, const uint8_t *parent_uuid, uint64_t at)
{
  memcpy (header + HEADER_PARENT_UUID, parent_uuid, 16);
  store_be32 (header + HEADER_PARENT_TIME, 0);
  memcpy (header + HEADER_PARENT_NAME, locators->name, VHD_PARENT_NAME_SIZE);
  memset (header + HEADER_LOCATORS, 0, VHD_N_LOCATORS * VHD_LOCATOR_SIZE);
  for (unsigned i = 0; i < locators->n; i++)
    {
      uint8_t *locator = header + HEADER_LOCATORS + i * VHD_LOCATOR_SIZE;
      uint32_t length = g_bytes_get_size (locators->data[i]);

      store_be32 (locator + LOCATOR_CODE, locators->codes[i]);
      store_be32 (locator + LOCATOR_SPACE, vhd_round_up (length, VHD_SECTOR));
      store_be32 (locator + LOCATOR_LENGTH, length);
      store_be64 (locator + LOCATOR_OFFSET, at);
      at += vhd_round_up (length, VHD_SECTOR);
    }
  vhd_seal_header (header);
}

int
vhd_write_locators (ImageStore *store, const VhdLocators *locators, uint64_t at)
{
  int result = 0;

  for (unsigned i = 0; i < locators->n && result == 0; i++)
    {
      gsize length;
      const void *data = g_bytes_get_data (locators->data[i], &length);

      result = store_write (store, at, data, length);
      at += vhd_round_up (length, VHD_SECTOR);
    }
  return result;
}
