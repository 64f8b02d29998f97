/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drafts of machines, and installations that ask nothing. */
#include "app/bundle/bundle.h"
#include "app/draft/vm-draft.h"
#include "app/install/install-end.h"
#include "app/install/locale-choices.h"
#include "tests/app/iso-images.h"
#include "tests/app/scratch.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEBIAN "Debian 12.5.0 amd64 n"
#define MIB    (UINT64_C (1) << 20)
#define GIB    (UINT64_C (1) << 30)

static OsCatalog *catalog;
static char *scratch;

static const HostReport host = {
  .kind = HOST_KVM_HARDWARE,
  .n_cpus = 4,
  .max_vcpus = 16,
  .memory_total = 8 * GIB,
  .memory_available = 6 * GIB,
};

/* (transfer full) */
static char *
make_medium (const char *name, const char *label)
{
  char *path = g_build_filename (scratch, name, NULL);

  iso_image_make (path, label, true);
  return path;
}

static VmDraft *
draft_of (VmSource source, const char *path)
{
  VmDraft *draft = vm_draft_new (&host);
  g_auto (SourceLook) look = { 0 };

  vm_draft_set_source (draft, source, NULL);
  vm_draft_set_path (draft, path);
  source_look (&look, source, path, NULL, catalog, NULL);
  vm_draft_take_look (draft, &look);
  vm_draft_recommend (draft, &host);
  return draft;
}

static VmDraft *
draft_of_debian (void)
{
  g_autofree char *path = make_medium ("debian.iso", DEBIAN);
  VmDraft *draft = draft_of (VM_SOURCE_CDROM, path);

  vm_config_set (&draft->name, "Analytical Engine");
  return draft;
}

static void
assert_problem (const VmDraft *draft, VmDraftField field, const char *expected)
{
  g_autofree char *problem = vm_draft_find_problem (draft, &host, NULL, field);

  g_assert_cmpstr (problem, ==, expected);
}

/* --- what is recommended --- */

static void
test_recommended_for_debian (void)
{
  g_autoptr (VmDraft) draft = draft_of_debian ();
  g_autofree char *name = vm_draft_suggest_name (draft);

  g_assert_cmpstr (draft->os->short_id, ==, "debian12");
  g_assert_cmpstr (name, ==, "Debian 12");
  g_assert_cmpuint (draft->memory, ==, draft->os->memory);
  g_assert_cmpuint (draft->disk, >=, draft->os->disk);
  g_assert_cmpuint (draft->cpus, ==, 2);
  g_assert_false (draft->uefi);
  g_assert_cmpint (draft->bus, ==, DISK_BUS_VIRTIO);
  g_assert_cmpint (draft->nic, ==, NIC_MODEL_VIRTIO);
  g_assert_cmpint (draft->graphics, ==, GRAPHICS_VIRTIO);
}

/* A system without virtio's drivers gets what it has drivers for. */
static void
test_recommended_for_windows (void)
{
  g_autoptr (VmDraft) draft = vm_draft_new (&host);
  g_autoptr (OsProfile) windows = os_catalog_find (catalog, "win10", NULL);

  vm_draft_set_os (draft, windows);
  vm_draft_recommend (draft, &host);
  g_assert_cmpint (draft->bus, ==, DISK_BUS_AHCI);
  g_assert_cmpint (draft->nic, ==, NIC_MODEL_E1000E);
  g_assert_cmpint (draft->graphics, ==, GRAPHICS_VGA);
}

/* On a small host a system gets half of the memory, or what it needs at least. */
static void
test_recommended_on_small_hosts (void)
{
  HostReport small = host;
  g_autoptr (VmDraft) draft = draft_of_debian ();

  small.memory_total = 2 * GIB;
  vm_draft_recommend (draft, &small);
  g_assert_cmpuint (draft->memory, ==, 1 * GIB);
  small.memory_total = 600 * MIB;
  vm_draft_recommend (draft, &small);
  g_assert_cmpuint (draft->memory, ==, draft->os->memory_min);
}

