/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/platform/machine-spec.h"

#include <gio/gio.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * DesktopAgent: the host's side of spice-vdagent (spice-protocol 0.14, spice/vd_agent.h): the clipboard, by
 * demand and both ways, and the size of the guest's screen.
 *
 * Nothing of the host's clipboard goes to the guest before it asks, and then only what was offered and not
 * withdrawn. What the guest sends is bounded (64 MiB), and text is UTF-8 or refused.
 *
 * Threading: the main context that was thread-default when it was made.
 */
typedef struct DesktopAgent DesktopAgent;

typedef enum {
  CLIPBOARD_TEXT = 1, /* UTF-8, lines end with LF */
  CLIPBOARD_PNG = 2,
  CLIPBOARD_BMP = 3,
} ClipboardKind;

#define CLIPBOARD_HAS(kind) (1u << (kind))

typedef struct {
  /* The guest has something new in its clipboard: desktop_agent_request_async gives it. @kinds: CLIPBOARD_HAS
   * (...) | ...; 0: it has nothing any more. */
  void (*offered) (unsigned kinds, gpointer data);
} DesktopAgentOps;

DesktopAgent *desktop_agent_new (ClipboardPolicy policy, const DesktopAgentOps *ops, gpointer data);
/* Requests fail. */
void desktop_agent_free (DesktopAgent *agent);

/* A program in the guest opened its end: @fd (transfer full) is a non-blocking socket, at its end when the
 * program goes. What is offered is offered anew, the screen's size is told again. */
void desktop_agent_attach (DesktopAgent *agent, int fd);
bool desktop_agent_is_there (const DesktopAgent *agent);

/* Offers @bytes to the guest, until something else is offered or the guest puts something into its clipboard.
 * NULL withdraws. */
void desktop_agent_offer (DesktopAgent *agent, ClipboardKind kind, GBytes *bytes);

/**
 * desktop_agent_request_async:
 *
 * Asks for what the guest has in its clipboard. Errors: BONSAI_ERROR_NOT_FOUND: no agent is there, or the
 * clipboard has nothing of that kind; REFUSED: the machine's policy; TIMED_OUT; BUSY: somebody else asks;
 * FAILED: it is not UTF-8.
 */
void desktop_agent_request_async (DesktopAgent *agent, ClipboardKind kind, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer data);
GBytes *desktop_agent_request_finish (GAsyncResult *result, GError **error);

#define DESKTOP_AGENT_MAX_SCREENS 4u

/* A window of that many pixels shows the guest's @screen (from 0), which might have its size. The guest is
 * told once the sizes of all screens before it are known as well, and switches off those after the last one
 * that is known. */
void desktop_agent_set_size (DesktopAgent *agent, unsigned screen, unsigned width, unsigned height);
/* The screen has that size, as long as nobody wants another one. Returns: whether that was news. */
bool desktop_agent_assume_size (DesktopAgent *agent, unsigned screen, unsigned width, unsigned height);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DesktopAgent, desktop_agent_free)

G_END_DECLS
