/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/display-error.h"
#include "display/window/painter.h"

#include <epoxy/gl.h>

typedef struct {
  GLuint texture;
  unsigned serial;
} LayerTexture;

typedef struct {
  Painter base;
  SDL_GLContext context;
  GLuint program, texture;
  GLint size_uniform, stride_uniform, taps_uniform;
  int width, height; /* of the texture */
  GLint side_max;
  LayerTexture layers[N_LAYERS];
} GlPainter;

/*
 * Both shaders in GLSL 1.20. The fragment shader averages the area of the picture that a pixel covers, as the scaler
 * of the surface painter does: between two texels the linear filter is moved towards the nearer one by the
 * magnification (sharp at whole multiples), and a reduced picture is sampled at up to 4 x 4 places.
 */
static const char vertex_source[] = "#version 120\n"
                                    "attribute vec2 place;\n"
                                    "attribute vec2 texel;\n"
                                    "varying vec2 at;\n"
                                    "void main () { at = texel; gl_Position = vec4 (place, 0.0, 1.0); }\n";

static const char fragment_source[] =
  "#version 120\n"
  "uniform sampler2D picture;\n"
  "uniform vec2 size;\n" /* texels */
  "uniform vec2 stride;\n" /* texels per pixel */
  "uniform vec2 taps;\n"
  "varying vec2 at;\n" /* texels */
  "vec4 look (vec2 p, vec2 width) {\n"
  "  vec2 edge = floor (p + 0.5);\n"
  "  vec2 moved = clamp ((p - edge) / width, -0.5, 0.5);\n"
  "  return texture2D (picture, (edge + moved) / size);\n"
  "}\n"
  "void main () {\n"
  "  vec4 sum = vec4 (0.0);\n"
  "  vec2 part = stride / taps;\n"
  "  for (int j = 0; j < 4; j++)\n"
  "    for (int i = 0; i < 4; i++)\n"
  "      if (float (i) < taps.x && float (j) < taps.y)\n"
  "        sum += look (at + (vec2 (float (i), float (j)) + 0.5 - taps * 0.5) * part, min (part, vec2 (1.0)));\n"
  "  gl_FragColor = sum / (taps.x * taps.y);\n"
  "}\n";

enum { ATTRIBUTE_PLACE, ATTRIBUTE_TEXEL };

static GLuint
compile (GLenum kind, const char *source)
{
  GLuint shader = glCreateShader (kind);

  glShaderSource (shader, 1, &source, NULL);
  glCompileShader (shader);
  return shader;
}

static bool
link_program (GlPainter *painter, GError **error)
{
  GLuint vertex = compile (GL_VERTEX_SHADER, vertex_source);
  GLuint fragment = compile (GL_FRAGMENT_SHADER, fragment_source);
  char log[512] = "";
  GLint linked = 0;

  painter->program = glCreateProgram ();
  glAttachShader (painter->program, vertex);
  glAttachShader (painter->program, fragment);
  glBindAttribLocation (painter->program, ATTRIBUTE_PLACE, "place");
  glBindAttribLocation (painter->program, ATTRIBUTE_TEXEL, "texel");
  glLinkProgram (painter->program);
  glDeleteShader (vertex);
  glDeleteShader (fragment);
  glGetProgramiv (painter->program, GL_LINK_STATUS, &linked);
  if (linked)
    return true;

  glGetProgramInfoLog (painter->program, sizeof log, NULL, log);
  g_set_error (error, DISPLAY_ERROR, DISPLAY_ERROR_FAILED, "OpenGL can't build the console's shaders: %s", log);
  return false;
}

