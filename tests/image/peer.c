/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/peer.h"

#include <json-glib/json-glib.h>

#include <string.h>
#include <sys/wait.h>

#define MAX_TRIES 100u

enum {
  CHECK_CLEAN = 0,
  CHECK_UNSUPPORTED = 63, /* qemu-img(1), "check" */
};

const char *
peer_format (const char *format)
{
  return g_str_equal (format, "vhd") ? "vpc" : format;
}

int
peer_run (const char *const *argv, char **output)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *out = NULL, *err = NULL;
  int status;

  if (!g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error))
    g_error ("%s: %s (package qemu-utils)", argv[0], error->message);
  if (output != NULL)
    *output = g_strconcat (out, err, NULL);
  return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

static void
must_go_well (Run *run, const char *const *argv)
{
  g_autofree char *command = g_strjoinv (" ", (char **)argv), *output = NULL;
  int status;

  run_log (run, "$ %s", command);
  status = peer_run (argv, &output);
  /* It measures how long a passphrase takes, and gives up where the clock is too coarse. */
  for (unsigned i = 0; i < MAX_TRIES && status != 0 && strstr (output, "accurate CPU usage") != NULL; i++)
    {
      g_free (output);
      status = peer_run (argv, &output);
    }
  if (status != 0)
    run_fail (run, "%s ended with %d: %s", command, status, output);
}

void
peer_img (Run *run, ...)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  char *argument;
  va_list args;

  g_ptr_array_add (argv, (void *)"qemu-img");
  va_start (args, run);
  while ((argument = va_arg (args, char *)) != NULL)
    g_ptr_array_add (argv, argument);
  va_end (args);
  g_ptr_array_add (argv, NULL);
  must_go_well (run, (const char *const *)argv->pdata);
}

static char *
image_options (const char *format, const char *path, const char *passphrase)
{
  return passphrase != NULL
           ? g_strdup_printf ("driver=%s,encrypt.key-secret=sec0,file.driver=file,file.filename=%s",
                              peer_format (format), path)
           : g_strdup_printf ("driver=%s,file.driver=file,file.filename=%s", peer_format (format), path);
}

static char *
secret_option (const char *passphrase)
{
  return g_strdup_printf ("secret,id=sec0,data=%s", passphrase != NULL ? passphrase : "-");
}

void
peer_check (Run *run, const char *format, const char *path, const char *passphrase)
{
  g_autofree char *secret = secret_option (passphrase), *image = image_options (format, path, passphrase);
  const char *argv[] = { "qemu-img", "check", "--object", secret, "--image-opts", image, NULL };
  g_autofree char *output = NULL;
  int status = peer_run (argv, &output);

  if (status != CHECK_CLEAN && status != CHECK_UNSUPPORTED)
    run_fail (run, "qemu-img check %s ended with %d: %s", path, status, output);
}

void
peer_compare (Run *run, const char *format, const char *path, const char *passphrase, const Medium *model)
{
  g_autofree char *secret = secret_option (passphrase);
  g_autofree char *image = image_options (format, path, passphrase);
  g_autofree char *raw =
    g_strdup_printf ("driver=raw,file.driver=file,file.filename=%s", medium_path (model));
  const char *argv[] = { "qemu-img", "compare", "--object", secret, "--image-opts", image, raw, NULL };

  must_go_well (run, argv);
}

void
peer_io (Run *run, const char *format, const char *path, const char *passphrase, GPtrArray *commands)
{
  g_autofree char *secret = secret_option (passphrase);
  g_autofree char *image = image_options (format, path, passphrase);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autofree char *output = NULL;
  int status;

  g_ptr_array_add (argv, (void *)"qemu-io");
  g_ptr_array_add (argv, (void *)"-d"); /* discards go through */
  g_ptr_array_add (argv, (void *)"unmap");
  g_ptr_array_add (argv, (void *)"--object");
  g_ptr_array_add (argv, secret);
  g_ptr_array_add (argv, (void *)"--image-opts");
  for (unsigned i = 0; i < commands->len; i++)
    {
      g_ptr_array_add (argv, (void *)"-c");
      g_ptr_array_add (argv, commands->pdata[i]);
      run_log (run, "qemu-io: %s", (char *)commands->pdata[i]);
    }
  g_ptr_array_add (argv, image);
  g_ptr_array_add (argv, NULL);
  status = peer_run ((const char *const *)argv->pdata, &output);
  if (status != 0 || strstr (output, "failed") != NULL || strstr (output, "rror") != NULL)
    run_fail (run, "qemu-io on %s ended with %d: %s", path, status, output);
}

/* --- info --- */

static const char *
detail (const ImageInfo *info, const char *name)
{
  for (unsigned i = 0; info->details != NULL && i + 1 < info->details->len; i += 2)
    if (g_str_equal (info->details->pdata[i], name))
      return info->details->pdata[i + 1];
  return NULL;
}

