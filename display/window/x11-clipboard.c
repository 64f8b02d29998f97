/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/x11-clipboard.h"

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <xcb/xcb.h>
#include <xcb/xfixes.h>

#define PATIENCE_US   (3 * G_USEC_PER_SEC) /* from one sign of life of the owner to the next */
#define PIECE_SIZE    (256u << 10)         /* more goes in pieces */
#define MAX_TRANSFERS 16u

enum { CLIPBOARD, TARGETS, UTF8_STRING, TEXT_PLAIN, IMAGE_PNG, INCR, PROPERTY, N_ATOMS };

static const char *const atom_names[N_ATOMS] = {
  "CLIPBOARD", "TARGETS", "UTF8_STRING", "text/plain;charset=utf-8", "image/png", "INCR", "BONSAI_CLIPBOARD",
};

/* To another program, in pieces. */
typedef struct {
  xcb_window_t window;
  xcb_atom_t property, type;
  GBytes *bytes;
  size_t sent;
} Transfer;

typedef enum { AT_REST, ASKED, IN_PIECES } Reading;

struct X11Clipboard {
  xcb_connection_t *xcb;
  xcb_window_t window;
  xcb_atom_t atoms[N_ATOMS];
  uint8_t xfixes_event;
  void (*wake) (void *data);
  void *data;
  GThread *thread;
  int wake_fd; /* the thread has something to do */

  GMutex lock; /* of what follows */
  bool quit, look;
  Clip *set; /* to be put there, or NULL */
  bool changed, looked;
  Clip *seen; /* what was looked at, or NULL */

  /* the thread's */
  Clip *own;   /* what we have put there, or NULL */
  Clip *known; /* what it holds, if is_known; NULL: nothing for us */
  bool is_known;
  bool wanted; /* somebody asked for it */
  bool stale;  /* it changed while it was being read */
  Reading reading;
  ClipKind asked; /* for this kind */
  GByteArray *pieces;
  int64_t deadline;
  GPtrArray *transfers;
};

static void
transfer_free (void *data)
{
  Transfer *transfer = data;

  g_bytes_unref (transfer->bytes);
  g_free (transfer);
}

/* --- reading --- */

static void
tell (X11Clipboard *clipboard)
{
  clipboard->wanted = false;
  g_mutex_lock (&clipboard->lock);
  g_clear_pointer (&clipboard->seen, clip_unref);
  clipboard->seen = clipboard->known ? clip_ref (clipboard->known) : NULL;
  clipboard->looked = true;
  g_mutex_unlock (&clipboard->lock);
  clipboard->wake (clipboard->data);
}

/* One request at a time: answers don't say which one they are to. */
static void
ask (X11Clipboard *clipboard, ClipKind kind)
{
  xcb_atom_t target = clipboard->atoms[kind == CLIP_TEXT ? UTF8_STRING : IMAGE_PNG];

  xcb_delete_property (clipboard->xcb, clipboard->window, clipboard->atoms[PROPERTY]);
  xcb_convert_selection (clipboard->xcb, clipboard->window, clipboard->atoms[CLIPBOARD], target,
                         clipboard->atoms[PROPERTY], XCB_CURRENT_TIME);
  clipboard->reading = ASKED;
  clipboard->asked = kind;
  clipboard->stale = false;
  clipboard->deadline = g_get_monotonic_time () + PATIENCE_US;
}

/* Tells what is wanted, or begins to read it. */
static void
look (X11Clipboard *clipboard)
{
  if (!clipboard->wanted)
    return;
  if (clipboard->is_known)
    {
      tell (clipboard);
      return;
    }
  if (clipboard->reading == AT_REST)
    ask (clipboard, CLIP_TEXT);
}

/* @clip: (nullable) (transfer full) */
static void
reading_ended (X11Clipboard *clipboard, Clip *clip)
{
  clipboard->reading = AT_REST;
  if (clipboard->stale)
    g_clear_pointer (&clip, clip_unref);
  else
    {
      g_clear_pointer (&clipboard->known, clip_unref);
      clipboard->known = clip;
      clipboard->is_known = true;
    }
  g_byte_array_set_size (clipboard->pieces, 0);
  look (clipboard);
}