static GLuint
new_texture (void)
{
  GLuint texture;

  glGenTextures (1, &texture);
  glBindTexture (GL_TEXTURE_2D, texture);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
  glTexParameteri (GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
  return texture;
}

/* --- uploads --- */

static void
upload_rect (const Surface *surface, Rect rect)
{
  const uint8_t *first = (const uint8_t *) surface->pixels + (ptrdiff_t) rect.y * surface->stride;

  glTexSubImage2D (GL_TEXTURE_2D, 0, rect.x, rect.y, rect.width, rect.height, GL_BGRA,
                   GL_UNSIGNED_INT_8_8_8_8_REV, first + (ptrdiff_t) rect.x * 4);
}

static void
upload_surface (GlPainter *painter, const Scene *scene)
{
  const Surface *surface = scene->surface;

  glBindTexture (GL_TEXTURE_2D, painter->texture);
  glPixelStorei (GL_UNPACK_ROW_LENGTH, surface->stride / 4);
  if (painter->width != surface->width || painter->height != surface->height)
    {
      painter->width = surface->width;
      painter->height = surface->height;
      /* Without alpha: the guest's top byte means nothing. */
      glTexImage2D (GL_TEXTURE_2D, 0, GL_RGB8, surface->width, surface->height, 0, GL_BGRA,
                    GL_UNSIGNED_INT_8_8_8_8_REV, NULL);
      upload_rect (surface, surface_rect (surface));
    }
  else
    for (unsigned i = 0; i < scene->changed.n; i++)
      upload_rect (surface, scene->changed.rects[i]);
  glPixelStorei (GL_UNPACK_ROW_LENGTH, 0);
}

static void
upload_layer (LayerTexture *texture, const Layer *layer)
{
  if (texture->texture == 0)
    texture->texture = new_texture ();
  glBindTexture (GL_TEXTURE_2D, texture->texture);
  if (texture->serial == layer->serial)
    return;
  texture->serial = layer->serial;
  glTexImage2D (GL_TEXTURE_2D, 0, GL_RGBA8, layer->sprite->width, layer->sprite->height, 0, GL_BGRA,
                GL_UNSIGNED_INT_8_8_8_8_REV, layer->sprite->pixels);
}

/* --- drawing --- */

/* Draws the bound texture of @width x @height texels over @at. */
static void
draw_quad (GlPainter *painter, const Scene *scene, Rect at, int width, int height)
{
  float left = 2.0f * (float) at.x / (float) scene->width - 1, top = 1 - 2.0f * (float) at.y / (float) scene->height;
  float right = left + 2.0f * (float) at.width / (float) scene->width;
  float bottom = top - 2.0f * (float) at.height / (float) scene->height;
  float w = (float) width, h = (float) height;
  float step_x = w / (float) at.width, step_y = h / (float) at.height;
  const float corners[] = { left, top, 0, 0, right, top, w, 0, left, bottom, 0, h, right, bottom, w, h };

  glUniform2f (painter->size_uniform, w, h);
  glUniform2f (painter->stride_uniform, step_x, step_y);
  glUniform2f (painter->taps_uniform, (float) CLAMP ((int) (step_x + 0.999f), 1, 4),
               (float) CLAMP ((int) (step_y + 0.999f), 1, 4));
  glVertexAttribPointer (ATTRIBUTE_PLACE, 2, GL_FLOAT, GL_FALSE, 4 * sizeof (float), corners);
  glVertexAttribPointer (ATTRIBUTE_TEXEL, 2, GL_FLOAT, GL_FALSE, 4 * sizeof (float), corners + 2);
  glEnableVertexAttribArray (ATTRIBUTE_PLACE);
  glEnableVertexAttribArray (ATTRIBUTE_TEXEL);
  glDrawArrays (GL_TRIANGLE_STRIP, 0, 4);
}

static void
gl_paint (Painter *base, const Scene *scene)
{
  GlPainter *painter = (GlPainter *) base;

  if (SDL_GL_MakeCurrent (base->window, painter->context) != 0)
    return;
  glViewport (0, 0, scene->width, scene->height);
  glClearColor (0, 0, 0, 1);
  glClear (GL_COLOR_BUFFER_BIT);
  glUseProgram (painter->program);

  if (scene->surface && scene->surface->width <= painter->side_max && scene->surface->height <= painter->side_max)
    {
      glDisable (GL_BLEND);
      upload_surface (painter, scene);
      draw_quad (painter, scene, scene->picture, painter->width, painter->height);
    }

  glEnable (GL_BLEND);
  glBlendFunc (GL_ONE, GL_ONE_MINUS_SRC_ALPHA);
  for (int i = 0; i < N_LAYERS; i++)
    if (scene->layers[i].sprite)
      {
        const Sprite *sprite = scene->layers[i].sprite;
        Rect at = { scene->layers[i].x, scene->layers[i].y, sprite->width, sprite->height };

        upload_layer (&painter->layers[i], &scene->layers[i]);
        draw_quad (painter, scene, at, sprite->width, sprite->height);
      }
  SDL_GL_SwapWindow (base->window);
}

static void
gl_free (Painter *base)
{
  GlPainter *painter = (GlPainter *) base;

  if (painter->context)
    {
      /* Textures and the program go with their context, which nothing else shares. */
      SDL_GL_MakeCurrent (base->window, NULL);
      SDL_GL_DeleteContext (painter->context);
    }
  g_free (painter);
}

static const PainterOps gl_ops = { gl_paint, gl_free };

static bool
gl_set_up (GlPainter *painter, GError **error)
{
  painter->context = SDL_GL_CreateContext (painter->base.window);
  if (!painter->context)
    {
      g_set_error (error, DISPLAY_ERROR, DISPLAY_ERROR_FAILED, "No OpenGL context for the console: %s",
                   SDL_GetError ());
      return false;
    }
  SDL_GL_SetSwapInterval (0); /* the screen sets the pace */
  if (epoxy_gl_version () < 21)
    {
      g_set_error (error, DISPLAY_ERROR, DISPLAY_ERROR_FAILED, "The console needs OpenGL 2.1; this is %d.%d",
                   epoxy_gl_version () / 10, epoxy_gl_version () % 10);
      return false;
    }
  if (!link_program (painter, error))
    return false;

  painter->size_uniform = glGetUniformLocation (painter->program, "size");
  painter->stride_uniform = glGetUniformLocation (painter->program, "stride");
  painter->taps_uniform = glGetUniformLocation (painter->program, "taps");
  painter->texture = new_texture ();
  glGetIntegerv (GL_MAX_TEXTURE_SIZE, &painter->side_max);
  return true;
}

Painter *
painter_gl_new (SDL_Window *window, GError **error)
{
  GlPainter *painter = g_new0 (GlPainter, 1);

  painter->base.ops = &gl_ops;
  painter->base.window = window;
  if (!gl_set_up (painter, error))
    {
      gl_free (&painter->base);
      return NULL;
    }
  return &painter->base;
}

/* --- which renderer --- */

/* Loading a software renderer costs tens of megabytes: don't where no graphics card can be. */
static bool
has_graphics_card (void)
{
  return g_file_test ("/dev/dri", G_FILE_TEST_IS_DIR) || g_file_test ("/dev/nvidiactl", G_FILE_TEST_EXISTS);
}

char *
painter_gl_probe (void)
{
  SDL_Window *window;
  SDL_GLContext context;
  char *renderer = NULL;

  if (!has_graphics_card ())
    return NULL;
  window = SDL_CreateWindow ("", 0, 0, 16, 16, SDL_WINDOW_OPENGL | SDL_WINDOW_HIDDEN);
  if (!window)
    return NULL;
  context = SDL_GL_CreateContext (window);
  if (context)
    {
      renderer = g_strdup ((const char *) glGetString (GL_RENDERER));
      SDL_GL_MakeCurrent (window, NULL);
      SDL_GL_DeleteContext (context);
    }
  SDL_DestroyWindow (window);
  return renderer;
}

char *
painter_gl_renderer (Painter *base)
{
  SDL_GL_MakeCurrent (base->window, ((GlPainter *) base)->context);
  return g_strdup ((const char *) glGetString (GL_RENDERER));
}

bool
painter_gl_is_software (const char *renderer)
{
  static const char *const programs[] = { "llvmpipe", "softpipe", "swrast", "SwiftShader", "Software Rasterizer" };

  for (unsigned i = 0; i < G_N_ELEMENTS (programs); i++)
    if (strstr (renderer, programs[i]))
      return true;
  return false;
}
