/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What libosinfo says about systems. */
#include "app/os/osinfo/osinfo-private.h"
#include "app/os/osinfo-resources.h"

#include <glib/gstdio.h>
#include <string.h>

#define RESOURCES "/org/bonsaivm/osinfo/"

/* What Bonsai knows itself, where libosinfo wants it; of systems, only what osinfo-db lacks. */
static const struct {
  const char *file, *os;
} own[] = {
  { "install-script/bonsaivm.org/debian-preseed-desktop.xml", NULL },
  { "install-script/bonsaivm.org/debian-preseed-jeos.xml", NULL },
  { "os/debian.org/debian-12.xml", "http://debian.org/debian/12" },
  { "os/debian.org/debian-13.xml", "http://debian.org/debian/13" },
};
static const char *const own_folders[] = { "install-script", "install-script/bonsaivm.org", "os",
                                           "os/debian.org" };

static bool
has_os (OsinfoDb *db, const char *id)
{
  OsinfoOs *os = osinfo_db_get_os (db, id);

  /* One that others derive from is there by its id alone. */
  return os != NULL && osinfo_product_get_name (OSINFO_PRODUCT (os)) != NULL;
}

static bool
put (const char *folder, const char *name, GError **error)
{
  g_autofree char *resource = g_strconcat (RESOURCES, name, NULL);
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GBytes) content = g_resource_lookup_data (osinfo_data_get_resource (), resource, 0, error);

  return content != NULL
         && g_file_set_contents (path, g_bytes_get_data (content, NULL), (gssize)g_bytes_get_size (content),
                                 error);
}

static void
remove_own (const char *folder)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (own); i++)
    {
      g_autofree char *path = g_build_filename (folder, own[i].file, NULL);

      g_unlink (path);
    }
  for (unsigned i = G_N_ELEMENTS (own_folders); i-- > 0;)
    {
      g_autofree char *path = g_build_filename (folder, own_folders[i], NULL);

      g_rmdir (path);
    }
  g_rmdir (folder);
}

/* libosinfo reads nothing but folders of files. */
static void
load_own (OsinfoLoader *loader, OsinfoDb *db, GError **error)
{
  g_autofree char *folder = g_dir_make_tmp ("bonsai-osinfo-XXXXXX", error);
  bool fine = folder != NULL;

  if (!fine)
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (own_folders); i++)
    {
      g_autofree char *path = g_build_filename (folder, own_folders[i], NULL);

      g_mkdir (path, 0700);
    }
  for (unsigned i = 0; fine && i < G_N_ELEMENTS (own); i++)
    if (own[i].os == NULL || !has_os (db, own[i].os))
      fine = put (folder, own[i].file, error);
  if (fine)
    osinfo_loader_process_path (loader, folder, error);
  remove_own (folder);
}

OsDatabase *
osinfo_database_open (void)
{
  g_autoptr (OsinfoLoader) loader = osinfo_loader_new ();
  OsDatabase *database = g_new0 (OsDatabase, 1);
  OsinfoDb *db = osinfo_loader_get_db (loader);
  g_autoptr (GError) error = NULL, flaw = NULL;
  g_autoptr (OsinfoOsList) list = NULL;

  osinfo_loader_process_default_path (loader, &error);
  if (error != NULL)
    g_info ("osinfo-db: %s", error->message);
  list = osinfo_db_get_os_list (db);
  database->is_complete = osinfo_list_get_length (OSINFO_LIST (list)) > 0;
  load_own (loader, db, &flaw);
  if (flaw != NULL)
    g_warning ("Bonsai's own data about operating systems: %s", flaw->message);
  database->db = g_object_ref (db);
  return database;
}

void
osinfo_database_close (OsDatabase *database)
{
  g_object_unref (database->db);
  g_free (database);
}

/* --- resources --- */

static bool
is_for_us (const char *architecture)
{
  return g_strcmp0 (architecture, "x86_64") == 0 || g_strcmp0 (architecture, "all") == 0;
}