/* The answer is no, or something that isn't text from one who calls everything so: there may be an image. */
static void
take_answer (X11Clipboard *clipboard, const uint8_t *bytes, size_t size)
{
  Clip *clip = size > 0 ? clip_new (clipboard->asked, g_bytes_new (bytes, size)) : NULL;

  if (!clip && clipboard->asked == CLIP_TEXT && !clipboard->stale)
    {
      g_byte_array_set_size (clipboard->pieces, 0);
      ask (clipboard, CLIP_PNG);
    }
  else
    reading_ended (clipboard, clip);
}

static xcb_get_property_reply_t *
take_property (X11Clipboard *clipboard)
{
  xcb_get_property_cookie_t cookie =
    xcb_get_property (clipboard->xcb, true, clipboard->window, clipboard->atoms[PROPERTY],
                      XCB_GET_PROPERTY_TYPE_ANY, 0, CLIP_MAX / 4 + 1);

  return xcb_get_property_reply (clipboard->xcb, cookie, NULL);
}

/* The owner has answered. */
static void
on_selection (X11Clipboard *clipboard, const xcb_selection_notify_event_t *event)
{
  g_autofree xcb_get_property_reply_t *reply = NULL;

  if (clipboard->reading != ASKED || event->selection != clipboard->atoms[CLIPBOARD])
    return;
  if (event->property != XCB_NONE)
    reply = take_property (clipboard);
  if (reply && reply->type == clipboard->atoms[INCR])
    {
      clipboard->reading = IN_PIECES;
      clipboard->deadline = g_get_monotonic_time () + PATIENCE_US;
    }
  else if (reply && reply->format == 8)
    take_answer (clipboard, xcb_get_property_value (reply), (size_t)xcb_get_property_value_length (reply));
  else
    take_answer (clipboard, NULL, 0);
}

/* ICCCM 2.0, section 2.7.2: a piece is there; an empty one is the end. */
static void
on_piece (X11Clipboard *clipboard)
{
  g_autofree xcb_get_property_reply_t *reply = take_property (clipboard);
  int size = reply && reply->format == 8 ? xcb_get_property_value_length (reply) : -1;

  if (size > 0 && clipboard->pieces->len + (unsigned)size <= CLIP_MAX)
    {
      g_byte_array_append (clipboard->pieces, xcb_get_property_value (reply), (guint)size);
      clipboard->deadline = g_get_monotonic_time () + PATIENCE_US;
    }
  else if (size == 0)
    take_answer (clipboard, clipboard->pieces->data, clipboard->pieces->len);
  else
    reading_ended (clipboard, NULL);
}

/* --- handing over --- */

static void
send_piece (X11Clipboard *clipboard, Transfer *transfer)
{
  size_t size, left;
  const uint8_t *bytes = g_bytes_get_data (transfer->bytes, &size);

  left = MIN (size - transfer->sent, PIECE_SIZE);
  xcb_change_property (clipboard->xcb, XCB_PROP_MODE_REPLACE, transfer->window, transfer->property,
                       transfer->type, 8, (uint32_t)left, left > 0 ? bytes + transfer->sent : NULL);
  transfer->sent += left;
  if (left == 0)
    g_ptr_array_remove (clipboard->transfers, transfer);
}

/* Whoever doesn't take the pieces is forgotten in time. */
static void
begin_transfer (X11Clipboard *clipboard, const xcb_selection_request_event_t *request, xcb_atom_t property)
{
  const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE,
                 size = (uint32_t)g_bytes_get_size (clipboard->own->bytes);
  Transfer *transfer = g_new0 (Transfer, 1);

  *transfer =
    (Transfer){ request->requestor, property, request->target, g_bytes_ref (clipboard->own->bytes), 0 };
  if (clipboard->transfers->len == MAX_TRANSFERS)
    g_ptr_array_remove_index (clipboard->transfers, 0);
  g_ptr_array_add (clipboard->transfers, transfer);
  xcb_change_window_attributes (clipboard->xcb, request->requestor, XCB_CW_EVENT_MASK, &mask);
  xcb_change_property (clipboard->xcb, XCB_PROP_MODE_REPLACE, request->requestor, property,
                       clipboard->atoms[INCR], 32, 1, &size);
}

