/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/cli/cli.h"

G_BEGIN_DECLS

#define FORWARD_SYNTAX "[tcp:|udp:][ADDRESS:]PORT:[GUEST-ADDRESS:]GUEST-PORT"

#define FORWARD_OPTION_ENTRY(texts)                                                                          \
  {                                                                                                          \
    "forward", 0, 0, G_OPTION_ARG_STRING_ARRAY, (texts),                                                     \
      "Let a port of this computer lead to one of the guest's; may be repeated. Port 0: any that is free",   \
      FORWARD_SYNTAX                                                                                         \
  }

/* What was given for it, added to @forwards (element-type NetForward). @texts: (nullable). */
bool cli_parse_forwards (char **texts, GArray *forwards, GError **error);

/* The ports at which a machine that runs is reached, (transfer full): as bonsai_session_get_forwards;
 * @session: (nullable), or it doesn't say: NULL. */
GVariant *cli_get_forwards (BonsaiSession *session);

G_END_DECLS
