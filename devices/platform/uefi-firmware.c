/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/uefi-firmware.h"

#include "devices/image/file-lock.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKAGE             "ovmf"
#define MAX_DESCRIPTOR_SIZE (1 << 20)
#define MAX_NVRAM_SIZE      (8 << 20)

void
uefi_firmware_clear (UefiFirmware *firmware)
{
  g_clear_pointer (&firmware->code, g_free);
  g_clear_pointer (&firmware->variables, g_free);
}

/* Takes both paths. */
static bool
accept (UefiFirmware *firmware, char *code, char *variables)
{
  if (code && variables && g_file_test (code, G_FILE_TEST_IS_REGULAR)
      && g_file_test (variables, G_FILE_TEST_IS_REGULAR))
    {
      *firmware = (UefiFirmware){ code, variables };
      return true;
    }
  g_free (code);
  g_free (variables);
  return false;
}

/* --- descriptors: QEMU's docs/interop/firmware.json, section "Firmware" --- */

static JsonObject *
object_member (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;

  return node && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static JsonArray *
array_member (JsonObject *object, const char *name)
{
  JsonNode *node = object ? json_object_get_member (object, name) : NULL;

  return node && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static const char *
node_string (JsonNode *node)
{
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
           ? json_node_get_string (node)
           : NULL;
}

static const char *
string_member (JsonObject *object, const char *name)
{
  return node_string (object ? json_object_get_member (object, name) : NULL);
}

static bool
has_word (JsonArray *array, const char *word)
{
  for (unsigned i = 0; array && i < json_array_get_length (array); i++)
    if (g_strcmp0 (node_string (json_array_get_element (array, i)), word) == 0)
      return true;
  return false;
}

/* Whether a pattern such as "pc-q35-*" fits the newest machine of that family. */
static bool
is_for_q35 (JsonArray *targets)
{
  for (unsigned i = 0; targets && i < json_array_get_length (targets); i++)
    {
      JsonNode *node = json_array_get_element (targets, i);
      JsonObject *target = JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
      JsonArray *machines = array_member (target, "machines");

      if (g_strcmp0 (string_member (target, "architecture"), "x86_64") != 0)
        continue;
      for (unsigned m = 0; machines && m < json_array_get_length (machines); m++)
        {
          const char *pattern = node_string (json_array_get_element (machines, m));

          if (pattern && g_pattern_match_simple (pattern, "pc-q35-9.0"))
            return true;
        }
    }
  return false;
}

/* Two raw files for flash, one of which is copied for each machine. */
static bool
take_mapping (JsonObject *mapping, UefiFirmware *firmware)
{
  JsonObject *code = object_member (mapping, "executable");
  JsonObject *variables = object_member (mapping, "nvram-template");
  const char *mode = string_member (mapping, "mode");

  if (g_strcmp0 (string_member (mapping, "device"), "flash") != 0 || (mode && !g_str_equal (mode, "split"))
      || g_strcmp0 (string_member (code, "format"), "raw") != 0
      || g_strcmp0 (string_member (variables, "format"), "raw") != 0)
    return false;
  return accept (firmware, g_strdup (string_member (code, "filename")),
                 g_strdup (string_member (variables, "filename")));
}

static bool
take_descriptor (const char *path, bool secure_boot, UefiFirmware *firmware)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  JsonArray *features;
  JsonObject *root;
  struct stat status;

  if (stat (path, &status) < 0 || status.st_size > MAX_DESCRIPTOR_SIZE
      || !json_parser_load_from_file (parser, path, NULL) || !json_parser_get_root (parser)
      || !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser)))
    return false;
  root = json_node_get_object (json_parser_get_root (parser));
  features = array_member (root, "features");
  return has_word (array_member (root, "interface-types"), "uefi")
         && is_for_q35 (array_member (root, "targets")) && has_word (features, "secure-boot") == secure_boot
         && has_word (features, "requires-smm") == secure_boot
         && take_mapping (object_member (root, "mapping"), firmware);
}

/* Where the host's descriptors lie, the most important first. */
static GStrv
descriptor_folders (void)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  const char *const *system = g_get_system_data_dirs ();
  g_autofree char *own = g_build_filename (g_get_user_config_dir (), "qemu", "firmware", NULL);

  g_strv_builder_add (builder, own);
  g_strv_builder_add (builder, "/etc/qemu/firmware");
  for (unsigned i = 0; system[i]; i++)
    {
      g_autofree char *folder = g_build_filename (system[i], "qemu", "firmware", NULL);

      g_strv_builder_add (builder, folder);
    }
  g_strv_builder_add (builder, "/usr/share/qemu/firmware");
  return g_strv_builder_end (builder);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