/* As what we give out what we have. Returns: how many they are. */
static unsigned
own_targets (const X11Clipboard *clipboard, xcb_atom_t *targets)
{
  unsigned n = 0;

  targets[n++] = clipboard->atoms[TARGETS];
  if (clipboard->own->kind == CLIP_PNG)
    targets[n++] = clipboard->atoms[IMAGE_PNG];
  else
    {
      targets[n++] = clipboard->atoms[UTF8_STRING];
      targets[n++] = clipboard->atoms[TEXT_PLAIN];
    }
  return n;
}

static bool
is_among (xcb_atom_t target, const xcb_atom_t *targets, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    if (targets[i] == target)
      return true;
  return false;
}

/* Returns: whether it is something that we have. */
static bool
hand_over (X11Clipboard *clipboard, const xcb_selection_request_event_t *request, xcb_atom_t property)
{
  xcb_atom_t targets[N_ATOMS];
  const void *bytes;
  unsigned n;
  gsize size;

  if (!clipboard->own || request->selection != clipboard->atoms[CLIPBOARD])
    return false;
  n = own_targets (clipboard, targets);
  if (request->target == clipboard->atoms[TARGETS])
    {
      xcb_change_property (clipboard->xcb, XCB_PROP_MODE_REPLACE, request->requestor, property, XCB_ATOM_ATOM,
                           32, n, targets);
      return true;
    }
  if (!is_among (request->target, targets, n))
    return false;
  bytes = g_bytes_get_data (clipboard->own->bytes, &size);
  if (size > PIECE_SIZE)
    begin_transfer (clipboard, request, property);
  else
    xcb_change_property (clipboard->xcb, XCB_PROP_MODE_REPLACE, request->requestor, property, request->target,
                         8, (uint32_t)size, bytes);
  return true;
}

static void
on_request (X11Clipboard *clipboard, const xcb_selection_request_event_t *request)
{
  /* Events have 32 bytes on the wire, whatever their kind. */
  union {
    xcb_selection_notify_event_t answer;
    char bytes[32];
  } event = { .bytes = { 0 } };

  event.answer.response_type = XCB_SELECTION_NOTIFY;
  event.answer.time = request->time;
  event.answer.requestor = request->requestor;
  event.answer.selection = request->selection;
  event.answer.target = request->target;
  event.answer.property = request->property != XCB_NONE ? request->property : request->target;
  if (!hand_over (clipboard, request, event.answer.property))
    event.answer.property = XCB_NONE;
  xcb_send_event (clipboard->xcb, false, request->requestor, XCB_EVENT_MASK_NO_EVENT, event.bytes);
}

static void
on_property (X11Clipboard *clipboard, const xcb_property_notify_event_t *event)
{
  if (event->window == clipboard->window)
    {
      if (event->atom == clipboard->atoms[PROPERTY] && event->state == XCB_PROPERTY_NEW_VALUE
          && clipboard->reading == IN_PIECES)
        on_piece (clipboard);
      return;
    }
  for (guint i = 0; event->state == XCB_PROPERTY_DELETE && i < clipboard->transfers->len; i++)
    {
      Transfer *transfer = g_ptr_array_index (clipboard->transfers, i);

      if (transfer->window == event->window && transfer->property == event->atom)
        {
          send_piece (clipboard, transfer);
          return;
        }
    }
}

/* --- the thread --- */

static void
on_owner (X11Clipboard *clipboard, const xcb_xfixes_selection_notify_event_t *event)
{
  if (event->owner == clipboard->window)
    return;
  g_clear_pointer (&clipboard->own, clip_unref);
  clipboard->is_known = false;
  clipboard->stale = true;
  g_mutex_lock (&clipboard->lock);
  clipboard->changed = true;
  g_mutex_unlock (&clipboard->lock);
  clipboard->wake (clipboard->data);
}

/* Errors are events here as well: windows of others come and go. */
static void
on_event (X11Clipboard *clipboard, const xcb_generic_event_t *event)
{
  unsigned type = event->response_type & 0x7f;

  if (type == XCB_SELECTION_NOTIFY)
    on_selection (clipboard, (const xcb_selection_notify_event_t *)event);
  else if (type == XCB_SELECTION_REQUEST)
    on_request (clipboard, (const xcb_selection_request_event_t *)event);
  else if (type == XCB_PROPERTY_NOTIFY)
    on_property (clipboard, (const xcb_property_notify_event_t *)event);
  else if (type == clipboard->xfixes_event + (unsigned)XCB_XFIXES_SELECTION_NOTIFY)
    on_owner (clipboard, (const xcb_xfixes_selection_notify_event_t *)event);
}

