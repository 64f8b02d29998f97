/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/lease-store.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE     (256 * 1024)
#define MAX_RENEWALS 10000u

/* --- places --- */

static char *
in_bundle (const LeasePlace *place, const char *file)
{
  return g_build_filename (place->bundle, "workspace", file, NULL);
}

static char *
in_ledger (const LeasePlace *place, const char *file)
{
  return g_build_filename (place->data, "bonsai", "workspaces", place->uuid, file, NULL);
}

static char *
renewal_name (unsigned number)
{
  return g_strdup_printf ("renewal-%u.json", number);
}

bool
lease_store_exists (const LeasePlace *place)
{
  g_autofree char *terms = in_bundle (place, "terms.json"), *copy = in_bundle (place, "lease.json");
  g_autofree char *ledger = in_ledger (place, "lease.json");

  return g_file_test (terms, G_FILE_TEST_EXISTS) || g_file_test (copy, G_FILE_TEST_EXISTS)
         || g_file_test (ledger, G_FILE_TEST_EXISTS);
}

int
lease_store_lock (const LeasePlace *place, GError **error)
{
  g_autofree char *folder = in_ledger (place, NULL);
  int fd;

  if (g_mkdir_with_parents (folder, 0700) < 0)
    {
      bonsai_set_errno_error (error, errno, "Can't make the folder %s", folder);
      return -1;
    }
  fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0 && flock (fd, LOCK_EX) == 0)
    return fd;
  bonsai_set_errno_error (error, errno, "Can't lock the folder %s", folder);
  if (fd >= 0)
    close (fd);
  return -1;
}

/* --- reading --- */

char *
lease_store_read_file (const char *path, gsize *length, GError **error)
{
  struct stat st;
  char *text;

  if (lstat (path, &st) < 0)
    {
      bonsai_set_errno_error (error, errno, "Can't read %s", path);
      return NULL;
    }
  if (!S_ISREG (st.st_mode) || st.st_size > MAX_FILE)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "%s is no file of at most 256 KiB", path);
      return NULL;
    }
  return g_file_get_contents (path, &text, length, error) ? text : NULL;
}

static bool
read_terms (const LeasePlace *place, LeaseFiles *files, GError **error)
{
  g_autofree char *path = in_bundle (place, "terms.json");
  gsize length = 0;
  g_autofree char *text = lease_store_read_file (path, &length, error);

  files->terms = text != NULL ? terms_read (text, length, path, error) : NULL;
  if (files->terms == NULL)
    {
      g_prefix_error (error, "The workspace is locked without its terms: ");
      return false;
    }
  if (g_ascii_strcasecmp (files->terms->machine, place->uuid) == 0)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               "%s is of another machine (%s): a copy needs terms of its own from its issuer", path,
               files->terms->machine);
  return false;
}

/* All that follow one another. */
static bool
read_renewals (const LeasePlace *place, LeaseFiles *files, GError **error)
{
  const char *follows = files->terms->digest;

  for (unsigned number = 1; number <= MAX_RENEWALS; number++)
    {
      g_autofree char *name = renewal_name (number), *path = in_bundle (place, name), *text = NULL;
      gsize length = 0;
      Renewal *renewal;

      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        return true;
      text = lease_store_read_file (path, &length, error);
      renewal = text != NULL ? renewal_read (text, length, path, files->terms, follows, number, error) : NULL;
      if (renewal == NULL)
        return false;
      g_ptr_array_add (files->renewals, renewal);
      follows = renewal->digest;
      files->lease.expiry = renewal->expiry;
    }
  return true;
}

static bool
read_copy (const char *path, const KeyBytes key, LeaseRecord *record, GError **error)
{
  gsize length = 0;
  g_autofree char *text = lease_store_read_file (path, &length, error);

  return text != NULL && lease_record_read (text, length, path, key, record, error);
}

static bool
complain (const char *what, GError **error)
{
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "%s", what);
  return false;
}

static bool
read_record (const LeasePlace *place, LeaseFiles *files, GError **error)
{
  g_autofree char *key_path = key_file_path (place->data, "lease");
  g_autofree char *ledger = in_ledger (place, "lease.json"), *copy = in_bundle (place, "lease.json");
  LeaseRecord *record = &files->record, other;
  const char *latest = files->terms->digest;
  KeyBytes key;
  bool done = key_file_read (key_path, key, error) && read_copy (ledger, key, record, error)
              && read_copy (copy, key, &other, error);

  explicit_bzero (key, sizeof key);
  if (!done)
    return false;
  if (other.sequence > record->sequence)
    return complain ("The record of its lease is older than its copy in the machine's folder", error);
  if (!g_str_equal (record->terms, files->terms->digest) || !g_str_equal (other.terms, record->terms))
    return complain ("The terms are not those under which it was begun", error);
  if (record->renewals > files->renewals->len)
    return complain ("A renewal that it had is lost", error);
  if (record->renewals > 0)
    latest = ((Renewal *)g_ptr_array_index (files->renewals, record->renewals - 1))->digest;
  return g_str_equal (latest, record->latest)
         || complain ("The renewals are not those that it was given", error);
}