static void
test_unknown_medium (void)
{
  g_autofree char *path = make_medium ("mine.iso", "MINE");
  g_autoptr (VmDraft) draft = draft_of (VM_SOURCE_CDROM, path);
  g_autofree char *name = vm_draft_suggest_name (draft);

  g_assert_null (draft->os);
  g_assert_cmpstr (name, ==, "mine");
  g_assert_true (vm_draft_check_source (draft, NULL));
  g_assert_false (vm_draft_can_express (draft));
  g_assert_cmpuint (draft->disk, ==, 20 * GIB);
}

/* --- checks --- */

static void
test_problems (void)
{
  g_autoptr (VmDraft) draft = draft_of_debian ();
  g_autofree char *advice = NULL;

  for (unsigned i = 0; i < VM_DRAFT_N_FIELDS; i++)
    assert_problem (draft, i, NULL);
  vm_config_set (&draft->name, " ");
  assert_problem (draft, VM_DRAFT_NAME, "Give the machine a name.");
  vm_config_set (&draft->name, "a\tb");
  assert_problem (draft, VM_DRAFT_NAME, "A name can't have line breaks or tabs.");
  draft->memory = 9 * GIB;
  assert_problem (draft, VM_DRAFT_MEMORY, "The machine wants 9G of memory, this host has 8G; give it less");
  draft->cpus = 17;
  assert_problem (draft, VM_DRAFT_CPUS,
                  "The machine wants 17 processors, this host's KVM gives at most 16; give it fewer");
  draft->express = true;
  draft->disk = 0;
  assert_problem (draft, VM_DRAFT_DISK, "The system needs a disk to be installed on.");
  assert_problem (draft, VM_DRAFT_EXPRESS, "Choose a password.");
  draft->memory = 64 * MIB;
  advice = vm_draft_find_advice (draft, &host, VM_DRAFT_MEMORY);
  g_assert_true (g_str_has_prefix (advice, "Debian 12 needs at least "));
}

static void
test_sources (void)
{
  g_autofree char *disk = g_build_filename (scratch, "disk.img", NULL);
  g_autofree char *iso = make_medium ("guess.iso", "X");
  g_autoptr (VmDraft) nowhere = draft_of (VM_SOURCE_CDROM, "/nowhere.iso");
  g_autoptr (VmDraft) network = vm_draft_new (&host);
  g_autoptr (VmConfig) config = NULL;

  g_assert_true (g_file_set_contents (disk, scratch, -1, NULL));
  g_assert_cmpint (truncate (disk, 1 * (off_t)MIB), ==, 0);
  g_assert_cmpint (source_guess (iso), ==, VM_SOURCE_CDROM);
  g_assert_cmpint (source_guess (disk), ==, VM_SOURCE_DISK);
  g_assert_cmpint (source_guess ("/nowhere"), ==, -1);
  g_assert_cmpint (source_guess ("/dev"), ==, -1);
  assert_problem (nowhere, VM_DRAFT_SOURCE, "Can't open “/nowhere.iso”: No such file or directory");

  vm_draft_set_source (network, VM_SOURCE_NETWORK, NULL);
  vm_draft_recommend (network, &host);
  vm_config_set (&network->name, "Netboot");
  config = vm_draft_to_config (network, NULL);
  g_assert_nonnull (config);
  g_assert_cmpstr (config->boot_order[0], ==, "disk0");
  g_assert_cmpstr (config->boot_order[1], ==, "net0");
  g_assert_null (config->boot_order[2]);
}

static void
set (OsExpress *answers, ExpressField field, const char *value)
{
  char **members[] = {
    [EXPRESS_USER] = &answers->user,         [EXPRESS_REAL_NAME] = &answers->real_name,
    [EXPRESS_PASSWORD] = &answers->password, [EXPRESS_HOSTNAME] = &answers->hostname,
    [EXPRESS_LANGUAGE] = &answers->language, [EXPRESS_KEYBOARD] = &answers->keyboard,
    [EXPRESS_TIMEZONE] = &answers->timezone, [EXPRESS_PRODUCT_KEY] = &answers->product_key,
    [EXPRESS_MIRROR] = &answers->mirror,
  };

  vm_config_set (members[field], value);
}

