/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operating systems and their media, as libosinfo and Bonsai know them. */
#include "app/os/os-catalog.h"
#include "tests/app/iso-images.h"
#include "tests/app/scratch.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEBIAN "Debian 12.5.0 amd64 n"
#define MIB    (UINT64_C (1) << 20)

static OsCatalog *catalog;
static char *scratch;

/* (transfer full) */
static char *
make (const char *name, const char *label, bool bootable)
{
  char *path = g_build_filename (scratch, name, NULL);

  iso_image_make (path, label, bootable);
  return path;
}

static OsMedium *
identify (const char *path)
{
  g_autoptr (GError) error = NULL;
  OsMedium *medium = os_catalog_identify (catalog, path, NULL, &error);

  g_assert_no_error (error);
  return medium;
}

static void
test_systems (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (OsProfile) debian = os_catalog_find (catalog, "debian12", &error);
  g_autoptr (OsProfile) same = os_catalog_find (catalog, "http://debian.org/debian/12", NULL);
  g_autoptr (GPtrArray) list = os_catalog_list (catalog);
  g_autofree char *gaps = os_catalog_describe_gaps (catalog);

  g_assert_no_error (error);
  g_assert_null (gaps);
  g_assert_cmpstr (debian->name, ==, "Debian 12");
  g_assert_cmpstr (debian->distro, ==, "debian");
  g_assert_cmpstr (debian->icon, ==, "os-debian");
  g_assert_cmpuint (debian->memory_min, >=, 256 * MIB);
  g_assert_cmpuint (debian->memory, >=, debian->memory_min);
  g_assert_cmpuint (debian->disk, >=, debian->disk_min);
  g_assert_true (debian->virtio_disk && debian->virtio_net && debian->virtio_gpu && debian->e1000e);
  g_assert_true (debian->bios && debian->uefi);
  g_assert_cmpstr (same->short_id, ==, "debian12");
  g_assert_cmpuint (list->len, >, 100);
  g_assert_null (os_catalog_find (catalog, "none", &error));
  g_assert_cmpstr (error->message, ==, "No operating system is called “none”; see “bonsai create --list-os”");
}

/* What it lacks of drivers decides what a machine for it has. */
static void
test_windows (void)
{
  g_autoptr (OsProfile) windows = os_catalog_find (catalog, "win10", NULL);

  g_assert_nonnull (windows);
  g_assert_cmpstr (windows->family, ==, "winnt");
  g_assert_false (windows->virtio_disk || windows->virtio_net);
  g_assert_true (windows->e1000e);
}

static void
test_debian_medium (void)
{
  g_autofree char *path = make ("debian.iso", DEBIAN, true);
  g_autoptr (OsMedium) medium = identify (path);

  g_assert_cmpstr (medium->label, ==, DEBIAN);
  g_assert_nonnull (medium->os);
  g_assert_cmpstr (medium->os->id, ==, "http://debian.org/debian/12");
  g_assert_true (g_str_has_prefix (medium->title, "Debian 12"));
  g_assert_true (medium->bootable);
  g_assert_false (medium->live);
  g_assert_cmpuint (medium->restarts, ==, 1);
  g_assert_true (medium->needs_internet);
  g_assert_cmpuint (g_strv_length (medium->profiles), ==, 2);
  g_assert_cmpstr (medium->profiles[0], ==, "desktop");
  g_assert_cmpstr (medium->profiles[1], ==, "jeos");
}