static void
compare_specific (Run *run, JsonObject *data, const ImageInfo *info)
{
  static const char *const fields[][2] = {
    /* the peer's name, ours */
    { "compat", "compat" },
    { "compression-type", "compression type" },
    { "lazy-refcounts", "lazy refcounts" },
    { "refcount-bits", "refcount bits" },
    { "extended-l2", "extended L2" },
    { "corrupt", "corrupt" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      const char *ours = detail (info, fields[i][1]);
      g_autofree char *peers = NULL;
      JsonNode *node = json_object_get_member (data, fields[i][0]);

      if (node == NULL || ours == NULL)
        continue;
      if (json_node_get_value_type (node) == G_TYPE_STRING)
        peers = g_strdup (json_node_get_string (node));
      else if (json_node_get_value_type (node) == G_TYPE_BOOLEAN)
        peers = g_strdup (json_node_get_boolean (node) ? "yes" : "no");
      else
        peers = g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (node));
      if (!g_str_equal (peers, ours))
        run_fail (run, "%s: %s is “%s” for us, “%s” for qemu-img", info->path, fields[i][0], ours, peers);
    }
}

void
peer_info (Run *run, const char *format, const char *path, const ImageInfo *info)
{
  const char *argv[] = { "qemu-img", "info", "-U", "-f", peer_format (format), "--output=json", path, NULL };
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autofree char *output = NULL;
  const char *backing;
  JsonObject *object;
  int status;

  status = peer_run (argv, &output);
  if (status != 0 || !json_parser_load_from_data (parser, output, -1, NULL))
    run_fail (run, "qemu-img info %s ended with %d: %s", path, status, output);
  object = json_node_get_object (json_parser_get_root (parser));

  if ((uint64_t)json_object_get_int_member (object, "virtual-size") != info->size)
    run_fail (run, "%s: %" G_GUINT64_FORMAT " bytes for us, %" G_GINT64_FORMAT " for qemu-img", path,
              info->size, json_object_get_int_member (object, "virtual-size"));
  if (g_strcmp0 (json_object_get_string_member (object, "format"), peer_format (format)) != 0
      || g_strcmp0 (info->format, format) != 0)
    run_fail (run, "%s: “%s” for us, “%s” for qemu-img", path, info->format,
              json_object_get_string_member (object, "format"));
  if (json_object_get_int_member_with_default (object, "cluster-size", info->cluster_size)
      != info->cluster_size)
    run_fail (run, "%s: clusters of %u for us, %" G_GINT64_FORMAT " for qemu-img", path, info->cluster_size,
              json_object_get_int_member (object, "cluster-size"));
  if (json_object_get_boolean_member_with_default (object, "encrypted", FALSE) != info->encrypted
      || json_object_get_boolean_member_with_default (object, "dirty-flag", FALSE) != info->dirty)
    run_fail (run, "%s: encrypted or dirty: %d, %d for us; %s", path, info->encrypted, info->dirty, output);
  backing = json_object_get_string_member_with_default (object, "backing-filename", NULL);
  if (g_strcmp0 (backing, info->backing_path) != 0)
    run_fail (run, "%s: on “%s” for us, on “%s” for qemu-img", path, info->backing_path, backing);
  backing = json_object_get_string_member_with_default (object, "backing-filename-format", NULL);
  if (info->backing_path != NULL && info->backing_format != NULL
      && g_strcmp0 (backing, peer_format (info->backing_format)) != 0)
    run_fail (run, "%s: backing is “%s” for us, “%s” for qemu-img", path, info->backing_format, backing);
  if (json_object_has_member (object, "format-specific"))
    {
      JsonObject *specific = json_object_get_object_member (object, "format-specific");

      if (json_object_has_member (specific, "data"))
        compare_specific (run, json_object_get_object_member (specific, "data"), info);
    }
}

char *
peer_snapshots (const char *path)
{
  const char *argv[] = { "qemu-img", "info", "-U", "-f", "qcow2", "--output=json", path, NULL };
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *output = NULL;
  GString *lines = g_string_new (NULL);
  JsonObject *object;
  JsonArray *array;

  g_assert_cmpint (peer_run (argv, &output), ==, 0);
  json_parser_load_from_data (parser, output, -1, &error);
  g_assert_no_error (error);
  object = json_node_get_object (json_parser_get_root (parser));
  array =
    json_object_has_member (object, "snapshots") ? json_object_get_array_member (object, "snapshots") : NULL;
  for (unsigned i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonObject *one = json_array_get_object_element (array, i);

      g_string_append_printf (
        lines, "%s|%s|%" G_GINT64_FORMAT "|%" G_GINT64_FORMAT "\n", json_object_get_string_member (one, "id"),
        json_object_get_string_member (one, "name"), json_object_get_int_member (one, "vm-state-size"),
        json_object_get_int_member (one, "date-sec"));
    }
  return g_string_free (lines, FALSE);
}