/* What the list says for this kind of computer; libosinfo says -1 for what isn't known. */
static void
read_resources (OsinfoResourcesList *list, uint64_t *memory, uint64_t *disk, unsigned *cpus)
{
  int n = osinfo_list_get_length (OSINFO_LIST (list));

  for (int i = 0; i < n; i++)
    {
      OsinfoResources *resources = OSINFO_RESOURCES (osinfo_list_get_nth (OSINFO_LIST (list), i));
      const char *architecture = osinfo_resources_get_architecture (resources);

      if (!is_for_us (architecture) || (*memory > 0 && g_strcmp0 (architecture, "all") == 0))
        continue;
      *memory = (uint64_t)MAX (osinfo_resources_get_ram (resources), 0);
      *disk = (uint64_t)MAX (osinfo_resources_get_storage (resources), 0);
      *cpus = (unsigned)MAX (osinfo_resources_get_n_cpus (resources), 0);
    }
}

static void
read_all_resources (OsinfoOs *os, OsProfile *profile)
{
  g_autoptr (OsinfoResourcesList) least = osinfo_os_get_minimum_resources (os);
  g_autoptr (OsinfoResourcesList) good = osinfo_os_get_recommended_resources (os);

  read_resources (least, &profile->memory_min, &profile->disk_min, &profile->cpus_min);
  read_resources (good, &profile->memory, &profile->disk, &profile->cpus);
  profile->memory = MAX (profile->memory, profile->memory_min);
  profile->disk = MAX (profile->disk, profile->disk_min);
  profile->cpus = MAX (profile->cpus, profile->cpus_min);
}

/* --- devices --- */

/* By PCI vendor and device, as osinfo-db names them: virtio's transitional and modern ones. */
static void
read_device (const char *id, OsProfile *profile)
{
  static const char prefix[] = "http://pcisig.com/pci/";
  static const struct {
    const char *id;
    size_t member;
  } known[] = {
    { "1af4/1001", G_STRUCT_OFFSET (OsProfile, virtio_disk) },
    { "1af4/1042", G_STRUCT_OFFSET (OsProfile, virtio_disk) },
    { "1af4/1000", G_STRUCT_OFFSET (OsProfile, virtio_net) },
    { "1af4/1041", G_STRUCT_OFFSET (OsProfile, virtio_net) },
    { "1af4/1050", G_STRUCT_OFFSET (OsProfile, virtio_gpu) },
    { "8086/10d3", G_STRUCT_OFFSET (OsProfile, e1000e) },
  };

  if (id == NULL || !g_str_has_prefix (id, prefix))
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_str_equal (id + strlen (prefix), known[i].id))
      G_STRUCT_MEMBER (bool, profile, known[i].member) = true;
}

static void
read_devices (OsinfoOs *os, OsProfile *profile)
{
  g_autoptr (OsinfoDeviceList) list = osinfo_os_get_all_devices (os, NULL);
  int n = osinfo_list_get_length (OSINFO_LIST (list));

  for (int i = 0; i < n; i++)
    read_device (osinfo_entity_get_id (osinfo_list_get_nth (OSINFO_LIST (list), i)), profile);
}

static void
read_firmware (OsinfoOs *os, OsProfile *profile)
{
  g_autoptr (OsinfoFirmwareList) list = osinfo_os_get_complete_firmware_list (os, NULL);
  int n = osinfo_list_get_length (OSINFO_LIST (list));
  bool no_bios = false;

  for (int i = 0; i < n; i++)
    {
      OsinfoFirmware *firmware = OSINFO_FIRMWARE (osinfo_list_get_nth (OSINFO_LIST (list), i));
      const char *type = osinfo_firmware_get_firmware_type (firmware);

      if (g_strcmp0 (osinfo_firmware_get_architecture (firmware), "x86_64") != 0)
        continue;
      if (g_strcmp0 (type, "efi") == 0)
        profile->uefi = osinfo_firmware_is_supported (firmware);
      else if (g_strcmp0 (type, "bios") == 0)
        no_bios = !osinfo_firmware_is_supported (firmware);
    }
  /* osinfo-db names BIOS only where it is out of the question. */
  profile->bios = !no_bios;
}

