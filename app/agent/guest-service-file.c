/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/guest-service-private.h"

#include "app/base/error.h"

#define PIECE (256u << 10) /* bytes at a time */

/* Files in the guest: opened, read or written in pieces, and closed whatever happened. */

static JsonObject *
with_handle (const GuestJob *job)
{
  JsonObject *arguments = json_object_new ();

  json_object_set_int_member (arguments, "handle", job->handle);
  return arguments;
}

static void
closed (GuestJob *job, JsonNode *node)
{
  GError *error = g_steal_pointer (&job->error);
  g_autoptr (GBytes) bytes = NULL;

  if (error != NULL)
    {
      guest_job_fail (job, error);
      return;
    }
  if (job->content != NULL)
    {
      bytes = g_byte_array_free_to_bytes (g_steal_pointer (&job->content));
      g_variant_dict_insert_value (&job->result, "content",
                                   g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE));
    }
  guest_job_done (job);
}

/* The first error is the one that is told. */
static void
closed_after_error (GObject *source, GAsyncResult *result, gpointer data)
{
  GuestJob *job = data;
  JsonNode *answer = guest_agent_call_finish (result, NULL);

  g_clear_pointer (&answer, json_node_unref);
  guest_job_fail (job, g_steal_pointer (&job->error));
}

static void
close_file (GuestJob *job)
{
  if (job->error != NULL && job->service->agent != NULL)
    guest_agent_call_async (job->service->agent, "guest-file-close", with_handle (job),
                            GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL, NULL, closed_after_error, job);
  else
    guest_job_try (job, "guest-file-close", with_handle (job), GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL,
                   closed);
}

/* --- reading --- */

static void read_on (GuestJob *job);

static void
piece_came (GuestJob *job, JsonNode *node)
{
  g_autoptr (GBytes) bytes = NULL;
  bool eof = false;

  if (node != NULL)
    bytes = agent_read_file_piece (node, PIECE, &eof, &job->error);
  if (bytes == NULL)
    {
      close_file (job);
      return;
    }
  g_byte_array_append (job->content, g_bytes_get_data (bytes, NULL), (guint)g_bytes_get_size (bytes));
  if (job->content->len > GUEST_FILE_MAX)
    g_set_error (&job->error, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The guest's file is larger than %u MiB",
                 GUEST_FILE_MAX >> 20);
  if (eof || job->error != NULL || g_bytes_get_size (bytes) == 0)
    close_file (job);
  else
    read_on (job);
}

static void
read_on (GuestJob *job)
{
  JsonObject *arguments = with_handle (job);

  json_object_set_int_member (arguments, "count", PIECE);
  guest_job_try (job, "guest-file-read", arguments, GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL, piece_came);
}

/* --- writing --- */

static void write_on (GuestJob *job);

static void
piece_went (GuestJob *job, JsonNode *node)
{
  gint64 count = 0;

  if (node != NULL && agent_json_int (agent_json_object (node), "count", &count) && count > 0
      && count <= (gint64)PIECE)
    job->done += (gsize)count;
  else if (job->error == NULL)
    g_set_error (&job->error, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The guest's agent did not write");
  if (job->error != NULL)
    close_file (job);
  else
    write_on (job);
}

static void
write_on (GuestJob *job)
{
  g_autoptr (GVariant) content =
    g_variant_dict_lookup_value (&job->arguments, "content", G_VARIANT_TYPE_BYTESTRING);
  JsonObject *arguments;
  g_autofree char *encoded = NULL;
  gsize size;
  const guchar *bytes = g_variant_get_fixed_array (content, &size, 1);

  if (job->done >= size)
    {
      close_file (job);
      return;
    }
  encoded = g_base64_encode (bytes + job->done, MIN (size - job->done, PIECE));
  arguments = with_handle (job);
  json_object_set_string_member (arguments, "buf-b64", encoded);
  guest_job_try (job, "guest-file-write", arguments, GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL, piece_went);
}

/* --- opening --- */

static void
opened (GuestJob *job, JsonNode *node)
{
  GError *error = NULL;

  if (!agent_read_count (node, &job->handle, &error))
    guest_job_fail (job, error);
  else if (job->content != NULL)
    read_on (job);
  else
    write_on (job);
}

static void
open_file (GuestJob *job, const char *mode)
{
  const char *path = NULL;
  JsonObject *arguments;

  if (!g_variant_dict_lookup (&job->arguments, "path", "&s", &path))
    {
      guest_job_fail (
        job, g_error_new_literal (BONSAI_ERROR, BONSAI_ERROR_INVALID, "A file in the guest needs a path"));
      return;
    }
  arguments = json_object_new ();
  json_object_set_string_member (arguments, "path", path);
  json_object_set_string_member (arguments, "mode", mode);
  guest_job_call (job, "guest-file-open", arguments, GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL, opened);
}

void
guest_job_read_file (GuestJob *job)
{
  job->content = g_byte_array_new ();
  open_file (job, "r");
}

void
guest_job_write_file (GuestJob *job)
{
  g_autoptr (GVariant) content =
    g_variant_dict_lookup_value (&job->arguments, "content", G_VARIANT_TYPE_BYTESTRING);

  if (content != NULL && g_variant_get_size (content) <= GUEST_FILE_MAX)
    open_file (job, "w");
  else
    guest_job_fail (job, g_error_new (BONSAI_ERROR, BONSAI_ERROR_INVALID,
                                      "A file needs content, of %u MiB at most", GUEST_FILE_MAX >> 20));
}
