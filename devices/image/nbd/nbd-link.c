/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/nbd/nbd-link.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <libnbd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_PIECE  (4u << 20) /* bytes of one read or write, whatever the server can */
#define MAX_LISTED 12u        /* exports that an error names */

/* --- names --- */

bool
nbd_is_uri (const char *location)
{
  static const char *const schemes[] = { "nbd://", "nbds://", "nbd+unix://", "nbds+unix://" };

  for (unsigned i = 0; i < G_N_ELEMENTS (schemes); i++)
    if (g_ascii_strncasecmp (location, schemes[i], strlen (schemes[i])) == 0)
      return true;
  return false;
}

char *
nbd_display_uri (const char *uri)
{
  const char *authority = strstr (uri, "://"), *path, *at, *query, *socket;
  g_autoptr (GString) text = NULL;

  if (authority == NULL)
    return g_strdup ("NBD server");
  authority += 3;
  path = authority + strcspn (authority, "/?#");
  at = memrchr (authority, '@', path - authority);
  text = g_string_new_len (uri, authority - uri);
  g_string_append_len (text, at != NULL ? at + 1 : authority, path - (at != NULL ? at + 1 : authority));
  query = path + strcspn (path, "?#");
  g_string_append_len (text, path, query - path);
  socket = strstr (query, "socket=");
  if (socket != NULL && socket > query && (socket[-1] == '?' || socket[-1] == '&'))
    {
      g_string_append_c (text, '?');
      g_string_append_len (text, socket, strcspn (socket, "&#"));
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* --- waiting --- */

typedef struct {
  int error; /* -1: still under way */
  char *text;
  GPtrArray *names;
} Answer;

/* While the connection is about to be made, or an option is answered. */
static bool
wait_for (struct nbd_handle *handle, int timeout)
{
  int64_t end = g_get_monotonic_time () + timeout * INT64_C (1000);

  while (nbd_aio_is_connecting (handle) > 0)
    {
      int64_t left = (end - g_get_monotonic_time ()) / 1000;

      if (left <= 0 || nbd_poll (handle, left) < 0)
        break;
    }
  return nbd_aio_is_connecting (handle) == 0;
}

static int
option_answered (void *data, int *error)
{
  Answer *answer = data;

  answer->error = *error;
  return 1;
}

static int
export_listed (void *data, const char *name, const char *description)
{
  Answer *answer = data;

  if (answer->names->len < MAX_LISTED)
    g_ptr_array_add (answer->names,
                     name[0] != '\0' ? g_strdup_printf ("“%s”", name) : g_strdup ("the one without a name"));
  return 0;
}

/* --- errors --- */

static bool
set_connect_error (const char *name, bool timed_out, GError **error)
{
  int cause = timed_out ? ETIMEDOUT : nbd_get_errno ();

  switch (cause)
    {
    case ECONNREFUSED:
    case ENOENT:
      g_set_error (error, VMM_ERROR, VMM_ERROR_FAILED,
                   "No NBD server listens at “%s”; start it, or correct the address", name);
      break;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_FAILED,
        "The NBD server of “%s” does not answer (%s); see that it runs, and that the network lets it through",
        name, g_strerror (cause));
      break;
    case EACCES:
    case EPERM:
      g_set_error (error, VMM_ERROR, VMM_ERROR_PERMISSION,
                   "You may not connect to the NBD server of “%s”; change its socket's permissions", name);
      break;
    default:
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_FAILED,
        "Can't connect to the NBD server of “%s” (%s); see that the address is right, that an NBD server "
        "listens there, and that both sides agree on TLS",
        name, cause != 0 ? g_strerror (cause) : "it did not greet as one");
    }
  return false;
}

static char *
list_exports (NbdLink *link, int timeout)
{
  struct nbd_handle *handle = link->handle;
  Answer answer = { .error = -1, .names = g_ptr_array_new_with_free_func (g_free) };
  char *text = NULL;

  if (nbd_aio_is_negotiating (handle) > 0
      && nbd_aio_opt_list (handle, (nbd_list_callback){ .callback = export_listed, .user_data = &answer },
                           (nbd_completion_callback){ .callback = option_answered, .user_data = &answer })
           == 0
      && wait_for (handle, timeout) && answer.error == 0 && answer.names->len > 0)
    {
      g_ptr_array_add (answer.names, NULL);
      text = g_strjoinv (", ", (char **)answer.names->pdata);
    }
  if (answer.error == -1)
    nbd_link_close (link); /* nothing of it may come back to this stack frame */
  g_ptr_array_unref (answer.names);
  return text;
}

/* --- connecting --- */

static struct nbd_handle *
make_handle (const char *uri, const char *name, GError **error)
{
  struct nbd_handle *handle = nbd_create ();

  if (handle == NULL)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_RESOURCE, "Can't connect to “%s”: %s", name, nbd_get_error ());
      return NULL;
    }
  nbd_set_uri_allow_transports (handle, LIBNBD_ALLOW_TRANSPORT_TCP | LIBNBD_ALLOW_TRANSPORT_UNIX);
  nbd_set_uri_allow_local_file (handle, true);
  nbd_set_opt_mode (handle, true);
  nbd_set_pread_initialize (handle, false);
  nbd_add_meta_context (handle, LIBNBD_CONTEXT_BASE_ALLOCATION);
  if (g_ascii_strncasecmp (uri, "nbds", 4) == 0 && nbd_supports_tls (handle) <= 0)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   "“%s” asks for TLS, which this system's libnbd was built without; install one that has it",
                   name);
      nbd_close (handle);
      return NULL;
    }
  return handle;
}