/* A name is looked at where it first appears: an administrator replaces or empties it there. */
static bool
search_descriptors (bool secure_boot, UefiFirmware *firmware)
{
  g_auto (GStrv) folders = descriptor_folders ();
  g_autoptr (GHashTable) places = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();

  for (unsigned i = 0; folders[i]; i++)
    {
      g_autoptr (GDir) dir = g_dir_open (folders[i], 0, NULL);
      const char *name;

      while (dir && (name = g_dir_read_name (dir)))
        if (g_str_has_suffix (name, ".json") && !g_hash_table_contains (places, name))
          {
            char *key = g_strdup (name);

            g_hash_table_insert (places, key, g_build_filename (folders[i], name, NULL));
            g_ptr_array_add (names, key);
          }
    }
  g_ptr_array_sort (names, compare_names);
  for (unsigned i = 0; i < names->len; i++)
    if (take_descriptor (g_hash_table_lookup (places, names->pdata[i]), secure_boot, firmware))
      return true;
  return false;
}

/* --- places --- */

static bool
search_folders (const char *list, UefiFirmware *firmware)
{
  g_auto (GStrv) folders = g_strsplit (list ? list : "", ":", -1);

  for (unsigned i = 0; folders[i]; i++)
    if (*folders[i]
        && accept (firmware, g_build_filename (folders[i], "OVMF_CODE_4M.fd", NULL),
                   g_build_filename (folders[i], "OVMF_VARS_4M.fd", NULL)))
      return true;
  return false;
}

static bool
search_known_places (UefiFirmware *firmware)
{
  static const char *const known[][2] = {
    { "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd" },
    { "/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd" },
    { "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" },
    { "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" },
    { "/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (known); i++)
    if (accept (firmware, g_strdup (known[i][0]), g_strdup (known[i][1])))
      return true;
  return false;
}

bool
uefi_firmware_find (bool secure_boot, UefiFirmware *firmware, GError **error)
{
  *firmware = (UefiFirmware){ 0 };
  if ((!secure_boot && search_folders (g_getenv ("BONSAI_FIRMWARE_PATH"), firmware))
      || search_descriptors (secure_boot, firmware) || (!secure_boot && search_known_places (firmware)))
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "There is no UEFI firmware%s on this computer. Install the package \"" PACKAGE
               "\" (apt install " PACKAGE "), or name the folder of OVMF_CODE_4M.fd and OVMF_VARS_4M.fd in "
               "BONSAI_FIRMWARE_PATH.",
               secure_boot ? " with Secure Boot" : "");
  return false;
}

/* --- variables --- */

static GBytes *
read_all (int fd, const char *path, GError **error)
{
  struct stat status;
  g_autofree uint8_t *content = NULL;
  size_t done = 0, size;

  if (fstat (fd, &status) < 0)
    {
      vmm_set_errno_error (error, errno, "Can't read the UEFI variables in %s", path);
      return NULL;
    }
  size = (size_t)MIN (status.st_size, MAX_NVRAM_SIZE);
  content = g_malloc (size);
  while (done < size)
    {
      ssize_t n = pread (fd, content + done, size - done, (off_t)done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          vmm_set_errno_error (error, n < 0 ? errno : EIO, "Can't read the UEFI variables in %s", path);
          return NULL;
        }
      done += (size_t)n;
    }
  return g_bytes_new_take (g_steal_pointer (&content), size);
}

int
uefi_nvram_open (const char *path, GBytes *pristine, GBytes **content, GError **error)
{
  gsize size = g_bytes_get_size (pristine);
  int fd = open (path, O_RDWR | O_CLOEXEC);

  if (fd < 0 && errno == ENOENT)
    {
      if (!g_file_set_contents_full (path, g_bytes_get_data (pristine, NULL), (gssize)size,
                                     G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
                                     error))
        return -1;
      fd = open (path, O_RDWR | O_CLOEXEC);
    }
  if (fd < 0)
    {
      vmm_set_errno_error (error, errno, "Can't open the UEFI variables in %s", path);
      return -1;
    }
  *content = file_lock_take (fd, path, STORE_LOCK_EXCLUSIVE, error) ? read_all (fd, path, error) : NULL;
  if (*content && g_bytes_get_size (*content) == size)
    return fd;
  if (*content)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "The UEFI variables in %s are for a different firmware: the file has %" G_GSIZE_FORMAT
                 " bytes, not %" G_GSIZE_FORMAT ". Move it away to begin with fresh variables.",
                 path, g_bytes_get_size (*content), size);
  g_clear_pointer (content, g_bytes_unref);
  close (fd);
  return -1;
}