bool
lease_store_read (const LeasePlace *place, LeaseFiles *files, GError **error)
{
  *files = (LeaseFiles){ .renewals = g_ptr_array_new_with_free_func ((GDestroyNotify)renewal_free) };
  if (!read_terms (place, files, error))
    return false;
  files->lease = (Lease){ files->terms->expiry, files->terms->grace, files->terms->afterwards };
  if (!read_renewals (place, files, error))
    return false;
  if (!read_record (place, files, &files->damage))
    files->record = (LeaseRecord){ 0 };
  return true;
}

void
lease_files_clear (LeaseFiles *files)
{
  g_clear_pointer (&files->terms, terms_free);
  g_clear_pointer (&files->renewals, g_ptr_array_unref);
  g_clear_error (&files->damage);
}

const char *
lease_files_latest (const LeaseFiles *files)
{
  const GPtrArray *renewals = files->renewals;

  return renewals->len > 0 ? ((Renewal *)g_ptr_array_index (renewals, renewals->len - 1))->digest
                           : files->terms->digest;
}

/* --- writing --- */

static bool
make_folder (const char *path, GError **error)
{
  g_autofree char *parent = g_path_get_dirname (path);

  if (g_mkdir_with_parents (path, 0700) < 0)
    return bonsai_set_errno_error (error, errno, "Can't make the folder %s", path);
  return bundle_sync_folder (parent, error);
}

bool
lease_store_write (const LeasePlace *place, LeaseRecord *record, GError **error)
{
  g_autofree char *key_path = key_file_path (place->data, "lease");
  g_autofree char *ledger = in_ledger (place, "lease.json"), *copy = in_bundle (place, "lease.json");
  g_autofree char *text = NULL;
  KeyBytes key;

  if (!key_file_read (key_path, key, error))
    return false;
  record->sequence++;
  text = lease_record_write (record, key);
  explicit_bzero (key, sizeof key);
  return bundle_replace_file (ledger, text, strlen (text), error)
         && bundle_replace_file (copy, text, strlen (text), error);
}

bool
lease_store_add_terms (const LeasePlace *place, const char *text, GError **error)
{
  g_autofree char *folder = in_bundle (place, NULL), *path = in_bundle (place, "terms.json");

  return make_folder (folder, error) && bundle_replace_file (path, text, strlen (text), error);
}

bool
lease_store_begin (const LeasePlace *place, const Terms *terms, const char *text, const HostTime *host,
                   GError **error)
{
  g_autofree char *there = in_ledger (place, NULL);
  g_autofree char *key_path = key_file_path (place->data, "lease");
  LeaseRecord record = lease_begin (terms, host);

  if (lease_store_exists (place))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_EXISTS,
                   "The machine is a workspace already; its issuer can renew it (bonsai workspace renew)");
      return false;
    }
  return key_file_make (key_path, error) && make_folder (there, error)
         && lease_store_add_terms (place, text, error) && lease_store_write (place, &record, error);
}

bool
lease_store_add_renewal (const LeasePlace *place, const Renewal *renewal, const char *text, GError **error)
{
  g_autofree char *key_path = key_file_path (place->data, "lease");
  g_autofree char *name = renewal_name (renewal->number), *path = in_bundle (place, name);

  /* One that mends may find the key lost as well. */
  return (!renewal->mends || key_file_make (key_path, error))
         && bundle_replace_file (path, text, strlen (text), error);
}

bool
lease_store_log (const LeasePlace *place, const HostTime *host, const char *line, GError **error)
{
  g_autofree char *path = in_ledger (place, "log");
  g_autoptr (GDateTime) now = g_date_time_new_from_unix_utc (host->wall);
  g_autofree char *time = now != NULL ? g_date_time_format_iso8601 (now) : g_strdup ("?");
  g_autofree char *text = g_strdup_printf ("%s %s\n", time, line);
  int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  bool done = fd >= 0 && write (fd, text, strlen (text)) == (ssize_t)strlen (text) && fsync (fd) == 0;
  int saved_errno = errno;

  if (fd >= 0)
    close (fd);
  return done || bonsai_set_errno_error (error, saved_errno, "Can't write to %s", path);
}
