/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/screen/scale.h"
#include "display/window/painter.h"

typedef struct {
  Painter base;
  SDL_Surface *shown; /* the window's; SDL replaces it when the size changes */
  SDL_Surface *own;   /* drawn into where the window's pixels are not XRGB8888, else NULL */
} SurfacePainter;

static bool
is_xrgb8888 (const SDL_Surface *surface)
{
  const SDL_PixelFormat *format = surface->format;

  return format->BytesPerPixel == 4 && format->Rmask == 0xff0000 && format->Gmask == 0xff00
         && format->Bmask == 0xff;
}

/* Returns: whether there is a new, undefined picture to fill. */
static bool
follow_window (SurfacePainter *painter, SDL_Surface *shown)
{
  if (shown == painter->shown && (!painter->own || painter->own->w == shown->w))
    return false;
  painter->shown = shown;
  SDL_FreeSurface (painter->own);
  painter->own = NULL;
  if (!is_xrgb8888 (shown))
    painter->own = SDL_CreateRGBSurfaceWithFormat (0, shown->w, shown->h, 32, SDL_PIXELFORMAT_RGB888);
  return true;
}

/* Premultiplied "over", two channels at a time; 0x80 and the >> 8 terms make it an exact division by 255. */
static uint32_t
blend (uint32_t under, uint32_t over)
{
  uint32_t rest = 255 - (over >> 24);
  uint32_t red_blue = (under & 0xff00ff) * rest + 0x800080;
  uint32_t green = (under >> 8 & 0xff) * rest + 0x80;

  red_blue = (red_blue + (red_blue >> 8 & 0xff00ff)) >> 8 & 0xff00ff;
  green = (green + (green >> 8)) >> 8;
  return over + (red_blue | green << 8);
}

static uint32_t *
row_of (SDL_Surface *target, int y)
{
  return (uint32_t *) ((uint8_t *) target->pixels + (ptrdiff_t) y * target->pitch);
}

static void
blend_layer (SDL_Surface *target, const Layer *layer, Rect clip)
{
  const Sprite *sprite = layer->sprite;
  Rect at = { layer->x, layer->y, sprite->width, sprite->height };

  clip = rect_intersect (clip, at);
  for (int y = clip.y; y < clip.y + clip.height; y++)
    {
      const uint32_t *over = sprite->pixels + (ptrdiff_t) (y - at.y) * sprite->width - at.x;
      uint32_t *row = row_of (target, y);

      for (int x = clip.x; x < clip.x + clip.width; x++)
        row[x] = blend (row[x], over[x]);
    }
}

static void
compose (SDL_Surface *target, const Scene *scene, Rect rect)
{
  Rect covered = scene->surface ? rect_intersect (rect, scene->picture) : (Rect) { 0 };

  if (covered.width != rect.width || covered.height != rect.height)
    for (int y = rect.y; y < rect.y + rect.height; y++)
      memset (row_of (target, y) + rect.x, 0, (size_t) rect.width * 4);
  if (!rect_is_empty (covered))
    scale_blit (scene->surface, target->pixels, target->pitch, scene->picture, covered);
  for (int i = 0; i < N_LAYERS; i++)
    if (scene->layers[i].sprite)
      blend_layer (target, &scene->layers[i], rect);
}

static void
collect (const Scene *scene, Rect bounds, bool everything, Damage *damage)
{
  damage_clear (damage);
  if (everything)
    {
      damage_add (damage, bounds);
      return;
    }
  for (unsigned i = 0; scene->surface && i < scene->changed.n; i++)
    damage_add (damage, scale_rect (scene->surface, scene->picture, scene->changed.rects[i]));
  damage_add_all (damage, &scene->uncovered);
  damage_clip (damage, bounds);
}

static void
surface_paint (Painter *base, const Scene *scene)
{
  SurfacePainter *painter = (SurfacePainter *) base;
  SDL_Surface *shown = SDL_GetWindowSurface (base->window), *target;
  SDL_Rect rects[DAMAGE_MAX];
  Damage damage;
  bool fresh;

  if (!shown)
    return;
  fresh = follow_window (painter, shown);
  target = painter->own ? painter->own : shown;
  collect (scene, (Rect) { 0, 0, target->w, target->h }, scene->everything || fresh, &damage);

  for (unsigned i = 0; i < damage.n; i++)
    {
      Rect r = damage.rects[i];

      rects[i] = (SDL_Rect) { r.x, r.y, r.width, r.height };
      compose (target, scene, r);
      if (painter->own)
        SDL_BlitSurface (painter->own, &rects[i], shown, &(SDL_Rect) { r.x, r.y, 0, 0 });
    }
  if (damage.n > 0)
    SDL_UpdateWindowSurfaceRects (base->window, rects, (int) damage.n);
}

static void
surface_free (Painter *base)
{
  SDL_FreeSurface (((SurfacePainter *) base)->own);
  g_free (base);
}

static const PainterOps surface_ops = { surface_paint, surface_free };

Painter *
painter_surface_new (SDL_Window *window)
{
  SurfacePainter *painter = g_new0 (SurfacePainter, 1);

  painter->base.ops = &surface_ops;
  painter->base.window = window;
  return &painter->base;
}
