/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * The text that says what a VMDK disk is made of (Virtual Disk Format 5.0, "The Descriptor File"). People
 * edit it by hand: line ends, blanks, case and order don't matter, and lines that nobody here knows stay as
 * they are.
 *
 * Threading: none; the owner's.
 */
typedef struct VmdkDescriptor VmdkDescriptor;

#define VMDK_DESCRIPTOR_MAX (1024u * 1024u) /* bytes of text; a hundred times what VMware writes */
#define VMDK_MAX_EXTENTS    4096u           /* 8 TiB in files of 2 GiB */
#define VMDK_NO_PARENT      UINT32_C (0xffffffff)

typedef enum {
  VMDK_FLAT,
  VMDK_SPARSE,
  VMDK_ZERO,
} VmdkExtentKind;

typedef enum {
  VMDK_RW,
  VMDK_RDONLY,
  VMDK_NOACCESS,
} VmdkAccess;

typedef struct {
  unsigned line; /* in the text, from 1 */
  VmdkAccess access;
  VmdkExtentKind kind;
  uint64_t sectors; /* of the disk */
  char *name;       /* UTF-8 or as the file says; NULL: ZERO */
  uint64_t offset;  /* FLAT: sectors into the file */
} VmdkExtentLine;

/* @where names the file in errors, which name line and field too. Text ends at a NUL. */
VmdkDescriptor *vmdk_descriptor_parse (const char *text, size_t length, const char *where, GError **error);
void vmdk_descriptor_free (VmdkDescriptor *descriptor);

/* The value without its quotes, or NULL; any case of @key. */
const char *vmdk_descriptor_get (const VmdkDescriptor *descriptor, const char *key);
uint32_t vmdk_descriptor_cid (const VmdkDescriptor *descriptor);
uint32_t vmdk_descriptor_parent_cid (const VmdkDescriptor *descriptor);
const VmdkExtentLine *vmdk_descriptor_extents (const VmdkDescriptor *descriptor, unsigned *n);

/* Replaces the value in its line, or adds one. */
void vmdk_descriptor_set (VmdkDescriptor *descriptor, const char *key, const char *value, bool quoted);
void vmdk_descriptor_remove (VmdkDescriptor *descriptor, const char *key);
void vmdk_descriptor_set_cid (VmdkDescriptor *descriptor, const char *key, uint32_t cid);
void vmdk_descriptor_set_sectors (VmdkDescriptor *descriptor, unsigned extent, uint64_t sectors);
char *vmdk_descriptor_text (const VmdkDescriptor *descriptor);

/* Whether @text (@length bytes of a file's head) begins a descriptor file. */
bool vmdk_descriptor_probe (const char *text, size_t length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmdkDescriptor, vmdk_descriptor_free)

G_END_DECLS
