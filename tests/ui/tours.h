/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/ui/eye.h"
#include "ui/application.h"

G_BEGIN_DECLS

/*
 * Lead through every window, page and dialog of the app, each from the library and back to it. The machines
 * that they meet are those of the world (world.h).
 */
typedef struct {
  BonsaiApplication *application;
  Eye *eye;
  const char *bonsai; /* the program */
} Tour;

typedef void (*TourFunc) (Tour *tour);

void tour_library (Tour *tour);
void tour_places (Tour *tour);
void tour_app (Tour *tour);
void tour_machine (Tour *tour);
void tour_advice (Tour *tour);
void tour_running (Tour *tour);
void tour_history (Tour *tour);
void tour_settings (Tour *tour);
void tour_snapshots (Tour *tour);
void tour_wizard (Tour *tour);
void tour_trouble (Tour *tour);

/* A place of the library's window (library-sidebar.h). */
void tour_go (const char *place);
/* The page of that machine. */
void tour_show (Tour *tour, const char *machine);

G_END_DECLS