/* What could end a line of an installer's answers, or isn't what it should be, is refused. */
static void
test_express_fields (void)
{
  static const struct {
    ExpressField field;
    const char *bad[6], *good[4];
  } cases[] = {
    { EXPRESS_USER, { "", "Ada", "1a", "a b", "root", "a\nd-i" }, { "ada", "ada-b_2" } },
    { EXPRESS_REAL_NAME, { "a\nb", "a:b", "$HOME" }, { "", "Ada Byron", "Žluťoučký" } },
    { EXPRESS_PASSWORD, { "", "a\nb" }, { "p", "a b & 'c'" } },
    { EXPRESS_HOSTNAME, { "", "-a", "a-", "a.b", "a b" }, { "a", "web-2" } },
    { EXPRESS_LANGUAGE, { "", "xx_XX", "de_DE\n" }, { "de_DE", "zh_CN" } },
    { EXPRESS_KEYBOARD, { "", "de\n", "a b" }, { "de", "us" } },
    { EXPRESS_TIMEZONE, { "", "/etc/passwd", "A//B", "a b" }, { "Europe/Berlin", "Etc/GMT+1" } },
    { EXPRESS_MIRROR, { "ftp://a", "http://", "nowhere" }, { "", "http://a/debian" } },
  };
  g_autoptr (VmDraft) draft = draft_of_debian ();

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      for (unsigned k = 0; k < 6 && cases[i].bad[k] != NULL; k++)
        {
          g_autofree char *problem = NULL;

          set (draft->answers, cases[i].field, cases[i].bad[k]);
          problem = express_find_problem (draft->answers, draft->look.medium, cases[i].field);
          if (problem == NULL)
            g_error ("“%s” is taken", cases[i].bad[k]);
        }
      for (unsigned k = 0; k < 4 && cases[i].good[k] != NULL; k++)
        {
          g_autofree char *problem = NULL;

          set (draft->answers, cases[i].field, cases[i].good[k]);
          problem = express_find_problem (draft->answers, draft->look.medium, cases[i].field);
          g_assert_cmpstr (problem, ==, NULL);
        }
    }
  g_assert_true (express_check (draft->answers, draft->look.medium, NULL));
}

static void
test_choices (void)
{
  g_autoptr (GPtrArray) languages = locale_list_languages ();
  g_autoptr (GPtrArray) keyboards = locale_list_keyboards ();
  g_autoptr (GPtrArray) zones = locale_list_timezones ();
  g_autofree char *language = locale_host_language ();
  g_autofree char *keyboard = locale_host_keyboard ();
  g_autofree char *zone = locale_host_timezone ();

  for (unsigned i = 0; i < languages->len; i++)
    g_assert_true (locale_has_language (((LocaleChoice *)languages->pdata[i])->id));
  for (unsigned i = 0; i < keyboards->len; i++)
    g_assert_true (locale_is_keyboard (((LocaleChoice *)keyboards->pdata[i])->id));
  for (unsigned i = 0; i < zones->len; i++)
    g_assert_true (locale_is_timezone (((LocaleChoice *)zones->pdata[i])->id));
  g_assert_cmpuint (zones->len, >, 1);
  g_assert_true (locale_has_language (language));
  g_assert_true (locale_is_keyboard (keyboard));
  g_assert_true (locale_is_timezone (zone));
}

