/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/display-error.h"

G_DEFINE_QUARK (display-error-quark, display_error)