/* A power of two within [low, high], or @fallback. */
static uint32_t
sane_size (int64_t size, uint32_t low, uint32_t high, uint32_t fallback)
{
  return size >= low && size <= high && (size & (size - 1)) == 0 ? size : fallback;
}

static bool
read_properties (NbdLink *link, const char *name, GError **error)
{
  struct nbd_handle *handle = link->handle;
  int64_t size = nbd_get_size (handle), maximum = nbd_get_block_size (handle, LIBNBD_SIZE_MAXIMUM);

  if (size < 0)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_FAILED, "The NBD server does not say how large “%s” is", name);
      return false;
    }
  link->size = size;
  link->read_only = nbd_is_read_only (handle) != 0;
  link->can_flush = nbd_can_flush (handle) > 0;
  link->can_zero = nbd_can_zero (handle) > 0;
  link->can_status = nbd_can_meta_context (handle, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0;
  /* NBD protocol, "Block size constraints": without any, 512 suits everyone. */
  link->minimum =
    sane_size (nbd_get_block_size (handle, LIBNBD_SIZE_MINIMUM), 1, 65536, size % 512 == 0 ? 512 : 1);
  link->preferred =
    sane_size (nbd_get_block_size (handle, LIBNBD_SIZE_PREFERRED), MAX (link->minimum, 512), 65536, 4096);
  if (maximum <= 0 || maximum > MAX_PIECE)
    maximum = MAX_PIECE;
  link->maximum = MAX (maximum / link->minimum * link->minimum, link->minimum);
  return true;
}

/* A server that is gone without a word is noticed. Sockets that aren't TCP ignore it. */
static void
keep_alive (struct nbd_handle *handle)
{
  static const struct {
    int level, name, value;
  } options[] = {
    { SOL_SOCKET, SO_KEEPALIVE, 1 },          { IPPROTO_TCP, TCP_KEEPIDLE, 10 },
    { IPPROTO_TCP, TCP_KEEPINTVL, 5 },        { IPPROTO_TCP, TCP_KEEPCNT, 3 },
    { IPPROTO_TCP, TCP_USER_TIMEOUT, 20000 },
  };
  int fd = nbd_aio_get_fd (handle);

  for (unsigned i = 0; i < G_N_ELEMENTS (options); i++)
    setsockopt (fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
}

static bool
set_export_error (NbdLink *link, const char *name, int cause, const char *why, int timeout, GError **error)
{
  g_autofree char *exports = NULL;

  if (strstr (why, "TLS") != NULL)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_PERMISSION,
                   "The NBD server of “%s” demands TLS; write nbds:// in front, and give it a certificate",
                   name);
      return false;
    }
  exports = list_exports (link, timeout);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "The NBD server has no export as “%s” names it%s%s; choose one that it has%s%s%s", name,
               cause == ENOENT || cause == 0 ? "" : ": ",
               cause == ENOENT || cause == 0 ? "" : g_strerror (cause), exports != NULL ? " (" : "",
               exports != NULL ? exports : "", exports != NULL ? ")" : "");
  return false;
}

/* With fixed newstyle servers an export is chosen; older ones have just one. */
static bool
choose_export (NbdLink *link, const char *name, int timeout, GError **error)
{
  Answer *answer = g_new0 (Answer, 1);
  bool going, chosen;
  g_autofree char *why = NULL;
  int cause;

  answer->error = -1;
  going = nbd_aio_opt_go (link->handle,
                          (nbd_completion_callback){ .callback = option_answered, .user_data = answer })
            == 0
          && wait_for (link->handle, timeout);
  cause = answer->error;
  why = g_strdup (nbd_get_error ());
  chosen = going && cause == 0 && nbd_aio_is_ready (link->handle) > 0;
  if (!chosen && cause == -1)
    { /* never answered: the handle goes before what it would write to */
      nbd_link_close (link);
      g_free (answer);
      return set_connect_error (name, true, error);
    }
  g_free (answer);
  if (chosen)
    return true;
  if (nbd_aio_is_negotiating (link->handle) > 0)
    return set_export_error (link, name, cause, why != NULL ? why : "", timeout, error);
  return set_connect_error (name, false, error);
}

bool
nbd_link_open (NbdLink *link, const char *uri, const char *name, int timeout, GError **error)
{
  bool connected;

  *link = (NbdLink){ .handle = make_handle (uri, name, error) };
  if (link->handle == NULL)
    return false;
  connected = nbd_aio_connect_uri (link->handle, uri) == 0;
  if (!connected)
    set_connect_error (name, false, error);
  else if (!wait_for (link->handle, timeout))
    connected = set_connect_error (name, nbd_aio_is_connecting (link->handle) > 0, error);
  else if (nbd_aio_is_negotiating (link->handle) > 0)
    connected = choose_export (link, name, timeout, error);
  else if (nbd_aio_is_ready (link->handle) <= 0)
    connected = set_connect_error (name, false, error);
  if (connected && read_properties (link, name, error))
    {
      keep_alive (link->handle);
      return true;
    }
  nbd_link_close (link);
  return false;
}

void
nbd_link_close (NbdLink *link)
{
  if (link->handle == NULL)
    return;
  nbd_close (link->handle);
  link->handle = NULL;
}