static void
become_owner (X11Clipboard *clipboard, Clip *clip)
{
  g_clear_pointer (&clipboard->own, clip_unref);
  clipboard->own = clip;
  g_clear_pointer (&clipboard->known, clip_unref);
  clipboard->known = clip_ref (clip);
  clipboard->is_known = true;
  clipboard->stale = true;
  xcb_set_selection_owner (clipboard->xcb, clipboard->window, clipboard->atoms[CLIPBOARD], XCB_CURRENT_TIME);
}

/* Does what it was told. Returns: false to end. */
static bool
obey (X11Clipboard *clipboard)
{
  g_autoptr (Clip) set = NULL;
  uint64_t count;
  bool quit;

  if (read (clipboard->wake_fd, &count, sizeof count) < 0)
    return true; /* nothing new */
  g_mutex_lock (&clipboard->lock);
  quit = clipboard->quit;
  set = g_steal_pointer (&clipboard->set);
  clipboard->wanted |= clipboard->look;
  clipboard->look = false;
  g_mutex_unlock (&clipboard->lock);
  if (set)
    become_owner (clipboard, g_steal_pointer (&set));
  look (clipboard);
  return !quit;
}

static int
wait_ms (const X11Clipboard *clipboard)
{
  if (clipboard->reading == AT_REST)
    return -1;
  return (int)CLAMP ((clipboard->deadline - g_get_monotonic_time () + 999) / 1000, 0, 10000);
}

/* Replies and writes may have read events, for which no descriptor becomes readable. */
static bool
on_events (X11Clipboard *clipboard)
{
  xcb_generic_event_t *event;
  bool any = false;

  while ((event = xcb_poll_for_event (clipboard->xcb)))
    {
      on_event (clipboard, event);
      free (event);
      any = true;
    }
  return any;
}

static void *
clipboard_thread (void *data)
{
  X11Clipboard *clipboard = data;
  struct pollfd fds[] = { { xcb_get_file_descriptor (clipboard->xcb), POLLIN, 0 },
                          { clipboard->wake_fd, POLLIN, 0 } };

  while (obey (clipboard))
    {
      xcb_flush (clipboard->xcb);
      if (on_events (clipboard))
        continue;
      if (clipboard->reading != AT_REST && g_get_monotonic_time () >= clipboard->deadline)
        {
          reading_ended (clipboard, NULL);
          continue;
        }
      /* A display that has gone leaves only the end to wait for. */
      if (xcb_connection_has_error (clipboard->xcb))
        fds[0].fd = -1;
      poll (fds, G_N_ELEMENTS (fds), wait_ms (clipboard));
    }
  return NULL;
}

/* --- its owner --- */

static void
nudge (X11Clipboard *clipboard)
{
  const uint64_t one = 1;

  if (write (clipboard->wake_fd, &one, sizeof one) < 0)
    g_debug ("The clipboard's thread is awake already");
}

static bool
find_atoms (X11Clipboard *clipboard)
{
  xcb_intern_atom_cookie_t cookies[N_ATOMS];
  bool found = true;

  for (unsigned i = 0; i < N_ATOMS; i++)
    cookies[i] = xcb_intern_atom (clipboard->xcb, false, (uint16_t)strlen (atom_names[i]), atom_names[i]);
  for (unsigned i = 0; i < N_ATOMS; i++)
    {
      g_autofree xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply (clipboard->xcb, cookies[i], NULL);

      found &= reply != NULL;
      clipboard->atoms[i] = reply ? reply->atom : XCB_NONE;
    }
  return found;
}