static void
test_unknown_media (void)
{
  g_autofree char *path = make ("mine.iso", "MY_SYSTEM 1.0", true);
  g_autofree char *data = make ("data.iso", DEBIAN, false);
  g_autofree char *text = g_build_filename (scratch, "text.iso", NULL);
  g_autoptr (OsMedium) medium = identify (path);
  g_autoptr (OsMedium) unbootable = identify (data);
  g_autoptr (GError) error = NULL;

  g_assert_null (medium->os);
  g_assert_cmpstr (medium->title, ==, "MY_SYSTEM 1.0");
  g_assert_true (medium->bootable);
  g_assert_cmpuint (g_strv_length (medium->profiles), ==, 0);
  g_assert_false (unbootable->bootable);
  g_assert_true (g_file_set_contents (text, "no volume", -1, NULL));
  g_assert_null (os_catalog_identify (catalog, text, NULL, &error));
  g_assert_nonnull (strstr (error->message, "text.iso” is not an ISO image"));
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static void
test_scan (void)
{
  g_autofree char *folder = g_build_filename (scratch, "Downloads", NULL);
  g_autofree char *unknown = NULL, *new = NULL, *old = NULL, *data = NULL;
  g_autoptr (GAsyncResult) result = NULL, second = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GPtrArray) media = NULL;
  g_autoptr (GError) error = NULL;
  const char *const where[] = { folder, "/nowhere", NULL };

  g_assert_cmpint (g_mkdir (folder, 0755), ==, 0);
  unknown = make ("Downloads/a.iso", "A", true);
  old = make ("Downloads/b.iso", "Debian 11.2.0 amd64 n", true);
  new = make ("Downloads/c.ISO", DEBIAN, true);
  data = make ("Downloads/d.iso", "D", false);
  os_catalog_scan_async (catalog, where, NULL, keep_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  media = os_catalog_scan_finish (result, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (media->len, ==, 3);
  g_assert_cmpstr (((OsMedium *)media->pdata[0])->path, ==, new);
  g_assert_cmpstr (((OsMedium *)media->pdata[1])->path, ==, old);
  g_assert_cmpstr (((OsMedium *)media->pdata[2])->path, ==, unknown);

  g_cancellable_cancel (cancellable);
  os_catalog_scan_async (catalog, where, cancellable, keep_result, &second);
  while (second == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (os_catalog_scan_finish (second, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* --- unattended installation --- */

static OsExpress *
express_new (const char *profile)
{
  OsExpress *express = g_new (OsExpress, 1);

  *express = (OsExpress){
    .profile = g_strdup (profile),
    .user = g_strdup ("ada"),
    .real_name = g_strdup ("Ada Byron"),
    .password = g_strdup ("difference & <engine>"),
    .language = g_strdup ("de_DE"),
    .keyboard = g_strdup ("de"),
    .timezone = g_strdup ("Europe/Berlin"),
    .hostname = g_strdup ("analytical"),
  };
  return express;
}

static void
assert_has (const char *text, const char *line)
{
  if (strstr (text, line) == NULL)
    g_error ("“%s” isn't in:\n%s", line, text);
}

/* The answers of Debian's installer, appendix B of its guide; the password as a hash. */
static void
test_debian_answers (void)
{
  g_autofree char *path = make ("debian.iso", DEBIAN, true);
  g_autoptr (OsExpress) express = express_new ("jeos");
  g_autoptr (OsAnswers) answers = NULL;
  g_autoptr (GError) error = NULL;
  const OsAnswerFile *file;

  express->mirror = g_strdup ("http://10.0.2.2:8000/mirror");
  answers = os_catalog_answers (catalog, path, express, "/dev/vda", NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (answers->way, ==, OS_ANSWERS_INITRD);
  g_assert_cmpstr (answers->kernel, ==, "install.amd/vmlinuz");
  g_assert_cmpstr (answers->initrd, ==, "install.amd/initrd.gz");
  g_assert_cmpstr (answers->append, ==, "auto=true priority=critical quiet");
  g_assert_cmpuint (answers->files->len, ==, 1);
  file = answers->files->pdata[0];
  g_assert_cmpstr (file->name, ==, "preseed.cfg");
  assert_has (file->content, "d-i debian-installer/locale string de_DE.UTF-8\n");
  assert_has (file->content, "d-i keyboard-configuration/xkb-keymap select de\n");
  assert_has (file->content, "d-i netcfg/hostname string analytical\n");
  assert_has (file->content, "d-i passwd/user-fullname string Ada Byron\n");
  assert_has (file->content, "d-i passwd/username string ada\n");
  assert_has (file->content, "d-i passwd/user-password-crypted password $6$");
  assert_has (file->content, "d-i time/zone string Europe/Berlin\n");
  assert_has (file->content, "d-i partman-auto/disk string /dev/vda\n");
  assert_has (file->content, "d-i mirror/http/hostname string 10.0.2.2:8000\n");
  assert_has (file->content, "d-i mirror/http/directory string /mirror\n");
  g_assert_null (strstr (file->content, "difference"));

  g_free (express->mirror);
  express->mirror = g_strdup ("nowhere");
  g_assert_null (os_catalog_answers (catalog, path, express, "/dev/vda", NULL, &error));
  g_assert_nonnull (strstr (error->message, "“nowhere” is not a mirror's address"));
}

/* libosinfo's own scripts, for another system. */
static void
test_fedora_answers (void)
{
  g_autofree char *path = make ("fedora.iso", "Fedora-S-dvd-x86_64-36", true);
  g_autoptr (OsMedium) medium = identify (path);
  g_autoptr (OsExpress) express = express_new ("jeos");
  g_autoptr (OsAnswers) answers = NULL;
  g_autoptr (GError) error = NULL;
  const OsAnswerFile *file;

  g_assert_nonnull (medium->os);
  g_assert_cmpstr (medium->os->distro, ==, "fedora");
  answers = os_catalog_answers (catalog, path, express, "/dev/vda", NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (answers->way, ==, OS_ANSWERS_INITRD);
  file = answers->files->pdata[0];
  g_assert_cmpstr (file->name, ==, "fedora.ks");
  assert_has (file->content, "keyboard 'de'");
  assert_has (file->content, "timezone --utc Europe/Berlin");
  assert_has (answers->append, "fedora.ks");
}

static void
test_unattended_is_refused (void)
{
  g_autofree char *path = make ("mine.iso", "MY_SYSTEM 1.0", true);
  g_autoptr (OsExpress) express = express_new ("jeos");
  g_autoptr (GError) error = NULL;

  g_assert_null (os_catalog_answers (catalog, path, express, "/dev/vda", NULL, &error));
  g_assert_nonnull (strstr (error->message, "can't be installed by itself; install it by hand"));
}

/* --- files --- */

static void
test_files_from_media (void)
{
  g_autofree char *path = make ("debian.iso", DEBIAN, true);
  g_autofree char *to = g_build_filename (scratch, "vmlinuz", NULL);
  g_autofree char *content = NULL;
  g_autoptr (GError) error = NULL;
  struct stat st;

  os_catalog_extract (catalog, path, "install.amd/vmlinuz", to, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (to, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, "the kernel");
  g_assert_cmpint (stat (to, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  g_assert_false (os_catalog_extract (catalog, path, "install.amd/vmlinuz", to, NULL, &error));
  g_clear_error (&error);
  g_unlink (to);
  g_assert_false (os_catalog_extract (catalog, path, "elsewhere", to, NULL, &error));
  g_assert_nonnull (strstr (error->message, "lacks the file elsewhere"));
  g_assert_false (g_file_test (to, G_FILE_TEST_EXISTS));
}

static void
test_media_of_files (void)
{
  g_autoptr (OsAnswers) answers = os_answers_new ();
  g_autofree char *path = g_build_filename (scratch, "answers.iso", NULL);
  g_autofree char *to = g_build_filename (scratch, "autounattend.xml", NULL);
  g_autofree char *content = NULL;
  g_autoptr (OsMedium) medium = NULL;
  g_autoptr (GError) error = NULL;
  struct stat st;

  os_answers_add (answers, "autounattend.xml", "<unattend/>");
  os_answers_add (answers, "windows.cmd", "exit");
  os_catalog_write_iso (catalog, path, "ANSWERS", answers->files, &error);
  g_assert_no_error (error);
  g_assert_cmpint (stat (path, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  medium = identify (path);
  g_assert_cmpstr (medium->label, ==, "ANSWERS");
  g_assert_true (os_catalog_extract (catalog, path, "autounattend.xml", to, NULL, NULL));
  g_assert_true (g_file_get_contents (to, &content, NULL, NULL));
  g_assert_cmpstr (content, ==, "<unattend/>");
}

/* Without osinfo-db: a few systems are known, and the rest is said to be missing. */
static void
test_without_database (void)
{
  g_autoptr (OsCatalog) bare = NULL;
  g_autofree char *path = make ("debian.iso", DEBIAN, true);
  g_autofree char *gaps = NULL;
  g_autoptr (OsMedium) medium = NULL;

  g_setenv ("OSINFO_SYSTEM_DIR", "/nowhere", TRUE);
  bare = os_catalog_new ();
  gaps = os_catalog_describe_gaps (bare);
  g_unsetenv ("OSINFO_SYSTEM_DIR");
  g_assert_nonnull (strstr (gaps, "sudo apt install osinfo-db"));
  medium = os_catalog_identify (bare, path, NULL, NULL);
  g_assert_nonnull (medium);
  g_assert_nonnull (medium->os);
  g_assert_cmpstr (medium->os->name, ==, "Debian 12");
  g_assert_true (medium->os->virtio_disk);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  scratch = scratch_new ();
  catalog = os_catalog_new ();
  g_test_add_func ("/os/systems", test_systems);
  g_test_add_func ("/os/windows", test_windows);
  g_test_add_func ("/os/debian-medium", test_debian_medium);
  g_test_add_func ("/os/unknown-media", test_unknown_media);
  g_test_add_func ("/os/scan", test_scan);
  g_test_add_func ("/os/debian-answers", test_debian_answers);
  g_test_add_func ("/os/fedora-answers", test_fedora_answers);
  g_test_add_func ("/os/unattended-is-refused", test_unattended_is_refused);
  g_test_add_func ("/os/files-from-media", test_files_from_media);
  g_test_add_func ("/os/media-of-files", test_media_of_files);
  g_test_add_func ("/os/without-database", test_without_database);
  status = g_test_run ();
  os_catalog_unref (catalog);
  scratch_free (scratch);
  return status;
}