/* --- profiles --- */

OsProfile *
osinfo_profile_of (OsinfoOs *os)
{
  OsProfile *profile = os_profile_new ();
  OsinfoProduct *product = OSINFO_PRODUCT (os);

  profile->id = g_strdup (osinfo_entity_get_id (OSINFO_ENTITY (os)));
  profile->short_id = g_strdup (osinfo_product_get_short_id (product));
  profile->name = g_strdup (osinfo_product_get_name (product));
  profile->vendor = g_strdup (osinfo_product_get_vendor (product));
  profile->family = g_strdup (osinfo_os_get_family (os));
  profile->distro = g_strdup (osinfo_os_get_distro (os));
  profile->icon = g_strdup_printf ("os-%s", profile->distro != NULL ? profile->distro : "unknown");
  read_all_resources (os, profile);
  read_devices (os, profile);
  read_firmware (os, profile);
  return profile;
}

typedef struct {
  OsinfoOs *os;
  int released; /* Julian day; 0: not known */
} Release;

static int
compare_releases (gconstpointer a, gconstpointer b)
{
  const Release *left = a, *right = b;

  if (left->released != right->released)
    return left->released < right->released ? 1 : -1;
  return g_strcmp0 (osinfo_product_get_name (OSINFO_PRODUCT (left->os)),
                    osinfo_product_get_name (OSINFO_PRODUCT (right->os)));
}

static void
free_profile (gpointer data)
{
  os_profile_unref (data);
}

GPtrArray *
osinfo_database_list (OsDatabase *database)
{
  GPtrArray *profiles = g_ptr_array_new_with_free_func (free_profile);
  g_autoptr (OsinfoOsList) list = osinfo_db_get_os_list (database->db);
  g_autoptr (GArray) releases = g_array_new (FALSE, FALSE, sizeof (Release));
  int n = osinfo_list_get_length (OSINFO_LIST (list));

  for (int i = 0; i < n; i++)
    {
      OsinfoOs *os = OSINFO_OS (osinfo_list_get_nth (OSINFO_LIST (list), i));
      GDate *date = osinfo_product_get_release_date (OSINFO_PRODUCT (os));
      Release release = { os, date != NULL ? (int)g_date_get_julian (date) : 0 };

      if (osinfo_product_get_name (OSINFO_PRODUCT (os)) != NULL)
        g_array_append_val (releases, release);
      g_clear_pointer (&date, g_date_free);
    }
  g_array_sort (releases, compare_releases);
  for (unsigned i = 0; i < releases->len; i++)
    g_ptr_array_add (profiles, osinfo_profile_of (g_array_index (releases, Release, i).os));
  return profiles;
}

static bool
has_short_id (OsinfoOs *os, const char *id)
{
  g_autoptr (GList) ids = osinfo_product_get_short_id_list (OSINFO_PRODUCT (os));

  return g_list_find_custom (ids, id, (GCompareFunc)g_strcmp0) != NULL;
}

OsProfile *
osinfo_database_find (OsDatabase *database, const char *id)
{
  g_autoptr (OsinfoOsList) list = osinfo_db_get_os_list (database->db);
  int n = osinfo_list_get_length (OSINFO_LIST (list));

  for (int i = 0; i < n; i++)
    {
      OsinfoEntity *entity = osinfo_list_get_nth (OSINFO_LIST (list), i);
      OsinfoOs *os = OSINFO_OS (entity);

      if (osinfo_product_get_name (OSINFO_PRODUCT (os)) != NULL
          && (g_str_equal (osinfo_entity_get_id (entity), id) || has_short_id (os, id)))
        return osinfo_profile_of (os);
    }
  return NULL;
}