/* A window that is never shown, and changes of the clipboard's owner from now on. */
static bool
connect_display (X11Clipboard *clipboard)
{
  const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
  const xcb_query_extension_reply_t *extension;
  g_autofree xcb_xfixes_query_version_reply_t *version = NULL;
  const xcb_screen_t *screen;

  if (xcb_connection_has_error (clipboard->xcb))
    return false;
  extension = xcb_get_extension_data (clipboard->xcb, &xcb_xfixes_id);
  if (!extension || !extension->present || !find_atoms (clipboard))
    return false;
  version =
    xcb_xfixes_query_version_reply (clipboard->xcb, xcb_xfixes_query_version (clipboard->xcb, 1, 0), NULL);
  screen = xcb_setup_roots_iterator (xcb_get_setup (clipboard->xcb)).data;
  if (!version || !screen)
    return false;
  clipboard->xfixes_event = extension->first_event;
  clipboard->window = xcb_generate_id (clipboard->xcb);
  xcb_create_window (clipboard->xcb, XCB_COPY_FROM_PARENT, clipboard->window, screen->root, -1, -1, 1, 1, 0,
                     XCB_WINDOW_CLASS_INPUT_ONLY, XCB_COPY_FROM_PARENT, XCB_CW_EVENT_MASK, &mask);
  xcb_xfixes_select_selection_input (clipboard->xcb, clipboard->window, clipboard->atoms[CLIPBOARD],
                                     XCB_XFIXES_SELECTION_EVENT_MASK_SET_SELECTION_OWNER
                                       | XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_WINDOW_DESTROY
                                       | XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_CLIENT_CLOSE);
  return xcb_flush (clipboard->xcb) > 0;
}

static void
release (X11Clipboard *clipboard)
{
  xcb_disconnect (clipboard->xcb);
  close (clipboard->wake_fd);
  g_clear_pointer (&clipboard->set, clip_unref);
  g_clear_pointer (&clipboard->own, clip_unref);
  g_clear_pointer (&clipboard->seen, clip_unref);
  g_clear_pointer (&clipboard->known, clip_unref);
  g_byte_array_unref (clipboard->pieces);
  g_ptr_array_unref (clipboard->transfers);
  g_mutex_clear (&clipboard->lock);
  g_free (clipboard);
}

X11Clipboard *
x11_clipboard_new (void (*wake) (void *data), void *data)
{
  X11Clipboard *clipboard = g_new0 (X11Clipboard, 1);

  clipboard->wake = wake;
  clipboard->data = data;
  clipboard->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  clipboard->pieces = g_byte_array_new ();
  clipboard->transfers = g_ptr_array_new_with_free_func (transfer_free);
  g_mutex_init (&clipboard->lock);
  clipboard->xcb = xcb_connect (NULL, NULL);
  if (!connect_display (clipboard))
    {
      release (clipboard);
      return NULL;
    }
  clipboard->thread = g_thread_new ("clipboard", clipboard_thread, clipboard);
  return clipboard;
}

void
x11_clipboard_free (X11Clipboard *clipboard)
{
  g_mutex_lock (&clipboard->lock);
  clipboard->quit = true;
  g_mutex_unlock (&clipboard->lock);
  nudge (clipboard);
  g_thread_join (clipboard->thread);
  release (clipboard);
}

void
x11_clipboard_look (X11Clipboard *clipboard)
{
  g_mutex_lock (&clipboard->lock);
  clipboard->look = true;
  g_mutex_unlock (&clipboard->lock);
  nudge (clipboard);
}

X11ClipboardNews
x11_clipboard_take_news (X11Clipboard *clipboard, Clip **clip)
{
  X11ClipboardNews news = X11_CLIPBOARD_NO_NEWS;

  *clip = NULL;
  g_mutex_lock (&clipboard->lock);
  if (clipboard->looked)
    {
      *clip = g_steal_pointer (&clipboard->seen);
      clipboard->looked = false;
      news = X11_CLIPBOARD_LOOKED;
    }
  else if (clipboard->changed)
    {
      clipboard->changed = false;
      news = X11_CLIPBOARD_CHANGED;
    }
  g_mutex_unlock (&clipboard->lock);
  return news;
}

void
x11_clipboard_set (X11Clipboard *clipboard, Clip *clip)
{
  g_mutex_lock (&clipboard->lock);
  g_clear_pointer (&clipboard->set, clip_unref);
  clipboard->set = clip_ref (clip);
  g_mutex_unlock (&clipboard->lock);
  nudge (clipboard);
}