/* --- making machines --- */

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static BonsaiVm *
create (const VmDraft *draft, BonsaiLibrary *library, GCancellable *cancellable, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  vm_draft_create_async (draft, library, catalog, NULL, NULL, cancellable, keep_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return vm_draft_create_finish (result, error);
}

static BonsaiLibrary *
open_library (const char *name)
{
  g_autofree char *folder = g_build_filename (scratch, name, NULL);
  BonsaiLibrary *library = bonsai_library_new (folder, NULL);

  g_assert_nonnull (library);
  return library;
}

static bool
holds (const char *bundle, const char *name)
{
  g_autofree char *path = g_build_filename (bundle, name, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* The installer's files lie in the bundle for nobody else; the answers follow the medium's own initial RAM
 * disk. */
static void
test_express_machine (void)
{
  g_autoptr (BonsaiLibrary) library = open_library ("express");
  g_autoptr (VmDraft) draft = draft_of_debian ();
  g_autoptr (BonsaiVm) vm = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *initrd = NULL, *folder = NULL, *content = NULL, *json = NULL;
  const VmConfig *config;
  struct stat st;
  gsize length;

  draft->express = true;
  set (draft->answers, EXPRESS_PASSWORD, "hush");
  set (draft->answers, EXPRESS_USER, "ada");
  vm = create (draft, library, NULL, &error);
  g_assert_no_error (error);
  config = bonsai_vm_get_config (vm);
  g_assert_cmpstr (config->install.system, ==, "Debian 12");
  g_assert_cmpuint (config->install.restarts, ==, 1);
  g_assert_cmpstr (config->os, ==, "http://debian.org/debian/12");
  g_assert_cmpstr (config->kernel, ==, "install/vmlinuz");
  g_assert_cmpstr (((VmDisk *)config->disks->pdata[0])->id, ==, "disk0");

  folder = g_build_filename (bonsai_vm_get_path (vm), VM_INSTALL_FOLDER, NULL);
  g_assert_cmpint (stat (folder, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0700);
  initrd = g_build_filename (folder, "initrd.img", NULL);
  g_assert_cmpint (stat (initrd, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0600);
  g_assert_true (g_file_get_contents (initrd, &content, &length, NULL));
  g_assert_true (g_str_has_prefix (content, "the initrd"));
  g_assert_cmpmem (content + 12, 6, "070701", 6); /* at a multiple of four */
  g_assert_nonnull (memmem (content, length, "passwd/username string ada", 26));
  g_assert_null (memmem (content, length, "hush", 4));
  json = vm_config_to_json (config);
  g_assert_null (strstr (json, "hush"));
}

/* The guest restarts: it boots from its disk from then on, and nothing of the installer is left. */
static void
test_end_of_installation (void)
{
  g_autoptr (BonsaiLibrary) library = open_library ("end");
  g_autoptr (VmDraft) draft = draft_of_debian ();
  g_autoptr (VmConfig) after = NULL;
  g_autoptr (BonsaiVm) vm = NULL;
  g_autoptr (GError) error = NULL;
  const char *bundle;

  draft->express = true;
  set (draft->answers, EXPRESS_PASSWORD, "hush");
  vm = create (draft, library, NULL, &error);
  g_assert_no_error (error);
  bundle = bonsai_vm_get_path (vm);
  g_assert_true (holds (bundle, "install/initrd.img"));
  install_conclude (bundle, true, &error);
  g_assert_no_error (error);
  g_assert_false (holds (bundle, "install"));
  g_assert_true (holds (bundle, "disks/disk0.qcow2"));
  after = bundle_load (bundle, &error);
  g_assert_no_error (error);
  g_assert_null (after->install.system);
  g_assert_null (after->kernel);
  g_assert_null (after->initrd);
  g_assert_null (after->append);
  g_assert_cmpuint (after->disks->len, ==, 2);
  g_assert_null (vm_config_find_disk (after, "cd0")->path);
  g_assert_true (install_conclude (bundle, true, NULL)); /* nothing is left to do */
}

/* Without the installer a snapshot from before boots from its disk. */
static void
test_installer_is_gone (void)
{
  g_autofree char *folder = g_build_filename (scratch, "gone", NULL);
  g_autoptr (VmConfig) config = vm_config_new ("Gone"), after = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *bundle = NULL;

  config->install = (VmInstall){ g_strdup ("Debian 12"), 1 };
  vm_config_set (&config->kernel, "install/vmlinuz");
  bundle = bundle_create (folder, config, &error);
  g_assert_no_error (error);
  install_mend (bundle, &error);
  g_assert_no_error (error);
  after = bundle_load (bundle, NULL);
  g_assert_null (after->install.system);
  g_assert_null (after->kernel);
}

/* Windows has its answers on a second CD-ROM, restarts twice, and has drivers of its own only. */
static void
test_express_windows (void)
{
  g_autoptr (BonsaiLibrary) library = open_library ("windows");
  g_autofree char *path = g_build_filename (scratch, "windows.iso", NULL);
  g_autoptr (VmDraft) draft = NULL;
  g_autoptr (BonsaiVm) vm = NULL;
  g_autoptr (GError) error = NULL;
  const VmConfig *config;

  iso_image_make_of (path, "J_CENA_X64FREV_EN-US_DV5", "MICROSOFT CORPORATION");
  draft = draft_of (VM_SOURCE_CDROM, path);
  g_assert_true (vm_draft_can_express (draft));
  g_assert_false (draft->look.medium->boots_kernel);
  vm_config_set (&draft->name, "Windows");
  draft->express = true;
  set (draft->answers, EXPRESS_PASSWORD, "hush");
  vm = create (draft, library, NULL, &error);
  g_assert_no_error (error);
  config = bonsai_vm_get_config (vm);
  g_assert_null (config->kernel);
  g_assert_cmpuint (config->install.restarts, ==, 2);
  g_assert_cmpint (((VmDisk *)config->disks->pdata[0])->bus, ==, DISK_BUS_AHCI);
  g_assert_cmpstr (((VmDisk *)config->disks->pdata[2])->path, ==, "install/answers.iso");
  g_assert_true (holds (bonsai_vm_get_path (vm), "install/answers.iso"));
}

/* Some installers restart more often, and have their answers on a CD-ROM. */
static void
test_installation_with_restarts (void)
{
  g_autoptr (VmConfig) config = vm_config_new ("Windows");

  vm_config_add_disk (config, "disks/disk0.qcow2", 0);
  vm_config_add_cdrom (config, "/media/windows.iso");
  vm_config_add_cdrom (config, "install/answers.iso");
  vm_config_set (&config->kernel, "/boot/mine");
  config->install = (VmInstall){ g_strdup ("Windows"), 2 };
  g_assert_false (install_advance (config, true));
  g_assert_cmpuint (config->install.restarts, ==, 1);
  g_assert_cmpuint (config->disks->len, ==, 3);
  g_assert_true (install_advance (config, true));
  g_assert_cmpuint (config->disks->len, ==, 2);
  g_assert_null (((VmDisk *)config->disks->pdata[1])->path);
  g_assert_cmpstr (config->kernel, ==, "/boot/mine");
}

static void
test_cancelled_creation (void)
{
  g_autoptr (BonsaiLibrary) library = open_library ("cancelled");
  g_autoptr (VmDraft) draft = draft_of_debian ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  draft->express = true;
  set (draft->answers, EXPRESS_PASSWORD, "hush");
  g_cancellable_cancel (cancellable);
  g_assert_null (create (draft, library, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  bonsai_library_refresh (library);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (library)), ==, 0);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  scratch = scratch_new ();
  scratch_env (scratch, "XDG_DATA_HOME");
  g_unsetenv ("DBUS_SESSION_BUS_ADDRESS"); /* no keyring */
  catalog = os_catalog_new ();
  g_test_add_func ("/draft/recommended/debian", test_recommended_for_debian);
  g_test_add_func ("/draft/recommended/windows", test_recommended_for_windows);
  g_test_add_func ("/draft/recommended/small-hosts", test_recommended_on_small_hosts);
  g_test_add_func ("/draft/unknown-medium", test_unknown_medium);
  g_test_add_func ("/draft/problems", test_problems);
  g_test_add_func ("/draft/sources", test_sources);
  g_test_add_func ("/express/fields", test_express_fields);
  g_test_add_func ("/express/choices", test_choices);
  g_test_add_func ("/express/machine", test_express_machine);
  g_test_add_func ("/express/end", test_end_of_installation);
  g_test_add_func ("/express/installer-is-gone", test_installer_is_gone);
  g_test_add_func ("/express/windows", test_express_windows);
  g_test_add_func ("/express/restarts", test_installation_with_restarts);
  g_test_add_func ("/express/cancelled", test_cancelled_creation);
  status = g_test_run ();
  os_catalog_unref (catalog);
  scratch_free (scratch);
  return status;
}
