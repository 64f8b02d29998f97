/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Saved state. Each device describes what it remembers in one table of named, versioned
 * fields; snapshot, suspend, restore and migration all walk that table. The encoding is
 * self-describing and little-endian, so a reader can name what it does not understand.
 *
 * Threading: pure functions over the object passed; the caller holds the object's lock.
 */
typedef enum {
  STATE_KIND_U8,
  STATE_KIND_U16,
  STATE_KIND_U32,
  STATE_KIND_U64,
  STATE_KIND_BOOL,
  STATE_KIND_BYTES,  /* a fixed array in the object */
  STATE_KIND_BUFFER, /* memory behind a pointer in the object; its size is fixed by the configuration */
  STATE_KIND_TABLE,  /* embedded sub-objects, each walked by @table */
} StateKind;

typedef struct StateTable StateTable;

typedef struct {
  const char *name;
  StateKind kind;
  size_t offset;
  size_t size;             /* bytes of one element */
  unsigned count;          /* elements: arrays of numbers or sub-objects */
  unsigned since;          /* table version that introduced the field */
  const StateTable *table; /* TABLE */
  size_t size_offset;      /* BUFFER: offset of a size_t with the byte count */
} StateField;

struct StateTable {
  const char *name;
  unsigned version;
  const StateField *fields; /* ends with STATE_END */
  size_t object_size;       /* sizeof the object: loading checks a scratch copy of it */

  /* Refreshes fields that mirror live things (timers); must not change behaviour. May be NULL. */
  void (*before_save) (void *object);

  /* Judges the scratch copy @incoming: every index, count and enum a later access trusts.
   * @object is the live one. False with @error set refuses the state. May be NULL. */
  bool (*check) (const void *object, const void *incoming, GError **error);

  /* After the commit: re-arms timers, recomputes interrupt lines and mappings. May be NULL. */
  void (*after_load) (void *object);
};

#define STATE_NUMBER_(type, member, ver, k, bytes)                                                           \
  { #member, k, offsetof (type, member), bytes, sizeof (((type *) 0)->member) / (bytes), ver, NULL, 0 }

/* Numbers and arrays of numbers. */
#define STATE_U8(type, member, ver)   STATE_NUMBER_ (type, member, ver, STATE_KIND_U8, 1)
#define STATE_U16(type, member, ver)  STATE_NUMBER_ (type, member, ver, STATE_KIND_U16, 2)
#define STATE_U32(type, member, ver)  STATE_NUMBER_ (type, member, ver, STATE_KIND_U32, 4)
#define STATE_U64(type, member, ver)  STATE_NUMBER_ (type, member, ver, STATE_KIND_U64, 8)
#define STATE_BOOL(type, member, ver) STATE_NUMBER_ (type, member, ver, STATE_KIND_BOOL, sizeof (bool))
#define STATE_BYTES(type, member, ver)                                                                       \
  { #member, STATE_KIND_BYTES, offsetof (type, member), sizeof (((type *) 0)->member), 1, ver, NULL, 0 }
#define STATE_BUFFER(type, member, size_member, ver)                                                         \
  { #member, STATE_KIND_BUFFER, offsetof (type, member), 0, 1, ver, NULL, offsetof (type, size_member) }
#define STATE_STRUCT(type, member, sub, ver)                                                                 \
  { #member, STATE_KIND_TABLE, offsetof (type, member), sizeof (((type *) 0)->member), 1, ver, sub, 0 }
#define STATE_STRUCTS(type, member, sub, ver)                                                                \
  { #member, STATE_KIND_TABLE, offsetof (type, member), sizeof (((type *) 0)->member[0]),                    \
    G_N_ELEMENTS (((type *) 0)->member), ver, sub, 0 }
#define STATE_END { NULL, 0, 0, 0, 0, 0, NULL, 0 }

/* Appends the encoded state of @object to @out. */
void state_save (const StateTable *table, void *object, GByteArray *out);

/**
 * state_load:
 * @data: @size bytes as written by state_save; untrusted
 *
 * Decodes all of @data into a scratch copy, checks it, and only then changes @object. Fields
 * newer than the saved version keep their present value. Errors (VMM_ERROR_STATE) name table
 * and field. Returns: true if @object was changed; otherwise it is as it was.
 */
bool state_load (const StateTable *table, void *object, const uint8_t *data, size_t size, GError **error);

/* state_load in two steps, for several objects that must all fit before any changes. The object must not
 * change between them. state_prepare returns NULL with @error set if the state is refused. */
typedef struct StateLoad StateLoad;
StateLoad *state_prepare (const StateTable *table, void *object, const uint8_t *data, size_t size, GError **error);
void state_commit (StateLoad *load);  /* frees @load */
void state_discard (StateLoad *load); /* frees @load */

/* state_load without the commit: true if it would succeed. */
bool state_validate (const StateTable *table, const void *object, const uint8_t *data, size_t size, GError **error);

G_END_DECLS
