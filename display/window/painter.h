/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/screen/surface.h"
#include "display/window/overlay.h"

#include <SDL.h>

G_BEGIN_DECLS

/* What lies over the guest's picture, from the bottom up. */
enum { LAYER_CURSOR, LAYER_MESSAGE, LAYER_HINT, LAYER_BAR, LAYER_LIST, N_LAYERS };

typedef struct {
  const Sprite *sprite; /* NULL: nothing */
  unsigned serial;      /* another number whenever the sprite is another one */
  int x, y;             /* window pixels */
} Layer;

/* All that a window shows, and what of it changed since it was painted last. */
typedef struct {
  int width, height; /* of the window, in pixels */
  Surface *surface;  /* (nullable) */
  Rect picture;      /* where the surface is shown */
  Layer layers[N_LAYERS];
  Damage changed;    /* of the surface, in its pixels */
  Damage uncovered;  /* of the window, in its pixels: where layers were or are */
  bool everything;   /* size or place of something changed */
} Scene;

/* Paints scenes in a window. On the SDL thread only. */
typedef struct Painter Painter;

typedef struct {
  void (*paint) (Painter *painter, const Scene *scene);
  void (*free) (Painter *painter);
} PainterOps;

struct Painter {
  const PainterOps *ops;
  SDL_Window *window;
};

/* Into the window's own memory, by the processor: best where GL is software. */
Painter *painter_surface_new (SDL_Window *window);

/* With OpenGL 2.1; @window was made with SDL_WINDOW_OPENGL. NULL with @error set if that can't be had. */
Painter *painter_gl_new (SDL_Window *window, GError **error);

/* The name of the OpenGL renderer that windows get, or NULL if there is none. (transfer full) */
char *painter_gl_probe (void);

/* The name of the one that draws @painter, which painter_gl_new made. (transfer full) */
char *painter_gl_renderer (Painter *painter);

/* Whether such a renderer is a program on the processor. */
bool painter_gl_is_software (const char *renderer);

G_END_DECLS
